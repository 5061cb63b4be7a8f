"""The memory of Spark's Python workers, as Linux counts it in ``/proc``."""

from __future__ import annotations

import os
import re
import threading
from pathlib import Path
from typing import Self

__all__ = ["WorkerMemory"]

_SECONDS = 0.25
_PROC = Path("/proc")
_DAEMON = b"pyspark.daemon"


class WorkerMemory:
    """The largest resident set of a Python worker that this process's Spark ran in a ``with`` block.

    The kernel keeps each process's own peak, so a worker is measured exactly if it lives longer than the interval
    between two looks.

    Attributes:
        peak: Bytes; 0 where there is no ``/proc``, or no worker.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._look()

    def _watch(self) -> None:
        while not self._stop.wait(_SECONDS):
            self._look()

    def _look(self) -> None:
        self.peak = max([self.peak, *(_peak(process) for process in _descendants(os.getpid()) if _is_worker(process))])


def _descendants(ancestor: int) -> list[int]:
    """Return the processes below a process."""
    parents = {int(path.name): parent for path in _PROC.glob("[0-9]*") if (parent := _parent(path)) is not None}
    found, front = [], {ancestor}
    while front:
        front = {process for process, parent in parents.items() if parent in front}
        found += front
    return found


def _parent(process: Path) -> int | None:
    """Return a process's parent; None where it has ended."""
    text = _read(process / "stat")
    return int(text.rpartition(b")")[2].split()[1]) if text else None


def _is_worker(process: int) -> bool:
    return _DAEMON in _read(_PROC / str(process) / "cmdline")


def _peak(process: int) -> int:
    found = re.search(rb"VmHWM:\s+(\d+) kB", _read(_PROC / str(process) / "status"))
    return int(found[1]) << 10 if found else 0


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
