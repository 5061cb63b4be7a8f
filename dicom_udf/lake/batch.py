"""One batch: a part of a plan that is read once, staged whole, committed table by table (design.md, "Exactly once")."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from dicom_udf.lake.tables import Lake

__all__ = ["Batch", "drop_plan", "listing_name", "new_plan_id", "plan_name"]


RUN_TIME = "%Y%m%dt%H%M%S"


def new_plan_id(begun: datetime) -> str:
    """Return a key for a run that begins now (UTC): a suffix of table names that sorts by time."""
    return f"{begun:{RUN_TIME}}_{uuid4().hex[:8]}"


def listing_name(plan_id: str) -> str:
    """Staging table of a run's listing."""
    return f"listing_{plan_id}"


def plan_name(plan_id: str) -> str:
    """Staging table of a run's plan."""
    return f"plan_{plan_id}"


@dataclass(frozen=True, slots=True)
class Batch:
    """A part of a run's plan.

    Attributes:
        plan_id: Key of the plan: the suffix of its staging tables.
        number: Even where its objects change or disappear, odd where they are new.
        objects: Objects to read.
    """

    plan_id: str
    number: int
    objects: int = 0

    @property
    def id(self) -> str:
        """What the snapshots of this batch are published under."""
        return f"{self.plan_id}_{self.number}"

    @property
    def begun(self) -> datetime:
        """When the run began, UTC: its key says so."""
        return datetime.strptime(self.plan_id.partition("_")[0], RUN_TIME)

    @property
    def is_new(self) -> bool:
        """True where every object is new, so that its rows are appended and nothing is replaced."""
        return self.number % 2 == 1

    @property
    def stage(self) -> str:
        """Staging table of this batch's rows."""
        return f"stage_{self.id}"

    def planned(self, lake: Lake) -> DataFrame:
        """Return the rows of the plan that are this batch's."""
        return lake.staging_table(plan_name(self.plan_id)).where(F.col("batch") == self.number)


def drop_plan(lake: Lake, plan_id: str) -> None:
    """Drop the listing and the plan of a run whose batches are all committed."""
    lake.drop_staging(plan_name(plan_id))
    lake.drop_staging(listing_name(plan_id))
