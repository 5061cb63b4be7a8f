"""Rows of objects packed for the stage: instances as bytes, failures and entries of the ledger as they are.

Spark moves the bytes and never takes an instance apart: it has some 400 columns. The counts and keys by which a
run plans are beside the bytes, in narrow columns (ADR 28).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from dicom_udf.columns import Field, Promoted, Table, arrow_schema, instances_table
from dicom_udf.datafiles.partitions import periods
from dicom_udf.datafiles.payload import pack_rows
from dicom_udf.read import cut_rows, read_rows, to_batch
from dicom_udf.row_kind import RowKind
from dicom_udf.tasks import Item, ReadSettings

__all__ = ["BUCKETS", "PAYLOAD_BYTES", "STAGE", "pack_batches", "pack_instances", "stage_batches", "to_present"]

PAYLOAD_BYTES = 8 << 20
"""A payload holds at most so many bytes of rows, unpacked; one row may be larger."""

BUCKETS = 8
"""Partition values with few rows share the payloads of their bucket: the rest of a division by this number."""

_OWN_ROWS = 64
"""From so many rows on, a partition value has payloads of its own. A payload's schema takes some 10 kB."""

_HELD_BYTES = 64 << 20
"""Rows that a task holds, in bytes of Arrow, before they are packed: as many again while they are sorted."""

_SENT_BYTES = 32 << 20
"""Payloads of one batch that goes to Spark. Arrow's ``binary`` ends at 2 GiB a batch."""

Row = dict[str, Any]

STAGE = Table(
    "stage",
    "one row per payload of instances, per failure, and per object or range of one",
    (
        Field("kind", "string", f"{RowKind.INSTANCE} for a payload, {RowKind.FAILURE}, {RowKind.OBJECT}"),
        Field("payload_id", "bigint", "payloads: a random number"),
        Field("partition_values", "array<int>", "payloads: periods of study_date, as in the partitions of instances"),
        Field("rows", "bigint", "payloads: number of rows"),
        Field("unpacked_bytes", "bigint", "payloads: bytes of the rows in Arrow's form"),
        Field("packed_bytes", "bigint", "payloads: bytes of the payload"),
        Field("payload", "binary", "payloads: Arrow IPC stream"),
        Field("source_uri", "string", "the object; of payloads the first one"),
        Field("source_size", "bigint", "bytes"),
        Field("source_etag", "string", "as listed"),
        Field("source_last_modified", "timestamp_ntz", "UTC"),
        Field("ingest_run_id", "string", "the run"),
        Field("ingest_time", "timestamp_ntz", "UTC"),
        Field("source_member", "string", "failures: path in the archive"),
        Field("code", "string", "failures: why"),
        Field("severity", "string", "failures: skipped or fault"),
        Field("message", "string", "failures: one sentence"),
        Field("part", "int", "objects: number of the range of a split zip, otherwise 0"),
        Field("instances", "bigint", "objects: rows of instances"),
        Field("failures", "bigint", "objects: rows of failures"),
        Field("members", "bigint", "objects: files found in an archive"),
        Field("study_dates", "array<date>", "objects: study dates of the instances"),
        Field("is_curable", "boolean", "objects: whether a failure may cure itself"),
        Field("bytes_read", "bigint", "objects: bytes that came from the store"),
        Field("requests", "bigint", "objects: reads that went to the store"),
    ),
)
"""The staging table of a batch."""


