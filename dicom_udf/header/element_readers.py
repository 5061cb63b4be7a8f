"""Readers of elements: one for each tag and VR, so that what doesn't depend on a value is decided once.

Most elements are one text or one number. Their readers take the few steps that such a value needs, and leave any other
value to :func:`~dicom_udf.header.element.finish`, to which they are equal.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Any

from dicom_udf.header.dictionary import plain_vr
from dicom_udf.header.element import ONE_NUMBER, decimal_json, finish, has_part, is_json_number, number_json, quote
from dicom_udf.header.header import Wanted
from dicom_udf.header.leaf import STEERING, name_of
from dicom_udf.header.memo import Context, Dialect, MemoEntry
from dicom_udf.header.text import ESCAPE
from dicom_udf.header.vr import LONG_LENGTH, VR, VRS, Unfit

__all__ = ["ElementReader", "element_reader"]

_CAREFUL_GROUPS = frozenset({0x0000, 0x7FE0, 0xFFFE})
_PLAIN = {
    vr.name.encode(): vr
    for vr in VRS.values()
    if vr.kind not in ("bytes", "sequence") and " " not in vr.name and vr.name.encode() not in LONG_LENGTH
}
_NEW_VALUES = 32
_REMEMBERED = 16
"""After 32 values in succession that are new, one of 16 is remembered: a UID never comes again, a series number may."""


class ElementReader:
    """Reads the elements that begin with certain bytes, in contexts of one :class:`~dicom_udf.header.memo.Dialect`.

    This class has those whose values need care: it only finds their end.

    Attributes:
        group: Of the tag.
        start: Bytes in front of the value.
        length_at: Where its length is.
        unpack: Unpacks the length.
    """

    __slots__ = ("_new", "group", "length_at", "start", "unpack")

    def __init__(self, group: int, layout: Layout) -> None:
        self.group = group
        self.start, self.length_at, self.unpack = layout
        self._new = 0

    def read(self, raw: bytes, context: Context) -> MemoEntry | None:
        """Return the finished element; None for one that needs care.

        Args:
            raw: Its bytes, from the tag on.
            context: Where it is read.
        """
        del raw, context
        return None

    def found(self) -> None:
        """Note that a value was remembered."""
        self._new = 0

    def remember(self, raw: bytes, context: Context, entry: MemoEntry) -> None:
        """Remember what was read, unless the values here are always new."""
        self._new += 1
        if self._new <= _NEW_VALUES or not self._new % _REMEMBERED:
            context.memo.keep(context, raw, entry)


class _PlainReader(ElementReader):
    """Reads texts and numbers of any form."""

    __slots__ = ("_column", "_convert", "_is_list", "_is_spelled", "_open", "_tag", "_vr", "_wanted")

    def __init__(self, tag: int, vr: VR, wanted: tuple[Wanted, ...], dialect: Dialect) -> None:
        super().__init__(tag >> 16, _SHORT[dialect.order] if dialect.is_explicit else _IMPLICIT[dialect.order])
        self._tag, self._vr, self._wanted = tag, vr, wanted
        self._open = f'"{tag:08X}":{{"vr":"{vr.name}","Value":['
        want = wanted[0] if wanted else None
        self._convert = None if want is None else VRS[want.vr].convert
        self._column, self._is_list = ("", False) if want is None else (want.name, want.multiple)
        self._is_spelled = want is not None and want.is_spelled

    @staticmethod
    def fits(vr: VR, wanted: tuple[Wanted, ...]) -> bool:
        """True where :meth:`_one` has an answer: one column at most, whose type has a value for such items."""
        if not wanted:
            return True
        column = VRS[wanted[0].vr]
        return len(wanted) == 1 and column.convert is not None and (column.kind == "name") == (vr.kind == "name")

    def read(self, raw: bytes, context: Context) -> MemoEntry:
        return self._any(raw, context)

    def _any(self, raw: bytes, context: Context) -> MemoEntry:
        """Return a text or a number of any form."""
        tag = self._tag
        json, _, values, reason = finish(
            self._vr.name, raw[8:], order=context.order, encodings=context.encodings, wanted=self._wanted
        )
        faults = ((name_of(tag, context), reason),) if reason else ()
        return MemoEntry(tag, f'"{tag:08X}":{json}', values, faults, context)

    def _one(self, raw: bytes, context: Context, json: str, item: Any) -> MemoEntry:
        """Return a single value."""
        if self._convert is None:
            return MemoEntry(self._tag, f"{self._open}{json}]}}", None, (), context)
        value = self._convert(item)
        if isinstance(value, Unfit) or value == "":
            return self._any(raw, context)
        if self._is_list:
            value = [value]
        values = {self._column: (json, value) if self._is_spelled else value}
        return MemoEntry(self._tag, f"{self._open}{json}]}}", values, (), context)


class _CodeReader(_PlainReader):
    """Reads strings whose bytes are ASCII in any character set (PS3.5 §6.1.2.3)."""

    __slots__ = ()

    def read(self, raw: bytes, context: Context) -> MemoEntry:
        text = raw[8:].decode("latin-1").rstrip(" \0")
        if not text or "\\" in text:
            return self._any(raw, context)
        return self._one(raw, context, quote(text), text)


class _TextReader(_PlainReader):
    """Reads strings in the character set of the file."""

    __slots__ = ()

    def _text(self, raw: bytes, context: Context) -> str | None:
        """Return a value that is one text; None where more than one codec may be needed."""
        codec = context.dialect.codec
        if codec is None or ESCAPE in raw:
            return None
        try:
            text = raw[8:].decode(codec).rstrip(" \0")
        except (UnicodeDecodeError, LookupError):
            return None
        return None if "\\" in text else text

    def read(self, raw: bytes, context: Context) -> MemoEntry:
        text = self._text(raw, context)
        return self._one(raw, context, quote(text), text) if text else self._any(raw, context)


class _NameReader(_TextReader):
    __slots__ = ()

    @staticmethod
    def fits(vr: VR, wanted: tuple[Wanted, ...]) -> bool:
        return _PlainReader.fits(vr, wanted) and not (wanted and wanted[0].part != "value")

    def read(self, raw: bytes, context: Context) -> MemoEntry:
        text = self._text(raw, context)
        if not text or "=" in text or not has_part(text):
            return self._any(raw, context)
        return self._one(raw, context, f'{{"Alphabetic":{quote(text)}}}', text.strip(" \0"))


class _DecimalReader(_PlainReader):
    __slots__ = ()

    def read(self, raw: bytes, context: Context) -> MemoEntry:
        text = raw[8:].decode("latin-1").strip(" \0\t\r\n")
        json = text if is_json_number(text) else decimal_json(text)
        return self._any(raw, context) if json[0] == '"' else self._one(raw, context, json, json)


class _NumberReader(_PlainReader):
    __slots__ = ()

    def read(self, raw: bytes, context: Context) -> MemoEntry:
        size, unpack = ONE_NUMBER[context.order + self._vr.format]
        if len(raw) != 8 + size:
            return self._any(raw, context)
        number = unpack(raw, 8)[0]
        return self._one(raw, context, number_json(number), number)


_READERS: dict[str, type[_PlainReader]] = {
    **{vr.name: _TextReader if vr.has_charset else _CodeReader for vr in VRS.values() if vr.kind == "strings"},
    **{vr.name: _NameReader for vr in VRS.values() if vr.kind == "name"},
    **{vr.name: _DecimalReader for vr in VRS.values() if vr.kind == "decimal"},
    **{vr.name: _NumberReader for vr in VRS.values() if vr.kind == "number"},
}
"""By VR in the file; others have texts or tags of any form."""

Layout = tuple[int, int, Callable[..., tuple[int]]]
_SHORT: dict[str, Layout] = {order: (8, 6, Struct(order + "H").unpack_from) for order in "<>"}
_EXTENDED: dict[str, Layout] = {order: (12, 8, Struct(order + "I").unpack_from) for order in "<>"}
_IMPLICIT: dict[str, Layout] = {order: (8, 4, Struct(order + "I").unpack_from) for order in "<>"}
_TAG = {order: Struct(order + "HH").unpack_from for order in "<>"}


def element_reader(head: bytes, context: Context) -> ElementReader:
    """Return the reader of the elements that begin with ``head``, and keep it for the contexts of the dialect.

    Args:
        head: The tag, and in explicit VR the VR too: 4 or 6 bytes.
        context: Where they are read.
    """
    dialect = context.dialect
    group, element = _TAG[dialect.order](head)
    reader = _new_reader(group, element, head[4:], dialect)
    context.memo.keep_reader(dialect, head, reader)
    return reader


def _new_reader(group: int, element: int, name: bytes, dialect: Dialect) -> ElementReader:
    tag = group << 16 | element
    vr = _PLAIN.get(name) if dialect.is_explicit else plain_vr(tag)
    wants = dialect.level.get(tag) if dialect.level else None
    is_steering = tag in STEERING or group in _CAREFUL_GROUPS or (group & 1 and element < 0x100)
    is_sequence = wants is not None and (wants.codes or wants.counts or wants.first is not None)
    if vr is None or not element or is_steering or is_sequence:
        layout = _IMPLICIT if not dialect.is_explicit else _EXTENDED if name in LONG_LENGTH else _SHORT
        return ElementReader(group, layout[dialect.order])
    wanted = wants.wanted if wants is not None else ()
    kind = _READERS.get(vr.name, _PlainReader)
    return (kind if kind.fits(vr, wanted) else _PlainReader)(tag, vr, wanted, dialect)
