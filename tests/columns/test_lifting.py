"""Values of functional groups in columns: each line of lifted.tsv in each form, slices, and what is broken."""

import io
import math
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from dicom_udf.columns import fill_row, instances_table, selection
from dicom_udf.columns.lifted import lifted_attributes
from dicom_udf.columns.lifting import lift, slice_position
from dicom_udf.header import HeaderReader
from dicom_udf.header import groups as group_values
from dicom_udf.header.selection import FRAME_GROUPS, SHARED_GROUPS
from dicom_udf.header.stored import stored_groups
from tests.each import for_each
from tests.header.files import element, encode, minimal, raw_file, set_nested

LINES = lifted_attributes()
TYPES = {field.name: field.type for field in instances_table().fields}
TWICE = "in shared and per-frame groups"
NOT_ONE = {"PerFrameFunctionalGroupsSequence": "has not one item for each frame"}


def by_column(line):
    return f"{line.column}-{line.keyword.split('.')[0]}"


def sample(line, which):
    """Return two unequal values of an attribute, as pydicom takes them."""
    if line.vr == "SQ":
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = f"T-{which}", "99X", f"Place {which}"
        return [code]
    number = int(line.vm.partition("-")[0])
    one = {
        "DS": f"{which + 1}.50", "FD": which + 1.25, "IS": f"{which + 3}", "UL": which + 1, "CS": f"WORD{which}",
        "SH": f"Coil {which}", "LO": f"HU{which}", "DT": f"2024010{which + 1}101500.250",
    }[line.vr]  # fmt: skip
    return one if number == 1 and line.vm == "1" else [one] * max(number, 1)


def expected(line, which):
    if line.vr == "SQ":
        return [{"code_value": f"T-{which}", "coding_scheme_designator": "99X", "code_meaning": f"Place {which}"}]
    value = sample(line, which)
    one = value[0] if isinstance(value, list) else value
    read = {
        "DS": float, "FD": float, "IS": int, "UL": int, "CS": str, "SH": str, "LO": str,
        "DT": lambda text: datetime.strptime(text, "%Y%m%d%H%M%S.%f"),
    }[line.vr](one)  # fmt: skip
    if TYPES[line.column] == "bigint":
        return round(read)
    return (
        [read] * len(value)
        if TYPES[line.column].startswith("array") and isinstance(value, list)
        else ([read] if TYPES[line.column].startswith("array") else read)
    )


def group(*filled):
    """Return an item with functional groups: pairs of a line and of its value."""
    item = Dataset()
    for line, value in filled:
        set_nested(item, line.keyword, value)
    return item


def row_of(*, shared=None, frames=None, number=None, **top):
    """Return the row of an image with these items of functional groups."""
    data_set = minimal(**top)
    if number is None and frames is not None:
        number = len(frames)
    if number is not None:
        data_set.NumberOfFrames = number
    if shared is not None:
        data_set.SharedFunctionalGroupsSequence = shared
    if frames is not None:
        data_set.PerFrameFunctionalGroupsSequence = frames
    content = encode(data_set)
    reader = HeaderReader(selection())
    rows = [fill_row(reader.read(io.BytesIO(content))) for _ in range(3)]  # the memo answers the second and third time
    assert rows[0] == rows[1] == rows[2]
    assert_same_from_stored(reader.read(io.BytesIO(content)))
    return rows[0]


def assert_same_from_stored(header):
    """A column has the same value from the header that was stored."""
    stored, found = stored_groups(selection().grouped, header.json)
    once = lift(header.values, header.shared_groups, header.frame_groups)
    again = lift(header.values, stored.get(SHARED_GROUPS), stored.get(FRAME_GROUPS))
    assert again == once
    assert found == {path: reason for path, reason in header.invalid_values.items() if path.startswith("5200")}


def reasons(row):
    return dict(row["invalid_values"] or ())


@for_each(LINES, name=by_column)
def test_a_line_agrees_with_the_dictionary(line):
    keywords = line.keyword.split(".")
    assert tuple(tag_for_keyword(keyword) for keyword in keywords) == line.path
    assert (dictionary_VR(line.path[-1]), dictionary_VM(line.path[-1])) == (line.vr, line.vm)
    assert all(dictionary_VR(tag) == "SQ" for tag in line.path[:-1])
    assert line.column in TYPES


@for_each(LINES, name=by_column)
def test_the_value_of_the_shared_group_counts(line):
    row = row_of(shared=[group((line, sample(line, 0)))], frames=[Dataset(), Dataset()])
    assert row[line.column] == expected(line, 0)
    assert line.column in row["lifted_attributes"]
    assert row["frame_attributes_vary"] is None
    assert row["invalid_values"] is None


