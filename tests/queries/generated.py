"""Queries in Athena's SQL that a seeded random makes: each translated function, on columns of a type that it takes.

An expression is a template with the types of its parts, filled up to a depth. Expressions that fail on some value, as a
cast of any text, aren't made: the engines would then agree on nothing but an error.
"""

from __future__ import annotations

import math
import random
import re
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["AGGREGATES", "EXPRESSIONS", "SHAPES", "WINDOWS", "functions_of", "is_same", "queries"]

COLUMNS = {
    "text": ["modality", "manufacturer", "patient_id", "series_description", "source_uri", "study_description"],
    "number": ["kvp", "slice_thickness", "ctdi_vol", "spacing_between_slices"],
    "whole": ["instance_number", "source_size", '"rows"', "number_of_frames", "exposure"],
    "day": ["study_date", "patient_birth_date"],
    "time": ["ingest_time", "source_last_modified"],
    "truth": ["study_date_is_default"],
    "texts": ["image_type", "private_creators"],
    "numbers": ["pixel_spacing", "image_position_patient"],
    "map": ["invalid_values"],
}
"""Columns of ``instances`` by kind of value."""

EXPRESSIONS = {
    "text": [
        "lower({text})", "upper({text})", "reverse({text})", "substr({text}, 2)", "substr({text}, -3, 2)",
        "substring({text}, 1, 3)", "replace({text}, 'a', 'bc')", "replace({text}, 'C')",
        "translate({text}, 'aC', 'xy')",
        "trim({text})", "ltrim({text})", "rtrim({text})", "split_part({text}, '/', 3)", "concat({text}, '-', {text})",
        "{text} || {text}", "regexp_extract({text}, '[A-Z]+')", "regexp_extract({text}, '([a-z])(\\d)', 2)",
        "regexp_replace({text}, '[aeiou]')", "regexp_replace({text}, '(\\w)(\\d)', '$2$1')", "coalesce({text}, '?')",
        "nullif({text}, 'CT')", "greatest({text}, 'M')", "least({text}, {text})", "array_join({texts}, '\\')",
        "array_join({texts}, '/', 'none')", "array_join({numbers}, ',')", "element_at({texts}, 2)",
        "element_at({texts}, -1)", "element_at({map}, '00080020')", "array_max({texts})", "array_min({texts})",
        "CAST({whole} AS varchar)", "CAST({number} AS varchar)", "CAST({day} AS varchar)", "CAST({truth} AS varchar)",
        "CAST({text} AS varchar(3))", "CASE WHEN {truth} THEN {text} ELSE 'no' END", "if({truth}, {text})",
        "json_extract_scalar(header, '$.00080060.Value[0]')", "json_extract_scalar(header, '$.00080060.vr')",
        "json_format(json_extract(header, '$.00080008'))", "date_format({day}, '%Y-%m')",
        "date_format({time}, '%d %H:%i')", "reduce({texts}, '', (a, b) -> a || coalesce(b, '?'), a -> upper(a))",
        "lower(to_hex(sha256(to_utf8({text}))))", "to_hex(md5(to_utf8({text})))",
        "json_format(CAST({texts} AS JSON))",
    ],
    "number": [
        "abs({number})", "round({number})", "round({number}, 1)", "floor({number})", "ceil({number})",
        "truncate({number})", "sign({number})", "sqrt({number})", "cbrt({number})", "power({number}, 2)",
        "exp({number} / 1000)", "ln({number})", "log10({number})", "log2({number})", "sin({number})", "cos({number})",
        "tan({number})", "atan2({number}, 2e0)", "degrees({number})", "radians({number})", "{number} + {number}",
        "{number} - {whole}", "{number} * 1.5", "{number} / nullif({whole}, 0)", "{number} % 7", "mod({number}, 3)",
        "CAST({whole} AS double)", "TRY_CAST({text} AS double)", "coalesce({number}, 0)", "greatest({number}, 2)",
        "least({number}, {number}, 100)", "element_at({numbers}, 1)", "array_max({numbers})", "array_min({numbers})",
        "reduce({numbers}, 0e0, (s, x) -> s + x, s -> s * 2)", "-{number}", "pi() * {number}",
        "CAST(json_extract_scalar(header, '$.00280010.Value[0]') AS double)",
    ],
    "whole": [
        "abs({whole})", "{whole} / 7", "{whole} % 5", "{whole} * 3 - 1", "mod({whole}, 4)", "length({text})",
        "strpos({text}, 'a')", "position('T' IN {text})", "cardinality({texts})", "cardinality({map})",
        "array_position({texts}, 'PRIMARY')", "CAST({number} AS bigint)", "TRY_CAST({text} AS bigint)",
        "CAST({truth} AS bigint)", "year({day})", "month({day})", "day({day})", "quarter({day})", "week({day})",
        "day_of_week({day})", "day_of_year({day})", "year_of_week({day})", "hour({time})", "minute({time})",
        "second({time})", "extract(dow FROM {day})", "extract(month FROM {time})",
        "date_diff('day', {day}, {day})", "date_diff('month', {day}, DATE '2025-02-28')",
        "date_diff('year', {day}, {time})", "date_diff('second', {time}, {time})",
        "date_diff('quarter', {day}, DATE '2020-03-31')", "round({whole}, -2)", "floor({whole})", "ceiling({whole})",
        "json_array_length(json_extract(header, '$.00080008.Value'))", "coalesce({whole}, -1)", "nullif({whole}, 1)",
        "greatest({whole}, 5)", "least({whole}, {whole})", "sign({whole})",
        "100 * {whole} / nullif({whole}, 0)", "CAST(10.5 * {whole} AS bigint)",
    ],
    "day": [
        "date_trunc('month', {day})", "date_trunc('week', {day})", "date_trunc('quarter', {day})",
        "date_add('month', 1, {day})", "date_add('day', -40, {day})", "date_add('week', 2, {day})",
        "{day} + interval '1' month", "{day} - interval '30' day", "CAST({time} AS date)", "date({time})",
        "coalesce({day}, DATE '2000-01-01')", "greatest({day}, DATE '2024-05-01')", "TRY_CAST({text} AS date)",
    ],
    "time": [
        "date_trunc('hour', {time})", "date_trunc('year', {time})", "date_add('hour', 30, {time})",
        "{time} - interval '90' minute", "CAST({day} AS timestamp(6))", "CAST({time} AS timestamp)",
    ],
    "truth": [
        "{text} LIKE '%a%'", "{text} LIKE '_T'", "{text} LIKE 'a$_%' ESCAPE '$'", "regexp_like({text}, '^[A-M]')",
        "starts_with({text}, 'C')", "{text} < 'M'", "{text} = {text}", "{number} > 1", "{whole} BETWEEN 1 AND 3",
        "{whole} IN (1, 2, 512)", "{text} NOT IN ('CT', 'MR')", "{day} > DATE '2024-03-01'", "{text} IS NULL",
        "{text} IS DISTINCT FROM {text}", "NOT {truth}", "{truth} AND {truth}", "{truth} OR {truth}",
        "contains({texts}, 'ORIGINAL')", "contains({numbers}, {number})", "any_match({texts}, x -> x = 'PRIMARY')",
        "all_match({numbers}, x -> x > 0)", "none_match({texts}, x -> x LIKE 'A%')",
        "arrays_overlap({texts}, ARRAY['AXIAL', 'DERIVED'])", "is_nan({number})", "coalesce({truth}, false)",
    ],
    "texts": [
        "array_sort({texts})", "array_distinct({texts})", "array_union({texts}, ARRAY['X'])",
        "array_except({texts}, ARRAY['ORIGINAL'])", "array_intersect({texts}, ARRAY['PRIMARY', 'ORIGINAL'])",
        "slice({texts}, 1, 2)", "slice({texts}, -2, 2)", "split({text}, '/')", "transform({texts}, x -> lower(x))",
        "filter({texts}, x -> x <> 'PRIMARY')", "flatten(ARRAY[{texts}, ARRAY['z', null]])", "map_keys({map})",
        "map_values({map})", "concat({texts}, {texts})", "{texts} || {texts}", "ARRAY[{text}, 'b']",
        "CAST(json_extract(header, '$.00080008.Value') AS array(varchar))", "CAST({numbers} AS array(varchar))",
    ],
    "numbers": [
        "transform({numbers}, x -> x * 2)", "filter({numbers}, x -> x > 0)", "array_sort({numbers})",
        "array_distinct({numbers})", "CAST(json_extract(header, '$.00280030.Value') AS array(double))",
        "slice({numbers}, 2, 5)",
    ],
    "map": ["map_filter({map}, (k, v) -> k <> '00080020')",
    "map(ARRAY['a', coalesce({text}, '') || 'b'], ARRAY[{text}, 'c'])"],
}  # fmt: skip
"""Expressions by the kind of their value; a part in braces is a column or an expression of its kind."""

