"""One line per value representation (PS3.5 §6.2): how its bytes are read, and what a typed column holds.

Reading has two halves. The VR *in the file* decides how bytes become plain items: text, numbers, or None for an empty
place in a multi-value. The *dictionary's* VR decides the type of a column, and converts one such item to it. A
value that does not fit is an :class:`Unfit` with the reason: a result, not an exception. A reason never quotes a value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

__all__ = ["LONG_LENGTH", "VR", "VRS", "Unfit", "ValueItem"]

ValueItem = str | int | float | None
"""One decoded value: text, a binary number, or None where a place in a multi-value is empty."""

VRKind = Literal["strings", "text", "name", "decimal", "number", "tag", "bytes", "sequence"]


@dataclass(frozen=True, slots=True)
class Unfit:
    """The reason why a value does not fit its column's type; never the value itself."""

    reason: str


@dataclass(frozen=True, slots=True)
class VR:
    """One value representation, or one of the dictionary's choices between several.

    Attributes:
        name: ``DS``, ``US or SS``.
        kind: How bytes are read: ``strings`` (a backslash separates values), ``text`` (one value, backslashes
            belong to it), ``name`` (PN), ``decimal`` (digits as text: DS, IS), ``number`` (binary), ``tag`` (AT),
            ``bytes``, ``sequence``.
        type: Spark SQL type of a typed column; None where there is none.
        convert: One item that is not None -> a value of that type, or Unfit. None where there is no column type.
        accepts: The spellings that have a value, for the reference page.
        nulls: The spellings that make the value null, for the reference page.
        format: struct code of one binary number.
        has_charset: True where SpecificCharacterSet decides the meaning (PS3.5 §6.1.2.3).
    """

    name: str
    kind: VRKind
    type: str | None = None
    convert: Callable[[Any], Any] | None = None
    accepts: str = ""
    nulls: str = ""
    format: str = ""
    has_charset: bool = False


_DATE = re.compile(r"(\d{4})(\.?)(\d\d)\2(\d\d)", re.ASCII)
_TIME = re.compile(r"(\d\d)(?::?(\d\d)(?::?(\d\d)(?:\.(\d*))?)?)?", re.ASCII)
_DATETIME = re.compile(
    r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.(\d*))?)?)?)?(?:[+-]\d{4})?", re.ASCII
)  # fmt: skip
_INTEGER = re.compile(r"[+-]?\d{1,20}(?:\.0*)?", re.ASCII)
_LEAST, _MOST = -(2**63), 2**63 - 1

NOT_A_DATE = Unfit("not a date (YYYYMMDD)")
NO_SUCH_DAY = Unfit("no such day in the calendar")
NOT_A_TIME = Unfit("not a time of day (HHMMSS.FFFFFF)")
NOT_A_DATETIME = Unfit("not a date and time with a full day")
NOT_A_NUMBER = Unfit("not a number")
NOT_FINITE = Unfit("not a finite number")
NOT_WHOLE = Unfit("not a whole number")
TOO_BIG = Unfit("a whole number beyond its type")


def to_date(item: ValueItem) -> date | Unfit:
    """``YYYYMMDD``, or ``YYYY.MM.DD`` of ACR-NEMA (PS3.5 §6.2 note on DA)."""
    found = _DATE.fullmatch(str(item).strip())
    if found is None:
        return NOT_A_DATE
    try:
        return date(int(found[1]), int(found[3]), int(found[4]))
    except ValueError:
        return NO_SUCH_DAY


def to_time(item: ValueItem) -> str | Unfit:
    """``HH[MM[SS[.F...]]]``, colons of ACR-NEMA allowed, as ``HH[:MM[:SS[.f...]]]`` as precise as written."""
    found = _TIME.fullmatch(str(item).strip())
    if found is None:
        return NOT_A_TIME
    hour, minute, second, fraction = found.groups()
    if hour > "23" or (minute or "00") > "59" or (second or "00") > "60":  # 60: a leap second
        return NOT_A_TIME
    if second is None:
        return hour if minute is None else f"{hour}:{minute}"
    return f"{hour}:{minute}:{second}.{fraction[:6]}" if fraction else f"{hour}:{minute}:{second}"


def to_datetime(item: ValueItem) -> datetime | Unfit:
    """``YYYYMMDD[HH[MM[SS[.F...]]]][&ZZZZ]`` as wall clock: the offset from UTC is left out, a full day is needed."""
    found = _DATETIME.fullmatch(str(item).strip())
    if found is None:
        return NOT_A_DATETIME
    year, month, day, hour, minute, second, fraction = found.groups()
    microsecond = int(fraction[:6].ljust(6, "0")) if fraction else 0
    try:
        return datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0), microsecond
        )  # fmt: skip
    except ValueError:
        return NOT_A_DATETIME


def to_double(item: ValueItem) -> float | Unfit:
    """A finite number, binary or written in digits."""
    try:
        number = float(item)  # type: ignore[arg-type]
    except ValueError:
        return NOT_A_NUMBER
    if not math.isfinite(number):
        return NOT_FINITE
    if isinstance(item, str) and ("_" in item or not item.isascii()):  # Python's spellings, not DICOM's
        return NOT_A_NUMBER
    return number


