"""The saved queries: the statements of the folder ``queries``, run by ``@name``.

They are files of the package, so an installed wheel has them too. Terraform makes Athena's named queries from the same
files. Each begins with two comments, its title and a sentence about its answer, and is one statement in Athena's SQL.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files

from dicom_udf.errors import ConfigurationError

__all__ = ["SavedQuery", "find_saved_query", "query_names", "read_saved_queries", "set_period"]

_PERIOD = re.compile(
    r"BETWEEN DATE '([0-9]{4}-[0-9]{2}-[0-9]{2})' AND DATE '([0-9]{4}-[0-9]{2}-[0-9]{2})'(?= -- the period\b)"
)


@dataclass(frozen=True, slots=True)
class SavedQuery:
    """A saved query.

    Attributes:
        name: Its file's name without ``.sql``.
        title: A few words.
        description: The answer in one sentence.
        sql: The whole file: two comments, and one statement in Athena's SQL.
    """

    name: str
    title: str
    description: str
    sql: str

    @property
    def statement(self) -> str:
        """The SQL below a line that names its dialect, so that a copy of it is read as Athena's too."""
        return f"-- dialect: athena\n{self.sql}"

    @property
    def period(self) -> tuple[str, str] | None:
        """The first and the last study date that it reads, as ``YYYY-MM-DD``; None if it has no period."""
        found = _PERIOD.search(self.sql)
        return (found[1], found[2]) if found else None

    @property
    def parameters(self) -> str | None:
        """Its options with their defaults; None if it has none.

        Example:
            >>> find_saved_query("@segments").parameters
            '--since 1900-01-01 --until 2100-12-31'
        """
        return "--since {} --until {}".format(*self.period) if self.period else None


def query_names() -> tuple[str, ...]:
    """Return the names of all saved queries, sorted.

    Raises:
        ConfigurationError: The installation has none.
    """
    folder = files("dicom_udf") / "queries"
    # Git writes a link as a file where the system has none.
    found = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    names = tuple(name.removesuffix(".sql") for name in found if name.endswith(".sql"))
    if not names:
        raise ConfigurationError("this installation has no saved queries; install dicom-lake from a wheel")
    return names


def find_saved_query(name: str) -> SavedQuery:
    """Return a saved query.

    Args:
        name: Its name, with or without the ``@`` of the command line.

    Raises:
        ConfigurationError: No saved query has this name.
    """
    plain, names = name.removeprefix("@").lower(), query_names()
    if plain not in names:
        nearest = difflib.get_close_matches(plain, names, n=3)
        hint = f", did you mean {' or '.join(f'@{one}' for one in nearest)}?" if nearest else ";"
        raise ConfigurationError(f"no saved query has the name @{plain}{hint} 'dicom-lake queries' lists all")
    return _read(plain)


def read_saved_queries(search: str | None = None) -> Sequence[SavedQuery]:
    """Return the saved queries, sorted by name.

    Args:
        search: Only those with this text in name, title or description; upper and lower case are the same.
    """
    word = (search or "").lower()
    queries = [_read(name) for name in query_names()]
    return [one for one in queries if word in f"{one.name}\n{one.title}\n{one.description}".lower()]


def _read(name: str) -> SavedQuery:
    sql = (files("dicom_udf") / "queries" / f"{name}.sql").read_text(encoding="utf-8")
    title, description = (line.removeprefix("-- ") for line in sql.splitlines()[:2])
    return SavedQuery(name, title, description, sql)


def set_period(sql: str, since: date | str | None, until: date | str | None) -> str:
    """Replace the first and last study date of a statement's period.

    Args:
        sql: A saved query, or its edited text; the period's line ends with the comment ``-- the period``.
        since: The first study date; None keeps the one of the text.
        until: The last study date, included; None keeps the one of the text.

    Raises:
        ConfigurationError: The text has no period, a date isn't one, or the dates are in the wrong order.

    Example:
        >>> set_period("... BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period", date(2024, 1, 1), None)
        "... BETWEEN DATE '2024-01-01' AND DATE '2100-12-31' -- the period"
    """
    if since is None and until is None:
        return sql
    found = _PERIOD.search(sql)
    if found is None:
        raise ConfigurationError(
            "--since and --until need a query with a period, as those have that 'dicom-lake queries' lists with these "
            "options; filter on study_date in the SQL instead"
        )
    first, last = _iso_date("--since", since, found[1]), _iso_date("--until", until, found[2])
    if first > last:
        raise ConfigurationError(f"--since {first} is after --until {last}; exchange them")
    return _PERIOD.sub(f"BETWEEN DATE '{first}' AND DATE '{last}'", sql)


def _iso_date(option: str, value: date | str | None, default: str) -> str:
    try:
        return date.fromisoformat(str(default if value is None else value)).isoformat()
    except ValueError:
        raise ConfigurationError(f"{option} must be a date like 2024-12-31") from None
