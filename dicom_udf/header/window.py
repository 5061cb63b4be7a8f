"""The part of a file that is in memory: it grows as the header does, and moves on where a value is skipped."""

from __future__ import annotations

import zlib
from typing import BinaryIO, Protocol

__all__ = ["Inflater", "Window"]

FIRST_READ = 64 << 10
"""98 % of headers end within it (DESIGN §4)."""

LARGEST_READ = 4 << 20


class _Reads(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...
    def seek(self, offset: int, whence: int = ..., /) -> int: ...


class Window:
    """Bytes of a file from :attr:`base` on; reads forward only, 64 KiB first, then doubling."""

    def __init__(self, file: _Reads) -> None:
        self.data = b""
        self.base = 0
        self._file = file
        self._step = FIRST_READ
        self._is_at_end = False

    def has(self, offset: int, length: int) -> bool:
        """Read on until ``length`` bytes from ``offset`` are in memory; False where the file ends before."""
        end = offset + length
        while end > self.base + len(self.data) and not self._is_at_end:
            wanted = min(max(self._step, end - self.base - len(self.data)), max(LARGEST_READ, self._step))
            chunk = self._file.read(wanted)
            self._is_at_end = not chunk
            self.data += chunk
            self._step = min(self._step * 2, LARGEST_READ)
        return end <= self.base + len(self.data)

    def skip_to(self, offset: int) -> bool:
        """Go on at ``offset`` without reading what lies before it; False where the file ends before."""
        if offset <= self.base + len(self.data):
            return True
        if self._is_at_end:
            return False
        self._file.seek(offset - 1)
        last = self._file.read(1)
        self.data, self.base, self._step = b"", offset, FIRST_READ
        self._is_at_end = not last
        return bool(last)


class Inflater:
    """A deflated data set (PS3.5 §A.5) as a stream that starts at ``start``; inflated only as far as it is read.

    A zlib wrapper, which some writers leave around it, is accepted. Past ``limit`` bytes it ends.
    """

    def __init__(self, file: BinaryIO, start: int, *, limit: int = 256 << 20) -> None:
        self._file = file
        self._file.seek(start)
        first = file.read(2)
        has_wrapper = len(first) == 2 and first[0] & 0x0F == 8 and (first[0] << 8 | first[1]) % 31 == 0
        self._inflate = zlib.decompressobj(zlib.MAX_WBITS if has_wrapper else -zlib.MAX_WBITS)
        self._pending = first
        self._offset = 0
        self._left = limit
        self.is_corrupt = False

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, fewer only at the end."""
        parts: list[bytes] = []
        size = min(size, self._left)
        while size > 0 and not self._inflate.eof and not self.is_corrupt:
            packed = self._pending or self._file.read(FIRST_READ)
            try:
                part = self._inflate.decompress(packed, size)
            except zlib.error:
                self.is_corrupt = True
                break
            self._pending = self._inflate.unconsumed_tail
            if not part and not packed:
                break
            parts.append(part)
            size -= len(part)
        data = b"".join(parts)
        self._left -= len(data)
        self._offset += len(data)
        return data

    def seek(self, offset: int, _whence: int = 0) -> int:
        """Go forward to ``offset`` of the inflated stream."""
        while self._offset < offset and self.read(min(offset - self._offset, LARGEST_READ)):
            pass
        return self._offset
