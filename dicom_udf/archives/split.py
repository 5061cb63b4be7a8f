"""Splits a large zip into ranges of its members. One task reads one range."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from dicom_udf.archives.detect import detect_format
from dicom_udf.archives.directory import (
    BLOCK_BYTES,
    LOCAL_BYTES,
    Directory,
    ZipEntry,
    decode_entry_name,
    find_directory,
)
from dicom_udf.archives.formats import ZIP
from dicom_udf.archives.guard import corrupt
from dicom_udf.archives.limits import Limits
from dicom_udf.archives.member import ZipRange
from dicom_udf.archives.names import NameEncoding, Names
from dicom_udf.archives.wrapped import entries_of, is_exact
from dicom_udf.archives.zips import is_file
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["split_zip"]

_DEFAULT_LIMITS = Limits()


def split_zip(file: BinaryIO, *, members: int, packed_bytes: int, limits: Limits = _DEFAULT_LIMITS) -> list[ZipRange]:
    """Return the ranges of a zip's directory that tasks read separately, in its order.

    :func:`~dicom_udf.archives.members` yields the same members for the ranges, one after another, as for the whole zip.
    The limits count for each range by itself.

    Args:
        file: The stored object, seekable.
        members: Most members of one range.
        packed_bytes: Packed bytes of one range, roughly: more only if one member has more.
        limits: A zip with more members than the limit is not split; ``names`` is the encoding of its names.

    Returns:
        An empty list if the object isn't a zip with a sound directory and a file, or has only one range.

    Raises:
        FileFault: The faults of the reader.
    """
    try:
        directory = find_directory(file)
        if directory is None or detect_format(file, name="", is_in_place=True) is not ZIP:
            return []
        if not is_exact(file, directory):
            return []  # only a reader of all of it finds its members
        ranges, files = _ranges(file, directory, members, packed_bytes, limits.names)
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        return []
    is_bomb = files > limits.members or sum(part.packed_bytes for part in ranges) > directory.start
    return [] if is_bomb or not files or len(ranges) < 2 else ranges


def _ranges(
    file: BinaryIO, directory: Directory, members: int, packed_bytes: int, encoding: NameEncoding
) -> tuple[list[ZipRange], int]:
    names = Names(None)
    ranges: list[ZipRange] = []
    current: _Range | None = None
    files = 0
    for entry in _entries(file, directory):
        if current is None or current.is_full(entry, members, packed_bytes):
            if current is not None:
                ranges.append(current.to_range())
            wraps_from = entry.header_offset if directory.wraps else None
            current = _Range(entry.start, directory.shift, wraps_from, encoding)
        files += current.take(entry, names)
    if current is not None:
        ranges.append(current.to_range())
    return ranges, files


def _entries(file: BinaryIO, directory: Directory) -> Iterator[ZipEntry]:
    for block in entries_of(file, directory):
        if any(entry.header_offset < 0 for entry in block):
            raise corrupt("an entry of the zip's central directory is damaged")
        yield from block


class _Range:
    """A range while entries are added."""

    def __init__(self, start: int, shift: int, wraps_from: int | None, encoding: NameEncoding) -> None:
        self._start = self._end = start
        self._shift = shift
        self._wraps_from = wraps_from
        self._encoding = encoding
        self._members = 0
        self._packed = 0
        self._seen: dict[str, int] = {}
        self._own: set[str] = set()

    def is_full(self, entry: ZipEntry, members: int, packed_bytes: int) -> bool:
        """Return True if an entry belongs to the next range."""
        return (
            self._members >= members
            or self._packed + self._occupied_bytes(entry) > packed_bytes
            or entry.end - self._start > BLOCK_BYTES  # a task reads its part of the directory at once
        )

    def take(self, entry: ZipEntry, names: Names) -> bool:
        """Add an entry; return True if it is a file."""
        self._end = entry.end
        self._members += 1
        self._packed += self._occupied_bytes(entry)
        if not is_file(entry, self._encoding):
            return False
        name = decode_entry_name(entry, self._encoding)
        met = names.count(name)
        if met and name not in self._own:
            self._seen[name] = met
        self._own.add(name)
        return True

    def to_range(self) -> ZipRange:
        """Return the range."""
        seen = tuple(self._seen.items())
        return ZipRange(
            self._start, self._end, self._shift, self._members, self._packed, seen, wraps_from=self._wraps_from
        )

    def _occupied_bytes(self, entry: ZipEntry) -> int:
        is_counted = entry.header_offset >= 0 and is_file(entry, self._encoding)
        return LOCAL_BYTES + len(entry.name) + entry.packed if is_counted else 0
