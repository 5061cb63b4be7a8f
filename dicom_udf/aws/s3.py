"""Requests to S3: clients of this process, tries and waits, and what its errors mean.

Credentials come by boto3's chain (environment, profile, the role of a Glue job or an instance) for boto3 and obstore
alike. Retries are made here, not by the libraries, so that a 503 of one thread slows the others down: :data:`TRIES`
requests at the most, with waits that double from 0.1 s up to 10 s, each with a time limit of :data:`TIMEOUT` seconds.
"""

from __future__ import annotations

import contextlib
import logging
import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from obstore.auth.boto3 import Boto3CredentialProvider
from obstore.exceptions import BaseError, UnauthenticatedError
from obstore.store import S3Store

from dicom_udf.aws.throttle import Throttle
from dicom_udf.config import LakePlace, S3Access
from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError

__all__ = [
    "EXPIRED",
    "TIMEOUT",
    "TRIES",
    "S3Error",
    "asked_for",
    "attempted",
    "bucket_region",
    "default_region",
    "default_session",
    "fault_of",
    "lake_failed",
    "listed_objects",
    "no_bucket",
    "obstore_store",
    "run_failed",
    "s3_client",
    "s3_credentials",
]

TRIES = 8
TIMEOUT = 20.0
"""Seconds for one request and its answer, of at most 6 MiB."""

_FIRST_WAIT, _LONGEST_WAIT = 0.1, 10.0
EXPIRED = frozenset(
    {
        *("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId"),
        *("UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException"),
        *("SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSecurity", "AccountProblem", "NotSignedUp"),
    }
)
"""Codes of all services for credentials that aren't taken."""

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

_ELSEWHERE = frozenset(
    {"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException"}
)
_FATAL = EXPIRED | _ELSEWHERE | {"NoSuchBucket", "Connect", "Credentials"}
_NO_CREDENTIALS = "no AWS credentials were found; set AWS_PROFILE, or give the job a role"
# botocore renews what has less than 10 minutes to live; what obstore keeps must not outlive that.
_CREDENTIALS_KEPT = timedelta(minutes=5)

_log = logging.getLogger(__name__)
_throttle = Throttle()
_making = threading.RLock()


class S3Error(Exception):
    """An answer of S3 that is no success, or none at all.

    Attributes:
        status: Of HTTP; 0 where no answer came.
        code: S3's own, e.g. ``NoSuchKey``; where no whole answer came ``Connect``, ``Broken``, or ``Credentials`` if
            these could not be got.
    """

    def __init__(self, status: int, code: str) -> None:
        super().__init__(f"{status} {code}".strip())
        self.status = status
        self.code = code

    @property
    def may_pass(self) -> bool:
        """True for what is worth another try."""
        return self.status in (0, 408, 429, 500, 502, 503, 504) or self.code in ("RequestTimeout", "SlowDown")


def s3_client(access: S3Access) -> Any:
    """Return this process's boto3 client; it makes no retries of its own.

    Raises:
        ConfigurationError: Profile, region or endpoint are wrong.
        RunFailedError: Credentials could not be got.
    """
    with _one_thread():
        return _new_client(access)


@lru_cache(maxsize=16)
def _new_client(access: S3Access) -> Any:
    config = Config(
        retries={"total_max_attempts": 1},
        connect_timeout=5,
        read_timeout=TIMEOUT,
        max_pool_connections=64,
        s3={"addressing_style": "path" if access.is_path_style else "virtual"},
    )
    return default_session().client(
        "s3", endpoint_url=access.endpoint, region_name=default_region(access), config=config
    )


def attempted(call: Callable[[], Any]) -> Any:
    """Return what a request gives, tried up to :data:`TRIES` times.

    Raises:
        S3Error: The last try's.
        ConfigurationError: There are no credentials, or no such name is possible.
    """
    wait = _FIRST_WAIT
    for attempt in range(1, TRIES + 1):
        _throttle.wait()
        try:
            answer = call()
        except S3Error as error:
            failed = error
        except (BaseError, OSError) as error:
            failed = _of_obstore(error)
        except ClientError as error:
            failed = _of_boto3(error)
        except BotoCoreError as error:
            failed = _of_botocore(error)
        else:
            _throttle.succeeded()
            return answer
        if failed.status in (429, 503):
            _throttle.slow_down()
        if not failed.may_pass or attempt == TRIES:
            raise failed
        _log.debug("S3 answered %s; try %d of %d", failed, attempt, TRIES)
        time.sleep(wait * random.uniform(0.5, 1))
        wait = min(2 * wait, _LONGEST_WAIT)
    raise AssertionError("unreachable")


