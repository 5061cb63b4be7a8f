"""The files of a tar, in place or out of a stream that only runs forward."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from dicom_udf.archives.guard import Budget, corrupt, guarded
from dicom_udf.archives.kinds import is_tar_header
from dicom_udf.archives.model import MemberFault
from dicom_udf.archives.names import Names, decoded
from dicom_udf.archives.part import Part
from dicom_udf.archives.slices import Slice
from dicom_udf.archives.streams import Forward, Replay
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["tar_parts"]

_LARGEST_HEADER = 1 << 20
_PIECE = 64 << 10
_LONGEST_PADDING = 1 << 20  # programs fill a tar with zeros up to a multiple of 10 KiB, by option up to this
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)


def tar_parts(
    file: BinaryIO | Forward, names: Names, budget: Budget, *, offset: int | None
) -> Iterator[Part | MemberFault]:
    """Yield the files of a ustar, GNU or PAX tar, or of several one after the other, in their order.

    Args:
        file: The tar, at its start.
        names: Gives the paths.
        budget: Of the object.
        offset: Where the tar begins in the stored object; None where it isn't there as it is.

    Raises:
        FileFault: CORRUPT_ARCHIVE where it is damaged, after the files before; what the file itself raises.
    """
    headers = _Headers(file)
    damage: FileFault | None = None
    while True:
        try:
            for info in _infos(headers):
                if info.issparse():
                    fault = FileFault(FailureCode.UNSUPPORTED_COMPRESSION, "a sparse tar member isn't read")
                    yield MemberFault(names.path(_name(info)), fault)
                elif info.type in _FILES and "__MACOSX" not in info.name.split("/"):
                    yield _part(file, info, names, budget, offset)
            if not headers.find_another_tar():
                break
        except FileFault as fault:
            if fault.code is not FailureCode.CORRUPT_ARCHIVE:
                raise
            damage = damage or fault
            if not headers.resynchronise():
                break
    if damage is not None:
        raise damage


def _infos(headers: _Headers) -> Iterator[tarfile.TarInfo]:
    """Yield the headers from where the tar stands up to its end or the first damaged one."""
    with guarded(f"the tar is damaged after byte {headers.end}"):
        archive = tarfile.TarFile(
            fileobj=cast(BinaryIO, headers), tarinfo=_StrictInfo, encoding="utf-8", errors="surrogateescape"
        )
    while True:
        with guarded(f"the tar is damaged after byte {headers.end}"):
            info = archive.next()
        if info is None:
            return
        archive.members = []  # type: ignore[attr-defined]  # tarfile keeps them all
        yield info


def _part(file: BinaryIO | Forward, info: tarfile.TarInfo, names: Names, budget: Budget, offset: int | None) -> Part:
    name = _name(info)
    in_place = Slice(file, info.offset_data, info.size)
    if isinstance(file, Forward):
        return Part(names.path(name), name, info.size, cast(BinaryIO, Replay(in_place, budget)), None)
    start = None if offset is None else offset + info.offset_data
    return Part(names.path(name), name, info.size, cast(BinaryIO, in_place), start)


def _name(info: tarfile.TarInfo) -> str:
    return decoded(info.name.encode("utf-8", "surrogateescape"))


class _StrictInfo(tarfile.TarInfo):
    """tarfile takes a damaged header for the end of the archive; here it is damage."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _StrictInfo:
        try:
            info = super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            raise corrupt("a tar header is damaged; what can be found behind it is read") from None
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise corrupt("the tar ends without its end mark: files may be missing") from None
        if info.size < 0:
            raise corrupt("a tar member has a negative size")
        return info


class _Headers:
    """The tar as tarfile sees it: forward only and by small reads, so that no header can make it loop or fill memory.

    Attributes:
        end: Where the last read ended.
    """

    def __init__(self, file: BinaryIO | Forward) -> None:
        self._file = file
        self.end = 0

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int) -> int:
        if offset < self.end:
            raise corrupt("a tar header points back")
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            raise corrupt(f"a tar header of more than {_LARGEST_HEADER} bytes")
        data = self._file.read(size)
        self.end = self._file.tell()
        return data

    def find_another_tar(self) -> bool:
        """Move from a tar's last block, of zeros, to the header of a tar that follows; False if none does.

        Raises:
            FileFault: CORRUPT_ARCHIVE where one block of zeros stands before something else: it ends no tar.
        """
        start = position = self.end
        while position - start < _LONGEST_PADDING:
            data = self._peeked(position, 512)
            if len(data) < 512:
                break
            if any(data):
                if position == start:
                    raise corrupt("a tar header is blank; what can be found behind it is read")
                return is_tar_header(data)
            position = self.end = position + 512
        return False

    def _peeked(self, position: int, size: int) -> bytes:
        """Return up to ``size`` bytes at a position, where the file is left."""
        self._file.seek(position)
        if isinstance(self._file, Forward):
            return self._file.peek(size)
        data = self._file.read(size)
        self._file.seek(position)
        return data

    def resynchronise(self) -> bool:
        """Move to the next block that is a header by its magic and checksum; False if there is none."""
        position = -(-self.end // 512) * 512
        try:
            while True:
                data = self._peeked(position, _PIECE)
                for at in range(0, len(data) - 511, 512):
                    if data[at + 257 : at + 262] == b"ustar" and is_tar_header(data[at : at + 512]):
                        self._file.seek(position + at)
                        self.end = position + at
                        return True
                if len(data) < _PIECE:
                    return False
                position += len(data)
        except FileFault as fault:
            if fault.code is not FailureCode.CORRUPT_ARCHIVE:
                raise
            return False
