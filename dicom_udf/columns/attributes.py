"""The declared attributes: one line each in attributes.tsv, the source of schema, converters, comments and page."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from dicom_udf.columns import content_items, suv
from dicom_udf.columns.fields import Attribute, Place
from dicom_udf.columns.items import CODE_TYPE, wanted_sequences
from dicom_udf.columns.lifted import grouped
from dicom_udf.columns.lines import read_lines
from dicom_udf.columns.links import HOLDING
from dicom_udf.header import VRS, Selection, Wanted

__all__ = ["CODES_TYPE", "WITHOUT_COLUMN", "column_type", "declared_attributes", "merge_places", "selection"]

CODES_TYPE = f"array<{CODE_TYPE}>"
"""Type of a code sequence's column."""

WITHOUT_COLUMN = (*suv.WANTED, *content_items.WANTED)
"""Values without a column, which columns are made from."""


@cache
def declared_attributes() -> tuple[Attribute, ...]:
    """Return the declared attributes in the order of their columns."""
    further: dict[str, list[Place]] = {}
    for line in read_lines("further_places.tsv"):
        further.setdefault(line["column"], []).append(Place(line["keyword"], line["path"]))
    return tuple(
        Attribute(**line, further=tuple(further.get(line["column"], ()))) for line in read_lines("attributes.tsv")
    )


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
    declared = (_wanted(attribute, attribute.column, attribute.path) for attribute in declared_attributes())
    elsewhere = (
        _wanted(attribute, _name_of_place(attribute, number), place.path)
        for attribute in declared_attributes()
        for number, place in enumerate(attribute.further)
    )
    wanted = (*declared, *elsewhere, *WITHOUT_COLUMN, *further)
    return Selection(wanted, grouped(), wanted_sequences(), HOLDING)


def merge_places(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return values by column: of a column with several places, that of the first place that has one.

    Values that columns are only made from are left out.

    Args:
        values: Values by the names of :func:`selection`, read from a file or from its stored header.

    Example:
        >>> from dicom_udf.columns import merge_places
        >>> merge_places({"modality": "SR", "referenced_series_instance_uid/1": "1.2.3"})
        {'modality': 'SR', 'referenced_series_instance_uid': '1.2.3'}
    """
    if values.keys().isdisjoint(_names_of_places()):
        return values
    places = _columns_of_places()
    merged = {name: value for name, value in values.items() if name not in places}
    for name, column in places.items():
        if column is not None and name in values:
            merged.setdefault(column, values[name])
    return merged


@cache
def _names_of_places() -> frozenset[str]:
    return frozenset(_columns_of_places())


@cache
def _columns_of_places() -> Mapping[str, str | None]:
    """Return the column of each further place by the place's name in a selection; None of a value without a column."""
    places: dict[str, str | None] = {want.name: None for want in WITHOUT_COLUMN}
    return places | {
        _name_of_place(attribute, number): attribute.column
        for attribute in declared_attributes()
        for number in range(len(attribute.further))
    }


def _name_of_place(attribute: Attribute, number: int) -> str:
    return f"{attribute.column}/{number}"


def _wanted(attribute: Attribute, name: str, path: tuple[int, ...]) -> Wanted:
    return Wanted(name, path, attribute.vr, multiple=attribute.vm != "1", part=attribute.part)
