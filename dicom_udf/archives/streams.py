"""Compressed streams, which run forward only; bytes that may be read again are kept."""

from __future__ import annotations

from collections.abc import Callable
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO

from dicom_udf.archives.decoders import Decoder
from dicom_udf.archives.guard import corrupt, translate_damage
from dicom_udf.archives.limits import Account, Budget
from dicom_udf.archives.slices import Slice
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.seekable import SeekableFile

__all__ = ["Forward", "Packed", "Replay"]

_PIECE = 64 << 10
_KEPT_IN_MEMORY = 4 << 20
_LONGEST_REST = 1 << 20


class Packed:
    """The content of compressed bytes in a file.

    Attributes:
        taken: Packed bytes that were read.
        is_sound: False once a checksum at the end of content was wrong.
    """

    def __init__(
        self, file: BinaryIO, start: int, size: int | None, begin: Callable[[], Decoder], *, magic: bytes | None = None
    ) -> None:
        """Decode ``size`` bytes of ``file`` from ``start`` on; None decodes up to the stream's end.

        Args:
            file: Seekable; its position may change between reads.
            start: Offset of the first byte.
            size: Packed bytes.
            begin: Makes a decoder.
            magic: First bytes of a further stream of the same content. Zeros or foreign bytes behind the last
                stream are ignored, as gzip does.
        """
        self.taken = 0
        self.is_sound = True
        self._file = file
        self._start = start
        self._size = size
        self._begin = begin
        self._magic = magic
        self._input = b""
        self._current: Decoder | None = begin()
        self._behind = b""

    @property
    def end(self) -> int:
        """Offset of the content's end in the file; before that, the offset up to which it was read."""
        return self._start + self.taken - len(self._behind)

    def pull(self, most: int) -> bytes:
        """Return 1 to ``most`` bytes, none only at the end; damage raises an exception of the standard library."""
        while (stream := self._current) is not None:
            if stream.eof:
                self._follow(stream)
                continue
            if stream.needs_input and not self._input and not self._load():
                stream.cut()
                continue
            data, self._input = self._input, b""
            if out := stream.decompress(data, most):
                return out
        return b""

    def _load(self) -> bool:
        wanted = _PIECE if self._size is None else min(_PIECE, self._size - self.taken)
        self._file.seek(self._start + self.taken)
        data = self._file.read(wanted) if wanted > 0 else b""
        self.taken += len(data)
        self._input += data
        return bool(data)

    def _follow(self, ended: Decoder) -> None:
        self.is_sound = self.is_sound and ended.is_sound
        self._current = None
        self._input = self._behind = ended.unused_data
        if self._magic is None:
            return
        while len(self._input) < len(self._magic) and self._load():
            pass
        self._input = self._input.lstrip(b"\0")
        if self._input.startswith(self._magic):
            self._current, self._behind = self._begin(), b""


class Forward:
    """A stream that is read once, from its start to its end. Skipped bytes are inflated too.

    Each byte counts against the budget. ``seek`` goes forward only, which is enough for a tar and for :class:`Replay`.
    """

    def __init__(self, packed: Packed, budget: Budget) -> None:
        """Read ``packed``.

        Args:
            packed: The content.
            budget: The budget of the object.
        """
        self._packed = packed
        self._budget = budget
        self._account = Account(budget)
        self._ahead = b""
        self._fault: FileFault | None = None
        self._position = 0
        self._produced = 0

    def tell(self) -> int:
        """Return the position in bytes."""
        return self._position

    def peek(self, size: int) -> bytes:
        """Return the next ``size`` bytes, fewer only at the end or before damage, without moving."""
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

    def finish(self) -> None:
        """Read the bytes behind an archive's end, up to a bound.

        Raises:
            FileFault: CORRUPT_ARCHIVE if the stream's checksum is wrong, or if it is cut or damaged there.
        """
        self.seek(self._position + _LONGEST_REST)
        if not self._packed.is_sound:
            raise corrupt("the compressed stream's checksum or length is wrong")

    def _next(self, most: int) -> bytes:
        self._budget.check()
        if self._fault is not None:
            raise self._fault
        try:
            with translate_damage(f"the compressed stream is damaged after {self._produced} inflated bytes"):
                data = self._packed.pull(min(most, _PIECE))
            self._produced += len(data)
            self._account.count(len(data), packed=self._packed.taken)
        except FileFault as fault:
            self._fault = fault  # a decompressor that failed must not be called again
            raise
        return data


class Replay(SeekableFile):
    """A seekable view of a stream: bytes that were read are kept, first in memory, then in a temporary file."""

    def __init__(self, stream: Forward | Slice, budget: Budget) -> None:
        super().__init__()
        self._stream = stream
        self._budget = budget
        self._kept: IO[bytes] = SpooledTemporaryFile(max_size=_KEPT_IN_MEMORY)  # noqa: SIM115  closed by close()
        self._end = 0

    def read(self, size: int | None = -1, /) -> bytes:
        """Return ``size`` bytes, fewer only at the end or before damage, which the next read raises.

        Raises:
            FileFault: CORRUPT_ARCHIVE, ARCHIVE_LIMIT; the faults of the stored object's reader.
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
        """Drop the kept bytes."""
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
        """The number of bytes up to the end or to damage; reading there raises if it is damage."""
        try:
            self._fill(1 << 62)
        except FileFault as fault:
            if fault.code is not FailureCode.CORRUPT_ARCHIVE:
                raise
        return self._end
