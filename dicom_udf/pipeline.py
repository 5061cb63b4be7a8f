"""The job, as one straight line: discover -> plan -> read -> stage -> commit -> report."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from dicom_udf.config import IngestConfig, check_ingest
from dicom_udf.errors import FailureCode, RunFailedError
from dicom_udf.lake.batch import Batch, drop_plan, new_plan_id
from dicom_udf.lake.commit import commit_batch
from dicom_udf.lake.conflicts import find_conflicts
from dicom_udf.lake.fault_messages import fault_messages
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.fixed_settings import check_partitions
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.listing import write_listing
from dicom_udf.lake.plan import Plan, PlanRules, make_plan
from dicom_udf.lake.recovery import finish_left_batches
from dicom_udf.lake.stage import LiveCounts, stage_batch
from dicom_udf.lake.staged import StagedBatch, StagedCounts, open_staged
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.logs import set_run_id
from dicom_udf.progress import ReadProgress, progress
from dicom_udf.report import Report
from dicom_udf.sources import FaultQueue, QueueSource, Source, SourceBatch, open_error_queue, open_source
from dicom_udf.tasks import ReadSettings, Stamp

__all__ = ["fail_on_faults", "ingest"]

_log = logging.getLogger(__name__)


def ingest(config: IngestConfig) -> Report:
    """Bring the lake up to date with the source, or with the events of a queue.

    An object with the etag and size of the ledger is not opened. The run goes on where an earlier one stopped.

    Args:
        config: The source, the lake and all settings.

    Returns:
        The counts of this run, in objects, files, bytes and seconds.

    Raises:
        ConfigurationError: The source or the lake can't be used. Nothing has been written.
        RunFailedError: The run could not go on.
    """
    check_ingest(config)
    clock0 = time.monotonic()
    source, fault_queue = open_source(config), open_error_queue(config)
    with progress.shown(), _open_run(config, fault_queue) as run:
        finish_left_batches(run.lake, on_commit=run.send_faults)
        for found in run.discover(source):
            plan = run.plan(found)
            for batch in plan.batches:
                staged = run.read_and_stage(plan, batch)
                if batch is plan.batches[-1]:
                    run.acknowledge(found)
                run.commit(plan, staged)
            run.finish(plan, found)
    return _report(config, run, source, fault_queue, seconds=time.monotonic() - clock0)


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


@dataclass(slots=True)
class _Run:
    """A run that writes to a lake, and what it has done so far.

    Attributes:
        lake: Opened, with the lease of this run.
        rules: How a listing is compared with the ledger.
        settings: How objects are read.
        fault_queue: Where faults are sent, if anywhere.
        live: Counts of the current plan, for the progress line.
        plan_id: Key of the current plan.
        planned: The sum of all plans.
        counts: The sum of all staged batches.
        lag: The longest time between an object's last change and the commit of its rows, in seconds.
    """

    lake: Lake
    rules: PlanRules
    settings: ReadSettings
    fault_queue: FaultQueue | None
    live: LiveCounts = field(init=False)
    plan_id: str = field(init=False)
    planned: Plan = field(default_factory=Plan)
    counts: StagedCounts = field(default_factory=StagedCounts)
    lag: float | None = None

    def discover(self, source: Source) -> Iterator[SourceBatch]:
        """Yield what the source discovers: one batch of a listing, or one for each 100,000 messages of a queue."""
        is_queue = isinstance(source, QueueSource)
        progress.begin("receiving messages" if is_queue else "listing")
        with closing(source.discover(partial(find_conflicts, self.lake))) as discovered:
            for found in discovered:
                yield found
                if is_queue:
                    progress.begin("receiving messages")

    def plan(self, found: SourceBatch) -> Plan:
        """Compare what was discovered with the ledger, and return what is left to do."""
        self.plan_id, self.live = new_plan_id(_now()), LiveCounts(self.lake)
        listing = _CountedListing(found.list())
        progress.begin("listing", listing.describe)
        listed = write_listing(self.lake, self.plan_id, listing)
        progress.begin("planning")
        plan = make_plan(self.lake, self.plan_id, listed=listed, scope=found.scope, rules=self.rules)
        self.planned += plan
        counts = (plan.listed, plan.new, plan.changed, plan.retried, plan.deleted)
        message = "run %s: %d objects listed: %d new, %d changed, %d to try again, %d deleted"
        _log.info(message, self.settings.stamp.run_id, *counts)
        return plan

    def read_and_stage(self, plan: Plan, batch: Batch) -> StagedBatch:
        """Read the objects of a batch on the executors and stage their rows; return what was staged."""
        self.lake.check_lease()  # a run that took over has finished and cleared away what this run left
        if batch.objects:
            progress.begin("reading", ReadProgress(plan.to_read, self.live.poll).describe, is_logged=True)
        stage_batch(self.lake, batch, self.settings, live=self.live)
        return open_staged(self.lake, batch)

    def acknowledge(self, found: SourceBatch) -> None:
        """Acknowledge what was discovered, once all of it is staged: from then on the lake's own stage holds it."""
        self.lake.check_lease()  # a run that took over before has dropped the stage
        found.acknowledge()

    def commit(self, plan: Plan, staged: StagedBatch) -> None:
        """Commit a staged batch to the tables, send its faults, and drop its stage."""
        number, batches = plan.batches.index(staged.batch) + 1, len(plan.batches)
        progress.begin(f"committing batch {number:,} of {batches:,}" if batches > 1 else "committing")
        commit_batch(self.lake, staged)
        self.counts += staged.counts
        if staged.counts.oldest is not None:
            self.lag = max(self.lag or 0.0, (_now() - staged.counts.oldest).total_seconds())
        self.send_faults(staged)
        self.lake.drop_staging(staged.batch.stage)

    def send_faults(self, staged: StagedBatch) -> None:
        """Send the faults of a committed batch to the error queue, if there is one."""
        if self.fault_queue is not None:
            self.fault_queue.send(fault_messages(staged))

    def finish(self, plan: Plan, found: SourceBatch) -> None:
        """Drop a finished plan, and wait until its source batch is acknowledged."""
        if not plan.batches:
            found.acknowledge()
        drop_plan(self.lake, self.plan_id)
        found.wait()


