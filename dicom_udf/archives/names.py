"""Names of members: ``source_member`` of DESIGN's tables, one way to write each."""

from __future__ import annotations

import zipfile

__all__ = ["Names", "decoded", "escaped", "without_ending", "zip_name"]

_UTF8_FLAG = 0x800
_ENDINGS = (".gz", ".bz2", ".xz", ".tgz", ".tbz2", ".tbz", ".txz")


def escaped(name: str) -> str:
    """Return the name with ``%``, ``!`` and ``#`` written as ``%25``, ``%21`` and ``%23``."""
    return name.replace("%", "%25").replace("!", "%21").replace("#", "%23")


def decoded(name: bytes) -> str:
    """Return a name without a stated encoding: UTF-8 if it is valid, else CP437, in which every byte is valid."""
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


def zip_name(info: zipfile.ZipInfo) -> str:
    """Return a zip member's name as it is stored; zipfile has read it as CP437 unless it is flagged as UTF-8."""
    return info.orig_filename if info.flag_bits & _UTF8_FLAG else decoded(info.orig_filename.encode("cp437"))


def without_ending(name: str) -> str:
    """Return what a compressed file's content is called: its last path segment without ``.gz`` and the like."""
    last = name.rpartition("/")[2]
    for ending in _ENDINGS:
        if last.lower().endswith(ending) and len(last) > len(ending):
            return last[: -len(ending)]
    return last


class Names:
    """The names of one archive; a repeated one gets ``#2``, ``#3`` ..., which no escaped name can hold."""

    def __init__(self, parent: str | None) -> None:
        self._prefix = "" if parent is None else f"{parent}!"
        self._seen: dict[str, int] = {}

    def path(self, name: str) -> str:
        """Return the path of the next member called ``name``."""
        count = self._seen[name] = self._seen.get(name, 0) + 1
        return self._prefix + escaped(name) + (f"#{count}" if count > 1 else "")
