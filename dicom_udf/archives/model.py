"""What comes out of an archive, and the limits within which it is read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from dicom_udf.archives.names import NameEncoding
from dicom_udf.errors import FileFault

__all__ = ["Foreseeing", "Limits", "Member", "MemberFault", "ZipRange"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How archives are read: bounds against those made to exhaust a reader, and the encoding of their names.

    Over a bound: ARCHIVE_LIMIT. Of one object no more is inflated than ``ratio`` times its packed bytes and
    ``excess_bytes``, and never more than ``inflated_bytes``.

    Attributes:
        depth: Archives inside each other; the object's own archive is 1 (tar.gz counts once).
        members: Files in one object, nested ones included.
        inflated_bytes: Bytes that come out of decompression for one object.
        ratio: Inflated over packed bytes of one stream; a hole of a sparse file counts as inflated.
        excess_bytes: Bytes above the ratio, of all streams of one object together, from which on it is a bomb. Blank
            images reach 45,000 in bzip2 and xz and are harmless: a GiB inflates in seconds and fits on any disk.
        nested_bytes: Size of an archive inside an archive, when it can't be read in place.
        names: Encoding of names in zips and tars that aren't marked as UTF-8.
    """

    depth: int = 3
    members: int = 1_000_000
    inflated_bytes: int = 1 << 40
    ratio: int = 1_100
    excess_bytes: int = 1 << 30
    nested_bytes: int = 16 << 30
    names: NameEncoding = "auto"


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
