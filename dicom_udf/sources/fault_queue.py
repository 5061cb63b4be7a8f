"""A queue of SQS that gets a message for each file that is a fault."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice

from dicom_udf.aws.sqs import BATCH, check_queue, send_in_batches, sqs_client
from dicom_udf.errors import RunFailedError
from dicom_udf.sources.pool import POOL_THREADS, request_pool

__all__ = ["FaultQueue", "open_fault_queue"]

_CALL_BYTES = 250_000
"""SQS takes 256 KiB in one call, all messages together."""

_ACTION = "sqs:SendMessage"
_log = logging.getLogger(__name__)


@dataclass
class FaultQueue:
    """A queue for messages. The lake doesn't wait for it: the first error ends the sending, not the run.

    Attributes:
        url: Its URL.
        endpoint: URL of another server than AWS.
        region: Region of a queue whose URL names none.
        sent: Messages that the queue has accepted.
        failure: The error that ended the sending; None while there was none.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    sent: int = 0
    failure: RunFailedError | None = None

    def send(self, messages: Iterable[str]) -> None:
        """Send messages of ASCII, many at once, in bounded memory."""
        if self.failure is not None:
            return
        client = sqs_client(self.url, self.endpoint, self.region)
        send = partial(send_in_batches, client.send_message_batch, action=_ACTION, queue=self.url)
        groups = _groups(messages)
        try:
            while some := [*islice(groups, POOL_THREADS)]:
                refused = sum(map(len, request_pool().map(send, some)))
                self.sent += sum(map(len, some)) - refused
                if refused:
                    raise RunFailedError(f"SQS refuses {refused} messages ({_ACTION} on {self.url})")
        except RunFailedError as failure:
            _log.error("no more faults are sent to %s: %s", self.url, failure)
            self.failure = failure

    def check(self) -> None:
        """Fail a run after it has committed everything, if its faults could not be sent.

        Raises:
            RunFailedError: They could not be sent.
        """
        if self.failure is not None:
            raise RunFailedError(
                f"everything is committed, but not all faults could be sent, and they won't be: {self.failure}; "
                "see 'dicom-lake failures'"
            )


def open_fault_queue(url: str, *, endpoint: str | None = None, region: str | None = None) -> FaultQueue:
    """Return a queue that exists; the permission to send is enough.

    Raises:
        ConfigurationError: It does not exist, or there are no credentials.
        RunFailedError: SQS does not answer.
    """
    check_queue(url, endpoint, region, may_be_denied=True)
    return FaultQueue(url, endpoint, region)


def _groups(messages: Iterable[str]) -> Iterator[list[dict[str, str]]]:
    group: list[dict[str, str]] = []
    size = 0
    for message in messages:
        if group and (len(group) == BATCH or size + len(message) > _CALL_BYTES):
            yield group
            group, size = [], 0
        group.append({"MessageBody": message})
        size += len(message)
    if group:
        yield group
