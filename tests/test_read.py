"""An object in, staged rows out: total, whatever the object is."""

import io
import json
import tarfile
import warnings
import zipfile
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_udf import read
from dicom_udf.archives import Limits
from dicom_udf.columns import arrow_schema
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header import HeaderReader
from dicom_udf.read import files_table, read_batches, read_item, to_batch
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectRef, ahead, open_ahead, open_store
from dicom_udf.tasks import Item, ReadSettings, Splitting, Stamp, split_objects

STAMP = Stamp("run-1", datetime(2024, 5, 6))
SETTINGS = ReadSettings(STAMP)
CT = Path(get_testdata_file("CT_small.dcm"))


NO_LIMITS = Limits()


def items(source):
    return [Item(ObjectRef(*row.values())) for batch in open_store(str(source)).list() for row in batch.to_pylist()]


def rows_of(source, limits=NO_LIMITS, **split):
    """Rows of a source's files; with ``members=...`` as tasks have them that share its zips."""
    return [row for row in all_rows(source, limits, **split) if row["kind"] is not RowKind.OBJECT]


def entries_of(source, limits=NO_LIMITS, **split):
    """Entries of the ledger for a source's objects and ranges."""
    return [row for row in all_rows(source, limits, **split) if row["kind"] is RowKind.OBJECT]


def all_rows(source, limits, **split):
    settings, found = ReadSettings(STAMP, limits=limits), items(source)
    if split:
        settings = ReadSettings(STAMP, limits=limits, splitting=Splitting(probe_bytes=1, packed_bytes=1 << 40, **split))
        found = split_objects([item.ref for item in found], settings)
    opened = open_ahead(found, settings.access)
    return [row for item, reader in opened for row in read_item(item, reader, settings)]


