"""A seekable file over nothing but ``fetch(start, end)``.

A header needs the first few KiB; an archive needs everything in order, or pieces that its directory names. So the first
request is small, requests double while reading goes on where the last one ended, and what is foreseen is fetched in
few requests, ahead of the reader (ADR 13 has the costs that the sizes follow from).
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
"""Requests that have doubled to this size mean that the object is read from end to end."""

KEPT_BYTES = 16 << 20
"""Of blocks that were read last; the newest is kept whatever its size."""

# A member's own header stands before its first 64 KiB; one request shall hold both.
_AFTER_JUMP = FIRST_REQUEST + (4 << 10)


@dataclass(frozen=True, slots=True)
class Pace:
    """How requests are made: what one costs beside the bytes that it brings.

    Attributes:
        gap: Bytes that are rather read through than left out by another request.
        largest: Bytes of one request at the most.
        ahead: Requests under way at once.
    """

    gap: int
    largest: int
    ahead: int


LOCAL = Pace(gap=64 << 10, largest=4 << 20, ahead=0)
REMOTE = Pace(gap=1 << 20, largest=6 << 20, ahead=4)


Buffer = bytes | memoryview


class RangeReader(SeekableFile):
    """Reads one object by ranges; keeps the last :data:`KEPT_BYTES` and what is under way, at most 40 MiB.

    Attributes:
        requests: Calls of ``fetch`` so far.
        bytes_read: Bytes that they ask for.
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
            fetch: Gives the bytes (or a view of them) from start up to, not including, end; raises FileFault. Called
                from several threads at once where there is a pool.
            size: Bytes of the object.
            pace: Sizes of requests.
            pool: Runs the requests ahead; None: there are none.
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
        self._foreseen: Iterator[tuple[int, int]] = iter(())
        self._is_streaming = False
        self._under_way: deque[_Request] = deque()
        self._most_under_way = 1

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

    def preload(self, start: int = 0, end: int = FIRST_REQUEST) -> None:
        """Fetch a range now, so that the first read finds it; may be called in another thread before the first read."""
        end = min(end, self._size)
        if start < end:
            self._fetched(start, end)

    def will_read(self, ranges: Iterable[tuple[int, int]], /) -> None:
        """Fetch ``ranges``, ascending and taken lazily, in few requests when their turn comes, some of them ahead."""
        self._forget_foreseen()
        self._foreseen = self._coalesced(iter(ranges))
        self._most_under_way = max(1, self._pace.ahead)

    def close(self) -> None:
        """Let go of the object and of the kept blocks."""
        if not self.closed:
            self._forget_foreseen()
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
        start, block = self._foreseen_block() or self._unforeseen_block(wanted)
        begin = self._position - start
        return bytes(block[begin : begin + wanted])

    def _foreseen_block(self) -> tuple[int, Buffer] | None:
        """Return the block at the position if it was foreseen; what was foreseen before it is passed over."""
        if self._is_streaming and self._under_way and self._position - self._under_way[-1].end > self._pace.gap:
            self._forget_foreseen()  # a jump: the object isn't read from end to end any more
        while (request := self._first_foreseen()) is not None and request.end <= self._position:
            self._drop(self._under_way.popleft())
        if request is None or request.start > self._position:
            return None
        self._under_way.popleft()
        self._most_under_way = min(2 * self._most_under_way, max(1, self._pace.ahead))
        self._first_foreseen()  # sends those behind it before this one is worked on
        if request.future is None:
            return self._fetched(request.start, request.end)
        return self._kept(request.start, request.end, request.future.result())

    def _first_foreseen(self) -> _Request | None:
        """Return the first foreseen request, after sending as many as may be under way."""
        while len(self._under_way) < self._most_under_way and (bounds := next(self._foreseen, None)) is not None:
            start, end = bounds
            future = None
            if self._pool is not None and self._pace.ahead and end > self._position:
                future = self._pool.submit(self._fetch, start, end)
                self._count(1, end - start)
            self._under_way.append(_Request(start, end, future))
        return self._under_way[0] if self._under_way else None

    def _unforeseen_block(self, wanted: int) -> tuple[int, Buffer]:
        """Fetch a block at the position: larger than the last one where reading goes on near its end."""
        if self._expected is not None:
            is_near = 0 <= self._position - self._expected <= self._pace.gap
            self._window = min(2 * self._window, self._pace.largest) if is_near else _AFTER_JUMP
        end = self._position + min(max(self._window, wanted), self._pace.largest)
        found = self._fetched(self._position, min(end, self._size))
        is_plan_done = not self._under_way
        if is_plan_done and self._window >= STREAMING and self._pool is not None and self._pace.ahead:
            self._foreseen = self._windows(end, self._window)
            self._is_streaming = True
            self._most_under_way = 1
        return found

    def _windows(self, start: int, length: int) -> Iterator[tuple[int, int]]:
        while start < self._size:
            length = min(2 * length, self._pace.largest)
            end = min(start + length, self._size)
            yield start, end
            start = end

    def _coalesced(self, ranges: Iterator[tuple[int, int]]) -> Iterator[tuple[int, int]]:
        """Yield the ranges, those with small gaps between them as one; each at most the largest request."""
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

    def _fetched(self, start: int, end: int) -> tuple[int, Buffer]:
        self._count(1, end - start)
        return self._kept(start, end, self._fetch(start, end))

    def _kept(self, start: int, end: int, block: Buffer) -> tuple[int, Buffer]:
        if len(block) != end - start:
            raise RuntimeError("fetch returned another number of bytes than it was asked for")
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

    def _forget_foreseen(self) -> None:
        while self._under_way:
            self._drop(self._under_way.popleft())
        self._foreseen = iter(())
        self._is_streaming = False
        self._most_under_way = 1

    def _length(self) -> int:
        return self._size


class _Request(NamedTuple):
    """A foreseen request, and its bytes to come if it has been sent."""

    start: int
    end: int
    future: Future[Buffer] | None
