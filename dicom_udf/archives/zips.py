"""The files of a zip, by its central directory (APPNOTE 4.3)."""

from __future__ import annotations

import stat
import struct
import zipfile
from collections.abc import Iterator
from typing import BinaryIO, cast

from dicom_udf.archives.guard import Budget, corrupt, guarded
from dicom_udf.archives.model import MemberFault
from dicom_udf.archives.names import Names, zip_name
from dicom_udf.archives.part import Part
from dicom_udf.archives.streams import Forward, Replay, Slice
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["zip_parts"]

_ENCRYPTED = 0x1 | 0x40
_PATCHED = 0x20
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_METHODS = {
    zipfile.ZIP_DEFLATED: 64 << 10,
    zipfile.ZIP_BZIP2: 4 << 10,
    zipfile.ZIP_LZMA: 4 << 10,
}
"""Bytes asked for at once: zipfile inflates all the bytes it reads, without a bound for bzip2 and LZMA."""
_METHOD_NAMES = {1: "shrink", 6: "implode", 9: "deflate64", 20: "zstd", 93: "zstd", 95: "xz", 96: "jpeg", 98: "ppmd"}
_UNIX = 3


def zip_parts(file: BinaryIO, names: Names, budget: Budget, *, offset: int | None) -> Iterator[Part | MemberFault]:
    """Yield the files of a zip in the order of its directory, and a fault for each that can't be read.

    Args:
        file: The zip.
        names: Gives the paths.
        budget: Of the object.
        offset: Where the zip begins in the stored object; None where it isn't there as it is.

    Raises:
        FileFault: CORRUPT_ARCHIVE where the directory can't be read; what the stored object's reader raises.
    """
    with guarded("the zip's central directory can't be read"):
        archive = zipfile.ZipFile(file)
        infos = archive.infolist()
    for info in infos:
        name = zip_name(info)
        if not _is_file(info, name):
            continue
        path = names.path(name)
        try:
            yield _part(archive, file, info, Part(path, name, info.file_size, file, offset), budget)
        except FileFault as fault:
            if fault.code.is_curable:
                raise
            yield MemberFault(path, fault)


def _is_file(info: zipfile.ZipInfo, name: str) -> bool:
    if name.endswith(("/", "\\")) or info.is_dir() or "__MACOSX" in name.split("/"):
        return False
    kind = stat.S_IFMT(info.external_attr >> 16) if info.create_system == _UNIX else 0
    return kind in (0, stat.S_IFREG)


def _part(archive: zipfile.ZipFile, file: BinaryIO, info: zipfile.ZipInfo, base: Part, budget: Budget) -> Part:
    if info.flag_bits & _ENCRYPTED:
        raise FileFault(FailureCode.ENCRYPTED_ARCHIVE, "the zip member is encrypted; store it without a password")
    method = info.compress_type
    if info.flag_bits & _PATCHED or method not in (zipfile.ZIP_STORED, *_METHODS):
        named = _METHOD_NAMES.get(method, f"method {method}")
        raise FileFault(FailureCode.UNSUPPORTED_COMPRESSION, f"zip compression {named} isn't read; pack it as deflate")
    if method == zipfile.ZIP_STORED:
        start = _data_start(file, info)
        offset = None if base.offset is None else base.offset + start
        return Part(base.path, base.name, base.size, cast(BinaryIO, Slice(file, start, info.file_size)), offset)
    with guarded("the zip member's local header is damaged"):
        opened = cast(zipfile.ZipExtFile, archive.open(info))
    # A small file's checksum would cost its header, a large one's is never reached: so neither is looked at.
    opened._expected_crc = None  # type: ignore[attr-defined]
    most = _METHODS[method]
    forward = Forward(lambda size: opened.read1(min(size, most)), budget, packed=lambda: info.compress_size)
    return Part(base.path, base.name, base.size, cast(BinaryIO, Replay(forward, budget)), None)


def _data_start(file: BinaryIO, info: zipfile.ZipInfo) -> int:
    """Return where a stored member's bytes begin; only its local header knows."""
    with guarded("the zip member's local header lies outside the archive"):
        file.seek(info.header_offset)
        magic, name_length, extra_length = _LOCAL_HEADER.unpack(file.read(_LOCAL_HEADER.size))
    if magic != b"PK\x03\x04" or info.compress_size != info.file_size:
        raise corrupt("the zip member's local header is damaged")
    return int(info.header_offset + _LOCAL_HEADER.size + name_length + extra_length)
