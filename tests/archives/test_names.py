"""Names that an archive marks as UTF-8 are; the others are in the encoding of the setting, never in a guessed one."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.archives import Limits, members, split_zip
from dicom_udf.archives.directory import unicode_name
from dicom_udf.archives.names import NameEncoding, decode_name, escape_name
from tests.archives.packing import KINDS, Seen, pack_tar, pack_zip, read_all, seen

JAPANESE = ["患者/画像1.dcm", "表", "ﾃｽﾄ.dcm", "ソ能予/十.dcm", "①.dcm"]
CHINESE = ["患者/图像1.dcm", "测试.dcm", "鎵.dcm", "㐀.dcm"]
ENCODED = [("shift_jis", "cp932", name) for name in JAPANESE] + [("gbk", "gb18030", name) for name in CHINESE]


def _field(name: bytes, text: bytes, *, version: int = 1, crc: int | None = None) -> bytes:
    """Return a Unicode Path extra field for a header's name."""
    data = struct.pack("<BL", version, zlib.crc32(name) if crc is None else crc) + text
    return struct.pack("<2H", 0x7075, len(data)) + data


def _zip(names: list[tuple[bytes, bytes, int]]) -> bytes:
    """Return a zip of entries of a raw name, extra fields, and flags."""
    out, directory = b"", b""
    for raw, extra, flags in names:
        fields = struct.pack("<4H3L2H", flags, 0, 0, 33, zlib.crc32(b"1"), 1, 1, len(raw), len(extra))
        directory += b"PK\x01\x02\x14\0\x14\0" + fields + struct.pack("<3H2L", 0, 0, 0, 0, len(out)) + raw + extra
        out += b"PK\x03\x04\x14\0" + fields + raw + extra + b"1"
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, len(names), len(names), len(directory), len(out), 0)
    return out + directory + end


def _tar(raw: bytes, form: int = tarfile.USTAR_FORMAT) -> bytes:
    out = io.BytesIO()
    info = tarfile.TarInfo(raw.decode("utf-8", "surrogateescape"))
    info.size = 1
    with tarfile.open(fileobj=out, mode="w", format=form, encoding="utf-8", errors="surrogateescape") as archive:
        archive.addfile(info, io.BytesIO(b"1"))
    return out.getvalue()


def _by_ranges(stored: bytes, encoding: NameEncoding) -> Seen:
    limits = Limits(names=encoding)
    ranges = split_zip(io.BytesIO(stored), members=1, packed_bytes=1 << 40, limits=limits)
    found = (members(io.BytesIO(stored), name="o", limits=limits, zip_range=part) for part in ranges)
    return read_all(chain.from_iterable(found), stored)


@pytest.mark.parametrize("encoding", ["auto", "shift_jis", "gbk"])
@pytest.mark.parametrize("raw", [b"1.dcm", "患者.dcm".encode("cp932"), b"\x82\xff.dcm", b"a/b\\c.dcm"])
def test_a_unicode_path_field_whose_crc_fits_is_the_name(raw: bytes, encoding: NameEncoding) -> None:
    name = "患者/画像é.dcm"
    stored = _zip([(raw, struct.pack("<2H", 0x5455, 1) + b"\0" + _field(raw, name.encode()), 0), (b"b", b"", 0)])
    assert seen(stored, names=encoding) == [(name, b"1"), ("b", b"1")]
    assert _by_ranges(stored, encoding) == [(name, b"1"), ("b", b"1")]
    without_directory = stored[: stored.index(b"PK\x01\x02")]
    assert seen(without_directory, names=encoding)[:2] == [(name, b"1"), ("b", b"1")]


@pytest.mark.parametrize(
    "extra",
    [
        _field(b"1.dcm", "ü".encode(), crc=7),
        _field(b"2.dcm", "ü".encode()),
        _field(b"1.dcm", "ü".encode(), version=2),
        _field(b"1.dcm", b""),
        _field(b"1.dcm", b"\xff"),
        _field(b"1.dcm", "ü".encode())[:7],
        _field(b"1.dcm", "ü".encode())[:2],
        b"\x75\x70",
        struct.pack("<2H", 0x9999, 4) + b"\x75\x70\x01\x00",
        b"",
    ],
)
def test_a_unicode_path_field_that_does_not_fit_is_passed_over(extra: bytes) -> None:
    assert seen(_zip([(b"1.dcm", extra, 0)])) == [("1.dcm", b"1")]


@given(st.binary(max_size=40), st.binary(max_size=10))
def test_no_extra_field_is_more_than_a_name_or_none(extra: bytes, name: bytes) -> None:
    for whole in (extra, b"\x75\x70" + extra, extra + _field(name, b"\xc3\xa9")):
        found = unicode_name(whole, name)
        assert found is None or found.decode("utf-8")


@pytest.mark.parametrize(("encoding", "codec", "name"), ENCODED)
def test_a_name_without_a_mark_is_in_the_encoding_that_is_set(encoding: NameEncoding, codec: str, name: str) -> None:
    raw = name.encode(codec)
    stored = _zip([(raw, b"", 0), (b"b", b"", 0)])
    expected = [(name, b"1"), ("b", b"1")]
    assert seen(stored, names=encoding) == expected
    assert seen(stored[: stored.index(b"PK\x01\x02")], names=encoding)[:2] == expected
    assert _by_ranges(stored, encoding) == expected
    assert seen(_tar(raw), names=encoding) == expected[:1]
    assert seen(_tar(raw, tarfile.GNU_FORMAT), names=encoding) == expected[:1]
    assert seen(pack_zip([("in", stored)]), names=encoding) == [(f"in!{path}", data) for path, data in expected]


