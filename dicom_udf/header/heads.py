"""Element heads: tag, VR and length in front of a value (PS3.5 §7.1)."""

from __future__ import annotations

from collections.abc import Iterator
from struct import calcsize
from typing import NamedTuple

from dicom_udf.errors import FailureCode
from dicom_udf.header.dictionary import UNDEFINED, vr_of
from dicom_udf.header.memo import Context
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import Window

__all__ = [
    "ITEM",
    "ITEM_END",
    "SEQUENCE_END",
    "UNDEFINED",
    "VALID_VRS",
    "Head",
    "creator_of",
    "doubtful_heads",
    "end_of",
    "is_misnamed_sequence",
    "is_stored_as_un",
    "read_head",
]

ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD

VALID_VRS = frozenset(name.encode() for name in VRS if len(name) == 2)

_DELIMITERS = frozenset({ITEM, ITEM_END, SEQUENCE_END})
_FIRST_ITEM = {"<": b"\xfe\xff\x00\xe0", ">": b"\xff\xfe\xe0\x00"}
_NUMBER_SIZES = {vr.name: calcsize("<" + vr.format) for vr in VRS.values() if vr.kind == "number"}
"""Bytes of one number, by VR."""


class Head(NamedTuple):
    """An element up to its value.

    Attributes:
        offset: Where it begins.
        tag: 32 bits.
        vr: A single VR; empty for items and delimiters.
        start: Where its value begins.
        length: Of its value; may be :data:`UNDEFINED`.
        is_sure: False where what follows decided how the head is read, so that its bytes alone do not.
    """

    offset: int
    tag: int
    vr: str
    start: int
    length: int
    is_sure: bool = True


def end_of(head: Head) -> int:
    """Return where the value ends; where it begins if its length is undefined."""
    return head.start if head.length == UNDEFINED else head.start + head.length


def read_head(window: Window, offset: int, context: Context) -> Head | FailureCode | None:
    """Read the head of the element at ``offset``; None where the file ends there, in order or with up to 7 zeros.

    CORRUPT_HEADER where the bytes are not a head by the standard: :func:`doubtful_heads` has further readings.
    """
    if not window.has(offset, 8):
        return FailureCode.TRUNCATED if window.rest(offset).strip(b"\0") else None
    at = offset - window.base
    group, element, length = context.unpack_implicit(window.data, at)
    tag = group << 16 | element
    if group == 0xFFFE:
        return Head(offset, tag, "", offset + 8, length) if tag in _DELIMITERS else FailureCode.CORRUPT_HEADER
    if not group:
        return FailureCode.CORRUPT_HEADER
    if context.is_explicit:
        return _explicit_head(window, offset, tag, window.data[at + 4 : at + 6], context)
    vr = vr_of(tag, length, creator=creator_of(context, tag), is_signed=context.is_signed)
    if vr == "SQ" and tag & 0x10000 and not _can_be_sequence(window, offset + 8, length, context):
        vr = "UN"  # a private dictionary describes one version of a device
    return Head(offset, tag, vr, offset + 8, length)


def _explicit_head(window: Window, offset: int, tag: int, name: bytes, context: Context) -> Head | FailureCode:
    if name not in VALID_VRS:
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


def is_stored_as_un(window: Window, head: Head, context: Context) -> bool:
    """True where an element has the VR UN in the file, whatever the dictionary has."""
    return context.is_explicit and window.at(head.offset + 4, 2) == b"UN"


def is_misnamed_sequence(head: Head, context: Context) -> bool:
    """True where the dictionary has a sequence for an element of implicit VR, and its value was read as UN."""
    if head.vr != "UN" or context.is_explicit or not head.tag & 0x10000:
        return False
    return vr_of(head.tag, head.length, creator=creator_of(context, head.tag), is_signed=False) == "SQ"


def doubtful_heads(window: Window, offset: int, context: Context) -> Iterator[Head]:
    """Yield the ways to read an element of an explicit data set with an invalid VR, the likeliest first.

    Two capitals are a VR of a later edition: the long form, read as UN (PS3.5 §6.2). For any other bytes, ``??`` or
    blanks among it, DCMTK reads a length of 16 bits. Some writers switch to implicit VR in between.

    Args:
        window: Where they are read.
        offset: Where the element begins; its group is neither 0000 nor FFFE.
        context: Explicit VR; an implicit one yields nothing.
    """
    if not context.is_explicit or not window.has(offset, 8):
        return
    at = offset - window.base
    group, element, name, short = context.unpack(window.data, at)
    tag = group << 16 | element
    if name in VALID_VRS:
        return
    if name.isalpha() and name.isupper():
        if window.has(offset, 12):
            length = context.unpack_length(window.data, offset - window.base + 8)[0]
            yield Head(offset, tag, "UN", offset + 12, length, is_sure=False)
        return
    for length in (short, context.unpack_implicit(window.data, at)[2]):
        vr = _known_vr(window, offset + 8, tag, length, context)
        yield Head(offset, tag, vr, offset + 8, length, is_sure=False)


def creator_of(context: Context, tag: int) -> str | None:
    """Return the creator of the private block that an element belongs to (PS3.5 §7.8.1)."""
    return context.creators.get(tag >> 16 << 8 | (tag >> 8 & 0xFF)) if tag & 0x10000 else None


def _known_vr(window: Window, start: int, tag: int, length: int, context: Context) -> str:
    """Return the dictionary's VR of an element stored as UN, where its value can be one (PS3.5 §6.2.2 note)."""
    vr = vr_of(tag, length, creator=creator_of(context, tag), is_signed=context.is_signed)
    if vr in _NUMBER_SIZES and length % _NUMBER_SIZES[vr]:
        return "UN"
    return vr if vr != "SQ" or _can_be_sequence(window, start, length) else "UN"


def _can_be_sequence(window: Window, start: int, length: int, context: Context | None = None) -> bool:
    """True where a value is empty or begins with an item, in little endian where no context is given."""
    if length in (0, UNDEFINED):
        return True
    return window.has(start, 4) and window.at(start, 4) == _FIRST_ITEM["<" if context is None else context.order]
