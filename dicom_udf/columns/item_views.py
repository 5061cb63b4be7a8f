"""The views of the item columns: a row for each item of a sequence, in the images of ``unique_instances``."""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View
from dicom_udf.columns.fields import Field, path_text
from dicom_udf.columns.items import ItemColumn
from dicom_udf.columns.tables import instances_table

__all__ = ["KEYS", "item_view"]

KEYS = (
    "study_date", "study_date_is_default", "patient_id", "study_instance_uid", "series_instance_uid",
    "sop_instance_uid", "source_uri", "source_member",
)  # fmt: skip
"""Columns of ``instances`` that each row has."""

_NUMBER = Field("item_number", "bigint", "Place of the item in its sequence, counted from 1.")


def item_view(column: ItemColumn, dialect: Dialect, joined: str, kept: str) -> View:
    """Return the view of an item column.

    Args:
        column: The column.
        dialect: Dialect of the engine.
        joined: The tables of ``unique_instances``, in which that of instances is ``i``.
        kept: The condition of ``unique_instances``.
    """
    own = {field.name: field for field in instances_table().fields}
    array = dialect.name(column.name)
    keys = [dialect.name(key) for key in KEYS]
    images = (
        f"SELECT {', '.join(f'i.{name}' for name in (*keys, array))} FROM {joined} "
        f"WHERE {kept} AND i.{array} IS NOT NULL"
    )
    names = ", ".join(dialect.name(field.name) for field in column.fields)
    rows = dialect.unnest_structs.format(rows=images, array=f"i.{array}", fields=names)
    fields = (dialect.field.format(dialect.name(field.name)) for field in column.fields)
    select = [
        *keys,
        f"CAST(number AS bigint) AS {dialect.name(_NUMBER.name)}",
        *(f"{value} AS {dialect.name(field.name)}" for value, field in zip(fields, column.fields, strict=True)),
    ]
    return View(
        column.name,
        f"one row per item of {column.keyword}, in the images of unique_instances",
        (
            *(own[key] for key in KEYS),
            _NUMBER,
            *(
                Field(field.name, field.type, f"{path_text(field.path)}. {field.description}")
                for field in column.fields
            ),
        ),
        f"SELECT {', '.join(select)} FROM ({rows}) items",
    )
