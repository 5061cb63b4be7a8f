"""A queue of SQS with events of objects in S3.

A message is received, kept invisible while its objects are read, and deleted once they are staged. One that is received
twice, or deleted late, does no harm: an object that the ledger has with the same etag and size isn't read again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any

from dicom_udf.aws.sqs import (
    BATCH,
    check_queue,
    count_messages,
    request_queue,
    send_in_batches,
    split_batches,
    sqs_client,
)
from dicom_udf.errors import RunFailedError
from dicom_udf.sources.events import ObjectEvent, parse_message
from dicom_udf.sources.pool import request_pool

__all__ = ["VISIBILITY", "EventQueue", "Message", "open_queue"]

VISIBILITY = 600
"""Seconds that a message stays invisible; extended when a third of them has passed. How late a dead run's messages come
back, and a call for each ten messages every 200 s."""

_THREADS = 16
"""Calls to the queue at once."""
_WAIT = 1
"""Seconds of a long poll. It queries all servers of the queue, so that an empty answer is true; a short poll queries
some."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it was received.

    Attributes:
        receipt: Handle that deletes it.
        events: Its events; empty for a test message.
    """

    receipt: str
    events: tuple[ObjectEvent, ...]


@dataclass
class EventQueue:
    """A queue, and what one run has taken of it.

    Attributes:
        url: Its URL.
        endpoint: Of another server than AWS.
        region: Of a queue whose URL names none.
        received: Messages taken so far, those that are no S3 events included.
        invalid: Ids of the messages that are no S3 events: they are left to the dead-letter queue.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    received: int = 0
    invalid: set[str] = field(default_factory=set)

    def receive(self, limit: int) -> Iterator[Message]:
        """Yield messages until the queue is empty, or ``limit`` have come.

        Raises:
            RunFailedError: sqs:ReceiveMessage is denied, or the queue is gone.
        """
        left = limit
        while left > 0:
            sizes = [min(BATCH, left - start) for start in range(0, min(left, BATCH * _THREADS), BATCH)]
            answers = [*chain.from_iterable(request_pool().map(self._receive, sizes))]
            if not answers:
                return
            left -= len(answers)
            for answer in answers:
                events = parse_message(answer["Body"])
                if answer["MessageId"] not in self.invalid:
                    self.received += 1
                if events is None:
                    self.invalid.add(answer["MessageId"])
                else:
                    yield Message(answer["ReceiptHandle"], events)

    def _receive(self, count: int) -> list[dict[str, Any]]:
        call = partial(
            sqs_client(self.url, self.endpoint, self.region).receive_message,
            QueueUrl=self.url,
            MaxNumberOfMessages=count,
            WaitTimeSeconds=_WAIT,
            VisibilityTimeout=VISIBILITY,
        )
        answer = request_queue(call, action="sqs:ReceiveMessage", queue=self.url)
        messages: list[dict[str, Any]] = answer.get("Messages", [])
        return messages

    @contextmanager
    def keeping(self, receipts: Sequence[str]) -> Iterator[threading.Event]:
        """Keep messages invisible in a thread of its own, until the event that is yielded is set or the block ends.

        ``receipts`` may grow meanwhile.
        """
        done = threading.Event()
        thread = threading.Thread(target=self._keep, args=(receipts, done), name="queue", daemon=True)
        thread.start()
        try:
            yield done
        finally:
            done.set()
            thread.join()

    def _keep(self, receipts: Sequence[str], done: threading.Event) -> None:
        extend = partial(
            send_in_batches,
            sqs_client(self.url, self.endpoint, self.region).change_message_visibility_batch,
            action="sqs:ChangeMessageVisibility",
            queue=self.url,
        )
        while not done.wait(VISIBILITY / 3):
            entries = [{"ReceiptHandle": one, "VisibilityTimeout": VISIBILITY} for one in [*receipts]]
            try:
                for _ in request_pool().map(extend, split_batches(entries)):
                    if done.is_set():
                        return
            except RunFailedError as error:  # they come back too early, which costs a HEAD or nothing
                _log.warning("messages may come back while they are worked on: %s", error)

    def delete(self, receipts: Iterable[str]) -> None:
        """Delete messages; one with an expired receipt comes again.

        Raises:
            RunFailedError: sqs:DeleteMessage is denied, or the queue is gone.
        """
        delete = partial(
            send_in_batches,
            sqs_client(self.url, self.endpoint, self.region).delete_message_batch,
            action="sqs:DeleteMessage",
            queue=self.url,
        )
        entries = [{"ReceiptHandle": one} for one in receipts]
        batches = split_batches(entries)
        refused = 0
        for start in range(0, len(batches), _THREADS):
            refused += sum(map(len, request_pool().map(delete, batches[start : start + _THREADS])))
        if refused:
            _log.warning("%d messages were held too long to be deleted; the next run takes them again", refused)

    def left(self) -> int:
        """Return about how many messages wait in the queue now.

        Raises:
            RunFailedError: sqs:GetQueueAttributes is denied, or the queue is gone.
        """
        return count_messages(self.url, self.endpoint, self.region)


def open_queue(url: str, *, endpoint: str | None = None, region: str | None = None) -> EventQueue:
    """Open a queue that exists.

    Args:
        url: Its URL.
        endpoint: URL of another server than AWS; None: AWS, or the server in its environment variables.
        region: Region of a queue whose URL names none; None for that of the environment or profile.

    Raises:
        ConfigurationError: The queue doesn't exist, or no region is known.
        RunFailedError: It is denied, or can't be reached.
    """
    check_queue(url, endpoint, region)
    return EventQueue(url, endpoint, region)