KEY = "source_uri, source_member"
"""Columns that order the rows of ``instances``."""

FIXED = {"order": KEY, "key": "source_uri || coalesce(source_member, '')"}

AGGREGATES = [
    "count(*)", "count({text})", "count(DISTINCT {text})", "count_if({truth})", "sum({whole})", "sum({number})",
    "avg({whole})", "avg({number})", "min({text})", "max({text})", "min({day})", "max({number})", "max({truth})",
    "min_by({text}, {key})", "max_by({number}, {key})",
    "max_by({texts}, {key})", "array_agg({text} ORDER BY {order})",
    "array_agg({number} ORDER BY source_uri DESC, source_member)", "array_sort(array_agg(DISTINCT {text}))",
    "array_agg({whole} ORDER BY {whole} DESC NULLS FIRST, {order})", "bool_and({truth})", "bool_or({truth})",
    "every({truth})",
    "stddev({whole})", "variance({whole})", "var_pop({whole})", "stddev_pop({whole})",
    "stddev_samp({whole})", "var_samp({whole})",
    "approx_percentile({number}, 0.5)", "approx_percentile({whole}, 0.9)", "approx_percentile({whole}, 0.25)",
    "count(*) FILTER (WHERE {truth})", "sum({whole}) FILTER (WHERE {truth})",
    "count_if({truth}) FILTER (WHERE {truth})",
    "100.0 * count_if({truth}) / count(*)", "round(100.0 * count({text}) / count(*), 1)", "sum({whole}) / count(*)",
    "CAST(avg({whole}) AS bigint)", "max({day}) - interval '1' year", "arbitrary({text}) IS NULL",
    "any_value({day}) IS NULL", "date_diff('day', min({day}), max({day}))", "sum({whole}) * 1.5",
]  # fmt: skip

