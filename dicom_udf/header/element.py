"""One element's bytes to its JSON (PS3.18 Annex F) and to the typed values that are wanted of it."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence
from json.encoder import encode_basestring
from struct import Struct
from typing import Any

from dicom_udf.header.header import Wanted
from dicom_udf.header.text import Encodings, decode_text
from dicom_udf.header.vr import VR, VRS, Unfit, ValueItem, to_string, to_text

__all__ = [
    "NOT_TYPED",
    "ONE_NUMBER",
    "Finished",
    "decimal_json",
    "finish",
    "has_part",
    "is_json_number",
    "number_json",
    "quote",
    "typed",
]

quote: Callable[[str], str] = encode_basestring
"""Text as a JSON string, characters outside of ASCII as they are."""

_WHOLE = frozenset("hHiI")
"""Codes of struct of binary integers that every column of their VR holds as they are."""

_SAFE_INTEGER = 2**53
"""Larger integers lose digits in readers that hold JSON numbers as doubles; they are written as strings."""

is_json_number = re.compile(r"-?(?:0|[1-9]\d{0,99})(?:\.\d+)?", re.ASCII).fullmatch
"""A match for digits that are a JSON number as they are."""
_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?([eE][+-]?\d+)?", re.ASCII)

REPLACED = "holds bytes that its character set does not have; they are replaced"
ODD_LENGTH = "its length is not a multiple of the size of one number; the rest is ignored"
SEVERAL = "several values that differ where one is allowed"
GROUPS = "a name of more than three component groups; the rest is ignored"
NOT_TYPED = "its VR in the file has no value of the column's type"


Finished = tuple[str, Sequence[ValueItem], dict[str, Any] | None, str | None]
"""What one element means: its JSON ``{"vr":"CS","Value":["MR"]}``, its decoded items, typed values by name, and why a
value is null or altered (None where all is well). A bare tuple: one is made for each element that a slice changes."""


def finish(name: str, raw: bytes, *, order: str, encodings: Encodings, wanted: Sequence[Wanted] = ()) -> Finished:
    """Return what the bytes of one element mean.

    Args:
        name: Its VR, a single one, not SQ.
        raw: Its value.
        order: Byte order, ``<`` or ``>``.
        encodings: Codecs of its character set.
        wanted: The values that a selection wants of it.
    """
    vr = VRS[name]
    if vr.kind == "bytes":
        reason = NOT_TYPED if wanted and raw else None
        return _bytes_json(vr, raw, order), (), None, reason
    items, reason = _READERS[vr.kind](vr, raw, order, encodings)
    if not items:
        return f'{{"vr":"{name}"}}', (), None, reason
    spelled = _WRITERS[vr.kind](items)
    json = f'{{"vr":"{name}","Value":[{spelled}]}}'
    if not wanted:
        return json, items, None, reason
    values: dict[str, Any] = {}
    for want in wanted:
        value, why = typed(want, vr, items)
        if value is not None:
            values[want.name] = (spelled, value) if want.is_spelled else value
        reason = reason or why
    return json, items, values, reason


_Read = tuple[Sequence[ValueItem], str | None]


def _read_strings(vr: VR, raw: bytes, _order: str, encodings: Encodings) -> _Read:
    if vr.has_charset:
        text, is_clean = decode_text(raw, encodings)
    else:
        text, is_clean = raw.decode("latin-1"), True  # PS3.5 §6.1.2.3: not subject to the character set
    reason = None if is_clean else REPLACED
    text = text.rstrip(" \0")
    if not text:
        return (), reason
    if "\\" not in text:
        return (text,), reason
    return [part.rstrip(" \0") or None for part in text.split("\\")], reason


def _read_names(vr: VR, raw: bytes, order: str, encodings: Encodings) -> _Read:
    """Read names; a name with only empty groups is an empty item (PS3.5 §6.2.1.1)."""
    items, reason = _read_strings(vr, raw, order, encodings)
    if not any("=" in str(item) for item in items):
        return items, reason
    groups = [str(item or "").split("=") for item in items]
    if any(g.strip(" \0") for of_one in groups for g in of_one[_MOST_GROUPS:]):
        reason = reason or GROUPS
    names = ["=".join(of_one) if any(g.strip(" \0") for g in of_one[:_MOST_GROUPS]) else None for of_one in groups]
    return (names if len(names) > 1 or names[0] else ()), reason


def _read_decimals(_vr: VR, raw: bytes, _order: str, _encodings: Encodings) -> _Read:
    text = raw.decode("latin-1").strip(" \0\t\r\n")
    if not text:
        return (), None
    if "\\" not in text:
        return (text,), None
    return [part.strip(" \0\t\r\n") or None for part in text.split("\\")], None


def _read_text(vr: VR, raw: bytes, _order: str, encodings: Encodings) -> _Read:
    text, is_clean = decode_text(raw, encodings) if vr.has_charset else (raw.decode("latin-1"), True)
    text = text.rstrip(" \0")
    return ((text,) if text else ()), None if is_clean else REPLACED


def _read_numbers(vr: VR, raw: bytes, order: str, _encodings: Encodings) -> _Read:
    size, unpack = ONE_NUMBER[order + vr.format]
    count, rest = divmod(len(raw), size)
    if count == 1:
        items: Sequence[ValueItem] = unpack(raw)
    else:
        items = Struct(f"{order}{count}{vr.format}").unpack_from(raw)
    return items, ODD_LENGTH if rest else None


def _read_tags(_vr: VR, raw: bytes, order: str, _encodings: Encodings) -> _Read:
    count, rest = divmod(len(raw), 4)
    halves = Struct(f"{order}{2 * count}H").unpack_from(raw)
    items = [f"{halves[n]:04X}{halves[n + 1]:04X}" for n in range(0, 2 * count, 2)]
    return items, ODD_LENGTH if rest else None


ONE_NUMBER = {
    order + code: (Struct(order + code).size, Struct(order + code).unpack_from) for order in "<>" for code in "HhIiQqfd"
}
"""Size and unpacker of one binary number, by byte order and code of struct."""
_MOST_GROUPS = 3
_READERS: dict[str, Callable[[VR, bytes, str, Encodings], _Read]] = {
    "strings": _read_strings,
    "name": _read_names,
    "decimal": _read_decimals,
    "text": _read_text,
    "number": _read_numbers,
    "tag": _read_tags,
}


def _strings_json(items: Sequence[Any]) -> str:
    return ",".join(["null" if item is None else quote(item) for item in items])


def _numbers_json(items: Sequence[Any]) -> str:
    return ",".join([number_json(item) for item in items])


def number_json(number: int | float) -> str:
    """Return a binary number as JSON; as a string where a JSON number can't hold it."""
    if isinstance(number, float):
        if math.isfinite(number):
            return repr(number)
        return '"NaN"' if math.isnan(number) else '"inf"' if number > 0 else '"-inf"'
    return str(number) if -_SAFE_INTEGER <= number <= _SAFE_INTEGER else f'"{number}"'


