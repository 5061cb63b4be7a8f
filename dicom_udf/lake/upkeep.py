"""Upkeep of one table by Iceberg's own procedures: compaction, manifests, snapshots, orphan files.

A compaction rewrites the small files of a partition into few of the target size, sorted by what people filter by. Its
plan is asked of the planner that the procedure uses. Procedures publish what they do: no ``spark.wap.id`` is set.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dicom_udf.config import MaintainConfig
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.session import CATALOG
from dicom_udf.lake.tables import Lake

__all__ = ["TableUpkeep", "maintain_table", "plan_table"]

_SORTED_BY = {"failures": ("code", "source_uri"), "objects": ("source_uri",)}
"""The ledger is joined by source_uri, and a source is a prefix of it."""

_COMMIT_BYTES = 8 << 30
"""A compaction commits after about so many bytes, ten times at the most: what a crash costs."""

_MANIFEST_BYTES = 8 << 20
"""Iceberg's own size of a manifest (commit.manifest.target-size-bytes)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TableUpkeep:
    """What was done to a table, or would be.

    Attributes:
        table: Its name.
        files_rewritten: Data files that were compacted.
        files_written: Data files that took their place.
        bytes_rewritten: Size of the former.
        manifests_rewritten: Manifests that were replaced by fewer.
        snapshots_expired: Snapshots that can't be read any more.
        files_deleted: Files that only those needed; None in a dry run.
        orphan_files: Files that belong to no snapshot: deleted.
    """

    table: str
    files_rewritten: int
    files_written: int
    bytes_rewritten: int
    manifests_rewritten: int
    snapshots_expired: int
    files_deleted: int | None
    orphan_files: int


def plan_table(lake: Lake, table: str, config: MaintainConfig) -> TableUpkeep:
    """Tell what :func:`maintain_table` would do; writes nothing."""
    files, written, size = _compaction(lake, table, config)
    return TableUpkeep(
        table=table,
        files_rewritten=files,
        files_written=written,
        bytes_rewritten=size,
        manifests_rewritten=_surplus_manifests(lake, table),
        snapshots_expired=_expiring(lake, table, config),
        files_deleted=None,
        orphan_files=_remove_orphans(lake, table, config, dry_run=True),
    )


def _compaction(lake: Lake, table: str, config: MaintainConfig) -> tuple[int, int, int]:
    """Ask Iceberg's planner: files to rewrite, files to write, bytes to rewrite."""
    jvm: Any = lake.spark._jvm
    planner = jvm.org.apache.iceberg.actions.BinPackRewriteFilePlanner(lake.load(table))
    planner.init(_rewrite_options(config))
    files = written = size = 0
    for group in _each(planner.plan().groups()):
        files += group.inputFileNum()
        written += group.expectedOutputFiles()
        size += group.inputFilesSizeInBytes()
    return files, written, size


