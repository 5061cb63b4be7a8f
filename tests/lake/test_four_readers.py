"""Four readers of one lake: Spark, DuckDB, PyIceberg and Trino return the same rows, with deletes and after upkeep."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydicom.dataset import Dataset

from dicom_udf.answers.local import run_query
from dicom_udf.aws.glue import lake_tables
from dicom_udf.columns import instances_table
from dicom_udf.config import IngestConfig, LakeLocation, MaintainConfig, PromoteConfig, current_version
from dicom_udf.lake.maintenance import maintain
from dicom_udf.lake.promotion import promote
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.queries.corpus import dicom
from tests.sample import EXPECTED as OF_SAMPLE
from tests.servers.s3 import NO_VERSITYGW, S3Server, find_versitygw, moto_server, versitygw
from tests.servers.trino import NO_TRINO, find_trino, trino

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).parents[2] / "sample_dcm"
TABLES = ("instances", "failures", "objects")
KEY = ("source_uri", "source_member", "code")
IN_SAMPLE = OF_SAMPLE["instances"]
"""Instances of the sample files."""

Rows = list[dict[str, Any]]
Reader = Callable[[str], Rows]


def code(value: str, meaning: str | None) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "SCT"
    if meaning is not None:
        item.CodeMeaning = meaning
    return item


def radiopharmaceutical() -> Dataset:
    item = Dataset()
    item.RadionuclideTotalDose, item.RadionuclideCodeSequence = "350000000.25", [code("77004003", "18F")]
    return item


FULL = {
    "StudyDate": "20240229", "StudyTime": "235959.999999", "AcquisitionDateTime": "20240301000000.000001",
    "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう", "SpecificCharacterSet": "ISO_IR 192",
    "PatientBirthDate": "unknown", "ContentDate": "20241301", "ImagePositionPatient": ["-1.5", "0", "1e-3"],
    "ImageType": ["ORIGINAL", "", "AXIAL"], "KVP": "120", "AcquisitionMatrix": [0, 320, 256, 0],
    "AnatomicRegionSequence": [code("39607008", "Lung"), code("80891009", None)],
    "RadiopharmaceuticalInformationSequence": [radiopharmaceutical()],
    "FileOffsetInContainer": 2**64 - 1, "SelectorUVValue": [0, 2**63],
}  # fmt: skip
EXPECTED = {
    "study_date": date(2024, 2, 29),
    "acquisition_datetime": datetime(2024, 3, 1, 0, 0, 0, 1),
    "derived_study_datetime": datetime(2024, 2, 29, 23, 59, 59, 999999),
    "patient_birth_date": None,
    "image_position_patient": [-1.5, 0.0, 0.001],
    "acquisition_matrix": [0, 320, 256, 0],
    "anatomic_region_codes": [
        {"code_value": "39607008", "coding_scheme_designator": "SCT", "code_meaning": "Lung"},
        {"code_value": "80891009", "coding_scheme_designator": "SCT", "code_meaning": None},
    ],
    "radionuclide_total_dose": 350000000.25,
    "file_offset_in_container": Decimal(2**64 - 1),
    "selector_uv_value": [Decimal(0), Decimal(2**63)],
}
PROMOTED = ("FileOffsetInContainer", "SelectorUVValue")


def fill(source: Path) -> None:
    """Write the sample, and instances with all types of columns, with hardly any value, and of an early date."""
    shutil.copytree(SAMPLE, source)
    (source / "full.dcm").write_bytes(dicom("CT", "91.1.1", 1, **FULL))
    (source / "sparse.dcm").write_bytes(dicom("CT", "91.1.1", 2, PixelData=None, Modality=None))
    (source / "early.dcm").write_bytes(dicom("CT", "91.1.1", 3, StudyDate="15000228"))


def replace(source: Path) -> None:
    """Change an instance into one of another date, text into an instance, and an instance into text."""
    (source / "full.dcm").write_bytes(dicom("CT", "91.1.1", 1, **FULL | {"StudyDate": "20240401", "KVP": "80"}))
    (source / "notes.txt").write_bytes(dicom("CT", "91.1.1", 4, **FULL))
    (source / "sparse.dcm").write_bytes(b"no DICOM file any more")


def delete(source: Path) -> None:
    """Delete an instance, a failure and an archive."""
    for name in ("early.dcm", "sparse.dcm", "archives/export.zip"):
        (source / name).unlink()


@dataclass(frozen=True)
class Place:
    """Where a lake is, and what reads it.

    Attributes:
        settings: How the job is called.
        readers: By name.
    """

    settings: dict[str, Any]
    readers: dict[str, Reader]


def ordered(rows: Rows) -> Rows:
    """Return rows in the order of their key; maps, which some readers return as pairs, as dictionaries."""
    rows = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return sorted(rows, key=lambda row: [row.get(name) or "" for name in KEY])


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        is_map = bool(value) and all(isinstance(one, tuple) for one in value)
        return dict(value) if is_map else [_plain(one) for one in value]
    return value


def by_spark(location: LakeLocation) -> Reader:
    return lambda table: [row.asDict(recursive=True) for row in connect_lake(location).table(table).collect()]


def by_duckdb(location: LakeLocation) -> Reader:
    def read(table: str) -> Rows:
        answer = run_query(f"SELECT * FROM {table}", location)
        return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]

    return read


def by_pyiceberg(newest: Callable[[str], str], **properties: str) -> Reader:
    """Return the reader of the newest metadata of a table."""
    from pyiceberg.table import StaticTable

    def read(table: str) -> Rows:
        found = StaticTable.from_metadata(newest(table), properties).scan().to_arrow()
        return [_without_empty_lists(row) for row in found.to_pylist()]

    return read


LISTS_OF_STRUCTS = [field.name for field in instances_table().fields if field.type.startswith("array<struct")]


def _without_empty_lists(row: dict[str, Any]) -> dict[str, Any]:
    """Replace empty lists of structs: PyIceberg makes one of a null list, too (apache/iceberg-python#3833)."""
    return row | {name: _or_none(row[name]) for name in LISTS_OF_STRUCTS if name in row}


def _or_none(value: Any) -> Any:
    if isinstance(value, list):
        return [_or_none(one) for one in value] or None
    return {name: _or_none(one) for name, one in value.items()} if isinstance(value, dict) else value


@contextlib.contextmanager
def local_place(folder: Path) -> Iterator[Place]:
    location = LakeLocation(str(folder / "lake"))

    def newest(table: str) -> str:
        path = Path(location.path_of(location.database, table))
        return str(path / "metadata" / f"v{current_version(path)}.metadata.json")

    readers = {"spark": by_spark(location), "duckdb": by_duckdb(location), "pyiceberg": by_pyiceberg(newest)}
    yield Place({"lake": location.root}, readers)


@contextlib.contextmanager
def place_in_s3(folder: Path) -> Iterator[Place]:
    buckets = folder / "buckets"
    (buckets / "lake").mkdir(parents=True)
    (folder / "trino").mkdir()
    with moto_server() as moto, versitygw(buckets) as s3, trino(folder / "trino", glue=moto.endpoint, s3=s3) as engine:
        settings = {
            "lake": "s3://lake/dicom", "catalog": "glue", "s3_endpoint": s3.endpoint, "s3_region": s3.region,
            "aws_endpoint": moto.endpoint,
        }  # fmt: skip
        location = IngestConfig(source=str(folder), **settings).location

        def by_trino(table: str) -> Rows:
            names, rows = engine.answer(f"SELECT * FROM {table}")
            return [dict(zip(names, row, strict=True)) for row in rows]

        def newest(table: str) -> str:
            return lake_tables(location, [table])[table].metadata

        readers = {
            "spark": by_spark(location),
            "duckdb": by_duckdb(location),
            "pyiceberg": by_pyiceberg(newest, **_for_pyiceberg(s3)),
            "trino": by_trino,
        }
        yield Place(settings, readers)


def _for_pyiceberg(s3: S3Server) -> dict[str, str]:
    return {
        "s3.endpoint": s3.endpoint,
        "s3.region": s3.region,
        "s3.access-key-id": s3.access_key,
        "s3.secret-access-key": s3.secret_key,
    }


IN_S3 = pytest.param(
    place_in_s3,
    marks=[
        pytest.mark.trino,
        pytest.mark.skipif(find_trino() is None, reason=NO_TRINO),
        pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW),
    ],
    id="trino",
)


