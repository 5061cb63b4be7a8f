"""Looks at a file's first bytes, and at its last ones where a program may have a zip behind it."""

from __future__ import annotations

from typing import BinaryIO

from dicom_udf.archives.directory import find_directory
from dicom_udf.archives.kinds import HEAD_BYTES, Kind, kind_of

__all__ = ["kind_at"]

_BLOCK = 512
_PROGRAMS = (b"MZ", b"\x7fELF", b"#!")


def kind_at(file: BinaryIO, *, is_in_place: bool) -> Kind:
    """Return the kind of a file, which is at its start again.

    Args:
        file: Seekable.
        is_in_place: Its end can be read without inflating all of it: a program is looked at for a zip behind it.

    Raises:
        FileFault: CORRUPT_ARCHIVE, and what the reader raises.
    """
    file.seek(0)
    head = file.read(_BLOCK)
    if len(head) == _BLOCK and not any(head):
        head += file.read(HEAD_BYTES + 1 - _BLOCK)
    kind = kind_of(head)
    if kind is Kind.PLAIN and is_in_place and head.startswith(_PROGRAMS) and head[128:132] != b"DICM":
        directory = find_directory(file)
        if directory is not None and directory.end > directory.start:
            kind = Kind.ZIP
    file.seek(0)
    return kind
