"""Objects in, staged rows out: what an executor does. Total: a fault of a file becomes a row, never an exception.

Every object gives one row per file found in it, of kind ``instance`` or ``failure``; the last row of each item (an
object, or a range of a large zip) also has what reading it cost. Both kinds share one wide schema, so that a batch is
read once and staged in one table.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, BinaryIO, cast
from urllib.parse import quote

import pyarrow as pa

from dicom_udf.archives import Limits, Member, MemberFault, members
from dicom_udf.columns import Field, Promoted, Table, arrow_schema, fill_row, instances_table, selection
from dicom_udf.errors import FileFault, RunFailedError, internal_error
from dicom_udf.header import Selection, read_header
from dicom_udf.sources import ObjectReader, ObjectRef, S3Access, open_ahead
from dicom_udf.tasks import Item

__all__ = ["Stamp", "read_batches", "read_object", "staged_table"]

Row = dict[str, Any]

BATCH_ROWS = 500
BATCH_BYTES = 16 << 20
"""A batch is cut at whichever comes first. Headers reach 8 MiB, and an Arrow string array ends at 2 GiB (design.md,
"Reading a header"). A row of 250 values is some 50 kB as a Python dict."""

_NO_ACCESS = S3Access()
_DEFAULT_LIMITS = Limits()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Stamp:
    """Provenance of a batch, the same in each of its rows however often a task is retried.

    Attributes:
        run_id: ``ingest_run_id``.
        time: ``ingest_time``, UTC, naive.
    """

    run_id: str
    time: datetime


@cache
def staged_table(promoted: tuple[Promoted, ...] = ()) -> Table:
    """The table that a batch is staged in: instances' columns, all nullable, and what failures and objects need.

    Args:
        promoted: Columns that the lake has besides the declared ones.
    """
    own = (
        Field("kind", "string", "instance or failure; object where an object gave neither"),
        Field("code", "string", "failures: why"),
        Field("severity", "string", "failures: skipped or fault"),
        Field("message", "string", "failures: one sentence"),
        Field("part", "int", "last row of an item: number of the range of a split zip, else 0"),
        Field("bytes_read", "bigint", "last row of an item: bytes that came from the store"),
        Field("requests", "bigint", "last row of an item: reads that went to the store"),
    )
    rows = tuple(Field(field.name, field.type, field.comment) for field in instances_table(_fields(promoted)).fields)
    return Table("stage", "one row per file found", own + rows)


def _fields(promoted: tuple[Promoted, ...]) -> tuple[Field, ...]:
    return tuple(one.field for one in promoted)


def read_batches(
    items: Iterable[Item],
    stamp: Stamp,
    *,
    promoted: tuple[Promoted, ...] = (),
    access: S3Access = _NO_ACCESS,
    limits: Limits = _DEFAULT_LIMITS,
    on_object: Callable[[int, int], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield staged rows for objects, or ranges of zips.

    Args:
        items: What to read; taken lazily, some places ahead.
        stamp: Written into each row.
        promoted: What the lake wants of each header besides the declared attributes.
        access: How S3 is reached.
        limits: Bounds for archives.
        on_object: Called after each item with its counts of instances and failures.

    Yields:
        Batches of :func:`staged_table`'s Arrow schema: ``mapInArrow`` matches columns by position.
    """
    schema = arrow_schema(staged_table(promoted))
    wanted = selection(tuple(one.wanted for one in promoted))
    pending: dict[bool, list[Row]] = {True: [], False: []}  # instances fill many columns, failures few
    size = 0
    for item, opened in _opened(items, access):
        counts = {"instance": 0, "failure": 0, "object": 0}
        for row in read_object(item, opened, stamp, wanted=wanted, limits=limits):
            counts[row["kind"]] += 1
            rows = pending[row["kind"] == "instance"]
            rows.append(row)
            size += len(row.get("header") or ())
            if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield _batch(rows, schema)
                rows.clear()
                size = 0
        if on_object is not None:
            on_object(counts["instance"], counts["failure"])
    for rows in pending.values():
        if rows:
            yield _batch(rows, schema)


