"""A typed value comes out the same whether it is read from the file's bytes or from the header that was stored."""

import json
from functools import cache
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import VRS, Selection, Wanted, read_header
from dicom_udf.header.stored import LEFT_OUT, stored_values
from tests.each import for_each

from .files import encode, minimal, shipped

PRIVATE_VRS = ("LO", "FD", "SL", "DA", "DT", "UV")


@cache
def readable():
    """The shipped files that give a header, with it."""
    headers = {}
    for path in shipped():
        try:
            headers[path] = read_header(BytesIO(path.read_bytes()), selection=selection())
        except FileFault:
            continue
    return headers


def private_elements():
    """Tag with block 0, and creator, of every private element at top level of the shipped files."""
    found = set()
    for header in readable().values():
        data_set = json.loads(header.json)
        for key in data_set:
            creator = data_set.get(f"{key[:4]}00{key[4:6]}", {}).get("Value")
            if int(key[:4], 16) & 1 and key[4:6] >= "10" and creator:
                found.add((int(f"{key[:4]}00{key[6:]}", 16), creator[0]))
    return sorted(found)


@cache
def everything():
    """A selection of every public element of the dictionary that has a column type, and of every private one as
    each type."""
    public = (
        Wanted(f"{tag:08X}", (tag,), vr, vm != "1")
        for tag, (vr, vm, *_) in DicomDictionary.items()
        if vr in VRS and VRS[vr].type is not None and tag >> 16 != 2
    )
    private = (
        Wanted(f"{tag:08X}|{creator}|{vr}|{multiple}", (tag,), vr, multiple, creator=creator)
        for tag, creator in private_elements()
        for vr in PRIVATE_VRS
        for multiple in (False, True)
    )
    return Selection((*public, *private))


def assert_same(data, selection):
    """Read a file with a selection, and without one but from its stored header after that; return the former."""
    header, plain = read_header(BytesIO(data), selection=selection), read_header(BytesIO(data))
    values, reasons = stored_values(selection.wanted, plain.json, omitted=plain.omitted)
    assert repr(sorted(values.items())) == repr(sorted(header.values.items()))
    assert {**reasons, **plain.invalid_values} == header.invalid_values
    return header


@pytest.mark.parametrize("path", readable(), ids=lambda path: path.name)
def test_every_element_of_every_shipped_file_gives_the_same_from_its_stored_header(path):
    assert_same(path.read_bytes(), everything())


@for_each(selection().wanted, name=lambda want: want.name)
def test_a_declared_attribute_gives_the_same_from_the_stored_header_of_every_shipped_file(want):
    for header in readable().values():
        text = header.file_meta_json if want.path[0] >> 16 == 2 else header.json
        values, reasons = stored_values([want], text or "{}", omitted=header.omitted)
        assert repr(values.get(want.name)) == repr(header.values.get(want.name))
        assert reasons.items() <= header.invalid_values.items()


SPELLINGS = [
    "", " ", "7", "007", "+1.", ".0", "-.5E+2", "1e400", "20240229", "20240229==", "10:14", "a=b^=",
    "=", "NaN", "0" * 22 + "7",
]  # fmt: skip
TYPED = sorted(name for name, vr in VRS.items() if vr.type is not None and " " not in name)


@settings(max_examples=400)
@given(
    st.sampled_from(TYPED), st.sampled_from(TYPED), st.booleans(),
    st.one_of(
        st.binary(max_size=40),
        st.lists(st.sampled_from(SPELLINGS), max_size=4).map(lambda parts: "\\".join(parts).encode()),
    ),
)  # fmt: skip
def test_any_bytes_of_any_vr_give_the_same_for_any_column(in_file, of_column, multiple, raw):
    raw = raw.ljust(len(raw) + len(raw) % 2, b" ")
    long = in_file.encode() in (b"SV", b"UC", b"UR", b"UT", b"UV")
    length = bytes(2) + len(raw).to_bytes(4, "little") if long else len(raw).to_bytes(2, "little")
    data = encode(minimal()) + b"\x10\x00\x00\x40" + in_file.encode() + length + raw
    assert_same(data, Selection((Wanted("column", (0x00104000,), of_column, multiple),)))


def with_block(block, value, creator="ACME 1"):
    data_set = minimal()
    data_set.add_new((0x0019, block), "LO", creator)
    data_set.add_new((0x0019, block << 8 | 0x0C), "IS", value)
    return data_set


B_VALUE = Selection((Wanted("b_value", (0x0019000C,), "FD", creator="ACME 1"),))


@pytest.mark.parametrize("block", [0x10, 0x11, 0xFF])
def test_a_private_element_is_found_in_whatever_block_its_creator_reserved(block):
    assert assert_same(encode(with_block(block, "1000")), B_VALUE).values == {"b_value": 1000.0}


def test_the_same_tag_of_another_creator_is_not_taken():
    data_set = with_block(0x10, "5", creator="OTHER")
    data_set.add_new((0x0019, 0x11), "LO", "ACME 1")
    assert assert_same(encode(data_set), B_VALUE).values == {}


def test_a_private_element_inside_a_sequence_is_not_taken():
    data_set = minimal(ReferencedStudySequence=[with_block(0x10, "5")])
    assert assert_same(encode(data_set), B_VALUE).values == {}


def test_a_private_value_that_does_not_fit_is_named_by_its_creator():
    header = assert_same(encode(with_block(0x12, "1\\2")), B_VALUE)
    assert list(header.invalid_values) == ["0019,xx0c|ACME 1"]


def test_a_value_that_the_stored_header_lacks_says_so():
    want = Wanted("patient_comments", (0x00104000,), "LT")
    stored = '{"00104000":{"vr":"LT"}}'
    assert stored_values([want], stored, omitted=["00104000"]) == ({}, {"PatientComments": LEFT_OUT})
    assert stored_values([want], stored) == ({}, {})


def test_the_first_item_alone_answers_for_a_path():
    first, second = Dataset(), Dataset()
    second.ReferencedSOPInstanceUID = "1.2.3"
    want = Selection((Wanted("uid", (0x00081140, 0x00081155), "UI"),))
    assert assert_same(encode(minimal(ReferencedImageSequence=[first, second])), want).values == {}
    assert assert_same(encode(minimal(ReferencedImageSequence=[second, first])), want).values == {"uid": "1.2.3"}
