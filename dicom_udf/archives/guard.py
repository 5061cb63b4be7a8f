"""What the standard library raises about damaged archives, as one fault; and the budget of one object."""

from __future__ import annotations

import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from dicom_udf.archives.model import Limits
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["DAMAGE", "Budget", "corrupt", "guarded"]

DAMAGE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    EOFError,
    ValueError,  # UnicodeError, and tarfile's numbers
    ArithmeticError,  # OverflowError
    RuntimeError,  # NotImplementedError, RecursionError
    LookupError,
    AssertionError,
    AttributeError,
    TypeError,
    MemoryError,
    OSError,  # bz2 says "Invalid data stream" with it; a reader's own errors are FileFaults
)
_MIB = 1 << 20


def corrupt(where: str) -> FileFault:
    """Return the fault of an archive damaged at a place."""
    return FileFault(FailureCode.CORRUPT_ARCHIVE, f"{where}; fetch or pack the archive again")


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turn what stdlib raises about damage into CORRUPT_ARCHIVE; a FileFault passes as it is."""
    try:
        yield
    except FileFault:
        raise
    except DAMAGE:
        raise corrupt(where) from None  # their texts quote names


class Budget:
    """What one object may still cost, counted over all its archives.

    Attributes:
        limits: The bounds.
        exceeded: The fault once a bound was crossed; nothing is read after that.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.exceeded: FileFault | None = None
        self._members = 0
        self._inflated = 0

    def count_member(self) -> None:
        """Count one file found.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        self._members += 1
        if self._members > self.limits.members:
            raise self._exceed("members", self.limits.members)

    def count_inflated(self, length: int, *, total: int, packed: int) -> None:
        """Count bytes that came out of a stream.

        Args:
            length: New bytes.
            total: All bytes of this stream so far, with the new ones.
            packed: Bytes that went into it so far.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        self._inflated += length
        if self._inflated > self.limits.inflated_bytes:
            raise self._exceed("inflated_bytes", self.limits.inflated_bytes)
        if total > _MIB and total > self.limits.ratio * max(packed, 1):
            raise self._exceed("ratio", self.limits.ratio)

    def check_nested(self, length: int) -> None:
        """Check how much of one stream is kept for going back.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        if length > self.limits.nested_bytes:
            raise self._exceed("nested_bytes", self.limits.nested_bytes)

    def check(self) -> None:
        """Raise the fault of a bound crossed before, if any."""
        if self.exceeded is not None:
            raise self.exceeded

    def _exceed(self, name: str, bound: int) -> FileFault:
        self.exceeded = FileFault(
            FailureCode.ARCHIVE_LIMIT, f"more than the limit {name} = {bound}; raise the limit or split the archive"
        )
        return self.exceeded
