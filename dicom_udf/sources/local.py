"""Objects in a local folder: listing without opening, reading by ranges."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError
from dicom_udf.sources.model import OBJECT_SCHEMA, ObjectReader, ObjectRef
from dicom_udf.sources.reader import RangeReader

__all__ = ["LocalStore", "open_local"]

_SCHEME = "file://"
BATCH_OBJECTS = 10_000


class LocalStore:
    """A folder, or one file.

    Attributes:
        scope: ``file:///folder/``, under which everything is that :meth:`list` gives; or the one file's URI.
    """

    def __init__(self, source: str, *, exclude: str | None = None) -> None:
        root = Path(source).absolute()
        if not root.exists():
            raise ConfigurationError(f"the source {root} doesn't exist; give a folder or a file")
        self._root = os.fspath(root)
        self._exclude = os.path.realpath(exclude) if exclude is not None else None
        is_folder = root.is_dir()
        self.scope = _uri(self._root.rstrip("/") + "/") if is_folder else _uri(self._root)
        self._is_folder = is_folder

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the regular files below, in order of their paths. Links to folders are not followed: they may loop."""
        rows: list[tuple[str, int, str, datetime]] = []
        for path in self._files(self._root) if self._is_folder else [self._root]:
            try:
                stat = os.stat(path)  # noqa: PTH116 - a str, not a Path, for each of a million files
            except OSError:
                continue  # it went away, or is a link to nowhere
            modified = datetime.fromtimestamp(stat.st_mtime_ns // 1000 / 1e6, UTC).replace(tzinfo=None)
            rows.append((_uri(path), stat.st_size, str(stat.st_mtime_ns), modified))
            if len(rows) >= BATCH_OBJECTS:
                yield _batch(rows)
                rows = []
        if rows:
            yield _batch(rows)

    def _files(self, folder: str) -> Iterator[str]:
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except FileNotFoundError:
            return
        except OSError as error:
            # A silent hole in the listing would look like deleted files.
            raise RunFailedError(f"the folder {folder} can't be listed ({os.strerror(error.errno or 0)})") from None
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if self._exclude is None or os.path.realpath(entry.path) != self._exclude:
                    yield from self._files(entry.path)
            elif entry.is_file():
                yield entry.path


def open_local(ref: ObjectRef) -> ObjectReader:
    """Open a local file by ranges.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_CHANGED or READ_ERROR; from later reads too.
    """
    try:
        descriptor = os.open(_path(ref.uri), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise _fault(error) from None
    try:
        _check_unchanged(descriptor, ref)
    except FileFault:
        os.close(descriptor)
        raise

    def fetch(start: int, end: int) -> bytes:
        try:
            data = os.pread(descriptor, end - start, start)
        except OSError as error:
            raise _fault(error) from None
        _check_unchanged(descriptor, ref)
        return data

    return RangeReader(fetch, ref.size, on_close=lambda: os.close(descriptor))


def _check_unchanged(descriptor: int, ref: ObjectRef) -> None:
    stat = os.fstat(descriptor)
    if stat.st_size != ref.size or str(stat.st_mtime_ns) != ref.etag:
        raise FileFault(FailureCode.OBJECT_CHANGED, "the file changed after it was listed; the next run reads it again")


def _fault(error: OSError) -> FileFault:
    codes = {
        errno.ENOENT: (FailureCode.NOT_FOUND, "the file went away after it was listed"),
        errno.EACCES: (FailureCode.ACCESS_DENIED, "this user may not read the file; grant it read permission"),
        errno.EPERM: (FailureCode.ACCESS_DENIED, "this user may not read the file; grant it read permission"),
    }
    otherwise = (FailureCode.READ_ERROR, f"the file can't be read ({os.strerror(error.errno or errno.EIO)})")
    return FileFault(*codes.get(error.errno or 0, otherwise))


def _uri(path: str) -> str:
    """Return the URI of a path, not percent-encoded.

    A name whose bytes are no UTF-8, or that holds ``%%`` itself, is escaped so that it can be read back: such bytes
    and every ``%`` become ``%%XX``.
    """
    if path.isascii() and "%%" not in path:
        return _SCHEME + path
    if "%%" in path or any(_is_undecoded(c) for c in path):
        path = "".join(f"%%{ord(c) & 0xFF:02X}" if c == "%" or _is_undecoded(c) else c for c in path)
    return _SCHEME + path


def _is_undecoded(character: str) -> bool:
    return "\udc80" <= character <= "\udcff"  # Python's surrogateescape


def _path(uri: str) -> str:
    path = uri.removeprefix(_SCHEME)
    if "%%" not in path:
        return path
    head, *escaped = path.split("%%")
    return head + "".join(
        (chr(0xDC00 + int(part[:2], 16)) if int(part[:2], 16) >= 0x80 else "%") + part[2:] for part in escaped
    )


def _batch(rows: list[tuple[str, int, str, datetime]]) -> pa.RecordBatch:
    columns = [
        pa.array(column, type=field.type) for column, field in zip(zip(*rows, strict=True), OBJECT_SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=OBJECT_SCHEMA)
