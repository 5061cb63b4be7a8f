"""pydicom's dictionaries, public (PS3.6) and private, asked once per tag."""

from __future__ import annotations

from functools import lru_cache

from pydicom.datadict import dictionary_keyword, dictionary_VR, private_dictionary_VR
from pydicom.tag import Tag

__all__ = ["keyword_of", "private_vr", "public_vr"]


@lru_cache(maxsize=8192)
def public_vr(tag: int) -> str | None:
    """VR of a public element, e.g. ``US or SS``; None where the dictionary doesn't know it."""
    try:
        return dictionary_VR(tag)
    except KeyError:
        return None


@lru_cache(maxsize=8192)
def private_vr(tag: int, creator: str) -> str | None:
    """VR of a private element by its creator; None where the dictionary doesn't know it."""
    try:
        return private_dictionary_VR(Tag(tag), creator)
    except KeyError:
        return None


@lru_cache(maxsize=8192)
def keyword_of(tag: int) -> str:
    """Keyword of a public element, else its tag as eight hex digits."""
    try:
        return dictionary_keyword(tag) or f"{tag:08X}"
    except KeyError:
        return f"{tag:08X}"
