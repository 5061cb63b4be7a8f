"""Rows of files with sequences: read cold, read by the memo, and made from the stored header."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from pydicom.dataset import Dataset

from dicom_udf.columns import fill_row, selection
from dicom_udf.columns.items import item_columns
from dicom_udf.columns.stored_row import fill_from_stored
from dicom_udf.header import Header, HeaderReader
from tests.header.files import encode, minimal

__all__ = ["NAMES", "code", "item", "read", "reasons_of", "row_of", "row_of_file"]

NAMES = tuple(column.name for column in item_columns())


def item(**values: Any) -> Dataset:
    """An item with these values."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def code(text: str, scheme: str = "99X", meaning: str | None = None) -> Dataset:
    """An item of a code sequence."""
    return item(CodeValue=text, CodingSchemeDesignator=scheme, CodeMeaning=meaning or f"Meaning {text}")


def read(content: bytes) -> Header:
    """The header of a file, which is the same however often it is read."""
    reader = HeaderReader(selection())
    headers = [reader.read(io.BytesIO(content)) for _ in range(3)]
    assert headers[0] == headers[1] == headers[2]
    return headers[0]


def row_of(**values: Any) -> dict[str, Any]:
    """The row of an instance with these values, of which item columns are equal if made from the stored header."""
    return row_of_file(encode(minimal(**values)))


def row_of_file(content: bytes) -> dict[str, Any]:
    """The same of a file."""
    header = read(content)
    row = fill_row(header)
    known = {"sop_instance_uid": row.get("sop_instance_uid"), "number_of_frames": row.get("number_of_frames")}
    stored, reasons, gained = fill_from_stored(NAMES, header.json, None, header.omitted, (), known)
    assert {name: stored.get(name) for name in NAMES} == {name: row.get(name) for name in NAMES}
    assert reasons.items() <= reasons_of(row).items()
    assert gained == [name for name in row["header_omitted"] or () if name.startswith("column:")]
    return row


def reasons_of(row: Mapping[str, Any]) -> dict[str, str]:
    """The entries of ``invalid_values``."""
    return dict(row["invalid_values"] or ())
