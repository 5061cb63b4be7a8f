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
from dicom_udf.lake.batch import Batch, drop_plan, new_plan_id
from dicom_udf.lake.commit import commit_batch
from dicom_udf.lake.conflicts import find_conflicts
from dicom_udf.lake.fault_messages import fault_messages
from dicom_udf.lake.faults import lake_faults
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.plan import Plan, PlanRules, make_plan, write_listing
from dicom_udf.lake.recovery import finish_left_batches
from dicom_udf.lake.stage import LiveCounts, Reading, StagedCounts, stage_batch, staged_counts
from dicom_udf.lake.tables import Lake, open_lake
from dicom_udf.logs import set_run_id
from dicom_udf.progress import Progress
from dicom_udf.read import Stamp
from dicom_udf.report import Report
from dicom_udf.sources import (
    EventQueue,
    FaultQueue,
    Patterns,
    QueueSource,
    SourceBatch,
    open_fault_queue,
    open_source,
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
    place = config.place
    source, fault_queue = open_source(config), _open_fault_queue(config)
    clock0, run_time = time.monotonic(), _now()
    key = new_plan_id(run_time)
    stamp = Stamp(run_id=config.run_id or key, time=run_time)
    set_run_id(stamp.run_id)
    done = _Done()
    with lake_faults(place), lake_lease(place, key) as lease:
        lake = open_lake(place, partition_by=config.partition_by, master=config.master, lease=lease)
        run = _Run(lake, _rules(config), _reading(config, stamp), fault_queue)
        finish_left_batches(lake, on_commit=run.send_faults)
        with closing(source.discover(partial(find_conflicts, lake))) as discovered:
            for found in discovered:
                plan_id = new_plan_id(_now())
                plan = _plan(run, plan_id, found)
                done += _read_stage_and_commit(run, plan, on_staged=found.acknowledge)
                drop_plan(lake, plan_id)
                found.wait()

    queue = source.queue if isinstance(source, QueueSource) else None
    report = _report(stamp, done, queue, time.monotonic() - clock0)
    if config.report is not None:
        report.write(config.report)
    if fault_queue is not None:
        fault_queue.check()
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
class _Run:
    """What all batches of a run share."""

    lake: Lake
    rules: PlanRules
    reading: Reading
    fault_queue: FaultQueue | None

    def send_faults(self, batch: Batch) -> None:
        """Send the faults of a committed batch to the error queue, if there is one."""
        if self.fault_queue is not None:
            self.fault_queue.send(fault_messages(self.lake, batch))


@dataclass(frozen=True, slots=True)
class _Done:
    """What was done for one batch of the source, or for several."""

    plan: Plan = field(default_factory=Plan)
    counts: StagedCounts = field(default_factory=StagedCounts)
    lag: float | None = None

    def __add__(self, other: _Done) -> _Done:
        lags = [lag for lag in (self.lag, other.lag) if lag is not None]
        return _Done(self.plan + other.plan, self.counts + other.counts, max(lags, default=None))


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _open_fault_queue(config: IngestConfig) -> FaultQueue | None:
    if config.error_queue is None:
        return None
    return open_fault_queue(config.error_queue, endpoint=service_endpoint("SQS", config.aws_endpoint))


def _rules(config: IngestConfig) -> PlanRules:
    return PlanRules(
        patterns=Patterns(config.include, config.exclude),
        deletes=config.deletes == "propagate",
        mass_delete=config.allow_mass_delete,
    )


def _reading(config: IngestConfig, stamp: Stamp) -> Reading:
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
    return Reading(stamp, config.access, limits, splitting)


def _plan(run: _Run, plan_id: str, found: SourceBatch) -> Plan:
    """Compare what was discovered with the ledger, and return what is left to do."""
    listed = write_listing(run.lake, plan_id, found.list())
    plan = make_plan(run.lake, plan_id, listed=listed, scope=found.scope, rules=run.rules)
    counts = (plan.listed, plan.new, plan.changed, plan.retried, plan.deleted)
    message = "run %s: %d objects listed: %d new, %d changed, %d to try again, %d deleted"
    _log.info(message, run.reading.stamp.run_id, *counts)
    return plan


def _read_stage_and_commit(run: _Run, plan: Plan, *, on_staged: Callable[[], None]) -> _Done:
    """Read, stage and commit one batch of a plan after the other; return what was staged."""
    lake, live = run.lake, LiveCounts(run.lake)
    done = _Done(plan)
    if not plan.batches:
        on_staged()
    with Progress(plan.to_read, live.poll):
        for batch in plan.batches:
            lake.check_lease()  # a run that took over has finished and cleared away what this run left
            stage_batch(lake, batch, run.reading, live=live)
            staged = staged_counts(lake, batch)
            if batch is plan.batches[-1]:
                lake.check_lease()  # a run that took over before has dropped the stage
                on_staged()
            commit_batch(lake, batch, staged)
            lag = (_now() - staged.oldest).total_seconds() if staged.oldest is not None else None
            done += _Done(counts=staged, lag=lag if lag is None else max(lag, 0.0))
            run.send_faults(batch)
            lake.drop_staging(batch.stage)
    return done


def _report(stamp: Stamp, done: _Done, queue: EventQueue | None, seconds: float) -> Report:
    plan, counts = done.plan, done.counts
    failures = Counter(counts.failures)
    if queue is not None and queue.invalid:
        failures[FailureCode.INVALID_MESSAGE] = len(queue.invalid)
        _log.warning("%d messages are not S3 events; they are left to the dead-letter queue", len(queue.invalid))
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
