"""Character sets (PS3.3 C.12.1.1.2, PS3.5 §6.1): bytes to text as pydicom does it, quickly where nothing is escaped."""

from __future__ import annotations

from functools import lru_cache

from pydicom.charset import convert_encodings, decode_bytes, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

from dicom_udf.header.quiet import quiet_pydicom

__all__ = ["DEFAULT", "Encodings", "decode_text", "encodings_of", "is_known_charset"]

Encodings = tuple[str, ...]
"""Python codecs of the values of SpecificCharacterSet; those behind the first are reached by escape sequences."""

DEFAULT: Encodings = ("iso8859",)
"""Where a file names no character set: pydicom's default, which holds ASCII."""

_ESCAPE = 0x1B
_GB2312 = "\x1b$)A"
_ISO_8859_15 = frozenset({"ISO_IR 203", "ISO 2022 IR 203"})
"""In the standard since 2023; pydicom 3.0 doesn't know it."""


@lru_cache(maxsize=256)
def encodings_of(names: tuple[str, ...]) -> Encodings:
    """Return the codecs for the values of SpecificCharacterSet (0008,0005), misspelt ones as pydicom mends them."""
    if not any(names):
        return DEFAULT
    with quiet_pydicom():
        try:
            encodings = convert_encodings(["ISO_IR 6" if name in _ISO_8859_15 else name for name in names])
            return tuple("iso8859_15" if n in _ISO_8859_15 else e for n, e in zip(names, encodings, strict=False))
        except (LookupError, ValueError):
            return DEFAULT


@lru_cache(maxsize=256)
def is_known_charset(name: str) -> bool:
    """True where pydicom knows the name or mends it; an unknown one is read as its default."""
    return name in python_encoding or encodings_of((name,)) != DEFAULT


def decode_text(raw: bytes, encodings: Encodings) -> tuple[str, bool]:
    """Decode one element's value, backslashes included: in some sets they are second bytes of characters.

    Returns:
        The text, bytes without meaning as U+FFFD, and whether there were none of these.
    """
    if _ESCAPE not in raw:
        try:
            return raw.decode(encodings[0]), True
        except UnicodeDecodeError:
            return raw.decode(encodings[0], errors="replace"), False
        except LookupError:
            return raw.decode("latin-1"), True
    with quiet_pydicom():
        try:
            text = decode_bytes(raw, list(encodings), set(TEXT_VR_DELIMS))
        except (LookupError, ValueError):
            text = raw.decode("ascii", errors="replace")
    # pydicom leaves the escapes of ISO 2022 IR 58 in the text, and those that lead to no set of the file.
    text = text.replace(_GB2312, "").replace("\x1b", "\ufffd")
    return text, "\ufffd" not in text