@for_each(LINES, name=by_column)
def test_a_value_on_which_all_frames_agree_counts(line):
    row = row_of(frames=[group((line, sample(line, 0))) for _ in range(3)])
    assert row[line.column] == expected(line, 0)
    assert line.column in row["lifted_attributes"]
    assert row["frame_attributes_vary"] is None


FROM_EARLIEST = "acquisition_datetime"
DIFFERING = [line for line in LINES if line.column != FROM_EARLIEST]


@for_each(DIFFERING, name=by_column)
def test_a_value_that_differs_between_frames_is_null_and_named(line):
    row = row_of(frames=[group((line, sample(line, which))) for which in (0, 1, 0)])
    assert row.get(line.column) is None
    assert line.column in row["frame_attributes_vary"]
    assert row["lifted_attributes"] is None
    assert row["invalid_values"] is None


@for_each(DIFFERING, name=by_column)
def test_a_value_that_one_frame_lacks_is_null_and_named(line):
    for lacking in range(3):
        frames = [group((line, sample(line, 0))) if number != lacking else Dataset() for number in range(3)]
        row = row_of(frames=frames)
        assert row.get(line.column) is None
        assert line.column in row["frame_attributes_vary"]


@for_each(DIFFERING, name=by_column)
def test_frames_count_where_both_have_a_value(line):
    row = row_of(shared=[group((line, sample(line, 1)))], frames=[group((line, sample(line, 0)))] * 2)
    assert row[line.column] == expected(line, 0)
    assert reasons(row) == {"52009229[0]." + "[0].".join(f"{tag:08X}" for tag in line.path): TWICE}
    varied = row_of(shared=[group((line, sample(line, 1)))], frames=[group((line, sample(line, n))) for n in (0, 1)])
    assert varied.get(line.column) is None
    assert line.column in varied["frame_attributes_vary"]
    assert TWICE in reasons(varied).values()


def test_without_groups_nothing_is_lifted():
    row = row_of(number=3)
    assert (row.get("lifted_attributes"), row.get("frame_attributes_vary"), row.get("frames_described")) == (None,) * 3


TOP = {
    "pixel_spacing": ("PixelSpacing", ["0.5", "0.5"], [0.5, 0.5]),
    "echo_time": ("EchoTime", "7", 7.0),
    "x_ray_tube_current": ("XRayTubeCurrent", "300", 300),
    "image_type": ("ImageType", ["ORIGINAL", "PRIMARY"], ["ORIGINAL", "PRIMARY"]),
    "real_world_value_slope": ("RealWorldValueMappingSequence", None, 2.0),
}


@pytest.mark.parametrize("column", TOP)
def test_a_value_at_top_level_wins(column):
    line = next(line for line in LINES if line.column == column)
    keyword, value, read = TOP[column]
    if value is None:
        value = [Dataset()]
        value[0].RealWorldValueSlope = 2.0
    row = row_of(shared=[group((line, sample(line, 0)))], frames=[Dataset()], **{keyword: value})
    assert row[column] == read
    assert column not in (row["lifted_attributes"] or ())
    varied = row_of(frames=[group((line, sample(line, which))) for which in (0, 1)], **{keyword: value})
    assert varied[column] == read
    assert column not in (varied["frame_attributes_vary"] or ())


LINE = {by_column(line).partition("-")[0]: line for line in LINES}


def test_values_agree_as_they_are_written():
    frames = [group((LINE["slice_thickness"], text)) for text in ("1.0", "1.00")]
    row = row_of(frames=frames)
    assert row.get("slice_thickness") is None
    assert row["frame_attributes_vary"] == ["slice_thickness"]


@pytest.mark.parametrize(
    ("written", "read"), [(0.5, 0), (1.5, 2), (2.5, 2), (250.4, 250), (250.6, 251), (-1.5, -2), (1e15 + 0.5, 10**15)]
)
def test_whole_numbers_are_rounded_half_even_and_their_companions_are_exact(written, read):
    row = row_of(
        shared=[group((LINE["x_ray_tube_current"], written), (LINE["exposure_time"], written))], frames=[Dataset()]
    )
    assert (row["x_ray_tube_current"], row["exposure_time"]) == (read, read)
    assert row["x_ray_tube_current_in_ua"] == pytest.approx(written * 1000, rel=1e-15)
    assert row["exposure_time_in_us"] == row["x_ray_tube_current_in_ua"]
    assert {"x_ray_tube_current_in_ua", "exposure_time_in_us"} <= set(row["lifted_attributes"])


