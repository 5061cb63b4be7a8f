"""The job killed at every step, then run again: the lake is the one of a run that nobody killed, row for row."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_udf.answers.local import run_query
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.pipeline import ingest
from tests.lake.killed_run import POINTS

pytestmark = [pytest.mark.spark, pytest.mark.crash]

ROOT = Path(__file__).parents[2]
PROVENANCE = ("ingest_run_id", "ingest_time", "source_uri", "source_etag", "source_last_modified")


def write(path: Path, number: int, study_date: str) -> None:
    """Write an instance of its own, or text where the date is ``text``."""
    if study_date == "text":
        path.write_text(f"no header, number {number}\n" * 20)
    else:
        dataset = dcmread(get_testdata_file("CT_small.dcm"))
        dataset.SOPInstanceUID, dataset.StudyDate = f"1.2.3.{number}", study_date
        dataset.save_as(path)
    os.utime(path, ns=(number * 10**9, number * 10**9))


def fill(source: Path) -> None:
    source.mkdir()
    for number in range(8):
        write(source / f"{number}.dcm", number, f"2024010{number % 3 + 1}")
    write(source / "notes.txt", 8, "text")


def change(source: Path) -> None:
    """Change, delete and add: dates move to other partitions, an instance turns into text and text into an instance."""
    write(source / "0.dcm", 20, "20240209")
    write(source / "1.dcm", 21, "text")
    write(source / "notes.txt", 22, "20240101")
    (source / "2.dcm").unlink()
    for number in range(30, 36):
        write(source / f"{number}.dcm", number, f"2024010{number % 3 + 1}")
    write(source / "more.txt", 36, "text")


def rows(lake: Path, table: str) -> dict[str, dict[str, str]]:
    """All rows of a table by file, without what differs from run to run and place to place."""
    answer = run_query(f"SELECT * FROM {table}", LakeLocation(str(lake)))
    found = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    by_file = {Path(row["source_uri"]).name: row for row in found}
    assert len(by_file) == len(found), "one row a file"
    return {
        file: {name: re.sub("file:[^?]*/", "", repr(value)) for name, value in row.items() if name not in PROVENANCE}
        for file, row in by_file.items()
    }


def run(source: Path, lake: Path) -> Any:
    return ingest(IngestConfig(source=str(source), lake=str(lake)))


TABLES = ("instances", "failures", "objects")


@pytest.fixture(scope="module")
def work(spark, tmp_path_factory) -> Path:
    """A folder with a source and a lake of one run; a lake can't be moved, so it is put back where it was made."""
    folder = tmp_path_factory.mktemp("work")
    fill(folder / "source")
    run(folder / "source", folder / "lake")
    shutil.copytree(folder, f"{folder}.saved")
    return folder


def restore(work: Path) -> None:
    shutil.rmtree(work)
    shutil.copytree(f"{work}.saved", work)
    change(work / "source")


@pytest.fixture(scope="module")
def expected(work) -> dict[str, dict[str, dict[str, str]]]:
    """The rows of a lake after the change, whose run nobody killed."""
    restore(work)
    run(work / "source", work / "lake")
    return {table: rows(work / "lake", table) for table in TABLES}


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_anywhere_is_finished_by_the_next(work, expected, point) -> None:
    restore(work)
    source, lake = work / "source", work / "lake"
    killed = subprocess.run(
        [sys.executable, "-m", "tests.lake.killed_run", point, str(source), str(lake)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    report = run(source, lake)
    for table in TABLES:
        found = rows(lake, table)
        assert found.keys() == expected[table].keys(), table
        for file, row in found.items():
            assert {k: v for k, v in row.items() if v != expected[table][file][k]} == {}, (table, file)
    assert not [path for path in (lake / "dicom_staging").rglob("*") if path.is_file()]
    if list(POINTS).index(point) >= list(POINTS).index("second batch staged"):
        assert report.objects_read == 0, "what is staged is committed without opening a source again"
    if list(POINTS).index(point) % 4 == 0:  # at the others the ledger's rows are compared
        again = run(source, lake)
        assert (again.objects_read, again.objects_deleted) == (0, 0)
