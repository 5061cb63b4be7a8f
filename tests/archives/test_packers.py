"""Packers and disc images that aren't read are faults with a name; no DICOM file is taken for one."""

from __future__ import annotations

import gzip
import io
import struct
from datetime import datetime
from functools import cache
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.data import get_testdata_files
from pydicom.datadict import DicomDictionary

from dicom_udf.archives import Member, MemberFault, members
from dicom_udf.archives.formats import FORMATS
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.detect import detect_first_element
from dicom_udf.header.window import Window
from dicom_udf.read import read_item
from dicom_udf.sources import ObjectRef, S3Access, open_ahead, open_store
from dicom_udf.tasks import Item, ReadSettings, Stamp
from tests.archives.packers import DMGS, PACKED
from tests.archives.packing import KINDS, SINGLE, pack_tar, pack_zip, seen, some_data

UNSUPPORTED = FailureCode.UNSUPPORTED_COMPRESSION


@pytest.mark.parametrize("kind", PACKED)
def test_a_packer_that_is_not_read_is_a_fault_with_its_name(kind: str) -> None:
    name, stored = PACKED[kind]
    [fault] = members(io.BytesIO(stored), name="s3://b/a.bin")
    assert isinstance(fault, MemberFault)
    assert (fault.path, fault.fault.code) == (None, UNSUPPORTED)
    assert name in fault.fault.message


@pytest.mark.parametrize("outer", KINDS)
def test_packers_inside_an_archive_are_faults_of_their_own(outer: str) -> None:
    files = [(f"{number}", stored) for number, (_, stored) in enumerate(PACKED.values())]
    expected = [(path, UNSUPPORTED) for path, _ in files]
    assert seen(KINDS[outer]([*files, ("z", some_data(1))])) == [*expected, ("z", some_data(1))]


@pytest.mark.parametrize("ending", SINGLE)
def test_a_compressed_packer_is_a_fault(ending: str) -> None:
    for _, stored in PACKED.values():
        assert seen(SINGLE[ending](stored), f"a.{ending}") == [("a", UNSUPPORTED)]


@pytest.mark.parametrize("kind", DMGS)
@pytest.mark.parametrize("name", ["s3://b/a.dmg", "A.DMG"])
def test_a_dmg_is_a_fault_under_its_name_however_it_begins(kind: str, name: str) -> None:
    [fault] = members(io.BytesIO(DMGS[kind]), name=name)
    assert isinstance(fault, MemberFault)
    assert fault.fault.code is UNSUPPORTED
    assert "dmg" in fault.fault.message


@pytest.mark.parametrize("outer", KINDS)
def test_a_dmg_inside_an_archive_is_a_fault(outer: str) -> None:
    files = [(f"{kind}.dmg", stored) for kind, stored in DMGS.items()]
    expected = [(path, UNSUPPORTED) for path, _ in files]
    assert seen(KINDS[outer]([*files, ("z", some_data(1))])) == [*expected, ("z", some_data(1))]


def test_the_end_of_a_dmg_is_looked_at_only_under_its_name_and_the_name_alone_is_nothing() -> None:
    assert seen(DMGS["raw"], "a.img") == [(None, DMGS["raw"])]
    for stored in (b"", b"text", bytes(600), b"koly " * 200, DMGS["raw"][:-1]):
        assert seen(stored, "a.dmg") == [(None, stored)]
        assert seen(pack_tar([("a.dmg", stored)])) == [("a.dmg", stored)]


def test_a_dmg_that_is_cut_or_damaged_is_read_as_far_as_it_goes() -> None:
    stored = gzip.compress(some_data(3, 90_000)[132:])
    found = seen(stored[:40_000], "a.dmg.gz")
    assert found == [("a.dmg", found[0][1])]
    assert isinstance(found[0][1], bytes)


