"""A stored header as a tree for people: tag, name, VR and value of each element, the items of sequences indented."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_description, private_dictionary_description
from pydicom.tag import Tag
from pydicom.uid import UID

from dicom_udf.rendering import cut, pad, text_width, visible

__all__ = ["NARROW", "TreeLine", "cut_value", "named_uid", "read_tree", "tree_text"]

MOST_ITEMS = 10
"""Items of a sequence that a tree shows unless all are wanted."""

NARROW = 60
"""A terminal of fewer columns shows values below their names."""

_NAME = 36
"""Columns of a terminal for the name of an element."""

_INDENT, _DEEPEST = "  ", 8
"""Sequences deeper than this are indented alike, so that values keep their room."""

_LONG = 80
"""Characters of a value that is cut without its length."""

_LENGTH = re.compile(r"[?&]length=([0-9]+)")


@dataclass(frozen=True, slots=True)
class TreeLine:
    """One line of a tree.

    Attributes:
        depth: Number of sequences around it.
        tag: e.g. ``(0008,0016)``; empty for the head of an item.
        name: As in PS3.6, e.g. ``SOP Class UID``; of a private element its creator and its name in brackets.
        vr: Two letters; empty for the head of an item.
        value: Values with a backslash between them, the number of items, or the length of a binary value in bytes.
    """

    depth: int
    tag: str
    name: str
    vr: str
    value: str


def read_tree(header: str, *, most_items: int | None = MOST_ITEMS) -> Iterator[TreeLine]:
    """Yield the lines of a header in its order.

    Args:
        header: A data set, or group 0002, as DICOM JSON (PS3.18 Annex F).
        most_items: Items of a sequence that are shown; a line counts the others. None: all.

    Raises:
        ValueError: ``header`` is not JSON.

    Example:
        >>> from dicom_udf.answers.header_tree import read_tree
        >>> [(line.name, line.value) for line in read_tree('{"00080060":{"vr":"CS","Value":["CT"]}}')]
        [('Modality', 'CT')]
    """
    # Numbers keep the digits of the file.
    data_set = json.loads(header, parse_float=str, parse_int=str)
    return _elements(data_set, 0, most_items)


def tree_text(lines: Iterator[TreeLine], *, width: int | None = None) -> Iterator[str]:
    """Yield lines of text for people, control characters made visible.

    Args:
        lines: As :func:`read_tree` yields them.
        width: Columns of the terminal that a line has to fit in; None: nothing is cut.
    """
    for line in lines:
        indent = _INDENT * min(line.depth, _DEEPEST)
        if not line.tag:
            yield f"{indent}{line.name}"
            continue
        value, name = visible(line.value), visible(line.name)
        if width is not None and width < NARROW:
            yield cut(f"{indent}{line.tag} {line.vr} {name}", width)
            if value:
                yield f"{indent}{_INDENT}{cut_value(value, width - len(indent) - len(_INDENT))}"
            continue
        label = pad(name if width is None else cut(name, _NAME - len(indent)), _NAME - len(indent))
        text = f"{indent}{line.tag} {label} {line.vr}  "
        room = None if width is None else max(width - text_width(text), 1)
        yield f"{text}{cut_value(value, room)}".rstrip()


def cut_value(value: str, room: int | None) -> str:
    """Cut a value to so many columns of a terminal, and append the length of a long one; None cuts nothing."""
    if room is None or text_width(value) <= room:
        return value
    note = f" ({len(value):,} characters)"
    is_noted = len(value) > _LONG and room > 2 * len(note)
    return cut(value, room - len(note)) + note if is_noted else cut(value, max(room, 1))


def _elements(data_set: Mapping[str, Any], depth: int, most_items: int | None) -> Iterator[TreeLine]:
    for key, element in data_set.items():
        tag = int(key, 16)
        vr: str = element["vr"]
        text = f"({key[:4]},{key[4:]})"
        if vr != "SQ":
            yield TreeLine(depth, text, _name(tag, data_set), vr, _value(element))
            continue
        items: Sequence[Mapping[str, Any]] = element.get("Value", ())
        number = f"{len(items):,} item{'s' if len(items) != 1 else ''}"
        yield TreeLine(depth, text, _name(tag, data_set), vr, number)
        shown = items[:most_items]
        for place, item in enumerate(shown, 1):
            yield TreeLine(depth + 1, "", f"item {place:,}", "", "")
            yield from _elements(item, depth + 1, most_items)
        if len(shown) < len(items):
            yield TreeLine(depth + 1, "", f"… {len(items) - len(shown):,} further items", "", "")


def _name(tag: int, data_set: Mapping[str, Any]) -> str:
    """Return an element's name in the dictionaries; that of a private one begins with its creator."""
    group, element = tag >> 16, tag & 0xFFFF
    if group & 1:
        if 0x10 <= element <= 0xFF:
            return "Private Creator"
        creator = _creator(group, element >> 8, data_set)
        try:
            return f"{creator} [{private_dictionary_description(Tag(tag), creator)}]"
        except KeyError:
            return f"{creator} [private]" if creator else "[private]"
    try:
        return dictionary_description(tag)
    except KeyError:
        return "Group Length" if element == 0 else "[not in the dictionary]"


def _creator(group: int, block: int, data_set: Mapping[str, Any]) -> str:
    values = data_set.get(f"{group:04X}00{block:02X}", {}).get("Value") or [""]
    return values[0] if isinstance(values[0], str) else ""


def _value(element: Mapping[str, Any]) -> str:
    if "InlineBinary" in element:
        return f"{len(base64.b64decode(element['InlineBinary'])):,} bytes"
    if "BulkDataURI" in element:
        length = _LENGTH.search(element["BulkDataURI"])
        return f"{int(length[1]):,} bytes" if length else "bytes in the file"
    values = element.get("Value", ())
    text = "\\".join(map(_one_value, values))
    return named_uid(text) if element["vr"] == "UI" and len(values) == 1 else text


def named_uid(uid: str) -> str:
    """Return a UID with its name in PS3.6, where it has one.

    Example:
        >>> from dicom_udf.answers.header_tree import named_uid
        >>> named_uid("1.2.840.10008.5.1.4.1.1.2"), named_uid("1.2.3")
        ('1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)', '1.2.3')
    """
    name = UID(uid, validation_mode=IGNORE).name
    return uid if name == uid else f"{uid} ({name})"


def _one_value(value: Any) -> str:
    """Return the text of one value: a string of any VR, the component groups of a name, null."""
    if isinstance(value, dict):
        groups = (value.get(part, "") for part in ("Alphabetic", "Ideographic", "Phonetic"))
        return "=".join(groups).rstrip("=")
    return "" if value is None else str(value)