class _CountedListing(Iterator[pa.RecordBatch]):
    """The batches of a listing; it counts the objects that were taken."""

    def __init__(self, batches: Iterator[pa.RecordBatch]) -> None:
        self._batches = batches
        self._objects = 0

    def __next__(self) -> pa.RecordBatch:
        batch = next(self._batches)
        self._objects += batch.num_rows
        return batch

    def describe(self, _: float) -> str:
        """Write ``1,200 objects``; empty before the first."""
        return f"{self._objects:,} objects" if self._objects else ""


@contextmanager
def _open_run(config: IngestConfig, fault_queue: FaultQueue | None) -> Generator[_Run]:
    """Take the lake's lease and open the lake; errors of AWS and Spark in the block are raised as this package's."""
    location, run_time = config.location, _now()
    key = new_plan_id(run_time)
    stamp = Stamp(run_id=config.run_id or key, time=run_time)
    set_run_id(stamp.run_id)
    check_partitions(location, config.partition_by)
    with translate_spark_errors(location), lake_lease(location, key) as lease:
        lake = connect_lake(location, partition_by=config.partition_by, master=config.master, lease=lease)
        yield _Run(lake, PlanRules.of(config), ReadSettings.of(config, stamp), fault_queue)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def _report(
    config: IngestConfig, run: _Run, source: Source, fault_queue: FaultQueue | None, *, seconds: float
) -> Report:
    """Count what the run did; write the report's file, and fail where faults could not be sent."""
    plan, counts = run.planned, run.counts
    queue = source.queue if isinstance(source, QueueSource) else None
    failures = Counter(counts.failures)
    if queue is not None and queue.invalid:
        failures[FailureCode.INVALID_MESSAGE] = len(queue.invalid)
        _log.warning("%d messages are not S3 events; they are left to the dead-letter queue", len(queue.invalid))
    report = Report(
        run_id=run.settings.stamp.run_id,
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
        lag_seconds=run.lag,
        messages=queue.received if queue is not None else None,
        messages_left=queue.left() if queue is not None else None,
    )
    if config.report is not None:
        report.write(config.report)
    if fault_queue is not None:
        fault_queue.check()
    return report
