"""Athena's SQL in DuckDB: values that Trino has, where DuckDB alone would have others, and the SQL that is refused."""

from __future__ import annotations

import contextlib
import math
import sys
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.answers.athena_sql import FUNCTIONS, MACROS, to_duckdb
from dicom_udf.answers.athena_sql.functions import MAP_COLUMNS, REFUSED
from dicom_udf.answers.athena_sql.paths import json_path
from dicom_udf.answers.dialects import dialect_of
from dicom_udf.answers.engines import answer_query
from dicom_udf.answers.local import answer, translate
from dicom_udf.columns import instances_table
from dicom_udf.columns.views import DUCKDB, make_views
from dicom_udf.config import QueryConfig
from dicom_udf.errors import ConfigurationError, RunFailedError
from tests.each import for_each
from tests.queries import generated
from tests.queries.test_files import FUNCTIONS as FUNCTIONS_OF_QUERIES

HEADER = """'{"00080060":{"Value":["CT","X"]},"00280030":{"Value":[1.0,2.50,"3"]},"a":{},"b":null}'"""

VALUES: list[tuple[str, Any]] = [
    # Casts round half away from zero, and texts of doubles are Java's.
    ("CAST(962.5 AS bigint)", 963), ("CAST(2.5e0 AS bigint)", 3), ("CAST(-2.5e0 AS integer)", -3),
    ("CAST(9007199254740993 AS bigint)", 9007199254740993), ("CAST(0.15e0 AS decimal(4,1))", Decimal("0.2")),
    ("CAST(10e0 AS varchar)", "1.0E1"), ("CAST(-12.5e0 AS varchar)", "-1.25E1"), ("CAST(1e-7 AS varchar)", "1.0E-7"),
    ("CAST(0e0 AS varchar)", "0E0"), ("CAST(1e0 / 0 AS varchar)", "Infinity"), ("CAST(1.50 AS varchar)", "1.50"),
    ("CAST(true AS varchar)", "true"), ("CAST('abc' AS varchar(2))", "ab"), ("CAST(DATE '2024-01-05' AS varchar)",
    "2024-01-05"),
    ("TRY_CAST('1.5' AS bigint)", None), ("TRY_CAST(' 12 ' AS bigint)", 12), ("TRY_CAST('1_0' AS bigint)", None),
    ("TRY_CAST('inf' AS double)", None), ("TRY_CAST('2024/01/05' AS date)", None), ("TRY_CAST('yes' AS boolean)", None),
    ("CAST('2024-01-05 10:00:00.1239' AS timestamp)", datetime(2024, 1, 5, 10, 0, 0, 124000)),
    ("TIMESTAMP '2024-01-05 10:00:00.123456'", datetime(2024, 1, 5, 10, 0, 0, 123456)),
    ("DECIMAL '1.50' * 2", Decimal("3.00")), ("CAST(ARRAY[0.5e0, 1.5e0] AS array(bigint))", [1, 2]),
    # Arithmetic keeps the types.
    ("7 / 2", 3), ("-7 / 2", -3), ("7 / 2e0", 3.5), ("1.0 / 3", Decimal("0.3")), ("2 / 3.0", Decimal("0.7")),
    ("100.0 * 1 / 3", Decimal("33.3")), ("DECIMAL '-0.15' / 1.5", Decimal("-0.10")), ("-7 % 3", -1),
    ("sqrt(-1e0)", math.nan), ("ln(0e0)", -math.inf), ("log10(-1e0)", math.nan),
    ("floor(9007199254740993)", 9007199254740993),
    ("round(2.5e0)", 3.0), ("round(-0.5e0)", -1.0), ("pow(2, 3)", 8.0), ("sign(-2.5e0)", -1.0), ("sign(7)", 1),
    ("mod(7, 4)", 3), ("ceil(1.5)", Decimal(2)), ("ceiling(-1.5e0)", -1.0), ("truncate(-1.7e0)", -1.0),
    # A date stays a date; differences are of whole units.
    ("date_trunc('month', DATE '2024-02-29')", date(2024, 2, 1)),
    ("DATE '2024-01-31' + interval '1' month", date(2024, 2, 29)),
    ("date_add('month', 1, DATE '2024-01-31')", date(2024, 2, 29)),
    ("date_diff('month', DATE '2024-01-15', DATE '2024-02-14')", 0),
    ("date_diff('year', DATE '2023-12-31', DATE '2024-01-01')", 0), ("day_of_week(DATE '2024-03-03')", 7),
    ("dow(DATE '2024-03-03')", 7), ("extract(dow FROM DATE '2024-03-03')", 7), ("doy(DATE '2024-03-01')", 61),
    ("day_of_year(DATE '2024-03-01')", 61), ("day_of_month(DATE '2024-03-02')", 2),
    ("week_of_year(DATE '2024-12-30')", 1),
    ("yow(DATE '2024-12-30')", 2025), ("date_format(TIMESTAMP '2024-01-01 23:59:59.999999', '%Y-%m-%d %H:%i')",
    "2024-01-02 00:00"),
    # Texts.
    ("regexp_extract('abc', 'x')", None), ("regexp_replace('a1b2', '([a-z])(\\d)', '$2$1')", "1a2b"),
    ("split_part('a/b', '/', 5)", None), ("substr('hello', 0)", ""), ("substr('hello', -9)", ""),
    ("substring('hello', 2, 0)", ""), ("concat('a', CAST(null AS varchar))", None), ("greatest(1, null)", None),
    ("least('a', 'b', null)", None), ("'a_b' LIKE 'a$_%' ESCAPE '$'", True), ("starts_with('CT', 'C')", True),
    # Nulls and order in arrays and maps.
    ("array_join(ARRAY['a', null, 'b'], '/')", "a/b"), ("array_join(ARRAY[null], '/')", ""),
    ("array_join(ARRAY['a', null], '/', '?')", "a/?"), ("array_join(ARRAY[1e1], ',')", "1.0E1"),
    ("array_sort(ARRAY[3, null, 1])", [1, 3, None]), ("array_distinct(ARRAY[3, 1, null, 3, null])", [3, 1, None]),
    ("array_except(ARRAY['b', 'a', 'b', null], ARRAY['a'])", ["b", None]),
    ("array_intersect(ARRAY['a', 'b'], ARRAY['c', 'b', 'a'])", ["b", "a"]), ("array_max(ARRAY[1, null])", None),
    ("contains(ARRAY[1, null], 2)", None), ("contains(ARRAY[1, null], 1)", True), ("array_position(ARRAY[1], 2)", 0),
    ("any_match(ARRAY[1, null], x -> x > 1)", None), ("all_match(ARRAY[], x -> x > 1)", True),
    ("none_match(ARRAY[1, null], x -> x > 1)", None), ("arrays_overlap(ARRAY[1, null], ARRAY[2])", None),
    ("element_at(ARRAY['a'], 9)", None), ("element_at(ARRAY['a', 'b'], -1)", "b"), ("ARRAY['a', 'b'][2]", "b"),
    ("element_at(map(ARRAY['a'], ARRAY[1]), 'z')", None), ("map(ARRAY['a'], ARRAY[1])['a']", 1),
    ("slice(ARRAY[1, 2, 3], -2, 1)", [2]), ("slice(ARRAY[1], -2, 1)", []), ("sequence(3, 1)", [3, 2, 1]),
    ("sequence(1, 7, 3)", [1, 4, 7]), ("flatten(ARRAY[ARRAY[1], null])", [1]), ("ARRAY[1] || ARRAY[2]", [1, 2]),
    ("reduce(ARRAY[1e0, 2e0], 0e0, (s, x) -> s + x, s -> s * 2)", 6.0), ("cardinality(map(ARRAY['a'], ARRAY[1]))", 1),
    ("cardinality(map_filter(map(ARRAY['a', 'b'], ARRAY[1, null]), (k, v) -> v IS NOT NULL))", 1),
    # JSON.
    (f"json_extract_scalar({HEADER}, '$.00080060.Value[0]')", "CT"), (f"json_extract_scalar({HEADER}, '$.b')", None),
    (f"json_extract_scalar({HEADER}, '$.00080060.Value')", None),
    (f"CAST(json_extract({HEADER}, '$.00280030.Value') AS array(double))", [1.0, 2.5, 3.0]),
    (f"CAST(json_extract({HEADER}, '$.00280030.Value') AS array(bigint))", [1, 3, 3]),
    (f"CAST(json_extract({HEADER}, '$.00280030.Value') AS array(varchar))", ["1.0E0", "2.5E0", "3"]),
    (f"CAST(json_extract_scalar({HEADER}, '$[\"00280030\"].Value[1]') AS double)", 2.5),
    (f"map_keys(CAST(json_parse({HEADER}) AS map(varchar, json)))", ["00080060", "00280030", "a", "b"]),
    (f"element_at(CAST(json_parse({HEADER}) AS map(varchar, json)), 'b') IS NULL", False),
    (f"json_format(json_extract({HEADER}, '$.00280030.Value'))", '[1.0,2.5,"3"]'),
    # Aggregates and windows, over four rows.
    ("(SELECT count_if(n > 9) FROM rows WHERE n IS NULL)", 0), ("(SELECT min_by(t, id) FROM rows)", None),
    ("(SELECT max_by(id, n) FROM rows)", 2), ("(SELECT approx_percentile(n, 0.5) FROM rows)", 3),
    ("(SELECT approx_percentile(id, 0.5) FROM rows)", 3), ("(SELECT sum(n) / count(*) FROM rows)", 2),
    ("(SELECT array_agg(n ORDER BY n DESC) FROM rows)", [5, 3, 1, None]), ("(SELECT avg(DISTINCT n) FROM rows)", 3.0),
    ("(SELECT array_agg(n) FROM rows WHERE id > 9)", None), ("(SELECT every(id > 0) FROM rows)", True),
    ("(SELECT n FROM rows ORDER BY n DESC OFFSET 3)", None), ("(SELECT any_value(n) FROM rows WHERE id < 3)", 5),
    ("(SELECT max(l) FROM (SELECT lag(n) IGNORE NULLS OVER (ORDER BY id) AS l FROM rows))", 5),
    ("(SELECT corr(id, id) FROM rows)", 1.0), ("(SELECT covar_pop(id, id) FROM rows)", 1.25),
    ("(SELECT covar_samp(id, n) FROM rows)", -2.0),
    ("(SELECT stddev(n) FROM rows WHERE id = 2)", None),
    # Arrays as rows.
    ("(SELECT max(v) FROM UNNEST(ARRAY[1, 2]) AS t (v))", 2),
    ("(SELECT max_by(v, n) FROM UNNEST(ARRAY['b', 'a']) WITH ORDINALITY AS t (v, n))", "a"),
    ("(SELECT max(k || v) FROM rows CROSS JOIN UNNEST(map(ARRAY['k'], ARRAY['v'])) AS t (k, v))", "kv"),
    ("(SELECT count(a) FROM UNNEST(ARRAY[1, 2], ARRAY[3]) AS t (b, a))", 1),
    ("(SELECT count(*) FROM rows LEFT JOIN UNNEST(ARRAY[]) AS t (a) ON true)", 4),
]  # fmt: skip
"""Expressions, and Trino's value of each; the rows are ``(1, null, null), (2, 5, 'a'), (3, 3, 'b'), (4, 1, 'c')``."""

