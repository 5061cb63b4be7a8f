"""The declaration of the tables: a table more is one entry, and nothing of it needs Spark."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

from dicom_udf import columns
from dicom_udf.answers.inspection import verify_lake
from dicom_udf.answers.local import open_tables, run_query
from dicom_udf.config import IngestConfig, LakeLocation, MaintainConfig
from dicom_udf.config.checks import _TABLES_OF_EVERY_LAKE
from dicom_udf.lake import layout
from dicom_udf.lake.layout import INSTANCES, LAKE_TABLES, table_names
from dicom_udf.pipeline import ingest

PACKAGE = Path(__file__).parents[2] / "dicom_udf"

PAGE = PACKAGE.parent / "docs/how_to/add_a_table.md"


@pytest.fixture
def one_more(monkeypatch):
    """The example of the page, as an entry of the declaration."""
    example: dict[str, Any] = {}
    for block in re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        exec(block, example)
    monkeypatch.setattr(columns, "referenced_series_table", example["referenced_series_table"], raising=False)
    monkeypatch.setattr(layout, "LAKE_TABLES", (*LAKE_TABLES[:-1], example["REFERENCED_SERIES"], LAKE_TABLES[-1]))


def write(path: Path, number: int, study_date: str, references: list[str]) -> None:
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID, dataset.StudyDate = CTImageStorage, f"1.2.3.{number}", study_date
    dataset.ReferencedSeriesSequence = [Dataset() for _ in references]
    for item, uid in zip(dataset.ReferencedSeriesSequence, references, strict=True):
        item.SeriesInstanceUID = uid
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.save_as(path, enforce_file_format=True)


@pytest.mark.spark
def test_a_table_more_is_one_entry_of_the_declaration(spark, tmp_path, one_more, monkeypatch):
    from dicom_udf.lake.maintenance import maintain

    source, place = tmp_path / "source", LakeLocation(str(tmp_path / "lake"))
    config = IngestConfig(source=str(source), lake=place.root)
    source.mkdir()
    write(source / "two.dcm", 1, "20240101", ["1.1", "1.2"])
    write(source / "one.dcm", 2, "20240102", ["1.3"])
    write(source / "none.dcm", 3, "20240103", [])
    (source / "notes.txt").write_text("no header\n" * 20)

    def rows():
        asked = "SELECT regexp_extract(source_uri, '[^/]+$'), series_instance_uid, study_date FROM referenced_series"
        return sorted(run_query(asked, place).rows)

    ingest(config)
    assert rows() == [
        ("one.dcm", "1.3", date(2024, 1, 2)),
        ("two.dcm", "1.1", date(2024, 1, 1)),
        ("two.dcm", "1.2", date(2024, 1, 1)),
    ]

    write(source / "two.dcm", 1, "20240105", ["1.4"])  # changed, to another date
    (source / "one.dcm").unlink()
    write(source / "more.dcm", 4, "20240105", ["1.5"])
    done = ingest(config)
    assert (done.objects_changed, done.objects_deleted, done.objects_new) == (1, 1, 1)
    expected = [("more.dcm", "1.5", date(2024, 1, 5)), ("two.dcm", "1.4", date(2024, 1, 5))]
    assert rows() == expected

    done = maintain(MaintainConfig(lake=place.root, min_input_files=2, wait=0))
    upkeep = {one.table: one for one in done.tables}
    assert list(upkeep) == ["instances", "failures", "referenced_series", "objects"]
    assert upkeep["referenced_series"].files_rewritten > 0
    assert rows() == expected

    views = open_tables(place).execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()
    assert ("referenced_series",) in views
    [found] = [one for one in verify_lake(place).results if one.invariant.name == "object_in_ledger_referenced_series"]
    assert (found.checked, found.wrong) == (2, 0)
    monkeypatch.undo()
    assert ingest(config).objects_new == 0, "a version without the table goes on"


def test_the_declaration_is_complete_and_the_ledger_comes_last():
    assert [table.columns().name for table in LAKE_TABLES] == list(table_names())
    assert table_names()[-1] == "objects"
    assert set(_TABLES_OF_EVERY_LAKE) <= set(table_names())
    for table in LAKE_TABLES:
        names = {field.name for field in table.columns().fields}
        assert {"source_uri", *table.sort_by} <= names
        assert not table.is_by_study_date or "study_date" in names
        assert bool(table.sort_by) is (table is not INSTANCES)


def test_the_declaration_needs_neither_spark_nor_the_dictionary():
    code = "import sys, dicom_udf.lake.layout; print({'pyspark', 'py4j', 'pydicom', 'pyarrow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


JAVA = {"_jvm", "_jsparkSession", "_jsc", "_jdf", "_gateway"}
ALLOWED = {
    "lake/iceberg.py": {"_jvm", "_jsparkSession", "py4j"},
    "lake/start.py": {"_jvm"},  # starts Java itself
    "lake/faults.py": {"py4j"},  # reads the text of errors
}


def test_one_module_calls_java():
    found: dict[str, set[str]] = {}
    for file in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names: set[str] = set()
            if isinstance(node, ast.Attribute):
                names = {node.attr} & JAVA
            elif isinstance(node, ast.ImportFrom):
                names = {(node.module or "").partition(".")[0]} & {"py4j"}
            elif isinstance(node, ast.Import):
                names = {alias.name.partition(".")[0] for alias in node.names} & {"py4j"}
            if names:
                found.setdefault(file.relative_to(PACKAGE).as_posix(), set()).update(names)
    assert found == ALLOWED
