"""Partitions of an Iceberg table: their values from rows, as JSON and as folder names.

The transforms are those of the specification (https://iceberg.apache.org/spec/#partition-transforms).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache, partial
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.compute as pc

from dicom_udf.datafiles.murmur import murmur3
from dicom_udf.datafiles.schema import Column, read_columns
from dicom_udf.datafiles.target import WriteTarget
from dicom_udf.errors import RunFailedError

__all__ = [
    "Partition",
    "PartitionField",
    "partition_fields",
    "partition_folder",
    "partition_json",
    "partition_values",
    "periods",
    "split_by_partition",
]

Partition = tuple[Any, ...]
"""A value for each field of a spec: a date for identity or day of a date, an int for year, month and bucket, a text;
None for null."""

_EPOCH = 1970


@dataclass(frozen=True, slots=True)
class PartitionField:
    """A field of a partition spec.

    Attributes:
        id: Its field id, from 1000.
        name: Its name, e.g. ``study_date_month``.
        source_id: Field id of the column that it is computed from.
        transform: E.g. ``identity``, ``month`` or ``bucket[16]``.
    """

    id: int
    name: str
    source_id: int
    transform: str


def partition_fields(target: WriteTarget, spec_id: int) -> tuple[PartitionField, ...]:
    """Return the fields of one of a table's specs; none for an unpartitioned table.

    Raises:
        RunFailedError: The table has no such spec.
    """
    if spec_id not in target.specs:
        raise RunFailedError(f"the table {target.table} has no partition spec {spec_id}; load the table again")
    return _read_spec(target.specs[spec_id])


@lru_cache(maxsize=64)
def _read_spec(text: str) -> tuple[PartitionField, ...]:
    fields = json.loads(text)["fields"]
    return tuple(PartitionField(one["field-id"], one["name"], one["source-id"], one["transform"]) for one in fields)


def partition_values(rows: pa.Table, target: WriteTarget) -> list[pa.ChunkedArray]:
    """Return the partition values of rows by a table's spec for new files: an array for each field of the spec.

    Args:
        rows: The rows; columns are matched by name, and a missing one is null.
        target: The table.

    Raises:
        RunFailedError: The spec has another transform than identity, year, month, day, bucket and void, or one of
            them on a type that it isn't supported for.
    """
    columns = {column.id: column for column in read_columns(target)}
    return [
        _values(rows, field, columns.get(field.source_id), target) for field in partition_fields(target, target.spec_id)
    ]


def _values(rows: pa.Table, field: PartitionField, column: Column | None, target: WriteTarget) -> pa.ChunkedArray:
    if field.transform == "void":
        return pa.chunked_array([pa.nulls(rows.num_rows)])
    compute = None if column is None else _transform(field.transform, column.field.type)
    if column is None or compute is None:
        raise RunFailedError(
            f"the table {target.table} has the partition {field.transform} of the column "
            f"{column.name if column else field.source_id}, which this software can't write; partition the table by "
            "year, month or day of a date, then run again"
        )
    if column.name not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows, column.field.type)])
    return compute(rows[column.name].cast(column.field.type))


def _transform(name: str, kind: pa.DataType) -> Callable[[pa.ChunkedArray], pa.ChunkedArray] | None:
    """Return the function of a transform on a type; None if it isn't supported."""
    is_date = pa.types.is_date32(kind)
    if name == "identity" and (is_date or pa.types.is_string(kind) or pa.types.is_integer(kind)):
        return lambda cells: cells
    bucket = re.fullmatch(r"bucket\[(\d+)\]", name)
    if bucket and pa.types.is_string(kind):
        return partial(_buckets, int(bucket[1]))
    if is_date or pa.types.is_timestamp(kind):
        return _PERIODS.get(name.removesuffix("s"))
    return None


def periods(dates: pa.ChunkedArray, period: str) -> pa.ChunkedArray:
    """Return days, months or years since 1970 of dates, of the type int32, as ``day``, ``month`` and ``year`` do."""
    return _PERIODS[period](dates).cast(pa.int32())


