"""The views of radiation dose, over the content items of dose reports (PS3.16 TID 10001 and 10011).

The steps, each a subquery of the next: documents, their content items, the values of items in the unit of their
column, sections. A section is a child of the root with all below it: an irradiation event, or accumulated dose. So
the array of items is read once, and no step joins items with items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dicom_udf.columns.dialects import Dialect, View, ViewColumn, select_view
from dicom_udf.columns.dose_fields import (
    DOCUMENT_VALUES,
    EVENT_VALUES,
    FAULTS,
    QUANTITIES,
    TOTALS,
    TWINS,
    DoseValue,
)
from dicom_udf.columns.fields import Field
from dicom_udf.columns.item_views import DOCUMENT, KEYS
from dicom_udf.columns.items import CODE_TYPE, item_columns

__all__ = ["NEEDED", "dose_views"]

_OF_REPORTS = ("content_date", "content_time", "manufacturer", "manufacturer_model_name", "station_name")

NEEDED = (*KEYS, *_OF_REPORTS, "sop_class_uid", "template_identifier", "header_omitted", "content_items")
"""Columns of ``instances`` that the views need."""

_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.88.67",  # X-Ray Radiation Dose SR Storage
    "1.2.840.10008.5.1.4.1.1.88.76",  # Enhanced X-Ray Radiation Dose SR Storage
)
"""Classes of documents that are dose reports although their content items are not known."""

_TEMPLATES = ("10001", "10011")
_KINDS = {"113819": "CT", "113811": "CT", "113706": "PROJECTION", "113702": "PROJECTION"}
"""Concepts of sections -> their kind."""
_EVENTS = ("113819", "113706")
_CONTAINERS = {"source": "113831", "filter": "113771"}
"""Containers that occur several times in an event -> their concept."""

_FEW = 30
"""Below this number of concepts, items of others are left out of the array, before each item becomes a row."""

_SRT = ("SRT", "SNM3", "99SDM")
"""Designators of SNOMED RT (PS3.16 Table 8-1)."""
_SIDES = {
    "left": (("7771000", "80248007"), ("G-A101", "T-04030")),
    "right": (("24028007", "73056007"), ("G-A100", "T-04020")),
}
"""Sides and breasts (PS3.16 CID 244 and 6022) -> their codes of SCT and of SRT."""

_LATERALITY = Field("laterality", CODE_TYPE, "(272741003, SCT) or (G-C171, SRT) Laterality of the target region.")
_REFERENCE_TEXT = Field(
    "reference_point_text", "string", "(113780, DCM) Reference Point Definition, where it is a text."
)
_ALERTS = (
    ("dlp_alert_exceeded", "dlp_forward_estimate", "dlp_alert_value", "DLP", "(113905 and 113903, DCM)"),
    (
        "ctdi_vol_alert_exceeded",
        "ctdi_vol_forward_estimate",
        "ctdi_vol_alert_value",
        "CTDIvol",
        "(113906 and 113904, DCM)",
    ),
)
_GLANDULAR = "accumulated_average_glandular_dose"
_GLANDULAR_VALUE = DoseValue(_GLANDULAR, "111637", "filter", "", "dose_mgy")

_Columns = list[ViewColumn]


def dose_views(dialect: Dialect, own: dict[str, Field], joined: str, kept: str) -> tuple[View, ...]:
    """Return ``dose_events``, ``dose_reports`` and ``dose_studies``.

    Args:
        dialect: Dialect of the engine.
        own: The columns of ``instances`` by name.
        joined: The tables of ``unique_instances``, in which that of instances is ``i``.
        kept: The condition of ``unique_instances``.
    """
    sql = _Sections(dialect, joined, kept)
    return _events(sql, own), _reports(sql, own), _studies(sql, own)


class _Sections:
    """Makes the SQL of sections, with the values that a view needs and no others.

    Args:
        dialect: Dialect of the engine.
        joined: The tables of ``unique_instances``.
        kept: The condition of ``unique_instances``.
    """

    def __init__(self, dialect: Dialect, joined: str, kept: str) -> None:
        self.dialect = dialect
        self._joined = joined
        self._kept = kept

    def sections(self, values: Iterable[DoseValue], concepts: dict[str, str], further: dict[str, str]) -> str:
        """Return a query with one row for each section, and one for the root of each document.

        Args:
            values: The values to read. A number has the columns ``{name}_min``, ``_max`` and ``_bad``, an array
                ``{name}``, ``{name}_bad`` and ``{name}_parents``, others ``{name}``.
            concepts: Names of further items -> their concept.
            further: Further columns -> the aggregate that makes them.
        """
        values = tuple(values)
        names = {value.concept: value.name for value in values} | {concept: name for name, concept in concepts.items()}
        columns = [
            *(f"min({key}) AS {key}" for key in self._carried if key not in DOCUMENT),
            "min(CASE WHEN depth = 1 THEN path END) AS path",
            f"min(CASE WHEN depth = 1 AND value_type = 'CONTAINER' AND k IN ({_texts(_KINDS)}) THEN k END) AS concept",
            *(column for value in values for column in self._aggregates(value)),
            *(f"{aggregate} AS {name}" for name, aggregate in further.items()),
        ]
        grouped = (
            f"SELECT {', '.join(DOCUMENT)}, section, {', '.join(columns)} "
            f"FROM ({self._values(values, names)}) items GROUP BY {', '.join(DOCUMENT)}, section"
        )
        kinds = " ".join(f"WHEN '{concept}' THEN '{kind}'" for concept, kind in _KINDS.items())
        return f"SELECT sections.*, CASE concept {kinds} END AS kind FROM ({grouped}) sections"

    @property
    def _carried(self) -> tuple[str, ...]:
        return (*KEYS, *_OF_REPORTS, "complete")

    def _documents(self, wanted: list[str]) -> str:
        """Dose reports, by the concept or template of their root; without content items by class or template."""
        items = self.dialect.name("content_items")
        root = f"({self.dialect.element.format(array=f'i.{items}', number=1)})"
        omitted = self.dialect.pick.format(array="i.header_omitted", condition="x = 'column:content_items'", value="x")
        kept = f"i.{items}"
        if len(wanted) < _FEW:
            condition = f"x.depth = 0 OR x.concept.code_value IN ({_texts(wanted)})"
            kept = self.dialect.pick.format(array=kept, condition=condition, value="x")
        columns = ", ".join(f"i.{self.dialect.name(name)}" for name in (*KEYS, *_OF_REPORTS))
        return (
            f"SELECT {columns}, CASE WHEN i.{items} IS NULL OR "
            f"coalesce({self.dialect.length.format(omitted)}, 0) > 0 THEN 0 ELSE 1 END AS complete, "
            # A document without known items has one row, so dose_reports has it as not complete.
            f"coalesce({kept}, {self.dialect.array.format('NULL')}) AS content_items FROM {self._joined} "
            f"WHERE {self._kept} AND (({root}.concept.code_value = '113701' "
            f"AND {root}.concept.coding_scheme_designator = 'DCM') "
            f"OR {root}.template_identifier IN ({_texts(_TEMPLATES)}) OR (i.{items} IS NULL "
            f"AND (i.sop_class_uid IN ({_texts(_CLASSES)}) OR i.template_identifier IN ({_texts(_TEMPLATES)}))))"
        )

    def _values(self, values: tuple[DoseValue, ...], names: dict[str, str]) -> str:
        """Items with ``name``, the value that they belong to, and their number ``v`` or numbers ``vs``."""
        dialect = self.dialect
        field = {name: dialect.field.format(name) for name in _ITEM_FIELDS}
        wanted = dict.fromkeys([*names, *_KINDS])
        twin_codes = (srt for sct, (srt, _) in TWINS.items() if sct in wanted)
        unnested = dialect.unnest_structs.format(
            rows=self._documents([*wanted, *twin_codes]), array="i.content_items", fields=", ".join(_item_fields())
        )
        scheme, code = (f"{field['concept']}.{part}" for part in ("coding_scheme_designator", "code_value"))
        twins = " ".join(
            f"WHEN ({scheme} = 'SCT' AND {code} = '{sct}') OR ({scheme} IN ({_texts(_SRT)}) AND {code} = '{srt}') "
            f"THEN '{sct}'"
            for sct, (srt, _) in TWINS.items()
        )
        unit = f"{field['unit']}.code_value"
        read = (
            f"SELECT {', '.join(self._carried)}, CAST(number AS bigint) AS item_number, "
            f"{', '.join(f'{field[name]} AS {name}' for name in _ITEM_FIELDS if name not in ('concept', 'unit'))}, "
            f"CAST(nullif(split_part({field['path']}, '.', 2), '') AS bigint) AS section, "
            f"CASE WHEN {scheme} = 'DCM' THEN {code} {twins} END AS k, "
            f"CASE WHEN lower(coalesce({field['unit']}.coding_scheme_designator, 'ucum')) IN ('ucum', 'ucm') "
            f"THEN translate({unit}, '.^ ', '') ELSE {unit} || '?' END AS u FROM ({unnested}) unnested"
        )
        cases = " ".join(f"WHEN '{concept}' THEN {_number(name)}" for concept, name in names.items())
        named = (
            f"SELECT read.*, CASE k {cases} END AS name FROM ({read}) read "
            f"WHERE k IN ({_texts(wanted)}) OR section IS NULL"
        )
        factors = f"SELECT named.*, {_factor(values, 0)} AS times, {_factor(values, 1)} AS parts FROM ({named}) named"
        numbers = [value.name for value in values if value.quantity]
        several = [value.name for value in values if value.form in ("numbers", "source") and value.quantity]
        all_of_them = f"coalesce(numeric_values, {dialect.array.format('numeric_value')})"
        bad = "NULL"
        if numbers:
            missing = "numeric_value IS NULL"
            if several:
                missing += f" AND (name NOT IN ({_numbers(several)}) OR numeric_values IS NULL)"
            grade = f"CASE WHEN {missing} THEN 1 WHEN times IS NULL THEN 2 ELSE 0 END"
            bad = f"CASE WHEN name IN ({_numbers(numbers)}) THEN {grade} END"
        listed = "NULL"
        if several:
            scaled = dialect.pick.format(array=all_of_them, condition="1 = 1", value="x * times / parts")
            listed = f"CASE WHEN name IN ({_numbers(several)}) THEN {scaled} END"
        return (
            f"SELECT factors.*, numeric_value * times / parts AS v, {listed} AS vs, {bad} AS bad "
            f"FROM ({factors}) factors"
        )

    def _aggregates(self, value: DoseValue) -> Iterator[str]:
        name, own = value.name, f"name = {_number(value.name)}"
        if value.quantity:
            yield f"max(CASE WHEN {own} THEN bad END) AS {name}_bad"
        if value.form in ("number", "hidden"):
            yield f"min(CASE WHEN {own} THEN v END) AS {name}_min"
            yield f"max(CASE WHEN {own} THEN v END) AS {name}_max"
        elif value.form == "numbers":
            yield f"{self.listed(name, 'vs')} AS {name}"
        elif value.form in ("source", "filter"):
            listed = "v" if value.quantity else "code" if value.type == CODE_TYPE else "text"
            yield f"{self.listed(name, listed)} AS {name}"
            yield f"{self.listed(name, 'parent_path')} AS {name}_parents"
            if value.form == "source" and value.quantity:
                yield f"{self.listed(name, 'vs')} AS {name}_lists"
        else:
            yield f"{self.first(name, 'code' if value.form == 'code' else 'text')} AS {name}"

    def first(self, name: str, column: str) -> str:
        """Return the aggregate for a column of the first item of a name that has it."""
        return f"max_by({column}, -item_number) FILTER (WHERE name = {_number(name)} AND {column} IS NOT NULL)"

    def listed(self, name: str, column: str, condition: str = "") -> str:
        """Return the aggregate for a column of all items of a name, in the order of the file."""
        return self.dialect.ordered.format(
            value=column, order="item_number", condition=f"name = {_number(name)}{condition}"
        )

    def aligned(self, name: str, paths: str) -> str:
        """Return an expression for the elements of an array beside the containers that hold them."""
        place = f"nullif(array_position({name}_parents, x), 0)"
        element = self.dialect.element.format(array=name, number=place)
        return self.dialect.pick.format(array=paths, condition="1 = 1", value=element)

    def value(self, value: DoseValue) -> str:
        """Return an expression for a value of a section."""
        name = value.name
        if value.form in ("number", "hidden"):
            number = f"CASE WHEN {name}_bad = 0 AND {name}_min = {name}_max THEN {name}_min END"
            return f"CAST({number} AS bigint)" if value.type == "bigint" else number
        if value.form == "numbers":
            return f"CASE WHEN {name}_bad < 2 THEN flatten({name}) END"
        if value.form in ("source", "filter"):
            paths = f"{value.form}_paths"
            has_values = f"{self.dialect.length.format(name)} > 0"
            otherwise = "NULL"
            if value.form == "source":
                otherwise = f"flatten({name}_lists)" if value.quantity else name
            known = f"{name}_bad < 2" if value.quantity else "1 = 1"
            return (
                f"CASE WHEN {known} AND {has_values} THEN CASE WHEN {self.dialect.length.format(paths)} > 0 "
                f"THEN {self.aligned(name, paths)} ELSE {otherwise} END END"
            )
        return self.dialect.timestamp.format(_datetime(name)) if value.form == "datetime" else name

    def faults(self, cases: Iterable[tuple[str, str]]) -> str:
        """Return an expression for the names of columns whose condition is true; null without any."""
        names = ", ".join(f"CASE WHEN {condition} THEN '{name}' END" for name, condition in cases)
        some = self.dialect.pick.format(array=self.dialect.array.format(names), condition="x IS NOT NULL", value="x")
        return f"CASE WHEN {self.dialect.length.format(some)} > 0 THEN array_distinct({some}) END"


_ITEM_FIELDS = (
    "path",
    "parent_path",
    "depth",
    "value_type",
    "concept",
    "text",
    "numeric_value",
    "numeric_values",
    "unit",
    "code",
)


def _item_fields() -> Iterator[str]:
    """Yield all fields of ``content_items`` in order."""
    for column in item_columns():
        if column.name == "content_items":
            yield from (field.name for field in column.fields)


def _texts(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_NAMES = dict.fromkeys(
    [
        *(value.name for value in (*EVENT_VALUES, *TOTALS, *DOCUMENT_VALUES, _GLANDULAR_VALUE)),
        *_CONTAINERS,
        "laterality",
    ]
)
_NUMBER_OF = {name: number for number, name in enumerate(_NAMES)}
"""Names of values -> their number in the SQL: each aggregate compares it, and numbers are compared faster."""


def _number(name: str) -> int:
    return _NUMBER_OF[name]


def _numbers(names: Iterable[str]) -> str:
    return ", ".join(str(_number(name)) for name in names)


def _factor(values: Iterable[DoseValue], part: int) -> str:
    """Return an expression for what a number is multiplied (part 0) or divided by; null for an unknown unit."""
    by_quantity: dict[str, list[str]] = {}
    for value in values:
        if value.quantity:
            by_quantity.setdefault(value.quantity, []).append(value.name)
    cases = []
    for quantity, names in by_quantity.items():
        units = " ".join(f"WHEN u = '{unit}' THEN {pair[part]:.0e}" for unit, pair in QUANTITIES[quantity].items())
        if quantity == "rate":
            units += " WHEN u LIKE '{%}/s' THEN 1e0"
        if quantity == "count":
            units += " WHEN u IS NULL OR u LIKE '{%}' THEN 1e0"
        cases.append(f"WHEN name IN ({_numbers(names)}) THEN CASE {units} END")
    return f"CASE {' '.join(cases)} END" if cases else "CAST(NULL AS double)"


def _datetime(text: str) -> str:
    """Return an expression for a DT's text to the second as SQL writes it."""
    date = " || '-' || ".join(f"substr({text}, {start}, {length})" for start, length in ((1, 4), (5, 2), (7, 2)))
    time = " || ':' || ".join(f"substr({text}, {start}, 2)" for start in (9, 11, 13))
    return f"{date} || ' ' || {time}"


