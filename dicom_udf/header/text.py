"""Character sets (PS3.3 C.12.1.1.2, PS3.5 §6.1): bytes to text as pydicom does it, quickly where nothing is escaped."""

from __future__ import annotations

import re
from functools import lru_cache

from pydicom.charset import STAND_ALONE_ENCODINGS, convert_encodings, decode_bytes, python_encoding
from pydicom.valuerep import TEXT_VR_DELIMS

from dicom_udf.header.quiet import quiet_pydicom

__all__ = [
    "DEFAULT",
    "ESCAPE",
    "Encodings",
    "can_extend",
    "codec_of",
    "decode_text",
    "encodings_of",
    "is_known_charset",
]

Encodings = tuple[str, ...]
"""Python codecs of the values of SpecificCharacterSet; those behind the first are reached by escape sequences."""

DEFAULT: Encodings = ("iso8859",)
"""Where a file names no character set: pydicom's default, which holds ASCII."""

ESCAPE = 0x1B
"""The byte that announces another character set."""
_STAND_ALONE = frozenset(python_encoding[name] for name in STAND_ALONE_ENCODINGS)
"""Codecs of the sets that neither extend another nor can be extended (PS3.3 C.12.1.1.2)."""
_OR_UTF_8 = "or UTF-8"
"""Behind the codecs: text that they can't read, and UTF-8 can, is UTF-8. No codec has this name."""
_is_control = re.compile("[\x80-\x9f]").search  # PS3.5 §6.1.3 has no control characters of G1
_GB2312 = "\x1b$)A"
_ISO_8859_15 = frozenset({"ISO_IR 203", "ISO 2022 IR 203"})
"""In the standard since 2023; not in pydicom 3.0."""


@lru_cache(maxsize=256)
def encodings_of(names: tuple[str, ...]) -> Encodings:
    """Return the codecs for the values of SpecificCharacterSet (0008,0005), misspelt ones as pydicom mends them."""
    if not any(names):
        return DEFAULT
    first, *others = [_codec_of(name) for name in names]
    if first in _STAND_ALONE:
        return (first,)
    extensions = [codec for codec in others if codec not in _STAND_ALONE]
    return (first, *extensions, *([_OR_UTF_8] if python_encoding["ISO_IR 192"] in others else []))


def _codec_of(name: str) -> str:
    with quiet_pydicom():
        try:
            codec = convert_encodings("ISO_IR 6" if name in _ISO_8859_15 else name)[0]
        except (LookupError, ValueError):
            return DEFAULT[0]
    return "iso8859_15" if name in _ISO_8859_15 else codec


@lru_cache(maxsize=256)
def can_extend(names: tuple[str, ...]) -> bool:
    """True where the values behind the first, if any, can be code extensions of it (PS3.3 C.12.1.1.2)."""
    return len(names) < 2 or not any(_codec_of(name) in _STAND_ALONE for name in names)


@lru_cache(maxsize=256)
def is_known_charset(name: str) -> bool:
    """True where pydicom has the name or corrects it; an unknown one is read as its default."""
    return name in python_encoding or encodings_of((name,)) != DEFAULT


def codec_of(encodings: Encodings) -> str | None:
    """Return the codec of text without escape sequences; None where the text decides between two."""
    return None if encodings[-1] == _OR_UTF_8 else encodings[0]


def decode_text(raw: bytes, encodings: Encodings) -> tuple[str, bool]:
    """Decode one element's value, backslashes included: in some sets they are second bytes of characters.

    Returns:
        The text, bytes without meaning as U+FFFD, and True where there were none of these.
    """
    if encodings[-1] == _OR_UTF_8:
        return _decode_or_utf_8(raw, encodings[:-1])
    if ESCAPE not in raw:
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


def _decode_or_utf_8(raw: bytes, encodings: Encodings) -> tuple[str, bool]:
    """Decode text of a file that names UTF-8 where only an extension can be: as UTF-8 if no other reading fits."""
    text, is_clean = decode_text(raw, encodings)
    if raw.isascii():
        return text, is_clean
    is_default = encodings[0] == DEFAULT[0] and ESCAPE not in raw  # ISO 646 has no byte above 7F
    if is_clean and not is_default and not _is_control(text):
        return text, True
    try:
        return raw.decode("utf-8"), True
    except UnicodeDecodeError:
        return text, is_clean