def _decimals_json(items: Sequence[Any]) -> str:
    return ",".join(
        ["null" if item is None else item if is_json_number(item) else decimal_json(item) for item in items]
    )


def decimal_json(text: str) -> str:
    """Return DS or IS as a JSON number with its own digits, or as a string where it is not a number or too large."""
    found = _NUMBER.fullmatch(text)
    if found is None or not (found[2] or found[3]):
        return quote(text)
    sign, whole, places, exponent = found.groups()
    digits = ("-" if sign == "-" else "") + (whole.lstrip("0") or "0") + (f".{places}" if places else "")
    digits += exponent or ""
    return digits if math.isfinite(float(digits)) else quote(text)


def _names_json(items: Sequence[Any]) -> str:
    return ",".join(["null" if item is None else _name_json(item) for item in items])


def _name_json(text: str) -> str:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    present = [(key, group.rstrip(" \0")) for key, group in groups]
    return "{" + ",".join([f'"{key}":{quote(group)}' for key, group in present if group]) + "}"


_WRITERS: dict[str, Callable[[Sequence[Any]], str]] = {
    "strings": _strings_json,
    "text": _strings_json,
    "tag": _strings_json,
    "name": _names_json,
    "decimal": _decimals_json,
    "number": _numbers_json,
}


def _bytes_json(vr: VR, raw: bytes, order: str) -> str:
    if not raw:
        return f'{{"vr":"{vr.name}"}}'
    if order == ">" and vr.format:  # PS3.18 §F.2.7: little endian
        size, _ = ONE_NUMBER[order + vr.format]
        numbers = Struct(f">{len(raw) // size}{vr.format}").unpack_from(raw)
        raw = Struct(f"<{len(numbers)}{vr.format}").pack(*numbers) + raw[len(numbers) * size :]
    return f'{{"vr":"{vr.name}","InlineBinary":"{base64.b64encode(raw).decode()}"}}'


