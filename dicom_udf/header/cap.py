"""The cap on a header's JSON: a row of Athena holds 32 MB, so what is too long gives way, in a fixed order."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from dicom_udf.header.element import quote

__all__ = ["MOST_BYTES", "cap_json"]

MOST_BYTES = 8 << 20
"""Of UTF-8, for the data set's JSON."""
FIRST_ITEMS = 100


class _Digits(str):
    """A number as it is written: parsing it would lose digits."""

    __slots__ = ()


def cap_json(text: str, *, most: int = MOST_BYTES) -> tuple[str, list[str]]:
    """Return the JSON within the cap, and the paths of what was left out.

    Binary values go first, then items beyond the first 100 of the longest sequences, then the longest values that
    remain, until it fits; never a top-level UID.
    """
    if len(text) * 4 <= most or len(text.encode()) <= most:
        return text, []
    data_set = json.loads(text, parse_float=_Digits, parse_int=_Digits)
    omitted: list[str] = []
    excess = len(text.encode()) - most
    for victims in (_binaries, _long_sequences, _longest_values):
        for path, element, key, size in sorted(victims(data_set), key=lambda victim: -victim[3]):
            if excess <= 0:
                break
            if key == "Value" and victims is _long_sequences:
                del element[key][FIRST_ITEMS:]
            else:
                del element[key]
            omitted.append(path)
            excess -= size
    return _write(data_set), omitted


_Victim = tuple[str, dict[str, Any], str, int]


def _elements(data_set: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for tag, element in data_set.items():
        yield path + tag, element
        if element["vr"] == "SQ":
            for number, item in enumerate(element.get("Value", ())):
                yield from _elements(item, f"{path}{tag}[{number}].")


def _binaries(data_set: dict[str, Any]) -> Iterator[_Victim]:
    for path, element in _elements(data_set):
        for key in ("InlineBinary", "BulkDataURI"):
            if key in element:
                yield path, element, key, len(element[key].encode()) + len(key) + 5


def _long_sequences(data_set: dict[str, Any]) -> Iterator[_Victim]:
    for path, element in _elements(data_set):
        if element["vr"] == "SQ" and len(element.get("Value", ())) > FIRST_ITEMS:
            size = sum(len(_write(item).encode()) + 1 for item in element["Value"][FIRST_ITEMS:])
            yield f"{path}[{FIRST_ITEMS}:]", element, "Value", size


def _longest_values(data_set: dict[str, Any]) -> Iterator[_Victim]:
    for path, element in _elements(data_set):
        is_kept = element["vr"] == "SQ" or (element["vr"] == "UI" and "." not in path)
        if "Value" in element and not is_kept:
            yield path, element, "Value", len(_write(element["Value"]).encode()) + 9


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