def test_companions_have_no_noise_of_binary_numbers():
    row = row_of(shared=[group((LINE["x_ray_tube_current"], 2.3))], frames=[Dataset()])
    assert row["x_ray_tube_current_in_ua"] == 2300.0
    assert 1.001 * 1000 != 1001.0
    assert row_of(shared=[group((LINE["exposure_time"], 1.001))], frames=[Dataset()])["exposure_time_in_us"] == 1001.0
    assert row_of(shared=[group((LINE["exposure_time"], 4.35))], frames=[Dataset()])["exposure_time_in_us"] == 4350.0


@pytest.mark.parametrize(
    ("number", "reason"),
    [(math.nan, "not a finite number"), (-math.inf, "not a finite number"), (1e30, "a whole number beyond its type")],
)
def test_a_number_that_a_column_cannot_hold_is_null_with_a_reason(number, reason):
    row = row_of(shared=[group((LINE["exposure"], number))], frames=[Dataset()])
    assert row.get("exposure") is None
    assert reasons(row) == {"52009229[0].00189321[0].00189332": reason}


def test_companions_vary_with_their_column():
    row = row_of(frames=[group((LINE["exposure_time"], time)) for time in (1.0, 2.0)])
    assert row["frame_attributes_vary"] == ["exposure_time", "exposure_time_in_us"]


def test_the_first_inversion_time_counts():
    row = row_of(shared=[group((LINE["inversion_time"], [150.0, 400.0]))], frames=[Dataset()])
    assert row["inversion_time"] == 150.0


def test_the_earliest_and_the_latest_acquisition_count():
    moments = ["20240105101500", "20240103101500", "20240104101500.5"]
    row = row_of(frames=[group((LINE[FROM_EARLIEST], moment)) for moment in moments])
    assert row["acquisition_datetime"] == row["derived_acquisition_datetime"] == datetime(2024, 1, 3, 10, 15)
    assert row["frame_acquisition_datetime_max"] == datetime(2024, 1, 5, 10, 15)
    assert row["lifted_attributes"] == ["acquisition_datetime"]
    assert row["frame_attributes_vary"] is None
    one = row_of(frames=[group((LINE[FROM_EARLIEST], moments[0])), Dataset()])
    assert one["acquisition_datetime"] == one["frame_acquisition_datetime_max"] == datetime(2024, 1, 5, 10, 15)
    top = row_of(AcquisitionDateTime="20240101", frames=[group((LINE[FROM_EARLIEST], moments[0]))])
    assert top["acquisition_datetime"] == datetime(2024, 1, 1)
    assert top["frame_acquisition_datetime_max"] == datetime(2024, 1, 5, 10, 15)
    assert top["lifted_attributes"] is None


def frame(position=None, orientation=None, **others):
    pairs = [(LINE["image_position_patient"], position), (LINE["image_orientation_patient"], orientation)]
    item = group(*((line, value) for line, value in pairs if value is not None))
    if others:
        item.FrameContentSequence = [Dataset()]
        for keyword, value in others.items():
            setattr(item.FrameContentSequence[0], keyword, value)
    return item


AXIAL = [1, 0, 0, 0, 1, 0]
SAGITTAL = [0, 1, 0, 0, 0, -1]


@pytest.mark.parametrize(
    ("position", "orientation", "place"),
    [
        ([1, 2, 3.5], AXIAL, 3.5),
        ([1, 2, 3], SAGITTAL, -1.0),
        ([1, 2, 3], [1, 0, 0, 0, 0, 1], -2.0),
        ([1, 2, 3], [1, 0, 0, 1, 0, 0], None),  # no plane
        ([1, 2, 3], [2, 0, 0, 0, 1, 0], None),
        ([1, 2, 3], [1, 0, 0, 0, 0.991, 0], 3 * 0.991),
        ([1, 2, 3], [1, 0, 0, 0, 0.989, 0], None),
        ([1, 2, 3], [1, 0, 0, 0, 1.011, 0], None),
        ([1, 2], AXIAL, None),
        ([1, 2, 3], [1, 0, 0], None),
        ([1, 2, None], AXIAL, None),
        ([1, 2, 3], [1, 0, 0, 0, 1, None], None),
        ([1, 2, math.inf], AXIAL, None),
        ([1, 2, math.nan], AXIAL, None),
        ([1, 2, 3], [1, 0, 0, 0, math.nan, 0], None),
    ],
)
def test_the_position_of_a_slice(position, orientation, place):
    assert slice_position(position, orientation) == (None if place is None else pytest.approx(place))


