"""A run of the job on a cluster of two executors that loses one amid staging, and another amid a commit.

    python -m tests.lake.losing_run SOURCE LAKE

Prints how many executors were killed and how many stages were run again. The commit goes through a shuffle of its own
whose readers wait, so that what the lost executor had written for them is needed and has to be made again.
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

from dicom_udf import pipeline, tasks
from dicom_udf.config import IngestConfig
from dicom_udf.lake import commit, stage

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
    tasks.LEAST_COST = 1  # several tasks, few as the objects are
    real = stage.LiveCounts.__init__

    def init(self: Any, lake: Any) -> None:
        real(self, lake)
        kill_one_when(lambda: self.poll()[0] > 0)

    stage.LiveCounts.__init__ = init  # type: ignore[method-assign]


def lose_one_amid_the_commit() -> None:
    real = commit._append

    def slowly(batches: Iterator[Any]) -> Iterator[Any]:  # a function in a function travels to the executors as it is
        time.sleep(1)
        yield from batches

    def append(lake: Any, table: Any, rows: Any) -> None:
        if table.name == "instances":
            rows = rows.repartition(6, "source_uri").mapInArrow(slowly, rows.schema)
            first = max(running_stages(), default=-1)
            kill_one_when(lambda: len([one for one in running_stages() if one > first]) >= 2)
        real(lake, table, rows)

    commit._append = append


def running_stages() -> list[int]:
    """Ids of the stages that have ended a task, or run one."""
    tracker = SparkContext._active_spark_context.statusTracker()
    infos = [tracker.getStageInfo(one) for one in range(200)]
    return [info.stageId for info in infos if info is not None and info.numActiveTasks + info.numCompletedTasks]


def stages_run_again() -> int:
    store = SparkContext._active_spark_context._jsc.sc().statusStore()
    stages = store.stageList(None, False, False, SparkContext._gateway.new_array(SparkContext._jvm.double, 0), None)
    return sum(stages.apply(number).attemptId() > 0 for number in range(stages.size()))


def main() -> None:
    """Run the job."""
    source, lake = sys.argv[1:]
    lose_one_amid_staging()
    lose_one_amid_the_commit()
    report = pipeline.ingest(IngestConfig(source=source, lake=lake, master="local-cluster[2,1,1024]"))
    reported: dict[str, Any] = {"killed": len(KILLED), "stages_run_again": stages_run_again()}
    reported |= {"instances": report.instances, "failures": report.failures, "read": report.objects_read}
    sys.stdout.write(f"{json.dumps(reported)}\n")


if __name__ == "__main__":
    main()
