"""Files of kinds that are known from the field give the columns that they should; ``tests/cases`` has one of each."""

import datetime
import io
import json
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.columns import selection
from dicom_udf.columns.row import fill_row
from dicom_udf.header import read_header

FOLDER = Path(__file__).parent.parent / "cases"
CASES: dict[str, dict[str, Any]] = json.loads((FOLDER / "files.json").read_text(encoding="utf-8"))


def row_of(name: str) -> dict[str, Any]:
    content = (FOLDER / name).read_bytes()
    return fill_row(read_header(io.BytesIO(content), bulk_data_base="file:///x", selection=selection()))


def test_every_case_has_its_file() -> None:
    assert {path.name for path in FOLDER.glob("*.dcm")} == CASES.keys()


@pytest.mark.parametrize("name", CASES)
def test_a_case_gives_its_columns(name: str) -> None:
    row = row_of(name)
    given = {column: row.get(column) for column in CASES[name]["columns"]}
    for column, value in given.items():
        given[column] = value.isoformat() if isinstance(value, datetime.date) else value
    assert given == CASES[name]["columns"]


@pytest.mark.parametrize("name", CASES)
def test_a_case_is_whole_or_says_that_it_is_not(name: str) -> None:
    assert (row_of(name)["header_fault"] is None) == CASES[name]["is_whole"]


def test_an_instance_without_its_uid_and_with_a_late_fault_keeps_what_came_before() -> None:
    row = row_of("empty_sop_instance_uid_and_a_late_fault.dcm")
    assert row["header_fault"] is not None
    assert "sop_instance_uid" not in row
    assert row["media_storage_sop_instance_uid"]
    assert len(json.loads(row["header"])) > 10
