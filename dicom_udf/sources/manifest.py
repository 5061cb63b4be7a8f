"""A list of objects instead of a listing: a manifest in Parquet, CSV or JSON lines, or an S3 Inventory.

An object that the list lacks doesn't count as deleted (``scope`` is None).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

import pyarrow as pa

from dicom_udf.errors import ConfigurationError, FileFault
from dicom_udf.markers import is_folder_marker
from dicom_udf.sources.local import local_ref, path_of, uri_of
from dicom_udf.sources.objects import ObjectRef, S3Access, object_batch
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.pool import request_pool
from dicom_udf.sources.rows import open_file, read_rows
from dicom_udf.sources.s3 import head_s3_object, split_url

__all__ = ["ListStore", "ManifestEntry", "open_inventory", "open_manifest"]

BATCH_ROWS = 10_000

_INVENTORY_COLUMNS = {
    "bucket": "bucket",
    "key": "key",
    "size": "size",
    "etag": "etag",
    "lastmodifieddate": "last_modified",
    "islatest": "is_latest",
    "isdeletemarker": "is_delete_marker",
}
_NAMES_OBJECT = re.compile("s3://[^/]+/.|file:///.|/.", re.DOTALL)
_MANIFEST_COLUMNS = ("uri", "bucket", "key", "size", "etag", "last_modified")


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """One object of a list; None for a value that the list lacks."""

    uri: str
    size: int | None
    etag: str | None
    last_modified: datetime | None

    @property
    def is_incomplete(self) -> bool:
        """True if a value must be looked up. A local file's etag is its time, which only the disk has."""
        return self.size is None or self.etag is None or not self.uri.startswith("s3://")


