"""The content tree of structured reports (PS3.3 C.17.3): a row for each content item, depth first.

A report of a long procedure has 20,000 items, so an item must cost microseconds: its elements are taken as they come,
and the meaning of texts and codes that repeat is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from dicom_udf.columns.items import ItemColumn, TooLargeError
from dicom_udf.header import Wanted
from dicom_udf.header.selection import first_code
from dicom_udf.header.stored import DataSet, Element, Items, item_values
from dicom_udf.header.vr import to_double

__all__ = ["CONTENT", "VALUE_TYPE", "WANTED", "content_rows"]

Row = dict[str, Any]
Reasons = dict[str, str]

CONTENT = 0x0040A730
VALUE_TYPE = "content_items/value_type"
WANTED = (Wanted(VALUE_TYPE, (0x0040A040,), "CS"),)
"""ValueType of the root, which has no column."""

MOST_NUMBERS = 1000
TOO_MANY_NUMBERS = "more than 1,000 numbers"
NO_CONCEPT = "a number without a concept"

_GROUP = {"code_value": "125007", "coding_scheme_designator": "DCM"}
"""Measurement Group (PS3.16 TID 1410 and others)."""

_CONTENT_KEY = f"{CONTENT:08X}"


def content_rows(
    column: ItemColumn, sequences: Mapping[int, Items | None], value_type: str | None, reasons: Reasons, most: int
) -> list[Row] | None:
    """Return a row for each content item of an instance.

    Args:
        column: The item column, whose sequences are ContentSequence and those of the root.
        sequences: As :func:`~dicom_udf.header.stored.parse_sequences` returns them.
        value_type: ValueType of the root.
        reasons: Gains why a value is null, by its place.
        most: Rows after which no more are made.

    Returns:
        At most ``most + 1`` rows; None without a tree.

    Raises:
        TooLargeError: Something of the tree was left out.
    """
    if CONTENT not in sequences and value_type is None:
        return None
    if any(sequences.get(tag, ()) is None for tag in column.sequences):
        raise TooLargeError
    root: dict[str, Element] = {
        f"{tag:08X}": {"vr": "SQ", "Value": sequences[tag]} for tag in column.sequences if tag in sequences
    }
    if value_type is not None:
        root["0040A040"] = {"vr": "CS", "Value": [value_type]}
    rows: list[Row] = []
    _add(rows, root, "", "1", None, None, 0, reasons, most)
    return rows


def _add(
    rows: list[Row],
    item: DataSet,
    place: str,
    path: str,
    parent: str | None,
    group: str | None,
    depth: int,
    reasons: Reasons,
    most: int,
) -> None:
    """Add the row of an item, and those of the items below it."""
    row: Row = {"path": path, "parent_path": parent, "group_path": group, "depth": depth}
    rows.append(row)
    for key, element in item.items():
        take = _TAKE.get(key)
        if take is not None and "Value" in element:
            take(row, element, place, reasons)
    concept = row.get("concept")
    if row.get("value_type") == "NUM" and (concept is None or concept["code_value"] is None):
        reasons[f"{place}0040A043"] = NO_CONCEPT
    below = item.get(_CONTENT_KEY)
    if below is None or below["vr"] != "SQ":
        return
    if concept is not None and row.get("value_type") == "CONTAINER" and concept.items() >= _GROUP.items():
        group = path
    place += _CONTENT_KEY
    for number, inner in enumerate(below.get("Value", ()), start=1):
        if len(rows) > most:
            return
        _add(rows, inner, f"{place}[{number - 1}].", f"{path}.{number}", path, group, depth + 1, reasons, most)


_Take = Callable[[Row, Element, str, Reasons], None]


def _value(name: str, tag: int, vr: str, *, multiple: bool = False) -> _Take:
    """Return a function that takes an element's value."""
    wanted = (Wanted(name, (tag,), vr, multiple),)
    key = f"{tag:08X}"

    def take(row: Row, element: Element, place: str, reasons: Reasons) -> None:
        row.update(item_values(wanted, {key: element}, place, reasons))

    return take


def _term(name: str, tag: int) -> _Take:
    """Return a function that takes one of few texts."""
    wanted = (Wanted(name, (tag,), "CS"),)
    key = f"{tag:08X}"

    @lru_cache(maxsize=256)
    def meaning(vr: str, text: str) -> Any:
        return item_values(wanted, {key: {"vr": vr, "Value": [text]}}, "", {}).get(name)

    def take(row: Row, element: Element, place: str, reasons: Reasons) -> None:
        value = element["Value"]
        if len(value) == 1 and type(value[0]) is str:
            row[name] = meaning(element["vr"], value[0])
        else:
            row.update(item_values(wanted, {key: element}, place, reasons))

    return take


def _code(name: str) -> _Take:
    """Return a function that takes the first code of a code sequence."""

    def take(row: Row, element: Element, _place: str, _reasons: Reasons) -> None:
        code = _first_code(element)
        if code is not None:
            row[name] = code

    return take


