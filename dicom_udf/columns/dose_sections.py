"""The rows that the views of radiation dose are made of: sections of dose reports (PS3.16 TID 10001 and 10011).

The steps, each a subquery of the next: documents, their content items, the values of items in the unit of their
column, sections. A section is a child of the root with all below it: an irradiation event, or accumulated dose. So
the array of items is read once, and no step joins items with items.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dicom_udf.columns.dialects import Dialect
from dicom_udf.columns.dose_fields import (
    DOCUMENT_VALUES,
    EVENT_VALUES,
    GLANDULAR,
    QUANTITIES,
    TOTALS,
    TWINS,
    DoseValue,
)
from dicom_udf.columns.item_views import DOCUMENT, KEYS, SRT_DESIGNATORS
from dicom_udf.columns.items import CODE_TYPE, item_columns

__all__ = ["CONTAINERS", "EVENTS", "NEEDED", "OF_REPORTS", "Sections", "texts"]

OF_REPORTS = ("content_date", "content_time", "manufacturer", "manufacturer_model_name", "station_name")
"""Columns of ``instances`` that ``dose_reports`` has beside the keys."""

NEEDED = (*KEYS, *OF_REPORTS, "sop_class_uid", "template_identifier", "header_omitted", "content_items")
"""Columns of ``instances`` that the views need."""

_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.88.67",  # X-Ray Radiation Dose SR Storage
    "1.2.840.10008.5.1.4.1.1.88.76",  # Enhanced X-Ray Radiation Dose SR Storage
)
"""Classes of documents that are dose reports although their content items are not known."""

_TEMPLATES = ("10001", "10011")
_KINDS = {"113819": "CT", "113811": "CT", "113706": "PROJECTION", "113702": "PROJECTION"}
"""Concepts of sections -> their kind."""
EVENTS = ("113819", "113706")
"""Concepts of irradiation events."""
CONTAINERS = {"source": "113831", "filter": "113771"}
"""Containers that occur several times in an event -> their concept."""

_FEW = 30
"""Below this number of concepts, items of others are left out of the array, before each item becomes a row."""


class Sections:
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
            f"min(CASE WHEN depth = 1 AND value_type = 'CONTAINER' AND k IN ({texts(_KINDS)}) THEN k END) AS concept",
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
        return (*KEYS, *OF_REPORTS, "complete")

    def _documents(self, wanted: list[str]) -> str:
        """Dose reports, by the concept or template of their root; without content items by class or template."""
        items = self.dialect.name("content_items")
        root = f"({self.dialect.element.format(array=f'i.{items}', number=1)})"
        omitted = self.dialect.pick.format(array="i.header_omitted", condition="x = 'column:content_items'", value="x")
        kept = f"i.{items}"
        if len(wanted) < _FEW:
            condition = f"x.depth = 0 OR x.concept.code_value IN ({texts(wanted)})"
            kept = self.dialect.pick.format(array=kept, condition=condition, value="x")
        columns = ", ".join(f"i.{self.dialect.name(name)}" for name in (*KEYS, *OF_REPORTS))
        return (
            f"SELECT {columns}, CASE WHEN i.{items} IS NULL OR "
            f"coalesce({self.dialect.length.format(omitted)}, 0) > 0 THEN 0 ELSE 1 END AS complete, "
            # A document without known items has one row, so dose_reports has it as not complete.
            f"coalesce({kept}, {self.dialect.array.format('NULL')}) AS content_items FROM {self._joined} "
            f"WHERE {self._kept} AND (({root}.concept.code_value = '113701' "
            f"AND {root}.concept.coding_scheme_designator = 'DCM') "
            f"OR {root}.template_identifier IN ({texts(_TEMPLATES)}) OR (i.{items} IS NULL "
            f"AND (i.sop_class_uid IN ({texts(_CLASSES)}) OR i.template_identifier IN ({texts(_TEMPLATES)}))))"
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
            f"WHEN ({scheme} = 'SCT' AND {code} = '{sct}') "
            f"OR ({scheme} IN ({texts(SRT_DESIGNATORS)}) AND {code} = '{srt}') THEN '{sct}'"
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
            f"WHERE k IN ({texts(wanted)}) OR section IS NULL"
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

    def has_several(self, value: DoseValue) -> str:
        """Return a condition: an item of a source has several numbers, of which none is that of the source."""
        without = self.dialect.pick.format(array=value.name, condition="x IS NULL", value="1")
        paths = self.dialect.length.format(f"{value.form}_paths")
        return f"({value.name}_bad = 0 AND {paths} > 0 AND {self.dialect.length.format(without)} > 0)"

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


def texts(values: Iterable[str]) -> str:
    """Return texts as literals of SQL with commas between them: ``'a', 'b'``."""
    return ", ".join(f"'{value}'" for value in values)


_NAMES = dict.fromkeys(
    [
        *(value.name for value in (*EVENT_VALUES, *TOTALS, *DOCUMENT_VALUES, GLANDULAR)),
        *CONTAINERS,
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
