"""Files of a partition in a local folder: rows, row groups, columns, names, and what is left after an error."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.datafiles import target_arrow_schema, write_data_files, write_position_deletes
from dicom_udf.errors import RunFailedError

from .targets import random_rows, spec, target_of, target_with

SCHEMA = pa.schema([pa.field(name, pa.int64(), name != "id") for name in ("id", "a", "b", "c")])
DAY = date(2024, 1, 1)


def write(target, tables, partition=(), **settings):
    return [json.loads(text) for text in write_data_files(target, tables, partition=partition, **settings)]


def table(start, number, *names):
    return pa.table({"id": range(start, start + number), **{name: [start] * number for name in names}})


def read(files):
    """All rows, and the columns of each file."""
    tables = [pq.ParquetFile(file["file-path"]).read() for file in files]
    return pa.concat_tables(tables, promote_options="default"), [one.column_names for one in tables]


def test_a_file_has_the_tables_field_ids_and_rows(tmp_path):
    target = target_of(tmp_path, instances_table(), partition=spec((1, "identity", "study_date")))
    rows = random_rows(arrow_schema(instances_table()), 50, study_date=DAY)
    (file,) = write(target, [rows], (DAY,))
    written = pq.ParquetFile(file["file-path"]).read()
    present = [name for name in rows.column_names if rows[name].null_count < 50]
    assert written.equals(rows.select(present))
    whole = target_arrow_schema(target)
    in_file = pq.read_schema(file["file-path"])
    assert in_file.names == present
    for field in in_file:
        declared = whole.field(field.name)
        if pa.types.is_map(field.type):  # its entries have another name in a file
            assert (field.type, field.metadata) == (declared.type, declared.metadata)
        else:
            assert field.equals(declared, check_metadata=True)
    assert file["record-count"] == 50
    assert file["file-size-in-bytes"] == Path(file["file-path"]).stat().st_size
    assert file["partition"] == {"1000": "2024-01-01"}
    assert Path(file["file-path"]).parent == tmp_path / "study_date=2024-01-01"
    assert len(whole) > len(present)


def test_no_rows_make_no_file(tmp_path):
    assert write(target_with(tmp_path, SCHEMA), []) == []
    assert write(target_with(tmp_path, SCHEMA), [table(0, 0)]) == []
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=50)
@given(
    sizes=st.lists(st.integers(0, 40), max_size=8),
    row_group_bytes=st.integers(1, 600),
    file_bytes=st.integers(1, 3000),
    columns=st.sampled_from([None, (), ("a", "b", "c")]),
)
def test_rows_stay_in_order_however_files_are_cut(tmp_path_factory, sizes, row_group_bytes, file_bytes, columns):
    folder = tmp_path_factory.mktemp("files")
    tables = [table(at * 100, size, *"abc"[at % 3 : at % 4]) for at, size in enumerate(sizes)]
    cuts = {"columns": columns, "row_group_bytes": row_group_bytes, "file_bytes": file_bytes}
    files = write(target_with(folder, SCHEMA), tables, **cuts)
    expected = pa.concat_tables([SCHEMA.empty_table(), *tables], promote_options="default")
    assert sum(file["record-count"] for file in files) == sum(sizes)
    if not files:
        return
    rows, _ = read(files)
    missing = [name for name in SCHEMA.names if name not in rows.column_names]
    assert rows.to_pylist() == expected.drop_columns(missing).to_pylist()
    assert all(expected[name].null_count == len(expected) for name in missing)
    for file in files:
        footer = pq.read_metadata(file["file-path"])
        groups = [footer.row_group(at) for at in range(footer.num_row_groups)]
        assert len(file["split-offsets"]) == len(groups)
        assert file["split-offsets"] == sorted(set(file["split-offsets"]))
        assert file["split-offsets"][0] == 4
        assert all(group.num_rows * 8 <= 2 * row_group_bytes + 8 * 8 for group in groups)


def test_a_row_group_with_another_column_begins_another_file(tmp_path):
    tables = [table(0, 5, "a"), table(5, 5), table(10, 5, "b")]
    files = write(target_with(tmp_path, SCHEMA), tables, row_group_bytes=1)
    assert read(files)[1] == [["id", "a"], ["id", "b"]]
    counts = files[0]["null-value-counts"]
    assert dict(zip(counts["keys"], counts["values"], strict=True)) == {1: 0, 2: 5, 3: 10, 4: 10}


def test_columns_that_are_known_before_make_one_file(tmp_path):
    tables = [table(0, 5, "a"), table(5, 5), table(10, 5, "b")]
    files = write(target_with(tmp_path, SCHEMA), tables, row_group_bytes=1, columns={"b", "a"})
    assert read(files)[1] == [["id", "a", "b"]]
    files = write(target_with(tmp_path, SCHEMA), tables[:1], columns={"b", "a"})
    assert read(files)[1] == [["id", "a"]], "one row group has the columns with a value only"


def test_a_large_table_becomes_several_row_groups(tmp_path):
    (file,) = write(target_with(tmp_path, SCHEMA), [table(0, 10_000)], row_group_bytes=8_000)
    assert pq.read_metadata(file["file-path"]).num_row_groups == 10


@pytest.mark.parametrize("rows", [5, 100])
@pytest.mark.parametrize(
    ("codec", "found"),
    [(None, "ZSTD"), ("snappy", "SNAPPY"), ("GZIP", "GZIP"), ("zstd", "ZSTD"), ("uncompressed", "UNCOMPRESSED")],
)
def test_compression_is_the_tables(tmp_path, codec, found, rows):
    properties = {"write.parquet.compression-codec": codec, "write.parquet.compression-level": "9"} if codec else {}
    schema = pa.schema([pa.field("text", pa.string()), pa.field("number", pa.int64())])
    target = target_with(tmp_path, schema, properties=properties)
    (file,) = write(target, [pa.table([["x" * 5000] * rows, range(rows)], schema=schema)])
    group = pq.read_metadata(file["file-path"]).row_group(0)
    assert group.column(0).compression == found
    assert group.column(1).compression == ("UNCOMPRESSED" if rows == 5 else found)


@pytest.mark.parametrize("key", ["write.parquet.compression-codec", "write.parquet.compression-level"])
def test_an_unknown_compression_is_an_error_and_leaves_no_file(tmp_path, key):
    target = target_with(tmp_path, SCHEMA, properties={key: "lzo"})
    with pytest.raises(RunFailedError, match=r"db.t has a compression .* set its property write.parquet"):
        write(target, [table(0, 1)])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("prefix", ["", "file:", "file://"])
def test_files_are_named_as_the_table_names_its_folder(tmp_path, prefix):
    folder = f"{tmp_path}/a %20 b+ü"
    target = target_with(f"{prefix}{folder}", SCHEMA, partition=spec((1, "identity", "id")))
    (file,) = write(target, [table(7, 2)], (7,))
    assert file["file-path"].startswith(f"{prefix}{folder}/id=7/")
    assert Path(file["file-path"].removeprefix(prefix)).is_file()


def test_another_folder_of_data_counts(tmp_path):
    target = target_with("/nowhere", SCHEMA, properties={"write.data.path": f"{tmp_path}/elsewhere/"})
    (file,) = write(target, [table(0, 1)])
    assert Path(file["file-path"]).parent == tmp_path / "elsewhere"


def test_position_deletes(tmp_path):
    target = target_with(tmp_path, SCHEMA, partition=spec((1, "identity", "id")))
    target = replace(target, specs={**target.specs, 7: spec((1, "bucket[16]", "id_bucket"), spec_id=7)})
    path = f"{tmp_path}/" + "a" * 300
    text = write_position_deletes(target, spec_id=7, partition=(3,), data_file=path, positions=[9, 2**40, 0, 9])
    file = json.loads(text)
    rows = pq.ParquetFile(file["file-path"]).read()
    assert rows.to_pydict() == {"file_path": [path] * 3, "pos": [0, 9, 2**40]}
    schema = pq.read_schema(file["file-path"])
    assert [one.metadata[b"PARQUET:field_id"] for one in schema] == [b"2147483546", b"2147483545"]
    assert not any(one.nullable for one in schema)
    assert (file["content"], file["spec-id"], file["partition"]) == ("POSITION_DELETES", 7, {"1000": 3})
    assert file["referenced-data-file"] == path
    for kind in ("lower-bounds", "upper-bounds"):
        bounds = dict(zip(file[kind]["keys"], file[kind]["values"], strict=True))
        assert bytes.fromhex(bounds[2147483546]).decode() == path
    assert Path(file["file-path"]).parent.name == "id_bucket=3"


@pytest.mark.parametrize("positions", [pa.array([1, 0], pa.int32()), pa.chunked_array([[1], [0]]), (1, 0)])
def test_positions_of_any_kind(tmp_path, positions):
    target = target_with(tmp_path, SCHEMA)
    text = write_position_deletes(target, spec_id=0, partition=(), data_file="/x", positions=positions)
    assert pq.ParquetFile(json.loads(text)["file-path"]).read()["pos"].to_pylist() == [0, 1]


def test_deletes_of_nothing_and_of_no_spec_are_errors(tmp_path):
    target = target_with(tmp_path, SCHEMA)
    with pytest.raises(ValueError, match="no positions"):
        write_position_deletes(target, spec_id=0, partition=(), data_file="/x", positions=[])
    with pytest.raises(RunFailedError, match=r"db.t has no partition spec 4"):
        write_position_deletes(target, spec_id=4, partition=(), data_file="/x", positions=[1])


def test_rows_that_end_by_an_error_leave_no_half_file(tmp_path):
    def broken():
        yield table(0, 100)
        yield table(100, 100)
        yield table(200, 100)
        raise RuntimeError("no more")

    files = write_data_files(target_with(tmp_path, SCHEMA), broken(), partition=(), row_group_bytes=800, file_bytes=1)
    first = json.loads(next(files))
    with pytest.raises(RuntimeError, match="no more"):
        list(files)
    left = {str(file) for file in tmp_path.iterdir()}
    assert first["file-path"] in left
    assert len(left) == 2
    assert all(pq.read_metadata(file).num_rows == 100 for file in left)


def test_a_writer_that_is_given_up_leaves_whole_files(tmp_path):
    tables = (table(at, 100) for at in range(10))
    files = write_data_files(target_with(tmp_path, SCHEMA), tables, partition=(), row_group_bytes=800, file_bytes=1)
    first = json.loads(next(files))
    files.close()
    assert [str(file) for file in tmp_path.iterdir()] == [first["file-path"]]


FULL_DISK = """
import os, resource, signal, sys
import pyarrow as pa
from dicom_udf.datafiles import write_data_files
from tests.datafiles.targets import target_with

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
schema = pa.schema([pa.field("data", pa.binary())])
rows = [pa.table([[os.urandom(50_000)]], schema=schema) for _ in range(4)]
for limit in sys.argv[2:]:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
    try:
        list(write_data_files(target_with(sys.argv[1], schema), rows, partition=(), row_group_bytes=1))
    except OSError as error:
        print(type(error).__name__, error.errno, os.listdir(sys.argv[1]))
"""


def test_a_disk_that_takes_no_more_is_an_error_with_its_number(tmp_path):
    """The limits hit the first row group, a later one, and the footer."""
    command = [sys.executable, "-W", "error", "-c", FULL_DISK, str(tmp_path), "10000", "120000", "200100"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("OSError 27 []\n" * 3, "")


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "data").write_text("a file")
    with pytest.raises(OSError, match="data"):
        write(target_with(tmp_path / "data", SCHEMA), [table(0, 1)])
