"""Reads the files of one stored object, and writes each under its name once it is whole."""

from __future__ import annotations

import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from dicom_udf.archives import Limits, MemberFault, wanted_members
from dicom_udf.config import S3Access
from dicom_udf.errors import DicomLakeError, FailureCode, FileFault, RunFailedError, internal_error
from dicom_udf.fetching.cohort import CohortFile
from dicom_udf.fetching.plan import MEMBERS_PACE, Job
from dicom_udf.sources import REMOTE, ObjectReader, ObjectRef, Pace, RangeReader, find_object, open_object

__all__ = ["Copied", "Copier", "Outcome", "hash_file", "translate_write_errors"]

_PIECE = 1 << 20
_SMALLEST_GAP = 4 << 10
_MESSAGES = {
    FailureCode.OBJECT_CHANGED: "the object was replaced since it was ingested; run the ingest, then the query again",
    FailureCode.NOT_FOUND: "the object was removed since it was ingested; run the ingest, then the query again",
    FailureCode.OBJECT_ARCHIVED: "the object is in an archive tier; restore it, then fetch again",
}
_OF_THE_OBJECT = frozenset({*_MESSAGES, FailureCode.ACCESS_DENIED})
"""Faults that every member of an object has."""


class Copied(NamedTuple):
    """A file in the target folder.

    Attributes:
        size: Bytes.
        sha256: In hexadecimal.
    """

    size: int
    sha256: str


Outcome = Copied | FileFault
"""Of one file."""


class _Stopped(DicomLakeError):
    """Another thread failed, or the user interrupts."""


@dataclass(frozen=True, slots=True)
class Copier:
    """Copies the files of jobs; several threads share it.

    Attributes:
        folder: The target folder.
        access: How S3 is reached.
        limits: Limits of archives; the ingest has read these archives, so only the encoding of names matters.
        is_stopped: Returns True once copying should end.
    """

    folder: Path
    access: S3Access
    limits: Limits
    is_stopped: Callable[[], bool]

    def copy(self, job: Job) -> Iterator[tuple[CohortFile, Outcome]]:
        """Copy the files of one object, and yield each with its outcome.

        Raises:
            RunFailedError: The target folder can't be written, or the store can't be used at all.
        """
        try:
            ref = self._find(job)
            reader = open_object(ref, self.access, pace=_pace(job))
        except FileFault as fault:
            yield from ((file, _explain(fault)) for file in job.files)
            return
        with closing(reader):
            if job.files[0].member is None:
                yield job.files[0], self._copy_loose(job.files[0], reader, ref)
            else:
                yield from self._copy_members(job, reader, ref)

    def _find(self, job: Job) -> ObjectRef:
        """Return the object as it was ingested; where a manifest lacks some of that, as it is now.

        Raises:
            FileFault: The faults of the store; OBJECT_CHANGED if the object isn't the one that was ingested.
        """
        first, etags = job.files[0], {file.etag for file in job.files if file.etag}
        if len(etags) == 1 and first.object_size is not None:
            return ObjectRef(first.uri, first.object_size, etags.pop(), first.last_modified)
        found = find_object(first.uri, self.access)
        if etags - {found.etag}:
            raise FileFault(FailureCode.OBJECT_CHANGED, "")
        return found

    def _copy_loose(self, file: CohortFile, reader: ObjectReader, ref: ObjectRef) -> Outcome:
        def read_whole() -> Copied:
            if ref.size > REMOTE.largest:
                cast(RangeReader, reader).will_read([(0, ref.size)])
            else:
                reader.preload(0, ref.size)
            return self._write(file, cast(BinaryIO, reader), None)

        return _attempt(read_whole)

    def _copy_members(self, job: Job, reader: ObjectReader, ref: ObjectRef) -> Iterator[tuple[CohortFile, Outcome]]:
        left: dict[str | None, list[CohortFile]] = {}
        for file in job.files:
            left.setdefault(file.member, []).append(file)
        paths = [path for path in left if path is not None]
        faults: dict[str | None, FileFault] = {}
        try:
            for found in wanted_members(cast(BinaryIO, reader), name=ref.uri, paths=paths, limits=self.limits):
                if isinstance(found, MemberFault):
                    faults[found.path] = found.fault
                    continue
                for file in left.get(found.path, ()):
                    outcome = self._copy_member(file, found.file, found.crc)
                    if isinstance(outcome, FileFault) and outcome.code in _OF_THE_OBJECT:
                        raise outcome
                    yield file, outcome
                left.pop(found.path, None)
        except FileFault as fault:
            faults[None] = _explain(fault)
        except DicomLakeError:
            raise
        except Exception as error:  # one archive must not stop the others
            faults[None] = internal_error(error, "archive")
        yield from ((file, _find_fault(path or "", faults)) for path, files in left.items() for file in files)

    def _copy_member(self, file: CohortFile, content: BinaryIO, crc: int | None) -> Outcome:
        def read_member() -> Copied:
            content.seek(0)  # of a member that has two targets
            return self._write(file, content, crc)

        return _attempt(read_member)

    def _write(self, file: CohortFile, content: BinaryIO, crc: int | None) -> Copied:
        """Write a file under its name once it is whole.

        Raises:
            FileFault: Of the content, or CORRUPT_ARCHIVE if it isn't what its archive states.
            RunFailedError: The target folder can't be written.
        """
        path = self.folder / file.target
        part = path.with_name(f"{path.name}.part")
        with translate_write_errors(self.folder):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                copied, checksum = self._write_part(part, content, file.size)
                _check(copied, checksum, file, crc)
                part.replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
                raise
        return copied

    def _write_part(self, part: Path, content: BinaryIO, most: int | None) -> tuple[Copied, int]:
        digest, checksum, size = hashlib.sha256(), 0, 0
        with part.open("wb") as out:
            while piece := content.read(_PIECE):
                if self.is_stopped():
                    raise _Stopped
                out.write(piece)
                digest.update(piece)
                checksum = zlib.crc32(piece, checksum)
                size += len(piece)
                if most is not None and size > most:  # of a member that inflates to more than it may
                    break
        return Copied(size, digest.hexdigest()), checksum


