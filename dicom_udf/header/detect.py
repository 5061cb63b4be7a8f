"""Detect a file by its content: the place of its first element, and the encoding of its data set."""

from __future__ import annotations

import re
from typing import NamedTuple

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.dictionary import public_vr
from dicom_udf.header.heads import UNDEFINED, VALID_VRS
from dicom_udf.header.soundness import pass_group_zero
from dicom_udf.header.vr import LONG_LENGTH
from dicom_udf.header.window import Window

__all__ = [
    "BIG_ENDIAN",
    "DEFLATED",
    "IMPLICIT",
    "LONGEST_META",
    "Encoding",
    "behind_group_zero",
    "detect_encoding",
    "detect_first_element",
    "expected_encoding",
    "find_data_set",
]

IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
"""Transfer syntaxes with a deflated data set: explicit VR, and those of JPIP (PS3.5 §A.5, §A.7)."""

LONGEST_META = 1 << 16
"""Bytes within which the end of a broken file meta group is looked for; a few hundred are usual."""
_GROUP_8 = re.compile(rb"(?=\x08\x00|\x00\x08)")
_LONGEST_FIRST = 1 << 16
"""A longer first element is taken for chance, not for DICOM, unless another sign of DICOM is found."""


class Encoding(NamedTuple):
    """Whether elements carry their VR, and the byte order, ``<`` or ``>``."""

    is_explicit: bool
    order: str


_ALL = (Encoding(True, "<"), Encoding(False, "<"), Encoding(True, ">"), Encoding(False, ">"))
_META = _ALL[:3]


def detect_first_element(window: Window) -> tuple[int, Encoding | None]:
    """Return where the first element begins, and how the file meta group is encoded; None where it begins without one.

    Files without the preamble, or without the meta group, are detected by their first two elements (PS3.10 §7.1
    requires both; ACR-NEMA had neither). The group is explicit little endian by the standard; some writers leave VRs
    out.

    Raises:
        FileFault: NOT_DICOM.
    """
    if window.has(128, 4) and window.data[128:132] == b"DICM":
        if window.has(132, 8) and window.data[132:134] == b"\x02\x00" and window.data[136:138] in VALID_VRS:
            return 132, _META[0]
        return 132, _meta_encoding(window, 132, count=1) or (_META[0] if _is_meta(window, 132, _META[0]) else None)
    start = 4 if window.data[:4] == b"DICM" else 0
    offsets = list(dict.fromkeys((start, 0, 128)))
    for offset in offsets:
        meta = _meta_encoding(window, offset, count=2)
        if meta is not None or any(_fits(window, offset, encoding) for encoding in _ALL):
            return offset, meta
    for offset in offsets:
        behind = behind_group_zero(window, offset)
        if behind > offset and any(_fits(window, behind, encoding) for encoding in _ALL):
            return offset, None
    raise FileFault(
        FailureCode.NOT_DICOM, "no DICM prefix at byte 128 and no data elements at the start: not a DICOM file"
    )


def _meta_encoding(window: Window, offset: int, *, count: int) -> Encoding | None:
    return next((e for e in _META if _is_meta(window, offset, e) and _fits(window, offset, e, count=count)), None)


def _is_meta(window: Window, offset: int, encoding: Encoding) -> bool:
    return window.has(offset, 2) and window.at(offset, 2) == (b"\x02\x00" if encoding.order == "<" else b"\x00\x02")


def detect_encoding(window: Window, start: int, syntax: str | None) -> Encoding | None:
    """Return the data set's encoding: the transfer syntax's, unless its first elements contradict.

    None where nothing that looks like an element begins at ``start``.
    """
    if not syntax:
        return next((encoding for encoding in _ALL if _fits(window, start, encoding)), None)
    named, other = _encodings(syntax)
    if _fits(window, start, named, count=1):
        return named
    return other if _fits(window, start, other, count=1 if other.is_explicit else 2) else None  # a VR is evidence


def expected_encoding(syntax: str | None) -> Encoding | None:
    """Return the encoding that a transfer syntax names; None without one."""
    return _encodings(syntax)[0] if syntax else None


def _encodings(syntax: str) -> tuple[Encoding, Encoding]:
    if syntax == IMPLICIT:
        return _ALL[1], _ALL[0]
    return (_ALL[2], _ALL[0]) if syntax == BIG_ENDIAN else (_ALL[0], _ALL[1])


def find_data_set(window: Window, start: int, syntax: str | None) -> int | None:
    """Return the first place from ``start`` on where two elements follow each other, the first of group 0008."""
    window.has(start, LONGEST_META)
    encodings = _encodings(syntax) if syntax else _ALL
    for found in _GROUP_8.finditer(window.data, start - window.base):
        offset = found.start() + window.base
        if any(_fits(window, offset, encoding) for encoding in encodings):
            return offset
    return None


def behind_group_zero(window: Window, offset: int) -> int:
    """Return where the first element behind a command set or zeros begins; ``offset`` where there are none."""
    for is_explicit in (False, True):
        passed = pass_group_zero(window, offset, order="<", is_explicit=is_explicit)
        if passed is not None and any(_fits(window, passed.stop, encoding, count=1) for encoding in _ALL):
            return passed.stop
    return offset


def _fits(window: Window, offset: int, encoding: Encoding, *, count: int = 2) -> bool:
    """True where ``count`` plausible elements of ascending tags begin at ``offset``, or one and the end of the file."""
    last = -1
    for number in range(count):
        if not window.has(offset, 12):
            return number > 0 and window.has(offset, 0) and not window.has(offset, 1)
        element = _element(window, offset, encoding)
        if element is None or element[0] <= last:
            return False
        if _LONGEST_FIRST < element[1] < UNDEFINED or (number == 0 and element[0] >> 16 > 0x0028):
            return False
        if element[1] == UNDEFINED:
            return True
        last = element[0]
        offset = element[2] + element[1]
    return True


def _element(window: Window, offset: int, encoding: Encoding) -> tuple[int, int, int] | None:
    """Return tag, length and place of value of a plausible element."""
    data = window.at(offset, 12)
    order = "little" if encoding.order == "<" else "big"
    tag = int.from_bytes(data[:2], order) << 16 | int.from_bytes(data[2:4], order)  # type: ignore[arg-type]
    is_known = tag & 0xFFFF == 0 or tag & 0x10000 or public_vr(tag) is not None
    if not is_known or tag >> 16 in (0, 0xFFFE):
        return None
    if not encoding.is_explicit:
        length = int.from_bytes(data[4:8], order)  # type: ignore[arg-type]
        return None if data[4:6] in VALID_VRS else (tag, length, offset + 8)
    if data[4:6] not in VALID_VRS:
        return None
    if data[4:6] in LONG_LENGTH:
        length = int.from_bytes(data[8:12], order)  # type: ignore[arg-type]
        return tag, length, offset + 12
    return tag, int.from_bytes(data[6:8], order), offset + 8  # type: ignore[arg-type]
