"""Zips of macOS above 4 GiB, which state offsets and sizes modulo 2^32, are read by their directories."""

from __future__ import annotations

import struct
import zlib
from itertools import chain, product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.archives import Member, MemberFault, members, split_zip
from dicom_udf.archives.directory import WRAP, find_directory
from dicom_udf.archives.wrapped import entries_of, is_exact
from dicom_udf.errors import FailureCode, FileFault
from tests.archives.packing import Counting, some_data

GIB = 1 << 30
_DESCRIPTOR = struct.Struct("<4s3L")


class _Made(NamedTuple):
    """A zip of mostly zeros.

    Attributes:
        file: Reads it.
        pieces: What isn't zero, by its place.
        places: Where each member's data begins.
    """

    file: Counting
    pieces: dict[int, bytes]
    places: list[int]


def _content(number: int) -> bytes:
    return some_data(number, 300)


def _deflated(data: bytes) -> bytes:
    packer = zlib.compressobj(9, wbits=-15)
    return packer.compress(data) + packer.flush()


def _archive_utility(lengths: list[int], *, method: int = 8, folders: int = 0, wrong: int = 0) -> _Made:
    """Return a zip as Archive Utility writes it, of members that take so many packed bytes.

    Args:
        lengths: Packed bytes of each; the first of them are a deflate stream, or the file's, and zeros follow.
        method: 8 has its lengths in a descriptor behind the data, 0 in the local header.
        folders: Entries of folders before the files.
        wrong: Added to the offset of the second entry.
    """
    pieces: dict[int, bytes] = {}
    directory, places, at = b"", [], 0
    names = [(b"dir%d/" % number, 0, 0) for number in range(folders)]
    names += [(b"dir/%d.dcm" % number, length, method) for number, length in enumerate(lengths)]
    for number, (name, length, packed_by) in enumerate(names):
        data = _content(number - folders) if length else b""
        size = len(data) if packed_by else length
        numbers = struct.pack("<3L", zlib.crc32(data), length % WRAP, size % WRAP)
        flags = 8 if packed_by else 0
        local = struct.pack("<4s5H", b"PK\x03\x04", 20, flags, packed_by, 0, 33)
        local += (bytes(12) if flags else numbers) + struct.pack("<2H", len(name), 16) + name + b"UX\x0c\0" + bytes(12)
        stated = (at + (wrong if number == 1 else 0)) % WRAP
        fields = struct.pack("<4sBB5H", b"PK\x01\x02", 21, 3, 20, flags, packed_by, 0, 33) + numbers
        directory += fields + struct.pack("<5HLL", len(name), 12, 0, 0, 0, 0o100644 << 16, stated) + name
        directory += b"UX\x08\0" + bytes(8)
        pieces[at] = local + (_deflated(data) if packed_by else data)
        if length:
            places.append(at + len(local))
        at += len(local) + length
        if flags:
            pieces[at] = _DESCRIPTOR.pack(b"PK\x07\x08", zlib.crc32(data), length % WRAP, size % WRAP)
            at += _DESCRIPTOR.size
    count = len(names) % 0x10000
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(directory), at % WRAP, 0)
    pieces[at] = directory + end
    return _Made(_spread(pieces, at + len(pieces[at])), pieces, places)


def _spread(pieces: dict[int, bytes], size: int) -> Counting:
    def fetch(start: int, length: int) -> bytes:
        out = bytearray(length)
        for place, piece in pieces.items():
            low, high = max(place, start), min(place + len(piece), start + length)
            if low < high:
                out[low - start : high - start] = piece[low - place : high - place]
        return bytes(out)

    return Counting(fetch, size)


def _read(found: Member | MemberFault) -> tuple[str | None, bytes | FailureCode]:
    return (found.path, found.file.read(432)) if isinstance(found, Member) else (found.path, found.fault.code)


def _expected(lengths: list[int]) -> list[tuple[str, bytes]]:
    return [(f"dir/{number}.dcm", _content(number)) for number in range(len(lengths))]


