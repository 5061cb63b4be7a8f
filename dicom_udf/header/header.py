"""The values that a reader of headers looks for, and the header that it returns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from dicom_udf.header.groups import GroupValues

__all__ = ["Header", "OffsetTable", "Part", "Selection", "Wanted"]

Part = Literal["value", "codes", "count", "ideographic", "phonetic"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One typed value that a caller wants of every header.

    Attributes:
        name: The caller's name for it: the column.
        path: Tags from the top level down, each a 32-bit integer. Every tag but the last is a sequence; its
            **first** item is entered. Group 0002 is looked up in the file meta information.
        vr: The dictionary's VR (PS3.6), e.g. ``"DS"``, ``"US or SS"``, ``"SQ"`` for ``part="codes"``.
        multiple: True where the dictionary's VM is not 1: the value is a list.
        part: ``value``; ``count`` for the number of a sequence's items; ``codes`` for a code sequence as a list of
            dicts ``code_value``, ``coding_scheme_designator``, ``code_meaning`` (PS3.3 Table 8.8-1a; code_value is
            CodeValue, LongCodeValue or URNCodeValue); ``ideographic`` or ``phonetic`` for that component group of a PN.
        creator: None for a public element. Of a private one at top level, the creator of its block (PS3.5 §7.8.1): the
            block's number may differ from file to file and is 0 in the path, ``(0x0019000C,)`` for (0019,xx0C).
        is_spelled: True for the pair of the value's spelling and the value, to compare values as they are written.
    """

    name: str
    path: tuple[int, ...]
    vr: str
    multiple: bool = False
    part: Part = "value"
    creator: str | None = None
    is_spelled: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """The typed values wanted of every header.

    Attributes:
        wanted: In any order, each with a name of its own; kept as a tuple.
        grouped: Those of functional groups (PS3.3 C.7.6.16): a path begins inside an item of
            SharedFunctionalGroupsSequence or PerFrameFunctionalGroupsSequence. Kept as a tuple. Several may have the
            same name.
        sequences: Tags of sequences at top level of which all items are wanted; kept as a tuple.
        holding: Tags of elements. A sequence at top level that has one of them at any depth is wanted like those of
            ``sequences``, PerFrameFunctionalGroupsSequence excepted. Kept as a tuple.
    """

    wanted: Sequence[Wanted] = ()
    grouped: Sequence[Wanted] = ()
    sequences: Sequence[int] = ()
    holding: Sequence[int] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Hash once: several hundred values would be hashed again for each file."""
        for name in _PARTS_OF_SELECTION:
            object.__setattr__(self, name, tuple(getattr(self, name)))
        object.__setattr__(self, "_hash", hash(self._parts()))

    def __hash__(self) -> int:
        """Return the hash of what is wanted."""
        return self._hash

    def __reduce__(self) -> tuple[type[Selection], tuple[Any, ...]]:
        """Pickle without the hash: each process salts those of strings."""
        return (Selection, self._parts())

    def _parts(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in _PARTS_OF_SELECTION)


_PARTS_OF_SELECTION = ("wanted", "grouped", "sequences", "holding")


@dataclass(frozen=True, slots=True)
class OffsetTable:
    """The offset table as the file has it; its numbers are not checked.

    Attributes:
        start: Bytes from the start of the file to the first fragment's item head; None where it is not known.
        offsets: Of each frame, bytes from ``start`` to the item head of its first fragment; empty without a table.
        lengths: Of each frame, bytes of its one fragment without the item head; None of a Basic Offset Table.
        reason: The reason why there are no offsets; None where there are.
    """

    start: int | None = None
    offsets: Sequence[int] = ()
    lengths: Sequence[int] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """One DICOM file without its pixels.

    Attributes:
        json: The data set as DICOM JSON (PS3.18 Annex F) in one line, keys in tag order.
        file_meta_json: Group 0002 the same way; None where the file has none.
        values: By :attr:`Wanted.name`, the wanted values that the file has, as Python values ready for Arrow:
            ``date``, ``datetime`` (naive), ``float``, ``int``, ``Decimal`` (UV), ``str``, lists of these (empty items
            None), lists of dicts for codes (an item without a code None). Absent, empty and invalid values are left
            out.
        shared_groups: The values of :attr:`Selection.grouped` in SharedFunctionalGroupsSequence; None without it.
        frame_groups: Those in PerFrameFunctionalGroupsSequence, of which each item is a frame; None without it.
        sequences: By tag, the JSON member (``"00620002":{...}``) of each sequence that the selection wants and that
            could be read to its end; None where something in it was left out for its size.
        invalid_values: Attribute path -> why its value is null, altered or ignored. Never the value itself.
        fault: None where the header was read to its end, otherwise ``CODE@offset``; the elements before it are kept.
        omitted: Paths of values left out for size, e.g. ``00081140[3].00081155``.
        private_creators: Creators of the private blocks at top level, distinct, sorted.
        pixel_data_offset: Bytes from the start of the file to the value of the top-level pixel data; None where
            there is none or the data set is deflated.
        pixel_data_length: Its length in bytes; None where undefined or absent.
        pixel_data_is_encapsulated: True where fragments follow; None where there is no pixel data.
        offset_table: Of encapsulated pixel data; None of any other, and of a deflated data set.
    """

    json: str
    file_meta_json: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    shared_groups: GroupValues | None = None
    frame_groups: GroupValues | None = None
    sequences: Mapping[int, str | None] = field(default_factory=dict)
    invalid_values: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None
    omitted: tuple[str, ...] = ()
    private_creators: tuple[str, ...] = ()
    pixel_data_offset: int | None = None
    pixel_data_length: int | None = None
    pixel_data_is_encapsulated: bool | None = None
    offset_table: OffsetTable | None = None
