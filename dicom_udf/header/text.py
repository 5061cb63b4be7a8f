"""Character sets (PS3.3 C.12.1.1.2, PS3.5 §6.1): bytes to text as pydicom does it, quickly where they are ASCII."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

__all__ = ["DEFAULT", "Encodings", "decode_text", "encodings_of"]

Encodings = tuple[str, ...]

DEFAULT: Encodings = ("iso8859",)
"""Python codec of a file that names no character set; pydicom's default, which holds ASCII."""

_ESCAPE = 0x1B


@lru_cache(maxsize=256)
def encodings_of(names: tuple[str, ...]) -> Encodings:
    """Return Python codecs for the values of SpecificCharacterSet (0008,0005), misspelt ones as pydicom mends them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they quote the value
        try:
            return tuple(convert_encodings(list(names) if len(names) > 1 else (names[0] if names else None)))
        except (LookupError, ValueError, AttributeError):
            return DEFAULT


def decode_text(raw: bytes, encodings: Encodings, *, is_name: bool = False) -> tuple[str, bool]:
    """Decode one value.

    Returns:
        The text, bytes without meaning as U+FFFD, and whether there were none of these.
    """
    if raw.isascii() and _ESCAPE not in raw and encodings[0] != "shift_jis":
        return raw.decode("ascii"), True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = decode_bytes(raw, _as_list(encodings), PN_DELIMS if is_name else TEXT_VR_DELIMS)
        except (LookupError, UnicodeError):
            text = raw.decode(encodings[0] if encodings[0] != "iso8859" else "latin-1", errors="replace")
    return text, "\ufffd" not in text


def _as_list(encodings: Sequence[str]) -> list[str]:
    return list(encodings)
