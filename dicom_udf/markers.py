"""Empty files that mark folders: in a listing, a list of objects, an event, or an archive."""

from __future__ import annotations

__all__ = ["is_folder_marker"]

_ENDINGS = ("/", "_$folder$")
"""S3's console writes the first, Hadoop's file system for S3 (EMR, Glue) the second."""


def is_folder_marker(name: str, size: int | None) -> bool:
    """Return True for an empty object or member that only marks a folder: without it, no file is missing.

    Args:
        name: Key, URI or member's name.
        size: Bytes; None is taken for none.
    """
    return not size and name.endswith(_ENDINGS)
