"""One line per value representation (PS3.5 §6.2): how its bytes become values, and what a typed column holds.

Reading has two halves. ``decode`` turns the bytes, by the VR *in the file*, into plain items: text, numbers, or None
where a place in a multi-value is empty. ``convert`` turns one such item into the type of the *dictionary's* VR; what
does not fit is an :class:`Unfit` with the reason, a result and not an exception.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

__all__ = ["LONG_LENGTH", "VR", "VRS", "Unfit"]

Item = str | int | float | None


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why a value is no value of its column's type; never the value itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class VR:
    """One value representation.

    Attributes:
        name: e.g. ``DS``.
        kind: How the bytes are read: ``text`` (one value, e.g. LT), ``texts`` (backslash separates), ``name`` (PN),
            ``number`` (binary), ``tag`` (AT), ``binary``, ``sequence``.
        type: Spark SQL type of a typed column; None where there is none.
        convert: One decoded item -> value of that type, or Unfit. None where there is no column type.
        format: struct code of one binary number.
        json: ``string``, ``number`` (binary numbers), ``decimal`` (DS, IS: digits kept) or ``none``.
    """

    name: str
    kind: str
    type: str | None
    convert: Callable[[Item], Any] | None = None
    format: str = ""
    json: str = "string"


_DATE = re.compile(r"(\d{4})\.?(\d\d)\.?(\d\d)")
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d{1,6}))?)?)?")
_DATETIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d{1,6}))?)?)?)?(?:[+-]\d{4})?")
_INTEGER = re.compile(r"[+-]?\d+(?:\.0*)?")
_BIGINT = range(-(2**63), 2**63)


def to_date(item: Item) -> Any:
    """DA, also with the dots of ACR-NEMA, as a ``date``."""
    found = _DATE.fullmatch(str(item).strip())
    if not found:
        return Unfit("not a date (YYYYMMDD)")
    try:
        return date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return Unfit("no such day in the calendar")


def to_time(item: Item) -> Any:
    """TM, also with the colons of ACR-NEMA, as ``HH[:MM[:SS[.f...]]]`` with the precision as written."""
    found = _TIME.fullmatch(str(item).strip())
    if not found:
        return Unfit("not a time (HHMMSS.FFFFFF)")
    if int(found[1]) > 23 or int(found[2] or 0) > 59 or int(found[3] or 0) > 60:
        return Unfit("no such time of day")
    return ":".join(part for part in found.group(1, 2, 3) if part) + (f".{found[4]}" if found[4] else "")


def to_datetime(item: Item) -> Any:
    """DT as a naive ``datetime``, wall clock as written: an offset from UTC is left out; a full day is needed."""
    found = _DATETIME.fullmatch(str(item).strip())
    if not found:
        return Unfit("not a date and time with a full day")
    try:
        micros = int((found[7] or "0").ljust(6, "0"))
        year, month, day, hour, minute, second = (int(part or 0) for part in found.group(1, 2, 3, 4, 5, 6))
        return datetime(year, month, day, hour, minute, second, micros)
    except ValueError:
        return Unfit("no such day or time")


def to_double(item: Item) -> Any:
    """A number, also one that is written as text, as a finite ``float``."""
    try:
        number = float(item)  # type: ignore[arg-type]
    except (ValueError, OverflowError):
        return Unfit("not a number")
    if isinstance(item, str) and "_" in item:
        return Unfit("not a number")
    return number if math.isfinite(number) else Unfit("not a finite number")


def to_bigint(item: Item) -> Any:
    """A whole number of 64 bits; ``1.0`` is one."""
    if isinstance(item, str):
        if not _INTEGER.fullmatch(item.strip()):
            return Unfit("not a whole number")
        number = int(item.partition(".")[0])
    elif isinstance(item, float):
        if not item.is_integer():
            return Unfit("not a whole number")
        number = int(item)
    else:
        number = int(item or 0)
    return number if number in _BIGINT else Unfit("a whole number beyond 64 bits")


def to_unsigned(item: Item) -> Any:
    """UV as a ``Decimal`` without places."""
    number = to_bigint(item) if not isinstance(item, int) else item
    if isinstance(number, Unfit):
        return number
    return Decimal(number) if 0 <= number < 2**64 else Unfit("not an unsigned number of 64 bits")


def to_text(item: Item) -> Any:
    """Text as it is; a number as its digits."""
    return item if isinstance(item, str) else str(item)


VRS: Mapping[str, VR] = {
    vr.name: vr
    for vr in (
        VR("AE", "texts", "string", to_text),
        VR("AS", "texts", "string", to_text),
        VR("AT", "tag", "string", to_text),
        VR("CS", "texts", "string", to_text),
        VR("DA", "texts", "date", to_date),
        VR("DS", "texts", "double", to_double, json="decimal"),
        VR("DT", "texts", "timestamp_ntz", to_datetime),
        VR("FD", "number", "double", to_double, "d", "number"),
        VR("FL", "number", "double", to_double, "f", "number"),
        VR("IS", "texts", "bigint", to_bigint, json="decimal"),
        VR("LO", "texts", "string", to_text),
        VR("LT", "text", "string", to_text),
        VR("OB", "binary", None, json="none"),
        VR("OD", "binary", None, format="d", json="none"),
        VR("OF", "binary", None, format="f", json="none"),
        VR("OL", "binary", None, format="I", json="none"),
        VR("OV", "binary", None, format="Q", json="none"),
        VR("OW", "binary", None, format="H", json="none"),
        VR("PN", "name", "string", to_text),
        VR("SH", "texts", "string", to_text),
        VR("SL", "number", "bigint", to_bigint, "i", "number"),
        VR("SQ", "sequence", None, json="none"),
        VR("SS", "number", "bigint", to_bigint, "h", "number"),
        VR("ST", "text", "string", to_text),
        VR("SV", "number", "bigint", to_bigint, "q", "number"),
        VR("TM", "texts", "string", to_time),
        VR("UC", "texts", "string", to_text),
        VR("UI", "texts", "string", to_text),
        VR("UL", "number", "bigint", to_bigint, "I", "number"),
        VR("UN", "binary", None, json="none"),
        VR("UR", "text", "string", to_text),
        VR("US", "number", "bigint", to_bigint, "H", "number"),
        VR("UT", "text", "string", to_text),
        VR("UV", "number", "decimal(20,0)", to_unsigned, "Q", "number"),
        # The dictionary's choices (PS3.6): which one a file means follows from the file (PS3.5 §A.1).
        VR("US or SS", "number", "bigint", to_bigint, "H", "number"),
        VR("US or SS or OW", "number", "bigint", to_bigint, "H", "number"),
        VR("US or OW", "number", "bigint", to_bigint, "H", "number"),
        VR("OB or OW", "binary", None, json="none"),
    )
}
"""Every VR of PS3.5 Table 6.2-1, and the dictionary's choices between several."""

LONG_LENGTH = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""VRs whose length in explicit VR takes 32 bits (PS3.5 Table 7.1-1)."""


def unpack_numbers(raw: bytes, code: str, order: str) -> list[int | float]:
    """Return the binary numbers in ``raw``; a rest too short for one is left out."""
    size = struct.calcsize(f"={code}")
    return list(struct.unpack_from(f"{order}{len(raw) // size}{code}", raw))
