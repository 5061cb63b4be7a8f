"""Nothing made to exhaust a reader does: inflated bytes, members, memory and bytes read stay bounded."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.archives import Limits, Member, MemberFault, decoders, members, split_zip
from dicom_udf.archives.limits import Account, Budget
from dicom_udf.archives.names import Names
from dicom_udf.errors import FailureCode, FileFault
from tests.archives.packing import KINDS, Counting, counting, pack_tar, pack_zip, read_all, seen, some_data
from tests.archives.quine import zip_quine

MIB = 1 << 20
GIB = 1 << 30
LIMIT = (None, FailureCode.ARCHIVE_LIMIT)


@contextmanager
def _peak_below(bound: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < bound
    finally:
        tracemalloc.stop()


@pytest.fixture
def inflated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Lengths of all that comes out of deflate."""
    lengths: list[int] = []
    inner = decoders._Deflate.decompress

    def counted(self: decoders._Deflate, data: bytes, most: int, /) -> bytes:
        out = inner(self, data, most)
        lengths.append(len(out))
        return out

    monkeypatch.setattr(decoders._Deflate, "decompress", counted)
    return lengths


@pytest.mark.parametrize("asked", [0, 1, 512, 64 << 10, 300_000])
def test_a_member_is_inflated_no_further_than_it_is_read(asked: int, inflated: list[int]) -> None:
    data = some_data(1, MIB) + bytes(20 * MIB)
    for member in members(io.BytesIO(pack_zip([("a", data)], zipfile.ZIP_DEFLATED)), name="o"):
        assert isinstance(member, Member)
        assert member.file.read(asked) == data[:asked]
    assert asked <= sum(inflated) <= max(asked, 512)


def test_skipping_members_inflates_their_first_block_only(inflated: list[int]) -> None:
    files = [(f"{number}", bytes(10 * MIB)) for number in range(5)]
    assert sum(1 for _ in members(io.BytesIO(pack_zip(files, zipfile.ZIP_DEFLATED)), name="o")) == 5
    assert sum(inflated) < 5 * (40 << 10)  # zeros may be a tar of no files, or a disc image, reported by byte 32 Ki


def test_folders_and_links_are_not_touched() -> None:
    stored = pack_zip([(f"{number}/", b"") for number in range(9)] + [("__MACOSX/a", some_data(1, 300_000))])
    reader = counting(stored)
    assert read_all(members(reader, name="o"), stored) == [(None, FailureCode.EMPTY_ARCHIVE)]
    assert len(reader.reads) == 2


def _directory_only(count: int, header: bytes, packed: bytes) -> bytes:
    """Return a zip whose ``count`` entries all have the one local header and data."""
    directory = b"".join(
        struct.pack(
            "<4sBBHHHLLLLHHHHHLL",
            *(b"PK\x01\x02", 20, 0, 20, 0, 8, 0, 0, len(packed), 1 << 30, 7, 0, 0, 0, 0, 0, 0),
        )
        + b"%07d" % number
        for number in range(count)
    )
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, len(directory), len(header) + len(packed), 0)
    return header + packed + directory + end


