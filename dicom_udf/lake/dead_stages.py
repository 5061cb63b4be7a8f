"""Folders in the staging database that are not tables: a run died while it made or dropped the table."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from functools import partial
from itertools import islice
from pathlib import Path

from dicom_udf.aws.s3 import list_objects, request_bucket, s3_client
from dicom_udf.config import LakeLocation
from dicom_udf.lake.tables import Lake

__all__ = ["find_dead_stages", "remove_stage"]

_DELETED_AT_ONCE = 1_000
"""Keys in one request (S3's API, DeleteObjects)."""


def find_dead_stages(lake: Lake, days: int) -> list[str]:
    """Return the names of the folders that are not tables and were not written to for ``days`` days."""
    oldest = time.time() - days * 86400
    written = _in_s3(lake.location) if lake.location.is_glue else _in_folder(lake.location)
    if not written:
        return []
    tables = lake.staging_tables()
    return sorted(name for name, last in written.items() if name not in tables and last < oldest)


def remove_stage(location: LakeLocation, name: str) -> None:
    """Delete such a folder and its content."""
    if not location.is_glue:
        shutil.rmtree(Path(location.root) / location.staging / name)
        return
    prefix = f"{location.prefix}{location.staging}/{name}/"
    keys = (entry["Key"] for entry in list_objects(location.bucket, prefix, location.access))
    while some := list(islice(keys, _DELETED_AT_ONCE)):
        _delete(location, some)


def _delete(location: LakeLocation, keys: Iterable[str]) -> None:
    wanted = {"Objects": [{"Key": key} for key in keys], "Quiet": True}
    delete = partial(s3_client(location.access).delete_objects, Bucket=location.bucket, Delete=wanted)
    request_bucket(location.bucket, delete, action="s3:DeleteObject")


def _in_folder(location: LakeLocation) -> dict[str, float]:
    """Return the time of the last write to each folder in the staging database, Unix time in seconds."""
    staging = Path(location.root) / location.staging
    if not staging.is_dir():
        return {}
    folders = [entry for entry in staging.iterdir() if entry.is_dir()]
    return {folder.name: max(one.stat().st_mtime for one in (folder, *folder.rglob("*"))) for folder in folders}


def _in_s3(location: LakeLocation) -> dict[str, float]:
    prefix = f"{location.prefix}{location.staging}/"
    written: dict[str, float] = {}
    for entry in list_objects(location.bucket, prefix, location.access):
        name, slash, _ = entry["Key"][len(prefix) :].partition("/")
        if slash:
            written[name] = max(written.get(name, 0.0), entry["LastModified"].timestamp())
    return written
