"""The places of frames: a struct for each frame, of its functional groups and of the bytes that hold it.

The bytes of a frame are one range of the stored object. Where that range is not certain it is null, and
``frame_offsets_reason`` has one of :data:`OFFSET_REASONS`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise, repeat
from typing import Any

from dicom_udf.columns.fields import Field
from dicom_udf.columns.items import ItemColumn, item_field
from dicom_udf.columns.lines import read_lines
from dicom_udf.header import GroupValues, OffsetTable
from dicom_udf.header.groups import MOST_FRAMES, plain
from dicom_udf.header.offset_tables import (
    NO_TABLE,
    NOT_AT_AN_ITEM,
    NOT_READ,
    PAST_THE_END,
    WITHOUT_LENGTHS,
    WRONG_COUNT,
)

__all__ = [
    "FRAME_FIELDS",
    "OFFSET_REASONS",
    "Frames",
    "PixelBytes",
    "frames_column",
    "has_frames",
    "make_frames",
    "stored_columns",
]

NO_PIXEL_DATA = "no pixel data"
PACKED = "the file is packed"
BITS = "frames are not whole bytes"
SUBSAMPLED = "chroma is subsampled"
NO_SIZE = "the size of a frame is not known"
TOO_SHORT = "pixel data shorter than its frames"
NO_END = "the size of the file is not known"
NOT_STORED = "offset table not in the stored header"
NOT_INCREASING = "offset table not increasing"
UNFIT_LENGTHS = "offset table whose lengths do not fit"

OFFSET_REASONS = {
    NO_PIXEL_DATA: "The header ends without pixel data.",
    PACKED: "The data set is deflated, or the file is in a compressed archive: no range of the object is the frame.",
    BITS: "BitsAllocated is 1, or no multiple of 8: a frame is `frame_bits` bits, and may begin inside a byte.",
    SUBSAMPLED: "PhotometricInterpretation is YBR_FULL_422 or alike in native pixel data, which has 2 of 3 samples.",
    NO_SIZE: "Rows, columns, samples or bits are missing, or 0.",
    TOO_SHORT: "Frames times their size is more than the pixel data has, or than the file has.",
    NO_TABLE: "The pixel data has several frames, and its offset table is empty.",
    NOT_READ: "The Basic Offset Table lies behind the bytes that the header needed: `--frame-offsets true` reads it.",
    NOT_STORED: "The row was filled by an upgrade: the stored header does not hold offset tables.",
    WRONG_COUNT: "The table has more or fewer entries than there are frames.",
    NOT_INCREASING: "An offset is not beyond the frame before it.",
    PAST_THE_END: "An offset or a length leads past the end of the file.",
    NOT_AT_AN_ITEM: "No item begins where the table, the first fragment or a frame should begin.",
    WITHOUT_LENGTHS: "An ExtendedOffsetTable without ExtendedOffsetTableLengths, or the reverse.",
    UNFIT_LENGTHS: "A length ends before or behind the next frame: each frame must be one fragment.",
    NO_END: "The archive doesn't state the size of the file, so that no offset can be checked.",
}
"""The closed list of ``frame_offsets_reason``, and what each means."""

NOT_TILES = "its frames are not the tiles of its total pixel matrix"
IN_PARTS = "the first tile of a part of a concatenation is not known"

_FROM_VALUES = (
    "number_of_frames", "rows", "columns", "samples_per_pixel", "bits_allocated", "photometric_interpretation",
    "dimension_organization_type", "total_pixel_matrix_rows", "total_pixel_matrix_columns", "concatenation_uid",
    "slice_position", "frame_slice_positions",
)  # fmt: skip
"""Columns whose values :func:`make_frames` needs."""

_STORED = ("pixel_data_offset", "pixel_data_length", "pixel_data_is_encapsulated", "source_member", "source_size",
          "source_member_size")  # fmt: skip
"""Columns that :meth:`PixelBytes.stored` needs."""


def stored_columns() -> tuple[str, ...]:
    """Return the columns whose values :func:`make_frames` and :meth:`PixelBytes.stored` need."""
    return (*_FROM_VALUES, *_STORED)


FRAME_FIELDS = (
    Field(
        "frame_offsets_reason",
        "string",
        "Why the frames of frames have no offset and length; null where they have, and without frames.",
    ),
    Field(
        "frame_bits",
        "bigint",
        "Bits of a frame that is not whole bytes (BitsAllocated 1): the n-th begins (n - 1) * frame_bits bits behind "
        "pixel_data_offset.",
    ),
)
"""Columns of ``instances`` beside ``frames``."""

_SUBSAMPLED = ("_422", "_420")
_ITEM_HEAD = 8
_TILED_FULL = "TILED_FULL"


@cache
def frames_column() -> ItemColumn:
    """Return the item column ``frames``: without a tag, because it isn't made from the items of one sequence."""
    return ItemColumn(
        name="frames",
        keyword="",
        tag=None,
        description="A struct for each frame, in order, where NumberOfFrames is more than 1 or the pixel data is "
        "encapsulated; the view frames has a row for each.",
        fields=tuple(map(item_field, read_lines("frames.tsv"))),
    )


