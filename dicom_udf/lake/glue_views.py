"""The views in the Glue catalog, in the form in which Athena stores its own: Presto's, as JSON in a comment.

The SQL comes from :mod:`dicom_udf.columns.views`; the columns beyond the declared ones come from the catalog's table.
"""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any

from dicom_udf.aws.errors import translate_aws_errors
from dicom_udf.columns.model import Field
from dicom_udf.columns.schema import hive_type, trino_type
from dicom_udf.columns.views import TRINO, View, make_views
from dicom_udf.errors import RunFailedError

__all__ = ["create_views", "view_input"]

_CATALOG = "awsdatacatalog"


def create_views(glue: Any, database: str) -> None:
    """Make the three views over ``instances``; a view that is there is touched only if it differs.

    Call it whenever the table's columns have changed: ``unique_instances`` has them all.

    Args:
        glue: A boto3 client of Glue.
        database: Name of the database that holds ``instances``.

    Raises:
        RunFailedError: There is no such table, something else has a view's name, or Glue refuses a call.
    """
    there = _columns(glue, database)
    for view in make_views(TRINO, columns=[field.name for field in there]):
        _bring_up_to_date(glue, database, view_input(_typed(view, there), database))


def view_input(view: View, database: str) -> dict[str, Any]:
    """Return what ``glue:CreateTable`` takes as ``TableInput``."""
    definition = {
        "originalSql": view.sql,
        "catalog": _CATALOG,
        "schema": database,
        "columns": [{"name": one.name, "type": trino_type(one.type), "comment": one.comment} for one in view.fields],
        "comment": view.comment,
        # As Athena does it anyway; Trino refuses a view that leaves it open whose permissions count.
        "runAsInvoker": True,
        "path": [],
    }
    encoded = base64.b64encode(json.dumps(definition, ensure_ascii=False).encode()).decode()
    columns = [{"Name": one.name, "Type": hive_type(one.type), "Comment": one.comment} for one in view.fields]
    return {
        "Name": view.name,
        "Description": view.comment,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "StorageDescriptor": {"Columns": columns, "Location": "", "SerdeInfo": {}},
        "PartitionKeys": [],
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
    }


def _columns(glue: Any, database: str) -> list[Field]:
    """Return the columns that ``instances`` has now, with Hive's types. Iceberg lists dropped ones too, marked."""
    table = _table(glue, database, "instances")
    if table is None:
        raise RunFailedError(f"the Glue database {database} has no table instances; 'dicom-lake init' makes it")
    return [
        Field(column["Name"], column["Type"], column.get("Comment") or "A column that was added to this lake.")
        for column in table["StorageDescriptor"]["Columns"]
        if column.get("Parameters", {}).get("iceberg.field.current", "true") == "true"
    ]


def _typed(view: View, there: list[Field]) -> View:
    """Give the columns that only this lake has their types and comments."""
    added = {field.name: field for field in there}
    return replace(view, fields=tuple(one if one.type else added[one.name] for one in view.fields))


def _bring_up_to_date(glue: Any, database: str, wanted: dict[str, Any]) -> None:
    name = wanted["Name"]
    found = _table(glue, database, name)
    if found is None:
        with translate_aws_errors("glue:CreateTable", f"the view {database}.{name}"):
            # Two runs may do this at once, with the same view.
            with contextlib.suppress(glue.exceptions.AlreadyExistsException):
                glue.create_table(DatabaseName=database, TableInput=wanted)
            return
    if found.get("TableType") != "VIRTUAL_VIEW" or found.get("Parameters", {}).get("presto_view") != "true":
        raise RunFailedError(
            f"the Glue database {database} has a table {name} where the view of that name belongs; rename or drop it"
        )
    if _differs(found, wanted):
        with translate_aws_errors("glue:UpdateTable", f"the view {database}.{name}"):
            glue.update_table(DatabaseName=database, TableInput=wanted, SkipArchive=True)


def _differs(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Compare what a reader sees; Glue adds parameters and empty values of its own."""
    columns = [
        {key: column.get(key) for key in ("Name", "Type", "Comment")}
        for column in found["StorageDescriptor"]["Columns"]
    ]
    return columns != wanted["StorageDescriptor"]["Columns"] or any(
        found.get(key) != wanted[key] for key in ("ViewOriginalText", "ViewExpandedText", "Description")
    )


def _table(glue: Any, database: str, name: str) -> dict[str, Any] | None:
    with translate_aws_errors("glue:GetTable", f"the table {database}.{name}"):
        try:
            table: dict[str, Any] = glue.get_table(DatabaseName=database, Name=name)["Table"]
        except glue.exceptions.EntityNotFoundException:
            return None
        return table
