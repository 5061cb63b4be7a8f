"""Headers as trees: the names and VRs that pydicom prints for the files it ships, and lines that fit a terminal."""

from __future__ import annotations

import io
import json
import warnings
from collections.abc import Iterator
from pathlib import Path

import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_udf.answers.header_tree import TreeLine, cut_value, read_tree, tree_text
from dicom_udf.header import read_header
from dicom_udf.header.quiet import quiet_pydicom
from dicom_udf.rendering import text_width, visible
from tests.each import for_each
from tests.header.test_pydicom_files import COMPARED, name

GROUP_LENGTH, PIXELS = 0x0000, 0x7FE0


def tree(header: dict, **settings: int | None) -> list[TreeLine]:
    return list(read_tree(json.dumps(header), **settings))


def walked(data_set: Dataset, depth: int = 0) -> Iterator[tuple[int, str, str | None, str]]:
    """Depth, tag, name and VR of each element, as pydicom's own dump has them."""
    for element in data_set:
        if element.tag.element == GROUP_LENGTH or (depth == 0 and element.tag.group == PIXELS):
            continue
        # pydicom has no creator of a private sequence, and takes some creators for data.
        is_unnamed = element.tag.is_private and (element.VR == "SQ" or element.tag.element < 0x100)
        full = None if is_unnamed else element.name
        yield depth, f"({element.tag.group:04X},{element.tag.element:04X})", full, str(element.VR)
        for item in element.value if element.VR == "SQ" else ():
            yield from walked(item, depth + 1)


def own_name(full: str) -> str:
    """A name as pydicom prints it: without the creator, and with its words for an element of no dictionary."""
    if full.endswith("[private]"):
        return "Private tag data"
    if full == "[not in the dictionary]":
        return ""
    return full[full.index("[") :] if full.endswith("]") else full


@for_each(COMPARED, name=name)
def test_the_files_that_pydicom_ships_have_its_tags_names_and_vrs_at_each_depth(path: Path) -> None:
    content = path.read_bytes()
    lines = read_tree(read_header(io.BytesIO(content)).json, most_items=None)
    ours = [(line.depth, line.tag, own_name(line.name), line.vr) for line in lines if line.tag]
    with quiet_pydicom(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = list(walked(pydicom.dcmread(io.BytesIO(content), stop_before_pixels=True)))
    assert [(depth, tag, vr) for depth, tag, _, vr in ours] == [(depth, tag, vr) for depth, tag, _, vr in theirs]
    names = [(own[2], their[2]) for own, their in zip(ours, theirs, strict=True) if their[2] is not None]
    assert [own for own, _ in names] == [their for _, their in names]


def test_private_elements_name_their_creator() -> None:
    header = {
        "00290010": {"vr": "LO", "Value": ["SIEMENS CSA HEADER"]},
        "00291008": {"vr": "CS", "Value": ["IMAGE NUM 4"]},
        "002910FF": {"vr": "UN", "InlineBinary": "AAECAw=="},
        "00291108": {"vr": "UN"},
    }
    assert [(line.name, line.value) for line in tree(header)] == [
        ("Private Creator", "SIEMENS CSA HEADER"),
        ("SIEMENS CSA HEADER [CSA Image Header Type]", "IMAGE NUM 4"),
        ("SIEMENS CSA HEADER [private]", "4 bytes"),
        ("[private]", ""),
    ]


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ('{"vr":"DS","Value":[1.50,null,2]}', "1.50\\\\2"),
        ('{"vr":"PN","Value":[{"Alphabetic":"A^B","Phonetic":"C"},null]}', "A^B==C\\"),
        ('{"vr":"OB","BulkDataURI":"s3://b/k?member=a%26length=7&offset=9&length=16384"}', "16,384 bytes"),
        ('{"vr":"OB","BulkDataURI":"s3://b/k"}', "bytes in the file"),
        ('{"vr":"UI","Value":["1.2.840.10008.5.1.4.1.1.2"]}', "1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)"),
        ('{"vr":"UI","Value":["not a uid"]}', "not a uid"),
        ('{"vr":"FD","Value":["NaN"]}', "NaN"),
        ('{"vr":"SQ"}', "0 items"),
    ],
)
def test_each_kind_of_value_has_its_text(element: str, value: str) -> None:
    [line] = read_tree(f'{{"00080016":{element}}}')
    assert line.value == value


def test_items_behind_the_tenth_are_counted_unless_all_are_wanted() -> None:
    header = {"00081140": {"vr": "SQ", "Value": [{"00081155": {"vr": "UI", "Value": ["1.2"]}}] * 12}}
    lines = list(tree_text(iter(tree(header)), width=80))
    assert lines[:3] == [
        "(0008,1140) Referenced Image Sequence            SQ  12 items",
        "  item 1",
        "  (0008,1155) Referenced SOP Instance UID        UI  1.2",
    ]
    assert lines[-1] == "  … 2 further items"
    assert len(lines) == 1 + 10 * 2 + 1
    assert len(tree(header, most_items=None)) == 1 + 12 * 2


def test_a_long_value_is_cut_with_its_length_and_a_narrow_terminal_has_values_below_names() -> None:
    header = {"00104000": {"vr": "LT", "Value": ["a word " * 100]}}
    [wide] = tree_text(iter(tree(header)), width=100)
    assert wide.endswith("a… (700 characters)")
    assert list(tree_text(iter(tree(header)), width=40)) == [
        "(0010,4000) LT Patient Comments",
        "  a word a word a word… (700 characters)",
    ]
    [whole] = tree_text(iter(tree(header)))
    assert whole.endswith("a word " * 99 + "a word")


VALUES = st.lists(st.none() | st.text(max_size=200) | st.fixed_dictionaries({}, optional={"Alphabetic": st.text()}))
ELEMENTS = st.builds(lambda vr, value: {"vr": vr, "Value": value}, st.sampled_from(["LO", "PN", "UI"]), VALUES)
TAGS = st.integers(0x00080000, 0x7FDFFFFF).map("{:08X}".format)
HEADERS = st.recursive(
    st.dictionaries(TAGS, ELEMENTS, max_size=4),
    lambda inner: st.dictionaries(
        TAGS, st.lists(inner, max_size=3).map(lambda items: {"vr": "SQ", "Value": items}), max_size=3
    ),
    max_leaves=12,
)


@given(HEADERS, st.integers(40, 200))
def test_no_line_is_wider_than_the_terminal_or_commands_it(header: dict, width: int) -> None:
    for line in tree_text(iter(tree(header)), width=width):
        assert text_width(line) <= width
        assert visible(line) == line


@given(st.text(st.characters(exclude_categories=["C", "M"]), max_size=300), st.integers(1, 200))
def test_a_cut_value_fits(value: str, room: int) -> None:
    assert text_width(cut_value(value, room)) <= max(room, 1)
    assert cut_value(value, None) == value
