"""The item columns: an array with a struct per item of a sequence, declared in items.tsv.

A line without a field describes the column; the others are its fields in order. ``root`` is the path of the sequences
whose item has the field: the column's own sequence, one below it, or one that names items of the column's sequence by
their number. ``keyword`` and ``tag`` are a path inside that item, through first items; a field without is made from
several values (:mod:`dicom_udf.columns.item_values`). A field of VR SQ is a code sequence: its first code, or all.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter
from typing import Any

from dicom_udf.columns.fields import path_text
from dicom_udf.columns.lines import read_lines, read_path
from dicom_udf.header import VRS, Wanted

__all__ = ["CODE_TYPE", "ItemColumn", "ItemField", "TooLargeError", "item_columns", "item_field", "wanted_sequences"]

CODE_TYPE = "struct<code_value:string,coding_scheme_designator:string,code_meaning:string>"
"""Type of one code (PS3.3 Table 8.8-1a)."""


class TooLargeError(Exception):
    """Something that a cell is made from was left out for its size."""


@dataclass(frozen=True, slots=True)
class ItemField:
    """A field of an item column.

    Attributes:
        name: Its name in the struct, and the column of the view.
        root: The tags of the sequences around the item that has it; empty where it may be in any.
        keyword: Dotted path of keywords inside the item; empty where it is made from several values.
        path: The tags of that path.
        vr: The dictionary's VR of the attribute, or one of the field's type; ``SQ`` for codes.
        vm: ``1`` for one value; otherwise the field is an array.
        action: As :attr:`dicom_udf.columns.Attribute.action`.
        description: One sentence.
    """

    name: str
    root: tuple[int, ...]
    keyword: str
    path: tuple[int, ...]
    vr: str
    vm: str
    action: str
    description: str

    @property
    def type(self) -> str:
        """Its Spark SQL type."""
        scalar = CODE_TYPE if self.vr == "SQ" else f"{VRS[self.vr].type}"
        return scalar if self.vm == "1" else f"array<{scalar}>"

    @property
    def place(self) -> str:
        """Tags and keyword of its attribute, from top level; empty where it is made from several values."""
        return f"{path_text((*self.root, *self.path))} {self.keyword.rpartition('.')[2]}" if self.path else ""

    @property
    def comment(self) -> str:
        """Its attribute, and its description."""
        return f"{self.place}. {self.description}" if self.path else self.description

    @property
    def wanted(self) -> Wanted:
        """The value that a reader converts for it; only of a field with a path."""
        return Wanted(self.name, self.path, self.vr, self.vm != "1", "codes" if self.vr == "SQ" else "value")


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """A column of ``instances`` with a struct per item, and the view with a row for each.

    Attributes:
        name: Name of the column and of the view.
        keyword: Keyword of the sequence; empty where its structs are made from several.
        tag: Its tag; it is at top level. None where there are several.
        further: Tags of further sequences at top level that it is made from: one with the same fields that other kinds
            of objects have in its place, or those of its root.
        description: One sentence.
        fields: In the order of the struct.
    """

    name: str
    keyword: str
    tag: int | None
    description: str
    fields: tuple[ItemField, ...]
    further: tuple[int, ...] = ()

    @property
    def type(self) -> str:
        """Its Spark SQL type."""
        return f"array<struct<{','.join(f'{field.name}:{field.type}' for field in self.fields)}>>"

    @property
    def sequences(self) -> tuple[int, ...]:
        """Tags of the sequences at top level that it is made from; empty where any may have a struct."""
        roots = (field.root[0] for field in self.fields if field.root)
        return tuple(dict.fromkeys((*roots, *self.further)))

    def wanted(self, root: tuple[int, ...]) -> tuple[Wanted, ...]:
        """Return what a reader converts of an item of a sequence, by names of fields."""
        return tuple(field.wanted for field in self.fields if field.root == root and field.path)


_FURTHER = {
    "rt_beams": (0x300A03A2,),  # IonBeamSequence of plans with ions (PS3.3 C.8.8.25)
    "content_items": (0x0040A043, 0x0040A504),  # of the root
}


@cache
def item_columns() -> tuple[ItemColumn, ...]:
    """Return the declared item columns.

    Example:
        >>> from dicom_udf.columns.items import item_columns
        >>> [column.name for column in item_columns()]
        ['segments', 'rois', 'annotation_groups', 'rt_beams', 'specimen_steps', 'content_items', 'links']
    """
    found = []
    for name, group in groupby(read_lines("items.tsv"), itemgetter("column")):
        head, *lines = group
        fields = tuple(map(item_field, lines))
        tag = head["path"][0] if head["path"] else None
        found.append(ItemColumn(name, head["keyword"], tag, head["description"], fields, _FURTHER.get(name, ())))
    return tuple(found)


def item_field(line: Mapping[str, Any]) -> ItemField:
    """Return the field that a line of a data file declares."""
    return ItemField(
        name=line["field"],
        root=read_path(line.get("root", "")),
        keyword=line["keyword"],
        path=line["path"],
        vr=line["vr"],
        vm=line["vm"],
        action=line["action"],
        description=line["description"],
    )


@cache
def wanted_sequences() -> tuple[int, ...]:
    """Return the tags of the sequences at top level that item columns are made from."""
    return tuple(dict.fromkeys(tag for column in item_columns() for tag in column.sequences))
