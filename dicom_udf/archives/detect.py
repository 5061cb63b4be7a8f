"""Detects the format of an archive by its content, never by its name.

The first bytes decide, then the volume descriptor of a disc image. The end of a file decides for a zip behind a
program, and for a dmg.
"""

from __future__ import annotations

import io
import re
from typing import BinaryIO, Literal

from dicom_udf.archives.directory import find_directory
from dicom_udf.archives.formats import DMG, FORMATS, ZIP, ArchiveFormat
from dicom_udf.archives.packers import HEAD_BYTES
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["detect_format", "detect_head"]

_BLOCK = 512
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!")
_SYSTEM_AREA = 32 << 10  # for boot code; the volume descriptors follow (ECMA-119 §6.2.1, ECMA-167 2/8.3.1)
_DESCRIPTORS = {identifier: one for one in FORMATS for identifier in one.descriptors}
_DMG_TRAILER = b"koly"
_VR = re.compile(rb"[A-Z]{2}")
_HIGHEST_GROUP = 0x0028
_LONGEST_FIRST = 1 << 16
_ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")
_COMMAND_LENGTHS = (b"\4\0\0\0", b"\0\0\0\4")


def detect_format(file: BinaryIO, *, name: str, is_in_place: bool) -> ArchiveFormat | None:
    """Return the format of a file, None for a file that is not an archive. The position is the file's start again.

    Args:
        file: Seekable.
        name: The end of a file named ``.dmg`` is read too: a disc image of macOS begins with its content.
        is_in_place: The end can be read without inflating the file, so the end of a program is read for a zip.

    Raises:
        FileFault: CORRUPT_ARCHIVE, and the faults of the reader.
    """
    file.seek(0)
    head = file.read(_BLOCK)
    if len(head) == _BLOCK and not any(head):
        head += file.read(HEAD_BYTES + 1 - _BLOCK)
    found = detect_head(head)
    if not _begins_like_dicom(head):
        if name.lower().endswith(DMG.endings) and _is_dmg(file):
            found = DMG
        if found is None and is_in_place and head.startswith(_PROGRAMS):
            directory = find_directory(file)
            if directory is not None and directory.end > directory.start:
                found = ZIP
        if found is None and len(head) >= _BLOCK:
            # Within the 64 KiB that a reader of headers fetches first, so this costs no request.
            found = _DESCRIPTORS.get(_read(file, _SYSTEM_AREA, io.SEEK_SET, 6)[1:])
    file.seek(0)
    return found


def detect_head(head: bytes) -> ArchiveFormat | None:
    """Return the format of a file by its first ``HEAD_BYTES + 1`` bytes, or all of a shorter file.

    ``DICM`` at 128 comes first: a preamble may hold anything (PS3.10 §7.1), for example the magic of a format.
    """
    if head[128:132] == b"DICM":
        return None
    for one in FORMATS:
        if head.startswith(one.magics):
            return one
    for one in FORMATS:
        if one.is_head is not None and one.is_head(head) and (one.is_read or not _begins_like_dicom(head)):
            return one
    return None


def _begins_like_dicom(head: bytes) -> bool:
    """Return True for a file with the DICM prefix, or with a data element where a file without it may have its first.

    Such an element has a group up to 0028, and a VR or a length of at most 64 KiB, in either byte order. It may follow
    elements of group 0000, which a reader of headers passes over.
    """
    if head[128:132] == b"DICM" or head[:4] == b"DICM":
        return True
    offsets = {
        at for start in (0, 128) for at in (start, *(_behind_group_zero(head, start, order) for order in _ORDERS))
    }
    return any(_is_first_element(head[at : at + 8]) for at in offsets)


def _behind_group_zero(head: bytes, offset: int, order: Literal["little", "big"]) -> int:
    """Return the offset behind the elements of group 0000 at ``offset``, e.g. a command set or zeros."""
    while offset + 8 <= len(head) and head[offset : offset + 2] == b"\0\0":
        offset += 8 + int.from_bytes(head[offset + 4 : offset + 8], order)
    return offset


def _is_first_element(data: bytes) -> bool:
    if len(data) < 8:
        return False
    if not any(data[:4]):  # (0000,0000), the length of a command set
        return data[4:] in _COMMAND_LENGTHS or data[4:6] == b"UL"
    for order in _ORDERS:
        group, length = (int.from_bytes(data[at:end], order) for at, end in ((0, 2), (4, 8)))
        is_plausible = _VR.match(data, 4) or length <= _LONGEST_FIRST or length == 0xFFFFFFFF
        if 0 < group <= _HIGHEST_GROUP and is_plausible:
            return True
    return False


def _is_dmg(file: BinaryIO) -> bool:
    return _read(file, -_BLOCK, io.SEEK_END, len(_DMG_TRAILER)) == _DMG_TRAILER


def _read(file: BinaryIO, offset: int, whence: int, size: int) -> bytes:
    """Return up to ``size`` bytes; none where the file is shorter or damaged before them."""
    try:
        file.seek(offset, whence)
        return file.read(size)
    except OSError:  # before the first byte
        return b""
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        return b""
