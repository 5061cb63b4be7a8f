"""Each difference from pydicom and DCMTK in docs/reference/header_json.md is there, and for the named reason."""

import io
import json
import re
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.header import Header, read_header
from tests.header.files import BIG_ENDIAN, IMPLICIT, SOP_INSTANCE, element, encode, minimal, raw_file
from tests.header.test_pydicom_files import by_pydicom

PAGE = Path(__file__).parents[2] / "docs/reference/header_json.md"


def header(*elements: bytes) -> Header:
    return read_header(io.BytesIO(raw_file(*elements)))


def ours(*elements: bytes) -> dict[str, Any]:
    return json.loads(header(*elements).json)


def theirs(*elements: bytes) -> dict[str, Any]:
    return by_pydicom(raw_file(*elements))


def value(read: dict[str, Any], tag: str) -> Any:
    return read[tag].get("Value")


def pixel_data() -> None:
    read = ours(element(0x7FE00010, "OW", bytes(4)), element(0xFFFCFFFC, "OB", b"\0\0"))
    assert read.keys() == {"00080018"}


def long_binary_values() -> None:
    long = element(0x00420011, "OB", bytes(2000))
    assert "BulkDataURI" in ours(long)["00420011"]
    assert "InlineBinary" in theirs(long)["00420011"]


def group_lengths() -> None:
    length = element(0x00080000, "UL", bytes(4))
    assert "00080000" not in ours(length)


def padding_inside() -> None:
    padded = element(0x00080008, "CS", b"A \\B ")
    assert value(ours(padded), "00080008") == ["A", "B"]
    assert value(theirs(padded), "00080008") == ["A ", "B"]


def spaces_in_front() -> None:
    titled = element(0x00080055, "AE", b" A")
    assert value(ours(titled), "00080055") == [" A"]
    assert value(theirs(titled), "00080055") == ["A"]


def empty_items() -> None:
    assert value(ours(element(0x00080008, "CS", b"A\\\\B ")), "00080008") == ["A", None, "B"]


def empty_sequences() -> None:
    empty = element(0x00081140, "SQ", b"")
    assert ours(empty)["00081140"] == {"vr": "SQ"}
    assert theirs(empty)["00081140"] == {"vr": "SQ", "Value": []}


def empty_name_groups() -> None:
    name = element(0x00100010, "PN", b"=Ideo ")
    assert value(ours(name), "00100010") == [{"Ideographic": "Ideo"}]
    assert value(theirs(name), "00100010") == [{"Alphabetic": "", "Ideographic": "Ideo"}]


def name_delimiters() -> None:
    assert value(ours(element(0x00100010, "PN", b"Doe^^^^ ")), "00100010") == [{"Alphabetic": "Doe^^^^"}]


def digits() -> None:
    for written, kept in ((b"1.50", "1.50"), (b"+1. ", "1"), (b".5", "0.5"), (b"007 ", "7"), (b"-0.0", "-0.0")):
        assert f'"00180050":{{"vr":"DS","Value":[{kept}]}}' in header(element(0x00180050, "DS", written)).json


def no_number() -> None:
    bad = element(0x00180050, "DS", b"2,5 ")
    assert value(ours(bad), "00180050") == ["2,5"]
    with pytest.raises(ValueError, match="convert"):
        theirs(bad)


def not_finite() -> None:
    numbers = element(0x00189073, "FD", struct.pack("<3d", float("nan"), float("inf"), float("-inf")))
    assert value(ours(numbers), "00189073") == ["NaN", "inf", "-inf"]


def large_integers() -> None:
    numbers = element(0x00720083, "UV", struct.pack("<2Q", 2**53, 2**53 + 1))
    assert value(ours(numbers), "00720083") == [2**53, str(2**53 + 1)]


def byte_order() -> None:
    data_set = minimal()
    data_set.add_new(0x00281201, "OW", b"\x01\x00\x02\x00")
    content = encode(data_set, BIG_ENDIAN)
    stored = by_pydicom(content)["00281201"]["InlineBinary"]
    read = json.loads(read_header(io.BytesIO(content)).json)["00281201"]["InlineBinary"]
    assert (read, stored) == ("AAEAAg==", "AQACAA==")
    odd = content.replace(b"OW\0\0\0\0\0\x04\x01\0\x02\0", b"OW\0\0\0\0\0\x03\x01\0\x02")
    assert json.loads(read_header(io.BytesIO(odd)).json)["00281201"]["InlineBinary"] == "AAEC"  # nothing is lost


def repeated_elements() -> None:
    twice = [element(0x00100020, "LO", b"1 "), element(0x00100020, "LO", b"2 ")]
    assert value(ours(*twice), "00100020") == ["1"]
    assert value(theirs(*twice), "00100020") == ["2"]
    assert header(*twice).invalid_values.keys() == {"PatientID"}


def cut_files() -> None:
    cut = [element(0x00100020, "LO", b"1 "), element(0x00101010, "AS", b"061", length=4)]
    assert header(*cut).fault == f"TRUNCATED@{len(raw_file(cut[0]))}"


