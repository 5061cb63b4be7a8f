"""Skip values of undefined length: fragments, and sequences nested too deep. No recursion."""

from __future__ import annotations

from dicom_udf.errors import FailureCode
from dicom_udf.header.heads import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Head, end_of, read_head
from dicom_udf.header.memo import Context
from dicom_udf.header.window import Window

__all__ = ["skip_value"]


def skip_value(
    window: Window, head: Head, context: Context, *, limit: int | None = None
) -> int | tuple[FailureCode, int]:
    """Return where the value of ``head`` ends, or the fault that hides the end, and its offset.

    Args:
        window: Moved on to the end.
        head: Of an element, or of an item.
        context: How elements inside it are read.
        limit: Offset that it can't reach beyond, if there is one.
    """
    offset = end_of(head)
    if head.length != UNDEFINED:
        return offset if window.skip_to(offset) else (FailureCode.TRUNCATED, head.offset)
    open_vrs = [head.vr]  # of the elements of undefined length that are open; empty for an item
    while open_vrs:
        inner = read_head(window, offset, context)
        if inner is None or isinstance(inner, FailureCode):
            return inner or FailureCode.TRUNCATED, offset
        has_fragments = open_vrs[-1] not in ("SQ", "UN", "")  # PS3.5 §A.4: items of bytes, no elements
        is_misplaced = inner.vr or inner.tag == ITEM_END or (inner.tag == ITEM and inner.length == UNDEFINED)
        if (has_fragments and is_misplaced) or (limit is not None and end_of(inner) > limit):
            return FailureCode.CORRUPT_HEADER, offset
        offset = inner.start
        if inner.tag in (ITEM_END, SEQUENCE_END):
            open_vrs.pop()
        elif inner.length == UNDEFINED:
            open_vrs.append(inner.vr)
        elif inner.tag != ITEM or has_fragments:
            offset += inner.length
            if not window.skip_to(offset):
                return FailureCode.TRUNCATED, inner.offset
    return offset