@dataclass(frozen=True, slots=True)
class PixelBytes:
    """Where the pixel data is in the stored object.

    Attributes:
        is_encapsulated: None where there is no pixel data.
        offset: Of its value; None where the object doesn't hold the file's bytes as they are.
        length: Of its value; None where it is encapsulated, or not known.
        end: Offset of the end of the file; None where it is not known.
        start: Of the file.
        table: The offset table of encapsulated pixel data, which counts from the start of the file.
    """

    is_encapsulated: bool | None
    offset: int | None = None
    length: int | None = None
    end: int | None = None
    start: int = 0
    table: OffsetTable | None = None

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> PixelBytes:
        """Return it as the columns of a row of ``instances`` have it.

        Args:
            row: Values by column; of :func:`stored_columns` those that are not null.
        """
        length, most = row.get("pixel_data_length"), row.get("source_member_size")
        return cls(
            is_encapsulated=row.get("pixel_data_is_encapsulated"),
            offset=row.get("pixel_data_offset"),
            length=length if length is None or most is None else min(length, most),
            end=row.get("source_size") if row.get("source_member") is None else None,
            table=OffsetTable(reason=NOT_STORED),
        )


@dataclass(slots=True)
class Frames:
    """The result of :func:`make_frames`.

    Attributes:
        columns: Values by column. ``frames`` is a list of tuples, in the order of the struct's fields.
        reasons: Attribute path -> why a value is null.
        omitted: As ``header_omitted`` names a column that was left out.
    """

    columns: dict[str, Any] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    omitted: list[str] = field(default_factory=list)


def has_frames(number: int | None, *, is_encapsulated: bool | None) -> bool:
    """Return whether an image has the column ``frames``: not one with a single native frame.

    Args:
        number: NumberOfFrames.
        is_encapsulated: As ``pixel_data_is_encapsulated``.
    """
    return (number is not None and number > 1) or (bool(is_encapsulated) and (number is None or number >= 0))


