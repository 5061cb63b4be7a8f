"""The scanner: a data set's bytes to finished elements, one after the other (PS3.5 §7)."""

from __future__ import annotations

from typing import Any, Literal

from dicom_udf.errors import FailureCode
from dicom_udf.header.cap import FIRST_ITEMS
from dicom_udf.header.element import NOT_TYPED, finish, quote
from dicom_udf.header.heads import (
    ITEM,
    ITEM_END,
    SEQUENCE_END,
    UNDEFINED,
    Head,
    items_are_explicit,
    read_head,
)
from dicom_udf.header.leaf import STEERING, name_of, plain_entry, steer
from dicom_udf.header.memo import MEMO_VALUE, Context, Entry, Run, Step
from dicom_udf.header.order import in_order, pieces, unseen
from dicom_udf.header.scope import Found, PixelData, Scope
from dicom_udf.header.selection import Place, code_of
from dicom_udf.header.skip import skip_value
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import Window

__all__ = ["Scanner"]

PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})

INLINE_BYTES = 1024
"""Longer binary values are named by a BulkDataURI and skipped, not read (DESIGN §3)."""
LONGEST_VALUE = 8 << 20
"""A longer text or list of numbers can't be kept under the cap of the JSON: skipped, and named in ``omitted``."""
DEEPEST = 64
"""Sequences inside each other that are read; real ones reach about ten. Deeper ones are skipped and named."""
HELD_TEXT = 16 << 20
"""Characters of JSON past which items beyond the first 100 of a sequence are no longer held: the cap would cut them."""
MOST_ELEMENTS = 1 << 16
"""Of one data set or item; the dictionary has some 5,000. More is no header, and ends the scan."""

NOT_A_SEQUENCE = "not a sequence in the file"


