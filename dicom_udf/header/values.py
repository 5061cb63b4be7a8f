"""Values of elements that are not sequences: read, or passed over where they are long."""

from __future__ import annotations

from dicom_udf.header.element import NOT_TYPED, finish, quote
from dicom_udf.header.heads import Head, is_misnamed_sequence, is_stored_as_un
from dicom_udf.header.leaf import STEERING, name_of, steer
from dicom_udf.header.memo import Context, MemoEntry
from dicom_udf.header.offset_tables import EXTENDED_TABLES, LONGEST_TABLE
from dicom_udf.header.scope import Scope
from dicom_udf.header.vr import VRS
from dicom_udf.header.window import Window

__all__ = ["INLINE_BYTES", "LONGEST_VALUE", "ValueReader"]

INLINE_BYTES = 1024
"""Longer binary values are named by a BulkDataURI and skipped, not read (PS3.18 §F.2.7)."""
LONGEST_VALUE = 8 << 20
"""A longer text or list of numbers can't be kept under the cap of the JSON: skipped, and named in ``omitted``."""

NOT_A_SEQUENCE = "not a sequence in the file"


class ValueReader:
    """Reads the values of one file's elements.

    Args:
        window: Where they are read.
        bulk_data_base: The beginning of each BulkDataURI.

    Attributes:
        offset_tables: The values of the extended offset tables that were read, by tag; empty ones of too long tables.
    """

    def __init__(self, window: Window, *, bulk_data_base: str) -> None:
        self._window = window
        self.offset_tables: dict[int, bytes] = {}
        self._uri = bulk_data_base + ("&" if "?" in bulk_data_base else "?")

    def read(self, head: Head, context: Context, scope: Scope) -> MemoEntry | None:
        """Return a finished element; None where the file ends before its value does."""
        is_bytes = VRS[head.vr].kind == "bytes"
        if is_bytes and head.tag in EXTENDED_TABLES and not scope.depth:
            scope.found.is_pure = False  # to be read in each file
            if not self._keep_table(head):
                return None
        if head.length > (INLINE_BYTES if is_bytes else LONGEST_VALUE):
            scope.found.is_pure = False
            return self._skip(head, context, scope)
        window = self._window
        order = "<" if is_stored_as_un(window, head, context) else context.order  # PS3.5 §6.2.2 note 2
        if not window.has(head.start, head.length):
            return None
        at = head.start - window.base
        raw = window.data[at : at + head.length]
        place = context.level.get(head.tag) if context.level else None
        wanted = place.wanted if place else ()
        json, items, values, reason = finish(head.vr, raw, order=order, encodings=context.encodings, wanted=wanted)
        following = context
        if head.tag in STEERING or head.tag & 0x10000:
            following, why = steer(head.tag, items, context)
            reason = reason or why
        if raw and ((place and (place.codes or place.first)) or is_misnamed_sequence(head, context)):
            reason = reason or NOT_A_SEQUENCE
        text = f'"{head.tag:08X}":{json}' if head.tag & 0xFFFF else ""
        return MemoEntry(head.tag, text, values, _faults(head, context, reason), following)

    def _keep_table(self, head: Head) -> bool:
        """Keep the value of an extended offset table; False where the file ends before its value does."""
        is_short = head.length <= LONGEST_TABLE
        if is_short and not self._window.has(head.start, head.length):
            return False
        self.offset_tables.setdefault(head.tag, self._window.at(head.start, head.length) if is_short else b"")
        return True

    def _skip(self, head: Head, context: Context, scope: Scope) -> MemoEntry | None:
        """Pass over a long value: a binary one is named by its place in the file, another is left out."""
        stop = head.start + head.length
        if not self._window.skip_to(stop):
            return None
        is_wanted = context.level is not None and head.tag in context.level
        reason = NOT_TYPED if is_wanted else NOT_A_SEQUENCE if is_misnamed_sequence(head, context) else None
        if VRS[head.vr].kind == "bytes":
            return MemoEntry(head.tag, self.bulk(head, stop), None, _faults(head, context, reason), context)
        scope.found.omitted.append(f"{scope.path}{head.tag:08X}")
        text = f'"{head.tag:08X}":{{"vr":"{head.vr}"}}'
        return MemoEntry(head.tag, text, None, _faults(head, context, reason), context)

    def bulk(self, head: Head, stop: int) -> str:
        """Return the JSON member of a binary value that ends at ``stop``, named by its place in the file."""
        uri = f"{self._uri}offset={head.start}&length={stop - head.start}"
        return f'"{head.tag:08X}":{{"vr":"{head.vr}","BulkDataURI":{quote(uri)}}}'


def _faults(head: Head, context: Context, reason: str | None) -> tuple[tuple[str, str], ...]:
    return () if reason is None else ((name_of(head.tag, context), reason),)
