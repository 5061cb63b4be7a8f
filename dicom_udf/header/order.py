"""Elements that are not in ascending order, or repeat each other (PS3.5 §7.1 forbids both; files do both)."""

from __future__ import annotations

from dicom_udf.header.leaf import name_of
from dicom_udf.header.memo import Context, Gap, MemoEntry, Run, Step
from dicom_udf.header.scope import Found

__all__ = ["in_order", "pieces", "unseen"]

REPEATED = "occurs more than once; the first is kept"


def pieces(entry: MemoEntry) -> tuple[MemoEntry, ...]:
    """Return the elements that an entry holds."""
    return entry.entries if isinstance(entry, Run | Gap) else (entry,)


def unseen(entry: MemoEntry, seen: set[int]) -> list[MemoEntry]:
    """Return the elements that do not repeat an earlier one, and count them as seen."""
    fresh = [piece for piece in pieces(entry) if piece.tag not in seen]
    seen.update([piece.tag for piece in fresh])
    return fresh


def in_order(steps: list[Step], found: Found, path: str) -> list[MemoEntry]:
    """Return the elements by ascending tag, of equal ones the first; the repeated are named."""
    entries: list[MemoEntry] = []
    contexts: dict[int, Context] = {}
    for piece, _, context, _ in steps:
        for entry in pieces(piece):
            if entry.tag in contexts:
                found.faults.setdefault(path + name_of(entry.tag, context), REPEATED)
            else:
                contexts[entry.tag] = context
                entries.append(entry)
    return sorted(entries, key=lambda entry: entry.tag)
