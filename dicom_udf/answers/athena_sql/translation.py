"""Athena's SQL as SQL of DuckDB with the same answers; SQL whose answers would differ is refused.

sqlglot parses the text and keeps its form: clauses, joins, windows, subqueries. It has no part in functions, because
it translates them by name, where the engines differ in nulls, types and rounding. Each function is one entry of
:mod:`dicom_udf.answers.athena_sql.functions`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generator import Generator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.trino import TrinoParser

from dicom_udf.answers.athena_sql.calls import argument_sql, call_sql, is_map, refusal
from dicom_udf.answers.athena_sql.casts import cast_sql
from dicom_udf.answers.athena_sql.functions import MAP_COLUMNS
from dicom_udf.errors import ConfigurationError

__all__ = ["to_duckdb"]

logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about paths and forms that are checked here

_KEPT_PARSERS = ("CAST", "TRY_CAST", "EXTRACT", "POSITION")


class _Athena(Trino):
    """Trino's grammar with functions as they are written."""

    INDEX_OFFSET = 0

    class Parser(TrinoParser):
        FUNCTIONS: ClassVar[dict[str, Callable[..., exp.Expr]]] = {}
        FUNCTION_PARSERS: ClassVar = {name: TrinoParser.FUNCTION_PARSERS[name] for name in _KEPT_PARSERS}


_FORMS = (
    exp.Add, exp.Alias, exp.All, exp.And, exp.Anonymous, exp.Any, exp.Array, exp.Between, exp.Boolean, exp.Bracket,
    exp.CTE, exp.Case, exp.Cast, exp.Column, exp.ColumnDef, exp.Cube, exp.CurrentDate, exp.DPipe, exp.DataType,
    exp.DataTypeParam, exp.Distinct, exp.Div, exp.Dot, exp.EQ, exp.Escape, exp.Except, exp.Exists, exp.Extract,
    exp.Filter, exp.From, exp.GT, exp.GTE, exp.Group, exp.GroupingSets, exp.Having, exp.Identifier, exp.If,
    exp.IgnoreNulls, exp.In, exp.Intersect, exp.Interval, exp.Is, exp.Join, exp.LT, exp.LTE, exp.Lambda, exp.Like,
    exp.Limit, exp.Literal, exp.Mod, exp.Mul, exp.NEQ, exp.Neg, exp.Not, exp.Null, exp.NullSafeEQ, exp.NullSafeNEQ,
    exp.Offset, exp.Or, exp.Order, exp.Ordered, exp.Paren, exp.RespectNulls, exp.Rollup, exp.Select, exp.Star,
    exp.StrPosition, exp.Sub, exp.Subquery, exp.Table, exp.TableAlias, exp.TryCast, exp.Tuple, exp.Union, exp.Unnest,
    exp.Values, exp.Var, exp.Where, exp.Window, exp.WindowSpec, exp.With,
)  # fmt: skip
"""The forms of a query that both engines read alike."""


def to_duckdb(sql: str) -> str:
    """Translate one query in Athena's SQL.

    The result needs the macros :data:`~dicom_udf.answers.athena_sql.MACROS` in its session.

    Args:
        sql: A ``SELECT``, also with ``WITH``; a semicolon may end it.

    Raises:
        ConfigurationError: The text is not one query, or its answer could differ from Athena's: it names the function
            or the form, and the remedy.

    Example:
        >>> to_duckdb("SELECT count_if(kvp > 100) AS n FROM instances")
        'SELECT COUNT(CASE WHEN kvp > 100 THEN 1 END) AS n FROM instances'
    """
    query = _parse(sql)
    for node in query.walk():
        _check_form(node)
    _mark_maps(query)
    for number, column in enumerate(query.selects):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star | exp.Dot):
            column.replace(exp.alias_(column.copy(), f"_col{number}"))  # the name that Athena makes
    return _DuckDB().generate(query, copy=False, unsupported_level=ErrorLevel.IGNORE)


def _check_form(node: exp.Expr) -> None:
    """Check that both engines read a form alike."""
    is_plain = (
        isinstance(node, _FORMS)
        and not (isinstance(node, exp.Star) and any(node.args.values()))
        and not (isinstance(node, exp.Distinct) and node.args.get("on"))
        and not (isinstance(node, exp.Table) and not isinstance(node.this, exp.Identifier | exp.Anonymous))
    )
    if not is_plain:
        raise refusal(f"the form {node.key.upper()}", "write it another way")


def _mark_maps(query: exp.Query) -> None:
    """Mark the columns that are maps: those of the lake, and the names of expressions that are maps."""
    names = set(MAP_COLUMNS)
    for column in query.find_all(exp.Column):
        column.meta["is_map"] = column.name.lower() in names
    for alias in query.find_all(exp.Alias):
        if is_map(alias.this):
            names.add(alias.alias.lower())
    for column in query.find_all(exp.Column):
        column.meta["is_map"] = column.name.lower() in names


