"""The cells of item columns, made from the JSON of the sequences at top level that a header has.

Reading a file and upgrading a row take the same way: only where the sequences come from differs. Most files have none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from dicom_udf.columns.content_items import CONTENT, VALUE_TYPE, content_rows
from dicom_udf.columns.items import ItemColumn, TooLargeError, item_columns
from dicom_udf.columns.links import frame_links, has_references, links_of, merge_links
from dicom_udf.columns.radiotherapy import fill_beams, fill_rois
from dicom_udf.columns.specimens import specimen_steps
from dicom_udf.header import GroupValues
from dicom_udf.header.groups import plain
from dicom_udf.header.selection import FRAME_SEQUENCE, first_code
from dicom_udf.header.stored import Items, item_values, parse_sequences

__all__ = ["ItemCells", "item_cells", "read_item_cells"]

Row = dict[str, Any]

MOST_STRUCTS = 100_000
"""Structs of one cell."""

SEGMENT = "SegmentIdentificationSequence.ReferencedSegmentNumber"
NO_SUCH_SEGMENT = "names a segment that SegmentSequence lacks"
ITSELF = "names the instance itself"

_SMALL = 16 << 10
"""Characters of the sequences of a file whose cells are remembered: the slices of a series share them."""


@dataclass(slots=True)
class ItemCells:
    """The result of :func:`item_cells`.

    Attributes:
        columns: The structs by column; absent ones are null.
        reasons: Attribute path -> why a value is null or altered.
        omitted: Columns left out because something of them is too large, as ``header_omitted`` names them.
    """

    columns: dict[str, list[Row]] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    omitted: list[str] = field(default_factory=list)


def read_item_cells(
    members: Mapping[int, str | None],
    values: Mapping[str, Any],
    shared: GroupValues | None,
    frames: GroupValues | None,
) -> ItemCells:
    """Return the cells of a file.

    Args:
        members: As :attr:`dicom_udf.header.Header.sequences`.
        values: As :attr:`dicom_udf.header.Header.values`.
        shared: As :attr:`dicom_udf.header.Header.shared_groups`.
        frames: As :attr:`dicom_udf.header.Header.frame_groups`.
    """
    uid = values.get("sop_instance_uid")
    if shared is None and frames is None and VALUE_TYPE not in values:
        size, is_named = 0, False
        for text in members.values():
            if text is not None:
                size += len(text)
                is_named = is_named or (uid is not None and uid in text)
        if size <= _SMALL:
            return _remembered(tuple(members.items()), uid if is_named else None)
    without = _without_references(members)
    return item_cells(parse_sequences(members), values, shared, frames, without_references=without)


@lru_cache(maxsize=64)
def _remembered(members: tuple[tuple[int, str | None], ...], uid: str | None) -> ItemCells:
    values, whole = {} if uid is None else {"sop_instance_uid": uid}, dict(members)
    return item_cells(parse_sequences(whole), values, None, None, without_references=_without_references(whole))


def _without_references(members: Mapping[int, str | None]) -> list[int]:
    return [tag for tag, member in members.items() if not has_references(member)]


def item_cells(
    sequences: Mapping[int, Items | None],
    values: Mapping[str, Any],
    shared: GroupValues | None,
    frames: GroupValues | None,
    names: Collection[str] | None = None,
    *,
    without_references: Collection[int] = (),
) -> ItemCells:
    """Return the cells of an instance.

    Args:
        sequences: As :func:`~dicom_udf.header.stored.parse_sequences` returns them.
        values: ``sop_instance_uid``, and :data:`~dicom_udf.columns.content_items.VALUE_TYPE`, where they are known.
        shared: As :attr:`dicom_udf.header.Header.shared_groups`.
        frames: As :attr:`dicom_udf.header.Header.frame_groups`.
        names: The columns to make; None for all.
        without_references: Tags of sequences that are known to have no references, so that these need no walk.

    Example:
        >>> from dicom_udf.columns.item_values import item_cells
        >>> item_cells({0x00620002: [{"00620004": {"vr": "US", "Value": [1]}}]}, {}, None, None).columns
        {'segments': [{'segment_number': 1}]}
    """
    cells = ItemCells()
    for column in item_columns():
        if names is not None and column.name not in names:
            continue
        try:
            if column.tag is None:
                referring = {tag: items for tag, items in sequences.items() if tag not in without_references}
                rows = _links(referring, values.get("sop_instance_uid"), frames, cells.reasons) or None
            elif column.tag == CONTENT:
                rows = content_rows(column, sequences, values.get(VALUE_TYPE), cells.reasons, MOST_STRUCTS)
            else:
                rows = _rows(column, column.tag, sequences, cells.reasons)
            if rows is not None and len(rows) > MOST_STRUCTS:
                raise TooLargeError
        except TooLargeError:
            cells.omitted.append(f"column:{column.name}")
        else:
            if rows is not None:
                cells.columns[column.name] = rows
    if "segments" in cells.columns:
        _count_frames(cells, shared, frames)
    return cells


def _rows(
    column: ItemColumn, root: int, sequences: Mapping[int, Items | None], reasons: dict[str, str]
) -> list[Row] | None:
    """Return a struct for each item of the column's sequence, or below it; None without the sequence."""
    tag = next((tag for tag in (root, *column.further) if tag in sequences), None)
    if tag is None:
        return None
    items = sequences[tag]
    if items is None:
        raise TooLargeError
    if column.name == "specimen_steps":
        rows = list(specimen_steps(column, items, reasons))
    else:
        wanted = column.wanted((root,))
        rows = [item_values(wanted, item, f"{tag:08X}[{number}].", reasons) for number, item in enumerate(items)]
    fill = _FILL.get(column.name)
    if fill is not None:
        fill(column, rows, tag, sequences, reasons)
    for one in column.fields:
        if one.vr == "SQ":
            _take_codes(rows, one.name, is_list=one.vm != "1")
    return rows


_FILL = {"rois": fill_rois, "rt_beams": fill_beams}


def _take_codes(rows: list[Row], name: str, *, is_list: bool) -> None:
    """Replace the codes of all items, None where an item has none, by the first one or by all others."""
    for row in rows:
        codes = row.get(name)
        if codes is not None:
            row[name] = [code for code in codes if code is not None] if is_list else first_code(codes)


def _links(
    sequences: Mapping[int, Items | None], uid: str | None, frames: GroupValues | None, reasons: dict[str, str]
) -> list[Row]:
    """Return the references."""
    found = links_of(sequences, reasons)
    of_frames = frame_links(frames)
    found = merge_links(found + of_frames) if of_frames else found
    for link in found:
        if link["referenced_sop_instance_uid"] == uid:
            del link["referenced_sop_instance_uid"]
            reasons["ReferencedSOPInstanceUID"] = ITSELF
    return found


def _count_frames(cells: ItemCells, shared: GroupValues | None, frames: GroupValues | None) -> None:
    """Fill the number of frames of each segment; frames that name none of them are named."""
    of_frames = frames is not None and not frames.is_cut and frames.has(SEGMENT)
    if frames is None or not (of_frames or (shared is not None and shared.has(SEGMENT))):
        return
    spelled = frames.of_each(SEGMENT) if of_frames or shared is None else [shared.constant.get(SEGMENT)] * frames.count
    counts = {plain(value): count for value, count in Counter(spelled).items() if value is not None}
    for row in cells.columns["segments"]:
        row["frames"] = counts.pop(row.get("segment_number"), 0)
    if counts:
        cells.reasons[f"{FRAME_SEQUENCE:08X}.0062000A.0062000B"] = NO_SUCH_SEGMENT
