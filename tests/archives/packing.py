"""Packs files into every kind of archive, and reads back what comes out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from dicom_udf.archives import Limits, Member, MemberFault, members
from dicom_udf.errors import FailureCode, FileFault

Files = list[tuple[str, bytes]]
Seen = list[tuple[str | None, bytes | FailureCode]]


def pack_zip(files: Files, method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return out.getvalue()


class _Pipe(io.RawIOBase):
    """A file that can't seek, as a pipe: zipfile then writes lengths behind the data."""

    def __init__(self) -> None:
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.data += data
        return len(data)


def pack_zip_to_pipe(files: Files, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = _Pipe()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files:
            archive.writestr(zipfile.ZipInfo(name), data, compress_type=method)
    return bytes(out.data)


def pack_zip64(files: Files) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files:
            with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
                member.write(data)
    stored = out.getvalue()
    start = struct.unpack_from("<L", stored, len(stored) - 6)[0]
    return stored[:start] + _zip64_directory(stored[start:], start)


def _zip64_directory(directory: bytes, start: int) -> bytes:
    """Write a directory again with all its numbers in Zip64 fields."""
    out, at, count = b"", 0, 0
    while directory[at : at + 4] == b"PK\x01\x02":
        packed, size, name_length = struct.unpack_from("<2LH", directory, at + 20)
        offset = struct.unpack_from("<L", directory, at + 42)[0]
        extra = struct.pack("<2H3Q", 1, 24, size, packed, offset)
        head = bytearray(directory[at : at + 46])
        struct.pack_into("<2L", head, 20, 0xFFFFFFFF, 0xFFFFFFFF)
        struct.pack_into("<H", head, 30, len(extra))
        struct.pack_into("<L", head, 42, 0xFFFFFFFF)
        out += bytes(head) + directory[at + 46 : at + 46 + name_length] + extra
        at += 46 + name_length + struct.unpack_from("<H", directory, at + 30)[0]
        count += 1
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(out), start)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, start + len(out), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    return out + record + locator + end


def pack_tar(files: Files, form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


KINDS: dict[str, Callable[[Files], bytes]] = {
    "zip-stored": pack_zip,
    "zip-deflate": lambda files: pack_zip(files, zipfile.ZIP_DEFLATED),
    "zip-bzip2": lambda files: pack_zip(files, zipfile.ZIP_BZIP2),
    "zip-lzma": lambda files: pack_zip(files, zipfile.ZIP_LZMA),
    "zip-piped-stored": lambda files: pack_zip_to_pipe(files, zipfile.ZIP_STORED),
    "zip-piped-deflate": pack_zip_to_pipe,
    "zip64-stored": pack_zip64,
    "tar-ustar": lambda files: pack_tar(files, tarfile.USTAR_FORMAT),
    "tar-gnu": lambda files: pack_tar(files, tarfile.GNU_FORMAT),
    "tar-pax": pack_tar,
    "tar.gz": lambda files: gzip.compress(pack_tar(files)),
    "tar.bz2": lambda files: bz2.compress(pack_tar(files)),
    "tar.xz": lambda files: lzma.compress(pack_tar(files)),
}
ZIPS = [kind for kind in KINDS if kind.startswith("zip")]
IN_PLACE = {"zip-stored", "zip-piped-stored", "zip64-stored", "tar-ustar", "tar-gnu", "tar-pax"}
SINGLE: dict[str, Callable[[bytes], bytes]] = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}


def some_data(number: int, size: int = 3000) -> bytes:
    return bytes(128) + b"DICM" + random.Random(number).randbytes(size)


def seen(stored: bytes, name: str = "object", **limits: Any) -> Seen:
    return read_all(members(io.BytesIO(stored), name=name, limits=Limits(**limits)), stored)


def read_all(found: Iterable[Member | MemberFault], stored: bytes, step: int = -1) -> Seen:
    """Return what comes out, by paths; a member whose reading fails is its fault's code."""
    out: Seen = []
    for member in found:
        if isinstance(member, MemberFault):
            out.append((member.path, member.fault.code))
            continue
        try:
            data = b"".join(_pieces(member, step))
        except FileFault as fault:
            out.append((member.path, fault.code))
            continue
        if member.offset is not None:
            assert stored[member.offset : member.offset + len(data)] == data
        out.append((member.path, data))
    return out


def _pieces(member: Member, step: int) -> Iterator[bytes]:
    while piece := member.file.read(step):
        yield piece
        if step < 0:
            return


class Counting(io.RawIOBase):
    """A file over ``fetch(start, size)`` that counts what is read of it, and may be reported ahead."""

    def __init__(self, fetch: Callable[[int, int], bytes], size: int) -> None:
        super().__init__()
        self.reads: list[tuple[int, int]] = []
        self.foreseen: list[tuple[int, int]] = []
        self._fetch = fetch
        self._size = size
        self._position = 0

    @property
    def bytes_read(self) -> int:
        return sum(end - start for start, end in self.reads)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0, /) -> int:
        self._position = offset + (0, self._position, self._size)[whence]
        return self._position

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        self.reads.append((self._position, self._position + wanted))
        self._position += wanted
        return self._fetch(self._position - wanted, wanted)

    def will_read(self, ranges: Iterable[tuple[int, int]], /) -> None:
        self.foreseen.extend(ranges)


def counting(stored: bytes) -> Counting:
    return Counting(lambda start, size: stored[start : start + size], len(stored))
