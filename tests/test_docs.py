"""What the documentation says is true: links lead somewhere, examples run, options and codes exist."""

import dataclasses
import json
import os
import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from dicom_udf.answers.engines import answer_query
from dicom_udf.answers.local import run_query
from dicom_udf.columns import instances_table
from dicom_udf.columns.schema import hive_type
from dicom_udf.columns.views import DUCKDB, make_views
from dicom_udf.config import LakeLocation, QueryConfig, parse_command
from dicom_udf.config.arguments import PLATFORM_ARGUMENTS
from dicom_udf.errors import ConfigurationError, FailureCode
from tests.each import for_each

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    page
    for page in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in {"lake", "build", "dist"} for part in page.relative_to(ROOT).parts)
)
README = ROOT / "README.md"
COMMANDS = (
    "ingest", "query", "show", "scan", "status", "failures", "columns", "verify", "maintain", "promote", "manifest",
    "fetch",
)  # fmt: skip


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def relative_links(page: Path) -> list[str]:
    links = re.findall(r"\]\(([^)\s]+)\)", prose(page))
    return [link for link in links if not re.match(r"[a-z]+:", link)]


LINKS = [(page, link) for page in PAGES for link in relative_links(page)]


@for_each(LINKS, name=lambda case: f"{name(case[0])}->{case[1]}")
def test_a_relative_link_leads_to_a_page_and_its_heading(case: tuple[Path, str]) -> None:
    page, link = case
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    assert target.exists(), f"{name(page)} links to {link}"
    if anchor:
        assert anchor in anchors(target)


def test_every_page_of_docs_is_reachable_from_the_index() -> None:
    seen, queue = set(), [ROOT / "docs" / "README.md"]
    while queue:
        page = queue.pop()
        if page not in seen and page.suffix == ".md":
            seen.add(page)
            queue += [(page.parent / link.partition("#")[0]).resolve() for link in relative_links(page)]
    assert {page for page in PAGES if (ROOT / "docs") in page.parents} <= seen


PYTHON = [(page, number) for page in PAGES for number in range(len(blocks(page, "python")))]


@pytest.mark.parametrize(("page", "number"), PYTHON, ids=[f"{name(page)}[{number}]" for page, number in PYTHON])
def test_a_python_example_runs(page: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run from the root of the repository; ``x  # -> value`` is checked."""
    monkeypatch.chdir(ROOT)
    code = re.sub(
        r"^(\S.*?)  # -> (.+)$", r"assert (\1) == (\2), (\1)", blocks(page, "python")[number], flags=re.MULTILINE
    )
    exec(compile(code, f"{name(page)}[{number}]", "exec"), {})


def shell_commands(page: Path) -> list[str]:
    """The ``dicom-lake`` command lines in a page's shell blocks, continuation lines joined."""
    text = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    lines = [re.sub(r" > [\w.]+$", "", line) for line in text.splitlines() if re.match(r"^(\S*/)?dicom-lake ", line)]
    return [line[line.index("dicom-lake") :] for line in lines]


SHELL = [(page, line) for page in PAGES for line in shell_commands(page)]


@pytest.mark.parametrize(("page", "line"), SHELL, ids=[f"{name(page)}: {line}" for page, line in SHELL])
def test_a_command_line_is_one_that_the_parser_takes(page: Path, line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(line, comments=True)[1:]
    for variable, value in re.findall(r"^export (DICOM_LAKE\w*)=(\S+)$", "\n".join(blocks(page, "sh")), re.MULTILINE):
        monkeypatch.setenv(variable, value)
    try:
        parse_command(words)
    except ConfigurationError as error:
        pytest.fail(f"{name(page)}: {error}")


def known_options(capsys: pytest.CaptureFixture[str]) -> set[str]:
    options = set()
    for command in ([], *([name] for name in COMMANDS)):
        with pytest.raises(SystemExit):
            parse_command([*command, "--help"])
        options |= set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out))
    return options | {"--source", "--attributes"}  # positional for people, options for the jobs


