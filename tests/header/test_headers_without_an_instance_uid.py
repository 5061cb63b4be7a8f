"""A header that breaks off late is an instance where any UID says what it belongs to, SOPInstanceUID or not."""

import itertools
import json

import pytest

from dicom_udf.header import Header
from tests.header.fault_kinds import RUBBISH
from tests.header.owed import read
from tests.header.planting import LITTLE, SYNTAXES, Leaf, Node, Syntax, as_file, encode_nodes, even, packed

UIDS = {"study": Leaf(0x0020000D, "UI", even("2.25.1")), "series": Leaf(0x0020000E, "UI", even("2.25.2"))}
MEDIA = LITTLE.element(0x00020003, "UI", even("2.25.3"))
DATE = Leaf(0x00080020, "DA", b"20240131")
NAMES = [syntax.name for syntax in SYNTAXES]
FAULTS = {"rubbish": RUBBISH, "cut": b"\x10\0\x10"}


def file_of(syntax: Syntax, nodes: list[Node], fault: bytes, *, has_media: bool) -> bytes:
    body = (MEDIA if has_media else b"") + LITTLE.element(0x00020010, "UI", even(syntax.uid))
    meta = LITTLE.element(0x00020000, "UL", len(body).to_bytes(4, "little")) + body
    return as_file(encode_nodes(nodes, syntax) + fault, syntax, meta=meta)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_any_uid_makes_an_instance_of_a_header_that_breaks_off(syntax: Syntax) -> None:
    instance = Leaf(0x00080018, "UI", b"")  # empty: no identity of its own
    wrong = []
    for study, series, has_media, fault in itertools.product((0, 1), (0, 1), (False, True), FAULTS):
        uids = [UIDS["study"]] * study + [UIDS["series"]] * series
        answer = read(file_of(syntax, [instance, DATE, *uids], FAULTS[fault], has_media=has_media))
        if not (uids or has_media):
            wrong += [] if isinstance(answer, str) else [f"{fault}: an instance"]
        elif not isinstance(answer, Header) or answer.fault is None or "sop_instance_uid" in answer.values:
            wrong.append(f"{fault}, study {study}, series {series}, media {has_media}")
        else:
            assert "00080020" in json.loads(answer.json)
    assert wrong == []


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_a_file_that_ends_before_its_first_element_is_a_failure(syntax: Syntax) -> None:
    assert read(file_of(syntax, [], b"", has_media=True)) == "TRUNCATED"
    assert read(file_of(syntax, [], b"\x08\0\5", has_media=True)) == "TRUNCATED"


@pytest.mark.parametrize("syntax", SYNTAXES, ids=NAMES)
def test_a_media_directory_is_judged_first(syntax: Syntax) -> None:
    directory = LITTLE.element(0x00020002, "UI", even("1.2.840.10008.1.3.10"))
    body = directory + MEDIA + LITTLE.element(0x00020010, "UI", even(syntax.uid))
    content = packed(encode_nodes([DATE, UIDS["study"]], syntax) + RUBBISH, syntax)
    assert read(bytes(128) + b"DICM" + body + content) == "DICOMDIR"
    in_data_set = [Leaf(0x00080016, "UI", even("1.2.840.10008.1.3.10")), DATE, UIDS["study"]]
    assert read(file_of(syntax, in_data_set, RUBBISH, has_media=True)) == "DICOMDIR"
