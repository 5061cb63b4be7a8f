"""Whether reading may go on at an offset, where a malformed element leaves more than one way to read on.

An element is *sound* if its tag is above the one before it, its VR is valid, and its length lies within its scope. The
delimiter of an open item, the top-level pixel data, and the exact end of the scope are sound too.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from dicom_udf.errors import FailureCode
from dicom_udf.header.dictionary import public_vr
from dicom_udf.header.heads import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    VALID_VRS,
    Head,
    doubtful_heads,
    end_of,
    is_stored_as_un,
    read_head,
)
from dicom_udf.header.memo import Context
from dicom_udf.header.scope import Found, Scope
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import MOST_PADDING, Window

__all__ = [
    "FARTHEST_LOOK",
    "PIXEL_DATA",
    "Passed",
    "delimiter_at",
    "has_explicit_items",
    "is_sound",
    "pass_group_zero",
    "reread_head",
]

PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

FARTHEST_LOOK = 1 << 19
"""Bytes behind the start of a doubtful element that are examined before it is read."""
_LONGEST_SHORT = (1 << 16) - 1
_LONGEST_HEAD = 16
"""Bytes of a head, and of the value behind it that may decide about a VR."""
_NO_VRS = frozenset({b"??", b"  "})
"""Written by some programs in place of an unknown VR, followed by a length of 16 bits."""
_MOST_ALIKE = 4
"""Elements that have no VR in the same way and follow each other: so many are read ahead for a sound one."""
_ORDERS: dict[str, Literal["little", "big"]] = {"<": "little", ">": "big"}


class Passed(NamedTuple):
    """Elements or delimiters that are not part of the data set: their tags, and where the next element begins."""

    tags: tuple[int, ...]
    stop: int


def is_sound(
    window: Window,
    offset: int,
    context: Context,
    scope: Scope,
    last: int,
    *,
    start: int | None = None,
    is_ascending: bool = True,
) -> bool:
    """True where a sound element begins at ``offset``, or its scope ends exactly there.

    Args:
        window: Read on as far as needed.
        offset: Where to look.
        context: How the element would be read.
        scope: The data set around it.
        last: The tag before it.
        start: Where the doubtful element begins, which must stay in memory; by default nothing before ``offset``.
        is_ascending: False where any tag will do.
    """
    start = offset if start is None else start
    if scope.limit is not None and offset >= scope.limit:
        return offset == scope.limit
    if offset - start > FARTHEST_LOOK:
        return False
    window.has(start, offset - start + _LONGEST_HEAD)
    if not window.has(offset, 8):
        return not scope.depth and window.has(offset, 0) and not window.rest(offset).strip(b"\0")
    delimiter = delimiter_at(window, offset, context)
    if delimiter is not None:
        return delimiter != ITEM and scope.depth > 0 and scope.end is None
    head = read_head(window, offset, context)
    if not isinstance(head, Head):
        return not scope.depth and _is_padding(window, offset)
    if scope.group is not None and head.tag >> 16 != scope.group:
        return False
    if is_ascending and head.tag <= last and (scope.depth or head.tag not in PIXEL_DATA):
        return False
    return _ends_inside(window, head, context, scope, start)


def _ends_inside(window: Window, head: Head, context: Context, scope: Scope, start: int) -> bool:
    """True where the value of ``head`` ends within its scope, or within the file, as far as can be seen."""
    kind = VRS[head.vr].kind
    if head.length == UNDEFINED:
        window.has(start, head.start - start + 8)
        return kind in ("bytes", "sequence") and delimiter_at(window, head.start, context) in (ITEM, SEQUENCE_END)
    stop = end_of(head)
    if scope.limit is not None:
        return stop <= scope.limit
    if kind in ("bytes", "sequence") and head.length > _LONGEST_SHORT:
        return True  # the end is not looked for: these may be as long as a file
    return stop - start <= FARTHEST_LOOK and window.has(start, stop - start)


def delimiter_at(window: Window, offset: int, context: Context) -> int | None:
    """Return the tag of the item or delimiter at ``offset``; None where there is another element."""
    if not window.has(offset, 8):
        return None
    group, element, _ = context.unpack_implicit(window.data, offset - window.base)
    tag: int = group << 16 | element
    return tag if tag in (ITEM, ITEM_END, SEQUENCE_END) else None


def _is_padding(window: Window, offset: int) -> bool:
    """True where nothing but zeros follows up to the end of the file, and not too many of them."""
    length, is_to_the_end = window.count_zeros(offset, MOST_PADDING)
    return is_to_the_end and length <= MOST_PADDING


def reread_head(
    window: Window, offset: int, context: Context, scope: Scope, last: int
) -> Head | Passed | FailureCode | None:
    """Return how to go on where the bytes are not a head: by the first reading that leads to a sound element.

    Args:
        window: Holds the eight bytes at ``offset``.
        offset: Where an element is expected.
        context: How elements are read there.
        scope: The data set around them.
        last: The tag before.

    Returns:
        A head; elements of group 0000 to pass over; a fault; or None where only padding follows.
    """
    if any(window.at(offset, 2)):
        readings = list(doubtful_heads(window, offset, context))
        sound = next((head for head in readings if _leads_on(window, head, context, scope)), None)
        if sound is None and readings and window.at(offset + 4, 2) in _NO_VRS:
            return readings[0]
        return sound or FailureCode.CORRUPT_HEADER
    length, is_to_the_end = window.count_zeros(offset, MOST_PADDING)
    if length > MOST_PADDING:
        return FailureCode.CORRUPT_HEADER
    if is_to_the_end and not scope.depth:
        return None
    if scope.limit is not None and offset + length >= scope.limit:
        return Passed((0,), scope.limit)
    for order, is_explicit in (("<", False), (context.order, context.is_explicit)):
        passed = pass_group_zero(window, offset, order=order, is_explicit=is_explicit, limit=scope.limit)
        if passed is not None and is_sound(window, passed.stop, context, scope, last, start=offset):
            return passed
    return FailureCode.CORRUPT_HEADER


def _leads_on(
    window: Window, head: Head, context: Context, scope: Scope, *, start: int | None = None, alike: int = 0
) -> bool:
    """True where a doubtful head ends before a sound element, with others like it in between."""
    start = head.offset if start is None else start
    if not _ends_inside(window, head, context, scope, start):
        return False
    stop = end_of(head)
    if head.length == UNDEFINED or is_sound(window, stop, context, scope, head.tag, start=start):
        return True
    following = _like(window, head, stop, context) if stop - start <= FARTHEST_LOOK else None
    if following is None or following.tag <= head.tag:
        return False
    return alike == _MOST_ALIKE or _leads_on(window, following, context, scope, start=start, alike=alike + 1)


def _like(window: Window, head: Head, offset: int, context: Context) -> Head | None:
    """Return the head at ``offset`` as the doubtful ``head`` was read, where it lacks a VR in the same way."""
    if not window.has(offset, 8) or not any(window.at(offset, 2)):
        return None
    is_long = head.start - head.offset == 12
    readings = list(doubtful_heads(window, offset, context))
    if is_long:
        return readings[0] if len(readings) == 1 else None
    if len(readings) != 2:
        return None
    name, following = window.at(head.offset + 4, 2), window.at(offset + 4, 2)
    if head.length == int.from_bytes(window.at(head.offset + 6, 2), _ORDERS[context.order]):
        return readings[0] if name == following else None
    tag = readings[1].tag
    return readings[1] if tag & 0x10000 or public_vr(tag) is not None else None


def pass_group_zero(
    window: Window, offset: int, *, order: str, is_explicit: bool, limit: int | None = None
) -> Passed | None:
    """Return the elements of group 0000 that begin at ``offset``, a command set or zeros.

    None where there are none, or where they reach beyond the limit or half a MiB.

    A command set is sent in implicit little endian (PS3.7 §6.3.1); eight zeros are an empty element of it.

    Args:
        window: Read on as far as needed.
        offset: Where the first one begins.
        order: Their byte order.
        is_explicit: True where they may carry a VR.
        limit: Offset that they can't reach beyond, if there is one.
    """
    farthest = offset + FARTHEST_LOOK if limit is None else min(limit, offset + FARTHEST_LOOK)
    tags: dict[int, None] = {}
    stop = offset
    while stop < farthest and window.has(offset, stop - offset + 8):
        head = window.at(stop, 12)
        if head[:2] != b"\0\0":
            break
        length, size = int.from_bytes(head[4:8], _ORDERS[order]), 8
        if is_explicit and head[4:6] in LONG_LENGTH:
            length, size = int.from_bytes(head[8:12], _ORDERS[order]), 12
        elif is_explicit and head[4:6] in VALID_VRS:
            length = int.from_bytes(head[6:8], _ORDERS[order])
        if stop + size + length > farthest:
            return None
        tags[int.from_bytes(head[2:4], _ORDERS[order])] = None
        stop += size + length
    return Passed(tuple(tags), stop) if tags else None


def has_explicit_items(window: Window, sequence: Head, context: Context, limit: int | None) -> bool:
    """True where the items of a sequence are in explicit VR; by the first element of the first one where it is open.

    PS3.5 §6.2.2 has items of an UN in implicit VR; not every writer follows it. Others write explicit items into an
    implicit data set.
    """
    if context.is_explicit and not is_stored_as_un(window, sequence, context):
        return True
    if context.order == ">":
        return False
    stop = end_of(sequence) if sequence.length != UNDEFINED else limit
    start = sequence.start
    if (stop is not None and start + 16 > stop) or not window.has(start, 16):
        return False
    if delimiter_at(window, start, context) != ITEM or window.at(start + 12, 2) not in VALID_VRS:
        return False
    length = context.unpack_implicit(window.data, start - window.base)[2]
    scope = Scope(Found(), {}, depth=1, end=None if length == UNDEFINED else start + 8 + length, limit=stop)
    explicit = context.inside(None, is_explicit=True)
    return is_sound(window, start + 8, explicit, scope, -1)