def typed(want: Wanted, vr: VR, items: Sequence[ValueItem]) -> tuple[Any, str | None]:
    """Return the wanted value or None, and why it is null or altered.

    Args:
        want: The value that a column wants.
        vr: The VR in the file.
        items: The items of its bytes, or of its JSON; at least one.
    """
    if want.multiple and vr.name == want.vr and vr.format in _WHOLE:
        return list(items), None
    column = VRS[want.vr]
    # The spelling that the JSON has decides, where spelling matters: a column may be filled from either.
    if vr.kind == "decimal" and column.type != "double":
        items = [None if item is None else _respell_decimal(str(item)) for item in items]
    elif vr.kind == "name" and column.kind != "name":
        items = [None if item is None else _respell_name(str(item)) for item in items]
    if column.kind == "name":
        return _name(want, items), None
    convert = column.convert
    if convert is None:
        return None, NOT_TYPED
    if len(items) == 1 and not want.multiple:
        value = convert(items[0])
        return (None, value.reason) if isinstance(value, Unfit) else (value if value != "" else None, None)
    converted = [None if item is None else convert(item) for item in items]
    kept = [None if isinstance(value, Unfit) or value == "" else value for value in converted]
    reason = next((value.reason for value in converted if isinstance(value, Unfit)), None)
    if want.multiple:
        return (kept if reason or any(value is not None for value in kept) else None), reason
    return _single(convert, kept, reason)


def _single(convert: Callable[[Any], Any], kept: Sequence[Any], reason: str | None) -> tuple[Any, str | None]:
    """Return the value of VM 1 for several items: joined text, or the value on which all agree."""
    if convert in (to_string, to_text):
        joined = "\\".join(["" if value is None else value for value in kept])
        return (joined if joined.strip("\\") else None), None
    present = {value for value in kept if value is not None}
    if reason is None and len(present) == 1 and None not in kept:
        return kept[0], None
    return None, reason or (SEVERAL if present else None)


def _respell_decimal(text: str) -> str:
    if is_json_number(text):
        return text
    json = decimal_json(text)
    return text if json.startswith('"') else json


def _respell_name(text: str) -> str:
    return "=".join([group.rstrip(" \0") for group in text.split("=")[:3]]).rstrip("=")


_GROUPS = {"ideographic": 1, "phonetic": 2}


def _name(want: Wanted, items: Sequence[ValueItem]) -> str | list[str | None] | None:
    """Return a component group of the name: the first that is not empty, or the wanted one (PS3.5 §6.2.1.1)."""
    names = [None if item is None else _group(str(item), want.part) for item in items]
    if not any(names):
        return None
    if want.multiple:
        return names
    return names[0] if len(names) == 1 else "\\".join([name or "" for name in names])


def has_part(group: str) -> bool:
    """True where a component group of a name has more than delimiters."""
    return bool(group.strip(" ^"))


def _group(text: str, part: str) -> str | None:
    groups = [group.strip(" \0") for group in text.split("=")]
    if part == "value":
        return next(filter(has_part, groups), None)
    index = _GROUPS.get(part, 0)
    return (groups[index] or None) if index < len(groups) else None
