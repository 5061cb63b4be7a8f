"""Recovery: batches that an earlier run staged and did not commit."""

from __future__ import annotations

import logging
from collections.abc import Callable

from dicom_udf.lake.batch import Batch, plan_name
from dicom_udf.lake.commit import commit_batch
from dicom_udf.lake.old_stage import convert_stage
from dicom_udf.lake.staged import StagedBatch, is_staged, open_staged
from dicom_udf.lake.tables import Lake
from dicom_udf.progress import progress

__all__ = ["finish_left_batches"]

_log = logging.getLogger(__name__)


def finish_left_batches(lake: Lake, *, on_commit: Callable[[StagedBatch], None] | None = None) -> int:
    """Commit the batches that an earlier run staged, and drop its plans; return the number of batches.

    A stage is written by one atomic append, so a stage with a snapshot is complete. The objects of a stage without one
    are still new or changed in the next plan.

    Args:
        lake: The lake.
        on_commit: Called with each batch after its commit, before its stage is dropped.
    """
    finished = 0
    left = lake.staging_tables()
    for stage in (name for name in left if name.startswith("stage_")):
        plan_id, _, number = stage.removeprefix("stage_").rpartition("_")
        batch = Batch(plan_id, int(number))
        if plan_name(plan_id) in left and is_staged(lake, stage):
            progress.begin("finishing what an earlier run left")
            _log.info("finishing batch %s that an earlier run left", batch.id)
            staged = open_staged(lake, batch, convert_stage(lake, batch))
            commit_batch(lake, staged)
            if on_commit is not None:
                on_commit(staged)
            finished += 1
        lake.drop_staging(stage)
    # Plans are dropped last: without its plan, the objects that a stage replaces are unknown.
    for name in lake.staging_tables():
        lake.drop_staging(name)
    return finished
