"""Rows of a partition as Parquet files, and each file as the JSON text of an Iceberg ``DataFile``."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from dicom_udf.datafiles.metrics import FileMetrics, read_metrics
from dicom_udf.datafiles.metrics_modes import metrics_modes
from dicom_udf.datafiles.output import open_output
from dicom_udf.datafiles.partitions import Partition, partition_fields, partition_folder, partition_json
from dicom_udf.datafiles.schema import Column, read_columns, to_table_schema
from dicom_udf.datafiles.target import WriteTarget
from dicom_udf.errors import RunFailedError

__all__ = ["ParquetOutput", "file_json", "new_location", "write_data_files"]

_CODECS = {"zstd": "zstd", "snappy": "snappy", "gzip": "gzip", "uncompressed": "none"}
_LEVELS = ("zstd", "gzip")

# A page of zstd costs 30 us however small it is: a file of one row and 110 columns is written in 3 ms instead of 9.
_FEW_ROWS = 32
_LARGE_BYTES = 1024

_CODEC, _LEVEL = "write.parquet.compression-codec", "write.parquet.compression-level"


def write_data_files(
    target: WriteTarget,
    rows: Iterable[pa.Table],
    *,
    partition: Partition,
    columns: Collection[str] | None = None,
    row_group_bytes: int = 64 << 20,
    file_bytes: int = 128 << 20,
) -> Iterator[str]:
    """Write the rows of one partition, and yield the JSON text of a ``DataFile`` for each finished file.

    Memory holds the rows of one row group. No snapshot names a file before its text is committed. After an error, what
    was written is abandoned; whole files that were yielded before are kept.

    Args:
        target: The table.
        rows: The rows, columns matched by name, in the order of the files.
        partition: The rows' partition, by the table's spec for new files.
        columns: Names of the columns that have a value in any row, so that files begin with all of them; None: those
            of a file's first row group, and a row group with another one begins another file.
        row_group_bytes: Bytes of rows in memory that become one row group.
        file_bytes: A file ends with the row group that brings it to so many bytes.

    Raises:
        RunFailedError: The rows can't become the table's (:func:`~dicom_udf.datafiles.schema.to_table_schema`), the
            table has a compression that is not supported, or S3 does not take a file.
        OSError: The disk is full, or can't be written to.
    """
    file: _DataFile | None = None
    try:
        for group, is_last in _row_groups(rows, target, row_group_bytes):
            if file is not None and not file.has_columns(group):
                done, file = file, None
                yield done.finish()
            if file is None:
                known = () if columns is None or is_last else columns
                large = _large_columns(group) if is_last and group.num_rows <= _FEW_ROWS else None
                file = _DataFile(target, partition, {*known, *group.column_names}, large)
            file.write(group)
            del group  # the next one is gathered meanwhile
            if file.written() >= file_bytes:
                done, file = file, None
                yield done.finish()
        if file is not None:
            done, file = file, None
            yield done.finish()
    finally:
        if file is not None:
            file.abandon()


def _row_groups(rows: Iterable[pa.Table], target: WriteTarget, limit: int) -> Iterator[tuple[pa.Table, bool]]:
    """Yield row groups, and whether each is the last; columns without a value are left out."""
    held: list[pa.Table] = []
    size = 0
    for part in _parts(rows, target, limit):
        if size >= limit:
            yield _join(held), False
            held, size = [], 0
        held.append(part)
        size += part.nbytes
    if held:
        yield _join(held), True


def _parts(rows: Iterable[pa.Table], target: WriteTarget, limit: int) -> Iterator[pa.Table]:
    """Yield the rows in the table's types, in parts of about the limit at most."""
    for table in rows:
        if not table.num_rows:
            continue
        fitting = to_table_schema(table, target)
        step = max(1, fitting.num_rows * limit // max(limit, fitting.nbytes))
        for start in range(0, fitting.num_rows, step):
            yield fitting.slice(start, step)


def _join(parts: list[pa.Table]) -> pa.Table:
    return parts[0] if len(parts) == 1 else pa.concat_tables(parts, promote_options="default")


def _large_columns(group: pa.Table) -> list[str]:
    """Return the names of the columns that are worth compressing in a file of few rows."""
    return [
        field.name
        for field, cells in zip(group.schema, group.columns, strict=True)
        if not field.type.num_fields and cells.nbytes >= _LARGE_BYTES
    ]


class _DataFile:
    """One data file while it is written."""

    def __init__(
        self, target: WriteTarget, partition: Partition, names: Collection[str], compressed: Collection[str] | None
    ) -> None:
        """Create the file.

        Args:
            target: The table.
            partition: The file's partition.
            names: Names of its columns; required columns of the table are added.
            compressed: Names of the columns to compress; None for all.
        """
        self._target = target
        self._partition = partition
        all_columns = read_columns(target)
        self._columns = [column for column in all_columns if column.name in names or column.is_required]
        self._absent = [column for column in all_columns if column.name not in names and not column.is_required]
        self._modes = metrics_modes(target)
        self._location = new_location(target, target.spec_id, partition)
        schema = pa.schema([column.field for column in self._columns])
        self._output = ParquetOutput(self._location, schema, target, compressed=compressed)
        self._names = {column.name for column in self._columns}
        self._nans: dict[int, int] = {}

    def has_columns(self, group: pa.Table) -> bool:
        """Return whether the file has all columns of a row group."""
        return self._names.issuperset(group.column_names)

    def written(self) -> int:
        return self._output.written()

    def write(self, group: pa.Table) -> None:
        """Write a row group; columns that it lacks are null."""
        given = {name: position for position, name in enumerate(group.column_names)}
        cells = []
        for column in self._columns:
            kind = column.field.type
            position = given.get(column.name)
            if position is None:
                cells.append(pa.nulls(group.num_rows, kind))
                continue
            cells.append(group.column(position))
            if pa.types.is_floating(kind) and self._modes[column.id].has_counts:
                self._count_nans(column, group.column(position))
        self._output.write(pa.Table.from_arrays(cells, schema=self._output.schema))

    def _count_nans(self, column: Column, cells: pa.ChunkedArray) -> None:
        count = pc.sum(pc.is_nan(cells)).as_py() or 0
        self._nans[column.id] = self._nans.get(column.id, 0) + count

    def finish(self) -> str:
        """Close the file and return its ``DataFile``."""
        footer, size = self._output.finish()
        metrics = read_metrics(footer, self._columns, self._modes, nans=self._nans, absent=self._absent)
        return file_json(
            self._target,
            self._target.spec_id,
            self._partition,
            content="DATA",
            location=self._location,
            size=size,
            footer=footer,
            metrics=metrics,
            further={"sort-order-id": 0},
        )

    def abandon(self) -> None:
        self._output.abandon()


class ParquetOutput:
    """A Parquet file while it is written.

    Attributes:
        schema: The fields of its rows.
    """

    def __init__(
        self, location: str, schema: pa.Schema, target: WriteTarget, *, compressed: Collection[str] | None = None
    ) -> None:
        """Create the file.

        Args:
            location: Its path or URL.
            schema: The fields of its rows, with field ids.
            target: The table, whose properties name the compression.
            compressed: Names of the columns to compress, none of them nested; None for all columns.

        Raises:
            RunFailedError: The table has a compression that is not supported.
            OSError: A local file can't be created.
        """
        self.schema = schema
        codec, level = _compression(target)
        self._footers: list[pq.FileMetaData] = []
        self._output = open_output(location, target)
        self._writer = pq.ParquetWriter(
            self._output.sink,
            schema,
            compression=codec if compressed is None else dict.fromkeys(compressed, codec),
            compression_level=level if compressed is None or level is None else dict.fromkeys(compressed, level),
            store_schema=False,  # field ids suffice; each reader would parse the Arrow schema
            metadata_collector=self._footers,
        )

    def written(self) -> int:
        """Return the number of bytes written so far."""
        return self._output.written()

    def write(self, rows: pa.Table) -> None:
        """Write rows as one row group."""
        try:
            self._writer.write_table(rows, row_group_size=rows.num_rows)
        except BaseException:
            self.abandon()
            raise

    def finish(self) -> tuple[pq.FileMetaData, int]:
        """Close the file, send it where it belongs, and return its footer and its size in bytes."""
        try:
            self._writer.close()
            return self._footers[0], self._output.finish()
        except BaseException:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Delete the file if that is possible; a second call does nothing."""
        self._writer.is_open = False  # it would write the footer when it is collected
        self._output.abandon()


def _compression(target: WriteTarget) -> tuple[str, int | None]:
    """Return the compression that a table's properties name, and its level if they name one."""
    name = target.properties.get(_CODEC, "zstd").lower()
    level = target.properties.get(_LEVEL, "")
    if name not in _CODECS or (level and not level.lstrip("-").isdigit()):
        raise RunFailedError(
            f"the table {target.table} has a compression that is not supported; set its property {_CODEC} to one of "
            f"{', '.join(_CODECS)}, and remove {_LEVEL} or make it a number"
        )
    return _CODECS[name], int(level) if level and name in _LEVELS else None


def new_location(target: WriteTarget, spec_id: int, partition: Partition, *, ending: str = ".parquet") -> str:
    """Return a path or URL that no file has: below the table's folder or its ``write.data.path``, by partition.

    Args:
        target: The table.
        spec_id: The spec of the partition.
        partition: Its values.
        ending: The end of the name.
    """
    folder = target.properties.get("write.data.path", target.folder).rstrip("/")
    below = partition_folder(partition_fields(target, spec_id), partition)
    return "/".join(part for part in (folder, below, f"{uuid.uuid4()}{ending}") if part)


def file_json(
    target: WriteTarget,
    spec_id: int,
    partition: Partition,
    *,
    content: str,
    location: str,
    size: int,
    footer: pq.FileMetaData,
    metrics: FileMetrics,
    further: Mapping[str, Any],
) -> str:
    """Return the JSON text of a file that ``org.apache.iceberg.ContentFileParser`` reads, of Iceberg 1.10 and 1.11.

    Args:
        target: The table.
        spec_id: The spec of the file's partition.
        partition: The partition's values.
        content: ``DATA`` or ``POSITION_DELETES``.
        location: The file's path or URL.
        size: Its bytes.
        footer: Its footer.
        metrics: Its statistics.
        further: More entries.
    """
    fields = partition_fields(target, spec_id)
    entries = {
        "spec-id": spec_id,
        "content": content,
        "file-path": location,
        "file-format": "PARQUET",
        **({"partition": partition_json(fields, partition)} if fields else {}),
        "file-size-in-bytes": size,
        "record-count": footer.num_rows,
        **metrics.to_json(),
        "split-offsets": _split_offsets(footer),
        **further,
    }
    return json.dumps(entries, separators=(",", ":"))


def _split_offsets(footer: pq.FileMetaData) -> list[int]:
    """Return where each row group begins."""
    offsets = []
    for number in range(footer.num_row_groups):
        first = footer.row_group(number).column(0)
        starts = (first.dictionary_page_offset, first.data_page_offset)
        offsets.append(min(start for start in starts if start is not None))
    return offsets
