"""Saved queries by name: found, listed, printed, and read for a period."""

from __future__ import annotations

import io
import os
import pty
import re
import runpy
import subprocess
import sys
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf import cli
from dicom_udf.answers.saved import list_queries, query_text, read_statement, to_text
from dicom_udf.config import QueriesConfig, QueryConfig
from dicom_udf.config import saved_queries as module
from dicom_udf.config.saved_queries import find_saved_query, query_names, read_saved_queries, set_period
from dicom_udf.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "queries").glob("*.sql"))
PERIOD = "study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period: replace both dates"


def query(**settings) -> QueryConfig:
    return QueryConfig(lake="/lake", **settings)


def test_each_file_is_a_saved_query_with_its_title_and_sentence():
    assert query_names() == tuple(path.stem for path in FILES)
    for path, saved in zip(FILES, read_saved_queries(), strict=True):
        assert saved.sql == path.read_text(encoding="utf-8")
        assert saved.sql.startswith(f"-- {saved.title}\n-- {saved.description}\n")


def test_the_wheel_takes_each_file(monkeypatch):
    settings = {}
    setuptools = SimpleNamespace(setup=lambda **passed: settings.update(passed), find_packages=lambda include: include)
    monkeypatch.setitem(sys.modules, "setuptools", setuptools)
    runpy.run_path(str(ROOT / "setup.py"))
    folder = ROOT / "dicom_udf"
    taken = {path.name for pattern in settings["package_data"]["dicom_udf"] for path in folder.glob(pattern)}
    assert {path.name for path in FILES} <= taken


@pytest.mark.parametrize("name", ["@ct_dose", "ct_dose", " @CT_Dose\n"])
def test_a_name_stands_for_its_text(name):
    assert find_saved_query(name.strip()).sql == (ROOT / "queries" / "ct_dose.sql").read_text(encoding="utf-8")


def test_a_statement_is_the_argument_the_saved_query_or_the_file(tmp_path, monkeypatch):
    file = tmp_path / "mine.sql"
    file.write_text("\N{BYTE ORDER MARK}SELECT 'é'\n", encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"SELECT 2")))
    assert read_statement(query(sql="SELECT 1")) == "SELECT 1"
    assert read_statement(query(sql=" @ct_dose")) == "-- dialect: athena\n" + find_saved_query("ct_dose").sql
    assert read_statement(query(file=str(file))) == "SELECT 'é'\n"
    assert read_statement(query(file="-")) == "SELECT 2"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "can't be read: No such file or directory"),
        (b"", "is empty; it must contain one statement"),
        (b" \n", "is empty"),
        (b"SELECT '\xe9'", "isn't text in UTF-8"),
        (b"x" * ((1 << 20) + 1), "is larger than 1 MiB, so it isn't one statement"),
    ],
)
def test_a_file_that_is_not_a_statement_is_refused(tmp_path, content, sentence):
    file = tmp_path / "mine.sql"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigurationError) as error:
        read_statement(query(file=str(file)))
    assert str(error.value).startswith(f"--file {file} {sentence}")


