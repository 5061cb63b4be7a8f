"""What a run has to do: the listing held against the ledger, cut into batches."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from dicom_udf.columns import Field, Table, spark_ddl
from dicom_udf.config import IngestConfig
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.batch import Batch, listing_name, plan_name
from dicom_udf.lake.tables import Lake
from dicom_udf.sources import Patterns

__all__ = [
    "BATCH_BYTES",
    "BATCH_OBJECTS",
    "LISTING",
    "Plan",
    "PlanRules",
    "arrow_frame",
    "make_plan",
    "write_listing",
]

BATCH_OBJECTS = 200_000
"""Objects in one batch at the most: what a crash costs, and what a commit holds."""

BATCH_BYTES = 1 << 40
"""Stored bytes in one batch, about: a zip's size says how many headers it may hold."""

_LISTING_ROWS = 200_000

_ALL = Patterns()


@dataclass(frozen=True, slots=True)
class PlanRules:
    """What a plan takes for deleted, and how large its batches are.

    Attributes:
        patterns: What the listing was restricted to: the rest of the ledger isn't missing from it.
        deletes: False keeps the rows of objects that are gone.
        mass_delete: True lets half of what the ledger has under the source go at once, or all.
        batch_objects: Objects in one batch at the most.
        batch_bytes: Stored bytes after which a batch is full; one object may be larger.
    """

    patterns: Patterns = _ALL
    deletes: bool = True
    mass_delete: bool = False
    batch_objects: int = BATCH_OBJECTS
    batch_bytes: int = BATCH_BYTES

    @classmethod
    def of(cls, config: IngestConfig) -> PlanRules:
        """Return the rules of a run."""
        patterns = Patterns(config.include, config.exclude)
        return cls(patterns, deletes=config.deletes == "propagate", mass_delete=config.allow_mass_delete)


_DEFAULTS = PlanRules()

