"""Objects in, rows out: the work of an executor. A fault of a file becomes a row, never an exception.

Every item (an object, or a range of a large zip) yields one row per file found in it, and then one row of its own: the
ledger's entry, with the cost of reading it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from functools import cache
from itertools import repeat
from operator import is_
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

__all__ = ["cut_rows", "files_table", "read_batches", "read_item", "read_rows", "to_batch"]

Row = dict[str, Any]

BATCH_ROWS = 500
BATCH_BYTES = 16 << 20
"""A batch is cut at whichever comes first. Headers reach 8 MiB, and an Arrow string array ends at 2 GiB (design.md,
"Reading a header"). A row of 250 values is some 50 kB as a Python dict."""

FRAME_BYTES = 256
"""Of one frame in the column ``frames`` as Python values: a slide of 100,000 tiles has a header of some kB."""

_log = logging.getLogger(__name__)


@cache
def files_table(promoted: tuple[Promoted, ...] = ()) -> Table:
    """Return a table of the files found: instances' columns, all nullable, and those of failures.

    Args:
        promoted: Columns that the lake has besides the declared ones.
    """
    own = (
        Field("kind", "string", f"{RowKind.INSTANCE} or {RowKind.FAILURE}"),
        Field("code", "string", "failures: why"),
        Field("severity", "string", "failures: skipped or fault"),
        Field("message", "string", "failures: one sentence"),
    )
    further = tuple(one.field for one in promoted)
    rows = tuple(Field(field.name, field.type, field.comment) for field in instances_table(further).fields)
    return Table("files", "one row per file found", own + rows)


def read_batches(
    items: Iterable[Item], settings: ReadSettings, *, on_object: Callable[[Row], None] | None = None
) -> Iterator[pa.RecordBatch]:
    """Yield the files of objects, or of ranges of zips, as batches of :func:`files_table`'s Arrow schema.

    Args:
        items: Objects and ranges to read; taken lazily, some places ahead.
        settings: How.
        on_object: As in :func:`read_rows`.

    Raises:
        RunFailedError: The store can't be used at all.
    """
    schema = arrow_schema(files_table())
    rows = read_rows(items, settings, on_object=on_object)
    for alike in cut_rows(row for row in rows if row["kind"] is not RowKind.OBJECT):
        yield to_batch(alike, schema)


def cut_rows(rows: Iterable[Row]) -> Iterator[list[Row]]:
    """Yield rows in lists of bounded size: instances, which fill many columns, apart from the others, which fill few.

    A list is cleared when the next one is taken.
    """
    pending: dict[bool, list[Row]] = {True: [], False: []}
    size = 0  # of the instances' headers and frames; other rows have none
    for row in rows:
        is_instance = row["kind"] is RowKind.INSTANCE
        alike = pending[is_instance]
        alike.append(row)
        size += len(row.get("header") or ()) + FRAME_BYTES * len(row.get("frames") or ())
        if len(alike) >= BATCH_ROWS or (is_instance and size >= BATCH_BYTES):
            yield alike
            alike.clear()
            size = 0 if is_instance else size
    yield from filter(None, pending.values())


def read_rows(
    items: Iterable[Item],
    settings: ReadSettings,
    *,
    promoted: tuple[Promoted, ...] = (),
    on_object: Callable[[Row], None] | None = None,
) -> Iterator[Row]:
    """Yield the rows of items as dicts, as :func:`read_item` does.

    Args:
        items: Objects and ranges to read; taken lazily, some places ahead.
        settings: How.
        promoted: Columns that the lake has besides the declared ones.
        on_object: Called after each item with its entry in the ledger.

    Raises:
        RunFailedError: The store can't be used at all.
    """
    reader = thread_reader(selection(tuple(one.wanted for one in promoted)))
    for item, opened in open_ahead(items, settings.access):
        for row in read_item(item, opened, settings, reader=reader):
            yield row
        if on_object is not None:
            on_object(row)


def read_item(
    item: Item, opened: ObjectReader | FileFault, settings: ReadSettings, *, reader: HeaderReader | None = None
) -> Iterator[Row]:
    """Yield a row for each file of an item, and then the item's entry in the ledger, of the kind ``object``.

    The entry has the counts of the item's rows (``instances``, ``failures``, ``members``), their ``study_dates``,
    whether a failure may cure itself (``is_curable``), and the cost: ``part``, ``bytes_read``, ``requests``.

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
    counts = dict.fromkeys(RowKind, 0)
    members, study_dates, is_curable = 0, set(), False
    for row in _read_files(item, opened, source, settings, reader or thread_reader(selection())):
        counts[row["kind"]] += 1
        members += row["source_member"] is not None
        if row["kind"] is RowKind.INSTANCE:
            study_dates.add(row["study_date"])
        else:
            is_curable = is_curable or row["code"].is_curable
        yield row
    spent = (0, 0) if isinstance(opened, FileFault) else (opened.bytes_read, opened.requests)
    yield {
        **source,
        "kind": RowKind.OBJECT,
        "part": item.number,
        "instances": counts[RowKind.INSTANCE],
        "failures": counts[RowKind.FAILURE],
        "members": members,
        "study_dates": sorted(study_dates),
        "is_curable": is_curable,
        "bytes_read": item.bytes_read + spent[0],
        "requests": item.requests + spent[1],
    }


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
                    yield _read_member(source, member, reader, reads_offset_table=settings.frame_offsets)
    except FileFault as fault:
        yield _failure(source, None, fault)
    except RunFailedError:
        raise
    except Exception as error:  # one file must not stop a run of millions
        yield _failure(source, None, _internal_error(error, "object"))


