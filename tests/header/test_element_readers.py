"""The few steps that most elements take are equal to the plain way, for every VR and any bytes."""

from __future__ import annotations

from itertools import product
from struct import pack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.header import Selection, Wanted
from dicom_udf.header.element import finish
from dicom_udf.header.element_readers import element_reader
from dicom_udf.header.memo import Context, Memo
from dicom_udf.header.selection import compile_selection
from dicom_udf.header.text import encodings_of
from dicom_udf.header.vr import LONG_LENGTH, VRS

TAG = 0x00091234  # private: any VR may be in the file
FILE_VRS = [vr.name for vr in VRS.values() if len(vr.name) == 2 and vr.name.encode() not in LONG_LENGTH]
COLUMN_VRS = [vr.name for vr in VRS.values() if vr.type is not None]
CHARACTER_SETS = [
    (),
    ("ISO_IR 100",),
    ("ISO_IR 192",),
    ("GB18030",),
    ("ISO 2022 IR 6", "ISO 2022 IR 87"),
    ("", "ISO_IR 192"),
]
VALUES = st.one_of(
    st.text(alphabet="0123456789.+-eE\\ \0", max_size=12).map(str.encode),
    st.text(alphabet="ab^=\\ \0ä日\x1b", max_size=12).map(lambda text: text.encode("utf-8")),
    st.sampled_from([b"20240131", b"101530.5", b"20240131101530", b"1.2.840", b"\x1b$B;3\x1b(B", b"\xb0\x5c\xa1"]),
    st.binary(max_size=16),
)


def context_of(wanted: tuple[Wanted, ...], names: tuple[str, ...], order: str) -> Context:
    _, level = compile_selection(Selection(wanted))
    return Memo().context(is_explicit=True, order=order, encodings=encodings_of(names), level=level, is_top=True)


@pytest.mark.parametrize("name", FILE_VRS)
@given(
    columns=st.lists(
        st.tuples(st.sampled_from(COLUMN_VRS), st.booleans(), st.sampled_from(["value", "ideographic"])), max_size=2
    ),
    names=st.sampled_from(CHARACTER_SETS),
    order=st.sampled_from("<>"),
    values=st.lists(VALUES, min_size=1, max_size=4),
)
def test_a_reader_returns_what_the_plain_way_returns(name, columns, names, order, values):
    wanted = tuple(
        Wanted(f"column_{number}", (TAG,), vr, multiple=is_list, part=part)
        for number, (vr, is_list, part) in enumerate(columns)
    )
    context = context_of(wanted, names, order)
    head = pack(f"{order}HH2s", TAG >> 16, TAG & 0xFFFF, name.encode())
    reader = element_reader(head, context)
    for value in values:
        raw = head + pack(f"{order}H", len(value)) + value
        json, _, typed, reason = finish(name, value, order=order, encodings=context.encodings, wanted=wanted)
        entry = reader.read(raw, context)
        assert (entry.text, entry.values or {}) == (f'"{TAG:08X}":{json}', typed or {})
        assert repr(entry.values) == repr(typed or None)  # -0.0 is not 0.0, and 1 is not 1.0
        assert [why for _, why in entry.faults] == ([reason] if reason else [])


def test_of_values_that_are_always_new_one_in_sixteen_is_remembered():
    context = context_of((), (), "<")
    raws = [pack("<HH2sH2s", 0x0008, 0x0060, b"CS", 2, f"{number:02}".encode()) for number in range(96)]
    reader = element_reader(raws[0][:6], context)
    for raw in raws:
        reader.remember(raw, context, reader.read(raw, context))
    assert len(context.known) == 32 + 64 // 16
    reader.found()
    reader.remember(b"again", context, reader.read(raws[0], context))
    assert b"again" in context.known


@pytest.mark.parametrize(("is_explicit", "order"), list(product([True, False], "<>")))
def test_contexts_that_differ_in_private_blocks_share_their_readers(is_explicit, order):
    context = Memo().context(is_explicit=is_explicit, order=order, encodings=encodings_of(()), is_top=True)
    other = context.where(creator=(0x0900 << 8 | 0x10, "ACME"))
    assert other is not context
    assert other.dialect.readers is context.dialect.readers
