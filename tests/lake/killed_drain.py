"""A run of the job that drains a queue and kills itself, as `kill -9` does, at a named point.

    python -m tests.lake.killed_drain POINT QUEUE LAKE ENDPOINT

A killed run's messages come back after a few seconds.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import Any

from dicom_udf import pipeline
from dicom_udf.config import IngestConfig
from dicom_udf.sources import queue, queue_source
from tests.lake.killed_run import after, before, die

__all__ = ["DELETED_AMID", "POINTS"]

DELETED_AMID = 20
"""Messages that are gone when the run dies while it deletes them."""


def while_messages_are_deleted() -> None:
    """Die before the third call for ten messages, with two behind it; the commit waits."""
    real, turn, calls = queue.send_in_batches, threading.Lock(), []

    def send_in_batches(call: Any, entries: Any, **where: Any) -> Any:
        if where["action"] != "sqs:DeleteMessage":
            return real(call, entries, **where)
        with turn:
            calls.append(1)
            if len(calls) * queue.BATCH > DELETED_AMID:
                die()
            return real(call, entries, **where)

    queue.send_in_batches = send_in_batches
    _wait_before_the_commit()


def after_messages_are_deleted() -> None:
    """Die when the last message is deleted and nothing is committed."""
    _wait_before_the_commit(die)


def _wait_before_the_commit(then: Callable[[], None] | None = None) -> None:
    real = queue_source.QueueBatch.acknowledge

    def acknowledge(self: queue_source.QueueBatch) -> None:
        real(self)
        self.wait()
        if then is not None:
            then()

    queue_source.QueueBatch.acknowledge = acknowledge  # type: ignore[method-assign]


# One part with changed, deleted and new objects: a batch that is merged, then one that is appended.
POINTS: dict[str, Callable[[], None]] = {
    "messages received, listing written": after(pipeline, "write_listing"),
    "first batch staged": after(pipeline, "stage_batch", 1),
    "first batch committed, second not staged": before(pipeline, "stage_batch", 2),
    "all staged, nothing deleted": before(queue_source.QueueBatch, "acknowledge"),
    "while messages are deleted": while_messages_are_deleted,
    "all deleted, second batch not committed": after_messages_are_deleted,
    "all committed": before(pipeline, "drop_plan"),
}


def main() -> None:
    """Run the job up to the point."""
    point, url, lake, endpoint = sys.argv[1:]
    queue.VISIBILITY, queue._THREADS = 3, 1
    POINTS[point]()
    servers = {"s3_endpoint": endpoint, "aws_endpoint": endpoint}
    pipeline.ingest(IngestConfig(queue=url, lake=lake, master="local[2]", **servers))
    raise SystemExit(f"the run went past the point {point!r}")


if __name__ == "__main__":
    main()
