"""Looks at a file's first bytes; further on for a disc image; at its end for a zip behind a program, and for a dmg."""

from __future__ import annotations

import io
from typing import BinaryIO

from dicom_udf.archives.directory import find_directory
from dicom_udf.archives.kinds import HEAD_BYTES, Kind, begins_like_dicom, kind_of
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["kind_at"]

_BLOCK = 512
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!")
_SYSTEM_AREA = 32 << 10  # for boot code; the volume descriptors follow (ECMA-119 §6.2.1, ECMA-167 2/8.3.1)
_DESCRIPTORS = {
    b"CD001": Kind.ISO_9660,
    b"BEA01": Kind.UDF,
    b"NSR02": Kind.UDF,
    b"NSR03": Kind.UDF,
    b"BOOT2": Kind.UDF,
    b"TEA01": Kind.UDF,
}
_DMG_ENDING = ".dmg"
_DMG_TRAILER = b"koly"


def kind_at(file: BinaryIO, *, name: str, is_in_place: bool) -> Kind:
    """Return the kind of a file, which is at its start again.

    Args:
        file: Seekable.
        name: One that ends in ``.dmg`` is looked at for that: a disc image of macOS begins like what it holds.
        is_in_place: Its end can be read without inflating all of it: a program is looked at for a zip behind it.

    Raises:
        FileFault: CORRUPT_ARCHIVE, and what the reader raises.
    """
    file.seek(0)
    head = file.read(_BLOCK)
    if len(head) == _BLOCK and not any(head):
        head += file.read(HEAD_BYTES + 1 - _BLOCK)
    kind = kind_of(head)
    if not begins_like_dicom(head):
        if name.lower().endswith(_DMG_ENDING) and _is_dmg(file):
            kind = Kind.DMG
        if kind is Kind.PLAIN and is_in_place and head.startswith(_PROGRAMS):
            directory = find_directory(file)
            if directory is not None and directory.end > directory.start:
                kind = Kind.ZIP
        if kind is Kind.PLAIN and len(head) >= _BLOCK:
            kind = _disc(file)
    file.seek(0)
    return kind


def _disc(file: BinaryIO) -> Kind:
    """Return the kind of disc image by the first volume descriptor; PLAIN without one.

    It lies within the 64 KiB that a reader of headers fetches first, so this costs no request.
    """
    return _DESCRIPTORS.get(_read(file, _SYSTEM_AREA, io.SEEK_SET, 6)[1:], Kind.PLAIN)


def _is_dmg(file: BinaryIO) -> bool:
    return _read(file, -_BLOCK, io.SEEK_END, len(_DMG_TRAILER)) == _DMG_TRAILER


def _read(file: BinaryIO, offset: int, whence: int, size: int) -> bytes:
    """Return what there is of so many bytes; none where the file is shorter or damaged before them."""
    try:
        file.seek(offset, whence)
        return file.read(size)
    except OSError:  # before the first byte
        return b""
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        return b""
