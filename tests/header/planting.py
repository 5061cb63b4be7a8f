"""Small synthetic data sets as trees of elements, in each transfer syntax, with whatever bytes at one place of them."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from pydicom.datadict import dictionary_keyword

from tests.header.files import BIG_ENDIAN, CT, DEFLATED, EXPLICIT, IMPLICIT, INSTANCE

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
LONG_LENGTH = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV", "ZZ"})
NUMBERS = {"US": 2, "UL": 4}
PIXEL_DATA = 0x7FE00010


@dataclass(frozen=True)
class Syntax:
    """How a data set is encoded (PS3.5 §A)."""

    name: str
    uid: str
    is_explicit: bool = True
    is_big: bool = False
    is_deflated: bool = False

    @property
    def order(self) -> str:
        return "big" if self.is_big else "little"

    def number(self, value: int, size: int) -> bytes:
        return value.to_bytes(size, self.order)  # type: ignore[arg-type]

    def tag(self, tag: int) -> bytes:
        return self.number(tag >> 16, 2) + self.number(tag & 0xFFFF, 2)

    def head(self, tag: int, vr: str | bytes, length: int) -> bytes:
        """Everything in front of a value."""
        name = vr.encode() if isinstance(vr, str) else vr
        if tag >> 16 == 0xFFFE or not self.is_explicit:
            return self.tag(tag) + self.number(length, 4)
        if name.decode("latin-1") in LONG_LENGTH:
            return self.tag(tag) + name + bytes(2) + self.number(length, 4)
        return self.tag(tag) + name + self.number(length, 2)

    def element(self, tag: int, vr: str | bytes, value: bytes, *, more: int = 0) -> bytes:
        """One element, whose length may be given as more than it is."""
        return self.head(tag, vr, len(value) + more) + value


SYNTAXES = (
    Syntax("explicit", EXPLICIT),
    Syntax("implicit", IMPLICIT, is_explicit=False),
    Syntax("big endian", BIG_ENDIAN, is_big=True),
    Syntax("deflated", DEFLATED, is_deflated=True),
)
LITTLE, IMPLICIT_LITTLE = SYNTAXES[0], SYNTAXES[1]


@dataclass(frozen=True)
class Leaf:
    """An element that is not a sequence; a number by its value."""

    tag: int
    vr: str
    value: bytes | int


@dataclass(frozen=True)
class Raw:
    """Bytes as they are."""

    content: bytes


@dataclass(frozen=True)
class Item:
    nodes: tuple[Node, ...]
    is_defined: bool = True


@dataclass(frozen=True)
class SQ:
    tag: int
    items: tuple[Item, ...]
    is_defined: bool = True


Node = Leaf | Raw | SQ
Nodes = tuple[Node, ...]


def encode_nodes(nodes: Sequence[Node], syntax: Syntax) -> bytes:
    return b"".join(encode_node(node, syntax) for node in nodes)


@lru_cache(4096)
def encode_node(node: Node, syntax: Syntax) -> bytes:
    if isinstance(node, Raw):
        return node.content
    if isinstance(node, Leaf):
        value = node.value if isinstance(node.value, bytes) else syntax.number(node.value, NUMBERS[node.vr])
        return syntax.element(node.tag, node.vr, value)
    return sequence(syntax, node.tag, encode_items(node.items, syntax), is_defined=node.is_defined)


def encode_items(items: Sequence[Item], syntax: Syntax) -> bytes:
    return b"".join(
        item_of(syntax, encode_nodes(item.nodes, syntax), is_defined=item.is_defined) for item in items
    )  # fmt: skip


def item_of(syntax: Syntax, body: bytes, *, is_defined: bool = True) -> bytes:
    if is_defined:
        return syntax.element(ITEM, b"", body)
    return syntax.head(ITEM, b"", UNDEFINED) + body + syntax.head(ITEM_END, b"", 0)


def sequence(syntax: Syntax, tag: int, body: bytes, *, is_defined: bool = True, more: int = 0) -> bytes:
    if is_defined:
        return syntax.element(tag, "SQ", body, more=more)
    return syntax.head(tag, "SQ", UNDEFINED) + body + syntax.head(SEQUENCE_END, b"", 0)


@dataclass(frozen=True)
class Place:
    """Where a fault stands.

    Attributes:
        steps: Index of a sequence among its nodes, and of its item, from the top level down.
        index: The node that the fault stands in front of; the number of nodes: behind the last one.
    """

    steps: tuple[tuple[int, int], ...]
    index: int


@dataclass(frozen=True)
class Level:
    """A sequence around a place: its tag, the item of it, how many it has, and which have defined lengths."""

    tag: int
    number: int
    count: int
    is_defined: bool
    item_is_defined: bool


@dataclass(frozen=True)
class Site:
    """A place as a fault sees it.

    Attributes:
        levels: The sequences around it, outermost first.
        before: The tag in front of it; -1 at the start.
        behind: The tag behind it; None where the scope ends there.
        is_last_of_file: True where the file ends behind it, without a delimiter.
    """

    syntax: Syntax
    levels: tuple[Level, ...]
    before: int
    behind: int | None
    is_last_of_file: bool

    @property
    def path(self) -> str:
        return path_of(self.levels)

    def named(self, tag: int) -> str:
        """How ``invalid_values`` names an element here."""
        return named(self.levels, tag)

    def has_room(self, first: int, last: int) -> bool:
        return self.before < first and (self.behind is None or last < self.behind)


def path_of(levels: Sequence[Level]) -> str:
    return "".join(f"{level.tag:08X}[{level.number}]." for level in levels)


def named(levels: Sequence[Level], tag: int) -> str:
    if levels or tag & 0x10000:
        return f"{path_of(levels)}{tag:08X}"
    return dictionary_keyword(tag)


def nodes_at(nodes: Nodes, steps: Sequence[tuple[int, int]]) -> Nodes:
    for index, number in steps:
        node = nodes[index]
        assert isinstance(node, SQ)
        nodes = node.items[number].nodes
    return nodes


def site_of(nodes: Nodes, place: Place, syntax: Syntax) -> Site:
    levels = []
    is_last = True
    for index, number in place.steps:
        node = nodes[index]
        assert isinstance(node, SQ)
        item = node.items[number]
        levels.append(Level(node.tag, number, len(node.items), node.is_defined, item.is_defined))
        is_last = is_last and index == len(nodes) - 1 and number == len(node.items) - 1
        is_last = is_last and node.is_defined and item.is_defined
        nodes = item.nodes
    tags = [node.tag for node in nodes if not isinstance(node, Raw)]
    behind = tags[place.index] if place.index < len(tags) else None
    is_last = is_last and behind is None
    return Site(syntax, tuple(levels), tags[place.index - 1] if place.index else -1, behind, is_last)


def insert(nodes: Nodes, place: Place, content: bytes) -> Nodes:
    """The tree with bytes in front of a node; lengths around it count them."""
    if not place.steps:
        return (*nodes[: place.index], Raw(content), *nodes[place.index :])
    (index, number), *rest = place.steps
    node = nodes[index]
    assert isinstance(node, SQ)
    items = list(node.items)
    inner = insert(items[number].nodes, Place(tuple(rest), place.index), content)
    items[number] = replace(items[number], nodes=inner)
    return (*nodes[:index], replace(node, items=tuple(items)), *nodes[index + 1 :])


def places(nodes: Nodes, steps: tuple[tuple[int, int], ...] = ()) -> Iterator[Place]:
    """Every place of a tree; none behind its pixel data."""
    has_pixels = bool(nodes) and isinstance(nodes[-1], Leaf) and nodes[-1].tag == PIXEL_DATA
    yield from (Place(steps, index) for index in range(len(nodes) + (not has_pixels)))
    for index, node in enumerate(nodes):
        if isinstance(node, SQ):
            for number, item in enumerate(node.items):
                yield from places(item.nodes, (*steps, (index, number)))


def meta_group(uid: str, *, extra: bytes = b"", length: int | None = None) -> bytes:
    """The file meta group (PS3.10 §7.1); ``extra`` is at its end and is counted."""
    elements = [
        LITTLE.element(0x00020001, "OB", b"\0\1"),
        LITTLE.element(0x00020002, "UI", even(CT)),
        LITTLE.element(0x00020003, "UI", even(INSTANCE)),
        LITTLE.element(0x00020010, "UI", even(uid)),
        extra,
    ]
    body = b"".join(elements)
    return LITTLE.element(0x00020000, "UL", (len(body) if length is None else length).to_bytes(4, "little")) + body


def even(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def packed(data_set: bytes, syntax: Syntax) -> bytes:
    """The data set as the file has it."""
    if not syntax.is_deflated:
        return data_set
    packer = zlib.compressobj(1, wbits=-15)
    content = packer.compress(data_set) + packer.flush()
    return content + bytes(len(content) % 2)


def as_file(data_set: bytes, syntax: Syntax, *, meta: bytes | None = None) -> bytes:
    """A file with preamble."""
    meta = meta_group(syntax.uid) if meta is None else meta
    return bytes(128) + b"DICM" + meta + packed(data_set, syntax)