@pytest.mark.parametrize(("encoding", "codec", "name"), ENCODED)
def test_no_encoding_is_guessed(encoding: NameEncoding, codec: str, name: str) -> None:
    raw = name.encode(codec)
    try:
        expected = raw.decode("utf-8")
    except UnicodeDecodeError:
        expected = raw.decode("cp437")
    assert seen(_zip([(raw, b"", 0)])) == [(escape_name(expected), b"1")]


@pytest.mark.parametrize("encoding", ["auto", "shift_jis", "gbk"])
@pytest.mark.parametrize("name", ["é.dcm", "患者.dcm", "ﾂｱ"])
def test_a_name_with_a_mark_is_utf8_whatever_is_set(name: str, encoding: NameEncoding) -> None:
    assert seen(_zip([(name.encode(), b"", 0x800)]), names=encoding) == [(name, b"1")]
    assert seen(pack_zip([(name, b"1")]), names=encoding) == [(name, b"1")]  # zipfile sets the flag
    assert seen(pack_tar([(name, b"1")]), names=encoding) == [(name, b"1")]  # in a pax header


def test_a_pax_header_that_is_not_utf8_says_so() -> None:
    raw = "患者.dcm".encode("cp932")
    record = b"hdrcharset=BINARY\n"
    path = b"path=" + raw + b"\n"
    data = b"".join(b"%d %s" % (len(part) + 3, part) for part in (record, path))
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, len(data)
    stored = header.tobuf(tarfile.USTAR_FORMAT) + data.ljust(512, b"\0") + _tar(b"1.dcm")
    assert seen(stored, names="shift_jis") == [("患者.dcm", b"1")]


@pytest.mark.parametrize("raw", [b"\x82\x20.dcm", b"\x82", "é".encode() + b"\x81"])
def test_a_name_that_is_not_valid_in_the_encoding_is_read_as_by_auto(raw: bytes) -> None:
    for encoding in ("shift_jis", "gbk"):
        assert seen(_zip([(raw, b"", 0)]), names=encoding) == [(decode_name(raw), b"1")]


@pytest.mark.parametrize("encoding", ["auto", "shift_jis", "gbk"])
@given(raw=st.binary(min_size=1, max_size=12))
def test_every_name_has_a_text(encoding: NameEncoding, raw: bytes) -> None:
    assert decode_name(raw, encoding)


@pytest.mark.parametrize("encoding", ["auto", "shift_jis"])
def test_a_file_whose_name_ends_in_the_byte_of_a_backslash_is_a_file(encoding: NameEncoding) -> None:
    raw = "表".encode("cp932")
    assert raw.endswith(b"\\")
    assert [data for _, data in seen(_zip([(raw, b"", 0)]), names=encoding)] == [b"1"]
    assert _by_ranges(_zip([(raw, b"", 0), (b"b", b"", 0)]), encoding)[0][1] == b"1"


@settings(max_examples=60)
@given(
    names=st.lists(st.sampled_from([*JAPANESE, "a", "a\\"]), min_size=2, max_size=6),
    encoding=st.sampled_from(["auto", "shift_jis", "gbk"]),
)
def test_the_ranges_of_a_zip_give_the_names_of_the_whole(names: list[str], encoding: NameEncoding) -> None:
    stored = _zip([(name.encode("cp932"), b"", 0) for name in names])
    assert _by_ranges(stored, encoding) == seen(stored, names=encoding)


# --- folders


def _entry(name: str, attributes: int, data: bytes = b"", system: int = 0) -> tuple[zipfile.ZipInfo, bytes]:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = system, attributes
    return info, data


def _pack(entries: list[tuple[zipfile.ZipInfo, bytes]], method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for info, data in entries:
            info.compress_type = method
            archive.writestr(info, data)
    return out.getvalue()


FOLDERS = [
    _entry("STUDY", 0x10),
    _entry("STUDY/SERIES", 0x30),
    _entry("NTFS", 0x10, system=10),
    _entry("UNIX", 0o755 << 16 | 0x10, system=3),
    _entry("windows\\", 0),
    _entry("STUDY_$folder$", 0),
    _entry("STUDY/deep_$folder$", 0o100644 << 16, system=3),
    _entry("slash/", 0),
]
FILES = [
    _entry("archive bit", 0x20),
    _entry("filled", 0x10, b"1"),
    _entry("filled_$folder$", 0, b"1"),
    _entry("filled\\", 0, b"1"),
    _entry("_$folder$ elsewhere", 0),
]


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_folders_of_a_zip_are_no_rows_and_what_has_content_is_one(method: int) -> None:
    stored = _pack([entry for pair in zip(FOLDERS[:5], FILES, strict=True) for entry in pair] + FOLDERS[5:], method)
    expected = [(info.filename, data) for info, data in FILES]
    assert seen(stored) == expected
    assert _by_ranges(stored, "auto") == expected
    assert seen(pack_tar([("in", stored)])) == [(f"in!{name}", data) for name, data in expected]


def test_folders_alone_are_an_empty_archive() -> None:
    [(path, code)] = seen(_pack(FOLDERS, zipfile.ZIP_STORED))
    assert (path, str(code)) == (None, "EMPTY_ARCHIVE")


@pytest.mark.parametrize("kind", KINDS)
def test_hadoops_folder_markers_are_no_rows(kind: str) -> None:
    files = [("a_$folder$", b""), ("a/1", b"1"), ("b_$folder$", b"1"), ("a/b_$folder$", b"")]
    assert seen(KINDS[kind](files)) == [("a/1", b"1"), ("b_$folder$", b"1")]
