"""The ranges of a split zip give, one after another, what the whole zip gives."""

from __future__ import annotations

import io
import struct
from concurrent.futures import ThreadPoolExecutor
from itertools import chain, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.archives import Limits, ZipRange, members, split_zip
from dicom_udf.errors import FailureCode
from dicom_udf.sources.ranges import REMOTE, RangeReader
from tests.archives.packing import KINDS, ZIPS, Files, counting, pack_zip, read_all, seen, some_data

pytestmark = pytest.mark.filterwarnings("ignore:Duplicate name")


def _ranges(stored: bytes, count: int, size: int = 1 << 40) -> list[ZipRange]:
    return split_zip(io.BytesIO(stored), members=count, packed_bytes=size)


def _seen_by_ranges(stored: bytes, ranges: list[ZipRange]) -> list[tuple[str | None, bytes | FailureCode]]:
    found = (members(io.BytesIO(stored), name="object", zip_range=part) for part in ranges)
    return read_all(chain.from_iterable(found), stored)


NAMES = st.sampled_from(["a", "b", "a#2", "dir/", "dir/c", "__MACOSX/x", "é"])
CONTENTS = st.sampled_from([b"", b"1", some_data(1), KINDS["tar-pax"]([("t", b"2")]), pack_zip([]), bytes(5000)])


@settings(max_examples=200)
@given(
    kind=st.sampled_from(ZIPS),
    files=st.lists(st.tuples(NAMES, CONTENTS), max_size=14),
    count=st.integers(1, 6),
    size=st.sampled_from([1, 2000, 7000, 1 << 40]),
    damaged=st.lists(st.floats(0, 1, exclude_max=True), max_size=2),
    before=st.sampled_from([b"", b"#!/bin/sh\n"]),
)
def test_the_ranges_together_give_the_whole(
    kind: str, files: Files, count: int, size: int, damaged: list[float], before: bytes
) -> None:
    out = bytearray(KINDS[kind]([(name, b"" if name.endswith("/") else data) for name, data in files]))
    for place in damaged:
        out[int(place * len(out))] ^= 0x55
    stored = before + bytes(out)
    ranges = _ranges(stored, count, size)
    if ranges:
        assert len(ranges) > 1
        assert all(part.members <= count for part in ranges)
        assert all(part.packed_bytes <= size or part.members == 1 for part in ranges)
        assert [one.end for one in ranges[:-1]] == [another.start for another in ranges[1:]]
        assert _seen_by_ranges(stored, ranges) == seen(stored)


@pytest.mark.parametrize(("kind", "count"), list(product(ZIPS, [1, 3, 9])))
def test_a_sound_zip_is_split(kind: str, count: int) -> None:
    files = [(f"{number % 4}", some_data(number)) for number in range(10)]
    stored = KINDS[kind](files)
    ranges = _ranges(stored, count)
    assert [part.members for part in ranges] == [count] * (10 // count) + [10 % count] * bool(10 % count)
    assert _seen_by_ranges(stored, ranges) == seen(stored)


def test_equal_names_are_numbered_through_all_ranges_and_only_they_are_carried() -> None:
    stored = pack_zip([("a", b"1"), ("b", b"2"), ("a", b"3"), ("a", b"4"), ("c", b"5"), ("a", b"6")])
    assert [part.seen for part in _ranges(stored, 2)] == [(), (("a", 1),), (("a", 3),)]
    assert [path for path, _ in _seen_by_ranges(stored, _ranges(stored, 2))] == ["a", "b", "a#2", "a#3", "c", "a#4"]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ZIPS])
def test_what_is_no_zip_is_not_split(kind: str) -> None:
    assert not _ranges(KINDS[kind]([("a", b"1"), ("b", b"2")]), 1)


@pytest.mark.parametrize("stored", [b"", b"x" * 999, b"PK\x05\x06", pack_zip([]), pack_zip([("a/", b""), ("b/", b"")])])
def test_what_has_no_files_is_not_split(stored: bytes) -> None:
    assert not _ranges(stored, 1)


def test_what_gives_one_range_is_not_split() -> None:
    stored = pack_zip([("a", b"1"), ("b", b"2")])
    assert not _ranges(stored, 2)
    assert len(_ranges(stored, 1)) == 2


