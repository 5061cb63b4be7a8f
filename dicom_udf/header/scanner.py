"""The scanner: a data set's bytes to finished elements, one after the other (PS3.5 §7)."""

from __future__ import annotations

from typing import Any, Literal

from dicom_udf.errors import FailureCode
from dicom_udf.header.cap import FIRST_ITEMS
from dicom_udf.header.element import NOT_TYPED
from dicom_udf.header.element_readers import element_reader
from dicom_udf.header.heads import ITEM, ITEM_END, UNDEFINED, Head, end_of, read_head
from dicom_udf.header.items import NO_DELIMITER, Ends, Sequence, closes_item, next_item, resumes_at, stop_of_stray_item
from dicom_udf.header.leaf import name_of
from dicom_udf.header.memo import MEMO_VALUE, Context, Gap, MemoEntry, Run, Step
from dicom_udf.header.order import in_order, pieces, unseen
from dicom_udf.header.scope import Found, PixelData, Scope
from dicom_udf.header.selection import FRAME_SEQUENCE, WantedTag, code_of
from dicom_udf.header.skip import skip_value
from dicom_udf.header.soundness import PIXEL_DATA, Passed, has_explicit_items, reread_head
from dicom_udf.header.values import ValueReader
from dicom_udf.header.window import Window

__all__ = ["Scanner"]

DEEPEST = 64
"""Sequences inside each other that are read; real ones reach about ten. Deeper ones are skipped and named."""
HELD_TEXT = 16 << 20
"""Characters of JSON past which items beyond the first 100 of a sequence are no longer held: the cap would cut them."""
MOST_ELEMENTS = 1 << 16
"""Elements of one data set or item; the dictionary has some 5,000. More are not a header, and end the scan."""

BROKEN_SEQUENCE = "a fault inside the sequence; what lies outside of its whole items is left out"
GROUP_ZERO = "an element of group 0000, which is not part of a data set; passed over"
STRAY = "an item or a delimiter where no sequence is open; passed over"


