"""The steps in which specimens were prepared (PS3.3 C.7.6.22.1): a struct for each content item of each step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from dicom_udf.columns.items import ItemColumn
from dicom_udf.header import Wanted
from dicom_udf.header.stored import DataSet, Items, item_values

__all__ = ["specimen_steps"]

_SPECIMEN = (
    Wanted("specimen_identifier", (0x00400551,), "LO"),
    Wanted("specimen_uid", (0x00400554,), "UI"),
)
_SPECIMENS, _STEPS, _CONTENT = 0x00400560, 0x00400610, 0x00400612


def specimen_steps(column: ItemColumn, specimens: Items, reasons: dict[str, str]) -> Iterator[dict[str, Any]]:
    """Yield a row for each content item, in the order of the file.

    Args:
        column: The item column.
        specimens: Items of SpecimenDescriptionSequence.
        reasons: Gains why a value is null, by its place.
    """
    wanted = column.wanted((_SPECIMENS, _STEPS, _CONTENT))
    for place, specimen in _items(specimens, f"{_SPECIMENS:08X}"):
        own = item_values(_SPECIMEN, specimen, place, reasons)
        for number, (below, step) in enumerate(_items(_of(specimen, _STEPS), f"{place}{_STEPS:08X}"), start=1):
            for deeper, item in _items(_of(step, _CONTENT), f"{below}{_CONTENT:08X}"):
                yield {**own, "step": number, **item_values(wanted, item, deeper, reasons)}


def _of(item: DataSet, tag: int) -> Items:
    found: Items = item.get(f"{tag:08X}", {}).get("Value", ())
    return found


def _items(items: Items, path: str) -> Iterator[tuple[str, DataSet]]:
    """Yield the items of a sequence with their places."""
    for number, item in enumerate(items):
        yield f"{path}[{number}].", item
