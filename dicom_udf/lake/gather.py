"""A staged batch gathered into data files: in this process where it is small, otherwise by Spark's executors."""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import Promoted
from dicom_udf.datafiles.murmur import murmur3
from dicom_udf.gathering import Filling, GatheredTable, PayloadTask, assign_payloads, gather_payloads, gather_rows
from dicom_udf.lake.faults import raise_task_errors
from dicom_udf.lake.layout import LakeTable
from dicom_udf.lake.promoted_columns import fill_rows, promoted_columns
from dicom_udf.lake.session import CATALOG, records_per_batch
from dicom_udf.lake.staged import StagedBatch
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import target_of
from dicom_udf.row_kind import RowKind

__all__ = ["gather", "partition_keys"]

_ROWS_PER_TASK = 50_000
"""Failures and entries of the ledger, of some hundred bytes each."""

_PAYLOADS_PER_BATCH = 16
"""A payload has 8 MiB and more at worst, so a batch that goes to Python stays below 256 MiB."""

_RESULT = "table_name string, data_file string"

DataFiles = dict[str, list[str]]
"""Texts of Iceberg's ``DataFile`` by table."""


def gather(lake: Lake, staged: StagedBatch, tables: Sequence[tuple[LakeTable, Any]]) -> DataFiles:
    """Write the rows of a staged batch into data files of tables; no snapshot names the files yet.

    A task that fails or runs twice leaves files that no snapshot will name; maintenance deletes them.

    Args:
        lake: The lake.
        staged: The batch.
        tables: Each table, and the loaded one, as :meth:`Lake.load` returns it.

    Returns:
        The files' texts by table, for ``iceberg.stage_files`` or ``iceberg.replace_rows``.

    Raises:
        RunFailedError: Files can't be written.
    """
    found: DataFiles = defaultdict(list)
    gathered = [GatheredTable(target_of(lake, loaded, one.name), one.kind, one.rows) for one, loaded in tables]
    by_payload = [one for one in gathered if one.kind is RowKind.INSTANCE]
    by_row = [one for one in gathered if one.kind is not RowKind.INSTANCE]
    pairs: list[tuple[str, str]] = []
    if by_payload and staged.counts.instances:
        pairs += _gather_payloads(lake, staged, by_payload)
    if by_row:
        pairs += _gather_rows(staged, by_row)
    for table, text in pairs:
        found[table].append(text)
    return found


def _gather_payloads(lake: Lake, staged: StagedBatch, tables: Sequence[GatheredTable]) -> list[tuple[str, str]]:
    tasks = assign_payloads(staged.payloads(), cores=lake.spark.sparkContext.defaultParallelism)
    write = partial(gather_payloads, tables=tables, period=staged.period, filling=_filling(promoted_columns(lake)))
    if staged.rows is not None and staged.has_payloads:
        return [pair for task in tasks for pair in write(_own_payloads(staged.rows, task), task)]
    routed = _routes(lake, tasks)
    payloads = staged.frame.where(F.col("kind") == RowKind.INSTANCE)
    sent = _send_to_tasks(
        payloads.join(F.broadcast(routed), "payload_id").select("task", "partition_values", "source_uri", "payload"),
        len(tasks),
    ).sortWithinPartitions(F.size("partition_values") == 1, F.col("partition_values")[0], "source_uri")
    with records_per_batch(lake.spark, _PAYLOADS_PER_BATCH):
        return _collect(sent.mapInArrow(partial(_write_payloads, tasks=tasks, write=write), _RESULT))


def _routes(lake: Lake, tasks: Sequence[PayloadTask]) -> DataFrame:
    """Return the numbers of the tasks of each payload: from pandas, because a list passes through a Python worker."""
    ids = [payload for task in tasks for payload in task.payloads]
    numbers = [number for number, task in enumerate(tasks) for _ in task.payloads]
    frame = pa.table({"payload_id": ids, "task": numbers}).to_pandas()
    return lake.spark.createDataFrame(frame, "payload_id bigint, task int")


def _filling(promoted: Sequence[Promoted]) -> Filling | None:
    if not promoted:
        return None
    # Where it fills a column, it also adds reasons.
    names = {"invalid_values", *(one.column for one in promoted)}
    return Filling(frozenset(names), partial(fill_rows, promoted=tuple(promoted)))


