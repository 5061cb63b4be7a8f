"""Objects to fetch, and their manifest: no lake is needed where a manifest names the files."""

from __future__ import annotations

import csv
import hashlib
import io
import random
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from dicom_udf.sources.local import local_ref, uri_of

__all__ = ["content", "manifest_row", "pack_tar", "pack_zip", "record", "sha256", "write_manifest"]

COLUMNS = ("source_uri", "source_member", "etag", "size", "target")


def content(number: int, size: int = 5000) -> bytes:
    """Bytes that differ for each number and can't be compressed."""
    return random.Random(number).randbytes(size)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def pack_zip(files: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def pack_tar(files: Mapping[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def manifest_row(path: Path, target: str, *, member: str | None = None, size: int | None = None) -> dict[str, object]:
    """The row of a local file, or of a member of it."""
    ref = local_ref(uri_of(str(path)))
    return {
        "source_uri": ref.uri,
        "source_member": member,
        "etag": ref.etag,
        "size": ref.size if member is None else size,
        "target": target,
    }


def write_manifest(path: Path, rows: Iterable[Mapping[str, object]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return path


def record(folder: Path) -> dict[str, dict[str, str]]:
    """The rows of fetch.csv by target."""
    with (folder / "fetch.csv").open(encoding="utf-8", newline="") as file:
        return {row["target"]: row for row in csv.DictReader(file)}
