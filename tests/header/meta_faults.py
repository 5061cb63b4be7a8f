"""Faults of the file meta group (PS3.10 §7.1), which is explicit and little endian whatever the data set is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from tests.header.fault_kinds import RUBBISH
from tests.header.files import CT, DEFLATED, INSTANCE
from tests.header.planting import IMPLICIT_LITTLE, LITTLE, SYNTAXES, Syntax, encode_nodes, even, packed
from tests.header.whole_trees import whole_tree

PREFIX = bytes(128) + b"DICM"


@dataclass(frozen=True)
class PlantedMeta:
    """A whole file.

    Attributes:
        name: Of the variant.
        content: Its bytes.
        clean: The same without the fault.
        is_named: True where the fault must be named.
        names: One of these must be; empty: any.
        has_syntax: True where the transfer syntax can be read.
        has_meta: True where the whole group can be read.
        is_owed: False where only silence is wrong: nobody can find the data set.
    """

    name: str
    content: bytes
    clean: bytes
    is_named: bool = True
    names: frozenset[str] = frozenset()
    has_syntax: bool = True
    has_meta: bool = False
    is_owed: bool = True


def _elements(syntax: Syntax, *, writes: Syntax = LITTLE) -> list[bytes]:
    return [
        writes.element(0x00020001, "OB", b"\0\1"),
        writes.element(0x00020002, "UI", even(CT)),
        writes.element(0x00020003, "UI", even(INSTANCE)),
        writes.element(0x00020010, "UI", even(syntax.uid)),
    ]


FAULTS: Mapping[str, Callable[[int], bytes]] = {
    "rubbish": lambda _: RUBBISH,
    "rubbish with a tag of the group": lambda tag: LITTLE.tag(tag) + b"rubbish no element..",
    "eight zeros": lambda _: bytes(8),
    "element longer than the group": lambda tag: LITTLE.element(tag, "UI", b"1.2.3\0", more=5000),
    "long element longer than the group": lambda tag: LITTLE.element(tag, "OB", b"12345678", more=0x7FFF0000),
    "unreadable VR": lambda tag: LITTLE.tag(tag) + b"\1\2\xfe\xfe\xfe\xfe\xfe\xfe1.2.3.4\0",
    "VR of two capitals": lambda tag: LITTLE.element(tag, "ZZ", b"1.2.3\0"),
    "VR of dashes": lambda tag: LITTLE.tag(tag) + b"--\6\0" + b"1.2.3\0",
}
"""By a tag that fits where the fault stands."""
PLACES = {"middle": (3, 0x00020005), "last": (4, 0x00020012)}
LENGTHS = ("right", "absent", "zero", "too small", "too large")


def with_length(body: bytes, length: str) -> bytes:
    """The group with (0002,0000), or without it."""
    if length == "absent":
        return body
    given = {"right": len(body), "zero": 0, "too small": len(body) - 10, "too large": len(body) + 1000}[length]
    return LITTLE.element(0x00020000, "UL", given.to_bytes(4, "little")) + body


def planted_meta() -> Iterator[PlantedMeta]:
    for syntax in SYNTAXES:
        for has_pixels in (False, True):
            data_set = packed(encode_nodes(whole_tree(1, has_pixels=has_pixels), syntax), syntax)
            clean = PREFIX + with_length(b"".join(_elements(syntax)), "right") + data_set
            yield from _of_group(syntax, data_set, clean)
            yield from _implicit(syntax, data_set, clean)
    yield from _not_deflated()


def _of_group(syntax: Syntax, data_set: bytes, clean: bytes) -> Iterator[PlantedMeta]:
    for length, (name, fault) in itertools.product(LENGTHS, {"no fault": None, **FAULTS}.items()):
        for place in PLACES if fault else ("last",):
            elements = _elements(syntax)
            index, tag = PLACES[place]
            elements.insert(index, fault(tag) if fault else b"")
            is_read = not fault or name.startswith("VR")
            has_syntax = place == "last" or is_read
            can_be_found = length == "right" or is_read or (place == "last" and not syntax.is_deflated)
            yield PlantedMeta(
                f"{name}, {place}, length {length}, {syntax.name}",
                PREFIX + with_length(b"".join(elements), length) + data_set,
                clean,
                is_named=not is_read,
                has_syntax=has_syntax,
                is_owed=can_be_found and (has_syntax or not syntax.is_deflated),
            )


def _implicit(syntax: Syntax, data_set: bytes, clean: bytes) -> Iterator[PlantedMeta]:
    body = b"".join(_elements(syntax, writes=IMPLICIT_LITTLE))
    for prefix, has_length in itertools.product((PREFIX, b""), (True, False)):
        length = IMPLICIT_LITTLE.element(0x00020000, "UL", len(body).to_bytes(4, "little")) if has_length else b""
        name = f"implicit, {'' if prefix else 'no '}preamble, length {'right' if has_length else 'absent'}"
        content = prefix + length + body + data_set
        yield PlantedMeta(f"{name}, {syntax.name}", content, clean, is_named=False, has_meta=True)


def _not_deflated() -> Iterator[PlantedMeta]:
    deflated = SYNTAXES[3]
    assert deflated.uid == DEFLATED
    for syntax, has_pixels in itertools.product(SYNTAXES[:3], (False, True)):
        data_set = encode_nodes(whole_tree(1, has_pixels=has_pixels), syntax)
        meta = with_length(b"".join(_elements(deflated)), "right")
        clean = PREFIX + with_length(b"".join(_elements(syntax)), "right") + data_set
        yield PlantedMeta(
            f"not deflated, {syntax.name}, {'pixels' if has_pixels else 'no pixels'}",
            PREFIX + meta + data_set,
            clean,
            names=frozenset({"TransferSyntaxUID"}),
            has_syntax=False,
        )
