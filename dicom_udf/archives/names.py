"""Names of members, written as ``source_member`` (design.md, "Tables")."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

__all__ = ["NameEncoding", "Names", "decode_name", "escape_name"]

NameEncoding = Literal["auto", "shift_jis", "gbk"]
"""Encoding of names that no mark declares as UTF-8."""

_CODECS = {"shift_jis": "cp932", "gbk": "gb18030"}  # as Windows writes them, with more characters than the standards


def escape_name(name: str) -> str:
    """Return the name with ``%``, ``!`` and ``#`` written as ``%25``, ``%21`` and ``%23``."""
    return name.replace("%", "%25").replace("!", "%21").replace("#", "%23")


def decode_name(name: bytes, encoding: NameEncoding = "auto") -> str:
    """Return a name as text.

    Args:
        name: The bytes of the name.
        encoding: The first encoding to try. ``auto`` is UTF-8 if valid, otherwise CP437, in which every byte is valid.
            The encoding is never guessed, because most bytes are valid in several.
    """
    if encoding != "auto":
        try:
            return name.decode(_CODECS[encoding])
        except UnicodeDecodeError:
            pass
    try:
        return name.decode("utf-8")
    except UnicodeDecodeError:
        return name.decode("cp437")


class Names:
    """The names of one archive. A repeated name gets ``#2``, ``#3`` ..., which no escaped name contains."""

    def __init__(self, parent: str | None, seen: Iterable[tuple[str, int]] = ()) -> None:
        """Start without names, or with names of earlier ranges.

        Args:
            parent: Path of the archive; None for the object.
            seen: Names, and how often each occurred.
        """
        self._prefix = "" if parent is None else f"{parent}!"
        self._met = {_key(name): count for name, count in seen}

    def path(self, name: str) -> str:
        """Return the path of the next member called ``name``."""
        count = self.count(name) + 1
        return self._prefix + escape_name(name) + (f"#{count}" if count > 1 else "")

    def count(self, name: str) -> int:
        """Count a name; return how often it occurred before."""
        key = _key(name)
        met = self._met.get(key, 0)
        self._met[key] = met + 1
        return met


def _key(name: str) -> int:
    """Return eight bytes for a name, the same in every process.

    Two of a million names collide once in 40 million archives.
    """
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
