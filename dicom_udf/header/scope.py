"""Where the scanner stands in a file, and what it tells of what it finds there."""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["Found", "PixelData", "Scope"]


class PixelData(NamedTuple):
    """Where the top-level pixel data's value begins; its length is None where it is undefined."""

    offset: int
    length: int | None


class Found:
    """What the elements give besides their JSON; one for a data set, and one for each top-level sequence.

    Attributes:
        values: Typed values by name.
        faults: Attribute path -> why its value is null or altered.
        omitted: Paths of values that were left out.
        is_pure: False where the JSON holds offsets or lacks something, so that it can't be remembered.
    """

    __slots__ = ("faults", "is_pure", "omitted", "values")

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.faults: dict[str, str] = {}
        self.omitted: list[str] = []
        self.is_pure = True


class Scope:
    """Where elements stand, and who is told what they give.

    Attributes:
        found: For the whole top-level element.
        values: For this data set or item.
        path: In front of a tag, e.g. ``00081140[3].``; empty at top level.
        depth: Sequences around it.
        end: Offset where it ends; None where a delimiter or the file ends it.
        group: Only elements of this group belong to it; None for all.
    """

    __slots__ = ("depth", "end", "found", "group", "path", "values")

    def __init__(
        self, found: Found, values: dict[str, Any], *, path: str = "", depth: int = 0, end: int | None = None,
        group: int | None = None,
    ) -> None:  # fmt: skip
        self.found = found
        self.values = values
        self.path = path
        self.depth = depth
        self.end = end
        self.group = group

    def for_one(self) -> Scope:
        """Return the scope of one element in it, which has values of its own."""
        return Scope(self.found, {}, path=self.path, depth=self.depth, end=self.end, group=self.group)
