"""The view ``dose_studies``: events of all reports of a study, each once, beside the totals of its reports."""

from __future__ import annotations

from collections.abc import Iterator

from dicom_udf.columns.dialects import View, ViewColumn, select_view
from dicom_udf.columns.dose_fields import EVENT_VALUES, TOTALS
from dicom_udf.columns.dose_reports import PLANE, accumulated_of, total_of
from dicom_udf.columns.dose_sections import EVENTS, Sections, texts
from dicom_udf.columns.fields import Field
from dicom_udf.columns.item_views import DOCUMENT

__all__ = ["studies_view"]

_UNITED = {"dlp": "dlp_total", "dose_area_product": "dose_area_product_total", "dose_rp": "dose_rp_total"}
"""Values of events that are summed -> the total that a document states."""

_UNITS = {
    "dlp": ("DLP", "mGy.cm"),
    "dose_area_product": ("Dose area product", "Gy.m2"),
    "dose_rp": ("Dose (RP)", "Gy"),
}
"""These values -> their name in a comment, and their unit."""

_VALUES = {
    value.name: value for value in EVENT_VALUES if value.name in ("irradiation_event_uid", "mean_ctdi_vol", *_UNITED)
}
_TOTALS = tuple(total for total in TOTALS if total.name in _UNITED.values())
_DOCUMENT = ", ".join(DOCUMENT)
_STUDY = "study_date, study_instance_uid"
_IS_EVENT = f"concept IN ({texts(EVENTS)})"
_LATEST = "content_date DESC NULLS LAST, content_time DESC NULLS LAST, source_uri, coalesce(source_member, '')"


def studies_view(sql: Sections, own: dict[str, Field]) -> View:
    """Return the view.

    Events are united by UID: one that several documents have is that of the latest document. The n-th event of a UID
    in a document is united with the n-th of another one: some devices write one UID for both planes of an acquisition.

    Args:
        sql: Makes the sections.
        own: The columns of ``instances`` by name.
    """
    return select_view(
        sql.dialect,
        "dose_studies",
        "one row per study, study date and kind of dose reports (CT, PROJECTION)",
        _columns(own),
        f"({_by_study(_by_document(sql, _events(sql)))}) rows_of_view",
    )


# --- The steps, each a subquery of the next


def _events(sql: Sections) -> str:
    """Return sections; an event has its ``place`` among the same events of all documents, 1 for the one to count."""
    sections = sql.sections((*_VALUES.values(), *_TOTALS, PLANE), {}, {})
    counted = (
        f"SELECT sections.*, CASE WHEN {_IS_EVENT} THEN row_number() OVER (PARTITION BY {_DOCUMENT}, concept, "
        f"irradiation_event_uid ORDER BY section) END AS occurrence, "
        f"min(complete) OVER (PARTITION BY {_STUDY}) AS study_complete "
        f"FROM ({sections}) sections WHERE study_instance_uid IS NOT NULL"
    )
    same_event = f"PARTITION BY {_STUDY}, concept, irradiation_event_uid, occurrence ORDER BY {_LATEST}"
    return (
        f"SELECT counted.*, CASE WHEN {_IS_EVENT} THEN CASE WHEN irradiation_event_uid IS NULL THEN 1 "
        f"ELSE row_number() OVER ({same_event}) END END AS place FROM ({counted}) counted"
    )


def _by_document(sql: Sections, placed: str) -> str:
    """Return documents by kind, each with its totals and its rank among those of the study."""
    names = ", ".join(f"{aggregate} AS {name}" for name, aggregate in _of_document(sql).items())
    documents = f"SELECT {_DOCUMENT}, kind, {names} FROM ({placed}) placed GROUP BY {_DOCUMENT}, kind"
    # The root and its other children are a row without a kind, beside those of the document's kinds.
    with_kinds = (
        f"SELECT documents.*, count(kind) OVER (PARTITION BY {_DOCUMENT}) AS kinds FROM ({documents}) documents"
    )
    return (
        f"SELECT documents.*, {', '.join(f'{total_of(total)} AS {total.name}' for total in _TOTALS)}, "
        f"sum(kept) OVER (PARTITION BY {_STUDY}, kind) AS all_events, "
        f"row_number() OVER (PARTITION BY {_STUDY}, kind ORDER BY events DESC, {_LATEST}) AS rank_of_document "
        f"FROM ({with_kinds}) documents WHERE kind IS NOT NULL OR kinds = 0"
    )


def _of_document(sql: Sections) -> dict[str, str]:
    """Return aggregates over the sections of a document: of its totals, and of its events that count."""
    found = {key: f"min({key})" for key in ("study_instance_uid", "study_date_is_default", "patient_id")}
    found |= {key: f"min({key})" for key in ("content_date", "content_time", "study_complete")}
    found |= accumulated_of(sql, _TOTALS)
    found["events"] = f"count(CASE WHEN {_IS_EVENT} THEN 1 END)"
    found["kept"] = "count(CASE WHEN place = 1 THEN 1 END)"
    found["unnamed"] = f"count(CASE WHEN {_IS_EVENT} AND irradiation_event_uid IS NULL THEN 1 END)"
    found["ctdi_vol_max"] = f"max(CASE WHEN place = 1 THEN {sql.value(_VALUES['mean_ctdi_vol'])} END)"
    for name in _UNITED:
        found[name] = f"sum(CASE WHEN place = 1 THEN {sql.value(_VALUES[name])} END)"
        is_bad = f"place = 1 AND ({name}_bad > 0 OR {name}_min <> {name}_max)"
        found[f"{name}_lost"] = f"count(CASE WHEN {is_bad} THEN 1 END)"
    return found


