"""``dose_reports`` and ``dose_studies``: totals, and united events of random reports of known sums."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_udf.columns.dose_fields import DOCUMENT_VALUES, QUANTITIES, TOTALS
from tests.columns.dose_reports import (
    answers,
    code,
    codes,
    container,
    ct_event,
    ct_report,
    item,
    num,
    plane,
    report,
    text,
)  # fmt: skip

UNIT = {
    "count": "{events}", "dlp": "mGy.cm", "area_dose": "Gy.m2", "dose_gy": "Gy", "time_s": "s",
}  # fmt: skip


def the_report(*children, **values):
    [found] = answers("dose_reports", report(1, *children, **values))
    return found


def the_study(*rows):
    [found] = answers("dose_studies", *rows)
    return found


# --- Documents


@pytest.fixture(scope="module")
def totals():
    items = [num(value.concept, float(number), UNIT[value.quantity]) for number, value in enumerate(TOTALS, 1)]
    return the_report(container("113811", *items)), the_report(plane("113622", *items))


@pytest.mark.parametrize(("number", "value"), list(enumerate(TOTALS, 1)), ids=lambda one: getattr(one, "name", ""))
def test_each_total_of_a_document(totals, number, value):
    assert [one[value.name] for one in totals] == [number, number]


def test_the_values_beside_the_totals():
    made = {"CODE": {"code": codes("113014")}, "TEXT": {"text": "abc"}, "DATETIME": {"text": "20240617101112"}}
    forms = {"code": "CODE", "text": "TEXT", "datetime": "DATETIME"}
    items = [item(forms[value.form], value.concept, **made[forms[value.form]]) for value in DOCUMENT_VALUES]
    elsewhere = container("113819", text("121012", "of an event"))
    found = the_report(elsewhere, *items)
    assert found["scope_of_accumulation"] == codes("113014")
    assert found["irradiation_started"] == found["irradiation_ended"]
    assert found["irradiation_started"].isoformat() == "2024-06-17T10:11:12"
    assert {found[value.name] for value in DOCUMENT_VALUES if value.form == "text"} == {"abc"}
    assert (found["events"], found["kind"]) == (1, "CT")


def test_the_planes_of_a_biplane_system_are_added():
    planes = [plane("113620", num("113722", 2.0, "Gy.m2"), num("113725", 500.0, "mGy"), num("113730", 60.0, "s"))]
    planes.append(plane("113621", num("113722", 10000.0, "dGy.cm2"), num("113730", 1.5, "min")))
    found = the_report(*planes)
    assert (found["dose_area_product_total"], found["fluoro_time"]) == (pytest.approx(2.1), 150)
    assert (found["dose_rp_total"], found["value_faults"]) == (None, ["dose_rp_total"])  # of one plane alone


def test_two_totals_of_one_plane_are_not_added():
    found = the_report(plane("113620", num("113722", 2.0, "Gy.m2")), plane("113620", num("113722", 3.0, "Gy.m2")))
    assert (found["dose_area_product_total"], found["value_faults"]) == (None, ["dose_area_product_total"])


def test_totals_in_an_unknown_unit_are_null():
    found = the_report(container("113811", num("113813", 2.0, "Gy.m2"), num("113812", None, "{events}")))
    assert (found["dlp_total"], found["events_stated"]) == (None, None)
    assert (found["unit_faults"], found["value_faults"]) == (["dlp_total"], ["events_stated"])


@pytest.mark.parametrize(("concept", "scheme", "left", "right"), [
    ("272741003", "SCT", "7771000", "24028007"), ("G-C171", "SRT", "G-A101", "G-A100"),
    ("272741003", "SCT", "80248007", "73056007"), ("G-C171", "SRT", "T-04030", "T-04020"),
])  # fmt: skip
def test_the_glandular_dose_of_each_breast(concept, scheme, left, right):
    doses = [
        num("111637", dose, "mGy", code(concept, side, scheme=scheme, of=scheme))
        for dose, side in ((3.0, right), (0.25, left))
    ]
    found = the_report(plane("113622", *doses))
    names = ("accumulated_average_glandular_dose_left", "accumulated_average_glandular_dose_right")
    assert [found[name] for name in names] == [0.25, 3]
    found = the_report(plane("113622", *doses, doses[0]))
    assert [found[name] for name in names] == [0.25, None]
    assert found["value_faults"] == [names[1]]
    assert [the_report(plane("113622", doses[0]))[name] for name in names] == [None, 3]


@pytest.mark.parametrize(("values", "found"), [
    ({}, 1), ({"root": "121181"}, 0), ({"root": "121181", "template": "10001"}, 1),
    ({"root": "121181", "template": "10011", "sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.22"}, 1),
    ({"root": "121181", "template": "1500"}, 0), ({"scheme": "99XYZ"}, 0),
    ({"sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.22"}, 1), ({"content_items": None}, 1),
    ({"content_items": None, "sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.22"}, 0),
    ({"content_items": None, "sop_class_uid": None, "template_identifier": "10011"}, 1),
])  # fmt: skip
def test_documents_are_selected_by_content(values, found):
    rows = answers("dose_reports", ct_report(1, [ct_event("9.1", 5.0)], 5.0, **values))
    assert len(rows) == found
    assert [row["is_complete"] for row in rows] == [values.get("content_items", 1) is not None] * found


def test_a_report_whose_items_are_omitted_makes_its_study_incomplete():
    omitted = report(2, content_items=None, header_omitted=["column:content_items"])
    found = answers("dose_studies", ct_report(1, [ct_event("9.1", 5.0)], 5.0), omitted, order="kind")
    assert [(row["kind"], row["events"], row["dlp"]) for row in found] == [("CT", 1, 5), (None, 0, None)]
    assert [row["is_complete"] for row in found] == [False, False]
    assert [row["is_consistent"] for row in found] == [False, False]


def test_a_copy_of_a_report_counts_once():
    one = ct_report(1, [ct_event("9.1", 5.0)], 5.0)
    assert (the_study(one, {**one, "source_uri": "s3://b/copy"})["reports"]) == 1


# --- Studies


@dataclass(frozen=True)
class Lake:
    """Random reports of one study, and the sum that they state together."""

    rows: list[dict]
    dlp: float
    events: int


DLP_UNITS = ["mGy.cm", "mGycm", "mGy cm", "Gy.cm", "cGy.cm", "uGy.cm", "mGy.mm", "mGy.m"]


def in_unit(number, unit):
    times, parts = QUANTITIES["dlp"][unit.replace(".", "").replace(" ", "")]
    return number * parts / times


@st.composite
def lakes(draw):
    """Documents that continue or repeat each other; the latest has the true number of each of its events."""
    doses = draw(st.lists(st.floats(0.5, 5000), min_size=1, max_size=12))
    uids = [f"9.{number}" for number in range(len(doses))]
    rows, left, stated = [], list(range(len(doses))), {}
    number = 1
    while left:
        part = left[: draw(st.integers(1, len(left)))]
        left = left[len(part) :]
        repeats = draw(st.integers(0, 2))
        for repeat in range(repeats + 1):
            is_last = repeat == repeats
            events = []
            for index in part:
                dose = doses[index] if is_last else draw(st.floats(0.5, 5000))
                unit = draw(st.sampled_from(DLP_UNITS))
                events.append(ct_event(uids[index], in_unit(dose, unit), unit=unit))
            unit = draw(st.sampled_from(DLP_UNITS))
            total = in_unit(sum(doses[index] for index in part), unit)
            rows.append(ct_report(number, draw(st.permutations(events)), total, unit))
            number += 1
        stated.update({index: doses[index] for index in part})
    return Lake(draw(st.permutations(rows)), sum(doses), len(doses))


@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
@given(lakes())
def test_the_sum_of_random_reports_is_their_total(lake):
    study = the_study(*lake.rows)
    assert study["dlp"] == pytest.approx(lake.dlp)
    assert study["dlp_reported"] == pytest.approx(lake.dlp)
    assert (study["events"], study["reports"]) == (lake.events, len(lake.rows))
    assert (study["is_complete"], study["is_consistent"]) == (True, True)
    reports = answers("dose_reports", *lake.rows)
    assert sum(one["events"] for one in reports) == len(answers("dose_events", *lake.rows))


BREAKS = {
    "no value": lambda node: node.update(numeric_value=None),
    "several values": lambda node: node.update(numeric_value=None, numeric_values=[1.0, 2.0]),
    "unknown unit": lambda node: node.update(unit=codes("furlong", "UCUM")),
    "no unit": lambda node: node.update(unit=None),
}


@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(lakes(), st.sampled_from(sorted(BREAKS)), st.data())
def test_a_broken_number_is_never_a_wrong_sum(lake, how, data):
    row = data.draw(st.sampled_from(lake.rows))
    doses = [one for one in row["content_items"] if one["concept"]["code_value"] == "113838"]
    BREAKS[how](data.draw(st.sampled_from(doses)))
    study = the_study(*lake.rows)
    if study["dlp"] is None:
        assert study["is_consistent"] is False
    else:  # of a document that a later one replaces
        assert study["dlp"] == pytest.approx(lake.dlp)
    names = ("unit_faults", "value_faults")
    faults = [event[name] for event in answers("dose_events", *lake.rows) for name in names if event[name]]
    assert faults == [["dlp"]]


def test_a_missing_event_is_not_consistent():
    study = the_study(ct_report(1, [ct_event("9.1", 5.0)], 12.0))
    assert (study["dlp"], study["dlp_reported"], study["is_consistent"]) == (5, 12, False)


@pytest.mark.parametrize(("total", "consistent"), [(100.9, True), (99.1, True), (102.0, False), (None, None)])
def test_sums_are_consistent_within_a_hundredth(total, consistent):
    assert the_study(ct_report(1, [ct_event("9.1", 100.0)], total))["is_consistent"] is consistent


def test_a_cumulative_report_states_the_total_of_all_events():
    first = ct_report(1, [ct_event("9.1", 5.0)], 5.0)
    second = ct_report(2, [ct_event("9.1", 5.0), ct_event("9.2", 7.0, ctdi=33.0)], 12.0)
    study = the_study(first, second)
    assert (study["events"], study["dlp"], study["dlp_reported"], study["is_consistent"]) == (2, 12, 12, True)
    assert study["ctdi_vol_max"] == 33
    earlier = {**second, "content_date": date(2024, 6, 16)}
    assert the_study(first, earlier)["dlp_reported"] == 12


def test_an_event_without_dose_adds_nothing():
    study = the_study(ct_report(1, [ct_event("9.1", None), ct_event("9.2", 7.0)], 7.0))
    assert (study["events"], study["dlp"], study["is_consistent"]) == (2, 7, True)


def test_events_without_a_uid_are_summed_in_one_document_alone():
    one = ct_report(1, [ct_event(None, 5.0), ct_event(None, 7.0)], 12.0)
    study = the_study(one)
    assert (study["events"], study["events_without_uid"], study["dlp"], study["is_consistent"]) == (2, 2, 12, True)
    study = the_study(one, ct_report(2, [ct_event(None, 5.0)], 5.0))
    assert (study["dlp"], study["is_consistent"]) == (None, False)


def test_two_events_of_one_uid_in_a_document_both_count():
    one = ct_report(1, [ct_event("9.1", 5.0), ct_event("9.1", 7.0)], 12.0)
    study = the_study(one, ct_report(2, [ct_event("9.1", 5.0), ct_event("9.1", 7.0)], 12.0))
    assert (study["events"], study["dlp"], study["is_consistent"]) == (2, 12, True)


def projection_event(uid, product, dose):
    numbers = [num("122130", product, "dGy.cm2"), num("113738", dose, "mGy")]
    return container("113706", item("UIDREF", "113769", text=uid), *numbers)


def test_a_study_has_a_row_for_each_kind():
    planes = [plane("113620", num("113722", 0.1, "mGy.m2"), num("113725", 1.0, "mGy"))]
    planes.append(plane("113621", num("113722", 30.0, "dGy.cm2"), num("113725", 3.0, "mGy")))
    fluoroscopy = report(2, *planes, projection_event("8.1", 10.0, 1.0), projection_event("8.2", 30.0, 3.0))
    found = answers("dose_studies", ct_report(1, [ct_event("9.1", 5.0)], 5.0), fluoroscopy, order="kind")
    assert [row["kind"] for row in found] == ["CT", "PROJECTION"]
    study = found[1]
    assert (study["dlp"], study["events"], study["is_consistent"]) == (None, 2, True)
    assert study["dose_area_product"] == pytest.approx(40e-5)
    assert study["dose_area_product_reported"] == pytest.approx(40e-5)
    assert (study["dose_rp"], study["dose_rp_reported"]) == (pytest.approx(0.004), pytest.approx(0.004))


def test_studies_are_apart_and_documents_without_a_study_are_left_out():
    rows = [
        ct_report(number, [ct_event("9.1", 5.0)], 5.0, study=study)
        for number, study in ((1, "3.1"), (2, "3.2"), (3, None))
    ]
    assert [row["study_instance_uid"] for row in answers("dose_studies", *rows, order="study_instance_uid")] == [
        "3.1",
        "3.2",
    ]


def test_a_second_root_below_the_root_adds_nothing():
    second = container("113701", container("113811", num("113813", 900.0, "mGy.cm")), ct_event("9.2", 900.0))
    [study] = answers("dose_studies", ct_report(1, [ct_event("9.1", 100.0), second], 100.0))
    assert (study["events"], study["dlp"], study["dlp_reported"], study["is_consistent"]) == (1, 100, 100, True)
    [study] = answers("dose_studies", report(2, second))
    assert (study["kind"], study["events"], study["dlp"], study["is_consistent"]) == (None, 0, None, None)


def test_a_report_of_totals_alone_has_its_total():
    study = the_study(ct_report(1, [], 5.0))
    assert (study["events"], study["dlp"], study["dlp_reported"], study["is_consistent"]) == (0, None, 5, False)
    assert the_study(ct_report(1, [], 5.0), ct_report(2, [], 7.0))["dlp_reported"] is None
