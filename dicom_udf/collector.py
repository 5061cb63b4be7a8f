"""Python's search for cycles of objects, set for processes that hold many objects and few cycles."""

from __future__ import annotations

import gc
from functools import cache

__all__ = ["collect_rarely"]


@cache
def collect_rarely() -> None:
    """Let this process search for cycles less often, and leave out the objects that it has now; once a process.

    The memo and the rows of a batch are some 100,000 objects, none of them in a cycle until the memo forgets. Python
    passes over all of them again and again, which takes a fifth of the time of files that are unlike each other. The
    cycles of a memo that forgot, some 60 MiB, wait longer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
