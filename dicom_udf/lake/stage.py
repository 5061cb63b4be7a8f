"""Reading a batch: once, on the executors, into a staging table of its own."""

from __future__ import annotations

import pickle
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import spark_ddl
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.promoted_columns import promoted_columns
from dicom_udf.lake.tables import Lake
from dicom_udf.read import read_batches, staged_table
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectRef
from dicom_udf.tasks import ReadSettings, make_tasks, split_objects

__all__ = ["LiveCounts", "StagedCounts", "stage_batch", "staged_counts"]


@dataclass(frozen=True, slots=True)
class StagedCounts:
    """What one batch holds, counted from its stage: what tasks count doubles when they are retried.

    Attributes:
        objects: Objects read.
        members: Files found inside archives.
        instances: Rows of ``instances``.
        failures: Rows of ``failures`` by code.
        bytes_read: Bytes that came from the store.
        requests: Reads that went to the store.
        oldest: ``source_last_modified`` of the object that waited longest, among objects with an instance; UTC.
    """

    objects: int = 0
    members: int = 0
    instances: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    bytes_read: int = 0
    requests: int = 0
    oldest: datetime | None = None

    def __add__(self, other: StagedCounts) -> StagedCounts:
        """Return the counts of both."""
        counted = [f.name for f in fields(self) if f.name != "oldest"]
        times = [time for time in (self.oldest, other.oldest) if time is not None]
        sums = {name: getattr(self, name) + getattr(other, name) for name in counted}
        return StagedCounts(**sums, oldest=min(times, default=None))


class LiveCounts:
    """Counts for a progress line while tasks run. Approximate: a task that is retried counts twice."""

    def __init__(self, lake: Lake) -> None:
        context = lake.spark.sparkContext
        self._objects = context.accumulator(0)
        self._instances = context.accumulator(0)
        self._failures = context.accumulator(0)

    def add(self, instances: int, failures: int) -> None:
        """Count one object; called on executors."""
        self._objects.add(1)
        self._instances.add(instances)
        self._failures.add(failures)

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
    refs = [ObjectRef(*row) for row in _to_read(lake, batch).collect()]
    promoted = promoted_columns(lake)
    lake.create_staging(batch.stage, spark_ddl(staged_table(promoted)))
    schema = lake.staging_table(batch.stage).schema
    context = lake.spark.sparkContext
    items = list(split_objects(refs, settings))
    tasks = make_tasks(items, cores=context.defaultParallelism)
    if not tasks:
        return
    # A slice per task: Spark starts them in their order, and ships to each only what is its own.
    packed = context.parallelize([(pickle.dumps(task),) for task in tasks], len(tasks))
    read = partial(_read_tasks, settings=settings, promoted=promoted, on_object=live.add)
    rows = lake.spark.createDataFrame(packed, "task binary", verifySchema=False).mapInArrow(read, schema)
    try:
        rows.writeTo(lake.staging_name(batch.stage)).append()
    except CapturedException as error:
        failed = re.search(r"dicom_udf\.errors\.RunFailedError: (.*)", str(error))
        if failed is None:
            raise
        raise RunFailedError(failed[1]) from None  # the task's own message, without Spark's page of frames


def _to_read(lake: Lake, batch: Batch) -> DataFrame:
    """Return the batch's objects by name: the slices of a series are read together (design.md, "Reading a header")."""
    planned = batch.planned_objects(lake).where("action != 'deleted'").orderBy("source_uri")
    return planned.select("source_uri", "source_size", "source_etag", "source_last_modified")


def _read_tasks(batches: Iterator[pa.RecordBatch], **arguments: Any) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for task in batch.column(0).to_pylist():
            yield from read_batches(pickle.loads(task), **arguments)


def staged_counts(lake: Lake, batch: Batch) -> StagedCounts:
    """Count what a staged batch holds."""
    stage = lake.staging_table(batch.stage)
    rows = (
        stage.groupBy("kind", "code")
        .agg(
            F.count("*").alias("rows"),
            F.count("source_member").alias("members"),
            F.count_if(F.col("part") == 0).alias("objects"),
            F.coalesce(F.sum("bytes_read"), F.lit(0)).alias("bytes_read"),
            F.coalesce(F.sum("requests"), F.lit(0)).alias("requests"),
            F.min("source_last_modified").alias("oldest"),
        )
        .collect()
    )
    return StagedCounts(
        objects=sum(row["objects"] for row in rows),
        members=sum(row["members"] for row in rows),
        instances=sum(row["rows"] for row in rows if row["kind"] == RowKind.INSTANCE),
        failures=Counter({row["code"]: row["rows"] for row in rows if row["kind"] == RowKind.FAILURE}),
        bytes_read=sum(row["bytes_read"] for row in rows),
        requests=sum(row["requests"] for row in rows),
        oldest=min((row["oldest"] for row in rows if row["kind"] == RowKind.INSTANCE and row["oldest"]), default=None),
    )
