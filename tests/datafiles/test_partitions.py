"""Partition values, the rows of each, and the folders that they are named by."""

from datetime import date, datetime

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.datafiles import partition_values, split_by_partition
from dicom_udf.datafiles.partitions import PartitionField, partition_folder, partition_json
from dicom_udf.errors import RunFailedError

from .targets import spec, target_with

SCHEMA = pa.schema(
    [
        pa.field("day", pa.date32()),
        pa.field("time", pa.timestamp("us")),
        pa.field("text", pa.string()),
        pa.field("number", pa.int64()),
        pa.field("real", pa.float64()),
    ]
)
DAYS = st.dates(date(1, 1, 1), date(9999, 12, 31))
TIMES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))


def target(*fields):
    return target_with("/x", SCHEMA, partition=spec(*fields))


def expected(transform, value):
    """A value by the specification's words."""
    if value is None or transform == "void":
        return None
    years = value.year - 1970
    return {
        "identity": value,
        "day": date(value.year, value.month, value.day),
        "month": years * 12 + value.month - 1,
        "year": years,
    }[transform]


@given(st.lists(st.one_of(st.none(), DAYS), min_size=1), st.sampled_from(["identity", "day", "month", "year", "void"]))
def test_values_of_dates(days, transform):
    rows = pa.table({"day": pa.array(days, pa.date32())})
    (values,) = partition_values(rows, target((1, transform, "p")))
    assert values.to_pylist() == [expected(transform, day) for day in days]


@given(st.lists(st.one_of(st.none(), TIMES), min_size=1), st.sampled_from(["day", "month", "year"]))
def test_values_of_timestamps(times, transform):
    rows = pa.table({"time": pa.array(times, pa.timestamp("us"))})
    (values,) = partition_values(rows, target((2, f"{transform}s", "p")))
    assert values.to_pylist() == [expected(transform, time) for time in times]


@pytest.mark.parametrize(
    "field",
    [(1, "bucket[16]", "p"), (1, "truncate[4]", "p"), (5, "identity", "p"), (2, "hour", "p"), (3, "day", "p")],
)
def test_other_partitions_are_an_error(field):
    name = SCHEMA.names[field[0] - 1]
    with pytest.raises(RunFailedError, match=rf"the table db.t has the partition .* of the column {name}, which"):
        partition_values(pa.table({name: pa.nulls(1, SCHEMA.field(name).type)}), target(field))


FEW_DAYS = st.one_of(st.none(), st.dates(date(2024, 1, 28), date(2024, 2, 3)))
FEW_TEXTS = st.one_of(st.none(), st.sampled_from(["a", "b", ""]))


@given(st.lists(st.tuples(FEW_DAYS, FEW_TEXTS)), st.booleans())
def test_rows_are_split_by_partition_and_keep_their_order(pairs, is_sorted):
    if is_sorted:
        pairs = sorted(pairs, key=str)
    rows = pa.table(
        {
            "day": pa.array([day for day, _ in pairs], pa.date32()),
            "text": pa.array([text for _, text in pairs], pa.string()),
            "number": pa.array(range(len(pairs)), pa.int64()),
        }
    )
    groups = {}
    for number, (day, text) in enumerate(pairs):
        groups.setdefault((expected("month", day), text), []).append(number)
    found = list(split_by_partition(rows, target((1, "month", "m"), (3, "identity", "text"))))
    assert [(key, part["number"].to_pylist()) for key, part in found] == list(groups.items())


def test_rows_of_a_table_without_partitions_stay_together():
    rows = pa.table({"number": [3, 1, 2]})
    assert list(split_by_partition(rows, target())) == [((), rows)]
    assert list(split_by_partition(rows.slice(0, 0), target())) == []


def test_rows_in_order_are_not_copied():
    rows = pa.table({"day": pa.array([date(2024, 1, 1)] * 3 + [date(2023, 1, 1)] * 2), "number": range(5)})
    first, second = (part for _, part in split_by_partition(rows, target((1, "identity", "day"))))
    address = rows["number"].chunk(0).buffers()[1].address
    assert {part["number"].chunk(0).buffers()[1].address for part in (first, second)} == {address}


def test_a_missing_column_is_null():
    ((key, _),) = split_by_partition(pa.table({"number": [1]}), target((1, "month", "m"), (3, "identity", "t")))
    assert key == (None, None)


def fields(*transforms):
    return tuple(PartitionField(1000 + at, f"p{at}", 1, transform) for at, transform in enumerate(transforms))


@pytest.mark.parametrize(
    ("transform", "value", "folder", "json"),
    [
        ("identity", date(1900, 2, 3), "1900-02-03", "1900-02-03"),
        ("day", date(2024, 2, 29), "2024-02-29", "2024-02-29"),
        ("month", 648, "2024-01", 648),
        ("months", -1, "1969-12", -1),
        ("year", -70, "1900", -70),
        ("years", -1969, "0001", -1969),
        ("hour", -1, "1969-12-31-23", -1),
        ("bucket[16]", 5, "5", 5),
        ("identity", "a b/ü~*%", "a+b%2F%C3%BC%7E*%25", "a b/ü~*%"),
        ("identity", True, "true", True),
        ("truncate[4]", "abcd", "abcd", "abcd"),
    ],
)
def test_folders_and_json_are_as_icebergs(transform, value, folder, json):
    assert partition_folder(fields(transform), (value,)) == f"p0={folder}"
    assert partition_json(fields(transform), (value,)) == {"1000": json}


def test_nulls_and_several_values():
    assert partition_folder(fields("void", "identity"), (None, "x")) == "p0=null/p1=x"
    assert partition_json(fields("void", "identity"), (None, "x")) == {"1001": "x"}
    assert partition_folder((), ()) == ""
    with pytest.raises(ValueError, match="shorter"):
        partition_json(fields("identity"), ())