def write_zip(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_loose_file_is_one_row_with_its_source_and_its_cost():
    [row] = rows_of(CT)
    assert row["kind"] == "instance"
    assert row["sop_instance_uid"] == dcmread(CT).SOPInstanceUID
    assert (row["source_uri"], row["source_member"]) == (f"file://{CT}", None)
    assert (row["source_size"], row["source_member_size"]) == (CT.stat().st_size, CT.stat().st_size)
    assert (row["ingest_run_id"], row["ingest_time"]) == ("run-1", datetime(2024, 5, 6))
    [entry] = entries_of(CT)
    assert (entry["requests"], entry["bytes_read"], entry["part"]) == (1, CT.stat().st_size, 0)
    assert (entry["instances"], entry["failures"], entry["members"]) == (1, 0, 0)
    assert (entry["study_dates"], entry["is_curable"]) == ([row["study_date"]], False)


@pytest.mark.parametrize("split", [{}, {"members": 1}])
def test_names_are_in_the_encoding_that_is_set_also_where_tasks_share_a_zip(tmp_path, split):
    raw = "患者/画像.dcm".encode("cp932")
    stored = write_zip(tmp_path / "a", {"x" * len(raw): CT.read_bytes(), "b": CT.read_bytes()}).read_bytes()
    (tmp_path / "a").write_bytes(stored.replace(b"x" * len(raw), raw))
    rows = rows_of(tmp_path / "a", Limits(names="shift_jis"), **split)
    assert [row["source_member"] for row in rows] == ["患者/画像.dcm", "b"]


def test_an_objects_entry_follows_its_rows_with_their_counts_and_the_cost(tmp_path):
    other = dcmread(CT)
    other.StudyDate = "20000101"
    other.save_as(tmp_path / "other")
    members = {"1": CT.read_bytes(), "2": b"text" * 100, "3": (tmp_path / "other").read_bytes(), "4": CT.read_bytes()}
    rows = all_rows(write_zip(tmp_path / "a", members), NO_LIMITS)
    assert [row["kind"] for row in rows] == ["instance", "failure", "instance", "instance", "object"]
    assert ["requests" in row for row in rows] == [False] * 4 + [True]
    entry = rows[-1]
    assert entry["bytes_read"] >= CT.stat().st_size
    assert (entry["instances"], entry["failures"], entry["members"], entry["is_curable"]) == (3, 1, 4, False)
    assert entry["study_dates"] == sorted({row["study_date"] for row in rows if row["kind"] == "instance"})


@pytest.mark.parametrize("pack", ["loose", "zip", "tar", "zip in tar"])
def test_pixel_data_is_where_the_offset_says(tmp_path, pack):
    path = tmp_path / "object"
    if pack == "loose":
        path.write_bytes(CT.read_bytes())
    elif pack == "zip":
        write_zip(path, {"first": b"x" * 1000, "ct": CT.read_bytes()})
    else:
        inner = CT if pack == "tar" else write_zip(tmp_path / "inner", {"first": b"x" * 1000, "ct": CT.read_bytes()})
        with tarfile.open(path, "w") as archive:
            archive.add(CT, "other")
            archive.add(inner, "inner")
    row = next(row for row in reversed(rows_of(path)) if row["kind"] == "instance")
    pixels = dcmread(CT).PixelData
    offset = row["pixel_data_offset"]
    assert path.read_bytes()[offset : offset + row["pixel_data_length"]] == pixels


def test_pixel_data_of_a_packed_member_is_not_addressable(tmp_path):
    [row] = rows_of(write_zip(tmp_path / "a", {"ct": CT.read_bytes()}, zipfile.ZIP_DEFLATED))
    assert row["pixel_data_offset"] is None
    assert row["pixel_data_length"] == len(dcmread(CT).PixelData)


def test_bulk_data_names_the_object_and_the_member(tmp_path):
    ds = dcmread(CT)
    ds.EncapsulatedDocument = bytes(5000)
    file = io.BytesIO()
    ds.save_as(file)
    [row] = rows_of(write_zip(tmp_path / "a b", {"é/1.dcm": file.getvalue()}))
    uri = json.loads(row["header"])["00420011"]["BulkDataURI"]
    base = f"file://{tmp_path}/a%20b?member=%C3%A9%2F1.dcm&offset="
    assert uri.startswith(base)
    offset, _, length = uri.removeprefix(base).partition("&length=")
    assert (file.getvalue()[int(offset) : int(offset) + int(length)], int(length)) == (bytes(5000), 5000)


@pytest.mark.parametrize("code", FailureCode)
def test_every_fault_of_the_store_is_a_row(monkeypatch, code):
    def fail(ref, access):
        raise FileFault(code, "not today")

    monkeypatch.setattr(ahead, "open_object", fail)
    [row] = rows_of(CT)
    assert (row["kind"], row["code"], row["severity"], row["message"]) == ("failure", code, code.severity, "not today")
    [entry] = entries_of(CT)
    assert (entry["requests"], entry["bytes_read"], entry["is_curable"]) == (0, 0, code.is_curable)


@pytest.mark.parametrize("code", [code for code in FailureCode if code.is_curable])
def test_a_fault_of_the_store_amid_an_archive_is_the_objects_not_the_members(tmp_path, monkeypatch, code):
    calls = []

    def fail_in_the_second(reader, file, **how):
        calls.append(file)
        if len(calls) == 2:
            raise FileFault(code, "the store failed")
        return real(reader, file, **how)

    real = HeaderReader.read
    monkeypatch.setattr(HeaderReader, "read", fail_in_the_second)
    rows = rows_of(write_zip(tmp_path / "a", {str(n): CT.read_bytes() for n in range(3)}))
    assert [(row["kind"], row["source_member"]) for row in rows] == [("instance", "0"), ("failure", None)]


@pytest.mark.parametrize(("owner", "broken"), [(read, "members"), (HeaderReader, "read"), (read, "fill_row")])
def test_an_unforeseen_exception_is_a_row_without_a_value(monkeypatch, caplog, owner, broken):
    def fail(*args, **how):
        raise ZeroDivisionError("SECRET^VALUE")

    monkeypatch.setattr(owner, broken, fail)
    [row] = rows_of(CT)
    assert (row["kind"], row["code"]) == ("failure", FailureCode.INTERNAL_ERROR)
    assert "ZeroDivisionError at test_read.py:" in row["message"]
    assert "SECRET" not in row["message"] + caplog.text


def test_an_unforeseen_exception_in_opening_is_a_row(monkeypatch):
    def fail(ref, access):
        raise ZeroDivisionError("SECRET^VALUE")

    monkeypatch.setattr(ahead, "open_object", fail)
    [row] = rows_of(CT)
    assert (row["kind"], row["code"]) == ("failure", FailureCode.INTERNAL_ERROR)
    assert "ZeroDivisionError at test_read.py:" in row["message"]
    assert "SECRET" not in row["message"]


@pytest.mark.parametrize(("owner", "broken"), [(HeaderReader, "read"), (read, "fill_row")])
def test_an_unforeseen_exception_in_one_member_costs_that_member(tmp_path, monkeypatch, owner, broken):
    real, calls = getattr(owner, broken), []

    def fail(*args, **how):
        calls.append(args)
        if len(calls) == 2:
            raise ZeroDivisionError
        return real(*args, **how)

    monkeypatch.setattr(owner, broken, fail)
    rows = rows_of(write_zip(tmp_path / "a", {str(n): CT.read_bytes() for n in range(3)}))
    kinds = [(row["kind"], row["source_member"]) for row in rows]
    assert kinds == [("instance", "0"), ("failure", "1"), ("instance", "2")]


def test_batches_have_the_schema_by_position_and_are_cut_by_rows_and_bytes(tmp_path, monkeypatch):
    for number in range(5):
        (tmp_path / f"{number}.dcm").write_bytes(CT.read_bytes())
    (tmp_path / "notes").write_text("no header")
    seen = []
    batches = list(read_batches(items(tmp_path), SETTINGS, on_object=seen.append))
    schema = arrow_schema(files_table())
    assert all(batch.schema == schema for batch in batches)
    assert sorted((entry["instances"], entry["failures"]) for entry in seen) == [
        (0, 1),
        (1, 0),
        (1, 0),
        (1, 0),
        (1, 0),
        (1, 0),
    ]
    assert [batch.num_rows for batch in batches] == [5, 1]
    monkeypatch.setattr(read, "BATCH_ROWS", 2)
    assert [b.num_rows for b in read_batches(items(tmp_path), SETTINGS)] == [2, 2, 1, 1]
    monkeypatch.setattr(read, "BATCH_BYTES", 1)
    cut = list(read_batches(items(tmp_path), SETTINGS))
    assert [batch.num_rows for batch in cut] == [1] * 6
    together = pa.Table.from_batches(batches).sort_by("source_uri").drop_columns(["kind"])
    assert together.equals(pa.Table.from_batches(cut).sort_by("source_uri").drop_columns(["kind"]))


@pytest.mark.parametrize("members", [1, 2, 3, 7])
def test_a_zip_that_tasks_share_gives_the_rows_of_one_task(tmp_path, members):
    names = ["a", "b", "a", "dir/c", "b", "notes", "a"]
    with zipfile.ZipFile(tmp_path / "shared.zip", "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, about equal names
        for name in names:
            archive.writestr(name, b"no header" if name == "notes" else CT.read_bytes())
    (tmp_path / "loose.dcm").write_bytes(CT.read_bytes())
    assert rows_of(tmp_path, members=members) == rows_of(tmp_path)
    whole, shared = entries_of(tmp_path), entries_of(tmp_path, members=members)
    assert [entry["part"] for entry in shared] == [0, *range(-(-len(names) // members))]
    for counted in ("instances", "failures", "members"):
        assert sum(entry[counted] for entry in shared) == sum(entry[counted] for entry in whole)
    assert sum(entry["requests"] for entry in shared) >= sum(entry["requests"] for entry in whole)


@pytest.mark.parametrize("bound", [3, 4, 5])
def test_a_limit_of_members_counts_for_a_whole_zip_however_it_could_be_shared(tmp_path, bound):
    write_zip(tmp_path / "a.zip", {str(number): b"text" * 100 for number in range(5)})
    limits = Limits(members=bound)
    whole, shared = rows_of(tmp_path, limits), rows_of(tmp_path, limits, members=2)
    assert [(row["source_member"], row["code"]) for row in shared] == [
        (row["source_member"], row["code"]) for row in whole
    ]
    assert ("ARCHIVE_LIMIT" in [row["code"] for row in whole]) == (bound < 5)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("patient_id", "lone \ud800 surrogate"),
        ("instance_number", 1 << 63),
        ("pixel_spacing", [1.0, "text"]),
        ("study_date", "no date"),
        ("private_creators", 5),
    ],
)
def test_a_value_that_arrow_refuses_costs_its_cell(column, value):
    schema = arrow_schema(files_table())
    rows = [{"kind": "instance", "source_uri": f"file:///{n}", "patient_name": "A"} for n in range(3)]
    rows[1] |= {column: value, "invalid_values": [("modality", "is empty")]}
    batch = to_batch(rows, schema)
    assert batch.num_rows == 3
    assert batch.column("source_uri").null_count == 0
    assert batch.column(column)[1].as_py() is None
    reasons = [dict(reasons.as_py() or {}) for reasons in batch.column("invalid_values")]
    assert reasons[0] == reasons[2] == {}
    assert list(reasons[1]) == ["modality", column]
    assert "can't be stored as" in reasons[1][column]


@pytest.mark.parametrize(
    ("values", "type_"),
    [
        (["MR"] * 3, pa.string()), (["MR", "CT"], pa.string()), ([None] * 3, pa.string()), ([-0.0, 0.0], pa.float64()),
        ([[1.0]] * 3, pa.list_(pa.float64())), ([None] * 3, pa.list_(pa.float64())), ([True] * 3, pa.bool_()),
        ([datetime(2026, 1, 1)] * 3, pa.timestamp("us")), ([Decimal(7)] * 3, pa.decimal128(20, 0)),
    ],
)  # fmt: skip
def test_a_value_that_all_rows_share_is_stored_like_any_other(values, type_):
    schema = pa.schema([("column", type_)])
    [stored] = to_batch([{"column": value} for value in values], schema).columns
    assert repr(stored.to_pylist()) == repr(pa.array(values, type_).to_pylist())
    assert stored.type == type_
