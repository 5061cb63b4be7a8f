"""Rows of a Parquet, CSV or JSON lines file, local or in S3, one after the other."""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, cast

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_udf.errors import ConfigurationError, FileFault, RunFailedError
from dicom_udf.sources.objects import S3Access
from dicom_udf.sources.s3 import open_s3_file

__all__ = ["open_file", "read_rows"]

_PARQUET = b"PAR1"
_GZIP = b"\x1f\x8b"
_LARGEST_LINE = 1 << 20


@contextlib.contextmanager
def open_file(uri: str, access: S3Access) -> Iterator[BinaryIO]:
    """Open a file for reading, by ranges where it is in S3.

    Raises:
        ConfigurationError: It does not exist, or there are no credentials.
        RunFailedError: S3 denies it or does not answer, or it was replaced meanwhile.
    """
    try:
        with _open(uri, access) as file:
            yield file
    except FileFault as fault:
        raise RunFailedError(f"{uri} can't be read to its end ({fault.code}); run again") from None


def _open(uri: str, access: S3Access) -> BinaryIO:
    if uri.startswith("s3://"):
        return cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, open_s3_file(uri, access))))
    try:
        return Path(uri.removeprefix("file://")).open("rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a usable path"
        raise ConfigurationError(f"{uri} can't be read ({reason}); check the name and the permissions") from None


def read_rows(
    file: BinaryIO, uri: str, *, columns: Sequence[str] | None = None
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number of each row, from 1, and the row as a dict. Values have the types of the format, text in CSV.

    The first bytes decide the format. CSV and JSON lines may be gzipped.

    Args:
        file: The file, at its start.
        uri: Its name in messages.
        columns: Columns of a CSV without a header line; None for one with it.

    Raises:
        ConfigurationError: A row can't be read.
    """
    head = file.read(4)
    file.seek(0)
    if head == _PARQUET:
        yield from _parquet_rows(file, uri)
        return
    plain = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if head.startswith(_GZIP) else file
    number = 0
    try:
        with io.TextIOWrapper(plain, encoding="utf-8-sig", newline="") as text:
            first = text.read(1)
            is_json = columns is None and first == "{"
            for number, row in _json_rows(text, first) if is_json else _csv_rows(text, first, columns):
                yield number, row
    except (ValueError, RecursionError, csv.Error, zlib.error, EOFError, OSError):  # its text quotes the line
        raise ConfigurationError(
            f"{uri}, after row {number}: neither CSV nor JSON lines in UTF-8; correct it"
        ) from None


def _parquet_rows(file: BinaryIO, uri: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    try:
        for batch in pq.ParquetFile(file).iter_batches(batch_size=10_000):
            for row in batch.to_pylist():
                number += 1
                yield number, row
    except (pa.ArrowException, OSError, ValueError, LookupError):  # the last two: times that Python can't represent
        raise ConfigurationError(f"{uri}, after row {number}: the Parquet file is damaged; write it again") from None


def _json_rows(text: io.TextIOBase, first: str) -> Iterator[tuple[int, dict[str, Any]]]:
    number = 0
    while line := first + text.readline(_LARGEST_LINE):
        first = ""
        number += 1
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError
            yield number, row


def _csv_rows(text: io.TextIOBase, first: str, columns: Sequence[str] | None) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _lines(text, first)
    for number, row in enumerate(csv.DictReader(lines, fieldnames=columns, strict=True), start=1):
        yield number, {key: value for key, value in row.items() if key is not None and value not in (None, "")}


def _lines(text: io.TextIOBase, first: str) -> Iterator[str]:
    """Yield lines. A MiB without a line end isn't text, and must not fill the memory."""
    while line := first + text.readline(_LARGEST_LINE):
        first = ""
        if len(line) >= _LARGEST_LINE:
            raise ValueError
        yield line