def unknown_vr() -> None:
    later = b"\x08\0\x01\x12ZZ\0\0\x02\0\0\0ab"
    unknown = [later, element(0x00100020, "LO", b"1 ")]
    assert ours(*unknown)["00081201"] == {"vr": "UN", "InlineBinary": "YWI="}
    assert value(ours(*unknown), "00100020") == ["1"]
    with pytest.raises(NotImplementedError):
        theirs(*unknown)


def broken_sequences() -> None:
    broken = [element(0x00081140, "SQ", b"Doe^Jane"), element(0x00100020, "LO", b"1 ")]
    assert ours(*broken)["00081140"] == {"vr": "SQ"}
    assert value(ours(*broken), "00100020") == ["1"]
    assert header(*broken).invalid_values.keys() == {"ReferencedImageSequence"}
    assert theirs(*broken).get("00081140", {}).get("Value") != []


def no_vr() -> None:
    for vr in ("??", "  "):
        blank = [element(0x00100020, vr, b"1 "), element(0x00091001, vr, b"abcd"), element(0x00101010, "AS", b"061Y")]
        read = ours(*blank)
        assert (value(read, "00100020"), value(read, "00101010")) == (["1"], ["061Y"])
        assert read["00091001"]["vr"] == "UN"
        assert header(*blank).fault is None
        assert "00101010" not in theirs(*blank)


def implicit(*members: tuple[int, bytes]) -> bytes:
    """A file of elements in implicit VR."""
    body = b"".join(struct.pack("<HHI", tag >> 16, tag & 0xFFFF, len(raw)) + raw for tag, raw in members)
    head = raw_file(syntax=IMPLICIT).removesuffix(SOP_INSTANCE)
    return head + struct.pack("<HHI", 8, 0x18, 8) + b"2.25.12\0" + body


def stored_as_UN() -> None:
    content = encode(minimal(Rows=512), BIG_ENDIAN).replace(b"US\0\x02\x02\0", b"UN\0\0\0\0\0\x02\0\x02")
    assert json.loads(read_header(io.BytesIO(content)).json)["00280010"] == {"vr": "US", "Value": [512]}
    assert by_pydicom(content)["00280010"] == {"vr": "US", "Value": [2]}


def ambiguous_vrs() -> None:
    content = implicit((0x00143050, b"\1\0"), (0x00189810, b"\xff\xff"), (0x00280103, b"\1\0"))
    mine, pydicoms = json.loads(read_header(io.BytesIO(content)).json), by_pydicom(content)
    assert [mine[tag]["vr"] for tag in ("00143050", "00189810")] == ["OW", "US"]
    assert [pydicoms[tag]["vr"] for tag in ("00143050", "00189810")] == ["OB or OW", "SS"]
    descriptor = element(0x00281101, "SS", b"\0\x90\0\0\x10\0")
    assert value(ours(descriptor), "00281101") == [-28672, 0, 16]
    assert value(theirs(descriptor), "00281101") == [36864, 0, 16]


def undefined_lengths() -> None:
    end = b"\xfe\xff\xdd\xe0\0\0\0\0"
    content = implicit((0x00190010, b"ACME")) + b"\x19\0\x01\x10\xff\xff\xff\xff" + end
    assert json.loads(read_header(io.BytesIO(content)).json)["00191001"]["vr"] == "SQ"
    assert by_pydicom(content)["00191001"]["vr"] == "UN"


def unknown_escapes() -> None:
    escape = [element(0x00080005, "CS", b"ISO_IR 100"), element(0x00081030, "LO", b"a\x1b[0m")]
    assert value(ours(*escape), "00081030") == ["a\ufffd[0m"]
    assert value(theirs(*escape), "00081030") == ["a\x1b[0m"]
    assert header(*escape).invalid_values.keys() == {"StudyDescription"}


def names_of_four_groups() -> None:
    name = element(0x00100010, "PN", b"A=B=C=D ")
    assert value(ours(name), "00100010") == [{"Alphabetic": "A", "Ideographic": "B", "Phonetic": "C"}]
    assert header(name).invalid_values.keys() == {"PatientName"}
    assert value(theirs(name), "00100010") == value(ours(name), "00100010")


def character_set() -> None:
    assert value(ours(element(0x00080005, "CS", b"ISO_IR 100")), "00080005") == ["ISO_IR 100"]


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__.replace("_vr", "_VR").replace("_", " "): check
    for check in (
        pixel_data, long_binary_values, group_lengths, padding_inside, spaces_in_front, empty_items,
        empty_sequences, empty_name_groups, name_delimiters, digits, no_number, not_finite, large_integers,
        byte_order, repeated_elements, cut_files, unknown_vr, broken_sequences, no_vr,
        stored_as_UN, ambiguous_vrs, undefined_lengths, unknown_escapes, names_of_four_groups, character_set,
    )
}  # fmt: skip


def test_the_table_has_a_line_for_each_check_and_no_other() -> None:
    table = PAGE.read_text(encoding="utf-8").partition("## Differences")[2]
    names = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    assert names[0] == "Name"
    assert set(names[1:]) == CHECKS.keys()


@pytest.mark.parametrize("name", CHECKS)
def test_a_difference_is_as_the_table_says(name: str) -> None:
    CHECKS[name]()