ROWS = (
    "WITH rows AS (SELECT * FROM (VALUES (1, CAST(null AS bigint), CAST(null AS varchar)), (2, 5, 'a'), (3, 3, 'b'), "
    "(4, 1, 'c')) AS v (id, n, t)) "
)


@cache
def session() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(MACROS)
    return connection


def run(sql: str) -> list[tuple[Any, ...]]:
    return list(answer(session(), to_duckdb(sql), written=sql).rows)


@for_each(VALUES, name=lambda case: case[0])
def test_an_expression_has_the_value_of_trino(case):
    expression, expected = case
    [(found,)] = run(f"{ROWS}SELECT {expression}")
    assert generated.is_same(found, expected), f"{found!r} is not {expected!r}"


def test_each_function_of_the_list_is_compared_with_trino():
    templates = (*generated.AGGREGATES, *generated.WINDOWS, *chain(*generated.EXPRESSIONS.values()))
    names = {
        name
        for sql in (*templates, *generated.SHAPES, *(sql for sql, _ in VALUES))
        for name in generated.functions_of(sql)
    }
    assert names >= FUNCTIONS


def test_the_list_has_each_function_of_the_saved_queries():
    syntax = {"cast", "try_cast", "unnest"}
    assert FUNCTIONS_OF_QUERIES - syntax <= FUNCTIONS


