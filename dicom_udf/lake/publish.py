"""Write-audit-publish: a snapshot is staged under an id, then made current, once (design.md, "Exactly once")."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg
from dicom_udf.lake.tables import Lake

__all__ = ["is_published", "publish"]

_TRIES = 4

_SKEW = timedelta(days=1)
"""How far the clocks of two writers may differ."""

_log = logging.getLogger(__name__)


def publish(lake: Lake, table: str, batch_id: str, *, begun: datetime, write: Callable[[], int | None]) -> None:
    """Let ``write`` stage a snapshot, and make it current, once: the caller has seen that it is not published yet.

    The lease is checked before the snapshot is written and again before it is published. A replacement is published
    only while the snapshot that it was made from is current: Iceberg publishes overwrites by fast-forward only. After
    the commit of another writer, e.g. a compaction, the replacement is made again.

    Args:
        lake: The lake.
        table: Name of the table that ``write`` writes to.
        batch_id: The id that the snapshot is published under.
        begun: When the batch's run began, UTC: older snapshots are not its own.
        write: Stages a snapshot under the batch's id, which no reader sees yet, and returns its id; None where there is
            nothing to write. A snapshot of a run that died is never used: each try stages its own.

    Raises:
        LeaseLostError: Another run has taken the lake over.
        RunFailedError: The snapshot could not be published; the next run does it again.
    """
    for _ in range(_TRIES):
        lake.check_lease()
        snapshot = write()
        if snapshot is None:
            return
        lake.check_lease()
        try:
            _publish(lake, table, snapshot)
        except iceberg.CherryPickError as error:
            # The table's history shows whether the snapshot was published.
            _log.info("batch %s on %s: %s", batch_id, table, error)
            if is_published(lake, lake.load(table), batch_id, begun):
                return
        else:
            return
    raise RunFailedError(f"batch {batch_id} was staged in {lake.name(table)} but not published; run the job again")


def _publish(lake: Lake, table: str, snapshot: int) -> None:
    iceberg.cherry_pick(lake.spark, lake.name(table), snapshot)


def is_published(lake: Lake, table: Any, batch_id: str, begun: datetime) -> bool:
    """Return whether the history of a loaded table has a snapshot of a batch.

    Args:
        lake: The lake.
        table: The table, as :meth:`Lake.load` returns it.
        batch_id: The id that the snapshot would be published under.
        begun: As in :func:`publish`.
    """
    earliest = int((begun.replace(tzinfo=UTC) - _SKEW).timestamp() * 1000)
    return iceberg.is_in_history(lake.spark, table, batch_id, since=earliest)
