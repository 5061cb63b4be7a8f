"""The property of ``instances`` that names columns which older rows lack, until ``dicom-lake upgrade`` fills them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

__all__ = ["UPGRADE", "PendingUpgrade", "pending_upgrade", "with_columns"]

UPGRADE = "dicom-lake.upgrade"


@dataclass(frozen=True, slots=True)
class PendingUpgrade:
    """Columns that were added to a table with rows.

    Attributes:
        columns: Their names.
        run: The id that the snapshot with the filled columns is published under; None before an upgrade begins.
        begun: When it began, UTC, naive.
    """

    columns: tuple[str, ...]
    run: str | None = None
    begun: datetime | None = None

    def to_json(self) -> str:
        """Return the value of the property."""
        begun = None if self.begun is None else self.begun.isoformat()
        return json.dumps({"columns": self.columns, "run": self.run, "begun": begun})


def pending_upgrade(properties: Mapping[str, str]) -> PendingUpgrade | None:
    """Return what a table's properties name; None where no row lacks a column."""
    text = properties.get(UPGRADE)
    if text is None:
        return None
    parts = json.loads(text)
    begun = None if parts["begun"] is None else datetime.fromisoformat(parts["begun"])
    return PendingUpgrade(tuple(parts["columns"]), parts["run"], begun)


def with_columns(properties: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    """Return the property for further columns; an upgrade that has begun without them begins again."""
    before = pending_upgrade(properties)
    known = before.columns if before is not None else ()
    return {UPGRADE: PendingUpgrade(tuple(dict.fromkeys((*known, *names)))).to_json()}
