"""The listing of a run: in memory if it is short, otherwise in a staging table."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import pyarrow as pa
from pyspark.sql import DataFrame
from pyspark.sql.types import StructType

from dicom_udf.columns import Field, Table, spark_ddl
from dicom_udf.lake.batch import listing_name
from dicom_udf.lake.tables import Lake
from dicom_udf.sources.objects import OBJECT_SCHEMA

__all__ = ["HELD_OBJECTS", "LISTING_TABLE", "ListedObjects", "arrow_frame", "write_listing", "write_table"]

HELD_OBJECTS = 100_000
"""Most objects of a listing that the driver compares with the ledger itself: Spark takes seconds for the fewest."""

_LISTING_ROWS = 200_000
"""Rows of a chunk, at least, but for the last one: a first chunk of at most :data:`HELD_OBJECTS` is the listing."""

LISTING_TABLE = Table(
    "listing",
    "one row per object listed; without size and etag if it is gone",
    (
        Field("source_uri", "string", "the object"),
        Field("source_size", "bigint", "bytes"),
        Field("source_etag", "string", "as listed"),
        Field("source_last_modified", "timestamp_ntz", "UTC"),
    ),
)


@dataclass(frozen=True, slots=True)
class ListedObjects:
    """The listing of a plan.

    Attributes:
        objects: Number of objects, without those that are gone.
        held: The listing itself, of ``OBJECT_SCHEMA``, if it is short; None: it is in its staging table.
    """

    objects: int
    held: pa.Table | None = None


def write_listing(lake: Lake, plan_id: str, batches: Iterator[pa.RecordBatch]) -> ListedObjects:
    """Write the listing of a run to its staging table in bounded memory; one of :data:`HELD_OBJECTS` stays in memory.

    Args:
        lake: The lake.
        plan_id: Key of the plan.
        batches: The listing, of ``OBJECT_SCHEMA``.
    """
    chunks = _chunks(batches, _LISTING_ROWS)
    first = next(chunks, [])
    if sum(batch.num_rows for batch in first) <= HELD_OBJECTS:
        return ListedObjects(_present(first), pa.Table.from_batches(first, OBJECT_SCHEMA))
    return ListedObjects(write_table(lake, plan_id, chain([first], chunks)))


def write_table(lake: Lake, plan_id: str, chunks: Iterable[list[pa.RecordBatch]]) -> int:
    """Write a listing to its staging table, chunk by chunk; return the number of objects that are not gone."""
    name = listing_name(plan_id)
    lake.create_staging(name, spark_ddl(LISTING_TABLE))
    schema = lake.staging_table(name).schema
    total = 0
    for chunk in chunks:
        total += _present(chunk)
        arrow_frame(lake, chunk, schema).writeTo(lake.staging_name(name)).append()
    return total


def _present(batches: Iterable[pa.RecordBatch]) -> int:
    return sum(batch.num_rows - batch.column("source_size").null_count for batch in batches)


def arrow_frame(lake: Lake, batches: list[pa.RecordBatch], schema: StructType | str) -> DataFrame:
    """Return Arrow batches as a Spark frame, without a detour over Python rows: one task returns the batches."""

    def hand_over(own: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Spark ends a worker that doesn't read its input, and the next one imports all modules again.
        deque(own, maxlen=0)
        yield from batches

    return lake.spark.range(1, numPartitions=1).mapInArrow(hand_over, schema)


def _chunks(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    """Yield batches in chunks of at least ``rows`` rows; the last one may be shorter."""
    chunk: list[pa.RecordBatch] = []
    for batch in batches:
        chunk.append(batch)
        if sum(one.num_rows for one in chunk) >= rows:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
