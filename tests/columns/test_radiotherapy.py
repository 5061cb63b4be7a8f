"""Regions of interest and beams: what other sequences say of them by number, and what files get wrong in that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.columns.item_values import item_cells
from tests.columns.item_rows import code, item, reasons_of, row_of


def roi(number, **values):
    return item(ROINumber=number, **values)


def observation(number, **values):
    return item(ReferencedROINumber=number, **values)


def contours(number, *points, kind="CLOSED_PLANAR"):
    made = [item(ContourGeometricType=kind, NumberOfContourPoints=one, ContourData=[1.0] * 3 * one) for one in points]
    return item(ReferencedROINumber=number, ROIDisplayColor=[255, 0, number], ContourSequence=made)


def rois(**values):
    return row_of(**values)["rois"]


def test_a_region_has_its_observation_whatever_the_order():
    found = rois(
        StructureSetROISequence=[roi(2, ROIName="Heart"), roi(1, ROIName="PTV 50")],
        RTROIObservationsSequence=[
            observation(1, RTROIInterpretedType="PTV", ROIInterpreter="A^B", ROIObservationLabel="one"),
            observation(2, RTROIInterpretedType="ORGAN", RTROIIdentificationCodeSequence=[code("80891009"), code("x")]),
        ],
    )
    assert [(one["name"], one["interpreted_type"], one["observations"]) for one in found] == [
        ("Heart", "ORGAN", 1),
        ("PTV 50", "PTV", 1),
    ]
    assert [one["code_value"] for one in found[0]["identification_codes"]] == ["80891009", "x"]
    assert (found[1]["interpreter"], found[1]["observation_label"]) == ("A^B", "one")


def test_a_region_without_observation_stays():
    [first, second] = rois(
        StructureSetROISequence=[roi(1, ROIName="Liver"), roi(2, ROIName="Lung")],
        RTROIObservationsSequence=[observation(1, RTROIInterpretedType="ORGAN")],
    )
    assert (first["observations"], first["interpreted_type"]) == (1, "ORGAN")
    assert (second["observations"], second.get("interpreted_type"), second["name"]) == (0, None, "Lung")


def test_of_two_observations_the_first_counts():
    row = row_of(
        StructureSetROISequence=[roi(1)],
        RTROIObservationsSequence=[
            observation(1, RTROIInterpretedType="CTV"),
            observation(1, RTROIInterpretedType="GTV", ROIObservationLabel="of the second"),
        ],
    )
    [one] = row["rois"]
    assert (one["observations"], one["interpreted_type"], one.get("observation_label")) == (2, "CTV", None)
    assert row["invalid_values"] is None


def test_numbers_that_name_no_region_are_named():
    row = row_of(
        StructureSetROISequence=[roi(1)],
        RTROIObservationsSequence=[observation(1), observation(7)],
        ROIContourSequence=[contours(8, 3)],
    )
    assert row["rois"] == [{"roi_number": 1, "observations": 1, "contours": 0, "contour_points": 0}]
    assert reasons_of(row) == {
        "30060080[1].30060084": "names no item of its sequence",
        "30060039[0].30060084": "names no item of its sequence",
    }


def test_of_regions_with_one_number_the_first_has_the_contours():
    row = row_of(StructureSetROISequence=[roi(1), roi(1)], ROIContourSequence=[contours(1, 3)])
    assert [one["contours"] for one in row["rois"]] == [1, 0]
    assert reasons_of(row) == {"30060020[1].30060022": "a number that another item has"}


@given(st.lists(st.lists(st.integers(1, 40), max_size=4), min_size=1, max_size=4))
def test_contours_and_their_points_are_counted(points):
    found = rois(
        StructureSetROISequence=[roi(number) for number in range(len(points))],
        ROIContourSequence=[contours(number, *of_one) for number, of_one in enumerate(points)],
    )
    assert [(one["contours"], one["contour_points"]) for one in found] == [(len(one), sum(one)) for one in points]
    assert [one.get("geometric_types") for one in found] == [["CLOSED_PLANAR"] if one else None for one in points]
    assert [one["display_color"] for one in found] == [[255, 0, number] for number in range(len(points))]


def test_types_of_contours_are_sorted_and_each_once():
    [one] = rois(
        StructureSetROISequence=[roi(1)],
        ROIContourSequence=[contours(1, 3, 3), contours(1, 1, kind="POINT")],
    )
    assert (one["geometric_types"], one["contours"], one["contour_points"]) == (["CLOSED_PLANAR", "POINT"], 3, 7)


@pytest.mark.parametrize("points", [None, "-3"])
def test_points_that_a_contour_does_not_state_are_null(points):
    contour = item(ContourGeometricType="POINT", **({} if points is None else {"NumberOfContourPoints": points}))
    [one] = rois(
        StructureSetROISequence=[roi(1)], ROIContourSequence=[item(ReferencedROINumber=1, ContourSequence=[contour])]
    )
    assert (one["contours"], one.get("contour_points")) == (1, None)


def test_contours_that_are_too_large_cost_their_counts_alone():
    sequences = {0x30060020: [{"30060022": {"vr": "IS", "Value": ["1"]}}], 0x30060039: None}
    cells = item_cells(sequences, {}, None, None)
    assert cells.columns["rois"] == [{"roi_number": 1, "observations": 0}]
    assert cells.reasons == {"30060039": "left out of the stored header for its size"}


def references(uid, *series):
    of_series = [item(SeriesInstanceUID=one) for one in series]
    return item(FrameOfReferenceUID=uid, RTReferencedStudySequence=[item(RTReferencedSeriesSequence=of_series)])


def test_the_series_is_that_of_the_regions_frame_of_reference():
    found = rois(
        StructureSetROISequence=[roi(n, ReferencedFrameOfReferenceUID=f"1.{n}") for n in (1, 2, 3)],
        ReferencedFrameOfReferenceSequence=[references("1.1", "2.1"), references("1.2", "2.2", "2.3")],
    )
    assert [one.get("referenced_series_instance_uid") for one in found] == ["2.1", None, None]


# --- Beams


def point(**values):
    return item(**values)


def beams(**values):
    return row_of(**values)["rt_beams"]


def test_a_beam_has_what_its_control_points_state():
    [arc, static, empty] = beams(
        BeamSequence=[
            item(
                BeamNumber=1,
                NumberOfWedges=1,
                ControlPointSequence=[
                    point(NominalBeamEnergy=6, GantryAngle=181),
                    point(GantryAngle=0),
                    point(NominalBeamEnergy=10, GantryAngle=179.5),
                    point(),
                ],
            ),
            item(BeamNumber=2, ControlPointSequence=[point(NominalBeamEnergy=15, GantryAngle=90), point()]),
            item(BeamNumber=3),
        ]
    )
    assert (arc["control_points"], arc["energies"], arc["wedges"]) == (4, [6.0, 10.0], 1)
    assert (arc["gantry_start"], arc["gantry_stop"]) == (181.0, 179.5)
    assert (static["gantry_start"], static["gantry_stop"], static["energies"]) == (90.0, 90.0, [15.0])
    assert (empty["control_points"], "energies" in empty, "gantry_start" in empty) == (0, False, False)


def test_beams_of_ions_are_beams():
    row = row_of(
        IonBeamSequence=[
            item(
                BeamNumber=1,
                BeamName="protons",
                RadiationType="PROTON",
                IonControlPointSequence=[point(NominalBeamEnergy=70.5, GantryAngle=90), point(NominalBeamEnergy=160)],
            ),
            item(BeamNumber="1"),
        ],
        FractionGroupSequence=[group(1, 30, (1, 5))],
    )
    [first, second] = row["rt_beams"]
    assert (first["name"], first["radiation_type"], first["control_points"]) == ("protons", "PROTON", 2)
    assert (first["energies"], first["gantry_start"], first["meterset"]) == ([70.5, 160.0], 90.0, 5.0)
    assert (second["control_points"], second["fraction_groups"]) == (0, 0)
    assert reasons_of(row) == {"300A03A2[1].300A00C0": "a number that another item has"}


def group(number, fractions, *meter_sets):
    referenced = [item(ReferencedBeamNumber=beam, BeamMeterset=meter_set) for beam, meter_set in meter_sets]
    return item(FractionGroupNumber=number, NumberOfFractionsPlanned=fractions, ReferencedBeamSequence=referenced)


def test_a_beam_has_the_meterset_of_its_first_fraction_group():
    row = row_of(
        BeamSequence=[item(BeamNumber=number) for number in (1, 2, 3)],
        FractionGroupSequence=[group(5, 25, (1, 101.5), (2, 99)), group(6, 5, (2, 50), (9, 1))],
    )
    assert [one["fraction_groups"] for one in row["rt_beams"]] == [1, 2, 0]
    assert [one.get("meterset") for one in row["rt_beams"]] == [101.5, 99.0, None]
    assert [(one.get("fraction_group"), one.get("fractions_planned")) for one in row["rt_beams"]] == [
        (5, 25),
        (5, 25),
        (None, None),
    ]
    assert reasons_of(row) == {"300A0070[1].300C0004[1].300C0006": "names no item of its sequence"}
