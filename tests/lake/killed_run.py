"""A run of the job that kills itself, as `kill -9` does, at a named point of the protocol.

    python -m tests.lake.killed_run POINT SOURCE LAKE

The points are places between the steps, found by name from outside: the job itself knows nothing of them.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dicom_udf import pipeline, tasks
from dicom_udf.config import IngestConfig
from dicom_udf.datafiles import files
from dicom_udf.lake import commit, iceberg, publish, recovery, stage, staged
from dicom_udf.lake.tables import Lake

__all__ = ["POINTS"]


def die(*_: Any, **__: Any) -> None:
    """End this process at once: no handler runs, nothing is closed, Java finds itself alone."""
    os.kill(os.getpid(), signal.SIGKILL)


def before(place: Any, name: str, call: int = 1) -> Callable[[], None]:
    return lambda: _wrap(place, name, call, is_after=False)


def after(place: Any, name: str, call: int = 1) -> Callable[[], None]:
    return lambda: _wrap(place, name, call, is_after=True)


def _wrap(place: Any, name: str, call: int, *, is_after: bool) -> None:
    real, calls = getattr(place, name), []

    def wrapped(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call and not is_after:
            die()
        result = real(*arguments, **named)
        if len(calls) == call:
            die()
        return result

    setattr(place, name, wrapped)


def amid_staging() -> None:
    """Die as soon as the first task has ended and others haven't."""
    tasks.LEAST_COST, stage.SMALL_COST = 1, 0  # several tasks on the executors, few as the objects are
    real = stage.LiveCounts.__init__

    def init(self: Any, lake: Any) -> None:
        real(self, lake)

        def watch() -> None:
            while not self.poll()[0]:
                time.sleep(0.005)
            die()

        threading.Thread(target=watch, daemon=True).start()

    stage.LiveCounts.__init__ = init  # type: ignore[method-assign]


def amid_gathering() -> None:
    """Die as soon as an executor has begun a file of ``instances``; it goes on for a moment."""
    staged.SMALL_BYTES = -1
    real = commit.gather

    def gather(lake: Lake, *others: Any) -> Any:
        folder = Path(lake.location.root) / lake.database / "instances" / "data"
        before = set(folder.rglob("*.parquet"))

        def watch() -> None:
            while set(folder.rglob("*.parquet")) <= before:
                time.sleep(0.002)
            die()

        threading.Thread(target=watch, daemon=True).start()
        return real(lake, *others)

    commit.gather = gather


# A run with changed, deleted and new objects has two batches: the first is merged, the second appended. Each publishes
# instances, failures and objects, in this order.
POINTS: dict[str, Callable[[], None]] = {
    "holding the lease": before(pipeline, "connect_lake"),
    "listing written": after(pipeline, "write_listing"),
    "plan table made, not filled": before(iceberg, "append_files"),
    "plan written": after(pipeline, "make_plan"),
    "during staging": amid_staging,
    "merged batch staged": after(pipeline, "stage_batch"),
    "while a data file is written": before(files._DataFile, "finish"),
    "while executors write data files": amid_gathering,
    "data files written, in no snapshot": after(commit, "gather"),
    "delete files written, in no snapshot": after(commit, "write_deletes"),
    "instances replaced, not published": before(publish, "_publish", 1),
    "instances published, failures not": after(publish, "_publish", 1),
    "failures replaced, not published": before(publish, "_publish", 2),
    "failures published, objects not": after(publish, "_publish", 2),
    "objects replaced, not published": before(publish, "_publish", 3),
    "merged batch published": after(publish, "_publish", 3),
    "stage of the merged batch dropped": after(Lake, "drop_staging", 3),
    "second batch staged": after(pipeline, "stage_batch", 2),
    "data files of the second batch written": after(commit, "gather", 2),
    "instances appended, not published": before(publish, "_publish", 4),
    "instances added, failures not": after(publish, "_publish", 4),
    "failures added, objects not": after(publish, "_publish", 5),
    "all published, plan still there": before(pipeline, "drop_plan"),
    "all done, lease not given back": after(pipeline, "drop_plan"),
}
RECOVERY_POINTS: dict[str, Callable[[], None]] = {
    "a batch finished, its stage still there": after(recovery, "commit_batch"),
}


def main() -> None:
    """Run the job up to the point."""
    point, source, lake = sys.argv[1:]
    (POINTS | RECOVERY_POINTS)[point]()
    pipeline.ingest(IngestConfig(source=source, lake=lake, master="local[2]"))
    raise SystemExit(f"the run went past the point {point!r}")


if __name__ == "__main__":
    assert commit.publish is publish.publish
    main()
