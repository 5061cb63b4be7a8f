"""What is readable of a damaged archive comes out; the rest is named."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import zipfile
import zlib
from itertools import product

import pytest

from dicom_udf.archives import members
from dicom_udf.errors import FailureCode, FileFault
from tests.archives.packing import (
    KINDS,
    SINGLE,
    ZIPS,
    Counting,
    Seen,
    counting,
    pack_tar,
    pack_zip,
    pack_zip_to_pipe,
    read_all,
    seen,
    some_data,
)

FILES = [(f"{number}", some_data(number, 3000 + number)) for number in range(6)]
DAMAGED = (None, FailureCode.CORRUPT_ARCHIVE)
PIPED_OR_TAR = ["zip-piped-deflate", "zip-piped-stored", "tar-gnu"]
TARS = [kind for kind in KINDS if kind.startswith("tar")]


def _directory_start(stored: bytes) -> int:
    return stored.index(b"PK\x01\x02")


def _flipped(stored: bytes, place: int, count: int = 1) -> bytes:
    out = bytearray(stored)
    for at in range(place, place + count):
        out[at] ^= 0xFF
    return bytes(out)


@pytest.mark.parametrize("kind", [kind for kind in ZIPS if kind != "zip64-stored"])
def test_without_a_directory_members_are_found_by_their_own_headers(kind: str) -> None:
    stored = KINDS[kind](FILES)
    for end in (_directory_start(stored), _directory_start(stored) + 70, len(stored) - 1, len(stored) - 22):
        assert seen(stored[:end]) == [*FILES, DAMAGED]


def test_without_a_directory_zip64_lengths_are_found_in_the_local_headers() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in FILES:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(data)
    stored = out.getvalue()
    assert seen(stored[: _directory_start(stored)]) == [*FILES, DAMAGED]


@pytest.mark.parametrize("piped", [False, True])
@pytest.mark.parametrize(
    ("flag", "method", "code"),
    [(1, 8, FailureCode.ENCRYPTED_ARCHIVE), (0, 9, FailureCode.UNSUPPORTED_COMPRESSION)],
)
def test_without_a_directory_what_is_not_read_is_named(flag: int, method: int, code: FailureCode, piped: bool) -> None:
    stored = bytearray((pack_zip_to_pipe if piped else lambda files: pack_zip(files, zipfile.ZIP_DEFLATED))(FILES))
    second = stored.index(b"PK\x03\x04", 4)
    stored[second + 6] |= flag
    stored[second + 8] = method
    assert seen(bytes(stored[: _directory_start(stored)])) == [FILES[0], ("1", code), *FILES[2:], DAMAGED]


@pytest.mark.parametrize(
    ("kind", "allowed"), list(product(["zip-piped-deflate", "zip-piped-stored", "tar-gnu"], range(9)))
)
def test_a_fault_of_the_store_while_damage_is_passed_is_the_stores(kind: str, allowed: int) -> None:
    fault = FileFault(FailureCode.READ_ERROR, "gone")
    stored = KINDS[kind]([(f"{number}", some_data(number, 300_000)) for number in range(5)])
    damaged = _flipped(stored[: -(22 if kind != "tar-gnu" else 1)], 300_132 - 300_132 % 512 + 1024)

    def fetch(start: int, size: int) -> bytes:
        if len(reader.reads) > allowed:
            raise fault
        return damaged[start : start + size]

    reader = Counting(fetch, len(damaged))
    with pytest.raises(FileFault) as raised:
        read_all(members(reader, name="o"), damaged)
        pytest.fail("more was read than the store gave")
    assert raised.value is fault


def test_stored_data_of_unstated_length_ends_at_the_next_header_if_its_descriptor_is_damaged() -> None:
    stored = pack_zip_to_pipe(FILES, zipfile.ZIP_STORED)
    descriptor = stored.index(b"PK\x07\x08")
    cut = _flipped(stored, descriptor)[: _directory_start(stored)]
    length = 16  # of the descriptor, which nothing tells from the data
    found = seen(cut)
    assert found == [("0", found[0][1]), *FILES[1:], DAMAGED]
    assert isinstance(found[0][1], bytes)
    assert found[0][1][:-length] == FILES[0][1]


def test_a_member_that_is_found_is_skipped_by_its_length() -> None:
    stored = pack_zip([(f"{number}", some_data(number, 500_000)) for number in range(6)])
    reader = counting(stored[: _directory_start(stored)])
    assert sum(1 for _ in members(reader, name="o")) == 7
    assert reader.bytes_read < (128 << 10) + 6 * 2000


@pytest.mark.parametrize(("kind", "entry"), list(product(ZIPS, range(6))))
def test_a_damaged_directory_entry_costs_no_member(kind: str, entry: int) -> None:
    stored = KINDS[kind](FILES)
    place = _directory_start(stored)
    for _ in range(entry):
        place = stored.index(b"PK\x01\x02", place + 4)
    assert seen(_flipped(stored, place)) == [*FILES, DAMAGED]


@pytest.mark.parametrize("kind", ZIPS)
def test_a_directory_entry_that_points_astray_costs_its_member(kind: str) -> None:
    stored = bytearray(KINDS[kind](FILES))
    second = stored.index(b"PK\x01\x02", _directory_start(stored) + 4)
    struct.pack_into("<L", stored, second + 42, 0x7FFFFFFF)
    assert seen(bytes(stored)) == [FILES[0], ("1", FailureCode.CORRUPT_ARCHIVE), *FILES[2:]]


@pytest.mark.parametrize("kind", ZIPS)
def test_a_damaged_local_header_costs_its_member(kind: str) -> None:
    stored = KINDS[kind](FILES)
    second = stored.index(b"PK\x03\x04", 4)
    assert seen(_flipped(stored, second)) == [FILES[0], ("1", FailureCode.CORRUPT_ARCHIVE), *FILES[2:]]


@pytest.mark.parametrize("kind", ZIPS)
def test_a_wrong_checksum_costs_nothing(kind: str) -> None:
    stored = KINDS[kind](FILES)
    assert seen(_flipped(stored, _directory_start(stored) + 16)) == FILES


@pytest.mark.parametrize("piped", [False, True])
def test_damaged_data_in_a_zip_is_read_up_to_the_damage(piped: bool) -> None:
    content = random.Random(1).choices(range(64), k=300_000)
    files = [("a", bytes(content)), ("b", bytes(content))]
    stored = (pack_zip_to_pipe if piped else lambda files: pack_zip(files, zipfile.ZIP_DEFLATED))(files)
    block = stored.index(b"PK\x03\x04", 4) // 2
    damaged = _flipped(stored, block, 40)
    [(path, _), rest] = seen(damaged)
    assert path == "a"
    assert rest == files[1]
    found = members(io.BytesIO(damaged), name="o")
    got = next(found).file.read(len(content))
    expected = zlib.decompressobj(-15).decompress(damaged[31:block])
    assert len(expected) > 100_000
    assert got[: len(expected)] == expected
    without = damaged[: _directory_start(damaged)]
    assert seen(without)[1:] == [files[1], DAMAGED]


@pytest.mark.parametrize("nested", ["zip-stored", "zip-deflate", "tar-pax"])
def test_an_archive_cut_within_a_nested_zip_is_not_taken_for_that(nested: str) -> None:
    inner = pack_zip([("x", some_data(1)), ("y", some_data(2))])
    stored = KINDS[nested]([("first", inner), ("in", inner), ("last", some_data(3))])
    cut = seen(stored[: stored.index(b"last")])
    assert cut[:2] == [("first!x", some_data(1)), ("first!y", some_data(2))]
    assert cut[-1] == DAMAGED


@pytest.mark.parametrize(("kind", "offset"), list(product(["tar-ustar", "tar-gnu"], [0, 148, 300])))
def test_behind_a_damaged_tar_header_the_next_one_is_found(kind: str, offset: int) -> None:
    stored = KINDS[kind](FILES)
    second = 512 + 512 * -(-len(FILES[0][1]) // 512)
    assert seen(_flipped(stored, second + offset)) == [FILES[0], *FILES[2:], DAMAGED]
    assert seen(gzip.compress(_flipped(stored, second + offset))) == [FILES[0], *FILES[2:], DAMAGED]


@pytest.mark.parametrize("place", [0, 100, 148, 300])
@pytest.mark.parametrize("kind", TARS)
def test_a_tar_whose_first_header_is_damaged_is_a_damaged_tar(kind: str, place: int) -> None:
    packed = {"tar.gz": SINGLE["gz"], "tar.bz2": SINGLE["bz2"], "tar.xz": SINGLE["xz"]}.get(kind, bytes)
    assert seen(packed(_flipped(pack_tar(FILES, tarfile.GNU_FORMAT), place))) == [*FILES[1:], DAMAGED]


def test_behind_a_blank_tar_header_the_next_one_is_found() -> None:
    stored = pack_tar(FILES, tarfile.GNU_FORMAT)
    second = 512 + 512 * -(-len(FILES[0][1]) // 512)
    blank = stored[:second] + bytes(512) + stored[second + 512 :]
    assert seen(blank) == [FILES[0], *FILES[2:], DAMAGED]
    assert seen(gzip.compress(blank)) == [FILES[0], *FILES[2:], DAMAGED]


@pytest.mark.parametrize("padding", [0, 512, 10_240, 1 << 19])
@pytest.mark.parametrize("ending", [None, *SINGLE])
def test_tars_one_after_the_other_are_all_read(ending: str | None, padding: int) -> None:
    one, two = pack_tar(FILES[:2], tarfile.GNU_FORMAT) + bytes(padding), pack_tar(FILES[2:], tarfile.PAX_FORMAT)
    packed = SINGLE[ending] if ending else bytes
    assert seen(packed(one + two)) == FILES
    assert seen(packed(one) + packed(two)) == FILES
    assert seen(packed(one + b"no tar" * 999)) == FILES[:2]


@pytest.mark.parametrize("kind", TARS)
def test_a_tar_cut_between_two_members_is_named(kind: str) -> None:
    stored = pack_tar(FILES, tarfile.GNU_FORMAT)
    end = sum(512 + 512 * -(-len(data) // 512) for _, data in FILES)
    packed = {"tar.gz": SINGLE["gz"], "tar.bz2": SINGLE["bz2"], "tar.xz": SINGLE["xz"]}.get(kind, bytes)
    assert seen(packed(stored[:end])) == [*FILES, DAMAGED]
    assert seen(packed(stored[: end + 512])) == FILES


@pytest.mark.parametrize("ending", SINGLE)
def test_all_members_before_a_damaged_block_are_read(ending: str) -> None:
    files = [(f"{number}", some_data(number, 20_000)) for number in range(100)]
    stored = SINGLE[ending](pack_tar(files, tarfile.USTAR_FORMAT))
    found = seen(_flipped(stored, len(stored) * 3 // 4, 50))
    assert found[-1] == DAMAGED
    least = {"gz": 70, "bz2": 40, "xz": 60}[ending]  # a bzip2 block is 900 kB: none of a damaged one comes out
    assert found[:least] == files[:least]


@pytest.mark.parametrize("size", [1, 700, 60_000, 70_000, 200_000])
def test_every_byte_before_damage_in_gzip_comes_out(size: int) -> None:
    data = bytes(random.Random(size).choices(range(99), k=size))
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(data) + packer.flush(zlib.Z_SYNC_FLUSH)
    stored = good + b"\x07\x00\x00\x00"  # a block of the type that there isn't
    found = members(io.BytesIO(stored), name="a.gz")
    assert next(found).file.read(size + 99) == data
    assert seen(stored[: len(good)], "a.gz") == [("a", data)]


@pytest.mark.parametrize("damage", ["crc", "length", "cut", "gone"])
def test_a_wrong_end_of_gzip_is_named_for_a_tar_and_costs_nothing(damage: str) -> None:
    def damaged(stored: bytes) -> bytes:
        if damage in ("cut", "gone"):
            return stored[: -4 if damage == "cut" else -8]
        return _flipped(stored, len(stored) - (8 if damage == "crc" else 4))

    assert seen(damaged(gzip.compress(pack_tar(FILES)))) == [*FILES, DAMAGED]
    assert seen(damaged(gzip.compress(FILES[0][1])), "a.gz") == [("a", FILES[0][1])]


@pytest.mark.parametrize("parts", [2, 7])
def test_a_tar_in_several_gzip_members_is_one(parts: int) -> None:
    stored = pack_tar(FILES)
    step = len(stored) // parts + 1
    packed = b"".join(gzip.compress(stored[at : at + step]) for at in range(0, len(stored), step))
    assert seen(packed) == FILES
    assert seen(packed + b"foreign") == FILES


def test_gzip_headers_with_all_their_fields_are_read() -> None:
    raw = gzip.compress(b"content")
    extra = b"\x02\x00xy"
    stored = raw[:3] + bytes([4 | 8 | 16 | 2]) + raw[4:10] + extra + b"name\0" + b"comment\0" + b"\0\0" + raw[10:]
    assert seen(stored, "a.gz") == [("a", b"content")]
    long = raw[:3] + b"\x10" + raw[4:10] + b"c" * 300_000 + b"\0" + raw[10:]
    assert seen(long, "a.gz") == [("a", b"content")]
    endless = raw[:3] + b"\x10" + raw[4:10] + b"c" * (2 << 20)
    assert seen(endless, "a.gz") == [DAMAGED]
    assert seen(raw[:3] + b"\xe0" + raw[4:], "a.gz") == [DAMAGED]


@pytest.mark.parametrize("before", [b"MZ" + bytes(70_000), b"\x7fELF" + bytes(99), b"#!/bin/sh\nexit\n"])
@pytest.mark.parametrize("comment", [b"", b"c" * 0xFFFF])
@pytest.mark.parametrize("kind", ZIPS)
def test_a_zip_behind_a_program_and_with_a_comment_is_read(kind: str, comment: bytes, before: bytes) -> None:
    stored = before + KINDS[kind](FILES)[:-2] + struct.pack("<H", len(comment)) + comment
    assert seen(stored) == FILES
    assert seen(pack_zip([("in", stored)])) == [(f"in!{name}", data) for name, data in FILES]


def test_a_program_without_a_zip_is_a_file() -> None:
    stored = b"MZ" + bytes(999)
    assert seen(stored) == [(None, stored)]


def test_a_comment_that_looks_like_a_zips_end_is_a_comment() -> None:
    comment = b"PK\x05\x06".ljust(22, b"\xff") + b"more"
    stored = pack_zip(FILES)[:-2] + struct.pack("<H", len(comment)) + comment
    assert seen(stored) == FILES


def test_a_comment_full_of_zips_ends_costs_few_reads() -> None:
    ends = (struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, 50, 7, 22 * left) for left in reversed(range(2900)))
    reader = counting(pack_zip([("a", some_data(1, 300_000))])[:-22] + b"".join(ends))
    assert [member.path for member in members(reader, name="o")] == ["a", None]
    assert len(reader.reads) < 40


@pytest.mark.parametrize("marker", [b"PK\x07\x08", b"PK00"])
def test_a_zip_that_was_to_be_split_but_has_one_part_is_read(marker: bytes) -> None:
    stored = pack_zip(FILES)
    directory = _directory_start(stored)
    entries = bytearray(stored[directory:])
    at = 0
    while (at := entries.find(b"PK\x01\x02", at)) >= 0:
        struct.pack_into("<L", entries, at + 42, struct.unpack_from("<L", entries, at + 42)[0] + 4)
        at += 4
    struct.pack_into("<L", entries, len(entries) - 6, directory + 4)
    assert seen(marker + stored[:directory] + bytes(entries)) == FILES
    assert seen(marker + stored[:directory]) == [*FILES, DAMAGED]


@pytest.mark.parametrize("kind", ZIPS)
def test_a_zip_followed_by_foreign_bytes_is_read(kind: str) -> None:
    assert seen(KINDS[kind](FILES) + bytes(999)) == FILES


@pytest.mark.parametrize("count", [1, 3000])
@pytest.mark.parametrize("kind", ZIPS)
def test_zips_one_after_the_other_are_read_by_their_own_headers(kind: str, count: int) -> None:
    first, then = [(f"a{number}", b"1" * 99) for number in range(count)], [("b", b"2" * 99), ("c", b"3" * 99)]
    stored = KINDS[kind](first) + KINDS[kind](then)
    assert seen(stored) == [*first, *then, DAMAGED]


def test_a_directory_longer_than_a_block_is_read_in_blocks() -> None:
    files = [(f"{number:05}" + "x" * 400, b"") for number in range(4000)]
    reader = counting(pack_zip(files))
    found: Seen = read_all(members(reader, name="o"), b"")
    assert found == files
    assert max(end - start for start, end in reader.reads) <= 1 << 20
