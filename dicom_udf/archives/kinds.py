"""Tells an archive by its first bytes, never by its name."""

from __future__ import annotations

import re
import tarfile
from enum import Enum

from dicom_udf.archives.packers import is_arj, is_cpio, is_lha, is_lzma, is_zstd

__all__ = ["HEAD_BYTES", "Kind", "begins_like_dicom", "is_tar_header", "kind_of"]

HEAD_BYTES = 10_240
"""What a tar of no files usually measures. One byte more is looked at, to tell it from a longer file of zeros."""


class Kind(Enum):
    """What the first bytes say; the value is the format's name for messages."""

    PLAIN = "plain"
    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    SEVEN_ZIP = "7z"
    RAR = "rar"
    ZSTD = "zstd"
    LZ4 = "lz4"
    COMPRESS = "compress"
    LZMA = "lzma"
    LZIP = "lzip"
    LZOP = "lzop"
    CAB = "cab"
    CPIO = "cpio"
    ARJ = "arj"
    LHA = "lha"
    XAR = "xar"
    WIM = "a wim image"
    SQUASHFS = "a squashfs image"
    ISO_9660 = "an ISO 9660 disc image"
    UDF = "a UDF disc image"
    RAW_DISC = "a disc image of raw sectors"
    DMG = "a dmg disc image"

    @property
    def is_unsupported(self) -> bool:
        """True for formats that hold other files and are named but not read."""
        return self not in _READ


_READ = frozenset({Kind.PLAIN, Kind.ZIP, Kind.TAR, Kind.GZIP, Kind.BZIP2, Kind.XZ})
# Read as the tag of a data element, in either byte order, each of these has a group above 0028, with which no DICOM
# file begins: one without preamble is never taken for a packer.
_MAGIC = (
    (b"PK\x03\x04", Kind.ZIP),
    (b"PK\x05\x06", Kind.ZIP),
    (b"PK\x06\x06", Kind.ZIP),
    (b"PK\x07\x08", Kind.ZIP),
    (b"PK00PK\x03\x04", Kind.ZIP),  # was to be split, but needed one part only
    (b"\x1f\x8b\x08", Kind.GZIP),
    (b"\xfd7zXZ\x00", Kind.XZ),
    (b"7z\xbc\xaf\x27\x1c", Kind.SEVEN_ZIP),
    (b"Rar!\x1a\x07", Kind.RAR),
    (b"RE~^", Kind.RAR),  # before version 1.5
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"\x02\x21\x4c\x18", Kind.LZ4),
    (b"\x1f\x9d", Kind.COMPRESS),
    (b"LZIP\x00", Kind.LZIP),
    (b"LZIP\x01", Kind.LZIP),
    (b"\x89LZO\x00\r\n\x1a\n", Kind.LZOP),
    (b"MSCF\0\0\0\0", Kind.CAB),
    (b"ISc(", Kind.CAB),  # InstallShield's
    (b"xar!", Kind.XAR),
    (b"MSWIM\0\0\0", Kind.WIM),
    (b"hsqs", Kind.SQUASHFS),
    (b"sqsh", Kind.SQUASHFS),  # of a big-endian machine
    (b"encrcdsa", Kind.DMG),  # encrypted: its end has no mark
    (b"\0" + b"\xff" * 10 + b"\0", Kind.RAW_DISC),  # sectors of 2,352 bytes begin so (ECMA-130 §14)
)
_PACKERS = ((is_zstd, Kind.ZSTD), (is_cpio, Kind.CPIO), (is_arj, Kind.ARJ), (is_lha, Kind.LHA), (is_lzma, Kind.LZMA))
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_EMPTY_TARS = (bytes(1024), bytes(HEAD_BYTES))
_TAR_MAGICS = (b"ustar\x0000", b"ustar  \0")
_VR = re.compile(rb"[A-Z]{2}")
_HIGHEST_GROUP = 0x0028
_LONGEST_FIRST = 1 << 16
_COMMAND_LENGTHS = (b"\4\0\0\0", b"\0\0\0\4")


def kind_of(head: bytes) -> Kind:
    """Return the kind of a file from its first ``HEAD_BYTES + 1`` bytes, all it has if it is shorter.

    ``DICM`` at 128 comes first: a preamble may hold anything (PS3.10 §7.1), such as the magic of another format.
    """
    if head[128:132] == b"DICM":
        return Kind.PLAIN
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    if head[:3] == b"BZh" and b"1" <= head[3:4] <= b"9" and head[4:10] in _BZIP2_BLOCKS:
        return Kind.BZIP2
    if _is_tar(head):
        return Kind.TAR
    if not begins_like_dicom(head):
        for is_kind, kind in _PACKERS:
            if is_kind(head):
                return kind
    return Kind.PLAIN


def begins_like_dicom(head: bytes) -> bool:
    """Return True for a file with the DICM prefix, or with a data element where a file without it may have its first.

    Such an element has a group up to 0028, and a VR or a length of at most 64 KiB, in either byte order.
    """
    if head[128:132] == b"DICM" or head[:4] == b"DICM":
        return True
    return _is_first_element(head[:8]) or _is_first_element(head[128:136])


def _is_first_element(data: bytes) -> bool:
    if len(data) < 8:
        return False
    if not any(data[:4]):  # (0000,0000), the length of a command set
        return data[4:] in _COMMAND_LENGTHS or data[4:6] == b"UL"
    for order in ("little", "big"):
        group, length = (int.from_bytes(data[at:end], order) for at, end in ((0, 2), (4, 8)))
        is_plausible = _VR.match(data, 4) or length <= _LONGEST_FIRST or length == 0xFFFFFFFF
        if 0 < group <= _HIGHEST_GROUP and is_plausible:
            return True
    return False


def is_tar_header(block: bytes) -> bool:
    """Tell whether 512 bytes are a tar header of any age: it has a checksum."""
    digits = block[148:156].strip(b" \0")
    if len(block) < 512 or not digits or any(digit not in b"01234567" for digit in digits):
        return False
    return int(digits, 8) in tarfile.calc_chksums(block)  # type: ignore[attr-defined]  # typeshed leaves it out


def _is_tar(head: bytes) -> bool:
    """A tar of no files is two blocks of zeros, often padded; one whose first header is damaged may keep its magic."""
    block = head[:512]
    if len(block) < 512 or not any(block):
        return head in _EMPTY_TARS
    return is_tar_header(block) or block[257:265] in _TAR_MAGICS
