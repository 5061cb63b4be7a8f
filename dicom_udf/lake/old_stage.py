"""Stages of version 0.2.0 and before: one wide row per file found, as the run that wrote them left them."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pyarrow as pa
from pyspark.sql import DataFrame

from dicom_udf.columns import spark_ddl
from dicom_udf.errors import FailureCode
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.promoted_columns import promoted_columns
from dicom_udf.lake.session import records_per_batch
from dicom_udf.lake.stage import create_stage
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import period_of, target_of
from dicom_udf.packing import STAGE, pack_instances, stage_batches
from dicom_udf.row_kind import RowKind

__all__ = ["convert_stage"]

_ROWS_PER_BATCH = 64
"""Rows that go to Python at once: a header has 8 MiB at worst. So many rows of one date have a payload of their own."""

_NOT_OF_INSTANCES = ("kind", "code", "severity", "message", "part", "bytes_read", "requests")

_CURABLE = ", ".join(f"'{code}'" for code in FailureCode if code.is_curable)

_ENTRIES = f"""
SELECT
    '{RowKind.OBJECT}' AS kind,
    source_uri,
    first(source_size) AS source_size,
    first(source_etag) AS source_etag,
    first(source_last_modified) AS source_last_modified,
    first(ingest_run_id) AS ingest_run_id,
    first(ingest_time) AS ingest_time,
    0 AS part,
    count_if(kind = '{RowKind.INSTANCE}') AS instances,
    count_if(kind = '{RowKind.FAILURE}') AS failures,
    count(source_member) AS members,
    array_sort(collect_set(study_date)) AS study_dates,
    max(kind = '{RowKind.FAILURE}' AND code IN ({_CURABLE})) AS is_curable,
    coalesce(sum(bytes_read), 0) AS bytes_read,
    coalesce(sum(requests), 0) AS requests
FROM {{wide}}
GROUP BY source_uri
"""


def convert_stage(lake: Lake, batch: Batch) -> str:
    """Return the name of a batch's stage in today's form; an older one is packed into a table of its own by one pass.

    A run that dies before the batch is published leaves the older stage, and the next run packs it again.
    """
    wide = lake.staging_table(batch.stage)
    if "payload" in wide.columns:
        return batch.stage
    name = f"packed_{batch.id}"
    period = period_of(target_of(lake, lake.load(INSTANCES.name), INSTANCES.name))
    create_stage(lake, name, period)
    failures = wide.where(f"kind = '{RowKind.FAILURE}'").select(
        *(field.name for field in STAGE.fields if field.name in wide.columns and field.name not in _NOT_OF_FAILURES)
    )
    entries = lake.spark.sql(_ENTRIES, wide=wide)
    packed = _pack(lake, wide, period)
    rows = packed.unionByName(failures, allowMissingColumns=True).unionByName(entries, allowMissingColumns=True)
    with records_per_batch(lake.spark, _ROWS_PER_BATCH):
        rows.writeTo(lake.staging_name(name)).append()
    return name


_NOT_OF_FAILURES = ("part", "bytes_read", "requests")


def _pack(lake: Lake, wide: DataFrame, period: str) -> DataFrame:
    rows = wide.where(f"kind = '{RowKind.INSTANCE}'").drop(*_NOT_OF_INSTANCES)
    keep = frozenset(one.column for one in promoted_columns(lake) if one.column in wide.columns)
    return rows.mapInArrow(partial(_pack_rows, period=period, keep=keep), spark_ddl(STAGE))


def _pack_rows(batches: Iterator[pa.RecordBatch], period: str, keep: frozenset[str]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        if batch.num_rows:
            yield from stage_batches(pack_instances(pa.Table.from_batches([batch]), period, keep=keep))
