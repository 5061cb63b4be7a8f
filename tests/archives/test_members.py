"""What comes out of an object, over kinds x compression x member count x nesting."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.archives import Limits, Member, MemberFault, members
from dicom_udf.errors import FailureCode, FileFault
from tests.archives.packing import IN_PLACE, KINDS, SINGLE, pack_tar, pack_zip, seen, some_data


@pytest.mark.parametrize(
    "data", [b"", b"x", bytes(5000), some_data(1), b"PK\x03\x04".ljust(128) + b"DICM", bytes(20_000)]
)
def test_what_is_no_archive_is_its_own_member(data: bytes) -> None:
    [member] = members(io.BytesIO(data), name="a.dcm")
    assert isinstance(member, Member)
    assert (member.path, member.size, member.offset, member.file.read()) == (None, len(data), 0, data)


@pytest.mark.parametrize(("kind", "count"), list(product(KINDS, [1, 2, 30])))
def test_every_kind_gives_its_files_in_order(kind: str, count: int) -> None:
    files = [(f"dir/{i}.dcm", some_data(i, 512 * (i % 3) + i)) for i in range(count)]
    assert seen(KINDS[kind](files)) == files


@pytest.mark.parametrize(("outer", "inner"), list(product(KINDS, KINDS)))
def test_an_archive_in_an_archive_is_read(outer: str, inner: str) -> None:
    files = [("a", some_data(1)), ("b", some_data(2))]
    stored = KINDS[outer]([("x", some_data(0)), ("in", KINDS[inner](files)), ("y", some_data(3))])
    assert seen(stored) == [("x", some_data(0)), *((f"in!{name}", data) for name, data in files), ("y", some_data(3))]


@pytest.mark.parametrize("kind", KINDS)
def test_the_third_depth_is_read_and_the_fourth_is_not(kind: str) -> None:
    deep = KINDS[kind]([("f", some_data(1))])
    for _ in range(2):
        deep = KINDS[kind]([("n", deep)])
    assert seen(deep) == [("n!n!f", some_data(1))]
    assert seen(KINDS[kind]([("n", deep), ("z", some_data(2))])) == [
        ("n!n!n", FailureCode.NESTING_TOO_DEEP),
        ("z", some_data(2)),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_members_say_their_size_and_where_they_are_stored(kind: str) -> None:
    for member in members(io.BytesIO(KINDS[kind]([("a", some_data(1)), ("b", b"")])), name="o"):
        assert isinstance(member, Member)
        assert member.size == len(some_data(1)) * (member.path == "a")
        assert (member.offset is not None) == (kind in IN_PLACE)


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_seekable_and_need_not_be_read(kind: str) -> None:
    data = some_data(1, 200_000)
    found = 0
    for member in members(io.BytesIO(KINDS[kind]([("skipped", data), ("a", data), ("b", data)])), name="o"):
        assert isinstance(member, Member)
        found += 1
        if member.path == "skipped":
            continue
        file = member.file
        for position in (150_000, 10, 150_000, 0, 199_000):
            file.seek(position)
            assert file.read(100) == data[position : position + 100]
            assert file.tell() == position + 100
        assert file.seek(-5, io.SEEK_END) == len(data) - 5
        assert file.read() == data[-5:]
    assert found == 3


@pytest.mark.parametrize("kind", KINDS)
def test_members_are_files_for_whoever_reads_files(kind: str) -> None:
    data = some_data(1, 100_000)
    for member in members(io.BytesIO(KINDS[kind]([("a", data)])), name="o"):
        assert isinstance(member, Member)
        assert member.file.readable() and member.file.seekable()
        buffer = bytearray(100)
        member.file.seek(90_000)
        assert member.file.readinto(buffer) == 100
        assert bytes(buffer) == data[90_000:90_100]
        with pytest.raises(OSError, match="before the first byte"):
            member.file.seek(-1)
        member.file.seek(5)
        assert member.file.readall() == data[5:]
        member.file.seek(2, io.SEEK_CUR)
        assert member.file.read() == b""


@pytest.mark.parametrize(("ending", "data"), list(product(SINGLE, [b"", b"x", some_data(1), some_data(2, 300_000)])))
def test_a_single_compressed_file_has_its_name_without_the_ending(ending: str, data: bytes) -> None:
    assert seen(SINGLE[ending](data), f"s3://b/dir/a.dcm.{ending}") == [("a.dcm", data)]
    assert seen(SINGLE[ending](data) * 2, f"a.{ending.upper()}") == [("a", data * 2)]
    assert seen(SINGLE[ending](data) + bytes(8), "a") == [("a", data)]


@pytest.mark.parametrize(
    ("name", "path"),
    [("a!b", "a%21b"),
     ("a#2", "a%232"), ("50%", "50%25"), ("../../etc", "../../etc"), ("/abs", "/abs"), ("a\\b", "a\\b"),
     ("é日本", "é日本"), ("x" * 300, "x" * 300)],
)  # fmt: skip
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tar-ustar"])
def test_names_are_escaped(kind: str, name: str, path: str) -> None:
    assert seen(KINDS[kind]([(name, b"1")])) == [(path, b"1")]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", KINDS)
def test_the_second_of_two_equal_names_is_numbered(kind: str) -> None:
    files = [("a", b"1"), ("a#2", b"2"), ("a", b"3"), ("a", b"4")]
    assert [path for path, _ in seen(KINDS[kind](files))] == ["a", "a%232", "a#2", "a#3"]


@pytest.mark.parametrize(("raw", "name"), [("é".encode(), "é"), (b"\x82", "é")])
def test_names_without_a_flag_are_utf8_or_cp437(raw: bytes, name: str) -> None:
    stored = pack_zip([("z" * len(raw), b"1")]).replace(b"z" * len(raw), raw)
    assert seen(stored) == [(name, b"1")]
    tar = bytearray(pack_tar([("z" * len(raw), b"1")], tarfile.USTAR_FORMAT))
    tar[: len(raw)] = raw
    tar[148:156] = b" " * 8
    tar[148:156] = b"%06o\0 " % sum(tar[:512])
    assert seen(bytes(tar)) == [(name, b"1")]


@pytest.mark.parametrize("kind", KINDS)
def test_an_archive_without_files_is_empty(kind: str) -> None:
    assert seen(KINDS[kind]([])) == [(None, FailureCode.EMPTY_ARCHIVE)]
    assert seen(KINDS[kind]([("__MACOSX/._a", b"1")])) == [(None, FailureCode.EMPTY_ARCHIVE)]
    assert seen(pack_zip([("in", KINDS[kind]([]))])) == [("in", FailureCode.EMPTY_ARCHIVE)]


def test_links_devices_and_folders_are_no_files() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for number, kind in enumerate(b"123456"):
            info = tarfile.TarInfo(str(number))
            info.type, info.linkname = bytes([kind]), "a"
            archive.addfile(info)
        archive.addfile(tarfile.TarInfo("a"))
    assert seen(out.getvalue()) == [("a", b"")]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, 0o120777 << 16
        zipped.writestr(link, "a")
        zipped.writestr("folder/", "")
        zipped.writestr("a", "")
    assert seen(out.getvalue()) == [("a", b"")]


MAGIC = [b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\0", b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\x1f\x9d\x90"]


@pytest.mark.parametrize("magic", MAGIC)
def test_formats_that_are_not_read_are_named(magic: bytes) -> None:
    assert seen(magic + bytes(99)) == [(None, FailureCode.UNSUPPORTED_COMPRESSION)]
    assert seen(pack_zip([("a", magic)])) == [("a", FailureCode.UNSUPPORTED_COMPRESSION)]


def _patched(stored: bytes, *, flags: int | None = None, method: int | None = None) -> bytes:
    """Change the first member's flags or method in its local and its central header."""
    out = bytearray(stored)
    for start in (out.index(b"PK\x03\x04") + 6, out.index(b"PK\x01\x02") + 8):
        if flags is not None:
            struct.pack_into("<H", out, start, flags)
        if method is not None:
            struct.pack_into("<H", out, start + 2, method)
    return bytes(out)