def _years(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.subtract(pc.year(cells), _EPOCH).cast(pa.int32())


def _months(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    years = pc.multiply(pc.subtract(pc.year(cells), _EPOCH), 12)
    return pc.add(years, pc.subtract(pc.month(cells), 1)).cast(pa.int32())


def _days(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_date32(cells.type):
        return cells
    return pc.floor_temporal(cells, unit="day").cast(pa.date32())


_PERIODS = {"year": _years, "month": _months, "day": _days}


def _buckets(number: int, cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the hash of texts, without its sign, modulo ``number`` (specification, "Bucket Transform Details")."""
    hashes = murmur3([text.encode() for text in cells.drop_null().to_pylist()])
    found = iter(((hashes & 0x7FFFFFFF) % number).tolist())
    values = [next(found) if is_known else None for is_known in cells.is_valid().to_pylist()]
    return pa.chunked_array([pa.array(values, pa.int32())])


def split_by_partition(rows: pa.Table, target: WriteTarget) -> Iterator[tuple[Partition, pa.Table]]:
    """Yield the rows of each partition, partitions in the order of their first row, rows in their order.

    Rows of a partition that follow each other already are a slice, without a copy.

    Args:
        rows: The rows.
        target: The table.

    Raises:
        RunFailedError: As :func:`partition_values`.
    """
    if not rows.num_rows:
        return
    values = partition_values(rows, target)
    groups = _number_groups(values, rows.num_rows)
    starts, numbers = _runs(groups)
    firsts = dict(zip(reversed(numbers), reversed(starts), strict=True))
    keys = {number: tuple(array[at].as_py() for array in values) for number, at in firsts.items()}
    if len(keys) < len(numbers):  # a partition's rows are apart
        rows = rows.take(pc.sort_indices(groups))
        starts, numbers = _runs(pc.array_take(groups, pc.sort_indices(groups)))
    for number, start, end in zip(numbers, starts, [*starts[1:], rows.num_rows], strict=True):
        yield keys[number], rows.slice(start, end - start)


def _number_groups(values: list[pa.ChunkedArray], rows: int) -> pa.Array:
    """Return a number for each row, equal for rows of one partition, ascending in the order of the first rows."""
    groups = pa.repeat(pa.scalar(0, pa.int64()), rows)
    for array in values:
        one = array.combine_chunks().dictionary_encode(null_encoding="encode")
        combined = pc.add(pc.multiply(groups, len(one.dictionary)), one.indices.cast(pa.int64()))
        groups = combined.dictionary_encode().indices.cast(pa.int64())  # small again
    return groups


def _runs(groups: pa.Array) -> tuple[list[int], list[int]]:
    """Return the first position and the number of each run of equal numbers."""
    runs = pc.run_end_encode(groups)
    return [0, *runs.run_ends.to_pylist()[:-1]], runs.values.to_pylist()


def partition_json(fields: tuple[PartitionField, ...], partition: Partition) -> dict[str, Any]:
    """Return a partition as the JSON object of a data file: values by field id, nulls left out.

    Raises:
        ValueError: The partition has another number of values than the spec has fields.
    """
    pairs = zip(fields, partition, strict=True)
    return {str(field.id): _json_value(value) for field, value in pairs if value is not None}


def _json_value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def partition_folder(fields: tuple[PartitionField, ...], partition: Partition) -> str:
    """Return the folder of a partition below the folder of data files, as Iceberg names it.

    E.g. ``study_date_month=2024-01``; empty for an unpartitioned table.
    """
    pairs = zip(fields, partition, strict=True)
    return "/".join(f"{_escape(field.name)}={_escape(_to_text(field.transform, value))}" for field, value in pairs)


def _to_text(transform: str, value: Any) -> str:
    """Return a value as Iceberg's ``Transform.toHumanString``."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, date):
        return value.isoformat()
    if re.fullmatch("years?", transform):
        return f"{_EPOCH + value:04d}"
    if re.fullmatch("months?", transform):
        return f"{_EPOCH + value // 12:04d}-{1 + value % 12:02d}"
    if re.fullmatch("hours?", transform):
        return (datetime(_EPOCH, 1, 1) + timedelta(hours=value)).strftime("%Y-%m-%d-%H")
    return str(value)


def _escape(text: str) -> str:
    """Encode as Java's ``URLEncoder``."""
    return quote_plus(text, safe="*").replace("~", "%7E")
