"""Values whose end must be found but not their meaning: fragments, and sequences nested too deep. No recursion."""

from __future__ import annotations

from dicom_udf.errors import FailureCode
from dicom_udf.header.heads import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Head, read_head
from dicom_udf.header.memo import Context
from dicom_udf.header.window import Window

__all__ = ["skip_value"]


def skip_value(window: Window, head: Head, context: Context) -> int | tuple[FailureCode, int]:
    """Return where the value of ``head`` ends, or the fault that hides the end, and its offset."""
    offset = head.start
    if head.length != UNDEFINED:
        offset += head.length
        return offset if window.skip_to(offset) else (FailureCode.TRUNCATED, head.offset)
    open_vrs = [head.vr]  # of the elements of undefined length that are open; empty for an item
    while open_vrs:
        inner = read_head(window, offset, context)
        if inner is None or isinstance(inner, FailureCode):
            return inner or FailureCode.TRUNCATED, offset
        offset = inner.start
        if inner.tag in (ITEM_END, SEQUENCE_END):
            open_vrs.pop()
        elif inner.length == UNDEFINED:
            open_vrs.append(inner.vr)
        elif inner.tag != ITEM or open_vrs[-1] not in ("SQ", "UN"):  # fragments (PS3.5 §A.4) hold no elements
            offset += inner.length
            if not window.skip_to(offset):
                return FailureCode.TRUNCATED, inner.offset
    return offset
