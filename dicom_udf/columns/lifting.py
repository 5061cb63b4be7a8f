"""Values lifted from functional groups to the columns of an image (PS3.3 C.7.6.16), and the places of its slices.

A value at top level counts, otherwise that of the shared group, otherwise the one on which all frames agree as it is
written. Nothing is averaged: where frames differ, or some lack the attribute, the column is null and is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache, lru_cache
from typing import Any

from dicom_udf.columns.attributes import declared_attributes
from dicom_udf.columns.lifted import STACK, LiftedAttribute, lifted_attributes
from dicom_udf.header import GroupValues
from dicom_udf.header.groups import plain
from dicom_udf.header.selection import SHARED_SEQUENCE
from dicom_udf.header.vr import TOO_BIG

__all__ = ["FRAME_COLUMNS", "FROM_VALUES", "THOUSANDTHS", "Lifted", "lift", "slice_columns", "slice_position"]

TWICE = "in shared and per-frame groups"
SEVERAL_SHARED = "has more than one item"
NOT_ONE_A_FRAME = "has not one item for each frame"

THOUSANDTHS = {"x_ray_tube_current": ("x_ray_tube_current_in_ua",), "exposure_time": ("exposure_time_in_us",)}
"""Columns of integers -> columns of the same value in thousandths of the unit, which loses no digits."""

_EARLIEST, _LATEST = "acquisition_datetime", "frame_acquisition_datetime_max"
_MOMENT = "FrameContentSequence.FrameAcquisitionDateTime"
_POSITION = "PlanePositionSequence.ImagePositionPatient"
_ORIENTATION = "PlaneOrientationSequence.ImageOrientationPatient"
_SETS = {
    "echo_times": ("echo_time", "MREchoSequence.EffectiveEchoTime"),
    "diffusion_b_values": ("diffusion_b_value", "MRDiffusionSequence.DiffusionBValue"),
}
"""Columns of different values -> the column of one value, and the attribute of frames."""
_COUNTS = {"temporal_positions": "FrameContentSequence.TemporalPositionIndex", "stacks": STACK}
_OF_FRAMES = {
    "frame_slice_positions": _POSITION,
    "frame_in_plane_ranges": _POSITION,
    _EARLIEST: _MOMENT,
    _LATEST: _MOMENT,
    **{column: keyword for column, (_, keyword) in _SETS.items()},
    **_COUNTS,
}
"""Columns with something of each frame -> the attribute that they are made from."""

FRAME_COLUMNS = (
    "slice_position",
    *_OF_FRAMES,
    "temporal_position_index",
    "frames_described",
    "lifted_attributes",
    "frame_attributes_vary",
)
"""The columns that have no attribute of their own, and ``acquisition_datetime``."""

FROM_VALUES = (
    "sop_instance_uid",
    "number_of_frames",
    "image_position_patient",
    "image_orientation_patient",
    *(column for column, _ in _SETS.values()),
)
"""Columns whose values :func:`lift` needs; of others it needs the names of those with a value."""

_LARGEST = 2**63


@dataclass(slots=True)
class Lifted:
    """The result of :func:`lift`.

    Attributes:
        columns: Values by column; absent ones are null.
        reasons: Attribute path -> why a value is null or altered.
        omitted: Columns left out because there are too many frames, as ``header_omitted`` names them.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    omitted: list[str] = field(default_factory=list)


def lift(values: Mapping[str, Any], shared: GroupValues | None, frames: GroupValues | None) -> Lifted:
    """Return the columns that functional groups fill, and those of slices, which a single frame has too.

    Args:
        values: Values at top level by column: those count, and stay as they are.
        shared: As :attr:`dicom_udf.header.Header.shared_groups`.
        frames: As :attr:`dicom_udf.header.Header.frame_groups`.

    Example:
        >>> from dicom_udf.columns.lifting import lift
        >>> lift({"image_position_patient": [0, 0, 7.5], "image_orientation_patient": [1, 0, 0, 0, 1, 0]}, None, None)
        Lifted(columns={'slice_position': 7.5}, reasons={}, omitted=[])
    """
    result = Lifted()
    columns = result.columns
    if shared is not None or frames is not None:
        _lift_groups(result, values, shared, frames)
    columns.update(slice_columns({**columns, **values}))
    return result


