"""Requests to S3: clients, tries, listings, and the meaning of an error for one object, a run or a lake.

boto3 and obstore share one set of credentials. Retries are made here and not by the libraries, so that a 503 of one
thread slows the others down: at most :data:`~dicom_udf.aws.clients.TRIES` requests, each with a time limit of
:data:`TIMEOUT` seconds, and waits that double from 0.1 s up to 10 s.
"""

from __future__ import annotations

import logging
import random
import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import BaseError
from obstore.store import S3Store

from dicom_udf.aws.clients import (
    TRIES,
    configured_region,
    default_session,
    get_client,
    make_one_at_a_time,
    region_of_url,
    wait_times,
)
from dicom_udf.aws.errors import NO_CONNECTION, AwsError, ErrorKind, to_aws_error, translate_aws_errors
from dicom_udf.aws.throttle import Throttle
from dicom_udf.config import LakeLocation, S3Access
from dicom_udf.errors import ConfigurationError, DicomLakeError, FailureCode, FileFault, RunFailedError

__all__ = [
    "OTHER_SERVER",
    "TIMEOUT",
    "bucket_region",
    "get_credentials",
    "is_missing_bucket",
    "list_objects",
    "named_region",
    "obstore_store",
    "request",
    "request_bucket",
    "s3_client",
    "to_file_fault",
    "to_lake_error",
]

TIMEOUT = 20.0
"""Seconds for one request and its answer, of at most 6 MiB."""

OTHER_SERVER = "us-east-1"
"""The region in the signature of a request to a server that isn't AWS, where neither user nor server names one: the
usual default of these servers. No request to AWS uses it."""

_GLOBAL = "aws-global"
"""botocore's name for S3's endpoint without a region, which redirects to a bucket's own."""

_CODES = {
    ("NoSuchKey", 404): (FailureCode.NOT_FOUND, "gone since it was listed; the next run drops it if it stays away"),
    ("InvalidObjectState", 403): (FailureCode.OBJECT_ARCHIVED, "in an archive tier; restore it, then run again"),
    ("AccessDenied", 403): (FailureCode.ACCESS_DENIED, "S3 denies s3:GetObject (or its key's kms:Decrypt); grant it"),
    ("PreconditionFailed", 412): (FailureCode.OBJECT_CHANGED, "replaced since it was listed; the next run reads it"),
    ("InvalidRange", 416): (FailureCode.OBJECT_CHANGED, "shorter than listed; the next run reads it"),
}
_BY_STATUS = {status: found for (_, status), found in _CODES.items() if status != 403} | {
    403: _CODES["AccessDenied", 403]
}
_ENDS_THE_RUN = frozenset(
    {
        *(ErrorKind.NO_CREDENTIALS, ErrorKind.CREDENTIALS_UNAVAILABLE, ErrorKind.CREDENTIALS_REJECTED),
        *(ErrorKind.MISSING, ErrorKind.OTHER_REGION, ErrorKind.BAD_SETTINGS),
    }
)
"""Kinds that no other object would escape."""

# botocore renews credentials with less than 10 minutes to live; obstore must not keep them longer.
_CREDENTIALS_KEPT = timedelta(minutes=5)

_log = logging.getLogger(__name__)
_throttle = Throttle()


def s3_client(access: S3Access) -> Any:
    """Return this process's boto3 client; it makes no retries of its own.

    Raises:
        ConfigurationError: Profile, region or endpoint can't be used.
        RunFailedError: The credentials could not be retrieved.
    """
    return get_client(
        "s3",
        endpoint=access.endpoint,
        region=_first_region(access),
        tries=1,
        read_timeout=TIMEOUT,
        addressing_style="path" if access.is_path_style else "virtual",
    )


