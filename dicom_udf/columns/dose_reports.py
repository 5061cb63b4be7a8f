"""The view ``dose_reports``, and the totals that a document states."""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View, ViewColumn, select_view
from dicom_udf.columns.dose_fields import DOCUMENT_VALUES, FAULTS, GLANDULAR, TOTALS, DoseValue
from dicom_udf.columns.dose_sections import EVENTS, OF_REPORTS, Sections, texts
from dicom_udf.columns.fields import Field
from dicom_udf.columns.item_views import DOCUMENT, KEYS, SRT_DESIGNATORS

__all__ = ["PLANE", "accumulated_of", "reports_view", "total_of"]

_SIDES = {
    "left": (("7771000", "80248007"), ("G-A101", "T-04030")),
    "right": (("24028007", "73056007"), ("G-A100", "T-04020")),
}
"""Sides and breasts (PS3.16 CID 244 and 6022) -> their codes of SCT and of SRT."""

_ACCUMULATED = "concept IN ('113811', '113702')"
PLANE = DoseValue("acquisition_plane", "113764", "code", "")
"""The plane of a container of accumulated dose."""


def accumulated_of(sql: Sections, totals: tuple[DoseValue, ...]) -> dict[str, str]:
    """Return aggregates over the sections of a document: numbers of all its containers of accumulated dose."""
    found = {
        "accumulated": f"count(CASE WHEN {_ACCUMULATED} THEN 1 END)",
        "planes": f"count(DISTINCT CASE WHEN {_ACCUMULATED} THEN acquisition_plane.code_value END)",
    }
    for total in totals:
        number = f"CASE WHEN {_ACCUMULATED} THEN {sql.value(total)} END"
        found[f"{total.name}_sum"] = f"sum({number})"
        found[f"{total.name}_stated"] = f"count({number})"
        bad = (
            f"CASE WHEN {total.name}_min <> {total.name}_max AND {total.name}_bad = 0 THEN 1 ELSE {total.name}_bad END"
        )
        found[f"{total.name}_bad"] = f"max(CASE WHEN {_ACCUMULATED} THEN {bad} END)"
    return found


def _is_summable(total: DoseValue) -> str:
    """Return a condition: containers are of different planes, and each states the total."""
    return f"(accumulated <= 1 OR (planes = accumulated AND {total.name}_stated = accumulated))"


def total_of(total: DoseValue) -> str:
    """Return an expression for the sum over planes; null where it can't be made."""
    number = f"CASE WHEN {total.name}_bad = 0 AND {_is_summable(total)} THEN {total.name}_sum END"
    return f"CAST({number} AS {total.type})"


def reports_view(sql: Sections, own: dict[str, Field]) -> View:
    """Return the view.

    Args:
        sql: Makes the sections.
        own: The columns of ``instances`` by name.
    """
    keys = ", ".join(DOCUMENT)
    names = ", ".join(f"{aggregate} AS {name}" for name, aggregate in _of_document(sql).items())
    documents = f"SELECT {keys}, {names} FROM ({_sections(sql)}) sections GROUP BY {keys}"
    return select_view(
        sql.dialect,
        "dose_reports",
        "one row per dose report of unique_instances",
        _columns(sql, own),
        f"({documents}) rows_of_view",
    )


def _sections(sql: Sections) -> str:
    """Return sections with the places of glandular doses and of each side's laterality."""
    scheme, value = "code.coding_scheme_designator", "code.code_value"
    sides = {
        side: sql.listed(
            "laterality",
            "parent_path",
            f" AND (({scheme} = 'SCT' AND {value} IN ({texts(sct)})) "
            f"OR ({scheme} IN ({texts(SRT_DESIGNATORS)}) AND {value} IN ({texts(srt)})))",
        )
        for side, (sct, srt) in _SIDES.items()
    }
    return sql.sections(
        (*DOCUMENT_VALUES, *TOTALS, PLANE, GLANDULAR),
        {"laterality": "272741003"},
        {f"{side}_parents": listed for side, listed in sides.items()}
        | {"glandular_paths": sql.listed(GLANDULAR.name, "path")},
    )


