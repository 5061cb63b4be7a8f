"""A seekable reader that fetches ranges: small at first, larger where the reading goes on."""

from __future__ import annotations

import io
from collections.abc import Callable

__all__ = ["FIRST_RANGE", "LARGEST_RANGE", "RangeReader"]

FIRST_RANGE = 64 << 10
"""98 % of headers end within it (DESIGN §4): one request a loose object."""

LARGEST_RANGE = 4 << 20
"""What one request of a long sequential read brings."""

_KEPT_RANGES = 4


class RangeReader(io.RawIOBase):
    """Reads one object by ``fetch(start, end)``.

    Reads that go on where the last range ended double it, up to 4 MiB; a jump starts small again. The last ranges are
    kept, so that going back a little costs nothing.

    Attributes:
        requests: Calls of ``fetch`` so far.
        bytes_read: Bytes that these returned.
    """

    def __init__(
        self, fetch: Callable[[int, int], bytes], size: int, *, on_close: Callable[[], None] | None = None
    ) -> None:
        super().__init__()
        self.requests = 0
        self.bytes_read = 0
        self._fetch = fetch
        self._size = size
        self._on_close = on_close
        self._offset = 0
        self._next = 0
        self._length = FIRST_RANGE
        self._ranges: list[tuple[int, bytes]] = []

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def tell(self) -> int:
        """Return the place of the next read."""
        return self._offset

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Move the place of the next read; nothing is fetched."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._offset, io.SEEK_END: self._size}[whence]
        if start + offset < 0:
            raise ValueError("a place before the start of the object")
        self._offset = start + offset
        return self._offset

    def readall(self) -> bytes:
        """Return what is left."""
        return self.read(-1)

    def read(self, size: int = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end of the object."""
        end = self._size if size is None or size < 0 else min(self._offset + size, self._size)
        parts = []
        while self._offset < end:
            start, data = self._range(self._offset, end)
            part = data[self._offset - start : end - start]
            if not part:
                break  # the object ends before its listed size
            parts.append(part)
            self._offset += len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def readinto(self, buffer: memoryview | bytearray, /) -> int:  # type: ignore[override]
        """Fill a buffer; return how many bytes it got."""
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Let the object go."""
        if not self.closed and self._on_close is not None:
            self._on_close()
        self._ranges.clear()
        super().close()

    def _range(self, offset: int, end: int) -> tuple[int, bytes]:
        """Return a range that holds ``offset``, from those kept or by one request."""
        for start, data in reversed(self._ranges):
            if start <= offset < start + len(data):
                return start, data
        self._length = min(self._length * 2, LARGEST_RANGE) if offset == self._next and offset else FIRST_RANGE
        stop = min(max(offset + self._length, min(end, offset + LARGEST_RANGE)), self._size)
        data = self._fetch(offset, stop)
        self.requests += 1
        self.bytes_read += len(data)
        self._next = offset + len(data)
        self._ranges.append((offset, data))
        del self._ranges[:-_KEPT_RANGES]
        return offset, data
