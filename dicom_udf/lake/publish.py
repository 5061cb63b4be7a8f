"""Write-audit-publish: a snapshot is staged under an id, then made current, once (DESIGN §6).

Asks Iceberg's own API through the JVM: the same by SQL on metadata tables is a Spark job for each question.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from dicom_udf.errors import RunFailedError
from dicom_udf.lake.tables import Lake

__all__ = ["publish"]

_SKEW = timedelta(days=1)
"""How far the clocks of two writers may differ."""


def publish(lake: Lake, table: str, batch_id: str, *, begun: datetime, write: Callable[[], None]) -> None:
    """Run ``write`` as a staged snapshot and make it current; once, however often it is called for a batch.

    Args:
        lake: Where.
        table: Name of the table that ``write`` writes to.
        batch_id: What the snapshot is published under.
        begun: When the batch's run began, UTC: older snapshots can't be its own.
        write: Makes at most one snapshot; none where there is nothing to write.

    Raises:
        RunFailedError: The snapshot could not be published; the next run does it again.
    """
    if _is_published(lake, table, batch_id, begun):
        return
    lake.spark.conf.set("spark.wap.id", batch_id)
    try:
        write()
    finally:
        lake.spark.conf.unset("spark.wap.id")
    iceberg = _load(lake, table)
    staged = [one for one in _each(iceberg.snapshots()) if one.summary().get("wap.id") == batch_id]
    if not staged:
        return
    newest = max(staged, key=lambda one: int(one.timestampMillis()))
    iceberg.manageSnapshots().cherrypick(newest.snapshotId()).commit()
    if not _is_published(lake, table, batch_id, begun):
        raise RunFailedError(f"batch {batch_id} was staged in {lake.name(table)} but not published; run the job again")


def _is_published(lake: Lake, table: str, batch_id: str, begun: datetime) -> bool:
    """True where a snapshot in the table's current history carries the batch's id.

    A publish that was a fast-forward keeps ``wap.id``, another one has ``published-wap-id``; a snapshot that is only
    staged carries ``wap.id`` too, but is no ancestor of the current one.
    """
    earliest = (begun.replace(tzinfo=UTC) - _SKEW).timestamp() * 1000
    ancestors = _jvm(lake).org.apache.iceberg.util.SnapshotUtil.currentAncestors(_load(lake, table))
    for snapshot in _each(ancestors):
        if snapshot.timestampMillis() < earliest:
            return False
        summary = snapshot.summary()
        if batch_id in (summary.get("wap.id"), summary.get("published-wap-id")):
            return True
    return False


def _load(lake: Lake, table: str) -> Any:
    util = _jvm(lake).org.apache.iceberg.spark.Spark3Util
    return util.loadIcebergTable(lake.spark._jsparkSession, lake.name(table))


def _jvm(lake: Lake) -> Any:
    return lake.spark._jvm


def _each(iterable: Any) -> Iterator[Any]:
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()
