"""Requests to SQS: a client, calls for ten messages at a time, and what its errors mean.

Retries are botocore's (mode ``standard``): throttling, broken connections and 5xx are tried :data:`TRIES` times. A call
for ten messages may fail for some of them; those are asked for again, the others are not.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from dicom_udf.errors import ConfigurationError, RunFailedError

__all__ = [
    "BATCH",
    "TRIES",
    "QueueDeniedError",
    "approximate_messages",
    "asked_of_queue",
    "batches_of",
    "check_queue",
    "in_batches",
    "sqs_client",
]

BATCH = 10
"""Messages in one call at the most."""

TRIES = 8
_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
_TIMEOUT = 30.0
_POOL = 64

_GONE = re.compile(r"NonExistentQueue|QueueDoesNotExist|InvalidAddress")
_DENIED = re.compile(r"AccessDenied|UnauthorizedOperation|NotAuthorized")
_EXPIRED = re.compile(
    r"Expired|InvalidClientTokenId|UnrecognizedClient|SignatureDoesNotMatch|MissingAuthenticationToken|InvalidSecurity"
)
_THROTTLED = re.compile(r"Throttl|TooManyRequests")


@lru_cache(maxsize=4)
def sqs_client(queue: str, endpoint: str | None) -> Any:
    """Return this process's client for a queue.

    Args:
        queue: Its URL, which names the region where it is one of AWS; else that of boto3's chain counts.
        endpoint: URL of another server than AWS; None: AWS, or what its environment variables say.

    Raises:
        ConfigurationError: Profile, region or endpoint are wrong.
    """
    config = Config(
        retries={"mode": "standard", "total_max_attempts": TRIES},
        connect_timeout=5,
        read_timeout=_TIMEOUT,
        max_pool_connections=_POOL,
    )
    try:
        session = boto3.session.Session()
        region = _region(queue) or session.region_name or "us-east-1"
        return session.client("sqs", endpoint_url=endpoint, region_name=region, config=config)
    except (BotoCoreError, ValueError) as error:  # their texts quote configuration files
        raise ConfigurationError(
            f"the AWS settings can't be used ({type(error).__name__}); check AWS_PROFILE, region and --aws-endpoint"
        ) from None


def _region(queue: str) -> str | None:
    """``sqs.eu-west-1.amazonaws.com``, of old ``eu-west-1.queue.amazonaws.com``; also with ``.cn``."""
    found = re.match(r"(?:sqs(?:-fips)?\.)?([a-z]{2}(?:-[a-z]+)+-\d)\.", urlsplit(queue).hostname or "")
    return found[1] if found else None


class _MissingQueueError(RunFailedError):
    """There is no such queue, or no longer."""


class QueueDeniedError(RunFailedError):
    """An action on a queue is not granted."""


def asked_of_queue(call: Callable[[], Any], *, action: str, queue: str) -> Any:
    """Return what a request gives.

    Args:
        call: Makes it.
        action: As in policies, e.g. ``sqs:ReceiveMessage``.
        queue: URL, for messages.

    Raises:
        RunFailedError: The queue is gone, the action is denied, or SQS can't be reached.
    """
    try:
        return call()
    except ClientError as error:
        raise _meaning(str(error.response.get("Error", {}).get("Code", "")), action, queue) from None
    except NoCredentialsError:
        raise RunFailedError("no AWS credentials were found; set AWS_PROFILE, or give the job a role") from None
    except BotoCoreError as error:
        raise RunFailedError(
            f"{action} got no answer for {queue} ({type(error).__name__}); check network, credentials, --aws-endpoint"
        ) from None


def _meaning(code: str, action: str, queue: str) -> RunFailedError:
    if _GONE.search(code):
        return _MissingQueueError(f"there is no queue {queue} ({action}); check the URL and --aws-endpoint")
    if _EXPIRED.search(code):
        return RunFailedError(f"SQS doesn't take the credentials for {action} on {queue} ({code}); renew them")
    if _DENIED.search(code):
        return QueueDeniedError(f"SQS denies {action} on {queue} ({code}); grant it, or its key's kms:Decrypt")
    if _THROTTLED.search(code):
        return RunFailedError(f"SQS throttles {action} on {queue} ({code}) after {TRIES} tries; run again")
    return RunFailedError(f"SQS answered {code or 'an error'} to {action} on {queue}; see its documentation")


def check_queue(queue: str, endpoint: str | None) -> None:
    """Make sure that a queue is there, before anything is written.

    Raises:
        ConfigurationError: It isn't.
        RunFailedError: As :func:`asked_of_queue`.
    """
    try:
        approximate_messages(queue, endpoint)
    except _MissingQueueError as error:
        raise ConfigurationError(str(error)) from None


def approximate_messages(queue: str, endpoint: str | None) -> int:
    """Return about how many messages wait in a queue; those in flight don't count.

    Raises:
        RunFailedError: As :func:`asked_of_queue`.
    """
    name = "ApproximateNumberOfMessages"
    client = sqs_client(queue, endpoint)
    answer = asked_of_queue(
        lambda: client.get_queue_attributes(QueueUrl=queue, AttributeNames=[name]),
        action="sqs:GetQueueAttributes",
        queue=queue,
    )
    return int(answer["Attributes"][name])


def in_batches(
    call: Callable[..., Any], entries: Sequence[dict[str, Any]], *, action: str, queue: str
) -> list[dict[str, Any]]:
    """Send up to ten entries; what fails by the server's fault is sent again.

    Args:
        call: ``client.delete_message_batch`` and the like.
        entries: Without ``Id``.
        action: As in policies.
        queue: URL.

    Returns:
        The entries that the server refuses, e.g. because a receipt has expired.

    Raises:
        RunFailedError: As :func:`asked_of_queue`; or some fail in each of :data:`TRIES` tries.
    """
    refused: list[dict[str, Any]] = []
    code, wait = "", _FIRST_WAIT
    for attempt in range(TRIES):
        if attempt:
            time.sleep(wait)
            wait = min(2 * wait, _LONGEST_WAIT)
        numbered = [{"Id": str(number), **entry} for number, entry in enumerate(entries)]
        answer = asked_of_queue(partial(call, QueueUrl=queue, Entries=numbered), action=action, queue=queue)
        failed = answer.get("Failed", [])
        refused += [entries[int(one["Id"])] for one in failed if one["SenderFault"]]
        again = [one for one in failed if not one["SenderFault"]]
        if not again:
            return refused
        code = str(again[0].get("Code", ""))
        entries = [entries[int(one["Id"])] for one in again]
    raise _meaning(code, action, queue)


def batches_of(entries: Sequence[Any]) -> list[Sequence[Any]]:
    """Cut into pieces of ten."""
    return [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]
