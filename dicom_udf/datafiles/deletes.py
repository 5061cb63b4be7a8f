"""Position deletes: a file that deletes rows of one data file.

The format is that of https://iceberg.apache.org/spec/#position-delete-files.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from dicom_udf.datafiles.files import ParquetOutput, file_json, new_location
from dicom_udf.datafiles.metrics import read_metrics
from dicom_udf.datafiles.metrics_modes import MetricsMode
from dicom_udf.datafiles.partitions import Partition
from dicom_udf.datafiles.schema import Column, Leaf, to_arrow_field
from dicom_udf.datafiles.target import WriteTarget

__all__ = ["write_position_deletes"]

_PATH, _POSITION = 2147483546, 2147483545
_FULL = MetricsMode(True, None)


def _column(field_id: int, name: str, kind: str) -> Column:
    field = to_arrow_field(field_id, name, kind, is_required=True)
    return Column(field_id, name, field, (Leaf(field_id, name),))


_COLUMNS = (_column(_PATH, "file_path", "string"), _column(_POSITION, "pos", "long"))
_SCHEMA = pa.schema([column.field for column in _COLUMNS])


def write_position_deletes(
    target: WriteTarget,
    *,
    spec_id: int,
    partition: Partition,
    data_file: str,
    positions: pa.Array | pa.ChunkedArray | Sequence[int],
) -> str:
    """Write a file that deletes rows of one data file, and return the JSON text of its ``DeleteFile``.

    Args:
        target: The table.
        spec_id: The spec of the data file, which may be older than the table's.
        partition: The data file's partition by that spec.
        data_file: The data file's path or URL, letter by letter as the table names it.
        positions: Positions of the rows in the data file, from 0; in any order, also repeated.

    Raises:
        ValueError: There are no positions.
        RunFailedError: The table has no such spec, or S3 does not take the file.
        OSError: The disk is full, or can't be written to.
    """
    given = positions if isinstance(positions, pa.Array | pa.ChunkedArray) else pa.array(positions, pa.int64())
    distinct = pc.unique(given.cast(pa.int64()))
    rows = len(distinct)
    if not rows:
        raise ValueError(f"no positions to delete in {data_file}")
    ordered = distinct.take(pc.sort_indices(distinct))
    location = new_location(target, spec_id, partition, ending="-deletes.parquet")
    output = ParquetOutput(location, _SCHEMA, target)
    output.write(pa.Table.from_arrays([pa.repeat(pa.scalar(data_file), rows), ordered], schema=_SCHEMA))
    footer, size = output.finish()
    return file_json(
        target,
        spec_id,
        partition,
        content="POSITION_DELETES",
        location=location,
        size=size,
        footer=footer,
        metrics=read_metrics(footer, _COLUMNS, {_PATH: _FULL, _POSITION: _FULL}, nans={}),
        further={"referenced-data-file": data_file},
    )