class Scanner:
    """Scans the data sets of one file.

    Attributes:
        fault: Code and offset of what ended the scan; None where nothing did.
        pixel_data: Where the top-level pixel data is.
        offset_tables: As of :class:`~dicom_udf.header.values.ValueReader`.
    """

    def __init__(self, window: Window, *, bulk_data_base: str = "") -> None:
        self.window = window
        self.fault: tuple[FailureCode, int] | None = None
        self.pixel_data: PixelData | None = None
        self._values = ValueReader(window, bulk_data_base=bulk_data_base)
        self.offset_tables = self._values.offset_tables
        self._held = 0

    def data_set(
        self, offset: int, context: Context, found: Found, *, group: int | None = None, limit: int | None = None
    ) -> tuple[str, int, Context]:
        """Scan a top-level data set and remember it.

        Args:
            offset: Offset of its first element.
            context: The context in which it begins.
            found: The collector of its results.
            group: Stop before the first element of another group.
            limit: Offset where it ends, if that is known.

        Returns:
            Its JSON, the offset where the scan stopped, and the context there.
        """
        steps, end, is_sorted = self._elements(offset, context, Scope(found, found.values, group=group, limit=limit))
        if is_sorted:
            context.memo.learn(steps, self.window.data, self.window.base, end)
            entries = [step[0] for step in steps]
        else:
            entries = in_order(steps, found, "")
        return _object(entries), end, steps[-1][0].next if steps else context

    def _elements(self, offset: int, context: Context, scope: Scope) -> tuple[list[Step], int, bool]:
        """Scan elements up to the end of their scope or of the scan; return True with them if they were in order."""
        steps: list[Step] = []
        values, path, limit = scope.values, scope.path, scope.limit
        last = -1
        is_sorted = True
        seen: set[int] = set()
        while self.fault is None and (limit is None or offset < limit):
            entry, stop = self._known(offset, context, last, scope)
            if entry is None:
                head = self._next(offset, context, scope, last)
                if isinstance(head, int):
                    offset = head
                    break
                if isinstance(head, Gap):
                    steps.append((head, offset, context, last))
                    offset = head.stop
                    if len(steps) > MOST_ELEMENTS:
                        self.fault = (FailureCode.CORRUPT_HEADER, offset)
                    continue
                entry, stop = self._read(head, context, scope)
            if entry.tag <= last and is_sorted:
                is_sorted = False
                seen = {piece.tag for step in steps for piece in pieces(step[0])}
            if is_sorted:
                if entry.values is not None:
                    values.update(entry.values)
                if entry.faults:
                    scope.found.add(entry.faults, path)
                if entry.whole is not None:
                    scope.found.whole.update(entry.whole)
            else:
                for piece in unseen(entry, seen):
                    values.update(piece.values or ())
                    scope.found.add(piece.faults, path)
                    scope.found.whole.update(piece.whole or ())
            steps.append((entry, offset, context, last))
            last = entry.last if type(entry) is Run else entry.tag
            context = entry.next
            offset = stop
            if len(steps) > MOST_ELEMENTS:
                self.fault = (FailureCode.CORRUPT_HEADER, offset)
        return steps, offset, is_sorted

    def _known(self, offset: int, context: Context, last: int, scope: Scope) -> tuple[MemoEntry | None, int]:
        """Return the remembered entry for the bytes at ``offset``, or a simple one decoded from them, and its end."""
        data = self.window.data
        at = offset - self.window.base
        for run in context.runs.get(last, ()):
            if data.startswith(run.raw, at):
                return run, offset + len(run.raw)
        if at + 12 > len(data):
            return None, offset
        dialect = context.dialect
        head = data[at : at + dialect.head]
        reader = dialect.readers.get(head) or element_reader(head, context)
        size = reader.start + reader.unpack(data, at + reader.length_at)[0]
        stop = offset + size
        if size > _MEMO_SIZE or (scope.limit is not None and stop > scope.limit):
            return None, offset
        raw = data[at : at + size]
        entry = context.known.get(raw)
        if entry is not None:
            reader.found()
        elif len(raw) == size and scope.group in (None, reader.group):
            entry = reader.read(raw, context)
            if entry is not None:
                reader.remember(raw, context, entry)
        return entry, stop

    def _next(self, offset: int, context: Context, scope: Scope, last: int) -> Head | Gap | int:
        """Read the next head; a gap to pass over; or the offset where the scope ends, or a fault ends the scan."""
        head: Head | Passed | FailureCode | None
        if scope.group is not None and self._is_of_another(scope.group, offset, context):
            if not self.window.has(offset, 8) or self.window.at(offset, 2) != b"\0\0":
                return offset
            head = reread_head(self.window, offset, context, scope, last)
            return self._gap(head, GROUP_ZERO, context, scope) if isinstance(head, Passed) else offset
        head = read_head(self.window, offset, context)
        if head is FailureCode.CORRUPT_HEADER:
            head = reread_head(self.window, offset, context, scope, last)
        if isinstance(head, Head):
            if not head.vr:
                if head.tag != ITEM_END or scope.end is not None or not scope.depth:
                    return self._delimiter(head, context, scope, last)
                scope.is_closed = True
                return head.start
            if scope.limit is not None and end_of(head) > scope.limit:
                self.fault = (FailureCode.CORRUPT_HEADER, offset)
            elif not scope.depth and head.tag in PIXEL_DATA:
                self.pixel_data = PixelData(head.start, None if head.length == UNDEFINED else head.length)
            else:
                return head
        elif isinstance(head, Passed):
            return self._gap(head, GROUP_ZERO, context, scope)
        elif head is not None or scope.depth:
            self.fault = (head or FailureCode.TRUNCATED, offset)
        return offset

    def _delimiter(self, head: Head, context: Context, scope: Scope, last: int) -> Gap | int:
        """Judge what is not an element: the end of this item by another delimiter or none, or a stray to pass over."""
        is_open = scope.depth > 0 and scope.end is None
        if head.tag == ITEM:
            stop = stop_of_stray_item(self.window, head, context, scope, last)
            if stop is not None:
                return self._gap(Passed((head.tag,), stop), STRAY, context, scope)
            if not is_open:
                self.fault = (FailureCode.CORRUPT_HEADER, head.offset)
            return head.offset
        if not is_open:
            return self._gap(Passed((head.tag,), head.start), STRAY, context, scope)
        return closes_item(self.window, head, context, scope)

    def _gap(self, passed: Passed, reason: str, context: Context, scope: Scope) -> Gap:
        """Return what is passed over, and name it."""
        for tag in passed.tags:
            scope.found.name(scope.path + name_of(tag, context), reason)
        return Gap(passed.stop, context)

    def _is_of_another(self, group: int, offset: int, context: Context) -> bool:
        """Compare the group alone: anything may follow the file meta group, a deflated stream too."""
        if not self.window.has(offset, 2):
            return False
        order: Literal["little", "big"] = "little" if context.order == "<" else "big"
        return int.from_bytes(self.window.at(offset, 2), order) != group

    def _read(self, head: Head, context: Context, scope: Scope) -> tuple[MemoEntry, int]:
        """Read an element that is not remembered, and remember it; return where it ends with it."""
        is_sequence = head.vr == "SQ" or head.length == UNDEFINED
        outer = scope.found
        if not scope.depth:
            found = Found()
            scope = Scope(found, found.values, limit=scope.limit)
        if not head.is_sure:
            scope.found.is_pure = False
        if is_sequence:
            own = scope.for_one()  # a repeated sequence has no values
            text, stop = self._sequence(head, context, own)
            entry = MemoEntry(head.tag, text, own.values, (), context)
        else:
            value, stop = self._values.read(head, context, scope), head.start + head.length
            if value is None:
                self.fault = (FailureCode.TRUNCATED, head.offset)
            entry = value or MemoEntry(head.tag, "", None, (), context)
        if not scope.depth:
            entry.values = entry.values or scope.values or None
            entry.faults = (*scope.found.faults.items(), *entry.faults)
            entry.whole = scope.found.whole or None
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

    def _sequence(self, head: Head, context: Context, scope: Scope) -> tuple[str, int]:
        """Read a sequence; return its JSON member and where it ends."""
        if scope.depth >= DEEPEST or head.vr not in ("SQ", "UN"):
            return self._passed_over(head, context, scope)
        found = scope.found
        wants = (context.level.get(head.tag) if context.level else None) or _NOTHING
        is_explicit = has_explicit_items(self.window, head, context, scope.limit)
        sequence = Sequence(head, scope, wants, context, is_explicit=is_explicit)
        if context.order == ">" and self.window.at(head.start, 4) == _LITTLE_ITEM:
            sequence.inside = context.where(order="<")  # an UN's (PS3.5 §6.2.2 note 2)
        name = sequence.path if scope.depth else name_of(head.tag, context)
        if wants.wanted:
            found.faults[name] = NOT_TYPED
        end = self._items(sequence, scope)
        items = sequence.items
        if sequence.oddity is not None:
            found.faults.setdefault(name, sequence.oddity)
        if sequence.count > len(items):
            found.omitted.append(f"{sequence.path}[{len(items)}:]")
            found.is_pure = False
        if wants is not _NOTHING:
            _take_values(sequence, scope)
        body = f'{{"vr":"SQ","Value":[{",".join(items)}]}}' if items else '{"vr":"SQ"}'
        text = f'"{head.tag:08X}":{body}'
        if not scope.depth and sequence.oddity != BROKEN_SEQUENCE and _is_whole(head.tag, wants, context, text):
            found.whole[head.tag] = None if found.omitted else text
        return text, end

    def _items(self, sequence: Sequence, scope: Scope) -> int:
        """Read the items of a sequence; return where it ends."""
        limit = sequence.limit
        offset = sequence.head.start
        while limit is None or offset < limit:
            item = next_item(self.window, offset, sequence, scope)
            if isinstance(item, Head):
                if item.tag != ITEM:
                    return item.start
                offset = self._item(item, sequence, scope)
                if self.fault is not None:
                    return offset
            elif isinstance(item, Ends):
                sequence.note(item, scope.found)
                offset = item.offset
                if item.is_over:
                    return offset
            else:
                self.fault = (item, offset)
                stop = self._resume(None, sequence, scope)
                return offset if stop is None else stop
        if sequence.head.length == UNDEFINED:
            sequence.note(Ends(offset, reason=NO_DELIMITER), scope.found)
        return offset

    def _item(self, item: Head, sequence: Sequence, scope: Scope) -> int:
        """Read an item; return where reading goes on: behind a broken one too, where a length around it is right."""
        held, found = self._held, scope.found
        faults, omitted = len(found.faults), len(found.omitted)
        values: dict[str, Any] = {}
        wants, number = sequence.wants, sequence.count
        path = f"{sequence.path}[{number}]."
        end = None if item.length == UNDEFINED else item.start + item.length
        inner = Scope(found, values, path=path, depth=scope.depth + 1, end=end, limit=sequence.limit)
        inside = sequence.inside.inside(wants.others if number else wants.first, is_explicit=sequence.is_explicit)
        steps, offset, is_sorted = self._elements(item.start, inside, inner)
        sequence.count += 1
        sequence.was_defined = end is not None
        stop = None if self.fault is None else self._resume(end, sequence, scope)
        if stop is not None:
            found.forget(faults=faults, omitted=omitted)
            steps, offset, is_sorted = [], stop, True
        else:
            if wants.codes:
                sequence.codes.append(code_of(values))
            if values and sequence.groups is None:
                scope.values.update(values)
            if end is None and not inner.is_closed and self.fault is None:
                sequence.note(Ends(offset, reason=NO_DELIMITER), found)
        if sequence.groups is not None:
            sequence.groups.add(values if stop is None else {})
        if number >= FIRST_ITEMS and (held > HELD_TEXT or number > len(sequence.items)):
            del sequence.items[FIRST_ITEMS:]
            self._held = held
            return offset
        text = _object([step[0] for step in steps] if is_sorted else in_order(steps, found, path))
        sequence.items.append(text)
        self._held = held + len(text)
        return offset

    def _resume(self, stop: int | None, sequence: Sequence, scope: Scope) -> int | None:
        """Clear a fault inside a sequence, and return where reading goes on; None where the fault ends the scan."""
        offset = resumes_at(self.window, stop, sequence, scope)
        if offset is not None:
            self.fault = None
            sequence.oddity = BROKEN_SEQUENCE
        return offset

    def _passed_over(self, head: Head, context: Context, scope: Scope) -> tuple[str, int]:
        """Pass over fragments, which are named by their place in the file, or over what is nested too deep."""
        scope.found.is_pure = False
        stop = skip_value(self.window, head, context, limit=scope.limit)
        if not isinstance(stop, int):
            self.fault = stop
            return "", stop[1]
        if head.vr != "SQ":
            return self._values.bulk(head, stop), stop
        scope.found.omitted.append(f"{scope.path}{head.tag:08X}")
        return f'"{head.tag:08X}":{{"vr":"SQ"}}', stop


_MEMO_SIZE = MEMO_VALUE + 8
_NOTHING = WantedTag()
_LITTLE_ITEM = b"\xfe\xff\x00\xe0"


def _take_values(sequence: Sequence, scope: Scope) -> None:
    """Add the values that are wanted of a sequence as a whole to those of its data set."""
    wants, values = sequence.wants, scope.values
    if wants.groups is not None:
        values[wants.groups] = sequence.groups
    if sequence.oddity == BROKEN_SEQUENCE:
        return
    for name in wants.counts:
        values[name] = sequence.count
    if any(sequence.codes):
        for name in wants.codes:
            values[name] = sequence.codes


def _is_whole(tag: int, wants: WantedTag, context: Context, text: str) -> bool:
    """True for a sequence at top level that is wanted as a whole: for itself, or for what its JSON has."""
    if wants.is_whole or tag == FRAME_SEQUENCE or context.level is None:
        return wants.is_whole
    return any(marker in text for marker in context.level.holding)


def _object(entries: list[MemoEntry]) -> str:
    return "{" + ",".join([entry.text for entry in entries if entry.text]) + "}"
