"""Walks through an object: the object itself, or the files of the archive it is, depth first."""

from __future__ import annotations

import io
from collections.abc import Collection, Iterator
from typing import BinaryIO

from dicom_udf.archives.detect import detect_format, detect_head
from dicom_udf.archives.formats import TAR, ZIP, ArchiveFormat, name_of_content
from dicom_udf.archives.limits import Budget, Limits
from dicom_udf.archives.member import ArchivePart, Member, MemberFault, ZipRange
from dicom_udf.archives.names import Names
from dicom_udf.archives.packers import HEAD_BYTES
from dicom_udf.archives.streams import Forward, Packed, Replay
from dicom_udf.archives.tars import tar_parts
from dicom_udf.archives.wanted import Wanted
from dicom_udf.archives.zips import wanted_zip_parts, zip_range_parts
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["members", "wanted_members"]

_BLOCK = 512
_DEFAULT_LIMITS = Limits()


def members(
    file: BinaryIO, *, name: str, limits: Limits = _DEFAULT_LIMITS, zip_range: ZipRange | None = None
) -> Iterator[Member | MemberFault]:
    """Yield the files of an object in their order, and a fault for each that can't be read.

    An object that is not an archive is its own only member, with the path None.

    Args:
        file: The stored object, seekable. If it has ``will_read`` (:class:`Foreseeing`), ranges are announced to it.
        name: Its name or URI. The content of a single compressed file is named after it.
        limits: Limits; over one of them ARCHIVE_LIMIT is the last fault.
        zip_range: A range of :func:`~dicom_udf.archives.split_zip`: only its members are read.

    Raises:
        FileFault: The faults of ``file``, that is, of the store.
    """
    budget = Budget(limits)
    size = file.seek(0, io.SEEK_END)
    whole = ArchivePart(None, name, size, file, 0)
    try:
        if zip_range is None:
            yield from _read_part(whole, budget, 0)
        else:
            parts = zip_range_parts(file, Names(None, zip_range.seen), budget, zip_range, reader=whole.range_reader)
            yield from _expand(whole, ZIP, parts, budget, 1, is_empty=False)
    except FileFault as fault:
        if fault is not budget.exceeded:
            raise
        yield MemberFault(None, fault)


def wanted_members(
    file: BinaryIO, *, name: str, paths: Collection[str], limits: Limits = _DEFAULT_LIMITS
) -> Iterator[Member | MemberFault]:
    """Yield some files of an archive, as :func:`members` yields all of them, and read as little as its format allows.

    A zip: its directory and these files. A tar: the headers up to the last of these files. A compressed tar: all bytes
    up to there. Files come in the order of their bytes. A path that the archive lacks is left out.

    Args:
        file: The stored object, as for :func:`members`.
        name: Its name or URI.
        paths: ``source_member`` of each file.
        limits: Limits; over one of them ARCHIVE_LIMIT is the last fault.

    Raises:
        FileFault: The faults of ``file``, that is, of the store.

    Example:
        >>> import io, zipfile
        >>> with zipfile.ZipFile(file := io.BytesIO(), "w") as archive:
        ...     archive.writestr("a.dcm", b"first")
        ...     archive.writestr("b.dcm", b"second")
        >>> [(member.path, member.file.read()) for member in wanted_members(file, name="x.zip", paths=["b.dcm"])]
        [('b.dcm', b'second')]
    """
    budget, wanted = Budget(limits), Wanted(paths)
    whole = ArchivePart(None, name, file.seek(0, io.SEEK_END), file, 0)
    try:
        for found in _read_part(whole, budget, 0, wanted):
            yield found
            wanted.discard(found.path)
    except FileFault as fault:
        if fault is not budget.exceeded:
            raise
        yield MemberFault(None, fault)