def fault_of(error: S3Error, what: str) -> FileFault | RunFailedError:
    """Return what a failed read of an object means: for the object, or for the whole run."""
    if error.code in _FATAL or error.status in (301, 307, 401):
        return run_failed(error, what)
    found = _CODES.get((error.code, error.status)) or _BY_STATUS.get(error.status)
    if found is not None:
        return FileFault(*found)
    if error.may_pass:
        answer = f"S3 answered {error.status}" if error.status else "no whole answer came"
        return FileFault(FailureCode.READ_ERROR, f"{answer} in {TRIES} tries; run again")
    if error.code.isdigit() or not error.code:  # the answer to a HEAD has no body that would tell one from all
        return run_failed(error, what)
    return FileFault(
        FailureCode.READ_ERROR, f"S3 answered {error} (for KMS.* or InvalidRequest: look at the object's encryption)"
    )


def asked_for(bucket: str, call: Callable[[], Any]) -> Any:
    """Ask for a bucket or its listing; there, a refusal is the end of the run."""
    try:
        return attempted(call)
    except S3Error as error:
        if error.code == "NoSuchBucket":
            raise ConfigurationError(f"there is no bucket {bucket}; check the name and --s3-endpoint") from None
        raise run_failed(error, f"s3://{bucket}") from None


