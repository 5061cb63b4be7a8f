"""A folder or a file of this machine as a source.

File names are bytes; URIs are text. A byte that isn't UTF-8 is written ``%XX`` (upper-case hex, 80 to FF), and a ``%``
that would then be read as such an escape is written ``%25``. All other names stay as they are.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError
from dicom_udf.logs import redacted_uri
from dicom_udf.markers import is_folder_marker
from dicom_udf.sources.objects import ObjectReader, ObjectRef, object_batch
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.ranges import RangeReader

__all__ = ["BATCH_ROWS", "LocalStore", "local_ref", "open_local_object", "open_local_store", "path_of", "uri_of"]

BATCH_ROWS = 10_000
_SCHEME = "file://"
_ALL = Patterns()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_AMBIGUOUS = re.compile("%(?=25|[89A-F][0-9A-F])")
_ESCAPE = re.compile(b"%(25|[89A-F][0-9A-F])")
_Row = tuple[str, int, str, datetime | None]


def uri_of(path: str) -> str:
    """Return the ``file://`` URI of an absolute path: valid text, the same in every locale.

    Python's text of a name depends on the locale: ``é`` is two surrogates if that is ASCII. Its bytes don't.
    """
    text = _AMBIGUOUS.sub("%25", os.fsencode(path).decode("utf-8", "surrogateescape"))
    return _SCHEME + "".join(f"%{ord(c) - 0xDC00:02X}" if 0xDC80 <= ord(c) <= 0xDCFF else c for c in text)


def path_of(uri: str) -> str:
    """Return the path of a URI of :func:`uri_of`."""
    name = uri.removeprefix(_SCHEME).encode("utf-8")
    return os.fsdecode(_ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), name))


def open_local_store(source: str, *, exclude: str | None = None, patterns: Patterns = _ALL) -> LocalStore:
    """Return the store of a local folder or file.

    Args:
        source: A path or a ``file://`` URI.
        exclude: A folder (path or URI) to leave out of the listing with its content, e.g. the lake itself.
        patterns: Patterns for names below a folder.

    Raises:
        ConfigurationError: It doesn't exist, is neither folder nor file, can't be reached, or isn't local.
    """
    path = os.path.abspath(_local_path(source))
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the source {uri_of(path)} can't be reached ({_reason(error)}); check it") from None
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise ConfigurationError(f"the source {uri_of(path)} is neither a folder nor a file; give one of these")
    is_local = exclude is not None and (exclude.startswith(_SCHEME) or "://" not in exclude)
    excluded = os.path.realpath(_local_path(exclude)) if exclude is not None and is_local else None
    return LocalStore(path, is_folder=stat.S_ISDIR(mode), excluded=excluded, patterns=patterns)


def open_local_object(ref: ObjectRef) -> ObjectReader:
    """Open an object of a listing.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_CHANGED, READ_ERROR; also from the reader's later reads.
        ConfigurationError: The URI isn't local.
    """
    path = _local_path(ref.uri)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except (OSError, ValueError) as error:
        raise _to_fault(error) from None
    file = _OpenFile(descriptor, ref)
    try:
        file.check_unchanged()
    except BaseException:
        os.close(descriptor)
        raise
    return RangeReader(file.fetch, ref.size, close=file.close)


def local_ref(uri: str) -> ObjectRef:
    """Return a file as a listing has it.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, READ_ERROR.
    """
    path = path_of(uri)
    try:
        return ObjectRef(*_row(path, os.stat(path)))
    except (OSError, ValueError) as error:
        raise _to_fault(error) from None


@dataclass(frozen=True, slots=True)
class LocalStore:
    """A folder with all files below it, or one file.

    Attributes:
        path: Absolute.
        is_folder: False for a single file.
        excluded: Real path of the folder that is left out.
        patterns: Patterns for names below the folder.
    """

    path: str
    is_folder: bool
    excluded: str | None = None
    patterns: Patterns = _ALL

    @property
    def scope(self) -> str:
        """The start of all listed URIs: a folder's ends in ``/``, a file's is its own URI."""
        return uri_of(os.path.join(self.path, "")) if self.is_folder else uri_of(self.path)

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the regular files in the order of their names' bytes.

        Symbolic links to files are followed, those to folders are not. Files that disappear meanwhile are left out, and
        so are empty files that mark folders (:func:`~dicom_udf.markers.is_folder_marker`).

        Raises:
            RunFailedError: A folder below the source can't be read; its files would be missed silently.
        """
        rows: list[_Row] = []
        start = len(self.scope)
        for path, status in self._files():
            if self.is_folder and not self.patterns.matches(uri_of(path)[start:]):
                continue
            if is_folder_marker(path, status.st_size):  # in a copy of a bucket
                continue
            rows.append(_row(path, status))
            if len(rows) == BATCH_ROWS:
                yield object_batch(rows)
                rows = []
        if rows:
            yield object_batch(rows)

    def open(self, ref: ObjectRef) -> ObjectReader:
        """Open an object; see :func:`open_local_object`."""
        return open_local_object(ref)

    def _files(self) -> Iterator[tuple[str, os.stat_result]]:
        if self.is_folder:
            yield from _walk(self.path, self.excluded)
            return
        try:
            status = os.stat(self.path)
        except FileNotFoundError:
            return
        yield self.path, status


