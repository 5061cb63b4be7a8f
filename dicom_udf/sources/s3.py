"""Objects in S3: listed by boto3, which keeps every key as it is, and read by obstore, which is four times as fast.

A ranged GET is conditional on the listed etag: what is read is what was listed, or nothing.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import obstore
import pyarrow as pa

from dicom_udf.aws.errors import NO_WHOLE_ANSWER, AwsError, translate_aws_errors
from dicom_udf.aws.s3 import obstore_store, request, request_bucket, s3_client, to_file_fault
from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError
from dicom_udf.markers import is_folder_marker
from dicom_udf.sources.objects import ObjectReader, ObjectRef, S3Access, object_batch
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.pool import request_pool
from dicom_udf.sources.ranges import REMOTE, Buffer, Pace, RangeReader

__all__ = ["S3Store", "head_s3_object", "open_s3_file", "open_s3_object", "open_s3_store", "split_url"]

BATCH_ROWS = 10_000
_PAGE_KEYS = 1_000
_SCHEME = "s3://"
# obstore normalises such keys, and would read another object (design.md, "The platform").
_NORMALISED = re.compile(r"(^|/)(\.{0,2})(/|$)|[\x00-\x1f\x7f]")
_ALL = Patterns()


def split_url(url: str) -> tuple[str, str]:
    """Return bucket and key of ``s3://bucket/key``."""
    bucket, _, key = url.removeprefix(_SCHEME).partition("/")
    return bucket, key


def open_s3_store(
    source: str,
    *,
    access: S3Access,
    exclude: str | None = None,
    patterns: Patterns = _ALL,
    may_be_empty: bool = True,
) -> S3Store:
    """Return the store of ``s3://bucket``, of a prefix that is a folder, or of one object.

    ``s3://bucket/a`` is the folder ``a/`` where there is anything in it, else the object ``a``.

    Raises:
        ConfigurationError: The bucket does not exist, or nothing of that name; or there are no credentials.
        RunFailedError: S3 denies it or does not answer.
    """
    bucket, key = split_url(source)
    if not bucket:
        raise ConfigurationError(f"{source} names no bucket; give s3://bucket or s3://bucket/prefix")
    excluded = f"{exclude.rstrip('/')}/" if exclude is not None and exclude.startswith(_SCHEME) else None
    if not key:
        request_bucket(bucket, partial(s3_client(access).list_objects_v2, Bucket=bucket, MaxKeys=1))
        return S3Store(bucket, "", access, patterns, excluded=excluded)
    folder = key if key.endswith("/") else f"{key}/"
    listed = request_bucket(bucket, partial(s3_client(access).list_objects_v2, Bucket=bucket, Prefix=folder, MaxKeys=1))
    if listed.get("Contents"):  # not every server counts them
        return S3Store(bucket, folder, access, patterns, excluded=excluded)
    if not key.endswith("/"):
        listed = request_bucket(
            bucket, partial(s3_client(access).list_objects_v2, Bucket=bucket, Prefix=key, MaxKeys=1)
        )
        if any(entry["Key"] == key for entry in listed.get("Contents", [])):  # the first of all that begin with it
            return S3Store(bucket, key, access, patterns, is_folder=False)
    if not may_be_empty:
        raise ConfigurationError(f"there is nothing at {_SCHEME}{bucket}/{key}; check the name")
    return S3Store(bucket, folder, access, patterns, excluded=excluded)


