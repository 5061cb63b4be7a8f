"""What an earlier run left behind, and how it is brought to its end."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dicom_udf.lake.batch import Batch, plan_name
from dicom_udf.lake.commit import commit_batch
from dicom_udf.lake.stage import staged_counts
from dicom_udf.lake.tables import Lake

__all__ = ["finish_left_batches"]

_log = logging.getLogger(__name__)


def finish_left_batches(lake: Lake, *, on_commit: Callable[[Batch], None] | None = None) -> int:
    """Commit what an earlier run staged and didn't finish, and clear away its plans; return the number of batches.

    A stage is written by one atomic append, so one that has a snapshot is complete; the objects of one that hasn't
    are still new or changed to the next plan.

    Args:
        lake: Where.
        on_commit: Called with each batch between its commit and the end of its stage.
    """
    finished = 0
    left = lake.staging_tables()
    for stage in (name for name in left if name.startswith("stage_")):
        plan_id, _, number = stage.removeprefix("stage_").rpartition("_")
        batch = Batch(plan_id, int(number))
        if plan_name(plan_id) in left and _is_staged(lake, batch):
            _log.info("finishing batch %s that an earlier run left", batch.id)
            commit_batch(lake, batch, staged_counts(lake, batch))
            if on_commit is not None:
                on_commit(batch)
            finished += 1
        lake.drop_staging(stage)
    # Only now: a stage can't be merged without its plan.
    for name in left:
        if not name.startswith("stage_"):
            lake.drop_staging(name)
    return finished


def _is_staged(lake: Lake, batch: Batch) -> bool:
    return lake.spark.table(f"{lake.staging_name(batch.stage)}.snapshots").count() > 0
