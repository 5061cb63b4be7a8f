"""Files that are cut, corrupt or no DICOM: what came before the fault is kept, or the file says why it gave nothing."""

import io
import json
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.uid import UID_dictionary

from dicom_udf.columns import selection
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header import Header, Selection, Wanted, read_header
from tests.header.files import DEFLATED, EXPLICIT, SYNTAXES, element, encode, minimal, raw_file
from tests.header.fuzz import mutate, outcome


def read(content: bytes) -> Header:
    return read_header(io.BytesIO(content))


def code_of(content: bytes) -> FailureCode:
    with pytest.raises(FileFault) as fault:
        read(content)
    return fault.value.code


DATE = element(0x00080020, "DA", b"20240131")
START = len(raw_file())
RUBBISH = b"rubbish!rubbish!"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", FailureCode.EMPTY_OBJECT),
        (b"x", FailureCode.NOT_DICOM),
        (bytes(200), FailureCode.NOT_DICOM),
        (b"PK\3\4" + bytes(300), FailureCode.NOT_DICOM),
        (b"name;value\n" * 100, FailureCode.NOT_DICOM),
        (bytes(128) + b"DICM", FailureCode.TRUNCATED),
        (bytes(128) + b"DICM" + bytes(40), FailureCode.CORRUPT_HEADER),
        (raw_file()[:140], FailureCode.TRUNCATED),
        (raw_file()[:-4], FailureCode.TRUNCATED),
        (raw_file()[: raw_file().index(element(0x00080018, "UI", b"")[:6])], FailureCode.TRUNCATED),
        (raw_file().replace(b"2.25.1234567890\0", b"").replace(b"UI\x10\0", b"ZZ\x10\0"), FailureCode.CORRUPT_HEADER),
    ],
)
def test_a_file_without_a_header_says_why(content: bytes, code: FailureCode) -> None:
    assert code_of(content) == code


@pytest.mark.parametrize("syntax", [name for name in SYNTAXES if name != "deflated"])
def test_a_file_cut_anywhere_is_a_header_with_a_fault_or_a_failure(syntax: str) -> None:
    whole = encode(minimal(StudyDate="20240131", PatientName="Doe^Jane", Rows=5), SYNTAXES[syntax])
    complete = json.loads(read(whole).json)
    found = set()
    for length in range(132, len(whole)):
        try:
            header = read(whole[:length])
        except FileFault as fault:
            found.add(fault.code)
        else:
            kept = json.loads(header.json)
            assert kept.items() <= complete.items()
            assert header.fault is None or header.fault.startswith("TRUNCATED@")
            assert (header.fault is None) <= (kept.keys() < complete.keys())
    assert FailureCode.TRUNCATED in found
    assert found <= {FailureCode.TRUNCATED, FailureCode.CORRUPT_HEADER}


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        (element(0x00100010, "PN", b"Doe", length=1000), "TRUNCATED"),
        (element(0x00100010, "UT", b"Doe", length=0xFFFFFFFE), "TRUNCATED"),
        (element(0x00100010, "OB", b"Doe", length=0xFFFFFFFE), "TRUNCATED"),
        (element(0x00100010, "UT", b"Doe", length=5 << 20), "TRUNCATED"),
        (element(0x00100010, "QQ", b"Doe"), "CORRUPT_HEADER"),
        (element(0x00100010, "SQ", b"no item!") + RUBBISH, "CORRUPT_HEADER"),
        (b"\xfe\xff\x00\xe0\0\0\0\0" + RUBBISH, "CORRUPT_HEADER"),
        (element(0x00100010, "SQ", b"\xfe\xff\x00\xe0\xff\0\0\0" + bytes(16)) + RUBBISH, "CORRUPT_HEADER"),
        (element(0x00100010, "SQ", b"\xfe\xff\x00\xe0\xff\xff\xff\xff", length=0xFFFFFFFF), "TRUNCATED"),
        (b"\x10\0\x10\0P", "TRUNCATED"),
    ],
    ids=range(10),
)
def test_what_came_before_a_fault_is_kept(broken: bytes, fault: str) -> None:
    content = raw_file(DATE, broken)
    header = read(content)
    assert header.fault is not None
    code, _, offset = header.fault.partition("@")
    assert code == fault
    assert START + len(DATE) <= int(offset) <= len(content)
    assert json.loads(header.json)["00080020"] == {"vr": "DA", "Value": ["20240131"]}


@pytest.mark.parametrize("padding", [b"", b"\0", bytes(7), bytes(8), bytes(512)], ids=len)
def test_zeros_behind_the_data_set_are_padding(padding: bytes) -> None:
    assert read(raw_file(DATE, padding)).fault is None