def to_bigint(item: ValueItem) -> int | Unfit:
    """A whole number of 64 bits; ``1.0`` is one."""
    number = _whole(item)
    if isinstance(number, int) and not _LEAST <= number <= _MOST:
        return TOO_BIG
    return number


def to_unsigned(item: ValueItem) -> Decimal | Unfit:
    """A whole number from 0 to 2^64 - 1 as a ``Decimal`` without places: UV is wider than a bigint."""
    number = _whole(item)
    if isinstance(number, Unfit):
        return number
    return Decimal(number) if 0 <= number < 2**64 else TOO_BIG


def _whole(item: ValueItem) -> int | Unfit:
    if isinstance(item, str):
        item = item.strip()
        return int(item.partition(".")[0]) if _INTEGER.fullmatch(item) else NOT_WHOLE
    if isinstance(item, float):
        return int(item) if item.is_integer() else NOT_WHOLE
    return item if item is not None else NOT_WHOLE


def to_string(item: ValueItem) -> str:
    """Text without the spaces around it, which pad it (PS3.5 §6.2); a number as its digits."""
    return item.strip(" ") if isinstance(item, str) else str(item)


def to_text(item: ValueItem) -> str:
    """Text that keeps its leading spaces (ST, LT, UT, UC, UR)."""
    return item if isinstance(item, str) else str(item)


_TEXT = "any text"
_NEVER = "never"
_NUMBERS = "binary numbers; in a file with another VR also digits"
_NO_WHOLE = "places behind the point, letters, more than 64 bits"
_NO_NUMBER = "letters, a comma, NaN, infinity"

VRS: Mapping[str, VR] = {
    vr.name: vr
    for vr in (
        VR("AE", "strings", "string", to_string, _TEXT, _NEVER),
        VR("AS", "strings", "string", to_string, _TEXT + ", as written: `061Y`", _NEVER),
        VR("AT", "tag", "string", to_string, "four bytes each, as eight upper-case hex digits", "never", "H"),
        VR("CS", "strings", "string", to_string, _TEXT, _NEVER),
        VR("DA", "strings", "date", to_date, "`20240131`, `2024.01.31`", "any other spelling, no such day"),
        VR("DS", "decimal", "double", to_double, "`1`, `+1.`, `.5`, `-1.5E+2`, of any length, padded", _NO_NUMBER),
        VR("DT", "strings", "timestamp_ntz", to_datetime, "`20240131`, `2024013110`, `20240131101530.25+0100`",
           "less than a full day, no such day or time"),
        VR("FD", "number", "double", to_double, _NUMBERS, _NO_NUMBER, "d"),
        VR("FL", "number", "double", to_double, _NUMBERS, _NO_NUMBER, "f"),
        VR("IS", "decimal", "bigint", to_bigint, "`1`, `+1`, `-007`, `1.0`, padded", _NO_WHOLE),
        VR("LO", "strings", "string", to_string, _TEXT, _NEVER, has_charset=True),
        VR("LT", "text", "string", to_text, _TEXT, _NEVER, has_charset=True),
        VR("OB", "bytes"),
        VR("OD", "bytes", format="d"),
        VR("OF", "bytes", format="f"),
        VR("OL", "bytes", format="I"),
        VR("OV", "bytes", format="Q"),
        VR("OW", "bytes", format="H"),
        VR("PN", "name", "string", to_string, "the first component group that is not empty, as written", _NEVER,
           has_charset=True),
        VR("SH", "strings", "string", to_string, _TEXT, _NEVER, has_charset=True),
        VR("SL", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "i"),
        VR("SQ", "sequence"),
        VR("SS", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "h"),
        VR("ST", "text", "string", to_text, _TEXT, _NEVER, has_charset=True),
        VR("SV", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "q"),
        VR("TM", "strings", "string", to_time, "`10`, `1014`, `101405.12`, `10:14:05`; as precise as written",
           "any other spelling, an hour over 23, a minute over 59, a second over 60"),
        VR("UC", "strings", "string", to_text, _TEXT, _NEVER, has_charset=True),
        VR("UI", "strings", "string", to_string, _TEXT, _NEVER),
        VR("UL", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "I"),
        VR("UN", "bytes"),
        VR("UR", "text", "string", to_text, _TEXT, _NEVER),
        VR("US", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "H"),
        VR("UT", "text", "string", to_text, _TEXT, _NEVER, has_charset=True),
        VR("UV", "number", "decimal(20,0)", to_unsigned, _NUMBERS, "a sign, " + _NO_WHOLE, "Q"),
        # The dictionary's choices (PS3.6): which one is meant follows from the file (PS3.5 §A.1, PS3.3 C.7.6.3.1).
        VR("US or SS", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "H"),
        VR("US or OW", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "H"),
        VR("US or SS or OW", "number", "bigint", to_bigint, _NUMBERS, _NO_WHOLE, "H"),
        VR("OB or OW", "bytes"),
    )
}  # fmt: skip
"""Every VR of PS3.5 Table 6.2-1, and the dictionary's choices between several."""

LONG_LENGTH = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"})
"""VRs with a length of 32 bits in explicit VR (PS3.5 Table 7.1-1)."""
