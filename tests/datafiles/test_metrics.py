"""Bounds and counts of files, beside the values that they were written from and beside PyIceberg's."""

import io
import math
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyiceberg.conversions import from_bytes, to_bytes
from pyiceberg.io.pyarrow import (
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
)
from pyiceberg.schema import Schema

from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.datafiles.metrics import read_metrics, truncate_lower, truncate_upper
from dicom_udf.datafiles.metrics_modes import MetricsMode, metrics_modes
from dicom_udf.datafiles.schema import read_columns

from .targets import random_rows, target_of, target_with

FULL = MetricsMode(True, None)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=6)

VALUES = {
    "boolean": (pa.bool_(), st.booleans()),
    "int": (pa.int32(), st.integers(-(2**31), 2**31 - 1)),
    "long": (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    "float": (pa.float32(), st.floats(width=32)),
    "double": (pa.float64(), st.floats()),
    "date": (pa.date32(), st.dates()),
    "time": (pa.time64("us"), st.times()),
    "timestamp": (pa.timestamp("us"), st.datetimes()),
    "timestamptz": (pa.timestamp("us", "UTC"), st.datetimes()),
    "string": (pa.string(), TEXTS),
    "binary": (pa.binary(), st.binary(max_size=6)),
    "fixed[3]": (pa.binary(3), st.binary(min_size=3, max_size=3)),
    "decimal(9, 2)": (pa.decimal128(9, 2), st.decimals(-9_999_999, 9_999_999, places=2)),
    "decimal(38, 0)": (pa.decimal128(38), st.integers(1 - 10**38, 10**38 - 1).map(Decimal)),
}


def metrics_of(table, mode=FULL, groups=1):
    """Statistics of a file with one column, in so many row groups."""
    target = target_with("/x", table.schema)
    columns = read_columns(target)
    sink = io.BytesIO()
    size = max(1, -(-table.num_rows // groups))
    pq.write_table(table.cast(pa.schema([one.field for one in columns])), sink, row_group_size=size)
    modes = {leaf.id: mode for column in columns for leaf in column.leaves}
    return read_metrics(pq.read_metadata(sink), columns, modes, nans={})


def iceberg_type(name):
    return Schema.model_validate({"fields": [{"id": 1, "name": "x", "required": False, "type": name}]}).find_type(1)


def comparable(value):
    """A value as its file has it: PyIceberg decodes dates and times as numbers."""
    epoch = datetime(1970, 1, 1)
    if isinstance(value, datetime):
        return (value - epoch) // timedelta(microseconds=1)
    if isinstance(value, date):
        return (value - epoch.date()).days
    if isinstance(value, time):
        return comparable(datetime.combine(epoch.date(), value))
    return value


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=40)
@given(data=st.data())
def test_whole_bounds_are_the_smallest_and_the_largest_value(name, data):
    kind, strategy = VALUES[name]
    values = data.draw(st.lists(st.one_of(st.none(), strategy), min_size=1, max_size=8))
    found = metrics_of(pa.table({"x": pa.array(values, kind)}), groups=data.draw(st.integers(1, 3)))
    assert found.value_counts == {1: len(values)}
    assert found.null_value_counts == {1: values.count(None)}
    given = [comparable(one) for one in values if one is not None and one == one]
    infinite = [one for one in given if one in (math.inf, -math.inf)]
    if 1 not in found.lower_bounds:
        assert 1 not in found.upper_bounds
        assert not given or any(value != value for value in values)  # a row group of NaN has no bounds
        return
    decoded = iceberg_type(name)
    if infinite:  # PyArrow begins with the largest finite numbers, so such a bound may be wider, never narrower
        assert from_bytes(decoded, found.lower_bounds[1]) <= min(given)
        assert from_bytes(decoded, found.upper_bounds[1]) >= max(given)
        return
    assert from_bytes(decoded, found.lower_bounds[1]) == min(given)
    assert from_bytes(decoded, found.upper_bounds[1]) == max(given)
    if min(given) != 0 and max(given) != 0:  # -0.0 and 0.0
        assert found.lower_bounds[1] == to_bytes(decoded, min(given))
        assert found.upper_bounds[1] == to_bytes(decoded, max(given))


@given(st.lists(st.sampled_from([0.0, -0.0]), min_size=1))
def test_zeros_are_within_their_bounds_whatever_their_sign(values):
    found = metrics_of(pa.table({"x": values}))
    assert (found.lower_bounds[1], found.upper_bounds[1]) == (struct.pack("<d", -0.0), struct.pack("<d", 0.0))


def test_nan_is_no_bound():
    found = metrics_of(pa.table({"x": [math.nan, 1.0, None, math.nan, 3.0]}))
    assert (found.lower_bounds[1], found.upper_bounds[1]) == (struct.pack("<d", 1), struct.pack("<d", 3))
    assert metrics_of(pa.table({"x": [math.nan]})).lower_bounds == {}


def test_one_row_group_without_bounds_leaves_the_file_without():
    long = "x" * 5000
    for values in ([long, "a"], ["a", long]):
        found = metrics_of(pa.table({"x": values}), groups=2)
        assert found.lower_bounds == found.upper_bounds == {}
        assert found.null_value_counts == {1: 0}
    found = metrics_of(pa.table({"x": [None, "a"]}), groups=2)
    assert found.lower_bounds == found.upper_bounds == {1: b"a"}


@given(TEXTS, st.integers(1, 4))
@example("a\U0010ffff\U0010ffffb", 3)
@example("a\ud7ffb", 2)
@example("\U0010ffff\U0010ffff", 1)
@example("é\x7f\x7f", 2)
def test_a_text_is_cut_at_characters(text, length):
    lower = truncate_lower(text.encode(), pa.string(), length).decode()
    assert lower == text[:length]
    upper = truncate_upper(text.encode(), pa.string(), length)
    if len(text) <= length:
        assert upper == text.encode()
    elif set(text[:length]) == {"\U0010ffff"}:
        assert upper is None
    else:
        assert upper.decode() > text  # in the order of code points, as the bytes of UTF-8
        assert len(upper.decode()) <= length
        assert upper.decode()[:-1] == text[: len(upper.decode()) - 1]


@given(st.binary(max_size=6), st.integers(1, 4))
@example(b"a\xff\xffb", 3)
@example(b"\xff\xff\xff", 2)
def test_bytes_are_cut(value, length):
    for kind in (pa.binary(), pa.binary(6)):
        assert truncate_lower(value, kind, length) == value[:length]
        upper = truncate_upper(value, kind, length)
        if len(value) <= length:
            assert upper == value
        elif set(value[:length]) == {255}:
            assert upper is None
        else:
            assert upper > value
            assert len(upper) <= length


@pytest.mark.parametrize(("mode", "counts", "bounds"), [((False, 0), False, False), ((True, 0), True, False)])
def test_a_mode_leaves_out_what_it_names(mode, counts, bounds):
    found = metrics_of(pa.table({"x": ["a"]}), MetricsMode(*mode))
    assert bool(found.value_counts) == bool(found.column_sizes) == bool(found.null_value_counts) == counts
    assert bool(found.lower_bounds) == bool(found.upper_bounds) == bounds


def test_a_mode_that_cuts_texts_keeps_numbers():
    found = metrics_of(pa.table({"x": [2**62]}), MetricsMode(True, 1))
    assert found.lower_bounds == {1: (2**62).to_bytes(8, "little")}


@pytest.mark.parametrize("properties", [{}, {"write.metadata.metrics.default": "full"}], ids=["inferred", "full"])
@pytest.mark.parametrize("seed", range(5))
def test_statistics_of_instances_are_those_of_pyiceberg(seed, properties, tmp_path):
    target = target_of("/x", instances_table(), properties=properties)
    rows = random_rows(arrow_schema(instances_table()), 50, seed=seed)
    columns = read_columns(target)
    rows = rows.cast(pa.schema([column.field for column in columns]))
    pq.write_table(rows, tmp_path / "x.parquet", row_group_size=20)
    footer = pq.read_metadata(tmp_path / "x.parquet")
    schema = Schema.model_validate_json(target.schema)
    modes = metrics_modes(target)
    plan = compute_statistics_plan(schema, {"write.metadata.metrics.default": "full"})
    theirs = data_file_statistics_from_parquet_metadata(
        footer, plan, parquet_path_to_id_mapping(schema)
    ).to_serialized_dict()
    found = read_metrics(footer, columns, modes, nans={})
    kept = {key for key, mode in modes.items() if mode.has_counts}
    assert found.value_counts == {key: value for key, value in theirs["value_counts"].items() if key in kept}
    assert found.null_value_counts == {key: one for key, one in theirs["null_value_counts"].items() if key in kept}
    assert found.column_sizes == {key: value for key, value in theirs["column_sizes"].items() if key in kept}
    for column in columns:
        if column.is_primitive and modes[column.id].bound_length is None:
            assert found.lower_bounds.get(column.id) == theirs["lower_bounds"].get(column.id), column.name
            assert found.upper_bounds.get(column.id) == theirs["upper_bounds"].get(column.id), column.name
