"""Typed values: by the VR in the file, of the type of the dictionary."""

import io
import json
import struct
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from dicom_udf.header import Header, Selection, Wanted, read_header
from tests.header.files import SYNTAXES, element, encode, minimal, raw_file


def wanted(path: str, *, part: Any = "value", name: str | None = None) -> Wanted:
    tags = tuple(tag_for_keyword(keyword) for keyword in path.split("."))
    return Wanted(name or path, tags, dictionary_VR(tags[-1]), dictionary_VM(tags[-1]) != "1", part)


def read(content: bytes, *wants: Wanted) -> Header:
    return read_header(io.BytesIO(content), selection=Selection(wants))


def read_raw(keyword: str, vr: str, value: bytes) -> tuple[Any, str | None]:
    """The typed value of one element as it stands in the file, and the reason if it has one."""
    header = read(raw_file(element(tag_for_keyword(keyword), vr, value)), wanted(keyword))
    assert header.fault is None
    return header.values.get(keyword), header.invalid_values.get(keyword)


@pytest.mark.parametrize(
    ("keyword", "vr", "raw", "value"),
    [
        ("StudyDate", "DA", b"20240131", date(2024, 1, 31)),
        ("StudyDate", "DA", b"2024.01.31", date(2024, 1, 31)),
        ("StudyDate", "LO", b"20240131", date(2024, 1, 31)),
        ("StudyTime", "TM", b"1014", "10:14"),
        ("AcquisitionDateTime", "DT", b"20240131101530.5+0100 ", datetime(2024, 1, 31, 10, 15, 30, 500000)),
        ("SliceThickness", "DS", b" 2.50 ", 2.5),
        ("SliceThickness", "DS", b"2.5000000000000000001 ", 2.5),
        ("SliceThickness", "FD", struct.pack("<d", 2.5), 2.5),
        ("InstanceNumber", "IS", b"1.0 ", 1),
        ("Rows", "US", b"\0\2", 512),
        ("Rows", "IS", b"512 ", 512),
        ("PatientAge", "AS", b"06Y ", "06Y"),
        ("PatientID", "LO", b" 4711 ", "4711"),
        ("PatientComments", "LT", b" a\\b ", " a\\b"),
        ("StudyDescription", "LO", b"T2\\FLAIR", "T2\\FLAIR"),
        ("SliceThickness", "DS", b"2.5\\2.50 ", 2.5),
        ("StudyDate", "DA", b"20240131\\20240131 ", date(2024, 1, 31)),
        ("ImageType", "CS", b"ORIGINAL\\PRIMARY\\\\A", ["ORIGINAL", "PRIMARY", None, "A"]),
        ("ImagePositionPatient", "DS", b"1\\-2.5\\.5 ", [1.0, -2.5, 0.5]),
        ("PixelSpacing", "DS", b"0.5 ", [0.5]),
        ("FrameIncrementPointer", "AT", b"\x18\0\x63\x10", ["00181063"]),
        ("SelectorUVValue", "UV", b"\xff" * 8, [Decimal(2**64 - 1)]),
        ("PatientName", "PN", b"Doe^Jane=\xff", "Doe^Jane"),
        ("PatientName", "PN", b"=Yamada^Taro=x", "Yamada^Taro"),
        ("PatientName", "PN", b"^^^=Yamada^Taro ", "Yamada^Taro"),
    ],
)  # fmt: skip
def test_a_value_is_of_its_type(keyword: str, vr: str, raw: bytes, value: Any) -> None:
    assert read_raw(keyword, vr, raw) == (value, None)


@pytest.mark.parametrize(
    ("keyword", "vr", "raw"),
    [
        ("StudyDate", "DA", b""), ("StudyDate", "DA", b"    "), ("StudyDate", "DA", b"\0\0"),
        ("ImageType", "CS", b"\\\\ "),
        ("PatientName", "PN", b"^^^^"), ("Rows", "US", b""), ("StudyDescription", "LO", b"\\ "),
    ],
)  # fmt: skip
def test_an_empty_value_is_absent_and_not_named(keyword: str, vr: str, raw: bytes) -> None:
    assert read_raw(keyword, vr, raw) == (None, None)


