"""Decompressors that return the bytes before a damaged place; the standard library's lose those of a failing call.

zlib's can be copied, so a failed call is repeated in small steps. bz2's and lzma's can't: each call requests so few
bytes that less than a tar's block is lost.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import zlib
from collections.abc import Callable
from typing import Protocol

__all__ = ["ZIP_DECODERS", "Decoder", "begin_bzip2", "begin_gzip", "begin_xz"]

_DICTIONARY_BYTES = 512 << 20
_STEP = 512
_LARGEST_GZIP_HEADER = 1 << 20
_FAILURES = (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, MemoryError)


class Decoder(Protocol):
    """One compressed stream.

    Attributes:
        is_sound: False once its checksum or length was wrong, although no byte is lost.
    """

    is_sound: bool

    @property
    def needs_input(self) -> bool:
        """True if it returns no more bytes without input."""
        ...

    @property
    def eof(self) -> bool:
        """True when the stream has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Input behind the stream's end."""
        ...

    def decompress(self, data: bytes, most: int, /) -> bytes:
        """Take input and return up to ``most`` bytes. Bytes before damage are returned, and the next call raises."""
        ...

    def cut(self) -> None:
        """Note that the input has ended.

        Raises:
            EOFError: Content is missing.
        """
        ...


class _Deflate:
    """A raw deflate stream (RFC 1951)."""

    is_sound = True

    def __init__(self) -> None:
        self.needs_input = True
        self._object = zlib.decompressobj(wbits=-15)
        self._damage: zlib.error | None = None

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, most: int, /) -> bytes:
        if self._damage is not None:
            raise self._damage
        data = self._object.unconsumed_tail + data
        before = self._object.copy()
        try:
            out = self._object.decompress(data, most)
        except zlib.error as damage:
            self._damage = damage
            self.needs_input = False
            if out := _before_damage(before, data, most):
                return out
            raise
        self.needs_input = not self._object.unconsumed_tail and len(out) < most
        return out

    def cut(self) -> None:
        raise EOFError


def _before_damage(decoder: zlib._Decompress, data: bytes, most: int) -> bytes:
    """Return the output before the input fails, less than ``most`` bytes."""
    out = b""
    for step in (1024, 1):
        while data and len(out) < most:
            before = decoder.copy() if step > 1 else decoder
            try:
                out += decoder.decompress(data[:step], most - len(out))
            except zlib.error:
                decoder = before
                break
            data = decoder.unconsumed_tail + data[step:]
    return out


class _Gzip:
    """A gzip member (RFC 1952). Its checksum is compared, but a wrong one loses no byte."""

    def __init__(self) -> None:
        self.needs_input = True
        self.is_sound = True
        self.eof = False
        self.unused_data = b""
        self._head = b""
        self._body: _Deflate | None = None
        self._trailer = b""
        self._crc = 0
        self._length = 0

    def decompress(self, data: bytes, most: int, /) -> bytes:
        if self._body is None:
            self._head += data
            length = _gzip_header_length(self._head)
            if length is None:
                return b""
            data, self._head, self._body = self._head[length:], b"", _Deflate()
        if self._body.eof:
            self._trailer += data
            self._check_trailer()
            return b""
        out = self._body.decompress(data, most)
        self.needs_input = self._body.needs_input
        self._crc = zlib.crc32(out, self._crc)
        self._length += len(out)
        if self._body.eof:
            self._trailer = self._body.unused_data
            self._check_trailer()
        return out

    def cut(self) -> None:
        if self._body is None or not self._body.eof:
            raise EOFError
        self.is_sound = False
        self.eof = True

    def _check_trailer(self) -> None:
        self.needs_input = len(self._trailer) < 8
        if not self.needs_input:
            self.is_sound = struct.unpack_from("<LL", self._trailer) == (self._crc, self._length & 0xFFFFFFFF)
            self.unused_data = self._trailer[8:]
            self.eof = True


def _gzip_header_length(head: bytes) -> int | None:
    """Return the length of a gzip member's header; None while more of it is needed."""
    if len(head) > _LARGEST_GZIP_HEADER:
        raise ValueError("a gzip header of more than a MiB")
    if len(head) < 12:
        return None
    if head[:3] != b"\x1f\x8b\x08" or head[3] & 0xE0:
        raise ValueError("not a gzip header")
    flags, end = head[3], 10
    if flags & 4:
        end += 2 + int(struct.unpack_from("<H", head, end)[0])
    for bit in (8, 16):
        if flags & bit:
            end = head.find(b"\0", end) + 1
            if not end:
                return None
    end += 2 if flags & 2 else 0
    return end if end <= len(head) else None


class _Stepwise:
    """bz2's and lzma's decompressors, with few bytes for each call."""

    is_sound = True

    def __init__(self, decompressor: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._object = decompressor
        self._damage: BaseException | None = None

    @property
    def needs_input(self) -> bool:
        return self._damage is None and self._object.needs_input

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, most: int, /) -> bytes:
        if self._damage is not None:
            raise self._damage
        pieces: list[bytes] = []
        left = most
        while left and not self._object.eof:
            try:
                piece = self._object.decompress(data, min(left, _STEP))
            except _FAILURES as damage:
                self._damage = damage
                if pieces:
                    break
                raise
            if not piece:
                break
            data = b""
            left -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def cut(self) -> None:
        raise EOFError


class _ZipLzma:
    """LZMA in a zip (APPNOTE 5.8.8): version, length of the properties, the properties, the raw stream."""

    is_sound = True

    def __init__(self, size: int | None) -> None:
        self.needs_input = True
        self._head = b""
        self._left = size
        self._body: _Stepwise | None = None

    @property
    def eof(self) -> bool:
        return self._body is not None and (self._left == 0 or self._body.eof)

    @property
    def unused_data(self) -> bytes:
        return b"" if self._body is None else self._body.unused_data

    def decompress(self, data: bytes, most: int, /) -> bytes:
        if self._body is None:
            self._head += data
            if len(self._head) < 9:
                return b""
            data, self._body = self._head[9:], self._begin()
        if self._left is not None:
            most = min(most, self._left)
        out = self._body.decompress(data, most)
        self.needs_input = self._body.needs_input
        if self._left is not None:
            self._left -= len(out)
        return out

    def cut(self) -> None:
        raise EOFError

    def _begin(self) -> _Stepwise:
        length, packed, dictionary = struct.unpack_from("<2xHBL", self._head)
        if self._left is not None:
            dictionary = min(dictionary, max(self._left, 4096))
        if length != 5 or dictionary > _DICTIONARY_BYTES:
            raise ValueError("LZMA properties that can't be read")
        lc, lp, pb = packed % 9, packed // 9 % 5, packed // 45
        chain = [{"id": lzma.FILTER_LZMA1, "dict_size": dictionary, "lc": lc, "lp": lp, "pb": pb}]
        return _Stepwise(lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=chain))


def begin_gzip() -> Decoder:
    """Return a decoder of one gzip member."""
    return _Gzip()


def begin_xz() -> Decoder:
    """Return a decoder of one xz stream."""
    return _Stepwise(lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY_BYTES))


def begin_bzip2() -> Decoder:
    """Return a decoder of one bzip2 stream."""
    return _Stepwise(bz2.BZ2Decompressor())


ZIP_DECODERS: dict[int, Callable[[int | None], Decoder]] = {
    8: lambda _: _Deflate(),
    12: lambda _: begin_bzip2(),
    14: _ZipLzma,
}
"""The decoder of each compression method of a zip, made from the member's inflated size or None."""
