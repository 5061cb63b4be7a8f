"""No value of a header in any log line, warning, message or exception, whatever goes wrong."""

import io
import logging
import pickle
import traceback
import warnings

import pytest

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import read_header
from tests.header.files import DEFLATED, SYNTAXES, element, encode, minimal, raw_file

MARK = "Xq7Secret"
RAW = MARK.encode() + b"\xff "

TEXTS = [
    element(tag, vr, RAW + b" " * (len(RAW) % 2))
    for tag, vr in [
        (0x00080005, "CS"), (0x00080020, "DA"), (0x00080030, "TM"), (0x0008002A, "DT"), (0x00100010, "PN"),
        (0x00100020, "LO"), (0x00101010, "AS"), (0x00180050, "DS"), (0x00200013, "IS"), (0x0020000D, "UI"),
        (0x00280010, "US"), (0x00280103, "US"), (0x00400275, "SQ"), (0x00081140, "UN"), (0x00191001, "FD"),
        (0x00190010, "LO"), (0x00280009, "AT"), (0x0040A160, "UT"), (0x00080120, "UR"),
    ]
]  # fmt: skip
WHOLE = raw_file(*TEXTS)
HEADERS = [
    *[raw_file(text) for text in TEXTS],
    *[raw_file(element(0x00080005, "CS", name), *TEXTS[1:]) for name in (b"ISO_IR 192", b"\\ISO 2022 IR 87 ")],
    *[WHOLE[:length] for length in range(100, len(WHOLE), 7)],
    *[raw_file(text, text) for text in TEXTS],
    raw_file(*reversed(TEXTS)),
    raw_file(element(0x00100010, "PN", (MARK + "=" + MARK + "=" + MARK + "=" + MARK).encode())),
    raw_file(*TEXTS, syntax="1.2.840.10008.1.2"),
    raw_file(*TEXTS, syntax="1.2.840.10008.1.2.2"),
    raw_file(*TEXTS, syntax=DEFLATED),
    raw_file(*TEXTS, syntax=MARK + "0"),
    WHOLE.replace(b"2.25.1234567890", b"Xq7Secret123456"),
    WHOLE.replace(b"2.25.1234567890\0", b"").replace(b"\x18\0UI\x10\0", b"\x18\0UI\0\0"),
    WHOLE[132:],
    RAW * 50,
    bytes(128) + b"DICM" + RAW * 50,
    *[encode(minimal(PatientName=MARK, PatientID=MARK), syntax)[:-3] for syntax in SYNTAXES.values()],
]  # fmt: skip


@pytest.mark.parametrize("content", HEADERS, ids=range(len(HEADERS)))
def test_no_failure_tells_a_value(
    content: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    reported: list[str] = []
    with warnings.catch_warnings(record=True) as warned, caplog.at_level(logging.DEBUG):
        warnings.simplefilter("always")
        try:
            header = read_header(io.BytesIO(content), selection=selection())
        except FileFault as fault:
            reported += [str(fault), repr(fault), *traceback.format_exception(fault), str(pickle.dumps(fault))]
            context = fault.__cause__ or fault.__context__
            reported += [str(context), repr(context)]
        else:
            reported += [str(header.fault), *header.invalid_values.values(), *header.omitted]
            reported += [name for name in header.invalid_values if "|" not in name]
    reported += [str(warning.message) for warning in warned]
    reported += [record.getMessage() for record in caplog.records]
    reported += [*capfd.readouterr()]
    assert not [line for line in reported if MARK in line or "Xq7" in line]
    assert not caplog.records
    assert not warned


def test_the_marked_values_do_reach_the_header_itself() -> None:
    assert MARK in read_header(io.BytesIO(WHOLE)).json
