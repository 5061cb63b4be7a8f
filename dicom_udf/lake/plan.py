"""The plan of a run: the listing compared with the ledger, cut into batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from dicom_udf.columns import Field, Table, spark_ddl
from dicom_udf.config import IngestConfig
from dicom_udf.datafiles import write_data_files
from dicom_udf.datafiles.reading import read_live_rows
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg, listing
from dicom_udf.lake.batch import Batch, listing_name, plan_name
from dicom_udf.lake.comparison import KnownObject, compare, plan_rows
from dicom_udf.lake.listing import LISTING_TABLE, ListedObjects, write_table
from dicom_udf.lake.tables import Lake
from dicom_udf.lake.targets import target_of
from dicom_udf.sources import Patterns

__all__ = [
    "BATCH_BYTES",
    "BATCH_OBJECTS",
    "Plan",
    "PlanRules",
    "make_plan",
]

BATCH_OBJECTS = 200_000
"""Most objects of one batch: a crash costs at most one batch."""

BATCH_BYTES = 1 << 40
"""Stored bytes of one batch, about: the size of an archive bounds its headers."""

_READ_FILES = 64
"""Most files of the ledger that the driver reads itself: a Spark query takes a second or two."""

_LEDGER_COLUMNS = ("source_uri", "source_size", "source_etag", "study_dates", "ingest_retry")

_Counts = Counter[tuple[int, str]]
"""Numbers of objects by batch and action."""

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

_PLAN_TABLE = Table(
    "plan",
    "one row per object to read or to remove",
    (
        *LISTING_TABLE.fields,
        Field("action", "string", "new, changed, retried or deleted"),
        Field("old_study_dates", "array<date>", "where its rows are now; a replacement looks only there"),
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


def make_plan(
    lake: Lake, plan_id: str, *, listed: ListedObjects, scope: str | None, rules: PlanRules = _DEFAULTS
) -> Plan:
    """Compare the listing of a run with the ledger, both ways, and write the objects to read or remove to its plan.

    A short listing is compared in the driver, unless the ledger's part of it is long. There is then no staging table of
    a listing, and one of a plan only if there is something to do.

    Args:
        lake: The lake.
        plan_id: Key of the plan.
        listed: The listing.
        scope: The source's URI: of a folder it ends in ``/``, of a single object it is the object's. A ledger row in
            the scope that the listing lacks is deleted. None: only objects that are listed as gone are deleted.
        rules: Which objects count as deleted, and the size of a batch.

    Raises:
        RunFailedError: The listing is empty, or at most half as long as the ledger in the scope.
    """
    held = _hold_plan(lake, listed, scope, rules)
    rows = None if held is None else held.rows
    counts = _plan_in_tables(lake, plan_id, listed, scope, rules) if rows is None else _count(rows)
    by_action = _count_actions(counts)
    if by_action["deleted"] and scope is not None and not rules.mass_delete:
        known = _known_frame(lake, scope, rules).count() if held is None else held.known
        _refuse_mass_delete(known, listed.objects, scope)
    if rows is not None and rows.num_rows:
        _write_rows(lake, plan_id, rows)
    return Plan(
        listed=listed.objects,
        new=by_action["new"],
        changed=by_action["changed"],
        retried=by_action["retried"],
        deleted=by_action["deleted"],
        batches=_batches(plan_id, counts, rows),
    )


class _HeldPlan(NamedTuple):
    rows: pa.Table
    known: int


def _hold_plan(lake: Lake, listed: ListedObjects, scope: str | None, rules: PlanRules) -> _HeldPlan | None:
    """Make the plan of a short listing in memory; None where the listing or the ledger's part of it is long."""
    old = None if listed.held is None else _known_objects(lake, listed.held, scope, rules)
    if listed.held is None or old is None:
        return None
    is_whole = scope is not None and rules.deletes
    found = zip(*(column.to_pylist() for column in listed.held.columns), strict=True)
    planned = compare(found, old, deletes=rules.deletes, is_whole=is_whole)
    rows = plan_rows(planned, batch_objects=rules.batch_objects, batch_bytes=rules.batch_bytes)
    return _HeldPlan(rows, len(old))


def _known_objects(lake: Lake, held: pa.Table, scope: str | None, rules: PlanRules) -> list[KnownObject] | None:
    """Return the ledger's rows that a short listing is compared with; None where they are too many for memory.

    They are those of listed objects, and all below the scope where rows that the listing lacks are wanted too: those of
    deleted objects. Few files are read here, many by a Spark query.
    """
    uris = None if scope is not None and rules.deletes else held.column("source_uri").to_pylist()
    found = _read_ledger(lake, uris, scope)
    if found is not None:
        wanted = None if uris is None else set(uris)
        known = [one for one in found if wanted is None or one.uri in wanted]
        return [one for one in known if _is_in_scope(one.uri, scope, rules.patterns)]
    frame = _known_frame(lake, scope, rules)
    rows = (frame if uris is None else _with_uris(frame, uris)).limit(listing.HELD_OBJECTS + 1).collect()
    return None if len(rows) > listing.HELD_OBJECTS else [KnownObject(*row) for row in rows]


