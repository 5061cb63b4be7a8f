"""The nouns of a table: fields, tables, declared attributes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["Attribute", "AttributeLevel", "Field", "Place", "Table", "path_text"]

AttributeLevel = Literal["patient", "study", "series", "instance"]


@dataclass(frozen=True, slots=True)
class Field:
    """One column of an Iceberg table.

    Attributes:
        name: Lower snake_case.
        type: Spark SQL type: ``string``, ``bigint``, ``double``, ``boolean``, ``date``, ``timestamp_ntz``,
            ``decimal(20,0)``, ``array<...>``, ``map<string,string>``, ``struct<...>``.
        comment: At most 255 characters, no newlines.
        nullable: False for key columns.
    """

    name: str
    type: str
    comment: str
    nullable: bool = True


@dataclass(frozen=True, slots=True)
class Table:
    """One Iceberg table: name, comment ("one row per ...") and fields in order."""

    name: str
    comment: str
    fields: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Another place of an attribute's value.

    Attributes:
        keyword: As of :class:`Attribute`.
        path: The tags of that path.
    """

    keyword: str
    path: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Attribute:
    """One line of the declared list (attributes.tsv).

    Attributes:
        keyword: DICOM keyword, or a dotted path through first items, e.g.
            ``RadiopharmaceuticalInformationSequence.RadionuclideTotalDose``.
        path: The tags of that path.
        vr: The dictionary's VR of the last element, e.g. ``DS``, ``US or SS``, ``SQ`` for a code sequence.
        vm: The dictionary's VM, e.g. ``1``, ``3``, ``1-n``.
        column: Name of the column.
        level: Level of the DICOM model; it decides in which views the column is.
        unit: e.g. ``mm``; empty where there is none.
        action: PS3.15 Table E.1-1 basic profile action, e.g. ``X``, ``Z/D``, ``U``; empty where the table has none.
        description: One sentence.
        part: As in :class:`dicom_udf.header.Wanted`.
        further: Places where the value is in other kinds of objects, in order of precedence (further_places.tsv).
    """

    keyword: str
    path: tuple[int, ...]
    vr: str
    vm: str
    column: str
    level: AttributeLevel
    unit: str
    action: str
    description: str
    part: Literal["value", "codes", "count", "ideographic", "phonetic"]
    further: tuple[Place, ...] = ()

    @property
    def tags(self) -> str:
        """Return the tags of all its places, e.g. ``(0008,1115) > (0020,000E) or (0040,A375) > ...``."""
        return " or ".join(map(path_text, (self.path, *(place.path for place in self.further))))

    @property
    def hint(self) -> str:
        """Return the text in front of its meaning: ``First of N: `` where it is of a first item."""
        return "First of N: " if len(self.path) > 1 else ""


def path_text(path: Sequence[int]) -> str:
    """Return the tags of a path, e.g. ``(0008,1115) > (0020,000E)``."""
    return " > ".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)
