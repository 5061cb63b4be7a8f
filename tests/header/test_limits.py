"""Sizes that no header should have: bounded time and memory, and what is left out is named."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_udf.header import Header, read_header
from dicom_udf.header.cap import cap_json
from dicom_udf.header.scanner import DEEPEST
from tests.header.files import DEFLATED, SOP_INSTANCE, CountingFile, element, encode, minimal, raw_file

ITEM, ITEM_END, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = b"\xff\xff\xff\xff"


def read(content: bytes) -> Header:
    return read_header(io.BytesIO(content), bulk_data_base="s3://bucket/key")


def item(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return ITEM + len(body).to_bytes(4, "little") + body


def test_a_long_binary_value_is_named_and_skipped_and_not_read() -> None:
    document = bytes(30 << 20)
    content = raw_file(element(0x00420011, "OB", document), element(0x00420012, "LO", b"application/pdf "))
    file = CountingFile(content)
    header = read_header(file, bulk_data_base="s3://bucket/key?member=a%2Fb")
    read_element = json.loads(header.json)["00420011"]
    offset = content.index(element(0x00420011, "OB", b"", length=len(document))) + 12
    assert read_element["BulkDataURI"] == f"s3://bucket/key?member=a%2Fb&offset={offset}&length={len(document)}"
    assert "00420012" in json.loads(header.json)
    assert file.bytes_read <= 256 << 10
    assert not file.went_back


@pytest.mark.parametrize(("length", "key"), [(1024, "InlineBinary"), (1026, "BulkDataURI")])
@pytest.mark.parametrize("vr", ["OB", "OW", "UN", "OF", "OD", "OL", "OV"])
def test_binary_values_are_inline_up_to_a_kibibyte(vr: str, length: int, key: str) -> None:
    header = read(raw_file(element(0x00091001, vr, bytes(length))))
    assert key in json.loads(header.json)["00091001"]
    assert header.omitted == ()


def test_nested_pixel_data_is_a_long_value_like_any_other() -> None:
    icon = element(0x7FE00010, "OW", bytes(4096))
    header = read(raw_file(element(0x00880200, "SQ", item(icon)), element(0x7FE00010, "OW", bytes(64))))
    inner = json.loads(header.json)["00880200"]["Value"][0]["7FE00010"]
    assert inner["BulkDataURI"].endswith("&length=4096")
    assert header.pixel_data_length == 64
    assert header.pixel_data_is_encapsulated is False
    assert "7FE00010" not in json.loads(header.json)


def test_nested_fragments_are_named_with_their_place() -> None:
    fragments = item(b"") + item(bytes(100)) + END
    icon = element(0x7FE00010, "OB", fragments, length=0xFFFFFFFF)
    content = raw_file(element(0x00880200, "SQ", item(icon)), element(0x00880130, "SH", b"ab"))
    header = read(content)
    uri = json.loads(header.json)["00880200"]["Value"][0]["7FE00010"]["BulkDataURI"]
    assert uri == f"s3://bucket/key?offset={content.index(fragments)}&length={len(fragments)}"
    assert header.fault is None


def test_encapsulated_pixel_data_has_no_length() -> None:
    content = raw_file(element(0x7FE00010, "OB", item(b"") + item(bytes(100)) + END, length=0xFFFFFFFF))
    header = read(content)
    assert header.pixel_data_offset == content.index(ITEM)
    assert header.pixel_data_length is None
    assert header.pixel_data_is_encapsulated is True


def test_deflated_pixel_data_has_no_place_in_the_file() -> None:
    data_set = minimal(Rows=2, Columns=2, BitsAllocated=8, PixelData=bytes(4))
    data_set["PixelData"].VR = "OB"
    header = read(encode(data_set, DEFLATED))
    assert header.pixel_data_offset is None
    assert header.pixel_data_length is None
    assert header.pixel_data_is_encapsulated is False


@pytest.mark.parametrize("depth", [DEEPEST, DEEPEST + 1, 500, 5000])
@pytest.mark.parametrize("is_defined", [False, True])
def test_sequences_inside_each_other_end_at_the_limit(depth: int, is_defined: bool) -> None:
    if is_defined:
        depth = min(depth, 500)  # lengths of the outer ones grow
        nested = b""
        for _ in range(depth):
            nested = element(0x00081115, "SQ", item(nested))
    else:
        opening = element(0x00081115, "SQ", b"", length=0xFFFFFFFF) + ITEM + UNDEFINED
        nested = opening * depth + (ITEM_END + END) * depth
    header = read(raw_file(nested, element(0x00100020, "LO", b"1 ")))
    assert header.fault is None
    assert "00100020" in json.loads(header.json)
    assert len(header.omitted) == (depth > DEEPEST)


def test_a_million_elements_in_items_are_read_and_the_first_items_kept() -> None:
    elements = [element(0x00090000 + n, "UI", b"1.2.3.4.5.6.7.8.9.10.11.12\0\0") for n in range(0x1000, 0x1032)]
    header = read(raw_file(element(0x00081115, "SQ", item(*elements) * 20_000)))
    assert header.fault is None
    assert len(header.json) <= 8 << 20
    assert header.omitted == ("00081115[100:]",)


def test_a_header_of_three_megabytes_peaks_under_sixty(tmp_path: Path) -> None:
    frames = b"".join(
        item(element(0x00209113, "SQ", item(element(0x00200032, "DS", b"%020d\\%020d\\%020d " % (n, n * 3, n * 7)))))
        for n in range(30_500)
    )
    content = raw_file(element(0x52009230, "SQ", frames))
    assert 2_900_000 < len(content) < 3_300_000
    file = tmp_path / "three_megabytes.dcm"
    file.write_bytes(content)
    grown = subprocess.run([sys.executable, "-c", PEAK, file], capture_output=True, text=True, check=True).stdout
    frames_read, kibibytes = map(int, grown.split())
    assert frames_read == 30_500
    assert kibibytes << 10 < 60_000_000


PEAK = """
import resource, sys
from dicom_udf.header import read_header
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open(sys.argv[1], "rb") as file:
    header = read_header(file)