@pytest.mark.parametrize(
    ("keyword", "vr", "raw", "value"),
    [
        ("StudyDate", "DA", b"20240230", None),
        ("StudyDate", "DA", b"20240131\\20240201 ", None),
        ("SliceThickness", "DS", b"2,5 ", None),
        ("SliceThickness", "DS", b"1\\2 ", None),
        ("SliceThickness", "FD", struct.pack("<d", float("nan")), None),
        ("ImagePositionPatient", "DS", b"1\\x\\3 ", [1.0, None, 3.0]),
        ("InstanceNumber", "IS", b"1.5 ", None),
        ("AcquisitionDateTime", "DT", b"202401", None),
        ("Rows", "OB", b"\0\2", None),
        ("Rows", "US", b"\0\2\1", 512),
        ("StudyDate", "UN", b"20240230", None),
    ],
)
def test_what_does_not_fit_is_null_and_named_and_the_row_stays(keyword: str, vr: str, raw: bytes, value: Any) -> None:
    got, reason = read_raw(keyword, vr, raw)
    assert got == value
    assert reason


def test_a_public_element_stored_as_un_gets_its_vr_from_the_dictionary() -> None:
    assert read_raw("SliceThickness", "UN", b"2.5 ") == (2.5, None)


@pytest.mark.parametrize(
    ("content", "member"),
    [(b"\1\0\0\0", '"vr":"SL","Value":[1]'), (b"\1\0", '"vr":"UN","InlineBinary":"AQA="'), (b"", '"vr":"SL"')],
    ids=["as long as a number", "shorter", "empty"],
)
def test_a_private_element_stored_as_un_gets_its_vr_where_its_bytes_can_be_one(content: bytes, member: str) -> None:
    header = read(raw_file(element(0x00190010, "LO", b"GEMS_ACQU_01"), element(0x00191002, "UN", content)))
    assert f'"00191002":{{{member}}}' in header.json
    assert header.invalid_values == {}


ITEM_OF_A_CODE = bytes.fromhex("feff00e0 ffffffff 08000001 02000000 4142 feff0de0 00000000 feffdde0 00000000")


@pytest.mark.parametrize(
    "content",
    [
        raw_file(element(0x00190010, "LO", b"SIEMENS MR HEADER "),
                 element(0x00191008, "UN", ITEM_OF_A_CODE, length=0xFFFFFFFF)),
        raw_file(b"\x19\0\x10\0\x12\0\0\0SIEMENS MR HEADER ", b"\x19\0\x08\x10\xff\xff\xff\xff" + ITEM_OF_A_CODE,
                 syntax=SYNTAXES["implicit"]),
    ],
    ids=["UN", "implicit"],
)  # fmt: skip
def test_an_undefined_length_is_a_sequence_though_the_dictionary_has_a_text(content: bytes) -> None:
    members = json.loads(read(content).json)
    assert members["00191008"] == {"vr": "SQ", "Value": [{"00080100": {"vr": "SH", "Value": ["AB"]}}]}


def test_items_of_an_un_are_little_endian_in_a_big_endian_data_set() -> None:
    data_set = minimal(PatientID="1")
    data_set.add_new(0x00091010, "UN", b"here")
    marked = encode(data_set, SYNTAXES["big endian"])
    head = b"\0\x09\x10\x10UN\0\0"
    content = marked.replace(head + b"\0\0\0\x04here", head + b"\xff\xff\xff\xff" + ITEM_OF_A_CODE)
    header = read(content)
    assert header.fault is None
    assert json.loads(header.json)["00091010"]["Value"] == [{"00080100": {"vr": "SH", "Value": ["AB"]}}]
    assert "00100020" in header.json


