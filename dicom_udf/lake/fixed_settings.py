"""Settings that are fixed when a lake is made: a command that names others is refused before it writes."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

from dicom_udf.aws.glue import find_table
from dicom_udf.aws.s3 import request_bucket, s3_client
from dicom_udf.config import LakeLocation, current_version
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.targets import period_of_spec

__all__ = ["check_partitions"]


def check_partitions(location: LakeLocation, partition_by: str | None) -> None:
    """Check that a lake's partitions are those that a command names, by the metadata of ``instances``, without Spark.

    Args:
        location: The lake; one without tables accepts any.
        partition_by: ``day``, ``month`` or ``year``; None accepts the lake's.

    Raises:
        ConfigurationError: The lake has others.
        RunFailedError: Glue or S3 denies a request or doesn't answer.
    """
    metadata = _read_metadata(location) if partition_by is not None else None
    if metadata is None:
        return
    schema = next(one for one in metadata["schemas"] if one["schema-id"] == metadata["current-schema-id"])
    spec = next(one for one in metadata["partition-specs"] if one["spec-id"] == metadata["default-spec-id"])
    period = period_of_spec(schema, spec)
    if period != partition_by:
        found = f"by the {period} of study_date" if period is not None else "otherwise by its owner"
        remedy = f"leave the option out or name {period}" if period is not None else "leave the option out"
        raise ConfigurationError(
            f"--partition-by {partition_by}: the lake {location.root} is partitioned {found}, which was fixed when its "
            f"table {location.database}.{INSTANCES.name} was made; {remedy}, or make another lake"
        )


def _read_metadata(location: LakeLocation) -> dict[str, Any] | None:
    """Return Iceberg's metadata of ``instances``; None where a lake has no such table."""
    if location.is_glue:
        table = find_table(location, INSTANCES.name)
        if table is None:
            return None
        bucket, _, key = table.metadata.partition("://")[2].partition("/")
        get = partial(s3_client(location.access).get_object, Bucket=bucket, Key=key)
        content = request_bucket(bucket, get, action="s3:GetObject")["Body"].read()
    else:
        folder = Path(location.root, location.database, INSTANCES.name)
        version = current_version(folder)
        if version is None:
            return None
        content = (folder / "metadata" / f"v{version}.metadata.json").read_bytes()
    is_packed = content[:2] == b"\x1f\x8b"  # write.metadata.compression-codec
    metadata: dict[str, Any] = json.loads(gzip.decompress(content) if is_packed else content)
    return metadata
