"""Objects where they are stored, before anyone opens them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

import pyarrow as pa

from dicom_udf.config import S3Access

__all__ = ["OBJECT_SCHEMA", "ObjectReader", "ObjectRef", "S3Access", "Store", "object_batch"]

OBJECT_SCHEMA = pa.schema(
    [
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("source_size", pa.int64()),
        pa.field("source_etag", pa.string()),
        pa.field("source_last_modified", pa.timestamp("us")),
    ]
)
"""A listing: one row per object; size and etag are null where it is known to be gone. Timestamps are UTC, without a
zone."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object as it was listed. Its identity is etag + size (design.md, "Tables").

    Attributes:
        uri: ``file:///...`` or ``s3://bucket/key``, decoded.
        size: Bytes.
        etag: Without quotes; for a local file its modification time in ns.
        last_modified: UTC, naive.
    """

    uri: str
    size: int
    etag: str
    last_modified: datetime | None = None


class ObjectReader(Protocol):
    """A seekable reader of one object that fetches ranges and counts what it costs.

    Attributes:
        requests: Reads that went to the store so far.
        bytes_read: Bytes that came back.
    """

    requests: int
    bytes_read: int

    def read(self, size: int = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end.

        Raises:
            FileFault: OBJECT_CHANGED (etag or size is no longer the listed one), READ_ERROR or another curable code.
        """
        ...

    def preload(self, start: int = ..., end: int = ...) -> None:
        """Fetch a range now, so that the first read finds it; may be called in another thread before the first read."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move the place of the next read; nothing is fetched."""
        ...

    def tell(self) -> int:
        """Return the place of the next read."""
        ...

    def close(self) -> None:
        """Let the object go."""
        ...


class Store(Protocol):
    """Where objects are: lists them without opening any."""

    @property
    def scope(self) -> str | None:
        """URI prefix of all that was listed, ended by ``/``, or the one object's own; None: no whole listing.

        Objects of the ledger below it that a listing lacks have been deleted.
        """
        ...

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the objects as batches of :data:`OBJECT_SCHEMA`, in bounded memory."""
        ...


def object_batch(rows: Sequence[tuple[str, int | None, str | None, datetime | None]]) -> pa.RecordBatch:
    """Return rows of :data:`OBJECT_SCHEMA`, at least one, as a batch."""
    columns = [
        pa.array(column, type=field.type) for column, field in zip(zip(*rows, strict=True), OBJECT_SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OBJECT_SCHEMA)
