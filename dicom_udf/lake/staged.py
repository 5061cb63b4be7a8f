"""A staged batch: its counts, its index, and its rows, in memory unless they are many."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.datafiles.reading import read_live_rows
from dicom_udf.gathering import Payload
from dicom_udf.lake import iceberg
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.stage import STAGE_PERIOD
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import target_of
from dicom_udf.packing import STAGE
from dicom_udf.row_kind import RowKind

__all__ = ["StagedBatch", "StagedCounts", "is_staged", "open_staged"]

SMALL_BYTES = 8 << 20
"""A stage of so many bytes at most is read by the driver whole: a Spark job takes longer than all its rows."""

INDEX_ROWS = 300_000
"""Rows that the driver holds without their payloads, some 300 bytes each: more than the objects of a batch."""

_INDEX_FILES = 1_000

_INDEX = ("payload_id", "partition_values", "unpacked_bytes", "packed_bytes", "source_uri")


@dataclass(frozen=True, slots=True)
class StagedCounts:
    """The content of one batch, counted from its stage: counts of tasks double when they are retried.

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


@dataclass(frozen=True, slots=True)
class StagedBatch:
    """A batch that was read and staged whole.

    Attributes:
        lake: The lake.
        batch: The batch.
        stage: Name of its staging table.
        period: ``day``, ``month`` or ``year``: the period of its partition values.
        counts: Its rows by kind.
        rows: Its rows in memory, without the column ``payload`` where that is large; None where they are many.
    """

    lake: Lake
    batch: Batch
    stage: str
    period: str
    counts: StagedCounts
    rows: pa.Table | None

    @property
    def has_payloads(self) -> bool:
        """Whether its payloads are in memory."""
        return self.rows is not None and "payload" in self.rows.column_names

    @property
    def frame(self) -> DataFrame:
        """Its rows in Spark, with the columns of :data:`dicom_udf.packing.STAGE`."""
        return self.lake.staging_table(self.stage)

    def payloads(self) -> list[Payload]:
        """Return its payloads, without their bytes."""
        if self.rows is not None:
            found = _of_kind(self.rows, RowKind.INSTANCE).select(_INDEX).to_pylist()
            return [Payload(*row.values()) for row in found]
        return [Payload(*row) for row in self.frame.where(F.col("kind") == RowKind.INSTANCE).select(*_INDEX).collect()]

    def study_dates(self) -> set[date]:
        """Return the study dates of its instances."""
        if self.rows is not None:
            found = pc.list_flatten(_of_kind(self.rows, RowKind.OBJECT).column("study_dates"))
            return set(found.unique().to_pylist())
        dates = self.frame.where(F.col("kind") == RowKind.OBJECT).select(F.explode("study_dates").alias("day"))
        return {row["day"] for row in dates.distinct().collect()}


def is_staged(lake: Lake, stage: str) -> bool:
    """Return whether a staging table holds a batch: it is written by one atomic append, so it is whole or empty."""
    return iceberg.current_snapshot(iceberg.load_table(lake.spark, lake.staging_name(stage))) is not None


def open_staged(lake: Lake, batch: Batch, stage: str | None = None) -> StagedBatch:
    """Open the stage of a batch, and count what it holds.

    Args:
        lake: The lake.
        batch: The batch.
        stage: Name of the staging table; by default the batch's own.
    """
    name = stage or batch.stage
    table = iceberg.load_table(lake.spark, lake.staging_name(name))
    period = iceberg.properties(table)[STAGE_PERIOD]
    rows = _read_rows(lake, table, name)
    counts = _count_frame(lake.staging_table(name)) if rows is None else _count_rows(rows)
    return StagedBatch(lake, batch, name, period, counts, rows)


def _read_rows(lake: Lake, stage: Any, name: str) -> pa.Table | None:
    """Return the rows of a stage, without their payloads where these are large; None where the rows are many."""
    files = iceberg.live_files(lake.spark, stage, most=_INDEX_FILES)
    if files is None or sum(one.rows for one in files) > INDEX_ROWS:
        return None
    is_small = sum(one.bytes for one in files) <= SMALL_BYTES
    names = [field.name for field in STAGE.fields if is_small or field.name != "payload"]
    return read_live_rows(files, target_of(lake, stage, name), names)


def _count_rows(rows: pa.Table) -> StagedCounts:
    objects, failures = _of_kind(rows, RowKind.OBJECT), _of_kind(rows, RowKind.FAILURE)
    read = objects.filter(pc.greater(objects.column("instances"), 0))

    def total(name: str) -> int:
        return pc.sum(objects.column(name)).as_py() or 0

    return StagedCounts(
        objects=pc.sum(pc.equal(objects.column("part"), 0)).as_py() or 0,
        members=total("members"),
        instances=total("instances"),
        failures=Counter(failures.column("code").to_pylist()),
        bytes_read=total("bytes_read"),
        requests=total("requests"),
        oldest=pc.min(read.column("source_last_modified")).as_py(),
    )


def _count_frame(frame: DataFrame) -> StagedCounts:
    names = ("members", "instances", "bytes_read", "requests")
    found = (
        frame.where(F.col("kind") != RowKind.INSTANCE)
        .groupBy("kind", "code")
        .agg(
            F.count("*").alias("rows"),
            F.count_if(F.col("part") == 0).alias("objects"),
            F.min(F.when(F.col("instances") > 0, F.col("source_last_modified"))).alias("oldest"),
            *(F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in names),
        )
        .collect()
    )
    return StagedCounts(
        objects=sum(row["objects"] for row in found),
        members=sum(row["members"] for row in found),
        instances=sum(row["instances"] for row in found),
        failures=Counter({row["code"]: row["rows"] for row in found if row["kind"] == RowKind.FAILURE}),
        bytes_read=sum(row["bytes_read"] for row in found),
        requests=sum(row["requests"] for row in found),
        oldest=min((row["oldest"] for row in found if row["oldest"] is not None), default=None),
    )


def _of_kind(rows: pa.Table, kind: RowKind) -> pa.Table:
    return rows.filter(pc.equal(rows.column("kind"), str(kind)))
