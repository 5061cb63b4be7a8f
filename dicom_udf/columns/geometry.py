"""The view ``series_geometry``: whether the frames of a series make a volume, by their positions alone.

The steps, each a subquery of the next: images of a series, their frames, runs of frames at one position, gaps between
positions, a row for each series, its verdicts. Grouping and windows are by :data:`KEYS`, so a filter on these columns
passes through all steps.
"""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View
from dicom_udf.columns.geometry_fields import COMMENT, FIELDS

__all__ = ["KEYS", "NEEDED", "series_geometry"]

KEYS = ("study_date", "study_instance_uid", "series_instance_uid")

_AGREED = (
    "modality", "frame_of_reference_uid", "slice_thickness", "gantry_detector_tilt",
)  # fmt: skip
"""Columns of which the view has the value that all frames agree on."""

_FOURTH = (
    "echo_time", "diffusion_b_value", "temporal_position_identifier", "temporal_position_index", "trigger_time",
    "acquisition_number", "frame_reference_time", "acquisition_time",
)  # fmt: skip
"""Columns that may distinguish frames at one position, in the order in which they are tried."""

_LISTS = {"echo_time": "echo_times", "diffusion_b_value": "diffusion_b_values"}
"""Columns of which an image with several values has a list, no longer than its frames."""

NEEDED = (
    *KEYS, "study_date_is_default", "sop_class_uid", "image_type", "number_of_frames", "instance_number",
    "slice_position", "frame_slice_positions", "frame_in_plane_ranges", "frame_attributes_vary",
    "image_position_patient", "image_orientation_patient", "pixel_spacing", "rows", "columns",
    "spacing_between_slices", "temporal_positions",
    *_AGREED, *_FOURTH, *_LISTS.values(),
)  # fmt: skip
"""Columns of ``instances`` that the view needs."""

_SEGMENTATIONS_AND_DOSES = (
    "1.2.840.10008.5.1.4.1.1.66.4",  # Segmentation Storage
    "1.2.840.10008.5.1.4.1.1.66.7",  # Label Map Segmentation Storage
    "1.2.840.10008.5.1.4.1.1.481.2",  # RT Dose Storage
)
_KEY_LIST = ", ".join(KEYS)

# Tolerances. Literals with an exponent are doubles in all engines, those without are decimals in some.
_SAME_POSITION = "1e-2"  # mm; positions differ by the digits of their text
_MISSING = "1.5e0"  # median gaps
_REGULAR = "1e-2"  # of the spacing; with the next one as in IDC's view of regular volumes
_SHIFTED = "1e-1"  # mm
_DISAGREES = "5e-2"  # of the spacing


def series_geometry(dialect: Dialect, source: str, joined: str, kept: str) -> View:
    """Return the view.

    Args:
        dialect: Dialect of the engine.
        source: Name of the table of instances in the engine.
        joined: The tables of ``unique_instances``, in which that of instances is ``i``.
        kept: The condition of ``unique_instances``.
    """
    sql = _frames(dialect, _images(dialect, source, joined, kept))
    sql = _series(dialect, _gaps(sql))
    return View("series_geometry", COMMENT, FIELDS, _verdicts(dialect, sql))


