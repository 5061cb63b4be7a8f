"""Athena's SQL as SQL of DuckDB with the same answers; SQL whose answers would differ is refused.

sqlglot parses the text and keeps its form: clauses, joins, windows, subqueries. It has no part in functions, because
it translates them by name, where the engines differ in nulls, types and rounding. Each function is one entry of
:mod:`dicom_udf.answers.athena_sql.functions`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import ClassVar

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel, SqlglotError
from sqlglot.generator import Generator
from sqlglot.generators.duckdb import DuckDBGenerator
from sqlglot.parsers.trino import TrinoParser

from dicom_udf.answers.athena_sql.casts import cast_sql
from dicom_udf.answers.athena_sql.functions import MAP_COLUMNS, MAPS, REFUSED, SAME, TEMPLATES
from dicom_udf.answers.athena_sql.paths import date_format, group_pattern, json_path, replacement
from dicom_udf.errors import ConfigurationError

__all__ = ["FUNCTIONS", "to_duckdb"]

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
    exp.Fetch, exp.Filter, exp.From, exp.GT, exp.GTE, exp.Group, exp.GroupingSets, exp.Having, exp.Identifier, exp.If,
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
        raise _refusal(f"the form {node.key.upper()}", "write it another way")


def _mark_maps(query: exp.Query) -> None:
    """Mark the columns that are maps: those of the lake, and the names of expressions that are maps."""
    names = set(MAP_COLUMNS)
    for column in query.find_all(exp.Column):
        column.meta["is_map"] = column.name.lower() in names
    for alias in query.find_all(exp.Alias):
        if _is_map(alias.this):
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


def _refusal(subject: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(
        f"{subject} of Athena's SQL isn't translated for a local lake, because its answer may differ: {remedy}, "
        "or use --dialect duckdb"
    )


def _argument(write: Generator, node: exp.Expr) -> str:
    """Return an argument that keeps its place inside another expression."""
    return write.sql(node if isinstance(node, _CLOSED) else exp.paren(node, copy=False))


_CLOSED = (exp.Anonymous, exp.Array, exp.Boolean, exp.Column, exp.Lambda, exp.Literal, exp.Null, exp.Paren, exp.Star)


def _function(write: Generator, node: exp.Anonymous) -> str:
    name, arguments = node.name.lower(), node.expressions
    if name in SPECIAL:
        return SPECIAL[name](write, arguments)
    if name in SAME:
        return f"{name}({', '.join(write.sql(argument) for argument in arguments)})"
    forms = TEMPLATES.get(name)
    if forms is None:
        if name in REFUSED:
            raise _refusal(f"the function {name}", REFUSED[name])
        raise ConfigurationError(
            f"the function {name} isn't one that both engines share: see the list in docs/reference/sql_dialects.md, "
            "or use --dialect duckdb"
        )
    form = forms.get(len(arguments))
    if form is None or any(isinstance(one, exp.Distinct | exp.Order) for one in arguments):
        counts = " or ".join(str(count) for count in forms)
        raise _refusal(f"the function {name} in this form", f"it takes {counts} plain argument{'s' * (counts != '1')}")
    return form.format(*(_argument(write, argument) for argument in arguments))


def _text_of(node: exp.Expr, what: str) -> str:
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise _refusal(f"{what} that isn't a literal", "write it as a text in quotes")
    return str(node.this)


def _quoted(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")


def _joined(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    return f"({' || '.join(_argument(write, argument) for argument in arguments)})"


def _extreme(name: str) -> Special:
    """Return the writer of greatest or least: null where any argument is null, which DuckDB skips."""

    def write_it(write: Generator, arguments: Sequence[exp.Expr]) -> str:
        values = [_argument(write, argument) for argument in arguments]
        return f"CASE WHEN {' AND '.join(f'{one} IS NOT NULL' for one in values)} THEN {name}({', '.join(values)}) END"

    return write_it


def _json_extract(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    path = _quoted(json_path(_text_of(arguments[1], "a JSON path")))
    return f"json_extract({write.sql(arguments[0])}, {path})"


def _json_scalar(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    user = arguments[0].parent.parent if arguments[0].parent else None
    is_number = isinstance(user, exp.Cast) and user.to.this in exp.DataType.NUMERIC_TYPES
    return f"athena_scalar{'' if is_number else '_text'}({_json_extract(write, arguments)})"


def _json_format(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    [value] = arguments
    is_cast = isinstance(value, exp.Cast) and value.to.this == exp.DType.JSON
    if not is_cast and not (isinstance(value, exp.Anonymous) and value.name.lower() == "json_extract"):
        raise _refusal("json_format of this", "it takes json_extract(...) or CAST(... AS json)")
    return f"athena_json_text(CAST({write.sql(value)} AS VARCHAR))"


def _json_parse(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    """Write JSON whose keys have no order to see: Athena sorts them."""
    [value] = arguments
    user = value.parent.parent if value.parent else None
    is_scalar = isinstance(user, exp.Anonymous) and user.name.lower() == "json_extract_scalar"
    if not is_scalar and not isinstance(user, exp.Cast):
        raise _refusal("json_parse here", "cast it, e.g. CAST(json_parse(header) AS map(varchar, json))")
    return f"CAST({write.sql(value)} AS JSON)"


def _regexp_extract(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    value, pattern = (_argument(write, one) for one in arguments[:2])
    group = write.sql(arguments[2]) if len(arguments) > 2 else "0"
    if group != "0":
        group_pattern(_text_of(arguments[1], "a pattern with groups"))
    return f"CASE WHEN regexp_matches({value}, {pattern}) THEN regexp_extract({value}, {pattern}, {group}) END"


def _regexp_replace(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    text = _text_of(arguments[2], "a replacement") if len(arguments) > 2 else ""
    return f"regexp_replace({write.sql(arguments[0])}, {write.sql(arguments[1])}, {_quoted(replacement(text))}, 'g')"


def _date_format(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    form = _quoted(date_format(_text_of(arguments[1], "a format of a date")))
    return f"strftime(athena_rounded_millis({write.sql(arguments[0])}), {form})"


def _date_add(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    unit = _text_of(arguments[0], "a unit of time").lower()
    if unit not in _UNITS:
        raise _refusal(f"the unit '{unit}'", f"use one of {', '.join(_UNITS)}")
    count, value = (_argument(write, one) for one in arguments[1:])
    factor, function = _UNITS[unit]
    return f"cast_to_type({value} + {function}(CAST({count} AS INTEGER) * {factor}), {value})"


_UNITS = {
    "second": (1, "to_seconds"), "minute": (1, "to_minutes"), "hour": (1, "to_hours"), "day": (1, "to_days"),
    "week": (7, "to_days"), "month": (1, "to_months"), "quarter": (3, "to_months"), "year": (1, "to_years"),
}  # fmt: skip


def _map_filter(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    entries, test = write.sql(arguments[0]), arguments[1]
    if not isinstance(test, exp.Lambda) or len(test.expressions) != 2:
        raise _refusal("map_filter without a function of key and value", "write (k, v) -> ...")
    names = [one.name for one in test.expressions]
    fields = dict(zip(names, ("key", "value"), strict=True))

    def replaced(node: exp.Expr) -> exp.Expr:
        is_name = isinstance(node, exp.Identifier) and not isinstance(node.parent, exp.Column | exp.Dot)
        if (is_name or (isinstance(node, exp.Column) and not node.table)) and node.name in fields:
            return exp.Dot(this=exp.column("_entry"), expression=exp.to_identifier(fields[node.name]))
        return node

    condition = write.sql(test.this.copy().transform(replaced))
    return f"map_from_entries(list_filter(map_entries({entries}), lambda _entry: {condition}))"


def _reduce(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    values, start, step, last = (write.sql(one) for one in arguments)
    return f"list_transform([list_reduce({values}, {step}, {start})], {last})[1]"


def _cardinality(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    if _is_map(arguments[0]):  # of an unsigned type in DuckDB, which a later subtraction would fail with
        return f"CAST(cardinality({write.sql(arguments[0])}) AS BIGINT)"
    return f"len({write.sql(arguments[0])})"


def _average(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    [value] = arguments
    if isinstance(value, exp.Distinct):
        return f"avg(DISTINCT athena_average({write.sql(value.expressions[0])}))"
    return f"avg(athena_average({write.sql(value)}))"


Special = Callable[[Generator, Sequence[exp.Expr]], str]

SPECIAL: dict[str, Special] = {
    "avg": _average,
    "cardinality": _cardinality,
    "concat": _joined,
    "date_add": _date_add,
    "date_format": _date_format,
    "greatest": _extreme("greatest"),
    "json_extract": _json_extract,
    "json_extract_scalar": _json_scalar,
    "json_format": _json_format,
    "json_parse": _json_parse,
    "least": _extreme("least"),
    "map_filter": _map_filter,
    "reduce": _reduce,
    "regexp_extract": _regexp_extract,
    "regexp_replace": _regexp_replace,
}
"""Functions of which a literal, a lambda or the number of arguments decides the SQL."""

FUNCTIONS = frozenset({*SAME, *TEMPLATES, *SPECIAL})
"""The functions of Athena that are translated."""


def _is_map(node: exp.Expr) -> bool:
    """Return whether an expression is a map, by its form: a column of the lake, a function, a cast."""
    if isinstance(node, exp.Column):
        return bool(node.meta.get("is_map"))  # set by _mark_maps
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DType.MAP)
    return isinstance(node, exp.Anonymous) and node.name.lower() in MAPS


def _cast(write: Generator, node: exp.Cast) -> str:
    value = node.this
    literal = value.this if isinstance(value, exp.Literal) and value.is_string else None
    return cast_sql(_argument(write, value), node.to, is_try=isinstance(node, exp.TryCast), literal=literal)


def _divide(write: Generator, node: exp.Div) -> str:
    a, b = _argument(write, node.left), _argument(write, node.right)
    fields = (
        f"'float': {a} / {b}, 'decimal': cast_to_type(athena_quotient({a}, {b}), {a} + {b}), "
        f"'whole': athena_whole({a}, {b})"
    )
    return f"struct_extract({{{fields}}}, athena_division({a}, {b}))"


def _add(write: Generator, node: exp.Add | exp.Sub) -> str:
    sign = "+" if isinstance(node, exp.Add) else "-"
    a, b = _argument(write, node.left), _argument(write, node.right)
    if isinstance(node.right, exp.Interval):  # a date stays one
        return f"cast_to_type({a} {sign} {b}, {a})"
    if isinstance(node.left, exp.Interval):
        return f"cast_to_type({a} {sign} {b}, {b})"
    return f"({a} + {b})" if sign == "+" else f"athena_minus({a}, {b})"


def _extract(write: Generator, node: exp.Extract) -> str:
    """Write ``EXTRACT(unit FROM time)`` as the function of the unit's name."""
    return _function(write, exp.Anonymous(this=node.name.lower(), expressions=[node.expression]))


def _bracket(write: Generator, node: exp.Bracket) -> str:
    [key] = node.expressions
    is_map = _is_map(node.this) or (isinstance(key, exp.Literal) and key.is_string)
    return f"athena_{'value' if is_map else 'item'}({write.sql(node.this)}, {write.sql(key)})"


def _ignore_nulls(write: Generator, node: exp.IgnoreNulls | exp.RespectNulls) -> str:
    word = "IGNORE" if isinstance(node, exp.IgnoreNulls) else "RESPECT"
    return f"{write.sql(node.this)[:-1]} {word} NULLS)"


def _unnest(write: Generator, node: exp.Unnest) -> str:
    """Write arrays as rows: a subquery beside the row that they are of."""
    alias, number = node.args.get("alias"), node.args.get("offset")
    columns = list(alias.columns) if alias else []
    if not columns:
        raise _refusal("UNNEST without names", "name its columns, e.g. UNNEST(image_type) AS t (value)")
    arrays = node.expressions
    if len(arrays) == 1 and _is_map(arrays[0]):
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
            exp.Anonymous: _function,
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
