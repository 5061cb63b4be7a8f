"""SQL on a lake in S3 by Amazon Athena: sends a statement, waits for it, reads its answer."""

from __future__ import annotations

import contextlib
import logging
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from types import FrameType
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dicom_udf.answers.local import Answer
from dicom_udf.aws.clients import get_client, wait_times
from dicom_udf.aws.errors import AwsError, translate_aws_errors
from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError
from dicom_udf.rendering import bytes_text

__all__ = ["AthenaAccess", "run_on_athena"]

_CATALOG = "AwsDataCatalog"
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0
_READS = re.compile(
    r"(?>\s+|--[^\n]*|/\*.*?\*/|\()*+(?:select|with|values|table|show|describe|desc|explain)\b", re.I | re.S
)

# Kinds of Athena's errors, by Trino's names: messages of the first are about the SQL, those of the second quote data.
_OF_THE_SQL = re.compile(
    r"SYNTAX_ERROR|\w+_NOT_FOUND|TYPE_MISMATCH|AMBIGUOUS_NAME|MISSING_\w+|INVALID_COLUMN_REFERENCE|NOT_SUPPORTED"
    r"|EXPRESSION_NOT_\w+|MISMATCHED_\w+|DUPLICATE_\w+|INVALID_LITERAL|line \d+:\d+"
)
_QUOTES_DATA = re.compile(r"INVALID_(CAST|FUNCTION)_ARGUMENT|NUMERIC_VALUE_OUT_OF_RANGE|\w+_BAD_DATA|GENERIC_\w+_ERROR")


@dataclass(frozen=True, slots=True)
class AthenaAccess:
    """The settings of a query by Athena.

    Attributes:
        region: Where Athena is, e.g. ``eu-central-1``.
        workgroup: None for ``primary``.
        output_location: ``s3://`` URL below which Athena keeps the answer; None: the workgroup's.
        endpoint: URL of a server instead of AWS.
    """

    region: str
    workgroup: str | None = None
    output_location: str | None = None
    endpoint: str | None = None


def run_on_athena(sql: str, database: str, access: AthenaAccess) -> Answer:
    """Answer one SQL statement that reads.

    An interrupt stops the query in Athena too, one that comes while the query starts as well.

    Args:
        sql: In Athena's SQL.
        database: Its tables and views go by their bare names.
        access: The settings of the query.

    Returns:
        Numbers, dates, timestamps and booleans as Python's; nested values as Athena's text.

    Raises:
        ConfigurationError: The statement doesn't read or has an error, the workgroup doesn't exist, or there are no
            credentials.
        RunFailedError: The query failed or was stopped, or Athena denies it or doesn't answer.
    """
    if not _READS.match(sql):
        raise ConfigurationError("the SQL must be one statement that reads, e.g. SELECT, WITH, SHOW or DESCRIBE")
    athena = get_client("athena", endpoint=access.endpoint, region=access.region)
    name, execution = _run(athena, sql, database, access)
    scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
    logging.getLogger(__name__).info("Athena's query %s scanned %s", name, bytes_text(scanned))
    pages = _fetch_pages(athena, name, access.workgroup)
    first = next(pages)
    columns = first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    labels = tuple(column.get("Label") or column["Name"] for column in columns)
    types = tuple(column["Type"] for column in columns)
    return Answer(labels, _read_rows(first, pages, list(map(_find_reader, types)), labels), types)


def _run(athena: Any, sql: str, database: str, access: AthenaAccess) -> tuple[str, Mapping[str, Any]]:
    """Start a query and wait for its end; stop it at an interrupt or an error, because a running query is billed."""
    name: str | None = None
    try:
        with _delay_interrupt():
            name = _start(athena, sql, database, access)
        execution = _wait_for_end(athena, name, access.workgroup)
    except BaseException:
        if name is not None:
            _stop(athena, name)
        raise
    if execution["Status"]["State"] != "SUCCEEDED":
        raise _to_error(execution["Status"])
    return name, execution


@contextlib.contextmanager
def _delay_interrupt() -> Iterator[None]:
    """Handle Ctrl-C at the end of the block: before its answer, a query that Athena has begun has no name to stop.

    A second one is handled at once. Python has handlers of signals in its main thread alone.
    """
    handle = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handle):
        yield
        return
    delayed: list[tuple[int, FrameType | None]] = []

    def delay(number: int, frame: FrameType | None) -> None:
        delayed.append((number, frame))
        signal.signal(signal.SIGINT, handle)

    signal.signal(signal.SIGINT, delay)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, handle)
        if delayed:
            handle(*delayed[0])