def _is_contradictory(value: DoseValue) -> str:
    several = f" OR {value.name}_min <> {value.name}_max" if value.form in ("number", "hidden") else ""
    return f"{value.name}_bad = 1{several}"


# --- The views


def _events(sql: _Sections, own: dict[str, Field]) -> View:
    number = Field("event_number", "bigint", "Place of the event among those of the document, counted from 1.")
    columns: _Columns = [
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
            columns += [_alert(sql, *alert) for alert in _ALERTS]
    faulty = [value for value in EVENT_VALUES if value.quantity]
    names = [(value.comment if value.form == "hidden" else value.name, value) for value in faulty]
    applies = {value.name: f"kind = '{value.of}' AND " if value.of else "" for value in faulty}
    units = [(name, f"{applies[value.name]}{value.name}_bad = 2") for name, value in names]
    values = [(name, f"{applies[value.name]}({_is_contradictory(value)})") for name, value in names]
    columns += [(FAULTS[0], sql.faults(units)), (FAULTS[1], sql.faults(values))]
    sections = sql.sections(
        EVENT_VALUES,
        {"laterality": "272741003", **_CONTAINERS},
        {
            **{f"{part}_paths": sql.listed(part, "path") for part in _CONTAINERS},
            _REFERENCE_TEXT.name: sql.first("reference_point", "text"),
            "laterality": sql.first("laterality", "code"),
            "laterality_parent": sql.first("laterality", "parent_path"),
            "target_region_path": sql.first("target_region", "path"),
        },
    )
    numbered = (
        f"SELECT sections.*, CAST(row_number() OVER (PARTITION BY {', '.join(DOCUMENT)} "
        f"ORDER BY section) AS bigint) AS event_number FROM ({sections}) sections WHERE concept IN ({_texts(_EVENTS)})"
    )
    return _view(
        sql,
        "dose_events",
        "one row per irradiation event of each dose report; repeated reports stay",
        columns,
        numbered,
    )


def _alert(sql: _Sections, name: str, estimate: str, limit: str, quantity: str, concepts: str) -> ViewColumn:
    text = f"Whether the accumulated {quantity} forward estimate is above the alert value {concepts}."
    values = {value.name: sql.value(value) for value in EVENT_VALUES if value.name in (estimate, limit)}
    return Field(name, "boolean", text), f"CASE WHEN kind = 'CT' THEN {values[estimate]} > {values[limit]} END"


_ACCUMULATED = "concept IN ('113811', '113702')"
_PLANE = DoseValue("acquisition_plane", "113764", "code", "")


def _documents(sql: _Sections, totals: tuple[DoseValue, ...]) -> dict[str, str]:
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


def _total(total: DoseValue) -> str:
    number = f"CASE WHEN {total.name}_bad = 0 AND {_is_summable(total)} THEN {total.name}_sum END"
    return f"CAST({number} AS {total.type})"


def _reports(sql: _Sections, own: dict[str, Field]) -> View:
    scheme, value = "code.coding_scheme_designator", "code.code_value"
    sides = {
        side: sql.listed(
            "laterality",
            "parent_path",
            f" AND (({scheme} = 'SCT' AND {value} IN ({_texts(sct)})) "
            f"OR ({scheme} IN ({_texts(_SRT)}) AND {value} IN ({_texts(srt)})))",
        )
        for side, (sct, srt) in _SIDES.items()
    }
    sections = sql.sections(
        (*DOCUMENT_VALUES, *TOTALS, _PLANE, _GLANDULAR_VALUE),
        {"laterality": "272741003"},
        {f"{side}_parents": listed for side, listed in sides.items()}
        | {"glandular_paths": sql.listed(_GLANDULAR, "path")},
    )
    aggregates = {key: f"min({key})" for key in (*KEYS, *_OF_REPORTS, "complete") if key not in DOCUMENT}
    aggregates |= _documents(sql, TOTALS)
    aggregates["events"] = f"count(CASE WHEN concept IN ({_texts(_EVENTS)}) THEN 1 END)"
    aggregates["kind"] = "CASE WHEN min(kind) = max(kind) THEN min(kind) END"
    aggregates |= {
        value.name: f"max_by({value.name}, -section) FILTER (WHERE concept IS NULL AND {value.name} IS NOT NULL)"
        for value in DOCUMENT_VALUES
    }
    aggregates["glandular_bad"] = f"max(CASE WHEN {_ACCUMULATED} THEN {_GLANDULAR}_bad END)"
    for side in _SIDES:
        doses = f"CASE WHEN {_ACCUMULATED} THEN {_doses_of(sql.dialect, side)} END"
        one = sql.dialect.element.format(array=doses, number=1)
        aggregates |= {f"{side}_min": f"min({one})", f"{side}_max": f"max({one})"}
        aggregates[f"{side}_stated"] = f"sum(greatest(coalesce({sql.dialect.length.format(doses)}, 0), 0))"
    names = ", ".join(f"{aggregate} AS {name}" for name, aggregate in aggregates.items())
    keys = ", ".join(DOCUMENT)
    documents = f"SELECT {keys}, {names} FROM ({sections}) sections GROUP BY {keys}"
    columns: _Columns = [
        *((own[key], key) for key in (*KEYS, *_OF_REPORTS)),
        (
            Field("kind", "string", "CT or PROJECTION, by its events and totals. Null for none or both."),
            "kind",
        ),
        *((value.field, sql.value(value)) for value in DOCUMENT_VALUES if value.name == "scope_of_accumulation"),
        (Field("events", "bigint", "Irradiation events that the document has."), "events"),
        *((total.field, _total(total)) for total in TOTALS),
        *(
            (
                Field(
                    f"{_GLANDULAR}_{side}",
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
        (
            FAULTS[0],
            sql.faults(
                [(total.name, f"{total.name}_bad = 2") for total in TOTALS]
                + [(f"{_GLANDULAR}_{side}", "glandular_bad = 2") for side in _SIDES]
            ),
        ),
        (
            FAULTS[1],
            sql.faults(
                [
                    (total.name, f"{total.name}_bad = 1 OR ({total.name}_stated > 0 AND NOT {_is_summable(total)})")
                    for total in TOTALS
                ]
                + [(f"{_GLANDULAR}_{side}", f"glandular_bad = 1 OR {side}_stated > 1") for side in _SIDES]
            ),
        ),
    ]
    return _view(sql, "dose_reports", "one row per dose report of unique_instances", columns, documents)


def _doses_of(dialect: Dialect, side: str) -> str:
    """Return an expression for the accumulated glandular doses of a section whose laterality is this side."""
    place = "coalesce(array_position(glandular_paths, x), 0)"
    return dialect.pick.format(
        array=f"{side}_parents",
        condition=f"{place} > 0",
        value=dialect.element.format(array=_GLANDULAR, number=f"nullif({place}, 0)"),
    )


def _side(side: str) -> str:
    return f"CASE WHEN glandular_bad = 0 AND {side}_stated = 1 AND {side}_min = {side}_max THEN {side}_min END"


_UNITED = {"dlp": "dlp_total", "dose_area_product": "dose_area_product_total", "dose_rp": "dose_rp_total"}
"""Values of events that are summed -> the total that a document states."""


def _studies(sql: _Sections, own: dict[str, Field]) -> View:
    """Events are united by UID: one that several documents have is that of the latest document.

    The n-th event of a UID in a document is united with the n-th of another one: some devices write one UID for
    both planes of an acquisition.
    """
    values = {
        value.name: value
        for value in EVENT_VALUES
        if value.name in ("irradiation_event_uid", "mean_ctdi_vol", *_UNITED)
    }
    totals = tuple(total for total in TOTALS if total.name in _UNITED.values())
    sections = sql.sections((*values.values(), *totals, _PLANE), {}, {})
    is_event = f"concept IN ({_texts(_EVENTS)})"
    document, study = ", ".join(DOCUMENT), "study_date, study_instance_uid"
    counted = (
        f"SELECT sections.*, CASE WHEN {is_event} THEN row_number() OVER (PARTITION BY {document}, concept, "
        f"irradiation_event_uid ORDER BY section) END AS occurrence, "
        f"min(complete) OVER (PARTITION BY {study}) AS study_complete "
        f"FROM ({sections}) sections WHERE study_instance_uid IS NOT NULL"
    )
    latest = "content_date DESC NULLS LAST, content_time DESC NULLS LAST, source_uri, coalesce(source_member, '')"
    placed = (
        f"SELECT counted.*, CASE WHEN {is_event} THEN CASE WHEN irradiation_event_uid IS NULL THEN 1 ELSE row_number() "
        f"OVER (PARTITION BY {study}, concept, irradiation_event_uid, occurrence ORDER BY {latest}) END END AS place "
        f"FROM ({counted}) counted"
    )
    aggregates = {key: f"min({key})" for key in ("study_instance_uid", "study_date_is_default", "patient_id")}
    aggregates |= {key: f"min({key})" for key in ("content_date", "content_time", "study_complete")}
    aggregates |= _documents(sql, totals)
    aggregates["events"] = f"count(CASE WHEN {is_event} THEN 1 END)"
    aggregates["kept"] = "count(CASE WHEN place = 1 THEN 1 END)"
    aggregates["unnamed"] = f"count(CASE WHEN {is_event} AND irradiation_event_uid IS NULL THEN 1 END)"
    aggregates["ctdi_vol_max"] = f"max(CASE WHEN place = 1 THEN {sql.value(values['mean_ctdi_vol'])} END)"
    for name in _UNITED:
        aggregates[name] = f"sum(CASE WHEN place = 1 THEN {sql.value(values[name])} END)"
        is_bad = f"place = 1 AND ({name}_bad > 0 OR {name}_min <> {name}_max)"
        aggregates[f"{name}_lost"] = f"count(CASE WHEN {is_bad} THEN 1 END)"
    names = ", ".join(f"{aggregate} AS {name}" for name, aggregate in aggregates.items())
    documents = f"SELECT {document}, kind, {names} FROM ({placed}) placed GROUP BY {document}, kind"
    # The root and its other children are a row without a kind, beside those of the document's kinds.
    with_kinds = f"SELECT documents.*, count(kind) OVER (PARTITION BY {document}) AS kinds FROM ({documents}) documents"
    ranked = (
        f"SELECT documents.*, {', '.join(f'{_total(total)} AS {total.name}' for total in totals)}, "
        f"sum(kept) OVER (PARTITION BY {study}, kind) AS all_events, "
        f"row_number() OVER (PARTITION BY {study}, kind ORDER BY events DESC, {latest}) AS rank_of_document "
        f"FROM ({with_kinds}) documents WHERE kind IS NOT NULL OR kinds = 0"
    )
    # A document is whole if all its events are counted in it. Totals of whole documents may be added.
    is_whole = "events > 0 AND kept = events"
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
        united[f"{name}_reported"] = (
            f"CASE WHEN max(all_events) = 0 AND count(*) > 1 THEN NULL "
            f"WHEN max(events) = max(all_events) THEN max(CASE WHEN rank_of_document = 1 THEN {total} END) "
            f"WHEN sum(CASE WHEN {is_whole} THEN kept ELSE 0 END) = max(all_events) "
            f"AND count(CASE WHEN {is_whole} AND {total} IS NULL THEN 1 END) = 0 "
            f"THEN sum(CASE WHEN {is_whole} THEN {total} END) END"
        )
    names = ", ".join(f"{aggregate} AS {name}" for name, aggregate in united.items())
    studies = f"SELECT {study}, kind, {names} FROM ({ranked}) ranked GROUP BY {study}, kind"
    same = " AND ".join(
        f"({name}_reported IS NULL OR abs(coalesce({name}, 0e0) - {name}_reported) <= 1e-2 * abs({name}_reported))"
        for name in _UNITED
    )
    nothing = " AND ".join(f"{name}_reported IS NULL" for name in _UNITED)
    consistent = (
        f"CASE WHEN complete = 0 OR doubtful = 1 OR lost > 0 THEN FALSE WHEN {nothing} THEN NULL ELSE {same} END"
    )
    units = {
        "dlp": ("DLP", "mGy.cm"),
        "dose_area_product": ("Dose area product", "Gy.m2"),
        "dose_rp": ("Dose (RP)", "Gy"),
    }
    columns: _Columns = [
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
    ]
    for name, (text, unit) in units.items():
        field = Field(
            name,
            "double",
            f"{text} of its events together, {unit}. Null where a number of an event can't be read, or where several "
            f"documents have events without a UID.",
        )
        columns.append((field, f"CASE WHEN doubtful = 0 THEN {name} END"))
    for name, (text, unit) in units.items():
        field = Field(
            f"{name}_reported",
            "double",
            f"{text} total, {unit}, of the document that has all events, or of the documents that have them "
            f"together, each once. Null if there are none.",
        )
        columns.append((field, f"{name}_reported"))
    columns += [
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
            consistent,
        ),
    ]
    return _view(
        sql, "dose_studies", "one row per study, study date and kind of dose reports (CT, PROJECTION)", columns, studies
    )


def _view(sql: _Sections, name: str, comment: str, columns: _Columns, rows: str) -> View:
    return select_view(sql.dialect, name, comment, columns, f"({rows}) rows_of_view")