def _images(dialect: Dialect, source: str, joined: str, kept: str) -> str:
    """Return the rows of ``unique_instances`` that are in a series, with the series' study date.

    They are two parts, so that a filter on the date reads one period of the first and nothing of the second.
    """
    kind = f"coalesce({dialect.text.format('i.image_type')}, '')"
    classes = ", ".join(f"'{uid}'" for uid in _SEGMENTATIONS_AND_DOSES)
    left_out = (
        f"({kind} LIKE '%\"LOCALIZER\"%' OR {kind} LIKE '%\"PROJECTION IMAGE\"%' OR {kind} LIKE '%MIP%' "
        f"OR coalesce(i.modality, '') IN ('SEG', 'RTDOSE') OR coalesce(i.sop_class_uid, '') IN ({classes}))"
    )
    columns = ", ".join(f"i.{dialect.name(column)}" for column in NEEDED if column != "study_date")
    columns += f", {left_out} AS is_left_out"
    undated = (
        f"SELECT coalesce(study_instance_uid, '') AS study, series_instance_uid AS series FROM {source} "
        f"WHERE series_instance_uid IS NOT NULL GROUP BY coalesce(study_instance_uid, ''), series_instance_uid "
        f"HAVING min(study_date) <> max(study_date) OR max(CASE WHEN study_date_is_default THEN 1 ELSE 0 END) = 1"
    )
    of_series = "i.series_instance_uid = undated.series AND coalesce(i.study_instance_uid, '') = undated.study"
    return (
        f"SELECT i.study_date, {columns} FROM {joined} LEFT JOIN ({undated}) undated ON {of_series} "
        f"WHERE {kept} AND undated.series IS NULL AND i.series_instance_uid IS NOT NULL UNION ALL "
        f"SELECT CAST(NULL AS date), {columns} FROM {joined} JOIN ({undated}) undated ON {of_series} WHERE {kept}"
    )


def _frames(dialect: Dialect, images: str) -> str:
    """Return a row for each frame, and one for each image that is left out or without positions: its place is null."""
    places = (
        f"CASE WHEN i.is_left_out THEN {dialect.array.format('CAST(NULL AS double)')} "
        f"ELSE coalesce(i.frame_slice_positions, {dialect.array.format('i.slice_position')}) END"
    )
    size = (
        f"CASE WHEN frame_slice_positions IS NOT NULL THEN {dialect.length.format('frame_slice_positions')} "
        "WHEN number_of_frames > 1 THEN number_of_frames ELSE 1 END"
    )
    vectors = {
        "spacing": ("pixel_spacing", 2),
        "o": ("image_orientation_patient", 6),
        "p": ("image_position_patient", 3),
        "in_plane": ("frame_in_plane_ranges", 4),
    }
    numbers = ", ".join(
        f"{dialect.element.format(array=column, number=number)} AS {letter}{number}"
        for letter, (column, length) in vectors.items()
        for number in range(1, length + 1)
    )
    frames = f"SELECT frames.*, {numbers} FROM ({dialect.unnest.format(rows=images, array=places)}) frames"
    normal = ("o2 * o6 - o3 * o5", "o3 * o4 - o1 * o6", "o1 * o5 - o2 * o4")
    sizes = ", ".join(f"abs({component}) AS n{axis}" for axis, component in enumerate(normal, 1))
    planes = f"SELECT frames.*, {sizes} FROM ({frames}) frames"
    # Of the cosine of a small angle few digits are left; the sine and cosine together keep them.
    greatest, least = "greatest(n1, n2, n3)", "least(n1, n2, n3)"
    middle = f"(n1 + n2 + n3 - {greatest} - {least})"
    vary = f"coalesce({dialect.text.format('frame_attributes_vary')}, '')"
    values = {name: dialect.name(name) for name in (*_AGREED, "rows", "columns", "temporal_positions")}
    values |= {name: name for name in _FOURTH if name not in _LISTS} | {"spacing1": "spacing1", "spacing2": "spacing2"}
    values |= {
        "spacing_between_slices": "abs(spacing_between_slices)",
        "row_direction": _direction("o1", "o2", "o3"),
        "column_direction": _direction("o4", "o5", "o6"),
        "row_min": "coalesce(in_plane1, p1 * o1 + p2 * o2 + p3 * o3)",
        "row_max": "coalesce(in_plane2, p1 * o1 + p2 * o2 + p3 * o3)",
        "column_min": "coalesce(in_plane3, p1 * o4 + p2 * o5 + p3 * o6)",
        "column_max": "coalesce(in_plane4, p1 * o4 + p2 * o5 + p3 * o6)",
        "obliquity": f"degrees(atan2(sqrt({middle} * {middle} + {least} * {least}), {greatest}))",
        "orientation_varies": f"CASE WHEN {vary} LIKE '%\"image_orientation_patient\"%' THEN 1 ELSE 0 END",
        "spacing_varies": f"CASE WHEN {vary} LIKE '%\"pixel_spacing\"%' THEN 1 ELSE 0 END",
    }
    kept = [f"CASE WHEN value IS NOT NULL THEN {one} END AS {dialect.name(name)}" for name, one in values.items()]
    for name, every in _LISTS.items():
        element = dialect.element.format(array=every, number="number")
        kept.append(f"CASE WHEN NOT is_left_out THEN coalesce({name}, {element}) END AS {name}")
    return (
        f"SELECT {_KEY_LIST}, instance_number, value AS place, CASE WHEN is_left_out THEN {size} END AS left_out, "
        f"CASE WHEN number = 1 AND NOT is_left_out THEN {size} END AS size, {', '.join(kept)} FROM ({planes}) planes"
    )


