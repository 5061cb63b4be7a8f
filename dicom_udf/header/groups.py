"""Values of the items of a functional group sequence: common ones, and those that differ (PS3.3 C.7.6.16)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["MOST_FRAMES", "GroupValues", "plain"]

MOST_FRAMES = 100_000
"""Frames whose values are kept one by one; of more, only those that are equal in all of them are known."""


class GroupValues:
    """The wanted values of functional groups, over the items of their sequence.

    A value is the pair of its spelling and of itself, so that ``1.0`` and ``1.00`` differ; codes are as they are. A
    value that all items share is kept once, however many they are.

    Attributes:
        count: Items so far.
        constant: By name, the value that all items have.
        varying: By name, a value for each item, None where it has none; shorter than ``count`` where the last items
            have none. Empty lists where there are more than :data:`MOST_FRAMES` items.
    """

    __slots__ = ("constant", "count", "varying")

    def __init__(self) -> None:
        self.count = 0
        self.constant: dict[str, Any] = {}
        self.varying: dict[str, list[Any]] = {}

    def __eq__(self, other: object) -> bool:
        """Compare the values of all items."""
        if not isinstance(other, GroupValues):
            return NotImplemented
        return (self.count, self.constant, self.varying) == (other.count, other.constant, other.varying)

    __hash__ = None  # type: ignore[assignment]

    def add(self, values: Mapping[str, Any]) -> None:
        """Take in the next item.

        Args:
            values: Its values by name; empty for an item that could not be read.
        """
        before = self.count
        self.count = before + 1
        if not before:
            self.constant.update(values)
            return
        if before == MOST_FRAMES:
            self.varying = {name: [] for name in self.varying}
        equal = 0
        for name, value in values.items():
            of_each = self.varying.get(name)
            if of_each is None:
                known = self.constant.get(name)
                if known is not None and known == value:
                    equal += 1
                    continue
                self._differ(name, before)
                of_each = self.varying[name]
            if before < MOST_FRAMES:
                if len(of_each) < before:
                    of_each.extend([None] * (before - len(of_each)))
                of_each.append(value)
        if equal < len(self.constant):
            for name in self.constant.keys() - values.keys():
                self._differ(name, before)

    def _differ(self, name: str, before: int) -> None:
        """Keep a value for each item from here on."""
        known = self.constant.pop(name, None)
        if known is not None:
            self.varying[name] = [known] * before if before < MOST_FRAMES else []
        elif name not in self.varying:
            self.varying[name] = []

    @property
    def is_cut(self) -> bool:
        """True where the values of single items are not known, because there are too many."""
        return self.count > MOST_FRAMES

    def has(self, name: str) -> bool:
        """Return whether an item has a value of this name."""
        return name in self.constant or name in self.varying

    def of_each(self, name: str) -> list[Any]:
        """Return the value of each item, None where it has none; only where :attr:`is_cut` is false."""
        if name in self.constant:
            return [self.constant[name]] * self.count
        values = self.varying.get(name, [])
        return [*values, *[None] * (self.count - len(values))]


def plain(value: Any) -> Any:
    """Return a value of a group without its spelling."""
    return value[1] if isinstance(value, tuple) else value
