"""The files of a tar, in place or out of a stream that only runs forward."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from dicom_udf.archives.guard import corrupt, translate_damage
from dicom_udf.archives.limits import Account, Budget
from dicom_udf.archives.member import ArchivePart, MemberFault
from dicom_udf.archives.names import NameEncoding, Names, decode_name
from dicom_udf.archives.packers import is_tar_header
from dicom_udf.archives.slices import Slice
from dicom_udf.archives.sparse import Sparse, segments_of
from dicom_udf.archives.streams import Forward, Replay
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.markers import is_folder_marker

__all__ = ["tar_parts"]

_LARGEST_HEADER = 1 << 20
_LARGEST_HEADERS = 2 << 20  # of one member together, with the map of a sparse one
_PIECE = 64 << 10
_END_OF_TAR = "end of file header"  # tarfile's EOFHeaderError
_LONGEST_PADDING = 1 << 20  # programs fill a tar with zeros up to a multiple of 10 KiB, by option up to this
_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE, tarfile.GNUTYPE_SPARSE)


def tar_parts(
    file: BinaryIO | Forward, names: Names, budget: Budget, *, offset: int | None
) -> Iterator[ArchivePart | MemberFault]:
    """Yield the files of a ustar, GNU or PAX tar, or of several one after the other, in their order.

    Args:
        file: The tar, at its start.
        names: Makes the paths.
        budget: The budget of the object.
        offset: Offset of the tar in the stored object; None if its bytes are not stored verbatim.

    Raises:
        FileFault: CORRUPT_ARCHIVE if it is damaged, after the files before the damage; the faults of the file.
    """
    tar = _Tar(file, names, budget, offset)
    headers = _Headers(file)
    damage: FileFault | None = None
    while True:
        try:
            for info, stored in _infos(headers):
                name = _name(info, budget.limits.names)
                if info.type in _FILES and "__MACOSX" not in name.split("/") and not is_folder_marker(name, info.size):
                    yield tar.part(info, name, stored=stored)
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


@dataclass(frozen=True, slots=True)
class _Tar:
    """A tar; the attributes are the arguments of :func:`tar_parts`."""

    file: BinaryIO | Forward
    names: Names
    budget: Budget
    offset: int | None

    def part(self, info: tarfile.TarInfo, name: str, *, stored: int) -> ArchivePart | MemberFault:
        """Return a file of ``stored`` bytes (rounded up to blocks), or its fault."""
        path = self.names.path(name)
        if info.sparse is not None:
            return self._sparse(info, name, path, stored)
        start = None if self.offset is None else self.offset + info.offset_data
        return ArchivePart(path, name, info.size, self._stored(info, info.size), start)

    def _sparse(self, info: tarfile.TarInfo, name: str, path: str, stored: int) -> ArchivePart | MemberFault:
        try:
            segments = segments_of(info, stored)
        except FileFault as fault:
            return MemberFault(path, fault)
        file = self._stored(info, sum(length for _, length in segments))
        return ArchivePart(
            path, name, info.size, cast(BinaryIO, Sparse(file, segments, info.size, Account(self.budget))), None
        )

    def _stored(self, info: tarfile.TarInfo, size: int) -> BinaryIO:
        in_place = Slice(self.file, info.offset_data, size)
        return cast(BinaryIO, Replay(in_place, self.budget) if isinstance(self.file, Forward) else in_place)


def _infos(headers: _Headers) -> Iterator[tuple[tarfile.TarInfo, int]]:
    """Yield the headers from the tar's position up to its end or the first damaged one.

    Each comes with the number of stored bytes behind it, rounded up to blocks.
    """
    headers.begin()
    with translate_damage(f"the tar is damaged after byte {headers.end}"):
        archive = tarfile.TarFile(
            fileobj=cast(BinaryIO, headers), tarinfo=_StrictInfo, encoding="utf-8", errors="surrogateescape"
        )
    while True:
        headers.begin()
        with translate_damage(f"the tar is damaged after byte {headers.end}"):
            info = archive.next()
        if info is None:
            return
        archive.members = []  # type: ignore[attr-defined]  # tarfile keeps them all
        yield info, archive.offset - info.offset_data


def _name(info: tarfile.TarInfo, encoding: NameEncoding) -> str:
    """Return a member's name: a pax header is in UTF-8 (POSIX.1-2008) unless it declares otherwise."""
    pax = info.pax_headers
    is_utf8 = ("path" in pax or "GNU.sparse.name" in pax) and pax.get("hdrcharset") != "BINARY"
    return decode_name(info.name.encode("utf-8", "surrogateescape"), "auto" if is_utf8 else encoding)


