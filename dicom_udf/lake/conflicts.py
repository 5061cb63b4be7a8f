"""Objects that the ledger and S3's events describe differently."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import functions as F

from dicom_udf.columns import spark_ddl
from dicom_udf.lake.listing import LISTING_TABLE, arrow_frame
from dicom_udf.lake.tables import Lake

__all__ = ["find_conflicts"]


def find_conflicts(lake: Lake, described: Iterable[pa.RecordBatch], with_retries: bool) -> Iterator[str]:
    """Yield the URIs of objects whose size or etag differs between ledger and events.

    The ledger holds no order of events: such an object was replaced, or an old event came late. S3 decides.

    Args:
        lake: The lake with the ledger.
        described: Objects as the events describe them, of ``OBJECT_SCHEMA``; each object once.
        with_retries: Also yield the objects of the ledger with a curable failure.
    """
    found = arrow_frame(lake, list(described), spark_ddl(LISTING_TABLE)).alias("found")
    known = lake.table("objects").alias("known")
    is_same = (F.col("found.source_size") == F.col("known.source_size")) & (
        F.col("found.source_etag") == F.col("known.source_etag")
    )
    differs = F.col("found.source_uri").isNotNull() & ~is_same
    joined = known.join(
        found, F.col("known.source_uri") == F.col("found.source_uri"), "left_outer" if with_retries else "inner"
    )
    conflicts = joined.where(differs | F.col("known.ingest_retry") if with_retries else differs)
    for row in conflicts.select("known.source_uri").toLocalIterator():
        yield row["source_uri"]
