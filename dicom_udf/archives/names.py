"""Names of members: ``source_member`` (design.md, "Tables"), one way to write each."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

__all__ = ["NameEncoding", "Names", "decoded", "escaped"]

NameEncoding = Literal["auto", "shift_jis", "gbk"]
"""How names are written that no mark declares as UTF-8."""

_CODECS = {"shift_jis": "cp932", "gbk": "gb18030"}  # what Windows writes, which holds more than the standards


def escaped(name: str) -> str:
    """Return the name with ``%``, ``!`` and ``#`` written as ``%25``, ``%21`` and ``%23``."""
    return name.replace("%", "%25").replace("!", "%21").replace("#", "%23")


def decoded(name: bytes, encoding: NameEncoding = "auto") -> str:
    """Return a name.

    Args:
        name: Its bytes.
        encoding: Tried first; nothing is guessed, as most bytes are valid in several. ``auto``: UTF-8 if it is valid,
            otherwise CP437, in which every byte is valid.
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
    """The names of one archive; a repeated one gets ``#2``, ``#3`` ..., which no escaped name can hold."""

    def __init__(self, parent: str | None, seen: Iterable[tuple[str, int]] = ()) -> None:
        """Begin with no names, or those met before.

        Args:
            parent: Path of the archive; None for the object.
            seen: Names and how often each was met.
        """
        self._prefix = "" if parent is None else f"{parent}!"
        self._met = {_key(name): count for name, count in seen}

    def path(self, name: str) -> str:
        """Return the path of the next member called ``name``."""
        count = self.count(name) + 1
        return self._prefix + escaped(name) + (f"#{count}" if count > 1 else "")

    def count(self, name: str) -> int:
        """Note a name; return how often it was met before."""
        key = _key(name)
        met = self._met.get(key, 0)
        self._met[key] = met + 1
        return met


def _key(name: str) -> int:
    """Eight bytes for a name, the same in every process. Of a million names two collide once in 40 million archives."""
    return int.from_bytes(blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
