"""Kinds of faults: the bytes that each puts at a place, and what a reader owes there.

The faults in sequences are in ``sequence_faults``, those of the file meta group in ``meta_faults``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from tests.header.planting import (
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Site,
    Syntax,
    even,
    named,
    path_of,
)

Outcome = Literal["whole", "fault", "named"]
"""``whole``: no fault. ``fault``: ``header_fault`` is set. ``named``: either it is set, or a name is given."""


@dataclass(frozen=True)
class Planted:
    """The bytes planted at a place, and what is owed.

    Attributes:
        broken: The bytes there.
        clean: The bytes there in the clean file.
        outcome: Of the whole file.
        is_named: True where ``invalid_values`` must name the fault.
        names: One of these must be named; empty where any name will do.
        lost: Path in the JSON of the sequence or element that may differ from the clean file's; empty: none may.
        kept: Numbers of the items of ``lost`` that are as in the clean file, each other one being empty or as one of
            that file; None where any will do.
        has_no_codes: True where the code columns of ``lost`` must be empty.
    """

    broken: bytes
    clean: bytes = b""
    outcome: Outcome = "whole"
    is_named: bool = True
    names: frozenset[str] = frozenset()
    lost: str = ""
    kept: tuple[int, ...] | None = ()
    has_no_codes: bool = False


Kind = Callable[[Site], Planted | None]
"""Plants a fault at a site; returns None where it doesn't fit."""

RUBBISH = b"\xff\xff\xff\xff\xff\xff\xff\xfe" * 2
DIGITS = b"1234567890" * 4


class Slot(NamedTuple):
    """Tags that a fault may use: ascending, and next to each other.

    Attributes:
        sequence: A sequence of the dictionary.
        text: A text of the dictionary behind it.
        private: A private tag behind these, in a block of ``creator``, whose dictionary has a sequence there.
    """

    sequence: int
    text: int
    private: int | None = None
    creator: str = ""


SLOTS = (
    Slot(0x00080006, 0x00080014),
    Slot(0x00081032, 0x00081040, 0x00091040, "CARDIO-D.R. 1.0"),
    Slot(0x00180012, 0x00184000),
    Slot(0x00540220, 0x00880904, 0x00711018, "AGFA-AG_HPState"),
)


def slot_of(site: Site, *, is_private: bool = False) -> Slot | None:
    """The first slot that has room at the site."""
    for slot in SLOTS:
        if not is_private and site.has_room(slot.sequence, slot.text):
            return slot
        if is_private and slot.private and site.has_room(slot.private & 0xFFFF0000 | 0x10, slot.private):
            return slot
    return None


def unreadable(site: Site, broken: bytes) -> Planted:
    """Bytes that no reader understands: they cost what has a defined end around them, or end the header."""
    for depth in range(len(site.levels) - 1, -1, -1):
        level = site.levels[depth]
        if not (level.is_defined or level.item_is_defined):
            continue
        others = (
            tuple(number for number in range(level.count) if number != level.number) if level.item_is_defined else ()
        )
        return Planted(
            broken,
            names=frozenset(
                named(site.levels[:inner], site.levels[inner].tag) for inner in range(depth, len(site.levels))
            ),
            lost=f"{path_of(site.levels[:depth])}{level.tag:08X}",
            kept=others or tuple(range(level.number)),
            has_no_codes=True,
        )
    return Planted(broken, outcome="fault")


def ambiguous(site: Site, broken: bytes, clean: bytes = b"") -> Planted:
    """What may be read in more than one way, but never without a word."""
    lost = f"{site.levels[0].tag:08X}" if site.levels else ""
    return Planted(broken, clean, "named" if site.levels else "fault", lost=lost, kept=None)


# A: zeros, and elements of group 0000.


