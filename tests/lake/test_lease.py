"""One writer at a time, whatever clocks and crashes do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from obstore.store import LocalStore

from dicom_udf.errors import RunFailedError
from dicom_udf.lake import lease as lease_module
from dicom_udf.lake.lease import Lease, LeaseLostError, take_lease


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path) -> Any:
    return LocalStore(str(tmp_path / "lease"), mkdir=True)


@pytest.fixture
def take(store: Any, clock: Clock) -> Callable[[str], Lease]:
    return lambda holder: take_lease(store, holder, seconds=120, skew=30, clock=clock)


def test_a_second_run_is_reported_who_is_writing(take) -> None:
    take("run-1")
    with pytest.raises(RunFailedError, match=r"run run-1 is writing to this lake \(its lease ends in 120 s"):
        take("run-2")


def test_a_lease_given_back_is_free(take) -> None:
    with take("run-1") as lease:
        lease.check()
    with take("run-2") as lease:
        lease.check()
    assert lease.holder == "run-2"


def test_an_expired_lease_is_taken_over_after_the_skew(take, clock) -> None:
    sleeper = take("run-1")
    clock.now += 149
    with pytest.raises(RunFailedError, match="run-1 is writing"):
        take("run-2")
    clock.now += 2
    taker = take("run-2")
    taker.check()
    with pytest.raises(LeaseLostError, match="lease of run run-1 expired"):
        sleeper.check()


def test_a_holder_whose_clock_stands_still_sees_that_it_was_taken_over(store, clock) -> None:
    slow = Clock()
    sleeper = take_lease(store, "run-1", clock=slow)
    clock.now += 1000
    take_lease(store, "run-2", clock=clock)
    with pytest.raises(LeaseLostError, match="taken over"):
        sleeper.check()


def test_a_sleeper_cannot_renew_what_another_holds(take, clock) -> None:
    sleeper = take("run-1")
    clock.now += 1000
    taker = take("run-2")
    sleeper.renew()
    with pytest.raises(LeaseLostError, match="taken over"):
        sleeper.check()
    taker.check()


def test_a_renewed_lease_lasts(take, clock, tmp_path) -> None:
    lease = take("run-1")
    for _ in range(40):
        clock.now += 100
        lease.renew()
        lease.check()
    assert len(list((tmp_path / "lease").iterdir())) <= lease_module._KEPT_GENERATIONS + 1
    with pytest.raises(RunFailedError):
        take("run-2")


def test_a_lost_lease_is_not_given_back(take, clock) -> None:
    sleeper = take("run-1").__enter__()
    clock.now += 1000
    taker = take("run-2")
    sleeper.__exit__()
    taker.check()
    with pytest.raises(RunFailedError, match="run-2 is writing"):
        take("run-3")


def test_of_many_that_begin_at_once_one_works(store, clock) -> None:
    def begin(number: int) -> bool:
        try:
            take_lease(store, f"run-{number}", clock=clock)
        except RunFailedError:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(begin, range(64))) == 1


def test_of_many_that_find_a_dead_one_one_takes_over(store, clock) -> None:
    take_lease(store, "dead", clock=clock)
    clock.now += 1000
    with ThreadPoolExecutor(16) as pool:
        taken = [pool.submit(take_lease, store, f"run-{n}", clock=clock) for n in range(64)]
        assert sum(one.exception() is None for one in taken) == 1


def _rewritten(store: Any, **changes: Any) -> None:
    import json
    from dataclasses import asdict

    import obstore

    number = max(lease_module._numbers(store))
    held = lease_module._read(store, number)
    assert held is not None
    obstore.put(store, lease_module._name(number), json.dumps(asdict(replace(held, **changes))).encode())


def test_nobody_waits_for_a_process_of_this_machine_that_died(take, store) -> None:
    take("run-1")
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    _rewritten(store, pid=ended.pid)
    take("run-2").check()


@pytest.mark.parametrize("machine", ["another", ""])
def test_a_process_of_another_machine_is_waited_for(take, store, machine) -> None:
    take("run-1")
    _rewritten(store, pid=4_000_000, machine=machine)
    with pytest.raises(RunFailedError):
        take("run-2")


def test_a_live_process_of_this_machine_is_waited_for(take, store) -> None:
    take("run-1")
    _rewritten(store, pid=os.getppid())
    with pytest.raises(RunFailedError):
        take("run-2")


def test_a_generation_that_was_half_written_holds_nothing(take, tmp_path) -> None:
    take("run-1")
    newest = max((tmp_path / "lease").iterdir())
    newest.write_bytes(newest.read_bytes()[:10])
    take("run-2").check()


def test_the_lease_is_renewed_while_the_run_works(store) -> None:
    with take_lease(store, "run-1", seconds=0.3, skew=0) as lease:
        for _ in range(30):
            lease_module.time.sleep(0.03)
            lease.check()