_OBJECT_FIELDS = (
    Field("source_uri", "string", "the object"),
    Field("source_size", "bigint", "bytes"),
    Field("source_etag", "string", "as listed"),
    Field("source_last_modified", "timestamp_ntz", "UTC"),
)
LISTING = Table("listing", "one row per object listed; without size and etag where it is gone", _OBJECT_FIELDS)
_PLAN = Table(
    "plan",
    "one row per object to read or to take away",
    (
        *_OBJECT_FIELDS,
        Field("action", "string", "new, changed, retried or deleted"),
        Field("old_study_dates", "array<date>", "where its rows are now; they prune the MERGE"),
        Field("batch", "int", "number of its batch in the run"),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """How many objects a run found, and what is to be done with them.

    Attributes:
        listed: Objects in the listing, but for those that it says are gone.
        new: In the listing, not in the ledger.
        changed: In both, with another etag or size.
        retried: In both and the same, but a curable failure asks for another try.
        deleted: In the ledger; no longer in the listing of their source, or listed as gone.
        batches: In the order in which they are to be ingested: changes before additions.
    """

    listed: int = 0
    new: int = 0
    changed: int = 0
    retried: int = 0
    deleted: int = 0
    batches: tuple[Batch, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        """Return the counts of both, and the batches."""
        return Plan(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def to_read(self) -> int:
        """Objects to read."""
        return self.new + self.changed + self.retried

    @property
    def unchanged(self) -> int:
        """Objects that need nothing."""
        return self.listed - self.to_read


def write_listing(lake: Lake, plan_id: str, batches: Iterator[pa.RecordBatch]) -> int:
    """Write the listing of a run to its staging table in bounded driver memory.

    Returns:
        The number of objects, without those that are gone.
    """
    name = listing_name(plan_id)
    lake.create_staging(name, spark_ddl(LISTING))
    schema = lake.staging_table(name).schema
    total = 0
    for chunk in _chunks(batches, _LISTING_ROWS):
        total += sum(batch.num_rows - batch.column("source_size").null_count for batch in chunk)
        arrow_frame(lake, chunk, schema).writeTo(lake.staging_name(name)).append()
    return total


def arrow_frame(lake: Lake, batches: list[pa.RecordBatch], schema: StructType | str) -> DataFrame:
    """Return Arrow batches as a frame without a detour over Python rows: one task is handed the batches themselves."""

    def hand_over(own: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        deque(own, maxlen=0)  # Spark ends a worker that leaves its input unread, and the next one imports all anew
        yield from batches

    return lake.spark.range(1, numPartitions=1).mapInArrow(hand_over, schema)


def _chunks(batches: Iterator[pa.RecordBatch], rows: int) -> Iterator[list[pa.RecordBatch]]:
    chunk: list[pa.RecordBatch] = []
    for batch in batches:
        chunk.append(batch)
        if sum(one.num_rows for one in chunk) >= rows:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def make_plan(lake: Lake, plan_id: str, *, listed: int, scope: str | None, rules: PlanRules = _DEFAULTS) -> Plan:
    """Hold the listing of a run against the ledger, both ways, and write what is to be done to its plan.

    Args:
        lake: Where.
        plan_id: Key of the plan.
        listed: Objects in the listing.
        scope: The source's URI. A ledger row under it that the listing lacks is deleted: a folder's URI ends in ``/``,
            a single object's is its own; None: only what is listed as gone is deleted.
        rules: What counts as deleted, and how large a batch may be.

    Raises:
        RunFailedError: The listing is empty, or at most half as long as the ledger under the source.
    """
    known = lake.table("objects").select(
        F.col("source_uri").alias("known_uri"), "source_size", "source_etag", "study_dates", "ingest_retry"
    )
    found = lake.staging_table(listing_name(plan_id)).alias("found")
    joined = found.join(
        known.where(_in_scope(scope, rules.patterns)).alias("known"),
        F.col("found.source_uri") == F.col("known_uri"),
        "full_outer" if scope is not None and rules.deletes else "left_outer",
    )
    is_same = (F.col("found.source_size") == F.col("known.source_size")) & (
        F.col("found.source_etag") == F.col("known.source_etag")
    )
    is_gone = F.col("found.source_size").isNull()
    action = (
        F.when(F.col("known_uri").isNull(), F.when(~is_gone, "new"))
        .when(is_gone, "deleted" if rules.deletes else None)
        .when(~is_same, "changed")
        .when(F.col("known.ingest_retry"), "retried")
    )
    plan = joined.select(
        F.coalesce("found.source_uri", "known_uri").alias("source_uri"),
        F.coalesce("found.source_size", "known.source_size").alias("source_size"),
        F.coalesce("found.source_etag", "known.source_etag").alias("source_etag"),
        "found.source_last_modified",
        action.alias("action"),
        F.col("study_dates").alias("old_study_dates"),
    ).where("action IS NOT NULL")
    # New objects are appended, the others merged: one batch never holds both. The two kinds take odd and even numbers.
    is_new = (F.col("action") == "new").cast("int")
    by_name = Window.partitionBy(is_new).orderBy("source_uri")
    before = F.coalesce(F.sum("source_size").over(by_name.rowsBetween(Window.unboundedPreceding, -1)), F.lit(0))
    filled = F.floor((F.row_number().over(by_name) - 1) / rules.batch_objects) + F.floor(before / rules.batch_bytes)
    plan = plan.withColumn("batch", filled.cast("int") * 2 + is_new)
    name = plan_name(plan_id)
    lake.create_staging(name, spark_ddl(_PLAN))
    plan.writeTo(lake.staging_name(name)).append()
    rows = lake.staging_table(name).groupBy("batch", "action").count().collect()
    counts: Counter[str] = Counter()
    for row in rows:
        counts[row["action"]] += row["count"]
    if counts["deleted"] and scope is not None and not rules.mass_delete:
        _refuse_mass_delete(known.where(_in_scope(scope, rules.patterns)).count(), listed, scope)
    to_read = {row["batch"]: 0 for row in rows}
    for row in rows:
        to_read[row["batch"]] += row["count"] if row["action"] != "deleted" else 0
    batches = [Batch(plan_id, number, objects) for number, objects in to_read.items()]
    return Plan(
        listed=listed,
        new=counts["new"],
        changed=counts["changed"],
        retried=counts["retried"],
        deleted=counts["deleted"],
        batches=tuple(sorted(batches, key=lambda batch: (batch.is_new, batch.number))),
    )


def _refuse_mass_delete(known: int, listed: int, scope: str | None) -> None:
    if 2 * listed > known:
        return
    raise RunFailedError(
        f"the lake has {known} objects of {scope}, and only {listed} are listed now; nothing was changed. "
        "Check the source; if they were deleted, run again with --allow-mass-delete true (or --deletes keep)"
    )


def _in_scope(scope: str | None, patterns: Patterns) -> Column:
    """Which ledger rows a listing speaks of: those below the source that pass the same patterns."""
    uri = F.col("known_uri")
    if scope is None:
        return F.lit(True)
    if not scope.endswith("/"):
        return uri == F.lit(scope)
    condition, name = uri.startswith(scope), F.substring(uri, len(scope) + 1, 1 << 20)
    if patterns.regex_include is not None:
        condition &= name.rlike(patterns.regex_include)
    if patterns.regex_exclude is not None:
        condition &= ~name.rlike(patterns.regex_exclude)
    return condition
