"""Goes through an object: itself, or the files of the archive it is, depth first."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO

from dicom_udf.archives.guard import Budget
from dicom_udf.archives.kinds import HEAD_BYTES, Kind, kind_of
from dicom_udf.archives.model import Limits, Member, MemberFault
from dicom_udf.archives.names import Names, without_ending
from dicom_udf.archives.part import Part
from dicom_udf.archives.streams import Replay, inflate
from dicom_udf.archives.tars import tar_parts
from dicom_udf.archives.zips import zip_parts
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["members"]

_BLOCK = 512
_DEFAULT_LIMITS = Limits()


def members(file: BinaryIO, *, name: str, limits: Limits = _DEFAULT_LIMITS) -> Iterator[Member | MemberFault]:
    """Yield the files of an object in their order, and a fault for each that can't be read.

    An object that is no archive is its own only member, with the path None.

    Args:
        file: The stored object, seekable.
        name: Its name or URI: what is in a single compressed file is called by it.
        limits: Bounds; over one of them ARCHIVE_LIMIT is the last fault.

    Raises:
        FileFault: Only what ``file`` itself raises: the store's faults.
    """
    budget = Budget(limits)
    size = file.seek(0, io.SEEK_END)
    try:
        yield from _look(Part(None, name, size, file, 0), budget, 0)
    except FileFault as fault:
        if fault is not budget.exceeded:
            raise
        yield MemberFault(None, fault)


def _look(part: Part, budget: Budget, depth: int) -> Iterator[Member | MemberFault]:
    """Yield a file, or what is in it; ``depth`` archives are around it."""
    try:
        kind = kind_of(_head(part.file))
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        yield MemberFault(part.path, fault)
        return
    if kind is Kind.PLAIN:
        yield Member(part.path, part.size, part.file, part.offset)
        budget.check()
    elif kind.is_unsupported:
        message = f"{kind.value} isn't read; pack it as zip or tar.gz"
        yield MemberFault(part.path, FileFault(FailureCode.UNSUPPORTED_COMPRESSION, message))
    elif depth >= budget.limits.depth:
        message = f"more than {budget.limits.depth} archives inside each other; unpack the outer ones"
        yield MemberFault(part.path, FileFault(FailureCode.NESTING_TOO_DEEP, message))
    else:
        yield from _expand(part, kind, budget, depth + 1)


def _expand(archive: Part, kind: Kind, budget: Budget, depth: int) -> Iterator[Member | MemberFault]:
    is_empty = True
    try:
        for part in _parts(archive, kind, budget):
            is_empty = False
            budget.count_member()
            if isinstance(part, MemberFault):
                yield part
                continue
            try:
                yield from _look(part, budget, depth)
            finally:
                part.file.close()
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        yield MemberFault(archive.path, fault)
        return
    if is_empty:
        yield MemberFault(archive.path, FileFault(FailureCode.EMPTY_ARCHIVE, f"the {kind.value} holds no file"))


def _parts(archive: Part, kind: Kind, budget: Budget) -> Iterator[Part | MemberFault]:
    names = Names(archive.path)
    if kind is Kind.ZIP:
        yield from zip_parts(archive.file, names, budget, offset=archive.offset)
    elif kind is Kind.TAR:
        yield from tar_parts(archive.file, names, budget, offset=archive.offset)
    else:
        yield from _stream_parts(archive, kind, names, budget)


def _stream_parts(archive: Part, kind: Kind, names: Names, budget: Budget) -> Iterator[Part | MemberFault]:
    """Yield the files of a compressed tar, or the one file that was compressed."""
    stream = inflate(archive.file, kind, budget)
    head = stream.peek(_BLOCK)
    if len(head) == _BLOCK and not any(head):
        head = stream.peek(HEAD_BYTES + 1)
    if kind_of(head) is Kind.TAR:
        yield from tar_parts(stream, names, budget, offset=None)
    else:
        name = without_ending(archive.name)
        file: BinaryIO = Replay(stream, budget)  # type: ignore[assignment]  # RawIOBase isn't typed as BinaryIO
        yield Part(names.path(name), name, None if head else 0, file, None)


def _head(file: BinaryIO) -> bytes:
    """Return what :func:`kind_of` needs, as few bytes as that is; the file is at its start again."""
    file.seek(0)
    head = file.read(_BLOCK)
    if len(head) == _BLOCK and not any(head):
        head += file.read(HEAD_BYTES + 1 - _BLOCK)
    file.seek(0)
    return head
