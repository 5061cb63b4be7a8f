"""The meaning of an AWS error: one table of kinds, with the codes, the sentence and the exit status of each.

Each library reports an error in its own way. An adapter turns it into an :class:`AwsError`, and the table
:data:`MEANINGS` does the rest. :func:`to_aws_error` adapts the errors of boto3 and obstore,
:mod:`dicom_udf.lake.faults` those of Java, and :mod:`dicom_udf.answers.duckdb_errors` those of DuckDB. The libraries'
own texts may quote keys and settings, so no message contains them.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from botocore.exceptions import (
    BotoCoreError,
    ChecksumError,
    ClientError,
    CredentialRetrievalError,
    FlexibleChecksumError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    ParamValidationError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as NoConnectionError
from obstore.exceptions import UnauthenticatedError

from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError

__all__ = [
    "MEANINGS",
    "NO_CONNECTION",
    "NO_WHOLE_ANSWER",
    "AwsError",
    "ErrorKind",
    "Meaning",
    "to_aws_error",
    "translate_aws_errors",
]

NO_CONNECTION, NO_WHOLE_ANSWER = "no connection", "no whole answer"
"""Codes of an :class:`AwsError` without an HTTP status."""


class ErrorKind(StrEnum):
    """What an AWS error means, whichever service and library reports it."""

    NO_CREDENTIALS = "no credentials"
    CREDENTIALS_UNAVAILABLE = "credentials unavailable"
    CREDENTIALS_REJECTED = "credentials rejected"
    DENIED = "denied"
    THROTTLED = "throttled"
    MISSING = "missing"
    OTHER_REGION = "other region"
    UNREACHABLE = "unreachable"
    BAD_SETTINGS = "bad settings"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Meaning:
    """The codes of a kind of error, and what is reported of it.

    Attributes:
        error: Exit status 2 for ConfigurationError, 1 for RunFailedError.
        sentence: A template with the fields service, action, resource, answer and option.
        codes: The services' error codes, without a namespace in front and ``Exception`` at the end.
        words: Pattern of the texts of Java's AWS library, which leaves most codes out.
        statuses: HTTP statuses that decide where neither code nor words do.
    """

    error: type[ConfigurationError | RunFailedError]
    sentence: str
    codes: frozenset[str] = frozenset()
    words: str | None = None
    statuses: frozenset[int] = frozenset()


MEANINGS: Mapping[ErrorKind, Meaning] = {
    ErrorKind.NO_CREDENTIALS: Meaning(
        ConfigurationError,
        "no AWS credentials were found; set AWS_PROFILE, or give the job a role",
        words="Unable to load credentials",
    ),
    ErrorKind.CREDENTIALS_UNAVAILABLE: Meaning(
        RunFailedError, "the AWS credentials could not be retrieved; log in again, or check the job's role"
    ),
    ErrorKind.CREDENTIALS_REJECTED: Meaning(
        RunFailedError,
        "{service} does not accept the credentials for {action} on {resource} ({answer}); renew them and run again",
        codes=frozenset(
            {
                *("ExpiredToken", "RequestExpired", "TokenRefreshRequired", "InvalidToken", "InvalidAccessKeyId"),
                *("UnrecognizedClient", "InvalidClientTokenId", "InvalidSignature", "IncompleteSignature"),
                *("SignatureDoesNotMatch", "RequestTimeTooSkewed", "InvalidSecurity", "MissingAuthenticationToken"),
                *("AccountProblem", "NotSignedUp"),
            }
        ),
        words="expired|security token|signature|Access ?Key ?Id",
        statuses=frozenset({401}),
    ),
    ErrorKind.DENIED: Meaning(
        RunFailedError,
        "{service} denies {action} on {resource} ({answer}); grant it, and the use of its KMS key if it has one, then "
        "run again",
        codes=frozenset(
            {"AccessDenied", "AllAccessDisabled", "AuthorizationError", "UnauthorizedOperation", "NotAuthorized"}
        ),
        words="not authorized to perform",
        statuses=frozenset({403}),
    ),
    ErrorKind.THROTTLED: Meaning(
        RunFailedError,
        "{service} throttles {action} on {resource} ({answer}) in every try; run again later",
        codes=frozenset(
            {"Throttling", "Throttled", "RequestThrottled", "RequestLimitExceeded", "TooManyRequests", "SlowDown"}
        ),
        words="throttl|Rate exceeded",
        statuses=frozenset({429, 503}),
    ),
    ErrorKind.MISSING: Meaning(
        ConfigurationError,
        "{resource} does not exist ({action}); create it, or check its name and {option}",
        codes=frozenset(
            {
                *("NoSuchBucket", "NoSuchKey", "NonExistentQueue", "QueueDoesNotExist", "InvalidAddress"),
                *("EntityNotFound", "WorkGroupNotFound"),
            }
        ),
    ),
    ErrorKind.OTHER_REGION: Meaning(
        RunFailedError,
        "{resource} is in another region ({answer}); give --s3-region, or --aws-region for a lake",
        codes=frozenset(
            {
                *("PermanentRedirect", "TemporaryRedirect"),
                *("AuthorizationHeaderMalformed", "IllegalLocationConstraint"),
            }
        ),
        statuses=frozenset({301, 307}),
    ),
    ErrorKind.UNREACHABLE: Meaning(
        RunFailedError,
        "{service} did not answer {action} on {resource} ({answer}); check the network and {option}, then run again",
        codes=frozenset({NO_CONNECTION, NO_WHOLE_ANSWER}),
    ),
    ErrorKind.BAD_SETTINGS: Meaning(
        ConfigurationError,
        "the AWS settings can't be used ({answer}); check AWS_PROFILE, AWS_REGION, --aws-region, --s3-endpoint and "
        "--aws-endpoint",
        words="Unable to load region",
    ),
    ErrorKind.OTHER: Meaning(
        RunFailedError,
        "{service} answered {answer} to {action} on {resource}; run again, or see the service's documentation",
    ),
}

_BY_CODE = {code: kind for kind, meaning in MEANINGS.items() for code in meaning.codes}
_BY_STATUS = {status: kind for kind, meaning in MEANINGS.items() for status in meaning.statuses}
_CREDENTIAL_OPERATIONS = ("AssumeRole", "AssumeRoleWithWebIdentity", "GetRoleCredentials")
"""Operations that boto3 calls by itself in any request, to get the credentials for it."""

_SERVICES = {
    "athena": "Athena",
    "cloudwatch": "CloudWatch",
    "glue": "Glue",
    "kms": "KMS",
    "s3": "S3",
    "sqs": "SQS",
    "sts": "STS",
}


class AwsError(Exception):
    """A request that failed, or that could not be made.

    Attributes:
        code: The service's own, e.g. ``NoSuchKey``; for an answer to HEAD its status; :data:`NO_CONNECTION` or
            :data:`NO_WHOLE_ANSWER`; the exception's type where no request was made.
        status: Of HTTP; 0 without an answer.
        kind: The error's meaning.
    """

    def __init__(self, code: str, status: int = 0, *, kind: ErrorKind | None = None, words: str = "") -> None:
        """Find the error's meaning.

        Args:
            code: As the attribute.
            status: As the attribute.
            kind: None: found by code, words and status.
            words: Java's text.
        """
        super().__init__(f"{status or ''} {code}".strip())
        self.code = code
        self.status = status
        self.kind = kind or _find_kind(code, status, words)

    @property
    def may_pass(self) -> bool:
        """True for an error that is worth another try."""
        return (
            self.kind in (ErrorKind.UNREACHABLE, ErrorKind.CREDENTIALS_UNAVAILABLE)
            or self.status in (408, 429, 500, 502, 503, 504)
            or self.code in ("RequestTimeout", "SlowDown")
        )

    def to_exception(self, action: str, resource: str, *, has_begun: bool = False) -> DicomLakeError:
        """Return the exception that ends the command, with its sentence.

        Args:
            action: As IAM names it, e.g. ``s3:ListBucket``.
            resource: The action's object, e.g. ``the bucket scans``.
            has_begun: True where the run may have written something: exit status 1 for every kind.
        """
        meaning = MEANINGS[self.kind]
        service = action.partition(":")[0]
        sentence = meaning.sentence.format(
            service=_SERVICES[service],
            action=action,
            resource=resource,
            answer=self.code or self.status or "an error",
            option=f"--{'s3' if service == 's3' else 'aws'}-endpoint",
        )
        return (RunFailedError if has_begun else meaning.error)(sentence)


def _find_kind(code: str, status: int, words: str) -> ErrorKind:
    """Return the kind by the first that decides: the code, Java's words, the status."""
    kind = _BY_CODE.get(re.sub(r"^.*[.#]|Exception$", "", code))
    if kind is None and words:
        of_words = (
            kind
            for kind, meaning in MEANINGS.items()
            if meaning.words and re.search(meaning.words, words, re.IGNORECASE)
        )
        kind = next(of_words, None)
    return kind or _BY_STATUS.get(status, ErrorKind.OTHER)


