"""The plan of a run: the listing compared with the ledger, cut into batches."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row, Window
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
    "LISTING_TABLE",
    "Plan",
    "PlanRules",
    "arrow_frame",
    "make_plan",
    "write_listing",
]

BATCH_OBJECTS = 200_000
"""Most objects of one batch: a crash costs at most one batch."""

BATCH_BYTES = 1 << 40
"""Stored bytes of one batch, about: the size of an archive bounds its headers."""

_LISTING_ROWS = 200_000

_ALL = Patterns()


@dataclass(frozen=True, slots=True)
class PlanRules:
    """Rules for deleted objects and for the size of batches.

    Attributes:
        patterns: Patterns that the listing was restricted to: only ledger rows that match them can be deleted.
        deletes: False keeps the rows of objects that are gone.
        mass_delete: True allows a plan that deletes half or more of the source's objects.
        batch_objects: Most objects of one batch.
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
LISTING_TABLE = Table("listing", "one row per object listed; without size and etag if it is gone", _OBJECT_FIELDS)
_PLAN_TABLE = Table(
    "plan",
    "one row per object to read or to remove",
    (
        *_OBJECT_FIELDS,
        Field("action", "string", "new, changed, retried or deleted"),
        Field("old_study_dates", "array<date>", "where its rows are now; they prune the MERGE"),
        Field("batch", "int", "number of its batch in the run"),
    ),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts of the objects of a plan by action, and its batches.

    Attributes:
        listed: Objects in the listing, without those that are gone.
        new: Objects that are not in the ledger.
        changed: Objects with another etag or size than in the ledger.
        retried: Unchanged objects with a curable failure.
        deleted: Objects of the ledger that are no longer in the listing of their source, or are listed as gone.
        batches: The batches in the order in which they are ingested: changes before additions.
    """

    listed: int = 0
    new: int = 0
    changed: int = 0
    retried: int = 0
    deleted: int = 0
    batches: tuple[Batch, ...] = ()

    def __add__(self, other: Plan) -> Plan:
        """Return the sums of the counts, and the batches of both."""
        return Plan(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    @property
    def to_read(self) -> int:
        """Number of objects to read."""
        return self.new + self.changed + self.retried

    @property
    def unchanged(self) -> int:
        """Number of objects whose rows stay as they are."""
        return self.listed - self.to_read


def write_listing(lake: Lake, plan_id: str, batches: Iterator[pa.RecordBatch]) -> int:
    """Write the listing of a run to its staging table in bounded driver memory.

    Returns:
        The number of objects, without those that are gone.
    """
    name = listing_name(plan_id)
    lake.create_staging(name, spark_ddl(LISTING_TABLE))
    schema = lake.staging_table(name).schema
    total = 0
    for chunk in _chunks(batches, _LISTING_ROWS):
        total += sum(batch.num_rows - batch.column("source_size").null_count for batch in chunk)
        arrow_frame(lake, chunk, schema).writeTo(lake.staging_name(name)).append()
    return total


def arrow_frame(lake: Lake, batches: list[pa.RecordBatch], schema: StructType | str) -> DataFrame:
    """Return Arrow batches as a Spark frame, without a detour over Python rows: one task returns the batches."""

    def hand_over(own: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        # Spark ends a worker that doesn't read its input, and the next one imports all modules again.
        deque(own, maxlen=0)
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
    """Compare the listing of a run with the ledger, both ways, and write the objects to read or remove to its plan.

    Args:
        lake: The lake.
        plan_id: Key of the plan.
        listed: Number of objects in the listing.
        scope: The source's URI: of a folder it ends in ``/``, of a single object it is the object's. A ledger row in
            the scope that the listing lacks is deleted. None: only objects that are listed as gone are deleted.
        rules: Which objects count as deleted, and the size of a batch.

    Raises:
        RunFailedError: The listing is empty, or at most half as long as the ledger in the scope.
    """
    ledger = lake.table("objects").select(
        F.col("source_uri").alias("known_uri"), "source_size", "source_etag", "study_dates", "ingest_retry"
    )
    known = ledger.where(_in_scope(scope, rules.patterns))
    found = lake.staging_table(listing_name(plan_id))
    actions = _compare(found, known, rules, is_whole=scope is not None)
    counts = _write_plan(lake, plan_id, _cut_into_batches(actions, rules))
    by_action = _count_actions(counts)
    if by_action["deleted"] and scope is not None and not rules.mass_delete:
        _refuse_mass_delete(known.count(), listed, scope)
    return Plan(
        listed=listed,
        new=by_action["new"],
        changed=by_action["changed"],
        retried=by_action["retried"],
        deleted=by_action["deleted"],
        batches=_batches(plan_id, counts),
    )


def _compare(found: DataFrame, known: DataFrame, rules: PlanRules, *, is_whole: bool) -> DataFrame:
    """Return the plan's rows without their batches: the listing joined with the ledger.

    Args:
        found: The listing.
        known: The ledger in the scope.
        rules: Whether objects are deleted.
        is_whole: Whether the listing has all objects of the scope: objects that it lacks are then deleted.
    """
    how = "full_outer" if is_whole and rules.deletes else "left_outer"
    joined = found.alias("found").join(known.alias("known"), F.col("found.source_uri") == F.col("known_uri"), how)
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
    return joined.select(
        F.coalesce("found.source_uri", "known_uri").alias("source_uri"),
        F.coalesce("found.source_size", "known.source_size").alias("source_size"),
        F.coalesce("found.source_etag", "known.source_etag").alias("source_etag"),
        "found.source_last_modified",
        action.alias("action"),
        F.col("study_dates").alias("old_study_dates"),
    ).where("action IS NOT NULL")


def _cut_into_batches(plan: DataFrame, rules: PlanRules) -> DataFrame:
    """Add the column ``batch``: objects in the order of their names, cut by number and by bytes.

    New objects are appended, the others merged, so a batch has objects of one kind: new ones have odd numbers.
    """
    is_new = (F.col("action") == "new").cast("int")
    by_name = Window.partitionBy(is_new).orderBy("source_uri")
    objects_before = F.row_number().over(by_name) - 1
    bytes_before = F.coalesce(F.sum("source_size").over(by_name.rowsBetween(Window.unboundedPreceding, -1)), F.lit(0))
    full_batches = F.floor(objects_before / rules.batch_objects) + F.floor(bytes_before / rules.batch_bytes)
    return plan.withColumn("batch", full_batches.cast("int") * 2 + is_new)


def _write_plan(lake: Lake, plan_id: str, plan: DataFrame) -> list[Row]:
    """Write a plan to its staging table; return the number of objects by batch and action."""
    name = plan_name(plan_id)
    lake.create_staging(name, spark_ddl(_PLAN_TABLE))
    plan.writeTo(lake.staging_name(name)).append()
    return lake.staging_table(name).groupBy("batch", "action").count().collect()


def _count_actions(counts: list[Row]) -> Counter[str]:
    by_action: Counter[str] = Counter()
    for row in counts:
        by_action[row["action"]] += row["count"]
    return by_action


def _batches(plan_id: str, counts: list[Row]) -> tuple[Batch, ...]:
    """Return the batches in the order in which they are ingested, also those that only delete."""
    to_read = {row["batch"]: 0 for row in counts}
    for row in counts:
        to_read[row["batch"]] += row["count"] if row["action"] != "deleted" else 0
    batches = [Batch(plan_id, number, objects) for number, objects in to_read.items()]
    return tuple(sorted(batches, key=lambda batch: (batch.is_new, batch.number)))


def _refuse_mass_delete(known: int, listed: int, scope: str | None) -> None:
    if 2 * listed > known:
        return
    raise RunFailedError(
        f"the lake has {known} objects of {scope}, and only {listed} are listed now; nothing was changed. "
        "Check the source; if they were deleted, run again with --allow-mass-delete true (or --deletes keep)"
    )


def _in_scope(scope: str | None, patterns: Patterns) -> Column:
    """Return the condition for ledger rows that belong to a listing: below its source, with the same patterns."""
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
