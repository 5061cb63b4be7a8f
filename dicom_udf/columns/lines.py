"""The data files of this package: a line each for a declared attribute, by the names in the first line."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

__all__ = ["read_lines", "read_path"]


def read_lines(file: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of a data file by the names in its first line; the column ``tag`` as ``path``.

    A path is a tuple of tags, empty for a line without.

    Example:
        >>> from dicom_udf.columns.lines import read_lines
        >>> next(read_lines("lifted.tsv"))["path"] == (0x00289110, 0x00280030)
        True
    """
    text = files("dicom_udf.columns").joinpath(file).read_text(encoding="utf-8")
    head, *lines = text.splitlines()
    for line in lines:
        values: dict[str, Any] = dict(zip(head.split("\t"), line.split("\t"), strict=True))
        values["path"] = read_path(values.pop("tag"))
        yield values


def read_path(text: str) -> tuple[int, ...]:
    """Return the tags of a path.

    Example:
        >>> from dicom_udf.columns.lines import read_path
        >>> read_path("00289110.00280030") == (0x00289110, 0x00280030)
        True
    """
    return tuple(int(tag, 16) for tag in text.split(".") if tag)
