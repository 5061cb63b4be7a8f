"""Whatever bytes follow the point where a header ends: pixel data, padding that is all zeros, or a fault is set."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.header import Header, read_header
from tests.header.files import CountingFile
from tests.header.owed import read
from tests.header.planting import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    PIXEL_DATA,
    SEQUENCE_END,
    SYNTAXES,
    UNDEFINED,
    Nodes,
    Syntax,
    as_file,
    encode_nodes,
    insert,
    places,
)
from tests.header.whole_trees import AROUND, whole_tree

MEBIBYTE = 1 << 20
"""Of zeros, which may follow a header; more are a fault."""
SEEN = b"SEEN AT THE END "
SENTINEL = 0x00880904
NAMES = [syntax.name for syntax in SYNTAXES]


def cuts(nodes: Nodes) -> range:
    """How many top-level elements may come before: the SOPInstanceUID always does."""
    return range(2, len(nodes) + 1)


def read_cut(syntax: Syntax, count: int, tail: bytes) -> Header:
    answer = read(as_file(encode_nodes(whole_tree(2)[:count], syntax) + tail, syntax))
    assert isinstance(answer, Header)
    return answer


def place_of_tail(syntax: Syntax, count: int) -> int:
    """Where the tail stands, as faults have it: in the inflated stream where the data set is deflated."""
    data_set = encode_nodes(whole_tree(2)[:count], syntax)
    return len(data_set) + (0 if syntax.is_deflated else len(as_file(b"", syntax)))


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_zeros_to_the_end_of_the_file_are_padding(syntax: Syntax) -> None:
    for count in cuts(whole_tree(2)):
        clean = read_cut(syntax, count, b"")
        for length in range(41):
            padded = read_cut(syntax, count, bytes(length))
            assert (padded.fault, padded.json, padded.invalid_values) == (None, clean.json, {}), (count, length)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_zeros_that_something_follows_are_no_padding(syntax: Syntax) -> None:
    for count in cuts(whole_tree(2)):
        for length in range(41):
            assert read_cut(syntax, count, bytes(length) + b"\1").fault is not None, (count, length)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_a_mebibyte_of_zeros_is_padding_and_more_is_a_fault(syntax: Syntax) -> None:
    count = len(whole_tree(2))
    assert read_cut(syntax, count, bytes(MEBIBYTE)).fault is None
    for tail in (bytes(MEBIBYTE + 2), bytes(MEBIBYTE) + SEEN, bytes(3 * MEBIBYTE), bytes(MEBIBYTE - 1) + b"\1"):
        fault = read_cut(syntax, count, tail).fault
        assert fault is not None, len(tail)
    assert read_cut(syntax, count, bytes(MEBIBYTE + 2)).fault == f"CORRUPT_HEADER@{place_of_tail(syntax, count)}"


@pytest.mark.parametrize("syntax", SYNTAXES[:3], ids=NAMES[:3])
def test_zeros_are_looked_at_in_two_requests_more_and_no_further_than_needed(syntax: Syntax) -> None:
    data_set = encode_nodes(whole_tree(2), syntax)
    for count, most in ((64, 64), (MEBIBYTE, MEBIBYTE), (16 * MEBIBYTE, 2 * MEBIBYTE)):
        clean, padded = CountingFile(as_file(data_set, syntax)), CountingFile(as_file(data_set + bytes(count), syntax))
        read_header(clean)
        read_header(padded)
        assert padded.reads <= clean.reads + 2
        assert padded.bytes_read <= clean.bytes_read + most
        assert not padded.went_back


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
@pytest.mark.parametrize("around", AROUND)
def test_zeros_for_the_rest_of_a_sequence_are_not_padding(syntax: Syntax, around: str) -> None:
    nodes, mark = whole_tree(2, around), b"\x77" * 10
    for place in places(nodes):
        if place.steps:
            start = encode_nodes(insert(nodes, place, mark), syntax).index(mark)
            if start == len(encode_nodes(nodes[: place.steps[0][0] + 1], syntax)):
                continue  # the sequence is whole
            for length in (0, 8, 16, 400):
                content = as_file(encode_nodes(nodes, syntax)[:start] + bytes(length), syntax)
                assert not is_silent(read(content)), (place, length)


def is_silent(answer: Header | str) -> bool:
    return isinstance(answer, Header) and answer.fault is None and not answer.invalid_values


@pytest.mark.parametrize(
    "garbage", [b"\1", b"garbage!" * 4, bytes(40) + b"\1"], ids=["a byte", "text", "zeros, a byte"]
)
def test_bytes_behind_the_end_of_a_deflated_stream_are_a_fault(garbage: bytes) -> None:
    content = as_file(encode_nodes(whole_tree(2), SYNTAXES[3]), SYNTAXES[3])
    header = read(content + bytes(2))
    assert isinstance(header, Header)
    assert header.fault is None
    assert not is_silent(read(content + garbage))


def has_seen(header: Header) -> bool:
    """True where the sentinel's value is anywhere in the JSON, also where another element swallowed it."""
    if SEEN.decode().strip() in header.json or "BulkDataURI" in header.json:
        return True
    return any(SEEN in base64.b64decode(binary) for binary in binaries(json.loads(header.json)))