def test_a_number_stored_as_un_is_little_endian_in_a_big_endian_data_set() -> None:
    content = encode(minimal(Rows=512), SYNTAXES["big endian"])
    content = content.replace(b"US\0\x02\x02\0", b"UN\0\0\0\0\0\x02\0\x02")
    assert read(content, wanted("Rows")).values == {"Rows": 512}


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
@pytest.mark.parametrize(("representation", "value"), [(0, 65535), (1, -1)])
def test_us_or_ss_follows_the_pixel_representation(syntax: str, representation: int, value: int) -> None:
    data_set = minimal(PixelRepresentation=representation)
    data_set.add_new(0x00280106, "SS" if representation else "US", value)
    header = read(encode(data_set, syntax), wanted("SmallestImagePixelValue"))
    assert header.values == {"SmallestImagePixelValue": value}


def test_us_or_ss_in_an_item_follows_the_nearest_pixel_representation() -> None:
    outer, inner = minimal(PixelRepresentation=1), Dataset()
    inner.add_new(0x00280106, "SS", -2)
    outer.SharedFunctionalGroupsSequence = Sequence([inner])
    header = read(encode(outer, SYNTAXES["implicit"]), wanted("SharedFunctionalGroupsSequence.SmallestImagePixelValue"))
    assert header.values == {"SharedFunctionalGroupsSequence.SmallestImagePixelValue": -2}


