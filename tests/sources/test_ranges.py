"""The range reader: what a file gives, in few requests, some of them ahead, in bounded memory."""

from __future__ import annotations

import io
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.sources.ranges import FIRST_REQUEST, KEPT_BYTES, LOCAL, REMOTE, STREAMING, Pace, RangeReader

MIB = 1 << 20
DATA = random.Random(1).randbytes(3 * MIB)
SMALL = Pace(gap=1000, largest=100_000, ahead=3)


class Counted:
    """A store of one object that notes what it is asked for."""

    def __init__(self, data: bytes | None = None, size: int = 0) -> None:
        self.data, self.size = data, len(data) if data is not None else size
        self.ranges: list[tuple[int, int]] = []
        self._lock = threading.Lock()

    def __call__(self, start: int, end: int) -> bytes:
        with self._lock:
            self.ranges.append((start, end))
        assert 0 <= start < end <= self.size
        return self.data[start:end] if self.data is not None else bytes(end - start)


@pytest.fixture(scope="module")
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as executor:
        yield executor


def test_requests_grow_while_reading_goes_on() -> None:
    store = Counted(size=20 * MIB)
    reader = RangeReader(store, 20 * MIB)
    while reader.read(50_000):
        pass
    lengths = [end - start for start, end in store.ranges]
    assert lengths[0] == FIRST_REQUEST
    assert max(lengths) == LOCAL.largest
    assert reader.requests == len(lengths) < 15
    assert reader.bytes_read == sum(lengths) == 20 * MIB


def test_a_read_elsewhere_begins_small_again_and_few_blocks_are_kept() -> None:
    store = Counted(size=20 * MIB)
    reader = RangeReader(store, 20 * MIB)
    for start in range(0, 20 * MIB, 2 * MIB):
        reader.seek(start)
        reader.read(10)
    assert max(end - start for start, end in store.ranges) <= FIRST_REQUEST + 4096
    assert reader._kept_bytes == sum(map(len, reader._blocks.values())) == reader.bytes_read
    reader.seek(0)
    reader.read(20 * MIB)
    assert reader._kept_bytes == sum(map(len, reader._blocks.values())) <= KEPT_BYTES


@settings(max_examples=150)
@given(
    st.lists(st.tuples(st.integers(0, len(DATA) + 10), st.integers(-1, 300_000)), max_size=12),
    st.lists(st.tuples(st.integers(-5, len(DATA) + 10), st.integers(0, 200_000)), max_size=12),
    st.sampled_from([LOCAL, REMOTE, SMALL]),
    st.booleans(),
)
def test_any_reads_give_what_a_file_gives_whatever_was_foreseen(pool, reads, foreseen, pace, has_pool) -> None:
    store = Counted(DATA)
    reader = RangeReader(store, len(DATA), pace=pace, pool=pool if has_pool else None)
    if foreseen:
        reader.will_read((start, start + length) for start, length in sorted(foreseen))
    plain = io.BytesIO(DATA)
    for offset, size in reads:
        assert reader.seek(offset) == plain.seek(offset)
        assert reader.read(size) == plain.read(size)
        assert reader.tell() == plain.tell()
        assert len(reader._under_way) <= max(1, pace.ahead)
    reader.close()


@pytest.mark.parametrize("has_pool", [True, False])
def test_foreseen_ranges_with_small_gaps_are_one_request(pool: ThreadPoolExecutor, has_pool: bool) -> None:
    """1,000 members of 0.5 MB: at most one request for 4 MiB of the archive."""
    size = 1_000 * 500_000
    store = Counted(size=size)
    reader = RangeReader(store, size, pace=REMOTE, pool=pool if has_pool else None)
    starts = range(0, size, 500_000)
    reader.will_read((start, start + 66_000) for start in starts)
    for start in starts:
        reader.seek(start)
        assert len(reader.read(64 << 10)) == 64 << 10
    assert reader.requests == len(store.ranges) <= size / (4 * MIB)
    assert max(end - start for start, end in store.ranges) <= REMOTE.largest


def test_foreseen_ranges_with_large_gaps_leave_the_gaps_out(pool: ThreadPoolExecutor) -> None:
    size = 200 * 64 * MIB
    store = Counted(size=size)
    reader = RangeReader(store, size, pace=REMOTE, pool=pool)
    starts = range(0, size, 64 * MIB)
    reader.will_read((start, start + 66_000) for start in starts)
    for start in starts:
        reader.seek(start)
        reader.read(64 << 10)
    assert (reader.requests, reader.bytes_read) == (200, 200 * 66_000)