def listed_objects(bucket: str, prefix: str, access: S3Access) -> Iterator[dict[str, Any]]:
    """Yield what S3 lists below a prefix, as boto3 gives it.

    Raises:
        ConfigurationError: There is no such bucket.
        RunFailedError: S3 denies it, or can't be reached.
    """
    more: dict[str, str] = {}
    while True:
        page = asked_for(bucket, partial(s3_client(access).list_objects_v2, Bucket=bucket, Prefix=prefix, **more))
        yield from page.get("Contents", [])
        if not page.get("NextContinuationToken"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


def run_failed(error: S3Error, what: str) -> RunFailedError:
    """Return why nothing can be read at all, with the remedy."""
    if error.code in EXPIRED:
        return RunFailedError(f"S3 doesn't take the credentials ({error.code}); renew them and run again")
    if error.code == "Credentials":
        return RunFailedError("AWS credentials could not be got; log in again, or check the job's role")
    if error.code in _ELSEWHERE or error.status in (301, 307):
        return RunFailedError(f"{what} lies in another region ({error.code}); give --s3-region")
    if error.status == 403:
        return RunFailedError(f"S3 denies reading {what} ({error.code or 403}); grant s3:ListBucket and s3:GetObject")
    if error.status == 0:
        return RunFailedError(f"S3 can't be reached for {what} after {TRIES} tries; check network and --s3-endpoint")
    return RunFailedError(f"S3 answered {error} for {what}; see its documentation of error codes")


def lake_failed(error: Exception, place: LakePlace) -> ConfigurationError | RunFailedError:
    """Return what an error of an obstore client means for a lake in S3."""
    failed = error if isinstance(error, S3Error) else _of_obstore(error)
    if failed.code == "NoSuchBucket" or (failed.status == 404 and isinstance(error, S3Error)):
        return no_bucket(place)
    if failed.status == 403 and failed.code not in EXPIRED:
        return RunFailedError(f"S3 denies {_action(error)} for the lake {place.root}; grant it")
    return run_failed(failed, f"the lake {place.root}")


def no_bucket(place: LakePlace) -> ConfigurationError:
    """Return that a lake's bucket doesn't exist."""
    return ConfigurationError(
        f"there is no bucket {place.bucket} for the lake {place.root}; make it, or check the name and --s3-endpoint"
    )


def _action(error: Exception) -> str:
    """Name what was asked for by the method and the URL in obstore's text."""
    asked = re.search(r"performing ([A-Z]+) (\S+)", str(error))
    if asked is None:
        return "access"
    if asked[1] == "GET":
        return "s3:ListBucket" if "list-type=2" in asked[2] else "s3:GetObject"
    return {"PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}.get(asked[1], "access")


def obstore_store(
    bucket: str, access: S3Access, *, prefix: str | None = None, kms_key: str | None = None, retries: int = 0
) -> Any:
    """Return this process's obstore client of a bucket.

    Args:
        bucket: Its name.
        access: How S3 is reached.
        prefix: Below which all of its keys are.
        kms_key: ARN of the key by which what it writes is encrypted.
        retries: How many it makes of its own.

    Raises:
        S3Error: S3 can't be asked for the bucket's region.
        ConfigurationError, RunFailedError: As for :func:`s3_client`; or there are no credentials.
    """
    with _one_thread():
        return _new_store(bucket, access, prefix, kms_key, retries)


@lru_cache(maxsize=64)
def _new_store(bucket: str, access: S3Access, prefix: str | None, kms_key: str | None, retries: int) -> Any:
    encryption = {"server_side_encryption": "aws:kms", "sse_kms_key_id": kms_key} if kms_key else {}
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


def s3_credentials() -> Any:
    """Return boto3's credentials as they are now: ``access_key``, ``secret_key``, ``token``.

    Raises:
        ConfigurationError: There are none.
        RunFailedError: They could not be got.
    """
    with _one_thread():
        found = default_session().get_credentials()
        if found is None:
            raise ConfigurationError(_NO_CREDENTIALS)
        return found.get_frozen_credentials()


def _credential_provider() -> Boto3CredentialProvider:
    s3_credentials()
    return Boto3CredentialProvider(default_session(), ttl=_CREDENTIALS_KEPT)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Make clients in one thread at a time: a session is not thread-safe, and one client is enough."""
    with _making:
        try:
            yield
        except (CredentialRetrievalError, SSOError, TokenRetrievalError):
            raise run_failed(S3Error(0, "Credentials"), "the source") from None
        except (BotoCoreError, ValueError) as error:  # their texts quote configuration files
            raise ConfigurationError(
                f"the AWS settings can't be used ({type(error).__name__}); check AWS_PROFILE, region and --s3-endpoint"
            ) from None


@lru_cache(maxsize=1)
def default_session() -> boto3.session.Session:
    """Return this process's session: making one reads some hundred files."""
    return boto3.session.Session()


def default_region(access: S3Access) -> str:
    """Return the region that is given, or that of boto3's chain."""
    return access.region or default_session().region_name or "us-east-1"


def bucket_region(bucket: str, access: S3Access) -> str:
    """Return the region to sign for: the given one, another server's default, or where S3 says that the bucket is.

    Raises:
        S3Error: S3 can't be asked.
    """
    if access.region or access.endpoint:
        return default_region(access)

    def ask() -> dict[str, Any]:
        try:
            answer: dict[str, Any] = s3_client(access).head_bucket(Bucket=bucket)
        except ClientError as error:  # a redirect or a denial names the region too
            if _of_boto3(error).may_pass:
                raise
            answer = error.response
        return answer

    answer = attempted(ask)
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    return str(headers.get("x-amz-bucket-region") or default_region(access))


def _of_boto3(error: ClientError) -> S3Error:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return S3Error(status, str(error.response.get("Error", {}).get("Code", "")))


def _of_botocore(error: BotoCoreError) -> S3Error:
    """Classify a request that got no answer.

    Raises:
        ConfigurationError: It could not even be made.
    """
    if isinstance(error, NoCredentialsError):
        raise ConfigurationError(_NO_CREDENTIALS) from None
    if isinstance(error, ParamValidationError):
        raise ConfigurationError("no bucket or key can have such a name; check the s3:// URL") from None
    if isinstance(error, NoConnectionError):
        return S3Error(0, "Connect")
    is_broken = isinstance(error, HTTPClientError | IncompleteReadError | ChecksumError | FlexibleChecksumError)
    return S3Error(0, "Broken" if is_broken else "Credentials")


def _of_obstore(error: BaseException) -> S3Error:
    """Read status and code out of the error's text, which is all that obstore gives, and which is never shown."""
    text = str(error)
    status = re.search(r"status code: (\d{3})", text)
    code = re.search(r"<Code>([\w.]{1,60})</Code>", text)
    if status:
        return S3Error(int(status[1]), code[1] if code else "")
    if isinstance(error, UnauthenticatedError):  # raised by the provider
        return S3Error(0, "Credentials")
    if "BareRedirect" in text:
        return S3Error(301, "PermanentRedirect")
    return S3Error(0, "Connect" if re.search(r"HttpError \{\s*kind: Connect\b", text) else "Broken")