@dataclass(frozen=True, slots=True)
class S3Store:
    """A prefix of a bucket, or one object.

    Attributes:
        bucket: Its name.
        prefix: Ends in ``/`` or is empty; the one object's key.
        access: How S3 is reached.
        patterns: Which keys below the prefix are taken.
        is_folder: False for one object.
        excluded: URIs that begin with this are left out, e.g. the lake's.
    """

    bucket: str
    prefix: str
    access: S3Access
    patterns: Patterns = _ALL
    is_folder: bool = True
    excluded: str | None = None

    @property
    def scope(self) -> str:
        """The URI that all listed ones begin with; one object's own."""
        return f"{_SCHEME}{self.bucket}/{self.prefix}"

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the objects in the order of their keys' bytes; a page is fetched while the one before it is worked on.

        Empty objects that mark folders (:func:`~dicom_udf.markers.is_folder_marker`) are left out.

        Raises:
            RunFailedError: S3 denies the listing or does not answer.
        """
        rows: Any = []
        for page in self._pages():
            for entry in page:
                key = entry["Key"]
                if (self.is_folder or key == self.prefix) and self._is_taken(key, entry["Size"]):
                    modified = entry["LastModified"].astimezone(UTC).replace(tzinfo=None)
                    rows.append((f"{_SCHEME}{self.bucket}/{key}", entry["Size"], _bare(entry.get("ETag")), modified))
            if len(rows) >= BATCH_ROWS:
                yield object_batch(rows)
                rows = []
        if rows:
            yield object_batch(rows)

    def _is_taken(self, key: str, size: int) -> bool:
        if is_folder_marker(key, size):
            return False
        if self.excluded is not None and f"{_SCHEME}{self.bucket}/{key}".startswith(self.excluded):
            return False
        return not self.is_folder or self.patterns.matches(key[len(self.prefix) :])

    def _pages(self) -> Iterator[Any]:
        coming = request_pool().submit(self._page, None)
        while True:
            answer = coming.result()
            # The one object is listed before all keys that begin with its own.
            token = answer.get("NextContinuationToken") if self.is_folder else None
            if token:
                coming = request_pool().submit(self._page, token)
            yield answer.get("Contents", [])
            if not token:
                return

    def _page(self, token: str | None) -> dict[str, Any]:
        more = {"ContinuationToken": token} if token else {}
        call = partial(
            s3_client(self.access).list_objects_v2, Bucket=self.bucket, Prefix=self.prefix, MaxKeys=_PAGE_KEYS, **more
        )
        answer: dict[str, Any] = request_bucket(self.bucket, call)
        return answer


def open_s3_object(ref: ObjectRef, access: S3Access, *, pace: Pace = REMOTE) -> ObjectReader:
    """Open an object of a listing; no request is made before the first read, but for one that wasn't there.

    Args:
        ref: The object.
        access: How S3 is reached.
        pace: Sizes and number of requests.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_ARCHIVED, OBJECT_CHANGED, READ_ERROR; also from the reader.
        RunFailedError: Credentials have expired or S3 does not answer; also from the reader.
    """
    bucket, key = split_url(ref.uri)
    if not ref.size and not ref.etag and ref.last_modified is None:  # a manifest names it, and it wasn't there
        head_s3_object(ref.uri, access)
        raise FileFault(FailureCode.OBJECT_CHANGED, "wasn't there when it was listed; the next run reads it")
    with _translate_object_errors():
        if _NORMALISED.search(key):
            get = partial(_get_by_boto3, s3_client(access), bucket, key, ref)
        else:
            get = partial(_get_by_obstore, obstore_store(bucket, access), key, ref)
    return RangeReader(partial(_fetch, get), ref.size, pace=pace, pool=request_pool())


def head_s3_object(uri: str, access: S3Access, *, may_be_archived: bool = True) -> ObjectRef:
    """Request an object's size, etag and time.

    Args:
        uri: The object's.
        access: How S3 is reached.
        may_be_archived: False refuses an object in an archive tier that isn't restored: reading it would fail.

    Raises:
        FileFault: NOT_FOUND, ACCESS_DENIED, OBJECT_ARCHIVED, READ_ERROR.
        RunFailedError: As for :func:`open_s3_object`.
    """
    with _translate_object_errors():
        try:
            answer = _head(uri, access)
        except AwsError as error:
            if error.status == 400:  # expired credentials or the object's own key
                _explain(uri, access)
            raise
    if not may_be_archived and _is_archived(answer):
        raise FileFault(FailureCode.OBJECT_ARCHIVED, "in an archive tier; restore it, then run again")
    return _head_ref(uri, answer)


def open_s3_file(uri: str, access: S3Access) -> ObjectReader:
    """Open an object without which a run can't begin, e.g. a manifest.

    Raises:
        ConfigurationError: It does not exist, or there are no credentials.
        RunFailedError: S3 denies it or does not answer.
        FileFault: Only from the reader.
    """
    with translate_aws_errors("s3:GetObject", uri):
        try:
            ref = _head_ref(uri, _head(uri, access))
        except AwsError as error:
            if error.code.isdigit():
                _explain(uri, access)
            raise
    return open_s3_object(ref, access)


def _head(uri: str, access: S3Access) -> dict[str, Any]:
    bucket, key = split_url(uri)
    answer: dict[str, Any] = request(partial(s3_client(access).head_object, Bucket=bucket, Key=key))
    return answer


def _explain(uri: str, access: S3Access) -> None:
    """Raise the error that a HEAD has only the status of: the answer to a GET has a body."""
    bucket, key = split_url(uri)
    request(partial(s3_client(access).get_object, Bucket=bucket, Key=key, Range="bytes=0-0"))


def _head_ref(uri: str, answer: dict[str, Any]) -> ObjectRef:
    modified = answer["LastModified"].astimezone(UTC).replace(tzinfo=None)
    return ObjectRef(uri, answer["ContentLength"], _bare(answer.get("ETag")), modified)


def _is_archived(head: dict[str, Any]) -> bool:
    is_in_tier = head.get("StorageClass") in ("GLACIER", "DEEP_ARCHIVE") or "ArchiveStatus" in head
    return is_in_tier and 'ongoing-request="false"' not in head.get("Restore", "")


def _fetch(get: Callable[[int, int], Buffer], start: int, end: int) -> Buffer:
    with _translate_object_errors():
        data: Buffer = request(partial(get, start, end))
    return data


@contextlib.contextmanager
def _translate_object_errors() -> Iterator[None]:
    """Raise a failed request as a fault of its object or, in a run that has begun, as the end of the run."""
    try:
        yield
    except AwsError as error:
        raise to_file_fault(error, "the source") from None
    except ConfigurationError as error:
        raise RunFailedError(str(error)) from None


def _get_by_obstore(store: Any, key: str, ref: ObjectRef, start: int, end: int) -> Buffer:
    options: dict[str, Any] = {"range": (start, end)}
    if ref.etag:
        options["if_match"] = f'"{ref.etag}"'
    elif ref.last_modified is not None:  # a store without etags
        options["if_unmodified_since"] = _second_after(ref.last_modified)
    answer = obstore.get(store, key, options=options)  # type: ignore[arg-type]
    _check_etag(answer.meta["e_tag"], ref)
    return _whole(memoryview(answer.bytes()), end - start)


def _get_by_boto3(client: Any, bucket: str, key: str, ref: ObjectRef, start: int, end: int) -> Buffer:
    condition: dict[str, Any] = {}
    if ref.etag:
        condition["IfMatch"] = f'"{ref.etag}"'
    elif ref.last_modified is not None:
        condition["IfUnmodifiedSince"] = _second_after(ref.last_modified)
    answer = client.get_object(Bucket=bucket, Key=key, Range=f"bytes={start}-{end - 1}", **condition)
    _check_etag(answer.get("ETag"), ref)
    return _whole(answer["Body"].read(), end - start)


def _second_after(moment: datetime) -> datetime:
    """HTTP has whole seconds."""
    return moment.replace(tzinfo=UTC) + timedelta(seconds=1)


def _check_etag(etag: str | None, ref: ObjectRef) -> None:
    """A server may ignore the condition; its answer has the etag of what it sent."""
    if ref.etag and etag and _bare(etag) != ref.etag:
        raise AwsError("PreconditionFailed", 412)


def _whole(data: Buffer, length: int) -> Buffer:
    if len(data) != length:
        raise AwsError(NO_WHOLE_ANSWER)
    return data


def _bare(etag: str | None) -> str:
    return (etag or "").strip('"')
