"""What is remembered of one file never changes what another one means."""

import io
import itertools
import pickle
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import Header, HeaderReader, Selection, Wanted, read_header, thread_reader
from dicom_udf.header.memo import Memo
from tests.header.files import SYNTAXES, element, encode, minimal, raw_file, shipped


def read_afresh(content: bytes) -> Header:
    """Read with nothing remembered."""
    return HeaderReader(selection()).read(io.BytesIO(content))


@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
def test_a_series_reads_the_same_with_and_without_the_memo(syntax: str) -> None:
    reader = HeaderReader(selection())
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
        assert reader.read(io.BytesIO(content)) == read_afresh(content)


def test_all_shipped_files_read_the_same_again_and_again() -> None:
    reader = HeaderReader(selection())
    contents = [path.read_bytes() for path in shipped() if path.suffix == ".dcm" and path.stat().st_size < 200_000]
    contents = [content for content in contents if content[128:132] == b"DICM" and b"Media Storage" not in content]
    for content in itertools.chain.from_iterable([content] * 4 for content in contents):
        try:
            afresh = read_afresh(content)
        except FileFault as fault:
            with pytest.raises(FileFault, match=str(fault.code)):
                reader.read(io.BytesIO(content))
        else:
            assert reader.read(io.BytesIO(content)) == afresh


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
    reader = HeaderReader(selection())
    for elements in [*files, *files]:
        content = raw_file(*elements)
        assert reader.read(io.BytesIO(content)) == read_afresh(content)


def test_runs_are_learned_from_a_series() -> None:
    memo = Memo()
    reader = HeaderReader(memo=memo)
    for number in range(5):
        content = encode(minimal(StudyDate="20240131", Modality="CT", InstanceNumber=str(number), Rows=5, Columns=5))
        reader.read(io.BytesIO(content))
    runs = [run for context in memo._contexts.values() for known in context.runs.values() for run in known]
    assert max(len(run.entries) for run in runs) >= 3


def test_the_memo_is_bounded() -> None:
    memo = Memo(most_bytes=100_000, most_entries=100)
    reader = HeaderReader(memo=memo)
    for number in range(300):
        reader.read(io.BytesIO(encode(minimal(PatientID=str(number), PatientComments="x" * 1000))))
        assert memo.entries <= 101
        assert memo.bytes <= 100_000 + 64 * 1024


MODALITY = Wanted("modality", (0x00080060,), "CS")


def test_the_bounds_hold_under_ten_thousand_files_that_are_unlike_each_other() -> None:
    bound = 4 << 20
    memo = Memo(most_bytes=bound, most_entries=10_000)
    reader = HeaderReader(selection(), memo=memo)
    sizes, entries = [], []
    tracemalloc.start()
    try:
        for number in range(10_000):
            group = 0x0009 + 2 * (number % 200)
            creator = element(group << 16 | 0x10, "LO", f"MAKER {number}".encode())
            texts = [element(group << 16 | 0x1000 | low, "LO", f"{number}.{low}".encode()) for low in range(4)]
            reader.read(io.BytesIO(raw_file(element(0x00080060, "CS", b"CT"), creator, *texts)))
            sizes.append(memo.bytes)
            entries.append(sum(len(context.known) for context in memo._contexts.values()))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bound // 2 < max(sizes) < bound + (64 << 10)
    assert 1_000 < max(entries) <= 10_000 + 10
    assert most < 8 * bound  # what the estimate of its overhead leaves out, and cycles that Python has not found yet


def test_equal_selections_share_a_reader_and_threads_do_not() -> None:
    def reader_of_equal_selection() -> HeaderReader:
        return thread_reader(Selection([MODALITY]))

    assert reader_of_equal_selection() is reader_of_equal_selection()
    assert reader_of_equal_selection() is not thread_reader(Selection([]))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(reader_of_equal_selection).result() is not reader_of_equal_selection()


def test_a_selection_made_in_a_loop_keeps_what_was_learned() -> None:
    content = encode(minimal(Modality="CT"))
    headers = [read_header(io.BytesIO(content), selection=Selection([MODALITY])) for _ in range(3)]
    assert [header.values for header in headers] == [{"modality": "CT"}] * 3
    assert thread_reader(Selection([MODALITY]))._memo.serial >= 3


def test_a_pickled_selection_equals_its_original_in_another_process() -> None:
    found = pickle.loads(pickle.dumps(selection()))
    assert (found, hash(found)) == (selection(), hash(selection()))
    assert b"_hash" not in pickle.dumps(selection())


def test_readers_in_threads_do_not_mix_their_values() -> None:
    def read(number: int) -> tuple[int, str]:
        content = encode(minimal(Modality="CT" if number % 2 else "MR", InstanceNumber=str(number)))
        wanted = Selection([MODALITY, Wanted("number", (0x00200013,), "IS")])
        values = read_header(io.BytesIO(content), selection=wanted).values
        return values["number"], values["modality"]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(read, range(400))) == [(n, "CT" if n % 2 else "MR") for n in range(400)]
