"""Reads members of a zip by their local headers (APPNOTE 4.3.7), even without a directory."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterator
from typing import BinaryIO

from dicom_udf.archives.directory import LOCAL_BYTES, LOCAL_MAGIC, ZipEntry, unicode_name, zip64_values
from dicom_udf.archives.guard import corrupt, translate_damage
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["data_start", "is_header_of", "walk_local_headers"]

_HEADER = struct.Struct("<4sBxHHLLLLHH")
_DESCRIPTOR_MAGIC = b"PK\x07\x08"
_HAS_DESCRIPTOR = 0x8
_ENCRYPTED = 0x1
_STORED = 0
_NEWEST_VERSION = 63
_PIECE = 256 << 10
_MOST_FALSE = 100_000
"""Consecutive magic numbers without a header, each of which costs a read: a file may consist of them."""


def data_start(file: BinaryIO, offset: int) -> int:
    """Return the offset of a member's data, which only its local header states.

    Raises:
        FileFault: CORRUPT_ARCHIVE; the faults of the reader.
    """
    with translate_damage("the zip member's local header lies outside the archive"):
        file.seek(offset)
        magic, *_, name_length, extra_length = _HEADER.unpack(file.read(LOCAL_BYTES))
    if magic != LOCAL_MAGIC:
        raise corrupt("the zip member's local header is damaged")
    return int(offset + LOCAL_BYTES + name_length + extra_length)


def is_header_of(file: BinaryIO, offset: int, name: bytes) -> bool:
    """Return True if the local header of a member of this name begins at ``offset``.

    Raises:
        FileFault: The faults of the reader.
    """
    data = _read(file, offset, LOCAL_BYTES + len(name))
    return data.startswith(LOCAL_MAGIC) and data[LOCAL_BYTES:] == name


def walk_local_headers(
    file: BinaryIO, position: int, read_to_end: Callable[[ZipEntry, int], int | None]
) -> Iterator[tuple[ZipEntry, int]]:
    """Yield the members whose headers are at or behind a position, with the offset of each one's data.

    Args:
        file: The zip.
        position: Offset of the first possible header.
        read_to_end: Called for a member of unstated length after it was yielded. It reads the stream and returns the
            offset of its end, or None if it is damaged.

    Raises:
        FileFault: CORRUPT_ARCHIVE if too many magic numbers have no header; the faults of the reader.
    """
    false = 0
    while (entry_at := _next_header(file, position)) is not None:
        position = entry_at
        entry, start = _entry(file, position)
        if entry is None:
            position += len(LOCAL_MAGIC)
            false += 1
            if false > _MOST_FALSE:
                raise corrupt("the zip has too many magic numbers that are not members")
            continue
        false = 0
        if not entry.flags & _HAS_DESCRIPTOR or entry.packed:
            yield entry, start
            position = start + entry.packed
        elif entry.method == _STORED or entry.flags & _ENCRYPTED:
            position = _descriptor(file, start) or _find(file, start + 1, LOCAL_MAGIC) or file.seek(0, io.SEEK_END)
            length = max(0, position - start)
            yield entry._replace(packed=length, size=length), start
        else:
            yield entry._replace(packed=-1, size=-1), start
            end = read_to_end(entry, start)
            position = start if end is None else end


def _next_header(file: BinaryIO, position: int) -> int | None:
    """Return the offset of the next local header, which may be another zip's; None at the end."""
    if _read(file, position, 4) == LOCAL_MAGIC:
        return position
    return _find(file, position, LOCAL_MAGIC)


def _find(file: BinaryIO, position: int, magic: bytes) -> int | None:
    while data := _read(file, position, _PIECE):
        at = data.find(magic)
        if at >= 0:
            return position + at
        if len(data) < len(magic):
            return None
        position += len(data) - len(magic) + 1
    return None


def _descriptor(file: BinaryIO, start: int) -> int | None:
    """Return the end of data of unstated length: a descriptor with that length follows (APPNOTE 4.3.9)."""
    position = start
    while (at := _find(file, position, _DESCRIPTOR_MAGIC)) is not None:
        stated = _read(file, at + 8, 8)
        if at - start in (int.from_bytes(stated[:4], "little"), int.from_bytes(stated, "little")):
            return at
        position = at + 1
    return None


def _entry(file: BinaryIO, position: int) -> tuple[ZipEntry | None, int]:
    """Return the entry of a local header and the offset of its data; None if it isn't one."""
    data = _read(file, position, LOCAL_BYTES)
    if len(data) < LOCAL_BYTES:
        return None, 0
    _, version, flags, method, _, crc, packed, size, name_length, extra_length = _HEADER.unpack(data)
    name_and_extra = _read(file, position + LOCAL_BYTES, name_length + extra_length)
    name, extra = name_and_extra[:name_length], name_and_extra[name_length:]
    start = position + LOCAL_BYTES + name_length + extra_length
    if version > _NEWEST_VERSION or not name_length or len(name) < name_length or b"\0" in name:
        return None, 0
    if 0xFFFFFFFF in (size, packed):
        values = zip64_values(extra, (size, packed))
        if values is None:
            return None, 0
        size, packed = values
    more = (extra_length, 0, 0, position, start, unicode_name(extra, name))
    return ZipEntry(name, flags, method, crc, packed, size, position, *more), start


def _read(file: BinaryIO, position: int, length: int) -> bytes:
    """Return up to ``length`` bytes: a damaged archive may end anywhere."""
    try:
        with translate_damage("the zip can't be read"):
            file.seek(position)
            return file.read(length)
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        return b""