def test_the_maps_of_the_lake_are_those_of_its_tables():
    tables = (instances_table(), *make_views(DUCKDB))
    assert {field.name for table in tables for field in table.fields if field.type.startswith("map")} == MAP_COLUMNS


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT 1, kvp, 2 AS b FROM (SELECT 5 AS kvp)", ["_col0", "kvp", "b"]),
        ("SELECT count(*) FROM (SELECT 1) UNION SELECT 2", ["_col0"]),
    ],
)
def test_a_column_without_a_name_has_that_of_athena(sql, names):
    with duckdb.connect() as connection:
        assert list(answer(connection, to_duckdb(sql)).columns) == names


# --- Refusals


@pytest.mark.parametrize("function", REFUSED)
def test_a_function_that_cannot_be_equal_is_refused_with_its_reason(function):
    with pytest.raises(
        ConfigurationError, match=rf"the function {function} of Athena's SQL isn't translated .* duckdb$"
    ):
        to_duckdb(f"SELECT {function}(1)")


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT ngrams(image_type, 2) FROM instances", "the function ngrams isn't one that both engines share"),
        ("SELECT list_sort(image_type) FROM instances", "the function list_sort isn't one"),
        ("SELECT * FROM read_csv('x.csv')", "the function read_csv isn't one"),
        ("SELECT max(kvp, 3) FROM instances", "the function max in this form"),
        ("SELECT * FROM instances TABLESAMPLE BERNOULLI (10)", "the form TABLESAMPLE"),
        ("SELECT * EXCLUDE (kvp) FROM instances", "the form STAR"),
        ("SELECT kvp FROM instances QUALIFY row_number() OVER () = 1", "Athena's SQL has an error"),
        ("SELECT json_extract(header, '$..a') FROM instances", r"the JSON path '\$\.\.a'"),
        ("SELECT json_extract(header, '$.*') FROM instances", "keys and numbers alone"),
        ("SELECT json_extract(header, modality) FROM instances", "a JSON path that isn't a literal"),
        ("SELECT json_format(json_parse(header)) FROM instances", "json_format"),
        ("SELECT json_parse(header) FROM instances", "json_parse here"),
        ("SELECT regexp_extract(modality, '(a)?b', 1) FROM instances", "its group may be absent"),
        ("SELECT regexp_replace(modality, 'a', '\\x') FROM instances", "the replacement"),
        ("SELECT date_format(study_date, '%W') FROM instances", "the codes are %Y"),
        ("SELECT date_add('fortnight', 1, study_date) FROM instances", "the unit 'fortnight'"),
        ("SELECT CAST(kvp AS real) FROM instances", "no type REAL"),
        ("SELECT CAST(modality AS char(2)) FROM instances", r"no type CHAR\(2\)"),
        ("SELECT CAST(ingest_time AS timestamp(9)) FROM instances", r"no type timestamp\(9\)"),
        ("SELECT ingest_time AT TIME ZONE 'UTC' FROM instances", "the form ATTIMEZONE"),
        ("SELECT TRY_CAST(image_type AS array(double)) FROM instances", "TRY_CAST to an array or map"),
        ("SELECT x FROM instances CROSS JOIN UNNEST(image_type)", "UNNEST without names"),
        ("SELECT approx_percentile(DISTINCT kvp, 0.5) FROM instances", "in this form"),
    ],
)
def test_sql_whose_answer_could_differ_is_refused_with_a_sentence(sql, message):
    with pytest.raises(ConfigurationError, match=message):
        to_duckdb(sql)


