"""The files of an archive that a reader wants, by their paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["Wanted"]


class Wanted:
    """Paths of files (``source_member``) that have not been found yet, and the archives around them."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = set(paths)
        self._archives = {archive for path in self._paths for archive in _archives_around(path)}

    @property
    def is_empty(self) -> bool:
        """True once all files were found."""
        return not self._paths

    def includes(self, path: str | None) -> bool:
        """Return True for a wanted file, for an archive around one, and for the stored object itself (None)."""
        return path is None or path in self._paths or path in self._archives

    def discard(self, path: str | None) -> None:
        """Remove a file that was found."""
        self._paths.discard(path or "")


def _archives_around(path: str) -> Iterator[str]:
    """Yield the archives inside the object that hold a file: of ``a.zip!b.tar!c`` those are a.zip and a.zip!b.tar."""
    end = path.find("!")  # a name that has this mark writes it as %21
    while end >= 0:
        yield path[:end]
        end = path.find("!", end + 1)
