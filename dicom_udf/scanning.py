"""The headers of a source as Arrow batches: discover -> split -> read. It needs no lake, no Spark and no Java."""

from __future__ import annotations

import math
import os
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from queue import Queue
from typing import IO, Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_udf.archives import Limits
from dicom_udf.config import S3Access, ScanFormat, parse_location, service_endpoint
from dicom_udf.errors import ConfigurationError
from dicom_udf.new_file import new_file
from dicom_udf.progress import LEAST_SECONDS
from dicom_udf.rendering import aligned, failure_lines, write_rows
from dicom_udf.scan_worker import SCAN_SCHEMA, Worker, scan_batches
from dicom_udf.sources import ObjectRef, Patterns, Store, open_store
from dicom_udf.tasks import Item, ReadSettings, Stamp, expected_cost, make_tasks, split_objects

__all__ = ["ScanCounts", "find_items", "open_scan", "scan", "write_scan"]

WORKER_COST = 1_500
"""Headers that one process reads in the time that another one takes to start, 0.7 s."""


def scan(
    source: str | os.PathLike[str],
    *,
    workers: int | None = None,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    access: S3Access | None = None,
    limits: Limits | None = None,
) -> pa.RecordBatchReader:
    """Read the headers of a folder, a file or an ``s3://`` prefix, archives included.

    A row is a DICOM file found, with the columns of a lake's table ``instances`` but for ``ingest_run_id`` and
    ``ingest_time``; or a file or object without a header, with ``failure_code``, ``failure_severity`` and
    ``failure_message``. One process yields instances in the order of their objects' names, and failures in batches of
    their own; several processes yield them in any order.

    Args:
        source: A local path, a ``file://`` URI or ``s3://bucket/prefix``.
        workers: Processes that read, at most; by default one for each core. A small source is read in this process.
        include: Globs; only names below the source that match one are read, e.g. ``["*.dcm", "*.zip"]``.
        exclude: Globs; names that match one are left out.
        access: How S3 is reached; by default as AWS's environment variables state.
        limits: Bounds for archives.

    Returns:
        An iterator of record batches with ``schema``, ``read_all()`` and ``read_pandas()``; nothing is read before its
        first batch is taken.

    Raises:
        ConfigurationError: The source does not exist.
        RunFailedError: The source can't be read at all; also from the iterator, where a worker ends early too.

    Example:
        >>> from dicom_udf import scan
        >>> table = scan("sample_dcm").read_all()
        >>> table.num_rows, table.column("failure_code").null_count
        (78, 66)
    """
    store, settings = open_scan(source, include=include, exclude=exclude, access=access, limits=limits)

    def batches() -> Iterator[pa.RecordBatch]:
        items = find_items(store, settings)
        number = min(workers or _cores(), math.ceil(sum(map(expected_cost, items)) / WORKER_COST))
        tasks = make_tasks(items, cores=number)
        if min(number, len(tasks)) > 1:
            yield from _read_in_workers(tasks, settings, number)
        else:
            yield from scan_batches(items, settings)

    return pa.RecordBatchReader.from_batches(SCAN_SCHEMA, batches())


def open_scan(
    source: str | os.PathLike[str],
    *,
    include: Sequence[str],
    exclude: Sequence[str],
    access: S3Access | None,
    limits: Limits | None,
) -> tuple[Store, ReadSettings]:
    """Open a source for a scan; the arguments and errors are those of :func:`scan`."""
    access = S3Access(service_endpoint("S3", None)) if access is None else access
    store = open_store(
        parse_location("source", source),
        access=access,
        patterns=Patterns(tuple(include), tuple(exclude)),
        may_be_empty=False,
    )
    stamp = Stamp(run_id="", time=datetime.now(UTC).replace(tzinfo=None))
    return store, ReadSettings(stamp, access, limits or Limits())


