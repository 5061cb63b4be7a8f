"""The statement of a query: SQL, a saved query or a file; and the list of the saved queries."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import replace
from pathlib import Path

from dicom_udf.answers.dialects import dialect_of
from dicom_udf.answers.local import Answer
from dicom_udf.config import QueriesConfig, QueryConfig, SqlDialect
from dicom_udf.config.saved_queries import find_saved_query, read_saved_queries, set_period
from dicom_udf.errors import ConfigurationError

__all__ = ["QUERY_FIELDS", "list_queries", "query_text", "read_statement", "resolve_statement", "to_text"]

QUERY_FIELDS: tuple[str, ...] = ("name", "title", "description", "parameters")
"""The columns of :func:`list_queries`."""

_STATEMENT_BYTES = 1 << 20
"""A file that is larger isn't a statement. Athena takes 256 KiB."""


def resolve_statement(config: QueryConfig) -> QueryConfig:
    """Return the settings with the text of a saved query or a file, its period set and its dialect named.

    A saved query is in Athena's SQL. The dialect of other SQL is that of the option or of its first line; without both
    it is Athena's for a lake in the Glue catalog, and DuckDB's for a local one.

    Raises:
        ConfigurationError: As :func:`read_statement`; or the first line names no dialect.
    """
    sql = read_statement(config)
    default: SqlDialect = "athena" if config.location.is_glue else "duckdb"
    dialect = dialect_of(sql, "athena" if _is_saved_query(config) else config.dialect, default=default)
    return replace(config, sql=sql, file=None, since=None, until=None, dialect=dialect)


def _is_saved_query(config: QueryConfig) -> bool:
    return config.sql is not None and config.sql.lstrip().startswith("@")


def read_statement(config: QueryConfig) -> str:
    """Return the SQL of a query with its period set: the argument's, the saved query's or the file's.

    Raises:
        ConfigurationError: There is none, or two; a saved query, a file or a period that can't be used.
    """
    if (config.sql is None) == (config.file is None):
        raise ConfigurationError("a query needs one of SQL, @NAME and --file FILE; 'dicom-lake queries' lists names")
    if config.sql is None:
        sql = _read_file(str(config.file))
    elif _is_saved_query(config):
        sql = find_saved_query(config.sql.strip()).statement
    else:
        sql = config.sql
    return set_period(sql, config.since, config.until)


def _read_file(name: str) -> str:
    try:
        if name == "-":
            content = sys.stdin.buffer.read(_STATEMENT_BYTES + 1)
        else:
            with Path(name).open("rb") as stream:
                content = stream.read(_STATEMENT_BYTES + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ConfigurationError(f"--file {name} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--file {name} isn't text in UTF-8") from None
    if len(content) > _STATEMENT_BYTES:
        raise ConfigurationError(f"--file {name} is larger than 1 MiB, so it isn't one statement")
    if not text.strip():
        raise ConfigurationError(f"--file {name} is empty; it must contain one statement")
    return text


def list_queries(search: str | None = None) -> Answer:
    """List the saved queries, sorted by name.

    Args:
        search: Only those with this text in name, title or description, in upper or lower case.

    Returns:
        Rows of :data:`QUERY_FIELDS`: text; ``parameters`` are options with their defaults, null where there are none.
    """
    rows = [(one.name, one.title, one.description, one.parameters) for one in read_saved_queries(search)]
    return Answer(QUERY_FIELDS, iter(rows))


def query_text(config: QueriesConfig) -> str:
    """Return the text of the saved query that the arguments name; its first line names the dialect.

    Raises:
        ConfigurationError: There is no such query, or an option is one of the list's.
    """
    if config.search is not None or config.format != "table":
        raise ConfigurationError("--search and --format are for the list of queries; leave them out to print one")
    return find_saved_query(str(config.name)).statement


def to_text(answer: Answer, width: int | None) -> str:
    """Write the list for people.

    Args:
        answer: Of :func:`list_queries`.
        width: Of the terminal, in columns: each query takes some lines of it. None writes one line for each, for grep.
    """
    rows = list(answer.rows)
    names = max((len(row[0]) for row in rows), default=0) + 1
    if width is None:
        return "".join(f"{f'@{row[0]}':<{names}}  {'. '.join(filter(None, row[1:]))}\n" for row in rows)
    lines = []
    for name, title, description, parameters in rows:
        lines.append(textwrap.fill(f"@{name}  {title}", width, subsequent_indent="    "))
        for text in filter(None, (description, parameters)):
            lines.append(textwrap.fill(text, width, initial_indent="    ", subsequent_indent="    "))
    return "".join(f"{line}\n" for line in lines)
