"""Whatever data set pydicom can write, in each transfer syntax, reads back as pydicom reads it."""

import io
import json
import struct

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset
from pydicom.valuerep import VR as PYDICOM_VR

from dicom_udf.columns import selection
from dicom_udf.header import read_header
from dicom_udf.header.quiet import quiet_pydicom
from tests.header.files import SYNTAXES, encode, minimal
from tests.header.test_pydicom_files import by_pydicom, same

CODE = st.text("ABCXYZ0123456789_ ", min_size=1, max_size=16).map(str.strip)
TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\\^="), max_size=16)
DIGITS = st.integers(-(2**31), 2**31 - 1).map(str)
DECIMALS = st.floats(allow_nan=False, allow_infinity=False, width=32).map(lambda number: f"{number:.8g}")


def several(values: st.SearchStrategy) -> st.SearchStrategy:
    return st.one_of(values, st.lists(values, min_size=2, max_size=4))


def words(code: str) -> st.SearchStrategy:
    size = struct.calcsize(code)
    return st.binary(max_size=40).map(lambda raw: raw[: len(raw) // size * size])


VALUES: dict[str, st.SearchStrategy] = {
    "AE": several(CODE), "CS": several(CODE), "SH": several(TEXT), "LO": several(TEXT),
    "AS": st.integers(0, 999).map(lambda n: f"{n:03}Y"),
    "DA": several(st.dates().map(lambda d: f"{d:%Y%m%d}".zfill(8))),
    "TM": several(st.times().map(lambda t: f"{t:%H%M%S.%f}")),
    "DT": st.datetimes().map(lambda d: f"{d:%Y%m%d%H%M%S}".zfill(14)),
    "DS": several(DECIMALS), "IS": several(DIGITS), "PN": st.builds("{}^{}={}".format, TEXT, TEXT, TEXT),
    "LT": TEXT, "ST": TEXT, "UT": TEXT, "UC": several(TEXT), "UR": st.just("https://example.org/a?b=c"),
    "UI": several(st.lists(st.integers(0, 9999), min_size=1, max_size=8).map(lambda n: "1." + ".".join(map(str, n)))),
    "AT": several(st.integers(0, 2**32 - 1)), "FL": several(st.floats(width=32, allow_nan=False, allow_infinity=False)),
    "FD": several(st.floats(allow_nan=False, allow_infinity=False)), "US": several(st.integers(0, 2**16 - 1)),
    "SS": several(st.integers(-(2**15), 2**15 - 1)), "UL": several(st.integers(0, 2**32 - 1)),
    "SL": several(st.integers(-(2**31), 2**31 - 1)), "UV": several(st.integers(0, 2**53)),
    "SV": several(st.integers(-(2**53), 2**53)), "OB": words("H"), "UN": words("H"), "OW": words("H"), "OF": words("f"),
    "OL": words("I"), "OD": words("d"), "OV": words("Q"),
}  # fmt: skip
"""Values by VR, as pydicom takes them."""


def test_every_vr_is_tried() -> None:
    assert VALUES.keys() | {"SQ"} == {vr.value for vr in PYDICOM_VR if " " not in vr.value}


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 2) -> Dataset:
    """A data set with private elements of every VR, some public ones, and sequences in it."""
    data_set = Dataset()
    block = data_set.private_block(0x0011, "ACME EXAMPLE", create=True)
    for offset, vr in enumerate(draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=8))):
        block.add_new(offset, vr, draw(VALUES[vr]))
    data_set.PatientName = draw(VALUES["PN"])
    data_set.StudyDate = draw(VALUES["DA"])
    data_set.SliceThickness = draw(DECIMALS)
    if depth:
        data_set.ReferencedSeriesSequence = draw(st.lists(data_sets(depth=depth - 1), max_size=2))
        data_set["ReferencedSeriesSequence"].is_undefined_length = draw(st.booleans())
    return data_set


@settings(
    max_examples=25,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking a whole data set takes minutes
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data_set=data_sets())
@pytest.mark.parametrize("syntax", SYNTAXES.values(), ids=SYNTAXES)
@pytest.mark.parametrize("charset", ["ISO_IR 192", "GB18030"])
def test_what_pydicom_writes_reads_back_equal(syntax: str, charset: str, data_set: Dataset) -> None:
    whole = minimal(SpecificCharacterSet=charset)
    whole.update(data_set)
    with quiet_pydicom():
        content = encode(whole, syntax)
    header = read_header(io.BytesIO(content), selection=selection())
    assert header.fault is None
    ours, theirs = json.loads(header.json), by_pydicom(content)
    if syntax == SYNTAXES["big endian"]:
        ours, theirs = without_binary(ours), without_binary(theirs)
    assert same(ours, theirs) == []


def without_binary(data_set: dict) -> dict:
    """pydicom's A data set's JSON without binary values, which pydicom gives in the order of the file."""
    return {
        tag: {"vr": element["vr"], "Value": [without_binary(item) for item in element.get("Value", [])]}
        if element["vr"] == "SQ"
        else element
        for tag, element in data_set.items()
        if "InlineBinary" not in element
    }
