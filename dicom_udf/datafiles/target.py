"""The table that data files are written for, as its owner describes it: texts and settings, no object of Java."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_udf.config import S3Access

__all__ = ["WriteTarget"]

_NO_ACCESS = S3Access()


@dataclass(frozen=True, slots=True)
class WriteTarget:
    """The parts of an Iceberg table that a writer of its files needs. It goes to the executors with each task.

    Attributes:
        table: Name of the table, for messages.
        folder: Folder of the data files, without a slash at its end: ``/x/instances/data``, ``file:/x/...``,
            ``file:///x/...`` or ``s3://bucket/prefix/instances/data``.
        schema: JSON of the current schema, by ``org.apache.iceberg.SchemaParser.toJson``.
        specs: JSON of each partition spec by its id, by ``org.apache.iceberg.PartitionSpecParser.toJson``.
        spec_id: Id of the spec of new files.
        properties: The table's properties.
        access: Access to S3.
        kms_key: ARN of the key that encrypts files in S3; None for the bucket's default.
    """

    table: str
    folder: str
    schema: str
    specs: Mapping[int, str]
    spec_id: int
    properties: Mapping[str, str]
    access: S3Access = _NO_ACCESS
    kms_key: str | None = None
