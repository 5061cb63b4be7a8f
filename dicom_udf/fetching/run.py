"""A fetch from its settings to its record."""

from __future__ import annotations

import csv
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from itertools import chain
from pathlib import Path

from dicom_udf.archives import Limits
from dicom_udf.config import DEFAULT_LAYOUT, FetchConfig, ManifestConfig
from dicom_udf.errors import ConfigurationError, FileFault
from dicom_udf.fetching.cohort import CohortFile, find_files
from dicom_udf.fetching.manifest import read_manifest
from dicom_udf.fetching.plan import FetchPlan, make_plan
from dicom_udf.fetching.targets import RECORD, Layout, check_targets
from dicom_udf.fetching.transfer import Copied, Copier, Outcome, hash_file, translate_write_errors
from dicom_udf.new_file import new_file
from dicom_udf.progress import progress
from dicom_udf.rendering import bytes_text

__all__ = ["RECORD_COLUMNS", "FetchResult", "fetch", "list_files", "plan_fetch"]

RECORD_COLUMNS = ("target", "source_uri", "source_member", "etag", "size", "sha256", "fault", "message")
"""Of ``fetch.csv``: a row for each file; ``fault`` is a code of failures, empty for a file that was copied."""

_MOST_UNCONFIRMED = 10 * 10**9
_ANY_ARCHIVE = 1 << 62

