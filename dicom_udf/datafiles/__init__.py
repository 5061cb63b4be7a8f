"""A writer of an Iceberg table's files: Arrow rows -> Parquet files -> JSON texts of ``DataFile``; no Spark, no Java.

::

    split_by_partition(rows, target)                    a WriteTarget has the table's schema, specs and properties
            │  rows of one partition
    write_data_files(target, rows, partition=...)       in the table's types, with its field ids
            │  a text for each file
    ContentFileParser.fromJson(...)                     in dicom_udf.lake.iceberg, which commits

:func:`write_position_deletes` writes a file that deletes rows of one data file. Nothing here is special to a lake's
tables: the :class:`WriteTarget` describes the table.
"""

from __future__ import annotations

from dicom_udf.datafiles.deletes import write_position_deletes
from dicom_udf.datafiles.files import write_data_files
from dicom_udf.datafiles.partitions import Partition, partition_values, split_by_partition
from dicom_udf.datafiles.schema import target_arrow_schema, to_table_schema
from dicom_udf.datafiles.target import WriteTarget

__all__ = [
    "Partition",
    "WriteTarget",
    "partition_values",
    "split_by_partition",
    "target_arrow_schema",
    "to_table_schema",
    "write_data_files",
    "write_position_deletes",
]
