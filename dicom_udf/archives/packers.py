"""Formats whose first bytes are too few or too plain to be a magic: the tests read the bytes behind them too.

A damaged archive is detected as well. Text and numbers that begin alike are not archives.
"""

from __future__ import annotations

import re
import struct
import tarfile

__all__ = [
    "HEAD_BYTES",
    "is_arj",
    "is_bzip2",
    "is_cpio",
    "is_lha",
    "is_lzma",
    "is_tar",
    "is_tar_header",
    "is_zstd",
]

HEAD_BYTES = 10_240
"""Usual size of a tar without files. One byte more is read, so that a longer file of zeros differs from it."""

_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")
_EMPTY_TARS = (bytes(1024), bytes(HEAD_BYTES))
_TAR_MAGICS = (b"ustar\x0000", b"ustar  \0")

_LHA = re.compile(rb"..-(?:lh[0-9dx]|lz[45s]|pm[0-2s])-.{13}[\x00-\x03]", re.DOTALL)
_CPIO_DIGITS = re.compile(rb"0707(?:0[12][0-9A-Fa-f\0]{8}|07[0-7\0]{8})")
_CPIO_BINARY = ("<13H", ">13H")
_CPIO_MAGIC = 0o070707
_UNIX_TYPES = (0o010000, 0o020000, 0o040000, 0o060000, 0o100000, 0o110000, 0o120000, 0o140000)
_LONGEST_NAME = 4096
_LONGEST_ARJ_HEADER = 2600
_LZMA_HEADER = struct.Struct("<BLQ")
_UNKNOWN_SIZE = (1 << 64) - 1
_LARGEST_LZMA = 1 << 38
_ZSTD_VERSIONS = b"\x1e\x22\x23\x24\x25\x26\x27\x28"


def is_bzip2(head: bytes) -> bool:
    """Return True for a bzip2 stream: its level, then its first block or its end."""
    return head[:3] == b"BZh" and b"1" <= head[3:4] <= b"9" and head[4:10] in _BZIP2_BLOCKS


def is_tar(head: bytes) -> bool:
    """Return True for a tar. One without files is two blocks of zeros, often padded.

    A tar whose first header is damaged may keep its magic.
    """
    block = head[:512]
    if len(block) < 512 or not any(block):
        return head in _EMPTY_TARS
    return is_tar_header(block) or block[257:265] in _TAR_MAGICS


def is_tar_header(block: bytes) -> bool:
    """Return True for the 512 bytes of a tar header of any age: its checksum is right."""
    digits = block[148:156].strip(b" \0")
    if len(block) < 512 or not digits or any(digit not in b"01234567" for digit in digits):
        return False
    return int(digits, 8) in tarfile.calc_chksums(block)  # type: ignore[attr-defined]  # typeshed leaves it out


def is_lha(head: bytes) -> bool:
    """Return True for an LHA header of level 0 to 3: its method is at byte 2, its level at byte 20."""
    return _LHA.match(head) is not None


def is_cpio(head: bytes) -> bool:
    """Return True for a cpio header: ASCII digits behind the magic, or 13 numbers of 16 bits in either byte order.

    The binary magic is two bytes, so the first file's type and name must be valid too.
    """
    if _CPIO_DIGITS.match(head):
        return True
    return any(_is_binary_cpio(head, form) for form in _CPIO_BINARY)


def _is_binary_cpio(head: bytes, form: str) -> bool:
    if len(head) < 26:
        return False
    magic, _, _, mode, *_, name_length, _, _ = struct.unpack_from(form, head)
    if magic != _CPIO_MAGIC or not 2 <= name_length <= _LONGEST_NAME:
        return False
    is_trailer = head[26:36] == b"TRAILER!!!"
    if not is_trailer and mode & 0o170000 not in _UNIX_TYPES:
        return False
    end = 26 + name_length - 1
    return b"\0" not in head[26:end] and head[end : end + 1] in (b"\0", b"")


def is_arj(head: bytes) -> bool:
    """Return True for an ARJ main header: 60 EA, and the header's length, which is at most 2,600."""
    return head[:2] == b"\x60\xea" and len(head) > 4 and int.from_bytes(head[2:4], "little") <= _LONGEST_ARJ_HEADER


def is_lzma(head: bytes) -> bool:
    """Return True for LZMA_Alone: properties, dictionary size, size, and a range coder that begins with 0.

    liblzma's bounds: lc + lp up to 4, a dictionary of 2^n or 2^n + 2^(n-1) bytes, less than 256 GiB inside. A stated
    size could be any small number, so only the properties that all programs write are accepted with it.
    """
    if len(head) <= _LZMA_HEADER.size or head[_LZMA_HEADER.size]:
        return False
    properties, dictionary, size = _LZMA_HEADER.unpack_from(head)
    if properties >= 225 or properties % 9 + properties // 9 % 5 > 4 or not _is_dictionary(dictionary):
        return False
    return bool(size == _UNKNOWN_SIZE or (properties == 0x5D and size < _LARGEST_LZMA))


def _is_dictionary(size: int) -> bool:
    top = 1 << size.bit_length() >> 1
    return size == 0xFFFFFFFF or (size >= 4096 and size in (top, top + top // 2))


def is_zstd(head: bytes) -> bool:
    """Return True for a zstd frame of any version, or a skippable one, as zstd's seekable format may have first."""
    if head[1:4] == b"\xb5\x2f\xfd":
        return head[0] in _ZSTD_VERSIONS
    return head[1:4] == b"\x2a\x4d\x18" and head[0] >> 4 == 5
