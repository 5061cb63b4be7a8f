"""What a run finds, part by part: a listing is one part, a queue gives one for each hundred thousand messages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from dicom_udf.sources.model import Store

__all__ = ["Doubts", "Finding", "Listing", "Origin"]

Doubts = Callable[[Iterable[pa.RecordBatch], bool], Iterator[str]]
"""Holds what events tell (``OBJECT_SCHEMA``) against the ledger, and yields the URIs that only S3 can decide: those
that the ledger knows otherwise; where the second argument is true, also those of its objects that ask for another
try."""


class Finding(Store, Protocol):
    """Objects to be held against the ledger, and somebody who waits until that is done."""

    def let_go(self) -> None:
        """Take note that all of it is staged, or needs nothing; returns at once."""
        ...

    def finish(self) -> None:
        """Wait for what :meth:`let_go` began.

        Raises:
            RunFailedError: It failed. The lake stands.
        """
        ...


class Origin(Protocol):
    """Where a run finds objects."""

    def find(self, doubts: Doubts) -> Generator[Finding, None, None]:
        """Yield what there is, part by part; each is finished before the next is asked for."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """All that a store lists, which nobody waits for.

    Attributes:
        store: A folder, a prefix, a manifest, an inventory.
    """

    store: Store

    @property
    def scope(self) -> str | None:
        """The store's."""
        return self.store.scope

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the store's objects."""
        return self.store.list()

    def find(self, doubts: Doubts) -> Generator[Finding, None, None]:  # noqa: ARG002 (what is listed is beyond doubt)
        """Yield this one."""
        yield self

    def let_go(self) -> None:
        """Do nothing."""

    def finish(self) -> None:
        """Do nothing."""
