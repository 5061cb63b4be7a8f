"""Long work made visible, phase by phase: one line that renews itself on a terminal, few lines in a log elsewhere."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from typing import TextIO

from dicom_udf.logs import is_terminal, log_settings

__all__ = ["LEAST_SECONDS", "Counts", "Progress", "ReadProgress", "progress"]

_log = logging.getLogger(__name__)

Counts = tuple[int, int, int]
"""Objects done, instances and failures."""

Describe = Callable[[float], str]
"""Returns how far a phase has come, from the seconds since it began."""

LEAST_SECONDS = 2.0
"""A rate of less time is one of chance."""

_LEAST_SECONDS_OF_REST = 5.0
_LEAST_PART_OF_REST = 0.01
"""The time that is left can be estimated after so many seconds and so large a part of the objects."""


class Progress:
    """The phases of a command, one after the other; each begins where the one before it ends.

    A thread shows the current phase again and again, and never keeps the process alive. Outside of :meth:`shown`
    nothing is shown, so a step of a lake can name its phase wherever it is called from.

    Args:
        stream: Where the line goes when it is a terminal; None: stderr, as it is when a phase begins.
        interval: Seconds between two looks; default 1 on a terminal, 30 in a log.

    Example:
        >>> progress = Progress()
        >>> with progress.shown():
        ...     progress.begin("listing", lambda seconds: "1,200 objects")
    """

    def __init__(self, *, stream: TextIO | None = None, interval: float | None = None) -> None:
        self._given_stream = stream
        self._stream: TextIO = sys.stderr
        self._is_live = False
        self._is_logged = False
        self._given_interval = interval
        self._depth = 0
        self._lock = threading.RLock()
        self._phase: str | None = None
        self._describe: Describe | None = None
        self._clock0 = 0.0
        self._watcher: threading.Thread | None = None
        self._stop = threading.Event()

    @contextmanager
    def shown(self) -> Generator[None]:
        """Show the phases that begin in the block; at its end the line of a terminal is wiped."""
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            self._end()

    def begin(self, phase: str, describe: Describe | None = None, *, is_logged: bool = False) -> None:
        """Begin a phase, which ends the one before it; the same phase without counts goes on.

        Args:
            phase: Its name, e.g. ``listing``. It contains no name of a file and no value.
            describe: Called from the thread while the phase lasts; its words follow the name.
            is_logged: Whether a log has a line of the phase however short it is: its name at once, or with ``describe``
                its last words. Any phase has a line each 30 seconds.
        """
        if not self._depth or (phase == self._phase and describe is None):
            return
        if self._describe is not None and (self._is_live or self._is_logged):
            self._show()
        self._end()
        self._stream = self._given_stream if self._given_stream is not None else sys.stderr
        self._is_live = is_terminal(self._stream) and not log_settings.is_json
        interval = self._given_interval if self._given_interval is not None else (1.0 if self._is_live else 30.0)
        self._phase, self._describe, self._clock0 = phase, describe, time.monotonic()
        self._is_logged = is_logged
        if self._is_live:
            self._show()
        elif is_logged and describe is None:
            _log.info("%s", phase)
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(self._stop, interval), name="progress", daemon=True)
        self._watcher.start()

    def _end(self) -> None:
        if self._phase is None:
            return
        self._stop.set()
        with self._lock:
            self._phase = self._describe = None
            if self._is_live:
                self._write("\r\x1b[K")
        if self._watcher is not None:
            self._watcher.join(timeout=5)

    def _watch(self, stop: threading.Event, interval: float) -> None:
        while not stop.wait(interval):
            self._show()

    def _show(self) -> None:
        """Show the phase once. The work matters more than its progress, so no error leaves here."""
        with self._lock:
            if self._phase is None:
                return
            seconds = time.monotonic() - self._clock0
            words = self._words(seconds)
            if not self._is_live:
                _log.info("%s", f"{self._phase}: {words}" if words else f"{self._phase}, for {_clock(seconds)}")
                return
            line = f"{self._phase}: {words}" if words else f"{self._phase} ..."
            if not words and seconds >= LEAST_SECONDS:
                line += f" {_clock(seconds)}"
            # A wrapped line couldn't be renewed. The cursor goes back, so that words of another program begin a line.
            self._write(f"\r\x1b[K{line[: _columns(self._stream) - 1]}\r")

    def _words(self, seconds: float) -> str:
        if self._describe is None:
            return ""
        try:
            return self._describe(seconds)
        except Exception:  # it may need something that has been closed, e.g. Spark's gateway
            _log.debug("the counts of a phase can't be shown any longer", exc_info=True)
            self._describe = None
            return ""

    def _write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # the terminal was closed
            self._stream.write(text)
            self._stream.flush()


progress = Progress()
"""Of this process."""


class ReadProgress:
    """How far the reading of a plan's objects has come, since one of its batches began.

    The counts are for the eye: they may count a retried task twice and are no part of the report.

    Args:
        total: Objects that the plan reads.
        poll: Returns objects done, instances and failures so far.

    Example:
        >>> ReadProgress(5000, lambda: (0, 0, 0)).describe(1.0)
        '0/5,000 objects'
    """

    def __init__(self, total: int, poll: Callable[[], Counts]) -> None:
        self._total = total
        self._poll = poll
        self._before = poll()

    def describe(self, seconds: float) -> str:
        """Write ``1,200/5,000 objects, 3,100 instances, 410 headers/s, 3 failures, 0:09 left``.

        A rate and a time come only where they mean something.

        Args:
            seconds: Since the batch began.
        """
        objects, instances, failures = self._poll()
        parts = [f"{objects:,}/{self._total:,} objects"]
        if instances:
            parts.append(f"{instances:,} instance{'s'[: instances > 1]}")
        rate = (instances - self._before[1]) / seconds if seconds >= LEAST_SECONDS else 0.0
        if rate >= 1:
            parts.append(f"{rate:,.0f} headers/s")
        if failures:
            parts.append(f"{failures:,} failure{'s'[: failures > 1]}")
        done = objects - self._before[0]
        if objects >= self._total:
            parts.append("all read")
        elif done and seconds >= _LEAST_SECONDS_OF_REST and done >= _LEAST_PART_OF_REST * self._total:
            parts.append(f"{_clock(seconds * (self._total - objects) / done)} left")
        return ", ".join(parts)


def _columns(stream: TextIO) -> int:
    """Return the width of a terminal; ``COLUMNS`` counts first, as everywhere."""
    if os.environ.get("COLUMNS", "").isdecimal():
        return shutil.get_terminal_size().columns
    try:
        return os.get_terminal_size(stream.fileno()).columns or 80
    except (OSError, ValueError):
        return 80


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