EXACT = {
    "one step": [3 * GIB, GIB, GIB // 2, 4000],
    "three steps": [3 * GIB] * 5,
    "a step by the last member": [4000, 3 * GIB, 2 * GIB],
    "many members": [100 << 20] * 150,
    "just above": [2 * GIB, 2 * GIB, 4000],
}
LONG = {
    "a long member first": [5 * GIB, 4000, 4000],
    "a long member in the middle": [3 * GIB, 4000, 9 * GIB, 4000, 2 * GIB],
    "a long member last": [4000, 4000, 4 * GIB + 5],
    "the only member": [6 * GIB],
    "long members only": [5 * GIB, 13 * GIB, 4 * GIB],
    "a member of no bytes modulo 2^32": [4000, 4 * GIB, 4000],
}


@pytest.mark.parametrize(("case", "method"), list(product([*EXACT, *LONG], [8, 0])))
@pytest.mark.parametrize("folders", [0, 2])
def test_a_zip_of_macos_above_four_gigabytes_is_read_by_its_directory(case: str, method: int, folders: int) -> None:
    lengths = {**EXACT, **LONG}[case]
    made = _archive_utility(lengths, method=method, folders=folders)
    found = list(map(_read, members(made.file, name="o")))
    assert found == _expected(lengths)
    assert made.file.bytes_read < (512 << 10) + len(lengths) * (70 << 10)


@pytest.mark.parametrize("case", [*EXACT, *LONG])
def test_sizes_and_places_are_right_or_null(case: str) -> None:
    lengths = {**EXACT, **LONG}[case]
    stored = _archive_utility(lengths, method=0)
    for found, place, length in zip(members(stored.file, name="o"), stored.places, lengths, strict=True):
        assert isinstance(found, Member)
        assert (found.offset, found.size) == (place, length)
    deflated = _archive_utility(lengths)
    for number, (found, length) in enumerate(zip(members(deflated.file, name="o"), lengths, strict=True)):
        assert isinstance(found, Member)
        assert (found.offset, found.size) == (None, len(_content(number)) if length <= 4000 else None)


@pytest.mark.parametrize(("case", "count"), list(product(EXACT, [1, 2])))
def test_the_ranges_of_such_a_zip_give_its_members(case: str, count: int) -> None:
    made = _archive_utility(EXACT[case], folders=1)
    ranges = split_zip(made.file, members=count, packed_bytes=1 << 60)
    assert len(ranges) > 1
    found = (members(made.file, name="o", zip_range=part) for part in ranges)
    assert list(map(_read, chain.from_iterable(found))) == _expected(EXACT[case])


@pytest.mark.parametrize("case", LONG)
def test_one_with_a_longer_member_is_not_split(case: str) -> None:
    assert not split_zip(_archive_utility(LONG[case]).file, members=1, packed_bytes=1)


@settings(max_examples=150)
@given(
    lengths=st.lists(
        st.sampled_from([900, 70_000, GIB, 3 * GIB, 4 * GIB - 100, 4 * GIB, 9 * GIB]), min_size=1, max_size=8
    ),
    method=st.sampled_from([0, 8]),
)
def test_any_order_of_lengths_is_read(lengths: list[int], method: int) -> None:
    made = _archive_utility(lengths, method=method)
    assert list(map(_read, members(made.file, name="o"))) == _expected(lengths)
    directory = find_directory(made.file)
    assert directory is not None
    if directory.wraps and is_exact(made.file, directory):
        places = [entry.header_offset for block in entries_of(made.file, directory) for entry in block]
        assert all(made.pieces[place][:4] == b"PK\x03\x04" for place in places)


def test_a_directory_whose_places_cannot_be_is_damage() -> None:
    made = _archive_utility([GIB, GIB, GIB, GIB, GIB], wrong=-5000)
    directory = find_directory(made.file)
    assert directory is not None
    assert directory.wraps == 1
    with pytest.raises(FileFault, match="states offsets that its members can't have"):
        list(entries_of(made.file, directory))


def test_a_member_that_is_not_where_it_could_be_is_damage() -> None:
    made = _archive_utility([5 * GIB, 4000, 4000], wrong=7)
    directory = find_directory(made.file)
    assert directory is not None
    with pytest.raises(FileFault, match="isn't where it could be"):
        list(entries_of(made.file, directory))


def test_a_file_with_holes_on_a_disk_is_read(tmp_path: Path) -> None:
    lengths = [3 * GIB, 2 * GIB, 4000]
    made = _archive_utility(lengths)
    path = tmp_path / "Archive.zip"
    with path.open("wb") as out:
        for place, piece in made.pieces.items():
            out.seek(place)
            out.write(piece)
    assert path.stat().st_blocks * 512 < 1 << 20
    with path.open("rb") as file:
        assert list(map(_read, members(file, name="o"))) == _expected(lengths)
