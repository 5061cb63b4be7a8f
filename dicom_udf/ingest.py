"""The job, as one straight line: discover -> plan -> read -> stage -> commit -> report."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime

from dicom_udf.archives import Limits
from dicom_udf.config import IngestConfig, check_ingest
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import (
    Lake,
    LiveCounts,
    Plan,
    PlanRules,
    Reading,
    StagedCounts,
    commit_batch,
    drop_run,
    finish_left_batches,
    lake_faults,
    lake_lease,
    make_plan,
    new_run,
    open_lake,
    stage_batch,
    staged_counts,
    write_listing,
)
from dicom_udf.progress import Progress
from dicom_udf.read import Stamp
from dicom_udf.report import Report
from dicom_udf.sources import Patterns, S3Access, Store, open_inventory, open_manifest, open_store
from dicom_udf.tasks import Splitting

__all__ = ["fail_on_faults", "ingest"]

_log = logging.getLogger(__name__)


def ingest(config: IngestConfig) -> Report:
    """Bring the lake up to date with the source, and return what was done.

    An object that the ledger knows by etag and size is not opened. The run goes on where an earlier one stopped.

    Args:
        config: What to read and where to keep it.

    Returns:
        The counts of this run.

    Raises:
        ConfigurationError: The source or the lake can't be used. Nothing has been written.
        RunFailedError: The run could not go on.
    """
    check_ingest(config)
    place, access = config.place, config.access
    store = _open(config, access)
    started, began = time.monotonic(), datetime.now(UTC).replace(tzinfo=None)
    run = new_run(began)
    with lake_faults(place), lake_lease(place, run) as lease:
        lake = open_lake(place, partition_by=config.partition_by, master=config.master, lease=lease)
        finish_left_batches(lake)
        stamp = Stamp(run_id=config.run_id or run, time=began)
        listed = write_listing(lake, run, store.list())
        plan = make_plan(lake, run, listed=listed, scope=store.scope, rules=_rules(config))
        _log.info(
            "run %s: %d objects listed: %d new, %d changed, %d to try again, %d deleted",
            *(stamp.run_id, plan.listed, plan.new, plan.changed, plan.retried, plan.deleted),
        )
        counts = _ingest_batches(lake, plan, _reading(config, stamp, access))
        drop_run(lake, run)

    report = _report(stamp, plan, counts, time.monotonic() - started)
    if config.report is not None:
        report.write(config.report)
    return report


def fail_on_faults(report: Report, max_fault_ratio: float) -> None:
    """Fail a run with too many faults, after it has committed and reported everything.

    Raises:
        RunFailedError: The report's ``fault_ratio`` is above ``max_fault_ratio``.
    """
    if report.fault_ratio > max_fault_ratio:
        raise RunFailedError(
            f"{report.faults} of {report.faults + report.instances} files are faults, more than --max-fault-ratio "
            f"{max_fault_ratio} allows; everything is committed: see 'dicom-lake failures'"
        )


def _open(config: IngestConfig, access: S3Access) -> Store:
    patterns = Patterns(config.include, config.exclude)
    if config.manifest is not None:
        return open_manifest(config.manifest, access=access, patterns=patterns)
    if config.inventory is not None:
        return open_inventory(config.inventory, access=access, patterns=patterns)
    return open_store(
        config.source or "",
        exclude=config.place.root,
        access=access,
        patterns=patterns,
        may_be_empty=config.allow_mass_delete,
    )


def _rules(config: IngestConfig) -> PlanRules:
    return PlanRules(
        patterns=Patterns(config.include, config.exclude),
        deletes=config.deletes == "propagate",
        mass_delete=config.allow_mass_delete,
    )


def _reading(config: IngestConfig, stamp: Stamp, access: S3Access) -> Reading:
    limits = Limits(
        depth=config.max_archive_depth,
        members=config.max_archive_members,
        inflated_bytes=config.max_inflated_bytes,
        ratio=config.max_inflation_ratio,
        nested_bytes=config.max_nested_bytes,
    )
    splitting = Splitting(
        probe_bytes=config.split_probe_bytes, members=config.split_members, packed_bytes=config.split_bytes
    )
    return Reading(stamp, access, limits, splitting)


def _ingest_batches(lake: Lake, plan: Plan, reading: Reading) -> StagedCounts:
    """Read, stage and commit one batch after the other; return what was staged."""
    counts, live = StagedCounts(), LiveCounts(lake)
    with Progress(plan.to_read, live.poll):
        for batch in plan.batches:
            lake.check_lease()  # whoever took over has finished and cleared away what this run left
            stage_batch(lake, batch, reading, live=live)
            staged = staged_counts(lake, batch)
            commit_batch(lake, batch, staged)
            counts += staged
            lake.drop_staging(batch.stage)
    return counts


def _report(stamp: Stamp, plan: Plan, counts: StagedCounts, seconds: float) -> Report:
    return Report(
        run_id=stamp.run_id,
        objects_listed=plan.listed,
        objects_read=counts.objects,
        objects_new=plan.new,
        objects_changed=plan.changed,
        objects_retried=plan.retried,
        objects_unchanged=plan.unchanged,
        objects_deleted=plan.deleted,
        members=counts.members,
        instances=counts.instances,
        failures=counts.failures,
        bytes_read=counts.bytes_read,
        requests=counts.requests,
        seconds=seconds,
    )
