"""Where a run discovers objects: a store, which is one batch, or a queue, which is one for each 100,000 messages."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from dicom_udf.sources.objects import Store

__all__ = ["FindConflicts", "Source", "SourceBatch", "StoreSource"]

FindConflicts = Callable[[Iterable[pa.RecordBatch], bool], Iterator[str]]
"""Compares objects as events describe them (``OBJECT_SCHEMA``) with the ledger, and yields the URIs of those that the
ledger describes otherwise: only S3 can decide them. Where the second argument is true, it also yields the objects
with a curable failure."""


class SourceBatch(Store, Protocol):
    """A set of objects to plan, which is acknowledged once it is staged."""

    def acknowledge(self) -> None:
        """Note that all of it is staged, or needs nothing; returns at once."""
        ...

    def wait(self) -> None:
        """Wait for what :meth:`acknowledge` began.

        Raises:
            RunFailedError: It failed. The lake is right all the same.
        """
        ...


class Source(Protocol):
    """Where a run discovers objects."""

    def discover(self, find_conflicts: FindConflicts) -> Generator[SourceBatch, None, None]:
        """Yield the batches; each is done before the next is taken."""
        ...


@dataclass(frozen=True, slots=True)
class StoreSource:
    """All objects that a store lists, as one batch; it needs no acknowledgement.

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

    def discover(self, find_conflicts: FindConflicts) -> Generator[SourceBatch, None, None]:  # noqa: ARG002
        """Yield itself: a listing never contradicts S3."""
        yield self

    def acknowledge(self) -> None:
        """Do nothing."""

    def wait(self) -> None:
        """Do nothing."""
