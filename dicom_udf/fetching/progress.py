"""The progress of a fetch: one line of a terminal, which renews itself."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TextIO

from dicom_udf.rendering import bytes_text

__all__ = ["progress_line", "shown_progress"]

Counts = tuple[int, int, int]
"""Files done, bytes copied, files missing."""

_SECONDS = 1.0


@contextmanager
def shown_progress(
    files: int, size: int, poll: Callable[[], Counts], *, stream: TextIO | None = None
) -> Iterator[None]:
    """Show the counts each second while the body of the ``with`` runs; nothing where the stream isn't a terminal.

    Args:
        files: Number of all files.
        size: Estimate of the bytes to copy.
        poll: Returns the counts so far; called from a thread.
        stream: Default stderr.
    """
    out = sys.stderr if stream is None else stream
    if not files or not out.isatty():
        yield
        return
    clock0, ended = time.monotonic(), threading.Event()

    def show() -> None:
        line = progress_line(files, size, poll(), time.monotonic() - clock0)
        out.write(f"\r{line[: shutil.get_terminal_size().columns - 1]}\x1b[K")  # a wrapped line couldn't be renewed
        out.flush()

    def watch() -> None:
        while not ended.wait(_SECONDS):
            show()

    thread = threading.Thread(target=watch, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        show()
        out.write("\n")


def progress_line(files: int, size: int, counts: Counts, seconds: float) -> str:
    """Write ``1,200/5,000 files, 0.6 GB of 2.5 GB, 400 files/s, 3 missing, 0:00:09 left``.

    Example:
        >>> progress_line(5000, 2_500_000_000, (1250, 600_000_000, 0), 3.0)
        '1,250/5,000 files, 0.6 GB of 2.5 GB, 417 files/s, 0:00:09 left'
    """
    done, copied, missing = counts
    parts = [f"{done:,}/{files:,} files", f"{bytes_text(copied)} of {bytes_text(size)}"]
    if seconds > 0:
        parts.append(f"{done / seconds:,.0f} files/s")
    if missing:
        parts.append(f"{missing:,} missing")
    if 0 < done < files:
        parts.append(f"{timedelta(seconds=round(seconds * (files - done) / done))} left")
    return ", ".join(parts)
