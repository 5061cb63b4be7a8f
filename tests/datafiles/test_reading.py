"""Rows of data files, read without Spark: by field ids, without those that position-delete files name."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.datafiles import write_data_files, write_position_deletes
from dicom_udf.datafiles.reading import LiveFile, read_live_rows
from tests.datafiles.targets import target_with

SCHEMA = pa.schema([("uri", pa.string()), ("size", pa.int64()), ("days", pa.list_(pa.date32()))])


def rows_of(count):
    return pa.table({"uri": [f"u{n}" for n in range(count)], "size": list(range(count))}).append_column(
        "days", pa.array([[n] if n % 2 else None for n in range(count)], pa.list_(pa.date32()))
    )


def written(target, rows, row_group_bytes=1 << 20):
    texts = write_data_files(target, [rows], partition=(), row_group_bytes=row_group_bytes)
    [found] = [json.loads(text) for text in texts]
    return found


@given(st.lists(st.sets(st.integers(0, 99), min_size=1), max_size=3))
def test_deleted_positions_are_left_out(tmp_path_factory, deletes):
    target = target_with(tmp_path_factory.mktemp("t"), SCHEMA)
    data, other = written(target, rows_of(100)), written(target, rows_of(100))
    texts = [
        write_position_deletes(target, spec_id=0, partition=(), data_file=path, positions=sorted(positions))
        for path in (data["file-path"], other["file-path"])
        for positions in (deletes if path == data["file-path"] else [{5}])
    ]
    files = tuple(json.loads(text)["file-path"] for text in texts)
    found = read_live_rows([LiveFile(data["file-path"], 0, 100, files)], target, ["size", "uri"])
    kept = [number for number in range(100) if not any(number in one for one in deletes)]
    assert found.column("size").to_pylist() == kept
    assert found.column_names == ["size", "uri"]


def test_columns_are_found_by_their_ids_and_absent_ones_are_null(tmp_path):
    target = target_with(tmp_path, SCHEMA)
    one = written(target, rows_of(3))
    later = json.loads(target.schema)
    later["fields"][0]["name"] = "renamed"
    later["fields"].append({"id": 99, "name": "new", "required": False, "type": "double"})
    now = type(target)(target.table, target.folder, json.dumps(later), target.specs, 0, {})
    found = read_live_rows([LiveFile(one["file-path"], 0, 3)], now, ["renamed", "new", "days"])
    assert found.column("renamed").to_pylist() == ["u0", "u1", "u2"]
    assert found.column("new").null_count == 3
    assert [days and len(days) for days in found.column("days").to_pylist()] == [None, 1, None]
    assert read_live_rows([], now, ["renamed"]).num_rows == 0


def test_a_file_that_is_gone_is_an_error(tmp_path):
    target = target_with(tmp_path, SCHEMA)
    with pytest.raises(OSError, match="No such file"):
        read_live_rows([LiveFile(str(tmp_path / "none.parquet"), 0, 1)], target, ["uri"])
