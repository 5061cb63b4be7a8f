"""A selection, arranged as the scanner meets it: by tag, level by level."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dicom_udf.header.header import Selection, Wanted

__all__ = [
    "CODE_PARTS",
    "CODE_VALUE",
    "FRAME_GROUPS",
    "FRAME_SEQUENCE",
    "GROUP_SEQUENCES",
    "INSTANCE",
    "MEDIA_CLASS",
    "SHARED_GROUPS",
    "SHARED_SEQUENCE",
    "SOP_CLASS",
    "SYNTAX",
    "WantedLevel",
    "WantedTag",
    "code_of",
    "compile_selection",
    "first_code",
    "with_blocks",
]

# What the reader itself wants of a file; a column's name never begins with a zero.
MEDIA_CLASS, SYNTAX, SOP_CLASS, INSTANCE = "\0media", "\0syntax", "\0class", "\0instance"
SHARED_GROUPS, FRAME_GROUPS = "\0shared", "\0frames"
CODE_VALUE, LONG_CODE_VALUE, URN_CODE_VALUE, SCHEME, MEANING = "\0code", "\0long", "\0urn", "\0scheme", "\0meaning"


@dataclass(slots=True)
class WantedTag:
    """The values wanted at one tag.

    Attributes:
        wanted: Values of the element itself.
        codes: Names of code lists, where it is a sequence.
        counts: Names of the number of its items.
        groups: Name of the values of its items, where these are functional groups.
        is_whole: True where all its items are wanted.
        first: The values wanted inside its first item.
        others: The values wanted inside the others: the parts of codes, and those of functional groups.
    """

    wanted: tuple[Wanted, ...] = ()
    codes: tuple[str, ...] = ()
    counts: tuple[str, ...] = ()
    groups: str | None = None
    is_whole: bool = False
    first: WantedLevel | None = None
    others: WantedLevel | None = None


class WantedLevel(dict[int, WantedTag]):
    """The values wanted in one data set, by tag; equal to itself alone, so that it can be a key.

    Attributes:
        private: Those of private blocks, by tag with block number 0 and by creator.
        holding: Texts in the JSON of sequences that are wanted as a whole.
    """

    __slots__ = ("holding", "private")
    __hash__ = object.__hash__  # type: ignore[assignment]
    __eq__ = object.__eq__

    def __init__(self, tags: Mapping[int, WantedTag] | None = None) -> None:
        super().__init__(tags or {})
        self.private: dict[tuple[int, str], WantedTag] = {}
        self.holding: tuple[str, ...] = ()


CODE_PARTS = (
    Wanted(CODE_VALUE, (0x00080100,), "SH"),
    Wanted(SCHEME, (0x00080102,), "SH"),
    Wanted(MEANING, (0x00080104,), "LO"),
    Wanted(LONG_CODE_VALUE, (0x00080119,), "UC"),
    Wanted(URN_CODE_VALUE, (0x00080120,), "UR"),
)
"""PS3.3 Table 8.8-1a."""

_OWN = (
    Wanted(MEDIA_CLASS, (0x00020002,), "UI"),
    Wanted(SYNTAX, (0x00020010,), "UI"),
    Wanted(SOP_CLASS, (0x00080016,), "UI"),
    Wanted(INSTANCE, (0x00080018,), "UI"),
)


SHARED_SEQUENCE, FRAME_SEQUENCE = 0x52009229, 0x52009230
"""SharedFunctionalGroupsSequence and PerFrameFunctionalGroupsSequence."""

GROUP_SEQUENCES = {SHARED_SEQUENCE: SHARED_GROUPS, FRAME_SEQUENCE: FRAME_GROUPS}


@lru_cache(maxsize=16)
def compile_selection(selection: Selection) -> tuple[WantedLevel, WantedLevel]:
    """Return the levels of the file meta group and of the data set."""
    top = WantedLevel()
    for want in (*_OWN, *selection.wanted):
        _place(top, want)
    if selection.grouped:
        for tag, name in GROUP_SEQUENCES.items():
            groups = WantedLevel()
            for want in selection.grouped:
                _place(groups, want)
            top[tag] = WantedTag(groups=name, first=groups, others=groups)
    for tag in selection.sequences:
        top.setdefault(tag, WantedTag()).is_whole = True
    _add_code_parts(top)
    meta = WantedLevel({tag: wants for tag, wants in top.items() if tag >> 16 == 2})
    data_set = WantedLevel(
        {tag: wants for tag, wants in top.items() if tag >> 16 != 2}
    )  # group 0002 has no meaning there
    data_set.private = top.private
    data_set.holding = tuple(f'"{tag:08X}":' for tag in selection.holding)
    return meta, data_set


def with_blocks(level: WantedLevel | None, creators: Mapping[int, str]) -> WantedLevel | None:
    """Return the level with its private elements where the blocks of a data set put them; itself without any.

    Args:
        level: The values wanted.
        creators: By group << 8 | block, as :attr:`Context.creators <dicom_udf.header.memo.Context>`.
    """
    if level is None or not level.private or not creators:
        return level
    placed = {
        tag | (block & 0xFF) << 8: wants
        for block, creator in creators.items()
        for (tag, name), wants in level.private.items()
        if name == creator and tag >> 16 == block >> 8
    }
    if not placed:
        return level
    with_private = WantedLevel({**level, **placed})
    with_private.holding = level.holding
    return with_private


def first_code(codes: Iterable[dict[str, str | None] | None]) -> dict[str, str | None] | None:
    """Return the first code of a list in which an item without a code is None."""
    return next((code for code in codes if code is not None), None)


def code_of(values: dict[str, Any]) -> dict[str, str | None] | None:
    """Take the parts of a code out of an item's values; None where it has none."""
    scheme, meaning = values.pop(SCHEME, None), values.pop(MEANING, None)
    codes = [values.pop(name, None) for name in (CODE_VALUE, LONG_CODE_VALUE, URN_CODE_VALUE)]
    code = next((code for code in codes if code), None)
    if code is None and scheme is None and meaning is None:
        return None
    return {"code_value": code, "coding_scheme_designator": scheme, "code_meaning": meaning}


def _place(top: WantedLevel, want: Wanted) -> None:
    if want.creator is not None:
        top.private.setdefault((want.path[0], want.creator), WantedTag()).wanted += (want,)
        return
    level = top
    for tag in want.path[:-1]:
        wants = level.setdefault(tag, WantedTag())
        if wants.first is None:
            wants.first = WantedLevel()
        level = wants.first
    wants = level.setdefault(want.path[-1], WantedTag())
    if want.part == "codes":
        wants.codes += (want.name,)
    elif want.part == "count":
        wants.counts += (want.name,)
    else:
        wants.wanted += (want,)


def _add_code_parts(level: WantedLevel) -> None:
    for wants in level.values():
        for inner in {wants.first, wants.others}:  # which may be the same
            if inner is not None:
                _add_code_parts(inner)
        if wants.codes:
            wants.first = wants.first if wants.first is not None else WantedLevel()
            wants.others = WantedLevel()
            for want in CODE_PARTS:
                _place(wants.first, want)
                _place(wants.others, want)
