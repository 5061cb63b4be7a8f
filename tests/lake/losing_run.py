"""A run of the job on a cluster of two executors that loses one amid staging, and another amid gathering.

    python -m tests.lake.losing_run SOURCE LAKE

Prints how many executors were killed and how many stages were run again. The tasks that gather the payloads wait, so
that the payloads which the lost executor had sent to them are needed and have to be read again.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pyspark import SparkContext

from dicom_udf import gathering, pipeline, tasks
from dicom_udf.config import IngestConfig
from dicom_udf.lake import gather, stage, staged

__all__: list[str] = []

KILLED: list[int] = []


def executors() -> list[int]:
    """Process ids of the executors, which are below this process."""
    parents, found = {}, []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                parents[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                if b"CoarseGrainedExecutorBackend\0" in (folder / "cmdline").read_bytes():
                    found.append(int(folder.name))
    return [pid for pid in found if os.getpid() in ancestors(pid, parents)]


def ancestors(pid: int, parents: dict[int, int]) -> Iterator[int]:
    while pid in parents:
        pid = parents[pid]
        yield pid


def kill_one_when(is_time: Callable[[], bool]) -> None:
    def watch() -> None:
        while not is_time():
            time.sleep(0.02)
        victim = executors()[0]
        os.kill(victim, signal.SIGKILL)
        KILLED.append(victim)

    threading.Thread(target=watch, daemon=True).start()


def lose_one_amid_staging() -> None:
    tasks.LEAST_COST, stage.SMALL_COST = 1, 0  # several tasks on the executors, few as the objects are
    real = stage.LiveCounts.__init__

    def init(self: Any, lake: Any) -> None:
        real(self, lake)
        kill_one_when(lambda: self.poll()[0] > 0)

    stage.LiveCounts.__init__ = init  # type: ignore[method-assign]


def lose_one_amid_gathering(marker: Path) -> None:
    """Kill an executor as soon as a task that gathers has all its payloads, and makes the marker; it goes on later."""
    staged.SMALL_BYTES, gathering.LEAST_BYTES = -1, 1  # several tasks on the executors, few as the rows are
    real = gather._write_payloads

    def slowly(batches: Iterator[Any], **others: Any) -> Iterator[Any]:  # it travels to the executors as it is
        held = list(batches)
        marker.touch()
        time.sleep(1)
        yield from real(iter(held), **others)

    gather._write_payloads = slowly
    kill_one_when(marker.exists)


def stages_run_again() -> int:
    store = SparkContext._active_spark_context._jsc.sc().statusStore()
    stages = store.stageList(None, False, False, SparkContext._gateway.new_array(SparkContext._jvm.double, 0), None)
    return sum(stages.apply(number).attemptId() > 0 for number in range(stages.size()))


def main() -> None:
    """Run the job."""
    source, lake = sys.argv[1:]
    lose_one_amid_staging()
    lose_one_amid_gathering(Path(f"{lake}.gathering"))
    report = pipeline.ingest(IngestConfig(source=source, lake=lake, master="local-cluster[2,1,1024]"))
    reported: dict[str, Any] = {"killed": len(KILLED), "stages_run_again": stages_run_again()}
    reported |= {"instances": report.instances, "failures": report.failures, "read": report.objects_read}
    sys.stdout.write(f"{json.dumps(reported)}\n")


if __name__ == "__main__":
    main()
