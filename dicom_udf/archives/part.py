"""A file within an archive, before anyone has looked whether it is an archive itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO

__all__ = ["Part"]


@dataclass(frozen=True, slots=True)
class Part:
    """A file found.

    Attributes:
        path: ``source_member``; None for the stored object.
        name: As the archive has it, not escaped.
        size: Bytes; None where the archive doesn't say.
        file: Seekable; closed by whoever goes through the archive.
        offset: In the stored object; None where the bytes aren't there as they are.
    """

    path: str | None
    name: str
    size: int | None
    file: BinaryIO
    offset: int | None
