"""Element heads: tag, VR and length in front of a value (PS3.5 §7.1)."""

from __future__ import annotations

from struct import calcsize
from typing import NamedTuple

from dicom_udf.errors import FailureCode
from dicom_udf.header.dictionary import UNDEFINED, vr_of
from dicom_udf.header.memo import Context
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import Window

__all__ = ["ITEM", "ITEM_END", "SEQUENCE_END", "UNDEFINED", "Head", "creator_of", "items_are_explicit", "read_head"]

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

_VALID_VRS = frozenset(name.encode() for name in VRS if len(name) == 2)
_NO_VRS = frozenset({b"??", b"  "})
"""What some writers put where they know no VR, with a length of 16 bits behind it."""

_NUMBER_SIZES = {vr.name: calcsize("<" + vr.format) for vr in VRS.values() if vr.kind == "number"}
"""Bytes of one number, by VR."""


class Head(NamedTuple):
    """An element up to its value.

    Attributes:
        offset: Where it stands.
        tag: 32 bits.
        vr: A single VR; empty for items and delimiters.
        start: Where its value stands.
        length: Of its value; may be :data:`UNDEFINED`.
    """

    offset: int
    tag: int
    vr: str
    start: int
    length: int


def read_head(window: Window, offset: int, context: Context) -> Head | FailureCode | None:
    """Read the head of the element at ``offset``; None where the file ends there, in order or with zeros for padding.

    An element of an explicit data set that has no VR is taken for an implicit one: some writers switch within
    sequences, and pydicom reads them so.
    """
    if not window.has(offset, 8):
        return FailureCode.TRUNCATED if window.rest(offset).strip(b"\0") else None
    at = offset - window.base
    group, element, length = context.unpack_implicit(window.data, at)
    tag = group << 16 | element
    if group == 0xFFFE:
        return Head(offset, tag, "", offset + 8, length)
    if not tag:
        return None if not length else FailureCode.CORRUPT_HEADER
    name = window.data[at + 4 : at + 6]
    if context.is_explicit and name.isalpha() and name.isupper():
        return _explicit_head(window, offset, tag, name, context)
    if context.is_explicit and name in _NO_VRS:
        length = context.unpack(window.data, at)[3]
        return Head(offset, tag, _known_vr(window, offset + 8, tag, length, context), offset + 8, length)
    vr = vr_of(tag, length, creator=creator_of(context, tag), is_signed=context.is_signed)
    return Head(offset, tag, vr, offset + 8, length)


def _explicit_head(window: Window, offset: int, tag: int, name: bytes, context: Context) -> Head | FailureCode:
    if name not in _VALID_VRS:
        return FailureCode.CORRUPT_HEADER
    vr = name.decode()
    if name not in LONG_LENGTH:
        return Head(offset, tag, vr, offset + 8, context.unpack(window.data, offset - window.base)[3])
    if not window.has(offset, 12):
        return FailureCode.TRUNCATED
    length = context.unpack_length(window.data, offset - window.base + 8)[0]
    if vr == "UN":
        vr = _known_vr(window, offset + 12, tag, length, context)
    return Head(offset, tag, vr, offset + 12, length)


def creator_of(context: Context, tag: int) -> str | None:
    """Return the creator of the private block that an element stands in (PS3.5 §7.8.1)."""
    return context.creators.get(tag >> 16 << 8 | (tag >> 8 & 0xFF)) if tag & 0x10000 else None


def items_are_explicit(window: Window, start: int, order: str, *, default: bool) -> bool:
    """Say how the elements of the items that begin at ``start`` are encoded, by the look of the first one.

    PS3.5 §6.2.2 has items of an UN in implicit VR; not every writer knows it.
    """
    if not window.has(start, 14):
        return default
    name = window.at(start + 12, 2)
    return name in _VALID_VRS if order == "<" else default


def _known_vr(window: Window, start: int, tag: int, length: int, context: Context) -> str:
    """Return the dictionary's VR of an element stored as UN, where its value can be one (PS3.5 §6.2.2 note)."""
    vr = vr_of(tag, length, creator=creator_of(context, tag), is_signed=context.is_signed)
    if vr in _NUMBER_SIZES and length % _NUMBER_SIZES[vr]:
        return "UN"
    if vr != "SQ" or length in (0, UNDEFINED):
        return vr
    return vr if window.has(start, 4) and window.at(start, 4) == b"\xfe\xff\x00\xe0" else "UN"