def _zeros(size: int) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return b"".join([*(packer.compress(bytes(MIB)) for _ in range(size // MIB)), packer.flush()])


LOCAL = struct.pack("<4sHHHHHLLLHH", b"PK\x03\x04", 20, 0, 8, 0, 0, 0, 0, 0, 7, 0) + b"0000000"


@pytest.mark.parametrize("count", [2, 250, 60_000])
def test_members_that_share_their_data_are_a_bomb(count: int, inflated: list[int]) -> None:
    stored = _directory_only(count, LOCAL, _zeros(16 * MIB))
    faults = [member for member in members(io.BytesIO(stored), name="o") if isinstance(member, MemberFault)]
    assert [(fault.path, fault.fault.code) for fault in faults] == [(None, FailureCode.CORRUPT_ARCHIVE)]
    assert sum(inflated) < MIB
    assert not split_zip(io.BytesIO(stored), members=10, packed_bytes=1 << 40)


def test_many_members_stop_at_the_limit_in_bounded_memory() -> None:
    entry = struct.pack("<4sBBHHHLLLLHHHHHLL", *(b"PK\x01\x02", 20, 0, 20, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0))
    directory = b"".join(entry + b"%07d" % number for number in range(30_000))
    local = LOCAL.replace(b"\x08", b"\x00", 1)
    before = local * (len(directory) // len(local))
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, len(directory), len(before), 0)
    stored = before + directory + end
    with _peak_below(16 * MIB):
        last = deque(enumerate(members(counting(stored), name="o", limits=Limits(members=20_000))), maxlen=1)
    [(count, fault)] = last
    assert count == 20_000
    assert isinstance(fault, MemberFault)
    assert fault.fault.code is FailureCode.ARCHIVE_LIMIT


def test_magic_numbers_without_members_end_the_search_for_members() -> None:
    first = LOCAL.replace(b"\x08", b"\x00", 1)
    [fault] = [
        found.fault
        for found in members(counting(first + b"PK\3\4" * 1_000_000), name="o")
        if isinstance(found, MemberFault)
    ]
    assert fault.code is FailureCode.CORRUPT_ARCHIVE
    assert "magic numbers that are not members" in fault.message


def test_a_name_that_was_met_costs_no_more_than_a_hundred_bytes() -> None:
    names = Names(None)
    with _peak_below(80_000 * 100):
        for number in range(80_000):
            names.count(str(number))
    assert [names.count("7"), names.count("7"), names.count("x")] == [1, 2, 0]


BOMBS: dict[str, Callable[[bytes], bytes]] = {
    "zip": lambda data: pack_zip([("a", data)], zipfile.ZIP_DEFLATED),
    "bzip2": lambda data: pack_zip([("a", data)], zipfile.ZIP_BZIP2),
    "lzma": lambda data: pack_zip([("a", data)], zipfile.ZIP_LZMA),
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "tar.gz": lambda data: gzip.compress(pack_tar([("a", data)])),
    "tar.bz2": lambda data: bz2.compress(pack_tar([("a", data)])),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_member_of_zeros_stops_at_the_ratio(kind: str) -> None:
    stored = BOMBS[kind](bytes(128) + b"DICM" + bytes(30 * MIB))
    with _peak_below(12 * MIB):
        for member in members(io.BytesIO(stored), name="o", limits=Limits(ratio=500, excess_bytes=100_000)):
            if isinstance(member, MemberFault):
                break
            with pytest.raises(Exception, match="ARCHIVE_LIMIT"):
                while member.file.read(MIB):
                    pass
    assert isinstance(member, MemberFault)
    assert member.fault.code is FailureCode.ARCHIVE_LIMIT


BLANK = bytes(128) + b"DICM" + bytes(MIB)
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize("count", [1, 2, 30])
def test_blank_images_are_no_bomb_whatever_their_ratio(pack: str, count: int) -> None:
    files = [(f"{number}", BLANK) for number in range(count)]
    stored = PACKERS[pack](pack_tar(files))
    assert pack == "gz" or count == 1 or len(stored) * 1000 < count * len(BLANK)
    assert seen(stored) == files
    assert seen(pack_zip([("in", stored)], zipfile.ZIP_DEFLATED)) == [(f"in!{path}", data) for path, data in files]


@pytest.mark.parametrize("pack", PACKERS)
def test_many_small_bombs_in_one_object_are_one(pack: str) -> None:
    """None of them is large, and together they are stopped after what is allowed for all."""
    files = [(f"{number}.{pack}", PACKERS[pack](bytes(MIB))) for number in range(40)]
    found = seen(pack_tar(files), ratio=100, excess_bytes=10 * MIB)
    assert found[-1] == LIMIT
    assert 9 <= sum(len(data) for _, data in found[:-1] if isinstance(data, bytes)) >> 20 <= 12


def test_a_bomb_stops_at_a_gibibyte_above_the_ratio_by_default() -> None:
    limits = Limits()
    budget = Budget(limits)
    one, other = Account(budget), Account(budget)
    other.count(GIB, packed=GIB)  # what isn't above the ratio isn't counted against another
    for _ in range(1023):
        one.count(MIB, packed=100)
    with pytest.raises(FileFault, match="ratio = 1100"):
        for _ in range(3):
            one.count(MIB, packed=100)
    assert budget.exceeded is not None


@given(
    counted=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5000), st.integers(0, 50)), max_size=60),
    ratio=st.integers(1, 50),
    excess=st.integers(0, 20_000),
)
def test_no_object_inflates_more_than_the_ratio_and_the_excess_allow(
    counted: list[tuple[int, int, int]], ratio: int, excess: int
) -> None:
    budget = Budget(Limits(ratio=ratio, excess_bytes=excess))
    accounts = [Account(budget) for _ in range(4)]
    inflated, packed = [0] * 4, [0] * 4
    for number, length, more in counted:
        packed[number] += more
        inflated[number] += length
        above = sum(max(0, out - ratio * into) for out, into in zip(inflated, packed, strict=True))
        try:
            accounts[number].count(length, packed=packed[number])
        except FileFault:
            assert above > excess
            return
        assert sum(inflated) <= ratio * sum(packed) + excess


@pytest.mark.parametrize("name", ["inflated_bytes", "nested_bytes"])
def test_ten_gigabytes_of_zeros_stop_at_the_limits(name: str) -> None:
    """The deflate stream's blocks are repeated: a stream of 10 GiB is made in no time."""
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(16 * MIB)) + packer.flush(zlib.Z_FULL_FLUSH)
    packed = block * 640
    stored = _directory_only(1, LOCAL, packed)
    with _peak_below(64 * MIB):
        for member in members(io.BytesIO(stored), name="o", limits=Limits(**{name: 32 * MIB})):
            if isinstance(member, Member):
                assert len(member.file.read(64 << 10)) == 64 << 10
                with pytest.raises(Exception, match="ARCHIVE_LIMIT"):
                    while member.file.read(MIB):
                        pass
    assert isinstance(member, MemberFault)
    assert member.fault.code is FailureCode.ARCHIVE_LIMIT


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_zips_in_zips_in_zips_stop_at_the_depth(method: int) -> None:
    """As 42.zip: 16 zips in each, six levels deep, and zeros at the bottom."""
    deep = pack_zip([("0", bytes(MIB))], zipfile.ZIP_DEFLATED)
    for _ in range(5):
        deep = pack_zip([(f"{number}", deep) for number in range(4)], method)
    found = seen(deep)
    assert len(found) == 4**3
    assert {code for _, code in found} == {FailureCode.NESTING_TOO_DEEP}


@pytest.mark.parametrize("kind", KINDS)
def test_a_zip_that_contains_itself_stops_at_the_depth(kind: str, inflated: list[int]) -> None:
    quine = zip_quine()
    with zipfile.ZipFile(io.BytesIO(quine)) as archive:
        [info] = archive.infolist()
    assert zlib.decompress(quine[-info.compress_size - 98 : -98], -15) == quine
    name = info.filename
    assert seen(quine) == [(f"{name}!{name}!{name}", FailureCode.NESTING_TOO_DEEP)]
    stored = KINDS[kind]([("in", quine), ("z", b"1")])
    assert seen(stored) == [(f"in!{name}!{name}", FailureCode.NESTING_TOO_DEEP), ("z", b"1")]
    assert sum(inflated) < 100 * len(quine)


def test_a_dictionary_larger_than_memory_is_refused() -> None:
    stored = bytearray(pack_zip([("a", some_data(1))], zipfile.ZIP_LZMA))
    properties = stored.index(b"a", 30) + 1 + 5
    struct.pack_into("<L", stored, properties, 0xFFFFFFFF)
    assert seen(bytes(stored)) == [("a", some_data(1))]  # never more than the member's size
    directory = stored.index(b"PK\x01\x02")
    struct.pack_into("<L", stored, directory + 24, 0xFFFFFFF0)
    assert seen(bytes(stored)) == [("a", FailureCode.CORRUPT_ARCHIVE)]


def _spread(pieces: list[tuple[int, bytes]], size: int) -> Counting:
    """Return a file of zeros with pieces at places."""

    def fetch(start: int, length: int) -> bytes:
        out = bytearray(length)
        for place, piece in pieces:
            low, high = max(place, start), min(place + len(piece), start + length)
            if low < high:
                out[low - start : high - start] = piece[low - place : high - place]
        return bytes(out)

    return Counting(fetch, size)


def _large_zip(count: int, size: int) -> Counting:
    pieces, directory, at = [], b"", 0
    for number in range(count):
        name = b"%03d" % number
        crc_and_sizes = struct.pack("<3L", 0, size, size)
        local = b"PK\x03\x04" + bytes(10) + crc_and_sizes + struct.pack("<2H", 3, 0) + name
        pieces.append((at, local + bytes(128) + b"DICM"))
        extra = struct.pack("<2HQ", 1, 8, at)
        directory += struct.pack(
            "<4sBBHHHLLLLHHHHHLL",
            *(b"PK\x01\x02", 45, 0, 45, 0, 0, 0, 0, size, size, 3, len(extra), 0, 0, 0, 0, 0xFFFFFFFF),
        )
        directory += name + extra
        at += len(local) + size
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    pieces.append((at, directory + record + locator + end))
    return _spread(pieces, at + len(pieces[-1][1]))


def _large_tar(count: int, size: int) -> Counting:
    pieces = []
    for number in range(count):
        info = tarfile.TarInfo(f"{number:03}")
        info.size = size
        pieces.append((number * (512 + size), info.tobuf() + bytes(128) + b"DICM"))
    return _spread(pieces, count * (512 + size) + 10_240)


@pytest.mark.parametrize(("make", "count"), list(product([_large_zip, _large_tar], [1, 100])))
def test_five_gigabytes_are_read_by_their_headers(make: Callable[[int, int], Counting], count: int) -> None:
    size = min((5 << 30) // count // 512 * 512, (4 << 30) - 512)
    file = make(count, size)
    assert file.seek(0, 2) > (5 << 30) - (1 << 20) or count == 1
    found = 0
    with _peak_below(16 * MIB):
        for member in members(file, name="o"):
            assert isinstance(member, Member)
            assert member.size == size
            assert member.file.read(64 << 10)[128:132] == b"DICM"
            found += 1
    assert found == count
    assert file.bytes_read < (256 << 10) + count * (80 << 10)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("tar.")])
def test_what_is_in_a_compressed_tar_is_not_kept(kind: str) -> None:
    stored = KINDS[kind]([(f"{number}", some_data(number, 10_000) + bytes(MIB)) for number in range(30)])
    with _peak_below(10 * MIB):
        assert sum(1 for _ in members(io.BytesIO(stored), name="o")) == 30
