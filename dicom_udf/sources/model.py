"""Objects where they are stored, before anyone opens them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO, Protocol

import pyarrow as pa

__all__ = ["OBJECT_SCHEMA", "ObjectReader", "ObjectRef", "Store"]

OBJECT_SCHEMA = pa.schema(
    [
        pa.field("source_uri", pa.string(), nullable=False),
        pa.field("source_size", pa.int64(), nullable=False),
        pa.field("source_etag", pa.string(), nullable=False),
        pa.field("source_last_modified", pa.timestamp("us")),
    ]
)
"""A listing: one row per object. Timestamps are UTC, without a zone."""


@dataclass(frozen=True, slots=True)
class ObjectRef:
    """One object as it was listed. Its identity is etag + size (DESIGN §3).

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


class ObjectReader(BinaryIO):
    """A seekable reader of one object that fetches ranges and counts what it costs.

    Attributes:
        requests: Reads that went to the store so far.
        bytes_read: Bytes that came back.
    """

    requests: int
    bytes_read: int


class Store(Protocol):
    """Where objects are: lists them without opening any, opens one by ranges."""

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the objects as batches of :data:`OBJECT_SCHEMA`, in bounded memory."""
        ...

    def open(self, ref: ObjectRef) -> ObjectReader:
        """Open an object.

        Raises:
            FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_CHANGED (etag or size is no longer the listed one), READ_ERROR;
                also from the reader's later reads.
        """
        ...