def read_object(
    item: Item,
    opened: ObjectReader | FileFault,
    stamp: Stamp,
    *,
    wanted: Selection | None = None,
    limits: Limits = _DEFAULT_LIMITS,
) -> Iterator[Row]:
    """Yield the staged rows of one item as dicts, one per file; the last has what the item cost.

    Args:
        item: What is read.
        opened: Its reader, which is closed at the end; or why there is none.
        stamp: Written into each row.
        wanted: What is asked of each header; the declared attributes by default.
        limits: Bounds for archives.

    Raises:
        RunFailedError: The store can't be used at all. Nothing else.
    """
    ref = item.ref
    source: Row = {
        "source_uri": ref.uri,
        "source_size": ref.size,
        "source_etag": ref.etag,
        "source_last_modified": ref.last_modified,
        "ingest_run_id": stamp.run_id,
        "ingest_time": stamp.time,
    }
    last: Row = {**source, "kind": "object"}  # stands only where nothing at all was found
    cost = {"part": item.number, "bytes_read": item.bytes_read, "requests": item.requests}
    is_first = True
    for row in _read_files(item, opened, source, wanted or selection(), limits, cost):
        if not is_first:
            yield last
        last, is_first = row, False
    yield {**last, **cost}


def _read_files(
    item: Item,
    opened: ObjectReader | FileFault,
    source: Row,
    wanted: Selection,
    limits: Limits,
    cost: dict[str, int],
) -> Iterator[Row]:
    """Yield a row per file of an item; ``cost`` is added to when the object is closed."""
    if isinstance(opened, FileFault):
        yield _failure(source, None, opened)
        return
    try:
        for member in members(cast(BinaryIO, opened), name=item.ref.uri, limits=limits, zip_range=item.zip_range):
            if isinstance(member, MemberFault):
                yield _failure(source, member.path, member.fault)
            else:
                yield _read_member(source, member, wanted)
    except FileFault as fault:
        yield _failure(source, None, fault)
    except RunFailedError:
        raise
    except Exception as error:  # one file must not stop a run of millions
        yield _failure(source, None, _internal_error(error, "object"))
    finally:
        opened.close()
        cost["bytes_read"] += opened.bytes_read
        cost["requests"] += opened.requests


def _opened(items: Iterable[Item], access: S3Access) -> Iterator[tuple[Item, ObjectReader | FileFault]]:
    """Open items some places ahead of the one that is read."""
    upcoming: deque[Item] = deque()

    def refs() -> Iterator[tuple[ObjectRef, tuple[int, int] | None]]:
        for item in items:
            upcoming.append(item)
            part = item.zip_range
            yield item.ref, (part.start, part.end) if part is not None else None

    for opened in open_ahead(refs(), access):
        yield upcoming.popleft(), opened


def _read_member(source: Row, member: Member, wanted: Selection) -> Row:
    base = _bulk_data_base(source["source_uri"], member.path)
    try:
        row = fill_row(read_header(member.file, bulk_data_base=base, selection=wanted))
    except FileFault as fault:
        if fault.code.is_curable:
            raise  # the store's fault, not the member's: the object is read again by the next run
        return _failure(source, member.path, fault)
    except RunFailedError:
        raise
    except Exception as error:  # a fault of ours in one file costs that file
        return _failure(source, member.path, _internal_error(error, "header"))
    row.update(source)
    row["kind"] = "instance"
    row["source_member"] = member.path
    row["source_member_size"] = member.size
    offset = row.get("pixel_data_offset")
    if offset is not None:
        row["pixel_data_offset"] = None if member.offset is None else member.offset + offset
    return row


def _failure(source: Row, path: str | None, fault: FileFault) -> Row:
    return {
        **source,
        "kind": "failure",
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


def _batch(rows: list[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Turn rows into columns. Most of the 370 columns are absent from all rows of a series: these cost nothing."""
    present = set().union(*rows)
    arrays = [
        pa.array([row.get(field.name) for row in rows], type=field.type)
        if field.name in present
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)
