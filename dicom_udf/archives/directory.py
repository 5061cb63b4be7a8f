"""A zip's central directory (APPNOTE 4.3.12 to 4.3.16), read in blocks: a million entries cost no more memory."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from dicom_udf.archives.guard import corrupt, translate_damage
from dicom_udf.archives.names import NameEncoding, decode_name

__all__ = [
    "BLOCK_BYTES",
    "LOCAL_BYTES",
    "LOCAL_MAGIC",
    "WRAP",
    "Directory",
    "ZipEntry",
    "decode_entry_name",
    "find_directory",
    "parse_entries",
    "read_entries",
    "unicode_name",
    "zip64_values",
]

BLOCK_BYTES = 512 << 10
"""Bytes of the directory that one read takes."""

LOCAL_BYTES = 30
LOCAL_MAGIC = b"PK\x03\x04"
"""Length of a local header without its name and extra field, and its first bytes (APPNOTE 4.3.7)."""

WRAP = 1 << 32
"""Numbers of 32 bits start again here, if a program writes no Zip64 fields above 4 GiB."""

_LONGEST_COMMENT = 0xFFFF
_TRIED = 4  # end records; a comment may be full of them
_TAIL = 128 << 10  # the end record and its comment take half of it; small directories come with them
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_ENTRY = struct.Struct("<4sBBHHHLLLLHHHHHLL")
_ENTRY_MAGIC = b"PK\x01\x02"
_SIGNATURE_MAGIC = b"PK\x05\x05"
_LARGEST_ENTRY = _ENTRY.size + 3 * 0xFFFF
_NOT_HERE = 0xFFFFFFFF
_IS_UTF8 = 0x800
_UNICODE_PATH = struct.Struct("<BL")


class Directory(NamedTuple):
    """The place of a zip's entries.

    Attributes:
        start: Offset of the first entry in the file.
        end: Offset after the last entry.
        shift: Added to the stated offsets: the length of a program or other bytes before the zip.
        tail: The end of the file, which was read to find the directory.
        tail_start: Offset of ``tail``.
        wraps: How often the stated offsets passed 2^32 up to the directory: macOS's Archive Utility writes no Zip64.
    """

    start: int
    end: int
    shift: int
    tail: bytes
    tail_start: int
    wraps: int = 0


class ZipEntry(NamedTuple):
    """One file of a zip, as stated by its directory or its local header.

    Attributes:
        name: Raw.
        flags: General purpose bits.
        method: The compression method.
        crc: The checksum of the content.
        packed: Bytes in the zip.
        size: Bytes of the content.
        header_offset: Offset of the local header in the file; negative if the entry is damaged.
        extra_length: Bytes of the extra field.
        attributes: The external attributes.
        system: The system that made the entry: 3 is Unix.
        start: Offset of the entry itself in the file.
        end: Offset after the entry.
        unicode_name: The name of the Unicode Path extra field, in UTF-8; None without that field.
    """

    name: bytes
    flags: int
    method: int
    crc: int
    packed: int
    size: int
    header_offset: int
    extra_length: int
    attributes: int
    system: int
    start: int
    end: int
    unicode_name: bytes | None = None

    @property
    def data_end(self) -> int:
        """Offset after the packed data, if the local header has no extra field."""
        return self.header_offset + LOCAL_BYTES + len(self.name) + self.packed


def find_directory(file: BinaryIO) -> Directory | None:
    """Find a zip's directory from its end; None without one.

    Raises:
        FileFault: CORRUPT_ARCHIVE if the file ends before its length; the faults of the reader.
    """
    size = file.seek(0, io.SEEK_END)
    start = max(0, size - _TAIL)
    tail = _read(file, start, size - start)
    exact: list[int] = []
    others: list[int] = []
    place = tail.rfind(_END_MAGIC)
    while place >= 0 and place >= len(tail) - _LONGEST_COMMENT - _END.size:
        if place + _END.size <= len(tail):
            end = place + _END.size + int.from_bytes(tail[place + 20 : place + 22], "little")
            if end == len(tail):
                exact.append(place)
            elif end < len(tail) and tail[end : end + 4] != LOCAL_MAGIC:  # otherwise another zip follows
                others.append(place)
        place = tail.rfind(_END_MAGIC, 0, place)
    for place in exact[:_TRIED] + others[:_TRIED]:
        found = _directory(file, tail, start, place)
        if found is None:
            continue
        if not found.shift or _at(file, 0, 4, tail, start) != LOCAL_MAGIC:
            return found
        if found.shift > 0 and found.shift % WRAP == 0:
            return found._replace(shift=0, wraps=found.shift // WRAP)
        # With members before its stated first byte, it is the directory of a member in a cut zip.
    return None


def _directory(file: BinaryIO, tail: bytes, tail_start: int, place: int) -> Directory | None:
    """Return the directory that an end record states, if its first entry exists."""
    length, stated = _END.unpack_from(tail, place)[5:7]
    before = tail_start + place  # where the directory should end
    located = tail[place - _LOCATOR.size : place] if place >= _LOCATOR.size else b""
    if located[:4] == b"PK\x06\x07":
        before -= _LOCATOR.size
        record = _LOCATOR.unpack(located)[2]
        for at in (before - _END64.size, record):
            data = _at(file, at, _END64.size, tail, tail_start)
            if data[:4] == b"PK\x06\x06" and len(data) == _END64.size:
                length, stated = _END64.unpack(data)[8:10]
                before = at
                break
    for start in (before - length, stated):
        if start < 0 or start + length > before:
            continue
        first = _at(file, start, 4, tail, tail_start) if length else _ENTRY_MAGIC
        if first in (_ENTRY_MAGIC, _SIGNATURE_MAGIC):
            return Directory(start, start + length, start - stated, tail, tail_start)
    return None


def read_entries(file: BinaryIO, directory: Directory) -> Iterator[list[ZipEntry]]:
    """Yield the entries of a directory in blocks.

    Raises:
        FileFault: CORRUPT_ARCHIVE at a damaged entry, after those before it; the faults of the reader.
    """
    position, end, rest = directory.start, directory.end, b""
    if position >= directory.tail_start:
        rest = directory.tail[position - directory.tail_start : end - directory.tail_start]
        position = end
    while True:
        if position < end:
            data = _read(file, position, min(BLOCK_BYTES, end - position))
            rest += data
            position += len(data)
        entries, used = parse_entries(rest, position - len(rest), directory.shift, directory.start)
        if entries:
            yield entries
        rest = rest[used:]
        if position >= end or len(rest) > _LARGEST_ENTRY:
            break
    if rest and rest[:4] != _SIGNATURE_MAGIC:
        raise corrupt(f"the zip's central directory is damaged at byte {position - len(rest)}")


def parse_entries(data: bytes, start: int, shift: int, limit: int) -> tuple[list[ZipEntry], int]:
    """Return the whole entries in ``data``, and their length in bytes.

    Args:
        data: Bytes of the directory.
        start: Their offset in the file.
        shift: Added to the stated offsets.
        limit: The last possible end of members: the directory's start.
    """
    entries: list[ZipEntry] = []
    at = 0
    while at + _ENTRY.size <= len(data):
        (magic, _, system, _, flags, method, _, crc, packed, size, *lengths, _, _, attributes, offset) = (
            _ENTRY.unpack_from(data, at)
        )
        name_end = at + _ENTRY.size + lengths[0]
        extra_end = name_end + lengths[1]
        end = extra_end + lengths[2]
        if magic != _ENTRY_MAGIC or end > len(data):
            break
        extra = data[name_end:extra_end]
        if _NOT_HERE in (size, packed, offset):
            values = zip64_values(extra, (size, packed, offset))
            size, packed, offset = (-1, -1, -1) if values is None else values
        name = data[at + _ENTRY.size : name_end]
        if offset < 0 or offset + shift < 0 or offset + shift + LOCAL_BYTES + len(name) + packed > limit:
            header = -1
        else:
            header = offset + shift
        more = (lengths[1], attributes, system, start + at, start + end, unicode_name(extra, name))
        entries.append(ZipEntry(name, flags, method, crc, packed, size, header, *more))
        at = end
    return entries, at


def decode_entry_name(entry: ZipEntry, encoding: NameEncoding) -> str:
    """Return the name of an entry: in UTF-8 if the entry declares it, otherwise in the encoding."""
    if entry.unicode_name is not None:
        return entry.unicode_name.decode("utf-8")
    return decode_name(entry.name, "auto" if entry.flags & _IS_UTF8 else encoding)


def unicode_name(extra: bytes, name: bytes) -> bytes | None:
    """Return the name in the Unicode Path extra field (APPNOTE 4.6.9).

    None without the field, or if it isn't UTF-8. None too if its CRC differs from the header's name: a program without
    support for the field has then changed the name.
    """
    for kind, data in _extra_fields(extra) if b"\x75\x70" in extra else ():
        if kind == 0x7075 and len(data) > _UNICODE_PATH.size:
            version, crc = _UNICODE_PATH.unpack_from(data)
            if version == 1 and crc == zlib.crc32(name) and _is_utf8(data[_UNICODE_PATH.size :]):
                return data[_UNICODE_PATH.size :]
    return None


def _is_utf8(name: bytes) -> bool:
    try:
        name.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _extra_fields(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the extra fields, number and data (APPNOTE 4.5.1); the last may be cut."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        yield kind, extra[at + 4 : at + 4 + length]
        at += 4 + length


def zip64_values(extra: bytes, values: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the values with those of the Zip64 extra field (APPNOTE 4.5.3); None if one is missing."""
    for kind, data in _extra_fields(extra):
        if kind == 1:
            numbers = iter(struct.unpack_from(f"<{len(data) // 8}Q", data))
            found = tuple(next(numbers, -1) if value == _NOT_HERE else value for value in values)
            return None if -1 in found else found
    return None


def _at(file: BinaryIO, start: int, length: int, tail: bytes, tail_start: int) -> bytes:
    if start < 0:
        return b""
    if start >= tail_start:
        return tail[start - tail_start : start - tail_start + length]
    return _read(file, start, length)


def _read(file: BinaryIO, start: int, length: int) -> bytes:
    """Return exactly ``length`` bytes."""
    with translate_damage("the zip's end can't be read"):
        file.seek(start)
        data = file.read(length)
    if len(data) < length:
        raise corrupt(f"the zip ends before byte {start + length}")
    return data