class Scanner:
    """Scans the data sets of one file.

    Attributes:
        fault: Code and offset of what ended the scan; None where nothing did.
        pixel_data: Where the top-level pixel data is.
    """

    def __init__(self, window: Window, *, bulk_data_base: str = "") -> None:
        self.window = window
        self.fault: tuple[FailureCode, int] | None = None
        self.pixel_data: PixelData | None = None
        self._uri = bulk_data_base + ("&" if "?" in bulk_data_base else "?")
        self._held = 0

    def data_set(
        self, offset: int, context: Context, found: Found, *, group: int | None = None
    ) -> tuple[str, int, Context]:
        """Scan a top-level data set and remember it.

        Args:
            offset: Where its first element stands.
            context: What it begins in.
            found: Filled with what it gives.
            group: Stop before the first element of another group.

        Returns:
            Its JSON, the offset where the scan stopped, and the context there.
        """
        steps, end, is_sorted = self._elements(offset, context, Scope(found, found.values, group=group))
        if is_sorted:
            context.memo.learn(steps, self.window.data, self.window.base, end)
            entries = [step[0] for step in steps]
        else:
            entries = in_order(steps, found, "")
        return _object(entries), end, steps[-1][0].next if steps else context

    def _elements(self, offset: int, context: Context, scope: Scope) -> tuple[list[Step], int, bool]:
        """Scan elements up to the end of their scope or of the scan; say whether they were in order."""
        steps: list[Step] = []
        values, faults, path, end = scope.values, scope.found.faults, scope.path, scope.end
        last = -1
        is_sorted = True
        seen: set[int] = set()
        while self.fault is None and (end is None or offset < end):
            entry, stop = self._known(offset, context, last, scope)
            if entry is None:
                head = self._next(offset, context, scope)
                if head is None:
                    break
                if not head.vr:
                    offset = head.start if head.tag == ITEM_END or end is not None or not scope.depth else offset
                    if scope.depth and end is None:
                        break
                    continue  # a delimiter of nothing: real files have them
                entry, stop = self._read(head, context, scope)
            if entry.tag <= last and is_sorted:
                is_sorted = False
                seen = {piece.tag for step in steps for piece in pieces(step[0])}
            for piece in (entry,) if is_sorted else unseen(entry, seen):
                if piece.values is not None:
                    values.update(piece.values)
                for name, reason in piece.faults:
                    faults.setdefault(path + name, reason)
            steps.append((entry, offset, context, last))
            last = entry.last if type(entry) is Run else entry.tag
            context = entry.next
            offset = stop
            if len(steps) > MOST_ELEMENTS:
                self.fault = (FailureCode.CORRUPT_HEADER, offset)
        return steps, offset, is_sorted

    def _known(self, offset: int, context: Context, last: int, scope: Scope) -> tuple[Entry | None, int]:
        """Return what stands at ``offset``, and its end, if its very bytes were met before or are easily understood."""
        data = self.window.data
        at = offset - self.window.base
        for run in context.runs.get(last, ()):
            if data.startswith(run.raw, at):
                return run, offset + len(run.raw)
        if at + 12 > len(data):
            return None, offset
        if context.is_explicit:
            group, element, vr, length = context.unpack(data, at)
            if vr in LONG_LENGTH:
                length = context.unpack_length(data, at + 8)[0] + 4
        else:
            group, element, length = context.unpack_implicit(data, at)
            vr = b""
        stop = offset + 8 + length
        if length > MEMO_VALUE or (scope.end is not None and stop > scope.end):
            return None, offset
        raw = data[at : at + 8 + length]
        entry = context.known.get(raw)
        if entry is None and len(raw) == 8 + length and scope.group in (None, group):
            entry = plain_entry(group << 16 | element, vr, raw, context)
        return entry, stop

    def _next(self, offset: int, context: Context, scope: Scope) -> Head | None:
        """Read the next head; None where the scope ends before it, or where a fault ends the scan."""
        if scope.group is not None and self._is_of_another(scope.group, offset, context):
            return None
        head = read_head(self.window, offset, context)
        if isinstance(head, Head):
            if head.tag == ITEM or (scope.end is not None and head.vr and _end_of(head) > scope.end):
                self.fault = (FailureCode.CORRUPT_HEADER, offset)
            elif not scope.depth and head.tag in PIXEL_DATA:
                self.pixel_data = PixelData(head.start, None if head.length == UNDEFINED else head.length)
            else:
                return head
        elif head is not None:
            self.fault = (head, offset)
        elif scope.depth:
            self.fault = (FailureCode.TRUNCATED, offset)
        return None

    def _is_of_another(self, group: int, offset: int, context: Context) -> bool:
        """Look at the group alone: behind the file meta group anything may stand, a deflated stream too."""
        if not self.window.has(offset, 2):
            return False
        order: Literal["little", "big"] = "little" if context.order == "<" else "big"
        return int.from_bytes(self.window.at(offset, 2), order) != group

    def _read(self, head: Head, context: Context, scope: Scope) -> tuple[Entry, int]:
        """Read an element that is not remembered, and remember it; say where it ends."""
        is_sequence = head.vr == "SQ" or head.length == UNDEFINED
        outer = scope.found
        if not scope.depth:
            found = Found()
            scope = Scope(found, found.values)
        if is_sequence:
            own = scope.for_one()  # a repeated sequence gives no values
            text, stop = self._sequence(head, context, own)
            entry = Entry(head.tag, text, own.values, (), context)
        else:
            entry, stop = self._leaf(head, context, scope)
        if not scope.depth:
            entry.values = entry.values or scope.values or None
            entry.faults = (*scope.found.faults.items(), *entry.faults)
            outer.omitted += scope.found.omitted
        if self._can_keep(head, stop, scope, is_sequence=is_sequence):
            at = head.offset - self.window.base
            raw = self.window.data[at : at + stop - head.offset]
            known = context.known.get(raw)  # a sequence of undefined length, which could not be looked up before
            if known is not None:
                return known, stop
            context.memo.keep(context, raw, entry)
        return entry, stop

    def _can_keep(self, head: Head, stop: int, scope: Scope, *, is_sequence: bool) -> bool:
        is_whole = self.fault is None and head.offset >= self.window.base and stop - head.offset <= MEMO_VALUE + 8
        return is_whole and scope.found.is_pure and not (is_sequence and scope.depth)

    def _leaf(self, head: Head, context: Context, scope: Scope) -> tuple[Entry, int]:
        """Read an element that is no sequence."""
        stop = head.start + head.length
        place = context.level.get(head.tag) if context.level else None
        is_bytes = VRS[head.vr].kind == "bytes"
        if head.length > (INLINE_BYTES if is_bytes else LONGEST_VALUE):
            scope.found.is_pure = False
            return self._skipped(head, context, scope), stop
        order = "<" if self._is_stored_as_un(head, context) else context.order  # PS3.5 §6.2.2 note 2
        if not self.window.has(head.start, head.length):
            self.fault = (FailureCode.TRUNCATED, head.offset)
            return Entry(head.tag, "", None, (), context), stop
        at = head.start - self.window.base
        raw = self.window.data[at : at + head.length]
        wanted = place.wanted if place else ()
        json, given, values, reason = finish(head.vr, raw, order=order, encodings=context.encodings, wanted=wanted)
        following = context
        if head.tag in STEERING or head.tag & 0x10000:
            following, why = steer(head.tag, given, context)
            reason = reason or why
        if place and (place.codes or place.first) and raw:
            reason = reason or NOT_A_SEQUENCE
        text = f'"{head.tag:08X}":{json}' if head.tag & 0xFFFF else ""
        faults = ((name_of(head.tag, context), reason),) if reason else ()
        return Entry(head.tag, text, values, faults, following), stop

    def _skipped(self, head: Head, context: Context, scope: Scope) -> Entry:
        """Pass over a long value: a binary one is named by its place in the file, another is left out."""
        stop = head.start + head.length
        if not self.window.skip_to(stop):
            self.fault = (FailureCode.TRUNCATED, head.offset)
            return Entry(head.tag, "", None, (), context)
        is_wanted = context.level is not None and head.tag in context.level
        faults = ((name_of(head.tag, context), NOT_TYPED),) if is_wanted else ()
        if VRS[head.vr].kind != "bytes":
            scope.found.omitted.append(f"{scope.path}{head.tag:08X}")
            return Entry(head.tag, f'"{head.tag:08X}":{{"vr":"{head.vr}"}}', None, faults, context)
        return Entry(head.tag, self._bulk(head, stop), None, faults, context)

    def _bulk(self, head: Head, stop: int) -> str:
        uri = f"{self._uri}offset={head.start}&length={stop - head.start}"
        return f'"{head.tag:08X}":{{"vr":"{head.vr}","BulkDataURI":{quote(uri)}}}'

    def _sequence(self, head: Head, context: Context, scope: Scope) -> tuple[str, int]:
        """Read a sequence; return its JSON member and where it ends."""
        if scope.depth >= DEEPEST or head.vr not in ("SQ", "UN"):
            return self._passed_over(head, context, scope)
        place = (context.level.get(head.tag) if context.level else None) or _NO_PLACE
        name = f"{scope.path}{head.tag:08X}"
        codes: list[dict[str, str | None] | None] = []
        items, count, end = self._items(head, context, scope, place, codes)
        if count > len(items):
            scope.found.omitted.append(f"{name}[{len(items)}:]")
            scope.found.is_pure = False
        if any(codes):
            scope.values.update(dict.fromkeys(place.codes, codes))
        if place.wanted:
            scope.found.faults[name if scope.depth else name_of(head.tag, context)] = NOT_TYPED
        body = f'{{"vr":"SQ","Value":[{",".join(items)}]}}' if items else '{"vr":"SQ"}'
        return f'"{head.tag:08X}":{body}', end

    def _items(
        self, head: Head, context: Context, scope: Scope, place: Place, codes: list[dict[str, str | None] | None]
    ) -> tuple[list[str], int, int]:
        """Read the items of a sequence; return the JSON of those that are held, how many there are, and the end."""
        end = None if head.length == UNDEFINED else head.start + head.length
        is_explicit = self._is_explicit_inside(head, context)
        if self.window.at(head.start, 4) == _LITTLE_ITEM and context.order == ">":
            context = context.where(order="<")  # an UN's (PS3.5 §6.2.2 note 2)
        items: list[str] = []
        count = 0
        offset = head.start
        while self.fault is None and (end is None or offset < end):
            item = self._item(offset, end, context)
            if item is None:
                break
            if item.tag == SEQUENCE_END:
                return items, count, item.start if end is None else end
            held = self._held
            values: dict[str, Any] = {}
            path = f"{scope.path}{head.tag:08X}[{count}]."
            stop = None if item.length == UNDEFINED else item.start + item.length
            inner = Scope(scope.found, values, path=path, depth=scope.depth + 1, end=stop)
            inside = context.inside(place.others if count else place.first, is_explicit=is_explicit)
            steps, offset, is_sorted = self._elements(item.start, inside, inner)
            if place.codes:
                codes.append(code_of(values))
            scope.values.update(values)
            count += 1
            if count > FIRST_ITEMS and (self._held > HELD_TEXT or count - 1 > len(items)):
                del items[FIRST_ITEMS:]
                self._held = held
                continue
            entries = [step[0] for step in steps] if is_sorted else in_order(steps, scope.found, path)
            items.append(_object(entries))
            self._held = held + len(items[-1])
        return items, count, offset

    def _item(self, offset: int, end: int | None, context: Context) -> Head | None:
        """Read the head of an item or the end of a sequence; None, and a fault, where there is neither."""
        item = read_head(self.window, offset, context)
        if isinstance(item, Head) and item.tag in (ITEM, SEQUENCE_END):
            if end is None or item.length == UNDEFINED or item.start + item.length <= end:
                return item
            item = FailureCode.CORRUPT_HEADER
        if isinstance(item, Head):
            item = FailureCode.CORRUPT_HEADER
        self.fault = (item or FailureCode.TRUNCATED, offset)
        return None

    def _is_stored_as_un(self, head: Head, context: Context) -> bool:
        return context.is_explicit and self.window.at(head.offset + 4, 2) == b"UN"

    def _is_explicit_inside(self, head: Head, context: Context) -> bool:
        if not self._is_stored_as_un(head, context):
            return context.is_explicit
        return items_are_explicit(self.window, head.start, context.order, default=False)

    def _passed_over(self, head: Head, context: Context, scope: Scope) -> tuple[str, int]:
        """Pass over fragments, which are named by their place in the file, or over what is nested too deep."""
        scope.found.is_pure = False
        stop = skip_value(self.window, head, context)
        if not isinstance(stop, int):
            self.fault = stop
            return "", stop[1]
        if head.vr != "SQ":
            return self._bulk(head, stop), stop
        scope.found.omitted.append(f"{scope.path}{head.tag:08X}")
        return f'"{head.tag:08X}":{{"vr":"SQ"}}', stop


_NO_PLACE = Place()
_LITTLE_ITEM = b"\xfe\xff\x00\xe0"


def _end_of(head: Head) -> int:
    return head.start if head.length == UNDEFINED else head.start + head.length


def _object(entries: list[Entry]) -> str:
    return "{" + ",".join([entry.text for entry in entries if entry.text]) + "}"