def test_a_zip_with_a_damaged_directory_is_not_split() -> None:
    stored = bytearray(pack_zip([(str(number), b"1") for number in range(9)]))
    last = stored.rindex(b"PK\x01\x02")
    stored[last + 1] = 0
    assert not _ranges(bytes(stored), 2)
    stored[last + 1] = ord("K")
    assert _ranges(bytes(stored), 2)
    struct.pack_into("<L", stored, last + 42, last - 35)  # its member would reach into the directory
    assert not _ranges(bytes(stored), 2)


def test_a_zip_of_more_files_than_the_limit_is_not_split() -> None:
    stored = pack_zip([(str(number), b"1") for number in range(9)])
    assert not split_zip(io.BytesIO(stored), members=2, packed_bytes=1 << 40, limits=Limits(members=8))


def test_a_file_that_ends_like_a_zip_but_is_dicom_is_not_split() -> None:
    stored = bytes(128) + b"DICM" + pack_zip([("a", b"1"), ("b", b"2")])
    assert not _ranges(stored, 1)


def test_a_range_reads_its_part_of_the_directory_once_and_its_members() -> None:
    stored = pack_zip([(f"{number:06}", some_data(number, 200)) for number in range(3000)])
    probe = counting(stored)
    ranges = split_zip(probe, members=500, packed_bytes=1 << 40)
    assert len(probe.reads) <= 4
    directory = struct.unpack_from("<L", stored, len(stored) - 6)[0]
    for part in ranges:
        reader = counting(stored)
        assert sum(1 for _ in members(reader, name="o", zip_range=part)) == 500
        assert [read for read in reader.reads if read[1] > directory] == [(part.start, part.end)]
        assert len(reader.foreseen) == 500


@pytest.mark.parametrize("kind", [kind for kind in ZIPS if kind.endswith(("stored", "deflate"))])
def test_members_are_foreseen_where_they_are_read(kind: str) -> None:
    stored = KINDS[kind]([(f"{number}", some_data(number, 100_000 * (number % 3))) for number in range(12)])
    reader = counting(stored)
    before = None
    for member in members(reader, name="o"):
        before = before or len(reader.reads)
        member.file.read(64 << 10)
    assert len(reader.foreseen) == 12
    assert reader.foreseen == sorted(reader.foreseen)
    assert all(end - start <= (64 << 10) + 400 for start, end in reader.foreseen)
    for start, end in reader.reads[before:]:
        assert any(low <= start and end <= high for low, high in reader.foreseen)


@pytest.mark.parametrize("kind", ["zip-stored", "zip-deflate"])
def test_the_stores_reader_brings_foreseen_members_in_few_requests(kind: str) -> None:
    stored = KINDS[kind]([(f"{number:04}", some_data(number, 20_000)) for number in range(600)])
    with ThreadPoolExecutor(4) as pool:
        reader = RangeReader(lambda start, end: stored[start:end], len(stored), pace=REMOTE, pool=pool)
        assert read_all(members(reader, name="object"), stored) == seen(stored)
        ranges = split_zip(io.BytesIO(stored), members=200, packed_bytes=1 << 40)
        by_ranges = []
        for part in ranges:
            reader_of_part = RangeReader(lambda start, end: stored[start:end], len(stored), pace=REMOTE, pool=pool)
            reader_of_part.preload(part.start, part.end)
            by_ranges += read_all(members(reader_of_part, name="object", zip_range=part), stored)
            assert reader_of_part.requests <= 3
    assert by_ranges == seen(stored)
    assert reader.requests <= 8
    assert reader.bytes_read <= len(stored) + (300 << 10)


def test_members_out_of_order_are_not_foreseen() -> None:
    stored = pack_zip([("a", some_data(1)), ("b", some_data(2))])
    directory = stored.index(b"PK\x01\x02")
    half = (len(stored) - 22 - directory) // 2
    turned = stored[:directory] + stored[directory + half : -22] + stored[directory : directory + half] + stored[-22:]
    reader = counting(turned)
    assert read_all(members(reader, name="o"), turned) == [("b", some_data(2)), ("a", some_data(1))]
    assert not reader.foreseen
