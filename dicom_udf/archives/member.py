"""What comes out of an archive, and the range of a zip that one task reads."""

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


@dataclass(frozen=True, slots=True)
class ZipRange:
    """Some members of a large zip, one after another in its central directory: what one task reads of it.

    Attributes:
        start: Where the first one's directory entry begins in the stored object.
        end: Where the last one's directory entry ends.
        shift: Added to the offsets that the directory states: bytes before the zip (a self-extracting one's program).
        members: How many entries these are.
        packed_bytes: Bytes of the stored object that they occupy.
        seen: How often each name of these members was met in earlier ranges; only names met there.
        wraps_from: Where the first one's header begins, if the directory states offsets modulo 2^32; otherwise None.
    """

    start: int
    end: int
    shift: int
    members: int
    packed_bytes: int
    seen: tuple[tuple[str, int], ...] = ()
    wraps_from: int | None = None


class Foreseeing(Protocol):
    """A reader that can be told what will be read next, so that it fetches it in fewer requests, and ahead."""

    def will_read(self, ranges: Iterable[tuple[int, int]], /) -> None:
        """Take note of ranges ``(start, end)``, ascending, taken lazily; each may be fetched though it isn't read."""
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
    """

    path: str | None
    name: str
    size: int | None
    file: BinaryIO
    offset: int | None

    @property
    def range_reader(self) -> Foreseeing | None:
        """The file, if it is the stored object and accepts announcements of ranges."""
        accepts = self.path is None and callable(getattr(self.file, "will_read", None))
        return cast(Foreseeing, self.file) if accepts else None
