"""What comes out of an archive, and the limits within which it is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

from dicom_udf.errors import FileFault

__all__ = ["Limits", "Member", "MemberFault"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds against archives made to exhaust a reader. Over one of them: ARCHIVE_LIMIT.

    Attributes:
        depth: Archives inside each other; the object's own archive is 1 (tar.gz counts once).
        members: Files in one object, nested ones included.
        inflated_bytes: Bytes that come out of decompression for one object.
        ratio: Inflated over packed bytes of one member, looked at after the first MiB.
        nested_bytes: Size of an archive inside an archive, when it can't be read in place.
    """

    depth: int = 3
    members: int = 1_000_000
    inflated_bytes: int = 1 << 40
    ratio: int = 1_100
    nested_bytes: int = 16 << 30


@dataclass(frozen=True, slots=True)
class Member:
    """One file found, in an archive or the object itself.

    Attributes:
        path: ``source_member``: escaped names joined by ``!``; None for the object itself.
        size: The file's own (inflated) size in bytes; None where the archive doesn't say.
        file: Seekable, readable; valid until the next member is asked for.
        offset: Bytes from the start of the stored object to the file's first byte; None where it isn't stored as is.
    """

    path: str | None
    size: int | None
    file: BinaryIO
    offset: int | None


@dataclass(frozen=True, slots=True)
class MemberFault:
    """A member, or the archive itself (``path`` None), that could not be read."""

    path: str | None
    fault: FileFault
