"""An Iceberg schema as Arrow fields with field ids, and rows in the types of a table.

Field ids decide how a reader finds a column in a file, never names: each level of a nested column has its own
(https://iceberg.apache.org/spec/#schemas-and-data-types, https://iceberg.apache.org/spec/#parquet).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa

from dicom_udf.datafiles.target import WriteTarget
from dicom_udf.errors import RunFailedError

__all__ = [
    "Column",
    "Leaf",
    "find_leaves",
    "read_columns",
    "target_arrow_schema",
    "to_arrow_field",
    "to_table_schema",
]

_PRIMITIVES = {
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "string": pa.string(),
    "binary": pa.binary(),
}


class _UnsupportedTypeError(Exception):
    """A type of Iceberg that no column of a lake has."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A column of a Parquet file: a primitive, at top level or below.

    Attributes:
        id: Its field id.
        name: Its full name in Iceberg, e.g. ``study_date`` or ``image_type.element``.
    """

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Column:
    """A top-level column of an Iceberg table.

    Attributes:
        id: Its field id.
        name: Its name.
        field: The Arrow field, with field ids at every level.
        leaves: The columns of a Parquet file that hold it, in the file's order.
    """

    id: int
    name: str
    field: pa.Field
    leaves: tuple[Leaf, ...]

    @property
    def is_required(self) -> bool:
        """Whether each row has a value."""
        return not self.field.nullable

    @property
    def is_primitive(self) -> bool:
        """Whether the column holds one value a row: no list, map or struct."""
        return not self.field.type.num_fields


def read_columns(target: WriteTarget) -> tuple[Column, ...]:
    """Return the columns of a table, in its order.

    An optional column of a type that no lake has (e.g. ``uuid``) is left out: its cells stay null.

    Raises:
        RunFailedError: A required column has such a type.
    """
    try:
        return _read_columns(target.schema)
    except _UnsupportedTypeError as error:
        raise RunFailedError(f"the table {target.table} has a required column {error}; make it optional") from None


@lru_cache(maxsize=16)
def _read_columns(schema: str) -> tuple[Column, ...]:
    columns = []
    for one in json.loads(schema)["fields"]:
        try:
            field = to_arrow_field(one["id"], one["name"], one["type"], is_required=one["required"])
        except _UnsupportedTypeError as error:
            if one["required"]:
                raise _UnsupportedTypeError(f"{one['name']} of the type {error}") from None
            continue
        leaves = tuple(find_leaves(one["id"], one["name"], one["type"]))
        columns.append(Column(one["id"], one["name"], field, leaves))
    return tuple(columns)


def to_arrow_field(field_id: int, name: str, kind: Any, *, is_required: bool) -> pa.Field:
    """Return an Arrow field that Parquet writes with a field id.

    Args:
        field_id: Its id.
        name: Its name.
        kind: Its type as in an Iceberg schema's JSON: a text or, for a nested type, a dict.
        is_required: Whether each row has a value.
    """
    return pa.field(name, _arrow_type(kind), not is_required, metadata={"PARQUET:field_id": str(field_id)})


def _arrow_type(kind: Any) -> pa.DataType:
    if isinstance(kind, str):
        return _arrow_primitive(kind)
    if kind["type"] == "list":
        return pa.list_(
            to_arrow_field(kind["element-id"], "element", kind["element"], is_required=kind["element-required"])
        )
    if kind["type"] == "map":
        return pa.map_(
            to_arrow_field(kind["key-id"], "key", kind["key"], is_required=True),
            to_arrow_field(kind["value-id"], "value", kind["value"], is_required=kind["value-required"]),
        )
    return pa.struct(
        [to_arrow_field(one["id"], one["name"], one["type"], is_required=one["required"]) for one in kind["fields"]]
    )


def _arrow_primitive(kind: str) -> pa.DataType:
    if kind in _PRIMITIVES:
        return _PRIMITIVES[kind]
    if decimal := re.fullmatch(r"decimal\((\d+), ?(\d+)\)", kind):
        return pa.decimal128(int(decimal[1]), int(decimal[2]))
    if fixed := re.fullmatch(r"fixed\[(\d+)\]", kind):
        return pa.binary(int(fixed[1]))
    raise _UnsupportedTypeError(kind)


def find_leaves(field_id: int, name: str, kind: Any) -> Iterator[Leaf]:
    """Yield the primitives of a field, in the order of a Parquet file's columns.

    Args:
        field_id: The field's id.
        name: Its full name.
        kind: Its type, as for :func:`to_arrow_field`.
    """
    if isinstance(kind, str):
        yield Leaf(field_id, name)
    elif kind["type"] == "list":
        yield from find_leaves(kind["element-id"], f"{name}.element", kind["element"])
    elif kind["type"] == "map":
        yield from find_leaves(kind["key-id"], f"{name}.key", kind["key"])
        yield from find_leaves(kind["value-id"], f"{name}.value", kind["value"])
    else:
        for one in kind["fields"]:
            yield from find_leaves(one["id"], f"{name}.{one['name']}", one["type"])


def target_arrow_schema(target: WriteTarget) -> pa.Schema:
    """Return a table's Arrow schema: fields in the table's order, with their field ids at every level.

    Raises:
        RunFailedError: As :func:`read_columns`.
    """
    return pa.schema([column.field for column in read_columns(target)])


def to_table_schema(rows: pa.Table, target: WriteTarget) -> pa.Table:
    """Return rows in a table's types and order, without the optional columns that hold no value.

    Columns are matched by name. The table may have a wider type than the rows, e.g. since a column was widened. A
    value that a narrower type can't hold becomes null.

    Args:
        rows: The rows. A column that the table lacks is dropped.
        target: The table.

    Raises:
        RunFailedError: A required column has a null; or a column's type can't become the table's.
    """
    given = {name: position for position, name in enumerate(rows.column_names)}
    fields, cells = [], []
    for column in read_columns(target):
        position = given.get(column.name)
        found = None if position is None else rows.column(position)
        if column.is_required:
            cells.append(_required(found, rows.num_rows, column, target))
        elif found is not None and found.null_count < rows.num_rows:
            cells.append(_convert(found, column, target))
        else:
            continue
        fields.append(column.field)
    return pa.Table.from_arrays(cells, schema=pa.schema(fields))


def _required(found: pa.ChunkedArray | None, rows: int, column: Column, target: WriteTarget) -> pa.ChunkedArray:
    if found is None:
        found = pa.chunked_array([pa.nulls(rows, column.field.type)])
    cells = _convert(found, column, target)
    if cells.null_count:
        raise RunFailedError(
            f"the column {column.name} of the table {target.table} is required, and {cells.null_count} of {rows} rows "
            "have no value for it; make the column optional, then run again"
        )
    return cells


def _convert(cells: pa.ChunkedArray, column: Column, target: WriteTarget) -> pa.ChunkedArray:
    kind = column.field.type
    if cells.type.equals(kind, check_metadata=True):
        return cells
    try:
        return cells.cast(kind)
    except pa.ArrowInvalid:
        return _convert_each(cells, kind)
    except pa.ArrowNotImplementedError:
        raise RunFailedError(
            f"the column {column.name} of the table {target.table} has the type {kind}, which values of the type "
            f"{cells.type} can't become; rename the column, then run again"
        ) from None


def _convert_each(cells: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    """Convert cell by cell; a cell that the type can't hold becomes null."""

    def convert(position: int) -> pa.Array:
        cell = cells.slice(position, 1)
        try:
            return cell.cast(kind).combine_chunks()
        except pa.ArrowInvalid:
            return pa.nulls(1, kind)

    return pa.chunked_array([pa.concat_arrays([convert(position) for position in range(len(cells))])])
