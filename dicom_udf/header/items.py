"""Items of a sequence and their delimiters (PS3.5 §7.5), also where writers put them out of place."""

from __future__ import annotations

from typing import NamedTuple

from dicom_udf.errors import FailureCode
from dicom_udf.header.groups import GroupValues
from dicom_udf.header.heads import ITEM, ITEM_END, SEQUENCE_END, UNDEFINED, Head, end_of, read_head
from dicom_udf.header.memo import Context
from dicom_udf.header.scope import Found, Scope
from dicom_udf.header.selection import WantedTag
from dicom_udf.header.skip import skip_value
from dicom_udf.header.soundness import FARTHEST_LOOK, delimiter_at, is_sound
from dicom_udf.header.window import Window

__all__ = ["NO_DELIMITER", "Ends", "Sequence", "closes_item", "next_item", "resumes_at", "stop_of_stray_item"]

NO_DELIMITER = "the delimiter of the sequence or of an item is missing or another one"
STRAY_DELIMITER = "a delimiter behind an item of defined length, or in a sequence of defined length; passed over"


class Ends(NamedTuple):
    """Where a sequence ends, or where its next item may begin.

    Attributes:
        offset: In the file.
        is_over: False where another item may follow.
        reason: The reason, for ``invalid_values``.
        is_pure: True where the bytes of the sequence alone decided that.
    """

    offset: int
    reason: str
    is_over: bool = True
    is_pure: bool = False


class Sequence:
    """A sequence that is being read.

    Attributes:
        head: Its head.
        path: Its path, e.g. ``00081115[0].00081140``.
        wants: The values wanted of it.
        outside: How elements around it are read.
        inside: How its items are.
        is_explicit: True where the elements of its items carry their VR.
        limit: Offset that its items can't reach beyond; None where there is none.
        items: JSON of the items that are held; ``{}`` for a broken one.
        count: Of the items so far.
        codes: One for each item.
        groups: The values of all items, where these are functional groups.
        was_defined: True where the last item has a defined length.
        oddity: The reason why it is odd, for ``invalid_values``; None where all is well.
    """

    __slots__ = (
        "codes", "count", "groups", "head", "inside", "is_explicit", "items", "limit", "oddity", "outside", "path",
        "wants", "was_defined",
    )  # fmt: skip

    def __init__(self, head: Head, scope: Scope, wants: WantedTag, context: Context, *, is_explicit: bool) -> None:
        self.head = head
        self.outside = self.inside = context
        self.is_explicit = is_explicit
        self.path = f"{scope.path}{head.tag:08X}"
        self.wants = wants
        self.limit = scope.limit if head.length == UNDEFINED else end_of(head)
        self.items: list[str] = []
        self.count = 0
        self.codes: list[dict[str, str | None] | None] = []
        self.groups = GroupValues() if wants.groups else None
        self.was_defined = False
        self.oddity: str | None = None

    def note(self, ends: Ends, found: Found) -> None:
        """Note what is wrong with the end of an item or of the sequence."""
        self.oddity = self.oddity or ends.reason
        found.is_pure = found.is_pure and ends.is_pure


def next_item(window: Window, offset: int, sequence: Sequence, scope: Scope) -> Head | Ends | FailureCode:
    """Return the item or the delimiter of the sequence at ``offset``; its other end, or the fault.

    Args:
        window: Where it is read.
        offset: Behind the sequence's head, or behind its last item.
        sequence: As far as it was read.
        scope: The data set around it.
    """
    limit = sequence.limit
    head = read_head(window, offset, sequence.inside)
    if not isinstance(head, Head):
        return head or FailureCode.TRUNCATED
    is_defined = sequence.head.length != UNDEFINED
    if head.vr:
        has_ended = not is_defined and is_sound(window, offset, sequence.outside, scope, sequence.head.tag)
        return Ends(offset, reason=NO_DELIMITER) if has_ended else FailureCode.CORRUPT_HEADER
    if limit is not None and (end_of(head) if head.tag == ITEM else head.start) > limit:
        return FailureCode.CORRUPT_HEADER
    if head.tag == ITEM or (head.tag == SEQUENCE_END and not is_defined):
        return head
    if head.tag == ITEM_END:
        return _past_item_end(window, head, sequence, scope)
    is_at_end = head.start == limit
    return Ends(head.start, reason=STRAY_DELIMITER, is_pure=True) if is_at_end else FailureCode.CORRUPT_HEADER


