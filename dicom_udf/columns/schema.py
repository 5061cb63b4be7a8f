"""A table's fields as an Arrow schema and as Spark SQL."""

from __future__ import annotations

import pyarrow as pa

from dicom_udf.columns.model import Table

__all__ = ["arrow_schema", "arrow_type", "quote_text", "spark_ddl"]

_SCALARS = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp_ntz": pa.timestamp("us"),
    "decimal(20,0)": pa.decimal128(20, 0),
    "map<string,string>": pa.map_(pa.string(), pa.string()),
}


def arrow_type(sql: str) -> pa.DataType:
    """Return the Arrow type of a Spark SQL type; zoneless timestamps in microseconds."""
    if sql in _SCALARS:
        return _SCALARS[sql]
    kind, _, inner = sql.removesuffix(">").partition("<")
    if kind == "array":
        return pa.list_(arrow_type(inner))
    if kind == "struct":
        fields = (part.partition(":") for part in inner.split(","))
        return pa.struct([(name, arrow_type(scalar)) for name, _, scalar in fields])
    raise ValueError(f"no Arrow type for {sql}")


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
