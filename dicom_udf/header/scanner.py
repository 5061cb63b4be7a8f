"""The scanner: a data set's bytes to JSON members and typed values, one element after the other (PS3.5 §7).

Its speed comes from the memo: slices of a series share almost every element, so an element's raw bytes are the key of a
bounded dict whose value is the finished element. Whatever else decides the meaning is part of the key: character set,
VR encoding, byte order, signedness, private creator, and what is wanted at that place.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import Any, NamedTuple

from dicom_udf.errors import FailureCode
from dicom_udf.header.dictionary import keyword_of, private_vr, public_vr
from dicom_udf.header.element import Finished, finish_element
from dicom_udf.header.selection import CODE_PARTS, Level, Place
from dicom_udf.header.text import DEFAULT, Encodings, encodings_of
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import Window

__all__ = ["Encoding", "Scan", "Scanner", "forget"]

UNDEFINED = 0xFFFFFFFF
ITEM, ITEM_END, SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
PIXEL_DATA = frozenset({0x7FE00008, 0x7FE00009, 0x7FE00010})
CHARACTER_SET, PIXEL_REPRESENTATION = 0x00080005, 0x00280103

INLINE_BYTES = 1024
"""Longer binary values are named by a BulkDataURI and skipped, not read (DESIGN §3)."""
LONGEST_TEXT = 8 << 20
"""A longer text can't be kept under the cap of the header's JSON; it is skipped and named in header_omitted."""
DEEPEST = 64
"""Sequences inside each other. Real ones reach about ten; Python's own recursion limit is never met."""
MEMO_VALUE = 4 << 10
MEMO_ENTRIES = 40_000
MEMO_BYTES = 48 << 20