NOT_OURS = {
    "--name", "--packages", "--jars", "--py-files", "--no-deps", "--wheel-dir", "--master", "--arguments", "--no-index",
    "--deploy-mode",
} | PLATFORM_ARGUMENTS  # fmt: skip
"""Options of other programs that the pages name."""


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_an_option_that_a_page_names_exists(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = set(re.findall(r"`(?:[^`\n]* )?(--[a-z][a-z-]+)", prose(page)))
    assert named - NOT_OURS <= known_options(capsys)


@pytest.mark.parametrize("code", FailureCode, ids=str)
def test_the_readme_explains_every_failure_code_with_its_severity(code: FailureCode) -> None:
    row = re.search(rf"^\| `{code}` \|(.*)\|$", README.read_text(encoding="utf-8"), re.MULTILINE)
    assert row is not None
    assert row.group(1).split("|")[0].strip() == code.severity
    assert ("tried again" in row.group(1)) == code.is_curable


ROOMS = "dicom_udf|glue_jobs|release|tests|docs|benchmarks|sample_dcm|queries|terraform"
PATHS = sorted({path for page in PAGES for path in re.findall(rf"`((?:{ROOMS})/[\w./-]*)`", prose(page))})


@pytest.mark.parametrize("path", PATHS)
def test_a_path_that_a_page_names_exists(path: str) -> None:
    assert (ROOT / path).exists()


def test_the_page_beside_idc_names_columns_of_the_lake_as_they_are() -> None:
    text = (ROOT / "docs/reference/idc_comparison.md").read_text(encoding="utf-8")
    columns = {view.name: {field.name for field in view.fields} for view in make_views(DUCKDB)}
    columns["instances"] = {field.name for field in instances_table().fields}
    named = re.findall(r"`(\w+)\.(\w+)`", text)
    assert len(named) > 100
    assert [f"{view}.{column}" for view, column in named if column not in columns[view]] == []


def test_every_make_target_that_a_page_names_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"`make ([a-z][a-z0-9-]*)`", prose(page))}
    assert named <= targets


def test_no_page_names_a_machine_of_its_makers() -> None:
    home = re.compile(r"/(?:work|tmp|home|root|Users)/\w")
    assert [name(page) for page in PAGES if home.search(page.read_text(encoding="utf-8"))] == []
    assert os.sep == "/"


SQL = [(page, number) for page in PAGES for number in range(len(blocks(page, "sql")))]
ASKED = [
    (page, parse_command(shlex.split(line, comments=True)[1:]))
    for page, line in SHELL
    if line.startswith("dicom-lake query")
]
# The others are Athena's to answer, or in a file of the reader's own.
QUERIES = [(page, query) for page, query in ASKED if query.catalog == "hadoop" and query.file is None]


@pytest.mark.spark
@pytest.mark.parametrize(("page", "number"), SQL, ids=[f"{name(page)}[{number}]" for page, number in SQL])
def test_a_sql_example_has_an_answer(sample_lake: Path, page: Path, number: int) -> None:
    answer = run_query(blocks(page, "sql")[number], LakeLocation(str(sample_lake)))
    list(answer.rows)
    assert answer.columns


@pytest.mark.spark
@pytest.mark.parametrize(("page", "query"), QUERIES, ids=[f"{name(page)}: {query.sql}" for page, query in QUERIES])
def test_a_query_on_a_command_line_has_an_answer(sample_lake: Path, page: Path, query: QueryConfig) -> None:
    file = re.fullmatch(r"\$\(cat (\S+)\)", query.sql)  # the shell puts its text here
    sql = (ROOT / file[1]).read_text(encoding="utf-8") if file else query.sql
    assert list(answer_query(dataclasses.replace(query, sql=sql, lake=str(sample_lake))).rows)


def shown(value: object) -> str:
    """A value as the README writes it."""
    if isinstance(value, str | date):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def readme_row() -> list[tuple[str, str, str]]:
    """Column, type and value of the row that the README shows."""
    text = README.read_text(encoding="utf-8").partition("## The table")[2].partition("[All columns]")[0]
    return re.findall(r"^\| `(\w+)` \| (\w.*?) \| (.*?) \|$", text, re.MULTILINE)


def test_the_readme_names_types_and_number_of_columns_as_they_are() -> None:
    types = {field.name: hive_type(field.type) for field in instances_table().fields}
    assert f"Of its {len(types)} columns" in README.read_text(encoding="utf-8")
    assert {column: type_ for column, type_, _ in readme_row()}.items() <= types.items()


@pytest.mark.spark
def test_the_row_in_the_readme_is_a_row_of_the_lake(sample_lake: Path) -> None:
    row = {column: value for column, _, value in readme_row()}
    row["source_uri"] = row["source_uri"].replace("...", str(ROOT))
    answer = run_query(
        f"SELECT {', '.join(row)} FROM instances WHERE source_uri = '{row['source_uri']}'",
        LakeLocation(str(sample_lake)),
    )
    (values,) = answer.rows
    found = {column: shown(value) for column, value in zip(answer.columns, values, strict=True)}
    assert found | {"header": found["header"][: len(row["header"])]} == row
