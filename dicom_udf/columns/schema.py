"""A table's fields as Arrow schema and as Spark SQL, and the types as Hive and Trino spell them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from dicom_udf.columns.fields import Table

__all__ = ["arrow_schema", "arrow_type", "hive_type", "quote_text", "spark_ddl", "trino_type"]

_SCALARS = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "float": pa.float32(),
    "boolean": pa.bool_(),
    "binary": pa.binary(),
    "date": pa.date32(),
    "timestamp_ntz": pa.timestamp("us"),
    "timestamp": pa.timestamp("us"),
}
"""Scalars of Spark and, with another name for the zoneless timestamp, of Hive: its name comes last."""


@dataclass(frozen=True, slots=True)
class _Dialect:
    """Names of scalar types, and templates of the others."""

    scalars: Mapping[pa.DataType, str]
    array: str = "array<{}>"
    map: str = "map<{},{}>"
    struct: str = "struct<{}>"
    field: str = "{}:{}"
    comma: str = ","


_HIVE = _Dialect({kind: name for name, kind in _SCALARS.items()})
_TRINO = _Dialect(
    {
        **_HIVE.scalars,
        pa.string(): "varchar",
        pa.float32(): "real",
        pa.binary(): "varbinary",
        pa.timestamp("us"): "timestamp(6)",  # as Iceberg's: a view that declares fewer digits is stale
    },
    "array({})",
    "map({}, {})",
    "row({})",
    '"{}" {}',
    ", ",
)


def arrow_type(sql: str) -> pa.DataType:
    """Return the Arrow type of a type of Spark SQL or Hive; timestamps in microseconds without a zone.

    Raises:
        ValueError: No column of a lake can have this type.
    """
    if sql in _SCALARS:
        return _SCALARS[sql]
    if decimal := re.fullmatch(r"decimal\((\d+), ?(\d+)\)", sql):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    kind, _, inner = sql.removesuffix(">").partition("<")
    parts = _split(inner)
    if kind == "array" and len(parts) == 1:
        return pa.list_(arrow_type(inner))
    if kind == "map" and len(parts) == 2:
        return pa.map_(*map(arrow_type, parts))
    if kind == "struct":
        fields = (part.partition(":") for part in parts)
        return pa.struct([(name, arrow_type(of)) for name, _, of in fields])
    raise ValueError(f"no Arrow type for {sql}")


def _split(inner: str) -> list[str]:
    """Split at the commas outside brackets."""
    parts, depth = [""], 0
    for char in inner:
        depth += (char in "<(") - (char in ">)")
        if char == "," and not depth:
            parts.append("")
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def hive_type(sql: str) -> str:
    """Return Hive's name of a type, e.g. ``array<timestamp>``; a type that has no Arrow type keeps its name."""
    return _spell(sql, _HIVE)


def trino_type(sql: str) -> str:
    """Return Trino's name of a type, e.g. ``array(row("code_value" varchar))``; as :func:`hive_type`."""
    return _spell(sql, _TRINO)


def _spell(sql: str, dialect: _Dialect) -> str:
    try:
        return _name(arrow_type(sql), dialect)
    except ValueError:
        return sql


def _name(kind: pa.DataType, dialect: _Dialect) -> str:
    if pa.types.is_list(kind):
        return dialect.array.format(_name(kind.value_type, dialect))
    if pa.types.is_map(kind):
        return dialect.map.format(_name(kind.key_type, dialect), _name(kind.item_type, dialect))
    if pa.types.is_struct(kind):
        fields = (dialect.field.format(field.name, _name(field.type, dialect)) for field in kind)
        return dialect.struct.format(dialect.comma.join(fields))
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    return dialect.scalars[kind]


def arrow_schema(table: Table) -> pa.Schema:
    """Return the table's Arrow schema, fields in order: ``mapInArrow`` matches by position."""
    return pa.schema([pa.field(field.name, arrow_type(field.type), field.nullable) for field in table.fields])


def spark_ddl(table: Table) -> str:
    """Return the table's columns as in ``CREATE TABLE t (...)``, comments included."""
    return ", ".join(
        f"`{field.name}` {field.type}{'' if field.nullable else ' NOT NULL'} COMMENT {quote_text(field.comment)}"
        for field in table.fields
    )


def quote_text(text: str) -> str:
    """Return ``text`` as a Spark SQL string literal."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