_VALID_VRS = frozenset(name.encode() for name in VRS if len(name) == 2)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a data set is encoded: explicit or implicit VR, ``<`` or ``>`` byte order."""

    explicit: bool
    order: str = "<"


@dataclass(slots=True)
class Scan:
    """What one file has given so far."""

    values: dict[str, Any] = field(default_factory=dict)
    invalid: dict[str, str] = field(default_factory=dict)
    omitted: list[str] = field(default_factory=list)
    fault: str | None = None
    creators: set[str] = field(default_factory=set)
    pixel_data: tuple[int, int | None, bool] | None = None


class _Head(NamedTuple):
    """An element up to its value: what it is, where its value starts, and how what is inside is encoded."""

    tag: int
    vr: str
    start: int
    length: int
    encoding: Encoding


@dataclass(slots=True)
class _Context:
    """What the meaning of an element depends on inside one data set or item."""

    encoding: Encoding
    encodings: Encodings
    is_signed: bool
    level: Level | None
    path: str
    depth: int
    creators: dict[int, str] = field(default_factory=dict)
    memo: dict[Any, tuple[int, str, Finished]] = field(default_factory=dict)


class Memo:
    """Finished elements by raw bytes, a dict for each context; emptied when it has grown to its bounds."""

    def __init__(self) -> None:
        self._by_context: dict[Any, dict[Any, tuple[int, str, Finished]]] = {}
        self._entries = 0
        self._bytes = 0

    def of(self, *key: Any) -> dict[Any, tuple[int, str, Finished]]:
        """Return the dict of one context."""
        return self._by_context.setdefault(key, {})

    def grow(self, size: int) -> None:
        """Count a new entry; forget everything at the bound: the next files fill it again."""
        self._entries += 1
        self._bytes += size
        if self._entries > MEMO_ENTRIES or self._bytes > MEMO_BYTES:
            self.clear()

    def clear(self) -> None:
        """Forget everything, in the dicts that a scan holds too."""
        for memo in self._by_context.values():
            memo.clear()
        self._by_context.clear()
        self._entries = self._bytes = 0


_memo = Memo()


def forget() -> None:
    """Empty the memo of this process."""
    _memo.clear()


_SHORT = {"<": Struct("<HH2sH"), ">": Struct(">HH2sH")}
_LONG = {"<": Struct("<I"), ">": Struct(">I")}
_IMPLICIT = {"<": Struct("<HHI"), ">": Struct(">HHI")}


class Scanner:
    """Scans the data sets of one file; what it finds gathers in :attr:`scan`."""

    def __init__(self, window: Window, *, bulk_data_base: str) -> None:
        self.scan = Scan()
        self._window = window
        self._base = bulk_data_base + ("&" if "?" in bulk_data_base else "?")

    def file_meta(self, offset: int, level: Level) -> tuple[str, int]:
        """Scan group 0002 from ``offset``; return its JSON and where the data set begins (PS3.10 §7.1)."""
        context = self._context(Encoding(explicit=True), DEFAULT, False, level, "", 0)
        return self._elements(offset, None, context, only_group=2)

    def data_set(self, offset: int, encoding: Encoding, level: Level) -> tuple[str, int]:
        """Scan the data set from ``offset`` to the pixel data or the end; return its JSON and where it stopped."""
        return self._elements(offset, None, self._context(encoding, DEFAULT, False, level, "", 0))

    def _context(
        self, encoding: Encoding, encodings: Encodings, is_signed: bool, level: Level | None, path: str, depth: int
    ) -> _Context:
        context = _Context(encoding, encodings, is_signed, level, path, depth)
        context.memo = _memo.of(encoding, encodings, is_signed, id(level), depth == 0)
        return context

    def _stop(self, code: FailureCode, offset: int) -> None:
        if self.scan.fault is None:
            self.scan.fault = f"{code}@{offset}"

    def _elements(
        self, offset: int, end: int | None, context: _Context, *, only_group: int | None = None
    ) -> tuple[str, int]:
        """Scan elements from ``offset`` to ``end``, to the item's delimiter, or to what ends the scan."""
        members: list[tuple[int, str]] = []
        last, is_sorted = -1, True
        while self.scan.fault is None and (end is None or offset < end):
            if only_group is not None and not self._is_group(offset, only_group):
                break
            found = self._known(offset, end, context)
            if found is None:
                head = self._head(offset, end, context)
                if head is None:
                    break
                tag, _, start, length, _ = head
                if tag in (ITEM_END, SEQUENCE_END):
                    offset = start
                    break
                if context.depth == 0 and tag in PIXEL_DATA:
                    self.scan.pixel_data = (start, None if length == UNDEFINED else length, length == UNDEFINED)
                    break
                found = self._read(offset, head, context)
                if found is None:
                    break
            tag, text, finished, offset = found
            if tag <= last:
                is_sorted = False
                if any(tag == known for known, _ in members):
                    self._blame(context, tag, "stands more than once; the first is kept")
                    continue
            last = max(last, tag)
            if text:
                members.append((tag, text))
            if finished.values:
                self.scan.values.update(finished.values)
            if finished.fault is not None:
                self._blame(context, tag, finished.fault)
            if tag in _STEERING:
                self._steer(tag, finished, context)
        if not is_sorted:
            members.sort()
        return "{" + ",".join([text for _, text in members]) + "}", offset

    def _is_group(self, offset: int, group: int) -> bool:
        """True where the next element is of ``group``, little endian: the file meta group ends where it isn't."""
        at = offset - self._window.base
        return self._window.has(offset, 2) and self._window.data[at : at + 2] == group.to_bytes(2, "little")

    def _known(self, offset: int, end: int | None, context: _Context) -> tuple[int, str, Finished, int] | None:
        """Return an element whose very bytes were met before in this context: the fast path, most elements take it."""
        data = self._window.data
        at = offset - self._window.base
        if at + 12 > len(data):
            return None
        if context.encoding.explicit:
            group, element, vr, length = _SHORT[context.encoding.order].unpack_from(data, at)
            head = 8
            if vr in LONG_LENGTH:
                (length,) = _LONG[context.encoding.order].unpack_from(data, at + 8)
                head = 12
        else:
            group, element, length = _IMPLICIT[context.encoding.order].unpack_from(data, at)
            head = 8
        if length > MEMO_VALUE or (end is not None and offset + head + length > end):
            return None
        key: Any = data[at : at + head + length]
        if group & 1:
            key = (context.creators.get(group << 8 | element >> 8), key)
        known = context.memo.get(key)
        if known is None:
            return None
        if group & 1 and 0x10 <= element <= 0xFF and known[2].items:
            context.creators[group << 8 | element] = str(known[2].items[0])
        return (*known, offset + head + length)

    def _head(self, offset: int, end: int | None, context: _Context) -> _Head | None:
        """Read the next element up to its value; None where the data set or item ends."""
        window = self._window
        if not window.has(offset, 8) or (end is not None and offset + 8 > end):
            rest = window.data[offset - window.base :]
            if context.depth or rest.strip(b"\0"):
                self._stop(FailureCode.TRUNCATED, offset)
            return None
        at = offset - window.base
        order = context.encoding.order
        group, element, length = _IMPLICIT[order].unpack_from(window.data, at)
        tag = group << 16 | element
        if tag == 0 and context.depth == 0:
            return None  # zeros behind the data set are padding
        if group == 0xFFFE:
            if context.depth == 0 or tag == ITEM:
                self._stop(FailureCode.CORRUPT_HEADER, offset)
                return None
            return _Head(tag, "", offset + 8, length, context.encoding)
        if not context.encoding.explicit:
            return _Head(tag, self._dictionary_vr(tag, context) or "UN", offset + 8, length, context.encoding)
        raw_vr = window.data[at + 4 : at + 6]
        if raw_vr not in _VALID_VRS:
            self._stop(FailureCode.CORRUPT_HEADER, offset)
            return None
        if raw_vr in LONG_LENGTH:
            if not window.has(offset, 12):
                self._stop(FailureCode.TRUNCATED, offset)
                return None
            (length,) = _LONG[order].unpack_from(window.data, offset - window.base + 8)
            start = offset + 12
        else:
            (_, _, _, length) = _SHORT[order].unpack_from(window.data, at)
            start = offset + 8
        if raw_vr == b"UN":  # what is inside one is implicit VR little endian (PS3.5 §6.2.2 note 2)
            return _Head(tag, self._dictionary_vr(tag, context) or "UN", start, length, Encoding(explicit=False))
        return _Head(tag, raw_vr.decode(), start, length, context.encoding)

    def _dictionary_vr(self, tag: int, context: _Context) -> str | None:
        group, element = tag >> 16, tag & 0xFFFF
        if element == 0:
            return "UL"
        if group & 1:
            if 0x10 <= element <= 0xFF:
                return "LO"
            creator = context.creators.get(group << 8 | element >> 8)
            vr = private_vr(tag, creator) if creator else None
        else:
            vr = public_vr(tag)
        if vr == "US or SS":
            return "SS" if context.is_signed else "US"
        if vr is not None and " or " in vr:
            return "OW"
        return vr

    def _read(self, offset: int, head: _Head, context: _Context) -> tuple[int, str, Finished, int] | None:
        """Read an element that the memo doesn't know; None where the scan ends with it."""
        tag, vr, start, length, encoding = head
        place = context.level.get(tag) if context.level else None
        if vr == "SQ" or length == UNDEFINED:
            before = (len(self.scan.values), len(self.scan.invalid), len(self.scan.omitted))
            values, outer = self.scan.values, self.scan.values
            self.scan.values = values = {}
            body, stop, is_pure = self._sequence(head, context, place)
            self.scan.values = outer
            finished = Finished(body, tuple(values.items()), None, ())
            is_pure = is_pure and before[1:] == (len(self.scan.invalid), len(self.scan.omitted))
            is_pure = is_pure and self.scan.fault is None
        else:
            stop, is_pure = start + length, True
            if self._is_bulk(vr, length):
                if not self._window.skip_to(stop):
                    self._stop(FailureCode.TRUNCATED, offset)
                    return None
                return tag, self._bulk(tag, vr, start, length, context), _NOTHING, stop
            if not self._window.has(start, length):
                self._stop(FailureCode.TRUNCATED, offset)
                return None
            at = start - self._window.base
            raw = self._window.data[at : at + length]
            wanted = place.wanted if place else ()
            finished = finish_element(vr, raw, context.encodings, wanted, order=encoding.order)
        text = "" if tag & 0xFFFF == 0 else f'"{tag:08X}":{finished.json}'
        group, element = tag >> 16, tag & 0xFFFF
        creator = context.creators.get(group << 8 | element >> 8)
        if group & 1 and 0x10 <= element <= 0xFF and finished.items and finished.items[0]:
            context.creators[tag >> 16 << 8 | element] = str(finished.items[0])
            if context.depth == 0:
                self.scan.creators.add(str(finished.items[0]))
        size = stop - offset
        if is_pure and length <= MEMO_VALUE and offset >= self._window.base:
            at = offset - self._window.base
            raw = self._window.data[at : at + size]
            context.memo[(creator, raw) if group & 1 else raw] = (tag, text, finished)
            _memo.grow(size + len(text) + 200)
        return tag, text, finished, stop

    def _is_bulk(self, vr: str, length: int) -> bool:
        return length > (INLINE_BYTES if VRS[vr].kind == "binary" else LONGEST_TEXT)

    def _bulk(self, tag: int, vr: str, start: int, length: int, context: _Context) -> str:
        if VRS[vr].kind != "binary":
            self.scan.omitted.append(f"{context.path}{tag:08X}")
            return ""
        return f'"{tag:08X}":{{"vr":"{vr}","BulkDataURI":"{self._base}offset={start}&length={length}"}}'

    def _sequence(self, head: _Head, context: _Context, place: Place | None) -> tuple[str, int, bool]:
        """Scan the items of a sequence; return its value object, where it ends, and whether it holds no bulk data."""
        tag, vr, start, length, encoding = head
        if vr not in ("SQ", "UN"):
            return self._fragments(vr, start, context)
        if context.depth >= DEEPEST:
            self._stop(FailureCode.CORRUPT_HEADER, start)
            return '{"vr":"SQ"}', start, False
        end = None if length == UNDEFINED else start + length
        items: list[str] = []
        codes: list[dict[str, Any]] = []
        offset = start
        window = self._window
        while self.scan.fault is None and (end is None or offset < end):
            if not window.has(offset, 8):
                self._stop(FailureCode.TRUNCATED, offset)
                break
            group, element, size = _IMPLICIT[encoding.order].unpack_from(window.data, offset - window.base)
            item_tag = group << 16 | element
            if item_tag == SEQUENCE_END:
                offset += 8
                break
            if item_tag != ITEM:
                self._stop(FailureCode.CORRUPT_HEADER, offset)
                break
            level = place.first if place and not items else None
            path = f"{context.path}{tag:08X}[{len(items)}]."
            inner = self._context(encoding, context.encodings, context.is_signed, level, path, context.depth + 1)
            stop = None if size == UNDEFINED else offset + 8 + size
            if place and place.codes:
                codes.append(self._code(offset + 8, stop, inner))
            text, offset = self._elements(offset + 8, stop, inner)
            items.append(text)
        if place and place.codes and codes:
            for name in place.codes:
                self.scan.values[name] = codes
        body = f'{{"vr":"SQ","Value":[{",".join(items)}]}}' if items else '{"vr":"SQ"}'
        return body, offset, "BulkDataURI" not in body

    def _code(self, offset: int, end: int | None, context: _Context) -> dict[str, Any]:
        """Read the parts of a code from an item: a second look at its few elements, so that the item's own is plain."""
        outer = self.scan
        self.scan = Scan()
        inner = self._context(context.encoding, context.encodings, context.is_signed, CODE_PARTS, "", context.depth)
        self._elements(offset, end, inner)
        values, self.scan = self.scan.values, outer
        code = values.get("CodeValue") or values.get("LongCodeValue") or values.get("URNCodeValue")
        return {
            "code_value": code,
            "coding_scheme_designator": values.get("coding_scheme_designator"),
            "code_meaning": values.get("code_meaning"),
        }

    def _fragments(self, vr: str, start: int, context: _Context) -> tuple[str, int, bool]:
        """Skip an encapsulated value below the top level, fragment by fragment."""
        offset = start
        while True:
            if not self._window.has(offset, 8):
                self._stop(FailureCode.TRUNCATED, offset)
                break
            group, element, size = _IMPLICIT[context.encoding.order].unpack_from(
                self._window.data, offset - self._window.base
            )
            item_tag = group << 16 | element
            offset += 8
            if item_tag == SEQUENCE_END:
                break
            if item_tag != ITEM or not self._window.skip_to(offset + size):
                self._stop(FailureCode.CORRUPT_HEADER if item_tag != ITEM else FailureCode.TRUNCATED, offset - 8)
                break
            offset += size
        uri = f"{self._base}offset={start}&length={offset - start}"
        return f'{{"vr":"{vr}","BulkDataURI":"{uri}"}}', offset, False

    def _steer(self, tag: int, finished: Finished, context: _Context) -> None:
        """Let SpecificCharacterSet and PixelRepresentation decide how the rest of the data set is read."""
        if tag == CHARACTER_SET:
            context.encodings = encodings_of(tuple(str(item or "") for item in finished.items))
        else:
            context.is_signed = finished.items[:1] == (1,)
        fresh = self._context(
            context.encoding, context.encodings, context.is_signed, context.level, context.path, context.depth
        )
        context.memo = fresh.memo

    def _blame(self, context: _Context, tag: int, reason: str) -> None:
        """Name an element in invalid_values: by keyword at top level, by its path of tags below."""
        creator = context.creators.get(tag >> 16 << 8 | (tag >> 8 & 0xFF))
        if tag >> 16 & 1 and creator:
            name = f"{tag >> 16:04x},xx{tag & 0xFF:02x}|{creator}"
        else:
            name = keyword_of(tag) if not context.path else f"{context.path}{tag:08X}"
        self.scan.invalid.setdefault(name, reason)


_STEERING = frozenset({CHARACTER_SET, PIXEL_REPRESENTATION})
_NOTHING = Finished("", (), None, ())