@pytest.mark.parametrize("kind", ["zip-stored", "zip-deflate"])
def test_a_zip_member_that_cannot_be_read_costs_itself(kind: str) -> None:
    stored = KINDS[kind]([("a", some_data(1)), ("b", some_data(2))])
    rest = ("b", some_data(2))
    assert seen(_patched(stored, flags=1)) == [("a", FailureCode.ENCRYPTED_ARCHIVE), rest]
    assert seen(_patched(stored, method=9)) == [("a", FailureCode.UNSUPPORTED_COMPRESSION), rest]
    assert seen(b"PK\x03\x04" + bytes(10) + stored[14:])[1] == rest
    assert seen(b"PK\x03\x04" + stored[4:].replace(b"PK\x03\x04", b"XXXX", 1))[1] == ("b", FailureCode.CORRUPT_ARCHIVE)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.startswith("tar")])
def test_a_cut_tar_keeps_the_files_before_the_cut(kind: str) -> None:
    stored = KINDS[kind]([(str(i), some_data(i, 400_000)) for i in range(6)])
    found = seen(stored[: len(stored) // 2])
    assert found[-1] == (None, FailureCode.CORRUPT_ARCHIVE)
    assert found[:1] == [("0", some_data(0, 400_000))] or kind == "tar.bz2"
    nested = seen(pack_tar([("in", stored[: len(stored) // 2]), ("z", b"1")]))
    assert nested[-2:] == [("in", FailureCode.CORRUPT_ARCHIVE), ("z", b"1")]


def test_a_damaged_tar_header_is_damage_not_the_end() -> None:
    stored = bytearray(pack_tar([(str(i), b"1") for i in range(3)], tarfile.USTAR_FORMAT))
    stored[1024:1030] = b"damage"
    assert seen(bytes(stored)) == [("0", b"1"), ("2", b"1"), (None, FailureCode.CORRUPT_ARCHIVE)]


def test_a_zip_without_directory_is_corrupt() -> None:
    assert seen(pack_zip([("a", some_data(1))])[:1000]) == [
        ("a", some_data(1)[:969]),
        (None, FailureCode.CORRUPT_ARCHIVE),
    ]
    assert seen(b"PK\x03\x04" + bytes(999)) == [(None, FailureCode.CORRUPT_ARCHIVE)]


LIMIT = (None, FailureCode.ARCHIVE_LIMIT)


@pytest.mark.parametrize("kind", KINDS)
def test_over_a_limit_the_rest_is_not_read(kind: str) -> None:
    files = [(str(i), some_data(i)) for i in range(5)]
    assert seen(KINDS[kind](files), members=3) == [*files[:3], LIMIT]
    assert seen(pack_zip([("in", KINDS[kind](files))]), members=3)[-1] == LIMIT
    if kind not in IN_PLACE:
        assert seen(KINDS[kind](files), inflated_bytes=7000)[-1] == LIMIT
        assert seen(KINDS[kind](files), nested_bytes=2000)[-1] == LIMIT
    if kind not in IN_PLACE:
        assert seen(KINDS[kind]([("a", b"a" * (3 << 20))]), ratio=50, excess_bytes=1 << 20)[-1] == LIMIT


def test_faults_of_the_store_pass_untouched() -> None:
    fault = FileFault(FailureCode.READ_ERROR, "gone")

    class Failing(io.BytesIO):
        left = 3

        def read(self, size: int | None = -1, /) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise fault
            return super().read(size)

    for kind, make in KINDS.items():
        with pytest.raises(FileFault) as raised:
            for member in members(Failing(make([(str(i), some_data(i, 99_000)) for i in range(9)])), name=kind):
                assert isinstance(member, Member)
                member.file.read()
        assert raised.value is fault


STORED = [make([(str(i), some_data(i, 700)) for i in range(3)]) for make in KINDS.values()]
STORED += [pack(some_data(1)) for pack in SINGLE.values()] + [pack_zip([("in", data)]) for data in STORED[1:8:3]]


@settings(max_examples=600)
@given(
    stored=st.sampled_from(STORED),
    changes=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=8),
    cut=st.floats(0, 1),
    removed=st.tuples(st.floats(0, 1), st.integers(0, 600)),
)
def test_no_damage_ends_in_another_exception(
    stored: bytes, changes: list[tuple[float, int]], cut: float, removed: tuple[float, int]
) -> None:
    out = bytearray(stored)
    for place, value in changes:
        out[int(place * len(out))] = value
    if removed[1] % 3 == 0:
        start = int(removed[0] * len(out))
        del out[start : start + removed[1]]
    if cut < 0.5:
        del out[int(cut * 2 * len(out)) :]
    for member in members(io.BytesIO(bytes(out)), name="o", limits=Limits(inflated_bytes=1 << 26)):
        assert isinstance(member, Member | MemberFault)
        if isinstance(member, Member):
            try:
                member.file.read()
                member.file.seek(0)
                member.file.read(200)
            except FileFault as fault:
                assert fault.code in (FailureCode.CORRUPT_ARCHIVE, FailureCode.ARCHIVE_LIMIT)
