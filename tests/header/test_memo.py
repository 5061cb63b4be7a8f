"""What is remembered of one file never changes what another one means."""

import io
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import Header, read_header, reader
from dicom_udf.header.memo import Memo
from tests.header.files import SYNTAXES, element, encode, minimal, raw_file, shipped


def read_afresh(content: bytes, monkeypatch: pytest.MonkeyPatch) -> Header:
    """Read with nothing remembered."""
    with monkeypatch.context() as patch:
        patch.setattr(reader, "_memo", Memo())
        return read_header(io.BytesIO(content), selection=selection())


@pytest.fixture
def fresh_memo(monkeypatch: pytest.MonkeyPatch) -> Memo:
    memo = Memo()
    monkeypatch.setattr(reader, "_memo", memo)
    return memo


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_series_reads_the_same_with_and_without_the_memo(
    syntax: str, fresh_memo: Memo, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12):
        data_set = minimal(
            StudyDate="20240131", Modality="CT", PatientName="Doe^Jane", InstanceNumber=str(number // 2),
            SliceLocation=str(number * 2.5), ProcedureCodeSequence=[minimal(CodeValue="P1")], Rows=512,
            AcquisitionTime=f"1014{number:02}", PatientID="4711" if number < 6 else "4712",
            PixelRepresentation=number % 2, SpecificCharacterSet="ISO_IR 192" if number % 3 else "ISO_IR 100",
            PatientComments="grün",
        )  # fmt: skip
        data_set.private_block(0x0019, f"ACME {number % 2}", create=True).add_new(1, "LO", "x")
        content = encode(data_set, syntax)
        remembered = read_header(io.BytesIO(content), selection=selection())
        assert remembered == read_afresh(content, monkeypatch)


def test_all_shipped_files_read_the_same_again_and_again(fresh_memo: Memo, monkeypatch: pytest.MonkeyPatch) -> None:
    contents = [path.read_bytes() for path in shipped() if path.suffix == ".dcm" and path.stat().st_size < 200_000]
    contents = [content for content in contents if content[128:132] == b"DICM" and b"Media Storage" not in content]
    for content in itertools.chain.from_iterable([content] * 4 for content in contents):
        try:
            afresh = read_afresh(content, monkeypatch)
        except FileFault as fault:
            with pytest.raises(FileFault, match=str(fault.code)):
                read_header(io.BytesIO(content), selection=selection())
        else:
            assert read_header(io.BytesIO(content), selection=selection()) == afresh


TAGS = (0x00080020, 0x00080060, 0x00100020, 0x00190010, 0x00191001, 0x00280103, 0x00280106)
VALUES = {
    0x00080020: ("DA", [b"20240131", b"notadate"]),
    0x00080060: ("CS", [b"CT", b"MR"]),
    0x00100020: ("LO", [b"1 ", b"22", b"\xe4\xf6"]),
    0x00190010: ("LO", [b"ACME", b"EMCA"]),
    0x00191001: ("US", [b"\1\0", b"\1"]),
    0x00280103: ("US", [b"\0\0", b"\1\0"]),
    0x00280106: ("UN", [b"\xff\xff"]),
}
ELEMENTS = st.sampled_from(TAGS).flatmap(
    lambda tag: st.sampled_from(VALUES[tag][1]).map(lambda value: element(tag, VALUES[tag][0], value))
)


@settings(max_examples=150)
@given(files=st.lists(st.lists(ELEMENTS, max_size=8), min_size=2, max_size=6))
def test_files_in_any_order_with_elements_in_any_order_read_as_if_they_were_alone(files: list[list[bytes]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reader, "_memo", Memo())
        for elements in [*files, *files]:
            content = raw_file(*elements)
            remembered = read_header(io.BytesIO(content), selection=selection())
            assert remembered == read_afresh(content, patch)


def test_runs_are_learned_from_a_series(fresh_memo: Memo) -> None:
    for number in range(5):
        content = encode(minimal(StudyDate="20240131", Modality="CT", InstanceNumber=str(number), Rows=5, Columns=5))
        read_header(io.BytesIO(content))
    runs = [run for context in fresh_memo._contexts.values() for known in context.runs.values() for run in known]
    assert max(len(run.entries) for run in runs) >= 3


def test_the_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    memo = Memo(most_bytes=100_000, most_entries=100)
    monkeypatch.setattr(reader, "_memo", memo)
    for number in range(300):
        read_header(io.BytesIO(encode(minimal(PatientID=str(number), PatientComments="x" * 1000))))
        assert memo.entries <= 101
        assert memo.bytes <= 100_000 + 64 * 1024