_Unit = Callable[[], Iterable[tuple[CohortFile, Outcome]]]


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The outcome of a fetch.

    Attributes:
        fetched: Files that were copied.
        bytes: Their bytes.
        there: Files that were in the folder before.
        faults: Number of missing files by code.
        record: The file that has a row for each of them.
    """

    fetched: int
    bytes: int
    there: int
    faults: Counter[str]
    record: Path

    @property
    def missing(self) -> int:
        """Number of files that could not be fetched."""
        return self.faults.total()

    def to_text(self) -> str:
        """Return a line for people."""
        parts = [f"{self.fetched:,} files fetched, {bytes_text(self.bytes)}"]
        if self.there:
            parts.append(f"{self.there:,} were there already")
        if self.missing:
            codes = ", ".join(f"{code} {count:,}" for code, count in sorted(self.faults.items()))
            parts.append(f"{self.missing:,} missing ({codes})")
        return f"{'; '.join(parts)}; record: {self.record}"


def list_files(config: ManifestConfig | FetchConfig) -> list[CohortFile]:
    """Run the query of a manifest or of a fetch, and return the files of its answer; each has a target of its own.

    Raises:
        ConfigurationError: The settings can't be used, the answer names no files, or a target isn't usable.
        RunFailedError: The query failed while it ran.
    """
    query, layout = config.query(), Layout(config.layout or DEFAULT_LAYOUT)
    files = find_files(query, layout)
    check_targets(file.target for file in files)
    return files


def plan_fetch(config: FetchConfig) -> FetchPlan:
    """Find the files of a fetch and compare them with the target folder; writes nothing.

    Raises:
        ConfigurationError: The settings can't be used, the query or the manifest names no files, a target isn't usable,
            or more than 10 GB would be fetched without ``yes``.
        RunFailedError: The query failed while it ran.
    """
    folder = Path(config.to)
    if config.lake is not None and folder.is_relative_to(config.lake):
        raise ConfigurationError(f"the folder {folder} lies in the lake {config.lake}; give another folder")
    files = _find(config)
    check_targets((file.target for file in files), config.to)  # again, since paths are longer below the folder
    plan = make_plan(files, folder)
    if plan.bytes > _MOST_UNCONFIRMED and not config.yes:
        raise ConfigurationError(f"{plan.to_text()}. This is more than 10 GB; add --yes true to fetch it")
    return plan


def _find(config: FetchConfig) -> list[CohortFile]:
    has_query = config.sql is not None or config.file is not None
    if has_query is (config.manifest is not None):
        raise ConfigurationError("give either the SQL of the files, with --lake LAKE, or --manifest FILE")
    if config.manifest is None:
        return list_files(config)
    if config.layout is not None:
        raise ConfigurationError("a manifest has the targets of its files; leave out --layout, or give SQL instead")
    return read_manifest(config.manifest)


def fetch(plan: FetchPlan, config: FetchConfig) -> FetchResult:
    """Copy the files of a plan, and write the record.

    Files appear under their names once they are whole. A fetch that was interrupted goes on by the same call, with a
    new plan.

    Raises:
        RunFailedError: The folder can't be written, or a store can't be used at all.
    """
    with translate_write_errors(plan.folder):
        plan.folder.mkdir(parents=True, exist_ok=True)
    outcomes = _Run(plan, config).outcomes()
    with translate_write_errors(plan.folder):
        record = _write_record(plan, outcomes)
    there = {plan.files[number].target for number in plan.there}
    copied = {target: one for target, one in outcomes.items() if isinstance(one, Copied) and target not in there}
    return FetchResult(
        fetched=len(copied),
        bytes=sum(one.size for one in copied.values()),
        there=len(there),
        faults=Counter(str(one.code) for one in outcomes.values() if isinstance(one, FileFault)),
        record=record,
    )


class _Run:
    """The threads of a fetch, and the outcomes so far, by target."""

    def __init__(self, plan: FetchPlan, config: FetchConfig) -> None:
        self._plan = plan
        self._jobs = config.jobs
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._outcomes: dict[str, Outcome] = {}
        self._there = {plan.files[number].target for number in plan.there}
        self._bytes = 0
        self._faults = 0
        limits = Limits(
            depth=100,
            members=_ANY_ARCHIVE,
            inflated_bytes=_ANY_ARCHIVE,
            excess_bytes=_ANY_ARCHIVE,
            names=config.archive_names,
        )
        copier = Copier(plan.folder, config.access, limits, self._stop.is_set)
        there = (partial(self._hash, plan.files[number]) for number in sorted(plan.there))
        self._units: Iterator[_Unit] = chain(there, (partial(copier.copy, job) for job in plan.jobs))

    def outcomes(self) -> dict[str, Outcome]:
        """Run all units.

        Raises:
            RunFailedError: That of the first thread that failed; the others end before their next piece.
        """
        with progress.shown(), ThreadPoolExecutor(self._jobs, thread_name_prefix="fetch") as pool:
            progress.begin("fetching", self._describe)
            workers = [pool.submit(self._work) for _ in range(self._jobs)]
            try:
                done, _ = wait(workers, return_when=FIRST_EXCEPTION)
                for worker in done:
                    worker.result()
            except BaseException:  # Ctrl-C too
                self._stop.set()
                raise
        return self._outcomes

    def _work(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                unit = next(self._units, None)
            if unit is None:
                return
            for file, outcome in unit():
                with self._lock:
                    self._outcomes[file.target] = outcome
                    if isinstance(outcome, FileFault):
                        self._faults += 1
                    elif file.target not in self._there:
                        self._bytes += outcome.size

    def _hash(self, file: CohortFile) -> Iterator[tuple[CohortFile, Outcome]]:
        with translate_write_errors(self._plan.folder):
            yield file, hash_file(self._plan.folder / file.target)

    def _describe(self, seconds: float) -> str:
        """Return e.g. ``1,250/5,000 files, 0.6 GB of 2.5 GB, 417 files/s, 3 missing, 0:00:09 left``."""
        with self._lock:
            done, size, faults = len(self._outcomes), self._bytes, self._faults
        files = len(self._plan.files)
        parts = [f"{done:,}/{files:,} files", f"{bytes_text(size)} of {bytes_text(self._plan.bytes)}"]
        if seconds > 0:
            parts.append(f"{done / seconds:,.0f} files/s")
        if faults:
            parts.append(f"{faults:,} missing")
        if 0 < done < files:
            parts.append(f"{timedelta(seconds=round(seconds * (files - done) / done))} left")
        return ", ".join(parts)


def _write_record(plan: FetchPlan, outcomes: dict[str, Outcome]) -> Path:
    record = plan.folder / RECORD
    with new_file(record) as out:
        rows = csv.writer(out)
        rows.writerow(RECORD_COLUMNS)
        for file in plan.files:
            rows.writerow((file.target, file.uri, file.member, file.etag, *_result(outcomes[file.target])))
    return record


def _result(outcome: Outcome) -> tuple[int | None, str | None, str | None, str | None]:
    if isinstance(outcome, Copied):
        return outcome.size, outcome.sha256, None, None
    return None, None, str(outcome.code), outcome.message