@pytest.mark.parametrize(
    "sql",
    ["", "-- a comment", "SELECT 1; SELECT 2", "INSERT INTO failures SELECT * FROM failures", "DROP TABLE instances",
     "DELETE FROM instances", "DESCRIBE instances", "CREATE TABLE a AS SELECT 1", "VALUES (1)"],
)  # fmt: skip
def test_sql_that_is_not_one_query_is_refused(sql):
    with pytest.raises(ConfigurationError, match="must be one statement that reads"):
        to_duckdb(sql)


@given(st.text() | st.text("SELECTFROM abc(),'\"[]->*1.;-", max_size=60).map("SELECT ".__add__))
def test_any_text_is_translated_or_refused(sql):
    with contextlib.suppress(ConfigurationError):
        assert to_duckdb(sql)


@given(st.lists(st.from_regex(r"[A-Za-z0-9_]+", fullmatch=True) | st.integers(0, 99), max_size=6))
def test_any_path_of_keys_and_numbers_is_translated(steps):
    path = "$" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    assert json_path(path) == "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{step}"' for step in steps)


def test_a_syntax_error_names_its_place():
    with pytest.raises(ConfigurationError, match=r"Athena's SQL has an error: .* Line 2"):
        to_duckdb("SELECT modality\nFROM instances WHERE (")


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("7 / 0", "division by zero"), ("7 % 0", "division by zero"), ("ARRAY[1][2]", "beyond the array"),
        ("map(ARRAY['a'], ARRAY[1])['b']", "no such key"), ("CAST('1.5' AS bigint)", "can't become a BIGINT"),
        ("CAST(TIMESTAMP '2024-01-01 00:00:00' AS varchar)", "depends on its precision"),
        ("DATE '2024-01-02' - DATE '2024-01-01'", "is an interval"), ("json_format(CAST(1e7 AS json))",
        "JSON of a double"),
        ("json_extract_scalar('{\"a\":2.50}', '$.a')", "digits of a number"), ("CAST(ARRAY[1] AS varchar)",
        "can't become a text"),
        ("(SELECT avg(x) FROM (VALUES (1.5)) AS t (x))", "average of a decimal"),
        ("json_format(json_extract('{\"a\":12345678.5}', '$.a'))", "very large or small"),
    ],
)  # fmt: skip
def test_an_error_of_athena_is_one_here_and_so_is_a_value_that_would_differ(expression, message):
    with pytest.raises(RunFailedError, match=message):
        run(f"SELECT {expression}")


