"""Each line about malformed headers in docs/reference/header_json.md is true."""

import io
import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.header import Header, Selection, Wanted, read_header
from tests.header.files import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    SOP_INSTANCE,
    element,
    encode,
    minimal,
    raw_file,
)
from tests.header.test_differences import implicit

PAGE = Path(__file__).parents[2] / "docs/reference/header_json.md"
ITEM, ITEM_END, END = b"\xfe\xff\x00\xe0", b"\xfe\xff\x0d\xe0\0\0\0\0", b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = 0xFFFFFFFF
DATE = element(0x00080020, "DA", b"20240131")
BEFORE, PATIENT = element(0x00081030, "LO", b"here"), element(0x00100020, "LO", b"1 ")
CODE = element(0x00080100, "SH", b"C1")
META = raw_file().removesuffix(SOP_INSTANCE)


def item(*elements: bytes) -> bytes:
    body = b"".join(elements)
    return ITEM + len(body).to_bytes(4, "little") + body


def read(content: bytes, *wanted: Wanted) -> Header:
    return read_header(io.BytesIO(content), selection=Selection(wanted))


def data_set(header: Header) -> dict[str, Any]:
    return json.loads(header.json)


def whole(content: bytes, *named: str) -> dict[str, Any]:
    """The data set of a header that was read to its end, where these paths and no others are named."""
    header = read(content)
    assert header.fault is None
    assert set(header.invalid_values) == set(named)
    return data_set(header)


def between(*middle: bytes) -> bytes:
    return raw_file(DATE, BEFORE, *middle, PATIENT)


def has_both(read_elements: dict[str, Any]) -> bool:
    return read_elements["00081030"]["Value"] == ["here"] and read_elements["00100020"]["Value"] == ["1"]


def out_of_order() -> None:
    assert list(whole(raw_file(PATIENT, DATE))) == ["00080018", "00080020", "00100020"]


def vr_of_two_capitals() -> None:
    elements = whole(between(b"\x08\0\x40\x12ZZ\0\0\x04\0\0\0abcd"))
    assert has_both(elements)
    assert elements["00081240"]["vr"] == "UN"


def no_valid_vr() -> None:
    for vr in (b"--", b"00", b"\0\0", b"lo", b"??"):
        elements = whole(between(b"\x08\0\x3e\x10" + vr + b"\4\0text"))
        assert has_both(elements)
        assert elements["0008103E"] == {"vr": "LO", "Value": ["text"]}
    elements = whole(between(b"\x08\0\x3e\x10\4\0\0\0text"))
    assert elements["0008103E"] == {"vr": "LO", "Value": ["text"]}


def explicit_items() -> None:
    content = implicit((0x00081140, item(CODE, element(0x00081155, "UI", b"1.2\0"))), (0x00100020, b"1 "))
    assert whole(content)["00081140"]["Value"][0]["00080100"] == {"vr": "SH", "Value": ["C1"]}


def implicit_file_meta() -> None:
    meta = b"\2\0\1\0\2\0\0\0\0\1" + b"\2\0\x10\0\x14\0\0\0" + EXPLICIT.encode() + b"\0"
    for prefix in (bytes(128) + b"DICM", b""):
        header = read(prefix + meta + SOP_INSTANCE + DATE)
        assert header.fault is None
        assert json.loads(header.file_meta_json or "")["00020010"]["Value"] == [EXPLICIT]
        assert "00080020" in data_set(header)


def no_preamble() -> None:
    content = between()
    assert has_both(whole(content[132:]))
    assert has_both(whole(content[len(META) :]))


def wrong_syntax() -> None:
    explicit, other = between(), implicit((0x00081030, b"here"), (0x00100020, b"1 "))
    for syntax in (IMPLICIT, BIG_ENDIAN):
        assert has_both(whole(raw_file(syntax=syntax) + explicit[len(META) + len(SOP_INSTANCE) :]))
    assert has_both(whole(META + other[len(raw_file(syntax=IMPLICIT).removesuffix(SOP_INSTANCE)) :]))


def zlib_wrapper() -> None:
    content = raw_file(syntax=DEFLATED).removesuffix(SOP_INSTANCE)
    assert has_both(whole(content + zlib.compress(between()[len(META) :])))


def padding() -> None:
    for length in (1, 8, 9, 512, 1 << 20):
        assert has_both(whole(between() + bytes(length)))


