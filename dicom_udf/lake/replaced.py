"""The positions of rows that a batch replaces, as position-delete files (Iceberg's specification)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from functools import partial
from itertools import groupby
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.datafiles import WriteTarget, write_position_deletes
from dicom_udf.datafiles.partitions import partition_fields
from dicom_udf.lake import iceberg
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.faults import raise_task_errors
from dicom_udf.lake.layout import LakeTable
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import target_of

__all__ = ["write_deletes"]


def write_deletes(
    lake: Lake, table: LakeTable, loaded: Any, batch: Batch, *, snapshot: int, dates: Sequence[date]
) -> tuple[list[str], list[str]]:
    """Write the positions of all rows of a batch's planned objects, one file for each data file that has some.

    Args:
        lake: The lake.
        table: The table.
        loaded: The same, as :meth:`Lake.load` returns it.
        batch: The batch.
        snapshot: The snapshot whose rows are sought.
        dates: Study dates at which the rows can be; empty where the table isn't partitioned by date.

    Returns:
        The delete files' texts, and the paths of the data files that they refer to.
    """
    target = target_of(lake, loaded, table.name)
    partition = iceberg.partition_names(lake.spark, loaded)
    known = lake.spark.read.option("snapshot-id", str(snapshot)).table(lake.name(table.name))
    if dates:
        known = known.where(F.col("study_date").isin(list(dates)))
    found = _of_planned(lake, batch, known).select(
        F.col("_file").alias("file"),
        F.col("_pos").alias("pos"),
        F.col("_spec_id").alias("spec_id"),
        *(F.col("_partition").getField(name).alias(f"partition_{name}") for name in partition),
    )
    sorted_by_file = found.repartition("file").sortWithinPartitions("file", "pos")
    with raise_task_errors():
        rows = sorted_by_file.mapInArrow(
            partial(_write_files, target=target), "delete_file string, data_file string"
        ).collect()
    return [row["delete_file"] for row in rows], [row["data_file"] for row in rows]


def _of_planned(lake: Lake, batch: Batch, known: DataFrame) -> DataFrame:
    uris = batch.uris(lake, most=iceberg.PUSHED_VALUES)
    if uris is not None:
        return known.where(F.col("source_uri").isin(uris))
    planned = batch.planned_objects(lake).select(F.col("source_uri").alias("planned_uri"))
    return known.join(planned, F.col("source_uri") == F.col("planned_uri"), "left_semi")


def _write_files(batches: Iterator[pa.RecordBatch], target: WriteTarget) -> Iterator[pa.RecordBatch]:
    """Write one delete file for each run of rows with the same data file."""
    rows = (row for batch in batches for row in batch.to_pylist())
    for file, group in groupby(rows, key=lambda row: row["file"]):
        yield _write_file(file, list(group), target)


def _write_file(file: str, rows: list[dict[str, Any]], target: WriteTarget) -> pa.RecordBatch:
    spec_id = rows[0]["spec_id"]
    text = write_position_deletes(
        target,
        spec_id=spec_id,
        partition=tuple(rows[0][f"partition_{field.name}"] for field in partition_fields(target, spec_id)),
        data_file=file,
        positions=[row["pos"] for row in rows],
    )
    return pa.RecordBatch.from_arrays([[text], [file]], names=["delete_file", "data_file"])