def test_foreseen_ranges_are_taken_lazily(pool: ThreadPoolExecutor) -> None:
    taken: list[int] = []

    def ranges() -> Iterator[tuple[int, int]]:
        for start in range(0, 1 << 40, 64 * MIB):
            taken.append(start)
            yield start, start + 10

    reader = RangeReader(Counted(size=1 << 40), 1 << 40, pace=REMOTE, pool=pool)
    reader.will_read(ranges())
    reader.read(10)
    assert len(taken) <= 2 * REMOTE.ahead + 2


def test_a_large_value_within_a_foreseen_piece_does_not_disturb_the_plan(pool: ThreadPoolExecutor) -> None:
    store = Counted(DATA)
    reader = RangeReader(store, len(DATA), pace=SMALL, pool=pool)
    reader.will_read([(0, 1000), (1_500_000, 1_501_000), (3_000_000, 3_001_000)])
    assert reader.read(5000) == DATA[:5000]
    for start in (1_500_000, 3_000_000):
        reader.seek(start)
        assert reader.read(1000) == DATA[start : start + 1000]
    assert len(store.ranges) == reader.requests == 4


def test_an_object_read_from_end_to_end_is_fetched_ahead(pool: ThreadPoolExecutor) -> None:
    size = 200 * MIB
    store = Counted(size=size)
    reader = RangeReader(store, size, pace=REMOTE, pool=pool)
    read = 0
    while piece := reader.read(50_000):
        read += len(piece)
        assert sum(end - start for start, end in store.ranges) <= read + (REMOTE.ahead + 1) * REMOTE.largest
    assert read == size
    assert reader.requests == len(store.ranges) <= size / (4 * MIB)
    assert reader.bytes_read == size


def test_small_steps_through_an_object_read_through_the_gaps(pool: ThreadPoolExecutor) -> None:
    """A tar of members of 0.5 MB: headers are read, the rest is passed over."""
    size = 200 * MIB
    store = Counted(size=size)
    reader = RangeReader(store, size, pace=REMOTE, pool=pool)
    for start in range(0, size, 500_000):
        reader.seek(start)
        reader.read(60_000)
    assert reader.requests <= size / (4 * MIB)


def test_large_steps_end_the_reading_ahead(pool: ThreadPoolExecutor) -> None:
    size = 64 * 64 * MIB
    store = Counted(size=size)
    reader = RangeReader(store, size, pace=REMOTE, pool=pool)
    reader.read(8 * STREAMING)
    streamed = reader.bytes_read
    for start in range(64 * MIB, size, 64 * MIB):
        reader.seek(start)
        reader.read(60_000)
    assert reader.bytes_read - streamed <= 63 * (FIRST_REQUEST + 4096) + REMOTE.ahead * REMOTE.largest


@pytest.mark.parametrize("has_pool", [True, False])
def test_a_fault_ahead_is_raised_where_it_is_read(pool: ThreadPoolExecutor, has_pool: bool) -> None:
    def fetch(start: int, end: int) -> bytes:
        if start >= 1_000_000:
            raise FileFault(FailureCode.READ_ERROR, "gone")
        return DATA[start:end]

    reader = RangeReader(fetch, len(DATA), pace=SMALL, pool=pool if has_pool else None)
    reader.will_read([(0, 100), (500_000, 500_100), (1_000_000, 1_000_100)])
    assert reader.read(100) == DATA[:100]
    reader.seek(500_000)
    assert reader.read(100) == DATA[500_000:500_100]
    reader.seek(1_000_000)
    with pytest.raises(FileFault):
        reader.read(100)


def test_what_was_preloaded_costs_no_other_request() -> None:
    store = Counted(DATA)
    reader = RangeReader(store, len(DATA))
    reader.preload()
    assert reader.read(FIRST_REQUEST) == DATA[:FIRST_REQUEST]
    assert store.ranges == [(0, FIRST_REQUEST)]


def test_a_closed_reader_says_so() -> None:
    reader = RangeReader(Counted(DATA), len(DATA))
    reader.close()
    for call in (reader.read, lambda: reader.seek(0)):
        with pytest.raises(ValueError, match="closed"):
            call()