def _surplus_manifests(lake: Lake, table: str) -> int:
    """Count the manifests, 0 where they are about as few as they can be."""
    iceberg = lake.load(table)
    snapshot = iceberg.currentSnapshot()
    if snapshot is None:
        return 0
    sizes = [manifest.length() for manifest in _each(snapshot.allManifests(iceberg.io()))]
    needed = -(-sum(sizes) // _MANIFEST_BYTES)
    return len(sizes) if len(sizes) > 2 * needed else 0


def _expiring(lake: Lake, table: str, config: MaintainConfig) -> int:
    """Ask Iceberg which snapshots would expire; applied, and not committed."""
    millis = int(_days_ago(config.snapshot_days).timestamp() * 1000)
    expiry = lake.load(table).expireSnapshots().expireOlderThan(millis).retainLast(config.keep_snapshots)
    return sum(1 for _ in _each(expiry.apply()))


def maintain_table(lake: Lake, table: str, config: MaintainConfig, *, may_delete: bool) -> TableUpkeep:
    """Bring a table's files in order; return what was done.

    Args:
        lake: Where; its lease is looked at before each step.
        table: Its name.
        config: How.
        may_delete: False leaves old snapshots and orphan files alone.

    Raises:
        LeaseLostError: Another run has taken the lake over.
        RunFailedError: Some files could not be compacted.
    """
    began = time.monotonic()
    lake.check_lease()
    files, written, size = _compact(lake, table, config)
    lake.check_lease()
    manifests = _rewrite_manifests(lake, table)
    lake.check_lease()
    expired, deleted = _expire(lake, table, config) if may_delete else (0, 0)
    lake.check_lease()
    orphans = _remove_orphans(lake, table, config, dry_run=False) if may_delete else 0
    _log.info("%s.%s is in order after %.1f s", lake.database, table, time.monotonic() - began)
    return TableUpkeep(table, files, written, size, manifests, expired, deleted, orphans)


def _compact(lake: Lake, table: str, config: MaintainConfig) -> tuple[int, int, int]:
    _, _, size = _compaction(lake, table, config)
    if not size:
        return 0, 0, 0
    options = _rewrite_options(config)
    options["max-concurrent-file-group-rewrites"] = str(lake.spark.sparkContext.defaultParallelism)
    # New files are younger than every delete file, so those that hid rows of the old ones are seen to hide none and go.
    options |= {"use-starting-sequence-number": "false", "remove-dangling-deletes": "true"}
    if size > _COMMIT_BYTES:
        commits = min(10, -(-size // _COMMIT_BYTES))
        options |= {"partial-progress.enabled": "true", "partial-progress.max-commits": str(commits)}
    columns = config.sort_by if table == "instances" else _SORTED_BY[table]
    pairs = ", ".join(f"'{key}', '{value}'" for key, value in options.items())
    found = _call(
        lake, table, "rewrite_data_files",
        f"strategy => 'sort', sort_order => '{', '.join(columns)}', options => map({pairs})",
    )[0]  # fmt: skip
    if found["failed_data_files_count"]:
        raise RunFailedError(
            f"{found['failed_data_files_count']} files of {lake.name(table)} could not be compacted; the rest is done, "
            "run it again"
        )
    return found["rewritten_data_files_count"], found["added_data_files_count"], found["rewritten_bytes_count"]


def _rewrite_manifests(lake: Lake, table: str) -> int:
    if not _surplus_manifests(lake, table):
        return 0
    return int(_call(lake, table, "rewrite_manifests", "use_caching => false")[0]["rewritten_manifests_count"])


def _expire(lake: Lake, table: str, config: MaintainConfig) -> tuple[int, int]:
    """Expire snapshots; return how many, and how many files only they needed."""
    expired = _expiring(lake, table, config)
    if not expired:
        return 0, 0
    moment = f"{_days_ago(config.snapshot_days):%Y-%m-%d %H:%M:%S}"
    found = _call(
        lake, table, "expire_snapshots",
        f"older_than => TIMESTAMP '{moment}', retain_last => {config.keep_snapshots}, stream_results => true",
    )[0]  # fmt: skip
    return expired, sum(count for count in found if count)


def _remove_orphans(lake: Lake, table: str, config: MaintainConfig, *, dry_run: bool) -> int:
    """Delete files below the table that no snapshot knows; those of a run that died before its commit."""
    moment = f"{_days_ago(config.orphan_days):%Y-%m-%d %H:%M:%S}"
    # Listing S3 as folders takes a request for each partition; by prefix one for each thousand files.
    prefix = str(lake.load(table).location().startswith("s3")).lower()
    arguments = f"older_than => TIMESTAMP '{moment}', dry_run => {str(dry_run).lower()}, prefix_listing => {prefix}"
    return len(_call(lake, table, "remove_orphan_files", arguments))


def _call(lake: Lake, table: str, procedure: str, arguments: str) -> list[Any]:
    return lake.spark.sql(
        f"CALL {CATALOG}.system.{procedure}(table => '{lake.database}.{table}', {arguments})"
    ).collect()


def _rewrite_options(config: MaintainConfig) -> dict[str, str]:
    options = {
        "target-file-size-bytes": str(config.target_file_size),
        "min-input-files": str(config.min_input_files),
    }
    if config.max_deleted_ratio:
        options["delete-ratio-threshold"] = str(config.max_deleted_ratio)
    else:
        options["delete-file-threshold"] = "1"
    return options


def _days_ago(days: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)


def _each(iterable: Any) -> Iterator[Any]:
    """Go through a Java collection or stream."""
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()
