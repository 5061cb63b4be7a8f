"""Moments of wall clock, out of a date and a time of day."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from functools import lru_cache

__all__ = ["moment"]


@lru_cache(maxsize=1024)  # the slices of a series share most
def moment(day: date | None, time: str | None) -> datetime | None:
    """Return date and time as one wall-clock timestamp; None without either: midnight would be invented.

    Args:
        day: As a column of VR DA has it.
        time: As a column of VR TM has it: ``HH[:MM[:SS[.f...]]]``.
    """
    if day is None or time is None:
        return None
    whole, _, fraction = time.partition(".")
    hour, minute, second = (int(part) for part in [*whole.split(":"), "0", "0"][:3])
    midnight = datetime(day.year, day.month, day.day)
    micros = int(fraction.ljust(6, "0")) if fraction else 0
    try:
        # By addition, so that a leap second (23:59:60) is the first moment of the next day.
        return midnight + timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
    except OverflowError:
        return None
