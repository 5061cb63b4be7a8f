"""The views of radiation dose, over the content items of dose reports; this one has ``dose_events``."""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View, ViewColumn, select_view
from dicom_udf.columns.dose_fields import EVENT_VALUES, FAULTS, DoseValue
from dicom_udf.columns.dose_reports import reports_view
from dicom_udf.columns.dose_sections import CONTAINERS, EVENTS, NEEDED, Sections, texts
from dicom_udf.columns.dose_studies import studies_view
from dicom_udf.columns.fields import Field
from dicom_udf.columns.item_views import DOCUMENT, KEYS
from dicom_udf.columns.items import CODE_TYPE

__all__ = ["NEEDED", "dose_views"]

_LATERALITY = Field("laterality", CODE_TYPE, "(272741003, SCT) or (G-C171, SRT) Laterality of the target region.")
_REFERENCE_TEXT = Field(
    "reference_point_text", "string", "(113780, DCM) Reference Point Definition, where it is a text."
)
_LIMITS = (
    ("dlp", "alert", "the accumulated DLP forward estimate", "(113905 and 113903, DCM)"),
    ("ctdi_vol", "alert", "the accumulated CTDIvol forward estimate", "(113906 and 113904, DCM)"),
    ("dlp", "notification", "the DLP forward estimate", "(113913 and 113911, DCM)"),
    ("ctdi_vol", "notification", "the CTDIvol forward estimate", "(113914 and 113912, DCM)"),
)
"""Values of CT Dose Check (PS3.16 TID 10015): quantity, kind of limit, the estimate in words, concepts of both."""


def dose_views(dialect: Dialect, own: dict[str, Field], joined: str, kept: str) -> tuple[View, ...]:
    """Return ``dose_events``, ``dose_reports`` and ``dose_studies``.

    Args:
        dialect: Dialect of the engine.
        own: The columns of ``instances`` by name.
        joined: The tables of ``unique_instances``, in which that of instances is ``i``.
        kept: The condition of ``unique_instances``.
    """
    sql = Sections(dialect, joined, kept)
    return _events(sql, own), reports_view(sql, own), studies_view(sql, own)


def _events(sql: Sections, own: dict[str, Field]) -> View:
    number = Field("event_number", "bigint", "Place of the event among those of the document, counted from 1.")
    columns: list[ViewColumn] = [
        *((own[key], key) for key in KEYS),
        (number, "event_number"),
        (Field("path", "string", "Path of the event's container in content_items."), "path"),
        (
            Field("kind", "string", "CT: (113819, DCM) CT Acquisition. PROJECTION: (113706, DCM)."),
            "kind",
        ),
    ]
    for value in EVENT_VALUES:
        if value.form == "hidden":
            continue
        expression = sql.value(value)
        if value.of:
            expression = f"CASE WHEN kind = '{value.of}' THEN {expression} END"
        columns.append((value.field, expression))
        if value.name == "reference_point":
            columns.append((_REFERENCE_TEXT, f"CASE WHEN kind = 'PROJECTION' THEN {_REFERENCE_TEXT.name} END"))
        if value.name == "compression_thickness":
            columns.append((_LATERALITY, "CASE WHEN laterality_parent = target_region_path THEN laterality END"))
        if value.name == "x_ray_modulation_type":
            columns += [_is_exceeded(sql, *limit) for limit in _LIMITS]
    columns += _faults(sql)
    return select_view(
        sql.dialect,
        "dose_events",
        "one row per irradiation event of each dose report; repeated reports stay",
        columns,
        f"({_numbered(sql)}) rows_of_view",
    )


def _numbered(sql: Sections) -> str:
    """Return the sections that are events, each with its number in the document."""
    sections = sql.sections(
        EVENT_VALUES,
        {"laterality": "272741003", **CONTAINERS},
        {
            **{f"{part}_paths": sql.listed(part, "path") for part in CONTAINERS},
            _REFERENCE_TEXT.name: sql.first("reference_point", "text"),
            "laterality": sql.first("laterality", "code"),
            "laterality_parent": sql.first("laterality", "parent_path"),
            "target_region_path": sql.first("target_region", "path"),
        },
    )
    return (
        f"SELECT sections.*, CAST(row_number() OVER (PARTITION BY {', '.join(DOCUMENT)} "
        f"ORDER BY section) AS bigint) AS event_number FROM ({sections}) sections WHERE concept IN ({texts(EVENTS)})"
    )


def _faults(sql: Sections) -> tuple[ViewColumn, ...]:
    faulty = [value for value in EVENT_VALUES if value.quantity]
    names = [(value.comment if value.form == "hidden" else value.name, value) for value in faulty]
    applies = {value.name: f"kind = '{value.of}' AND " if value.of else "" for value in faulty}
    units = [(name, f"{applies[value.name]}{value.name}_bad = 2") for name, value in names]
    values = [(name, f"{applies[value.name]}({_is_contradictory(sql, value)})") for name, value in names]
    return (FAULTS[0], sql.faults(units)), (FAULTS[1], sql.faults(values))


def _is_contradictory(sql: Sections, value: DoseValue) -> str:
    several = f" OR {value.name}_min <> {value.name}_max" if value.form in ("number", "hidden") else ""
    if value.form == "source":
        several = f" OR {sql.has_several(value)}"
    return f"{value.name}_bad = 1{several}"


def _is_exceeded(sql: Sections, quantity: str, limit: str, text: str, concepts: str) -> ViewColumn:
    """Return the column for whether the scanner expected more than a limit that was set on it."""
    names = [f"{quantity}_{limit}_{part}" for part in ("estimate", "value")]
    estimate, value = (sql.value(one) for name in names for one in EVENT_VALUES if one.name == name)
    field = Field(f"{quantity}_{limit}_exceeded", "boolean", f"Whether {text} is above the {limit} value {concepts}.")
    return field, f"CASE WHEN kind = 'CT' THEN {estimate} > {value} END"