def _by_study(ranked: str) -> str:
    """Return studies by kind, with the sums of their events and the totals that their documents state."""
    united = {
        "study_date_is_default": "min(study_date_is_default)",
        "patient_id": "CASE WHEN min(patient_id) = max(patient_id) THEN min(patient_id) END",
        "reports": "count(*)",
        "events": "sum(kept)",
        "unnamed": "sum(unnamed)",
        "doubtful": "CASE WHEN sum(unnamed) > 0 AND count(CASE WHEN events > 0 THEN 1 END) > 1 THEN 1 ELSE 0 END",
        "lost": " + ".join(f"sum({name}_lost)" for name in _UNITED),
        "ctdi_vol_max": "max(ctdi_vol_max)",
        "complete": "min(study_complete)",
    }
    for name, total in _UNITED.items():
        united[name] = f"CASE WHEN sum({name}_lost) = 0 THEN sum({name}) END"
        united[f"{name}_reported"] = _reported(total)
    names = ", ".join(f"{aggregate} AS {name}" for name, aggregate in united.items())
    return f"SELECT {_STUDY}, kind, {names} FROM ({ranked}) ranked GROUP BY {_STUDY}, kind"


def _reported(total: str) -> str:
    """Return an aggregate for the total of the document that has all events, or of the whole ones together."""
    # A document is whole if all its events are counted in it. Totals of whole documents may be added.
    is_whole = "events > 0 AND kept = events"
    return (
        f"CASE WHEN max(all_events) = 0 AND count(*) > 1 THEN NULL "
        f"WHEN max(events) = max(all_events) THEN max(CASE WHEN rank_of_document = 1 THEN {total} END) "
        f"WHEN sum(CASE WHEN {is_whole} THEN kept ELSE 0 END) = max(all_events) "
        f"AND count(CASE WHEN {is_whole} AND {total} IS NULL THEN 1 END) = 0 "
        f"THEN sum(CASE WHEN {is_whole} THEN {total} END) END"
    )


# --- The columns


def _columns(own: dict[str, Field]) -> list[ViewColumn]:
    return [
        (own["study_date"], "study_date"),
        (own["study_date_is_default"], "study_date_is_default"),
        (Field("patient_id", "string", "(0010,0020) PatientID, LO. Null where documents differ."), "patient_id"),
        (own["study_instance_uid"], "study_instance_uid"),
        (
            Field(
                "kind",
                "string",
                "CT or PROJECTION. Null for documents without known content items, or of no kind.",
            ),
            "kind",
        ),
        (Field("reports", "bigint", "Dose reports of this kind."), "reports"),
        (
            Field("events", "bigint", "Irradiation events; one that several documents have is one."),
            "CAST(events AS bigint)",
        ),
        (
            Field("events_without_uid", "bigint", "Events without a UID, which can't be united."),
            "CAST(unnamed AS bigint)",
        ),
        (Field("ctdi_vol_max", "double", "Greatest Mean CTDIvol of its events, mGy."), "ctdi_vol_max"),
        *_sums(),
        (
            Field("is_complete", "boolean", "Whether all dose reports of the study are complete."),
            "complete = 1",
        ),
        (
            Field(
                "is_consistent",
                "boolean",
                "Whether sums and reported totals differ by 1 % or less. False too where a sum can't be trusted: "
                "documents not complete, numbers lost, events without a UID in several. Null without a total.",
            ),
            _is_consistent(),
        ),
    ]


def _sums() -> Iterator[ViewColumn]:
    for name, (text, unit) in _UNITS.items():
        field = Field(
            name,
            "double",
            f"{text} of its events together, {unit}. Null where a number of an event can't be read, or where several "
            f"documents have events without a UID.",
        )
        yield field, f"CASE WHEN doubtful = 0 THEN {name} END"
    for name, (text, unit) in _UNITS.items():
        field = Field(
            f"{name}_reported",
            "double",
            f"{text} total, {unit}, of the document that has all events, or of the documents that have them "
            f"together, each once. Null if there are none.",
        )
        yield field, f"{name}_reported"


def _is_consistent() -> str:
    same = " AND ".join(
        f"({name}_reported IS NULL OR abs(coalesce({name}, 0e0) - {name}_reported) <= 1e-2 * abs({name}_reported))"
        for name in _UNITED
    )
    nothing = " AND ".join(f"{name}_reported IS NULL" for name in _UNITED)
    return f"CASE WHEN complete = 0 OR doubtful = 1 OR lost > 0 THEN FALSE WHEN {nothing} THEN NULL ELSE {same} END"