def _gaps(frames: str) -> str:
    """Add to each frame its run, and to one of each run the number of its frames and the gap to the run before."""
    starts = (
        f"SELECT frames.*, CASE WHEN place IS NULL THEN 0 "
        f"WHEN place - lag(place) OVER (PARTITION BY {_KEY_LIST} ORDER BY place) <= {_SAME_POSITION} THEN 0 "
        f"ELSE 1 END AS is_start FROM ({frames}) frames"
    )
    # Frames at one place are peers and get one sum, in whatever order they come.
    runs = (
        f"SELECT starts.*, sum(is_start) OVER (PARTITION BY {_KEY_LIST} ORDER BY place) AS run FROM ({starts}) starts"
    )
    middles = (
        f"SELECT runs.*, count(place) OVER (PARTITION BY {_KEY_LIST}, run) AS repetitions, "
        f"(min(place) OVER (PARTITION BY {_KEY_LIST}, run) + max(place) OVER (PARTITION BY {_KEY_LIST}, run)) / 2 "
        f"AS middle FROM ({runs}) runs"
    )
    return (
        f"SELECT middles.*, CASE WHEN is_start = 1 THEN "
        f"middle - lag(middle) OVER (PARTITION BY {_KEY_LIST}, is_start ORDER BY run) END AS gap "
        f"FROM ({middles}) middles"
    )


def _series(dialect: Dialect, gaps: str) -> str:
    """Return a row for each series; columns that a verdict needs twice are those of :func:`_verdicts`."""
    columns = {
        "frames": "count(place)",
        "frames_left_out": "CAST(coalesce(sum(left_out), 0) AS bigint)",
        "frames_without_position": "CAST(coalesce(sum(size), 0) AS bigint) - count(place)",
        "positions": "CAST(sum(is_start) AS bigint)",
        "repetitions_min": "min(CASE WHEN is_start = 1 THEN repetitions END)",
        "repetitions_max": "max(CASE WHEN is_start = 1 THEN repetitions END)",
        "extent": "max(middle) - min(middle)",
        "gap_min": "min(gap)",
        "gap_max": "max(gap)",
        "gaps": "array_sort(array_agg(gap) FILTER (WHERE gap IS NOT NULL))",
        "is_single_orientation": f"{_equal('row_direction')} AND {_equal('column_direction')} "
        "AND max(orientation_varies) = 0",
        "is_single_pixel_spacing": "CASE WHEN max(spacing_varies) = 1 THEN false "
        "WHEN count(spacing1) = 0 THEN NULL "
        f"ELSE count(spacing1) = count(place) AND {_equal('spacing1')} AND {_equal('spacing2')} END",
        "is_single_matrix": f"{_equal(dialect.name('rows'))} AND {_equal(dialect.name('columns'))}",
        "in_plane_shift": "CASE WHEN count(row_min) = count(place) THEN "
        "greatest(max(row_max) - min(row_min), max(column_max) - min(column_min)) END",
        "obliquity": "min(obliquity)",
        "numbers_missing": "CAST(max(instance_number) AS double) - min(instance_number) + 1 "
        "- count(DISTINCT instance_number)",
        "stated_min": "min(spacing_between_slices)",
        "stated_max": "max(spacing_between_slices)",
        **{name: f"CASE WHEN {_equal(name)} THEN min({name}) END" for name in _AGREED},
        **{f"{name}_values": f"count(DISTINCT {name})" for name in _FOURTH},
        "temporal_positions": "max(temporal_positions)",
    }
    select = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"SELECT {_KEY_LIST}, {select} FROM ({gaps}) gaps GROUP BY {_KEY_LIST} HAVING count(place) > 0"