# --- The choice of the dialect


@pytest.mark.parametrize(
    ("sql", "option", "expected"),
    [
        ("SELECT 1", None, "duckdb"),
        ("SELECT 1", "athena", "athena"),
        ("-- dialect: athena\nSELECT 1", None, "athena"),
        ("\n--Dialect:ATHENA\nSELECT 1", None, "athena"),
        ("-- dialect: athena\nSELECT 1", "duckdb", "duckdb"),
        ("-- title\n-- dialect: athena\nSELECT 1", None, "duckdb"),
    ],
)
def test_the_option_or_the_first_line_names_the_dialect(sql, option, expected):
    assert dialect_of(sql, option) == expected


def test_an_unknown_dialect_is_refused():
    with pytest.raises(ConfigurationError, match="names the dialect 'oracle'; it can be athena or duckdb"):
        dialect_of("-- dialect: oracle\nSELECT 1", None)


@pytest.mark.parametrize("sql", ["SELECT 1", "-- dialect: duckdb\nSELECT 1"])
def test_a_lake_in_glue_takes_no_sql_of_duckdb(sql):
    option = None if sql.startswith("--") else "duckdb"
    with pytest.raises(ConfigurationError, match="remove the dialect duckdb"):
        answer_query(QueryConfig(sql=sql, lake="s3://lake/dicom", catalog="glue", dialect=option))


# --- Errors of a user's own SQL


