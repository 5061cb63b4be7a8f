"""The factor from PET pixels to SUVs: each rule and each reason, from files and from their stored headers."""

import io
import math
import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_udf.columns import declared_attributes, fill_row, instances_table, merge_places, selection
from dicom_udf.columns.lifting import FROM_VALUES
from dicom_udf.columns.stored_row import fill_from_stored, markers
from dicom_udf.columns.suv import INPUTS, REASONS, SUV_COLUMNS, WANTED, is_pet, suv_columns
from dicom_udf.header import HeaderReader
from dicom_udf.header.scanner import BROKEN_SEQUENCE
from tests.columns.pet import GE, PHILIPS, pet, with_private
from tests.each import for_each
from tests.header.files import BIG_ENDIAN, EXPLICIT, IMPLICIT, encode

ROOT = Path(__file__).parents[2]
COLUMNS = frozenset(field.name for field in instances_table().fields)
RIGHT = 71.5 * 1000 / 3.12e8 * 2 ** (3900 / 6586.2)


def row_of(image: Dataset, *, syntax: str = EXPLICIT, spelled: dict[bytes, bytes] | None = None) -> dict[str, object]:
    """Return the row of an image, some of whose values are spelled otherwise."""
    content = encode(image, syntax)
    for old, new in (spelled or {}).items():
        assert content.count(old) == 1
        assert len(old) == len(new)
        content = content.replace(old, new)
    return row_from(content)


def row_from(content: bytes) -> dict[str, object]:
    """Return the row of a file; the same comes from its stored header, with the other columns known or not."""
    reader = HeaderReader(selection())
    headers = [reader.read(io.BytesIO(content)) for _ in range(3)]
    assert headers[0] == headers[1] == headers[2]
    header = headers[0]
    row = fill_row(header)
    assert row.keys() <= COLUMNS
    broken = [name for name, reason in header.invalid_values.items() if reason == BROKEN_SEQUENCE]
    known = {name: row[name] for name in (*FROM_VALUES, *INPUTS) if row.get(name) is not None}
    for columns, present in ((SUV_COLUMNS, known), ((*SUV_COLUMNS, *INPUTS), {})):
        text = header.json if any(one in header.json for one in markers(columns, is_meta=False)) else None
        stored, reasons, _ = fill_from_stored(columns, text, None, header.omitted, present, present, broken)
        assert [stored.get(name) for name in SUV_COLUMNS] == [row.get(name) for name in SUV_COLUMNS]
        assert reasons.items() <= dict(header.invalid_values).items()
        assert stored.keys() <= COLUMNS
    return row


def suv_of(image: Dataset, **how: object) -> tuple[object, object]:
    """Return factor and reason."""
    row = row_of(image, **how)
    return row.get(SUV_COLUMNS[0]), row.get(SUV_COLUMNS[1])


def close(factor: float) -> object:
    return pytest.approx(factor, rel=1e-12, abs=0)


# --- The sample


def test_the_sample_has_its_right_value():
    for file in sorted((ROOT / "sample_dcm" / "pt_whole_body").iterdir()):
        with file.open("rb") as content:
            row = fill_row(HeaderReader(selection()).read(content))
        is_corrected = not file.name.startswith("NAC")
        assert row["derived_suv_bw_factor"] == (pytest.approx(3.4547e-4, rel=2e-5) if is_corrected else None)
        assert row["derived_suv_reason"] == (None if is_corrected else "not_attenuation_corrected")
    assert pytest.approx(3.4547e-4, rel=2e-5) == RIGHT


# --- Each rule


UNITS = ["NONE", "CM2", "CM2ML", "PCNT", "CPS", "MGMINML", "UMOLMINML", "MLMING", "MLG", "1CM", "UMOLML", "PROPCNTS",
         "PROPCPS", "MLMINML", "MLML", "STDDEV"]  # fmt: skip
KINDS = ["BSA", "LBM", "LBMJAMES128", "LBMJANMA", "IBW"]

