"""The command dicom-lake as people and schedulers see it: words in, output, exit status."""

from __future__ import annotations

import csv
import io
import json
import logging
import os
import pty
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

import dicom_udf
from dicom_udf import cli
from dicom_udf.config import LakeLocation, parse_command
from dicom_udf.errors import FailureCode, RunFailedError
from dicom_udf.lake.layout import VIEWS, table_names
from dicom_udf.lake.session import lake_session
from tests.local_lake import files, make_lake

ROOT = Path(__file__).parents[1]
COMMAND = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    folder = tmp_path_factory.mktemp("lake")
    make_lake(lake_session(LakeLocation(str(folder))))
    return folder


# --- Without a lake


def test_a_bare_command_prints_the_first_three_commands(dicom_lake):
    status, out, err = dicom_lake()
    commands = [line.strip() for line in out.splitlines() if line.startswith("  dicom-lake")]
    assert (status, err, len(commands)) == (0, "", 3)
    assert commands[0] == "dicom-lake ingest ./sample_dcm --lake ./lake"
    for command in commands:
        assert f"  {command}\n" in dicom_lake("--help")[1]
        parse_command(shlex.split(command)[1:])
    assert "'dicom-lake --help' lists all commands" in " ".join(out.split())


def test_the_version_is_that_of_the_package(dicom_lake):
    assert dicom_lake("--version") == (0, f"dicom-lake {dicom_udf.__version__}\n", "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["ingets"], "argument COMMAND: invalid choice: 'ingets'"),
        (["status"], "the following arguments are required: --lake"),
        (["status", "--lake", "{tmp}/missing"], "there is no lake at {tmp}/missing"),
        (["status", "--lake", "{tmp}"], "{tmp} is not a lake"),
        (["query", "SELECT 1", "--lake", "{tmp}"], "{tmp} is not a lake"),
        (["query", "SELECT 1", "--lake", "s3://bucket/l"], "a lake in S3 needs AWS Glue to keep its tables"),
        (["failures", "--lake", "{tmp}", "--code", "BAD"], "argument --code: must be one of NOT_DICOM, DICOMDIR"),
        (["columns", "--lake", "{tmp}"], "{tmp} is not a lake"),
        (["ingest", "{tmp}/missing", "--lake", "{tmp}/lake"], "the source {tmp}/missing doesn't exist"),
        (["ingest", "{tmp}", "--lake", "s3://bucket/l"], "a lake in S3 needs AWS Glue to keep its tables"),
        (["ingest", "s3://b/k", "--lake", "{tmp}/lake"], "argument SOURCE: has no bucket; write s3://bucket/prefix"),
    ],
)
def test_a_bad_argument_is_one_line_and_status_2_and_nothing_is_written(dicom_lake, tmp_path, words, sentence):
    (tmp_path / "file").touch()
    status, out, err = dicom_lake(*(word.format(tmp=tmp_path) for word in words))
    assert (status, out) == (2, "")
    assert err.startswith(f"dicom-lake: error: {sentence.format(tmp=tmp_path)}")
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "file"]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (RunFailedError("the lease is held"), 1, "the lease is held"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("Query interrupted"), 130, "interrupted"),  # Ctrl-C while DuckDB works
        (OSError(28, "No space left on device", "/lake"), 1, "[Errno 28] No space left on device: '/lake'"),
        (ValueError("bad name Doe^Jane"), 1, "failed with ValueError; --log-level DEBUG prints the traceback"),
    ],
)
def test_a_failed_run_is_one_line_without_values(dicom_lake, monkeypatch, error, status, message):
    def fail(config):
        raise error

    monkeypatch.setattr(cli, "run_command", fail)
    assert dicom_lake("status", "--lake", "/l") == (status, "", f"dicom-lake: error: {message}\n")


def test_an_interrupted_writer_says_that_the_next_run_goes_on(capsys, monkeypatch, tmp_path):
    def interrupt(config):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "run_command", interrupt)
    assert cli.ingest_job(["--source", str(tmp_path), "--lake", str(tmp_path / "lake")]) == 130
    assert "interrupted; the next run goes on where this one stopped" in capsys.readouterr().err