@pytest.mark.parametrize("settings", [{}, {"sql": "SELECT 1", "file": "/mine.sql"}])
def test_a_query_has_one_statement(settings):
    with pytest.raises(ConfigurationError, match="a query needs one of SQL, @NAME and --file FILE"):
        read_statement(query(**settings))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("@ct_doze", "no saved query has the name @ct_doze, did you mean @ct_dose or @pet_dose?"),
        ("@", "no saved query has the name @; 'dicom-lake queries' lists all"),
        ("@../setup", "no saved query has the name @../setup; "),
        ("@ct_dose.sql", "did you mean @ct_dose"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_ones(capsys, name, sentence):
    assert cli.main(["query", name, "--lake", "/nowhere"]) == 2
    assert sentence in capsys.readouterr().err


def test_an_installation_without_queries_has_a_remedy(monkeypatch, tmp_path):
    (tmp_path / "queries").write_text("../queries")
    monkeypatch.setattr(module, "files", lambda package: tmp_path)
    with pytest.raises(ConfigurationError, match="has no saved queries; install dicom-lake from a wheel"):
        query_names()


# --- The period


@pytest.mark.parametrize("saved", read_saved_queries(), ids=lambda saved: saved.name)
def test_a_period_is_set_in_each_query_that_has_one(saved):
    if PERIOD not in saved.sql:
        assert saved.parameters is None
        with pytest.raises(ConfigurationError, match="--since and --until need a query with a period"):
            set_period(saved.sql, date(2024, 1, 1), None)
        return
    assert saved.parameters == "--since 1900-01-01 --until 2100-12-31"
    expected = PERIOD.replace("1900-01-01", "2024-01-01").replace("2100-12-31", "2024-12-31")
    text = read_statement(query(sql=f"@{saved.name}", since=date(2024, 1, 1), until=date(2024, 12, 31)))
    assert text == "-- dialect: athena\n" + saved.sql.replace(PERIOD, expected)


@given(st.dates(), st.dates())
def test_any_two_dates_in_order_become_the_period(one, other):
    since, until = sorted((one, other))
    text = set_period(f"WHERE {PERIOD}\n", since, until)
    assert re.findall(r"DATE '([^']+)'", text) == [since.isoformat(), until.isoformat()]
    assert set_period(text, since, until) == text
    assert set_period(text, None, None) == text


def test_each_date_of_a_period_can_be_set_alone():
    assert "'2024-02-29' AND DATE '2100-12-31'" in set_period(PERIOD, "2024-02-29", None)
    assert "'1900-01-01' AND DATE '2024-02-29'" in set_period(PERIOD, None, "2024-02-29")


@pytest.mark.parametrize(
    ("since", "until", "sentence"),
    [
        ("2024-12-31", "2024-01-01", "--since 2024-12-31 is after --until 2024-01-01; exchange them"),
        ("2024-13-01", None, "--since must be a date like 2024-12-31"),
        (None, "' OR 1=1 --", "--until must be a date like 2024-12-31"),
    ],
)
def test_a_period_that_cannot_be_used_is_refused(since, until, sentence):
    with pytest.raises(ConfigurationError) as error:
        set_period(PERIOD, since, until)
    assert str(error.value) == sentence


@pytest.mark.parametrize("word", ["2024", "2024-13-01", "20240101", "2024-W01-1", "yesterday", "2024-02-30"])
def test_a_word_that_is_no_date_is_refused_by_its_option(capsys, word):
    assert cli.main(["query", "@segments", "--since", word, "--lake", "/nowhere"]) == 2
    assert "argument --since: must be a date like 2024-12-31" in capsys.readouterr().err


# --- The list


def test_a_terminal_of_40_columns_gets_lines_that_fit():
    controller, terminal = pty.openpty()
    with os.fdopen(controller, "rb", buffering=0) as screen:
        command = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())", "queries"]
        words = [*command, "--search", "ct_dose"]
        done = subprocess.run(words, stdout=terminal, env={**os.environ, "COLUMNS": "40"}, cwd=ROOT, check=True)
        os.close(terminal)
        shown = screen.read(1 << 16).decode()
    assert done.returncode == 0
    assert shown.splitlines()[:2] == ["@ct_dose  CT dose by body part", "    CTDIvol in mGy: median, 90th"]
    assert max(map(len, shown.splitlines())) <= 40


def test_the_list_has_each_query_once_in_each_form(capsys):
    assert cli.main(["queries"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"@{path.stem}" for path in FILES]
    assert cli.main(["queries", "--format", "csv"]) == 0
    head, *rows = capsys.readouterr().out.splitlines()
    assert (head, len(rows)) == ("name,title,description,parameters", len(FILES))


def test_a_word_finds_queries_by_name_title_and_sentence(capsys):
    for word in ("CT_DOSE", "ct dose by body", "ctdivol in MGY: median, 90th"):
        assert [row[0] for row in list_queries(word).rows] == ["ct_dose"]
    assert cli.main(["queries", "--search", "no such thing"]) == 0
    reported = capsys.readouterr()
    assert reported.out == ""
    assert reported.err == "no saved query contains no such thing; 'dicom-lake queries' lists all\n"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_the_list_fits_a_terminal(width):
    text = to_text(list_queries(), width)
    assert max(map(len, text.splitlines())) <= width
    assert " ".join(text.split()).count("--since 1900-01-01 --until 2100-12-31") == sum(
        saved.parameters is not None for saved in read_saved_queries()
    )


def test_a_query_is_printed_as_it_is_to_be_edited(capsys):
    assert cli.main(["queries", "@ct_dose"]) == 0
    text = (ROOT / "queries" / "ct_dose.sql").read_text(encoding="utf-8")
    assert capsys.readouterr().out == "-- dialect: athena\n" + text
    with pytest.raises(ConfigurationError, match="--search and --format are for the list of queries"):
        query_text(QueriesConfig(name="ct_dose", search="dose"))
