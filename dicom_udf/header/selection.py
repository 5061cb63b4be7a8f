"""A selection, arranged as the scanner meets it: by tag, level by level."""

from __future__ import annotations

from dataclasses import dataclass

from dicom_udf.header.model import Selection, Wanted

__all__ = ["CODE_PARTS", "Level", "Place", "compile_selection"]


@dataclass(slots=True)
class Place:
    """What is wanted at one tag.

    Attributes:
        wanted: Values of the element itself.
        codes: Names of code lists, where it is a sequence.
        first: What is wanted inside its first item.
    """

    wanted: tuple[Wanted, ...] = ()
    codes: tuple[str, ...] = ()
    first: Level | None = None


Level = dict[int, Place]

CODE_PARTS: Level = {
    0x00080100: Place((Wanted("CodeValue", (0x00080100,), "SH"),)),
    0x00080102: Place((Wanted("coding_scheme_designator", (0x00080102,), "SH"),)),
    0x00080104: Place((Wanted("code_meaning", (0x00080104,), "LO"),)),
    0x00080119: Place((Wanted("LongCodeValue", (0x00080119,), "UC"),)),
    0x00080120: Place((Wanted("URNCodeValue", (0x00080120,), "UR"),)),
}
"""PS3.3 Table 8.8-1a: the parts of a code in an item of a code sequence."""


def compile_selection(selection: Selection) -> Level:
    """Return the selection's top level."""
    top: Level = {}
    for want in selection.wanted:
        level = top
        for tag in want.path[:-1]:
            place = level.setdefault(tag, Place())
            if place.first is None:
                place.first = {}
            level = place.first
        place = level.setdefault(want.path[-1], Place())
        if want.part == "codes":
            place.codes += (want.name,)
        else:
            place.wanted += (want,)
    return top
