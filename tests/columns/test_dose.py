"""The views of dose: each column, units, faults, and sums of random reports of known totals."""

from __future__ import annotations

from datetime import datetime

import pytest

from dicom_udf.columns.dose_fields import EVENT_VALUES, QUANTITIES
from tests.columns.dose_reports import (
    answers,
    code,
    codes,
    container,
    ct_event,
    ct_report,
    datetime_,
    item,
    num,
    report,
    text,
)  # fmt: skip

SPIRAL = codes("116152004", "SCT")


def the_event(*children, kind="113819"):
    [event] = answers("dose_events", report(1, container(kind, *children)))
    return event


# --- Columns of events

UNIT = {
    "dose_mgy": "mGy", "dose_gy": "Gy", "dose_msv": "mSv", "dlp": "mGy.cm", "area_dose": "Gy.m2", "time_s": "s",
    "time_ms": "ms", "length_mm": "mm", "current_ma": "mA", "charge_uas": "uA.s", "voltage_kv": "kV", "angle": "deg",
    "rate": "{pulse}/s", "count": "1",
}  # fmt: skip
CONTAINER_OF = {"CT": "113819", "PROJECTION": "113706", "": "113706"}
NUMBERS = [value for value in EVENT_VALUES if value.form == "number"]
OTHERS = [value for value in EVENT_VALUES if value.form in ("code", "text")]


def concept_of(value):
    return {"scheme": "SCT"} if value.concept == "408730004" else {}


@pytest.fixture(scope="module")
def events():
    """A CT and a projection event that have an item of every concept."""
    items = [num(value.concept, float(number), UNIT[value.quantity]) for number, value in enumerate(NUMBERS)]
    for value in OTHERS:
        stated = {"code": SPIRAL} if value.form == "code" else {"text": value.name}
        items.append(item(value.form.upper(), value.concept, **concept_of(value), **stated))
    found = answers("dose_events", report(1, container("113819", *items), container("113706", container("1", *items))))
    return {event["kind"]: event for event in found}


@pytest.mark.parametrize("value", NUMBERS, ids=lambda value: value.name)
def test_a_number_is_of_events_of_its_kind(events, value):
    for kind, event in events.items():
        assert event[value.name] == (NUMBERS.index(value) if value.of in (kind, "") else None)


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: value.name)
def test_a_code_or_text_is_of_events_of_its_kind(events, value):
    for kind, event in events.items():
        assert event[value.name] == (
            (SPIRAL if value.form == "code" else value.name) if value.of in (kind, "") else None
        )


@pytest.mark.parametrize(
    "value", [value for value in EVENT_VALUES if value.form == "numbers"], ids=lambda one: one.name
)
def test_an_array_of_a_projection_event(value):
    unit = UNIT[value.quantity]
    several, one = num(value.concept, [1.0, 2.0, 3.0], unit), num(value.concept, 9.0, unit)
    assert the_event(several, one, kind="113706")[value.name] == [1, 2, 3, 9]
    assert the_event(one, kind="113706")[value.name] == [9]
    assert the_event(one, kind="113819")[value.name] is None


def test_the_time_at_which_an_event_started():
    ten = datetime(2024, 6, 17, 10, 11, 12)
    times = {
        "20240617101112.5+0200": ten, "20240617101112": ten, "20241317101112": None, "20240617": None, "": None,
        "20240617101199": None, None: None,
    }  # fmt: skip
    found = answers(
        "dose_events",
        report(1, *(container("113819", datetime_("111526", one)) for one in times)),
        order="event_number",
    )
    assert [event["started"] for event in found] == list(times.values())


def source(identifier, kvp, *children):
    return container("113831", text("113832", identifier), num("113733", kvp, "kV"), *children)


def test_a_dual_source_has_an_element_for_each_source():
    second = source("B", 140.0, num("113734", 90.0, "mA"), num("113833", 500.0, "mA"), num("113834", 250.0, "ms"))
    event = the_event(container("113822", num("113823", 2.0, "{X-Ray sources}"), source("A", 100.0), second))
    assert (event["x_ray_sources"], event["source_ids"], event["kvp"]) == (2, ["A", "B"], [100, 140])
    assert event["x_ray_tube_current"] == [None, 90]
    assert event["x_ray_tube_current_max"] == [None, 500]
    assert event["exposure_time_per_rotation"] == [None, 0.25]
    assert event["value_faults"] is None