@given(
    st.lists(st.floats(-1000, 1000), min_size=3, max_size=3),
    st.lists(st.floats(-1, 1), min_size=6, max_size=6),
)
def test_the_position_is_that_of_numpy(position, directions):
    row, column = np.array(directions[:3]), np.array(directions[3:])
    normal = np.cross(row, column)
    found = slice_position(position, directions)
    length = np.linalg.norm(normal)
    if 0.9901 <= length <= 1.0099:
        assert found == pytest.approx(float(np.dot(position, normal)), abs=1e-9)
    elif not 0.9899 <= length <= 1.0101:
        assert found is None


def test_a_single_image_has_a_position_and_its_own_echo_time_and_b_value():
    plane = {"ImagePositionPatient": [1, 2, 3], "ImageOrientationPatient": AXIAL}
    row = row_of(EchoTime="80", DiffusionBValue=1000.0, **plane)
    assert (row["slice_position"], row["echo_times"], row["diffusion_b_values"]) == (3.0, [80.0], [1000.0])
    assert {"frame_slice_positions", "lifted_attributes", "frames_described"}.isdisjoint(row)


def test_frames_have_positions_in_order_some_of_them_null():
    frames = [frame([0, 0, 5]), frame(), frame([0, 0, 2.5]), frame([0, 0])]
    row = row_of(shared=[frame(orientation=AXIAL)], frames=frames)
    assert row["frame_slice_positions"] == [5.0, None, 2.5, None]
    assert row.get("slice_position") is None
    assert row["image_orientation_patient"] == AXIAL
    assert row["frame_attributes_vary"] == ["image_position_patient"]
    assert row["frames_described"] == 4


def test_frames_may_have_orientations_of_their_own():
    row = row_of(frames=[frame([1, 2, 3], AXIAL), frame([1, 2, 3], SAGITTAL)])
    assert row["frame_slice_positions"] == [3.0, -1.0]


def test_frames_have_ranges_in_their_plane():
    frames = [frame([10, -2, 5]), frame(), frame([7.5, 4, 2.5]), frame([0, 0])]
    row = row_of(shared=[frame(orientation=AXIAL)], frames=frames)
    assert row["frame_in_plane_ranges"] == [7.5, 10.0, -2.0, 4.0]
    assert row_of(shared=[frame(orientation=AXIAL)], frames=[frame(), frame()]).get("frame_in_plane_ranges") is None
    assert row_of(frames=[frame([1.7e308, 1.7e308, 5], [0.7, 0.71, 0, -0.71, 0.7, 0])])["frame_in_plane_ranges"] is None


def test_frames_at_one_place_have_it_all():
    row = row_of(shared=[frame([0, 0, 5], AXIAL)], frames=[frame(), frame()])
    assert row["frame_slice_positions"] == [5.0, 5.0]
    assert row["slice_position"] == 5.0


def test_without_items_of_frames_positions_are_implicit():
    row = row_of(shared=[frame([0, 0, 5], AXIAL)], number=400)  # TILED_FULL
    assert row.get("frame_slice_positions") is None
    assert row.get("frames_described") is None
    assert row["slice_position"] == 5.0