def _start(athena: Any, sql: str, database: str, access: AthenaAccess) -> str:
    settings: dict[str, Any] = {}
    if access.workgroup is not None:
        settings["WorkGroup"] = access.workgroup
    if access.output_location is not None:
        settings["ResultConfiguration"] = {"OutputLocation": access.output_location}
    context = {"Catalog": _CATALOG, "Database": database}
    started = _send(
        lambda: athena.start_query_execution(QueryString=sql, QueryExecutionContext=context, **settings),
        "athena:StartQueryExecution",
        access.workgroup,
    )
    return str(started["QueryExecutionId"])


def _wait_for_end(athena: Any, name: str, workgroup: str | None) -> Mapping[str, Any]:
    for wait in wait_times(_FIRST_WAIT, _LONGEST_WAIT, factor=1.5):
        answer = _send(lambda: athena.get_query_execution(QueryExecutionId=name), "athena:GetQueryExecution", workgroup)
        execution: Mapping[str, Any] = answer["QueryExecution"]
        if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
            break
        time.sleep(wait)
    return execution


def _stop(athena: Any, name: str) -> None:
    try:
        athena.stop_query_execution(QueryExecutionId=name)
    except (ClientError, BotoCoreError) as error:
        kind = type(error).__name__
        logging.getLogger(__name__).warning("Athena's query %s could not be stopped (%s); stop it there", name, kind)


def _to_error(status: Mapping[str, Any]) -> DicomLakeError:
    """Return the meaning of a query's end: Athena's reason, without its details where these quote data."""
    reason = _one_line(status.get("StateChangeReason") or "Athena states no reason")
    if status["State"] == "CANCELLED":
        return RunFailedError(f"the query was stopped in Athena: {reason}")
    if _QUOTES_DATA.match(reason):
        kind = reason.partition(":")[0]
        return RunFailedError(f"the query failed: {kind}; the details may quote data, Athena's console has them")
    if _OF_THE_SQL.match(reason):
        return ConfigurationError(reason)
    return RunFailedError(f"the query failed: {reason}")


def _fetch_pages(athena: Any, name: str, workgroup: str | None) -> Iterator[Mapping[str, Any]]:
    following: dict[str, str] = {}
    while True:
        page = _send(
            lambda: athena.get_query_results(QueryExecutionId=name, **following),  # noqa: B023 - called at once
            "athena:GetQueryResults",
            workgroup,
        )
        yield page
        if not page.get("NextToken"):
            return
        following = {"NextToken": page["NextToken"]}


def _read_rows(
    first: Mapping[str, Any],
    others: Iterator[Mapping[str, Any]],
    readers: list[Callable[[str], Any]],
    labels: tuple[str, ...],
) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of all pages; the first row of a ``SELECT`` repeats the names of its columns."""
    rows = first["ResultSet"]["Rows"]
    if rows and tuple(value.get("VarCharValue") for value in rows[0].get("Data", [])) == labels:
        rows = rows[1:]
    for row in chain(rows, chain.from_iterable(page["ResultSet"]["Rows"] for page in others)):
        texts = (value.get("VarCharValue") for value in row["Data"])
        yield tuple(None if text is None else read(text) for read, text in zip(readers, texts, strict=True))


def _find_reader(kind: str) -> Callable[[str], Any]:
    readers: dict[str, Callable[[str], Any]] = {
        **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
        **dict.fromkeys(("double", "float", "real"), float),
        "decimal": Decimal,
        "boolean": lambda text: text == "true",
        "date": lambda text: _read_or_keep(date.fromisoformat, text),
        "timestamp": lambda text: _read_or_keep(datetime.fromisoformat, text),
    }
    return readers.get(kind.lower(), str)


def _read_or_keep(read: Callable[[str], Any], text: str) -> Any:
    """Read a date; one that Python can't hold (before year 1, after 9999) stays text."""
    try:
        return read(text)
    except ValueError:
        return text


def _send(call: Callable[[], Any], action: str, workgroup: str | None) -> Any:
    """Send a request and return its answer.

    Raises:
        ConfigurationError: Athena rejects the statement or its settings, or the workgroup does not exist.
        RunFailedError: Athena denies the request, does not accept the credentials, or does not answer.
    """
    with translate_aws_errors(action, f"the workgroup {workgroup or 'primary'}"):
        try:
            return call()
        except ClientError as error:
            refusal = error.response.get("Error", {})
            if refusal.get("Code") != "InvalidRequestException":
                raise
            message = _one_line(refusal.get("Message", ""))
            if re.match("WorkGroup .*not found", message, re.IGNORECASE):
                raise AwsError("WorkGroupNotFound") from None
            raise ConfigurationError(_describe_rejection(message)) from None


def _describe_rejection(message: str) -> str:
    is_without_output = "output location" in message.lower()
    remedy = " Give --output-location s3://bucket/prefix/, or a --workgroup that has one." if is_without_output else ""
    return f"Athena rejects the query: {message}{remedy}"


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
