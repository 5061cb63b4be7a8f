"""Every VR has its line: type, spellings, and what makes a value null."""

import math
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import DicomDictionary, RepeatersDictionary
from pydicom.valuerep import VR as PYDICOM_VR

from dicom_udf.header.vr import LONG_LENGTH, VRS, Unfit
from release.pages.vr_page import vr_page

PAGE = Path(__file__).parents[2] / "docs/reference/vr_types.md"
TYPES = {
    "string": str,
    "date": date,
    "timestamp_ntz": datetime,
    "double": float,
    "bigint": int,
    "decimal(20,0)": Decimal,
}

GOOD: list[tuple[str, Any, Any]] = [
    ("DA", "20240131", date(2024, 1, 31)),
    ("DA", "2024.01.31", date(2024, 1, 31)),
    ("DA", " 20240229 ", date(2024, 2, 29)),
    ("TM", "10", "10"),
    ("TM", "1014", "10:14"),
    ("TM", "101405", "10:14:05"),
    ("TM", "101405.12", "10:14:05.12"),
    ("TM", "10:14:05.120000", "10:14:05.120000"),
    ("TM", "235960", "23:59:60"),
    ("TM", "101405.1234567", "10:14:05.123456"),
    ("DT", "20240131", datetime(2024, 1, 31)),
    ("DT", "2024013110", datetime(2024, 1, 31, 10)),
    ("DT", "20240131101530.25+0100", datetime(2024, 1, 31, 10, 15, 30, 250000)),
    ("DT", "20240131-0500", datetime(2024, 1, 31)),
    ("DS", "1", 1.0),
    ("DS", " +1. ", 1.0),
    ("DS", ".5", 0.5),
    ("DS", "-1.5E+2", -150.0),
    ("DS", "-0.12345678901234567890", -0.12345678901234568),
    ("IS", "007", 7),
    ("IS", "-1.0", -1),
    ("IS", "+5 ", 5),
    ("US", 65535, 65535),
    ("US", "12", 12),
    ("FD", 0.1, 0.1),
    ("FL", 3, 3.0),
    ("UV", 2**64 - 1, Decimal(2**64 - 1)),
    ("SV", -(2**63), -(2**63)),
    ("UI", "1.2.3", "1.2.3"),
    ("LO", " leading", "leading"),
    ("LT", " leading", " leading"),
    ("LO", 5, "5"),
]
BAD: list[tuple[str, Any]] = [
    *[("DA", text) for text in ("2024", "20240230", "2024-01-31", "2024.0131", "00000000", "20240131-20240201")],
    *[("TM", text) for text in ("24", "1060", "101461", "1", "10:14:5", "noon", "10.5")],
    *[("DT", text) for text in ("2024", "202401", "20240230", "2024013125", "20240131101560", "x")],
    *[("DS", text) for text in ("1,5", "1_0", "nan", "inf", "1e999", "0x1", "12mm", "--1")],
    *[("IS", text) for text in ("1.5", "1e3", "nine", str(2**63), "1_0")],
    ("FD", math.nan), ("FL", math.inf), ("US", 1.5), ("SV", 2**63), ("UV", -1), ("UV", 2**64),
]  # fmt: skip


@pytest.mark.parametrize("name", [vr.value for vr in PYDICOM_VR])
def test_every_vr_of_the_standard_has_a_line(name: str) -> None:
    assert name in VRS or " or " in name


def test_every_choice_of_the_dictionary_has_a_line() -> None:
    chosen = {entry[0] for entry in [*DicomDictionary.values(), *RepeatersDictionary.values()]}
    assert chosen <= VRS.keys() | {"NONE"}


@pytest.mark.parametrize("vr", VRS.values(), ids=lambda vr: vr.name)
def test_a_vr_has_a_type_exactly_where_it_has_a_converter(vr: Any) -> None:
    assert (vr.type is None) == (vr.convert is None)
    assert vr.type is None or vr.type in TYPES


@pytest.mark.parametrize("vr", [vr for vr in VRS.values() if vr.type], ids=lambda vr: vr.name)
@given(item=st.one_of(st.text(), st.integers(-(2**64), 2**64), st.floats()))
def test_anything_becomes_a_value_of_the_type_or_a_reason(vr: Any, item: Any) -> None:
    value = vr.convert(item)
    assert isinstance(value, (TYPES[vr.type], Unfit))
    if isinstance(value, float):
        assert math.isfinite(value)


@pytest.mark.parametrize(("name", "item", "value"), GOOD)
def test_a_spelling_gives_its_value(name: str, item: Any, value: Any) -> None:
    assert VRS[name].convert(item) == value


@pytest.mark.parametrize(("name", "item"), BAD)
def test_what_does_not_fit_is_a_reason_without_the_value(name: str, item: Any) -> None:
    value = VRS[name].convert(item)
    assert isinstance(value, Unfit)
    assert str(item) not in value.reason


@pytest.mark.parametrize("name", [vr.value for vr in PYDICOM_VR if " " not in vr.value])
def test_lengths_take_32_bits_where_pydicom_says_so(name: str) -> None:
    from pydicom.valuerep import EXPLICIT_VR_LENGTH_32

    assert (name.encode() in LONG_LENGTH) == (name in EXPLICIT_VR_LENGTH_32)


def test_the_page_of_types_is_not_stale() -> None:
    assert PAGE.read_text(encoding="utf-8") == vr_page()