TEXTS = {
    "a list of numbers": b"070701, 12, 070702, 3\n" * 40,
    "a date": b"07070107 and 070707\n" * 40,
    "a sentence": b"MSCF is a cab file, LZIP a packer\n" * 40,
    "a packer's name": b"LZIP files end in .lz\n" * 40,
    "a method of LHA": b"a -lh5- is a method of LHA, as everybody can see here\n" * 20,
    "another method": b"ab-lh5- is a method of LHA, as everybody can see here\n" * 20,
    "Korean in backticks": "`가나다` 나다`\n".encode() * 40,
    "small numbers": struct.pack("<99L", 5, 1, 0, *range(96)),
    "other numbers": struct.pack("<99L", 93, 1, 512, 512, *range(95)),
    "a binary cpio's magic": struct.pack("<13H", 0o070707, *range(12)) + b"no name at all",
    "a cpio of no type": struct.pack("<13H", 0o070707, 1, 2, 0o644, 0, 0, 1, 0, 0, 0, 6, 0, 9) + b"1.dcm\0" + bytes(99),
    "a cpio whose name goes on": struct.pack("<13H", 0o070707, 1, 2, 0o100644, 0, 0, 1, 0, 0, 0, 6, 0, 9) + b"x" * 99,
    "a cpio's magic alone": b"\xc7\x71",
    "LZMA of a dictionary that nobody writes": struct.pack("<BLQ", 0x5D, 4097, (1 << 64) - 1) + bytes(99),
    "LZMA of properties that there aren't": struct.pack("<BLQ", 225, 4096, (1 << 64) - 1) + bytes(99),
    "LZMA with lc + lp of 5": struct.pack("<BLQ", 9 + 4, 4096, (1 << 64) - 1) + bytes(99),
    "LZMA of 256 GiB": struct.pack("<BLQ", 0x5D, 4096, 1 << 38) + bytes(99),
    "LZMA whose coder doesn't begin with 0": struct.pack("<BLQ", 0x5D, 4096, (1 << 64) - 1) + b"\1" + bytes(99),
    "LZMA's header alone": struct.pack("<BLQ", 0x5D, 4096, (1 << 64) - 1),
    "CD001 one byte late": bytes(32770) + b"CD001" + bytes(4000),
    "CD001 cut": bytes(32769) + b"CD00",
    "zeros": bytes(40_000),
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_only_begins_alike_is_a_file(text: str) -> None:
    assert seen(TEXTS[text]) == [(None, TEXTS[text])]
    assert seen(pack_zip([("a", TEXTS[text])])) == [("a", TEXTS[text])]


@pytest.mark.parametrize("kind", PACKED)
def test_a_dicom_file_with_anything_in_its_preamble_is_one(kind: str) -> None:
    stored = bytearray(PACKED[kind][1].ljust(512, b"\0"))
    stored[128:132] = b"DICM"
    stored += DMGS["trailer only"]
    assert seen(bytes(stored), "a.dmg") == [(None, bytes(stored))]


def test_no_magic_can_be_the_tag_of_a_first_data_element() -> None:
    for kind in FORMATS:
        for magic in kind.magics:
            groups = [int.from_bytes(magic[:2], "little"), int.from_bytes(magic[:2], "big")]
            assert min(groups) > 0x28, kind


TAGS = [tag for tag in DicomDictionary if 0x0001 <= tag >> 16 <= 0x0028 and tag >> 16 != 2]


def _element(tag: int, *, is_explicit: bool, order: str, value: bytes) -> bytes:
    """Return an element with a VR of a short length, or none."""
    head = struct.pack(f"{order}2H", tag >> 16, tag & 0xFFFF)
    if is_explicit:
        return head + b"LO" + struct.pack(f"{order}H", len(value)) + value
    return head + struct.pack(f"{order}L", len(value)) + value


def _is_dicom(stored: bytes) -> bool:
    try:
        detect_first_element(Window(io.BytesIO(stored)))
    except FileFault:
        return False
    return True


@settings(max_examples=400)
@given(
    tags=st.lists(st.sampled_from(TAGS), min_size=2, max_size=2, unique=True).map(sorted),
    is_explicit=st.booleans(),
    order=st.sampled_from("<>"),
    values=st.tuples(st.binary(max_size=40), st.binary(max_size=40)),
    prefix=st.sampled_from([b"", b"DICM", bytes(128), b"\xff" * 128]),
    packer=st.sampled_from([stored for _, stored in PACKED.values() if len(stored) > 32 << 10]),
)
def test_a_file_without_preamble_is_no_packer_whatever_stands_in_it(
    tags: list[int],
    is_explicit: bool,
    order: str,
    values: tuple[bytes, bytes],
    prefix: bytes,
    packer: bytes,
) -> None:
    elements = (
        _element(tag, is_explicit=is_explicit, order=order, value=value)
        for tag, value in zip(tags, values, strict=True)
    )
    head = prefix + b"".join(elements)
    stored = head + packer[len(head) :] + DMGS["trailer only"]
    assert _is_dicom(stored) or prefix == b"\xff" * 128
    assert seen(stored, "a.dmg") == [(None, stored)]


@settings(max_examples=600)
@given(
    kind=st.sampled_from([*PACKED]),
    changes=st.lists(st.tuples(st.integers(0, 30), st.sampled_from([0, 1, 2, 4, 8, 0x10, 0x28, 0x41, 0x53, 255]))),
)
@example(kind="iso, no more", changes=[(8, 1), (12, 8), (24, 2)])
@example(kind="udf BEA01", changes=[(3, 0x10), (16, 2), (24, 0x53)])
@example(kind="iso, boot code ", changes=[(2, 0x41), (17, 4), (23, 1), (25, 8)])
def test_whatever_the_reader_of_headers_takes_for_dicom_is_no_packer(kind: str, changes: list[tuple[int, int]]) -> None:
    stored = bytearray(PACKED[kind][1])
    for place, value in changes:
        stored[place] = value
    [found] = members(io.BytesIO(bytes(stored)), name="a")
    if _is_dicom(bytes(stored)):
        assert isinstance(found, Member)


@cache
def _wheel() -> list[bytes]:
    paths = [Path(path) for path in get_testdata_files()]
    return [path.read_bytes() for path in paths if path.is_file() and path.stat().st_size < 5 << 20]


@pytest.mark.parametrize("cut", [0, 4, 128, 132])
def test_no_file_of_the_wheel_is_a_packer_with_or_without_its_preamble(cut: int) -> None:
    found = 0
    for stored in _wheel():
        if stored[128:132] == b"DICM" and _is_dicom(stored[cut:]):
            [member] = members(io.BytesIO(stored[cut:]), name="a.dmg")
            assert isinstance(member, Member)
            found += 1
    assert found > (60 if cut != 4 else 0)


@pytest.mark.parametrize("cut", [0, 132])
def test_no_data_set_of_the_wheel_without_its_meta_group_is_a_packer(cut: int) -> None:
    found = 0
    for stored in _wheel():
        if stored[128:132] != b"DICM" or stored[132:140] != b"\x02\0\0\0UL\x04\0":
            continue
        start = 144 + int.from_bytes(stored[140:144], "little")
        data = bytes(cut and 128) + stored[start:]
        if _is_dicom(data):
            [member] = members(io.BytesIO(data), name="a.dmg")
            assert isinstance(member, Member)
            found += 1
    assert found > 50


def _requests(path: Path) -> int:
    [ref] = [ObjectRef(*row.values()) for batch in open_store(str(path)).list() for row in batch.to_pylist()]
    [(item, opened)] = open_ahead([Item(ref)], S3Access())
    *_, last = read_item(item, opened, ReadSettings(Stamp("run", datetime(2026, 1, 1))))
    return int(last["requests"])


def test_a_look_for_a_disc_image_costs_no_request(tmp_path: Path) -> None:
    dicom = tmp_path / "a.dcm"
    dicom.write_bytes(next(stored for stored in _wheel() if len(stored) > 200_000 and stored[128:132] == b"DICM"))
    text = tmp_path / "text"
    text.write_bytes(b"no header " * 99_999)
    short = tmp_path / "short"
    short.write_bytes(b"no header")
    disc = tmp_path / "disc.iso"
    disc.write_bytes(PACKED["iso and udf"][1] + bytes(300_000))
    image = tmp_path / "disc.dmg"
    image.write_bytes(bytes(300_000) + DMGS["raw"])
    before = dict.fromkeys((dicom, text, short, disc), 1)
    assert {path: _requests(path) for path in before} == before
    assert _requests(image) == 2


def test_every_kind_that_is_not_read_has_an_example() -> None:
    named = {name for name, _ in PACKED.values()} | {"dmg"}
    missing = [kind for kind in FORMATS if not kind.is_read and not any(name in kind.name for name in named)]
    assert not missing
