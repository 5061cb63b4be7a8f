"""Slows a process down after its store's answers 503 SlowDown, and lets it recover."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

__all__ = ["Throttle"]

_FIRST_INTERVAL = 0.005
_LONGEST_INTERVAL = 1.0
_ONE_BURST = 0.25
_RECOVERY = 0.97
_NOTHING = 0.0005


class Throttle:
    """Spaces the requests of all threads of a process: the space doubles at each slow-down, shrinks with each success.

    Attributes:
        interval: Seconds between two requests; 0 before the first slow-down.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
    ) -> None:
        self.interval = 0.0
        self._clock = clock
        self._sleep = sleep
        self._next = 0.0
        self._last_slow_down = float("-inf")
        self._lock = threading.Lock()

    def wait(self) -> None:
        """Wait for this request's turn."""
        if not self.interval:
            return
        with self._lock:
            now = self._clock()
            turn = max(now, self._next)
            self._next = turn + self.interval
        self._sleep(turn - now)

    def slow_down(self) -> None:
        """Note an answer 503; those of requests under way together count once."""
        with self._lock:
            now = self._clock()
            if now - self._last_slow_down >= _ONE_BURST:
                self._last_slow_down = now
                self.interval = min(max(2 * self.interval, _FIRST_INTERVAL), _LONGEST_INTERVAL)

    def succeeded(self) -> None:
        """Note that a request was answered."""
        if self.interval:
            with self._lock:
                self.interval *= _RECOVERY
                if self.interval < _NOTHING:
                    self.interval = 0.0
