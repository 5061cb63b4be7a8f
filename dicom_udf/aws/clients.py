"""This process's one boto3 session, its clients of AWS's services, and the waits between tries.

Credentials come by boto3's chain: environment, profile, the role of a Glue job or an instance. botocore's mode
``standard`` retries throttled and failed requests; :mod:`dicom_udf.aws.s3` makes its own tries.
"""

from __future__ import annotations

import contextlib
import os
import re
import threading
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from dicom_udf.aws.errors import to_aws_error

__all__ = [
    "FIRST_WAIT",
    "LONGEST_WAIT",
    "TRIES",
    "configured_region",
    "default_session",
    "get_client",
    "make_one_at_a_time",
    "region_of_url",
    "wait_times",
]

TRIES = 8
"""Requests for one answer, at most."""

FIRST_WAIT, LONGEST_WAIT = 0.1, 10.0
"""Seconds between tries."""

_CONNECTIONS = 64
_making = threading.RLock()


def get_client(
    service: str,
    *,
    region: str,
    endpoint: str | None = None,
    tries: int | None = None,
    read_timeout: float = 60.0,
    addressing_style: str | None = None,
) -> Any:
    """Return this process's boto3 client of a service.

    Args:
        service: boto3's name of it, e.g. ``glue``.
        region: Its region, e.g. ``eu-central-1``.
        endpoint: URL of a server instead of AWS; boto3 reads AWS's environment variables too.
        tries: Requests for one answer; None for :data:`TRIES`.
        read_timeout: Seconds without a byte of the answer.
        addressing_style: Of S3, ``path`` or ``virtual``.

    Raises:
        ConfigurationError: Profile, region or endpoint can't be used.
        RunFailedError: The credentials could not be retrieved.
    """
    with make_one_at_a_time():
        return _new_client(service, region, endpoint, tries or TRIES, read_timeout, addressing_style)


@lru_cache(maxsize=64)
def _new_client(
    service: str,
    region: str,
    endpoint: str | None,
    tries: int,
    read_timeout: float,
    addressing_style: str | None,
) -> Any:
    config = Config(
        retries={"mode": "standard", "total_max_attempts": tries},
        connect_timeout=5,
        read_timeout=read_timeout,
        max_pool_connections=_CONNECTIONS,
        s3=None if addressing_style is None else {"addressing_style": addressing_style},
    )
    return default_session().client(service, endpoint_url=endpoint, region_name=region, config=config)


@lru_cache(maxsize=1)
def default_session() -> boto3.session.Session:
    """Return this process's session: making one reads some hundred files."""
    return boto3.session.Session()


def configured_region() -> str | None:
    """Return the region of the environment or the profile; None where neither names one.

    boto3 reads ``AWS_DEFAULT_REGION`` and the profile; ``AWS_REGION``, which Java and the command line of AWS read, is
    used after them.

    Raises:
        ConfigurationError: The profile can't be used.
    """
    with make_one_at_a_time():
        return default_session().region_name or os.environ.get("AWS_REGION") or None


def region_of_url(url: str | None) -> str | None:
    """Return the region that the host of an AWS URL names; None for another server, or a host without a region.

    Example:
        >>> region_of_url("https://sqs.eu-west-1.amazonaws.com/123456789012/events")
        'eu-west-1'
        >>> region_of_url("https://vpce-0a1b2c-3d.s3.eu-central-1.vpce.amazonaws.com")
        'eu-central-1'
        >>> region_of_url("http://127.0.0.1:9000") is None
        True
    """
    host = urlsplit(url or "").hostname or ""
    found = re.search(r"(?:^|\.)([a-z]{2,4}(?:-[a-z]+)+-\d)\.(?:.+\.)?(?:amazonaws\.|api\.aws)", host)
    return found[1] if found else None


@contextlib.contextmanager
def make_one_at_a_time() -> Iterator[None]:
    """Make sessions and clients in one thread at a time: a session is not thread-safe, and one client is enough.

    Raises:
        ConfigurationError, RunFailedError: As for :func:`get_client`.
    """
    with _making:
        try:
            yield
        except (ClientError, BotoCoreError, ValueError) as error:
            # ValueError: the endpoint is not a URL. Requests made here are for the credentials of a role.
            raise to_aws_error(error).to_exception("sts:AssumeRole", "the role of the profile") from None


def wait_times(first: float | None = None, longest: float | None = None, factor: float = 2.0) -> Iterator[float]:
    """Yield the seconds to wait before each further try, without end.

    Args:
        first: None for :data:`FIRST_WAIT`.
        longest: None for :data:`LONGEST_WAIT`.
        factor: Each wait is so many times the one before.
    """
    wait = FIRST_WAIT if first is None else first
    while True:
        yield wait
        wait = min(wait * factor, LONGEST_WAIT if longest is None else longest)
