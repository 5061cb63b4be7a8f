"""Typed values out of a header that is stored as DICOM JSON: as the reader returns them for the same file.

The JSON (PS3.18 Annex F, as :mod:`dicom_udf.header.element` writes it) is turned back into the items that the file's
bytes held, and these take the reader's own way to a typed value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from dicom_udf.header.dictionary import keyword_of
from dicom_udf.header.element import NOT_TYPED, quote, typed
from dicom_udf.header.groups import GroupValues
from dicom_udf.header.header import Selection, Wanted
from dicom_udf.header.selection import CODE_PARTS, FRAME_SEQUENCE, GROUP_SEQUENCES, code_of
from dicom_udf.header.vr import VRS, ValueItem

__all__ = [
    "LEFT_OUT",
    "DataSet",
    "Items",
    "StoredGroups",
    "item_values",
    "marker",
    "parse_sequences",
    "stored_groups",
    "stored_sequences",
    "stored_values",
]

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
            groups[name].add(item_values(grouped, item, f"{key}[{number}].", reasons))
    return groups, reasons


Items = Sequence[DataSet]
"""The items of a sequence, parsed."""


def parse_sequences(members: Mapping[int, str | None]) -> dict[int, Items | None]:
    """Return the items of sequences by tag; None where something in a sequence was left out.

    Args:
        members: As :attr:`dicom_udf.header.Header.sequences`. Longer ones than :data:`MOST_TEXT` count as left out.

    Example:
        >>> from dicom_udf.header.stored import parse_sequences
        >>> parse_sequences({0x00620002: '"00620002":{"vr":"SQ","Value":[{}]}'})
        {6422530: [{}]}
    """
    found: dict[int, Items | None] = {}
    for tag, member in members.items():
        found[tag] = None
        if member is not None:
            text = _CONTOUR_DATA.sub(_NO_CONTOUR_DATA, member) if tag == _CONTOURS else member
            if len(text) <= MOST_TEXT:
                found[tag] = _parsed_anew("{" + text + "}")[f"{tag:08X}"].get("Value", [])
    return found


def stored_sequences(
    selection: Selection, text: str, *, omitted: Iterable[str] = (), broken: Iterable[str] = ()
) -> dict[int, Items | None]:
    """Return the items of sequences of a stored header, as :func:`parse_sequences` does for a file.

    Args:
        selection: Whose ``sequences`` and ``holding`` are wanted.
        text: A data set as DICOM JSON.
        omitted: Paths of values that were left out of it.
        broken: Keywords of sequences that could not be read to their ends: these are absent.

    Raises:
        ValueError: ``text`` is not JSON.
    """
    tags = {f"{tag:08X}" for tag in selection.sequences}
    held = {f"{tag:08X}" for tag in selection.holding}
    if not any(f'"{key}":' in text for key in (*tags, *held)):
        return {}
    found: dict[int, Items | None] = {}
    for key, element in _parsed(text).items():
        if element["vr"] == "SQ" and (key in tags or (key != f"{FRAME_SEQUENCE:08X}" and _holds(element, held))):
            tag = int(key, 16)
            if keyword_of(tag) not in broken:
                found[tag] = None if _is_cut(key, omitted) else element.get("Value", [])
    return found


def _holds(element: Element, keys: Collection[str]) -> bool:
    """True where an item of a sequence has one of some elements at any depth."""
    return element["vr"] == "SQ" and any(
        key in keys or _holds(inner, keys) for item in element.get("Value", ()) for key, inner in item.items()
    )


def item_values(wanted: Iterable[Wanted], item: DataSet, path: str, reasons: dict[str, str]) -> dict[str, Any]:
    """Return the wanted values of an item by name.

    Args:
        wanted: The values; their paths begin inside the item.
        item: The item.
        path: Its own place, e.g. ``00620002[3].``.
        reasons: Gains why a value is null or altered, by its place.
    """
    values: dict[str, Any] = {}
    for want in wanted:
        place, element = _below(item, want.path)
        if element is None:
            continue
        value, reason = _value(want, element)
        if value is not None:
            values[want.name] = (json.dumps(element["Value"]), value) if want.is_spelled else value
        if reason is not None:
            reasons[path + place] = reason
    return values


def _parsed_anew(text: str) -> DataSet:
    data_set: DataSet = json.loads(text, parse_int=str, parse_float=str)
    return data_set


_parsed = lru_cache(maxsize=1)(_parsed_anew)  # values, items and groups are taken from one text in succession

MOST_TEXT = 16 << 20
"""Characters of JSON of a sequence that is parsed."""

_CONTOURS = 0x30060039
_CONTOUR_DATA = re.compile(r'"30060050":\{"vr":"DS","Value":\[[^]"]*\]\}')
_NO_CONTOUR_DATA = '"30060050":{"vr":"DS"}'
"""The coordinates of contours: most of a structure set, and of no use for columns."""


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
    place, element = _below(data_set, want.path)
    if element is not None:
        yield place, place if len(want.path) > 1 else keyword_of(want.path[-1]), element


def _below(data_set: DataSet, path: tuple[int, ...]) -> tuple[str, Element | None]:
    """Return the place of an element, through first items, and the element; None where it is absent."""
    place = ""
    for tag in path[:-1]:
        key = _key(tag)
        items: list[DataSet] = data_set.get(key, {}).get("Value") or [{}]
        data_set = items[0]
        place += f"{key}[0]."
    key = _key(path[-1])
    return place + key, data_set.get(key)


_key = lru_cache(maxsize=4096)("{:08X}".format)


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