def _read_ledger(lake: Lake, uris: list[str] | None, scope: str | None) -> Iterator[KnownObject] | None:
    """Yield the rows of the ledger's files that can hold these URIs, or all of a scope; None where they are many."""
    ledger = lake.load("objects")
    named = uris if uris is not None and len(uris) <= iceberg.PUSHED_VALUES else None
    files = iceberg.live_files(lake.spark, ledger, most=_READ_FILES, uris=named, prefix=scope or "")
    if files is None or sum(file.rows for file in files) > listing.HELD_OBJECTS:
        return None
    rows = read_live_rows(files, target_of(lake, ledger, "objects"), _LEDGER_COLUMNS)
    return (KnownObject(*row) for row in zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _known_frame(lake: Lake, scope: str | None, rules: PlanRules) -> DataFrame:
    """Return the ledger in the scope; its URI is named ``known_uri``."""
    uri, *others = _LEDGER_COLUMNS
    ledger = lake.table("objects").select(F.col(uri).alias("known_uri"), *others)
    return ledger.where(_in_scope(scope, rules.patterns))


def _with_uris(known: DataFrame, uris: list[str]) -> DataFrame:
    """Return the rows of listed objects."""
    if len(uris) <= iceberg.PUSHED_VALUES:
        return known.where(F.col("known_uri").isin(uris))
    listed = known.sparkSession.createDataFrame([(uri,) for uri in uris], "listed_uri string")
    return known.join(F.broadcast(listed), F.col("known_uri") == F.col("listed_uri"), "left_semi")


def _count(rows: pa.Table) -> _Counts:
    return Counter(zip(rows.column("batch").to_pylist(), rows.column("action").to_pylist(), strict=True))


def _write_rows(lake: Lake, plan_id: str, rows: pa.Table) -> None:
    """Write a short plan to its staging table: the rows that a staged batch replaces must survive this run."""
    table = lake.create_staging(plan_name(plan_id), spark_ddl(_PLAN_TABLE))
    files = list(write_data_files(target_of(lake, table, plan_name(plan_id)), [rows], partition=()))
    iceberg.append_files(lake.spark, table, files)


def _plan_in_tables(lake: Lake, plan_id: str, listed: ListedObjects, scope: str | None, rules: PlanRules) -> _Counts:
    if listed.held is not None:
        write_table(lake, plan_id, [listed.held.to_batches()])
    found = lake.staging_table(listing_name(plan_id))
    known, is_whole = _known_frame(lake, scope, rules), scope is not None and rules.deletes
    actions = _compare(found, known, rules, is_whole=is_whole)
    return _write_plan(lake, plan_id, _cut_into_batches(actions, rules))


def _compare(found: DataFrame, known: DataFrame, rules: PlanRules, *, is_whole: bool) -> DataFrame:
    """Return the plan's rows without their batches: the listing joined with the ledger.

    Args:
        found: The listing.
        known: The ledger in the scope.
        rules: Whether objects are deleted.
        is_whole: Whether objects of the scope that the listing lacks are deleted.
    """
    how = "full_outer" if is_whole else "left_outer"
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


def _write_plan(lake: Lake, plan_id: str, plan: DataFrame) -> _Counts:
    """Write a plan to its staging table; return the number of objects by batch and action."""
    name = plan_name(plan_id)
    lake.create_staging(name, spark_ddl(_PLAN_TABLE))
    plan.writeTo(lake.staging_name(name)).append()
    counted = lake.staging_table(name).groupBy("batch", "action").count().collect()
    return Counter({(row["batch"], row["action"]): row["count"] for row in counted})


def _count_actions(counts: _Counts) -> Counter[str]:
    by_action: Counter[str] = Counter()
    for (_, action), count in counts.items():
        by_action[action] += count
    return by_action


def _batches(plan_id: str, counts: _Counts, rows: pa.Table | None) -> tuple[Batch, ...]:
    """Return the batches in the order in which they are ingested, also those that only delete."""
    to_read = {number: 0 for number, _ in counts}
    for (number, action), count in counts.items():
        to_read[number] += count if action != "deleted" else 0
    batches = [
        Batch(plan_id, number, objects, None if rows is None else rows.filter(pc.field("batch") == number))
        for number, objects in to_read.items()
    ]
    return tuple(sorted(batches, key=lambda batch: (batch.is_new, batch.number)))


def _refuse_mass_delete(known: int, listed: int, scope: str | None) -> None:
    if 2 * listed > known:
        return
    raise RunFailedError(
        f"the lake has {known} objects of {scope}, and only {listed} are listed now; nothing was changed. "
        "Check the source; if they were deleted, run again with --allow-mass-delete true (or --deletes keep)"
    )


def _is_in_scope(uri: str, scope: str | None, patterns: Patterns) -> bool:
    """Return whether a ledger row belongs to a listing: below its source, with the same patterns."""
    if scope is None or not scope.endswith("/"):
        return scope is None or uri == scope
    return uri.startswith(scope) and patterns.matches(uri[len(scope) :])


def _in_scope(scope: str | None, patterns: Patterns) -> Column:
    """Return the condition of :func:`_is_in_scope` in Spark."""
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
