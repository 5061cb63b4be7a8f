"""The stage of a batch gathered into the tables' data files: the other half of :mod:`dicom_udf.packing`.

The driver assigns the payloads to tasks, so that the rows of one partition value meet in one task; large values are
split. A task writes files, and returns the text of an Iceberg ``DataFile`` for each. Nothing here needs Spark.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter

import pyarrow as pa
import pyarrow.compute as pc

from dicom_udf.columns import arrow_schema, objects_table
from dicom_udf.datafiles import WriteTarget, split_by_partition, to_table_schema, write_data_files
from dicom_udf.datafiles.payload import payload_columns, unpack_rows
from dicom_udf.packing import BUCKETS, periods
from dicom_udf.row_kind import RowKind

__all__ = ["GatheredTable", "PayloadTask", "assign_payloads", "gather_payloads", "gather_rows"]

PIECE_BYTES = 512 << 20
"""A partition value with more bytes of rows, unpacked, is split; each piece is a file, at least."""

PIECE_PACKED_BYTES = 64 << 20
"""The same for its payloads: a task holds those of one value."""

SHARED_BYTES = 96 << 20
"""Rows that a task holds, unpacked, because their payloads are shared by several values."""

LEAST_BYTES = 32 << 20
"""A task has so many bytes of rows, unpacked, where there are that many: to start one takes as long as these rows."""

TASKS_PER_CORE = 3

Rows = Callable[[pa.Table], pa.Table]


@dataclass(frozen=True, slots=True)
class GatheredTable:
    """A table of the lake that a batch is gathered for.

    Attributes:
        target: How its files are written.
        kind: Kind of the staged rows that it is made from.
        rows: Makes its rows from those of ``instances``; None where it is ``instances``, or of another kind.
    """

    target: WriteTarget
    kind: RowKind
    rows: Rows | None = None


@dataclass(frozen=True, slots=True)
class PayloadTask:
    """The payloads that one task gathers.

    Attributes:
        payloads: Their ids.
        values: The partition values that it writes; it passes over other rows of shared payloads.
        unpacked_bytes: Bytes of its rows, about.
    """

    payloads: frozenset[int]
    values: frozenset[int]
    unpacked_bytes: int


@dataclass(slots=True)
class _Value:
    """A partition value: its own payloads, and the ids of those that it shares."""

    value: int
    own: list[Mapping[str, object]]
    shared: list[int]
    bytes: int = 0
    packed: int = 0
    shared_bytes: int = 0


def assign_payloads(index: Iterable[Mapping[str, object]], *, cores: int) -> list[PayloadTask]:
    """Assign payloads to tasks: all rows of a partition value to one task, or the pieces of a large one to several.

    Args:
        index: ``payload_id``, ``partition_values``, ``unpacked_bytes``, ``packed_bytes`` and ``source_uri`` of each.
        cores: Tasks that run at once.
    """
    values = _by_value(index)
    total = sum(value.bytes for value in values)
    share = min(PIECE_BYTES, max(LEAST_BYTES, math.ceil(total / (TASKS_PER_CORE * cores))))
    tasks: list[PayloadTask] = []
    current: list[_Value] = []
    for value in values:
        if value.bytes > PIECE_BYTES or value.packed > PIECE_PACKED_BYTES:
            tasks += _pieces(value)
            continue
        together = [*current, value]
        if current and (
            sum(one.bytes for one in together) > share or sum(one.shared_bytes for one in together) > SHARED_BYTES
        ):
            tasks.append(_task(current))
            current = []
        current.append(value)
    if current:
        tasks.append(_task(current))
    return sorted(tasks, key=lambda task: -task.unpacked_bytes)


def _by_value(index: Iterable[Mapping[str, object]]) -> list[_Value]:
    """Return the values by bucket, so that few tasks read the same shared payload."""
    found: dict[int, _Value] = {}
    for row in index:
        values = row["partition_values"]
        for number in values:
            value = found.setdefault(number, _Value(number, [], []))
            size = row["unpacked_bytes"] // len(values)
            value.bytes += size
            if len(values) == 1:
                value.own.append(row)
                value.packed += row["packed_bytes"]
            else:
                value.shared.append(row["payload_id"])
                value.shared_bytes += size
    return [found[number] for number in sorted(found, key=lambda number: (number % BUCKETS, number))]


def _task(values: Sequence[_Value]) -> PayloadTask:
    payloads = {row["payload_id"] for value in values for row in value.own}
    payloads.update(number for value in values for number in value.shared)
    return PayloadTask(
        frozenset(payloads), frozenset(value.value for value in values), sum(value.bytes for value in values)
    )


def _pieces(value: _Value) -> Iterator[PayloadTask]:
    """Yield tasks of one large value: its own payloads in the order of their objects, the shared ones with the first."""
    own = sorted(value.own, key=lambda row: row["source_uri"])
    number = max(math.ceil(value.bytes / PIECE_BYTES), math.ceil(value.packed / PIECE_PACKED_BYTES))
    share = sum(row["packed_bytes"] for row in own) / number
    pieces: list[list[Mapping[str, object]]] = [[] for _ in range(number)]
    before = 0
    for row in own:
        pieces[min(number - 1, int(before / share))].append(row)
        before += row["packed_bytes"]
    for place, piece in enumerate(pieces):
        shared = value.shared if place == 0 else []
        size = sum(row["unpacked_bytes"] for row in piece) + (value.shared_bytes if shared else 0)
        if piece or shared:
            yield PayloadTask(frozenset([*(row["payload_id"] for row in piece), *shared]), frozenset([value.value]), size)


def gather_payloads(
    payloads: Iterable[tuple[Sequence[int], pa.Buffer | bytes]],
    task: PayloadTask,
    tables: Sequence[GatheredTable],
    *,
    period: str,
    fill: Rows | None = None,
) -> Iterator[tuple[str, str]]:
    """Write the payloads of a task to the tables that are made from instances.

    Args:
        payloads: Partition values and bytes of each: shared payloads first, then value by value.
        task: What to write.
        tables: Their tables.
        period: As the batch was packed.
        fill: Fills columns that rows lack because they were promoted after the batch was staged.

    Yields:
        Table and text of a ``DataFile`` of each file.
    """
    shared: dict[int, list[pa.Table]] = defaultdict(list)
    by_value = groupby(payloads, key=lambda one: one[0][0] if len(one[0]) == 1 else None)
    for value, group in by_value:
        if value is None:
            for _, payload in group:
                _split_shared(unpack_rows(payload), task.values, period, shared)
        else:
            own = [payload for _, payload in group]
            yield from _write_value(shared.pop(value, []), own, tables, fill)
    for value in sorted(shared):
        yield from _write_value(shared[value], [], tables, fill)


def _split_shared(rows: pa.Table, wanted: Collection[int], period: str, into: dict[int, list[pa.Table]]) -> None:
    """Add the rows of a shared payload, which lie value by value, to those of their values."""
    start = 0
    for value, group in groupby(periods(rows.column("study_date"), period).tolist()):
        length = sum(1 for _ in group)
        if value in wanted:
            into[value].append(rows.slice(start, length))
        start += length


def _write_value(
    held: Sequence[pa.Table], packed: Sequence[pa.Buffer | bytes], tables: Sequence[GatheredTable], fill: Rows | None
) -> Iterator[tuple[str, str]]:
    """Write the rows of one value, those of shared payloads and its own, to each table."""
    names = {name for rows in held for name in rows.column_names}
    names.update(name for payload in packed for name in payload_columns(payload))

    def instances() -> Iterator[pa.Table]:
        yield from sorted(held, key=_first_uri)
        yield from map(unpack_rows, packed)

    for table in tables:
        rows: Iterator[pa.Table] = instances()
        if fill is not None:
            rows = map(fill, rows)
        if table.rows is not None:
            rows = map(table.rows, rows)
        for text in _write(table.target, rows, None if table.rows or fill else names):
            yield table.target.table, text


def _first_uri(rows: pa.Table) -> str:
    return str(rows.column("source_uri")[0].as_py())


def _write(target: WriteTarget, rows: Iterable[pa.Table], names: Collection[str] | None) -> Iterator[str]:
    """Write rows that are of few partitions, mostly of one: a file ends where the partition changes."""
    parts = (part for one in rows if one.num_rows for part in split_by_partition(to_table_schema(one, target), target))
    for partition, group in groupby(parts, key=itemgetter(0)):
        yield from write_data_files(target, (part for _, part in group), partition=partition, columns=names)


def gather_rows(rows: pa.Table, tables: Sequence[GatheredTable]) -> Iterator[tuple[str, str]]:
    """Write failures, and the ledger's entries, to the tables that are made from them.

    Args:
        rows: Rows of the stage; all entries of an object are among them.
        tables: The tables of these kinds.

    Yields:
        As :func:`gather_payloads`.
    """
    for table in tables:
        own = rows.filter(pc.equal(rows.column("kind"), str(table.kind)))
        if own.num_rows and table.kind is RowKind.OBJECT:
            own = ledger_rows(own)
        own = own.sort_by("source_uri") if own.num_rows else own
        for text in _write(table.target, [own], None):
            yield table.target.table, text


def ledger_rows(entries: pa.Table) -> pa.Table:
    """Return one row of ``objects`` per object: entries of the ranges of a zip become one."""
    merged = entries
    counts = pc.value_counts(entries.column("source_uri"))
    parted = counts.field("values").filter(pc.greater(counts.field("counts"), 1))
    if len(parted):
        is_parted = pc.is_in(entries.column("source_uri"), value_set=parted)
        merged = pa.concat_tables([entries.filter(pc.invert(is_parted)), _merge_parts(entries.filter(is_parted))])
    is_curable = merged.column("is_curable")
    status = pc.if_else(is_curable, "failed", "ingested")
    named = merged.append_column("status", status).append_column("ingest_retry", is_curable)
    return named.select(arrow_schema(objects_table()).names)


def _merge_parts(entries: pa.Table) -> pa.Table:
    merged: dict[str, dict[str, object]] = {}
    for entry in entries.to_pylist():
        one = merged.setdefault(entry["source_uri"], entry)
        if one is not entry:
            one["instances"] += entry["instances"]
            one["failures"] += entry["failures"]
            one["study_dates"] = sorted({*one["study_dates"], *entry["study_dates"]})
            one["is_curable"] = one["is_curable"] or entry["is_curable"]
    return pa.Table.from_pylist(list(merged.values()), schema=entries.schema)
