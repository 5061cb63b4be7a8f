"""Fields of regions of interest and of beams that other sequences have, joined by number (PS3.3 C.8.8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dicom_udf.columns.items import ItemColumn
from dicom_udf.header import Wanted
from dicom_udf.header.stored import LEFT_OUT, DataSet, Items, item_values

__all__ = ["fill_beams", "fill_rois"]

Row = dict[str, Any]
Reasons = dict[str, str]

TWICE = "a number that another item has"
NOT_THERE = "names no item of its sequence"

_OBSERVATIONS, _CONTOURS, _FRAMES_OF_REFERENCE = 0x30060080, 0x30060039, 0x30060010
_FRACTION_GROUPS, _REFERENCED_BEAMS = 0x300A0070, 0x300C0004
_REGION = Wanted("number", (0x30060084,), "IS")
_CONTOUR = (Wanted("type", (0x30060042,), "CS"), Wanted("points", (0x30060046,), "IS"))
_POINT = (Wanted("energy", (0x300A0114,), "DS"), Wanted("angle", (0x300A011E,), "DS"))
_CONTROL_POINTS = ("300A0111", "300A03A8")
"""ControlPointSequence, and IonControlPointSequence of plans with ions."""
_BEAM = Wanted("number", (0x300C0006,), "IS")
_GROUP = (Wanted("fraction_group", (0x300A0071,), "IS"), Wanted("fractions_planned", (0x300A0078,), "IS"))


def fill_rois(
    column: ItemColumn, rows: list[Row], tag: int, sequences: Mapping[int, Items | None], reasons: Reasons
) -> None:
    """Fill the fields of observations, contours and references of regions of interest."""
    numbers = _by_number(rows, "roi_number", f"{tag:08X}[{{}}].30060022", reasons)
    wanted = column.wanted((_OBSERVATIONS,))
    for place, item in _found(sequences, _OBSERVATIONS, reasons):
        row = _named(item, _REGION, place, numbers, reasons)
        if row is not None:
            row["observations"] = row.get("observations", 0) + 1
            if row["observations"] == 1:
                row.update(item_values(wanted, item, place, reasons))
    if sequences.get(_OBSERVATIONS, ()) is not None:
        for row in rows:
            row.setdefault("observations", 0)
    wanted = column.wanted((_CONTOURS,))
    for place, item in _found(sequences, _CONTOURS, reasons):
        row = _named(item, _REGION, place, numbers, reasons)
        if row is not None:
            row.update(item_values(wanted, item, place, reasons))
            _add_contours(row, item, place, reasons)
    if sequences.get(_CONTOURS, ()) is not None:
        for row in rows:
            row.setdefault("contours", 0)
            row.setdefault("contour_points", 0)
    series = _series_by_frame_of_reference(sequences, reasons)
    for row in rows:
        uids = series.get(row.get("frame_of_reference_uid"), ())
        if len(uids) == 1:
            [row["referenced_series_instance_uid"]] = uids


def _add_contours(row: Row, item: DataSet, place: str, reasons: Reasons) -> None:
    contours = [
        item_values(_CONTOUR, contour, f"{place}30060040[{number}].", reasons)
        for number, contour in enumerate(item.get("30060040", {}).get("Value", ()))
    ]
    row["contours"] = row.get("contours", 0) + len(contours)
    types = {contour["type"] for contour in contours if "type" in contour}
    if types:
        row["geometric_types"] = sorted(types.union(row.get("geometric_types", ())))
    points = [contour.get("points") for contour in contours]
    before = row.get("contour_points", 0)
    known = [one for one in points if one is not None and one >= 0]
    row["contour_points"] = before + sum(known) if before is not None and len(known) == len(points) else None


def _series_by_frame_of_reference(sequences: Mapping[int, Items | None], reasons: Reasons) -> dict[Any, set[str]]:
    frame = (Wanted("uid", (0x00200052,), "UI"),)
    series = (Wanted("uid", (0x0020000E,), "UI"),)
    found: dict[Any, set[str]] = {}
    for place, item in _found(sequences, _FRAMES_OF_REFERENCE, reasons):
        uid = item_values(frame, item, place, reasons).get("uid")
        studies = item.get("30060012", {}).get("Value", ())
        for study_number, study in enumerate(studies):
            for number, one in enumerate(study.get("30060014", {}).get("Value", ())):
                below = f"{place}30060012[{study_number}].30060014[{number}]."
                name = item_values(series, one, below, reasons).get("uid")
                if uid is not None and name is not None:
                    found.setdefault(uid, set()).add(name)
    return found


def fill_beams(
    column: ItemColumn, rows: list[Row], tag: int, sequences: Mapping[int, Items | None], reasons: Reasons
) -> None:
    """Fill what control points and fraction groups state of beams."""
    for beam, (place, item) in zip(rows, _found(sequences, tag, reasons), strict=True):
        _add_control_points(beam, item, place, reasons)
    numbers = _by_number(rows, "beam_number", f"{tag:08X}[{{}}].300A00C0", reasons)
    wanted = column.wanted((_FRACTION_GROUPS, _REFERENCED_BEAMS))
    for place, group in _found(sequences, _FRACTION_GROUPS, reasons):
        of_group = item_values(_GROUP, group, place, reasons)
        key = f"{_REFERENCED_BEAMS:08X}"
        for number, item in enumerate(group.get(key, {}).get("Value", ())):
            below = f"{place}{key}[{number}]."
            row = _named(item, _BEAM, below, numbers, reasons)
            if row is not None:
                row["fraction_groups"] = row.get("fraction_groups", 0) + 1
                if row["fraction_groups"] == 1:
                    row.update({**of_group, **item_values(wanted, item, below, reasons)})
    if sequences.get(_FRACTION_GROUPS, ()) is not None:
        for row in rows:
            row.setdefault("fraction_groups", 0)


def _add_control_points(row: Row, item: DataSet, place: str, reasons: Reasons) -> None:
    key = next((key for key in _CONTROL_POINTS if key in item), _CONTROL_POINTS[0])
    points = [
        item_values(_POINT, point, f"{place}{key}[{number}].", reasons)
        for number, point in enumerate(item.get(key, {}).get("Value", ()))
    ]
    row["control_points"] = len(points)
    energies = {point["energy"] for point in points if "energy" in point}
    if energies:
        row["energies"] = sorted(energies)
    if points and "angle" in points[0]:
        row["gantry_start"] = points[0]["angle"]
        row["gantry_stop"] = next(point["angle"] for point in reversed(points) if "angle" in point)


def _found(sequences: Mapping[int, Items | None], tag: int, reasons: Reasons) -> list[tuple[str, DataSet]]:
    """Return the items of a sequence with their places; none where it was left out, which is named."""
    items = sequences.get(tag, ())
    if items is None:
        reasons[f"{tag:08X}"] = LEFT_OUT
        return []
    return [(f"{tag:08X}[{number}].", item) for number, item in enumerate(items)]


def _by_number(rows: list[Row], field: str, place: str, reasons: Reasons) -> dict[int, Row]:
    """Return rows by their number; of equal ones the first, and the others are named."""
    numbers: dict[int, Row] = {}
    for position, row in enumerate(rows):
        number = row.get(field)
        if number is not None and numbers.setdefault(number, row) is not row:
            reasons[place.format(position)] = TWICE
    return numbers


def _named(item: DataSet, wanted: Wanted, place: str, numbers: Mapping[int, Row], reasons: Reasons) -> Row | None:
    """Return the row that an item refers to by number; a number of none is named."""
    number = item_values((wanted,), item, place, reasons).get(wanted.name)
    row = numbers.get(number) if number is not None else None
    if number is not None and row is None:
        reasons[f"{place}{wanted.path[0]:08X}"] = NOT_THERE
    return row
