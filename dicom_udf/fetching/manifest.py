"""Manifests: the files of a cohort as a list, for this program or another one."""

from __future__ import annotations

import csv
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from dicom_udf.config import ManifestForm
from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching.cohort import CohortFile
from dicom_udf.new_file import new_file
from dicom_udf.rendering import write_rows

__all__ = ["MANIFEST_COLUMNS", "manifest_lines", "manifest_rows", "read_manifest", "save_manifest", "write_manifest"]

MANIFEST_COLUMNS = ("source_uri", "source_member", "etag", "size", "offset", "length", "target")
"""``offset`` and ``length`` are the bytes of the object that are the file; empty for members of archives, which their
archive's directory locates."""

_NEEDED = ("source_uri", "target")
_LONGEST_FIELD = 1 << 20


def manifest_rows(files: Iterable[CohortFile]) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a manifest in the order of :data:`MANIFEST_COLUMNS`."""
    for file in files:
        place = (0, file.size) if file.member is None else (None, None)
        yield (file.uri, file.member, file.etag, file.size, *place, file.target)


def manifest_lines(files: Sequence[CohortFile], form: ManifestForm) -> Iterator[str]:
    """Yield the lines of a list of loose objects for another program.

    Args:
        files: The files.
        form: ``"s5cmd"``, ``"aws"`` or ``"urls"``. ``"csv"`` has :func:`manifest_rows`.

    Raises:
        ConfigurationError: Some files are members of archives, are not in S3, or have a name that a line can't hold.

    Example:
        >>> file = CohortFile("s3://bucket/a b.dcm", None, "1.2/1.2.3.dcm")
        >>> list(manifest_lines([file], "aws"))
        ["aws s3 cp 's3://bucket/a b.dcm' ./1.2/1.2.3.dcm"]
    """
    members = sum(file.member is not None for file in files)
    if members:
        raise ConfigurationError(
            f"{members:,} of {len(files):,} files are members of archives, which --form {form} can't name; "
            "use --form csv, whose members 'dicom-lake fetch --manifest' reads by range"
        )
    foreign = sum(not file.uri.startswith("s3://") for file in files)
    if foreign and form != "urls":
        raise ConfigurationError(f"{foreign:,} of {len(files):,} files are not in S3; use --form csv or --form urls")
    broken = sum(not file.uri.isprintable() for file in files)
    if broken:
        raise ConfigurationError(
            f"{broken:,} of {len(files):,} files have a name with a control character, which --form {form} can't hold; "
            "use --form csv"
        )
    for file in files:
        yield _line(file, form)


def _line(file: CohortFile, form: ManifestForm) -> str:
    source, target = shlex.quote(file.uri), shlex.quote(f"./{file.target}")
    match form:
        case "s5cmd":
            return f"cp --raw {source} {target}"  # raw: a star in a key is a star
        case "aws":
            return f"aws s3 cp {source} {target}"
        case _:
            return file.uri


def write_manifest(files: Sequence[CohortFile], form: ManifestForm, stream: TextIO) -> None:
    """Write a list of files.

    Raises:
        ConfigurationError: As :func:`manifest_lines`; nothing is written.
    """
    if form == "csv":
        write_rows(MANIFEST_COLUMNS, manifest_rows(files), form="csv", stream=stream, width=None)
    else:
        stream.writelines(f"{line}\n" for line in manifest_lines(files, form))


def save_manifest(files: Sequence[CohortFile], form: ManifestForm, path: Path) -> None:
    """Write a list of files to a file, which appears once it is whole.

    Raises:
        ConfigurationError: As :func:`manifest_lines`.
        OSError: The file can't be written.
    """
    with new_file(path) as stream:
        write_manifest(files, form, stream)


def read_manifest(path: str | Path) -> list[CohortFile]:
    """Read a manifest in CSV: at least the columns ``source_uri`` and ``target``.

    Args:
        path: A local file in UTF-8, with a line of names of columns.

    Returns:
        Its files in the order of their objects.

    Raises:
        ConfigurationError: It doesn't exist, or isn't one; with the number of the row.
    """
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            files = list(_read(csv.DictReader(file, strict=True), str(path)))
    except OSError as error:
        raise ConfigurationError(f"the manifest {path} can't be read ({error.strerror}); check its name") from None
    except (UnicodeDecodeError, csv.Error):
        raise ConfigurationError(
            f"the manifest {path} is not a CSV file in UTF-8; make it by 'dicom-lake manifest'"
        ) from None
    return sorted(files, key=lambda one: one.uri)  # stable: the members of an archive keep their order


def _read(rows: csv.DictReader[str], path: str) -> Iterator[CohortFile]:
    missing = [name for name in _NEEDED if name not in (rows.fieldnames or ())]
    if missing:
        raise ConfigurationError(
            f"the manifest {path} has no column {' and '.join(missing)} in its first line; 'dicom-lake manifest' makes "
            "one that has"
        )
    for number, row in enumerate(rows, 1):
        fault = _fault(row)
        if fault is not None:
            raise ConfigurationError(f"row {number} of the manifest {path} has {fault}; correct or remove it")
        member = row.get("source_member") or None
        size = int(row["size"]) if row.get("size") else None
        yield CohortFile(
            uri=row["source_uri"],
            member=member,
            target=row["target"],
            size=size,
            etag=row.get("etag") or None,
            object_size=size if member is None else None,
        )


def _fault(row: dict[str, Any]) -> str | None:
    if None in row or None in row.values():
        return "another number of fields than the first line"
    uri = row["source_uri"]
    if not (uri.startswith("file:///") or (uri.startswith("s3://") and all(uri[5:].partition("/")[::2]))):
        return "a source_uri that is neither s3://bucket/key nor file:///path"
    if "\0" in uri:
        return "a source_uri with a NUL"
    size = row.get("size") or "0"
    if not (size.isascii() and size.isdigit() and len(size) < 19):
        return "a size that is not a number of bytes"
    return None
