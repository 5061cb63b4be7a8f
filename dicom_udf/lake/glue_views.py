"""The views in the Glue catalog, as Athena stores its own views: the definition of Presto, as JSON in a comment.

The SQL comes from :mod:`dicom_udf.columns.views`, the columns besides the declared ones from the catalog's table.
"""

from __future__ import annotations

import base64
import contextlib
import json
from dataclasses import replace
from typing import Any

from dicom_udf.aws.errors import translate_aws_errors
from dicom_udf.columns.fields import Field
from dicom_udf.columns.schema import hive_type, trino_type
from dicom_udf.columns.views import TRINO, View, make_views
from dicom_udf.errors import RunFailedError

__all__ = ["create_views", "view_input"]

_CATALOG = "awsdatacatalog"


def create_views(glue: Any, database: str) -> None:
    """Make the views over ``instances``; an existing view is updated only if it differs.

    Call it after each change of the table's columns: ``unique_instances`` has them all.

    Args:
        glue: A boto3 client of Glue.
        database: Name of the database that holds ``instances``.

    Raises:
        RunFailedError: There is no such table, a table has the name of a view, or Glue refuses a call.
    """
    present = _columns(glue, database)
    for view in make_views(TRINO, columns=[field.name for field in present]):
        _bring_up_to_date(glue, database, view_input(_add_types(view, present), database))


def view_input(view: View, database: str) -> dict[str, Any]:
    """Return the ``TableInput`` of ``glue:CreateTable`` for a view."""
    definition = {
        "originalSql": view.sql,
        "catalog": _CATALOG,
        "schema": database,
        "columns": [{"name": one.name, "type": trino_type(one.type), "comment": one.comment} for one in view.fields],
        "comment": view.comment,
        # Athena runs each view with the invoker's permissions. Trino refuses a view that doesn't state this.
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
    """Return the current columns of ``instances``, with Hive's types. Iceberg lists dropped ones too, with a mark."""
    table = _table(glue, database, "instances")
    if table is None:
        raise RunFailedError(f"the Glue database {database} has no table instances; 'dicom-lake init' makes it")
    return [
        Field(column["Name"], column["Type"], column.get("Comment") or "A column that was added to this lake.")
        for column in table["StorageDescriptor"]["Columns"]
        if column.get("Parameters", {}).get("iceberg.field.current", "true") == "true"
    ]


def _add_types(view: View, present: list[Field]) -> View:
    """Add the types and comments of the columns that are not declared."""
    added = {field.name: field for field in present}
    return replace(view, fields=tuple(one if one.type else added[one.name] for one in view.fields))


def _bring_up_to_date(glue: Any, database: str, wanted: dict[str, Any]) -> None:
    name = wanted["Name"]
    found = _table(glue, database, name)
    if found is None:
        with translate_aws_errors("glue:CreateTable", f"the view {database}.{name}"):
            # Another run may make the same view at the same time.
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
    """Compare the fields that a reader of the view uses; Glue adds parameters and empty values."""
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
