"""Sparse files of a tar are files; a tar with nothing but a global header is empty."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.archives import Limits, Member, MemberFault, members
from dicom_udf.errors import FailureCode
from tests.archives.packing import KINDS, SINGLE, Counting, pack_tar, pack_zip, read_all, seen, some_data

Segments = list[tuple[int, bytes]]
Map = list[tuple[int, int]]
END = bytes(1024)


def _plain(name: str, data: bytes) -> bytes:
    return pack_tar([(name, data)], tarfile.USTAR_FORMAT)[: 512 + -(-len(data) // 512) * 512]


def _block(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def _header(name: str, kind: bytes, size: int, tail: bytes = b"") -> bytes:
    """Return a GNU header, with what GNU tar has behind its 345 bytes."""
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    out = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    out[345 : 345 + len(tail)] = tail
    out[148:156] = b" " * 8
    out[148:156] = b"%06o\0 " % sum(out)
    return bytes(out)


def _pax(records: list[tuple[str, str]], kind: bytes = tarfile.XHDTYPE) -> bytes:
    out = b""
    for key, value in records:
        text = f" {key}={value}\n".encode()
        length = len(text) + 1
        while len(str(length)) + len(text) != length:
            length += 1
        out += str(length).encode() + text
    return _header("x", kind, len(out)) + _block(out)


def _numbers(pairs: Map) -> bytes:
    return b"".join(b"%011o\0%011o\0" % pair for pair in pairs)


def _gnu(name: str, stored: bytes, pairs: Map, size: int) -> bytes:
    first, rest = pairs[:4], pairs[4:]
    tail = bytes(41) + _numbers(first).ljust(96, b"\0") + bytes([bool(rest)]) + b"%011o\0" % size
    out = _header(name, tarfile.GNUTYPE_SPARSE, len(stored), tail)
    while rest:
        now, rest = rest[:21], rest[21:]
        out += (_numbers(now).ljust(504, b"\0") + bytes([bool(rest)])).ljust(512, b"\0")
    return out + _block(stored)


def _pax_0_0(name: str, stored: bytes, pairs: Map, size: int) -> bytes:
    records = [("GNU.sparse.size", str(size)), ("GNU.sparse.numblocks", str(len(pairs)))]
    for start, length in pairs:
        records += [("GNU.sparse.offset", str(start)), ("GNU.sparse.numbytes", str(length))]
    return _pax(records) + _header(name, tarfile.REGTYPE, len(stored)) + _block(stored)


def _pax_0_1(name: str, stored: bytes, pairs: Map, size: int) -> bytes:
    numbers = ",".join(f"{start},{length}" for start, length in pairs)
    records = [("GNU.sparse.size", str(size)), ("GNU.sparse.numblocks", str(len(pairs))), ("GNU.sparse.map", numbers)]
    records.append(("GNU.sparse.name", name))
    return _pax(records) + _header("GNUSparseFile.1/x", tarfile.REGTYPE, len(stored)) + _block(stored)


def _pax_1_0(name: str, stored: bytes, pairs: Map, size: int) -> bytes:
    numbers = [len(pairs), *(number for pair in pairs for number in pair)]
    content = _block(b"".join(b"%d\n" % number for number in numbers)) + stored
    records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", name)]
    records.append(("GNU.sparse.realsize", str(size)))
    return _pax(records) + _header("GNUSparseFile.1/x", tarfile.REGTYPE, len(content)) + _block(content)


FORMS: dict[str, Callable[[str, bytes, Map, int], bytes]] = {
    "gnu": _gnu,
    "pax 0.0": _pax_0_0,
    "pax 0.1": _pax_0_1,
    "pax 1.0": _pax_1_0,
}


def _sparse(form: str, name: str, segments: Segments, size: int) -> bytes:
    """Return a member; as GNU tar does, with an empty segment at the end where the file ends in a hole."""
    pairs = [(start, len(data)) for start, data in segments]
    if not pairs or sum(pairs[-1]) < size:
        pairs.append((size, 0))
    return FORMS[form](name, b"".join(data for _, data in segments), pairs, size)


def _content(segments: Segments, size: int) -> bytes:
    out = bytearray(size)
    for start, data in segments:
        out[start : start + len(data)] = data
    return bytes(out)


FILES: dict[str, tuple[Segments, int]] = {
    "hole at the end": ([(0, some_data(1, 1000))], 50_000),
    "hole at the start": ([(20_000, some_data(1, 1000))], 21_132),
    "hole in the middle": ([(0, some_data(1, 380)), (4096, b"x" * 700)], 4796),
    "nothing but a hole": ([], 30_000),
    "no hole": ([(0, some_data(1, 1000))], 1132),
    "two segments without a hole": ([(0, some_data(1, 380)), (512, b"y" * 100)], 700),
    "six segments": ([(number * 8192, some_data(number, 380)) for number in range(6)], 60_000),
    "many segments": ([(number * 1024, b"%d" % number * 50) for number in range(100)], 200_000),
    "empty": ([], 0),
}


@pytest.mark.parametrize(("form", "file"), list(product(FORMS, FILES)))
@pytest.mark.parametrize("pack", [None, *SINGLE])
def test_a_sparse_file_comes_out_whole_between_others(form: str, file: str, pack: str | None) -> None:
    segments, size = FILES[file]
    stored = _plain("1", some_data(2)) + _sparse(form, "dir/s.dcm", segments, size) + _plain("2", some_data(3)) + END
    packed = SINGLE[pack](stored) if pack else stored
    expected = [("1", some_data(2)), ("dir/s.dcm", _content(segments, size)), ("2", some_data(3))]
    assert seen(packed) == expected
    assert seen(pack_zip([("in", packed)])) == [(f"in!{path}", data) for path, data in expected]
    found = list(members(io.BytesIO(packed), name="o"))[1]
    assert isinstance(found, Member)
    assert (found.size, found.offset) == (size, None)


@settings(max_examples=150)
@given(
    form=st.sampled_from([*FORMS]),
    lengths=st.lists(st.tuples(st.integers(0, 3000), st.integers(1, 3000)), max_size=30),
    hole=st.integers(0, 5000),
    reads=st.lists(st.tuples(st.integers(0, 60_000), st.integers(0, 9000)), max_size=8),
    is_packed=st.booleans(),
)
def test_any_place_of_a_sparse_file_can_be_read(
    form: str, lengths: list[tuple[int, int]], hole: int, reads: list[tuple[int, int]], is_packed: bool
) -> None:
    segments: Segments = []
    end = 0
    for number, (gap, length) in enumerate(lengths):
        segments.append((end + gap, bytes([number + 1]) * length))
        end += gap + length
    size = end + hole
    content = _content(segments, size)
    stored = _sparse(form, "s", segments, size) + _plain("2", b"2") + END
    [sparse, last] = [
        read_all([found], stored)[0] if number else _check_reads(found, content, reads)
        for number, found in enumerate(members(io.BytesIO(gzip.compress(stored) if is_packed else stored), name="o"))
    ]
    assert (sparse, last) == (("s", content), ("2", b"2"))


def _check_reads(
    found: Member | MemberFault, content: bytes, reads: list[tuple[int, int]]
) -> tuple[str | None, bytes | FailureCode]:
    assert isinstance(found, Member)
    for place, length in reads:
        found.file.seek(place)
        assert found.file.read(length) == content[place : place + length]
    found.file.seek(0)
    return found.path, found.file.read()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_with_holes_is_read(form: str, kind: str) -> None:
    inner = KINDS[kind]([("a", some_data(1)), ("b", some_data(2))])
    half = len(inner) // 2 // 512 * 512
    segments = [(0, inner[:half]), (half, inner[half:])]
    stored = _sparse(form, "in", segments, len(inner)) + _plain("2", b"2") + END
    assert seen(stored) == [("in!a", some_data(1)), ("in!b", some_data(2)), ("2", b"2")]


BROKEN: dict[str, tuple[Map, int]] = {
    "overlapping": ([(0, 900), (800, 100)], 2000),
    "descending": ([(1000, 500), (0, 500)], 2000),
    "beyond the file": ([(0, 500), (1900, 500)], 2000),
    "more than is stored": ([(0, 1500), (4000, 90_000)], 100_000),
    "less than is stored": ([(0, 500)], 2000),
}


@pytest.mark.parametrize(("form", "kind"), list(product(FORMS, BROKEN)))
def test_a_map_that_cannot_be_costs_its_member(form: str, kind: str) -> None:
    pairs, size = BROKEN[kind]
    stored = FORMS[form]("s", b"x" * 1000, pairs, size) + _plain("2", b"2") + END
    assert seen(stored) == [("s", FailureCode.CORRUPT_ARCHIVE), ("2", b"2")]
    assert seen(gzip.compress(stored)) == [("s", FailureCode.CORRUPT_ARCHIVE), ("2", b"2")]


@pytest.mark.parametrize("form", ["pax 0.0", "pax 0.1", "pax 1.0"])
def test_negative_numbers_in_a_map_cost_the_member(form: str) -> None:
    for pairs in ([(0, -500), (600, 500)], [(-5, 500)]):
        stored = FORMS[form]("s", b"x" * 1000, pairs, 2000) + _plain("2", b"2") + END
        assert FailureCode.CORRUPT_ARCHIVE in dict(seen(stored)).values()
        assert seen(stored)[-2:].count(("2", b"2")) == 1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [1 << 34, (1 << 63) + 1, 10**30])
def test_a_hole_counts_as_inflated_however_large_it_says_it_is(form: str, size: int) -> None:
    if form == "gnu" and size >= 1 << 34:
        size = (1 << 33) - 1  # what its digits hold
    stored = _sparse(form, "s", [(0, b"x" * 1000)], size) + _plain("2", b"2") + END
    found = members(io.BytesIO(stored), name="o", limits=Limits(excess_bytes=1 << 20))
    first = next(found)
    if isinstance(first, MemberFault):
        assert size > 1 << 63
        assert first.fault.code is FailureCode.CORRUPT_ARCHIVE
        return
    taken = 0
    with pytest.raises(Exception, match="ARCHIVE_LIMIT"):
        while data := first.file.read(1 << 20):
            taken += len(data)
    assert taken <= (1 << 20) + 1100 * 1000
    [last] = found
    assert isinstance(last, MemberFault)
    assert last.fault.code is FailureCode.ARCHIVE_LIMIT


def test_a_damaged_tar_in_a_hole_ends_the_search_for_members_at_the_limit() -> None:
    first = bytearray(_plain("a", b""))
    first[0] ^= 0xFF
    stored = _sparse("gnu", "in", [(0, bytes(first))], (1 << 33) - 1) + _plain("2", b"2") + END
    found = seen(stored, excess_bytes=1 << 20)
    assert found == [(None, FailureCode.ARCHIVE_LIMIT)]


def test_the_header_of_a_sparse_file_costs_no_reading_of_its_hole() -> None:
    stored = _sparse("gnu", "s", [(0, some_data(1, 200_000))], (1 << 33) - 1) + END
    reader = Counting(lambda start, size: stored[start : start + size], len(stored))
    found = members(reader, name="o")
    member = next(found)
    assert isinstance(member, Member)
    member.file.seek(1 << 32)
    assert member.file.read(64) == bytes(64)
    member.file.seek(0)
    assert member.file.read(1000) == some_data(1, 200_000)[:1000]
    assert reader.bytes_read < 10_000
    assert not list(found)


@pytest.mark.parametrize("form", ["gnu", "pax 1.0"])
def test_a_map_larger_than_any_header_is_damage_in_bounded_memory(form: str) -> None:
    if form == "gnu":
        more = (_numbers([(0, 0)] * 21) + b"\1").ljust(512, b"\0")
        tail = bytes(41) + bytes(96) + b"\1" + b"%011o\0" % 10
        stored = _header("s", tarfile.GNUTYPE_SPARSE, 0, tail) + more * 9000
    else:
        content = b"99999999\n" + b"0\n" * 4_000_000
        records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "10")]
        stored = _pax(records) + _header("s", tarfile.REGTYPE, len(content)) + _block(content)
    stored += _plain("2", b"2") + END
    reader = Counting(lambda start, size: stored[start : start + size], len(stored))
    found = iter(members(reader, name="o"))
    assert isinstance(second := next(found), Member)
    assert second.path == "2"
    assert [fault.fault.code for fault in found if isinstance(fault, MemberFault)] == [FailureCode.CORRUPT_ARCHIVE]


def test_a_sparse_file_of_two_sizes_is_damage_that_is_named() -> None:
    records = [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.realsize", "9000"), ("size", "1512")]
    content = _block(b"1\n0\n1000\n") + b"x" * 1000
    stored = _pax(records) + _header("s", tarfile.REGTYPE, 0) + _block(content) + _plain("2", b"2") + END
    assert seen(stored) == [("2", b"2"), (None, FailureCode.CORRUPT_ARCHIVE)]


@pytest.mark.parametrize("pack", [None, *SINGLE])
@pytest.mark.parametrize("count", [1, 3])
def test_a_tar_with_nothing_but_global_headers_is_empty(count: int, pack: str | None) -> None:
    stored = _pax([("comment", "0123456789abcdef")], tarfile.XGLTYPE) * count + END
    for padding in (b"", bytes(512 * 17)):
        packed = SINGLE[pack](stored + padding) if pack else stored + padding
        assert seen(packed) == [(None, FailureCode.EMPTY_ARCHIVE)]
        assert seen(pack_zip([("in", packed)])) == [("in", FailureCode.EMPTY_ARCHIVE)]


def test_a_global_header_behind_the_last_file_is_no_damage_and_before_another_tar_none_either() -> None:
    header = _pax([("comment", "x")], tarfile.XGLTYPE)
    assert seen(_plain("1", b"1") + header + END) == [("1", b"1")]
    assert seen(header + END + _plain("2", b"2") + END) == [("2", b"2")]
    assert seen(header + _plain("1", b"1") + END) == [("1", b"1")]


def test_a_tar_that_ends_within_or_behind_a_header_is_damaged() -> None:
    for kind in (tarfile.XGLTYPE, tarfile.XHDTYPE):
        header = _pax([("comment", "x")], kind)
        for cut in (512, 700, 1024):
            assert seen(header[:cut]) == [(None, FailureCode.CORRUPT_ARCHIVE)]
    assert seen(_pax([("comment", "x")]) + END) == [(None, FailureCode.CORRUPT_ARCHIVE)]
