"""The declared attributes: one line each in attributes.tsv, the source of schema, converters, comments and page."""

from __future__ import annotations

from functools import cache

from dicom_udf.columns.fields import Attribute
from dicom_udf.columns.items import CODE_TYPE, wanted_items
from dicom_udf.columns.lifted import grouped
from dicom_udf.columns.lines import read_lines
from dicom_udf.header import VRS, Selection, Wanted

__all__ = ["CODES_TYPE", "column_type", "declared_attributes", "selection"]

CODES_TYPE = f"array<{CODE_TYPE}>"
"""Type of a code sequence's column."""


@cache
def declared_attributes() -> tuple[Attribute, ...]:
    """Return the declared attributes in the order of their columns."""
    return tuple(Attribute(**line) for line in read_lines("attributes.tsv"))


def column_type(attribute: Attribute) -> str:
    """Return the Spark SQL type of an attribute's column: by VR, an array unless its VM is 1."""
    if attribute.part == "codes":
        return CODES_TYPE
    if attribute.part == "count":
        return "bigint"
    scalar = VRS[attribute.vr].type
    return f"{scalar}" if attribute.vm == "1" else f"array<{scalar}>"


@cache
def selection(further: tuple[Wanted, ...] = ()) -> Selection:
    """Return the elements that a header reader converts for the columns; one object for equal arguments.

    Args:
        further: Elements besides the declared attributes: those that a lake promoted.
    """
    declared = (
        Wanted(
            name=attribute.column,
            path=attribute.path,
            vr=attribute.vr,
            multiple=attribute.vm != "1",
            part=attribute.part,
        )
        for attribute in declared_attributes()
    )
    return Selection((*declared, *further), grouped(), wanted_items())
