"""The invariants of a lake (design.md, "Tables", "Exactly once"), as queries that DuckDB and Spark both accept.

Each query returns the ``source_uri`` of the rows or objects that break an invariant, and no value of a file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["EXAMPLES", "INVARIANTS", "Invariant", "InvariantResult", "check_invariants"]

EXAMPLES = 10
"""Most source URIs in the result of a broken invariant."""


@dataclass(frozen=True, slots=True)
class Invariant:
    """A condition that holds after each run.

    Attributes:
        name: Name for programs.
        meaning: The condition as one sentence.
        unit: The counted things: ``objects`` or ``rows``.
        total: Query with one value: the number of these things.
        breaches: Query with the column source_uri: a row for each thing that breaks the condition.
    """

    name: str
    meaning: str
    unit: str
    total: str
    breaches: str


@dataclass(frozen=True, slots=True)
class InvariantResult:
    """The result of checking one invariant.

    Attributes:
        invariant: The invariant.
        checked: Number of things that were checked, in the invariant's unit.
        wrong: Number of those that break the invariant.
        source_uris: Objects that break it: the first :data:`EXAMPLES` by name.
    """

    invariant: Invariant
    checked: int
    wrong: int
    source_uris: tuple[str, ...] = ()


_TABLES = ("instances", "failures", "objects")
_OBJECTS = "SELECT count(*) FROM {objects}"
_INSTANCES = "SELECT count(*) FROM {instances}"
_FAILURES = "SELECT count(*) FROM {failures}"
_ROWS = "SELECT (SELECT count(*) FROM {instances}) + (SELECT count(*) FROM {failures})"
_EITHER = (
    "(SELECT source_uri, source_etag, source_size FROM {instances} "
    "UNION ALL SELECT source_uri, source_etag, source_size FROM {failures})"
)

INVARIANTS = (
    Invariant(
        "rows_as_counted",
        "every object has as many rows of instances and of failures as its counts in the ledger",
        "objects",
        _OBJECTS,
        "SELECT o.source_uri FROM {objects} o "
        "LEFT JOIN (SELECT source_uri, count(*) AS n FROM {instances} GROUP BY source_uri) i "
        "ON o.source_uri = i.source_uri "
        "LEFT JOIN (SELECT source_uri, count(*) AS n FROM {failures} GROUP BY source_uri) f "
        "ON o.source_uri = f.source_uri "
        "WHERE coalesce(i.n, 0) IS DISTINCT FROM o.instances OR coalesce(f.n, 0) IS DISTINCT FROM o.failures",
    ),
    Invariant(
        "object_in_ledger",
        "every row's object is in the ledger",
        "rows",
        _ROWS,
        "SELECT r.source_uri FROM " + _EITHER + " r LEFT JOIN {objects} o ON r.source_uri = o.source_uri "
        "WHERE o.source_uri IS NULL",
    ),
    Invariant(
        "same_content",
        "every row has the etag and the size of its object in the ledger",
        "rows",
        _ROWS,
        "SELECT r.source_uri FROM " + _EITHER + " r JOIN {objects} o ON r.source_uri = o.source_uri "
        "WHERE r.source_etag IS DISTINCT FROM o.source_etag OR r.source_size IS DISTINCT FROM o.source_size",
    ),
    Invariant(
        "unique_instances",
        "no two rows of instances have the same source_uri and source_member",
        "rows",
        _INSTANCES,
        "SELECT source_uri FROM {instances} GROUP BY source_uri, source_member HAVING count(*) > 1",
    ),
    Invariant(
        "unique_failures",
        "no two rows of failures have the same source_uri, source_member and code",
        "rows",
        _FAILURES,
        "SELECT source_uri FROM {failures} GROUP BY source_uri, source_member, code HAVING count(*) > 1",
    ),
    Invariant(
        "unique_objects",
        "no object is in the ledger twice",
        "objects",
        _OBJECTS,
        "SELECT source_uri FROM {objects} GROUP BY source_uri HAVING count(*) > 1",
    ),
    Invariant(
        "study_date_set",
        "study_date is never null",
        "rows",
        _INSTANCES,
        "SELECT source_uri FROM {instances} WHERE study_date IS NULL",
    ),
    Invariant(
        "default_date_flagged",
        "study_date_is_default is true where 1900-01-01 is the default, and only there",
        "rows",
        _INSTANCES,
        # A file may really have that date: its header then has a value in (0008,0020).
        "SELECT source_uri FROM {instances} WHERE study_date_is_default IS NULL "
        "OR (study_date_is_default AND study_date <> DATE '1900-01-01') "
        "OR (NOT study_date_is_default AND study_date = DATE '1900-01-01' "
        """AND coalesce(header, '') NOT LIKE '%"00080020":{{"vr":"__","Value":[%')""",
    ),
    Invariant(
        "study_dates_in_ledger",
        "the ledger names every study date that an object has rows at; a replacement looks only there",
        "rows",
        _INSTANCES,
        "SELECT i.source_uri FROM {instances} i JOIN {objects} o ON i.source_uri = o.source_uri "
        "WHERE i.study_date IS NOT NULL AND NOT coalesce(array_contains(o.study_dates, i.study_date), false)",
    ),
)
"""The invariants of the tables that each lake has, in the order of the results."""


def check_invariants(
    query: Callable[[str], Sequence[Sequence[Any]]], tables: Mapping[str, str]
) -> tuple[InvariantResult, ...]:
    """Check every invariant.

    Args:
        query: Runs one SQL query, on DuckDB or Spark; returns its rows.
        tables: Name of each table of the lake -> its name in SQL.
    """
    derived = (_in_ledger(name) for name in tables if name not in _TABLES)
    return tuple(_check(query, tables, invariant) for invariant in (*INVARIANTS, *derived))


def _in_ledger(name: str) -> Invariant:
    """Return the invariant of a table that is derived from the staged rows."""
    return Invariant(
        f"object_in_ledger_{name}",
        f"the object of every row of {name} is in the ledger",
        "rows",
        f"SELECT count(*) FROM {{{name}}}",
        f"SELECT r.source_uri FROM {{{name}}} r LEFT JOIN {{objects}} o ON r.source_uri = o.source_uri "
        "WHERE o.source_uri IS NULL",
    )


def _check(
    query: Callable[[str], Sequence[Sequence[Any]]], tables: Mapping[str, str], invariant: Invariant
) -> InvariantResult:
    breaches = invariant.breaches.format(**tables)
    [[checked]] = query(invariant.total.format(**tables))
    [[wrong]] = query(f"SELECT count(*) FROM ({breaches}) breaches")
    if not wrong:
        return InvariantResult(invariant, checked, 0)
    first = query(f"SELECT DISTINCT source_uri FROM ({breaches}) breaches ORDER BY source_uri LIMIT {EXAMPLES}")
    return InvariantResult(invariant, checked, wrong, tuple(row[0] for row in first))
