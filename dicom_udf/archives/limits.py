"""The limits within which one object is read, and what it has used of them."""

from __future__ import annotations

from dataclasses import dataclass

from dicom_udf.archives.names import NameEncoding
from dicom_udf.errors import FailureCode, FileFault

__all__ = ["Account", "Budget", "Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits against archives made to exhaust a reader, and the encoding of names.

    Over a limit the fault is ARCHIVE_LIMIT. One object is inflated to at most ``ratio`` times its packed bytes and
    ``excess_bytes``, and never to more than ``inflated_bytes``.

    Attributes:
        depth: Archives inside each other; the object's own archive is 1 (tar.gz counts once).
        members: Files in one object, nested ones included.
        inflated_bytes: Inflated bytes of one object.
        ratio: Inflated over packed bytes of one stream; a hole of a sparse file counts as inflated.
        excess_bytes: Inflated bytes above the ratio, of all streams of one object together. Blank images reach a ratio
            of 45,000 in bzip2 and xz and are harmless: a GiB inflates in seconds and fits on any disk.
        nested_bytes: Size of an archive inside an archive that can't be read in place.
        names: Encoding of names in zips and tars that aren't marked as UTF-8.
    """

    depth: int = 3
    members: int = 1_000_000
    inflated_bytes: int = 1 << 40
    ratio: int = 1_100
    excess_bytes: int = 1 << 30
    nested_bytes: int = 16 << 30
    names: NameEncoding = "auto"


class Budget:
    """The rest of the limits for one object, counted over all its archives.

    Attributes:
        limits: The limits.
        exceeded: The fault once a limit was crossed; reading ends there.
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
        """Count inflated bytes of a stream.

        Args:
            length: New bytes.
            excess: Change of the number of the stream's bytes above the ratio; may be negative.

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
        """Check the number of bytes of one stream that are kept for reading them again.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        if length > self.limits.nested_bytes:
            raise self._exceed("nested_bytes", self.limits.nested_bytes)

    def check(self) -> None:
        """Raise the fault of a limit that was crossed before, if any."""
        if self.exceeded is not None:
            raise self.exceeded

    def _exceed(self, name: str, bound: int) -> FileFault:
        self.exceeded = FileFault(
            FailureCode.ARCHIVE_LIMIT, f"more than the limit {name} = {bound}; raise the limit or split the archive"
        )
        return self.exceeded


class Account:
    """The use of the budget by one stream: its inflated bytes, and those above the ratio."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._inflated = 0
        self._excess = 0

    def count(self, length: int, *, packed: int) -> None:
        """Count inflated bytes of the stream.

        Args:
            length: New bytes.
            packed: All packed bytes of the stream so far.

        Raises:
            FileFault: ARCHIVE_LIMIT.
        """
        self._inflated += length
        before, self._excess = self._excess, max(0, self._inflated - self._budget.limits.ratio * packed)
        self._budget.count_inflated(length, self._excess - before)
