"""pydicom's dictionaries, public (PS3.6) and private, looked up once for each tag."""

from __future__ import annotations

from functools import lru_cache

from pydicom.datadict import dictionary_keyword, dictionary_VR, private_dictionary_VR
from pydicom.tag import Tag

from dicom_udf.header.vr import VR, VRS

__all__ = ["UNDEFINED", "keyword_of", "plain_vr", "private_vr", "public_vr", "vr_of"]

UNDEFINED = 0xFFFFFFFF
"""As a length: a delimiter ends the value."""


@lru_cache(maxsize=8192)
def public_vr(tag: int) -> str | None:
    """VR of a public element, e.g. ``US or SS``; None for an element that is not in the dictionary."""
    try:
        name = dictionary_VR(tag)
    except KeyError:
        return None
    return name if name in VRS else None


@lru_cache(maxsize=8192)
def private_vr(tag: int, creator: str) -> str | None:
    """VR of a private element by its creator; None for an element that is not in the dictionary."""
    try:
        name = private_dictionary_VR(Tag(tag), creator)
    except KeyError:
        return None
    return name if name in VRS else None


@lru_cache(maxsize=8192)
def plain_vr(tag: int) -> VR | None:
    """VR of a public element that is one text or number in any context; None for all others."""
    name = None if tag & 0x10000 or not tag & 0xFFFF else public_vr(tag)
    return VRS[name] if name is not None and " " not in name and VRS[name].kind not in ("bytes", "sequence") else None


@lru_cache(maxsize=8192)
def keyword_of(tag: int) -> str:
    """Keyword of a public element, otherwise its tag as eight hex digits."""
    try:
        return dictionary_keyword(tag) or f"{tag:08X}"
    except KeyError:
        return f"{tag:08X}"


def vr_of(tag: int, length: int, *, creator: str | None, is_signed: bool) -> str:
    """Return the dictionary's VR of an element without one in the file (PS3.5 §A.1); UN for one that it lacks.

    An undefined length is a sequence's or a binary value's (PS3.5 §7.1.1): where the dictionary has a text or a number,
    as it may for a private element of another version of the device, the element is a sequence all the same.

    Args:
        tag: 32 bits.
        length: Of its value; may be :data:`UNDEFINED`.
        creator: Of its private block.
        is_signed: True where the nearest PixelRepresentation is 1: it decides "US or SS" (PS3.3 C.7.6.3.1).
    """
    group, element = tag >> 16, tag & 0xFFFF
    if element == 0:
        return "UL"
    if not group & 1:
        name = public_vr(tag)
    elif 0x10 <= element <= 0xFF:
        return "LO"
    else:
        name = private_vr(tag, creator) if creator else None
    if name is None:
        return "UN"
    if length == UNDEFINED and VRS[name].kind != "bytes":
        return "SQ"
    if name == "US or SS":
        return "SS" if is_signed else "US"
    if " " in name:
        # A look-up table of one entry is a number (PS3.3 C.11.1.1.1), any other is words.
        return "US" if name == "US or OW" and length == 2 else "OW"
    return name
