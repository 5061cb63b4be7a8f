"""SQL on a lake in S3 by Amazon Athena: sends a statement, waits for it, reads its answer."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import chain
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from dicom_udf.answers.local import Answer
from dicom_udf.aws.clients import aws_client, aws_faults
from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError
from dicom_udf.rendering import bytes_text

__all__ = ["AthenaAccess", "run_on_athena"]

_CATALOG = "AwsDataCatalog"
_FIRST_WAIT, _LONGEST_WAIT = 0.2, 5.0
_READS = re.compile(
    r"(?>\s+|--[^\n]*|/\*.*?\*/|\()*+(?:select|with|values|table|show|describe|desc|explain)\b", re.I | re.S
)

# Kinds of Athena's errors, by Trino's names: the words of the first are about the SQL, those of the second quote data.
_OF_THE_SQL = re.compile(
    r"SYNTAX_ERROR|\w+_NOT_FOUND|TYPE_MISMATCH|AMBIGUOUS_NAME|MISSING_\w+|INVALID_COLUMN_REFERENCE|NOT_SUPPORTED"
    r"|EXPRESSION_NOT_\w+|MISMATCHED_\w+|DUPLICATE_\w+|INVALID_LITERAL|line \d+:\d+"
)
_QUOTES_DATA = re.compile(r"INVALID_(CAST|FUNCTION)_ARGUMENT|NUMERIC_VALUE_OUT_OF_RANGE|\w+_BAD_DATA|GENERIC_\w+_ERROR")


@dataclass(frozen=True, slots=True)
class AthenaAccess:
    """How Athena is asked.

    Attributes:
        workgroup: None for ``primary``.
        output_location: ``s3://`` URL that the answer is kept at; None: as the workgroup says.
        endpoint: A server instead of AWS's.
        region: None for boto3's chain.
    """

    workgroup: str | None = None
    output_location: str | None = None
    endpoint: str | None = None
    region: str | None = None


def run_on_athena(sql: str, database: str, access: AthenaAccess) -> Answer:
    """Answer one SQL statement that reads.

    An interrupt stops the query in Athena too.

    Args:
        sql: In Athena's SQL.
        database: Whose tables and views go by their bare names.
        access: How Athena is asked.

    Returns:
        Numbers, dates, timestamps and booleans as Python's; what is nested as Athena's text.

    Raises:
        ConfigurationError: The statement doesn't read or can't be understood, or there is no such workgroup or output.
        RunFailedError: The query failed or was stopped, or Athena denies it or can't be reached.
    """
    if not _READS.match(sql):
        raise ConfigurationError("the SQL must be one statement that reads, e.g. SELECT, WITH, SHOW or DESCRIBE")
    athena = aws_client("athena", endpoint=access.endpoint, region=access.region)
    name = _start(athena, sql, database, access)
    execution = _finished(athena, name, access.workgroup)
    scanned = execution.get("Statistics", {}).get("DataScannedInBytes", 0)
    logging.getLogger(__name__).info("Athena's query %s scanned %s", name, bytes_text(scanned))
    pages = _pages(athena, name, access.workgroup)
    first = next(pages)
    columns = first["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    labels = tuple(column.get("Label") or column["Name"] for column in columns)
    return Answer(labels, _rows(first, pages, [_reader(column["Type"]) for column in columns], labels))


def _start(athena: Any, sql: str, database: str, access: AthenaAccess) -> str:
    settings: dict[str, Any] = {}
    if access.workgroup is not None:
        settings["WorkGroup"] = access.workgroup
    if access.output_location is not None:
        settings["ResultConfiguration"] = {"OutputLocation": access.output_location}
    context = {"Catalog": _CATALOG, "Database": database}
    started = _asked(
        lambda: athena.start_query_execution(QueryString=sql, QueryExecutionContext=context, **settings),
        "athena:StartQueryExecution",
        access.workgroup,
    )
    return str(started["QueryExecutionId"])


def _finished(athena: Any, name: str, workgroup: str | None) -> Mapping[str, Any]:
    """Wait for the end of a query; an interrupt, or a fault of the waiting, stops the query: what runs is billed."""
    wait = _FIRST_WAIT
    try:
        while True:
            asked = _asked(
                lambda: athena.get_query_execution(QueryExecutionId=name), "athena:GetQueryExecution", workgroup
            )
            execution: Mapping[str, Any] = asked["QueryExecution"]
            if execution["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(wait)
            wait = min(wait * 1.5, _LONGEST_WAIT)
    except BaseException:
        _stop(athena, name)
        raise
    if execution["Status"]["State"] != "SUCCEEDED":
        raise _told(execution["Status"])
    return execution


def _stop(athena: Any, name: str) -> None:
    try:
        athena.stop_query_execution(QueryExecutionId=name)
    except (ClientError, BotoCoreError) as error:
        kind = type(error).__name__
        logging.getLogger(__name__).warning("Athena's query %s could not be stopped (%s); stop it there", name, kind)


def _told(status: Mapping[str, Any]) -> DicomLakeError:
    """Return what a query's end means: Athena's reason, without its details where these quote data."""
    reason = _one_line(status.get("StateChangeReason") or "no reason is given")
    if status["State"] == "CANCELLED":
        return RunFailedError(f"the query was stopped in Athena: {reason}")
    if _QUOTES_DATA.match(reason):
        kind = reason.partition(":")[0]
        return RunFailedError(f"the query failed: {kind}; the details may quote data, Athena's console has them")
    if _OF_THE_SQL.match(reason):
        return ConfigurationError(reason)
    return RunFailedError(f"the query failed: {reason}")


def _pages(athena: Any, name: str, workgroup: str | None) -> Iterator[Mapping[str, Any]]:
    following: dict[str, str] = {}
    while True:
        page = _asked(
            lambda: athena.get_query_results(QueryExecutionId=name, **following),  # noqa: B023 - called at once
            "athena:GetQueryResults",
            workgroup,
        )
        yield page
        if not page.get("NextToken"):
            return
        following = {"NextToken": page["NextToken"]}


def _rows(
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


def _reader(kind: str) -> Callable[[str], Any]:
    readers: dict[str, Callable[[str], Any]] = {
        **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), int),
        **dict.fromkeys(("double", "float", "real"), float),
        "decimal": Decimal,
        "boolean": lambda text: text == "true",
        "date": lambda text: _or_text(date.fromisoformat, text),
        "timestamp": lambda text: _or_text(datetime.fromisoformat, text),
    }
    return readers.get(kind.lower(), str)


def _or_text(read: Callable[[str], Any], text: str) -> Any:
    """Read a date; one that Python can't hold (before year 1, after 9999) stays text."""
    try:
        return read(text)
    except ValueError:
        return text


def _asked(call: Callable[[], Any], action: str, workgroup: str | None) -> Any:
    """Send a request; a refusal is told by its action.

    Raises:
        ConfigurationError: Athena doesn't understand the request.
        RunFailedError: It denies it, doesn't take the credentials, or doesn't answer.
    """
    with aws_faults(action, f"the workgroup {workgroup or 'primary'}"):
        try:
            return call()
        except ClientError as error:
            said = error.response.get("Error", {})
            if said.get("Code") != "InvalidRequestException":
                raise
            raise ConfigurationError(_refused(_one_line(said.get("Message", "")))) from None


def _refused(said: str) -> str:
    hint = " Give --output-location s3://bucket/prefix/, or a --workgroup that has one."
    return f"Athena refuses the query: {said}" + hint * ("output location" in said.lower())


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
