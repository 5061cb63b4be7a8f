"""One way in for every kind of store: by the scheme of the URI."""

from __future__ import annotations

from dicom_udf.sources.local import local_ref, open_local_object, open_local_store
from dicom_udf.sources.objects import ObjectReader, ObjectRef, S3Access, Store
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.ranges import Pace
from dicom_udf.sources.s3 import head_s3_object, open_s3_object, open_s3_store

__all__ = ["find_object", "open_object", "open_store"]

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


def open_object(ref: ObjectRef, access: S3Access = _NO_ACCESS, *, pace: Pace | None = None) -> ObjectReader:
    """Open an object of a listing.

    Args:
        ref: The object.
        access: How S3 is reached.
        pace: Sizes and number of requests to S3; None for those of an ingest.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_ARCHIVED, OBJECT_CHANGED, READ_ERROR; also from the reader later.
        RunFailedError: The store can't be used at all; also from the reader later.
    """
    if ref.uri.startswith("s3://"):
        return open_s3_object(ref, access) if pace is None else open_s3_object(ref, access, pace=pace)
    return open_local_object(ref)


def find_object(uri: str, access: S3Access = _NO_ACCESS) -> ObjectRef:
    """Return an object as a listing of this moment has it; in S3 by one HEAD request.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, READ_ERROR.
        RunFailedError: The store can't be used at all.
    """
    return head_s3_object(uri, access) if uri.startswith("s3://") else local_ref(uri)