def group_0000() -> None:
    command = b"\0\0\0\0\4\0\0\0\x0a\0\0\0" + b"\0\0\0\1\2\0\0\0\1\0"
    assert has_both(whole(between(bytes(8)), "CommandGroupLength"))
    assert has_both(whole(between(command), "CommandGroupLength", "CommandField"))
    assert has_both(whole(META + command + between()[len(META) :], "CommandGroupLength", "CommandField"))
    assert has_both(whole(between(element(0x00081140, "SQ", item(bytes(8), CODE))), "00081140[0].00000000"))


def broken_sequence() -> None:
    wanted = Wanted("codes", (0x00081032,), "SQ", multiple=True, part="codes")
    for broken in (b"Doe^Jane", item(CODE) + b"rubbish!", item(CODE) + bytes(12), item(CODE) + ITEM + b"\xff\0\0\0"):
        header = read(between(element(0x00081032, "SQ", broken)), wanted)
        assert header.fault is None
        assert header.invalid_values.keys() == {"ProcedureCodeSequence"}
        assert header.values == {}
        assert has_both(data_set(header))
    longer = element(0x00080104, "LO", b"x", length=99)
    values = whole(between(element(0x00081032, "SQ", item(CODE) + item(longer) + item(CODE))), "ProcedureCodeSequence")
    assert values["00081032"]["Value"] == [{"00080100": {"vr": "SH", "Value": ["C1"]}}, {}] + [
        {"00080100": {"vr": "SH", "Value": ["C1"]}}
    ]


def not_a_sequence() -> None:
    content = implicit((0x00190010, b"Agfa ADC NX "), (0x00191009, b"text"), (0x00191F00, b"ab"))
    header = read(content)
    assert header.fault is None
    assert data_set(header)["00191009"] == {"vr": "UN", "InlineBinary": "dGV4dA=="}
    assert header.invalid_values.keys() == {"0019,xx09|Agfa ADC NX"}


def stray_item() -> None:
    assert has_both(whole(between(item(CODE)), "Item"))
    assert has_both(whole(between(ITEM_END), "ItemDelimitationItem"))
    assert has_both(whole(between(END), "SequenceDelimitationItem"))


def stray_delimiter() -> None:
    items = item(CODE) + ITEM_END + item(CODE)
    elements = whole(between(element(0x00081140, "SQ", items + END, length=UNDEFINED)), "ReferencedImageSequence")
    assert has_both(elements)
    assert len(elements["00081140"]["Value"]) == 2
    assert has_both(whole(between(element(0x00081140, "SQ", item(CODE) + END)), "ReferencedImageSequence"))


def no_delimiter() -> None:
    open_item = ITEM + b"\xff\xff\xff\xff" + CODE
    for value in (
        b"",
        item(CODE),
        open_item + END + END,
        open_item + END,
        open_item + ITEM_END,
        open_item + item(CODE) + END,
    ):
        content = between(element(0x00081140, "SQ", value, length=UNDEFINED))
        assert has_both(whole(content, "ReferencedImageSequence"))
    inner = element(0x00081199, "SQ", open_item + ITEM_END, length=UNDEFINED)
    assert has_both(whole(between(element(0x00081115, "SQ", item(inner))), "00081115[0].00081199"))


def broken_file_meta() -> None:
    uid = element(0x00020010, "UI", EXPLICIT.encode() + b"\0")
    for broken, name in (
        (b"\2\0\0\1rubbish!", "PrivateInformationCreatorUID"),
        (element(0x00020012, "UI", b"", length=4000), "ImplementationClassUID"),
        (b"rubbish!rubbish!", "FileMetaInformationGroupLength"),
    ):
        body = uid + broken
        length = element(0x00020000, "UL", len(body).to_bytes(4, "little"))
        for group in (length + body, body):
            header = read(bytes(128) + b"DICM" + group + between()[len(META) :])
            assert header.fault is None
            assert has_both(data_set(header))
            assert header.invalid_values.keys() == {name}


def not_deflated() -> None:
    assert has_both(whole(raw_file(DATE, BEFORE, PATIENT, syntax=DEFLATED), "TransferSyntaxUID"))


def character_sets() -> None:
    names = element(0x00080005, "CS", b"ISO 2022 IR 6\\ISO_IR 192")
    elements = whole(raw_file(names, element(0x00081030, "LO", "Zoë".encode())), "SpecificCharacterSet")
    assert elements["00081030"]["Value"] == ["Zoë"]


