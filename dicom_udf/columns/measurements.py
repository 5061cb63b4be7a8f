"""The views ``measurements`` and ``evaluations``: what structured reports state, with the group that it is in.

Both read ``content_items`` once. Each row of a measurement group (PS3.16 TID 1411, 1501) gets what the group's direct
children state by windows over the rows of one document, so a group that lacks a tracking identifier, a finding or a
site keeps its rows. Paths are compared for equality alone: ``1.1`` is a prefix of ``1.10``. Windows are by the study
date too, so a filter on it passes through all steps.
"""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View, ViewColumn, select_view
from dicom_udf.columns.fields import Field
from dicom_udf.columns.item_views import DOCUMENT, KEYS, SRT_DESIGNATORS, item_view
from dicom_udf.columns.items import CODE_TYPE, ItemColumn
from dicom_udf.columns.tables import instances_table

__all__ = ["CONCEPTS", "SEGMENTATIONS", "report_views"]


def _srt(code: str) -> tuple[tuple[str, str], ...]:
    return tuple((code, designator) for designator in SRT_DESIGNATORS)


CONCEPTS = {
    "tracking_identifier": (("112039", "DCM"),),
    "tracking_uid": (("112040", "DCM"),),
    "finding": (("121071", "DCM"),),
    "finding_site": (("363698007", "SCT"), *_srt("G-C0E3")),
    "laterality": (("272741003", "SCT"), *_srt("G-C171")),
    "activity_session": (("C67447", "NCIt"),),
    "derivation": (("121401", "DCM"),),
    "method": (("370129005", "SCT"), *_srt("G-C036")),
    "source_series": (("121232", "DCM"),),
    "observer_name": (("121008", "DCM"),),
    "observer_uid": (("121012", "DCM"),),
    "observer_type": (("121005", "DCM"),),
}
"""Kinds of items that describe measurements -> their concepts: code value, coding scheme designator."""