@pytest.fixture
def tables():
    with duckdb.connect() as connection:
        connection.execute(
            "CREATE TABLE instances AS SELECT DATE '2024-01-01' AS study_date, 'Doe^Jane' AS patient_name, "
            "1.5::DOUBLE AS kvp, ['A'] AS image_type, TIMESTAMP '2024-01-01 00:00:00' AS ingest_time"
        )
        yield connection


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("study_date > '2024'", "study_date is a DATE, and the text '2024' can't become one; write DATE '2024-01-01'"),
        ("study_date = 'O''Hara'", "study_date is a DATE, and the text 'O''Hara' can't become one"),
        (
            "ingest_time < 'now!'",
            "ingest_time is a TIMESTAMP, and the text 'now!' can't become one; write TIMESTAMP '2024",
        ),
        ("kvp > 'high'", "kvp is a DOUBLE, and the text 'high' can't become one"),
        ("CAST('abc' AS DATE) IS NULL", "the text 'abc' can't become a DATE; write DATE '2024-01-01'"),
        ("image_type = 'A'", "image_type is a VARCHAR[], and the text 'A' can't become one"),
        ("kvp = image_type", "column kvp: a DOUBLE can't be compared with or become a VARCHAR[]"),
        ("study_date > 5", "Cannot compare values of type DATE and"),
    ],
)
def test_an_error_quotes_the_users_own_literal_and_names_column_and_type(tables, condition, message):
    with pytest.raises(ConfigurationError) as refusal:
        list(answer(tables, f"SELECT 1 FROM instances WHERE {condition}").rows)
    assert message in str(refusal.value)


@pytest.mark.parametrize(
    "condition",
    [
        "CAST(patient_name AS DATE) > DATE '2024-01-01'", "patient_name = 5", "CAST(patient_name AS INTEGER) = 'Doe'",
        "CAST(patient_name AS DATE) IS NULL AND 'Doe^Jane' <> ''",
    ],
)  # fmt: skip
def test_an_error_about_a_value_of_the_data_does_not_quote_it(tables, condition):
    with pytest.raises(RunFailedError) as failure:
        list(answer(tables, f"SELECT 1 FROM instances WHERE {condition}").rows)
    assert "Doe" not in str(failure.value)


@pytest.mark.parametrize(
    "expression",
    [
        "approx_percentile(kvp, 0.5)", "json_extract_scalar('{}', '$.a')", "cardinality(image_type)",
        "element_at(image_type, 1)", "regexp_like(patient_name, 'x')", "CAST('[]' AS array(double))",
    ],
)  # fmt: skip
def test_sql_of_athena_in_the_dialect_of_duckdb_gets_a_hint(tables, expression):
    with pytest.raises(ConfigurationError, match="This is Athena's SQL: add --dialect athena"):
        answer(tables, f"SELECT {expression} FROM instances")


@pytest.mark.parametrize("expression", ["nofun(1)", "modalty", "lower("])
def test_other_errors_get_no_hint(tables, expression):
    with pytest.raises(ConfigurationError) as refusal:
        answer(tables, f"SELECT {expression} FROM instances")
    assert "--dialect" not in str(refusal.value)


def test_an_error_has_no_hint_where_the_translator_is_not_installed(tables, monkeypatch):
    monkeypatch.setitem(sys.modules, "dicom_udf.answers.athena_sql", None)  # its import fails
    with pytest.raises(ConfigurationError) as refusal:
        answer(tables, "SELECT cardinality(image_type) FROM instances")
    assert "--dialect" not in str(refusal.value)
    with pytest.raises(RunFailedError, match="pip install"):
        translate("SELECT 1")


def test_an_error_of_translated_sql_shows_no_line_of_the_translation(tables):
    written = "SELECT lower(kvp / 2) FROM instances"
    tables.execute(MACROS)
    with pytest.raises(ConfigurationError) as refusal:
        answer(tables, to_duckdb(written), written=written)
    assert "lower(DOUBLE)" in str(refusal.value)
    assert "athena_" not in str(refusal.value)


def test_the_macros_are_a_file_of_the_package():
    assert "athena_sql" in (Path(__file__).parents[2] / "setup.py").read_text(encoding="utf-8")
