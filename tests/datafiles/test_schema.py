"""Arrow schemas of Iceberg tables, and rows that become the table's."""

import json
import pickle
from datetime import datetime
from decimal import Decimal

import pyarrow as pa
import pytest

from dicom_udf.columns import arrow_schema, failures_table, instances_table, objects_table
from dicom_udf.datafiles import target_arrow_schema, to_table_schema
from dicom_udf.errors import RunFailedError

from .targets import random_rows, target_of, target_with

DEEP = pa.schema(
    [
        pa.field("a", pa.int64(), nullable=False),
        pa.field("b", pa.list_(pa.struct([("c", pa.string()), ("d", pa.list_(pa.decimal128(5, 1)))]))),
        pa.field("e", pa.map_(pa.string(), pa.struct([("f", pa.date32())]))),
        pa.field("g", pa.struct([("h", pa.map_(pa.int32(), pa.list_(pa.bool_())))])),
    ]
)


def ids_below(field):
    """Name and field id of a field and of all below it."""
    yield field.name, int(field.metadata[b"PARQUET:field_id"])
    kind = field.type
    if pa.types.is_map(kind):
        yield from ids_below(kind.key_field)
        yield from ids_below(kind.item_field)
    else:
        for number in range(kind.num_fields):
            yield from ids_below(kind.field(number))


@pytest.mark.parametrize("table", [instances_table(), failures_table(), objects_table()], ids=lambda one: one.name)
def test_the_arrow_schema_of_a_table_is_its_declaration_with_ids(table):
    target = target_of("/x", table)
    found = target_arrow_schema(target)
    assert found.equals(arrow_schema(table))
    assert [field.nullable for field in found] == [field.nullable for field in table.fields]
    ids = [number for field in found for _, number in ids_below(field)]
    assert len(set(ids)) == len(ids)


def test_fields_have_ids_at_every_level():
    found = [list(ids_below(field)) for field in target_arrow_schema(target_with("/x", DEEP))]
    assert found == [
        [("a", 1)],
        [("b", 2), ("element", 5), ("c", 6), ("d", 7), ("element", 8)],
        [("e", 3), ("key", 9), ("value", 10), ("f", 11)],
        [("g", 4), ("h", 12), ("key", 13), ("value", 14), ("element", 15)],
    ]


def test_a_target_goes_to_other_processes():
    target = target_with("/x", DEEP)
    assert pickle.loads(pickle.dumps(target)) == target


def test_columns_without_a_value_are_left_out_and_the_others_are_in_the_tables_order():
    rows = pa.table({"g": [{"h": None}], "b": pa.nulls(1), "unknown": [1], "a": [5]})
    found = to_table_schema(rows, target_with("/x", DEEP))
    assert found.column_names == ["a", "g"]
    assert found.schema.field("a").nullable is False


def test_rows_of_the_tables_own_types_are_not_copied():
    rows = random_rows(arrow_schema(instances_table()), 10)
    target = target_of("/x", instances_table())
    found = to_table_schema(rows, target)
    again = to_table_schema(found, target)
    assert again.equals(found, check_metadata=True)
    for name in found.column_names:
        mine, theirs = (table[name].chunk(0).buffers() for table in (found, rows))
        assert [one and one.address for one in mine] == [one and one.address for one in theirs], name


@pytest.mark.parametrize(
    ("value", "narrow", "wide"),
    [
        (-(2**31), pa.int32(), pa.int64()),
        (0.5, pa.float32(), pa.float64()),
        (Decimal("-1.25"), pa.decimal128(5, 2), pa.decimal128(38, 2)),
        ([1, None], pa.list_(pa.int32()), pa.list_(pa.int64())),
        ({"x": 1}, pa.struct([("x", pa.int32())]), pa.struct([("x", pa.int64())])),
        ([("k", 1)], pa.map_(pa.string(), pa.int32()), pa.map_(pa.string(), pa.int64())),
        ("text", pa.large_string(), pa.string()),
        ("text", pa.dictionary(pa.int32(), pa.string()), pa.string()),
        (datetime(2024, 1, 2), pa.timestamp("ms"), pa.timestamp("us")),
    ],
)
def test_rows_become_the_tables_wider_type(value, narrow, wide):
    rows = pa.table({"x": pa.array([value, None], narrow)})
    target = target_with("/x", pa.schema([pa.field("x", wide)]))
    found = to_table_schema(rows, target)["x"]
    assert found.type == wide
    assert found.to_pylist() == [value, None]


def test_a_value_that_the_table_cannot_hold_costs_its_cell():
    rows = pa.table({"x": [1, 2**40, None, -3], "y": ["7", "secret", None, "9"]})
    target = target_with("/x", pa.schema([pa.field("x", pa.int32()), pa.field("y", pa.int64())]))
    found = to_table_schema(rows, target)
    assert found.to_pydict() == {"x": [1, None, None, -3], "y": [7, None, None, 9]}


@pytest.mark.parametrize("rows", [pa.table({"a": [1, None]}), pa.table({"b": ["x", "y"]}), pa.table({"a": ["1", "s"]})])
def test_a_required_column_without_a_value_is_an_error_that_quotes_none(rows):
    target = target_with("/x", pa.schema([pa.field("a", pa.int64(), nullable=False), pa.field("b", pa.string())]))
    with pytest.raises(RunFailedError, match=r"the column a of the table db.t is required, and \d of 2 rows"):
        to_table_schema(rows, target)


def test_a_type_that_no_value_can_become_is_an_error():
    rows = pa.table({"a": [[1]]})
    with pytest.raises(RunFailedError, match=r"the column a of the table db.t has the type int64"):
        to_table_schema(rows, target_with("/x", pa.schema([pa.field("a", pa.int64())])))


@pytest.mark.parametrize("is_required", [True, False])
def test_a_type_of_no_lake_is_left_out_if_it_may_be(is_required):
    fields = [
        {"id": 1, "name": "a", "required": False, "type": "string"},
        {"id": 2, "name": "u", "required": is_required, "type": "uuid"},
    ]
    target = target_with("/x", pa.schema([]))
    target = type(target)(target.table, "/x", json.dumps({"fields": fields}), target.specs, 0, {})
    if is_required:
        with pytest.raises(RunFailedError, match=r"db.t has a required column u of the type uuid"):
            target_arrow_schema(target)
    else:
        assert target_arrow_schema(target).names == ["a"]
