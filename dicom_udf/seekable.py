"""The common part of readable files with a position, which archives and sources have without importing each other."""

from __future__ import annotations

import errno
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["SeekableFile"]


class SeekableFile(io.RawIOBase):
    """A readable file with a position; a subclass has ``read`` and ``_length``."""

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
        """Move the position; only the length, for ``SEEK_END``, may read. Return the new position.

        Raises:
            ValueError: An unknown whence, or the file is closed.
            OSError: Before the first byte.
        """
        self._check_open()
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self._length()
        elif whence != io.SEEK_SET:
            raise ValueError("whence must be 0, 1 or 2")
        if offset < 0:
            raise OSError(errno.EINVAL, "seek before the first byte")  # as files do; zipfile relies on it
        self._position = offset
        return offset

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end; all that remain if it is negative or None."""
        raise NotImplementedError

    def readall(self) -> bytes:
        """Return all that remains."""
        return self.read(-1)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``; return the number of bytes."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def _length(self) -> int:
        raise NotImplementedError

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file is closed")
