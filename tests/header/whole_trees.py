"""The data sets that faults are planted in: each place of each, in each transfer syntax."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from tests.header.files import CT, INSTANCE
from tests.header.planting import (
    PIXEL_DATA,
    SQ,
    SYNTAXES,
    Item,
    Leaf,
    Node,
    Nodes,
    Place,
    Raw,
    Syntax,
    even,
    nodes_at,
)

PIXELS = b"\xab\xcd" * 8
AROUND = {
    "all defined": (True, True, True, True),
    "none defined": (False, False, False, False),
    "items defined": (False, True, False, True),
    "sequences defined": (True, False, True, False),
    "the outermost sequence defined": (True, False, False, False),
    "the outermost item defined": (False, True, False, False),
}
"""Of a sequence at top level and its items, and of those below, which have a defined length."""
CONTAINERS = (0x00081115, 0x00081199, 0x0008114A)


@cache
def whole_tree(depth: int = 0, around: str = "all defined", *, has_pixels: bool = False) -> Nodes:
    """A data set with sequences inside each other, each of three items; the middle one holds the next."""
    return _top(depth, AROUND[around], has_pixels)


def _top(depth: int, around: tuple[bool, ...], has_pixels: bool) -> Nodes:
    nodes: list[Node] = [
        Leaf(0x00080016, "UI", even(CT)),
        Leaf(0x00080018, "UI", even(INSTANCE)),
        Leaf(0x00080020, "DA", b"20240131"),
        Leaf(0x00080060, "CS", b"CT"),
        Leaf(0x00100010, "PN", b"Doe^Jane"),
        Leaf(0x00100020, "LO", b"4711"),
        Leaf(0x0020000D, "UI", even("2.25.99")),
        Leaf(0x00280010, "US", 512),
    ]
    if depth:
        nodes.insert(4, _container(0, depth, around))
    if has_pixels:
        nodes.append(Leaf(PIXEL_DATA, "OW", PIXELS))
    return tuple(nodes)


def _container(level: int, depth: int, around: tuple[bool, ...]) -> SQ:
    of_sequence, of_item = around[:2] if not level else around[2:]
    whole = Item(_plain_nodes(level), of_item)
    inner = _plain_nodes(level)
    if level + 1 < depth:
        inner = (inner[0], _container(level + 1, depth, around), *inner[1:])
    return SQ(CONTAINERS[level], (whole, Item(inner, of_item), whole), of_sequence)


def _plain_nodes(level: int) -> Nodes:
    return (Leaf(0x00080060, "CS", b"MR"), Leaf(0x00100020, "LO", b"%06d" % level), Leaf(0x00280010, "US", 7 + level))


@cache
def place_in(depth: int, position: str, *, has_pixels: bool = False) -> Place:
    """A place in a whole tree: the first, one in the middle, or the last of its scope."""
    steps = tuple((4 if not level else 1, 1) for level in range(depth))
    nodes = nodes_at(whole_tree(depth, has_pixels=has_pixels), steps)
    middle = next(index for index, node in enumerate(nodes) if not isinstance(node, Raw) and node.tag > 0x00081032)
    return Place(steps, {"first": 0, "middle": middle, "last": len(nodes) - (has_pixels and not depth)}[position])


POSITIONS = ("first", "middle", "last")


@dataclass(frozen=True)
class Variant:
    """One whole tree in one transfer syntax, and a place in it."""

    syntax: Syntax
    around: str
    depth: int
    position: str
    has_pixels: bool

    @property
    def nodes(self) -> Nodes:
        return whole_tree(self.depth, self.around, has_pixels=self.has_pixels)

    @property
    def place(self) -> Place:
        return place_in(self.depth, self.position, has_pixels=self.has_pixels)


def variants() -> Iterator[Variant]:
    """Each place x each syntax: depths 0 to 3, what is defined around it, where in its scope.

    Pixel data or the end of the file follows: both at top level, below by turns.
    """
    for syntax, (number, position) in itertools.product(SYNTAXES, enumerate(POSITIONS)):
        yield from (Variant(syntax, "all defined", 0, position, has_pixels) for has_pixels in (False, True))
        for depth in (1, 2, 3):
            for around in AROUND if depth > 1 else list(AROUND)[:4]:
                yield Variant(syntax, around, depth, position, has_pixels=bool((depth + number) % 2))