def find_items(store: Store, settings: ReadSettings) -> list[Item]:
    """List a source and split its large zips.

    Raises:
        RunFailedError: The source can't be listed.
    """
    refs = [ObjectRef(*row.values()) for batch in store.list() for row in batch.to_pylist()]
    return list(split_objects(refs, settings))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _read_in_workers(tasks: Sequence[list[Item]], settings: ReadSettings, number: int) -> Iterator[pa.RecordBatch]:
    """Yield the batches of tasks that several processes read; each takes the next task when it has read one."""
    left = deque(tasks)
    results: Queue[pa.RecordBatch | BaseException | None] = Queue(maxsize=2 * number)
    workers = [Worker() for _ in range(min(number, len(tasks)))]

    def drive(worker: Worker) -> None:
        try:
            worker.start(settings)
            with suppress(IndexError):  # no task is left
                while True:
                    for batch in worker.read(left.popleft()):
                        results.put(batch)
        except BaseException as error:  # raised again where the batches are taken
            results.put(error)
        finally:
            results.put(None)

    running = 0
    try:
        for worker in workers:
            threading.Thread(target=drive, args=(worker,), name="scan", daemon=True).start()
            running += 1
        while running:
            result = results.get()
            if result is None:
                running -= 1
            elif isinstance(result, BaseException):
                raise result
            else:
                yield result
    finally:
        left.clear()
        for worker in workers:
            worker.stop()
        while running:  # threads wait until their last batches are taken
            running -= results.get() is None


@dataclass(slots=True)
class ScanCounts:
    """The files that a scan found.

    Attributes:
        instances: Files with a header.
        failures: Files and objects without one, by their code.
    """

    instances: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of a batch."""
        codes = batch.column("failure_code")
        self.instances += codes.null_count
        self.failures.update(codes.drop_null().to_pylist())

    def describe(self, seconds: float) -> str:
        """Write ``1,200 instances, 3 failures, 410 headers/s`` while a scan runs; empty before the first file."""
        parts = [f"{self.instances:,} instances"] if self.instances else []
        if self.failures:
            parts.append(f"{self.failures.total():,} failures")
        if parts and seconds >= LEAST_SECONDS and self.instances >= seconds:
            parts.append(f"{self.instances / seconds:,.0f} headers/s")
        return ", ".join(parts)

    def to_text(self, seconds: float) -> str:
        """Return the counts for people: a line for instances, one for failures, and one for each code."""
        if not self.instances and not self.failures:
            return "no files were found\n"
        lines: list[tuple[str, int | None, str]] = [
            ("instances", self.instances, f"in {seconds:.1f} s"),
            ("failures", self.failures.total(), ""),
        ]
        return aligned([*lines, *failure_lines(self.failures)])


def write_scan(
    batches: pa.RecordBatchReader,
    output: Path | None,
    form: ScanFormat,
    *,
    stdout: TextIO,
    counts: ScanCounts | None = None,
) -> ScanCounts:
    """Write the rows of a scan to a file, which appears under its name once it is whole, or to ``stdout``.

    Args:
        batches: As :func:`scan` returns them.
        output: The file; None for ``stdout``.
        form: ``parquet`` (a file only); ``jsonl``: an object a line, without its nulls; ``csv``: RFC 4180, nested
            values as JSON.
        stdout: Where rows go without a file.
        counts: Where files are counted while they are written, for a progress line.

    Returns:
        The counts.

    Raises:
        ConfigurationError: The file can't be made.
    """
    counts = ScanCounts() if counts is None else counts
    with ExitStack() as stack:
        is_text = form != "parquet"
        stream: Any = stdout if output is None else _open_output(stack, output, is_text=is_text)
        if form == "parquet":
            writer = stack.enter_context(pq.ParquetWriter(stream, batches.schema, compression="zstd"))
            for batch in _counted(batches, counts):
                writer.write_batch(batch)
            return counts
        rows = (row for batch in _counted(batches, counts) for row in batch.to_pylist(maps_as_pydicts="strict"))
        if form == "csv":
            write_rows(batches.schema.names, (tuple(row.values()) for row in rows), form="csv", stream=stream)
        else:
            for row in rows:
                present = {name: value for name, value in row.items() if value is not None}
                write_rows(tuple(present), [tuple(present.values())], form="json", stream=stream)
    return counts


def _counted(batches: pa.RecordBatchReader, counts: ScanCounts) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        counts.add(batch)
        yield batch


def _open_output(stack: ExitStack, output: Path, *, is_text: bool) -> IO[Any]:
    try:
        return stack.enter_context(new_file(output, is_text=is_text))
    except OSError as error:
        raise ConfigurationError(f"--output {output} can't be written: {error.strerror}; check the folder") from None
