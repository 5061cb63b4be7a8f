"""The files of an archive, and the range of a zip that one task reads."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol, cast

from dicom_udf.errors import FileFault

__all__ = ["ArchivePart", "Foreseeing", "Member", "MemberFault", "ZipRange"]


@dataclass(frozen=True, slots=True)
class Member:
    """One file found, in an archive or the object itself.

    Attributes:
        path: ``source_member``: escaped names joined by ``!``; None for the object itself.
        size: Inflated size of the file in bytes; None if the archive doesn't state it.
        file: Seekable, readable; valid until the next member is requested.
        offset: Offset of the file in the stored object; None if the bytes are not stored verbatim.
        crc: CRC-32 of the file that its archive states; None if it states none. Reading does not compare it.
    """

    path: str | None
    size: int | None
    file: BinaryIO
    offset: int | None
    crc: int | None = None


@dataclass(frozen=True, slots=True)
class MemberFault:
    """A member, or the archive itself (``path`` None), that could not be read."""

    path: str | None
    fault: FileFault


@dataclass(frozen=True, slots=True)
class ZipRange:
    """Consecutive entries of a large zip's central directory, which one task reads.

    Attributes:
        start: Offset of the first directory entry in the stored object.
        end: Offset after the last directory entry.
        shift: Added to the stated offsets: the length of a self-extracting zip's program.
        members: Number of entries.
        packed_bytes: Their packed bytes.
        seen: Names of these members that earlier ranges have too, and how often.
        wraps_from: Offset of the first local header, if the directory states offsets modulo 2^32; otherwise None.
    """

    start: int
    end: int
    shift: int
    members: int
    packed_bytes: int
    seen: tuple[tuple[str, int], ...] = ()
    wraps_from: int | None = None


class Foreseeing(Protocol):
    """A reader that accepts announcements, so that it fetches ranges ahead and in fewer requests."""

    def will_read(self, ranges: Iterable[tuple[int, int]], /) -> None:
        """Accept ranges ``(start, end)``, ascending, taken lazily. A range may be fetched although it isn't read."""
        ...


@dataclass(frozen=True, slots=True)
class ArchivePart:
    """A file of an archive, or the stored object, before its format is detected.

    Attributes:
        path: ``source_member``; None for the stored object.
        name: As the archive has it, not escaped.
        size: Bytes; None where the archive doesn't state it.
        file: Seekable; the walk through the archive closes it.
        offset: In the stored object; None where the bytes are not stored verbatim.
        crc: CRC-32 of the file, as the archive states it; None where it doesn't.
    """

    path: str | None
    name: str
    size: int | None
    file: BinaryIO
    offset: int | None
    crc: int | None = None

    @property
    def range_reader(self) -> Foreseeing | None:
        """The file, if it is the stored object and accepts announcements of ranges."""
        accepts = self.path is None and callable(getattr(self.file, "will_read", None))
        return cast(Foreseeing, self.file) if accepts else None
