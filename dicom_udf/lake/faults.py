"""What Java says when S3 or Glue refuses, in one plain sentence: action, resource, remedy.

An error of the driver is an exception with causes; one of a task comes as text alone, so all of it is read as text.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException

from dicom_udf.aws.s3 import no_bucket
from dicom_udf.config import LakePlace
from dicom_udf.errors import DicomLakeError, RunFailedError

__all__ = ["lake_faults"]

_log = logging.getLogger(__name__)

_REFUSAL = re.compile(
    r"awssdk\.services\.(?P<service>glue|s3|kms|sts)\.model\.(?P<code>\w+?)(?:Exception)?: (?P<said>[^\n]*)"
)
_ASKED = re.compile(r"awssdk\.services\.\w+\.Default\w+Client\.(\w+)\(")
_NOT_ALLOWED = re.compile(r"not authorized to perform: (?P<action>[\w:]+)(?: on resource: (?P<resource>[\w:/*.-]+))?")
_STATUS = re.compile(r"Status Code: (\d{3})")
_EXPIRED = re.compile(
    r"expired|security token|UnrecognizedClient|InvalidSignature|signature|AccessKeyId", re.IGNORECASE
)
_NAMES = {"glue": "Glue", "s3": "S3", "kms": "KMS", "sts": "STS"}


@contextlib.contextmanager
def lake_faults(place: LakePlace) -> Iterator[None]:
    """Turn what S3, Glue and a full disk refuse to Spark into this package's own errors; what else Spark raises stays.

    Raises:
        ConfigurationError: The lake's bucket doesn't exist.
        RunFailedError: It is denied, credentials have expired, nobody answers, or a disk is full.
    """
    try:
        yield
    except (Py4JJavaError, CapturedException) as error:
        text = _text(error)
        told = (_told(text, place) if place.is_glue else None) or _full(text, place)
        if told is None:
            raise
        _log.debug("what Java said", exc_info=True)
        raise told from None


def _full(text: str, place: LakePlace) -> RunFailedError | None:
    """Return what a disk without space means; Java and Python use the system's words (ENOSPC, EDQUOT)."""
    if not re.search("No space left on device|Disk quota exceeded", text):
        return None
    lake = "" if place.is_glue else f" or of the lake {place.root}"
    return RunFailedError(
        f"no space is left on the disk of temporary files (TMPDIR, SPARK_LOCAL_DIRS){lake}; make room and run again: "
        "the next run goes on where this one stopped"
    )


def _text(error: Py4JJavaError | CapturedException) -> str:
    """Return the stack trace with its causes."""
    if isinstance(error, Py4JJavaError):
        return str(error)
    return f"{error}\n{getattr(error, '_stackTrace', '')}"


def _told(text: str, place: LakePlace) -> DicomLakeError | None:
    """Return what a text of Java means; None where neither S3 nor Glue is behind it."""
    refusals = list(_REFUSAL.finditer(text))
    if not refusals:
        return _unanswered(text, place)
    last = refusals[-1]  # the innermost cause
    service, code, said = last["service"], last["code"], last["said"]
    status = int(found[1]) if (found := _STATUS.search(said)) else 0
    name, action, resource = _NAMES[service], _action(text, last), _resource(service, place)
    if code == "NoSuchBucket":
        return no_bucket(place)
    if _EXPIRED.search(said) or code.startswith("Expired"):
        return RunFailedError(f"{name} doesn't take the credentials for {action}; renew them and run again")
    if code == "AccessDenied" or status == 403:
        if allowed := _NOT_ALLOWED.search(said):
            action, resource = allowed["action"], allowed["resource"] or resource
        return RunFailedError(f"{name} denies {action} on {resource}; grant it and run again")
    if "hrottl" in code + said or "Rate exceeded" in said or status in (429, 503):
        return RunFailedError(f"{name} throttles {action} on {resource}, also after retries; run again later")
    answer = f"{code}, status {status}" if status else code
    return RunFailedError(f"{name} answered {answer} to {action} on {resource}; run again, or see its documentation")


def _unanswered(text: str, place: LakePlace) -> DicomLakeError | None:
    if "Unable to load credentials" in text or "Unable to load region" in text:
        return RunFailedError("Spark finds no AWS credentials or region; set AWS_PROFILE, or give the job a role")
    if "SdkClientException" not in text and "ApiCallTimeout" not in text:
        return None
    asked = _ASKED.search(text)
    service = "glue" if "awssdk.services.glue" in text else "s3"
    action = f"{service}:{_capital(asked[1])}" if asked else "a request"
    return RunFailedError(
        f"{_NAMES[service]} can't be reached for {action} on {_resource(service, place)}; check the network and "
        f"--{'s3' if service == 's3' else 'aws'}-endpoint, then run again"
    )


def _action(text: str, refusal: re.Match[str]) -> str:
    """Name the action by the first method of a client that stands below the error in the trace."""
    asked = _ASKED.search(text, refusal.end())
    return f"{refusal['service']}:{_capital(asked[1])}" if asked else f"{refusal['service']} access"


def _resource(service: str, place: LakePlace) -> str:
    return f"the lake {place.root}" if service == "s3" else f"the databases {place.database} and {place.staging}"


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