WINDOWS = [
    "row_number() OVER (ORDER BY {order})", "rank() OVER (ORDER BY {whole})",
    "dense_rank() OVER (ORDER BY {text} DESC)",
    "percent_rank() OVER (ORDER BY {number})", "ntile(4) OVER (ORDER BY {order})",
    "lag({text}) OVER (ORDER BY {order})",
    "lead({whole}, 2, -1) OVER (ORDER BY {order})", "lag({number}) IGNORE NULLS OVER (ORDER BY {order})",
    "first_value({text}) OVER (PARTITION BY modality ORDER BY {order})",
    "last_value({whole}) OVER (PARTITION BY modality ORDER BY {order})",
    "nth_value({text}, 2) OVER (PARTITION BY modality ORDER BY {order})",
    "count({text}) OVER (PARTITION BY modality ORDER BY {order})", "count_if({truth}) OVER (ORDER BY {order})",
    "sum({whole}) OVER (PARTITION BY {text} ORDER BY {order} ROWS BETWEEN 1 PRECEDING AND CURRENT ROW)",
    "max({day}) OVER (PARTITION BY {truth})", "min_by({text}, {key}) OVER (PARTITION BY modality)",
]  # fmt: skip

SHAPES = [
    "SELECT {text}, count(*) FROM instances GROUP BY 1 ORDER BY 1",
    "SELECT {text}, {whole}, count(*) FROM instances GROUP BY 1, 2 ORDER BY 1 DESC, 2 DESC",
    "SELECT {whole} FROM instances ORDER BY 1 DESC NULLS FIRST LIMIT 9",
    "SELECT DISTINCT {text}, {day} FROM instances ORDER BY 2 NULLS FIRST, 1 DESC",
    "SELECT {text}, sum({whole}) FROM instances GROUP BY 1 HAVING count(*) > 1 ORDER BY 1",
    "SELECT modality, study_date_is_default, grouping(modality), count(*) FROM instances "
    "GROUP BY GROUPING SETS ((modality, study_date_is_default), (modality), ()) ORDER BY 1, 2, 3, 4",
    "SELECT modality, count(*) FROM instances GROUP BY ROLLUP (modality) ORDER BY 1, 2",
    f"SELECT source_uri, value, number FROM instances CROSS JOIN UNNEST({{texts}}) "
    f"WITH ORDINALITY AS t (value, number) ORDER BY {KEY}, number",
    f"SELECT source_uri, key, value FROM instances CROSS JOIN UNNEST({{map}}) AS t (key, value) ORDER BY {KEY}, key",
    f"SELECT source_uri, a, b FROM instances CROSS JOIN UNNEST({{texts}}, {{numbers}}) WITH ORDINALITY AS t (a, b, n) "
    f"ORDER BY {KEY}, n",
    f"SELECT source_uri, value FROM instances LEFT JOIN UNNEST({{texts}}) AS t (value) ON true ORDER BY {KEY}, value",
    "SELECT {text} FROM instances UNION SELECT {text} FROM instances ORDER BY 1",
    "SELECT {text} FROM instances EXCEPT SELECT {text} FROM instances ORDER BY 1",
    "SELECT {whole} FROM instances INTERSECT SELECT {whole} FROM instances ORDER BY 1",
    "SELECT source_uri, source_member FROM instances WHERE {truth} AND {truth} ORDER BY 1, 2",
    "SELECT count(*) FROM instances a JOIN instances b USING (series_instance_uid) WHERE a.kvp IS NULL OR b.kvp > 1",
    "SELECT count(*) FROM instances WHERE {text} IN (SELECT {text} FROM instances)",
    "WITH s AS (SELECT series_instance_uid AS uid, {whole} AS n, {text} AS t FROM unique_instances) "
    "SELECT uid, max(n), min(t) FROM s GROUP BY uid ORDER BY uid",
    "SELECT code, count(*), min(source_member) FROM failures GROUP BY 1 ORDER BY 1",
    "SELECT status, count(*), sum(source_size) FROM objects GROUP BY 1 ORDER BY 1",
    "SELECT modality, count(*), sum(instances), max(slice_thickness_max) FROM series GROUP BY 1 ORDER BY 1",
    "SELECT study_date, series, instances FROM studies ORDER BY 1, 2, 3",
    "SELECT label, algorithm_type, count(*) FROM segments GROUP BY 1, 2 ORDER BY 1, 2",
]
"""Whole queries; each has one answer and one order."""


