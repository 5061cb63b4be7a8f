"""One way in for every kind of store: by the scheme of the URI."""

from __future__ import annotations

from dicom_udf.sources.local import open_local_object, open_local_store
from dicom_udf.sources.objects import ObjectReader, ObjectRef, S3Access, Store
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.s3 import open_s3_object, open_s3_store

__all__ = ["open_object", "open_store"]

_NO_ACCESS = S3Access()
_ALL = Patterns()


def open_store(
    source: str,
    *,
    exclude: str | None = None,
    access: S3Access = _NO_ACCESS,
    patterns: Patterns = _ALL,
    may_be_empty: bool = True,
) -> Store:
    """Return the store of a folder, a file, or ``s3://bucket/prefix``.

    Args:
        source: A path, a ``file://`` URI or an ``s3://`` URL.
        exclude: A local folder or an ``s3://`` prefix that is left out of the listing with all that is in it, e.g. the
            lake itself.
        access: How S3 is reached.
        patterns: Which names below the source are taken.
        may_be_empty: False refuses a prefix in S3 that holds nothing: it is then taken for a wrong name.

    Raises:
        ConfigurationError: The source doesn't exist, or can't be one.
        RunFailedError: S3 denies it, or can't be reached.
    """
    if source.startswith("s3://"):
        return open_s3_store(source, exclude=exclude, access=access, patterns=patterns, may_be_empty=may_be_empty)
    return open_local_store(source, exclude=exclude, patterns=patterns)


def open_object(ref: ObjectRef, access: S3Access = _NO_ACCESS) -> ObjectReader:
    """Open an object of a listing.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_ARCHIVED, OBJECT_CHANGED, READ_ERROR; also from the reader later.
        RunFailedError: The store can't be used at all; also from the reader later.
    """
    return open_s3_object(ref, access) if ref.uri.startswith("s3://") else open_local_object(ref)
