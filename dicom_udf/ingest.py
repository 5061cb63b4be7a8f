"""The job, as one straight line: discover -> plan -> read -> stage -> commit -> report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from dicom_udf.archives import Limits
from dicom_udf.config import IngestConfig, check_ingest, service_endpoint
from dicom_udf.errors import FailureCode, RunFailedError
from dicom_udf.lake import (
    Batch,
    Lake,
    LiveCounts,
    Plan,
    PlanRules,
    Reading,
    StagedCounts,
    commit_batch,
    doubtful_objects,
    drop_run,
    fault_messages,
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
from dicom_udf.logs import set_run_id
from dicom_udf.progress import Progress
from dicom_udf.read import Stamp
from dicom_udf.report import Report
from dicom_udf.sources import (
    Drain,
    EventQueue,
    FaultQueue,
    Finding,
    Listing,
    Origin,
    Patterns,
    S3Access,
    open_fault_queue,
    open_inventory,
    open_manifest,
    open_queue,
    open_store,
)
from dicom_udf.tasks import Splitting

__all__ = ["fail_on_faults", "ingest"]

_log = logging.getLogger(__name__)


def ingest(config: IngestConfig) -> Report:
    """Bring the lake up to date with the source, or with the events of a queue, and return what was done.

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
    aws = service_endpoint("SQS", config.aws_endpoint)
    queue = open_queue(config.queue, endpoint=aws) if config.queue is not None else None
    told = open_fault_queue(config.error_queue, endpoint=aws) if config.error_queue is not None else None
    origin = _origin(config, queue, access)
    started, began = time.monotonic(), _now()
    run = new_run(began)
    stamp = Stamp(run_id=config.run_id or run, time=began)
    set_run_id(stamp.run_id)
    done = _Done()
    with lake_faults(place), lake_lease(place, run) as lease:
        lake = open_lake(place, partition_by=config.partition_by, master=config.master, lease=lease)
        work = _Work(lake, _rules(config), _reading(config, stamp, access), told)
        finish_left_batches(lake, on_commit=work.tell)
        with closing(origin.find(partial(doubtful_objects, lake))) as findings:
            for found in findings:
                done += _ingest_finding(work, found)

    report = _report(stamp, done, queue, time.monotonic() - started)
    if config.report is not None:
        report.write(config.report)
    if told is not None:
        told.check()
    return report


def fail_on_faults(report: Report, max_fault_ratio: float) -> None:
    """Fail a run with too many faults, after it has committed and reported everything.

    Raises:
        RunFailedError: The report's ``fault_ratio`` is above ``max_fault_ratio``.
    """
    if report.fault_ratio > max_fault_ratio:
        raise RunFailedError(
            f"{report.faulty_files} of {report.faulty_files + report.instances} files are faults, more than "
            f"--max-fault-ratio {max_fault_ratio} allows; everything is committed: see 'dicom-lake failures'"
        )


@dataclass(frozen=True, slots=True)
class _Work:
    """What is the same for all batches of a run."""

    lake: Lake
    rules: PlanRules
    reading: Reading
    told: FaultQueue | None

    def tell(self, batch: Batch) -> None:
        """Send the faults of a batch that is committed."""
        if self.told is not None:
            self.told.send(fault_messages(self.lake, batch))


@dataclass(frozen=True, slots=True)
class _Done:
    """What a part of a run did."""

    plan: Plan = field(default_factory=Plan)
    counts: StagedCounts = field(default_factory=StagedCounts)
    lag: float | None = None

    def __add__(self, other: _Done) -> _Done:
        lags = [lag for lag in (self.lag, other.lag) if lag is not None]
        return _Done(self.plan + other.plan, self.counts + other.counts, max(lags, default=None))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _origin(config: IngestConfig, queue: EventQueue | None, access: S3Access) -> Origin:
    patterns = Patterns(config.include, config.exclude)
    excluded = f"{config.place.root}/" if config.place.is_glue else None
    if queue is not None:
        return Drain(queue, access, patterns, excluded=excluded, max_messages=config.max_messages)
    if config.manifest is not None:
        return Listing(open_manifest(config.manifest, access=access, patterns=patterns))
    if config.inventory is not None:
        return Listing(open_inventory(config.inventory, access=access, patterns=patterns, excluded=excluded))
    store = open_store(
        config.source or "",
        exclude=config.place.root,
        access=access,
        patterns=patterns,
        may_be_empty=config.allow_mass_delete,
    )
    return Listing(store)


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
        names=config.archive_names,
    )
    splitting = Splitting(
        probe_bytes=config.split_probe_bytes, members=config.split_members, packed_bytes=config.split_bytes
    )
    return Reading(stamp, access, limits, splitting)


def _ingest_finding(work: _Work, found: Finding) -> _Done:
    """Hold what was found against the ledger, and ingest what that leaves to do."""
    run = new_run(_now())
    listed = write_listing(work.lake, run, found.list())
    plan = make_plan(work.lake, run, listed=listed, scope=found.scope, rules=work.rules)
    _log.info(
        "run %s: %d objects listed: %d new, %d changed, %d to try again, %d deleted",
        *(work.reading.stamp.run_id, plan.listed, plan.new, plan.changed, plan.retried, plan.deleted),
    )
    done = _ingest_batches(work, plan, on_staged=found.let_go)
    drop_run(work.lake, run)
    found.finish()
    return done


def _ingest_batches(work: _Work, plan: Plan, *, on_staged: Callable[[], None]) -> _Done:
    """Read, stage and commit one batch after the other; return what was staged."""
    lake, live = work.lake, LiveCounts(work.lake)
    done = _Done(plan)
    if not plan.batches:
        on_staged()
    with Progress(plan.to_read, live.poll):
        for batch in plan.batches:
            lake.check_lease()  # whoever took over has finished and cleared away what this run left
            stage_batch(lake, batch, work.reading, live=live)
            staged = staged_counts(lake, batch)
            if batch is plan.batches[-1]:
                lake.check_lease()  # whoever took over before has dropped the stage
                on_staged()
            commit_batch(lake, batch, staged)
            lag = (_now() - staged.oldest).total_seconds() if staged.oldest is not None else None
            done += _Done(counts=staged, lag=lag if lag is None else max(lag, 0.0))
            work.tell(batch)
            lake.drop_staging(batch.stage)
    return done


def _report(stamp: Stamp, done: _Done, queue: EventQueue | None, seconds: float) -> Report:
    plan, counts = done.plan, done.counts
    failures = Counter(counts.failures)
    if queue is not None and queue.invalid:
        failures[FailureCode.INVALID_MESSAGE] = len(queue.invalid)
        _log.warning("%d messages are no S3 events; they are left to the dead-letter queue", len(queue.invalid))
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
        failures=failures,
        bytes_read=counts.bytes_read,
        requests=counts.requests,
        seconds=seconds,
        lag_seconds=done.lag,
        messages=queue.received if queue is not None else None,
        messages_left=queue.left() if queue is not None else None,
    )