def repeated() -> None:
    assert has_both(whole(between(element(0x00081030, "LO", b"more")), "StudyDescription"))


def fault_of(content: bytes) -> str:
    fault = read(content).fault
    assert fault is not None
    return fault.partition("@")[0]


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return raw_file(syntax=DEFLATED).removesuffix(SOP_INSTANCE) + packer.compress(body) + packer.flush()


def cut() -> None:
    assert fault_of(between()[:-1]) == "TRUNCATED"
    assert fault_of(between(element(0x00081140, "SQ", item(CODE), length=UNDEFINED))[: -len(PATIENT)]) == "TRUNCATED"
    body = between()[len(META) :]
    stored = zlib.compressobj(level=0, wbits=-15)
    packed = stored.compress(body) + stored.flush(zlib.Z_SYNC_FLUSH)
    assert fault_of(raw_file(syntax=DEFLATED).removesuffix(SOP_INSTANCE) + packed) == "TRUNCATED"


def rubbish() -> None:
    assert fault_of(between(b"rubbish!rubbish!")) == "CORRUPT_HEADER"
    assert fault_of(between(b"\x08\0\x3e\x10ZZ\0\0\xff\xff\xff\x7f")) == "CORRUPT_HEADER"


def more_zeros() -> None:
    assert fault_of(between() + bytes((1 << 20) + 2)) == "CORRUPT_HEADER"
    assert fault_of(between(bytes(12))) == "CORRUPT_HEADER"
    assert fault_of(between() + bytes(64) + b"x") == "CORRUPT_HEADER"


def wrong_length() -> None:
    assert fault_of(between(element(0x00081140, "SQ", item(CODE) + b"rubbish!", length=22))) == "CORRUPT_HEADER"


def too_many_elements() -> None:
    private = b"".join(element(0x00090000 + n, "LO", b"") for n in range(0x1000, 0x10000))
    more = b"".join(element(0x000B0000 + n, "LO", b"") for n in range(0x1000, 0x3000))
    assert fault_of(raw_file(private, more)) == "CORRUPT_HEADER"


def broken_stream() -> None:
    body = between()[len(META) :]
    assert fault_of(deflated(body) + b"more") == "CORRUPT_HEADER"
    assert read(deflated(body) + b"\0").fault is None
    damaged = deflated(body + b"".join(element(0x00200000 + n, "LO", b"%06d" % (n * n)) for n in range(2, 4000)))
    assert fault_of(damaged[:4000] + b"\xff" * 64 + damaged[4064:]) == "CORRUPT_HEADER"


CHECKS: dict[str, Callable[[], None]] = {
    check.__name__.replace("vr_of", "VR of").replace("_vr", " VR").replace("_", " "): check
    for check in (
        out_of_order, vr_of_two_capitals, no_valid_vr, explicit_items, implicit_file_meta, no_preamble, wrong_syntax,
        zlib_wrapper, padding, group_0000, broken_sequence, not_a_sequence, stray_item, stray_delimiter, no_delimiter,
        broken_file_meta, not_deflated, character_sets, repeated, cut, rubbish, more_zeros, wrong_length,
        too_many_elements, broken_stream,
    )
}  # fmt: skip


def test_the_tables_have_a_line_for_each_check_and_no_other() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## Malformed headers")[2].partition("\n## ")[0]
    names = re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE)
    assert names.count("Name") == 3
    assert sorted(name for name in names if name != "Name") == sorted(CHECKS)


@pytest.mark.parametrize("name", CHECKS)
def test_a_malformed_header_is_read_as_the_tables_say(name: str) -> None:
    CHECKS[name]()


def test_a_header_that_breaks_off_is_an_instance_where_any_uid_says_what_it_belongs_to() -> None:
    sop = Wanted("sop_instance_uid", (0x00080018,), "UI")
    no_uid = encode(minimal(StudyDate="20240131", PatientID="1"))
    no_uid = no_uid.replace(b"\x08\0\x18\0UI\x10\x002.25.1234567890\0", b"\x08\0\x18\0UI\0\0")
    header = read(no_uid + b"rubbish!", sop)
    assert header.fault == f"CORRUPT_HEADER@{len(no_uid)}"
    assert header.values == {}
    for tag in (0x0020000D, 0x0020000E):
        content = META + DATE + element(tag, "UI", b"2.25.99\0")
        header = read(content + b"rubbish!", sop)
        assert header.fault == f"CORRUPT_HEADER@{len(content)}"
        assert header.values == {}
