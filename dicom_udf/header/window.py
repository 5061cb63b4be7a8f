"""The part of a file that is in memory: it grows as the header does, and moves on where a value is skipped."""

from __future__ import annotations

import re
import zlib
from typing import Protocol

__all__ = ["FIRST_READ", "MOST_PADDING", "Inflater", "Reads", "Window", "inflates"]

FIRST_READ = 64 << 10
"""98 % of headers end within it (design.md, "Reading a header")."""

MOST_PADDING = 1 << 20
"""Bytes of zeros that may pad the end of a file; more of them are not padding."""

LARGEST_READ = 4 << 20
_NOT_ZERO = re.compile(rb"[^\0]")
FORGET_BEHIND = 1 << 20
"""Bytes behind the place of reading that may stay in memory when more is read."""


class Reads(Protocol):
    """A file that can be read forward and can seek ahead."""

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes; none at the end."""
        ...

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a byte offset from the start."""
        ...


class Window:
    """Bytes of a file from :attr:`base` on: 64 KiB first, then doubling; never backward.

    Attributes:
        data: The bytes in memory.
        base: Offset of its first byte in the file.
    """

    __slots__ = ("_file", "_is_at_end", "_step", "base", "data")

    def __init__(self, file: Reads, *, data: bytes = b"", base: int = 0) -> None:
        self.data = data
        self.base = base
        self._file = file
        self._step = FIRST_READ
        self._is_at_end = False

    def has(self, offset: int, length: int) -> bool:
        """Read on until ``length`` bytes from ``offset`` are in memory; False where the file ends before."""
        end = offset + length
        if end <= self.base + len(self.data):
            return True
        if offset - self.base > FORGET_BEHIND and not self._is_at_end:
            behind = min(offset - self.base, len(self.data))
            self.data = self.data[behind:]
            self.base += behind
        chunks = [self.data]
        held = self.base + len(self.data)
        while end > held and not self._is_at_end:
            chunk = self._file.read(min(max(self._step, end - held), LARGEST_READ))
            self._is_at_end = not chunk
            chunks.append(chunk)
            held += len(chunk)
            self._step = min(self._step * 2, LARGEST_READ)
        self.data = b"".join(chunks)
        return end <= held

    def holds(self, offset: int, length: int) -> bool:
        """Return whether ``length`` bytes from ``offset`` are in memory already."""
        return self.base <= offset and offset + length <= self.base + len(self.data)

    def skip_to(self, offset: int) -> bool:
        """Go on at ``offset`` without reading what lies before it; False where the file ends before."""
        if offset <= self.base + len(self.data):
            return True
        if self._is_at_end:
            return False
        self._file.seek(offset - 1)  # one byte before, to see that the value is there
        data = self._file.read(FIRST_READ)
        if not data:
            self._is_at_end = True  # what is in memory stays
            return False
        self.data, self.base, self._step = data, offset - 1, 2 * FIRST_READ
        return True

    def go_back(self) -> None:
        """Read on behind what is in memory after a skip that led past the end of the file."""
        self._file.seek(self.base + len(self.data))
        self._is_at_end = False

    def count_zeros(self, offset: int, most: int) -> tuple[int, bool]:
        """Count the zeros from ``offset`` on, up to ``most + 1``; True with them where they reach the end of the file.

        What is not in memory is read at once, and nothing before ``offset`` is forgotten.
        """
        found = _NOT_ZERO.search(self.data, offset - self.base)
        if found is None and not self._is_at_end:
            missing = offset + most + 1 - self.base - len(self.data)
            chunks = [self.data]
            while missing > 0 and not self._is_at_end:
                chunk = self._file.read(missing)
                self._is_at_end = not chunk
                missing -= len(chunk)
                chunks.append(chunk)
            self.data = b"".join(chunks)
            found = _NOT_ZERO.search(self.data, offset - self.base)
        if found is not None:
            return min(found.start() + self.base - offset, most + 1), False
        length = self.base + len(self.data) - offset
        return min(length, most + 1), self._is_at_end and length <= most

    def at(self, offset: int, length: int) -> bytes:
        """Return the bytes from ``offset`` on, as far as they are in memory."""
        return self.data[offset - self.base : offset - self.base + length]

    def rest(self, offset: int) -> bytes:
        """Return what is in memory from ``offset`` on."""
        return self.data[offset - self.base :]


def inflates(packed: bytes) -> bool:
    """True where bytes can begin a deflated data set, with a zlib wrapper or without."""
    try:
        return bool(_inflate_object(packed).decompress(packed, 64))
    except zlib.error:
        return False


def _inflate_object(head: bytes) -> zlib._Decompress:
    has_wrapper = len(head) >= 2 and head[0] & 0x0F == 8 and (head[0] << 8 | head[1]) % 31 == 0
    return zlib.decompressobj(zlib.MAX_WBITS if has_wrapper else -zlib.MAX_WBITS)


class Inflater:
    """A deflated data set (PS3.5 §A.5) as a file; inflated only as far as it is read.

    A zlib wrapper, which some writers put around it, is accepted. Past ``limit`` bytes it ends.

    Args:
        file: Its position is behind ``head``.
        head: The packed bytes that have been read already.
        limit: Most bytes to inflate.

    Attributes:
        is_corrupt: True where the stream is broken or longer than the limit.
    """

    def __init__(self, file: Reads, head: bytes, *, limit: int = 256 << 20) -> None:
        self.is_corrupt = False
        self._file = file
        self._inflate = _inflate_object(head)
        self._pending = head
        self._offset = 0
        self._limit = limit

    def read(self, size: int = -1, /) -> bytes:
        """Return up to ``size`` bytes; none at the end, whether a good or a bad one."""
        while not self._inflate.eof and not self.is_corrupt:
            packed = self._pending or self._file.read(FIRST_READ)
            try:
                part = self._inflate.decompress(packed, max(size, 1))
            except zlib.error:
                self.is_corrupt = True
                break
            self._pending = self._inflate.unconsumed_tail
            self._offset += len(part)
            self.is_corrupt = self._offset > self._limit
            if part:
                return part
            if not packed:
                break
        return b""

    @property
    def is_complete(self) -> bool:
        """True where the end of the stream was read; a stream that was cut may look whole."""
        return self._inflate.eof

    def has_padding(self) -> bool:
        """True where nothing but zeros follows the stream, one as a rule (PS3.5 §A.5)."""
        behind = self._inflate.unused_data + self._file.read(MOST_PADDING + 1)
        return len(behind) <= MOST_PADDING and not behind.strip(b"\0")

    def seek(self, offset: int, _whence: int = 0, /) -> int:
        """Go forward to ``offset`` of the inflated stream."""
        while self._offset < offset and self.read(min(offset - self._offset, LARGEST_READ)):
            continue
        return self._offset
