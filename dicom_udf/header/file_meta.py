"""The file meta group (PS3.10 §7.1), and where the data set begins behind it, also where the group is broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.cap import cap_json
from dicom_udf.header.detect import (
    DEFLATED,
    LONGEST_META,
    Encoding,
    behind_group_zero,
    detect_encoding,
    detect_first_element,
    expected_encoding,
    find_data_set,
)
from dicom_udf.header.dictionary import keyword_of
from dicom_udf.header.heads import Head, doubtful_heads, end_of, read_head
from dicom_udf.header.memo import Context, Memo
from dicom_udf.header.scanner import Scanner
from dicom_udf.header.scope import Found, Scope
from dicom_udf.header.selection import MEDIA_CLASS, SYNTAX
from dicom_udf.header.soundness import is_sound, reread_head
from dicom_udf.header.text import DEFAULT
from dicom_udf.header.window import Window, inflates

__all__ = ["MEDIA_STORAGE_DIRECTORY", "FileMeta", "read_file_meta"]

MEDIA_STORAGE_DIRECTORY = "1.2.840.10008.1.3.10"

BROKEN_META = "a fault in the file meta group; the rest of the group is left out"
_GROUP_LENGTH = 0x00020000


class FileMeta(NamedTuple):
    """The file meta group.

    Attributes:
        json: Its JSON; None where the file has none.
        found: Its values, and what is wrong with it.
        syntax: The transfer syntax; None where it isn't named.
        stop: Where the data set begins.
        encoding: The data set's, where its first element shows it.
    """

    json: str | None
    found: Found
    syntax: str | None
    stop: int
    encoding: Encoding | None


def read_file_meta(scanner: Scanner, context_of: Callable[[Encoding], Context]) -> FileMeta:
    """Read the file meta group where there is one.

    Args:
        scanner: At the start of the file.
        context_of: Returns the context of the group by its encoding.

    Raises:
        FileFault: The file is empty, not DICOM, a media directory, or ends before its data set.
    """
    window = scanner.window
    if not window.has(0, 1):
        raise FileFault(FailureCode.EMPTY_OBJECT, "the file has no bytes")
    start, encoding = detect_first_element(window)
    if encoding is None:
        meta = FileMeta(None, Found(), None, start, detect_encoding(window, start, None))
    else:
        meta = _read_group(scanner, context_of(encoding), start)
        if scanner.fault is not None or not _is_followed(meta, window):
            meta = _mend(scanner, context_of(encoding), start, meta)
        if meta.found.values.pop(MEDIA_CLASS, None) == MEDIA_STORAGE_DIRECTORY:
            raise FileFault(FailureCode.DICOMDIR, "a media directory: it lists files and is not an instance")
        if scanner.fault is not None:
            code, offset = scanner.fault
            raise FileFault(code, f"the file meta information breaks off at byte {offset}, before the data set")
    if not window.has(meta.stop, 1):
        message = f"the file ends at byte {meta.stop}, before the first element of its data set"
        raise FileFault(FailureCode.TRUNCATED, message)
    return meta


def _read_group(scanner: Scanner, context: Context, start: int, *, limit: int | None = None) -> FileMeta:
    found = Found()
    json, stop, _ = scanner.data_set(start, context, found, group=2, limit=limit)
    json, omitted = cap_json(json)
    found.omitted += omitted
    syntax = found.values.pop(SYNTAX, None)
    encoding = (
        None if scanner.fault is not None or syntax in DEFLATED else detect_encoding(scanner.window, stop, syntax)
    )
    return FileMeta(json, found, syntax, stop, encoding)


def _is_followed(meta: FileMeta, window: Window) -> bool:
    """True where something that can be a data set follows the group, or nothing at all."""
    return meta.encoding is not None or not window.has(meta.stop, 1) or _begins_data_set(window, meta.stop, meta.syntax)


def _mend(scanner: Scanner, context: Context, start: int, meta: FileMeta) -> FileMeta:
    """Find the data set behind a group with a fault in it, and name the fault.

    (0002,0000) has the place. Where it doesn't, an element without a valid VR may end there; the last resort are the
    first bytes that look like elements of group 0008.

    Args:
        scanner: Its fault is cleared where the data set is found.
        context: How the group is read.
        start: Where the group begins.
        meta: As read up to the fault.
    """
    window, fault = scanner.window, scanner.fault
    if start < window.base:
        return meta  # its beginning has left the memory: the group is too long
    window.go_back()
    stop = _end_by_length(window, start, context)
    if stop is None or not _begins_data_set(window, stop, meta.syntax):
        if fault is None and (stop == meta.stop or _can_be_read(window, meta)):
            return meta  # the data set begins with an odd element, which the scanner judges
        ends = [end_of(head) for head in doubtful_heads(window, fault[1], context)] if fault is not None else []
        near = [end for end in ends if end - start <= LONGEST_META]
        stop = next((end for end in near if _begins_data_set(window, end, meta.syntax)), None)
        stop = find_data_set(window, start, meta.syntax) if stop is None else stop
    if stop is None:
        return meta
    scanner.fault = None
    meta = _read_group(scanner, context, start, limit=stop)
    broken = meta.stop if scanner.fault is None else scanner.fault[1]
    scanner.fault = None
    if broken != stop:
        meta.found.faults[_name_at(window, broken, context)] = BROKEN_META
    encoding = None if meta.syntax in DEFLATED else detect_encoding(window, stop, meta.syntax)
    return meta._replace(stop=stop, encoding=encoding)


def _end_by_length(window: Window, start: int, context: Context) -> int | None:
    """Return where the group ends by its length element (0002,0000); None without one, or where it can't be right."""
    if not window.has(start, 12):
        return None
    at = start - window.base
    length: int = context.unpack_length(window.data, at + 8)[0]
    has_length = window.data[at + 2 : at + 4] == b"\0\0"
    return start + 12 + length if has_length and length <= LONGEST_META else None


def _begins_data_set(window: Window, offset: int, syntax: str | None) -> bool:
    """True where the elements at ``offset`` are not the group's, and can be a data set, or inflate to one."""
    if not window.has(offset, 8) or window.at(offset, 2) in (b"\2\0", b"\0\2"):
        return False
    if detect_encoding(window, offset, syntax) is not None or detect_encoding(window, offset, None) is not None:
        return True
    return inflates(window.rest(offset)) if syntax in DEFLATED else behind_group_zero(window, offset) > offset


def _can_be_read(window: Window, meta: FileMeta) -> bool:
    """True where the scanner can read an element behind the group, and another one behind that."""
    encoding = expected_encoding(meta.syntax)
    if encoding is None or meta.syntax in DEFLATED:
        return False
    context = Memo().context(is_explicit=encoding.is_explicit, order=encoding.order, encodings=DEFAULT, is_top=True)
    scope = Scope(Found(), {})
    head = read_head(window, meta.stop, context)
    if isinstance(head, Head):
        return bool(head.vr) and is_sound(window, end_of(head), context, scope, head.tag, start=meta.stop)
    return isinstance(reread_head(window, meta.stop, context, scope, -1), Head)


def _name_at(window: Window, offset: int, context: Context) -> str:
    """Return the keyword of the element of the group that begins at ``offset``; that of its length if none does."""
    tag = _GROUP_LENGTH
    if offset >= window.base and window.has(offset, 8):
        group, element, _ = context.unpack_implicit(window.data, offset - window.base)
        tag = group << 16 | element if group == _GROUP_LENGTH >> 16 else tag
    return keyword_of(tag)
