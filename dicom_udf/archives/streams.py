"""Files within files: parts stored as they are, and streams that only run forward."""

from __future__ import annotations

import bz2
import errno
import io
import lzma
import zlib
from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, BinaryIO, Protocol

from dicom_udf.archives.guard import Budget, corrupt, guarded
from dicom_udf.archives.kinds import Kind
from dicom_udf.errors import FileFault

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

__all__ = ["Forward", "Replay", "Slice", "inflate"]

_PIECE = 64 << 10
_KEPT_IN_MEMORY = 4 << 20
_DICTIONARY_BYTES = 512 << 20


class _Seekable(io.RawIOBase):
    """What a readable file with a position needs besides ``read`` and its length."""

    def __init__(self) -> None:
        super().__init__()
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = 0 if whence == io.SEEK_SET else self._position if whence == io.SEEK_CUR else self._length()
        if base + offset < 0:
            raise OSError(errno.EINVAL, "seek before the first byte")  # as files do; zipfile counts on it
        self._position = base + offset
        return self._position

    def readall(self) -> bytes:
        return self.read(-1)

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read(self, size: int | None = -1, /) -> bytes:
        raise NotImplementedError

    def _length(self) -> int:
        raise NotImplementedError


class Slice(_Seekable):
    """``size`` bytes of another file from ``start`` on, read in place."""

    def __init__(self, file: BinaryIO | Forward, start: int, size: int) -> None:
        super().__init__()
        self._file = file
        self._start = start
        self._size = size

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end.

        Raises:
            FileFault: CORRUPT_ARCHIVE where the file around it ends first, and what that file raises.
        """
        left = max(0, self._size - self._position)
        wanted = left if size is None or size < 0 else min(size, left)
        if not wanted:
            return b""
        with guarded("a member lies outside the archive"):
            self._file.seek(self._start + self._position)
            data = self._file.read(wanted)
        if not data:
            raise corrupt(f"the archive ends {left} bytes before its member does")
        self._position += len(data)
        return data

    def _length(self) -> int:
        return self._size


class Forward:
    """A stream that is read once, from its start to its end; what is skipped is inflated all the same.

    Each byte counts against the budget. ``seek`` goes forward only, which is all a tar or :class:`Replay` asks for.
    """

    def __init__(self, pull: Callable[[int], bytes], budget: Budget, *, packed: Callable[[], int]) -> None:
        """Read from ``pull(most)``, which returns b"" at the end.

        Args:
            pull: Gives up to that many bytes.
            budget: Of the object.
            packed: Bytes that went into the stream so far.
        """
        self._pull = pull
        self._budget = budget
        self._packed = packed
        self._ahead = b""
        self._fault: FileFault | None = None
        self._position = 0
        self._produced = 0

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end, without moving."""
        while len(self._ahead) < size:
            try:
                piece = self._next(size - len(self._ahead))
            except FileFault:
                if self._ahead:
                    break
                raise
            if not piece:
                break
            self._ahead += piece
        return self._ahead[:size]

    def read(self, size: int = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end or before damage, which the next read raises."""
        pieces: list[bytes] = []
        left = size if size >= 0 else 1 << 62
        while left:
            if self._ahead:
                piece, self._ahead = self._ahead[:left], self._ahead[left:]
            else:
                try:
                    piece = self._next(left)
                except FileFault:
                    if pieces:
                        break
                    raise
            if not piece:
                break
            self._position += len(piece)
            left -= len(piece)
            pieces.append(piece)
        return b"".join(pieces)

    def seek(self, offset: int, /) -> int:
        """Read on up to ``offset`` or the end."""
        if offset < self._position:
            raise corrupt("the archive points back into its stream")
        while self._position < offset and self.read(min(_PIECE, offset - self._position)):
            pass
        return self._position

    def _next(self, most: int) -> bytes:
        self._budget.check()
        if self._fault is not None:
            raise self._fault
        try:
            with guarded(f"the compressed stream is damaged after {self._produced} inflated bytes"):
                data = self._pull(min(most, _PIECE))
            self._produced += len(data)
            self._budget.count_inflated(len(data), total=self._produced, packed=self._packed())
        except FileFault as fault:
            self._fault = fault  # a decompressor that failed must not be asked again
            raise
        return data


class Replay(_Seekable):
    """A seekable view of a stream: what has been read is kept, first in memory, then in a temporary file."""

    def __init__(self, stream: Forward | Slice, budget: Budget) -> None:
        super().__init__()
        self._stream = stream
        self._budget = budget
        self._kept: IO[bytes] = SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115  closed by close()
        self._end = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end.

        Raises:
            FileFault: CORRUPT_ARCHIVE, ARCHIVE_LIMIT, and what the stored object's reader raises.
        """
        wanted = 1 << 62 if size is None or size < 0 else size
        try:
            self._fill(self._position + wanted)
        except FileFault:
            if self._end <= self._position:
                raise
        self._kept.seek(self._position)
        data = self._kept.read(min(wanted, max(0, self._end - self._position)))
        self._position += len(data)
        return data

    def close(self) -> None:
        """Drop what was kept."""
        self._kept.close()
        super().close()

    def _fill(self, end: int) -> None:
        self._kept.seek(self._end)
        while self._end < end:
            piece = self._stream.read(min(_PIECE, end - self._end))
            if not piece:
                return
            self._budget.check_nested(self._end + len(piece))
            self._kept.write(piece)
            self._end += len(piece)

    def _length(self) -> int:
        self._fill(1 << 62)
        return self._end


class _Decompressor(Protocol):
    """What the three formats' decompressors have in common after :class:`_Zlib`."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Zlib:
    """zlib's object with the interface that bz2's and lzma's have."""

    def __init__(self) -> None:
        self._object = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._object.eof

    @property
    def unused_data(self) -> bytes:
        return self._object.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        out = self._object.decompress(self._object.unconsumed_tail + data, max(0, max_length))
        self.needs_input = not self._object.unconsumed_tail and len(out) < max_length
        return out


_DECOMPRESSORS: dict[Kind, tuple[bytes, Callable[[], _Decompressor]]] = {
    Kind.GZIP: (b"\x1f\x8b", _Zlib),
    Kind.BZIP2: (b"BZh", bz2.BZ2Decompressor),
    Kind.XZ: (b"\xfd7zXZ\0", lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=_DICTIONARY_BYTES)),
}