def zeros(count: int) -> Kind:
    def plant(site: Site) -> Planted:
        broken = bytes(count)
        if site.is_last_of_file:
            return Planted(broken, is_named=False)
        if count % 8:
            return ambiguous(site, broken) if site.levels else Planted(broken, outcome="named")
        names = {f"{site.path}00000000"} | (set() if site.levels else {"CommandGroupLength"})
        return Planted(broken, names=frozenset(names))

    return plant


def command_element(site: Site) -> Planted:
    value = site.syntax.number(1, 2)
    names = frozenset({f"{site.path}00000100"} if site.levels else {"CommandField"})
    return Planted(site.syntax.element(0x00000100, "US", value), names=names)


def implicit_command_element(site: Site) -> Planted:
    return Planted(IMPLICIT_LITTLE.element(0x00000100, "US", b"\1\0"))


def command_set(site: Site) -> Planted:
    write = IMPLICIT_LITTLE.element
    body = write(0x00000002, "UI", even("1.2.840.10008.5.1.4.1.1.2")) + write(0x00000100, "US", b"\1\0")
    body += write(0x00000110, "US", b"\7\0") + write(0x00000800, "US", b"\1\0")
    return Planted(write(0x00000000, "UL", len(body).to_bytes(4, "little")) + body)


def command_element_longer_than_the_file(site: Site) -> Planted:
    return unreadable(site, IMPLICIT_LITTLE.element(0x00000100, "US", b"\1\0", more=0x7FFF0000))


# C: unknown VRs; of explicit data sets only.


def _of_unknown_vr(make: Callable[[Syntax, int], bytes], *, is_private: bool = False) -> Kind:
    def plant(site: Site) -> Planted | None:
        slot = slot_of(site, is_private=is_private)
        if not site.syntax.is_explicit or slot is None:
            return None
        tag = slot.private if is_private and slot.private else slot.text
        creator, clean = b"", site.syntax.element(tag, "LO", b"abcdef")
        if is_private:
            creator = site.syntax.element(tag & 0xFFFF0000 | 0x10, "LO", even("ACME UNKNOWN"))
        return Planted(
            creator + make(site.syntax, tag), creator + clean, is_named=False, lost=f"{site.path}{tag:08X}"
        )  # fmt: skip

    return plant


def short_vr(vr: bytes, value: bytes = b"abcdef") -> Kind:
    return _of_unknown_vr(lambda syntax, tag: syntax.tag(tag) + vr + syntax.number(len(value), 2) + value)


def two_short_vrs(site: Site) -> Planted | None:
    slot = slot_of(site, is_private=True)
    if not site.syntax.is_explicit or slot is None or slot.private is None:
        return None
    syntax, last = site.syntax, slot.private
    creator = syntax.element(last & 0xFFFF0000 | 0x10, "LO", even("ACME UNKNOWN"))
    broken = syntax.tag(last - 1) + b"--" + syntax.number(6, 2) + b"abcdef"
    clean = syntax.element(last - 1, "LO", b"abcdef")
    more = syntax.tag(last) + b"--" + syntax.number(6, 2) + b"ghijkl"
    clean += syntax.element(last, "UN", b"ghijkl")
    return Planted(creator + broken + more, creator + clean, is_named=False, lost=f"{site.path}{last - 1:08X}")


def implicit_element(site: Site) -> Planted | None:
    planted = _of_unknown_vr(lambda syntax, tag: syntax.tag(tag) + syntax.number(6, 4) + b"abcdef")(site)
    is_first = planted is not None and not site.levels and site.before < 0
    return replace(planted, outcome="named") if planted and is_first else planted  # it speaks for the whole data set


def vr_with_impossible_lengths(vr: bytes) -> Kind:
    def plant(site: Site) -> Planted | None:
        slot = slot_of(site)
        if slot is None or not site.syntax.is_explicit:
            return None
        return unreadable(site, site.syntax.tag(slot.text) + vr + b"\xfe\xfe\xfe\xfe\xfe\xfe")

    return plant


