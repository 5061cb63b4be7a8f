"""Long work made visible: one line that renews itself on a terminal, log lines elsewhere."""

from __future__ import annotations

import logging
import shutil
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self, TextIO

from dicom_udf.logs import log_settings

__all__ = ["Progress"]

_log = logging.getLogger(__name__)

Counts = tuple[int, int, int]


class Progress:
    """Show how far the reading of objects has come, while the body of the ``with`` runs.

    A thread calls ``poll`` once every ``interval`` and never keeps the process alive. The counts are for the eye: they
    may count a retried task twice and are no part of the report.

    Args:
        total_objects: Objects that the run will read.
        poll: Returns objects done, instances and failures so far; called from the thread.
        stream: Where the line goes when it is a terminal.
        interval: Seconds between two looks; default 1 on a terminal, 30 in a log.
    """

    def __init__(
        self,
        total_objects: int,
        poll: Callable[[], Counts],
        *,
        stream: TextIO | None = None,
        interval: float | None = None,
    ) -> None:
        self._total = total_objects
        self._poll = poll
        self._stream = stream if stream is not None else sys.stderr
        self._is_terminal = self._stream.isatty() and not log_settings.is_json
        self._interval = interval if interval is not None else (1.0 if self._is_terminal else 30.0)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="progress", daemon=True)
        self._began = 0.0
        self._read_in = 0.0

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        if self._total:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._total:
            return  # nothing to do, nothing to show
        self._stop.set()
        self._thread.join(timeout=5)
        if kind is None:
            self._show()  # the last state, even of work that was done before the first look
        if self._is_terminal:
            self._stream.write("\n" if kind is None else "\r\x1b[K")
            self._stream.flush()

    def _watch(self) -> None:
        while not self._stop.wait(self._interval):
            if not self._show():
                return

    def _show(self) -> bool:
        """Show the state once; return False where ``poll`` fails. The work matters more than its progress."""
        try:
            counts = self._poll()
        except Exception:  # poll may need something that has been closed, e.g. Spark's gateway
            _log.debug("progress can't be shown any longer", exc_info=True)
            return False
        if not self._read_in and counts[0] >= self._total:
            self._read_in = time.monotonic() - self._began  # what follows is committing: no time of the headers
        line = progress_line(self._total, counts, self._read_in or time.monotonic() - self._began)
        if self._is_terminal:
            width = shutil.get_terminal_size().columns - 1  # a wrapped line couldn't be renewed
            self._stream.write(f"\r{line[:width]}\x1b[K")
            self._stream.flush()
        else:
            _log.info("%s", line)
        return True


def progress_line(total: int, counts: Counts, seconds: float) -> str:
    """Write ``1,200/5,000 objects, 3,100 instances, 410 headers/s, 3 failures, 0:09 left``.

    Args:
        total: Objects in all.
        counts: Objects done, instances, failures.
        seconds: Since the work began, until all was read.
    """
    objects, instances, failures = counts
    parts = [f"{objects:,}/{total:,} objects", f"{instances:,} instances"]
    if seconds > 0:
        parts.append(f"{instances / seconds:,.0f} headers/s")
    parts.append(f"{failures:,} failures")
    if 0 < objects < total:
        parts.append(f"{_clock(seconds * (total - objects) / objects)} left")
    elif objects >= total:
        parts.append("all read")
    return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