def test_more_than_ten_sources_and_events_keep_their_own_values():
    sources = [source(str(number), 80.0 + number) for number in range(12)]
    events = [ct_event(f"9.{number}", float(number), *sources[:number]) for number in range(12)]
    found = answers("dose_events", ct_report(1, events), order="event_number")
    assert [event["event_number"] for event in found] == list(range(1, 13))
    assert [event["path"] for event in found] == [f"1.{number}" for number in range(2, 14)]
    assert [event["dlp"] for event in found] == list(range(12))
    assert [event["kvp"] for event in found][1:] == [[80 + n for n in range(number)] for number in range(1, 12)]


def test_a_source_without_a_voltage_has_a_null_and_a_fault():
    event = the_event(container("113822", source("A", None), source("B", 140.0)))
    assert event["kvp"] == [None, 140]
    assert event["value_faults"] == ["kvp"]


def test_a_source_with_several_numbers_of_one_kind_has_a_null_and_a_fault():
    several = source("A", [100.0, 120.0], num("113734", 90.0, "mA"))
    event = the_event(container("113822", several, source("B", 140.0)))
    assert (event["kvp"], event["x_ray_tube_current"]) == ([None, 140], [90, None])
    assert (event["value_faults"], event["unit_faults"]) == (["kvp"], None)


def test_a_source_with_several_numbers_in_an_unknown_unit_has_the_fault_of_the_unit():
    event = the_event(container("113822", container("113831", num("113733", [100.0, 120.0], "furlong"))))
    assert (event["kvp"], event["value_faults"], event["unit_faults"]) == (None, None, ["kvp"])


def test_a_projection_event_has_all_voltages_and_currents_in_order():
    event = the_event(num("113733", [70.0, 71.5], "kV"), num("113734", 800.0, "uA"), kind="113706")
    assert (event["kvp"], event["x_ray_tube_current"]) == ([70, 71.5], [0.8])


def test_filters_have_an_element_each():
    first = container("113771", code("113772", "113650"), num("113773", 0.1, "cm"))
    second = container("113771", code("113757", "C-127F9", scheme="SRT"), num("113773", 0.3, "mm"))
    event = the_event(first, second, kind="113706")
    assert event["filter_types"] == [codes("113650"), None]
    assert event["filter_materials"] == [None, codes("C-127F9", "SRT")]
    assert event["filter_thickness_max"] == [1, 0.3]


@pytest.mark.parametrize(("estimate", "exceeded"), [(900.0, False), (1000.0, False), (1000.5, True), (None, None)])
def test_an_alert_is_exceeded_above_its_value(estimate, exceeded):
    check = container("113900", num("113903", 1.0, "Gy.cm"), num("113905", estimate, "mGy.cm"))
    assert the_event(check)["dlp_alert_exceeded"] is exceeded
    check = container("113900", num("113904", 1.0, "Gy"), num("113906", estimate, "mGy"))
    event = the_event(check)
    assert event["ctdi_vol_alert_exceeded"] is exceeded
    assert event["value_faults"] == (["ctdi_vol_alert_exceeded"] if estimate is None else None)


@pytest.mark.parametrize(("estimate", "exceeded"), [(900.0, False), (1000.0, False), (1000.5, True), (None, None)])
def test_a_notification_is_exceeded_above_its_value(estimate, exceeded):
    alerts = (num("113903", 1.0, "mGy.cm"), num("113905", 2.0, "mGy.cm"))
    check = container("113915", num("113911", 1.0, "Gy.cm"), num("113913", estimate, "mGy.cm"))
    event = the_event(container("113908", *alerts), check)
    assert (event["dlp_notification_exceeded"], event["dlp_alert_exceeded"]) == (exceeded, True)
    assert event["value_faults"] == (["dlp_notification_exceeded"] if estimate is None else None)
    event = the_event(container("113915", num("113912", 1.0, "Gy"), num("113914", estimate, "mGy")))
    assert (event["ctdi_vol_notification_exceeded"], event["ctdi_vol_alert_exceeded"]) == (exceeded, None)


def test_a_reference_point_is_a_code_or_a_text():
    event = the_event(code("113780", "113860"), kind="113706")
    assert (event["reference_point"], event["reference_point_text"]) == (codes("113860"), None)
    event = the_event(text("113780", "15 cm below beam center"), kind="113706")
    assert (event["reference_point"], event["reference_point_text"]) == (None, "15 cm below beam center")


@pytest.mark.parametrize(("concept", "scheme"), [("272741003", "SCT"), ("G-C171", "SRT"), ("G-C171", "99SDM")])
def test_the_laterality_is_that_of_the_target_region(concept, scheme):
    side = code(concept, "7771000", scheme="SCT", of=scheme)
    event = the_event(code("123014", "76752008", side, scheme="SCT"), kind="113706")
    assert event["laterality"] == codes("7771000", "SCT")
    assert the_event(code("123014", "76752008", scheme="SCT"), side, kind="113706")["laterality"] is None


