"""The commits of a staged batch: ``instances``, then ``failures``, then the ledger ``objects``.

Each table gets one snapshot, staged under the batch's id and then published (write-audit-publish). A table whose
history already holds the id was committed by an earlier try, and is left alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import partial

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import Promoted, failures_table, instances_table, objects_table, quote_text
from dicom_udf.errors import FailureCode
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.promoted import filled, promoted_columns
from dicom_udf.lake.publish import publish
from dicom_udf.lake.stage import StagedCounts
from dicom_udf.lake.tables import Lake
from dicom_udf.read import RowKind

__all__ = ["commit_batch"]

_CURABLE = [str(code) for code in FailureCode if code.is_curable]


def commit_batch(lake: Lake, batch: Batch, counts: StagedCounts) -> None:
    """Publish a staged batch; what is published already is skipped.

    Args:
        lake: Where.
        batch: Which one.
        counts: What its stage holds: an empty append or MERGE would still make a snapshot.
    """
    staged = lake.staging_table(batch.stage)
    promoted = promoted_columns(lake)
    late = [one for one in promoted if one.column not in staged.columns]  # promoted since the batch was staged
    frames = {
        "instances": (filled(staged.where(F.col("kind") == RowKind.INSTANCE), late), counts.instances),
        "failures": (staged.where(F.col("kind") == RowKind.FAILURE), counts.failures.total()),
        "objects": (_ledger_rows(staged), counts.objects),
    }
    for table, (rows, count) in frames.items():
        frame = rows.selectExpr(*_columns(rows, table, promoted))
        if not batch.is_new:
            write = partial(_merge, lake, table, frame, count, batch)
        elif count:
            write = partial(_append, lake, table, frame)
        else:
            continue
        publish(lake, table, batch.id, begun=batch.begun, write=write)


def _columns(rows: DataFrame, table: str, promoted: Sequence[Promoted]) -> list[str]:
    """The table's columns; null where an older version of this software has staged the rows and didn't know one.

    In SQL: as objects, 370 columns are over a thousand calls to Java.
    """
    further = tuple(one.field for one in promoted)
    tables = {"instances": instances_table(further), "failures": failures_table(), "objects": objects_table()}
    there = set(rows.columns)
    return [
        f"`{field.name}`" if field.name in there else f"CAST(NULL AS {field.type}) AS `{field.name}`"
        for field in tables[table].fields
    ]


def _ledger_rows(staged: DataFrame) -> DataFrame:
    """One ledger row per object read, its counts taken from the rows that were staged."""
    is_curable = (F.col("kind") == RowKind.FAILURE) & F.col("code").isin(_CURABLE)
    same = ("source_size", "source_etag", "source_last_modified", "ingest_run_id", "ingest_time")
    return staged.groupBy("source_uri").agg(
        *(F.first(name).alias(name) for name in same),
        F.count_if(F.col("kind") == RowKind.INSTANCE).alias("instances"),
        F.count_if(F.col("kind") == RowKind.FAILURE).alias("failures"),
        F.array_sort(F.collect_set("study_date")).alias("study_dates"),
        F.max(is_curable).alias("ingest_retry"),
        F.when(F.max(is_curable), "failed").otherwise("ingested").alias("status"),
    )


def _study_dates(planned: DataFrame, rows: DataFrame) -> list[date]:
    """Every study date at which the batch takes away or adds rows: outside these partitions the MERGE reads nothing."""
    old = planned.select(F.explode("old_study_dates").alias("study_date"))
    return sorted(row["study_date"] for row in old.union(rows.select("study_date")).distinct().collect())


def _append(lake: Lake, table: str, rows: DataFrame) -> None:
    rows.writeTo(lake.name(table)).append()


def _merge(lake: Lake, table: str, rows: DataFrame, count: int, batch: Batch) -> None:
    """Replace all rows of the planned objects by ``rows``, ``count`` of them, in one snapshot.

    One tombstone per object matches its old rows; a row to insert matches nothing (design.md, "Exactly once").
    """
    planned = batch.planned(lake)
    dates = _study_dates(planned, rows) if table == "instances" else []
    tombstones = planned.select(F.col("source_uri").alias("delete_uri"), F.lit(False).alias("is_row"))
    known = lake.table(table)
    pruning = ""
    if dates:
        known = known.where(F.col("study_date").isin(dates))
        pruning = f"AND t.study_date IN ({', '.join(f'DATE {quote_text(str(day))}' for day in dates)})"
    known = known.join(tombstones, F.col("source_uri") == F.col("delete_uri"), "left_semi")
    if not count and known.isEmpty():
        return
    new_rows = rows.withColumn("delete_uri", F.lit(None).cast("string")).withColumn("is_row", F.lit(True))
    view = f"merge_into_{table}"
    new_rows.unionByName(tombstones, allowMissingColumns=True).createOrReplaceTempView(view)
    names = rows.columns
    lake.spark.sql(
        f"MERGE INTO {lake.name(table)} t USING {view} s ON t.source_uri = s.delete_uri {pruning} "
        f"WHEN MATCHED THEN DELETE "
        f"WHEN NOT MATCHED AND s.is_row THEN INSERT ({', '.join(names)}) VALUES ({', '.join(f's.{n}' for n in names)})"
    )
    lake.spark.catalog.dropTempView(view)
