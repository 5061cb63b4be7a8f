"""The saved queries as files: what Terraform and Athena take of them."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path

import pytest

from dicom_udf.columns.views import TRINO, make_views
from dicom_udf.lake.layout import VIEWS, table_names
from tests.queries.answers import Run, answers

ROOT = Path(__file__).parents[2]
QUERIES = sorted((ROOT / "queries").glob("*.sql"))
GUIDE = ROOT / "docs" / "how_to" / "athena.md"
FUNCTIONS = {
    "abs", "approx_percentile", "arbitrary", "array_agg", "array_distinct", "array_except", "array_intersect",
    "array_join", "array_position", "array_sort", "atan2", "avg", "cardinality", "cast", "ceil", "coalesce", "contains",
    "count", "count_if", "date_diff", "date_trunc", "degrees", "dense_rank", "element_at", "flatten", "floor",
    "greatest", "json_extract", "json_extract_scalar", "json_format", "json_parse", "lag", "least", "lower",
    "map_keys", "max", "max_by", "min", "min_by", "nullif", "rank", "reduce", "regexp_extract", "regexp_like",
    "regexp_replace", "round", "row_number", "slice", "split", "split_part", "sqrt", "substr", "sum", "transform",
    "translate", "try_cast", "unnest", "upper",
}  # fmt: skip
"""All that the queries and views call; Athena's documentation of engine version 3 lists each."""

PERIOD = "WHERE study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates"

WORDS = {
    "and", "array", "as", "by", "d", "else", "exists", "f", "filter", "from", "in", "join", "map", "not", "on", "or",
    "over", "s", "select", "t", "then", "values", "when", "where", "with",
}  # fmt: skip
"""Words before a bracket that are no functions: of the language, and names of unnested rows."""


def calls(sql: str) -> set[str]:
    without_text = re.sub(r"'[^']*'|\"[^\"]*\"|--[^\n]*", "", sql)
    return {name.lower() for name in re.findall(r"\b([A-Za-z_]\w*)\s*\(", without_text)} - WORDS


@pytest.fixture(params=QUERIES, ids=lambda path: path.stem)
def query(request) -> str:
    return request.param.read_text(encoding="utf-8")


def test_there_are_enough_and_each_has_an_expected_answer():
    assert len(QUERIES) >= 20
    assert {path.stem for path in QUERIES} == set(answers(Run("run", datetime(2026, 11, 1))))


def test_the_first_two_lines_are_a_title_and_what_it_tells(query):
    title, tells, first, *_ = query.splitlines()
    assert re.fullmatch(r"-- \w.{3,120}", title)
    assert re.fullmatch(r"-- \w.{20,1000}", tells)
    assert not first.startswith("--")


def test_it_is_one_statement_that_reads(query):
    assert ";" not in query
    assert re.match(r"(SELECT|WITH)\b", "\n".join(query.splitlines()[2:]))
    assert len(query) < 10_000
    assert query.endswith("\n")
    assert max(map(len, query.splitlines())) <= 120


def test_it_names_tables_and_views_of_the_lake_without_a_database(query):
    own = set(re.findall(r"(?:WITH|,)\s+(\w+) AS \(", query))
    body = re.sub(r"--[^\n]*|'[^']*'", "", query)
    sources = {name for name in re.findall(r"\b(?:FROM|JOIN)\s+([\w.]+)", body) if name != "UNNEST"}
    assert sources <= {*table_names(), *VIEWS, *own}
    assert sources & {*table_names(), *VIEWS}


def test_it_reads_headers_of_a_period_alone(query):
    """They are most of a lake's bytes, and Athena bills what it scans."""
    body = re.sub(r"--[^\n]*", "", query)
    assert ("header" not in re.findall(r"\w+", body)) or "study_date BETWEEN DATE" in body


def test_a_period_is_one_line_of_literal_dates_that_leaves_none_out(query):
    """Athena reads the partitions between literals alone; those of a subquery it may not."""
    periods = [line.strip() for line in query.splitlines() if "BETWEEN DATE" in line]
    assert periods in ([], [PERIOD])
    assert "DATE '20" not in query


def test_it_calls_only_what_athena_documents(query):
    assert calls(query) <= FUNCTIONS


@pytest.mark.parametrize("view", make_views(TRINO), ids=lambda view: view.name)
def test_a_view_calls_only_what_athena_documents(view):
    assert calls(view.sql) <= FUNCTIONS


def test_titles_differ():
    titles = [path.read_text(encoding="utf-8").splitlines()[0] for path in QUERIES]
    assert len(set(titles)) == len(titles)


def test_the_guide_lists_each_with_what_it_tells(query):
    title, tells = (line.removeprefix("-- ") for line in query.splitlines()[:2])
    assert any(title in row and tells in row for row in GUIDE.read_text(encoding="utf-8").splitlines())
