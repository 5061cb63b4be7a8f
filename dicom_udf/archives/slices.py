"""Files within files that are stored as they are, read in place."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING, BinaryIO, Protocol

from dicom_udf.archives.guard import corrupt, guarded

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Readable", "Seekable", "Slice"]


class Readable(Protocol):
    """What parts are read from: a file, or a stream that seeks forward only."""

    def read(self, size: int = ..., /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        ...

    def seek(self, offset: int, /) -> int:
        """Move to a place."""
        ...

    def tell(self) -> int:
        """Return the place."""
        ...


class Seekable(io.RawIOBase):
    """What a readable file with a position needs besides ``read`` and its length."""

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move without reading, but from the end; return the new position.

        Raises:
            OSError: Before the first byte.
        """
        base = 0 if whence == io.SEEK_SET else self._position if whence == io.SEEK_CUR else self._length()
        if base + offset < 0:
            raise OSError(errno.EINVAL, "seek before the first byte")  # as files do
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        """Return all that remains."""
        return self.read(-1)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``; return how many bytes it got."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end."""
        raise NotImplementedError

    def _length(self) -> int:
        raise NotImplementedError


class Slice(Seekable):
    """``size`` bytes of another file from ``start`` on, read in place."""

    def __init__(self, file: BinaryIO | Readable, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end or before damage, which the next read raises.

        Raises:
            FileFault: CORRUPT_ARCHIVE where the file around it ends first, and what that file raises.
        """
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        with guarded("a member lies outside the archive"):
            self._file.seek(self._start + self._position)
            data = self._file.read(wanted)
        if not data:
            raise corrupt(f"the archive ends {left} bytes before its member does")
        self._position += len(data)
        return data

    def _length(self) -> int:
        return self._size