SEGMENTATIONS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes of images with segments: Segmentation Storage, Label Map Segmentation Storage."""

_READ = (
    *KEYS, "item_number", "path", "parent_path", "group_path", "value_type", "concept", "text", "numeric_value",
    "numeric_values", "unit", "qualifier", "code", "referenced_sop_instance_uid", "referenced_segments",
    "template_identifier",
)  # fmt: skip
"""Columns of ``content_items`` that the steps read."""

_OF_GROUP = " AND parent_path = group_path"
_OF_ROOT = " AND parent_path = '1'"

_PLACES: tuple[ViewColumn, ...] = (
    (Field("path", "string", "Place in the tree: 1 is the root, 1.2 its second item, 1.2.7 the seventh of that."), ""),
    (
        Field(
            "group_path",
            "string",
            "Path of the nearest Measurement Group (125007, DCM) around it; null outside of any group.",
        ),
        "",
    ),
    (
        Field("template_identifier", "string", "(0040,DB00) TemplateIdentifier of the document's root, such as 1500."),
        "document_template",
    ),
)
_TRACKED: tuple[ViewColumn, ...] = (
    (
        Field("tracking_identifier", "string", "(112039, DCM) Tracking Identifier of the group: the same over time."),
        "group_tracking_identifier",
    ),
    (Field("tracking_uid", "string", "(112040, DCM) Tracking Unique Identifier of the group."), "group_tracking_uid"),
    (Field("finding", CODE_TYPE, "(121071, DCM) Finding of the group; the first of several."), "group_finding"),
)
_SESSION: ViewColumn = (
    Field("activity_session", "string", "(C67447, NCIt) Activity Session of the group."),
    "group_activity_session",
)
_SERIES: ViewColumn = (
    Field(
        "source_series_instance_uid",
        "string",
        "(121232, DCM) Source series for segmentation: the series that the group's segmentation was made of.",
    ),
    "group_source_series",
)


def report_views(column: ItemColumn, dialect: Dialect, source: str, joined: str, kept: str) -> tuple[View, ...]:
    """Return both views.

    Args:
        column: The column ``content_items``.
        dialect: Dialect of the engine.
        source: Name of the table of instances in the engine.
        joined: The tables of ``unique_instances``, in which that of instances is ``i``.
        kept: The condition of ``unique_instances``.
    """
    items = _with_kinds(item_view(column, dialect, source, joined, kept).sql)
    return _measurements(dialect, items), _evaluations(dialect, items)


def _measurements(dialect: Dialect, items: str) -> View:
    sites, segmentation, segment = (
        f"coalesce(own_{name}, group_{name})" for name in ("sites", "segmentation", "segment")
    )
    columns = (
        *_PLACES,
        *_TRACKED,
        *_site(dialect, sites, "NUM, otherwise of the group"),
        _SESSION,
        (Field("quantity", CODE_TYPE, "(0040,A043) ConceptNameCodeSequence of the NUM: what was measured."), "concept"),
        (Field("derivation", CODE_TYPE, "(121401, DCM) Derivation of the NUM, such as mean."), "own_derivation"),
        (
            Field("method", CODE_TYPE, "(370129005, SCT) Measurement Method of the NUM, otherwise of the group."),
            "coalesce(own_method, group_method)",
        ),
        (
            Field(
                "value", "double", "(0040,A30A) NumericValue in the unit; null without one and where it has several."
            ),
            "numeric_value",
        ),
        (Field("numeric_values", "array<double>", "The values of a NUM that has several."), ""),
        (Field("unit", CODE_TYPE, "(0040,08EA) MeasurementUnitsCodeSequence, in codes of UCUM."), ""),
        (Field("qualifier", CODE_TYPE, "(0040,A301) NumericValueQualifierCodeSequence: why there is no value."), ""),
        _SERIES,
        *_segmentation(segmentation, segment, "NUM, otherwise of the group"),
        _observer("coalesce(own_observer, group_observer, document_observer)", "NUM, otherwise of the group or root"),
    )
    rows = _with_group(dialect, _with_own(dialect, _with_laterality(items, "value_type = 'NUM'")))
    return _view(
        dialect,
        "measurements",
        "one row per NUM item of a content tree, with what its measurement group states",
        columns,
        f"({rows}) items WHERE value_type = 'NUM'",
    )


def _evaluations(dialect: Dialect, items: str) -> View:
    columns = (
        *_PLACES,
        *_TRACKED,
        *_site(dialect, "group_sites", "group"),
        _SESSION,
        (Field("question", CODE_TYPE, "(0040,A043) ConceptNameCodeSequence of the item: what was judged."), "concept"),
        (Field("answer", CODE_TYPE, "(0040,A168) ConceptCodeSequence of the item; null where it is empty."), "code"),
        _SERIES,
        *_segmentation("group_segmentation", "group_segment", "group"),
        _observer("coalesce(group_observer, document_observer)", "group, otherwise of the root"),
    )
    evaluated = "value_type = 'CODE' AND parent_path = group_path AND kind IS NULL"
    rows = _with_group(dialect, _with_laterality(items, evaluated))
    return _view(
        dialect,
        "evaluations",
        "one row per CODE item of a measurement group that is not a part of the group's description",
        columns,
        f"({rows}) items WHERE {evaluated}",
    )


def _site(dialect: Dialect, sites: str, of: str) -> tuple[ViewColumn, ...]:
    site, laterality = (dialect.element.format(array=sites, number=number) for number in (1, 2))
    return (
        (Field("finding_site", CODE_TYPE, f"(363698007, SCT) Finding Site of the {of}; the first of several."), site),
        (Field("laterality", CODE_TYPE, "(272741003, SCT) Laterality below that finding site."), laterality),
    )


def _segmentation(uid: str, number: str, of: str) -> tuple[ViewColumn, ...]:
    return (
        (Field("segmentation_sop_instance_uid", "string", f"Segmentation that is an IMAGE item of the {of}."), uid),
        (
            Field("segment_number", "bigint", "Segment of that segmentation; null where the item has none or several."),
            f"nullif({number}, 0)",
        ),
    )


def _observer(expression: str, of: str) -> ViewColumn:
    comment = f"(121008, DCM) Person Observer Name, otherwise (121012, DCM) Device Observer UID, of the {of}."
    return Field("observer", "string", comment), expression


def _view(dialect: Dialect, name: str, comment: str, columns: tuple[ViewColumn, ...], rows: str) -> View:
    own = {field.name: field for field in instances_table().fields}
    whole = (*((own[key], "") for key in KEYS), *columns)
    named = ((field, expression or dialect.name(field.name)) for field, expression in whole)
    return select_view(dialect, name, comment, named, rows)


# --- The steps, each a subquery of the next


def _with_kinds(items: str) -> str:
    """Return the items with their ``kind``: one of :data:`CONCEPTS`, ``segmentation``, or null."""
    whens = [
        f"WHEN items.concept.code_value = '{value}' AND items.concept.coding_scheme_designator = '{scheme}' "
        f"THEN '{kind}'"
        for kind, codes in CONCEPTS.items()
        for value, scheme in codes
    ]
    classes = ", ".join(f"'{uid}'" for uid in SEGMENTATIONS)
    whens.append(
        f"WHEN items.value_type = 'IMAGE' AND items.referenced_sop_class_uid IN ({classes}) THEN 'segmentation'"
    )
    names = ", ".join(f"items.{name}" for name in _READ)
    return f"SELECT {names}, CASE {' '.join(whens)} END AS kind FROM ({items}) items"


def _with_laterality(items: str, rows: str) -> str:
    """Return the items that a view needs; those of finding sites with the laterality below them."""
    over = _over("CASE WHEN kind = 'finding_site' THEN path ELSE parent_path END")
    return (
        f"SELECT items.*, {_first('laterality', 'code')} {over} AS laterality FROM ({items}) items "
        f"WHERE {rows} OR kind IS NOT NULL OR parent_path IS NULL"
    )


def _with_own(dialect: Dialect, items: str) -> str:
    """Return the items; those of NUMs with what their direct children state."""
    over = _over("CASE WHEN value_type = 'NUM' THEN path ELSE parent_path END")
    values = {
        "derivation": _first("derivation", "code"),
        "method": _first("method", "code"),
        **_described(dialect),
    }
    select = ", ".join(f"{value} {over} AS own_{name}" for name, value in values.items())
    return f"SELECT items.*, {select} FROM ({items}) items"


def _with_group(dialect: Dialect, items: str) -> str:
    """Return the items with what direct children of their group and of the root state."""
    of_group, of_document = _over("group_path"), _over("")
    values = {
        "tracking_identifier": _first("tracking_identifier", "text", _OF_GROUP),
        "tracking_uid": _first("tracking_uid", "text", _OF_GROUP),
        "finding": _first("finding", "code", _OF_GROUP),
        "activity_session": _first("activity_session", "text", _OF_GROUP),
        "method": _first("method", "code", _OF_GROUP),
        "source_series": _first("source_series", "text", _OF_GROUP),
        **_described(dialect, _OF_GROUP),
    }
    select = [f"{value} {of_group} AS group_{name}" for name, value in values.items()]
    # A document has one root, so the greatest template is its only one.
    template = f"max(CASE WHEN parent_path IS NULL THEN template_identifier END) {of_document}"
    select += [
        f"{template} AS document_template",
        f"{_observers(_OF_ROOT)} {of_document} AS document_observer",
    ]
    return f"SELECT items.*, {', '.join(select)} FROM ({items}) items"


def _described(dialect: Dialect, among: str = "") -> dict[str, str]:
    """Return what NUMs and groups both may have.

    Values of one item are taken together, because engines differ where the value of the least number is null: a site
    and its laterality in an array, and 0 where an item has not one segment.
    """
    segments = "referenced_segments"
    one = f"CASE WHEN {dialect.length.format(segments)} = 1 THEN "
    one += f"{dialect.element.format(array=segments, number=1)} END"
    return {
        "sites": _first("finding_site", dialect.array.format("code, laterality"), f" AND code IS NOT NULL{among}"),
        "segmentation": _first("segmentation", "referenced_sop_instance_uid", among),
        "segment": _first(
            "segmentation", f"coalesce({one}, 0)", f" AND referenced_sop_instance_uid IS NOT NULL{among}"
        ),
        "observer": _observers(among),
    }


def _first(kind: str, value: str, among: str = "") -> str:
    """Return the value of the first item of a kind that has one."""
    return f"min_by({value}, CASE WHEN kind = '{kind}' AND {value} IS NOT NULL{among} THEN item_number END)"


def _observers(among: str) -> str:
    """Return the name of the first person, otherwise the UID of the first device."""
    return (
        f"min_by(text, CASE WHEN text IS NULL THEN NULL WHEN kind = 'observer_name'{among} THEN item_number "
        f"WHEN kind = 'observer_uid'{among} THEN item_number + 1000000000 END)"
    )


def _over(key: str) -> str:
    return f"OVER (PARTITION BY {', '.join(filter(None, (*DOCUMENT, key)))})"