def _own_payloads(rows: pa.Table, task: PayloadTask) -> Iterator[tuple[list[int], str, pa.Buffer]]:
    """Yield the payloads of a task from a stage in memory, in the order that Spark sorts them in."""
    own = rows.filter(pc.is_in(rows.column("payload_id"), pa.array(task.payloads, pa.int64())))
    columns = (own.column(name) for name in ("partition_values", "source_uri", "payload"))
    found = [(values.as_py(), uri.as_py(), payload.as_buffer()) for values, uri, payload in zip(*columns, strict=True)]
    yield from sorted(found, key=lambda one: (len(one[0]) == 1, one[0][0], one[1]))


def _write_payloads(
    batches: Iterator[pa.RecordBatch], tasks: Sequence[PayloadTask], write: Callable[..., Iterator[tuple[str, str]]]
) -> Iterator[pa.RecordBatch]:
    """Gather the payloads of one task on an executor."""

    def payloads(first: pa.RecordBatch) -> Iterator[tuple[list[int], str, pa.Buffer]]:
        for batch in chain([first], batches):
            columns = (batch.column(name) for name in ("partition_values", "source_uri", "payload"))
            for values, uri, payload in zip(*columns, strict=True):
                yield values.as_py(), uri.as_py(), payload.as_buffer()

    first = next((batch for batch in batches if batch.num_rows), None)
    if first is not None:
        yield from _to_result(write(payloads(first), tasks[first.column("task")[0].as_py()]))


def _gather_rows(staged: StagedBatch, tables: Sequence[GatheredTable]) -> list[tuple[str, str]]:
    if staged.rows is not None and staged.rows.num_rows <= _ROWS_PER_TASK:
        return list(gather_rows(staged.rows, tables))
    number = math.ceil((staged.counts.objects + staged.counts.failures.total()) / _ROWS_PER_TASK) or 1
    # All entries of an object, and all objects of a bucket of the ledger, meet in one task.
    bucket = F.expr(f"pmod({CATALOG}.system.bucket(16, source_uri), {number})").cast("int")
    rows = staged.frame.where(F.col("kind") != RowKind.INSTANCE).drop("payload", "partition_values")
    sent = _send_to_tasks(rows.withColumn("task", bucket), number)
    return _collect(sent.mapInArrow(partial(_write_rows, tables=tables), _RESULT))


def _write_rows(batches: Iterator[pa.RecordBatch], tables: Sequence[GatheredTable]) -> Iterator[pa.RecordBatch]:
    held = [batch for batch in batches if batch.num_rows]
    if held:
        yield from _to_result(gather_rows(pa.Table.from_batches(held), tables))


def _to_result(pairs: Iterator[tuple[str, str]]) -> Iterator[pa.RecordBatch]:
    for table, text in pairs:
        yield pa.RecordBatch.from_arrays([[table], [text]], names=["table_name", "data_file"])


def _collect(result: DataFrame) -> list[tuple[str, str]]:
    with raise_task_errors():
        return [(row["table_name"], row["data_file"]) for row in result.collect()]


def _send_to_tasks(rows: DataFrame, number: int) -> DataFrame:
    """Shuffle rows so that those of the column ``task``, 0 to ``number`` - 1, form one partition each."""
    keys = F.array(*map(F.lit, partition_keys(number)))
    return rows.repartition(number, keys[F.col("task")])


def partition_keys(number: int) -> list[int]:
    """Return an integer for each of ``number`` partitions that Spark's hash partitioning puts there.

    Spark 3 has no partitioning by number: ``repartition`` takes the partition of a value from its hash, Murmur3 with
    the seed 42 (``HashPartitioning``), so that two of few tasks often meet in one partition.
    """
    found: dict[int, int] = {}
    start = 0
    while len(found) < number:
        integers = range(start, start + 4 * number)
        hashes = murmur3([struct.pack("<i", one) for one in integers], seed=42).astype("int32")
        for integer, hashed in zip(integers, hashes.tolist(), strict=True):
            found.setdefault(hashed % number, integer)
        start += 4 * number
    return [found[one] for one in range(number)]