def _equal(column: str) -> str:
    return f"min({column}) = max({column})"


def _direction(x: str, y: str, z: str) -> str:
    """Return an expression for a number that differs where one of three cosines, rounded to 4 digits, does."""
    return f"round({x} * 1e4) * 1e10 + round({y} * 1e4) * 1e5 + round({z} * 1e4)"


def _verdicts(dialect: Dialect, series: str) -> str:
    median = dialect.element.format(array="gaps", number="CAST(floor(positions / 2e0) AS int)")
    spacing = "extent / nullif(positions - 1, 0)"
    spaced = f"SELECT series.*, {spacing} AS slice_spacing, {median} AS median FROM ({series}) series"
    extra = f"CASE WHEN x > {_MISSING} * median THEN round(x / median) - 1 ELSE 0e0 END"
    missing = dialect.total.format(array="gaps", term=extra)
    measured = (
        f"SELECT spaced.*, greatest(gap_max - median, median - gap_min) AS deviation, {missing} AS missing "
        f"FROM ({spaced}) spaced"
    )
    regular = (
        f"is_single_orientation AND is_single_pixel_spacing AND is_single_matrix AND in_plane_shift < {_SHIFTED} "
        f"AND deviation < {_REGULAR} * slice_spacing"
    )
    of_several = {
        "slice_spacing": "slice_spacing",
        "slice_spacing_min": "gap_min",
        "slice_spacing_max": "gap_max",
        "slice_spacing_deviation": "deviation",
        "missing_slices": _whole("missing"),
        "slice_gap": "slice_spacing - slice_thickness",
        "is_single_orientation": "is_single_orientation",
        "is_single_pixel_spacing": "is_single_pixel_spacing",
        "is_single_matrix": "is_single_matrix",
        "in_plane_shift": "in_plane_shift",
        "obliquity_degrees": "CASE WHEN is_single_orientation THEN obliquity END",
        "gantry_detector_tilt": "gantry_detector_tilt",
        "is_regular_volume": f"repetitions_max = 1 AND {regular}",
        "is_regular_4d": f"repetitions_max > 1 AND repetitions_min = repetitions_max AND {regular}",
        "fourth_dimension": _fourth_dimension(),
        "spacing_attribute_disagrees": f"greatest(stated_max - slice_spacing, slice_spacing - stated_min) "
        f"> {_DISAGREES} * slice_spacing",
    }
    expressions = {
        **{field.name: field.name for field in FIELDS},
        **{name: f"CASE WHEN positions > 1 THEN {expression} END" for name, expression in of_several.items()},
        "instance_numbers_missing": _whole("numbers_missing"),
    }
    columns = ", ".join(f"{expression} AS {name}" for name, expression in expressions.items())
    return f"SELECT {columns} FROM ({measured}) measured"


def _whole(number: str) -> str:
    """Return an expression for an integer; null where absurd values made the number too large for one."""
    return f"CASE WHEN {number} < 1e15 THEN CAST({number} AS bigint) END"


def _fourth_dimension() -> str:
    tests = {name: f"{name}_values = repetitions_max" for name in _FOURTH}
    tests["diffusion_b_value"] = "diffusion_b_value_values > 1"
    tests["temporal_position_index"] = (
        "greatest(temporal_position_index_values, coalesce(temporal_positions, 0)) = repetitions_max"
    )
    found = " ".join(f"WHEN {test} THEN '{name}'" for name, test in tests.items())
    return f"CASE WHEN repetitions_max = 1 THEN NULL {found} ELSE 'unknown' END"