def _parse(sql: str) -> exp.Query:
    try:
        found = [one for one in _Athena().parse(sql) if one is not None]
    except SqlglotError as error:
        raise ConfigurationError(f"Athena's SQL has an error: {_first_error(error)}") from None
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        raise ConfigurationError(
            "the SQL must be one statement that reads, e.g. SELECT or WITH; "
            "DESCRIBE and SUMMARIZE are DuckDB's: --dialect duckdb"
        )
    return found[0]


def _first_error(error: SqlglotError) -> str:
    """Return sqlglot's message without the terminal's marks."""
    found = getattr(error, "errors", None)
    if not found:
        return str(error).partition("\n")[0]
    first = found[0]
    return f"{first['description']} Line {first['line']}, column {first['col']}, at {first['highlight']!r}"


def _cast(write: Generator, node: exp.Cast) -> str:
    value = node.this
    literal = value.this if isinstance(value, exp.Literal) and value.is_string else None
    return cast_sql(argument_sql(write, value), node.to, is_try=isinstance(node, exp.TryCast), literal=literal)


def _divide(write: Generator, node: exp.Div) -> str:
    a, b = argument_sql(write, node.left), argument_sql(write, node.right)
    fields = (
        f"'float': {a} / {b}, 'decimal': cast_to_type(athena_quotient({a}, {b}), {a} + {b}), "
        f"'whole': athena_whole({a}, {b})"
    )
    return f"struct_extract({{{fields}}}, athena_division({a}, {b}))"


def _add(write: Generator, node: exp.Add | exp.Sub) -> str:
    sign = "+" if isinstance(node, exp.Add) else "-"
    a, b = argument_sql(write, node.left), argument_sql(write, node.right)
    if isinstance(node.right, exp.Interval):  # a date stays one
        return f"cast_to_type({a} {sign} {b}, {a})"
    if isinstance(node.left, exp.Interval):
        return f"cast_to_type({a} {sign} {b}, {b})"
    return f"({a} + {b})" if sign == "+" else f"athena_minus({a}, {b})"


def _extract(write: Generator, node: exp.Extract) -> str:
    """Write ``EXTRACT(unit FROM time)`` as the function of the unit's name."""
    return call_sql(write, exp.Anonymous(this=node.name.lower(), expressions=[node.expression]))


def _bracket(write: Generator, node: exp.Bracket) -> str:
    [key] = node.expressions
    of_map = is_map(node.this) or (isinstance(key, exp.Literal) and key.is_string)
    return f"athena_{'value' if of_map else 'item'}({write.sql(node.this)}, {write.sql(key)})"


def _ignore_nulls(write: Generator, node: exp.IgnoreNulls | exp.RespectNulls) -> str:
    word = "IGNORE" if isinstance(node, exp.IgnoreNulls) else "RESPECT"
    return f"{write.sql(node.this)[:-1]} {word} NULLS)"


def _unnest(write: Generator, node: exp.Unnest) -> str:
    """Write arrays as rows: a subquery beside the row that they are of."""
    alias, number = node.args.get("alias"), node.args.get("offset")
    columns = list(alias.columns) if alias else []
    if not columns:
        raise refusal("UNNEST without names", "name its columns, e.g. UNNEST(image_type) AS t (value)")
    arrays = node.expressions
    if len(arrays) == 1 and is_map(arrays[0]):
        values = [f"unnest(map_entries({write.sql(arrays[0])}), max_depth := 2)"]
        longest = f"cardinality({write.sql(arrays[0])})"
    elif len(arrays) == 1 and len(columns) > 1:
        values = [f"unnest({write.sql(arrays[0])}, max_depth := 2)"]
        longest = f"len({write.sql(arrays[0])})"
    else:
        values = [f"unnest({write.sql(array)})" for array in arrays]
        longest = f"greatest({', '.join(f'len({write.sql(array)})' for array in arrays)})"
    if number is not None:
        values.append(f"unnest(generate_series(1, CAST({longest} AS BIGINT)))")
        columns.append(number)
    names = ", ".join(write.sql(column) for column in columns)
    name = write.sql(alias, "this") or "_t"
    lateral = "" if isinstance(node.parent, exp.From) else "LATERAL "
    return f"{lateral}(SELECT {', '.join(values)}) AS {name}({names})"


class _DuckDB(DuckDB):
    class Generator(DuckDBGenerator):
        TRANSFORMS: ClassVar = {
            **DuckDBGenerator.TRANSFORMS,
            exp.Add: _add,
            exp.Anonymous: call_sql,
            exp.Bracket: _bracket,
            exp.Cast: _cast,
            exp.CurrentDate: lambda *_: "CAST(now() AT TIME ZONE 'UTC' AS DATE)",
            exp.Div: _divide,
            exp.Extract: _extract,
            exp.IgnoreNulls: _ignore_nulls,
            exp.Mod: lambda write, node: f"athena_mod({write.sql(node.left)}, {write.sql(node.right)})",
            exp.RespectNulls: _ignore_nulls,
            exp.Sub: _add,
            exp.TryCast: _cast,
            exp.Unnest: _unnest,
        }