def inflate(file: BinaryIO, kind: Kind, budget: Budget) -> Forward:
    """Return the content of a gzip, bzip2 or xz file; several streams one after another are one content."""
    source = _Streams(file, kind)
    return Forward(source.pull, budget, packed=lambda: source.packed)


class _Streams:
    """The compressed streams of one file. Zeros or foreign bytes behind the last one are ignored, as gzip does."""

    def __init__(self, file: BinaryIO, kind: Kind) -> None:
        self.packed = 0
        self._file = file
        self._magic, self._start = _DECOMPRESSORS[kind]
        self._current: _Decompressor | None = self._start()
        self._input = b""

    def pull(self, most: int) -> bytes:
        while (stream := self._current) is not None:
            if stream.eof:
                self._follow(stream.unused_data)
                continue
            if stream.needs_input and not self._input and not self._load():
                raise EOFError
            data, self._input = self._input, b""
            if out := stream.decompress(data, most):
                return out
        return b""

    def _load(self) -> bool:
        self._file.seek(self.packed)
        data = self._file.read(_PIECE)
        self.packed += len(data)
        self._input += data
        return bool(data)

    def _follow(self, rest: bytes) -> None:
        self._input = rest
        while len(self._input) < len(self._magic) and self._load():
            pass
        padding = len(self._input) - len(self._input.lstrip(b"\0"))
        following = self._input[padding:]
        self._input = following
        self._current = self._start() if following.startswith(self._magic) else None