@contextlib.contextmanager
def translate_aws_errors(action: str, resource: str, *, has_begun: bool = False) -> Iterator[None]:
    """Raise the errors of boto3, obstore and :func:`dicom_udf.aws.s3.request` as this package's own.

    Args:
        action: As IAM names it, e.g. ``glue:GetTable``.
        resource: The action's object, e.g. ``the table dicom.instances``.
        has_begun: True where the run may have written something.

    Raises:
        ConfigurationError, RunFailedError: As :data:`MEANINGS` has it.
    """
    try:
        yield
    except (AwsError, ClientError, BotoCoreError) as error:
        raise to_aws_error(error).to_exception(action, resource, has_begun=has_begun) from None


def to_aws_error(error: Exception) -> AwsError:
    """Classify an exception of boto3 or obstore."""
    name = type(error).__name__
    match error:
        case AwsError():
            return error
        case ClientError() if error.operation_name in _CREDENTIAL_OPERATIONS:
            return AwsError(name, kind=ErrorKind.CREDENTIALS_UNAVAILABLE)
        case ClientError():
            status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
            return AwsError(str(error.response.get("Error", {}).get("Code", "")), status)
        case NoCredentialsError():
            return AwsError(name, kind=ErrorKind.NO_CREDENTIALS)
        case CredentialRetrievalError() | MetadataRetrievalError() | SSOError() | TokenRetrievalError():
            return AwsError(name, kind=ErrorKind.CREDENTIALS_UNAVAILABLE)
        case ParamValidationError():  # no bucket or queue can have the name
            return AwsError(name, kind=ErrorKind.MISSING)
        case NoConnectionError():
            return AwsError(NO_CONNECTION)
        case HTTPClientError() | IncompleteReadError() | ChecksumError() | FlexibleChecksumError():
            return AwsError(NO_WHOLE_ANSWER)
        case BotoCoreError() | ValueError():
            return AwsError(name, kind=ErrorKind.BAD_SETTINGS)
        case _:
            return _read_obstore(error)


def _read_obstore(error: Exception) -> AwsError:
    """Read status and code out of the text of obstore's error: it has no attributes."""
    text = str(error)
    status = re.search(r"status code: (\d{3})", text)
    code = re.search(r"<Code>([\w.]{1,60})</Code>", text)
    if status:
        return AwsError(code[1] if code else "", int(status[1]))
    if isinstance(error, UnauthenticatedError):  # raised by the provider of the credentials
        return AwsError("", kind=ErrorKind.CREDENTIALS_UNAVAILABLE)
    if "BareRedirect" in text:
        return AwsError("PermanentRedirect", 301)
    return AwsError(NO_CONNECTION if re.search(r"HttpError \{\s*kind: Connect\b", text) else NO_WHOLE_ANSWER)