def capitals_with_a_short_length(value: bytes) -> Kind:
    """The form of known VRs, which a VR of a later edition doesn't have."""

    def plant(site: Site) -> Planted | None:
        slot = slot_of(site)
        if slot is None or not site.syntax.is_explicit:
            return None
        broken = site.syntax.tag(slot.text) + b"ZZ" + site.syntax.number(len(value), 2) + value
        lost = f"{site.levels[0].tag:08X}" if site.levels else f"{slot.text:08X}"
        return Planted(broken, outcome="named", is_named=not site.is_last_of_file, lost=lost, kept=None)

    return plant


# E: items and delimiters out of place.


def _at_top(make: Callable[[Site], Planted | None]) -> Kind:
    return lambda site: make(site) if not site.levels else None


def _stray(body: Callable[[Syntax, int], bytes]) -> Kind:
    def plant(site: Site) -> Planted | None:
        slot = slot_of(site)
        return slot and Planted(body(site.syntax, slot.text), lost=f"{slot.text:08X}")

    return _at_top(plant)


def _defined_item(syntax: Syntax, tag: int) -> bytes:
    return syntax.element(ITEM, b"", syntax.element(tag, "LO", b"inside"))


def _undefined_item(syntax: Syntax, tag: int) -> bytes:
    inner = syntax.element(tag, "LO", b"inside")
    return syntax.head(ITEM, b"", UNDEFINED) + inner + syntax.head(ITEM_END, b"", 0)


def _delimiter(tag: int) -> Kind:
    return _at_top(lambda site: Planted(site.syntax.head(tag, b"", 0), is_named=False))


def item_in_an_item(site: Site) -> Planted | None:
    return ambiguous(site, site.syntax.head(ITEM, b"", 0)) if site.levels else None


KINDS: Mapping[str, Kind] = {
    "eight zeros": zeros(8),
    "sixteen zeros": zeros(16),
    "twelve zeros": zeros(12),
    "command element": command_element,
    "implicit command element": implicit_command_element,
    "command set": command_set,
    "command element longer than the file": command_element_longer_than_the_file,
    "rubbish": lambda site: unreadable(site, RUBBISH),
    "VR of two capitals": _of_unknown_vr(lambda syntax, tag: syntax.element(tag, "ZZ", b"abcdef")),
    "private VR of two capitals": _of_unknown_vr(
        lambda syntax, tag: syntax.element(tag, "ZZ", b"abcdef"), is_private=True
    ),
    "VR of dashes": short_vr(b"--"),
    "VR of digits": short_vr(b"00"),
    "VR of NULs": short_vr(b"\0\0"),
    "VR of question marks": short_vr(b"??"),
    "VR of blanks": short_vr(b"  "),
    "VR of lower case": short_vr(b"lo"),
    "VR of control characters": short_vr(b"\1\2"),
    "VR of a capital and a digit": short_vr(b"L0"),
    "VR of dashes, no value": short_vr(b"--", b""),
    "two elements with a VR of dashes": two_short_vrs,
    "implicit element": implicit_element,
    "private implicit element": _of_unknown_vr(
        lambda syntax, tag: syntax.tag(tag) + syntax.number(6, 4) + b"abcdef", is_private=True
    ),
    "VR of dashes, impossible lengths": vr_with_impossible_lengths(b"--"),
    "VR of two capitals, impossible length": vr_with_impossible_lengths(b"ZZ"),
    "VR of two capitals, short length": capitals_with_a_short_length(b"abcdef"),
    "VR of two capitals, short length, zeros": capitals_with_a_short_length(bytes(6)),
    "item without a sequence": _stray(_defined_item),
    "empty item without a sequence": _stray(lambda syntax, _: syntax.head(ITEM, b"", 0)),
    "item of undefined length without a sequence": _stray(_undefined_item),
    "item delimiter without an item": _delimiter(ITEM_END),
    "sequence delimiter without a sequence": _delimiter(SEQUENCE_END),
    "item in an item": item_in_an_item,
}
