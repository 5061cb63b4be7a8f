"""SQL of the pages for researchers: each text runs, in DuckDB here and in Trino in ``tests/queries/test_trino.py``."""

import re
from pathlib import Path

import pytest

from dicom_udf.answers.athena_sql import FUNCTIONS as TRANSLATED
from dicom_udf.answers.local import run_query
from dicom_udf.columns.views import DUCKDB, make_views
from dicom_udf.config import LakeLocation
from tests.queries.test_files import FUNCTIONS, QUERIES, calls

ROOT = Path(__file__).parent.parent
COOKBOOK = (ROOT / "docs/how_to/cookbook.md").read_text(encoding="utf-8")
KINDS = (ROOT / "docs/how_to/ask_about.md").read_text(encoding="utf-8")
DIALECTS = (ROOT / "docs/reference/sql_dialects.md").read_text(encoding="utf-8")

RECIPES = {
    title: dict(re.findall(r"^```sql( athena)?\n(.*?)^```", body, re.DOTALL | re.MULTILINE))
    for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^##|\Z)", COOKBOOK, re.DOTALL | re.MULTILINE)
}
"""Texts by title of a recipe; the key is `` athena`` for Athena's own, which not every recipe has."""
QUESTIONS = dict(re.findall(r"^## (.+?)\n.*?^```sql\n(.*?)^```", KINDS, re.DOTALL | re.MULTILINE))
"""Texts by kind of object; each runs in both engines."""
LINES = re.findall(r"^\| [^|]+ \| `(.+?)` \| `(.+?)` \|$", DIALECTS, re.MULTILINE)
IN_ATHENA = [
    *(texts.get(" athena", texts[""]) for texts in RECIPES.values()),
    *QUESTIONS.values(),
    *(line if line.startswith("SELECT") else f"SELECT {line} FROM instances" for _, line in LINES),
]
"""All texts that Athena has to answer."""


@pytest.fixture(scope="module")
def sample(sample_lake: Path) -> LakeLocation:
    return LakeLocation(str(sample_lake))


def test_each_recipe_has_one_text_and_at_most_one_more_for_athena() -> None:
    assert len(RECIPES) >= 15
    for title, texts in RECIPES.items():
        assert "" in texts, title
        assert texts.keys() <= {"", " athena"}, title


@pytest.mark.spark
def test_lines_of_ones_own_come_first_in_the_view_of_kinds(sample: LakeLocation, tmp_path: Path) -> None:
    head = "rule\tkind\tconfidence\tscope\tmodality\tattribute\ttest\tpattern\n"
    line = "ours\tbreast_view\ttext\tevery\tMG\tseries_description\tlike\tCC\n"
    (tmp_path / "series_kind.tsv").write_text(head + line, encoding="utf-8")
    sql = "SELECT DISTINCT body_part, series_kind, series_kind_rule FROM series_normalised WHERE body_part = 'Breast'"
    assert list(run_query(sql, sample).rows) == [("Breast", None, None)]
    assert list(run_query(sql, sample, dictionary=str(tmp_path)).rows) == [("Breast", "breast_view", "ours")]


@pytest.mark.spark
@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_has_rows_on_the_sample(sample: LakeLocation, title: str) -> None:
    assert list(run_query(RECIPES[title][""], sample).rows)


def test_each_kind_of_object_has_one_text() -> None:
    assert list(QUESTIONS) == re.findall(r"^## (.+)$", KINDS, re.MULTILINE)
    assert KINDS.count("```sql") == len(QUESTIONS) == 8


@pytest.mark.spark
@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_question_about_a_kind_has_rows_on_the_sample(sample: LakeLocation, kind: str) -> None:
    assert list(run_query(QUESTIONS[kind], sample).rows)


COLUMNS = {view.name: {field.name for field in view.fields} for view in make_views(DUCKDB)}


@pytest.mark.parametrize(("columns", "views"), re.findall(r"^\| [^|]+\? \| (.+?) \| (.+?) \|$", KINDS, re.MULTILINE))
def test_the_columns_of_a_question_are_in_its_views(columns: str, views: str) -> None:
    of_views = [COLUMNS[view] for view in re.findall(r"`(\w+)`", views)]
    named = set(re.findall(r"`(\w+)`", columns))
    assert of_views
    assert named
    assert named <= set().union(*of_views)


@pytest.mark.spark
@pytest.mark.parametrize("line", [line for line, _ in LINES])
def test_the_local_side_of_a_line_runs(sample: LakeLocation, line: str) -> None:
    sql = line if line.startswith("SELECT") else f"SELECT {line} AS found FROM instances"
    rows = list(run_query(f"SELECT * FROM ({sql}) WHERE COLUMNS(*) IS NOT NULL", sample).rows)
    assert rows, "every row is null"


@pytest.mark.parametrize("sql", IN_ATHENA)
def test_a_text_for_athena_calls_only_what_athena_documents(sql: str) -> None:
    # Documented by Athena too, and in no saved query.
    assert calls(sql) <= FUNCTIONS | {"to_hex", "sha256", "to_utf8"}


@pytest.mark.spark
@pytest.mark.parametrize("sql", IN_ATHENA)
def test_a_text_for_athena_runs_locally(sample: LakeLocation, sql: str) -> None:
    answer = run_query(sql, sample, dialect="athena")
    assert all(len(row) == len(answer.columns) for row in answer.rows)


@pytest.mark.spark
@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_saved_query_runs_locally_as_it_is(sample: LakeLocation, query: Path) -> None:
    answer = run_query(query.read_text(encoding="utf-8"), sample, dialect="athena")
    assert all(len(row) == len(answer.columns) for row in answer.rows)


def test_the_page_lists_the_functions_that_are_translated() -> None:
    assert set(re.findall(r"`(\w+)`", DIALECTS.partition("### Functions")[2].partition("##")[0])) == TRANSLATED


def test_the_cookbook_names_each_saved_query() -> None:
    assert {query.stem for query in QUERIES} == set(re.findall(r"`queries/(\w+)\.sql`", COOKBOOK))
