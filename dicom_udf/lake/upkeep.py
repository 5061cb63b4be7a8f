"""Upkeep of one table by Iceberg's own procedures: compaction, manifests, snapshots, orphan files.

A compaction rewrites the small files of a partition into few files of the target size, sorted by the columns of
frequent filters. Procedures publish their snapshots themselves: no ``spark.wap.id`` is set.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dicom_udf.config import MaintainConfig
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg
from dicom_udf.lake.layout import LakeTable
from dicom_udf.lake.session import CATALOG
from dicom_udf.lake.tables import Lake
from dicom_udf.progress import progress

__all__ = ["TableUpkeep", "maintain_table", "plan_table"]

_COMMIT_BYTES = 8 << 30
"""A compaction commits after about so many bytes, ten times at the most: what a crash costs."""

_MANIFEST_BYTES = 8 << 20
"""Iceberg's own size of a manifest (commit.manifest.target-size-bytes)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class TableUpkeep:
    """The upkeep of one table, done or planned.

    Attributes:
        table: Name of the table.
        files_rewritten: Data files that were compacted.
        files_written: Data files that replaced them.
        bytes_rewritten: Size of the compacted files.
        manifests_rewritten: Manifests that were replaced by fewer ones.
        snapshots_expired: Snapshots that can't be read any more.
        files_deleted: Files that only those snapshots needed; None in a dry run.
        orphan_files: Files of no snapshot; they were deleted.
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
    """Return what :func:`maintain_table` would do; writes nothing."""
    progress.begin(f"planning the upkeep of {table}")
    files, written, size = _plan_compaction(lake, table, config)
    return TableUpkeep(
        table=table,
        files_rewritten=files,
        files_written=written,
        bytes_rewritten=size,
        manifests_rewritten=_surplus_manifests(lake, table),
        snapshots_expired=_count_expiring(lake, table, config),
        files_deleted=None,
        orphan_files=_remove_orphans(lake, table, config, dry_run=True),
    )


def _plan_compaction(lake: Lake, table: str, config: MaintainConfig) -> iceberg.Compaction:
    return iceberg.plan_compaction(lake.spark, lake.load(table), _rewrite_options(config))


def _surplus_manifests(lake: Lake, table: str) -> int:
    """Return the number of manifests; 0 where there are about as few as possible."""
    sizes = iceberg.manifest_sizes(lake.load(table))
    needed = -(-sum(sizes) // _MANIFEST_BYTES)
    return len(sizes) if len(sizes) > 2 * needed else 0


def _count_expiring(lake: Lake, table: str, config: MaintainConfig) -> int:
    millis = int(_days_ago(config.snapshot_days).timestamp() * 1000)
    return iceberg.expiring_snapshots(lake.load(table), older_than=millis, keep=config.keep_snapshots)


def maintain_table(lake: Lake, declared: LakeTable, config: MaintainConfig, *, may_delete: bool) -> TableUpkeep:
    """Compact a table's files, rewrite its manifests, expire snapshots and delete orphan files.

    Args:
        lake: The lake; its lease is checked before each step.
        declared: The table.
        config: Sizes, ages and limits.
        may_delete: False keeps old snapshots and orphan files.

    Raises:
        LeaseLostError: Another run has taken the lake over.
        RunFailedError: Some files could not be compacted.
    """
    began, table = time.monotonic(), declared.name
    progress.begin(f"compacting {table}")
    lake.check_lease()
    files, written, size = _compact(lake, declared, config)
    lake.check_lease()
    manifests = _rewrite_manifests(lake, table)
    lake.check_lease()
    progress.begin(f"deleting old files of {table}")
    expired, deleted = _expire(lake, table, config) if may_delete else (0, 0)
    lake.check_lease()
    orphans = _remove_orphans(lake, table, config, dry_run=False) if may_delete else 0
    _log.info("%s.%s is in order after %.1f s", lake.database, table, time.monotonic() - began)
    return TableUpkeep(table, files, written, size, manifests, expired, deleted, orphans)


def _compact(lake: Lake, declared: LakeTable, config: MaintainConfig) -> iceberg.Compaction:
    table = declared.name
    _, _, size = _plan_compaction(lake, table, config)
    if not size:
        return 0, 0, 0
    options = _rewrite_options(config)
    options["max-concurrent-file-group-rewrites"] = str(lake.spark.sparkContext.defaultParallelism)
    # New files are younger than each delete file. Delete files of the old ones then hide no row, and are removed.
    options |= {"use-starting-sequence-number": "false", "remove-dangling-deletes": "true"}
    if size > _COMMIT_BYTES:
        commits = min(10, -(-size // _COMMIT_BYTES))
        options |= {"partial-progress.enabled": "true", "partial-progress.max-commits": str(commits)}
    columns = declared.sort_by or config.sort_by
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
    """Expire snapshots; return their number, and the number of files that only they needed."""
    expired = _count_expiring(lake, table, config)
    if not expired:
        return 0, 0
    moment = f"{_days_ago(config.snapshot_days):%Y-%m-%d %H:%M:%S}"
    found = _call(
        lake, table, "expire_snapshots",
        f"older_than => TIMESTAMP '{moment}', retain_last => {config.keep_snapshots}, stream_results => true",
    )[0]  # fmt: skip
    return expired, sum(count for count in found if count)


def _remove_orphans(lake: Lake, table: str, config: MaintainConfig, *, dry_run: bool) -> int:
    """Delete files in the table's folder that no snapshot names: a run that died before its commit left them."""
    moment = f"{_days_ago(config.orphan_days):%Y-%m-%d %H:%M:%S}"
    # A listing of S3 by folders takes a request for each partition, one by prefix a request for 1,000 files.
    prefix = str(iceberg.location(lake.load(table)).startswith("s3")).lower()
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
