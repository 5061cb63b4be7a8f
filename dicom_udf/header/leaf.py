"""Elements that are no sequences: how they are named, what they decide, and the few steps that most of them take."""

from __future__ import annotations

from collections.abc import Sequence

from dicom_udf.header.dictionary import keyword_of, plain_vr
from dicom_udf.header.element import finish
from dicom_udf.header.heads import creator_of
from dicom_udf.header.memo import Context, MemoEntry
from dicom_udf.header.text import can_extend, encodings_of, is_known_charset
from dicom_udf.header.vr import LONG_LENGTH, VRS, ValueItem

__all__ = ["STEERING", "name_of", "plain_entry", "steer"]

CHARACTER_SET, PIXEL_REPRESENTATION = 0x00080005, 0x00280103
UNKNOWN_CHARSET = "names a character set that is not known; read as ISO 8859-1"

NO_EXTENSION = "names several sets, one of which can neither extend another nor be extended; it is not read as one"

_PLAIN = {
    vr.name.encode(): vr.name
    for vr in VRS.values()
    if vr.kind not in ("bytes", "sequence") and " " not in vr.name and vr.name.encode() not in LONG_LENGTH
}
_CAREFUL_GROUPS = frozenset({0x0000, 0x7FE0, 0xFFFE})
STEERING = frozenset({CHARACTER_SET, PIXEL_REPRESENTATION})


def plain_entry(tag: int, name: bytes, raw: bytes, context: Context) -> MemoEntry | None:
    """Read, in few steps, an element of the usual kind and remember it; None for what needs more care.

    The usual kind is a text or a number with a short head that doesn't decide how what follows is read.
    """
    vr = _PLAIN.get(name) if context.is_explicit else plain_vr(tag)
    group, element = tag >> 16, tag & 0xFFFF
    if vr is None or not element or tag in STEERING or group in _CAREFUL_GROUPS or (group & 1 and element < 0x100):
        return None
    wants = context.level.get(tag) if context.level else None
    if wants is not None and (wants.codes or wants.first is not None):
        return None
    wanted = wants.wanted if wants is not None else ()
    json, _, values, reason = finish(vr, raw[8:], order=context.order, encodings=context.encodings, wanted=wanted)
    entry = MemoEntry(tag, f'"{tag:08X}":{json}', values, ((name_of(tag, context), reason),) if reason else (), context)
    context.memo.keep(context, raw, entry)
    return entry


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