print(header.json.count("00209113"), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_more_elements_than_a_header_has_end_it() -> None:
    elements = b"".join(element(0x00091000 + n, "LO", b"x ") for n in range(0xF000))
    more = b"".join(element(0x000B1000 + n, "LO", b"x ") for n in range(0x4000))
    header = read(raw_file(elements + more))
    assert header.fault is not None
    assert header.fault.startswith("CORRUPT_HEADER@")
    assert len(header.json.encode()) <= 8 << 20


def test_a_text_too_long_for_the_cap_is_skipped_and_named() -> None:
    header = read(raw_file(element(0x0040A160, "UT", b"x" * (9 << 20)), element(0x00420012, "LO", b"ok")))
    assert header.omitted == ("0040A160",)
    assert "00420012" in json.loads(header.json)


def test_the_cap_takes_binary_values_then_items_then_the_longest_values_and_no_top_level_uid() -> None:
    data_set = {
        "00080018": {"vr": "UI", "Value": ["1." * 30]},
        "00090010": {"vr": "OB", "InlineBinary": "A" * 400},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "x" * 300}]},
        "00100020": {"vr": "LO", "Value": ["short"]},
        "52009230": {"vr": "SQ", "Value": [{"00180050": {"vr": "DS", "Value": [1]}}] * 150},
    }
    text = json.dumps(data_set, separators=(",", ":"))
    assert cap_json(text, most=len(text)) == (text, [])
    assert cap_json(text, most=len(text) - 1)[1] == ["00090010"]
    assert cap_json(text, most=len(text) - 500)[1] == ["00090010", "52009230[100:]"]
    capped, omitted = cap_json(text, most=len(text) - 400 - 50 * 37 - 100)
    assert omitted == ["00090010", "52009230[100:]", "00100010"]
    assert json.loads(capped)["00080018"] == data_set["00080018"]
    least, omitted = cap_json(text, most=1)
    assert "00080018" not in omitted
    assert "Value" in json.loads(least)["00080018"]


