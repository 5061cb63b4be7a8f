"""The stage of a batch gathered into the tables' data files: the other half of :mod:`dicom_udf.packing`.

The driver assigns the payloads to tasks, so that the rows of one partition value meet in one task; large values are
split. A task writes files, and returns the text of an Iceberg ``DataFile`` for each. Nothing here needs Spark.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dicom_udf.columns import arrow_schema, instances_table, objects_table
from dicom_udf.datafiles import WriteTarget, split_by_partition, to_table_schema, write_data_files
from dicom_udf.datafiles.partitions import periods
from dicom_udf.datafiles.payload import payload_columns, unpack_rows
from dicom_udf.packing import BUCKETS
from dicom_udf.row_kind import RowKind

__all__ = [
    "Filling",
    "GatheredTable",
    "Payload",
    "PayloadTask",
    "Rows",
    "assign_payloads",
    "gather_payloads",
    "gather_rows",
]

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
class Filling:
    """Columns that were promoted after a batch was staged.

    Attributes:
        columns: Their names; rows that were staged later have them already.
        fill: Adds those that rows of ``instances`` lack.
    """

    columns: frozenset[str]
    fill: Rows


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


class Payload(NamedTuple):
    """A payload of a stage, without its bytes.

    Attributes:
        id: Its number.
        values: The partition values of its rows.
        unpacked_bytes: Bytes of its rows in Arrow's form.
        packed_bytes: Bytes of the payload.
        source_uri: The object of its first row.
    """

    id: int
    values: Sequence[int]
    unpacked_bytes: int
    packed_bytes: int
    source_uri: str


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
    """A partition value: its own payloads, those that it shares, and the bytes of its rows."""

    number: int
    own: list[Payload] = field(default_factory=list)
    shared: list[int] = field(default_factory=list)
    own_bytes: int = 0
    shared_bytes: int = 0

    @property
    def bytes(self) -> int:
        return self.own_bytes + self.shared_bytes

    @property
    def pieces(self) -> int:
        """The number of tasks that its rows need."""
        packed = sum(payload.packed_bytes for payload in self.own)
        return max(1, math.ceil(self.bytes / PIECE_BYTES), math.ceil(packed / PIECE_PACKED_BYTES))


def assign_payloads(payloads: Iterable[Payload], *, cores: int) -> list[PayloadTask]:
    """Assign payloads to tasks: all rows of a partition value to one task, or the pieces of a large one to several.

    Args:
        payloads: All payloads of a stage.
        cores: Tasks that run at once.

    Returns:
        Tasks in the order in which they should start: the largest first.
    """
    values = _by_value(payloads)
    total = sum(value.bytes for value in values)
    share = min(PIECE_BYTES, max(LEAST_BYTES, math.ceil(total / (TASKS_PER_CORE * cores))))
    tasks: list[PayloadTask] = []
    current: list[_Value] = []
    for value in values:
        if value.pieces > 1:
            tasks += _split(value)
            continue
        held = [*current, value]
        is_full = sum(one.bytes for one in held) > share or sum(one.shared_bytes for one in held) > SHARED_BYTES
        if is_full and current:
            tasks.append(_task(current))
            held = [value]
        current = held
    if current:
        tasks.append(_task(current))
    return sorted(tasks, key=lambda task: -task.unpacked_bytes)


def _by_value(payloads: Iterable[Payload]) -> list[_Value]:
    """Return the values by bucket, so that few tasks read the same shared payload."""
    found: dict[int, _Value] = {}
    for payload in payloads:
        for number in payload.values:
            value = found.setdefault(number, _Value(number))
            if len(payload.values) == 1:
                value.own.append(payload)
                value.own_bytes += payload.unpacked_bytes
            else:
                value.shared.append(payload.id)
                value.shared_bytes += payload.unpacked_bytes // len(payload.values)
    return [found[number] for number in sorted(found, key=lambda number: (number % BUCKETS, number))]


def _task(values: Sequence[_Value]) -> PayloadTask:
    ids = {payload.id for value in values for payload in value.own}
    ids.update(number for value in values for number in value.shared)
    numbers = frozenset(value.number for value in values)
    return PayloadTask(frozenset(ids), numbers, sum(value.bytes for value in values))


def _split(value: _Value) -> Iterator[PayloadTask]:
    """Yield tasks of one large value, each with the payloads of neighbouring objects."""
    own = sorted(value.own, key=lambda payload: payload.source_uri)
    share = math.ceil(sum(payload.packed_bytes for payload in own) / value.pieces) or 1
    pieces: dict[int, _Value] = {0: _Value(value.number, shared=value.shared, shared_bytes=value.shared_bytes)}
    before = 0
    for payload in own:
        piece = pieces.setdefault(before // share, _Value(value.number))
        piece.own.append(payload)
        piece.own_bytes += payload.unpacked_bytes
        before += payload.packed_bytes
    yield from (_task([piece]) for piece in pieces.values())


def gather_payloads(
    payloads: Iterable[tuple[Sequence[int], str, pa.Buffer | bytes]],
    task: PayloadTask,
    tables: Sequence[GatheredTable],
    *,
    period: str,
    filling: Filling | None = None,
) -> Iterator[tuple[str, str]]:
    """Write the payloads of a task to the tables that are made from instances.

    Args:
        payloads: Partition values, first object and bytes of each: shared payloads first, then value by value.
        task: Its payloads and values.
        tables: Their tables.
        period: As the batch was packed.
        filling: Columns that rows may lack because they were promoted after the batch was staged.

    Yields:
        Table and text of a ``DataFile`` of each file.
    """
    shared: dict[int, list[pa.Table]] = defaultdict(list)
    by_value = groupby(payloads, key=lambda one: one[0][0] if len(one[0]) == 1 else None)
    for value, group in by_value:
        if value is None:
            for _, _, payload in group:
                _split_shared(unpack_rows(payload), task.values, period, shared)
        else:
            own = [(uri, payload) for _, uri, payload in group]
            yield from _write_value(shared.pop(value, []), own, tables, filling)
    for value in sorted(shared):
        yield from _write_value(shared[value], [], tables, filling)


def _split_shared(rows: pa.Table, wanted: Collection[int], period: str, into: dict[int, list[pa.Table]]) -> None:
    """Add the rows of a shared payload, which lie value by value, to those of their values."""
    start = 0
    for value, group in groupby(periods(rows.column("study_date"), period).to_pylist()):
        length = sum(1 for _ in group)
        if value in wanted:
            into[value].append(rows.slice(start, length))
        start += length


def _write_value(
    held: Sequence[pa.Table],
    packed: Sequence[tuple[str, pa.Buffer | bytes]],
    tables: Sequence[GatheredTable],
    filling: Filling | None,
) -> Iterator[tuple[str, str]]:
    """Write the rows of one value, from shared payloads and its own, to each table, in the order of their objects."""
    names = {name for rows in held for name in rows.column_names}
    names.update(name for _, payload in packed for name in payload_columns(payload))
    names.update(filling.columns if filling is not None else ())
    parts: list[tuple[str, Any]] = [(rows.column("source_uri")[0].as_py(), rows) for rows in held]
    parts = sorted([*parts, *packed], key=itemgetter(0))
    for table in tables:
        rows: Iterator[pa.Table] = (part if isinstance(part, pa.Table) else unpack_rows(part) for _, part in parts)
        if filling is not None:
            rows = map(filling.fill, rows)
        if table.rows is not None:
            rows = map(table.rows, map(_with_all_columns, rows))
        for text in _write(table.target, rows, None if table.rows else names):
            yield table.target.table, text


def _with_all_columns(rows: pa.Table) -> pa.Table:
    """Add the columns of ``instances`` that rows lack, as nulls."""
    missing = [field for field in arrow_schema(instances_table()) if field.name not in rows.column_names]
    nulls = [pa.nulls(rows.num_rows, field.type) for field in missing]
    names = [*rows.column_names, *(field.name for field in missing)]
    return pa.Table.from_arrays([*rows.columns, *nulls], names=names)


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
    merged: dict[str, dict[str, Any]] = {}
    for entry in entries.to_pylist():
        one = merged.setdefault(entry["source_uri"], entry)
        if one is not entry:
            one["instances"] += entry["instances"]
            one["failures"] += entry["failures"]
            one["study_dates"] = sorted({*one["study_dates"], *entry["study_dates"]})
            one["is_curable"] = one["is_curable"] or entry["is_curable"]
    return pa.Table.from_pylist(list(merged.values()), schema=entries.schema)