def test_frames_of_two_echoes_b_values_time_points_and_stacks():
    frames = []
    for number in range(4):
        item = frame(TemporalPositionIndex=1 + number // 2, StackID="12"[number % 2])
        item.MREchoSequence, item.MRDiffusionSequence = [Dataset()], [Dataset()]
        item.MREchoSequence[0].EffectiveEchoTime = [90.0, 30.0][number % 2]
        item.MRDiffusionSequence[0].DiffusionBValue = [1000.0, 0.0, 500.0, 0.0][number]
        frames.append(item)
    row = row_of(frames=frames)
    assert row["echo_times"] == [30.0, 90.0]
    assert row["diffusion_b_values"] == [0.0, 500.0, 1000.0]
    assert (row["temporal_positions"], row["stacks"]) == (2, 2)
    assert row.get("temporal_position_index") is None
    assert set(row["frame_attributes_vary"]) == {"echo_time", "diffusion_b_value", "temporal_position_index"}


def test_the_time_point_on_which_all_frames_agree():
    row = row_of(frames=[frame(TemporalPositionIndex=7), frame(TemporalPositionIndex=7)])
    assert (row["temporal_position_index"], row["temporal_positions"]) == (7, 1)
    assert row["lifted_attributes"] == ["temporal_position_index"]


def thick(text):
    return group((LINE["slice_thickness"], text))


@pytest.mark.parametrize(("items", "frames"), [(2, 3), (3, 2), (1, None), (0, 2)])
def test_items_that_are_not_one_a_frame_give_no_value(items, frames):
    plane = [frame([0, 0, number], AXIAL) for number in range(items)]
    for item in plane:
        item.PixelMeasuresSequence = thick("2").PixelMeasuresSequence
    row = row_of(frames=plane, number=frames if frames is not None else 7)
    assert {"slice_thickness", "frame_slice_positions", "slice_position"}.isdisjoint(
        name for name, value in row.items() if value is not None
    )
    assert row["frames_described"] == items
    assert reasons(row) == NOT_ONE
    assert row["lifted_attributes"] is None


def test_the_shared_group_counts_though_items_are_not_one_a_frame():
    row = row_of(shared=[thick("2")], frames=[Dataset()], number=2)
    assert row["slice_thickness"] == 2.0
    assert reasons(row) == NOT_ONE


def test_several_shared_items_are_named_and_only_what_they_agree_on_counts():
    first, second = thick("2"), thick("2")
    first.PixelMeasuresSequence[0].PixelSpacing = [1, 1]
    second.PixelMeasuresSequence[0].PixelSpacing = [2, 2]
    row = row_of(shared=[first, second], frames=[Dataset()])
    assert (row["slice_thickness"], row.get("pixel_spacing")) == (2.0, None)
    assert reasons(row) == {"SharedFunctionalGroupsSequence": "has more than one item"}


def test_groups_inside_an_item_of_the_wrong_sequence_are_ignored():
    wrong = Dataset()
    wrong.PlanePositionSequence = [thick("3")]
    wrong.SharedFunctionalGroupsSequence = [thick("4")]
    row = row_of(shared=[wrong], frames=[wrong])
    assert row.get("slice_thickness") is None
    assert (row["lifted_attributes"], row["frame_attributes_vary"]) == (None, None)


def test_a_value_that_is_no_number_is_null_with_its_place():
    good, bad = thick("2"), thick("2")
    del bad.PixelMeasuresSequence[0].SliceThickness
    bad.PixelMeasuresSequence[0].add_new("SliceThickness", "LO", "thick")
    row = row_of(frames=[good, bad])
    assert row.get("slice_thickness") is None
    assert list(reasons(row)) == ["52009230[1].00289110[0].00180050"]
    assert row["frame_attributes_vary"] == ["slice_thickness"]


def items_of(tag, *items):
    content = b"".join(b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item for item in items)
    return element(tag, "SQ", content)


def test_a_frame_that_can_not_be_read_gives_no_value_and_is_named():
    good = items_of(0x00289110, element(0x00180050, "DS", b"2 "))
    broken = items_of(0x00289110, element(0x00180050, "DS", b"2 ", length=500))
    frames = element(0x00280008, "IS", b"3 ")
    for groups in ([good, broken, good], [good, good, broken]):
        header = HeaderReader(selection()).read(io.BytesIO(raw_file(frames, items_of(0x52009230, *groups))))
        row = fill_row(header)
        assert row.get("slice_thickness") is None
        [(path, _)] = reasons(row).items()
        assert path == f"52009230[{groups.index(broken)}].00289110"
        assert row["lifted_attributes"] is None


def test_a_header_that_breaks_off_in_its_frames_gives_no_value_of_frames():
    good = items_of(0x00289110, element(0x00180050, "DS", b"2 "))
    whole = raw_file(element(0x00280008, "IS", b"3 "), items_of(0x52009230, good, good, good))
    for missing in (4, 30, 60):
        row = fill_row(HeaderReader(selection()).read(io.BytesIO(whole[:-missing])))
        assert row.get("slice_thickness") is None
        assert row["header_fault"]


def test_of_too_many_frames_only_what_they_share_is_known(monkeypatch):
    monkeypatch.setattr(group_values, "MOST_FRAMES", 3)
    for count in (3, 4):
        frames = [frame([0, 0, number]) for number in range(count)]
        for item in frames:
            item.PixelMeasuresSequence = thick("2").PixelMeasuresSequence
        row = row_of(shared=[frame(orientation=AXIAL)], frames=frames)
        assert row["slice_thickness"] == 2.0
        assert row["frame_attributes_vary"] == ["image_position_patient"]
        is_cut = count == 4
        assert (row.get("frame_slice_positions") is None) == is_cut
        assert ("column:frame_slice_positions" in (row["header_omitted"] or ())) == is_cut
