"""Iceberg tables as a writer of data files sees them, made without Iceberg."""

import json
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from random import Random

import pyarrow as pa

from dicom_udf.columns import Table, arrow_schema
from dicom_udf.datafiles import WriteTarget

__all__ = ["UNPARTITIONED", "iceberg_fields", "random_rows", "spec", "target_of", "target_with"]

_NAMES = {
    pa.bool_(): "boolean",
    pa.int32(): "int",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.time64("us"): "time",
    pa.timestamp("us"): "timestamp",
    pa.timestamp("us", "UTC"): "timestamptz",
    pa.string(): "string",
    pa.binary(): "binary",
}


def iceberg_fields(schema):
    """The fields of an Iceberg schema's JSON; ids go to the top level first, as Iceberg gives them."""
    ids = count(1)
    numbered = [(next(ids), field) for field in schema]
    return [
        {"id": number, "name": field.name, "required": not field.nullable, "type": _type(field.type, ids)}
        for number, field in numbered
    ]


def _type(kind, ids):
    if kind in _NAMES:
        return _NAMES[kind]
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision}, {kind.scale})"
    if pa.types.is_fixed_size_binary(kind):
        return f"fixed[{kind.byte_width}]"
    if pa.types.is_list(kind):
        element = next(ids)
        return {
            "type": "list",
            "element-id": element,
            "element": _type(kind.value_type, ids),
            "element-required": not kind.value_field.nullable,
        }
    if pa.types.is_map(kind):
        key, value = next(ids), next(ids)
        return {
            "type": "map",
            "key-id": key,
            "key": _type(kind.key_type, ids),
            "value-id": value,
            "value": _type(kind.item_type, ids),
            "value-required": not kind.item_field.nullable,
        }
    return {"type": "struct", "fields": iceberg_fields_of(kind, ids)}


def iceberg_fields_of(kind, ids):
    numbered = [(next(ids), field) for field in kind]
    return [
        {"id": number, "name": field.name, "required": not field.nullable, "type": _type(field.type, ids)}
        for number, field in numbered
    ]


def spec(*fields, spec_id=0):
    """JSON of a partition spec, from pairs of source id, transform and name."""
    entries = [
        {"name": name, "transform": transform, "source-id": source, "field-id": 1000 + number}
        for number, (source, transform, name) in enumerate(fields)
    ]
    return json.dumps({"spec-id": spec_id, "fields": entries})


UNPARTITIONED = spec()


def target_with(folder, schema, *, partition=UNPARTITIONED, properties=None, **others):
    """A table of these Arrow fields."""
    text = json.dumps({"type": "struct", "schema-id": 0, "fields": iceberg_fields(schema)})
    return WriteTarget("db.t", str(folder), text, {0: partition}, 0, properties or {}, **others)


def target_of(folder, table: Table, **others):
    """A declared table of a lake."""
    return target_with(folder, arrow_schema(table), **others)


def random_rows(schema, number, *, seed=0, density=0.7, **fixed):
    """Rows of a schema with random values and nulls, nested ones too; ``fixed`` has the values of whole columns."""
    random = Random(seed)
    arrays = []
    for field in schema:
        if field.name in fixed:
            values = [fixed[field.name]] * number
        else:
            share = 1 if not field.nullable else random.choice((0, density))
            values = [_value(random, field.type) if random.random() < share else None for _ in range(number)]
        arrays.append(pa.array(values, field.type))
    return pa.table(arrays, schema=schema)


def _value(random, kind):
    if pa.types.is_list(kind):
        return [_value(random, kind.value_type) if random.random() < 0.8 else None for _ in range(random.randrange(4))]
    if pa.types.is_map(kind):
        return [(f"key {number}", _value(random, kind.item_type)) for number in range(random.randrange(3))]
    if pa.types.is_struct(kind):
        return {field.name: _value(random, field.type) if random.random() < 0.8 else None for field in kind}
    if pa.types.is_string(kind):
        return "".join(random.choices("abé山𝒳 \\'\"", k=random.randrange(30)))
    if pa.types.is_boolean(kind):
        return random.random() < 0.5
    if pa.types.is_integer(kind):
        return random.randrange(-(2 ** (kind.bit_width - 1)), 2 ** (kind.bit_width - 1))
    if pa.types.is_floating(kind):
        return random.choice((-0.0, 0.0, 0.5, -1e300, random.random()))
    if pa.types.is_date(kind):
        return date(1900, 1, 1) + timedelta(random.randrange(60_000))
    if pa.types.is_timestamp(kind):
        return datetime(1900, 1, 1) + timedelta(random.randrange(60_000), microseconds=random.randrange(10**9))
    return Decimal(random.randrange(-(10 ** (kind.precision - 1)), 10 ** (kind.precision - 1))).scaleb(-kind.scale)