def binaries(data_set: dict) -> list[str]:
    found = []
    for element in data_set.values():
        found += [element["InlineBinary"]] if "InlineBinary" in element else []
        if element["vr"] == "SQ":
            found += [binary for item in element.get("Value", []) for binary in binaries(item)]
    return found


def assert_not_silent(syntax: Syntax, count: int, tail: bytes) -> None:
    """Read a tail with a sound element behind it: it is read, or the header says that something is amiss."""
    nodes = whole_tree(2)[:count]
    head = encode_nodes(nodes, syntax)
    content = as_file(head + tail + syntax.element(SENTINEL, "LO", SEEN), syntax)
    header = read(content)
    assert isinstance(header, Header)
    kept = json.loads(header.json)
    assert all(f"{node.tag:08X}" in kept for node in nodes)  # type: ignore[union-attr]
    if header.fault is not None or header.invalid_values or header.omitted:
        return
    if header.pixel_data_is_encapsulated is not None:
        tags = [syntax.tag(tag) for tag in (PIXEL_DATA, PIXEL_DATA - 1, PIXEL_DATA - 2)]
        if header.pixel_data_offset is not None:
            assert any(tag in content[header.pixel_data_offset - 12 : header.pixel_data_offset] for tag in tags)
        else:
            assert any(tag in tail for tag in tags)
        return
    assert has_seen(header)


def pieces(syntax: Syntax) -> dict[str, bytes]:
    element, head = syntax.element, syntax.head
    low = element(0x00080022, "DA", b"20240131")
    return {
        "eight zeros": bytes(8),
        "twelve zeros": bytes(12),
        "command element": element(0x00000100, "US", b"\1\0"),
        "implicit command element": IMPLICIT_LITTLE.element(0x00000100, "US", b"\1\0"),
        "element of a lower tag": low,
        "the same again": element(0x00080060, "CS", b"CT"),
        "element of the meta group": element(0x00020010, "UI", b"1.2.3\0"),
        "item": element(ITEM, b"", low),
        "empty item": head(ITEM, b"", 0),
        "open item": head(ITEM, b"", UNDEFINED) + low,
        "item delimiter": head(ITEM_END, b"", 0),
        "sequence delimiter": head(SEQUENCE_END, b"", 0),
        "delimiter with a length": head(SEQUENCE_END, b"", 4),
        "item delimiter with a length of all": head(ITEM_END, b"", 0x7FFFFFFF),
        "unknown tag of its group": syntax.tag(0xFFFEE001) + bytes(4),
        "rubbish": b"\xff\xff\xff\xff\xff\xff\xff\xfe",
        "text": b"text behind an element",
        "VR of dashes": syntax.tag(0x00080022) + b"--" + syntax.number(8, 2) + b"20240131",
        "VR of two capitals": syntax.tag(0x00080022) + b"ZZ\0\0" + syntax.number(8, 4) + b"20240131",
        "open sequence": head(0x00081140, "SQ", UNDEFINED),
        "open sequence with an open item": head(0x00081140, "SQ", UNDEFINED) + head(ITEM, b"", UNDEFINED),
        "sequence of text": element(0x00081140, "SQ", b"no items"),
        "trailing padding": element(0xFFFCFFFC, "OB", bytes(16)),
        "pixel data": element(PIXEL_DATA, "OW", bytes(16)),
        "fragments": syntax.tag(PIXEL_DATA) + (b"OB\0\0" if syntax.is_explicit else b"") + b"\xff" * 4,
        "half a head": syntax.tag(0x00880200)[:3],
    }


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_no_piece_between_elements_hides_what_follows(syntax: Syntax) -> None:
    tails = pieces(syntax)
    for count in cuts(whole_tree(2)):
        for first in tails.values():
            assert_not_silent(syntax, count, first)
            for second in tails.values() if count == 6 else ():
                assert_not_silent(syntax, count, first + second)


@st.composite
def tails(draw: st.DrawFn) -> tuple[Syntax, bytes]:
    syntax = draw(st.sampled_from(SYNTAXES))
    some = st.sampled_from(sorted(pieces(syntax).values()))
    zeros = st.integers(0, 600).map(bytes)
    return syntax, b"".join(draw(st.lists(st.one_of(some, st.binary(max_size=24), zeros), max_size=5)))


@settings(max_examples=500)
@given(tail=tails(), count=st.sampled_from(cuts(whole_tree(2))))
def test_no_bytes_at_all_hide_what_follows(tail: tuple[Syntax, bytes], count: int) -> None:
    assert_not_silent(tail[0], count, tail[1])
