"""Parquet files of a small table, read whole without Spark."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq

from dicom_udf.aws.clients import TRIES
from dicom_udf.aws.s3 import obstore_store
from dicom_udf.config import S3Access

__all__ = ["read_file"]


def read_file(url: str, schema: pa.Schema, *, access: S3Access) -> pa.Table:
    """Return the rows of a Parquet file with the columns of a schema.

    Args:
        url: A local path, a ``file:`` URI or an ``s3://`` URL.
        schema: Columns by name.
        access: The way to S3.

    Raises:
        OSError: The file can't be read.
    """
    if url.startswith("s3://"):
        bucket, _, key = url.removeprefix("s3://").partition("/")
        store = obstore_store(bucket, access, retries=TRIES)
        source: object = pa.BufferReader(store.get(key).bytes().to_bytes())
    else:
        source = url.removeprefix("file:")
    with pq.ParquetFile(source) as file:
        return file.read(columns=schema.names).select(schema.names).cast(schema)
