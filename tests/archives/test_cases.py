"""Archives of kinds that were lost or misnamed once, each with the rows that it must give."""

from __future__ import annotations

import json
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.read import read_item
from dicom_udf.sources import ObjectRef, S3Access, open_ahead, open_store
from dicom_udf.tasks import Item, ReadSettings, Stamp

FOLDER = Path(__file__).parent.parent / "cases"
CASES = json.loads((FOLDER / "archives.json").read_text(encoding="utf-8"))


def _rows_of(path: Path) -> list[dict[str, Any]]:
    [ref] = [ObjectRef(*row.values()) for batch in open_store(str(path)).list() for row in batch.to_pylist()]
    [(item, opened)] = open_ahead([Item(ref)], S3Access())
    *rows, _ = read_item(item, opened, ReadSettings(Stamp("run", datetime(2026, 1, 1))))
    return rows


@pytest.mark.parametrize("case", CASES, ids=[case["path"] for case in CASES])
def test_an_archive_of_the_kind_gives_its_rows(case: dict[str, Any]) -> None:
    rows = _rows_of(FOLDER / case["path"])
    assert [row["source_member"] for row in rows] == [row["member"] for row in case["rows"]]
    for row, expected in zip(rows, case["rows"], strict=True):
        assert row.get("code") == expected.get("code")
        if "code" not in expected:
            assert row["header_fault"] is None
            for name, value in expected["columns"].items():
                found = row[name]
                assert (found.isoformat() if isinstance(found, date) else found) == value, name