def request(call: Callable[[], Any]) -> Any:
    """Send a request, up to :data:`~dicom_udf.aws.clients.TRIES` times, and return its answer.

    Raises:
        AwsError: The last try's.
    """
    for attempt, wait in enumerate(wait_times(), 1):
        _throttle.wait()
        try:
            answer = call()
        except (AwsError, BaseError, OSError, ClientError, BotoCoreError) as error:
            failed = to_aws_error(error)
        else:
            _throttle.succeeded()
            return answer
        if failed.status in (429, 503):
            _throttle.slow_down()
        if not failed.may_pass or attempt == TRIES:
            raise failed
        _log.debug("S3 answered %s; try %d of %d", failed, attempt, TRIES)
        time.sleep(wait * random.uniform(0.5, 1))
    raise AssertionError("unreachable")


def request_bucket(bucket: str, call: Callable[[], Any], *, action: str = "s3:ListBucket") -> Any:
    """Send a request for a bucket or its listing, whose failure ends the run, and return its answer.

    Raises:
        ConfigurationError, RunFailedError: As :func:`~dicom_udf.aws.errors.translate_aws_errors`.
    """
    with translate_aws_errors(action, f"the bucket {bucket}"):
        return request(call)


def list_objects(bucket: str, prefix: str, access: S3Access) -> Iterator[dict[str, Any]]:
    """Yield the entries that S3 lists below a prefix, in boto3's form.

    Raises:
        ConfigurationError, RunFailedError: As :func:`request_bucket`.
    """
    more: dict[str, str] = {}
    while True:
        page = request_bucket(bucket, partial(s3_client(access).list_objects_v2, Bucket=bucket, Prefix=prefix, **more))
        yield from page.get("Contents", [])
        if not page.get("NextContinuationToken"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def is_missing_bucket(bucket: str, access: S3Access) -> bool:
    """Return True where S3 answers that the bucket does not exist; one that is denied exists.

    Raises:
        RunFailedError: S3 does not answer, or no request can be made.
    """
    try:
        request(partial(s3_client(access).head_bucket, Bucket=bucket))
    except AwsError as error:
        if error.status == 404:
            return True
        if error.may_pass or not error.status:
            raise error.to_exception("s3:ListBucket", f"the bucket {bucket}", has_begun=True) from None
    except ConfigurationError as error:
        raise RunFailedError(str(error)) from None
    return False


def to_file_fault(error: AwsError, resource: str) -> DicomLakeError:
    """Return the meaning of a failed read of an object: for the object alone, or for the whole run."""
    found = _CODES.get((error.code, error.status))
    if found is not None:
        return FileFault(*found)
    if error.kind in _ENDS_THE_RUN or error.code == NO_CONNECTION:
        return _to_run_failure(error, resource)
    if error.status in _BY_STATUS:
        return FileFault(*_BY_STATUS[error.status])
    if error.may_pass:
        answer = f"S3 answered {error.status}" if error.status else "no whole answer came"
        return FileFault(FailureCode.READ_ERROR, f"{answer} in {TRIES} tries; run again")
    if error.code.isdigit() or not error.code:  # an answer to HEAD: one object or all of them
        return _to_run_failure(error, resource)
    return FileFault(
        FailureCode.READ_ERROR, f"S3 answered {error} (for KMS.* or InvalidRequest: look at the object's encryption)"
    )


def _to_run_failure(error: AwsError, resource: str) -> DicomLakeError:
    return error.to_exception("s3:GetObject", resource, has_begun=True)


def to_lake_error(error: Exception, location: LakeLocation) -> DicomLakeError:
    """Return the meaning of an obstore client's error for a lake in S3."""
    return to_aws_error(error).to_exception(_action(error), f"the bucket of the lake {location.root}")


def _action(error: Exception) -> str:
    """Name the action by the method and the URL in obstore's text."""
    sent = re.search(r"performing ([A-Z]+) (\S+)", str(error))
    if sent is None:
        return "s3:ListBucket"
    if sent[1] == "GET":
        return "s3:ListBucket" if "list-type=2" in sent[2] else "s3:GetObject"
    return {"PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}.get(sent[1], "s3:ListBucket")


def obstore_store(
    bucket: str, access: S3Access, *, prefix: str | None = None, kms_key: str | None = None, retries: int = 0
) -> Any:
    """Return this process's obstore client of a bucket.

    Args:
        bucket: Its name.
        access: The way to S3.
        prefix: All of its keys are below this.
        kms_key: ARN of the key that encrypts the objects it writes.
        retries: How many it makes of its own.

    Raises:
        AwsError: S3 does not return the bucket's region.
        ConfigurationError, RunFailedError: As for :func:`bucket_region` and :func:`get_credentials`.
    """
    with make_one_at_a_time():
        return _new_store(bucket, access, prefix, kms_key, retries)


@lru_cache(maxsize=64)
def _new_store(bucket: str, access: S3Access, prefix: str | None, kms_key: str | None, retries: int) -> Any:
    encryption = {"server_side_encryption": "aws:kms", "sse_kms_key_id": kms_key} if kms_key else {}
    get_credentials()  # a message of its own where there are none
    return S3Store(
        bucket,
        prefix=prefix,
        config=encryption,  # type: ignore[arg-type]
        endpoint=access.endpoint,
        region=bucket_region(bucket, access),
        virtual_hosted_style_request=not access.is_path_style,
        client_options={
            "allow_http": (access.endpoint or "").startswith("http://"),
            "timeout": f"{TIMEOUT:.0f}s",
            "connect_timeout": "5s",
            "pool_max_idle_per_host": "64",
        },
        retry_config={"max_retries": retries},
        credential_provider=_credential_provider(),
    )


def get_credentials() -> Any:
    """Return boto3's credentials as they are now: ``access_key``, ``secret_key``, ``token``.

    Raises:
        ConfigurationError: There are none, or the settings can't be used.
        RunFailedError: They could not be retrieved.
    """
    with make_one_at_a_time():
        found = default_session().get_credentials()
        if found is None:
            raise NoCredentialsError
        return found.get_frozen_credentials()


def _credential_provider() -> Boto3CredentialProvider:
    return Boto3CredentialProvider(default_session(), ttl=_CREDENTIALS_KEPT)


def bucket_region(bucket: str, access: S3Access) -> str:
    """Return the region to sign for: the given one, the bucket's own in AWS, another server's.

    Raises:
        AwsError: S3 does not answer, denies the bucket, or has none of this name.
        ConfigurationError: S3 does not name the region, and nothing else does.
    """
    if access.region:
        return access.region
    configured = access.first_region or configured_region()
    if access.endpoint and configured:
        return configured
    known = named_region(bucket, access) or configured
    if known is None and access.endpoint is None:
        raise ConfigurationError(
            f"S3 does not name the region of the bucket {bucket}; give --s3-region, or --aws-region for a lake's bucket"
        )
    return known or OTHER_SERVER


def named_region(bucket: str, access: S3Access) -> str | None:
    """Return the region that S3 names for a bucket, by one request in the life of a process; None if it names none.

    Raises:
        AwsError: S3 does not answer; or it names none because it denies the bucket or has none of this name.
    """
    with make_one_at_a_time():
        return _look_up_region(bucket, access)


@lru_cache(maxsize=1024)
def _look_up_region(bucket: str, access: S3Access) -> str | None:
    def head() -> dict[str, Any]:
        try:
            answer: dict[str, Any] = s3_client(access).head_bucket(Bucket=bucket)
        except ClientError as error:  # a redirect or a denial names the region too
            if to_aws_error(error).may_pass:
                raise
            answer = error.response
        return answer

    answer = request(head).get("ResponseMetadata", {})
    named = answer.get("HTTPHeaders", {}).get("x-amz-bucket-region") or region_of_url(access.endpoint)
    if named is None and _first_region(access) == _GLOBAL and answer.get("HTTPStatusCode") in (403, 404):
        raise AwsError({404: "NoSuchBucket"}.get(answer["HTTPStatusCode"], ""), answer["HTTPStatusCode"])
    return None if named is None else str(named)


def _first_region(access: S3Access) -> str:
    """Return the region that requests begin at: S3 redirects those for a bucket of another one."""
    known = access.region or access.first_region or configured_region() or region_of_url(access.endpoint)
    return known or (OTHER_SERVER if access.endpoint else _GLOBAL)
