"""One batch: a part of a plan that is read once, staged whole, committed table by table (design.md, "Exactly once")."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from uuid import uuid4

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.lake.tables import Lake
from dicom_udf.sources import ObjectRef

__all__ = ["Batch", "drop_plan", "listing_name", "new_plan_id", "plan_name"]


RUN_TIME = "%Y%m%dt%H%M%S"


def new_plan_id(begun: datetime) -> str:
    """Return the key of a plan that begins at a time (UTC): a suffix of table names that sorts by time."""
    return f"{begun:{RUN_TIME}}_{uuid4().hex[:8]}"


def listing_name(plan_id: str) -> str:
    """Return the name of the staging table of a plan's listing."""
    return f"listing_{plan_id}"


def plan_name(plan_id: str) -> str:
    """Return the name of the staging table of a plan."""
    return f"plan_{plan_id}"


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of a plan.

    Attributes:
        plan_id: Key of the plan: the suffix of its staging tables.
        number: Odd where its objects are new; even where they changed or were deleted.
        objects: Number of objects to read.
        planned: The plan's rows of this batch, if they are in memory; None: they are in the staging table only.
    """

    plan_id: str
    number: int
    objects: int = 0
    planned: pa.Table | None = field(default=None, compare=False, repr=False)

    @property
    def id(self) -> str:
        """The id that the snapshots of this batch are published under."""
        return f"{self.plan_id}_{self.number}"

    @property
    def begun(self) -> datetime:
        """When the plan began, UTC; its key begins with this time."""
        return datetime.strptime(self.plan_id.partition("_")[0], RUN_TIME)

    @property
    def is_new(self) -> bool:
        """Whether every object is new: its rows are then appended, and no row is replaced."""
        return self.number % 2 == 1

    @property
    def stage(self) -> str:
        """Name of the staging table of this batch's rows."""
        return f"stage_{self.id}"

    def planned_objects(self, lake: Lake) -> DataFrame:
        """Return the plan's rows of this batch, one per object."""
        return lake.staging_table(plan_name(self.plan_id)).where(F.col("batch") == self.number)

    def objects_to_read(self, lake: Lake) -> list[ObjectRef]:
        """Return the objects to read by name: the slices of a series are read together.

        Source: design.md, "Reading a header".
        """
        columns = ["source_uri", "source_size", "source_etag", "source_last_modified"]
        if self.planned is not None:
            rows = self.planned.filter(pc.field("action") != "deleted").select(columns)
            return [ObjectRef(*row) for row in zip(*(column.to_pylist() for column in rows.columns), strict=True)]
        planned = self.planned_objects(lake).where("action != 'deleted'").orderBy("source_uri")
        return [ObjectRef(*row) for row in planned.select(*columns).collect()]

    def uris(self, lake: Lake, *, most: int) -> list[str] | None:
        """Return the URIs of all planned objects, deleted ones included; None where there are more than ``most``."""
        if self.planned is not None:
            found = self.planned.column("source_uri").to_pylist()
        else:
            rows = self.planned_objects(lake).select("source_uri").limit(most + 1).collect()
            found = [row["source_uri"] for row in rows]
        return found if len(found) <= most else None

    def old_study_dates(self, lake: Lake) -> set[date]:
        """Return the study dates at which the planned objects have rows now."""
        if self.planned is not None:
            return set(pc.list_flatten(self.planned.column("old_study_dates")).unique().to_pylist())
        dates = self.planned_objects(lake).select(F.explode("old_study_dates").alias("study_date"))
        return {row["study_date"] for row in dates.distinct().collect()}


def drop_plan(lake: Lake, plan_id: str) -> None:
    """Drop the listing and the plan after all batches are committed."""
    lake.drop_staging(plan_name(plan_id))
    lake.drop_staging(listing_name(plan_id))
