"""References of an instance to others, at any depth: the item column ``links``.

Each is in an item with ReferencedSOPInstanceUID (0008,1155). The sequences around it decide its kind, and often have
the series and the study of the instance that it names.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dicom_udf.columns.items import TooLargeError
from dicom_udf.columns.lifted import SOURCE_CLASS, SOURCE_IMAGE
from dicom_udf.header import GroupValues, Wanted
from dicom_udf.header.stored import DataSet, Items, item_values

__all__ = ["HOLDING", "Link", "frame_links", "has_references", "links_of", "merge_links"]

Link = dict[str, Any]

REFERENCE = 0x00081155
HOLDING = (REFERENCE,)
"""Elements of which a sequence with a reference has one at some depth."""

_WANTED = (
    Wanted("referenced_sop_class_uid", (0x00081150,), "UI"),
    Wanted("referenced_sop_instance_uid", (REFERENCE,), "UI"),
    Wanted("referenced_frames", (0x00081160,), "IS", multiple=True),
    Wanted("referenced_segments", (0x0062000B,), "US", multiple=True),
)
_SERIES = (Wanted("referenced_series_instance_uid", (0x0020000E,), "UI"),)
_STUDY = (Wanted("referenced_study_instance_uid", (0x0020000D,), "UI"),)
_REFERENCE, _SERIES_UID, _STUDY_UID = f"{REFERENCE:08X}", "0020000E", "0020000D"

_STUDY_OF_STRUCTURES = 0x30060012
"""RTReferencedStudySequence, whose reference is to the study itself (PS3.3 C.8.8.5)."""

_AROUND = {
    0x00081115: "SERIES",
    0x00081200: "SERIES",
    0x0040A375: "EVIDENCE",
    0x0040A385: "OTHER_EVIDENCE",
    0x0040A525: "IDENTICAL_DOCUMENTS",
    0x0040A360: "PREDECESSOR_DOCUMENTS",
}
"""Kind of all references below a sequence, by its tag."""
_AT = {
    0x00082112: "SOURCE",
    0x00081140: "IMAGE",
    0x00081110: "STUDY",
    _STUDY_OF_STRUCTURES: "STUDY",
    0x00081111: "PROCEDURE_STEP",
    0x00081199: "CONTENT",
    0x0008114A: "INSTANCE",
    0x00089154: "CONVERSION",
    0x300C0002: "PLAN",
    0x300C0060: "STRUCTURE_SET",
    0x300C0080: "DOSE",
    0x30060016: "CONTOUR_IMAGE",
}
"""Kind of the references in a sequence's own items, by its tag."""


def has_references(member: str | None) -> bool:
    """Return whether a sequence may have references, by its JSON; True where that was left out."""
    return member is None or _MARKER in member


_MARKER = f'"{REFERENCE:08X}":'


def links_of(sequences: Mapping[int, Items | None], reasons: dict[str, str]) -> list[Link]:
    """Return the references in sequences at top level, each once, in the order of the file.

    Args:
        sequences: As :func:`~dicom_udf.header.stored.parse_sequences` returns them.
        reasons: Gains why a value is null, by its place.

    Raises:
        TooLargeError: A sequence that may have some was left out.

    Example:
        >>> from dicom_udf.columns.links import links_of
        >>> item = {"00081155": {"vr": "UI", "Value": ["1.2.3"]}}
        >>> links_of({0x00082112: [item]}, {})
        [{'kind': 'SOURCE', 'referenced_sop_instance_uid': '1.2.3'}]
    """
    found: list[Link] = []
    for tag, items in sorted(sequences.items()):
        if items is None:
            raise TooLargeError
        found += _of_items(tag, items, f"{tag:08X}", _AROUND.get(tag), {}, reasons)
    return merge_links(found)


def _of_items(
    tag: int, items: Items, path: str, around: str | None, known: Link, reasons: dict[str, str]
) -> Iterator[Link]:
    """Yield the references in the items of a sequence and below them.

    Args:
        tag: Of the sequence.
        items: Its items.
        path: Its place.
        around: The kind by a sequence around them.
        known: The series and the study that these name.
        reasons: As of :func:`links_of`.
    """
    for number, item in enumerate(items):
        place = f"{path}[{number}]."
        own = known
        for uid, wanted in ((_SERIES_UID, _SERIES), (_STUDY_UID, _STUDY)):
            if uid in item:
                own = own | item_values(wanted, item, place, reasons)
        if _REFERENCE in item:
            values = item_values(_WANTED, item, place, reasons)
            if "referenced_sop_instance_uid" in values:
                if tag == _STUDY_OF_STRUCTURES:
                    own = own | {"referenced_study_instance_uid": values["referenced_sop_instance_uid"]}
                yield {"kind": around or _AT.get(tag) or f"{tag:08X}", **own, **values}
        yield from _below(item, place, around, own, reasons)


def _below(item: DataSet, place: str, around: str | None, known: Link, reasons: dict[str, str]) -> Iterator[Link]:
    for key, element in item.items():
        if element["vr"] == "SQ" and "Value" in element:
            tag = int(key, 16)
            yield from _of_items(tag, element["Value"], place + key, around or _AROUND.get(tag), known, reasons)


def frame_links(frames: GroupValues | None) -> list[Link]:
    """Return the images that frames were made from, each once; only the first one of a frame is known."""
    if frames is None or not frames.has(SOURCE_IMAGE) or frames.is_cut:
        return []
    found: dict[str, Link] = {}
    for uid, of_class in dict.fromkeys(zip(frames.of_each(SOURCE_IMAGE), frames.of_each(SOURCE_CLASS), strict=True)):
        if uid is not None and uid not in found:
            found[uid] = {"kind": "SOURCE", "referenced_sop_instance_uid": uid}
            if of_class is not None:
                found[uid]["referenced_sop_class_uid"] = of_class
    return list(found.values())


def merge_links(links: list[Link]) -> list[Link]:
    """Return each reference once, with the series and the study that another one to the same instance states."""
    known: dict[str, Link] = {}
    for link in links:
        of_instance = known.setdefault(link["referenced_sop_instance_uid"], {})
        for name in ("referenced_series_instance_uid", "referenced_study_instance_uid", "referenced_sop_class_uid"):
            if name in link:
                of_instance.setdefault(name, link[name])
    merged: dict[tuple[Any, ...], Link] = {}
    for link in links:
        uid = link["referenced_sop_instance_uid"]
        places = tuple(tuple(link.get(name) or ()) for name in ("referenced_frames", "referenced_segments"))
        merged.setdefault((link["kind"], uid, *places), {**known[uid], **link})
    return list(merged.values())