def test_a_delimiter_of_nothing_is_passed_over() -> None:
    header = read(raw_file(DATE, b"\xfe\xff\xdd\xe0\0\0\0\0", element(0x00100020, "LO", b"1 ")))
    assert header.fault is None
    assert "00100020" in json.loads(header.json)


def test_a_repeated_element_is_named_and_the_first_one_kept() -> None:
    again = element(0x00080020, "DA", b"20240201")
    wanted = Selection((Wanted("study_date", (0x00080020,), "DA"),))
    header = read_header(io.BytesIO(raw_file(DATE, element(0x00100020, "LO", b"1 "), again)), selection=wanted)
    assert header.fault is None
    assert list(header.invalid_values) == ["StudyDate"]
    assert json.loads(header.json)["00080020"]["Value"] == ["20240131"]
    assert header.values["study_date"].isoformat() == "2024-01-31"


@pytest.mark.parametrize("first", [b"", b"20240230"], ids=["empty", "impossible"])
def test_a_repeated_element_gives_no_value_where_the_first_has_none(first: bytes) -> None:
    wanted = Selection((Wanted("study_date", (0x00080020,), "DA"),))
    content = raw_file(element(0x00080020, "DA", first), DATE)
    for header in [read_header(io.BytesIO(content), selection=wanted) for _ in range(3)]:  # remembered ones too
        assert header.values == {}
        assert list(header.invalid_values) == ["StudyDate"]


def test_file_meta_elements_in_the_data_set_do_not_speak_for_the_file() -> None:
    wanted = Selection((Wanted("transfer_syntax_uid", (0x00020010,), "UI"),))
    header = read_header(io.BytesIO(raw_file(element(0x00020010, "UI", b"1.2.3\0"))), selection=wanted)
    assert header.values == {"transfer_syntax_uid": EXPLICIT}
    assert "00020010" in json.loads(header.json)


def test_elements_out_of_order_are_put_in_order() -> None:
    header = read(raw_file(element(0x00100020, "LO", b"1 "), DATE))
    assert header.fault is None
    assert list(json.loads(header.json)) == ["00080018", "00080020", "00100020"]


def deflated(body: bytes, *, wrapper: bool = False, syntax: str = DEFLATED) -> bytes:
    packer = zlib.compressobj(wbits=15 if wrapper else -15)
    head = raw_file(syntax=syntax)
    meta = head[: -len(raw_file()[raw_file().index(b"\x08\0\x18\0UI") :])]
    return meta + packer.compress(raw_file()[raw_file().index(b"\x08\0\x18\0UI") :] + body) + packer.flush()


@pytest.mark.parametrize("syntax", [uid for uid, of in UID_dictionary.items() if "Deflate" in of[0]])
def test_every_deflated_transfer_syntax_is_inflated(syntax: str) -> None:
    header = read(deflated(DATE, syntax=syntax))
    assert header.fault is None
    assert "00080020" in json.loads(header.json)


@pytest.mark.parametrize("wrapper", [False, True])
def test_a_deflated_data_set_may_have_a_wrapper(wrapper: bool) -> None:
    header = read(deflated(DATE, wrapper=wrapper))
    assert header.fault is None
    assert "00080020" in json.loads(header.json)


def test_a_broken_deflated_stream_keeps_what_was_inflated() -> None:
    packed = deflated(b"".join(element(0x00100020 + n, "LO", b"%032d" % (n * 7919**3)) for n in range(0, 4000, 2)))
    header = read(packed[:-2000])
    assert header.fault is not None
    assert header.fault.startswith("TRUNCATED@")
    broken = bytearray(packed)
    broken[-3000:-2000] = b"\xff" * 1000
    header = read(bytes(broken))
    assert header.fault is not None
    assert "00100020" in json.loads(header.json)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow])
@given(chance=st.randoms(use_true_random=False), syntax=st.sampled_from(list(SYNTAXES.values())))
def test_any_mutation_gives_a_header_or_a_named_failure(chance, syntax: str) -> None:
    inner = minimal(CodeValue="1", BitsAllocated=8)
    data_set = minimal(StudyDate="20240131", PatientName="Doe^Jane", Rows=5, ProcedureCodeSequence=[inner, inner])
    assert outcome(mutate(encode(data_set, syntax), chance))


@settings(max_examples=300)
@given(content=st.binary(max_size=400), prefix=st.sampled_from([b"", bytes(128) + b"DICM", raw_file()]))
def test_any_bytes_give_a_header_or_a_named_failure(content: bytes, prefix: bytes) -> None:
    assert outcome(prefix + content)


def test_faults_of_the_store_pass_through() -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError("connection lost")

    with pytest.raises(OSError, match="connection lost"):
        read_header(Broken(raw_file()), selection=selection())
