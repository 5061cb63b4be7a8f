"""``series_geometry`` on series made from their geometry: each column, each engine, and edges from both sides."""

from __future__ import annotations

import json
import math
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dicom_udf.columns import geometry, instances_table
from dicom_udf.columns.schema import arrow_type, trino_type
from dicom_udf.columns.views import DUCKDB, TRINO, View, make_views
from tests.columns.plans import scan_filters
from tests.columns.spark_dialect import SPARK
from tests.columns.volumes import AXIAL, COLUMNS, DAY, Frame, image, images, multiframe, rotated, stack, table_of
from tests.servers.s3 import S3Server, moto_server
from tests.servers.trino import NO_TRINO, Trino, find_trino, trino

TYPES = {one.name: one.type for one in instances_table().fields}
few = settings(max_examples=25)  # a query takes 50 ms to plan and to run, of however few rows


@cache
def view_for(dialect) -> View:
    [view] = [view for view in make_views(dialect, columns=COLUMNS) if view.name == "series_geometry"]
    return view


@cache
def database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def all_of(rows, where: str = "") -> list[dict[str, Any]]:
    """Return the view's rows of these of ``instances``."""
    connection = database()
    connection.register("instances", table_of(rows))
    connection.execute(f"SELECT * FROM ({view_for(DUCKDB).sql}) {where}")
    names = [column[0] for column in connection.description]
    return in_order(dict(zip(names, row, strict=True)) for row in connection.fetchall())


def in_order(rows) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["series_instance_uid"], row["study_instance_uid"] or ""))


def of(rows) -> dict[str, Any]:
    [row] = all_of(rows)
    return row


def near(value):
    return pytest.approx(value, abs=1e-9, rel=0)


# --- Volumes of all kinds

angles = st.floats(-math.pi, math.pi)
planes = st.one_of(st.just(AXIAL), st.builds(rotated, angles, angles, angles))
spacings = st.floats(0.3, 12.0)
origins = st.floats(-500.0, 500.0)
counts = st.integers(2, 24)


@st.composite
def made(draw, frames: list[Frame], *, forms=("single", "multi", "parts")) -> list[dict[str, Any]]:
    """The rows of frames in any order: single images, one image with functional groups, or three of them."""
    frames = draw(st.permutations(frames))
    form = draw(st.sampled_from(forms))
    if form == "single":
        return images(frames)
    if form == "multi":
        return [multiframe(frames)]
    return [multiframe(frames[part::3]) for part in range(min(3, len(frames)))]


@few
@given(data=st.data(), plane=planes, spacing=spacings, origin=origins, count=counts)
def test_a_volume_has_its_spacing_and_is_regular(data, plane, spacing, origin, count):
    row = of(data.draw(made(stack([origin + k * spacing for k in range(count)], plane))))
    assert (row["frames"], row["positions"], row["repetitions_min"], row["repetitions_max"]) == (count, count, 1, 1)
    for column in ("slice_spacing", "slice_spacing_min", "slice_spacing_max"):
        assert row[column] == near(spacing)
    assert row["slice_spacing_deviation"] == near(0)
    assert row["missing_slices"] == 0
    assert row["is_single_orientation"] is row["is_single_pixel_spacing"] is row["is_single_matrix"] is True
    assert row["in_plane_shift"] == near(0)
    assert (row["is_regular_volume"], row["is_regular_4d"]) == (True, False)
    assert row["fourth_dimension"] is None
    normal = sorted(abs(one) for one in plane.normal)
    assert row["obliquity_degrees"] == near(math.degrees(math.atan2(math.hypot(*normal[:2]), normal[2])))


