"""Files within files that are stored verbatim, read in place."""

from __future__ import annotations

from typing import BinaryIO, Protocol

from dicom_udf.archives.guard import corrupt, translate_damage
from dicom_udf.seekable import SeekableFile

__all__ = ["Readable", "Slice"]


class Readable(Protocol):
    """The source of parts: a file, or a stream that seeks forward only."""

    def read(self, size: int = ..., /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        ...

    def seek(self, offset: int, /) -> int:
        """Move to an offset."""
        ...

    def tell(self) -> int:
        """Return the position."""
        ...


class Slice(SeekableFile):
    """``size`` bytes of another file from ``start`` on, read in place."""

    def __init__(self, file: BinaryIO | Readable, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end or before damage, which the next read raises.

        Raises:
            FileFault: CORRUPT_ARCHIVE if the file around it ends first; the faults of that file.
        """
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        with translate_damage("a member lies outside the archive"):
            self._file.seek(self._start + self._position)
            data = self._file.read(wanted)
        if not data:
            raise corrupt(f"the archive ends {left} bytes before its member does")
        self._position += len(data)
        return data

    def _length(self) -> int:
        return self._size
