"""Rows as bytes: an Arrow IPC stream, zstd, without the columns that hold no value."""

from __future__ import annotations

from collections.abc import Collection

import pyarrow as pa

__all__ = ["pack_rows", "payload_columns", "unpack_rows"]

_OPTIONS = pa.ipc.IpcWriteOptions(compression="zstd")


def pack_rows(rows: pa.Table, *, keep: Collection[str] = ()) -> bytes:
    """Return rows as an Arrow IPC stream of one batch.

    Args:
        rows: At least one row.
        keep: Columns that stay though they hold no value: the reader of the payload then sees that they were sought.

    Example:
        >>> unpack_rows(pack_rows(pa.table({"a": [1, 2], "b": pa.nulls(2, pa.string())}))).column_names
        ['a']
    """
    names = [
        name
        for name, column in zip(rows.column_names, rows.columns, strict=True)
        if column.null_count < rows.num_rows or name in keep
    ]
    narrow = rows.select(names).combine_chunks()
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, narrow.schema, options=_OPTIONS) as writer:
        writer.write_table(narrow)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


def unpack_rows(payload: pa.Buffer | bytes) -> pa.Table:
    """Return the rows of :func:`pack_rows`."""
    return pa.ipc.open_stream(payload).read_all()


def payload_columns(payload: pa.Buffer | bytes) -> list[str]:
    """Return the names of a payload's columns; its rows are not unpacked."""
    return list(pa.ipc.open_stream(payload).schema.names)
