"""Whose SQL a statement is: an option names it, or the first line of the text."""

from __future__ import annotations

import re
from typing import get_args

from dicom_udf.config import SqlDialect
from dicom_udf.errors import ConfigurationError

__all__ = ["dialect_of"]

_FIRST_LINE = re.compile(r"\s*--\s*dialect\s*:\s*(\S*)", re.IGNORECASE)


def dialect_of(sql: str, option: SqlDialect | None, *, default: SqlDialect = "duckdb") -> SqlDialect:
    """Return the dialect of a statement.

    Args:
        sql: The statement. Its first line may be ``-- dialect: athena`` or ``-- dialect: duckdb``.
        option: The dialect that the caller names, which wins; None leaves it to the statement.
        default: The dialect of a statement that names none.

    Raises:
        ConfigurationError: The first line names another dialect.

    Example:
        >>> dialect_of("SELECT count_if(kvp > 100) FROM instances", "athena")
        'athena'
    """
    line = _FIRST_LINE.match(sql)
    if option is not None or line is None:
        return option or default
    for dialect in get_args(SqlDialect):
        if line[1].lower() == dialect:
            return dialect  # type: ignore[no-any-return]
    raise ConfigurationError(f"the SQL's first line names the dialect {line[1]!r}; it can be athena or duckdb")
