"""The SQL engines that the views run in, and the form of a view."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dicom_udf.columns.fields import Field

__all__ = ["DUCKDB", "TRINO", "Dialect", "View", "ViewColumn", "select_view"]


@dataclass(frozen=True, slots=True)
class Dialect:
    """The differences between the engines, as templates of SQL.

    Attributes:
        quote: Quotation mark around the name of a column.
        text: Expression that turns an array or structure into text, to compare two of them, nulls inside included.
        array: Array of one expression.
        length: Number of elements of an array.
        element: Element ``number`` of ``array``, counted from 1; null behind its end.
        unnest: All columns of ``rows``, a subquery ``i``, with a row for each element of ``array``: its ``value`` and
            its ``number``, counted from 1.
        unnest_structs: The same for an array of structs; ``fields`` are their names with commas between them.
        field: A field of this struct in the result.
        pick: ``value`` of each struct of ``array`` that meets ``condition``; both are expressions of ``x``.
        folders: The folders of the key of a URL, ``s3://bucket/a/b/file`` or ``file:///a/b/file``, in an array.
        ordered: Aggregate: array of ``value`` of the rows that meet ``condition``, nulls included, sorted by ``order``.
        timestamp: A text as a timestamp without a time zone; null if it is not one.
        total: Sum of ``term`` over the numbers of ``array``; ``term`` is an expression of ``x``.
    """

    quote: str
    text: str
    array: str
    length: str
    element: str
    unnest: str
    unnest_structs: str
    field: str
    pick: str
    folders: str
    ordered: str
    timestamp: str
    total: str

    def name(self, column: str) -> str:
        """Return a column's name in quotes: ``rows`` and ``columns`` are keywords of some engines."""
        return f"{self.quote}{column}{self.quote}"


_UNNEST_IN_DUCKDB = "SELECT i.*, unnest({array}) AS value, generate_subscripts({array}, 1) AS number FROM ({rows}) i"
"""A join with UNNEST takes twice the time."""

_ORDERED = "array_agg({value} ORDER BY {order}) FILTER (WHERE {condition})"

DUCKDB = Dialect(
    quote='"',
    text="CAST(to_json({}) AS VARCHAR)",
    array="ARRAY[{}]",
    length="len({})",
    element="list_extract({array}, {number})",
    unnest=_UNNEST_IN_DUCKDB,
    unnest_structs=_UNNEST_IN_DUCKDB,
    field="value.{}",
    pick="list_transform(list_filter({array}, lambda x: {condition}), lambda x: {value})",
    folders="list_slice(string_split({0}, '/'), 4, len(string_split({0}, '/')) - 1)",
    ordered=_ORDERED,
    timestamp="TRY_CAST({} AS timestamp)",
    total="list_sum(list_transform({array}, lambda x: {term}))",
)
TRINO = Dialect(
    quote='"',
    text="json_format(CAST({} AS JSON))",
    array="ARRAY[{}]",
    length="cardinality({})",
    element="element_at({array}, {number})",
    unnest="SELECT i.*, t.value, t.number FROM ({rows}) i "
    "CROSS JOIN UNNEST({array}) WITH ORDINALITY AS t (value, number)",
    unnest_structs="SELECT i.*, t.* FROM ({rows}) i CROSS JOIN UNNEST({array}) WITH ORDINALITY AS t ({fields}, number)",
    field="{}",
    pick="transform(filter({array}, x -> {condition}), x -> {value})",
    folders="slice(split({0}, '/'), 4, cardinality(split({0}, '/')) - 4)",
    ordered=_ORDERED,
    timestamp="TRY_CAST({} AS timestamp)",
    total="reduce({array}, CAST(0 AS double), (total, x) -> total + {term}, total -> total)",
)


@dataclass(frozen=True, slots=True)
class View:
    """One view.

    Attributes:
        name: One of :data:`dicom_udf.lake.layout.VIEWS`.
        comment: "one row per ...".
        fields: Its columns in order, with types and comments as a table's.
        sql: A ``SELECT`` with these columns.
    """

    name: str
    comment: str
    fields: tuple[Field, ...]
    sql: str


ViewColumn = tuple[Field, str]
"""A column of a view, and the expression that makes it."""


def select_view(dialect: Dialect, name: str, comment: str, columns: Iterable[ViewColumn], rows: str) -> View:
    """Return a view.

    Args:
        dialect: Dialect of the engine.
        name: Name of the view.
        comment: As :attr:`View.comment`.
        columns: In order.
        rows: The rest of the ``SELECT``, behind ``FROM``.
    """
    columns = tuple(columns)
    select = ", ".join(f"{expression} AS {dialect.name(field.name)}" for field, expression in columns)
    return View(name, comment, tuple(field for field, _ in columns), f"SELECT {select} FROM {rows}")