def slice_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns that an image without functional groups has of its one slice.

    Args:
        values: Values by column.
    """
    columns: dict[str, Any] = {}
    position, orientation = values.get("image_position_patient"), values.get("image_orientation_patient")
    if position and orientation:
        place = slice_position(position, orientation)
        if place is not None:
            columns["slice_position"] = place
    for every, (column, _) in _SETS.items():
        value = values.get(column)
        if value is not None:
            columns[every] = _only(value)
    return columns


def slice_position(position: Sequence[float | None], orientation: Sequence[float | None]) -> float | None:
    """Return position . (row x column) in mm; None unless these are 3 and 6 numbers of two directions at a right angle.

    Args:
        position: ImagePositionPatient.
        orientation: ImageOrientationPatient: the directions of a row and of a column (PS3.3 C.7.6.2.1.1).
    """
    normal = _normal(tuple(orientation))
    if normal is None or len(position) != 3 or None in position:
        return None
    x, y, z = position
    place: float = x * normal[0] + y * normal[1] + z * normal[2]  # type: ignore[operator]
    return place if math.isfinite(place) else None


@lru_cache(maxsize=256)  # the slices of a series share it
def _normal(orientation: tuple[float | None, ...]) -> tuple[float, float, float] | None:
    if len(orientation) != 6 or None in orientation:
        return None
    a, b, c, d, e, f = (float(number) for number in orientation if number is not None)
    normal = (b * f - c * e, c * d - a * f, a * e - b * d)
    return normal if 0.99 <= math.hypot(*normal) <= 1.01 else None


@lru_cache(maxsize=256)
def _only(value: float) -> list[float]:
    """Return a list with one value; one object for equal ones, which is then turned into Arrow once."""
    return [value]


class _Groups:
    """The functional groups of an image: those of its frames, where each is described, and the shared ones.

    Attributes:
        shared: The shared ones; None without any.
        frames: Those of frames; None without any, or where they are not one for each frame.
    """

    def __init__(self, shared: GroupValues | None, frames: GroupValues | None) -> None:
        self.shared = shared
        self.frames = frames

    def agreed(self, name: str) -> Any:
        """Return the value of all frames; None where they differ or have none."""
        groups = self.frames if self.frames is not None and self.frames.has(name) else self.shared
        return None if groups is None else plain(groups.constant.get(name))

    def of_each(self, name: str) -> list[Any]:
        """Return the value of each frame, None where it has none; an empty list where none has one, or not known."""
        if self.frames is None or self.frames.is_cut:
            return []
        if self.frames.has(name):
            return [plain(value) for value in self.frames.of_each(name)]
        value = self.agreed(name)
        return [] if value is None else [value] * self.frames.count

    def different(self, name: str) -> list[Any]:
        """Return the different values, sorted, of frames, otherwise of the shared group."""
        return sorted({one for one in self.of_each(name) or [self.agreed(name)] if one is not None})


def _lift_groups(
    result: Lifted, values: Mapping[str, Any], shared: GroupValues | None, frames: GroupValues | None
) -> None:
    columns, reasons = result.columns, result.reasons
    is_described = frames is not None and frames.count == (values.get("number_of_frames") or 1)
    if frames is not None:
        columns["frames_described"] = frames.count
        if not is_described:
            reasons["PerFrameFunctionalGroupsSequence"] = NOT_ONE_A_FRAME
    if shared is not None and shared.count > 1:
        reasons["SharedFunctionalGroupsSequence"] = SEVERAL_SHARED
    known = _Groups(shared, frames if is_described else None)
    lifted: list[str] = []
    vary: list[str] = []
    for line in lifted_attributes():
        column = line.column
        is_in_frames = frames is not None and frames.has(line.keyword)
        if is_in_frames and shared is not None and shared.has(line.keyword):
            reasons[_path_of(line)] = TWICE
        if column in values or column in columns or column == _EARLIEST:
            continue
        value = None if is_in_frames and not is_described else known.agreed(line.keyword)
        if value is not None:
            lifted += _fill(result, values, line, value)
        elif is_in_frames and column not in vary:
            vary += [column, *(one for one in THOUSANDTHS.get(column, ()) if one not in values)]
    _fill_from_frames(columns, values, known)
    if is_described and frames is not None and frames.is_cut:
        result.omitted += [f"column:{name}" for name, source in _OF_FRAMES.items() if source in frames.varying]
    if _EARLIEST in columns:
        lifted.append(_EARLIEST)
    columns["lifted_attributes"] = lifted or None
    columns["frame_attributes_vary"] = vary or None


def _fill(result: Lifted, values: Mapping[str, Any], line: LiftedAttribute, value: Any) -> list[str]:
    """Fill a column, and the one of thousandths beside it; return the names of those that were filled."""
    column = line.column
    form = _forms()[column]
    if isinstance(value, list) and form != "list":
        value = value[0]
    if form != "whole" or isinstance(value, int):
        if value is not None:
            result.columns[column] = value
        return [column] if value is not None else []
    filled = []
    if value is not None and abs(value) < _LARGEST:
        result.columns[column] = round(value)
        filled.append(column)
        for finer in THOUSANDTHS.get(column, ()):
            if finer not in values:
                result.columns[finer] = float(Decimal(repr(value)) * 1000)
                filled.append(finer)
    else:
        result.reasons[_path_of(line)] = TOO_BIG.reason
    return filled


def _fill_from_frames(columns: dict[str, Any], values: Mapping[str, Any], known: _Groups) -> None:
    """Fill the columns that have something of each frame."""
    moments = known.different(_MOMENT)
    if moments:
        columns[_LATEST] = moments[-1]
        if _EARLIEST not in values:
            columns[_EARLIEST] = moments[0]
    for column, (name, keyword) in _SETS.items():
        if values.get(name) is None:
            columns[column] = known.different(keyword) or None
    for column, keyword in _COUNTS.items():
        columns[column] = len(known.different(keyword)) or None
    positions, orientations = known.of_each(_POSITION), known.of_each(_ORIENTATION)
    if positions:
        planes = list(
            zip(positions, orientations or [values.get("image_orientation_patient")] * len(positions), strict=True)
        )
        places = [
            slice_position(position, orientation) if position and orientation else None
            for position, orientation in planes
        ]
        placed = [plane for plane, place in zip(planes, places, strict=True) if place is not None]
        columns["frame_slice_positions"] = places if placed else None
        columns["frame_in_plane_ranges"] = _ranges(placed) if placed else None


def _ranges(planes: Sequence[tuple[Sequence[float], Sequence[float]]]) -> list[float] | None:
    """Return the least and greatest place of positions along their rows, then along their columns."""
    along_rows, along_columns = [], []
    for (x, y, z), (a, b, c, d, e, f) in planes:
        along_rows.append(x * a + y * b + z * c)
        along_columns.append(x * d + y * e + z * f)
    ranges = [min(along_rows), max(along_rows), min(along_columns), max(along_columns)]
    return ranges if all(map(math.isfinite, ranges)) else None


def _path_of(line: LiftedAttribute) -> str:
    """Return the place of an attribute in the shared group, as ``invalid_values`` names it."""
    return "[0].".join(f"{tag:08X}" for tag in (SHARED_SEQUENCE, *line.path))


@cache
def _forms() -> Mapping[str, str]:
    """Return the form of each column's values: ``list``, ``whole`` for integers, empty for any other single value."""
    forms = {
        one.column: "list" if one.vm != "1" or one.part == "codes" else "whole" if one.vr == "IS" else ""
        for one in declared_attributes()
    }
    return {**forms, "temporal_position_index": ""}
