"""Reading a batch: once, on the executors, into a staging table of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark import Broadcast

from dicom_udf.collector import collect_rarely
from dicom_udf.columns import spark_ddl
from dicom_udf.datafiles import write_data_files
from dicom_udf.lake import iceberg
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.faults import raise_task_errors
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.promoted_columns import promoted_columns
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import period_of, target_of
from dicom_udf.packing import STAGE, pack_batches
from dicom_udf.tasks import (
    LEAST_COST,
    Item,
    ReadSettings,
    expected_cost,
    make_tasks,
    pack_tasks,
    split_objects,
    unpack_tasks,
)

__all__ = ["SMALL_COST", "STAGE_PERIOD", "LiveCounts", "create_stage", "stage_batch"]

_PROPERTIES = {
    # Payloads are packed already. Iceberg's writer and its vectorized reader hold some hundred rows at the least, and
    # a row may have 8 MiB and more.
    "write.parquet.compression-codec": "uncompressed",
    "write.parquet.row-group-size-bytes": str(32 << 20),
    "write.parquet.row-group-check-min-record-count": "1",
    "write.parquet.row-group-check-max-record-count": "16",
    "read.parquet.vectorization.enabled": "false",
}
"""Properties of the staging table of a batch, besides those of all staging tables."""

STAGE_PERIOD = "dicom-lake.period"
"""The property that has the period of the stage's partition values: ``instances`` may have another one later."""


SMALL_COST = LEAST_COST
"""A batch of this expected cost at most, in headers of loose objects, is read by the driver."""


class LiveCounts:
    """Counts for a progress line while tasks run. Approximate: a task that is retried counts twice."""

    def __init__(self, lake: Lake) -> None:
        context = lake.spark.sparkContext
        self._objects = context.accumulator(0)
        self._instances = context.accumulator(0)
        self._failures = context.accumulator(0)

    def add(self, entry: Mapping[str, Any]) -> None:
        """Count one object, or range of a zip, by its entry in the ledger; called on executors."""
        self._objects.add(1)
        self._instances.add(entry["instances"])
        self._failures.add(entry["failures"])

    def poll(self) -> tuple[int, int, int]:
        """Return objects, instances and failures of the tasks that have ended; called on the driver."""
        return self._objects.value, self._instances.value, self._failures.value


def stage_batch(lake: Lake, batch: Batch, settings: ReadSettings, *, live: LiveCounts) -> None:
    """Read the batch's objects, once, and append their rows to its staging table in one commit.

    The executors read them, or this process where they are few: Spark takes seconds to start its first task. Nothing
    is staged if a task fails for good: the next run reads the batch again.

    Args:
        lake: Where.
        batch: Which objects.
        settings: How they are read.
        live: Counts for the progress line.

    Raises:
        RunFailedError: The source can't be read at all, e.g. since credentials have expired.
    """
    loaded = lake.load(INSTANCES.name)
    period = period_of(target_of(lake, loaded, INSTANCES.name))
    stage = create_stage(lake, batch.stage, period)
    items = list(split_objects(batch.objects_to_read(lake), settings))
    if not items:
        return
    pack = partial(
        pack_batches,
        settings=settings,
        period=period,
        promoted=promoted_columns(lake, loaded),
        on_object=live.add,
    )
    if sum(map(expected_cost, items)) > SMALL_COST:
        _stage_by_executors(lake, batch, items, pack)
        return
    rows = (pa.Table.from_batches([one]) for one in pack(items))
    names = [field.name for field in STAGE.fields]
    files = list(write_data_files(target_of(lake, stage, batch.stage), rows, partition=(), columns=names))
    iceberg.append_files(lake.spark, stage, files)


def create_stage(lake: Lake, name: str, period: str) -> Any:
    """Make the empty staging table of a batch and return it; ``period`` is that of its partition values."""
    return lake.create_staging(name, spark_ddl(STAGE), {**_PROPERTIES, STAGE_PERIOD: period})


_Pack = Callable[[Iterable[Item]], Iterator[pa.RecordBatch]]


def _stage_by_executors(lake: Lake, batch: Batch, items: Sequence[Item], pack: _Pack) -> None:
    context = lake.spark.sparkContext
    tasks = make_tasks(items, cores=context.defaultParallelism)
    shipped = context.broadcast(pack_tasks(tasks))  # Spark starts partitions in their order
    numbers = lake.spark.range(0, len(tasks), numPartitions=len(tasks))
    try:
        with raise_task_errors():
            rows = numbers.mapInArrow(partial(_read_tasks, shipped=shipped, pack=pack), spark_ddl(STAGE))
            rows.writeTo(lake.staging_name(batch.stage)).append()
    finally:
        shipped.destroy()


def _read_tasks(
    batches: Iterable[pa.RecordBatch], shipped: Broadcast[list[bytes]], pack: _Pack
) -> Iterator[pa.RecordBatch]:
    collect_rarely()
    for task in unpack_tasks(batches, shipped.value):
        yield from pack(task)