@few
@given(data=st.data(), plane=planes, spacing=spacings, origin=origins, count=st.integers(6, 24))
def test_removed_slices_are_missing_and_ends_are_not(data, plane, spacing, origin, count):
    gone = data.draw(st.sets(st.integers(1, count - 2), min_size=1, max_size=max(1, count // 6)))
    kept = [k for k in range(count) if k not in gone]
    row = of(data.draw(made(stack([origin + k * spacing for k in kept], plane))))
    assert row["missing_slices"] == len(gone)
    assert row["positions"] == count - len(gone)
    assert row["slice_spacing"] == near(spacing * (count - 1) / (count - len(gone) - 1))
    assert row["slice_spacing_min"] == near(spacing)
    assert row["slice_spacing_deviation"] == near(row["slice_spacing_max"] - spacing)
    assert row["is_regular_volume"] is False


@few
@given(data=st.data(), plane=planes, spacing=spacings, origin=origins, count=counts)
def test_a_doubled_slice_is_a_repetition_and_no_position(data, plane, spacing, origin, count):
    twice = data.draw(st.integers(0, count - 1))
    row = of(data.draw(made(stack([origin + k * spacing for k in [*range(count), twice]], plane))))
    assert (row["frames"], row["positions"], row["repetitions_min"], row["repetitions_max"]) == (count + 1, count, 1, 2)
    assert row["slice_spacing"] == near(spacing)
    assert row["is_regular_volume"] is row["is_regular_4d"] is False


@few
@given(data=st.data(), plane=planes, spacing=spacings, origin=origins, count=st.integers(5, 24))
def test_a_shifted_slice_shows_in_the_deviation(data, plane, spacing, origin, count):
    part = data.draw(st.floats(-0.4, 0.4).filter(lambda one: not 0.009 < abs(one) < 0.011))
    moved = data.draw(st.integers(1, count - 2))
    places = [origin + k * spacing + (part * spacing if k == moved else 0) for k in range(count)]
    row = of(data.draw(made(stack(places, plane))))
    gaps = [b - a for a, b in pairwise(places)]
    assert row["slice_spacing"] == near(spacing)
    assert (row["slice_spacing_min"], row["slice_spacing_max"]) == (near(min(gaps)), near(max(gaps)))
    median = sorted(gaps)[(len(gaps) - 1) // 2]
    assert row["slice_spacing_deviation"] == near(max(abs(gap - median) for gap in gaps))
    assert row["missing_slices"] == 0
    assume(len(gaps) > 4)
    assert row["is_regular_volume"] is (abs(part) < 0.01)


@few
@given(data=st.data(), plane=planes, spacing=spacings, count=counts, tilt=st.floats(-30, 30))
def test_a_tilted_gantry_moves_slices_in_their_plane(data, plane, spacing, count, tilt):
    step = spacing * math.sin(math.radians(tilt))
    assume(not 0.0999 < abs(step) * (count - 1) < 0.1001)
    frames = [Frame(k * spacing, 0.0, k * step, plane, {"gantry_detector_tilt": tilt}) for k in range(count)]
    row = of(data.draw(made(frames)))
    assert row["in_plane_shift"] == near(abs(step) * (count - 1))
    assert row["gantry_detector_tilt"] == tilt
    assert row["slice_spacing"] == near(spacing)
    assert row["is_regular_volume"] is (row["in_plane_shift"] < 0.1)


FOURTH = [
    ("echo_time", [4.6, 9.2, 13.8]),
    ("diffusion_b_value", [0.0, 500.0, 1000.0]),
    ("temporal_position_identifier", [1, 2, 3]),
    ("temporal_position_index", [1, 2, 3]),
    ("trigger_time", [0.0, 33.5, 67.0]),
    ("acquisition_number", [7, 8, 9]),
    ("frame_reference_time", [100.0, 300.0, 500.0]),
    ("acquisition_time", ["10:00:00", "10:00:30", "10:01:00"]),
]


@pytest.mark.parametrize(("column", "values"), FOURTH, ids=lambda one: one if isinstance(one, str) else "")
@settings(max_examples=8)
@given(data=st.data(), plane=planes, spacing=spacings, count=counts, repetitions=st.integers(2, 3))
def test_interleaved_volumes_are_4d_by_the_attribute_that_tells_them_apart(
    column, values, data, plane, spacing, count, repetitions
):
    frames = [
        Frame(k * spacing, plane=plane, values={column: value}) for k in range(count) for value in values[:repetitions]
    ]
    of_frames = ("single", "multi", "parts") if column in ("echo_time", "diffusion_b_value") else ("single",)
    row = of(data.draw(made(frames, forms=of_frames)))
    assert (row["repetitions_min"], row["repetitions_max"]) == (repetitions, repetitions)
    assert (row["positions"], row["frames"]) == (count, count * repetitions)
    assert row["fourth_dimension"] == column
    assert (row["is_regular_volume"], row["is_regular_4d"]) == (False, True)


def test_time_points_of_one_image_are_counted_by_the_reader():
    frames = [Frame(k, values={"temporal_position_index": t}) for k in range(3) for t in (1, 2)]
    row = of([multiframe(frames)])
    assert (row["fourth_dimension"], row["repetitions_max"]) == ("temporal_position_index", 2)


def test_several_b_values_are_enough_and_other_attributes_need_one_value_a_repetition():
    frames = [
        Frame(k, values={"diffusion_b_value": b, "acquisition_number": 1}) for k in range(3) for b in (0.0, 9.0, 9.0)
    ]
    assert of(images(frames))["fourth_dimension"] == "diffusion_b_value"
    frames = [Frame(k, values={"trigger_time": t}) for k in range(3) for t in (0.0, 9.0, 9.0)]
    assert of(images(frames))["fourth_dimension"] == "unknown"


def test_the_first_attribute_that_fits_is_the_fourth_dimension():
    frames = [
        Frame(k, values={"trigger_time": 10.0 * n, "echo_time": 5.0 + n, "acquisition_number": n})
        for k in range(3) for n in range(2)
    ]  # fmt: skip
    assert of(images(frames))["fourth_dimension"] == "echo_time"


# --- Edges, from both sides

JITTER = 1e-6


@pytest.mark.parametrize(("gap", "positions"), [(0.01 - JITTER, 3), (0.01 + JITTER, 4)])
def test_a_gap_of_a_hundredth_mm_is_the_edge_of_a_run(gap, positions):
    row = of(images(stack([0, 1, 1 + gap, 2])))
    assert row["positions"] == positions
    assert row["repetitions_max"] == (2 if positions == 3 else 1)


@few
@given(data=st.data(), plane=planes, spacing=spacings, origin=origins, count=counts)
def test_jitter_of_positions_changes_no_count(data, plane, spacing, origin, count):
    jitter = st.floats(-JITTER, JITTER)
    places = [origin + k * spacing + data.draw(jitter) for k in range(count) for _ in range(2)]
    row = of(data.draw(made(stack(places, plane))))
    assert (row["positions"], row["repetitions_min"], row["repetitions_max"]) == (count, 2, 2)
    assert row["slice_spacing"] == pytest.approx(spacing, abs=2 * JITTER)
    assert row["slice_spacing_min"] - 1e-9 <= row["slice_spacing"] <= row["slice_spacing_max"] + 1e-9
    assert row["slice_spacing_deviation"] <= 4 * JITTER + 1e-9


def test_a_run_goes_on_as_long_as_its_gaps_are_small():
    row = of(images(stack([0, 0.009, 0.018, 5.009])))
    assert (row["positions"], row["repetitions_max"]) == (2, 3)
    assert row["slice_spacing"] == near(5.0), "from the middle of the run"


@pytest.mark.parametrize(
    ("gap", "missing"), [(1.5 - JITTER, 0), (1.5 + JITTER, 1), (2.5 - JITTER, 1), (2.5 + JITTER, 2)]
)
@pytest.mark.parametrize("spacing", [0.4, 1.0, 3.0])
def test_half_a_slice_more_than_the_median_is_the_edge_of_a_missing_one(gap, missing, spacing):
    places = [0, 1, 2, 2 + gap, 3 + gap]
    assert of(images(stack([spacing * place for place in places])))["missing_slices"] == missing


@pytest.mark.parametrize(("part", "regular"), [(0.01 - JITTER, True), (0.01 + JITTER, False)])
@pytest.mark.parametrize("spacing", [0.4, 1.0, 3.0])
def test_one_per_cent_of_the_spacing_is_the_edge_of_regular(part, regular, spacing):
    """One gap is longer and one shorter, so that the mean is the spacing."""
    places = [0, 1, 2, 3 + part, 4, 5, 6]
    row = of(images(stack([spacing * place for place in places])))
    assert row["slice_spacing"] == near(spacing)
    assert row["slice_spacing_deviation"] == near(part * spacing)
    assert row["is_regular_volume"] is regular


@pytest.mark.parametrize(("shift", "regular"), [(0.1 - JITTER, True), (0.1 + JITTER, False)])
def test_a_tenth_of_a_mm_in_plane_is_the_edge_of_regular(shift, regular):
    for right, down in ((shift, 0.0), (0.0, shift)):
        row = of(images([Frame(0), Frame(1, right, down), Frame(2)]))
        assert row["in_plane_shift"] == near(shift)
        assert row["is_regular_volume"] is regular


# --- Each row of the specification's table


def test_modality_and_frame_of_reference_are_agreed_or_null():
    rows = images(stack(range(3)), frame_of_reference_uid="9.1")
    assert (of(rows)["modality"], of(rows)["frame_of_reference_uid"]) == ("MR", "9.1")
    rows[1] |= {"modality": "PT", "frame_of_reference_uid": "9.2"}
    assert (of(rows)["modality"], of(rows)["frame_of_reference_uid"]) == (None, None)


def test_frames_are_those_with_a_position():
    frames = stack(range(4))
    row = of([multiframe(frames) | {"frame_slice_positions": [0.0, None, 2.0, 3.0]}])
    assert (row["frames"], row["frames_without_position"], row["positions"]) == (3, 1, 3)
    row = of([*images(frames), image(number_of_frames=30), image()])
    assert (row["frames"], row["frames_without_position"], row["frames_left_out"]) == (4, 31, 0)


@pytest.mark.parametrize(
    "left_out",
    [
        {"image_type": ["ORIGINAL", "PRIMARY", "LOCALIZER"]},
        {"image_type": ["DERIVED", "SECONDARY", "PROJECTION IMAGE"]},
        {"image_type": ["DERIVED", "SECONDARY", "MIP"]},
        {"image_type": ["DERIVED", "PRIMARY", None, "T_MIP_SAG"]},
        {"modality": "SEG"},
        {"modality": "RTDOSE"},
        {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.66.4"},
        {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.66.7"},
        {"sop_class_uid": "1.2.840.10008.5.1.4.1.1.481.2"},
    ],
    ids=str,
)
def test_frames_of_what_is_no_slice_are_left_out_and_counted(left_out):
    other = {"frame_of_reference_uid": "9.9", "rows": 1, "pixel_spacing": [9.0, 9.0], "slice_thickness": 9.0}
    rows = [
        *images(stack(range(3))),
        *images(stack([0.3, 0.7], rotated(0, 1, 0)), **other | left_out),
        multiframe(stack([0.1, 0.2]), **other | left_out),
        image(number_of_frames=4, **other | left_out),
    ]
    row = of(rows)
    assert (row["frames"], row["frames_left_out"], row["frames_without_position"]) == (3, 8, 0)
    assert (row["positions"], row["is_regular_volume"], row["modality"]) == (3, True, "MR")
    assert all_of(rows[3:]) == [], "nothing but images that are left out"


def test_an_image_type_that_only_resembles_stays():
    row = of(images(stack(range(3)), image_type=["ORIGINAL", "PRIMARY", "MINIP"]))
    assert (row["frames"], row["frames_left_out"]) == (3, 0)


def test_positions_are_found_in_any_order_and_direction():
    for places in ([0, 1, 2, 3], [3, 2, 1, 0], [2, 0, 3, 1], [-3, -1, -2, 0]):
        row = of(images(stack(places)))
        assert (row["positions"], row["slice_spacing"], row["is_regular_volume"]) == (4, 1.0, True)


def test_repetitions_min_and_max_differ_in_a_mixture():
    row = of(images(stack([0, 1, 1, 2, 2, 2])))
    assert (row["repetitions_min"], row["repetitions_max"]) == (1, 3)
    assert row["is_regular_4d"] is False


def test_slice_spacing_min_max_and_deviation_are_of_neighbours():
    row = of(images(stack([0, 1, 3, 6])))
    assert (row["slice_spacing"], row["slice_spacing_min"], row["slice_spacing_max"]) == (2.0, 1.0, 3.0)
    assert row["slice_spacing_deviation"] == 1.0, "of the median, 2"
    row = of(images(stack([0, 1, 3])))
    assert (row["slice_spacing_deviation"], row["missing_slices"]) == (1.0, 1), "of two in the middle the lesser"


def test_missing_slices_are_those_that_fit_into_wide_gaps():
    assert of(images(stack([0, 2, 4, 10, 12, 14, 18])))["missing_slices"] == 3
    assert of(images(stack([0, 2, 4, 6.9])))["missing_slices"] == 0


@pytest.mark.parametrize(("thickness", "gap"), [(2.0, 0.5), (2.5, 0.0), (5.0, -2.5), (None, None)])
def test_slice_gap_is_negative_where_slices_overlap(thickness, gap):
    assert of(images(stack([0, 2.5, 5]), slice_thickness=thickness))["slice_gap"] == gap


def test_slice_gap_is_null_where_thickness_differs():
    rows = images(stack([0, 2.5, 5]), slice_thickness=2.0)
    rows[0]["slice_thickness"] = 3.0
    assert of(rows)["slice_gap"] is None


@pytest.mark.parametrize(("turn", "single"), [(4e-5, True), (2e-4, False)])
def test_one_orientation_is_one_to_four_digits(turn, single):
    rows = images(stack(range(3)))
    rows[1]["image_orientation_patient"] = [1.0, turn, 0.0, 0.0, 1.0, 0.0]
    row = of(rows)
    assert row["is_single_orientation"] is single
    assert row["is_regular_volume"] is single
    assert (row["obliquity_degrees"] is None) is not single


def test_orientations_that_differ_within_an_image_are_not_one():
    frames = [*stack(range(3)), *stack([10, 11], rotated(0, 0.2, 0))]
    row = of([multiframe(frames)])
    assert (row["is_single_orientation"], row["is_regular_volume"]) == (False, False)


def test_zero_and_negative_zero_are_one_orientation():
    rows = images(stack(range(3)))
    rows[1]["image_orientation_patient"] = [1.0, -0.0, -1e-9, 0.0, 1.0, -0.0]
    assert of(rows)["is_single_orientation"] is True


def test_pixel_spacing_is_one_if_all_frames_have_it_alike():
    rows = images(stack(range(3)))
    rows[0]["pixel_spacing"] = [0.5, 0.7500001]
    assert (of(rows)["is_single_pixel_spacing"], of(rows)["is_regular_volume"]) == (False, False)
    rows[0]["pixel_spacing"] = None
    assert of(rows)["is_single_pixel_spacing"] is False
    row = of(images(stack(range(3)), pixel_spacing=None))
    assert (row["is_single_pixel_spacing"], row["is_regular_volume"], row["is_regular_4d"]) == (None, None, False)
    frames = [frame.with_values(pixel_spacing=[0.5, 0.5 + frame.place]) for frame in stack(range(3))]
    assert of([multiframe(frames, pixel_spacing=None)])["is_single_pixel_spacing"] is False


@pytest.mark.parametrize("column", ["rows", "columns"])
def test_matrix_is_one_if_rows_and_columns_are(column):
    rows = images(stack(range(3)))
    rows[2][column] = 128
    assert (of(rows)["is_single_matrix"], of(rows)["is_regular_volume"]) == (False, False)


def test_in_plane_shift_is_the_greater_of_row_and_column():
    row = of(images([Frame(0), Frame(1, 0.5, 0.25), Frame(2, -0.25, 1.0)]))
    assert row["in_plane_shift"] == near(1.0)


@pytest.mark.parametrize("degrees", [0.0, 0.001, 7.5, 30.0, 44.9])
def test_obliquity_is_the_angle_of_the_normal_to_its_nearest_axis(degrees):
    row = of(images(stack(range(3), rotated(0.7, math.radians(degrees), 0))))
    assert row["obliquity_degrees"] == near(degrees)


def test_gantry_tilt_is_agreed_or_null():
    rows = images(stack(range(3)), gantry_detector_tilt=-12.5)
    assert of(rows)["gantry_detector_tilt"] == -12.5
    rows[1]["gantry_detector_tilt"] = 0.0
    assert of(rows)["gantry_detector_tilt"] is None


def test_a_regular_volume_is_3d_and_a_regular_4d_has_repetitions():
    row = of(images(stack([0, 1, 2])))
    assert (row["is_regular_volume"], row["is_regular_4d"]) == (True, False)
    row = of(images(stack([0, 1, 2, 2, 1, 0])))
    assert (row["is_regular_volume"], row["is_regular_4d"], row["fourth_dimension"]) == (False, True, "unknown")


def test_instance_numbers_missing_are_holes_between_the_least_and_greatest():
    rows = images(stack(range(6)))
    for row, number in zip(rows, [5, 6, 9, 9, 11, None], strict=True):
        row["instance_number"] = number
    assert of(rows)["instance_numbers_missing"] == 3
    localizer = image(instance_number=7, image_type=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert of([*rows, localizer])["instance_numbers_missing"] == 2, "every file of the series has a number"
    assert of(images(stack(range(3)), instance_number=None))["instance_numbers_missing"] is None


@pytest.mark.parametrize(("stated", "disagrees"), [(2.1 - 1e-6, False), (2.1 + 1e-6, True), (1.9 + 1e-6, False),
                                                   (1.9 - 1e-6, True), (-2.0, False), (None, None)])  # fmt: skip
def test_a_stated_spacing_disagrees_from_five_per_cent(stated, disagrees):
    assert of(images(stack([0, 2, 4]), spacing_between_slices=stated))["spacing_attribute_disagrees"] is disagrees


def test_one_stated_spacing_that_is_off_disagrees():
    rows = images(stack([0, 2, 4]), spacing_between_slices=2.0)
    rows[1]["spacing_between_slices"] = 3.0
    assert of(rows)["spacing_attribute_disagrees"] is True


COUNTS = {"frames": 2, "frames_left_out": 0, "frames_without_position": 0, "positions": 1, "repetitions_min": 2,
          "repetitions_max": 2, "instance_numbers_missing": 0}  # fmt: skip


def test_one_position_has_counts_and_nothing_else():
    row = of(images(stack([5, 5], echo_time=3.0), slice_thickness=2.0, spacing_between_slices=2.0))
    keys = {"study_instance_uid", "series_instance_uid", "study_date", "modality"}
    assert {name: value for name, value in row.items() if value is not None and name not in keys} == COUNTS


def test_a_series_without_positions_has_no_row():
    assert all_of([image(), image(number_of_frames=3)]) == []
    assert all_of([image(slice_location=1.0) | {"slice_position": None}]) == []


def test_slice_location_is_never_read():
    assert "slice_location" not in geometry.NEEDED
    assert "slice_location" not in view_for(DUCKDB).sql


# --- Series, studies and dates


def test_a_row_is_a_series_of_a_study():
    rows = [
        *images(stack(range(3)), series_instance_uid="1", study_instance_uid="8"),
        *images(stack(range(4)), series_instance_uid="1", study_instance_uid="9"),
        *images(stack(range(5)), series_instance_uid="1", study_instance_uid=None),
        *images(stack(range(6)), series_instance_uid=None),
    ]
    assert [(row["study_instance_uid"], row["frames"]) for row in all_of(rows)] == [(None, 5), ("8", 3), ("9", 4)]


def test_an_image_that_is_stored_twice_is_one_frame():
    rows = images(stack(range(3)))
    rows.append(rows[0] | {"source_uri": "s3://copy/1"})
    assert (of(rows)["frames"], of(rows)["repetitions_max"]) == (3, 1)


def test_study_date_is_that_of_all_files_or_null():
    rows = images(stack(range(4)))
    assert of(rows)["study_date"] == DAY
    other = DAY + timedelta(1)
    assert (of([*rows[:3], rows[3] | {"study_date": other}])["study_date"]) is None
    default = {"study_date": date(1900, 1, 1), "study_date_is_default": True}
    assert of([*rows[:3], rows[3] | default])["study_date"] is None
    assert of([row | default for row in rows])["study_date"] is None
    assert of([*rows[:3], rows[3] | {"study_date": other}])["frames"] == 4


def test_a_filter_on_the_study_date_finds_the_same_rows():
    days = [DAY, DAY + timedelta(1)]
    rows = [
        row for n, day in enumerate(days) for row in images(stack(range(3)), series_instance_uid=f"{n}", study_date=day)
    ]
    rows += images(stack(range(3)), series_instance_uid="both")
    rows[-1]["study_date"] = days[1]
    found = all_of(rows)
    assert [row["study_date"] for row in found] == [*days, None]
    for day in days:
        assert all_of(rows, f"WHERE study_date = DATE '{day}'") == [row for row in found if row["study_date"] == day]
    assert all_of(rows, "WHERE study_date IS NULL") == found[2:]


def plan_of(sql: str) -> list[str]:
    other = {"study_date": DAY + timedelta(1), "series_instance_uid": "1.2.4"}  # of one day the filter would be dropped
    with duckdb.connect() as connection:
        connection.register("arrow", table_of([*images(stack(range(3))), *images(stack(range(3)), **other)]))
        connection.execute("CREATE TABLE instances AS SELECT * FROM arrow")
        [[_, plan]] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        return scan_filters(json.loads(plan)[0])


def test_a_filter_on_the_study_date_prunes_all_but_the_uids():
    filters = plan_of(f"SELECT * FROM ({view_for(DUCKDB).sql}) WHERE study_date = DATE '{DAY}'")
    assert len(filters) == 3, "the images, their older duplicates, and the series that lack a common date"
    assert sum(str(DAY) in one for one in filters) == 2


def test_absurd_values_of_a_series_cost_no_other_series_its_row():
    absurd = images(stack([0, 1, 2, 1e300, -1.7e308]), series_instance_uid="1")
    absurd[0] |= {"instance_number": 2**63 - 1, "rows": 2**63 - 1, "pixel_spacing": [1e308, -1e308]}
    absurd[1] |= {"instance_number": -(2**63), "image_orientation_patient": [1e300] * 6, "slice_thickness": -1e308}
    found = all_of([*absurd, *images(stack(range(3)), series_instance_uid="2")])
    assert (found[0]["missing_slices"], found[0]["instance_numbers_missing"]) == (None, None)
    assert [row["is_regular_volume"] for row in found] == [False, True]


# --- Lakes and engines


@pytest.mark.parametrize("column", geometry.NEEDED)
def test_a_lake_that_lacks_a_column_lacks_the_view(column):
    views = make_views(DUCKDB, columns=[name for name in COLUMNS if name != column])
    assert "series_geometry" not in {view.name for view in views}


def test_the_columns_have_the_types_that_are_declared():
    with duckdb.connect() as connection:
        connection.register("instances", table_of([]))
        found = connection.execute(view_for(DUCKDB).sql).to_arrow_table().schema
    fields = view_for(DUCKDB).fields
    assert found.names == [field.name for field in fields]
    assert list(found.types) == [arrow_type(field.type) for field in fields]


def everything() -> list[dict[str, Any]]:
    """Series of all kinds, each with UIDs of its own."""
    oblique = rotated(0.3, -0.4, 0.5)
    even = [2.5 * k for k in range(12)]
    echoes = [Frame(k, plane=oblique, values={"echo_time": e}) for k in even for e in (2.5, 5.0)]
    times = [Frame(k, values={"temporal_position_index": t}) for k in even for t in (1, 2)]
    localizer = {"image_type": ["ORIGINAL", "PRIMARY", "LOCALIZER"]}
    series = [
        images(stack(even, oblique), slice_thickness=3.0, spacing_between_slices=2.5),
        images(stack([*even[:4], *even[6:]], oblique), instance_number=3),
        images(stack([*even, even[3] + 1e-6, even[5] - 1e-6], oblique)),
        images([Frame(k, 0.01 * k, 0.2 * k, oblique, {"gantry_detector_tilt": 4.0}) for k in even]),
        images(echoes),
        [multiframe(echoes)],
        [multiframe(echoes[part::3]) for part in range(3)],
        [multiframe(times)],
        images(times),
        images([Frame(k, values={"acquisition_time": t}) for k in even for t in ("10:00:00", "10:00:01.5")]),
        images([Frame(k, values={"diffusion_b_value": b}) for k in even for b in (0.0, 9.0, 9.0)]),
        [multiframe([*stack(even), *stack([100, 101], oblique)])],
        [*images(stack(even)), *images(stack([1, 2]), **localizer), image(number_of_frames=7), image()],
        images(stack(even), pixel_spacing=None),
        images(stack([7.0])),
        [image()],
        images(stack(even), study_instance_uid=None),
        images(stack(even), study_date=date(1900, 1, 1), study_date_is_default=True),
        [row | {"study_date": DAY + timedelta(n % 2)} for n, row in enumerate(images(stack(even)))],
        images(stack([0, 1, 2, 1e300]), instance_number=2**62),
        [row for row in images(stack(even)) for row in (row, row | {"source_uri": row["source_uri"] + "/copy"})],
    ]
    return [row | {"series_instance_uid": f"1.{number:02}"} for number, rows in enumerate(series) for row in rows]


def same(found: list[dict[str, Any]], rows: list[dict[str, Any]]) -> None:
    known = all_of(rows)
    assert len(found) == len(known) == 20
    for one, other in zip(found, known, strict=True):
        exact = {name for name, value in other.items() if not isinstance(value, float)}
        assert {name: one[name] for name in exact} == {name: other[name] for name in exact}
        for name in other.keys() - exact:
            assert one[name] == near(other[name]), name


@pytest.mark.spark
def test_spark_has_the_answers_that_duckdb_has(spark, tmp_path):
    rows = everything()
    pq.write_table(table_of(rows), tmp_path / "instances.parquet")
    session = spark.newSession()
    session.conf.set("spark.sql.codegen.wholeStage", "false")  # takes longer to compile than these rows to read
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.read.parquet(str(tmp_path / "instances.parquet")).createOrReplaceTempView("instances")
    frame = session.sql(view_for(SPARK).sql)
    same(in_order(row.asDict() for row in frame.collect()), rows)
    types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
    assert types == {field.name: field.type for field in view_for(SPARK).fields}


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    with (
        moto_server() as moto,
        trino(tmp_path_factory.mktemp("trino"), glue=moto.endpoint, s3=S3Server("http://none")) as one,
    ):
        yield one


def literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(map(literal, value))}]"
    if isinstance(value, float):
        return f"DOUBLE '{value!r}'"
    return str(value) if isinstance(value, bool | int) else f"'{value}'"


def in_trino(rows: list[dict[str, Any]]) -> str:
    """``instances`` as a subquery with these rows."""
    values = ", ".join(f"({', '.join(literal(row.get(name)) for name in COLUMNS)})" for row in rows)
    names = ", ".join(f'"{name}"' for name in COLUMNS)
    casts = ", ".join(f'CAST("{name}" AS {trino_type(TYPES[name])}) AS "{name}"' for name in COLUMNS)
    return f"WITH instances AS (SELECT {casts} FROM (VALUES {values}) AS v ({names}))"


@pytest.mark.trino
@pytest.mark.skipif(find_trino() is None, reason=NO_TRINO)
def test_trino_has_the_answers_that_duckdb_has(engine: Trino):
    rows = everything()
    names, found = engine.answer(f"{in_trino(rows)} {view_for(TRINO).sql}")
    same(in_order(dict(zip(names, row, strict=True)) for row in found), rows)
