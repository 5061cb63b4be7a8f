"""What kind of file it is, by content: where its first element stands, and how its data set is encoded."""

from __future__ import annotations

from typing import NamedTuple

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.header.dictionary import public_vr
from dicom_udf.header.heads import UNDEFINED
from dicom_udf.header.vr import LONG_LENGTH, VRS
from dicom_udf.header.window import Window

__all__ = ["BIG_ENDIAN", "DEFLATED", "IMPLICIT", "Encoding", "encoding_of", "first_element"]

IMPLICIT = "1.2.840.10008.1.2"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
DEFLATED = frozenset({"1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.4.205"})
"""Transfer syntaxes whose data set is deflated: explicit VR, and those of JPIP (PS3.5 §A.5, §A.7)."""

_VALID_VRS = frozenset(name.encode() for name in VRS if len(name) == 2)
_LONGEST_FIRST = 1 << 16
"""A longer first element is taken for chance, not for DICOM, where nothing else speaks for it."""


class Encoding(NamedTuple):
    """Whether elements carry their VR, and the byte order, ``<`` or ``>``."""

    is_explicit: bool
    order: str


_ALL = (Encoding(True, "<"), Encoding(False, "<"), Encoding(True, ">"), Encoding(False, ">"))


def first_element(window: Window) -> tuple[int, bool]:
    """Return where the first element stands, and whether it is of the file meta group.

    Files without the preamble, or without the meta group, are known by their first two elements (PS3.10 §7.1 asks for
    both; ACR-NEMA knew neither).

    Raises:
        FileFault: NOT_DICOM.
    """
    if window.has(128, 4) and window.data[128:132] == b"DICM":
        return 132, window.has(132, 2) and window.data[132:134] == b"\x02\x00"
    start = 4 if window.data[:4] == b"DICM" else 0
    for place in dict.fromkeys((start, 0, 128)):
        if window.has(place, 8) and window.data[place : place + 2] == b"\x02\x00" and _fits(window, place, _ALL[0]):
            return place, True
        if any(_fits(window, place, encoding) for encoding in _ALL):
            return place, False
    raise FileFault(
        FailureCode.NOT_DICOM, "no DICM prefix at byte 128 and no data elements at the start: not a DICOM file"
    )


def encoding_of(window: Window, start: int, syntax: str | None) -> Encoding | None:
    """Return the data set's encoding: what the transfer syntax says, unless its first element contradicts.

    None where there is no syntax and nothing that looks like an element.
    """
    if syntax == IMPLICIT:
        tried = (_ALL[1], _ALL[0])
    elif syntax == BIG_ENDIAN:
        tried = (_ALL[2], _ALL[0])
    elif syntax:
        tried = (_ALL[0], _ALL[1])
    else:
        return next((encoding for encoding in _ALL if _fits(window, start, encoding)), None)
    return next((encoding for encoding in tried if _fits(window, start, encoding, count=1)), tried[0])


def _fits(window: Window, offset: int, encoding: Encoding, *, count: int = 2) -> bool:
    """True where ``count`` plausible elements of ascending tags stand at ``offset``, or one and the end of the file."""
    last = -1
    for number in range(count):
        if not window.has(offset, 12):
            return number > 0 and not window.has(offset, 1)
        element = _element(window, offset, encoding)
        if element is None or element[0] <= last:
            return False
        if count > 1 and (_LONGEST_FIRST < element[1] < UNDEFINED or (number == 0 and element[0] >> 16 > 0x0028)):
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
        return None if data[4:6] in _VALID_VRS else (tag, length, offset + 8)
    if data[4:6] not in _VALID_VRS:
        return None
    if data[4:6] in LONG_LENGTH:
        length = int.from_bytes(data[8:12], order)  # type: ignore[arg-type]
        return tag, length, offset + 12
    return tag, int.from_bytes(data[6:8], order), offset + 8  # type: ignore[arg-type]