def _walk(root: str, excluded: str | None) -> Iterator[tuple[str, os.stat_result]]:
    """Yield regular files depth first, with a stack because folders may be nested deeper than Python recurses."""
    real_root = os.path.realpath(root)
    left_out = None if excluded is None else os.path.normpath(os.path.join(root, os.path.relpath(excluded, real_root)))
    if left_out == os.path.normpath(root):
        return
    stack = [_entries(root)]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
        elif entry.is_dir(follow_symlinks=False):
            if os.path.normpath(entry.path) != left_out:
                stack.append(_entries(entry.path))
        else:
            try:
                status = entry.stat()
            except OSError:  # a broken or circular link, or a file that no longer exists
                continue
            if stat.S_ISREG(status.st_mode):
                yield entry.path, status


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as found:
            entries = list(found)
    except (FileNotFoundError, NotADirectoryError):
        return iter(())
    except OSError as error:
        raise RunFailedError(
            f"the folder {redacted_uri(uri_of(folder))} can't be read ({_reason(error)}); grant access or exclude it"
        ) from None
    return iter(sorted(entries, key=_sort_key))


def _sort_key(entry: os.DirEntry[str]) -> bytes:
    """Return the key that sorts a folder like the URIs of its files: with a slash behind its name."""
    return os.fsencode(entry.name) + (b"/" if entry.is_dir(follow_symlinks=False) else b"")


class _OpenFile:
    """An open file that is compared with its listing before and after each read."""

    def __init__(self, descriptor: int, ref: ObjectRef) -> None:
        self._descriptor = descriptor
        self._ref = ref

    def check_unchanged(self) -> None:
        status = os.fstat(self._descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise FileFault(FailureCode.OBJECT_CHANGED, "no longer a regular file; the next run lists it anew")
        if (status.st_size, str(status.st_mtime_ns)) != (self._ref.size, self._ref.etag):
            raise FileFault(
                FailureCode.OBJECT_CHANGED, "size or time differ from the listed ones; the next run reads the new file"
            )

    def fetch(self, start: int, end: int) -> bytes:
        pieces: list[bytes] = []
        position = start
        try:
            while position < end and (piece := os.pread(self._descriptor, end - position, position)):
                pieces.append(piece)
                position += len(piece)
        except OSError as error:
            raise _to_fault(error) from None
        self.check_unchanged()
        if position < end:
            raise FileFault(FailureCode.READ_ERROR, f"the file system returned no bytes at {position}; check the disk")
        return b"".join(pieces)

    def close(self) -> None:
        os.close(self._descriptor)


def _to_fault(error: OSError | ValueError) -> FileFault:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return FileFault(FailureCode.NOT_FOUND, "gone since it was listed; the next run drops it if it stays away")
    if isinstance(error, PermissionError):
        return FileFault(FailureCode.ACCESS_DENIED, "this user may not read the file; grant read access to it")
    return FileFault(FailureCode.READ_ERROR, f"the file could not be read ({_reason(error)}); check the disk")


def _reason(error: OSError | ValueError) -> str:
    number = error.errno if isinstance(error, OSError) else None
    return os.strerror(number) if number is not None else "not a usable path"


def _local_path(source: str) -> str:
    if source.startswith(_SCHEME):
        return path_of(source)
    if "://" in source:
        scheme = source.partition("://")[0]
        raise ConfigurationError(f"{scheme}:// is not a local source; give a path or a file:// URI")
    return source


def _row(path: str, status: os.stat_result) -> _Row:
    return uri_of(path), status.st_size, str(status.st_mtime_ns), _utc(status.st_mtime_ns)


def _utc(nanoseconds: int) -> datetime | None:
    try:
        return _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:  # a time beyond the year 9999
        return None
