"""A seekable file over ``fetch(start, end)``.

A header needs the first few KiB; an archive needs all bytes in order, or the pieces in its directory. So the first
request is small, requests double while reading continues at the end of the last one, and announced ranges are fetched
in few requests, ahead of the reader (ADR 13 has the costs that the sizes follow from).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import NamedTuple

from dicom_udf.seekable import SeekableFile

__all__ = ["FIRST_REQUEST", "KEPT_BYTES", "LOCAL", "REMOTE", "STREAMING", "Buffer", "Pace", "RangeReader"]

FIRST_REQUEST = 64 << 10
"""98 % of headers end within it (design.md, "Reading a header")."""

STREAMING = 1 << 20
"""Once requests have doubled to this size, the object is read from end to end."""

KEPT_BYTES = 16 << 20
"""Bytes of the blocks that were read last; the newest block is kept whatever its size."""

# A member's own header is before its first 64 KiB; one request should fetch both.
_AFTER_JUMP = FIRST_REQUEST + (4 << 10)


@dataclass(frozen=True, slots=True)
class Pace:
    """Sizes and number of requests, from the cost of one beside its bytes.

    Attributes:
        gap: Largest gap in bytes that one request reads through.
        largest: Most bytes of one request.
        ahead: Most requests under way at once.
    """

    gap: int
    largest: int
    ahead: int


LOCAL = Pace(gap=64 << 10, largest=4 << 20, ahead=0)
REMOTE = Pace(gap=1 << 20, largest=6 << 20, ahead=4)


Buffer = bytes | memoryview


class RangeReader(SeekableFile):
    """Reads one object by ranges. It keeps the last :data:`KEPT_BYTES` and the requests under way, at most 40 MiB.

    Attributes:
        requests: Calls of ``fetch`` so far.
        bytes_read: Bytes of these calls.
    """

    def __init__(
        self,
        fetch: Callable[[int, int], Buffer],
        size: int,
        *,
        pace: Pace = LOCAL,
        pool: Executor | None = None,
        close: Callable[[], None] | None = None,
    ) -> None:
        """Read ``size`` bytes through ``fetch(start, end)``, which returns exactly ``end - start`` bytes or raises.

        Args:
            fetch: Returns the bytes (or a view of them) from start up to, not including, end; raises FileFault. With a
                pool, several threads call it at once.
            size: Bytes of the object.
            pace: Sizes and number of requests.
            pool: Runs the requests ahead; None for no such requests.
            close: Called once when the reader is closed.
        """
        super().__init__()
        self.requests = 0
        self.bytes_read = 0
        self._fetch = fetch
        self._size = size
        self._pace = pace
        self._pool = pool
        self._release = close
        self._expected: int | None = None
        self._window = FIRST_REQUEST
        self._blocks: OrderedDict[int, Buffer] = OrderedDict()
        self._kept_bytes = 0
        self._announced: Iterator[tuple[int, int]] = iter(())
        self._is_streaming = False
        self._under_way: deque[_Request] = deque()
        self._most_under_way = 1

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end of the object; all that remain if it is negative or None.

        Raises:
            FileFault: The fault of ``fetch``.
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

    def preload(self, start: int = 0, end: int = FIRST_REQUEST) -> None:
        """Fetch a range now for the first read. Another thread may call this before the first read."""
        end = min(end, self._size)
        if start < end:
            self._fetch_block(start, end)

    def will_read(self, ranges: Iterable[tuple[int, int]], /) -> None:
        """Announce ``ranges``, ascending and taken lazily: they are fetched in few requests, some of them ahead."""
        self._forget_announced()
        self._announced = self._coalesce(iter(ranges))
        self._most_under_way = max(1, self._pace.ahead)

    def close(self) -> None:
        """Release the object and the kept blocks."""
        if not self.closed:
            self._forget_announced()
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
                return bytes(block[begin : begin + wanted])
        start, block = self._announced_block() or self._new_block(wanted)
        begin = self._position - start
        return bytes(block[begin : begin + wanted])

    def _announced_block(self) -> tuple[int, Buffer] | None:
        """Return the block at the position if it was announced; earlier announced ranges are dropped."""
        if self._is_streaming and self._under_way and self._position - self._under_way[-1].end > self._pace.gap:
            self._forget_announced()  # a jump: the object is no longer read from end to end
        while (request := self._first_announced()) is not None and request.end <= self._position:
            self._drop(self._under_way.popleft())
        if request is None or request.start > self._position:
            return None
        self._under_way.popleft()
        self._most_under_way = min(2 * self._most_under_way, max(1, self._pace.ahead))
        self._first_announced()  # sends those behind it before this one is worked on
        if request.future is None:
            return self._fetch_block(request.start, request.end)
        return self._keep(request.start, request.end, request.future.result())

    def _first_announced(self) -> _Request | None:
        """Return the first announced request, after sending as many as may be under way."""
        while len(self._under_way) < self._most_under_way and (bounds := next(self._announced, None)) is not None:
            start, end = bounds
            future = None
            if self._pool is not None and self._pace.ahead and end > self._position:
                future = self._pool.submit(self._fetch, start, end)
                self._count(1, end - start)
            self._under_way.append(_Request(start, end, future))
        return self._under_way[0] if self._under_way else None

    def _new_block(self, wanted: int) -> tuple[int, Buffer]:
        """Fetch a block at the position, larger than the last one if reading continues near its end."""
        if self._expected is not None:
            is_near = 0 <= self._position - self._expected <= self._pace.gap
            self._window = min(2 * self._window, self._pace.largest) if is_near else _AFTER_JUMP
        end = self._position + min(max(self._window, wanted), self._pace.largest)
        found = self._fetch_block(self._position, min(end, self._size))
        is_plan_done = not self._under_way
        if is_plan_done and self._window >= STREAMING and self._pool is not None and self._pace.ahead:
            self._announced = self._windows(end, self._window)
            self._is_streaming = True
            self._most_under_way = 1
        return found

    def _windows(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        while start < self._size:
            length = min(2 * length, self._pace.largest)
            end = min(start + length, self._size)
            yield start, end
            start = end

    def _coalesce(self, ranges: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield the ranges, merged across small gaps and cut to the largest request."""
        start, end = 0, -1
        for low, high in ranges:
            low, high = max(low, 0), min(high, self._size)  # noqa: PLW2901
            if low >= high:
                continue
            if end < 0:
                start, end = low, high
            elif low - end <= self._pace.gap and high - start <= self._pace.largest and low >= start:
                end = max(end, high)
            else:
                yield from self._cut(start, end)
                start, end = low, high
        if end >= 0:
            yield from self._cut(start, end)

    def _cut(self, start: int, end: int) -> Iterator[tuple[int, int]]:
        for low in range(start, end, self._pace.largest):
            yield low, min(low + self._pace.largest, end)

    def _fetch_block(self, start: int, end: int) -> tuple[int, Buffer]:
        self._count(1, end - start)
        return self._keep(start, end, self._fetch(start, end))

    def _keep(self, start: int, end: int, block: Buffer) -> tuple[int, Buffer]:
        if len(block) != end - start:
            raise RuntimeError("fetch returned another number of bytes than requested")
        self._expected = end
        self._kept_bytes -= len(self._blocks.pop(start, b""))
        self._blocks[start] = block
        self._kept_bytes += len(block)
        while self._kept_bytes > KEPT_BYTES and len(self._blocks) > 1:
            self._kept_bytes -= len(self._blocks.popitem(last=False)[1])
        return start, block

    def _drop(self, request: _Request) -> None:
        if request.future is not None and request.future.cancel():
            self._count(-1, request.start - request.end)

    def _count(self, requests: int, length: int) -> None:
        self.requests += requests
        self.bytes_read += length

    def _forget_announced(self) -> None:
        while self._under_way:
            self._drop(self._under_way.popleft())
        self._announced = iter(())
        self._is_streaming = False
        self._most_under_way = 1

    def _length(self) -> int:
        return self._size


class _Request(NamedTuple):
    """An announced request, and the future of its bytes if it was sent."""

    start: int
    end: int
    future: Future[Buffer] | None
