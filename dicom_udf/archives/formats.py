"""The formats of archives, one row each: its marks, and the function or decoder that reads it.

To read another format, add a row. A container has ``open_parts``, a compressed stream has ``decoder``; a format without
either is named in a fault and not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from dicom_udf.archives.decoders import Decoder, begin_bzip2, begin_gzip, begin_xz
from dicom_udf.archives.directory import LOCAL_MAGIC
from dicom_udf.archives.limits import Budget
from dicom_udf.archives.member import ArchivePart, MemberFault
from dicom_udf.archives.names import Names
from dicom_udf.archives.packers import is_arj, is_bzip2, is_cpio, is_lha, is_lzma, is_tar, is_zstd
from dicom_udf.archives.tars import tar_parts
from dicom_udf.archives.zips import zip_parts

__all__ = ["ARCHIVE_ENDINGS", "DMG", "FORMATS", "TAR", "ZIP", "ArchiveFormat", "name_of_content"]

OpenParts = Callable[[ArchivePart, Names, Budget], Iterator[ArchivePart | MemberFault]]


@dataclass(frozen=True, slots=True)
class ArchiveFormat:
    """One format of archives. It is not read if it has neither ``open_parts`` nor ``decoder``.

    Attributes:
        name: For messages.
        magics: First bytes, each of which is enough to detect the format.
        is_head: Detects the format by the first bytes where no magic is enough.
        descriptors: Identifiers of the first volume descriptor of a disc image, each of which is enough.
        endings: Endings of names, in lower case. They are hints for the cost of reading, never a proof of the format.
        open_parts: Yields the files of a container in their order.
        decoder: Makes the decoder of one compressed stream.
        next_magic: First bytes of a stream that continues the content of the stream before it.
    """

    name: str
    magics: tuple[bytes, ...] = ()
    is_head: Callable[[bytes], bool] | None = None
    descriptors: tuple[bytes, ...] = ()
    endings: tuple[str, ...] = ()
    open_parts: OpenParts | None = None
    decoder: Callable[[], Decoder] | None = None
    next_magic: bytes = b""

    @property
    def is_read(self) -> bool:
        """True for a format whose content is read."""
        return self.open_parts is not None or self.decoder is not None


ZIP = ArchiveFormat(
    "zip",
    # The last one begins a zip that was meant to have several parts and needed one only.
    magics=(LOCAL_MAGIC, b"PK\x05\x06", b"PK\x06\x06", b"PK\x07\x08", b"PK00" + LOCAL_MAGIC),
    endings=(".zip",),
    open_parts=lambda archive, names, budget: zip_parts(
        archive.file, names, budget, offset=archive.offset, reader=archive.range_reader
    ),
)
TAR = ArchiveFormat(
    "tar",
    is_head=is_tar,
    endings=(".tar",),
    open_parts=lambda archive, names, budget: tar_parts(archive.file, names, budget, offset=archive.offset),
)
DMG = ArchiveFormat("a dmg disc image", magics=(b"encrcdsa",), endings=(".dmg",))  # other ones have a mark at their end

# Read as the tag of a data element, in either byte order, each magic has a group above 0028. No DICOM file begins with
# such a group, so a file without preamble is never taken for an archive.
FORMATS = (
    ZIP,
    ArchiveFormat(
        "gzip",
        magics=(b"\x1f\x8b",),
        endings=(".gz", ".tgz"),
        decoder=begin_gzip,
        next_magic=b"\x1f\x8b\x08",
    ),
    ArchiveFormat(
        "bzip2",
        is_head=is_bzip2,
        endings=(".bz2", ".tbz", ".tbz2"),
        decoder=begin_bzip2,
        next_magic=b"BZh",
    ),
    ArchiveFormat(
        "xz",
        magics=(b"\xfd7zXZ\x00",),
        endings=(".xz", ".txz"),
        decoder=begin_xz,
        next_magic=b"\xfd7zXZ\x00",
    ),
    TAR,
    ArchiveFormat("7z", magics=(b"7z\xbc\xaf\x27\x1c",)),
    ArchiveFormat("rar", magics=(b"Rar!\x1a\x07", b"RE~^")),  # the latter before version 1.5
    ArchiveFormat("zstd", is_head=is_zstd),
    ArchiveFormat("lz4", magics=(b"\x04\x22\x4d\x18", b"\x02\x21\x4c\x18")),
    ArchiveFormat("compress", magics=(b"\x1f\x9d",)),
    ArchiveFormat("lzip", magics=(b"LZIP\x00", b"LZIP\x01")),
    ArchiveFormat("lzop", magics=(b"\x89LZO\x00\r\n\x1a\n",)),
    ArchiveFormat("cab", magics=(b"MSCF\0\0\0\0", b"ISc(")),  # the latter is InstallShield's
    ArchiveFormat("cpio", is_head=is_cpio),
    ArchiveFormat("arj", is_head=is_arj),
    ArchiveFormat("lha", is_head=is_lha),
    ArchiveFormat("xar", magics=(b"xar!",)),
    ArchiveFormat("lzma", is_head=is_lzma),
    ArchiveFormat("a wim image", magics=(b"MSWIM\0\0\0",)),
    ArchiveFormat("a squashfs image", magics=(b"hsqs", b"sqsh")),  # the latter of a big-endian machine
    ArchiveFormat("an ISO 9660 disc image", descriptors=(b"CD001",)),
    ArchiveFormat("a UDF disc image", descriptors=(b"BEA01", b"NSR02", b"NSR03", b"BOOT2", b"TEA01")),
    # Sectors of 2,352 bytes begin so (ECMA-130 §14).
    ArchiveFormat("a disc image of raw sectors", magics=(b"\0" + b"\xff" * 10 + b"\0",)),
    DMG,
)
"""All formats, in the order in which :func:`~dicom_udf.archives.detect.detect_head` tries those without a magic."""

ARCHIVE_ENDINGS = tuple(ending for one in FORMATS if one.is_read for ending in one.endings)
"""Endings of the names of archives that are read."""

_STREAM_ENDINGS = tuple(ending for one in FORMATS if one.decoder is not None for ending in one.endings)


def name_of_content(name: str) -> str:
    """Return the name of a compressed file's content: the last segment of its path without ``.gz`` and the like."""
    last = name.rpartition("/")[2]
    for ending in _STREAM_ENDINGS:
        if last.lower().endswith(ending) and len(last) > len(ending):
            return last[: -len(ending)]
    return last
