"""Headers of a source without a lake: the same rows as a lake's, from one process or several."""

import csv
import io
import json
import os
import re
import shutil
import signal
import threading
import time
import zipfile
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydicom.data import get_testdata_file

import dicom_udf
from dicom_udf import scanning, tasks
from dicom_udf.cli import main
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.scan_worker import SCAN_SCHEMA, Worker
from dicom_udf.sources import ObjectRef, S3Access
from dicom_udf.tasks import Item, ReadSettings, Stamp
from tests.sample import EXPECTED
from tests.servers.s3 import moto_s3

SAMPLE = Path("sample_dcm")
CT = Path(get_testdata_file("CT_small.dcm"))


@pytest.fixture
def many(tmp_path):
    """Files that two workers share, as a cost of 100 headers is enough for one."""
    source = tmp_path / "source"
    shutil.copytree(SAMPLE, source)
    with zipfile.ZipFile(source / "many.zip", "w") as archive:
        for number in range(300):
            archive.writestr(f"{number:03}.dcm", CT.read_bytes())
    for number in range(600):
        shutil.copy(CT, source / f"{number:03}.dcm")
    return source


def sorted_rows(table: pa.Table) -> list[dict]:
    return sorted(table.to_pylist(), key=lambda row: (row["source_uri"], row["source_member"] or ""))


def test_a_scan_has_the_rows_of_instances_and_failures():
    table = dicom_udf.scan(SAMPLE).read_all()
    rows = table.to_pylist()
    assert table.schema == SCAN_SCHEMA
    assert len([row for row in rows if row["failure_code"] is None]) == EXPECTED["instances"]
    failed = next(row for row in rows if row["source_uri"].endswith("empty.dcm"))
    assert (failed["failure_code"], failed["failure_severity"]) == ("EMPTY_OBJECT", "fault")
    assert (failed["header"], failed["study_date"]) == (None, None)
    assert all(row["header"] for row in rows if row["failure_code"] is None)
    uris = table.column("source_uri").to_pylist()
    assert uris[0].startswith("file:///")


def test_several_workers_yield_the_rows_of_one(many, monkeypatch):
    monkeypatch.setattr(scanning, "WORKER_COST", 100)
    alone = dicom_udf.scan(many, workers=1).read_all()
    shared = dicom_udf.scan(many, workers=3).read_all()
    assert alone.num_rows > 950
    assert sorted_rows(shared) == sorted_rows(alone)


OF_THE_STORE = ("source_uri", "source_etag", "source_last_modified", "header")
"""Columns that differ between a folder and a bucket; a header names its bulk data by its URI."""


def test_a_prefix_in_s3_has_the_rows_of_the_folder_also_from_workers(monkeypatch):
    with moto_s3() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        client = server.client()
        client.create_bucket(Bucket="scans")
        for path in sorted(path for path in SAMPLE.rglob("*") if path.is_file()):
            client.upload_file(str(path), "scans", f"in/{path.relative_to(SAMPLE).as_posix()}")
        access = S3Access(endpoint=server.endpoint, region=server.region)
        monkeypatch.setattr(scanning, "WORKER_COST", 10)
        monkeypatch.setattr(tasks, "LEAST_COST", 5)
        remote = [dicom_udf.scan("s3://scans/in", workers=workers, access=access).read_all() for workers in (1, 2)]
    local = dicom_udf.scan(SAMPLE, workers=1).read_all()
    root = SAMPLE.resolve().as_uri()
    below = [
        [row["source_uri"].removeprefix(start) for row in sorted_rows(table)]
        for table, start in ((local, root), (remote[0], "s3://scans/in"), (remote[1], "s3://scans/in"))
    ]
    assert below[0] == below[1] == below[2]
    kept = [
        [{name: value for name, value in row.items() if name not in OF_THE_STORE} for row in sorted_rows(table)]
        for table in (local, *remote)
    ]
    assert kept[0] == kept[1] == kept[2]


def workers_of(monkeypatch) -> list[Worker]:
    made = []
    real = Worker.__init__

    def init(worker: Worker) -> None:
        real(worker)
        made.append(worker)

    monkeypatch.setattr(Worker, "__init__", init)
    monkeypatch.setattr(scanning, "WORKER_COST", 100)
    return made


def test_a_worker_that_is_killed_ends_the_scan_with_its_signal(many, monkeypatch):
    made = workers_of(monkeypatch)
    batches = dicom_udf.scan(many, workers=2)
    batches.read_next_batch()
    for worker in made:
        os.kill(worker._process.pid, signal.SIGKILL)
    with pytest.raises(RunFailedError, match="ended with signal SIGKILL; try fewer workers"):
        batches.read_all()


