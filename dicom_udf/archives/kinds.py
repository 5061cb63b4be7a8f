"""Tells an archive by its first bytes, never by its name."""

from __future__ import annotations

import tarfile
from enum import Enum

__all__ = ["HEAD_BYTES", "Kind", "is_tar_header", "kind_of"]

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

    @property
    def is_unsupported(self) -> bool:
        """True for packed formats that are named but not read."""
        return self in _UNSUPPORTED


_UNSUPPORTED = frozenset({Kind.SEVEN_ZIP, Kind.RAR, Kind.ZSTD, Kind.LZ4, Kind.COMPRESS})
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
    (b"\x28\xb5\x2f\xfd", Kind.ZSTD),
    (b"\x04\x22\x4d\x18", Kind.LZ4),
    (b"\x02\x21\x4c\x18", Kind.LZ4),
    (b"\x1f\x9d", Kind.COMPRESS),
)
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_EMPTY_TARS = (bytes(1024), bytes(HEAD_BYTES))
_TAR_MAGICS = (b"ustar\x0000", b"ustar  \0")


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
    return Kind.TAR if _is_tar(head) else Kind.PLAIN


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
