"""Calls of functions in DuckDB's SQL: by a template, or by code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp
from sqlglot.generator import Generator

from dicom_udf.answers.athena_sql.functions import MAPS, REFUSED, SAME, TEMPLATES
from dicom_udf.answers.athena_sql.paths import date_format, group_pattern, json_path, replacement
from dicom_udf.errors import ConfigurationError

__all__ = ["FUNCTIONS", "argument_sql", "call_sql", "is_map", "refusal"]


def refusal(subject: str, remedy: str) -> ConfigurationError:
    """Return the error for SQL whose answer may differ."""
    return ConfigurationError(
        f"{subject} of Athena's SQL isn't translated for a local lake, because its answer may differ: {remedy}, "
        "or use --dialect duckdb"
    )


def argument_sql(write: Generator, node: exp.Expr) -> str:
    """Return an argument that keeps its place inside another expression."""
    return write.sql(node if isinstance(node, _CLOSED) else exp.paren(node, copy=False))


_CLOSED = (exp.Anonymous, exp.Array, exp.Boolean, exp.Column, exp.Lambda, exp.Literal, exp.Null, exp.Paren, exp.Star)


def call_sql(write: Generator, node: exp.Anonymous) -> str:
    """Return a call in DuckDB's SQL.

    Raises:
        ConfigurationError: The function, or this form of it, isn't translated.
    """
    name, arguments = node.name.lower(), node.expressions
    if name in SPECIAL:
        return SPECIAL[name](write, arguments)
    if name in SAME:
        return f"{name}({', '.join(write.sql(argument) for argument in arguments)})"
    forms = TEMPLATES.get(name)
    if forms is None:
        if name in REFUSED:
            raise refusal(f"the function {name}", REFUSED[name])
        raise ConfigurationError(
            f"the function {name} isn't one that both engines share: see the list in docs/reference/sql_dialects.md, "
            "or use --dialect duckdb"
        )
    form = forms.get(len(arguments))
    if form is None or any(isinstance(one, exp.Distinct | exp.Order) for one in arguments):
        counts = " or ".join(str(count) for count in forms)
        raise refusal(f"the function {name} in this form", f"it takes {counts} plain argument{'s' * (counts != '1')}")
    return form.format(*(argument_sql(write, argument) for argument in arguments))


def _text_of(node: exp.Expr, what: str) -> str:
    if not (isinstance(node, exp.Literal) and node.is_string):
        raise refusal(f"{what} that isn't a literal", "write it as a text in quotes")
    return str(node.this)


def _quoted(text: str) -> str:
    return exp.Literal.string(text).sql("duckdb")


def _joined(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    return f"({' || '.join(argument_sql(write, argument) for argument in arguments)})"


def _extreme(name: str) -> Special:
    """Return the writer of greatest or least: null where any argument is null, which DuckDB skips."""

    def write_it(write: Generator, arguments: Sequence[exp.Expr]) -> str:
        values = [argument_sql(write, argument) for argument in arguments]
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
        raise refusal("json_format of this", "it takes json_extract(...) or CAST(... AS json)")
    return f"athena_json_text(CAST({write.sql(value)} AS VARCHAR))"


def _json_parse(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    """Write JSON whose keys have no order to see: Athena sorts them."""
    [value] = arguments
    user = value.parent.parent if value.parent else None
    is_scalar = isinstance(user, exp.Anonymous) and user.name.lower() == "json_extract_scalar"
    if not is_scalar and not isinstance(user, exp.Cast):
        raise refusal("json_parse here", "cast it, e.g. CAST(json_parse(header) AS map(varchar, json))")
    return f"CAST({write.sql(value)} AS JSON)"


def _regexp_extract(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    value, pattern = (argument_sql(write, one) for one in arguments[:2])
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
        raise refusal(f"the unit '{unit}'", f"use one of {', '.join(_UNITS)}")
    count, value = (argument_sql(write, one) for one in arguments[1:])
    factor, function = _UNITS[unit]
    return f"cast_to_type({value} + {function}(CAST({count} AS INTEGER) * {factor}), {value})"


_UNITS = {
    "second": (1, "to_seconds"), "minute": (1, "to_minutes"), "hour": (1, "to_hours"), "day": (1, "to_days"),
    "week": (7, "to_days"), "month": (1, "to_months"), "quarter": (3, "to_months"), "year": (1, "to_years"),
}  # fmt: skip


def _map_filter(write: Generator, arguments: Sequence[exp.Expr]) -> str:
    entries, test = write.sql(arguments[0]), arguments[1]
    if not isinstance(test, exp.Lambda) or len(test.expressions) != 2:
        raise refusal("map_filter without a function of key and value", "write (k, v) -> ...")
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
    if is_map(arguments[0]):  # of an unsigned type in DuckDB, which a later subtraction would fail with
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


def is_map(node: exp.Expr) -> bool:
    """Return whether an expression is a map, by its form: a column of the lake, a function, a cast."""
    if isinstance(node, exp.Column):
        return bool(node.meta.get("is_map"))  # set by _mark_maps
    if isinstance(node, exp.Cast):
        return bool(node.to.this == exp.DType.MAP)
    return isinstance(node, exp.Anonymous) and node.name.lower() in MAPS