def queries(count: int, seed: int = 21) -> list[str]:
    """Return queries: half of twelve expressions, the rest of aggregates, windows and other shapes."""
    chance = random.Random(seed)
    return [_query(chance, number) for number in range(count)]


def functions_of(sql: str) -> set[str]:
    """Return the names before brackets."""
    return {name.lower() for name in re.findall(r"\b([A-Za-z_]\w*)\s*\(", sql)}


def is_same(one: Any, other: Any) -> bool:
    """Return whether two values are equal and of one type: floats up to the 12th digit, NaN equal to itself."""
    match one, other:
        case (float(), float()):
            return math.isclose(one, other, rel_tol=1e-12) or (math.isnan(one) and math.isnan(other))
        case (list() | tuple(), list() | tuple()):
            return len(one) == len(other) and all(map(is_same, one, other))
        case (dict(), dict()):
            return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    return type(one) is type(other) and one == other


def _query(chance: random.Random, number: int) -> str:
    match number % 8:
        case 0 | 1 | 2 | 3:
            kinds = [chance.choice(list(EXPRESSIONS)) for _ in range(12)]
            return f"SELECT {_columns(_expression(chance, kind, 2) for kind in kinds)} FROM instances ORDER BY {KEY}"
        case 4 | 5:
            made = _columns(_filled(chance, one, 1) for one in chance.sample(AGGREGATES, 8))
            return f"SELECT modality, {made} FROM instances GROUP BY modality ORDER BY modality"
        case 6:
            made = _columns(_filled(chance, one, 1) for one in chance.sample(WINDOWS, 5))
            return f"SELECT {made} FROM instances ORDER BY {KEY}"
        case _:
            return _filled(chance, SHAPES[number // 8 % len(SHAPES)], 1)


def _columns(expressions: Iterator[str]) -> str:
    return ", ".join(f"{expression} AS x{number}" for number, expression in enumerate(expressions))


def _expression(chance: random.Random, kind: str, depth: int) -> str:
    template = chance.choice(EXPRESSIONS[kind])
    text = _filled(chance, template, depth - 1)
    return text if re.match(r"\w+\(.*\)$", template) else f"({text})"


def _filled(chance: random.Random, template: str, depth: int) -> str:
    def part(found: re.Match[str]) -> str:
        kind = found[1]
        if kind in FIXED:
            return FIXED[kind]
        if depth > 0 and chance.random() < 0.5:
            return _expression(chance, kind, depth)
        return chance.choice(COLUMNS[kind])

    return re.sub(r"\{(\w+)\}", part, template)


if __name__ == "__main__":
    sys.stdout.write(";\n".join(queries(200)) + "\n")