def _read_part(
    part: ArchivePart, budget: Budget, depth: int, wanted: Wanted | None = None
) -> Iterator[Member | MemberFault]:
    """Yield a file, or its content if it is an archive; ``depth`` archives are around it."""
    try:
        kind = detect_format(part.file, name=part.name, is_in_place=part.offset is not None)
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        yield MemberFault(part.path, fault)
        return
    if kind is None:
        yield Member(part.path, part.size, part.file, part.offset, part.crc)
        budget.check()
    elif not kind.is_read:
        message = f"{kind.name} isn't read; pack it as zip or tar.gz"
        yield MemberFault(part.path, FileFault(FailureCode.UNSUPPORTED_COMPRESSION, message))
    elif depth >= budget.limits.depth:
        message = f"more than {budget.limits.depth} archives inside each other; unpack the outer ones"
        yield MemberFault(part.path, FileFault(FailureCode.NESTING_TOO_DEEP, message))
    else:
        yield from _expand(part, kind, _parts(part, kind, budget, wanted), budget, depth + 1, wanted=wanted)


def _expand(
    archive: ArchivePart,
    kind: ArchiveFormat,
    parts: Iterator[ArchivePart | MemberFault],
    budget: Budget,
    depth: int,
    *,
    is_empty: bool = True,
    wanted: Wanted | None = None,
) -> Iterator[Member | MemberFault]:
    """Yield the content of an archive's parts; ``is_empty`` is False if another task reads other parts."""
    try:
        for part in parts:
            is_empty = False
            budget.count_member()
            if isinstance(part, MemberFault):
                yield part
                continue
            try:
                if wanted is None or wanted.includes(part.path):
                    yield from _read_part(part, budget, depth, wanted)
            finally:
                part.file.close()
            if wanted is not None and wanted.is_empty:
                return
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        yield MemberFault(archive.path, fault)
        return
    if is_empty and wanted is None:
        yield MemberFault(archive.path, FileFault(FailureCode.EMPTY_ARCHIVE, f"the {kind.name} contains no file"))


def _parts(
    archive: ArchivePart, kind: ArchiveFormat, budget: Budget, wanted: Wanted | None
) -> Iterator[ArchivePart | MemberFault]:
    names = Names(archive.path)
    if wanted is not None and kind is ZIP:
        yield from _wanted_zip_parts(archive, budget, wanted)
    elif kind.open_parts is not None:
        yield from kind.open_parts(archive, names, budget)
    elif kind.decoder is not None:
        packed = Packed(archive.file, 0, None, kind.decoder, magic=kind.next_magic)
        yield from _stream_parts(archive, Forward(packed, budget), names, budget)


def _wanted_zip_parts(archive: ArchivePart, budget: Budget, wanted: Wanted) -> Iterator[ArchivePart | MemberFault]:
    """Yield some files of a zip; of one whose directory is damaged all files, as the ingest found them."""
    names, reader = Names(archive.path), archive.range_reader
    parts = wanted_zip_parts(archive.file, names, budget, wanted, offset=archive.offset, reader=reader)
    try:
        first = next(parts, None)
    except FileFault as fault:
        if fault.code is not FailureCode.CORRUPT_ARCHIVE:
            raise
        if ZIP.open_parts is not None:
            yield from ZIP.open_parts(archive, Names(archive.path), budget)
        return
    if first is not None:
        yield first
        yield from parts


def _stream_parts(
    archive: ArchivePart, stream: Forward, names: Names, budget: Budget
) -> Iterator[ArchivePart | MemberFault]:
    """Yield the files of a compressed tar, or the one file that was compressed."""
    head = stream.peek(_BLOCK)
    if len(head) == _BLOCK and not any(head):
        head = stream.peek(HEAD_BYTES + 1)
    if detect_head(head) is TAR:
        yield from tar_parts(stream, names, budget, offset=None)
        stream.finish()
    else:
        name = name_of_content(archive.name)
        file: BinaryIO = Replay(stream, budget)  # type: ignore[assignment]  # RawIOBase isn't typed as BinaryIO
        yield ArchivePart(names.path(name), name, None if head else 0, file, None)
