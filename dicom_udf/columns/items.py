"""The item columns: one struct per item of a sequence, declared in items.tsv.

A line without a field describes the column; the others are its fields in order. ``keyword`` and ``tag`` of a field are
a path inside the item, through first items. A field of VR SQ is the first code of a code sequence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import groupby
from operator import itemgetter

from dicom_udf.columns.lines import read_lines
from dicom_udf.header import VRS, Wanted, WantedItems

__all__ = ["CODE_TYPE", "ItemColumn", "ItemField", "item_columns", "wanted_items"]

CODE_TYPE = "struct<code_value:string,coding_scheme_designator:string,code_meaning:string>"
"""Type of one code (PS3.3 Table 8.8-1a)."""


@dataclass(frozen=True, slots=True)
class ItemField:
    """A field of an item column.

    Attributes:
        name: Its name in the struct, and the column of the view.
        keyword: Dotted path of keywords inside the item.
        path: The tags of that path.
        vr: The dictionary's VR of the attribute; ``SQ`` for a code.
        vm: The dictionary's VM of the attribute.
        action: As :attr:`dicom_udf.columns.Attribute.action`.
        description: One sentence.
    """

    name: str
    keyword: str
    path: tuple[int, ...]
    vr: str
    vm: str
    action: str
    description: str

    @property
    def type(self) -> str:
        """Its Spark SQL type."""
        if self.vr == "SQ":
            return CODE_TYPE
        scalar = VRS[self.vr].type
        return f"{scalar}" if self.vm == "1" else f"array<{scalar}>"


@dataclass(frozen=True, slots=True)
class ItemColumn:
    """A column of ``instances`` with a struct per item of a sequence, and the view with a row for each.

    Attributes:
        name: Name of the column and of the view.
        keyword: Keyword of the sequence.
        tag: Its tag; it is at top level.
        description: One sentence.
        fields: In the order of the struct.
    """

    name: str
    keyword: str
    tag: int
    description: str
    fields: tuple[ItemField, ...]

    @property
    def type(self) -> str:
        """Its Spark SQL type."""
        return f"array<struct<{','.join(f'{field.name}:{field.type}' for field in self.fields)}>>"


@cache
def item_columns() -> tuple[ItemColumn, ...]:
    """Return the declared item columns.

    Example:
        >>> from dicom_udf.columns.items import item_columns
        >>> [column.name for column in item_columns()]
        ['segments']
    """
    found = []
    for name, group in groupby(read_lines("items.tsv"), itemgetter("column")):
        head, *lines = group
        fields = tuple(
            ItemField(
                name=line["field"],
                keyword=line["keyword"],
                path=line["path"],
                vr=line["vr"],
                vm=line["vm"],
                action=line["action"],
                description=line["description"],
            )
            for line in lines
        )
        found.append(ItemColumn(name, head["keyword"], head["path"][0], head["description"], fields))
    return tuple(found)


@cache
def wanted_items() -> tuple[WantedItems, ...]:
    """Return what a reader converts of each item, by column."""
    return tuple(
        WantedItems(
            column.name,
            column.tag,
            tuple(
                Wanted(field.name, field.path, field.vr, field.vm != "1", "codes" if field.vr == "SQ" else "value")
                for field in column.fields
            ),
        )
        for column in item_columns()
    )
