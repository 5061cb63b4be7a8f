"""The data set or item that the scanner is in, and what was found there besides its JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["Found", "PixelData", "Scope"]


class PixelData(NamedTuple):
    """Where the top-level pixel data's value begins; its length is None where it is undefined."""

    offset: int
    length: int | None


class Found:
    """Results besides the JSON; one for a data set, and one for each top-level sequence.

    Attributes:
        values: Typed values by name.
        faults: Attribute path -> why its value is null or altered.
        omitted: Paths of values that were left out.
        whole: By tag, the JSON of sequences that are wanted as a whole; None where something in it was left out.
        is_pure: False where the JSON holds offsets, lacks something, or depends on bytes behind the element, so that
            it can't be remembered.
    """

    __slots__ = ("faults", "is_pure", "omitted", "values", "whole")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.faults: dict[str, str] = {}
        self.omitted: list[str] = []
        self.whole: dict[int, str | None] = {}
        self.is_pure = True

    def add(self, faults: Iterable[tuple[str, str]], path: str) -> None:
        """Take in the faults of an element below ``path``; the first reason for a name counts."""
        for name, reason in faults:
            self.faults.setdefault(path + name, reason)

    def name(self, path: str, reason: str) -> None:
        """Note why a value is null or altered by what the bytes around it decided; the first reason counts."""
        self.faults.setdefault(path, reason)
        self.is_pure = False

    def forget(self, *, faults: int, omitted: int) -> None:
        """Take back what was noted behind so many faults and omitted paths: that of an item that is left out."""
        while len(self.faults) > faults:
            self.faults.popitem()
        del self.omitted[omitted:]


class Scope:
    """The data set or item that elements belong to, and the collector of its results.

    Attributes:
        found: For the whole top-level element.
        values: For this data set or item.
        path: In front of a tag, e.g. ``00081140[3].``; empty at top level.
        depth: Sequences around it.
        end: Offset where it ends by its own length; None where a delimiter or the file ends it.
        limit: Offset that it can't reach beyond: its own end, or that of the nearest sequence or item of defined length
            around it; None where there is none.
        group: Only elements of this group belong to it; None for all.
        is_closed: True once the item delimiter of an item of undefined length was read.
    """

    __slots__ = ("depth", "end", "found", "group", "is_closed", "limit", "path", "values")

    def __init__(
        self,
        found: Found,
        values: dict[str, Any],
        *,
        path: str = "",
        depth: int = 0,
        end: int | None = None,
        limit: int | None = None,
        group: int | None = None,
    ) -> None:
        self.found = found
        self.values = values
        self.path = path
        self.depth = depth
        self.end = end
        self.limit = limit if end is None else end
        self.group = group
        self.is_closed = False

    def for_one(self) -> Scope:
        """Return the scope of one element in it, which has values of its own."""
        return Scope(self.found, {}, path=self.path, depth=self.depth, end=self.end, limit=self.limit)