def make_frames(
    values: Mapping[str, Any], shared: GroupValues | None, frames: GroupValues | None, pixels: PixelBytes
) -> Frames:
    """Return the columns of frames of an image that :func:`has_frames`.

    Args:
        values: Values by column; of :func:`stored_columns` those that are not null.
        shared: As :attr:`dicom_udf.header.Header.shared_groups`.
        frames: As :attr:`dicom_udf.header.Header.frame_groups`; they count where they are one for each frame.
        pixels: Where the pixel data is.
    """
    result = Frames()
    count = values.get("number_of_frames") or 1
    if count > MOST_FRAMES:
        result.omitted.append("column:frames")
        return result
    offsets, lengths, reason = _places(values, count, pixels, result.columns)
    result.columns["frame_offsets_reason"] = reason
    is_tiled = values.get("dimension_organization_type") == _TILED_FULL
    if count == 1 and shared is None and frames is None and not is_tiled:  # compressed slices, by the million
        place = (None, None) if offsets is None or lengths is None else (offsets[0], lengths[0])
        result.columns["frames"] = [(1, *_UNKNOWN, *place)]
        return result
    of_each = _OfEach(shared, frames, count)
    made: dict[str, Iterable[Any]] = {
        line.name: of_each(line.keyword) for line in frames_column().fields if line.keyword
    }
    made["frame_number"] = range(1, count + 1)
    made["slice_position"] = _slice_positions(values, count, of_each)
    if is_tiled and not of_each.has(_TILE_COLUMN):
        tiles = _tiles(values, count, result.reasons)
        if tiles is not None:
            made["tile_column"], made["tile_row"] = tiles
    made["offset"], made["length"] = offsets or repeat(None, count), lengths or repeat(None, count)
    result.columns["frames"] = list(zip(*(made[line.name] for line in frames_column().fields), strict=True))
    return result


_NOT_READ = OffsetTable(reason=NOT_READ)
_UNKNOWN = (None,) * (len(frames_column().fields) - 3)
"""The fields between the number of a frame and its place."""
_POSITION = "PlanePositionSequence.ImagePositionPatient"
_TILE_COLUMN = "PlanePositionSlideSequence.ColumnPositionInTotalImagePixelMatrix"


class _OfEach:
    """The values of each frame by keyword: those of its own groups, otherwise those of the shared ones."""

    def __init__(self, shared: GroupValues | None, frames: GroupValues | None, count: int) -> None:
        self._shared = shared
        self._frames = frames
        self._count = count
        self._is_described = frames is not None and frames.count == count

    def has(self, name: str) -> bool:
        """Return whether some group has a value of this name."""
        return any(groups is not None and groups.has(name) for groups in (self._shared, self._frames))

    def __call__(self, name: str) -> Iterable[Any]:
        """Return a value for each frame, None where it has none."""
        frames, shared = self._frames, self._shared
        if frames is not None and frames.has(name):
            if not self._is_described:
                return repeat(None, self._count)
            if name not in frames.constant:
                return [plain(pair) for pair in frames.of_each(name)]
            return repeat(plain(frames.constant[name]), self._count)
        return repeat(None if shared is None else plain(shared.constant.get(name)), self._count)


def _slice_positions(values: Mapping[str, Any], count: int, of_each: _OfEach) -> Iterable[float | None]:
    """Return the slice position of each frame: known where a functional group has its position."""
    of_frames: Sequence[float | None] | None = values.get("frame_slice_positions")
    if of_frames is not None and len(of_frames) == count:
        return of_frames
    return repeat(values.get("slice_position") if of_each.has(_POSITION) else None, count)


