"""DuckDB's errors as those of this package: about SQL in full, about data without a value."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError
from dicom_udf.lake import layout

if TYPE_CHECKING:
    import duckdb

__all__ = ["to_error"]

_EXAMPLES = {"DATE": "DATE '2024-01-01'", "TIMESTAMP": "TIMESTAMP '2024-01-01 00:00:00'", "BOOLEAN": "true"}
"""Literals of types that a text is mistaken for."""

_FUNCTION = re.compile(r"(?:Function with name |argument types '|Error: )(\w+)(?: does not exist|\(| can only)")

_OF_ATHENA = re.compile(
    r"\b(?:array|row)\s*\(\s*\w+|\bUNNEST\s*\([^)]*\)\s*(?:WITH ORDINALITY\s*)?AS\s+\w+\s*\(\w+\s*,", re.I
)
"""Forms of Athena's SQL that DuckDB doesn't parse or bind: ``array(double)``, a map as two columns."""


_KIND = re.compile(
    r"(?:destination type|' to) "
    r"((?:DOUBLE|FLOAT|INT\d+|BIGINT|INTEGER|BOOL(?:EAN)?|DECIMAL|VARCHAR|STRUCT|MAP|INTERVAL)\b(?:\[\])*)"
)
"""The type in a message; the message may hold a value of the data, so only names of types count."""


def to_error(error: duckdb.Error, sql: str = "", written: str | None = None) -> DicomLakeError:
    """Return the error to raise for one of DuckDB.

    A message about the SQL is kept. Of one about data only its kind is kept, because it quotes values; a literal of the
    user's own SQL is quoted.

    Args:
        error: DuckDB's.
        sql: The statement in DuckDB's SQL.
        written: The statement in Athena's SQL of which ``sql`` is the translation.
    """
    import duckdb  # noqa: PLC0415

    if isinstance(error, duckdb.HTTPException) or "Could not connect to server" in str(error):
        return _to_s3_error(str(error), getattr(error, "status_code", 0))
    message = re.sub(r"\n\n+", "\n", str(error).strip())
    if isinstance(
        error, duckdb.CatalogException | duckdb.ParserException | duckdb.BinderException | duckdb.SyntaxException
    ):
        return _to_sql_error(message, sql, written)
    if isinstance(error, duckdb.DataError | duckdb.InvalidInputException):
        return _to_data_error(message, sql if written is None else written)
    return RunFailedError("the query failed: " + message.partition("\n")[0])


def _to_sql_error(message: str, sql: str, written: str | None) -> ConfigurationError:
    if written is not None:  # the lines of the translation are not the user's
        message = re.sub(r"\n(?:LINE \d+:|\s*Candidate).*", "", message, flags=re.DOTALL)
    elif _is_of_athena(message, sql):
        message += "\nThis is Athena's SQL: add --dialect athena"
    if "Table with name" in message:
        tables, views = ", ".join(layout.table_names()), ", ".join(layout.VIEWS)
        message += f"\nThe tables are {tables}, the views {views}."
    return ConfigurationError(message)


def _is_of_athena(message: str, sql: str) -> bool:
    """Return whether an error is about a function or form that only Athena has."""
    try:
        from dicom_udf.answers.athena_sql import FUNCTIONS  # noqa: PLC0415 - sqlglot is a heavy import
    except ImportError:  # the translator isn't installed
        return False
    function = _FUNCTION.search(message)
    if function:
        return function[1].lower() in FUNCTIONS
    return bool(_OF_ATHENA.search(sql))


def _to_data_error(message: str, sql: str) -> DicomLakeError:
    """Return an error that quotes a literal of the SQL, and no value of the data."""
    first = message.partition("\n")[0]
    _, ours, text = first.partition("Athena: ")  # of a macro, whose texts have no values
    if ours:
        return RunFailedError(f"the query failed: {text}")
    column = re.search(r"source column (\w+)", message)
    cast = re.search(r"Unimplemented type for cast \((.+?) -> (.+?)\)", first)
    if cast:
        where = f"column {column[1]}: " if column else ""
        return ConfigurationError(f"{where}a {cast[1]} can't be compared with or become a {cast[2]}")
    literal = None if column else _literal(first, sql)
    if literal is not None:
        return _to_literal_error(first, literal, sql)
    where = f" in column {column[1]}" if column else ""
    remedy = (
        "TRY_CAST returns null where a value doesn't fit" if column else "the details may quote data and are left out"
    )
    return RunFailedError(f"the query failed: {message.partition(':')[0]}{where}; {remedy}")


def _literal(message: str, sql: str) -> str | None:
    """Return the literal of the SQL, in its quotes, that a message names as the text that can't be cast, or None."""
    for literal in re.findall(r"'(?:[^']|'')*'", sql):
        text = re.escape(literal[1:-1].replace("''", "'"))
        if re.search(rf"(?:field format: |out of range: |convert string |with value )([\"']){text}\1", message):
            return str(literal)
    return None


def _to_literal_error(message: str, literal: str, sql: str) -> ConfigurationError:
    named = _KIND.search(message)
    kind = named[1] if named else "DATE" if "date field" in message else "TIMESTAMP"
    example = f"; write {_EXAMPLES[kind]}" if kind in _EXAMPLES else ""
    column = re.search(rf"(\w+)\s*(?:=|<>|!=|[<>]=?|\bBETWEEN\b)\s*{re.escape(literal)}", sql, re.IGNORECASE)
    if column:
        return ConfigurationError(f"{column[1]} is a {kind}, and the text {literal} can't become one{example}")
    return ConfigurationError(f"the text {literal} can't become a {kind}{example}")


def _to_s3_error(text: str, status: int) -> DicomLakeError:
    """Name the file that could not be read; DuckDB's advice is about its own settings."""
    from dicom_udf.aws.errors import NO_CONNECTION, AwsError  # noqa: PLC0415 - boto3 is a heavy import

    file = re.search(r"'((?:s3|https?)://[^']*)'", text)
    code = re.search(r"\n\n(\w+): ", text)
    error = AwsError(code[1] if code else "" if status else NO_CONNECTION, status)
    return error.to_exception("s3:GetObject", file[1] if file else "a file of the lake")
