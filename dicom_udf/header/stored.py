"""Typed values out of a header that is stored as DICOM JSON: as the reader returns them for the same file.

The JSON (PS3.18 Annex F, as :mod:`dicom_udf.header.element` writes it) is turned back into the items that the file's
bytes held, and these take the reader's own way to a typed value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dicom_udf.header.dictionary import keyword_of
from dicom_udf.header.element import NOT_TYPED, quote, typed
from dicom_udf.header.header import Wanted
from dicom_udf.header.vr import VRS, ValueItem

__all__ = ["LEFT_OUT", "marker", "stored_values"]

LEFT_OUT = "left out of the stored header for its size"

Element = Mapping[str, Any]
DataSet = Mapping[str, Element]


def stored_values(
    wanted: Iterable[Wanted], text: str, *, omitted: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the typed values of a stored header by name, and by attribute path why a value is null or altered.

    Args:
        wanted: The values to return; of group 0002 only where ``text`` is the file meta information's. Codes (``part``)
            are never returned.
        text: A data set as DICOM JSON.
        omitted: Paths of values that were left out of it.

    Raises:
        ValueError: ``text`` is not JSON.
    """
    present = [want for want in wanted if marker(want) in text]
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    if not present:
        return values, reasons
    data_set: DataSet = json.loads(text, parse_int=str, parse_float=str)
    gone = frozenset(omitted)
    for want in present:
        for place, name, element in _find(data_set, want):
            value, reason = _value(want, element)
            if value is None and place in gone:
                reason = LEFT_OUT
            if value is not None:
                values[want.name] = value
            if reason is not None:
                reasons.setdefault(name, reason)
    return values, reasons


def marker(want: Wanted) -> str:
    """Return a text without which a stored header can't hold an element: most need not be parsed."""
    return f'"{want.path[-1]:08X}":' if want.creator is None else f":[{quote(want.creator)}"


def _find(data_set: DataSet, want: Wanted) -> Iterator[tuple[str, str, Element]]:
    """Yield each place of an element as ``header_omitted`` and as ``invalid_values`` name it, and the element."""
    if want.creator is not None:
        yield from _find_private(data_set, want.path[0], want.creator)
        return
    path = ""
    for tag in want.path[:-1]:
        items: list[DataSet] = data_set.get(f"{tag:08X}", {}).get("Value") or [{}]
        data_set = items[0]
        path += f"{tag:08X}[0]."
    key = f"{want.path[-1]:08X}"
    if key in data_set:
        yield path + key, path + key if path else keyword_of(want.path[-1]), data_set[key]


def _find_private(data_set: DataSet, tag: int, creator: str) -> Iterator[tuple[str, str, Element]]:
    group, low = tag >> 16, tag & 0xFF
    for block in range(0x10, 0x100):
        if data_set.get(f"{group:04X}00{block:02X}", {}).get("Value", ())[:1] != [creator]:
            continue
        key = f"{group:04X}{block:02X}{low:02X}"
        if key in data_set:
            yield key, f"{group:04x},xx{low:02x}|{creator}", data_set[key]


def _value(want: Wanted, element: Element) -> tuple[Any, str | None]:
    vr = VRS[element["vr"]]
    if vr.kind == "sequence" or "InlineBinary" in element or "BulkDataURI" in element:
        return None, NOT_TYPED
    stored = element.get("Value")
    if not stored:
        return None, None
    read = _ITEMS[vr.kind] if vr.format not in ("f", "d") else float
    return typed(want, vr, [None if item is None else read(item) for item in stored])


def _name(groups: Mapping[str, str]) -> str:
    parts = [groups.get(part, "") for part in ("Alphabetic", "Ideographic", "Phonetic")]
    return "=".join(parts).rstrip("=")


_ITEMS: Mapping[str, Callable[[Any], ValueItem]] = {
    "strings": str,
    "text": str,
    "tag": str,
    "decimal": str,
    "name": _name,
    "number": int,
}
