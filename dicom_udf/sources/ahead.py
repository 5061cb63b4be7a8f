"""Objects opened ahead of the one that is being read, so that a store's latency is waited for once, not per object."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future

from dicom_udf.errors import DicomLakeError, FileFault, internal_error
from dicom_udf.sources.model import ObjectReader, ObjectRef, S3Access
from dicom_udf.sources.pool import POOL_THREADS, request_pool
from dicom_udf.sources.ranges import FIRST_REQUEST
from dicom_udf.sources.stores import open_object

__all__ = ["AHEAD", "open_ahead"]

AHEAD = POOL_THREADS
"""Objects opened ahead: with 30 ms for each request that is two thousand objects a second, and 4 MiB of memory."""

FirstRange = tuple[int, int]


def open_ahead(
    refs: Iterable[tuple[ObjectRef, FirstRange | None]], access: S3Access
) -> Iterator[ObjectReader | FileFault]:
    """Yield a reader for each object in their order, or the fault that kept it closed; its taker closes it.

    Objects of a store over the network are opened and begun to be read up to :data:`AHEAD` places before they are
    taken; local files when they are taken.

    Args:
        refs: Objects, each with the range that will be read first (None: the beginning). Taken lazily.
        access: How S3 is reached.

    Raises:
        RunFailedError: A store that can't be used at all.
    """
    waiting: deque[Future[ObjectReader | FileFault] | ObjectRef] = deque()
    upcoming = iter(refs)
    try:
        while True:
            while len(waiting) < AHEAD and (found := next(upcoming, None)) is not None:
                ref, first = found
                is_remote = not ref.uri.startswith("file://")
                waiting.append(request_pool().submit(_begun, ref, first, access) if is_remote else ref)
            if not waiting:
                return
            place = waiting.popleft()
            yield _opened(place, access) if isinstance(place, ObjectRef) else place.result()
    finally:
        for place in waiting:
            if isinstance(place, Future) and not place.cancel():
                reader = place.result() if place.exception() is None else None
                if reader is not None and not isinstance(reader, FileFault):
                    reader.close()


def _opened(ref: ObjectRef, access: S3Access) -> ObjectReader | FileFault:
    try:
        return open_object(ref, access)
    except FileFault as fault:
        return fault
    except DicomLakeError:
        raise
    except Exception as error:  # one object must not stop a run of millions
        return internal_error(error, "object")


def _begun(ref: ObjectRef, first: FirstRange | None, access: S3Access) -> ObjectReader | FileFault:
    reader = _opened(ref, access)
    if isinstance(reader, FileFault):
        return reader
    try:
        reader.preload(*(first or (0, FIRST_REQUEST)))
    except BaseException as error:
        reader.close()
        if isinstance(error, FileFault):
            return error
        if isinstance(error, DicomLakeError) or not isinstance(error, Exception):
            raise
        return internal_error(error, "object")
    return reader