CASES = [
    ({}, RIGHT, None),
    # Which objects
    ({"Modality": "CT", "Units": None}, None, None),
    ({"Modality": None, "Units": None}, None, None),
    ({"Modality": "NM", "Units": None}, None, None),
    ({"Modality": None}, RIGHT, None),
    ({"Modality": "NM"}, RIGHT, None),
    # Units
    ({"Units": None}, None, "no_units"),
    ({"Units": ""}, None, "no_units"),
    ({"Units": "BQML OF J DOE"}, None, "units_other"),
    *(({"Units": term}, None, f"units_{term.lower()}") for term in UNITS),
    # GML
    ({"Units": "GML", "SUVType": "BW"}, 1.0, None),
    ({"Units": "GML"}, 1.0, "assumed_bw"),
    ({"Units": "GML", "SUVType": ""}, 1.0, "assumed_bw"),
    ({"Units": "GML", "PatientWeight": None, "CorrectedImage": None, "SUVType": "BW"}, 1.0, None),
    *(({"Units": "GML", "SUVType": kind}, None, f"suv_type_{kind.lower()}") for kind in KINDS),
    ({"Units": "GML", "SUVType": "DOE"}, None, "suv_type_other"),
    # CNTS without Philips
    ({"Units": "CNTS"}, None, "no_philips_factor"),
    # Corrections
    ({"CorrectedImage": ["DECY"]}, None, "not_attenuation_corrected"),
    ({"CorrectedImage": ["ATTN"]}, None, "not_decay_corrected"),
    ({"CorrectedImage": ["ATTN", "DECAY"]}, None, "not_decay_corrected"),
    ({"CorrectedImage": None}, None, "not_attenuation_corrected"),
    ({"CorrectedImage": ["ATTN", "", "DECY"]}, RIGHT, None),
    ({"DecayCorrection": "NONE"}, None, "decay_correction_none"),
    ({"DecayCorrection": None}, None, "decay_correction_none"),
    ({"DecayCorrection": "DOE"}, None, "decay_correction_other"),
    ({"DecayCorrection": "ADMIN"}, 71500 / 3.12e8, None),
    ({"DecayCorrection": "ADMIN", "RadionuclideHalfLife": None, "SeriesTime": None}, 71500 / 3.12e8, None),
    # Weight and dose
    ({"PatientWeight": None}, None, "no_weight"),
    ({"PatientWeight": "0"}, None, "no_weight"),
    ({"PatientWeight": "-71.5"}, None, "no_weight"),
    ({"PatientWeight": "71500"}, None, "weight_implausible"),
    ({"PatientWeight": "0.0001"}, None, "weight_implausible"),
    ({"PatientWeight": "0.02"}, RIGHT * 0.02 / 71.5, None),
    ({"RadionuclideTotalDose": None}, None, "no_dose"),
    ({"RadionuclideTotalDose": "0"}, None, "no_dose"),
    ({"RadionuclideTotalDose": "-3.12e8"}, None, "no_dose"),
    ({"RadionuclideTotalDose": "312"}, None, "dose_implausible"),
    ({"RadionuclideTotalDose": "99999"}, None, "dose_implausible"),
    ({"RadionuclideTotalDose": "100000"}, RIGHT * 3120, None),
    ({"RadionuclideTotalDose": "1e12"}, None, "dose_implausible"),
    # Half life
    ({"RadionuclideHalfLife": None}, None, "no_half_life"),
    ({"RadionuclideHalfLife": "0"}, None, "no_half_life"),
    ({"RadionuclideHalfLife": "-1"}, None, "no_half_life"),
    ({"RadionuclideHalfLife": "1.83"}, None, "implausible_uptake_time"),
    ({"RadionuclideHalfLife": "109.77"}, None, "implausible_uptake_time"),
    # The reference time
    ({"SeriesTime": None}, None, "reference_time_unknown"),
    ({"SeriesDate": None}, None, "reference_time_unknown"),
    ({"SeriesTime": "10"}, None, "reference_time_unknown"),
    ({"SeriesTime": "1005"}, RIGHT, None),
    ({"SeriesTime": "100500.000001"}, None, "reference_time_unknown"),
    ({"SeriesDate": "20240403"}, None, "reference_time_unknown"),
    ({"AcquisitionTime": "104500"}, RIGHT, None),
    ({"AcquisitionTime": None}, RIGHT, "assumed_series_time"),
    ({"AcquisitionDate": None}, RIGHT, "assumed_series_time"),
    ({"AcquisitionTime": "10"}, RIGHT, "assumed_series_time"),
    # The start time
    ({"RadiopharmaceuticalStartTime": None}, None, "no_start_time"),
    ({"RadiopharmaceuticalStartTime": "09"}, None, "no_start_time"),
    ({"RadiopharmaceuticalStartTime": "0900"}, RIGHT, None),
    ({"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "20240402090000.00"}, RIGHT, None),
    ({"RadiopharmaceuticalStartTime": "080000", "RadiopharmaceuticalStartDateTime": "202404020900"}, RIGHT, None),
    ({"RadiopharmaceuticalStartDateTime": "20240402"}, RIGHT, None),  # no time of day: the other attribute has one
    ({"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "20240402"}, None, "no_start_time"),
    ({"RadiopharmaceuticalStartTime": None, "RadiopharmaceuticalStartDateTime": "2024040209"}, None, "no_start_time"),
    ({"RadiopharmaceuticalStartDateTime": "20240403090000"}, None, "implausible_uptake_time"),
    ({"RadiopharmaceuticalStartDateTime": "20240401100500"}, RIGHT * 2 ** (82500 / 6586.2), None),
    ({"RadiopharmaceuticalStartDateTime": "20240401100459"}, None, "implausible_uptake_time"),
    ({"RadiopharmaceuticalStartDateTime": "20130401100459"}, None, "implausible_uptake_time"),
    # Midnight lies between
    (
        {"SeriesTime": "003500", "AcquisitionTime": "003500", "RadiopharmaceuticalStartTime": "233000"},
        RIGHT,
        None,
    ),
    ({"RadiopharmaceuticalStartTime": "100501"}, RIGHT * 2 ** (82499 / 6586.2), None),
    (
        {"SeriesDate": "00010101", "AcquisitionDate": "00010101", "RadiopharmaceuticalStartTime": "100501"},
        RIGHT * 2 ** (82499 / 6586.2),
        None,
    ),
    # Times that were removed
    ({"RadiopharmaceuticalStartTime": "100500"}, None, "deidentified_times"),
    ({"RadiopharmaceuticalStartDateTime": "20240402100500"}, None, "deidentified_times"),
    ({"RadiopharmaceuticalStartTime": "000000"}, None, "deidentified_times"),
    ({"RadiopharmaceuticalStartDateTime": "20240402000000"}, None, "deidentified_times"),
    ({"RadiopharmaceuticalStartTime": "000000", "SeriesTime": "000000"}, None, "deidentified_times"),
    (
        {
            "RadiopharmaceuticalStartDateTime": "20240401000000",
            "SeriesTime": "000000",
            "AcquisitionTime": "000000",
        },
        None,
        "deidentified_times",
    ),
    ({"SeriesTime": "000000"}, None, "deidentified_times"),
    # Offsets from UTC
    ({"TimezoneOffsetFromUTC": "+0500"}, RIGHT, None),
    ({"RadiopharmaceuticalStartDateTime": "20240402070000+0000", "TimezoneOffsetFromUTC": "+0200"}, RIGHT, None),
    ({"RadiopharmaceuticalStartDateTime": "20240402053000-0330", "TimezoneOffsetFromUTC": "+0000"}, RIGHT, None),
    ({"RadiopharmaceuticalStartDateTime": "20240402090000.5-0700"}, RIGHT * 2 ** (-0.5 / 6586.2), None),
    ({"RadiopharmaceuticalStartDateTime": "20240402070000+0000"}, None, "time_zone_unknown"),
    (
        {"RadiopharmaceuticalStartDateTime": "20240402090000+0000", "RadiopharmaceuticalStartTime": None},
        None,
        "time_zone_unknown",
    ),
    (
        {"RadiopharmaceuticalStartDateTime": "20240402070000+0000", "TimezoneOffsetFromUTC": "CEST"},
        None,
        "time_zone_unknown",
    ),
    ({"RadiopharmaceuticalStartDateTime": "00010101090000+0000", "TimezoneOffsetFromUTC": "-1200"}, None,
     "implausible_uptake_time"),
]  # fmt: skip


@for_each(CASES, name=str)
def test_a_rule(case):
    changes, factor, reason = case
    assert suv_of(pet(**changes)) == (None if factor is None else close(factor), reason)


@for_each([EXPLICIT, IMPLICIT, BIG_ENDIAN], name=str)
def test_the_encoding_does_not_matter(syntax):
    assert suv_of(pet(), syntax=syntax) == (close(RIGHT), None)
    image = with_private(pet(Units="CNTS"), PHILIPS, {0x00: ("DS", "0.5")})
    assert suv_of(image, syntax=syntax) == (0.5, None)


SPELLED = [
    (b"71.5", b"abcd", "no_weight", "PatientWeight"),
    (b"71.5", b"NaN ", "no_weight", "PatientWeight"),
    (b"71.5", b"inf ", "no_weight", "PatientWeight"),
    (b"71.5", b"71,5", "no_weight", "PatientWeight"),
    (b"71.5", b"7\\8 ", "no_weight", "PatientWeight"),
    (b"3.12e8", b"312MBq", "no_dose", "00540016[0].00181074"),
    (b"6586.2", b"109min", "no_half_life", "00540016[0].00181075"),
    (b"090000", b"nine. ", "no_start_time", "00540016[0].00181072"),
    (b"090000", b"250000", "no_start_time", "00540016[0].00181072"),
]


@for_each(SPELLED, name=str)
def test_a_value_that_does_not_fit_is_absent_and_named(case):
    old, new, reason, path = case
    row = row_of(pet(), spelled={old: new})
    assert (row.get("derived_suv_bw_factor"), row["derived_suv_reason"]) == (None, reason)
    assert path in dict(row["invalid_values"])


def test_a_start_that_is_no_date_and_time_leaves_the_other_one():
    image = pet(RadiopharmaceuticalStartDateTime="20240402090000")
    assert suv_of(image, spelled={b"20240402090000": b"20241302090000"}) == (close(RIGHT), None)


# --- Tracers


def test_a_factor_of_several_tracers_is_doubtful():
    image = pet()
    image.RadiopharmaceuticalInformationSequence.append(Dataset())
    assert suv_of(image) == (None, "several_radiopharmaceuticals")
    image.Units = "GML"
    assert suv_of(image) == (1.0, "assumed_bw")


def test_without_a_tracer_there_is_no_dose():
    image = pet()
    image.RadiopharmaceuticalInformationSequence = []
    assert suv_of(image) == (None, "no_dose")
    del image.RadiopharmaceuticalInformationSequence
    assert suv_of(image) == (None, "no_dose")


def test_of_a_sequence_that_is_not_whole_the_number_of_tracers_is_not_known():
    image = pet()
    image.RadiopharmaceuticalInformationSequence.append(Dataset())
    image.RadiopharmaceuticalInformationSequence[1].RadionuclideHalfLife = "99"
    content = encode(image)
    at = content.rindex(b"\x18\x00\x75\x10DS") + 6
    row = row_from(content[:at] + b"\xf0\xff" + content[at + 2 :])
    assert "RadiopharmaceuticalInformationSequence" in dict(row["invalid_values"])
    assert row["radionuclide_total_dose"] == 3.12e8
    assert [row[name] for name in SUV_COLUMNS] == [None, "radiopharmaceuticals_unknown"]


# --- Private elements


@for_each([0, 1, 3], name=str)
def test_a_factor_of_philips_is_found_in_any_block(blocks):
    image = with_private(pet(Units="CNTS"), PHILIPS, {0x00: ("DS", "0.000351"), 0x09: ("DS", "1.5")}, blocks=blocks)
    assert suv_of(image) == (0.000351, None)


ACTIVITY = [
    ({0x09: ("DS", "1.5")}, {}, RIGHT * 1.5, None),
    ({0x00: ("DS", "0"), 0x09: ("DS", "1.5")}, {}, RIGHT * 1.5, None),
    ({0x00: ("DS", "-1"), 0x09: ("DS", "1.5")}, {}, RIGHT * 1.5, None),
    ({0x00: ("DS", ""), 0x09: ("DS", "1.5")}, {}, RIGHT * 1.5, None),
    ({0x00: ("UN", b"0.5 "), 0x09: ("DS", "1.5")}, {}, 0.5, None),  # as the private dictionary has it
    ({0x09: ("DS", "1.5")}, {"PatientWeight": None}, None, "no_weight"),
    ({0x09: ("DS", "1.5")}, {"AcquisitionTime": None}, RIGHT * 1.5, "assumed_series_time"),
    ({0x09: ("DS", "0")}, {}, None, "no_philips_factor"),
    ({0x09: ("DS", "-1")}, {}, None, "no_philips_factor"),
    ({0x09: ("DS", "5e-324")}, {}, None, "no_philips_factor"),
    ({0x00: ("OB", b"1 ")}, {}, None, "no_philips_factor"),
    ({0x00: ("DS", "0.5")}, {"SUVType": "BW"}, 0.5, None),
    ({0x00: ("DS", "0.5")}, {"SUVType": "LBM"}, None, "suv_type_lbm"),
    ({0x00: ("DS", "0.5")}, {"CorrectedImage": None, "PatientWeight": None}, 0.5, None),
    ({0x00: ("DS", "0.5")}, {"Units": "BQML"}, RIGHT, None),
]


@for_each(ACTIVITY, name=str)
def test_factors_of_philips(case):
    private, changes, factor, reason = case
    image = with_private(pet(**{"Units": "CNTS", **changes}), PHILIPS, private, blocks=1)
    assert suv_of(image) == (None if factor is None else close(factor), reason)


def test_a_factor_of_philips_that_is_no_number_is_named():
    image = with_private(pet(Units="CNTS"), PHILIPS, {0x00: ("DS", "0.00042")})
    row = row_of(image, spelled={b"0.00042": b"0,00042"})
    assert row["derived_suv_reason"] == "no_philips_factor"
    assert dict(row["invalid_values"]) == {"7053,xx00|Philips PET Private Group": "not a number"}


LATER = {"SeriesTime": "120000"}  # a series that processing made at noon
SCANS = [
    ("20240402100500.00", LATER, RIGHT, None),
    ("20240402100500+0200", LATER, None, "reference_time_unknown"),
    ("20240402100500+0200", {**LATER, "TimezoneOffsetFromUTC": "+0200"}, RIGHT, None),
    ("20240402100500+0200", {**LATER, "TimezoneOffsetFromUTC": "+0100"}, None, "reference_time_unknown"),
    ("20240402110000", LATER, None, "reference_time_unknown"),
    ("20240402", LATER, None, "reference_time_unknown"),
    ("20240402100500", {"SeriesTime": None}, RIGHT, None),
    ("20240402100500", {**LATER, "AcquisitionTime": None}, RIGHT, None),
    ("20240402093000", {}, RIGHT, None),  # the series' own time counts
    ("20240402100500", {"SeriesDate": "20240405"}, RIGHT, None),  # the start is of the day of the scan
]


@for_each(SCANS, name=str)
def test_the_time_of_the_scan_of_ge(case):
    scan, changes, factor, reason = case
    image = with_private(pet(**changes), GE, {0x0D: ("DT", scan)}, blocks=2)
    assert suv_of(image) == (None if factor is None else close(factor), reason)


def test_no_other_object_gains_a_column():
    for modality in ("CT", "NM"):
        image = pet(Modality=modality, Units=None, RadiopharmaceuticalStartDateTime="20240402090000")
        with_private(image, GE, {0x0D: ("DT", "20240402100500")})
        with_private(image, PHILIPS, {0x00: ("DS", "1"), 0x09: ("DS", "1")})
        assert suv_of(image) == (None, None)


# --- The declaration


def test_inputs_and_reasons_are_declared():
    assert {*INPUTS, *SUV_COLUMNS} <= COLUMNS
    assert {*INPUTS} <= {attribute.column for attribute in declared_attributes()}
    assert COLUMNS.isdisjoint(want.name for want in WANTED)
    assert merge_places({want.name: 1 for want in WANTED}) == {}
    assert len(set(REASONS)) == len(REASONS)


def test_every_reason_has_a_case_and_a_line_in_the_page():
    tried = {case[-1] for case in (*CASES, *ACTIVITY, *SCANS)}
    assert {*REASONS} - tried == {"several_radiopharmaceuticals", "radiopharmaceuticals_unknown"}
    page = (ROOT / "docs/how_to/suv.md").read_text(encoding="utf-8")
    table = page.partition("## Reasons")[2].partition("##")[0]
    assert re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE))) == [*REASONS]


# --- Any values


def typed(**changes: object) -> dict[str, object]:
    """Return the values of an image with a factor, by column."""
    return {
        "modality": "PT", "units": "BQML", "corrected_image": ["ATTN", "DECY"], "decay_correction": "START",
        "patient_weight": 71.5, "radionuclide_total_dose": 3.12e8, "radionuclide_half_life": 6586.2,
        "radiopharmaceuticals_count": 1, "series_date": date(2024, 4, 2), "series_time": "10:05:00",
        "acquisition_date": date(2024, 4, 2), "acquisition_time": "10:05:00",
        "radiopharmaceutical_start_time": "09:00:00", **changes,
    }  # fmt: skip


@given(
    st.floats(0.5, 300), st.floats(1e6, 1e10), st.floats(5000, 1e6), st.datetimes(datetime(1990, 1, 2)),
    st.integers(1, 86399),
)  # fmt: skip
def test_the_factor_is_that_of_the_formula(weight, dose, half_life, scan, seconds):
    scan = scan.replace(microsecond=0)
    start = scan - timedelta(seconds=seconds)
    values = typed(
        patient_weight=weight, radionuclide_total_dose=dose, radionuclide_half_life=half_life,
        series_date=scan.date(), series_time=f"{scan:%H:%M:%S}", acquisition_date=scan.date(),
        acquisition_time=f"{scan:%H:%M:%S}", radiopharmaceutical_start_time=f"{start:%H:%M:%S}",
    )  # fmt: skip
    found = suv_columns(values)
    if f"{scan:%H%M%S}" == "000000" or f"{start:%H%M%S}" == "000000":
        assert found["derived_suv_reason"] == "deidentified_times"
        return
    activity = dose * math.exp(-math.log(2) * seconds / half_life)  # Bq left when the scan began
    assert found == {
        "derived_suv_bw_factor": pytest.approx(weight * 1e3 / activity, rel=1e-9),  # 1 g is 1 ml
        "derived_suv_reason": None,
    }
    by_date = suv_columns({**values, WANTED[-1].name: f"{start:%Y%m%d%H%M%S}"})
    assert by_date == found


_NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, 71.5, 3.12e8, 6586.2, 1e-320])
_CLOCKS = st.sampled_from(["00:00:00", "09:00", "10", "10:05:00.5", "23:59:60"])
_DAYS = st.sampled_from([date.min, date(2024, 4, 1), date(2024, 4, 2), date.max])
_TEXTS = st.text(max_size=20) | st.sampled_from(
    ["20240402090000", "20240402090000+0200", "99991231235959-1200", "00010101000000", "20240402", "+0200", "-1200"]
)
_ANY = st.fixed_dictionaries(
    {"units": st.sampled_from(["BQML", "BQML", "CNTS", "GML"]) | st.text(max_size=16)},
    optional={
        "modality": st.sampled_from(["PT", "CT"]),
        "suv_type": st.sampled_from(["BW", "LBM", "x"]),
        "corrected_image": st.just(["ATTN", "DECY"]) | st.lists(st.sampled_from(["ATTN", "DECY", None])),
        "decay_correction": st.sampled_from(["START", "START", "START", "ADMIN", "NONE", "x"]),
        "radiopharmaceuticals_count": st.integers(0, 2),
        "timezone_offset_from_utc": _TEXTS,
        **dict.fromkeys(["patient_weight", "radionuclide_total_dose", "radionuclide_half_life"], _NUMBERS),
        **dict.fromkeys(["series_date", "acquisition_date"], _DAYS),
        **dict.fromkeys(["series_time", "acquisition_time", "radiopharmaceutical_start_time"], _CLOCKS),
        **{want.name: _NUMBERS if want.vr == "DS" else _TEXTS for want in WANTED},
    },
)


@given(_ANY | _ANY.map(lambda values: typed(**values)))
def test_any_values_have_a_factor_or_a_reason_of_the_list(values):
    assert is_pet(values)
    found = suv_columns(values)
    factor, reason = (found[name] for name in SUV_COLUMNS)
    assert reason is None or reason in REASONS
    if factor is None:
        assert reason is not None
    else:
        assert 0 < factor < math.inf
        assert reason in (None, "assumed_bw", "assumed_series_time")