def _read_member(source: Row, member: Member, reader: HeaderReader, *, reads_offset_table: bool) -> Row:
    base = _bulk_data_base(source["source_uri"], member.path)
    try:
        header = reader.read(member.file, bulk_data_base=base, reads_offset_table=reads_offset_table)
        row = fill_row(header, start=member.offset, size=member.size)
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
    return row


def _failure(source: Row, path: str | None, fault: FileFault) -> Row:
    return {
        **source,
        "kind": RowKind.FAILURE,
        "source_member": path,
        "code": fault.code,
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


def to_batch(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Convert rows to a batch of a schema; a value that Arrow refuses is null, with a reason in ``invalid_values``.

    Most of the 400 columns are absent from all rows of a series: these cost nothing.
    """
    present = set().union(*rows)
    columns = {
        field.name: _to_array(rows, field) if field.name in present else pa.nulls(len(rows), field.type)
        for field in schema
        if field.name != _REASONS
    }
    if _REASONS in schema.names:  # last: other columns add to it
        columns[_REASONS] = _to_array(rows, schema.field(_REASONS))
    return pa.RecordBatch.from_arrays([columns[name] for name in schema.names], schema=schema)


_REASONS = "invalid_values"


def _to_array(rows: Sequence[Row], field: pa.Field) -> pa.Array:
    name = field.name
    values = [row.get(name) for row in rows]
    try:
        if pa.types.is_nested(field.type):
            return _nested_array(values, field.type)
        if all(map(is_, values, repeat(values[0]))):
            return pa.repeat(pa.scalar(values[0], field.type), len(values))  # the slices of a series share it
        return pa.array(values, type=field.type)
    except _REFUSALS:
        pass
    for number, (row, value) in enumerate(zip(rows, values, strict=True)):
        try:
            pa.array([value], type=field.type)
        except _REFUSALS:
            values[number] = None
            row[_REASONS] = [*(row.get(_REASONS) or ()), (field.name, f"can't be stored as {field.type}")]
    return pa.array(values, type=field.type)


def _nested_array(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """Convert lists and maps; one object of many rows is converted once, because a struct costs microseconds."""
    places: dict[int, int] = {}
    indices = [places.setdefault(id(value), len(places)) for value in values]
    if 2 * len(places) > len(values):
        return pa.array(values, type=kind)
    different = dict(zip(indices, values, strict=True))  # in the order of the indices
    return pa.array(list(different.values()), type=kind).take(pa.array(indices, pa.int32()))


_REFUSALS = (pa.ArrowException, ValueError, TypeError, OverflowError)
"""The errors of ``pyarrow.array`` for a value that its type can't hold."""