class _StrictInfo(tarfile.TarInfo):
    """Raises for a damaged header, which tarfile treats as the end of the archive."""

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> _StrictInfo:
        try:
            info = super().fromtarfile(archive)
        except (tarfile.InvalidHeaderError, tarfile.TruncatedHeaderError):  # type: ignore[attr-defined]
            raise corrupt("a tar header is damaged; files behind it are read") from None
        except tarfile.EmptyHeaderError:  # type: ignore[attr-defined]
            raise corrupt("the tar ends without its end mark: files may be missing") from None
        if info.size < 0:
            raise corrupt("a tar member has a negative size")
        if info.sparse is not None and "size" in info.pax_headers:  # tarfile confuses the two sizes
            raise corrupt("a sparse tar member of more than 8 GiB isn't read")
        return info

    def _proc_pax(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        """Accept a global header before the end mark: git writes a tar without files like that."""
        try:
            return super()._proc_pax(archive)  # type: ignore[misc,no-any-return]  # typeshed leaves it out
        except tarfile.SubsequentHeaderError as error:  # type: ignore[attr-defined]
            if self.type == tarfile.XGLTYPE and str(error) == _END_OF_TAR:
                raise tarfile.EOFHeaderError(_END_OF_TAR) from None  # type: ignore[attr-defined]
            raise


class _Headers:
    """The file that tarfile reads: forward only and in small reads, so that no header can cause a loop or fill memory.

    Attributes:
        end: Offset after the last read.
    """

    def __init__(self, file: BinaryIO | Forward) -> None:
        self._file = file
        self._taken = 0
        self.end = 0

    def begin(self) -> None:
        """Start counting the headers of the next member."""
        self._taken = 0

    def tell(self) -> int:
        return self._file.tell()

    def seek(self, offset: int) -> int:
        if offset < self.end:
            raise corrupt("a tar header points back")
        return self._file.seek(offset)

    def read(self, size: int) -> bytes:
        self._taken += size
        if size > _LARGEST_HEADER or self._taken > _LARGEST_HEADERS:
            raise corrupt(f"a tar header of more than {_LARGEST_HEADER} bytes")
        data = self._file.read(size)
        self.end = self._file.tell()
        return data

    def find_another_tar(self) -> bool:
        """Move from a tar's last block of zeros to the header of another tar; False without one.

        Raises:
            FileFault: CORRUPT_ARCHIVE if one block of zeros is before other bytes: it does not end a tar.
        """
        start = position = self.end
        while position - start < _LONGEST_PADDING:
            data = self._peek(position, 512)
            if len(data) < 512:
                break
            if any(data):
                if position == start:
                    raise corrupt("a tar header is blank; files behind it are read")
                return is_tar_header(data)
            position = self.end = position + 512
        return False

    def _peek(self, position: int, size: int) -> bytes:
        """Return up to ``size`` bytes at a position, and leave the file there."""
        self._file.seek(position)
        if isinstance(self._file, Forward):
            return self._file.peek(size)
        data = self._file.read(size)
        self._file.seek(position)
        return data

    def resynchronise(self) -> bool:
        """Move to the next block that is a header by its magic and checksum; False without one."""
        position = -(-self.end // 512) * 512
        try:
            while True:
                data = self._peek(position, _PIECE)
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
