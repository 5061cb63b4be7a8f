"""Offset tables of encapsulated pixel data: where each frame's first fragment is (PS3.5 §A.4, PS3.3 C.7.6.3.1.8)."""

from __future__ import annotations

from collections.abc import Mapping
from struct import Struct, unpack

from dicom_udf.header.groups import MOST_FRAMES
from dicom_udf.header.header import OffsetTable
from dicom_udf.header.heads import ITEM, UNDEFINED
from dicom_udf.header.scope import PixelData
from dicom_udf.header.window import Window

__all__ = [
    "EXTENDED_TABLE",
    "EXTENDED_TABLES",
    "LONGEST_TABLE",
    "NOT_AT_AN_ITEM",
    "NOT_READ",
    "NO_TABLE",
    "PAST_THE_END",
    "WITHOUT_LENGTHS",
    "WRONG_COUNT",
    "read_offset_table",
]

EXTENDED_TABLE, EXTENDED_LENGTHS = 0x7FE00001, 0x7FE00002
EXTENDED_TABLES = frozenset({EXTENDED_TABLE, EXTENDED_LENGTHS})
LONGEST_TABLE = 8 * MOST_FRAMES
"""Bytes of an extended table that is read; a longer one is passed over."""

NO_TABLE = "no offset table"
NOT_READ = "offset table not read"
NOT_AT_AN_ITEM = "offset table not at an item"
PAST_THE_END = "offset table past the end of the file"
WITHOUT_LENGTHS = "offset table without lengths"
WRONG_COUNT = "offset table of another number of frames"

_ITEM_HEAD = Struct("<HHI")
_ENTRY, _EXTENDED_ENTRY = 4, 8


def read_offset_table(
    window: Window, pixels: PixelData, extended: Mapping[int, bytes], *, reads_on: bool = False
) -> OffsetTable:
    """Return the offset table of encapsulated pixel data: the extended one, otherwise the basic one.

    Args:
        window: The part of the file that was read.
        pixels: Where the pixel data begins.
        extended: The values of ExtendedOffsetTable and ExtendedOffsetTableLengths, by tag.
        reads_on: True to read the Basic Offset Table where it is not in memory.
    """

    def holds(offset: int, length: int) -> bool:
        return window.holds(offset, length) or (reads_on and window.has(offset, length))

    missing = PAST_THE_END if reads_on else NOT_READ
    if not holds(pixels.offset, _ITEM_HEAD.size):
        return OffsetTable(reason=missing)
    length = _item_length(window, pixels.offset)
    if length is None:
        return OffsetTable(reason=NOT_AT_AN_ITEM)
    entries = pixels.offset + _ITEM_HEAD.size
    start = entries + length
    if window.holds(start, _ITEM_HEAD.size) and _item_length(window, start) is None:
        return OffsetTable(reason=NOT_AT_AN_ITEM)
    if extended:
        return _extended_table(start, extended)
    if not length:
        return OffsetTable(start, reason=NO_TABLE)
    if length % _ENTRY or length > _ENTRY * MOST_FRAMES:
        return OffsetTable(start, reason=WRONG_COUNT)
    if not holds(entries, length):
        return OffsetTable(start, reason=missing)
    return OffsetTable(start, unpack(f"<{length // _ENTRY}I", window.at(entries, length)))


def _item_length(window: Window, offset: int) -> int | None:
    """Return the length of the item at an offset; None where none of defined length begins there."""
    group, element, length = _ITEM_HEAD.unpack(window.at(offset, _ITEM_HEAD.size))
    return length if group << 16 | element == ITEM and length != UNDEFINED else None


def _extended_table(start: int, extended: Mapping[int, bytes]) -> OffsetTable:
    if len(extended) < len(EXTENDED_TABLES):
        return OffsetTable(start, reason=WITHOUT_LENGTHS)
    offsets, lengths = extended[EXTENDED_TABLE], extended[EXTENDED_LENGTHS]
    count, rest = divmod(len(offsets), _EXTENDED_ENTRY)
    if rest or not count or len(lengths) != len(offsets):
        return OffsetTable(start, reason=WRONG_COUNT)
    return OffsetTable(start, unpack(f"<{count}Q", offsets), unpack(f"<{count}Q", lengths))
