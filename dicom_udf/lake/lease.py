"""One writer at a time: a lease in numbered generations, each made by a conditional PUT (design.md, "Exactly once").

::

    _ingest/lease/00000007      {"holder": "run-1", "expires": ..., ...}     made only if it does not exist

The highest generation is the lease. Its holder renews it by making the next one. Another run takes an expired lease
over in the same way; of two runs that try, one fails. Two clocks may differ by :data:`CLOCK_SKEW`: a run that takes a
lease over waits that much longer than the holder works. The lease keeps writers apart. The fence in
:mod:`dicom_udf.lake.publish` makes a batch land once, even if a holder slept through its lease.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore

from dicom_udf.aws.clients import TRIES
from dicom_udf.aws.errors import AwsError
from dicom_udf.aws.s3 import obstore_store, to_lake_error
from dicom_udf.config import LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.progress import progress

__all__ = ["CLOCK_SKEW", "LEASE_SECONDS", "Lease", "LeaseLostError", "lake_lease", "take_lease"]

LEASE_SECONDS = 120.0
"""Seconds that a lease lasts; its holder renews it after a third of them."""

CLOCK_SKEW = 30.0
"""Seconds by which the clocks of two writers may differ."""

_KEPT_GENERATIONS = 8

_log = logging.getLogger(__name__)


class LeaseLostError(RunFailedError):
    """The lease expired or was taken over; this run may not write any more."""


@dataclass(frozen=True, slots=True)
class _Generation:
    """The content of a generation's object.

    Attributes:
        holder: Key of the run that holds the lease.
        expires: Unix time in seconds; 0 after the lease was released.
        machine: The holder's machine, as :func:`_machine` names it.
        pid: Process id of the holder.
    """

    holder: str
    expires: float
    machine: str
    pid: int


class Lease:
    """The right to write to a lake; a context manager that renews the lease, and releases it at its end.

    Attributes:
        holder: Key of the run that holds the lease.
    """

    def __init__(self, store: Any, holder: str, number: int, *, seconds: float, clock: Callable[[], float]) -> None:
        self.holder = holder
        self._store = store
        self._number = number
        self._seconds = seconds
        self._clock = clock
        self._expires = clock() + seconds
        self._lost: str | None = None
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._renewer = threading.Thread(target=self._renew_on, name="lease", daemon=True)

    def __enter__(self) -> Lease:
        self._renewer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._renewer.join()
        with self._lock:
            try:
                if self._lost is None and self._is_newest():
                    self._make(self._number + 1, expires=0.0)
            except (BaseError, OSError) as error:
                _log.warning("the lease could not be released (%s); it will expire", type(error).__name__)

    def check(self) -> None:
        """Check that the lease is still held.

        Raises:
            LeaseLostError: It has expired, or another run has taken it over.
        """
        with self._lock:
            if self._lost is None and self._clock() >= self._expires:
                self._lost = "expired before it was renewed"
            try:
                if self._lost is None and not self._is_newest():
                    self._lost = "was taken over by another run"
            except (BaseError, OSError) as error:
                self._lost = f"can't be read ({type(error).__name__})"
            if self._lost is not None:
                raise LeaseLostError(
                    f"the lease of run {self.holder} {self._lost}; nothing more was written, the next run goes on"
                )

    def renew(self) -> None:
        """Extend the lease by :data:`LEASE_SECONDS`; if that fails for good, :meth:`check` raises."""
        with self._lock:
            if self._lost is not None:
                return
            expires = self._clock() + self._seconds
            try:
                is_made = self._make(self._number + 1, expires=expires)
            except (BaseError, OSError) as error:
                _log.warning("the lease could not be renewed (%s); trying again", type(error).__name__)
                return
            if not is_made:
                self._lost = "was taken over by another run"
                return
            self._number += 1
            self._expires = expires
            self._clear()

    def _renew_on(self) -> None:
        while not self._stop.wait(self._seconds / 3):
            self.renew()

    def _make(self, number: int, *, expires: float) -> bool:
        return _make(self._store, number, _Generation(self.holder, expires, _machine(), os.getpid()))

    def _is_newest(self) -> bool:
        return max(_numbers(self._store), default=0) == self._number

    def _clear(self) -> None:
        for number in _numbers(self._store):
            if number <= self._number - _KEPT_GENERATIONS:
                with contextlib.suppress(FileNotFoundError):
                    obstore.delete(self._store, _name(number))


def lake_lease(location: LakeLocation, holder: str, *, wait: float = 0.0) -> Lease:
    """Take the lease of a lake; use it as a context manager.

    Args:
        location: The lake; a local folder is made if missing.
        holder: Key of this run.
        wait: Seconds to wait for another holder. Maintenance and promotion wait, an ingest does not.

    Raises:
        ConfigurationError: The lake's bucket doesn't exist.
        RunFailedError: Another run holds the lease; or S3 denies access, or can't be reached.
    """
    store = _store(location)
    deadline = time.monotonic() + wait
    is_logged = False
    while True:
        try:
            return take_lease(store, holder)
        except (BaseError, OSError) as error:
            raise to_lake_error(error, location) if location.is_glue else error from None
        except RunFailedError as error:
            if time.monotonic() >= deadline:
                raise
            if not is_logged:
                _log.info("waiting up to %.0f s: %s", wait, error)
                progress.begin("waiting for another run")
                is_logged = True
        time.sleep(min(5.0, wait))


def _store(location: LakeLocation) -> Any:
    if not location.is_glue:
        return LocalStore(str(Path(location.root) / "_ingest" / "lease"), mkdir=True)
    try:
        return obstore_store(
            location.bucket,
            location.access,
            prefix=f"{location.prefix}_ingest/lease",
            kms_key=location.kms_key,
            retries=TRIES,
        )
    except AwsError as error:
        raise to_lake_error(error, location) from None


def take_lease(
    store: Any,
    holder: str,
    *,
    seconds: float = LEASE_SECONDS,
    skew: float = CLOCK_SKEW,
    clock: Callable[[], float] = time.time,
) -> Lease:
    """Take the lease of a lake.

    Args:
        store: An obstore store whose root is the lake's folder ``_ingest/lease``.
        holder: Key of this run.
        seconds: Seconds that the lease lasts.
        skew: As :data:`CLOCK_SKEW`.
        clock: Returns the Unix time in seconds.

    Raises:
        RunFailedError: Another run holds the lease; the message has its key and the time that is left.
    """
    newest = max(_numbers(store), default=0)
    if newest:
        held = _read(store, newest)
        if held is not None and clock() < held.expires + skew and not _has_died(held):
            raise RunFailedError(
                f"run {held.holder} is writing to this lake (its lease ends in {held.expires - clock():.0f} s "
                "unless renewed); wait for it, then run again"
            )
    lease = Lease(store, holder, newest + 1, seconds=seconds, clock=clock)
    if not lease._make(newest + 1, expires=lease._expires) or not lease._is_newest():
        raise RunFailedError("another run has just begun to write to this lake; wait for it, then run again")
    return lease


def _make(store: Any, number: int, generation: _Generation) -> bool:
    try:
        obstore.put(store, _name(number), json.dumps(asdict(generation)).encode(), mode="create")
    except AlreadyExistsError:
        # It is this run's if the response to the first request was lost and the request was sent again.
        return _read(store, number) == generation
    return True


def _read(store: Any, number: int) -> _Generation | None:
    try:
        return _Generation(**json.loads(bytes(obstore.get(store, _name(number)).bytes())))
    except (FileNotFoundError, ValueError, TypeError):
        return None  # its writer died while it wrote, and doesn't hold the lease


def _numbers(store: Any) -> list[int]:
    names = [entry["path"].rpartition("/")[2] for chunk in obstore.list(store) for entry in chunk]
    return [int(name) for name in names if name.isdigit()]


def _name(number: int) -> str:
    return f"{number:08d}"


def _has_died(held: _Generation) -> bool:
    """Return whether the holder was a process on this machine that has exited: its lease can be taken over at once."""
    if held.machine != _machine() or held.pid == os.getpid():
        return False
    try:
        os.kill(held.pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass
    return False


def _machine() -> str:
    """Return a name of this machine, its boot and its container: a process id is valid there only."""
    parts = [socket.gethostname()]
    with contextlib.suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip())
        parts.append(Path("/proc/self/ns/pid").readlink().name)
    return " ".join(parts)