def hash_file(path: Path) -> Copied:
    """Return the size and the hash of a local file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
        return Copied(file.tell(), digest.hexdigest())


@contextlib.contextmanager
def translate_write_errors(folder: Path) -> Iterator[None]:
    """Turn an error of the file system into RunFailedError, without the file's name: it may be a patient's."""
    try:
        yield
    except OSError as error:
        raise RunFailedError(
            f"a file can't be written in {folder} ({error.strerror or type(error).__name__}); correct that, then run "
            "the same command again: it goes on where it stopped"
        ) from None


def _pace(job: Job) -> Pace:
    """Return sizes of requests by which at most a twentieth of the members' bytes more is read through gaps."""
    if job.files[0].member is None:
        return REMOTE
    sizes = [file.size for file in job.files if file.size is not None]
    gap = sum(sizes) // (20 * len(sizes)) if sizes else 0
    return replace(MEMBERS_PACE, gap=min(max(gap, _SMALLEST_GAP), MEMBERS_PACE.gap))


def _attempt(copy: Callable[[], Copied]) -> Outcome:
    try:
        return copy()
    except FileFault as fault:
        return _explain(fault)
    except DicomLakeError:
        raise
    except Exception as error:  # one file must not stop the others
        return internal_error(error, "file")


def _check(copied: Copied, checksum: int, file: CohortFile, crc: int | None) -> None:
    if file.size is not None and copied.size != file.size:
        is_longer = copied.size > file.size
        raise FileFault(
            FailureCode.CORRUPT_ARCHIVE if file.member is not None else FailureCode.OBJECT_CHANGED,
            f"the file has {'more than' if is_longer else f'{copied.size} of'} {file.size} bytes; pack it again",
        )
    if crc is not None and checksum != crc:
        raise FileFault(
            FailureCode.CORRUPT_ARCHIVE, "the file's checksum is not the one that the zip states; pack it again"
        )


def _explain(fault: FileFault) -> FileFault:
    """Return a fault with the remedy of a fetch: those of the readers are about ingests."""
    message = _MESSAGES.get(fault.code)
    return fault if message is None else FileFault(fault.code, message)


def _find_fault(path: str, faults: Mapping[str | None, FileFault]) -> FileFault:
    """Return the fault of a member, of the innermost archive around it that has one, or its absence."""
    found: str | None = path
    while found is not None:
        if found in faults:
            return faults[found]
        found = found.rpartition("!")[0] or None
    return faults.get(None) or FileFault(
        FailureCode.NOT_FOUND,
        "the archive has no member of this path; check the manifest, and give --archive-names as at the ingest",
    )
