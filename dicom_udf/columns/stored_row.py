"""Columns of a row filled from its stored header, as the reader fills them when it reads the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from dicom_udf.columns.attributes import WITHOUT_COLUMN, declared_attributes, merge_places, selection
from dicom_udf.columns.frames import FRAME_FIELDS, PixelBytes, has_frames, make_frames, stored_columns
from dicom_udf.columns.item_values import item_cells
from dicom_udf.columns.items import ItemColumn, item_columns
from dicom_udf.columns.lifted import grouped, lifted_attributes
from dicom_udf.columns.lifting import FRAME_COLUMNS, FROM_VALUES, THOUSANDTHS, lift
from dicom_udf.columns.suv import INPUTS, SUV_COLUMNS, is_pet, suv_columns
from dicom_udf.header import Wanted
from dicom_udf.header.dictionary import keyword_of
from dicom_udf.header.selection import FRAME_GROUPS, FRAME_SEQUENCE, GROUP_SEQUENCES, SHARED_GROUPS
from dicom_udf.header.stored import StoredGroups, marker, stored_groups, stored_sequences, stored_values

__all__ = ["KNOWN_VALUES", "fill_from_stored", "markers", "row_columns", "wanted_among"]

KNOWN_VALUES = tuple(dict.fromkeys((*FROM_VALUES, *INPUTS, *stored_columns())))
"""Columns whose values :func:`fill_from_stored` needs."""

OVERRIDDEN = "derived_acquisition_datetime"
"""The column whose value changes where ``acquisition_datetime`` is lifted."""


@cache
def row_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns that :func:`fill_from_stored` may fill, each once.

    Args:
        columns: Columns that rows lack.
    """
    lifted = (line.column for line in lifted_attributes())
    finer = (name for names in THOUSANDTHS.values() for name in names)
    wanted = merge_places(dict.fromkeys((want.name for want in wanted_among(columns)), True))
    items = (column.name for column in items_among(columns))
    suv = (name for name in SUV_COLUMNS if name in columns)
    frames = (*FRAME_COLUMNS, *_frames_among(columns))
    return tuple(dict.fromkeys((*wanted, *items, *lifted, *finer, *frames, OVERRIDDEN, *suv)))


def _frames_among(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Return the columns of frames, where rows lack them."""
    return (_FRAMES, *(field.name for field in FRAME_FIELDS)) if _FRAMES in columns else ()


_FRAMES = "frames"


@cache
def wanted_among(columns: tuple[str, ...]) -> tuple[Wanted, ...]:
    """Return what fills the declared attributes among some columns, and those that are read at further places.

    A column of several places is null in rows of a version that read the first place alone.
    """
    names = frozenset(columns) | {one.column for one in declared_attributes() if one.further}
    return tuple(want for want in selection().wanted if want.name.partition("/")[0] in names)


@cache
def items_among(columns: tuple[str, ...]) -> tuple[ItemColumn, ...]:
    """Return the item columns among some columns."""
    return tuple(column for column in item_columns() if column.name in columns)


@cache
def _tags_among(columns: tuple[str, ...]) -> tuple[int, ...]:
    """Return the tags of the sequences, or of the elements that any sequence may hold, that fill item columns."""
    roots = {tag for column in items_among(columns) for tag in column.sequences}
    is_held = any(column.tag is None for column in items_among(columns))
    return (*sorted(roots), *(selection().holding if is_held else ()))


@cache
def markers(columns: tuple[str, ...], *, is_meta: bool) -> tuple[str, ...]:
    """Return texts of which a stored header has one at least if it fills a column.

    Args:
        columns: Columns that rows lack.
        is_meta: True for the file meta information.
    """
    own = tuple(marker(want) for want in wanted_among(columns) if (want.path[0] >> 16 == 2) is is_meta)
    tags = (*GROUP_SEQUENCES, *_tags_among(columns))
    return own if is_meta else (*own, *(f'"{tag:08X}":' for tag in tags))


def fill_from_stored(
    columns: tuple[str, ...],
    header: str | None,
    file_meta: str | None,
    omitted: Sequence[str],
    present: Collection[str],
    known: Mapping[str, Any],
    broken: Collection[str] = (),
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return values by column, by attribute path why a value is null, and what ``header_omitted`` gains.

    Args:
        columns: Columns that rows lack.
        header: The stored header; None where it has none of :func:`markers`.
        file_meta: The stored file meta information, likewise.
        omitted: Its ``header_omitted``.
        present: Columns that have a value already; these stay.
        known: The values among them that :data:`KNOWN_VALUES` names.
        broken: Keywords of sequences that could not be read to their ends.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: A text is not a header.
    """
    filled: dict[str, Any] = {}
    further: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for text, is_meta in ((header, False), (file_meta, True)):
        if text is not None:
            wanted = [want for want in wanted_among(columns) if (want.path[0] >> 16 == 2) is is_meta]
            stored, why = stored_values(wanted, text, omitted=omitted)
            found = merge_places(stored)
            roots = {want.name: keyword_of(want.path[0]) for want in wanted if want.part in ("codes", "count")}
            filled.update(
                (name, value) for name, value in found.items() if name not in present and roots.get(name) not in broken
            )
            further.update((want.name, stored[want.name]) for want in WITHOUT_COLUMN if want.name in stored)
            reasons.update(why)
    groups, why = stored_groups(grouped(), header or "", omitted=omitted)
    reasons.update(why)
    names = [column.name for column in items_among(columns)]
    sequences = stored_sequences(selection(), (header or "") if names else "", omitted=omitted, broken=broken)
    cells = item_cells(
        sequences,
        {**further, **known},
        groups.get(SHARED_GROUPS),
        groups.get(FRAME_GROUPS),
        names,
    )
    filled.update(cells.columns)
    reasons.update(cells.reasons)
    values = {**dict.fromkeys(present, True), **filled, **known}
    result = lift(values, groups.get(SHARED_GROUPS), groups.get(FRAME_GROUPS))
    filled.update(result.columns)
    for_suv = {**further, **filled, **known}
    if SUV_COLUMNS[0] in columns and is_pet(for_suv):
        filled.update(suv_columns(for_suv))
    filled[OVERRIDDEN] = result.columns.get("acquisition_datetime")
    of_frames = _fill_frames(columns, filled, reasons, values, known, groups)
    is_cut = any(path.startswith(f"{FRAME_SEQUENCE:08X}") for path in omitted)
    cut = ["column:frame_slice_positions"] if is_cut and "frame_slice_positions" not in present else []
    gained = [name for name in (*result.omitted, *cut, *cells.omitted, *of_frames) if name not in omitted]
    return filled, {**result.reasons, **reasons}, gained


def _fill_frames(
    columns: tuple[str, ...],
    filled: dict[str, Any],
    reasons: dict[str, str],
    values: Mapping[str, Any],
    known: Mapping[str, Any],
    groups: StoredGroups,
) -> list[str]:
    """Fill the columns of frames; return what ``header_omitted`` gains."""
    number, is_encapsulated = known.get("number_of_frames"), known.get("pixel_data_is_encapsulated")
    if _FRAMES not in columns or _FRAMES in values or not has_frames(number, is_encapsulated=is_encapsulated):
        return []
    frames = make_frames(
        {**filled, **known}, groups.get(SHARED_GROUPS), groups.get(FRAME_GROUPS), PixelBytes.stored(known)
    )
    filled.update(frames.columns)
    reasons.update(frames.reasons)
    return frames.omitted
