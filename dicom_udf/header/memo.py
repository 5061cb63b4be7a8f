"""The memo: the meaning of raw bytes that were read before, so that a series of slices is decoded once.

Slices of a series share almost every element. The raw bytes of an element (tag, VR, length, value) are the key of a
bounded dict; its value is the finished JSON fragment and the typed values. All else that decides the meaning is in
the :class:`Context` that has the dict. Neighbouring elements that were the same in two files in succession are
joined to a :class:`Run`: one comparison of bytes then passes many elements.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from typing import TYPE_CHECKING, Any

from dicom_udf.header.selection import WantedLevel, with_blocks
from dicom_udf.header.text import Encodings, codec_of

if TYPE_CHECKING:
    from dicom_udf.header.element_readers import ElementReader

__all__ = ["MEMO_VALUE", "Context", "Gap", "Memo", "MemoEntry", "Run", "Step"]

MEMO_VALUE = 16 << 10
"""Longest element, sequences included, that is kept, in bytes."""
MEMO_BYTES = 64 << 20
"""At most this many bytes of keys, fragments and estimated overhead; then all is forgotten and learned anew."""
MEMO_ENTRIES = 60_000
RUN_BYTES = 64 << 10
RUNS_AT_A_PLACE = 4
_OVERHEAD = 400


class MemoEntry:
    """One finished element.

    Attributes:
        tag: 32 bits.
        text: Its JSON member, ``"00080060":{"vr":"CS","Value":["MR"]}``; empty where it has none.
        values: Typed values by name; None where there are none.
        faults: Pairs of a path, relative to its data set, and why its value is null or altered.
        next: The context that what follows it is read in.
        whole: By tag, the JSON of sequences that are wanted as a whole (:attr:`Header.sequences
            <dicom_udf.header.Header.sequences>`); None where there are none.
        seen: Serial number of the file that it was last met in.
    """

    __slots__ = ("faults", "next", "seen", "tag", "text", "values", "whole")

    def __init__(
        self,
        tag: int,
        text: str,
        values: Mapping[str, Any] | None,
        faults: tuple[tuple[str, str], ...],
        following: Context,
    ) -> None:
        self.tag = tag
        self.text = text
        self.values = values or None
        self.faults = faults
        self.next = following
        self.whole: Mapping[int, str | None] | None = None
        self.seen = -1


class Run(MemoEntry):
    """Elements that follow each other in ascending order, as one.

    Attributes:
        raw: Their bytes.
        last: The tag of the last one; :attr:`tag` is the first.
        entries: The elements, for data sets that turn out to be out of order.
    """

    __slots__ = ("entries", "last", "raw")

    def __init__(self, raw: bytes, entries: Sequence[MemoEntry]) -> None:
        values: dict[str, Any] = {}
        whole: dict[int, str | None] = {}
        for entry in entries:
            values.update(entry.values or ())
            whole.update(entry.whole or ())
        text = ",".join([entry.text for entry in entries if entry.text])
        super().__init__(entries[0].tag, text, values, sum((e.faults for e in entries), ()), entries[-1].next)
        self.whole = whole or None
        self.raw = raw
        self.last = entries[-1].tag
        self.entries = tuple(entries)


class Gap(MemoEntry):
    """Bytes between elements that were passed over. Never remembered, and no :class:`Run` reaches across it.

    Attributes:
        stop: Offset where the next element begins.
        entries: None: it holds no element.
    """

    __slots__ = ("stop",)
    entries: tuple[MemoEntry, ...] = ()

    def __init__(self, stop: int, following: Context) -> None:
        super().__init__(-1, "", None, (), following)
        self.stop = stop


class Dialect:
    """The circumstances that a text or a number is read in; one object for equal ones.

    Attributes:
        is_explicit: As in :class:`Context`; and so ``order``, ``level``.
        codec: Codec of text without escape sequences; None where the text decides between two.
        head: Bytes in front of an element's length: the tag, and in explicit VR the VR.
        readers: Readers of elements by these bytes.
    """

    __slots__ = ("codec", "head", "is_explicit", "level", "order", "readers")

    def __init__(self, is_explicit: bool, order: str, encodings: Encodings, level: WantedLevel | None) -> None:
        self.is_explicit = is_explicit
        self.order = order
        self.codec = codec_of(encodings)
        self.level = level
        self.head = 6 if is_explicit else 4
        self.readers: dict[bytes, ElementReader] = {}


class Context:
    """All that decides what an element's bytes mean, apart from the bytes; one object for equal circumstances.

    Attributes:
        is_explicit: True where elements carry their VR.
        order: ``<`` or ``>``.
        encodings: Codecs of the character set.
        is_signed: True where the nearest PixelRepresentation is 1.
        level: The values wanted in this data set, private elements in its blocks too; None if there are none.
        wanted: As ``level``, before any private block was met.
        is_top: True outside of sequences: faults are then named by keyword.
        creators: Private creators by group << 8 | block, e.g. ``0x001910``.
        known: Entries by raw bytes.
        dialect: The circumstances that readers of elements depend on, and these readers.
        runs: By the tag before them, newest first.
        items: Contexts of items of its sequences, by the values wanted in them and whether elements carry their VR.
    """

    __slots__ = (
        "creators", "dialect", "encodings", "is_explicit", "is_signed", "is_top", "items", "known", "level", "memo",
        "order", "runs", "unpack", "unpack_implicit", "unpack_length", "wanted",
    )  # fmt: skip

    def __init__(self, memo: Memo, key: tuple[bool, str, Encodings, bool, WantedLevel | None, bool, Any]) -> None:
        self.memo = memo
        self.is_explicit, self.order, self.encodings, self.is_signed, self.wanted, self.is_top, creators = key
        self.creators: dict[int, str] = dict(creators)
        self.level = with_blocks(self.wanted, self.creators)
        self.known: dict[bytes, MemoEntry] = {}
        self.dialect = memo.dialect(self.is_explicit, self.order, self.encodings, self.level)
        self.runs: dict[int, list[Run]] = {}
        self.items: dict[tuple[WantedLevel | None, bool], Context] = {}
        self.unpack_implicit = _IMPLICIT[self.order]
        self.unpack = _EXPLICIT[self.order]
        self.unpack_length = _LENGTH[self.order]

    def where(
        self,
        *,
        order: str | None = None,
        encodings: Encodings | None = None,
        is_signed: bool | None = None,
        creator: tuple[int, str] | None = None,
    ) -> Context:
        """Return the context with one circumstance changed by an element that was read."""
        creators = self.creators if creator is None else {**self.creators, creator[0]: creator[1]}
        return self.memo.context(
            is_explicit=self.is_explicit,
            order=self.order if order is None else order,
            encodings=self.encodings if encodings is None else encodings,
            is_signed=self.is_signed if is_signed is None else is_signed,
            level=self.wanted,
            is_top=self.is_top,
            creators=creators,
        )

    def inside(self, level: WantedLevel | None, *, is_explicit: bool) -> Context:
        """Return the context that an item of a sequence begins in: private blocks are its own (PS3.5 §7.8.1)."""
        key = (level, is_explicit)
        context = self.items.get(key)
        if context is None:
            context = self.items[key] = self.memo.context(
                is_explicit=is_explicit,
                order=self.order,
                encodings=self.encodings,
                is_signed=self.is_signed,
                level=level,
                is_top=False,
            )
        return context


Step = tuple[MemoEntry, int, Context, int]
"""A place on the way through a data set: the element, the offset of its first byte, the context in which it was
read, and the tag before it, -1 at the start. A bare tuple: it is made for each step of each file."""

_EXPLICIT = {order: Struct(order + "HH2sH").unpack_from for order in "<>"}
_IMPLICIT = {order: Struct(order + "HHI").unpack_from for order in "<>"}
_LENGTH = {order: Struct(order + "I").unpack_from for order in "<>"}


class Memo:
    """Contexts, and the bounds on what they hold together. Not for several threads."""

    def __init__(self, *, most_bytes: int = MEMO_BYTES, most_entries: int = MEMO_ENTRIES) -> None:
        self.serial = 0
        self.bytes = 0
        self.entries = 0
        self._most_bytes = most_bytes
        self._most_entries = most_entries
        self._contexts: dict[Any, Context] = {}
        self._dialects: dict[Any, Dialect] = {}

    def context(
        self,
        *,
        is_explicit: bool,
        order: str,
        encodings: Encodings,
        is_signed: bool = False,
        level: WantedLevel | None = None,
        is_top: bool = False,
        creators: Mapping[int, str] | None = None,
    ) -> Context:
        """Return the one context of these circumstances."""
        key = (
            is_explicit, order, encodings, is_signed, level, is_top, tuple(creators.items()) if creators else (),
        )  # fmt: skip
        context = self._contexts.get(key)
        if context is None:
            context = self._contexts[key] = Context(self, key)
            self.bytes += _OVERHEAD
        return context

    def begin(self) -> None:
        """Count a file; forget everything where the bounds are reached."""
        self.serial += 1
        if self.bytes > self._most_bytes or self.entries > self._most_entries:
            self._contexts, self._dialects = {}, {}
            self.bytes = self.entries = 0

    def keep(self, context: Context, raw: bytes, entry: MemoEntry) -> None:
        """Remember what ``raw`` means in ``context``; past the bounds nothing is added until the next file."""
        if self.bytes > self._most_bytes or self.entries > self._most_entries:
            return
        context.known[raw] = entry
        self.entries += 1
        self.bytes += len(raw) + len(entry.text) + _OVERHEAD

    def dialect(self, *key: Any) -> Dialect:
        """Return the one dialect of these circumstances."""
        dialect = self._dialects.get(key)
        if dialect is None:
            dialect = self._dialects[key] = Dialect(*key)
            self.bytes += _OVERHEAD
        return dialect

    def keep_reader(self, dialect: Dialect, head: bytes, reader: ElementReader) -> None:
        """Keep the reader of elements that begin with ``head``; past the bounds none is added until the next file."""
        if self.bytes > self._most_bytes:
            return
        dialect.readers[head] = reader
        self.bytes += _OVERHEAD

    def learn(self, steps: Sequence[Step], data: bytes, base: int, end: int) -> None:
        """Join elements that were neighbours in the last file too.

        Args:
            steps: The way through a top-level data set.
            data: Bytes in memory.
            base: Offset of the first of them.
            end: Where the last step ends.
        """
        before = self.serial - 1
        first: int | None = None
        for number, (entry, start, _, _) in enumerate(steps):
            is_stable = entry.seen == before and start >= base
            entry.seen = self.serial
            if is_stable:
                if first is None:
                    first = number
            elif first is not None:
                if number - first > 1:
                    self._join(steps[first:number], data[steps[first][1] - base : start - base])
                first = None
        if first is not None and len(steps) - first > 1:
            self._join(steps[first:], data[steps[first][1] - base : end - base])

    def _join(self, steps: Sequence[Step], raw: bytes) -> None:
        if len(raw) > RUN_BYTES or self.bytes > self._most_bytes:
            return
        entries: list[MemoEntry] = []
        for entry, _, _, _ in steps:
            entries.extend(entry.entries if isinstance(entry, Run) else (entry,))
        run = Run(raw, entries)
        run.seen = self.serial
        _, _, context, after = steps[0]
        runs = context.runs.setdefault(after, [])
        runs.insert(0, run)
        self.bytes += len(raw) + len(run.text) + _OVERHEAD
        if len(runs) > RUNS_AT_A_PLACE:
            gone = runs.pop()
            self.bytes -= len(gone.raw) + len(gone.text) + _OVERHEAD
