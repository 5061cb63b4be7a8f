"""Requests to SQS: a client, calls with up to ten messages, and the check that a queue exists.

A call with ten messages may fail for some of them: only these are sent again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dicom_udf.aws.clients import TRIES, configured_region, get_client, region_of_url, wait_times
from dicom_udf.aws.errors import AwsError, ErrorKind, to_aws_error, translate_aws_errors
from dicom_udf.errors import ConfigurationError

__all__ = [
    "BATCH",
    "check_queue",
    "count_messages",
    "request_queue",
    "send_in_batches",
    "split_batches",
    "sqs_client",
]

BATCH = 10
"""Messages in one call, at most."""

_TIMEOUT = 30.0
_COUNT = "ApproximateNumberOfMessages"
_ATTRIBUTES = "sqs:GetQueueAttributes"


def sqs_client(queue: str, endpoint: str | None, region: str | None = None) -> Any:
    """Return this process's client for a queue.

    Args:
        queue: Its URL, which names the region of a queue in AWS.
        endpoint: URL of another server than AWS; None: AWS, or AWS's environment variables.
        region: Region of a queue whose URL names none; None for that of the environment or profile.

    Raises:
        ConfigurationError: No region is known; or profile, region or endpoint can't be used.
        RunFailedError: The credentials could not be retrieved.
    """
    known = region_of_url(queue) or region or configured_region()
    if known is None:
        raise ConfigurationError(f"no AWS region is known for the queue {queue}; give --aws-region, or set AWS_REGION")
    return get_client("sqs", endpoint=endpoint, region=known, read_timeout=_TIMEOUT)


def request_queue(call: Callable[[], Any], *, action: str, queue: str) -> Any:
    """Send a request of a run that has begun, and return its answer.

    Args:
        call: Sends it.
        action: As in policies, e.g. ``sqs:ReceiveMessage``.
        queue: URL, for messages.

    Raises:
        RunFailedError: The queue no longer exists, the action is denied, or SQS does not answer.
    """
    with translate_aws_errors(action, f"the queue {queue}", has_begun=True):
        return call()


def check_queue(queue: str, endpoint: str | None, region: str | None = None, *, may_be_denied: bool = False) -> None:
    """Check that a queue exists, before anything is written.

    Args:
        queue: Its URL.
        endpoint: As for :func:`sqs_client`.
        region: As for :func:`sqs_client`.
        may_be_denied: Accept a queue whose attributes this user may not read.

    Raises:
        ConfigurationError: It does not exist, or there are no credentials.
        RunFailedError: Reading its attributes is denied, or SQS does not answer.
    """
    call = _attributes_call(queue, endpoint, region)
    try:
        call()
    except (ClientError, BotoCoreError) as error:
        failed = to_aws_error(error)
        if not (may_be_denied and failed.kind is ErrorKind.DENIED):
            raise failed.to_exception(_ATTRIBUTES, f"the queue {queue}") from None


def count_messages(queue: str, endpoint: str | None, region: str | None = None) -> int:
    """Return about how many messages wait in a queue; those in flight don't count.

    Args:
        queue: Its URL.
        endpoint: As for :func:`sqs_client`.
        region: As for :func:`sqs_client`.

    Raises:
        RunFailedError: As :func:`request_queue`.
    """
    answer = request_queue(_attributes_call(queue, endpoint, region), action=_ATTRIBUTES, queue=queue)
    return int(answer["Attributes"][_COUNT])


def _attributes_call(queue: str, endpoint: str | None, region: str | None) -> Callable[[], Any]:
    return partial(sqs_client(queue, endpoint, region).get_queue_attributes, QueueUrl=queue, AttributeNames=[_COUNT])


def send_in_batches(
    call: Callable[..., Any], entries: Sequence[dict[str, Any]], *, action: str, queue: str
) -> list[dict[str, Any]]:
    """Send up to ten entries; those that fail by the server's fault are sent again.

    Args:
        call: A method of the client, e.g. ``client.delete_message_batch``.
        entries: Without ``Id``.
        action: As in policies.
        queue: URL.

    Returns:
        The entries that the server refuses, e.g. because a receipt has expired.

    Raises:
        RunFailedError: As :func:`request_queue`; or some fail in every try.
    """
    refused: list[dict[str, Any]] = []
    for attempt, wait in enumerate(wait_times(), 1):
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(entries)]
        answer = request_queue(partial(call, QueueUrl=queue, Entries=numbered), action=action, queue=queue)
        failed = answer.get("Failed", [])
        refused += [entries[int(one["Id"])] for one in failed if one["SenderFault"]]
        again = [one for one in failed if not one["SenderFault"]]
        if not again:
            return refused
        if attempt == TRIES:
            error = AwsError(str(again[0].get("Code", "")))
            raise error.to_exception(action, f"the queue {queue}", has_begun=True)
        entries = [entries[int(one["Id"])] for one in again]
        time.sleep(wait)
    raise AssertionError("unreachable")


def split_batches(entries: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut into pieces of ten."""
    return [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]
