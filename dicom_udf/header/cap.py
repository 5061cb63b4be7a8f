"""The cap on a header's JSON: a row of Athena holds 32 MB, so the longest values are left out, in a fixed order."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from dicom_udf.header.element import quote

__all__ = ["FIRST_ITEMS", "MOST_BYTES", "cap_json"]

MOST_BYTES = 8 << 20
"""Of UTF-8, for the data set's JSON."""
FIRST_ITEMS = 100
"""Items that a long sequence keeps."""
LONGEST_UID = 64
"""PS3.5 §9.1; a longer one at top level is not a UID and may be left out."""

_ITEM = re.compile(r"\[(\d+)\]\.")


class _Digits(str):
    """A number as it is written: parsing it would lose digits."""

    __slots__ = ()


def cap_json(text: str, *, most: int = MOST_BYTES) -> tuple[str, list[str]]:
    """Return the JSON within the cap, and the paths of what was left out.

    Binary values go first, then items beyond the first 100 of the longest sequences, then the longest values that
    remain, then whole sequences, until it fits; never a top-level UID.
    """
    if len(text) * 4 <= most or len(text.encode()) <= most:
        return text, []
    data_set = json.loads(text, parse_float=_Digits, parse_int=_Digits)
    omitted: list[str] = []
    for leave_out in (_binaries, _long_sequences, _longest_values, _whole_sequences):
        excess = len(text.encode()) - most
        if excess > 0:
            omitted += leave_out(data_set, excess)
            text = _write(data_set)
    return text, omitted


def _elements(data_set: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for tag, element in data_set.items():
        yield path + tag, element
        if element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", ())):
                yield from _elements(item, f"{path}{tag}[{number}].")


def _largest(victims: list[tuple[int, str, dict[str, Any], str]], excess: int) -> list[str]:
    """Leave out members, the longest first, until ``excess`` bytes are gone; return their paths."""
    omitted: list[str] = []
    for size, path, element, key in sorted(victims, key=lambda victim: -victim[0]):
        if excess <= 0:
            break
        del element[key]
        omitted.append(path)
        excess -= size
    return omitted


def _binaries(data_set: dict[str, Any], excess: int) -> list[str]:
    return _largest(
        [
            (_size(element[key]) + len(key) + 4, path, element, key)
            for path, element in _elements(data_set)
            for key in ("InlineBinary", "BulkDataURI")
            if key in element
        ],
        excess,
    )


def _long_sequences(data_set: dict[str, Any], excess: int) -> list[str]:
    long = [
        (sum(_size(item) + 1 for item in element["Value"][FIRST_ITEMS:]), path, element)
        for path, element in _elements(data_set)
        if element["vr"] == "SQ" and len(element.get("Value", ())) > FIRST_ITEMS
    ]
    cut: set[str] = set()
    for size, path, element in sorted(long, key=lambda victim: -victim[0]):
        if excess <= 0:
            break
        gone = any(int(found[1]) >= FIRST_ITEMS and path[: found.start()] in cut for found in _ITEM.finditer(path))
        if not gone:
            del element["Value"][FIRST_ITEMS:]
            cut.add(path)
            excess -= size
    return [f"{path}[{FIRST_ITEMS}:]" for path in sorted(cut)]


def _longest_values(data_set: dict[str, Any], excess: int) -> list[str]:
    return _largest(
        [
            (_size(element["Value"]) + 9, path, element, "Value")
            for path, element in _elements(data_set)
            if "Value" in element and element["vr"] != "SQ" and not _is_top_level_uid(path, element)
        ],
        excess,
    )


def _whole_sequences(data_set: dict[str, Any], excess: int) -> list[str]:
    sequences = [(tag, element) for tag, element in data_set.items() if element["vr"] == "SQ" and "Value" in element]
    return _largest([(_size(element["Value"]) + 9, tag, element, "Value") for tag, element in sequences], excess)


def _is_top_level_uid(path: str, element: dict[str, Any]) -> bool:
    return element["vr"] == "UI" and "." not in path and _size(element["Value"]) <= LONGEST_UID + 4


def _size(value: object) -> int:
    return len(_write(value).encode())


def _write(value: object) -> str:
    """Write JSON in the form that the scanner writes, numbers with their own digits."""
    if isinstance(value, _Digits):
        return str.__str__(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, dict):
        return "{" + ",".join([f"{quote(key)}:{_write(inner)}" for key, inner in value.items()]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_write(inner) for inner in value]) + "]"
    return "null"
