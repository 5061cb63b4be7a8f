"""Objects in, staged rows out: the work of an executor. A fault of a file becomes a row, never an exception.

Every item (an object, or a range of a large zip) yields one row per file found in it; its last row also has the cost of
reading it. All rows share one wide schema, so that a batch is read once and staged in one table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import cache
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import pyarrow as pa

from dicom_udf.archives import Member, MemberFault, members
from dicom_udf.columns import Field, Promoted, Table, arrow_schema, fill_row, instances_table, selection
from dicom_udf.errors import FileFault, RunFailedError, internal_error
from dicom_udf.header import HeaderReader, thread_reader
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectReader, open_ahead
from dicom_udf.tasks import Item, ReadSettings

__all__ = ["read_batches", "read_item", "staged_table"]

Row = dict[str, Any]

BATCH_ROWS = 500
BATCH_BYTES = 16 << 20
"""A batch is cut at whichever comes first. Headers reach 8 MiB, and an Arrow string array ends at 2 GiB (design.md,
"Reading a header"). A row of 250 values is some 50 kB as a Python dict."""

_log = logging.getLogger(__name__)


@cache
def staged_table(promoted: tuple[Promoted, ...] = ()) -> Table:
    """Return the table that a batch is staged in: instances' columns, all nullable, and those of failures and costs.

    Args:
        promoted: Columns that the lake has besides the declared ones.
    """
    own = (
        Field("kind", "string", f"{RowKind.INSTANCE}, {RowKind.FAILURE}, or {RowKind.OBJECT} where neither was found"),
        Field("code", "string", "failures: why"),
        Field("severity", "string", "failures: skipped or fault"),
        Field("message", "string", "failures: one sentence"),
        Field("part", "int", "last row of an item: number of the range of a split zip, otherwise 0"),
        Field("bytes_read", "bigint", "last row of an item: bytes that came from the store"),
        Field("requests", "bigint", "last row of an item: reads that went to the store"),
    )
    rows = tuple(Field(field.name, field.type, field.comment) for field in instances_table(_fields(promoted)).fields)
    return Table("stage", "one row per file found", own + rows)


def _fields(promoted: tuple[Promoted, ...]) -> tuple[Field, ...]:
    return tuple(one.field for one in promoted)


def read_batches(
    items: Iterable[Item],
    settings: ReadSettings,
    *,
    promoted: tuple[Promoted, ...] = (),
    on_object: Callable[[int, int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield staged rows for objects, or ranges of zips.

    Args:
        items: Objects and ranges to read; taken lazily, some places ahead.
        settings: How.
        promoted: Columns that the lake has besides the declared ones.
        on_object: Called after each item with its counts of instances and failures.

    Yields:
        Batches of :func:`staged_table`'s Arrow schema: ``mapInArrow`` matches columns by position.

    Raises:
        RunFailedError: The store can't be used at all.
    """
    schema = arrow_schema(staged_table(promoted))
    reader = thread_reader(selection(tuple(one.wanted for one in promoted)))
    pending: dict[bool, list[Row]] = {True: [], False: []}  # instances fill many columns, failures few
    size = 0
    for item, opened in open_ahead(items, settings.access):
        counts = dict.fromkeys(RowKind, 0)
        for row in read_item(item, opened, settings, reader=reader):
            kind = row["kind"]
            counts[kind] += 1
            rows = pending[kind is RowKind.INSTANCE]
            rows.append(row)
            size += len(row.get("header") or ())
            if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield _to_batch(rows, schema)
                rows.clear()
                size = 0
        if on_object is not None:
            on_object(counts[RowKind.INSTANCE], counts[RowKind.FAILURE])
    for rows in pending.values():
        if rows:
            yield _to_batch(rows, schema)


def read_item(
    item: Item, opened: ObjectReader | FileFault, settings: ReadSettings, *, reader: HeaderReader | None = None
) -> Iterator[Row]:
    """Yield the staged rows of one item as dicts, one per file; the last has the item's cost.

    Args:
        item: The object, or the range of a zip.
        opened: Its reader, which is closed at the end; or the fault that kept it from opening.
        settings: How it is read.
        reader: Reads the headers; this thread's, for the declared attributes, by default.

    Raises:
        RunFailedError: The store can't be used at all. Nothing else.
    """
    ref = item.ref
    source: Row = {
        "source_uri": ref.uri,
        "source_size": ref.size,
        "source_etag": ref.etag,
        "source_last_modified": ref.last_modified,
        "ingest_run_id": settings.stamp.run_id,
        "ingest_time": settings.stamp.time,
    }
    last: Row | None = None
    for row in _read_files(item, opened, source, settings, reader or thread_reader(selection())):
        if last is not None:
            yield last
        last = row
    yield {**(last or {**source, "kind": RowKind.OBJECT}), **_cost(item, opened)}


def _cost(item: Item, opened: ObjectReader | FileFault) -> Row:
    """Return the cost of an item that has been read."""
    spent = (0, 0) if isinstance(opened, FileFault) else (opened.bytes_read, opened.requests)
    return {"part": item.number, "bytes_read": item.bytes_read + spent[0], "requests": item.requests + spent[1]}


def _read_files(
    item: Item, opened: ObjectReader | FileFault, source: Row, settings: ReadSettings, reader: HeaderReader
) -> Iterator[Row]:
    """Yield a row per file of an item, and close its reader."""
    if isinstance(opened, FileFault):
        yield _failure(source, None, opened)
        return
    file = cast(BinaryIO, opened)
    try:
        with closing(opened):
            for member in members(file, name=item.ref.uri, limits=settings.limits, zip_range=item.zip_range):
                if isinstance(member, MemberFault):
                    yield _failure(source, member.path, member.fault)
                else:
                    yield _read_member(source, member, reader)
    except FileFault as fault:
        yield _failure(source, None, fault)
    except RunFailedError:
        raise
    except Exception as error:  # one file must not stop a run of millions
        yield _failure(source, None, _internal_error(error, "object"))


def _read_member(source: Row, member: Member, reader: HeaderReader) -> Row:
    base = _bulk_data_base(source["source_uri"], member.path)
    try:
        row = fill_row(reader.read(member.file, bulk_data_base=base))
    except FileFault as fault:
        if fault.code.is_curable:
            raise  # the store's fault, not the member's: the object is read again by the next run
        return _failure(source, member.path, fault)
    except RunFailedError:
        raise
    except Exception as error:  # a fault of this software costs one file
        return _failure(source, member.path, _internal_error(error, "header"))
    row.update(source)
    row["kind"] = RowKind.INSTANCE
    row["source_member"] = member.path
    row["source_member_size"] = member.size
    offset = row.get("pixel_data_offset")
    if offset is not None:
        row["pixel_data_offset"] = None if member.offset is None else member.offset + offset
    return row


def _failure(source: Row, path: str | None, fault: FileFault) -> Row:
    return {
        **source,
        "kind": RowKind.FAILURE,
        "source_member": path,
        "code": str(fault.code),
        "severity": fault.code.severity,
        "message": fault.message,
    }


def _internal_error(error: Exception, what: str) -> FileFault:
    fault = internal_error(error, what)
    _log.warning("%s", fault.message)
    return fault


def _bulk_data_base(uri: str, member: str | None) -> str:
    base = quote(uri, safe=":/")
    return base if member is None else f"{base}?member={quote(member, safe='')}"


def _to_batch(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Convert rows to columns. Most of the 370 columns are absent from all rows of a series: these cost nothing."""
    present = set().union(*rows)
    arrays = [
        pa.array([row.get(field.name) for row in rows], type=field.type)
        if field.name in present
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