_CODES = (Wanted("codes", (0x0040A043,), "SQ", part="codes"),)


def _first_code(element: Element) -> dict[str, str | None] | None:
    """Return the first code of a code sequence; one object for equal ones."""
    items = element.get("Value")
    if element["vr"] != "SQ" or not items:
        return None
    item = items[0]
    try:
        [value], [scheme] = item["00080100"]["Value"], item["00080102"]["Value"]
        [meaning] = item["00080104"]["Value"]
    except (KeyError, ValueError):
        return _read_code(element)
    return _code_of(value, scheme, meaning) if len(items) == 1 else _read_code(element)


@lru_cache(maxsize=4096)
def _code_of(value: str | None, scheme: str | None, meaning: str | None) -> dict[str, str | None] | None:
    texts = {"00080100": ("SH", value), "00080102": ("SH", scheme), "00080104": ("LO", meaning)}
    item = {key: {"vr": vr, "Value": [text]} for key, (vr, text) in texts.items()}
    return _read_code({"vr": "SQ", "Value": [item]})


def _read_code(element: Element) -> dict[str, str | None] | None:
    codes = item_values(_CODES, {"0040A043": element}, "", {}).get("codes")
    return None if codes is None else first_code(codes)


def _take_numbers(row: Row, element: Element, place: str, reasons: Reasons) -> None:
    """Take the value of NUM and its unit: of several values the list, and FloatingPointValue before NumericValue."""
    if element["vr"] != "SQ":
        return
    measured: DataSet = element["Value"][0]
    unit = measured.get("004008EA")
    if unit is not None:
        code = _first_code(unit)
        if code is not None:
            row["unit"] = code
    decimal = measured.get("0040A30A", _NOTHING)
    if decimal["vr"] == "DS" and "0040A161" not in measured and len(decimal.get("Value", ())) == 1:
        number = to_double(decimal["Value"][0])
        if isinstance(number, float):  # as most are
            row["numeric_value"] = number
            return
    numbers = item_values(_NUMBERS, measured, f"{place}0040A300[0].", reasons)
    values = numbers.get("floats") or numbers.get("decimals")
    if values is None:
        return
    if len(values) == 1:
        if values[0] is not None:
            row["numeric_value"] = values[0]
    else:
        row["numeric_values"] = values


_NOTHING: Element = {"vr": ""}
_NUMBERS = (
    Wanted("floats", (0x0040A161,), "FD", multiple=True),
    Wanted("decimals", (0x0040A30A,), "DS", multiple=True),
)


def _take_reference(row: Row, element: Element, place: str, reasons: Reasons) -> None:
    if element["vr"] == "SQ":
        row.update(item_values(_REFERENCE, element["Value"][0], f"{place}00081199[0].", reasons))


_REFERENCE = (
    Wanted("referenced_sop_class_uid", (0x00081150,), "UI"),
    Wanted("referenced_sop_instance_uid", (0x00081155,), "UI"),
    Wanted("referenced_frames", (0x00081160,), "IS", multiple=True),
    Wanted("referenced_segments", (0x0062000B,), "US", multiple=True),
)


def _take_graphic(row: Row, element: Element, place: str, reasons: Reasons) -> None:
    if len(element["Value"]) > MOST_NUMBERS:
        reasons[f"{place}00700022"] = TOO_MANY_NUMBERS
    else:
        _graphic(row, element, place, reasons)


_graphic = _value("graphic_data", 0x00700022, "FL", multiple=True)


def _take_identifier(row: Row, element: Element, _place: str, _reasons: Reasons) -> None:
    """Take the path of the item that one by reference has in its place, e.g. ``1.2.7``."""
    if element["vr"] == "UL":
        row["referenced_content_item"] = ".".join(map(str, element["Value"]))


def _take_template(row: Row, element: Element, place: str, reasons: Reasons) -> None:
    if element["vr"] == "SQ":
        row.update(item_values(_TEMPLATE, element["Value"][0], f"{place}0040A504[0].", reasons))


_TEMPLATE = (Wanted("template_identifier", (0x0040DB00,), "CS"),)

_TAKE: Mapping[str, _Take] = {
    "0040A010": _term("relationship_type", 0x0040A010),
    "0040A040": _term("value_type", 0x0040A040),
    "0040A043": _code("concept"),
    "0040A120": _value("text", 0x0040A120, "LO"),
    "0040A121": _value("text", 0x0040A121, "LO"),
    "0040A122": _value("text", 0x0040A122, "LO"),
    "0040A123": _value("text", 0x0040A123, "PN"),
    "0040A124": _value("text", 0x0040A124, "UI"),
    "0040A160": _value("text", 0x0040A160, "UT"),
    "0040A168": _code("code"),
    "0040A300": _take_numbers,
    "0040A301": _code("qualifier"),
    "0040A504": _take_template,
    "0040DB73": _take_identifier,
    "00081199": _take_reference,
    "00700022": _take_graphic,
    "00700023": _term("graphic_type", 0x00700023),
}
"""Functions that take elements of a content item, by the element's tag."""
