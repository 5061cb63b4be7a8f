"""The statistics of a Parquet file as Iceberg keeps them: sizes, counts and bounds by field id.

They are read from the file's footer, which PyArrow makes while it writes. A bound is exact, cut by the rules of its
mode, or absent: PyArrow leaves the bounds of a text above 4 KiB out, and Iceberg takes a missing bound as unknown. NaN
is counted and does not take part in a bound; the bound of infinite numbers may be the largest finite one. Bounds are
kept for top-level columns with one value a row; counts of lists and maps are those of their elements
(https://iceberg.apache.org/spec/#manifests, ``data_file``).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_udf.datafiles.metrics_modes import MetricsMode
from dicom_udf.datafiles.schema import Column

__all__ = ["FileMetrics", "encode_value", "read_metrics", "truncate_lower", "truncate_upper"]


@dataclass(frozen=True, slots=True)
class FileMetrics:
    """Statistics by field id.

    Attributes:
        column_sizes: Bytes in the file.
        value_counts: Values, nulls and NaN included.
        null_value_counts: Nulls.
        nan_value_counts: NaN.
        lower_bounds: Smallest values, in Iceberg's binary form of single values.
        upper_bounds: Largest values.
    """

    column_sizes: dict[int, int] = field(default_factory=dict)
    value_counts: dict[int, int] = field(default_factory=dict)
    null_value_counts: dict[int, int] = field(default_factory=dict)
    nan_value_counts: dict[int, int] = field(default_factory=dict)
    lower_bounds: dict[int, bytes] = field(default_factory=dict)
    upper_bounds: dict[int, bytes] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the entries of a ``DataFile``'s JSON; empty ones are left out."""
        counts: dict[str, dict[int, Any]] = {
            "column-sizes": self.column_sizes,
            "value-counts": self.value_counts,
            "null-value-counts": self.null_value_counts,
            "nan-value-counts": self.nan_value_counts,
            "lower-bounds": {key: value.hex() for key, value in self.lower_bounds.items()},
            "upper-bounds": {key: value.hex() for key, value in self.upper_bounds.items()},
        }
        return {name: {"keys": list(of), "values": list(of.values())} for name, of in counts.items() if of}


def read_metrics(
    footer: pq.FileMetaData,
    columns: Sequence[Column],
    modes: Mapping[int, MetricsMode],
    *,
    nans: Mapping[int, int],
    absent: Sequence[Column] = (),
) -> FileMetrics:
    """Return the statistics of a file.

    Args:
        footer: The file's.
        columns: The columns that the file has, in its order.
        modes: The mode of each field id.
        nans: The number of NaN by field id, where it is known.
        absent: Columns of the table that the file lacks: all of their values are null.
    """
    found = FileMetrics()
    groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
    position = 0
    for column in columns:
        for leaf in column.leaves:
            chunks = [group.column(position) for group in groups]
            kind = column.field.type if column.is_primitive else None
            _add_leaf(found, leaf.id, chunks, modes[leaf.id], kind)
            position += 1
    counted = {key: count for key, count in nans.items() if modes[key].has_counts}
    found.nan_value_counts.update(counted)
    for column in absent:
        if column.is_primitive and modes[column.id].has_counts:
            found.value_counts[column.id] = found.null_value_counts[column.id] = footer.num_rows
            if pa.types.is_floating(column.field.type):
                found.nan_value_counts[column.id] = 0
    return found


