"""The commits of a staged batch: one per table, in the order of the layout; the ledger ``objects`` comes last.

Each table gets one snapshot, staged under the batch's id and then published (write-audit-publish). A table whose
history already holds the id was committed by an earlier try, and is skipped.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import Field, Promoted, quote_text
from dicom_udf.lake import layout
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.layout import INSTANCES, LakeTable
from dicom_udf.lake.promoted_columns import fill_columns, promoted_columns
from dicom_udf.lake.publish import publish
from dicom_udf.lake.stage import StagedCounts
from dicom_udf.lake.tables import Lake
from dicom_udf.row_kind import RowKind

__all__ = ["commit_batch"]


def commit_batch(lake: Lake, batch: Batch, counts: StagedCounts) -> None:
    """Publish a staged batch; tables in which it is published already are skipped.

    Args:
        lake: The lake.
        batch: The batch.
        counts: Counts of its stage: an append or MERGE without rows would still make a snapshot.
    """
    staged = lake.staging_table(batch.stage)
    promoted = promoted_columns(lake)
    missing = [one for one in promoted if one.column not in staged.columns]  # promoted since the batch was staged
    staged = fill_columns(staged, missing)
    by_kind = {RowKind.INSTANCE: counts.instances, RowKind.FAILURE: counts.failures.total(), None: counts.objects}
    for table in layout.LAKE_TABLES:
        rows, count = _rows(lake, table, staged, promoted), by_kind[table.kind]
        if not batch.is_new:
            write = partial(_merge, lake, table, rows, count, batch)
        elif count:
            write = partial(_append, lake, table, rows)
        else:
            continue
        publish(lake, table.name, batch.id, begun=batch.begun, write=write)


def _rows(lake: Lake, table: LakeTable, staged: DataFrame, promoted: Sequence[Promoted]) -> DataFrame:
    """Return a table's rows of a batch, with its columns in order."""
    if table.kind is not None:
        staged = staged.where(F.col("kind") == table.kind)
    rows = lake.spark.sql(table.rows, staged=staged)
    further = [one.field for one in promoted] if table.name == INSTANCES.name else []
    return rows.selectExpr(*_select([*table.columns().fields, *further], set(rows.columns)))


def _select(fields: Sequence[Field], present: set[str]) -> list[str]:
    """Return an expression for each column: null where the version that staged the rows did not declare it.

    In SQL: as objects, 370 columns are over a thousand calls of Java.
    """
    return [
        f"`{field.name}`" if field.name in present else f"CAST(NULL AS {field.type}) AS `{field.name}`"
        for field in fields
    ]


def _study_dates(planned: DataFrame, rows: DataFrame) -> list[date]:
    """Return each study date at which the batch removes or adds rows: the MERGE reads these partitions only."""
    old = planned.select(F.explode("old_study_dates").alias("study_date"))
    return sorted(row["study_date"] for row in old.union(rows.select("study_date")).distinct().collect())


def _append(lake: Lake, table: LakeTable, rows: DataFrame) -> None:
    rows.writeTo(lake.name(table.name)).append()


def _merge(lake: Lake, table: LakeTable, rows: DataFrame, count: int, batch: Batch) -> None:
    """Replace all rows of the planned objects by ``rows``, ``count`` of them, in one snapshot.

    One tombstone per object matches its old rows; a row to insert matches none (design.md, "Exactly once").
    """
    planned = batch.planned_objects(lake)
    dates = _study_dates(planned, rows) if table.is_by_study_date else []
    tombstones = planned.select(F.col("source_uri").alias("delete_uri"), F.lit(False).alias("is_row"))
    known = lake.table(table.name)
    pruning = ""
    if dates:
        known = known.where(F.col("study_date").isin(dates))
        pruning = f"AND t.study_date IN ({', '.join(f'DATE {quote_text(str(day))}' for day in dates)})"
    known = known.join(tombstones, F.col("source_uri") == F.col("delete_uri"), "left_semi")
    if not count and known.isEmpty():
        return
    new_rows = rows.withColumn("delete_uri", F.lit(None).cast("string")).withColumn("is_row", F.lit(True))
    view = f"merge_into_{table.name}"
    new_rows.unionByName(tombstones, allowMissingColumns=True).createOrReplaceTempView(view)
    names = rows.columns
    lake.spark.sql(
        f"MERGE INTO {lake.name(table.name)} t USING {view} s ON t.source_uri = s.delete_uri {pruning} "
        f"WHEN MATCHED THEN DELETE "
        f"WHEN NOT MATCHED AND s.is_row THEN INSERT ({', '.join(names)}) VALUES ({', '.join(f's.{n}' for n in names)})"
    )
    lake.spark.catalog.dropTempView(view)
