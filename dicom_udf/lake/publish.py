"""Write-audit-publish: a snapshot is staged under an id, then made current, once (design.md, "Exactly once").

Asks Iceberg's own API through the JVM: the same by SQL on metadata tables is a Spark job for each question.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from py4j.protocol import Py4JJavaError

from dicom_udf.errors import RunFailedError
from dicom_udf.lake.tables import Lake

__all__ = ["publish"]

_TRIES = 4

_SKEW = timedelta(days=1)
"""How far the clocks of two writers may differ."""

_log = logging.getLogger(__name__)


def publish(lake: Lake, table: str, batch_id: str, *, begun: datetime, write: Callable[[], None]) -> None:
    """Run ``write`` as a staged snapshot and make it current; once, however often it is called for a batch.

    Args:
        lake: Where.
        table: Name of the table that ``write`` writes to.
        batch_id: What the snapshot is published under.
        begun: When the batch's run began, UTC: older snapshots can't be its own.
        write: Makes at most one snapshot; none where there is nothing to write.

    The lease is looked at before the snapshot is written and again before it is published. A replacement is published
    only while the snapshot that it was made from is current (Iceberg publishes overwrites by fast-forward alone): where
    another writer came between, e.g. a compaction, it is made again.

    Raises:
        LeaseLostError: Another run has taken the lake over.
        RunFailedError: The snapshot could not be published; the next run does it again.
    """
    for _ in range(_TRIES):
        if _is_published(lake, table, batch_id, begun):
            return
        lake.check_lease()
        snapshot = _staged(lake, table, batch_id, write)
        if snapshot is None:
            return
        lake.check_lease()
        try:
            _publish(lake, table, snapshot)
        except Py4JJavaError as error:
            # Published already, not the child of the current snapshot, or nobody knows: the history tells.
            _log.info("batch %s on %s: %s", batch_id, table, error.java_exception.getClass().getSimpleName())
    if not _is_published(lake, table, batch_id, begun):
        raise RunFailedError(f"batch {batch_id} was staged in {lake.name(table)} but not published; run the job again")


def _staged(lake: Lake, table: str, batch_id: str, write: Callable[[], None]) -> int | None:
    """Run ``write`` under the batch's id; return its snapshot, which no reader sees yet; None where it made none."""
    before = _staged_ids(lake, table, batch_id)  # of a run that died between staging and publishing
    lake.spark.conf.set("spark.wap.id", batch_id)
    try:
        write()
    finally:
        lake.spark.conf.unset("spark.wap.id")
    return next(iter(_staged_ids(lake, table, batch_id) - before), None)


def _staged_ids(lake: Lake, table: str, batch_id: str) -> set[int]:
    snapshots = _each(lake.load(table).snapshots())
    return {int(one.snapshotId()) for one in snapshots if one.summary().get("wap.id") == batch_id}


def _publish(lake: Lake, table: str, snapshot: int) -> None:
    lake.load(table).manageSnapshots().cherrypick(snapshot).commit()


def _is_published(lake: Lake, table: str, batch_id: str, begun: datetime) -> bool:
    """True where a snapshot in the table's current history carries the batch's id.

    A publish that was a fast-forward keeps ``wap.id``, another one has ``published-wap-id``; a snapshot that is only
    staged carries ``wap.id`` too, but is no ancestor of the current one.
    """
    earliest = (begun.replace(tzinfo=UTC) - _SKEW).timestamp() * 1000
    ancestors = _jvm(lake).org.apache.iceberg.util.SnapshotUtil.currentAncestors(lake.load(table))
    for snapshot in _each(ancestors):
        if snapshot.timestampMillis() < earliest:
            return False
        summary = snapshot.summary()
        if batch_id in (summary.get("wap.id"), summary.get("published-wap-id")):
            return True
    return False


def _jvm(lake: Lake) -> Any:
    return lake.spark._jvm


def _each(iterable: Any) -> Iterator[Any]:
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()