@pytest.fixture(params=[pytest.param(local_place, id="local"), IN_S3])
def place(request, spark, tmp_path):
    with request.param(tmp_path) as place:
        yield place


def same_rows(place: Place, state: str) -> dict[str, Rows]:
    """Assert that all readers return the same rows of all tables; return them."""
    found = {}
    for table in TABLES:
        by_reader = {name: ordered(read(table)) for name, read in place.readers.items()}
        expected = found[table] = by_reader.pop("spark")
        for reader, rows in by_reader.items():
            context = (state, table, reader)
            assert [_key(row) for row in rows] == [_key(row) for row in expected], context
            wanted = [_without_empty_lists(one) for one in expected] if reader == "pyiceberg" else expected
            for row, one in zip(rows, wanted, strict=True):
                assert row.keys() == one.keys(), context
                different = {name: (value, one[name]) for name, value in row.items() if value != one[name]}
                assert different == {}, (*context, _key(row))
    return found


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row.get(name) for name in KEY)


def row_of(rows: Rows, name: str) -> dict[str, Any]:
    [row] = [row for row in rows if row["source_uri"].endswith(f"/{name}")]
    return row


def test_all_readers_return_the_same_rows_in_each_state_of_a_lake(place, tmp_path):
    source = tmp_path / "source"
    fill(source)
    config = IngestConfig(source=str(source), **place.settings)
    lake = config.location
    ingest(config)
    promote(PromoteConfig(attributes=PROMOTED, **place.settings))
    rows = same_rows(place, "ingested")
    full = row_of(rows["instances"], "full.dcm")
    assert {name: full[name] for name in EXPECTED} == EXPECTED
    assert set(full["invalid_values"]) == {"PatientBirthDate", "ContentDate"}
    assert row_of(rows["instances"], "early.dcm")["study_date"] == date(1500, 2, 28)
    assert len(rows["instances"]) == IN_SAMPLE + 3

    replace(source)
    assert ingest(config).objects_changed == 3
    rows = same_rows(place, "replaced")
    full = row_of(rows["instances"], "full.dcm")
    assert (full["study_date"], full["kvp"]) == (date(2024, 4, 1), 80.0)
    turned = row_of(rows["instances"], "notes.txt")
    assert {name: turned[name] for name in EXPECTED} == EXPECTED
    assert row_of(rows["failures"], "sparse.dcm")["code"] == "NOT_DICOM"
    assert len(rows["instances"]) == IN_SAMPLE + 3
    assert deletes(lake) == {"instances", "failures", "objects"}

    delete(source)
    assert ingest(config).objects_deleted == 3
    before = same_rows(place, "deleted")
    uris = {row["source_uri"] for table in TABLES for row in before[table]}
    assert not [uri for uri in uris if uri.endswith(("/early.dcm", "/sparse.dcm", "/export.zip"))]
    assert len(before["instances"]) == IN_SAMPLE + 2 - 4

    done = maintain(MaintainConfig(min_input_files=2, max_deleted_ratio=0, wait=0, **place.settings))
    assert not done.broken
    assert all(table.files_rewritten > 0 for table in done.tables)
    assert same_rows(place, "maintained") == before


def deletes(location: LakeLocation) -> set[str]:
    """Return the names of the tables that have delete files."""
    lake = connect_lake(location)
    return {table for table in TABLES if lake.spark.table(f"{lake.name(table)}.delete_files").count()}
