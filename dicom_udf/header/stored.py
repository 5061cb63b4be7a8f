"""Typed values out of a header that is stored as DICOM JSON: as the reader returns them for the same file.

The JSON (PS3.18 Annex F, as :mod:`dicom_udf.header.element` writes it) is turned back into the items that the file's
bytes held, and these take the reader's own way to a typed value.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from dicom_udf.header.dictionary import keyword_of
from dicom_udf.header.element import NOT_TYPED, quote, typed
from dicom_udf.header.groups import GroupValues
from dicom_udf.header.header import Wanted, WantedItems
from dicom_udf.header.selection import CODE_PARTS, GROUP_SEQUENCES, code_of, first_code
from dicom_udf.header.vr import VRS, ValueItem

__all__ = ["LEFT_OUT", "StoredGroups", "marker", "stored_groups", "stored_items", "stored_values"]

LEFT_OUT = "left out of the stored header for its size"

Element = Mapping[str, Any]
DataSet = Mapping[str, Element]


def stored_values(
    wanted: Iterable[Wanted], text: str, *, omitted: Iterable[str] = ()
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the typed values of a stored header by name, and by attribute path why a value is null or altered.

    Args:
        wanted: The values to return; of group 0002 only where ``text`` is the file meta information's.
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
    data_set = _parsed(text)
    gone = frozenset(omitted)
    for want in present:
        for place, name, element in _find(data_set, want):
            is_cut = place in gone or (want.part in ("codes", "count") and _is_cut(place, gone))
            value, reason = (None, LEFT_OUT) if is_cut else _value(want, element)
            if value is not None:
                values[want.name] = value
            if reason is not None:
                reasons.setdefault(name, reason)
    return values, reasons


StoredGroups = dict[str, GroupValues]


def stored_groups(
    grouped: Sequence[Wanted], text: str, *, omitted: Iterable[str] = ()
) -> tuple[StoredGroups, dict[str, str]]:
    """Return the functional groups of a stored header, and by attribute path why a value is null.

    Args:
        grouped: As :attr:`~dicom_udf.header.header.Selection.grouped`.
        text: A data set as DICOM JSON.
        omitted: Paths of values that were left out of it. A sequence that lacks something isn't read.

    Returns:
        The values by :data:`~dicom_udf.header.selection.SHARED_GROUPS` and
        :data:`~dicom_udf.header.selection.FRAME_GROUPS`, each only where the header has it.

    Raises:
        ValueError: ``text`` is not JSON.
    """
    groups: StoredGroups = {}
    reasons: dict[str, str] = {}
    for tag, name in GROUP_SEQUENCES.items():
        key = f"{tag:08X}"
        if f'"{key}":' not in text:
            continue
        data_set = _parsed(text)
        if key not in data_set:
            continue
        if _is_cut(key, omitted):
            reasons[keyword_of(tag)] = LEFT_OUT
            continue
        groups[name] = GroupValues()
        for number, item in enumerate(data_set[key].get("Value", ())):
            groups[name].add(_item_values(grouped, item, f"{key}[{number}].", reasons))
    return groups, reasons


def stored_items(
    items: Iterable[WantedItems], text: str, *, omitted: Iterable[str] = ()
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str], list[str]]:
    """Return the wanted values of all items of sequences of a stored header, by name.

    Args:
        items: As :attr:`~dicom_udf.header.header.Selection.items`.
        text: A data set as DICOM JSON.
        omitted: Paths of values that were left out of it.

    Returns:
        A list for each sequence that the header has whole; by attribute path why a value is null; and
        ``column:NAME`` for each sequence that lacks something.

    Raises:
        ValueError: ``text`` is not JSON.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    reasons: dict[str, str] = {}
    cut: list[str] = []
    for one in items:
        key = f"{one.tag:08X}"
        if f'"{key}":' not in text:
            continue
        element = _parsed(text).get(key)
        if element is None or element["vr"] != "SQ":
            continue
        if _is_cut(key, omitted):
            cut.append(f"column:{one.name}")
            continue
        rows = found[one.name] = []
        for number, item in enumerate(element.get("Value", ())):
            row = _item_values(one.fields, item, f"{key}[{number}].", reasons)
            for want in one.fields:
                if want.part == "codes" and want.name in row:
                    row[want.name] = first_code(row[want.name])
            rows.append(row)
    return found, reasons, cut


def _item_values(wanted: Iterable[Wanted], item: DataSet, path: str, reasons: dict[str, str]) -> dict[str, Any]:
    """Return the wanted values of an item by name; add why a value is null, by its place below ``path``."""
    values: dict[str, Any] = {}
    for want in wanted:
        for place, _, element in _find(item, want):
            value, reason = _value(want, element)
            if value is not None:
                values[want.name] = (json.dumps(element["Value"]), value) if want.is_spelled else value
            if reason is not None:
                reasons[path + place] = reason
    return values


@lru_cache(maxsize=1)  # values, items and groups are taken from one text in succession
def _parsed(text: str) -> DataSet:
    data_set: DataSet = json.loads(text, parse_int=str, parse_float=str)
    return data_set


def _is_cut(place: str, omitted: Iterable[str]) -> bool:
    """True where something at a place or below it was left out."""
    return any(path.startswith(place) for path in omitted)


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
    if want.part in ("codes", "count"):
        return _of_items(want, element), None
    vr = VRS[element["vr"]]
    if vr.kind == "sequence" or "InlineBinary" in element or "BulkDataURI" in element:
        return None, NOT_TYPED
    stored = element.get("Value")
    if not stored:
        return None, None
    read = _ITEMS[vr.kind] if vr.format not in ("f", "d") else float
    return typed(want, vr, [None if item is None else read(item) for item in stored])


def _of_items(want: Wanted, element: Element) -> int | list[dict[str, str | None] | None] | None:
    """Return the number of a sequence's items, or their codes."""
    if element["vr"] != "SQ":
        return None
    items = element.get("Value", ())
    if want.part == "count":
        return len(items)
    codes = []
    for item in items:
        parts = {one.name: _value(one, found)[0] for one in CODE_PARTS for _, _, found in _find(item, one)}
        codes.append(code_of({name: value for name, value in parts.items() if value is not None}))
    return codes if any(codes) else None


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