def test_debug_adds_the_traceback(dicom_lake, monkeypatch):
    def fail(config):
        raise RunFailedError("the lease is held")

    monkeypatch.setattr(cli, "run_command", fail)
    logging.getLogger().handlers[:] = []
    status, _, err = dicom_lake("status", "--lake", "/l", "--log-level", "DEBUG")
    assert status == 1
    assert "Traceback (most recent call last)" in err
    assert err.endswith("dicom-lake: error: the lease is held\n")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_stdout_escapes_what_its_encoding_can_not_show(tmp_path, encoding):
    source = os.fsencode(tmp_path) + b"/\xe9"
    code = "import sys; from dicom_udf import cli; cli.run_command = lambda it: print(it.source); sys.exit(cli.main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "ingest", source, "--lake", str(tmp_path / "lake")],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, os.fsencode(tmp_path) + b"/\\udce9\n", b"")


BROKEN_LAKE = """
import sys
from dicom_udf import cli
from dicom_udf.answers import inspection
from dicom_udf.columns.invariants import INVARIANTS, InvariantResult
broken = InvariantResult(INVARIANTS[0], 2, 1, ("file:///a",))
inspection.verify_lake = lambda place: inspection.Verification((broken,), ())
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.mark.parametrize(
    ("command", "status", "reported"),
    [
        ([], 0, ""),
        (["--help"], 0, ""),
        (["columns"], 0, ""),
        (["queries"], 0, ""),
        (["queries", "ct_dose"], 0, ""),
        (["verify", "--lake", "/"], 1, "dicom-lake: error: 1 of 1 invariants don't hold\n"),
    ],
)
def test_a_reader_that_is_gone_changes_no_exit_status(command, status, reported):
    read, write = os.pipe()
    os.close(read)
    words = [sys.executable, "-c", BROKEN_LAKE, *command]
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, cwd=ROOT, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (status, reported)


@pytest.mark.parametrize(
    ("command", "status"),
    [("columns --search kvp >&-", 0), ("columns >&- 2>&-", 0), ("status --lake /dev/null 2>&-", 2)],
)
def test_closed_streams_change_no_exit_status(command, status):
    words = " ".join(f"'{word}'" for word in COMMAND)
    done = subprocess.run(["bash", "-c", f"{words} {command}"], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_the_help_needs_neither_spark_nor_duckdb_nor_pydicom():
    heavy = "{'pyspark', 'duckdb', 'pydicom', 'pyarrow', 'obstore', 'numpy'}"
    code = f"import sys; from dicom_udf.cli import main; main([]); print({heavy} & set(sys.modules), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.startswith("dicom-lake reads DICOM headers")
    assert done.stderr == "set()\n"


# --- On a lake


@pytest.mark.spark
def test_a_query_is_answered_as_a_table(dicom_lake, lake):
    sql = "SELECT modality, count(*) AS n FROM instances GROUP BY 1 ORDER BY 1"
    assert dicom_lake("query", sql, "--lake", lake) == (
        0,
        "modality  n\n--------  -\nCT        2\nMR        1\n          1\n",
        "",
    )


@pytest.mark.spark
def test_a_saved_query_is_answered_by_its_name_and_as_an_edited_file(dicom_lake, lake, tmp_path, monkeypatch):
    monkeypatch.setenv("DICOM_LAKE", str(lake))
    status, out, err = dicom_lake("query", "@failures_by_prefix", "--format", "json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (0, "")
    assert [(row["code"], row["files"]) for row in rows] == [("TRUNCATED", 2), ("NOT_DICOM", 1)]
    copy = tmp_path / "mine.sql"
    copy.write_text(dicom_lake("queries", "failures_by_prefix")[1], encoding="utf-8")
    assert dicom_lake("query", "--file", copy, "--format", "json") == (status, out, err)
    assert len(list(dicom_udf.query("@failures_by_prefix", lake=lake).rows)) == len(rows)
    (tmp_path / "dicom-lake.toml").write_text("[query]\ndialect = 'duckdb'\nformat = 'json'\n")
    monkeypatch.setenv("DICOM_LAKE_CONFIG", str(tmp_path / "dicom-lake.toml"))
    assert dicom_lake("query", "@failures_by_prefix") == (status, out, err)  # its dialect is its own


def test_a_line_of_a_dictionary_that_cannot_be_used_is_reported(dicom_lake, tmp_path):
    (tmp_path / "body_part.tsv").write_text("written\tbody_part\tcode\tconfidence\nknee\n", encoding="utf-8")
    status, out, err = dicom_lake("query", "SELECT 1", "--lake", tmp_path, "--dictionary", tmp_path)
    assert (status, out) == (2, "")
    assert "body_part.tsv, line 2: it has 1 values, but must have 4" in err


@pytest.mark.spark
@pytest.mark.parametrize(
    ("period", "counts"),
    [
        ([], "CT,2\nMR,1\n"),
        (["--since", "2020-01-02"], "CT,1\n"),
        (["--until", "2020-01-01"], "CT,1\nMR,1\n"),
        (["--since", "2020-01-01", "--until", "2021-05-05"], "CT,2\nMR,1\n"),
        (["--since", "2020-01-02", "--until", "2021-05-04"], ""),
    ],
)
def test_both_dates_of_a_period_are_included(dicom_lake, lake, tmp_path, period, counts):
    file = tmp_path / "mine.sql"
    file.write_text(
        "SELECT modality, count(*) AS n FROM instances WHERE modality IS NOT NULL\n"
        "  AND study_date BETWEEN DATE '1900-01-01' AND DATE '2100-12-31' -- the period\n"
        "GROUP BY 1 ORDER BY 1\n"
    )
    status, out, err = dicom_lake("query", "--file", file, "--lake", lake, "--format", "csv", *period)
    assert (status, out.replace("\r", ""), err) == (0, f"modality,n\n{counts}", "")


@pytest.mark.spark
def test_a_query_is_answered_as_csv_and_json(dicom_lake, lake):
    sql = "SELECT patient_name, study_date FROM instances WHERE modality = 'MR'"
    assert dicom_lake("query", sql, "--lake", lake, "--format", "csv")[1] == (
        "patient_name,study_date\r\n山田^太郎,2020-01-01\r\n"
    )
    assert json.loads(dicom_lake("query", sql, "--lake", lake, "--format", "json")[1]) == {
        "patient_name": "山田^太郎",
        "study_date": "2020-01-01",
    }


@pytest.mark.spark
@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT * FROM images", "DROP VIEW instances"])
def test_bad_sql_is_a_bad_argument(dicom_lake, lake, sql):
    before = files(lake)
    status, out, err = dicom_lake("query", sql, "--lake", lake)
    assert (status, out) == (2, "")
    assert err.startswith("dicom-lake: error: ")
    assert "Traceback" not in err
    assert files(lake) == before


@pytest.mark.spark
def test_a_query_that_fails_on_the_data_is_a_failed_run(dicom_lake, lake):
    status, _, err = dicom_lake("query", "SELECT patient_name::INTEGER FROM instances", "--lake", lake)
    assert status == 1
    assert "Doe" not in err


@pytest.mark.spark
def test_status_tells_what_the_lake_holds(dicom_lake, lake):
    status, out, err = dicom_lake("status", "--lake", lake)
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"lake {lake}, database dicom"
    assert lines[1:6] == [
        "instances      4  studies of 2020-01-01 to 2021-05-05, 1 without a date",
        "objects        5  2 failed, 3 ingested",
        "failures       3  1 skipped, 2 faults",
        "  TRUNCATED    2  fault",
        "  NOT_DICOM    1  skipped",
    ]
    assert lines[6].startswith("on disk         ")
    assert lines[7] == "last run          run_2 at 2026-01-03 00:00:00 UTC"
    assert lines[8].startswith("to upgrade ")  # the fixture's tables have few columns


@pytest.mark.spark
def test_status_tells_the_same_to_programs(dicom_lake, lake):
    reported = json.loads(dicom_lake("status", "--lake", lake, "--format", "json")[1])
    size = reported.pop("bytes_on_disk")
    assert "segments" in reported.pop("columns_to_fill")  # the fixture's tables have few columns
    assert size == sum(map(len, files(lake / "dicom").values()))
    assert reported == {
        "instances": 4,
        "first_study_date": "2020-01-01",
        "last_study_date": "2021-05-05",
        "instances_without_study_date": 1,
        "objects": {"failed": 2, "ingested": 3},
        "failures": {"NOT_DICOM": 1, "TRUNCATED": 2},
        "last_run_id": "run_2",
        "last_run_time": "2026-01-03T00:00:00",
    }


@pytest.mark.spark
def test_faults_are_listed_before_what_was_skipped(dicom_lake, lake):
    status, out, err = dicom_lake("failures", "--lake", lake)
    assert (status, err) == (0, "")
    assert out.splitlines()[2:] == [
        "fault     TRUNCATED  file:///s/a.zip      z.dcm          ends at byte 9",
        "fault     TRUNCATED  file:///s/b.zip      x!y.dcm        ends at byte 12",
        "skipped   NOT_DICOM  file:///s/notes.txt                 no DICOM file",
    ]


@pytest.mark.spark
def test_failures_are_chosen_by_code_and_limited(dicom_lake, lake):
    status, out, err = dicom_lake("failures", "--lake", lake, "--code", "truncated", "--limit", 1, "--format", "csv")
    assert status == 0
    assert [row[2] for row in csv.reader(io.StringIO(out, newline=""))] == ["source_uri", "file:///s/a.zip"]
    assert err == "1 of 2 failures; --limit 0 lists all\n"
    assert len(dicom_lake("failures", "--lake", lake, "--limit", 0)[1].splitlines()) == 5


@pytest.mark.spark
@pytest.mark.parametrize("code", list(FailureCode))
def test_failures_of_every_code_can_be_asked_for(dicom_lake, lake, code):
    assert dicom_lake("failures", "--lake", lake, "--code", code)[0] == 0


@pytest.mark.spark
def test_a_reader_that_stops_early_is_no_error(lake):
    sql = "SELECT * FROM range(1000000)"
    command = " ".join(f"'{word}'" for word in [*COMMAND, "query", sql, "--lake", str(lake)])
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command} | head -n 3"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "range\n-----\n    0\n", "")


@pytest.mark.spark
def test_a_terminal_gets_rows_that_fit(lake):
    """A real terminal of 60 columns: many columns become blocks, and no line wraps."""
    controller, terminal = pty.openpty()
    words = ["query", "SELECT * FROM instances WHERE modality = 'MR'", "--lake", str(lake)]
    with os.fdopen(controller, "rb", buffering=0) as screen:
        done = subprocess.run(
            [*COMMAND, *words], stdout=terminal, env={**os.environ, "COLUMNS": "60"}, cwd=ROOT, check=True
        )
        os.close(terminal)
        shown = screen.read(1 << 16).decode()
    assert done.returncode == 0
    lines = shown.splitlines()
    assert lines[0] == "-- row 1 " + "-" * 51
    assert "modality                MR" in lines
    assert max(map(len, lines)) <= 60


@pytest.mark.spark
def test_a_terminal_gets_the_first_columns_of_many_rows_and_the_way_to_the_rest(lake):
    controller, terminal = pty.openpty()
    words = ["query", "SELECT i.*, j.* FROM instances i, instances j", "--lake", str(lake)]
    with os.fdopen(controller, "rb", buffering=0) as screen:
        done = subprocess.run(
            [*COMMAND, *words],
            stdout=terminal,
            stderr=subprocess.PIPE,
            env={**os.environ, "COLUMNS": "40"},
            cwd=ROOT,
            check=True,
        )
        os.close(terminal)
        shown = screen.read(1 << 16).decode()
    lines = shown.splitlines()
    assert lines[0].split() == ["study_date", "study_date_is_default"]
    assert len(lines) == 2 + 16
    assert max(map(len, lines)) <= 40
    assert done.stderr == (b"2 of 24 columns fit; name the columns that you need, or --format csv or json writes all\n")


# --- From a folder to an answer


@pytest.mark.spark
def test_a_folder_becomes_a_lake_that_answers(dicom_lake, spark, tmp_path):
    source, folder, report = tmp_path / "source", tmp_path / "lake", tmp_path / "report.json"
    source.mkdir()
    shutil.copy(get_testdata_file("CT_small.dcm"), source)
    (source / "notes.txt").write_text("no image", encoding="utf-8")
    status, out, _ = dicom_lake("ingest", source, "--lake", folder, "--report", report, "--run-id", "first")
    reported = json.loads(report.read_text(encoding="utf-8"))
    assert status == 0
    assert out.startswith("run first\n")
    assert (reported["run_id"], reported["instances"], reported["failures"]) == ("first", 1, {"NOT_DICOM": 1})
    sql = "SELECT modality, study_date, source_uri FROM instances"
    answer = dicom_lake("query", sql, "--lake", folder, "--format", "csv")[1]
    assert answer == f"modality,study_date,source_uri\r\nCT,2004-01-19,file://{source}/CT_small.dcm\r\n"
    held = json.loads(dicom_lake("status", "--lake", folder, "--format", "json")[1])
    assert held["failures"] == reported["failures"]
    assert held["last_run_id"] == "first"


@pytest.mark.spark
def test_too_many_faults_fail_the_run_and_keep_the_rows(dicom_lake, spark, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "empty.dcm").touch()
    status, out, err = dicom_lake("ingest", source, "--lake", tmp_path / "lake", "--max-fault-ratio", "0.5")
    assert status == 1
    assert "EMPTY_OBJECT  1  fault" in out, "the report is printed all the same"
    assert "1 of 1 files are faults, more than --max-fault-ratio 0.5 allows" in err.splitlines()[-1]
    assert "EMPTY_OBJECT" in dicom_lake("failures", "--lake", tmp_path / "lake")[1]


# --- The columns


def test_columns_are_found_by_a_word(dicom_lake):
    status, out, err = dicom_lake("columns", "--search", "SliceThickness")
    assert (status, err) == (0, "")
    line, of_view = out.splitlines()
    assert of_view.startswith("series_geometry.slice_gap ")
    assert re.match(r"slice_thickness +double +\(0018,0050\) SliceThickness, DS, mm\. ", line)


@pytest.mark.parametrize("word", ["0018,0050", "slice_thick", "SLICETHICKNESS"])
def test_a_column_is_found_by_name_tag_and_keyword(dicom_lake, word):
    assert "slice_thickness " in dicom_lake("columns", "--search", word)[1]


@pytest.mark.parametrize("word", ["0008,1115", "3006,0014", "0040,a375"])
def test_a_column_is_found_by_each_of_its_places(dicom_lake, word):
    assert "referenced_series_instance_uid " in dicom_lake("columns", "--search", word)[1]


def test_every_column_is_listed_once_with_a_meaning(dicom_lake):
    from dicom_udf.columns import instances_table

    rows = [json.loads(line) for line in dicom_lake("columns", "--format", "json")[1].splitlines()]
    assert [row["column"] for row in rows] == [field.name for field in instances_table().fields]
    assert all(row["type"] and row["description"] for row in rows)
    assert len(dicom_lake("columns")[1].splitlines()) == len(rows)


def test_columns_of_views_and_tables_are_found_and_those_of_instances_listed_once(dicom_lake):
    rows = [json.loads(line) for line in dicom_lake("columns", "--search", "u", "--format", "json")[1].splitlines()]
    assert {row["table"] for row in rows} == {*table_names(), *VIEWS} - {"unique_instances"}
    assert len({(row["table"], row["column"]) for row in rows}) == len(rows)
    reported = dicom_lake("columns", "--search", "PatientID")[1]
    assert [line.split()[0] for line in reported.splitlines()].count("patient_id") == 1
    assert "series.patient_id" not in reported
    assert "objects.ingest_retry " in dicom_lake("columns", "--search", "tries it again")[1]


def test_a_table_or_view_has_all_its_columns(dicom_lake):
    lines = dicom_lake("columns", "--table", "series", "--search", "thickness")[1].splitlines()
    assert [line.split()[0] for line in lines] == ["series.slice_thickness_min", "series.slice_thickness_max"]
    assert "series.patient_id " in dicom_lake("columns", "--table", "series")[1]
    status, _, err = dicom_lake("columns", "--table", "slide")
    assert status == 2
    assert "--table slide is not a table or view, did you mean slides?; they are instances, failures, objects, " in err


def test_a_search_that_finds_nothing_names_near_columns(dicom_lake):
    assert dicom_lake("columns", "--search", "slicethickness_") == (
        0,
        "",
        "no column has slicethickness_ in its name, tag, keyword or description; near it: "
        "slice_thickness, slice_thickness_min, slice_thickness_max\n",
    )
    assert dicom_lake("columns", "--search", "qqqqqq", "--table", "series")[2] == (
        "no column of series has qqqqqq in its name, tag, keyword or description\n"
    )


@pytest.mark.spark
def test_columns_of_a_lake_tell_how_many_rows_have_a_value(dicom_lake, lake):
    rows = [json.loads(line) for line in dicom_lake("columns", "--lake", lake, "--format", "json")[1].splitlines()]
    values = {row["column"]: row["values"] for row in rows}
    assert (values["modality"], values["source_uri"], values["source_member"]) == (3, 4, 0)
    assert values["slice_thickness"] is None, "this lake doesn't have the column"
    reported = dicom_lake("columns", "--lake", lake)[1]
    assert re.search(r"^modality +string +3 values  \(0008,0060\) Modality, CS\. ", reported, re.MULTILINE)


def test_columns_name_first_items_and_leave_out_the_fields_of_structs(dicom_lake):
    status, out, _ = dicom_lake("columns", "--search", "segment")
    assert status == 0
    lines = {line.split()[0]: line for line in out.splitlines() if not line.startswith(" ")}
    assert "array<struct> " in lines["segments"]
    assert "label:string" not in out
    assert "First of N: Label" in lines["segment_label"]