def _of_document(sql: Sections) -> dict[str, str]:
    """Return aggregates over the sections of a document."""
    found = {key: f"min({key})" for key in (*KEYS, *OF_REPORTS, "complete") if key not in DOCUMENT}
    found |= accumulated_of(sql, TOTALS)
    found["events"] = f"count(CASE WHEN concept IN ({texts(EVENTS)}) THEN 1 END)"
    found["kind"] = "CASE WHEN min(kind) = max(kind) THEN min(kind) END"
    found |= {
        value.name: f"max_by({value.name}, -section) FILTER (WHERE concept IS NULL AND {value.name} IS NOT NULL)"
        for value in DOCUMENT_VALUES
    }
    found["glandular_bad"] = f"max(CASE WHEN {_ACCUMULATED} THEN {GLANDULAR.name}_bad END)"
    for side in _SIDES:
        doses = f"CASE WHEN {_ACCUMULATED} THEN {_doses_of(sql.dialect, side)} END"
        one = sql.dialect.element.format(array=doses, number=1)
        found |= {f"{side}_min": f"min({one})", f"{side}_max": f"max({one})"}
        found[f"{side}_stated"] = f"sum(greatest(coalesce({sql.dialect.length.format(doses)}, 0), 0))"
    return found


def _columns(sql: Sections, own: dict[str, Field]) -> list[ViewColumn]:
    return [
        *((own[key], key) for key in (*KEYS, *OF_REPORTS)),
        (
            Field("kind", "string", "CT or PROJECTION, by its events and totals. Null for none or both."),
            "kind",
        ),
        *((value.field, sql.value(value)) for value in DOCUMENT_VALUES if value.name == "scope_of_accumulation"),
        (Field("events", "bigint", "Irradiation events that the document has."), "events"),
        *((total.field, total_of(total)) for total in TOTALS),
        *(
            (
                Field(
                    f"{GLANDULAR.name}_{side}",
                    "double",
                    f"(111637, DCM) Accumulated Average Glandular Dose, {side} breast, mGy.",
                ),
                _side(side),
            )
            for side in _SIDES
        ),
        *((value.field, sql.value(value)) for value in DOCUMENT_VALUES if value.name != "scope_of_accumulation"),
        (
            Field(
                "is_complete",
                "boolean",
                "False where content items are not known: header_omitted has the reason, or the row is older.",
            ),
            "complete = 1",
        ),
        *_faults(sql),
    ]


def _faults(sql: Sections) -> tuple[ViewColumn, ...]:
    units = [(total.name, f"{total.name}_bad = 2") for total in TOTALS]
    values = [
        (total.name, f"{total.name}_bad = 1 OR ({total.name}_stated > 0 AND NOT {_is_summable(total)})")
        for total in TOTALS
    ]
    for side in _SIDES:
        units.append((f"{GLANDULAR.name}_{side}", "glandular_bad = 2"))
        values.append((f"{GLANDULAR.name}_{side}", f"glandular_bad = 1 OR {side}_stated > 1"))
    return (FAULTS[0], sql.faults(units)), (FAULTS[1], sql.faults(values))


def _doses_of(dialect: Dialect, side: str) -> str:
    """Return an expression for the accumulated glandular doses of a section whose laterality is this side."""
    place = "coalesce(array_position(glandular_paths, x), 0)"
    return dialect.pick.format(
        array=f"{side}_parents",
        condition=f"{place} > 0",
        value=dialect.element.format(array=GLANDULAR.name, number=f"nullif({place}, 0)"),
    )


def _side(side: str) -> str:
    return f"CASE WHEN glandular_bad = 0 AND {side}_stated = 1 AND {side}_min = {side}_max THEN {side}_min END"