def _past_item_end(window: Window, head: Head, sequence: Sequence, scope: Scope) -> Ends | FailureCode:
    """Judge an item delimiter between items: a stray one, the sequence's in disguise, or that of the item around."""
    is_defined = sequence.head.length != UNDEFINED
    if not sequence.was_defined and not is_defined and scope.depth and scope.end is None:
        return Ends(head.offset, reason=NO_DELIMITER)
    following = delimiter_at(window, head.start, sequence.inside)
    if following == ITEM or (following == SEQUENCE_END and not is_defined):
        return Ends(head.start, is_over=False, reason=STRAY_DELIMITER, is_pure=is_defined)
    if is_defined:
        is_at_end = head.start == sequence.limit
        return Ends(head.start, reason=STRAY_DELIMITER, is_pure=True) if is_at_end else FailureCode.CORRUPT_HEADER
    if is_sound(window, head.start, sequence.outside, scope, sequence.head.tag):
        return Ends(head.start, reason=NO_DELIMITER)
    return FailureCode.CORRUPT_HEADER


def closes_item(window: Window, head: Head, context: Context, scope: Scope) -> int:
    """Return where reading goes on behind an item of undefined length that a sequence delimiter ends.

    It is a wrong item delimiter where another item or the sequence's own delimiter follows, as ``dcmdump +rd`` has it;
    otherwise it ends the sequence too.
    """
    is_for_item = head.start != scope.limit and delimiter_at(window, head.start, context) in (ITEM, SEQUENCE_END)
    return head.start if is_for_item else head.offset


def stop_of_stray_item(window: Window, head: Head, context: Context, scope: Scope, last: int) -> int | None:
    """Return where the item at an element's place ends if no sequence is open for it; None where one is or may be.

    Args:
        window: Where it is read.
        head: The item's.
        context: How elements are read there.
        scope: The data set around it.
        last: The tag before.
    """
    has_open_sequence = scope.depth > 0 and scope.end is None
    if head.length == UNDEFINED:
        stop = None if has_open_sequence else skip_value(window, head, context, limit=scope.limit)
        return stop if isinstance(stop, int) else None
    stop = end_of(head)
    if scope.limit is not None and stop > scope.limit:
        return None
    if not has_open_sequence:
        is_there = window.skip_to(stop) and is_sound(window, stop, context, scope, last, is_ascending=False)
        return stop if is_there else None
    if stop - head.offset > FARTHEST_LOOK or not window.has(head.offset, stop - head.offset + 8):
        return None
    if delimiter_at(window, stop, context) in (ITEM, SEQUENCE_END):
        return None
    return stop if is_sound(window, stop, context, scope, last, start=head.offset) else None


def resumes_at(window: Window, stop: int | None, sequence: Sequence, scope: Scope) -> int | None:
    """Return where reading goes on behind a fault, which then costs an item, or what is left of the sequence.

    Args:
        window: Moved on to the offset.
        stop: Where the broken item ends by its own length; None where it has none.
        sequence: The sequence around the fault; it can't be remembered any more.
        scope: The data set around it.

    Returns:
        The end of the item where another one or the end of its sequence follows; or the end of the sequence where a
        sound element follows; None where no length is right.
    """
    scope.found.is_pure = False
    end = None if sequence.head.length == UNDEFINED else end_of(sequence.head)
    if stop is not None and stop != end and window.skip_to(stop):
        is_at_limit = stop == sequence.limit
        if is_at_limit or not isinstance(next_item(window, stop, sequence, scope), FailureCode):
            return stop
    if end is not None and window.skip_to(end) and is_sound(window, end, sequence.outside, scope, sequence.head.tag):
        return end
    return None
