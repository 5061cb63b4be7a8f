"""Elements other than sequences: how they are named, and what they decide."""

from __future__ import annotations

from collections.abc import Sequence

from dicom_udf.header.dictionary import keyword_of
from dicom_udf.header.heads import creator_of
from dicom_udf.header.memo import Context
from dicom_udf.header.text import can_extend, encodings_of, is_known_charset
from dicom_udf.header.vr import ValueItem

__all__ = ["STEERING", "name_of", "steer"]

CHARACTER_SET, PIXEL_REPRESENTATION = 0x00080005, 0x00280103
UNKNOWN_CHARSET = "names a character set that is not known; read as ISO 8859-1"

NO_EXTENSION = "names several sets, one of which can neither extend another nor be extended; it is not read as one"

STEERING = frozenset({CHARACTER_SET, PIXEL_REPRESENTATION})


def name_of(tag: int, context: Context) -> str:
    """Return how ``invalid_values`` names an element: by keyword at top level, by tag below, by creator if private."""
    creator = creator_of(context, tag)
    if creator is not None:
        return f"{tag >> 16:04x},xx{tag & 0xFF:02x}|{creator}"
    return keyword_of(tag) if context.is_top else f"{tag:08X}"


def steer(tag: int, items: Sequence[ValueItem], context: Context) -> tuple[Context, str | None]:
    """Let an element decide how what follows it is read; return the context there, and why a value is altered."""
    if tag == CHARACTER_SET:
        names = tuple("" if item is None else str(item) for item in items)
        reason = None if can_extend(names) else NO_EXTENSION
        reason = reason if all(is_known_charset(name) for name in names) else UNKNOWN_CHARSET
        return context.where(encodings=encodings_of(names)), reason
    if tag == PIXEL_REPRESENTATION:
        return context.where(is_signed=items[:1] in ((1,), [1])), None
    if tag & 0x10000 and 0x10 <= tag & 0xFFFF <= 0xFF and items and isinstance(items[0], str):
        return context.where(creator=(tag >> 16 << 8 | (tag & 0xFF), items[0])), None
    return context, None
