"""The lake: Spark and Iceberg. Sessions, tables, plans, stages, commits, recovery."""

from dicom_udf.lake.batch import Batch, drop_plan, new_plan_id
from dicom_udf.lake.commit import commit_batch
from dicom_udf.lake.conflicts import find_conflicts
from dicom_udf.lake.fault_messages import fault_messages
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.lease import Lease, LeaseLostError, lake_lease
from dicom_udf.lake.plan import Plan, PlanRules, make_plan, write_listing
from dicom_udf.lake.recovery import finish_left_batches
from dicom_udf.lake.stage import LiveCounts, StagedCounts, stage_batch, staged_counts
from dicom_udf.lake.tables import Lake, open_lake

__all__ = [
    "Batch",
    "Lake",
    "Lease",
    "LeaseLostError",
    "LiveCounts",
    "Plan",
    "PlanRules",
    "StagedCounts",
    "commit_batch",
    "drop_plan",
    "fault_messages",
    "find_conflicts",
    "finish_left_batches",
    "lake_lease",
    "make_plan",
    "new_plan_id",
    "open_lake",
    "stage_batch",
    "staged_counts",
    "translate_spark_errors",
    "write_listing",
]
