"""Clients of AWS's services besides S3, and what their refusals mean in one sentence: action, resource, remedy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError, NoRegionError

from dicom_udf.aws.s3 import EXPIRED, default_session
from dicom_udf.errors import ConfigurationError, RunFailedError

__all__ = ["aws_client", "aws_faults"]

_TRIES = 8
_THROTTLED = frozenset({"Throttling", "ThrottlingException", "RequestThrottled", "TooManyRequestsException"})
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "UnauthorizedOperation"})


def aws_client(service: str, *, endpoint: str | None = None, region: str | None = None) -> Any:
    """Return this process's boto3 client of a service; it tries throttled and failed requests again by itself.

    Args:
        service: boto3's name of it, e.g. ``glue``.
        endpoint: URL of a server instead of AWS; boto3 knows AWS's environment variables too.
        region: None: of boto3's chain.

    Raises:
        ConfigurationError: Profile, region or endpoint are wrong.
    """
    try:
        return _new_client(service, endpoint, region)
    except NoRegionError:
        raise ConfigurationError("no AWS region is known; set AWS_REGION, or give --s3-region") from None
    except (BotoCoreError, ValueError) as error:  # their texts quote configuration files
        raise ConfigurationError(
            f"the AWS settings can't be used ({type(error).__name__}); check AWS_PROFILE, region and --aws-endpoint"
        ) from None


@lru_cache(maxsize=16)
def _new_client(service: str, endpoint: str | None, region: str | None) -> Any:
    config = Config(retries={"mode": "standard", "total_max_attempts": _TRIES}, connect_timeout=5, read_timeout=60)
    return default_session().client(service, endpoint_url=endpoint, region_name=region, config=config)


@contextlib.contextmanager
def aws_faults(action: str, resource: str) -> Iterator[None]:
    """Say what it means that a call was refused.

    Args:
        action: As IAM names it, e.g. ``glue:GetTable``.
        resource: What it was for, in words.

    Raises:
        RunFailedError: It is denied or throttled, credentials have expired, or nobody answers.
        ConfigurationError: There are no credentials.
    """
    try:
        yield
    except NoCredentialsError:
        raise ConfigurationError("no AWS credentials were found; set AWS_PROFILE, or give the job a role") from None
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", "an error"))
        raise RunFailedError(_told(code, action, resource)) from None
    except BotoCoreError as error:
        raise RunFailedError(
            f"{action} on {resource} got no answer ({type(error).__name__}); check the network, credentials and "
            "--aws-endpoint, then run again"
        ) from None


def _told(code: str, action: str, resource: str) -> str:
    if code in EXPIRED:
        return f"AWS doesn't take the credentials for {action} ({code}); renew them and run again"
    if code in _DENIED:
        return f"AWS denies {action} on {resource} ({code}); grant it and run again"
    if code in _THROTTLED:
        return f"AWS throttles {action} on {resource}, also after {_TRIES} tries; run again later"
    return f"{action} on {resource} failed with {code}; see AWS's documentation of that error, then run again"