def _tiles(values: Mapping[str, Any], count: int, reasons: dict[str, str]) -> tuple[list[int], list[int]] | None:
    """Return the column and the row of each tile of TILED_FULL (PS3.3 C.7.6.17.3), counted from 1.

    Tiles go along a row of the matrix first, then row by row; then the whole matrix comes again for the next focal
    plane, optical path or segment.
    """
    width, height = values.get("columns"), values.get("rows")
    total_width, total_height = values.get("total_pixel_matrix_columns"), values.get("total_pixel_matrix_rows")
    if values.get("concatenation_uid") is not None:
        reasons["DimensionOrganizationType"] = IN_PARTS
        return None
    if not (width and height and total_width and total_height):
        reasons["DimensionOrganizationType"] = NOT_TILES
        return None
    across, down = -(-total_width // width), -(-total_height // height)
    if count % (across * down):
        reasons["DimensionOrganizationType"] = NOT_TILES
        return None
    matrices = count // (across * down)
    columns = [number * width + 1 for number in range(across)] * down * matrices
    rows = [number * height + 1 for number in range(down) for _ in range(across)] * matrices
    return columns, rows


_Places = tuple[Sequence[int] | None, Sequence[int | None] | None, str | None]
"""Offset and length of each frame; or None, and the reason."""


def _places(values: Mapping[str, Any], count: int, pixels: PixelBytes, columns: dict[str, Any]) -> _Places:
    if pixels.is_encapsulated is None:
        return None, None, NO_PIXEL_DATA
    if pixels.is_encapsulated:
        if pixels.offset is None:
            return None, None, PACKED
        return _fragments(pixels, pixels.table or _NOT_READ, count)
    size, rest, reason = _frame_size(values)
    if size is not None and rest:
        columns["frame_bits"] = size
    if pixels.offset is None:
        return None, None, PACKED
    if size is None or rest:
        return None, None, reason
    whole = size // 8
    room = [pixels.length, None if pixels.end is None else pixels.end - pixels.offset]
    if any(most is not None and count * whole > most for most in room) or pixels.length is None:
        return None, None, TOO_SHORT
    return range(pixels.offset, pixels.offset + count * whole, whole), [whole] * count, None


def _frame_size(values: Mapping[str, Any]) -> tuple[int | None, int, str | None]:
    """Return the bits of a native frame, the bits of one sample that don't fill a byte, and why it has no offset."""
    numbers = [values.get(name) for name in ("rows", "columns", "samples_per_pixel", "bits_allocated")]
    if any(number is None or number <= 0 for number in numbers):
        return None, 0, NO_SIZE
    rows, columns, samples, bits = (int(number or 0) for number in numbers)
    if str(values.get("photometric_interpretation")).endswith(_SUBSAMPLED):
        return None, 0, SUBSAMPLED
    rest = bits % 8
    return rows * columns * samples * bits, rest, BITS if rest else None


def _fragments(pixels: PixelBytes, table: OffsetTable, count: int) -> _Places:
    """Return the fragments of each frame, item heads included; the table must fit in every respect."""
    end = pixels.end
    if table.start is None or (table.reason is not None and (count > 1 or table.reason != NO_TABLE)):
        return None, None, table.reason
    if end is None:
        return None, None, NO_END
    start = pixels.start + table.start
    offsets, lengths = (table.offsets, table.lengths) if table.reason is None else ((0,), None)
    reason = _fault_of(offsets, lengths, count, end - start)
    if reason is not None:
        return None, None, reason
    if lengths is not None:
        return [start + offset for offset in offsets], [_ITEM_HEAD + length for length in lengths], None
    between = [after - before for before, after in pairwise(offsets)]
    return [start + offset for offset in offsets], [*between, None], None


def _fault_of(offsets: Sequence[int], lengths: Sequence[int] | None, count: int, room: int) -> str | None:
    """Return what is wrong with a table; None where all is well.

    Args:
        offsets: Of frames, from the first fragment on.
        lengths: Of their fragments; None if the table has none.
        count: Number of frames.
        room: Bytes from the first fragment to the end of the file.
    """
    if len(offsets) != count:
        return WRONG_COUNT
    if offsets[0] != 0 or any(offset % 2 for offset in offsets):
        return NOT_AT_AN_ITEM
    gaps = [after - before for before, after in pairwise(offsets)]
    if any(gap < _ITEM_HEAD for gap in gaps):
        return NOT_INCREASING
    last = 0 if lengths is None else lengths[-1]
    if offsets[-1] + _ITEM_HEAD + last > room:
        return PAST_THE_END
    if lengths is not None:
        # A length may leave out the byte that pads a fragment to an even length.
        spare = [gap - _ITEM_HEAD - length for gap, length in zip(gaps, lengths, strict=False)]
        if any(one not in (0, 1) for one in spare) or not all(lengths):
            return UNFIT_LENGTHS
    return None
