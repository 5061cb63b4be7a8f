"""The headers of a source as a data frame of Spark: without a lake, read by the executors."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import pyarrow as pa

from dicom_udf.archives import Limits
from dicom_udf.collector import collect_rarely
from dicom_udf.columns import Table, spark_ddl
from dicom_udf.config import S3Access
from dicom_udf.errors import ConfigurationError, did_you_mean
from dicom_udf.scan_worker import scan_batches, scan_table
from dicom_udf.scanning import find_items, open_scan
from dicom_udf.tasks import ReadSettings, make_tasks, pack_tasks, unpack_tasks

if TYPE_CHECKING:
    from pyspark import Broadcast
    from pyspark.sql import DataFrame, SparkSession

__all__ = ["read_headers"]


def read_headers(
    spark: SparkSession,
    source: str | os.PathLike[str],
    *,
    include: Sequence[str] | None = None,
    exclude: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
    header: bool = True,
    access: S3Access | None = None,
    limits: Limits | None = None,
) -> DataFrame:
    """Read the headers of a folder, a file or an ``s3://`` prefix, archives included, as a data frame of Spark.

    The rows are those of :func:`dicom_udf.scan`: a file found, with the columns of ``instances`` but for
    ``ingest_run_id`` and ``ingest_time``; or a file or object without a header, with ``failure_code``,
    ``failure_severity`` and ``failure_message``. The source is listed once, by the driver, in this call. The executors
    read the files each time an action needs the rows: ``cache()`` or write them if there are several. The executors
    need this package, and a local folder at the same path.

    Args:
        spark: The session.
        source: A local path, a ``file://`` URI or ``s3://bucket/prefix``.
        include: Globs; only names below the source that match one are read, e.g. ``["*.dcm", "*.zip"]``.
        exclude: Globs; names that match one are left out.
        columns: Names of the columns to return, in this order; by default all.
        header: False leaves out the column ``header``, most of the bytes.
        access: How S3 is reached; by default as AWS's environment variables state.
        limits: Bounds for archives.

    Returns:
        A row for each file found, in any order.

    Raises:
        ConfigurationError: The source does not exist, or there is no such column.
        RunFailedError: The source can't be listed.

    Example:
        >>> from dicom_udf import read_headers
        >>> headers = read_headers(spark, "sample_dcm", columns=["modality", "failure_code"])
        >>> headers.where("modality = 'CT'").count(), headers.where("failure_code IS NOT NULL").count()
        (18, 12)
    """
    table = _chosen(columns, header)
    store, settings = open_scan(source, include=include or (), exclude=exclude or (), access=access, limits=limits)
    tasks = make_tasks(find_items(store, settings), cores=spark.sparkContext.defaultParallelism)
    shipped = spark.sparkContext.broadcast(pack_tasks(tasks))
    numbers = spark.range(0, len(tasks), numPartitions=max(1, len(tasks)))
    names = [field.name for field in table.fields]
    return numbers.mapInArrow(partial(_read_tasks, shipped=shipped, settings=settings, names=names), spark_ddl(table))


def _chosen(columns: Sequence[str] | None, header: bool) -> Table:
    table = scan_table()
    fields = {field.name: field for field in table.fields}
    for name in columns or ():
        if name not in fields:
            hint = did_you_mean(name, fields)
            raise ConfigurationError(f"columns: {name} is not a column of instances or of a failure{hint}")
    names = [name for name in dict.fromkeys(columns or fields) if header or name != "header"]
    if not names:
        raise ConfigurationError("columns: the column header alone is left out by header=False; name another one")
    return replace(table, fields=tuple(fields[name] for name in names))


def _read_tasks(
    batches: Iterable[pa.RecordBatch],
    shipped: Broadcast[list[bytes]],
    settings: ReadSettings,
    names: Sequence[str],
) -> Iterator[pa.RecordBatch]:
    collect_rarely()
    for task in unpack_tasks(batches, shipped.value):
        for found in scan_batches(task, settings):
            yield found.select(names)
