"""The files of a zip: by its central directory, or by local headers where that is damaged."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import BinaryIO, cast

from dicom_udf.archives.decoders import ZIP_DECODERS
from dicom_udf.archives.directory import LOCAL_BYTES, ZipEntry, decode_entry_name, find_directory, parse_entries
from dicom_udf.archives.guard import corrupt, translate_damage
from dicom_udf.archives.limits import Budget
from dicom_udf.archives.local_headers import data_start, walk_local_headers
from dicom_udf.archives.member import ArchivePart, Foreseeing, MemberFault, ZipRange
from dicom_udf.archives.names import NameEncoding, Names
from dicom_udf.archives.slices import Slice
from dicom_udf.archives.streams import Forward, Packed, Replay
from dicom_udf.archives.wanted import Wanted
from dicom_udf.archives.wrapped import entries_of, place_entries
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.markers import is_folder_marker

__all__ = ["is_file", "wanted_zip_parts", "zip_parts", "zip_range_parts"]

_ENCRYPTED = 0x1 | 0x40
_PATCHED = 0x20
_STORED = 0
_METHOD_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 20: "zstd", 93: "zstd", 95: "xz", 96: "jpeg", 98: "ppmd"}
_UNIX = (3, 19)  # 19 is macOS
_HAS_MODE = 0x8000  # 7-Zip's mark for a mode although the system is another
_DOS_FOLDER = 0x10  # APPNOTE 4.4.15
_READ_AHEAD = 64 << 10
_SLACK = 256  # a local header's extra field may be longer than the directory's


def is_file(entry: ZipEntry, encoding: NameEncoding) -> bool:
    """Return False for folders, links, devices and entries that macOS adds."""
    name = decode_entry_name(entry, encoding)
    if name.endswith("/") or "__MACOSX" in name.split("/"):
        return False
    has_mode = entry.system in _UNIX or entry.attributes & _HAS_MODE
    if has_mode and stat.S_IFMT(entry.attributes >> 16) not in (0, stat.S_IFREG):
        return False
    # A name may end in a backslash by chance: it is the second byte of some characters of Shift-JIS and GBK.
    is_folder = name.endswith("\\") or entry.attributes & _DOS_FOLDER or is_folder_marker(name, 0)
    return entry.size != 0 or not is_folder


def zip_parts(
    file: BinaryIO, names: Names, budget: Budget, *, offset: int | None, reader: Foreseeing | None = None
) -> Iterator[ArchivePart | MemberFault]:
    """Yield the files of a zip in the order of its directory, and a fault for each that can't be read.

    Args:
        file: The zip.
        names: Makes the paths.
        budget: The budget of the object.
        offset: Offset of the zip in the stored object; None if its bytes are not stored verbatim.
        reader: The file again, if it accepts announcements.

    Raises:
        FileFault: CORRUPT_ARCHIVE after all files that could be found, if the directory is damaged or its members
            overlap; the faults of the stored object's reader.
    """
    zipped = _Zip(file, names, budget, offset, reader)
    try:
        directory = find_directory(file)
        if directory is None:
            raise corrupt("the zip's central directory is missing")
        occupied = 0
        for entries in entries_of(file, directory):
            zipped.announce(entries)
            for entry in entries:
                if entry.header_offset >= 0 and is_file(entry, budget.limits.names):
                    occupied += LOCAL_BYTES + len(entry.name) + entry.packed
                    if occupied > directory.start:
                        raise _Overlap
                yield from zipped.read_listed(entry)
    except _Overlap:
        raise corrupt("the zip's members overlap") from None
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        yield from zipped.read_unlisted()
        raise


def zip_range_parts(
    file: BinaryIO, names: Names, budget: Budget, zip_range: ZipRange, *, reader: Foreseeing | None = None
) -> Iterator[ArchivePart | MemberFault]:
    """Yield the files of one range of a stored zip as :func:`zip_parts` does.

    Raises:
        FileFault: CORRUPT_ARCHIVE if the range has changed; the faults of the reader.
    """
    with translate_damage("the zip's central directory can't be read"):
        file.seek(zip_range.start)
        data = file.read(zip_range.end - zip_range.start)
    entries, used = parse_entries(data, zip_range.start, zip_range.shift, zip_range.start)
    if zip_range.wraps_from is not None:
        entries, _ = place_entries(entries, zip_range.wraps_from, zip_range.start)
    zipped = _Zip(file, names, budget, 0, reader)
    zipped.announce(entries)
    for entry in entries:
        yield from zipped.read_listed(entry)
    if used != zip_range.end - zip_range.start:
        raise corrupt("the zip's central directory has changed since the zip was split")


def wanted_zip_parts(
    file: BinaryIO,
    names: Names,
    budget: Budget,
    wanted: Wanted,
    *,
    offset: int | None,
    reader: Foreseeing | None = None,
) -> Iterator[ArchivePart | MemberFault]:
    """Yield some files of a zip in the order of their bytes, as :func:`zip_parts` yields all of them.

    Only the directory and these files are read: they are announced to the reader as a whole.

    Args:
        file: The zip.
        names: Makes the paths.
        budget: The budget of the object.
        wanted: The paths of the files.
        offset: Offset of the zip in the stored object; None if its bytes are not stored verbatim.
        reader: The file again, if it accepts announcements.

    Raises:
        FileFault: CORRUPT_ARCHIVE before any file, if the directory is damaged; the faults of the stored object's
            reader.
    """
    directory = find_directory(file)
    if directory is None:
        raise corrupt("the zip's central directory is missing")
    found: list[tuple[ZipEntry, str, str]] = []
    for entries in entries_of(file, directory):
        for entry in entries:
            if is_file(entry, budget.limits.names):
                name = decode_entry_name(entry, budget.limits.names)
                path = names.path(name)
                if wanted.includes(path):
                    found.append((entry, name, path))
    found.sort(key=lambda one: one[0].header_offset)
    if reader is not None:
        reader.will_read([_range_of(entry, entry.packed) for entry, _, _ in found if _is_readable(entry)])
    zipped = _Zip(file, names, budget, offset, reader)
    for entry, name, path in found:
        yield zipped.part(entry, name, path, None)


class _Overlap(Exception):
    """More packed bytes than the zip has: its members share them, as only those of a bomb do."""


class _Zip:
    """One zip."""

    def __init__(
        self, file: BinaryIO, names: Names, budget: Budget, offset: int | None, reader: Foreseeing | None
    ) -> None:
        self._file = file
        self._names = names
        self._budget = budget
        self._encoding = budget.limits.names
        self._offset = offset
        self._reader = reader
        self._end = 0  # of the listed members so far

    def announce(self, entries: list[ZipEntry]) -> None:
        """Announce the starts of the members that will be read, if they are in ascending order."""
        if self._reader is None:
            return
        wanted = [entry for entry in entries if _is_readable(entry) and is_file(entry, self._encoding)]
        if all(one.header_offset <= another.header_offset for one, another in pairwise(wanted)):
            self._reader.will_read(_starts(wanted))

    def read_listed(self, entry: ZipEntry) -> Iterator[ArchivePart | MemberFault]:
        """Yield a member of the directory, if it is a file."""
        self._end = max(self._end, entry.data_end if entry.header_offset >= 0 else 0)
        if is_file(entry, self._encoding):
            yield self._named_part(entry, None)

    def read_unlisted(self) -> Iterator[ArchivePart | MemberFault]:
        """Yield the members behind the listed ones that have a local header."""
        for entry, start in walk_local_headers(self._file, self._end, self._read_to_end):
            if is_file(entry, self._encoding):
                yield self._named_part(entry, start)
            self._budget.check()

    def _named_part(self, entry: ZipEntry, start: int | None) -> ArchivePart | MemberFault:
        name = decode_entry_name(entry, self._encoding)
        return self.part(entry, name, self._names.path(name), start)

    def part(self, entry: ZipEntry, name: str, path: str, start: int | None) -> ArchivePart | MemberFault:
        """Return a file, or its fault; ``start`` is the offset of its data, None for a file of the directory."""
        crc = entry.crc if start is None else None  # in front of the data a zip that was streamed states 0
        try:
            _check(entry)
            if start is None:
                start = data_start(self._file, entry.header_offset)
            if entry.method == _STORED:
                offset = None if self._offset is None else self._offset + start
                stored = cast(BinaryIO, Slice(self._file, start, entry.size))
                return ArchivePart(path, name, entry.size, stored, offset, crc)
            file = Replay(Forward(self._packed(entry, start), self._budget), self._budget)
            return ArchivePart(path, name, entry.size if entry.size >= 0 else None, cast(BinaryIO, file), None, crc)
        except FileFault as fault:
            if fault.code.is_curable:
                raise
            return MemberFault(path, fault)

    def _packed(self, entry: ZipEntry, start: int) -> Packed:
        begin, is_stated = ZIP_DECODERS[entry.method], entry.packed >= 0
        size = entry.size if is_stated and entry.size >= 0 else None
        return Packed(self._file, start, entry.packed if is_stated else None, lambda: begin(size))

    def _read_to_end(self, entry: ZipEntry, start: int) -> int | None:
        """Inflate a member of unstated length, without keeping it; return the end of its data."""
        if entry.method not in ZIP_DECODERS:
            return None
        packed = self._packed(entry._replace(packed=-1), start)
        stream = Forward(packed, self._budget)
        try:
            while stream.read(_READ_AHEAD):
                pass
        except FileFault as fault:
            if fault.code is not FailureCode.CORRUPT_ARCHIVE:
                raise
            return None
        return packed.end


def _starts(entries: Iterable[ZipEntry]) -> Iterator[tuple[int, int]]:
    for entry in entries:
        yield _range_of(entry, min(entry.packed, _READ_AHEAD))


def _range_of(entry: ZipEntry, length: int) -> tuple[int, int]:
    """Return the range of an entry's local header and the first ``length`` bytes of its data."""
    before = LOCAL_BYTES + len(entry.name) + entry.extra_length + _SLACK
    return entry.header_offset, entry.header_offset + before + length


def _is_readable(entry: ZipEntry) -> bool:
    try:
        _check(entry)
    except FileFault:
        return False
    return True


def _check(entry: ZipEntry) -> None:
    """Raise the fault of a member that can't be read, if its header shows it."""
    if entry.flags & _ENCRYPTED:
        raise FileFault(FailureCode.ENCRYPTED_ARCHIVE, "the zip member is encrypted; store it without a password")
    if entry.flags & _PATCHED or entry.method not in (_STORED, *ZIP_DECODERS):
        named = _METHOD_NAMES.get(entry.method, f"method {entry.method}")
        raise FileFault(FailureCode.UNSUPPORTED_COMPRESSION, f"zip compression {named} isn't read; pack it as deflate")
    if entry.header_offset < 0:
        raise corrupt("the zip member's directory entry is damaged")
    if entry.method == _STORED and entry.packed != entry.size:
        raise corrupt("the zip member's sizes are damaged")