def _add_leaf(
    found: FileMetrics, key: int, chunks: list[pq.ColumnChunkMetaData], mode: MetricsMode, kind: pa.DataType | None
) -> None:
    """Add the statistics of one Parquet column.

    Args:
        found: Where to.
        key: Its field id.
        chunks: Its part in each row group.
        mode: Its mode.
        kind: Its type if it may have bounds; otherwise None.
    """
    if not mode.has_counts:
        return
    found.column_sizes[key] = sum(chunk.total_compressed_size for chunk in chunks)
    found.value_counts[key] = sum(chunk.num_values for chunk in chunks)
    statistics = [chunk.statistics for chunk in chunks]
    if any(one is None or not one.has_null_count for one in statistics):
        return
    nulls = [one.null_count for one in statistics]
    found.null_value_counts[key] = sum(nulls)
    if kind is None or not mode.has_bounds:
        return
    valued = [one for one, chunk, null in zip(statistics, chunks, nulls, strict=True) if null < chunk.num_values]
    if valued and all(one.has_min_max for one in valued):
        _add_bounds(found, key, valued, kind, mode.bound_length)


def _add_bounds(
    found: FileMetrics, key: int, statistics: list[pq.Statistics], kind: pa.DataType, length: int | None
) -> None:
    lows, highs = [one.min_raw for one in statistics], [one.max_raw for one in statistics]
    if pa.types.is_decimal(kind):  # bytes of a signed number do not sort as bytes
        lows, highs = ([_to_unscaled(value) for value in values] for values in (lows, highs))
    lower, upper = truncate_lower(min(lows), kind, length), truncate_upper(max(highs), kind, length)
    if lower is not None:
        found.lower_bounds[key] = encode_value(lower, kind)
    if upper is not None:
        found.upper_bounds[key] = encode_value(upper, kind)


def _to_unscaled(value: Any) -> int:
    return value if isinstance(value, int) else int.from_bytes(value, "big", signed=True)


def truncate_lower(value: Any, kind: pa.DataType, length: int | None) -> Any:
    """Return a value that is not above the given one; None if there is none.

    Args:
        value: The value as Parquet has it: bytes for a text.
        kind: Its type.
        length: Characters of a text or bytes of a binary value to keep; None for all.
    """
    if pa.types.is_string(kind):
        text = _decode(value)
        return None if text is None else text[:length].encode()
    return value[:length] if pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind) else value


def truncate_upper(value: Any, kind: pa.DataType, length: int | None) -> Any:
    """Return a value that is not below the given one; None if there is none of that length.

    A text that is cut ends with the character after its last one; where that was the last of all characters, the text
    is cut before it.

    Args:
        value: As for :func:`truncate_lower`.
        kind: Its type.
        length: As for :func:`truncate_lower`.
    """
    if pa.types.is_string(kind):
        text = _decode(value)
        if text is None or length is None or len(text) <= length:
            return value if text is not None else None
        return _increment_text(text[:length])
    if length is None or not (pa.types.is_binary(kind) or pa.types.is_fixed_size_binary(kind)) or len(value) <= length:
        return value
    cut = value[:length].rstrip(b"\xff")
    return cut[:-1] + bytes([cut[-1] + 1]) if cut else None


def _increment_text(text: str) -> bytes | None:
    for end in range(len(text), 0, -1):
        code = ord(text[end - 1]) + 1
        if 0xD800 <= code <= 0xDFFF:
            code = 0xE000  # a surrogate is not a character
        if code <= 0x10FFFF:
            return (text[: end - 1] + chr(code)).encode()
    return None


def _decode(value: bytes) -> str | None:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def encode_value(value: Any, kind: pa.DataType) -> bytes:
    """Return a value in Iceberg's binary form (https://iceberg.apache.org/spec/#binary-single-value-serialization).

    Args:
        value: As Parquet has it: an int for a date or a time, bytes for a text, the unscaled int for a decimal.
        kind: Its type.
    """
    if isinstance(value, bytes):
        return value
    if pa.types.is_decimal(kind):
        bits = (value if value >= 0 else ~value).bit_length()
        return int(value).to_bytes(bits // 8 + 1, "big", signed=True)
    if pa.types.is_boolean(kind):
        return b"\x01" if value else b"\x00"
    if pa.types.is_floating(kind):
        return struct.pack("<f" if kind == pa.float32() else "<d", value)
    return int(value).to_bytes(kind.bit_width // 8, "little", signed=True)
