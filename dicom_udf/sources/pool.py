"""The threads of a process that wait for stores."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

__all__ = ["POOL_THREADS", "request_pool"]

POOL_THREADS = 64


@lru_cache(maxsize=1)
def request_pool() -> ThreadPoolExecutor:
    """Return them; they start when they are first needed. None of them may wait for another."""
    return ThreadPoolExecutor(POOL_THREADS, thread_name_prefix="store")
