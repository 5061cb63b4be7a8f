"""A process that reads tasks for a scan: pickled tasks in, Arrow streams out.

A process of its own, not a fork: S3 clients have threads, which a fork breaks. And not :mod:`multiprocessing`, which
imports the caller's script again.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, cast

import pyarrow as pa

from dicom_udf.collector import collect_rarely
from dicom_udf.columns import Field, Table, arrow_schema, instances_table
from dicom_udf.errors import DicomLakeError, RunFailedError
from dicom_udf.read import read_batches
from dicom_udf.tasks import Item, ReadSettings

__all__ = ["SCAN_SCHEMA", "Worker", "scan_batches", "scan_table"]

_FAILURE = {
    "code": "Reason why the file has no header; null for an instance",
    "severity": "skipped or fault",
    "message": "The reason in one sentence",
}


def scan_table() -> Table:
    """Return the table of a scan, all columns nullable: a failure has no ``study_date``."""
    instances = instances_table()
    fields = [
        Field(field.name, field.type, field.comment)
        for field in instances.fields
        if not field.name.startswith("ingest_")
    ]
    failure = [Field(f"failure_{name}", "string", comment) for name, comment in _FAILURE.items()]
    return Table("scan", instances.comment, (*fields, *failure))


SCAN_SCHEMA = arrow_schema(scan_table())
"""Columns of a scan: those of ``instances`` that don't name a run, and ``failure_code``, ``failure_severity``,
``failure_message``."""


def scan_batches(items: Iterable[Item], settings: ReadSettings) -> Iterator[pa.RecordBatch]:
    """Read items; yield batches of :data:`SCAN_SCHEMA`."""
    names = [name.removeprefix("failure_") for name in SCAN_SCHEMA.names]
    for found in read_batches(items, settings):
        yield pa.RecordBatch.from_arrays([found.column(name) for name in names], schema=SCAN_SCHEMA)


class Worker:
    """A process that reads one task after the other."""

    def __init__(self) -> None:
        """Make a worker; :meth:`start` starts its process."""
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def start(self, settings: ReadSettings) -> None:
        """Start the process."""
        command = [sys.executable, "-m", __name__]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment)
        if self._is_stopped:
            self.stop()
        self._send(settings)

    def read(self, task: list[Item]) -> Iterator[pa.RecordBatch]:
        """Yield the batches of a task.

        Raises:
            RunFailedError: The source can't be read at all, or the process ended.
        """
        self._send(task)
        assert self._process is not None
        output = self._process.stdout
        try:
            with pa.ipc.open_stream(output) as batches:
                yield from batches
            failure = pickle.load(output)  # type: ignore[arg-type]
        except (OSError, EOFError, pa.ArrowInvalid, pickle.UnpicklingError):
            raise self._ended() from None
        if failure is not None:
            raise failure

    def stop(self) -> None:
        """End the process; safe to call from another thread."""
        self._is_stopped = True
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):  # what was still to be sent has no reader
                    cast(BinaryIO, pipe).close()

    def _send(self, message: object) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            pickle.dump(message, self._process.stdin)
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _ended(self) -> RunFailedError:
        assert self._process is not None
        status = self._process.wait()
        reason = f"signal {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        return RunFailedError(f"a worker process of the scan ended with {reason}; try fewer workers, or more memory")


def serve(requests: BinaryIO, responses: BinaryIO) -> None:
    """Read the tasks that arrive; send a stream of batches for each, then None, or the error that stops the scan."""
    settings = pickle.load(requests)
    collect_rarely()
    while True:
        try:
            task = pickle.load(requests)
        except EOFError:
            return
        failure: DicomLakeError | None = None
        with pa.ipc.new_stream(responses, SCAN_SCHEMA) as stream:
            try:
                for batch in scan_batches(task, settings):
                    stream.write_batch(batch)
            except DicomLakeError as error:
                failure = error
        pickle.dump(failure, responses)
        responses.flush()


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that scans ends its workers
    serve(sys.stdin.buffer, sys.stdout.buffer)
