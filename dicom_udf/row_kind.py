"""The kinds of staged rows."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["RowKind"]


class RowKind(StrEnum):
    """The kind of a staged row: the column ``kind``."""

    INSTANCE = "instance"
    FAILURE = "failure"
    OBJECT = "object"
    """No file was found in the item: the row has its cost only."""
