"""A seekable file over nothing but ``fetch(start, end)``.

A header needs the first few KiB; an archive needs everything in order. So the first request is small and requests
double while reading goes on where the last one ended.
"""

from __future__ import annotations

import errno
import io
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["FIRST_REQUEST", "KEPT_BLOCKS", "LARGEST_REQUEST", "RangeReader"]

FIRST_REQUEST = 64 << 10
LARGEST_REQUEST = 4 << 20
KEPT_BLOCKS = 4


class RangeReader(io.RawIOBase):
    """Reads one object by ranges; keeps the last :data:`KEPT_BLOCKS` of them, so at most 16 MiB.

    Attributes:
        requests: Calls of ``fetch`` so far.
        bytes_read: Bytes that came back.
    """

    def __init__(
        self, fetch: Callable[[int, int], bytes], size: int, *, close: Callable[[], None] | None = None
    ) -> None:
        """Read ``size`` bytes through ``fetch(start, end)``, which returns exactly ``end - start`` bytes or raises.

        Args:
            fetch: Gives the bytes from start up to, not including, end; raises FileFault.
            size: Bytes of the object.
            close: Called once when the reader is closed.
        """
        super().__init__()
        self.requests = 0
        self.bytes_read = 0
        self._fetch = fetch
        self._size = size
        self._release = close
        self._position = 0
        self._expected = 0
        self._window = FIRST_REQUEST
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

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
        """Move without reading anything; return the new position.

        Raises:
            ValueError: An unknown whence.
            OSError: Before the first byte.
        """
        self._check_open()
        if whence not in (io.SEEK_SET, io.SEEK_CUR, io.SEEK_END):
            raise ValueError("whence is none of 0, 1, 2")
        position = offset + (0, self._position, self._size)[whence]
        if position < 0:
            raise OSError(errno.EINVAL, "seek before the first byte")  # as files do; zipfile counts on it
        self._position = position
        return position

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end of the object; all that remain if it is negative or None.

        Raises:
            FileFault: What ``fetch`` raised.
        """
        self._check_open()
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        pieces: list[bytes] = []
        while wanted:
            piece = self._piece(wanted)
            pieces.append(piece)
            self._position += len(piece)
            wanted -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def readall(self) -> bytes:
        """Return all that remains."""
        return self.read(-1)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill ``buffer``; return how many bytes it got."""
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let go of the object and of the kept blocks."""
        if not self.closed:
            self._blocks.clear()
            if self._release is not None:
                self._release()
        super().close()

    def _piece(self, wanted: int) -> bytes:
        """Return 1 to ``wanted`` bytes at the position, from a kept block or a new one."""
        for start, block in self._blocks.items():
            if start <= self._position < start + len(block):
                self._blocks.move_to_end(start)
                begin = self._position - start
                return block[begin : begin + wanted]
        return self._load(wanted)[:wanted]

    def _load(self, wanted: int) -> bytes:
        if self._blocks:
            is_next = self._position == self._expected
            self._window = min(self._window * 2, LARGEST_REQUEST) if is_next else FIRST_REQUEST
        length = min(max(self._window, wanted), LARGEST_REQUEST)
        end = min(self._position + length, self._size)
        self.requests += 1
        block = self._fetch(self._position, end)
        self.bytes_read += len(block)
        if len(block) != end - self._position:
            raise RuntimeError("fetch returned another number of bytes than it was asked for")
        self._expected = end
        self._blocks[self._position] = block
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)
        return block

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the reader is closed")
