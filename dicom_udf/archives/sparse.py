"""Files of a tar that are stored without their holes by GNU tar's ``-S``: in its own form and in pax 0.0 to 1.0."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, BinaryIO, cast

from dicom_udf.archives.guard import corrupt
from dicom_udf.archives.limits import Account
from dicom_udf.seekable import SeekableFile

if TYPE_CHECKING:
    import tarfile

__all__ = ["Segments", "Sparse", "segments_of"]

Segments = list[tuple[int, int]]
"""Offset in the file and length of each stored piece: ascending, none empty."""

_BLOCK = 512
_PIECE = 64 << 10
_LARGEST_SIZE = (1 << 63) - 1


def segments_of(info: tarfile.TarInfo, stored: int) -> Segments:
    """Return the segments of a sparse member.

    Args:
        info: The member.
        stored: Bytes of the member in the tar, rounded up to blocks.

    Raises:
        FileFault: CORRUPT_ARCHIVE if they overlap, reach beyond the file, or don't fit the stored bytes.
    """
    stated = cast(Segments, info.sparse or [])  # typeshed has bytes
    segments = [(start, length) for start, length in stated if length]
    end = 0
    for start, length in segments:
        if length < 0 or start < end:
            raise corrupt("the map of a sparse tar member is damaged")
        end = start + length
    blocks = -(-sum(length for _, length in segments) // _BLOCK)
    if end > info.size or info.size > _LARGEST_SIZE or blocks * _BLOCK != stored:
        raise corrupt("the map of a sparse tar member doesn't fit its size")
    return segments


class Sparse(SeekableFile):
    """A file made of stored segments and the holes between them. Each byte of a hole counts as inflated."""

    def __init__(self, stored: BinaryIO, segments: Segments, size: int, account: Account) -> None:
        """Read ``size`` bytes.

        Args:
            stored: The segments' bytes, one after another; closed with this file.
            segments: Their places in the file.
            size: Size of the file.
            account: Counts the bytes of holes.
        """
        super().__init__()
        self._stored = stored
        self._size = size
        self._account = account
        self._starts = [start for start, _ in segments]
        self._lengths = [length for _, length in segments]
        self._places = [0, *accumulate(self._lengths)]

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end or before damage, which the next read raises.

        Raises:
            FileFault: ARCHIVE_LIMIT; the faults of the file around it.
        """
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        pieces: list[bytes] = []
        while wanted:
            piece, is_cut = self._piece(wanted)
            pieces.append(piece)
            self._position += len(piece)
            wanted -= len(piece)
            if is_cut:
                break
        return b"".join(pieces)

    def close(self) -> None:
        """Close the stored bytes too."""
        self._stored.close()
        super().close()

    def _piece(self, wanted: int) -> tuple[bytes, bool]:
        """Return 1 to ``wanted`` bytes of one segment or hole, and True if a segment returned fewer than it has."""
        at = bisect_right(self._starts, self._position) - 1
        within = self._position - self._starts[at] if at >= 0 else 0
        if at >= 0 and within < self._lengths[at]:
            wanted = min(wanted, self._lengths[at] - within)
            self._stored.seek(self._places[at] + within)
            piece = self._stored.read(wanted)
            return piece, len(piece) < wanted
        end = self._starts[at + 1] if at + 1 < len(self._starts) else self._size
        zeros = bytes(min(wanted, end - self._position, _PIECE))
        self._account.count(len(zeros), packed=self._places[-1])
        return zeros, False

    def _length(self) -> int:
        return self._size
