"""Reading a batch: once, on the executors, into a staging table of its own."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import pyarrow as pa

from dicom_udf.columns import spark_ddl
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.faults import raise_task_errors
from dicom_udf.lake.promoted_columns import promoted_columns
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import instances_period
from dicom_udf.packing import STAGE, pack_batches
from dicom_udf.tasks import ReadSettings, make_tasks, split_objects

__all__ = ["STAGE_PROPERTIES", "LiveCounts", "stage_batch"]

STAGE_PROPERTIES = {
    # Payloads are packed already. Iceberg's writer and its vectorized reader hold some hundred rows at the least, and
    # a row may have 8 MiB and more.
    "write.parquet.compression-codec": "uncompressed",
    "write.parquet.row-group-size-bytes": str(32 << 20),
    "write.parquet.row-group-check-min-record-count": "1",
    "write.parquet.row-group-check-max-record-count": "16",
    "read.parquet.vectorization.enabled": "false",
}
"""Properties of the staging table of a batch, besides those of all staging tables."""


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
    """Read the batch's objects on the executors, once, and append their rows to its staging table in one commit.

    Nothing is staged if a task fails for good: the next run reads the batch again.

    Args:
        lake: Where.
        batch: Which objects.
        settings: How they are read.
        live: Counts for the progress line.

    Raises:
        RunFailedError: The source can't be read at all, e.g. since credentials have expired.
    """
    lake.create_staging(batch.stage, spark_ddl(STAGE), STAGE_PROPERTIES)
    context = lake.spark.sparkContext
    items = list(split_objects(batch.objects_to_read(lake), settings))
    tasks = make_tasks(items, cores=context.defaultParallelism)
    if not tasks:
        return
    # A slice per task: Spark starts them in their order, and ships to each only what is its own.
    packed = context.parallelize([(pickle.dumps(task),) for task in tasks], len(tasks))
    promoted = promoted_columns(lake)
    read = partial(_read_tasks, settings=settings, period=instances_period(lake), promoted=promoted, on_object=live.add)
    rows = lake.spark.createDataFrame(packed, "task binary", verifySchema=False).mapInArrow(read, spark_ddl(STAGE))
    with raise_task_errors():
        rows.writeTo(lake.staging_name(batch.stage)).append()


def _read_tasks(batches: Iterator[pa.RecordBatch], **arguments: Any) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for task in batch.column(0).to_pylist():
            yield from pack_batches(pickle.loads(task), **arguments)
