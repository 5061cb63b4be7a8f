"""Iceberg's metadata of the table ``instances``, read as JSON: without Spark, and of a local lake without AWS."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

from dicom_udf.config import LakeLocation, current_version

__all__ = ["current_schema", "current_spec", "read_metadata"]

_TABLE = "instances"


def read_metadata(location: LakeLocation) -> dict[str, Any] | None:
    """Return the current metadata of ``instances``; None where a lake has no such table.

    Raises:
        ConfigurationError: The Glue catalog's table of that name is another lake's.
        RunFailedError: Glue or S3 denies a request or doesn't answer.
    """
    content = _read_from_s3(location) if location.is_glue else _read_from_folder(location)
    if content is None:
        return None
    is_packed = content[:2] == b"\x1f\x8b"  # write.metadata.compression-codec
    metadata: dict[str, Any] = json.loads(gzip.decompress(content) if is_packed else content)
    return metadata


def _read_from_folder(location: LakeLocation) -> bytes | None:
    folder = Path(location.root, location.database, _TABLE)
    version = current_version(folder)
    return None if version is None else (folder / "metadata" / f"v{version}.metadata.json").read_bytes()


def _read_from_s3(location: LakeLocation) -> bytes | None:
    from dicom_udf.aws.glue import find_table  # noqa: PLC0415 - boto3 is a heavy import
    from dicom_udf.aws.s3 import request_bucket, s3_client  # noqa: PLC0415

    table = find_table(location, _TABLE)
    if table is None:
        return None
    bucket, _, key = table.metadata.partition("://")[2].partition("/")
    get = partial(s3_client(location.access).get_object, Bucket=bucket, Key=key)
    content: bytes = request_bucket(bucket, get, action="s3:GetObject")["Body"].read()
    return content


def current_schema(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the schema that a table's rows are written by."""
    (schema,) = (one for one in metadata["schemas"] if one["schema-id"] == metadata["current-schema-id"])
    found: dict[str, Any] = schema
    return found


def current_spec(metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the partition spec that a table's rows are written by."""
    (spec,) = (one for one in metadata["partition-specs"] if one["spec-id"] == metadata["default-spec-id"])
    found: dict[str, Any] = spec
    return found
