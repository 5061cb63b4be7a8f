"""The functions of Athena that a local query translates, and the SQL of DuckDB that has the same answers.

The list is closed: a function that isn't in it is refused. Two tests check it: ``tests/answers/test_athena_sql.py`` has
values of Trino, the engine of Athena, and ``tests/queries/test_trino.py`` runs random queries in both engines.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ["MACROS", "MAPS", "MAP_COLUMNS", "REFUSED", "SAME", "TEMPLATES"]


SAME = frozenset(
    {
        "abs", "array_agg", "bool_and", "bool_or", "cbrt", "coalesce", "corr", "cos", "count", "covar_pop",
        "covar_samp", "degrees", "dense_rank", "exp", "first_value", "grouping", "lag", "last_value", "lead", "length",
        "lower", "map_keys", "map_values", "nth_value", "ntile", "nullif", "percent_rank", "pi", "power",
        "radians", "rank", "reverse", "round", "row_number", "sin", "starts_with", "stddev_pop", "strpos",
        "sum", "tan", "translate", "upper", "var_pop",
    }
)  # fmt: skip
"""Functions of the same name and answer."""


def _whole_or(function: str) -> str:
    """Return a template of a function that leaves whole numbers as they are: DuckDB makes doubles of them.

    DuckDB replaces ``typeof`` by a constant when it binds a query, and the field of a structure by its expression, so
    the type of the result follows that of the argument. The branches of a ``CASE`` share one type.
    """
    return f"struct_extract({{{{'whole': {{0}}, 'other': {function}({{0}})}}}}, athena_kind({{0}}))"


TEMPLATES: dict[str, dict[int, str]] = {
    # name: {number of arguments: SQL with {0}, {1}, ...}
    "approx_percentile": {2: "quantile_disc({0}, least({1} + 1e-12, 1))"},
    "arbitrary": {1: "any_value({0})"},
    "any_value": {1: "any_value({0})"},
    "any_match": {2: "athena_any(list_transform({0}, {1}))"},
    "all_match": {2: "NOT athena_any(list_transform(list_transform({0}, {1}), lambda b: NOT b))"},
    "none_match": {2: "NOT athena_any(list_transform({0}, {1}))"},
    "array_distinct": {1: "athena_distinct({0})"},
    "array_except": {2: "athena_except({0}, {1})"},
    "array_intersect": {2: "athena_intersect({0}, {1})"},
    "array_union": {2: "athena_distinct({0} || {1})"},
    "array_join": {2: "athena_join({0}, {1})", 3: "athena_join_nulls({0}, {1}, {2})"},
    "array_max": {1: "athena_extreme({0}, list_max({0}))"},
    "array_min": {1: "athena_extreme({0}, list_min({0}))"},
    "array_position": {2: "athena_position({0}, {1})"},
    "array_sort": {1: "list_sort({0}, 'ASC', 'NULLS LAST')"},
    "arrays_overlap": {2: "athena_overlap({0}, {1})"},
    "atan2": {2: "atan2({0}, {1})"},
    "ceil": {1: _whole_or("ceil")},
    "ceiling": {1: _whole_or("ceil")},
    "contains": {2: "athena_contains({0}, {1})"},
    "count_if": {1: "count(CASE WHEN {0} THEN 1 END)"},
    "date": {1: "CAST({0} AS DATE)"},
    "date_trunc": {2: "cast_to_type(date_trunc({0}, {1}), {1})"},
    "date_diff": {3: "date_sub({0}, athena_millis({1}), athena_millis({2}))"},
    "day": {1: "day({0})"},
    "day_of_month": {1: "day({0})"},
    "day_of_week": {1: "isodow({0})"},
    "day_of_year": {1: "dayofyear({0})"},
    "doy": {1: "dayofyear({0})"},
    "dow": {1: "isodow({0})"},
    "element_at": {2: "{0}[{1}]"},
    "every": {1: "bool_and({0})"},
    "filter": {2: "list_filter({0}, {1})"},
    "flatten": {1: "flatten({0})"},
    "floor": {1: _whole_or("floor")},
    "hour": {1: "hour({0})"},
    "if": {2: "CASE WHEN {0} THEN {1} END", 3: "CASE WHEN {0} THEN {1} ELSE {2} END"},
    "is_nan": {1: "isnan({0})"},
    "json_array_length": {1: "CASE WHEN json_type({0}) = 'ARRAY' THEN CAST(json_array_length({0}) AS BIGINT) END"},
    "ln": {1: "athena_log({0}, ln({0}))"},
    "log10": {1: "athena_log({0}, log10({0}))"},
    "log2": {1: "athena_log({0}, log2({0}))"},
    "ltrim": {1: "ltrim({0})"},
    "map": {2: "map({0}, {1})"},
    "max": {1: "max({0})"},
    "max_by": {2: "arg_max_null({0}, {1})"},
    "min": {1: "min({0})"},
    "min_by": {2: "arg_min_null({0}, {1})"},
    "minute": {1: "minute({0})"},
    "mod": {2: "athena_mod({0}, {1})"},
    "month": {1: "month({0})"},
    "pow": {2: "power({0}, {1})"},
    "quarter": {1: "quarter({0})"},
    "regexp_like": {2: "regexp_matches({0}, {1})"},
    "replace": {2: "replace({0}, {1}, '')", 3: "replace({0}, {1}, {2})"},
    "rtrim": {1: "rtrim({0})"},
    "second": {1: "second({0})"},
    "sequence": {2: "athena_sequence({0}, {1})", 3: "generate_series({0}, {1}, {2})"},
    "sha256": {1: "unhex(sha256({0}))"},
    "md5": {1: "unhex(md5({0}))"},
    "to_hex": {1: "hex({0})"},
    "to_utf8": {1: "encode({0})"},
    "sign": {1: "struct_extract({{'whole': sign({0}), 'other': cast_to_type(sign({0}), {0})}}, athena_kind({0}))"},
    "slice": {3: "athena_slice({0}, {1}, {2})"},
    "split": {2: "str_split({0}, {1})"},
    "split_part": {3: "athena_part({0}, {1}, {2})"},
    "sqrt": {1: "athena_sqrt({0})"},
    "stddev": {1: "stddev_samp({0})"},
    "stddev_samp": {1: "stddev_samp({0})"},
    "substr": {2: "athena_substr({0}, {1})", 3: "athena_substr_length({0}, {1}, {2})"},
    "substring": {2: "athena_substr({0}, {1})", 3: "athena_substr_length({0}, {1}, {2})"},
    "transform": {2: "list_transform({0}, {1})"},
    "trim": {1: "trim({0})"},
    "truncate": {1: _whole_or("trunc")},
    "var_samp": {1: "var_samp({0})"},
    "variance": {1: "var_samp({0})"},
    "week": {1: "weekofyear({0})"},
    "week_of_year": {1: "weekofyear({0})"},
    "year": {1: "year({0})"},
    "year_of_week": {1: "isoyear({0})"},
    "yow": {1: "isoyear({0})"},
}
"""Functions with another name or another answer. An aggregate stays one call, so that FILTER and OVER can follow."""

MAP_COLUMNS = frozenset({"invalid_values"})
"""Columns of the lake's tables and views that are maps."""

MAPS = frozenset({"map", "map_filter"})
"""Functions whose result is a map."""

REFUSED = {
    "approx_distinct": "its estimate differs between engines; use count(DISTINCT ...)",
    "now": "its time zone is Athena's; use a literal, e.g. TIMESTAMP '2024-01-01 00:00:00'",
    "rand": "its values are random",
    "random": "its values are random",
    "uuid": "its values are random",
    "typeof": "the engines' names of types differ",
}
"""Functions that can't have the same answer, and the remedy."""

MACROS = Path(__file__).with_name("macros.sql").read_text(encoding="utf-8")
"""The statements that make the macros in a session of DuckDB."""
