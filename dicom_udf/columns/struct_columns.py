"""All columns with a struct for each item: those of items.tsv, and ``frames``, which is made in another way."""

from __future__ import annotations

from dicom_udf.columns.frames import frames_column
from dicom_udf.columns.items import ItemColumn, item_columns

__all__ = ["struct_columns"]


def struct_columns() -> tuple[ItemColumn, ...]:
    """Return the columns that have a view with a row for each struct."""
    return (*item_columns(), frames_column())