@dataclass(frozen=True, slots=True)
class ListStore:
    """The objects of a list, each once, in its order.

    Missing values are looked up: by HEAD in S3, many at once; by stat on local disks. An object that doesn't exist is
    listed with size 0 and without etag, so that reading it makes a row of ``failures``. Empty objects that mark folders
    are left out, as in a listing.

    Attributes:
        entries: Reads the list from its start.
        access: Access to S3.
        patterns: Patterns for whole keys, or for paths of local files.
        excluded: Start of URIs that are left out, e.g. the lake's.
    """

    entries: Callable[[], Iterator[ManifestEntry]]
    access: S3Access
    patterns: Patterns
    excluded: str | None = None

    @property
    def scope(self) -> None:
        """None: an object that a list lacks isn't deleted."""
        return

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the objects as batches of ``OBJECT_SCHEMA``, in bounded memory but for their names.

        Raises:
            ConfigurationError: A row doesn't name an object.
        """
        seen: set[str] = set()
        taken = (entry for entry in self.entries() if _is_new(entry.uri, seen) and self._is_taken(entry.uri))
        while chunk := [*islice(taken, BATCH_ROWS)]:
            incomplete = [entry for entry in chunk if entry.is_incomplete]
            completed = request_pool().map(partial(_complete, access=self.access), incomplete)
            refs = (next(completed) if entry.is_incomplete else entry for entry in chunk)
            rows = [(ref.uri, ref.size or 0, ref.etag or "", ref.last_modified) for ref in refs if not _is_folder(ref)]
            if rows:
                yield object_batch(rows)

    def _is_taken(self, uri: str) -> bool:
        if self.excluded is not None and uri.startswith(self.excluded):
            return False
        name = split_url(uri)[1] if uri.startswith("s3://") else uri.removeprefix("file://")
        return self.patterns.matches(name)


def open_manifest(uri: str, *, access: S3Access, patterns: Patterns) -> ListStore:
    """Return the objects of a manifest.

    It has the columns ``uri`` (``s3://``, ``file://``, or an absolute path), or ``bucket`` and ``key``, not
    URL-encoded; and may have ``size`` (bytes), ``etag`` and ``last_modified`` (ISO 8601, UTC).

    Raises:
        ConfigurationError: It can't be read, or its first row doesn't name an object.
    """

    def entries() -> Generator[ManifestEntry, None, None]:
        with open_file(uri, access) as file:
            for number, row in read_rows(file, uri):
                yield _parse_entry({str(name).lower(): value for name, value in row.items()}, f"{uri}, row {number}")

    _check_first(entries)
    return ListStore(entries, access, patterns)


def open_inventory(uri: str, *, access: S3Access, patterns: Patterns, excluded: str | None = None) -> ListStore:
    """Return the objects of an S3 Inventory, Parquet or CSV, by its ``manifest.json``, as a listing has them.

    Only current versions count, and no folder markers. The data files are in the destination bucket of the manifest.
    Those of a local copy are beside ``manifest.json``, or below one of the folders around it.

    Args:
        uri: URI of ``manifest.json``.
        access: Access to S3.
        patterns: Patterns for whole keys.
        excluded: Start of URIs that are left out, e.g. the lake's.

    Raises:
        ConfigurationError: It can't be read, or is of another format (ORC).
    """
    with open_file(uri, access) as file:
        try:
            manifest = json.loads(file.read())
            form = manifest["fileFormat"].upper()
            columns = [_normalise_column(name) for name in manifest["fileSchema"].split(",")] if form == "CSV" else None
            bucket = manifest["destinationBucket"].rpartition(":")[2]
            files = [_data_file(uri, bucket, one["key"]) for one in manifest["files"]]
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{uri} is not the manifest.json of an S3 Inventory; give that file's name"
            ) from None
    if form not in ("CSV", "PARQUET"):
        raise ConfigurationError(f"{uri}: an inventory as {form} isn't read; have S3 write Parquet or CSV")

    def entries() -> Generator[ManifestEntry, None, None]:
        for data_file in files:
            with open_file(data_file, access) as file:
                yield from _inventory_entries(read_rows(file, data_file, columns=columns), data_file, form == "CSV")

    _check_first(entries)
    return ListStore(entries, access, patterns, excluded)


def _check_first(entries: Callable[[], Generator[ManifestEntry, None, None]]) -> None:
    """Read the first row now, so that a wrong file is refused before anything is written."""
    with closing(entries()) as found:
        next(found, None)


def _inventory_entries(rows: Iterable[tuple[int, dict[str, Any]]], uri: str, is_csv: bool) -> Iterator[ManifestEntry]:
    for number, row in rows:
        named = {_INVENTORY_COLUMNS.get(_normalise_column(name), name): value for name, value in row.items()}
        if str(named.get("is_latest", True)).lower() == "false":
            continue
        if str(named.get("is_delete_marker", False)).lower() == "true":
            continue
        if is_csv and named.get("key"):
            named["key"] = unquote_plus(named["key"])
        if str(named.get("size")) == "0" and is_folder_marker(str(named.get("key")), 0):
            continue
        yield _parse_entry({name: named.get(name) for name in _MANIFEST_COLUMNS}, f"{uri}, row {number}")


def _normalise_column(name: str) -> str:
    """Return one name for a column: it is ``LastModifiedDate`` in CSV, ``last_modified_date`` otherwise."""
    return name.strip().replace("_", "").lower()


def _data_file(uri: str, bucket: str, key: str) -> str:
    if uri.startswith("s3://"):
        return f"s3://{bucket}/{key}"
    folder = Path(uri.removeprefix("file://")).parent
    places = [above / key for above in (folder, *folder.parents)]
    return str(next((place for place in places if place.is_file()), folder / Path(key).name))


def _parse_entry(row: dict[str, Any], where: str) -> ManifestEntry:
    uri, bucket, key = (row.get(name) for name in ("uri", "bucket", "key"))
    if isinstance(bucket, str) and isinstance(key, str) and bucket and key:
        uri = f"s3://{bucket}/{key}"
    if not isinstance(uri, str) or not _NAMES_OBJECT.match(uri) or not _is_unicode(uri):
        raise ConfigurationError(
            f"{where} doesn't name an object; give bucket and key, or uri as s3://bucket/key, file:///path or /path"
        )
    try:
        size = row.get("size")
        size = None if size in (None, "") or size != size else int(size)  # noqa: PLR0124  NaN: pandas' absent value
        if size is not None and not 0 <= size < 1 << 63:
            raise ValueError
        return ManifestEntry(
            _normalise_uri(uri), size, (row.get("etag") or "").strip('"') or None, _parse_time(row.get("last_modified"))
        )
    except (ValueError, TypeError, AttributeError, OverflowError):
        raise ConfigurationError(
            f"{where}: size, etag or last_modified can't be read; correct it or leave it out"
        ) from None


def _is_unicode(uri: str) -> bool:
    """Return False for half a character, which JSON can contain and a key can't."""
    return not any("\ud800" <= char <= "\udfff" for char in uri)


def _normalise_uri(uri: str) -> str:
    if uri.startswith("s3://"):
        return uri
    return uri_of(os.path.abspath(path_of(uri) if uri.startswith("file://") else uri))


def _parse_time(value: Any) -> datetime | None:
    if value in (None, ""):
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _is_folder(found: ManifestEntry | ObjectRef) -> bool:
    """Return True for an existing folder marker. A missing one has no etag and becomes a NOT_FOUND row."""
    return bool(found.etag) and is_folder_marker(found.uri, found.size)


def _is_new(uri: str, seen: set[str]) -> bool:
    if uri in seen:
        return False
    seen.add(uri)
    return True


def _complete(entry: ManifestEntry, access: S3Access) -> ObjectRef:
    try:
        return head_s3_object(entry.uri, access) if entry.uri.startswith("s3://") else local_ref(entry.uri)
    except FileFault:
        return ObjectRef(entry.uri, 0, "", None)
