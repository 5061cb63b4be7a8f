"""The attributes of functional groups (PS3.3 C.7.6.16): one line each in lifted.tsv, and in frames.tsv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from dicom_udf.columns.lines import read_lines
from dicom_udf.header import Wanted

__all__ = ["SOURCE_CLASS", "SOURCE_IMAGE", "STACK", "LiftedAttribute", "grouped", "lifted_attributes"]

STACK = "FrameContentSequence.StackID"
SOURCE_IMAGE, SOURCE_CLASS = "SourceImageSequence.ReferencedSOPInstanceUID", "SourceImageSequence.ReferencedSOPClassUID"
_SOURCES = tuple(
    Wanted(keyword, (0x00089124, 0x00082112, tag), "UI")
    for keyword, tag in ((SOURCE_IMAGE, 0x00081155), (SOURCE_CLASS, 0x00081150))
)
"""The first image that a frame was made from (PS3.3 C.7.6.16.2.6)."""


@dataclass(frozen=True, slots=True)
class LiftedAttribute:
    """One line of the list: where a functional group has the value of a column.

    Attributes:
        column: Name of the column; several lines may have the same, and the first that has a value counts.
        keyword: Dotted path from the functional group to the attribute, e.g. ``PixelMeasuresSequence.PixelSpacing``.
        path: The tags of that path.
        vr: The dictionary's VR of the attribute.
        vm: The dictionary's VM of the attribute.
    """

    column: str
    keyword: str
    path: tuple[int, ...]
    vr: str
    vm: str


@cache
def lifted_attributes() -> tuple[LiftedAttribute, ...]:
    """Return the attributes of functional groups that fill columns."""
    return tuple(LiftedAttribute(**line) for line in read_lines("lifted.tsv"))


@cache
def grouped() -> tuple[Wanted, ...]:
    """Return what a reader converts of each functional group, by keyword: for columns, values of frames, and links."""
    lines = (*read_lines("lifted.tsv"), *read_lines("frames.tsv"))
    attributes = {line["keyword"]: line for line in lines if line["path"]}
    return (*map(_wanted, attributes.values()), *_SOURCES)


def _wanted(line: Mapping[str, Any]) -> Wanted:
    is_code = line["vr"] == "SQ"
    return Wanted(
        name=line["keyword"],
        path=line["path"],
        vr=line["vr"],
        multiple=line["vm"] != "1",
        part="codes" if is_code else "value",
        is_spelled=not is_code,
    )