def test_the_cap_keeps_the_digits_of_numbers() -> None:
    text = '{"00090010":{"vr":"OB","InlineBinary":"AAAA"},"00180050":{"vr":"DS","Value":[1.50,2e1,null]}}'
    assert cap_json(text, most=10)[0].startswith("{")
    assert "[1.50,2e1,null]" in cap_json(text, most=len(text) - 5)[0]


def test_a_large_header_within_the_first_read_costs_one_read() -> None:
    pixels = element(0x7FE00010, "OW", bytes(64 << 10))
    file = CountingFile(encode(minimal(PatientComments="x" * 10_000)) + pixels)
    assert read_header(file).pixel_data_length == 64 << 10
    assert file.reads <= 2


def test_padding_is_looked_at_in_one_request_and_never_past_a_mebibyte() -> None:
    for length, fault in (
        (64 << 10, None),
        (1 << 20, None),
        ((1 << 20) + 2, "CORRUPT_HEADER"),
        (9 << 20, "CORRUPT_HEADER"),
    ):
        content = encode(minimal(PatientComments="x" * 10_000))
        file = CountingFile(content + bytes(length))
        header = read_header(file)
        assert header.fault == (fault and f"{fault}@{len(content)}")
        assert file.reads <= 3  # the last one may find the end of the file
        assert file.bytes_read <= (1 << 20) + (128 << 10)


def test_the_file_meta_group_is_capped_too() -> None:
    long = [element(0x00020100 + number, "UT", b"a" * (3 << 20)) for number in range(3)]
    start = raw_file().index(SOP_INSTANCE)
    header = read(raw_file()[:start] + b"".join(long) + raw_file()[start:])
    assert len(header.file_meta_json or "") < 8 << 20
    assert header.omitted == ("00020100",)


def test_a_bulk_data_uri_is_json_whatever_its_base() -> None:
    content = raw_file(element(0x00420011, "OB", bytes(2000)))
    header = read_header(io.BytesIO(content), bulk_data_base='a"b\\c')
    assert json.loads(header.json)["00420011"]["BulkDataURI"].startswith('a"b\\c?offset=')


def test_a_fault_in_each_item_does_not_outgrow_a_row() -> None:
    odd = item(element(0x00189073, "FD", bytes(9)))
    header = read(raw_file(element(0x00081140, "SQ", odd * 10_500)))
    assert header.fault is None
    assert len(header.invalid_values) == 10_000


BEHIND = element(0x00100020, "LO", b"1 ")


def test_elements_that_are_passed_over_count_as_elements() -> None:
    header = read(raw_file(ITEM_END * 70_000))
    assert header.fault is not None
    assert header.fault.startswith("CORRUPT_HEADER@")
    assert header.invalid_values.keys() == {"ItemDelimitationItem"}


def test_group_0000_in_an_item_is_not_followed_beyond_it() -> None:
    # Each leads into the next item's: followed to the end from every item, a megabyte would take hours.
    leads_on = item(b"\0\0\1\0\x10\0\0\0zz" + bytes(6))
    header = read(raw_file(element(0x00081140, "SQ", leads_on * 40_000), BEHIND))
    assert header.fault is None
    assert header.invalid_values.keys() == {"ReferencedImageSequence"}
    assert "00100020" in json.loads(header.json)


def test_broken_items_among_faulty_ones_keep_the_reasons_of_the_others() -> None:
    odd = item(element(0x00189073, "FD", bytes(9)))
    bad = item(element(0x00189073, "FD", bytes(9)), element(0x00189074, "DT", b"x", length=99))
    header = read(raw_file(element(0x00081140, "SQ", (odd + bad) * 30_000), BEHIND))
    assert header.fault is None
    assert list(header.invalid_values)[:3] == [f"00081140[{number}].00189073" for number in (0, 2, 4)]
    assert not [path for path in header.invalid_values if path.startswith("00081140[1].")]
