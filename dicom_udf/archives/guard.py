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

__all__ = ["DAMAGE", "Account", "Budget", "corrupt", "guarded"]

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
        self._excess = 0

    def count_member(self) -> None:
        """Count one file found.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        self._members += 1
        if self._members > self.limits.members:
            raise self._exceed("members", self.limits.members)

    def count_inflated(self, length: int, excess: int) -> None:
        """Count bytes that came out of a stream.

        Args:
            length: New bytes.
            excess: How many more of the stream's bytes are above the ratio than before; negative: fewer.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        self._inflated += length
        self._excess += excess
        if self._inflated > self.limits.inflated_bytes:
            raise self._exceed("inflated_bytes", self.limits.inflated_bytes)
        if self._excess > self.limits.excess_bytes:
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


class Account:
    """What one stream takes of the budget: all that it inflates, and how much of that is above the ratio."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._inflated = 0
        self._excess = 0

    def count(self, length: int, *, packed: int) -> None:
        """Count bytes that came out of the stream.

        Args:
            length: New bytes.
            packed: All bytes that went into it so far.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        self._inflated += length
        before, self._excess = self._excess, max(0, self._inflated - self._budget.limits.ratio * packed)
        self._budget.count_inflated(length, self._excess - before)