def pack_batches(
    items: Iterable[Item],
    settings: ReadSettings,
    *,
    period: str,
    promoted: tuple[Promoted, ...] = (),
    on_object: Callable[[Row], None] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Read the items of one task and yield the rows of their stage.

    Args:
        items: Objects and ranges to read; taken lazily, some places ahead.
        settings: How.
        period: ``day``, ``month`` or ``year``: the partitions of ``instances``.
        promoted: Columns that the lake has besides the declared ones.
        on_object: As in :func:`dicom_udf.read.read_rows`.

    Yields:
        Batches of :data:`STAGE`'s Arrow schema: ``mapInArrow`` matches columns by position.

    Raises:
        RunFailedError: The store can't be used at all.
    """
    further = tuple(one.field for one in promoted)
    schema = pa.schema([field.with_nullable(True) for field in arrow_schema(instances_table(further))])
    keep = frozenset(one.column for one in promoted)
    held: list[pa.Table] = []
    for rows in cut_rows(read_rows(items, settings, promoted=promoted, on_object=on_object)):
        if rows[0]["kind"] is not RowKind.INSTANCE:
            yield to_batch(rows, _stage_schema())
            continue
        held.append(to_present(rows, schema, keep))
        if sum(table.nbytes for table in held) >= _HELD_BYTES:
            yield from stage_batches(pack_instances(_join(held), period, keep=keep))
            held = []
    if held:
        yield from stage_batches(pack_instances(_join(held), period, keep=keep))


def _join(tables: Sequence[pa.Table]) -> pa.Table:
    return pa.concat_tables(tables, promote_options="default")


def pack_instances(rows: pa.Table, period: str, *, keep: frozenset[str] = frozenset()) -> Iterator[Row]:
    """Yield rows of ``instances`` as rows of the stage: payloads of one partition value, or of several in a bucket.

    Within a partition value rows keep their order: the slices of a series are neighbours.

    Args:
        rows: At least one row.
        period: ``day``, ``month`` or ``year``.
        keep: Columns that stay in each payload though they hold no value.
    """
    values = np.asarray(periods(rows.column("study_date"), period))
    distinct, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    is_small = counts < _OWN_ROWS
    # A group is a value with many rows, or the values of a bucket with few.
    groups = np.where(is_small, len(distinct) + distinct % BUCKETS, np.arange(len(distinct)))[which]
    order = np.lexsort((which, groups))
    if (np.diff(order) != 1).any():
        rows, values, groups = rows.take(pa.array(order)), values[order], groups[order]
    starts = [0, *(np.flatnonzero(np.diff(groups)) + 1), len(groups)]
    for start, end in pairwise(starts):
        for part, first in _cut(rows.slice(start, end - start), start):
            yield _payload_row(part, values[first : first + part.num_rows], keep)


def _payload_row(rows: pa.Table, values: NDArray[np.int32], keep: frozenset[str]) -> Row:
    payload = pack_rows(rows, keep=keep)
    return {
        "kind": RowKind.INSTANCE,
        "payload_id": secrets.randbits(62),
        "partition_values": np.unique(values).tolist(),
        "rows": rows.num_rows,
        "unpacked_bytes": rows.nbytes,
        "packed_bytes": len(payload),
        "payload": payload,
        "source_uri": rows.column("source_uri")[0].as_py(),
    }


def _cut(rows: pa.Table, start: int) -> Iterator[tuple[pa.Table, int]]:
    """Yield rows in slices of at most :data:`PAYLOAD_BYTES`, or of one row, each with the number of its first row."""
    if rows.num_rows > 1 and rows.nbytes > PAYLOAD_BYTES:
        half = rows.num_rows // 2
        yield from _cut(rows.slice(0, half), start)
        yield from _cut(rows.slice(half), start + half)
    else:
        yield rows, start


def stage_batches(rows: Iterable[Row]) -> Iterator[pa.RecordBatch]:
    """Yield payload rows as batches of the stage, cut by their bytes."""
    pending: list[Row] = []
    size = 0
    for row in rows:
        pending.append(row)
        size += row["packed_bytes"]
        if size >= _SENT_BYTES:
            yield to_batch(pending, _stage_schema())
            pending, size = [], 0
    if pending:
        yield to_batch(pending, _stage_schema())


def to_present(rows: Sequence[Row], schema: pa.Schema, keep: frozenset[str] = frozenset()) -> pa.Table:
    """Convert rows to a table of the columns that occur in them."""
    present = keep.union(*rows)
    return pa.table(to_batch(rows, pa.schema([field for field in schema if field.name in present])))


@cache
def _stage_schema() -> pa.Schema:
    return arrow_schema(STAGE)
