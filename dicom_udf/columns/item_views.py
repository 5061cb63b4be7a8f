"""The views of the item columns: a row for each item of a sequence, in the images of ``unique_instances``."""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View
from dicom_udf.columns.fields import Field
from dicom_udf.columns.items import ItemColumn
from dicom_udf.columns.tables import instances_table

__all__ = ["DOCUMENT", "KEYS", "KEYS_OF_TARGETS", "SRT_DESIGNATORS", "item_view"]

KEYS = (
    "study_date", "study_date_is_default", "patient_id", "study_instance_uid", "series_instance_uid",
    "sop_instance_uid", "source_uri", "source_member",
)  # fmt: skip
"""Columns of ``instances`` that each row has."""

DOCUMENT = ("study_date", "source_uri", "source_member")
"""Those of them that identify an image; ``source_member`` may be null, which a window or a group takes as a value."""

SRT_DESIGNATORS = ("SRT", "SNM3", "99SDM")
"""Designators of SNOMED RT, of which older files have the last two (PS3.16 Table 8-1)."""

_GRAIN = {
    "specimen_steps": "content item of the steps in which specimens were prepared",
    "content_items": "content item of a structured report, its root included",
    "links": "reference to another instance, and whether that one is in the lake",
    "frames": "frame",
}
"""The grain of views whose rows are not items of a sequence at top level."""

_NUMBER = Field("item_number", "bigint", "Place of the struct in its column, counted from 1: the order of the file.")


_TARGET = (
    Field("target_modality", "string", "Modality of the instance that it refers to, where the lake has it."),
    Field("target_series_instance_uid", "string", "Series of that instance, where the lake has it."),
    Field(
        "is_in_lake",
        "boolean",
        "Whether the lake has that instance. Null for references to studies and procedure steps, which are none.",
    ),
)
KEYS_OF_TARGETS = ("sop_instance_uid", "series_instance_uid", "modality")
"""Columns of ``instances`` that the view ``links`` finds targets by."""

_NO_INSTANCES = ("STUDY", "PROCEDURE_STEP")
"""Kinds of references that are not to instances."""


def item_view(column: ItemColumn, dialect: Dialect, source: str, joined: str, kept: str) -> View:
    """Return the view of an item column; that of ``links`` also finds the instances that are referred to.

    Args:
        column: The column.
        dialect: Dialect of the engine.
        source: Name of the table of instances in the engine.
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
    view = View(
        column.name,
        f"one row per {_GRAIN.get(column.name) or f'item of {column.keyword}'}, in the images of unique_instances",
        (
            *(own[key] for key in KEYS),
            _NUMBER,
            *(Field(field.name, field.type, field.comment) for field in column.fields),
        ),
        f"SELECT {', '.join(select)} FROM ({rows}) items",
    )
    return _with_targets(view, dialect, source) if column.name == "links" else view


def _with_targets(links: View, dialect: Dialect, source: str) -> View:
    """Add the modality and series of the instances that links refer to, where the lake has these."""
    targets = (
        f"SELECT sop_instance_uid AS uid, min(modality) AS target_modality, "
        f"min(series_instance_uid) AS target_series_instance_uid FROM {source} "
        f"WHERE sop_instance_uid IS NOT NULL GROUP BY sop_instance_uid"
    )
    names = ", ".join(f"links.{dialect.name(field.name)}" for field in links.fields)
    kinds = ", ".join(f"'{kind}'" for kind in _NO_INSTANCES)
    sql = (
        f"SELECT {names}, target_modality, target_series_instance_uid, CASE WHEN links.kind NOT IN ({kinds}) "
        f"AND links.referenced_sop_instance_uid IS NOT NULL THEN targets.uid IS NOT NULL END AS is_in_lake "
        f"FROM ({links.sql}) links LEFT JOIN ({targets}) targets ON links.referenced_sop_instance_uid = targets.uid"
    )
    return View(links.name, links.comment, (*links.fields, *_TARGET), sql)
