"""One element: raw bytes to its JSON (PS3.18 Annex F) and to the typed values that a selection wants of it."""

from __future__ import annotations

import base64
import json
import math
import re
import struct
from typing import Any, NamedTuple

from dicom_udf.header.model import Wanted
from dicom_udf.header.text import Encodings, decode_text
from dicom_udf.header.vr import VR, VRS, Item, Unfit, unpack_numbers

__all__ = ["Finished", "finish_element", "quote_json"]

_DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?")
_SAFE_INTEGER = 2**53

quote_json = json.JSONEncoder(ensure_ascii=False).encode


class Finished(NamedTuple):
    """An element that is done; what the memo keeps.

    Attributes:
        json: The element's value object, e.g. ``{"vr":"CS","Value":["MR"]}``.
        values: Name and value of each wanted value that it holds.
        faults: Why a value is null or altered, one reason an element.
        items: The decoded items, for the few elements that steer the reading.
    """

    json: str
    values: tuple[tuple[str, Any], ...]
    fault: str | None
    items: tuple[Item, ...]


def finish_element(
    vr_name: str, raw: bytes, encodings: Encodings, wanted: tuple[Wanted, ...], *, order: str = "<"
) -> Finished:
    """Return everything that is made of one element that is no sequence.

    Args:
        vr_name: VR in the file, or the dictionary's where the file has none.
        raw: The value as stored.
        encodings: Codecs of the data set it stands in.
        wanted: What a selection asks of it.
        order: Byte order, ``<`` or ``>``.
    """
    vr = VRS[vr_name]
    if vr.kind == "binary":
        return Finished(_binary_json(vr, raw, order), (), None, ())
    items, is_clean = _items(vr, raw, encodings, order)
    fault = None if is_clean else "bytes that its character set doesn't have are replaced"
    values = []
    if any(item is not None for item in items):
        for want in wanted:
            value, reason = _typed(want, items)
            if value is not None:
                values.append((want.name, value))
            fault = reason or fault
    return Finished(_json(vr, vr_name, items), tuple(values), fault, tuple(items))


def _items(vr: VR, raw: bytes, encodings: Encodings, order: str) -> tuple[list[Item], bool]:
    """Decode the items of a value by the VR in the file; empty ones are None, an empty value has none."""
    if vr.kind == "number":
        return unpack_numbers(raw, vr.format, order), True  # type: ignore[return-value]
    if vr.kind == "tag":
        halves = unpack_numbers(raw, "H", order)
        return [f"{group:04X}{element:04X}" for group, element in zip(halves[::2], halves[1::2], strict=False)], True
    if not raw.strip(b" \0"):
        return [], True
    if vr.kind == "text":
        text, is_clean = decode_text(raw, encodings)
        return [text.rstrip(" \0")], is_clean
    if vr.name in _ENCODED:
        pairs = [decode_text(part, encodings, is_name=vr.kind == "name") for part in raw.split(b"\\")]
    else:
        text = raw.decode("latin-1")
        pairs = [(part, True) for part in text.split("\\")]
    stripped = [text.strip(" \0") if vr.kind != "name" else text.rstrip(" \0") for text, _ in pairs]
    return [text or None for text in stripped], all(is_clean for _, is_clean in pairs)


_ENCODED = frozenset({"LO", "PN", "SH", "UC"})
"""Separated values in the file's character set; the others are ASCII by PS3.5 §6.1.2.3."""


def _json(vr: VR, vr_name: str, items: list[Item]) -> str:
    name = "US" if " " in vr_name else vr_name
    if not items or all(item is None for item in items):
        return f'{{"vr":"{name}"}}'
    if vr.kind == "name":
        parts = [_name_json(str(item)) if item is not None else "null" for item in items]
    elif vr.json == "decimal":
        parts = [_decimal_json(str(item)) if item is not None else "null" for item in items]
    elif vr.json == "number":
        parts = [_number_json(item) for item in items]  # type: ignore[arg-type]
    else:
        parts = [quote_json(item) if item is not None else "null" for item in items]
    return f'{{"vr":"{name}","Value":[{",".join(parts)}]}}'


def _name_json(text: str) -> str:
    groups = zip(("Alphabetic", "Ideographic", "Phonetic"), text.split("="), strict=False)
    present = [f'"{key}":{quote_json(group.rstrip(" "))}' for key, group in groups if group.strip(" ^")]
    return "{" + ",".join(present) + "}"


def _number_json(number: int | float) -> str:
    if isinstance(number, float):
        return repr(number) if math.isfinite(number) else quote_json(str(number))
    return str(number) if -_SAFE_INTEGER <= number <= _SAFE_INTEGER else f'"{number}"'


def _decimal_json(text: str) -> str:
    """Return DS or IS text as a JSON number with its own digits, or as a string where it is no number."""
    found = _DECIMAL.fullmatch(text.strip())
    if not found or not (found[2] or found[3]):
        return quote_json(text)
    sign, whole, places, exponent = found.groups()
    return (
        ("-" if sign == "-" else "")
        + (whole.lstrip("0") or "0")
        + (f".{places}" if places else "")
        + (f"E{exponent}" if exponent is not None else "")
    )


def _binary_json(vr: VR, raw: bytes, order: str) -> str:
    if not raw:
        return f'{{"vr":"{vr.name}"}}'
    if order == ">" and vr.format:  # DICOM JSON has little endian (PS3.18 §F.2.7)
        numbers = unpack_numbers(raw, vr.format, order)
        raw = struct.pack(f"<{len(numbers)}{vr.format}", *numbers)
    return f'{{"vr":"{vr.name}","InlineBinary":"{base64.b64encode(raw).decode()}"}}'


def _typed(want: Wanted, items: list[Item]) -> tuple[Any, str | None]:
    """Return the wanted value, or why there is none."""
    if want.vr == "PN":
        groups = [_component_group(str(item), want.part) if item is not None else None for item in items]
        if want.multiple:
            return (groups if any(groups) else None), None
        return next((group for group in groups if group), None), None
    convert = VRS[want.vr].convert
    if convert is None:
        return None, None
    converted = [convert(item) if item is not None else None for item in items]
    unfit = next((value for value in converted if isinstance(value, Unfit)), None)
    kept = [None if isinstance(value, Unfit) else value for value in converted]
    reason = unfit.reason if unfit else None
    if want.multiple:
        return (kept if any(value is not None for value in kept) or unfit is None else None), reason
    if len(kept) == 1:
        return kept[0], reason
    if VRS[want.vr].convert is VRS["LO"].convert:
        return "\\".join(str(item or "") for item in items), None
    if unfit is None and len(set(kept)) == 1:
        return kept[0], None
    return None, reason or "several values that differ where one is allowed"


def _component_group(text: str, part: str) -> str | None:
    """Return the first component group with content, or the one asked for (PS3.5 §6.2.1.1)."""
    groups = [group.rstrip(" ") for group in text.split("=")]
    if part == "ideographic":
        return (groups[1] or None) if len(groups) > 1 else None
    if part == "phonetic":
        return (groups[2] or None) if len(groups) > 2 else None
    return next((group for group in groups if group.strip(" ^")), None)
