"""Errors of S3 and Glue that reach Spark through Java, and a full disk, as this package's own errors.

An error of the driver is an exception with causes. One of a task is text alone, so all of them are read as text.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator

from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException

from dicom_udf.aws.errors import NO_CONNECTION, AwsError, ErrorKind
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError

__all__ = ["raise_task_errors", "to_spark_error", "to_task_error", "translate_spark_errors"]

_log = logging.getLogger(__name__)

_REFUSAL = re.compile(
    r"awssdk\.services\.(?P<service>glue|s3|kms|sts)\.model\.(?P<code>\w+?)(?:Exception)?: (?P<words>[^\n]*)"
)
_METHOD = re.compile(r"awssdk\.services\.\w+\.Default\w+Client\.(\w+)\(")
_NOT_ALLOWED = re.compile(r"not authorized to perform: (?P<action>[\w:]+)(?: on resource: (?P<resource>[\w:/*.-]+))?")
_STATUS = re.compile(r"Status Code: (\d{3})")
_FULL_DISK = re.compile("No space left on device|Disk quota exceeded")
"""The system's words for ENOSPC and EDQUOT, which Java and Python use."""


@contextlib.contextmanager
def translate_spark_errors(location: LakeLocation) -> Iterator[None]:
    """Raise errors of S3, Glue and a full disk as this package's own; Spark's other errors pass unchanged.

    Raises:
        ConfigurationError, RunFailedError: As :data:`dicom_udf.aws.errors.MEANINGS` has it; RunFailedError for a disk.
    """
    try:
        yield
    except (Py4JJavaError, CapturedException, OSError) as error:
        found = to_spark_error(_text(error), location)
        if found is None:
            raise
        _log.debug("the error in Java", exc_info=True)
        raise found from None


def to_spark_error(text: str, location: LakeLocation) -> DicomLakeError | None:
    """Return the meaning of a text of Java; None for errors that are neither AWS's nor a full disk's.

    Args:
        text: The stack trace with its causes.
        location: The lake that Spark was writing or reading.
    """
    found = _to_aws_error(text, location) if location.is_glue else None
    return found or (_to_disk_error(location) if _FULL_DISK.search(text) else None)


def _to_disk_error(location: LakeLocation) -> RunFailedError:
    lake = "" if location.is_glue else f" or of the lake {location.root}"
    return RunFailedError(
        f"no space is left on the disk of temporary files (TMPDIR, SPARK_LOCAL_DIRS){lake}; make room and run again: "
        "the next run goes on where this one stopped"
    )


@contextlib.contextmanager
def raise_task_errors() -> Iterator[None]:
    """Raise an error of this package that a task raised with its own message, without Spark's page of frames.

    Raises:
        ConfigurationError, RunFailedError: The task's.
    """
    try:
        yield
    except CapturedException as error:
        found = to_task_error(str(error))
        if found is None:
            raise
        raise found from None


def to_task_error(text: str) -> DicomLakeError | None:
    """Return the error of this package that a task raised, from Spark's text; None for any other error."""
    found = _TASK_ERROR.search(text)
    return None if found is None else _TASK_ERRORS[found[1]](found[2])


_TASK_ERRORS = {one.__name__: one for one in (ConfigurationError, RunFailedError)}
_TASK_ERROR = re.compile(rf"dicom_udf\.errors\.({'|'.join(_TASK_ERRORS)}): (.*)")


def _text(error: Py4JJavaError | CapturedException | OSError) -> str:
    """Return the stack trace with its causes."""
    if isinstance(error, Py4JJavaError | OSError):
        return str(error)
    return f"{error}\n{getattr(error, '_stackTrace', '')}"


def _to_aws_error(text: str, location: LakeLocation) -> DicomLakeError | None:
    refusals = list(_REFUSAL.finditer(text))
    if not refusals:
        return _to_client_error(text, location)
    last = refusals[-1]  # the innermost cause
    service, code, words = last["service"], last["code"], last["words"]
    status = int(found[1]) if (found := _STATUS.search(words)) else 0
    if code.lower() == service:  # the service's general exception
        code = str(status or "")
    action, resource = _action(text, last), _resource(service, location)
    error = AwsError(code, status, words=words)
    if error.kind is ErrorKind.DENIED and (allowed := _NOT_ALLOWED.search(words)):
        action, resource = allowed["action"], allowed["resource"] or resource
    return error.to_exception(action, resource)


def _to_client_error(text: str, location: LakeLocation) -> DicomLakeError | None:
    """Return the meaning of an error without an answer: of AWS's library itself, or of the network."""
    if "SdkClientException" not in text and "ApiCallTimeout" not in text:
        return None
    error = AwsError("", words=text)
    if error.kind not in (ErrorKind.NO_CREDENTIALS, ErrorKind.BAD_SETTINGS):
        error = AwsError(NO_CONNECTION)
    service = "glue" if "awssdk.services.glue" in text else "s3"
    method = _METHOD.search(text)
    return error.to_exception(
        f"{service}:{_capital(method[1])}" if method else f"{service}:*", _resource(service, location)
    )


def _action(text: str, refusal: re.Match[str]) -> str:
    """Name the action by the first method of a client below the error in the trace."""
    method = _METHOD.search(text, refusal.end())
    return f"{refusal['service']}:{_capital(method[1]) if method else '*'}"


def _resource(service: str, location: LakeLocation) -> str:
    if service == "s3":
        return f"the bucket of the lake {location.root}"
    return f"the databases {location.database} and {location.staging}"


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