@pytest.mark.parametrize(("concept", "scheme"), [("408730004", "SCT"), ("G-C32C", "SRT")])
def test_the_twins_of_a_concept_are_alike(concept, scheme):
    assert (
        the_event(code(concept, "261004008", scheme="SCT", of=scheme))["procedure_context"]["code_value"] == "261004008"
    )


def test_a_concept_of_another_scheme_is_another_one():
    assert the_event(num("113838", 5.0, "mGy.cm", scheme="99XYZ"))["dlp"] is None
    assert the_event(code("G-C32C", "261004008", of="DCM"))["procedure_context"] is None
    assert answers("dose_events", report(1, container("113819", scheme="99XYZ"))) == []


# --- Units


def spellings(unit):
    yield unit
    if unit.startswith("{"):
        return
    for whole, parts in (
        ("cm2", "cm^2"),
        ("m2", ".m2"),
        ("cm", ".cm"),
        ("As", "A.s"),
        ("Gy", "Gy "),
        ("cm2", ". cm^2"),
    ):
        if whole in unit and not unit.startswith(whole):
            yield unit.replace(whole, parts, 1)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_each_spelling_of_each_unit(quantity):
    value = next(one for one in EVENT_VALUES if one.quantity == quantity and one.form != "hidden")
    cases = [
        (spelled, scheme, 3 * times / parts)
        for unit, (times, parts) in QUANTITIES[quantity].items()
        for spelled in spellings(unit)
        for scheme in ("UCUM", "UCM", None)
    ]
    kind = CONTAINER_OF[value.of]
    made = [container(kind, num(value.concept, 3.0, spelled, unit_scheme=scheme)) for spelled, scheme, _ in cases]
    for event, case in zip(answers("dose_events", report(1, *made), order="event_number"), cases, strict=True):
        found = event[value.name]
        assert (found[0] if isinstance(found, list) else found) == pytest.approx(case[2]), case
        assert event["unit_faults"] is None


@pytest.mark.parametrize("unit", ["Sv", "mgy", "mGy/cm", "mGy.cm2", "", None, codes("mGy.cm", "99XYZ")])
def test_an_unknown_unit_is_a_null_and_a_fault(unit):
    event = the_event(num("113838", 5.0, unit), num("113830", 1.0, "mGy"))
    assert (event["dlp"], event["mean_ctdi_vol"]) == (None, 1)
    assert (event["unit_faults"], event["value_faults"]) == (["dlp"], None)
    [study] = answers("dose_studies", ct_report(1, [ct_event("9.1", 5.0, unit=unit), ct_event("9.2", 7.0)], 12.0))
    assert (study["dlp"], study["dlp_reported"], study["is_consistent"]) == (None, 12, False)


@pytest.mark.parametrize("unit", ["1", None, "{ratio}", "no units"])
def test_a_number_without_dimension_may_have_no_unit(unit):
    assert the_event(num("113828", 0.9, unit))["pitch_factor"] == 0.9


# --- Numbers that are none


@pytest.mark.parametrize("items", [
    [num("113838", None, "mGy.cm")],
    [num("113838", [5.0, 6.0], "mGy.cm")],
    [num("113838", 5.0, "mGy.cm"), num("113838", 6.0, "mGy.cm")],
    [num("113838", 5.0, "mGy.cm"), num("113838", None, "mGy.cm")],
    [text("113838", "5")],
])  # fmt: skip
def test_a_number_that_is_absent_or_not_one_is_a_null_and_a_fault(items):
    event = the_event(*items)
    assert (event["dlp"], event["value_faults"], event["unit_faults"]) == (None, ["dlp"], None)
    [study] = answers("dose_studies", report(1, container("113819", *items), ct_event("9.2", 7.0)))
    assert (study["dlp"], study["events"], study["is_consistent"]) == (None, 2, False)


def test_items_without_a_concept_are_passed_over():
    bad = [
        item("NUM", None, numeric_value=5.0),
        item("CODE", None, code=None),
        item("CONTAINER", None, num("113838", 2.0, "mGy.cm")),
    ]
    nameless = item("NUM", None, numeric_value=7.0)
    nameless["concept"] = {"code_value": None, "coding_scheme_designator": None, "code_meaning": "DLP"}
    event = the_event(*bad, nameless)
    assert (event["dlp"], event["value_faults"]) == (2, None)
