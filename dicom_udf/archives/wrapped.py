"""Zips above 4 GiB without Zip64, as macOS's Archive Utility writes them: offsets and sizes are right modulo 2^32.

Members are in the order of the directory. Each begins at the first offset behind the one before it that fits the
stated one. If the directory itself fits like that, all offsets are right. If it begins a multiple of 2^32 later, some
member is longer than 4 GiB: headers are read until as many steps of 2^32 are found as are missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from dicom_udf.archives.directory import LOCAL_BYTES, WRAP, Directory, ZipEntry, read_entries
from dicom_udf.archives.guard import corrupt
from dicom_udf.archives.local_headers import is_header_of

__all__ = ["entries_of", "is_exact", "place_entries"]

_STORED = 0
_SURE_BYTES = (WRAP - 258) // 1032
"""Fewer packed bytes can't inflate to 4 GiB: deflate makes at most 258 bytes of 2 bits (RFC 1951 §3.2.5)."""


def entries_of(file: BinaryIO, directory: Directory) -> Iterator[list[ZipEntry]]:
    """Yield the entries of a directory in blocks, with the true offsets of their headers.

    Raises:
        FileFault: CORRUPT_ARCHIVE at a damaged entry, after those before it, or if the offsets can't be found; the
            faults of the reader.
    """
    blocks = read_entries(file, directory)
    if not directory.wraps:
        yield from blocks
        return
    missing = _missing_steps(file, directory)
    if missing < 0:
        raise corrupt("the zip's central directory states offsets that its members can't have")
    if missing:
        yield from _search(file, directory, (entry for block in blocks for entry in block), missing)
        return
    place = 0
    for block in blocks:
        entries, place = place_entries(block, place, directory.start)
        yield entries


def is_exact(file: BinaryIO, directory: Directory) -> bool:
    """Return True if the offsets of all headers follow from the directory alone.

    Raises:
        FileFault: As :func:`entries_of`.
    """
    return not directory.wraps or not _missing_steps(file, directory)


def place_entries(entries: Iterable[ZipEntry], place: int, limit: int) -> tuple[list[ZipEntry], int]:
    """Return entries with the first offsets that fit the stated ones, and the end of the last one's data.

    Args:
        entries: One after another; ``header_offset`` is modulo 2^32.
        place: The first possible offset of the first header.
        limit: The last possible end of members: the directory's start.
    """
    out: list[ZipEntry] = []
    for entry in entries:
        if entry.header_offset < 0:
            out.append(entry)
            continue
        at = _first_fitting(entry.header_offset, place)
        place = at + LOCAL_BYTES + len(entry.name) + entry.packed
        out.append(_correct_size(entry._replace(header_offset=at if place <= limit else -1)))
    return out, place


def _first_fitting(stated: int, place: int) -> int:
    """Return the first number from ``place`` on that is ``stated`` modulo 2^32."""
    return place + (stated - place) % WRAP


def _missing_steps(file: BinaryIO, directory: Directory) -> int:
    """Return the missing multiples of 2^32 before the directory; negative if fitting offsets lie behind it."""
    place = 0
    for block in read_entries(file, directory):
        _, place = place_entries(block, place, directory.start)
    return (directory.start - _first_fitting(directory.start % WRAP, place)) // WRAP


def _search(
    file: BinaryIO, directory: Directory, entries: Iterator[ZipEntry], missing: int
) -> Iterator[list[ZipEntry]]:
    """Yield entries one by one. The next header shows whether an entry is longer than stated."""
    place, before = 0, None
    for entry in entries:
        if entry.header_offset < 0:
            yield [entry]
            continue
        first = at = _first_fitting(entry.header_offset, place)
        while missing and not is_header_of(file, at, entry.name):
            at += WRAP
            if at + LOCAL_BYTES > directory.start or (at - first) // WRAP > missing:
                raise corrupt("a zip member's local header isn't where it could be")
        missing -= (at - first) // WRAP
        if before is not None:
            yield [_lengthen(before, at - place)]
        before = entry._replace(header_offset=at)
        place = before.data_end
    if before is not None:
        yield [_lengthen(before, directory.start - place)]


def _lengthen(entry: ZipEntry, behind: int) -> ZipEntry:
    """Return an entry with its true packed bytes, given those between its stated end and the next header."""
    return _correct_size(entry._replace(packed=entry.packed + behind // WRAP * WRAP))


def _correct_size(entry: ZipEntry) -> ZipEntry:
    """Return an entry without its inflated size if that could be more than 4 GiB."""
    if entry.method == _STORED:
        return entry._replace(size=entry.packed)
    return entry if 0 <= entry.packed <= _SURE_BYTES else entry._replace(size=-1)
