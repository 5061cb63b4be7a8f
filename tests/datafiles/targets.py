"""Iceberg tables as a writer of data files sees them, made without Iceberg."""

import json
from itertools import count

import pyarrow as pa

from dicom_udf.columns import Table, arrow_schema
from dicom_udf.datafiles import WriteTarget

__all__ = ["UNPARTITIONED", "iceberg_fields", "spec", "target_of", "target_with"]

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
