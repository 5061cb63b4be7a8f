"""The rows of a few Parquet files, read without Spark and without Java."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from dicom_udf.config import S3Access
from dicom_udf.datafiles.schema import Column, read_columns
from dicom_udf.datafiles.target import WriteTarget
from dicom_udf.seekable import SeekableFile

if TYPE_CHECKING:
    from obstore.store import ObjectStore

__all__ = ["LiveFile", "read_live_rows"]

WHOLE_BYTES = 8 << 20
"""A file in S3 is read whole up to this size, and by ranges beyond it: the columns that are wanted may be few."""

_AT_ONCE = 8
_FIELD_ID = b"PARQUET:field_id"


class LiveFile(NamedTuple):
    """A data file of a table's snapshot.

    Attributes:
        location: Its path or URL, as the table names it.
        bytes: Its size.
        rows: Its rows, deleted ones included.
        deletes: Locations of the position-delete files that may name rows of it.
    """

    location: str
    bytes: int
    rows: int
    deletes: tuple[str, ...] = ()


def read_live_rows(files: Sequence[LiveFile], target: WriteTarget, names: Sequence[str]) -> pa.Table:
    """Return some columns of the rows of data files that are not deleted.

    Args:
        files: The files; some are read at once.
        target: Their table: columns are found by their field ids, and a column that a file lacks is null.
        names: The columns.

    Raises:
        OSError: A file can't be read.
        ConfigurationError, RunFailedError: S3 does not return a file.
    """
    by_name = {column.name: column for column in read_columns(target)}
    columns = [by_name[name] for name in names]
    schema = pa.schema([column.field.remove_metadata() for column in columns])
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="read") as pool:
        found = pool.map(partial(_read_live, columns=columns, access=target.access), files)
        return pa.concat_tables([schema.empty_table(), *(rows.cast(schema) for rows in found)])


def _read_live(file: LiveFile, columns: Sequence[Column], access: S3Access) -> pa.Table:
    with _open(file.location, access, size=file.bytes) as stored:
        by_id = {int((field.metadata or {}).get(_FIELD_ID, -1)): field.name for field in stored.schema_arrow}
        rows = stored.read(columns=[by_id[column.id] for column in columns if column.id in by_id])
        number = stored.metadata.num_rows
    cells = [
        rows.column(by_id[column.id]) if column.id in by_id else pa.nulls(number, column.field.type)
        for column in columns
    ]
    is_live = np.ones(number, dtype=bool)
    for location in file.deletes:
        is_live[_deleted_positions(location, file.location, access)] = False
    return pa.Table.from_arrays(cells, names=[column.name for column in columns]).filter(pa.array(is_live))


def _deleted_positions(delete_file: str, data_file: str, access: S3Access) -> list[int]:
    with _open(delete_file, access) as stored:
        rows = stored.read(columns=["file_path", "pos"])
    pairs = zip(rows.column("file_path").to_pylist(), rows.column("pos").to_pylist(), strict=True)
    return [position for path, position in pairs if path == data_file]


@contextmanager
def _open(location: str, access: S3Access, size: int = 0) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file of a local folder, or of S3."""
    if not location.startswith("s3://"):
        with pq.ParquetFile(location.removeprefix("file:")) as stored:
            yield stored
        return
    from dicom_udf.aws.clients import TRIES  # noqa: PLC0415 - a lake in a local folder needs no AWS library
    from dicom_udf.aws.errors import translate_aws_errors  # noqa: PLC0415
    from dicom_udf.aws.s3 import obstore_store  # noqa: PLC0415

    bucket, _, key = location.removeprefix("s3://").partition("/")
    with translate_aws_errors("s3:GetObject", f"the lake's bucket {bucket}", has_begun=True):
        file = _S3File(obstore_store(bucket, access, retries=TRIES), key, size)
        content = file if size > WHOLE_BYTES else pa.BufferReader(file.read_whole())
        with pq.ParquetFile(content, pre_buffer=True) as stored:
            yield stored


class _S3File(SeekableFile):
    """An object in S3, each read of which is a request."""

    def __init__(self, store: ObjectStore, key: str, size: int) -> None:
        super().__init__()
        self._store = store
        self._key = key
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        stop = self._size if size is None or size < 0 else min(self._size, self._position + size)
        if stop <= self._position:
            return b""
        with _translated():
            data = self._store.get_range(self._key, start=self._position, end=stop).to_bytes()
        self._position = stop
        return data

    def read_whole(self) -> bytes:
        """Return the content, whatever the position and the size."""
        with _translated():
            return self._store.get(self._key).bytes().to_bytes()

    def _length(self) -> int:
        return self._size


@contextmanager
def _translated() -> Iterator[None]:
    """Raise obstore's errors as those of AWS."""
    from obstore.exceptions import BaseError  # noqa: PLC0415

    from dicom_udf.aws.errors import to_aws_error  # noqa: PLC0415

    try:
        yield
    except BaseError as error:
        raise to_aws_error(error) from None