def test_a_scan_that_is_given_up_leaves_no_process_and_no_thread(many, monkeypatch):
    made = workers_of(monkeypatch)
    batches = dicom_udf.scan(many, workers=2)
    batches.read_next_batch()
    del batches
    assert len(made) == 2
    assert all(worker._process.poll() is not None for worker in made)
    deadline = time.monotonic() + 10
    while any(thread.name == "scan" for thread in threading.enumerate()):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_stops_a_run_in_a_worker_stops_the_scan():
    worker = Worker()
    item = Item(ObjectRef("s3://bucket/key", 1, "etag"))
    nowhere = S3Access(endpoint="http://127.0.0.1:1", region="us-east-1")
    try:
        worker.start(ReadSettings(Stamp("", datetime(2024, 1, 1)), nowhere))
        with pytest.raises((RunFailedError, ConfigurationError)):
            list(worker.read([item]))
    finally:
        worker.stop()


def test_patterns_choose_names_below_the_source():
    table = dicom_udf.scan(SAMPLE, include=["*.zip"], exclude=["*broken*"]).read_all()
    assert {uri.rpartition(".")[2] for uri in table.column("source_uri").to_pylist()} == {"zip"}


def test_a_source_that_does_not_exist_is_refused_at_once(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere can't be reached"):
        dicom_udf.scan(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="source can't be a ftp:// URL"):
        dicom_udf.scan("ftp://host/folder")


def test_an_empty_folder_has_a_schema_and_no_rows(tmp_path):
    table = dicom_udf.scan(tmp_path).read_all()
    assert (table.schema, table.num_rows) == (SCAN_SCHEMA, 0)


def run_scan(capsys, *words: str) -> tuple[int, str, str]:
    status = main(["scan", *words])
    written = capsys.readouterr()
    return status, written.out, written.err


@pytest.mark.parametrize("form", ["parquet", "jsonl", "csv"])
def test_a_file_holds_the_rows_in_the_form_of_its_ending(tmp_path, capsys, form):
    output = tmp_path / f"headers.{form}"
    status, out, err = run_scan(capsys, str(SAMPLE), "--output", str(output))
    assert (status, err) == (0, "")
    counted = [
        "instances 66",
        "failures 12",
        "NOT_DICOM 5 skipped",
        "CORRUPT_ARCHIVE 2 fault",
        "DICOMDIR 2 skipped",
        "TRUNCATED 2 fault",
        "EMPTY_OBJECT 1 fault",
    ]
    assert [re.sub(r" in [\d.]+ s$", "", " ".join(line.split())) for line in out.splitlines()] == counted
    found = duckdb.sql(f"SELECT count(*), count(failure_code), count(study_date) FROM '{output}'").fetchall()
    assert found == [(78, 12, 66)]
    assert list(tmp_path.iterdir()) == [output]


def test_forms_hold_the_same_values(tmp_path, capsys):
    expected = dicom_udf.scan(SAMPLE).read_all()
    for form in ("parquet", "jsonl", "csv"):
        assert run_scan(capsys, str(SAMPLE), "--output", str(tmp_path / form), "--format", form)[0] == 0
    assert pq.read_table(tmp_path / "parquet").equals(expected)
    lines = [json.loads(line) for line in (tmp_path / "jsonl").read_text(encoding="utf-8").splitlines()]
    rows = expected.to_pylist(maps_as_pydicts="strict")
    assert [set(line) for line in lines] == [{name for name, value in row.items() if value is not None} for row in rows]
    assert [line.get("header") for line in lines] == [row["header"] for row in rows]
    with (tmp_path / "csv").open(encoding="utf-8", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [cell["header"] or None for cell in cells] == [row["header"] for row in rows]
    assert [json.loads(cell["invalid_values"] or "null") for cell in cells] == [row["invalid_values"] for row in rows]


def test_without_a_file_rows_go_to_stdout(capsys):
    status, out, err = run_scan(capsys, str(SAMPLE), "--include", "*.zip")
    assert (status, err.startswith("instances          6  in ")) == (0, True)
    assert {json.loads(line)["source_uri"].rpartition(".")[2] for line in io.StringIO(out)} == {"zip"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--format", "parquet"], "--format parquet needs a file; give --output FILE.parquet"),
        (["--output", "missing/folder/headers.csv"], "headers.csv can't be written: No such file or directory"),
        (["--output", "s3://bucket/headers.csv"], "argument --output: must be a local file"),
    ],
)
def test_an_output_that_can_not_be_used_ends_with_2(capsys, words, message):
    status, out, err = run_scan(capsys, str(SAMPLE), *words)
    assert (status, out) == (2, "")
    assert message in err


def test_a_scan_that_fails_leaves_the_old_file(tmp_path, capsys, monkeypatch):
    output = tmp_path / "headers.jsonl"
    output.write_text("the old rows")

    def fail(*_args, **_settings):
        raise RunFailedError("the store failed")
        yield

    monkeypatch.setattr(scanning, "scan_batches", fail)
    status, _, err = run_scan(capsys, str(SAMPLE), "--output", str(output))
    assert (status, "the store failed" in err) == (1, True)
    assert output.read_text() == "the old rows"
    assert list(tmp_path.iterdir()) == [output]


def test_an_empty_folder_says_so(tmp_path, capsys):
    status, out, err = run_scan(capsys, str(tmp_path))
    assert (status, out) == (0, "")
    assert err == "no files were found\n"
