"""The columns of tables and views with their meaning, and in a lake the rows that have a value."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from dicom_udf.answers.inspection import open_all_tables
from dicom_udf.answers.local import Answer, add_views, answer
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError, did_you_mean
from dicom_udf.lake import layout
from dicom_udf.table_metadata import current_schema, read_metadata

if TYPE_CHECKING:
    import duckdb

    from dicom_udf.columns import Attribute, Field

__all__ = ["COLUMN_FIELDS", "describe_columns", "nearest_columns"]

COLUMN_FIELDS: tuple[str, ...] = (
    "column",
    "type",
    "level",
    "tag",
    "keyword",
    "vr",
    "vm",
    "unit",
    "action",
    "description",
)
"""The columns of :func:`describe_columns`, in front of ``table``."""


def describe_columns(
    *, search: str | None = None, table: str | None = None, location: LakeLocation | None = None
) -> Answer:
    """Describe columns: :data:`COLUMN_FIELDS`, and ``values`` where a lake is given.

    Args:
        search: Only columns that have this in their name, tag, keyword or description; case doesn't matter. Without
            ``table`` all tables and views are searched; a view's columns that mean the same in ``instances`` are left
            out.
        table: A table or a view. Without it and ``search``, ``instances``.
        location: A lake: counts its rows with a value in each column; its own further columns are listed too.

    Raises:
        ConfigurationError: There is no such table or lake.
        RunFailedError: A table of the lake is missing, or could not be read.
    """
    declared = _declared_columns()
    if table is not None and table not in declared:
        hint = did_you_mean(table, declared)
        raise ConfigurationError(f"--table {table} is not a table or view{hint}; they are {', '.join(declared)}")
    chosen = [table] if table is not None else list(declared) if search is not None else ["instances"]
    connection = None if location is None else open_all_tables(location)
    if connection is not None:
        add_views(connection, set(chosen) & set(layout.VIEWS))
    found: list[tuple[Any, ...]] = []
    for name in chosen:
        rows = declared[name]
        if table is None and name in layout.VIEWS:
            rows = [row for row in rows if row not in declared["instances"]]
        if connection is not None and location is not None and name == "instances":
            rows = [*rows, *_further_columns(connection, location, {row[0] for row in rows})]
        rows = [row for row in rows if search is None or _mentions(row, search.casefold())]
        if connection is None:
            found += [(*row, name) for row in rows]
        else:
            counts = _count_values(connection, name, [row[0] for row in rows])
            found += [(*row, name, counts.get(row[0])) for row in rows]
    names = (*COLUMN_FIELDS, "table")
    return Answer(names if location is None else (*names, "values"), iter(found))


def nearest_columns(search: str) -> list[str]:
    """Return the names of at most three declared columns that resemble a word.

    Example:
        >>> from dicom_udf.answers.column_list import nearest_columns
        >>> nearest_columns("slicethickness")[0]
        'slice_thickness'
    """
    names = {row[0] for rows in _declared_columns().values() for row in rows}
    return difflib.get_close_matches(search.casefold(), sorted(names), n=3)


def _mentions(row: Sequence[Any], wanted: str) -> bool:
    searched = [COLUMN_FIELDS.index(name) for name in ("column", "tag", "keyword", "description")]
    return any(wanted in str(row[index] or "").casefold() for index in searched)


def _declared_columns() -> dict[str, list[tuple[Any, ...]]]:
    """Return :data:`COLUMN_FIELDS` of each column, by table and view."""
    from dicom_udf.columns import declared_attributes  # noqa: PLC0415 - reads the DICOM dictionary
    from dicom_udf.columns.views import DUCKDB, make_views  # noqa: PLC0415

    fields = {table.name: table.columns().fields for table in layout.LAKE_TABLES}
    fields |= {view.name: view.fields for view in make_views(DUCKDB)}
    attributes = {attribute.column: attribute for attribute in declared_attributes()}
    comments = {field.name: field.comment for field in fields["instances"]}
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for name, columns in fields.items():
        # A view's column of an attribute's name may be something else, e.g. the sum of several.
        of_table = [
            (one, attributes.get(one.name) if comments.get(one.name) == one.comment else None) for one in columns
        ]
        rows[name] = [_described(field, attribute) for field, attribute in of_table]
    return rows


def _described(field: Field, attribute: Attribute | None) -> tuple[Any, ...]:
    if attribute is None:
        return (field.name, field.type, *[None] * 7, field.comment)
    meaning = attribute.hint + attribute.description
    rest = (attribute.vr, attribute.vm, attribute.unit or None, attribute.action or None, meaning)
    return (field.name, field.type, attribute.level, _places(attribute), attribute.keyword, *rest)


def _further_columns(
    tables: duckdb.DuckDBPyConnection, location: LakeLocation, known: Collection[str]
) -> list[tuple[Any, ...]]:
    """Return the columns of ``instances`` that aren't declared, with DuckDB's types."""
    comments = _comments(location)
    types = ((row[0], row[1].lower()) for row in answer(tables, "DESCRIBE instances").rows)
    return [(name, kind, *[None] * 7, comments.get(name)) for name, kind in types if name not in known]


def _count_values(tables: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> dict[str, int]:
    """Return the number of rows that have a value, by column; columns that the lake lacks are left out."""
    there = answer(tables, "SELECT column_name FROM duckdb_columns() WHERE table_name = $1", [table]).rows
    present = sorted({name for (name,) in there} & set(columns))
    if not present:
        return {}
    counts = ", ".join(f'count("{name}")' for name in present)
    return dict(zip(present, next(answer(tables, f"SELECT {counts} FROM {table}").rows), strict=True))


def _comments(location: LakeLocation) -> dict[str, str]:
    """Return the comments of the columns of ``instances``, promoted ones too, as the catalog or Iceberg has them."""
    if location.is_glue:
        from dicom_udf.aws.glue import lake_tables  # noqa: PLC0415 - boto3 is a heavy import

        return dict(lake_tables(location, ["instances"])["instances"].comments)
    metadata = read_metadata(location)
    fields = [] if metadata is None else current_schema(metadata)["fields"]
    return {field["name"]: field["doc"] for field in fields if "doc" in field}


def _places(attribute: Attribute) -> str:
    return " or ".join(map(_tags, (attribute.path, *(place.path for place in attribute.further))))


def _tags(path: Sequence[int]) -> str:
    return ".".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)
