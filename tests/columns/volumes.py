"""Series whose geometry is known, because they are made from it: rows of ``instances`` as the reader fills them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pyarrow as pa

from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.geometry import NEEDED
from dicom_udf.columns.lifting import slice_position

__all__ = ["AXIAL", "COLUMNS", "DAY", "Frame", "Plane", "image", "images", "multiframe", "rotated", "stack", "table_of"]

DAY = date(2024, 3, 15)
_IDENTITY = ("source_uri", "source_member", "source_last_modified", "ingest_time", "sop_instance_uid")
COLUMNS = tuple(dict.fromkeys((*NEEDED, *_IDENTITY)))
_SCHEMA = pa.schema([arrow_schema(instances_table()).field(name) for name in COLUMNS])
_numbers = itertools.count(1)

Vector = tuple[float, float, float]


@dataclass(frozen=True)
class Plane:
    """The directions of a row and of a column of an image."""

    row: Vector
    column: Vector

    @property
    def normal(self) -> Vector:
        (a, b, c), (d, e, f) = self.row, self.column
        return (b * f - c * e, c * d - a * f, a * e - b * d)

    @property
    def orientation(self) -> list[float]:
        return [*self.row, *self.column]


AXIAL = Plane((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))


def rotated(a: float, b: float, c: float) -> Plane:
    """Return an axial plane turned about z, then y, then x by angles in radians."""
    turn = lambda x, y, z: _about_x(c, _about_y(b, _about_z(a, (x, y, z))))  # noqa: E731
    return Plane(turn(1.0, 0.0, 0.0), turn(0.0, 1.0, 0.0))


def _about_z(angle: float, v: Vector) -> Vector:
    cos, sin = math.cos(angle), math.sin(angle)
    return (cos * v[0] - sin * v[1], sin * v[0] + cos * v[1], v[2])


def _about_y(angle: float, v: Vector) -> Vector:
    cos, sin = math.cos(angle), math.sin(angle)
    return (cos * v[0] + sin * v[2], v[1], -sin * v[0] + cos * v[2])


def _about_x(angle: float, v: Vector) -> Vector:
    cos, sin = math.cos(angle), math.sin(angle)
    return (v[0], cos * v[1] - sin * v[2], sin * v[1] + cos * v[2])


@dataclass(frozen=True)
class Frame:
    """A frame by its place.

    Attributes:
        place: Along the normal, mm.
        right: Along the row, mm.
        down: Along the column, mm.
        plane: Its directions.
        values: Further columns.
    """

    place: float
    right: float = 0.0
    down: float = 0.0
    plane: Plane = AXIAL
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def position(self) -> list[float]:
        axes = zip(self.plane.normal, self.plane.row, self.plane.column, strict=True)
        return [self.place * n + self.right * r + self.down * c for n, r, c in axes]

    def with_values(self, **values: Any) -> Frame:
        return replace(self, values=self.values | values)


def stack(places: Iterable[float], plane: Plane = AXIAL, **values: Any) -> list[Frame]:
    return [Frame(place, plane=plane, values=values) for place in places]


def image(**values: Any) -> dict[str, Any]:
    """Return a row of its own file and SOP instance; without values it is an image of no place."""
    number = next(_numbers)
    return {
        "study_date": DAY, "study_date_is_default": False, "study_instance_uid": "1.2", "series_instance_uid": "1.2.3",
        "source_uri": f"s3://b/{number}", "source_last_modified": datetime(2024, 4, 1),
        "ingest_time": datetime(2024, 4, 2), "sop_instance_uid": f"1.2.3.{number}", "modality": "MR", "rows": 256,
        "columns": 192, "pixel_spacing": [0.5, 0.75], "image_type": ["ORIGINAL", "PRIMARY", "AXIAL"],
    } | values  # fmt: skip


def images(frames: Sequence[Frame], **values: Any) -> list[dict[str, Any]]:
    """Return a row for each frame: single images, numbered from 1 in this order."""
    return [
        image(
            **{
                "instance_number": number,
                "image_position_patient": frame.position,
                "image_orientation_patient": frame.plane.orientation,
                "slice_position": slice_position(frame.position, frame.plane.orientation),
            }
            | _lists(frame.values)
            | frame.values
            | values
        )
        for number, frame in enumerate(frames, 1)
    ]


def _lists(values: dict[str, Any]) -> dict[str, Any]:
    lists = {"echo_time": "echo_times", "diffusion_b_value": "diffusion_b_values"}
    return {every: [values[name]] for name, every in lists.items() if name in values}


def multiframe(frames: Sequence[Frame], **values: Any) -> dict[str, Any]:
    """Return the row of one image with functional groups, as the reader lifts them."""
    row: dict[str, Any] = {"number_of_frames": len(frames), "instance_number": 1}
    row["frame_slice_positions"] = [slice_position(frame.position, frame.plane.orientation) for frame in frames]
    along = [(frame.right, frame.down) for frame in frames]
    (rights, downs) = zip(*along, strict=True)
    row["frame_in_plane_ranges"] = [min(rights), max(rights), min(downs), max(downs)]
    vary = []
    each = {
        "image_position_patient": [frame.position for frame in frames],
        "image_orientation_patient": [frame.plane.orientation for frame in frames],
        **{name: [frame.values.get(name) for frame in frames] for name in {n for f in frames for n in f.values}},
    }
    for name, found in each.items():
        if all(one == found[0] for one in found):
            row[name] = found[0]
        else:
            vary.append(name)
    if len(frames) > 1 and "image_position_patient" not in vary:
        row["slice_position"] = row["frame_slice_positions"][0]
    for name, every in {"echo_time": "echo_times", "diffusion_b_value": "diffusion_b_values"}.items():
        row[every] = sorted({one for one in each.get(name, ()) if one is not None}) or None
    indices = {one for one in each.get("temporal_position_index", ()) if one is not None}
    row["temporal_positions"] = len(indices) or None
    row["frame_attributes_vary"] = vary or None
    known = {name: value for name, value in row.items() if name in COLUMNS}
    return image(**known | values)


def table_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist(list(rows), schema=_SCHEMA)
