"""Objects opened ahead of the one that is being read, so that a run waits for the store's latency once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from typing import Protocol, TypeVar

from dicom_udf.errors import DicomLakeError, FileFault, internal_error
from dicom_udf.sources.objects import ObjectReader, ObjectRef, S3Access
from dicom_udf.sources.pool import POOL_THREADS, request_pool
from dicom_udf.sources.ranges import FIRST_REQUEST
from dicom_udf.sources.stores import open_object

__all__ = ["AHEAD", "Opening", "open_ahead"]

AHEAD = POOL_THREADS
"""Objects opened ahead: with 30 ms for each request that is two thousand objects a second, and 4 MiB of memory."""


class Opening(Protocol):
    """An object to open."""

    @property
    def ref(self) -> ObjectRef:
        """The object."""
        ...

    @property
    def first_range(self) -> tuple[int, int] | None:
        """The bytes that will be read first, ``(start, end)``; None for the beginning."""
        ...


ToOpen = TypeVar("ToOpen", bound=Opening)


def open_ahead(items: Iterable[ToOpen], access: S3Access) -> Iterator[tuple[ToOpen, ObjectReader | FileFault]]:
    """Yield each item in order, with a reader, which the caller closes, or with the fault that kept it from opening.

    Objects in S3 are opened, and their first range is requested, up to :data:`AHEAD` places before they are yielded;
    local files when they are yielded.

    Args:
        items: Objects to open, taken lazily.
        access: How S3 is reached.

    Raises:
        RunFailedError: The store can't be used at all.
    """
    waiting: deque[tuple[ToOpen, Future[ObjectReader | FileFault] | None]] = deque()
    upcoming = iter(items)
    try:
        while True:
            while len(waiting) < AHEAD and (item := next(upcoming, None)) is not None:
                is_remote = not item.ref.uri.startswith("file://")
                waiting.append((item, request_pool().submit(_open_and_preload, item, access) if is_remote else None))
            if not waiting:
                return
            item, future = waiting.popleft()
            yield item, _open(item.ref, access) if future is None else future.result()
    finally:
        for _, future in waiting:
            if future is not None and not future.cancel():
                reader = future.result() if future.exception() is None else None
                if reader is not None and not isinstance(reader, FileFault):
                    reader.close()


def _open(ref: ObjectRef, access: S3Access) -> ObjectReader | FileFault:
    try:
        return open_object(ref, access)
    except FileFault as fault:
        return fault
    except DicomLakeError:
        raise
    except Exception as error:  # one object must not stop a run of millions
        return internal_error(error, "object")


def _open_and_preload(item: Opening, access: S3Access) -> ObjectReader | FileFault:
    reader = _open(item.ref, access)
    if isinstance(reader, FileFault):
        return reader
    try:
        reader.preload(*(item.first_range or (0, FIRST_REQUEST)))
    except BaseException as error:
        reader.close()
        if isinstance(error, FileFault):
            return error
        if isinstance(error, DicomLakeError) or not isinstance(error, Exception):
            raise
        return internal_error(error, "object")
    return reader
