"""Faults inside a sequence: in its items, between them, behind them, and in its length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from tests.header.fault_kinds import DIGITS, RUBBISH, Kind, Planted, Slot, ambiguous, slot_of
from tests.header.planting import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LITTLE,
    SEQUENCE_END,
    UNDEFINED,
    Site,
    Syntax,
    even,
    item_of,
    sequence,
)


def code_elements(syntax: Syntax) -> bytes:
    parts = ((0x00080100, "SH", b"A1"), (0x00080102, "SH", b"99X "), (0x00080104, "LO", DIGITS))
    return b"".join(syntax.element(*part) for part in parts)


def whole_item(syntax: Syntax) -> bytes:
    return item_of(syntax, code_elements(syntax))


def beginning(syntax: Syntax) -> bytes:
    """The first elements of an item that a fault follows."""
    return syntax.element(0x00080100, "SH", b"A1")


@dataclass(frozen=True)
class Body:
    """The value of a sequence with a fault in it.

    Attributes:
        broken: Its bytes.
        items: How many items the clean sequence has.
        kept: The numbers of those that are whole in the broken one too.
        has_no_codes: False where all that the items hold can be read all the same.
    """

    broken: bytes
    items: int
    kept: tuple[int, ...] = ()
    has_no_codes: bool = True


MakeBody = Callable[[Syntax], Body]


def _value(broken: bytes) -> MakeBody:
    return lambda _: Body(broken, 1)


def _behind_one(make: Callable[[Syntax], bytes]) -> MakeBody:
    return lambda syntax: Body(whole_item(syntax) + make(syntax), 2, (0,))


def _behind_two(broken: bytes) -> MakeBody:
    return lambda syntax: Body(whole_item(syntax) * 2 + broken, 2, (0, 1))


def _between(make: Callable[[Syntax], bytes]) -> MakeBody:
    return lambda syntax: Body(whole_item(syntax) + make(syntax) + whole_item(syntax), 2, (0,))


def _item(syntax: Syntax, end: int | None) -> bytes:
    delimiter = syntax.head(end, b"", 0) if end else b""
    return syntax.head(ITEM, b"", UNDEFINED) + code_elements(syntax) + delimiter


def _long_item(more: int) -> Callable[[Syntax], bytes]:
    return lambda syntax: syntax.element(ITEM, b"", code_elements(syntax), more=more)


BODIES: Mapping[str, MakeBody] = {
    "text": _value(b"text, no items"),
    "eight bytes of text": _value(b"no items"),
    "four bytes of text": _value(b"text"),
    "eight zeros for items": _value(bytes(8)),
    "twelve zeros for items": _value(bytes(12)),
    "sixteen zeros for items": _value(bytes(16)),
    "forty zeros for items": _value(bytes(40)),
    "elements for items": lambda syntax: Body(code_elements(syntax), 1),
    "first item longer than the sequence": lambda syntax: Body(_long_item(5000)(syntax), 1),
    "last item longer than the sequence": _behind_one(_long_item(5000)),
    "last item a little longer than the sequence": _behind_one(_long_item(4)),
    "last item without its end": lambda syntax: Body(
        whole_item(syntax) + _item(syntax, None), 2, (0,), has_no_codes=False
    ),
    "half the head of an item": _behind_one(lambda syntax: syntax.tag(ITEM)),
    "rubbish behind the items": _behind_two(RUBBISH),
    "text behind the items": _behind_two(b"rubbish behind the items"),
    "eight zeros behind the items": _behind_two(bytes(8)),
    "twelve zeros behind the items": _behind_two(bytes(12)),
    "rubbish between the items": _between(lambda _: RUBBISH),
    "zeros between the items": _between(lambda _: bytes(8)),
    "sequence delimiter between the items": _between(lambda syntax: syntax.head(SEQUENCE_END, b"", 0)),
}
"""Of a sequence of defined length."""


def _long_element(more: int) -> Callable[[Syntax], bytes]:
    return lambda syntax: beginning(syntax) + syntax.element(0x00080104, "LO", b"text", more=more)


def _of_vr(vr: bytes) -> Callable[[Syntax], bytes]:
    return lambda syntax: beginning(syntax) + syntax.tag(0x00080104) + vr + b"\xfe\xfe\xfe\xfe\xfe\xfe" + b"text"


ITEM_BODIES: Mapping[str, Callable[[Syntax], bytes]] = {
    "element longer than its item": _long_element(5000),
    "element a little longer than its item": _long_element(12),
    "unreadable VR": _of_vr(b"\1\2"),
    "VR of two capitals with an impossible length": _of_vr(b"ZZ"),
    "rubbish in an item": lambda syntax: beginning(syntax) + RUBBISH,
    "text in an item": lambda syntax: b"text for elements of an item",
    "half the head of an element": lambda syntax: beginning(syntax) + syntax.tag(0x00080104),
}
ONLY_IN_EXPLICIT = frozenset({"unreadable VR", "VR of two capitals with an impossible length"})
ONLY_WHERE_DEFINED = frozenset({"element a little longer than its item", "half the head of an element"})


def _plant(site: Site, slot: Slot, body: Body, *, is_defined: bool = True) -> Planted:
    syntax, tag = site.syntax, slot.sequence
    return Planted(
        sequence(syntax, tag, body.broken, is_defined=is_defined),
        sequence(syntax, tag, whole_item(syntax) * body.items, is_defined=is_defined),
        names=frozenset({site.named(tag)}),
        lost=f"{site.path}{tag:08X}",
        kept=body.kept,
        has_no_codes=body.has_no_codes,
    )


def in_a_sequence(make: MakeBody) -> Kind:
    def plant(site: Site) -> Planted | None:
        slot = slot_of(site)
        return slot and _plant(site, slot, make(site.syntax))

    return plant


def in_an_item(name: str, *, is_defined: bool, item_is_defined: bool) -> Kind:
    def plant(site: Site) -> Planted | None:
        slot, syntax = slot_of(site), site.syntax
        if slot is None or (name in ONLY_IN_EXPLICIT and not syntax.is_explicit):
            return None
        item = item_of(syntax, ITEM_BODIES[name](syntax), is_defined=item_is_defined)
        body = Body(whole_item(syntax) + item + whole_item(syntax), 3, (0, 2) if item_is_defined else (0,))
        return _plant(site, slot, body, is_defined=is_defined)

    return plant


def in_a_private_sequence(make: MakeBody) -> Kind:
    def plant(site: Site) -> Planted | None:
        slot = slot_of(site, is_private=True)
        if slot is None or slot.private is None:
            return None
        tag, syntax = slot.private, site.syntax
        creator = syntax.element(tag & 0xFFFF0000 | 0x10, "LO", even(slot.creator))
        planted = _plant(site, slot._replace(sequence=tag), make(syntax))
        name = f"{site.path}{tag >> 16:04x},xx{tag & 0xFF:02x}|{slot.creator}"
        names = planted.names | {name} if site.levels else frozenset({name})
        kept = planted.kept if syntax.is_explicit else ()  # in implicit VR it may be read as UN
        return replace(
            planted, broken=creator + planted.broken, clean=creator + planted.clean, names=names, kept=kept
        )  # fmt: skip

    return plant


def in_a_sequence_as_un(make: MakeBody) -> Kind:
    """PS3.5 §6.2.2: the items of an UN are implicit and little endian."""

    def plant(site: Site) -> Planted | None:
        slot = slot_of(site)
        if slot is None or not site.syntax.is_explicit:
            return None
        tag, body = slot.sequence, make(IMPLICIT_LITTLE)
        return replace(
            _plant(site, slot, body),
            broken=site.syntax.element(tag, "UN", body.broken),
            clean=site.syntax.element(tag, "UN", whole_item(IMPLICIT_LITTLE) * body.items),
        )

    return plant


def _lying_length(more: int) -> Kind:
    """The length is what is wrong: neither what it hides nor what it cuts may be passed over without a word."""

    def plant(site: Site) -> Planted | None:
        slot, syntax = slot_of(site), site.syntax
        if slot is None:
            return None
        body, behind = whole_item(syntax), syntax.element(slot.text, "LO", DIGITS)
        broken = sequence(syntax, slot.sequence, body, more=more) + behind
        return ambiguous(site, broken, sequence(syntax, slot.sequence, body) + behind)

    return plant


# Delimiters that are missing or replace another.


def _read_on(
    make: Callable[[Syntax], bytes],
    items: int,
    *,
    is_defined: bool = False,
    has_end: bool = True,
    is_named: bool = True,
    is_ambiguous: bool = False,
) -> Kind:
    """A sequence whose items are read all the same."""

    def plant(site: Site) -> Planted | None:
        slot, syntax = slot_of(site), site.syntax
        if slot is None:
            return None
        planted = _plant(site, slot, Body(make(syntax), items, tuple(range(items))), is_defined=is_defined)
        planted = replace(planted, has_no_codes=False, names=frozenset(), is_named=is_named)
        if is_ambiguous:
            lost = f"{site.levels[0].tag:08X}" if site.levels else planted.lost
            return replace(planted, outcome="named", lost=lost, kept=None)
        if has_end:
            return planted
        planted = replace(planted, broken=syntax.head(slot.sequence, "SQ", UNDEFINED) + make(syntax))
        is_open = site.behind is None and not (site.levels and site.levels[-1].item_is_defined)
        lost = f"{site.levels[0].tag:08X}" if site.levels else planted.lost
        return replace(planted, outcome="named", lost=lost, kept=None) if is_open else planted

    return plant


def explicit_items(*, is_defined: bool, items_are_defined: bool) -> Kind:
    def plant(site: Site) -> Planted | None:
        body = item_of(LITTLE, code_elements(LITTLE), is_defined=items_are_defined) * 2
        kind = _read_on(lambda _: body, 2, is_defined=is_defined, is_named=False)
        return None if site.syntax.is_explicit else kind(site)

    return plant


_DEFINED = {True: "defined", False: "undefined"}
KINDS: Mapping[str, Kind] = {
    **{f"{name} in a sequence": in_a_sequence(make) for name, make in BODIES.items()},
    **{
        f"{name}, {_DEFINED[item]} item in {_DEFINED[whole]} sequence": in_an_item(
            name, is_defined=whole, item_is_defined=item
        )
        for name in ITEM_BODIES
        for whole, item in ((True, True), (True, False), (False, True))
        if item or name not in ONLY_WHERE_DEFINED
    },
    **{f"{name} in a private sequence": in_a_private_sequence(make) for name, make in BODIES.items()},
    **{
        f"{name} in a sequence as UN": in_a_sequence_as_un(BODIES[name])
        for name in BODIES
        if name.startswith(("first item", "last item", "rubbish behind", "rubbish between"))
    },
    "sequence that ends behind its length": _lying_length(-20),
    "sequence that ends before its length": _lying_length(24),
    "sequence delimiter for an item's": _read_on(
        lambda syntax: whole_item(syntax) + _item(syntax, SEQUENCE_END), 2
    ),
    "sequence delimiter for the first item's": _read_on(
        lambda syntax: _item(syntax, SEQUENCE_END) + whole_item(syntax), 2, is_ambiguous=True
    ),
    "sequence delimiter for an item's in a defined sequence": _read_on(
        lambda syntax: _item(syntax, SEQUENCE_END) + whole_item(syntax), 2, is_defined=True
    ),
    "no item delimiter": _read_on(lambda syntax: whole_item(syntax) + _item(syntax, None), 2),
    "item delimiter behind a defined item": _read_on(
        lambda syntax: whole_item(syntax) + syntax.head(ITEM_END, b"", 0) + whole_item(syntax), 2
    ),
    "item delimiter behind a defined item of a defined sequence": _read_on(
        lambda syntax: whole_item(syntax) + syntax.head(ITEM_END, b"", 0) + whole_item(syntax), 2, is_defined=True
    ),
    "item delimiter behind the last item": _read_on(
        lambda syntax: whole_item(syntax) + syntax.head(ITEM_END, b"", 0), 1
    ),
    "no sequence delimiter, no items": _read_on(lambda syntax: b"", 0, has_end=False),
    "no sequence delimiter behind a defined item": _read_on(whole_item, 1, has_end=False),
    "no sequence delimiter behind an undefined item": _read_on(
        lambda syntax: _item(syntax, ITEM_END) * 2, 2, has_end=False
    ),
    **{
        f"explicit items, {_DEFINED[whole]} sequence, {_DEFINED[items]} items": explicit_items(
            is_defined=whole, items_are_defined=items
        )
        for whole in (True, False)
        for items in (True, False)
    },
}  # fmt: skip