def code(value: str, **more: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SCT", f"meaning of {value}"
    for keyword, text in more.items():
        setattr(item, keyword, text)
    return item


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_codes_are_a_list_of_structs(syntax: str) -> None:
    long = code("")
    del long.CodeValue
    long.LongCodeValue = "a long one"
    data_set = minimal(ProcedureCodeSequence=[code("1"), long, Dataset()])
    header = read(encode(data_set, syntax), wanted("ProcedureCodeSequence", part="codes"))
    assert header.values["ProcedureCodeSequence"] == [
        {"code_value": "1", "coding_scheme_designator": "SCT", "code_meaning": "meaning of 1"},
        {"code_value": "a long one", "coding_scheme_designator": "SCT", "code_meaning": "meaning of"},
        None,
    ]


def one_item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + len(content).to_bytes(4, "little") + content


def test_a_repeated_sequence_in_an_item_gives_no_codes() -> None:
    codes = [element(0x00080100, "SH", value) for value in (b"A1", b"B2")]
    item = one_item(b"".join(element(0x00540300, "SQ", one_item(code)) for code in codes))
    path = "RadiopharmaceuticalInformationSequence.RadionuclideCodeSequence"
    header = read(raw_file(element(0x00540016, "SQ", item)), wanted(path, part="codes"))
    assert [code["code_value"] for code in header.values[path]] == ["A1"]
    assert header.invalid_values.keys() == {"00540016[0].00540300"}


@pytest.mark.parametrize(
    ("raw", "value", "named"),
    [
        (b"=== ", None, False),
        (b"= =^^", [{"Phonetic": "^^"}], False),
        (b"==", None, False),
        (b"==\\A^B ", [None, {"Alphabetic": "A^B"}], False),
        (b"===D", None, True),
        (b"A=B=C=D ", [{"Alphabetic": "A", "Ideographic": "B", "Phonetic": "C"}], True),
    ],
)
def test_a_name_has_three_groups_and_is_empty_without_any(raw: bytes, value: Any, named: bool) -> None:
    header = read(raw_file(element(0x00100010, "PN", raw)))
    assert json.loads(header.json)["00100010"].get("Value") == value
    assert bool(header.invalid_values) is named


def test_a_code_sequence_of_items_without_a_code_has_no_value() -> None:
    header = read(encode(minimal(ProcedureCodeSequence=[Dataset()])), wanted("ProcedureCodeSequence", part="codes"))
    assert header.values == {}


def test_codes_inside_of_codes_stay_apart() -> None:
    region = code("outer")
    region.AnatomicRegionModifierSequence = [code("left"), code("right")]
    path = "AnatomicRegionSequence.AnatomicRegionModifierSequence"
    header = read(
        encode(minimal(AnatomicRegionSequence=[region])),
        wanted("AnatomicRegionSequence", part="codes"), wanted(path, part="codes"),
    )  # fmt: skip
    assert [item["code_value"] for item in header.values["AnatomicRegionSequence"]] == ["outer"]
    assert [item["code_value"] for item in header.values[path]] == ["left", "right"]


def test_a_path_looks_into_the_first_item_only() -> None:
    doses = [Dataset(), Dataset()]
    doses[1].RadionuclideTotalDose = "3"
    path = "RadiopharmaceuticalInformationSequence.RadionuclideTotalDose"
    assert read(encode(minimal(RadiopharmaceuticalInformationSequence=doses)), wanted(path)).values == {}
    doses[0].RadionuclideTotalDose = "2"
    assert read(encode(minimal(RadiopharmaceuticalInformationSequence=doses)), wanted(path)).values == {path: 2.0}


def test_a_bad_value_in_an_item_is_named_by_its_path_of_tags() -> None:
    inner = element(0x00181074, "DS", b"2,5 ")
    item = b"\xfe\xff\x00\xe0" + len(inner).to_bytes(4, "little") + inner
    path = "RadiopharmaceuticalInformationSequence.RadionuclideTotalDose"
    header = read(raw_file(element(0x00540016, "SQ", item)), wanted(path))
    assert header.values == {}
    assert list(header.invalid_values) == ["00540016[0].00181074"]


def test_a_sequence_where_a_value_is_wanted_is_named() -> None:
    header = read(raw_file(element(0x00180050, "SQ", b"")), wanted("SliceThickness"))
    assert header.values == {}
    assert list(header.invalid_values) == ["SliceThickness"]


def test_a_value_where_codes_are_wanted_is_named() -> None:
    header = read(raw_file(element(0x00081032, "LO", b"x ")), wanted("ProcedureCodeSequence", part="codes"))
    assert header.values == {}
    assert list(header.invalid_values) == ["ProcedureCodeSequence"]


def test_file_meta_elements_are_found_in_their_group() -> None:
    header = read(encode(minimal()), wanted("TransferSyntaxUID"), wanted("MediaStorageSOPInstanceUID"))
    assert header.values["TransferSyntaxUID"] == "1.2.840.10008.1.2.1"
    assert len(header.values) == 2


def test_component_groups_of_a_name_have_columns_of_their_own() -> None:
    data_set = minimal(SpecificCharacterSet="ISO_IR 192", PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう")
    header = read(
        encode(data_set), wanted("PatientName"), wanted("PatientName", part="ideographic", name="ideographic"),
        wanted("PatientName", part="phonetic", name="phonetic"),
    )  # fmt: skip
    assert header.values == {"PatientName": "Yamada^Tarou", "ideographic": "山田^太郎", "phonetic": "やまだ^たろう"}


def test_a_private_element_is_named_by_its_creator() -> None:
    bad = raw_file(element(0x00190010, "LO", b"ACME"), element(0x0019100C, "US", b"\0\1\2"))
    header = read(bad)
    assert list(header.invalid_values) == ["0019,xx0c|ACME"]
    assert header.private_creators == ("ACME",)


def test_typed_values_are_filled_before_values_are_left_out() -> None:
    text = b"x" * (5 << 20)
    header = read(raw_file(element(0x00080119, "UC", text), element(0x0040A160, "UT", text)), wanted("TextValue"))
    assert header.values["TextValue"] == text.decode()
    assert header.omitted == ("00080119",)
    assert len(header.json.encode()) <= 8 << 20
