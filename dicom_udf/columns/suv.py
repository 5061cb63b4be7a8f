"""The factor from PET pixels to standardised uptake values by body weight, and the reason where it is doubtful.

The rules are those of QIBA's vendor-neutral pseudo-code, for each instance by itself. A factor is for the pixel value
after rescale slope and intercept: SUVbw in g/ml = factor x value. The first check that fails is the reason.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any, NamedTuple

from dicom_udf.columns.moments import moment
from dicom_udf.header import Wanted
from dicom_udf.header.vr import Unfit, to_datetime

__all__ = ["INPUTS", "REASONS", "SUV_COLUMNS", "WANTED", "is_pet", "suv_columns"]

SUV_COLUMNS = _FACTOR, _REASON = "derived_suv_bw_factor", "derived_suv_reason"

INPUTS = (
    "modality",
    "units",
    "suv_type",
    "corrected_image",
    "decay_correction",
    "patient_weight",
    "series_date",
    "series_time",
    "acquisition_date",
    "acquisition_time",
    "timezone_offset_from_utc",
    "radiopharmaceuticals_count",
    "radiopharmaceutical_start_time",
    "radionuclide_total_dose",
    "radionuclide_half_life",
)
"""Columns that the factor is made from."""

_PHILIPS_SUV, _PHILIPS_ACTIVITY = f"{_FACTOR}/philips_suv", f"{_FACTOR}/philips_activity"
_GE_SCAN, _START = f"{_FACTOR}/ge_scan", f"{_FACTOR}/start"

WANTED = (
    Wanted(_PHILIPS_SUV, (0x70530000,), "DS", creator="Philips PET Private Group"),
    Wanted(_PHILIPS_ACTIVITY, (0x70530009,), "DS", creator="Philips PET Private Group"),
    Wanted(_GE_SCAN, (0x0009000D,), "LO", creator="GEMS_PETD_01"),
    Wanted(_START, (0x00540016, 0x00181078), "LO"),
)
"""Values that it needs and that are not columns: two factors, and two DT as written, with their offsets from UTC."""

_OTHER_UNITS = (
    "NONE", "CM2", "CM2ML", "PCNT", "CPS", "MGMINML", "UMOLMINML", "MLMING", "MLG", "1CM", "UMOLML", "PROPCNTS",
    "PROPCPS", "MLMINML", "MLML", "STDDEV",
)  # fmt: skip
"""Defined terms of Units besides GML, BQML and CNTS (PS3.3 C.8.9.1.1.3)."""

_OTHER_TYPES = ("BSA", "LBM", "LBMJAMES128", "LBMJANMA", "IBW")
"""Defined terms of SUVType besides BW (PS3.3 C.8.9.1)."""

REASONS = (
    "no_units",
    *(f"units_{term.lower()}" for term in _OTHER_UNITS),
    "units_other",
    *(f"suv_type_{term.lower()}" for term in _OTHER_TYPES),
    "suv_type_other",
    "assumed_bw",
    "no_philips_factor",
    "not_attenuation_corrected",
    "not_decay_corrected",
    "decay_correction_none",
    "decay_correction_other",
    "no_weight",
    "weight_implausible",
    "no_dose",
    "dose_implausible",
    "several_radiopharmaceuticals",
    "radiopharmaceuticals_unknown",
    "no_half_life",
    "reference_time_unknown",
    "no_start_time",
    "time_zone_unknown",
    "deidentified_times",
    "implausible_uptake_time",
    "assumed_series_time",
)
"""All values of ``derived_suv_reason``; each list of checks is in their order."""

_WEIGHTS = (0.001, 1000.0)
"""Of a mouse and of a horse, kg; outside lie grams and placeholders."""
_DOSES = (1e5, 1e11)
"""Bq; below lie MBq."""
_DAY = 86400.0
_MOST_HALF_LIVES = 20
"""Less than a millionth of the dose is left: a half life in minutes, or a wrong time."""

_DATETIME = re.compile(r"\d{12}(?:\d\d)?(?:\.\d*)?([+-]\d{4})?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d\d)([0-5]\d)", re.ASCII)
_MIDNIGHT = time()


class _Suv(NamedTuple):
    """A factor, and why it is absent or assumed."""

    factor: float | None
    reason: str | None


def is_pet(values: Mapping[str, Any]) -> bool:
    """True where the columns of SUV have a value: the modality is PT, or Units is present.

    Args:
        values: Values by column.
    """
    return values.get("modality") == "PT" or "units" in values


def suv_columns(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the columns of :data:`SUV_COLUMNS` of a PET image; one of both has a value at least.

    Args:
        values: Values by column and by the names of :data:`WANTED`, as :attr:`dicom_udf.header.Header.values`.

    Example:
        >>> from dicom_udf.columns.suv import suv_columns
        >>> suv_columns({"modality": "PT", "units": "GML", "suv_type": "BW"})
        {'derived_suv_bw_factor': 1.0, 'derived_suv_reason': None}
        >>> suv_columns({"modality": "PT", "units": "PROPCPS"})
        {'derived_suv_bw_factor': None, 'derived_suv_reason': 'units_propcps'}
    """
    units = values.get("units")
    if units == "BQML":
        found = _of_activity(values)
    elif units == "GML":
        found = _of_suv(values)
    elif units == "CNTS":
        found = _of_counts(values)
    else:
        found = _Suv(None, "no_units" if units is None else _term("units", units, _OTHER_UNITS))
    return {_FACTOR: found.factor, _REASON: found.reason}


def _term(prefix: str, term: str, known: tuple[str, ...]) -> str:
    """Return the reason for a defined term; no other text of a file becomes part of a reason."""
    return f"{prefix}_{term.lower()}" if term in known else f"{prefix}_other"


def _of_suv(values: Mapping[str, Any]) -> _Suv:
    """Pixels are SUVs, by body weight unless SUVType is of another kind (PS3.3 C.8.9.1.1.3)."""
    kind = values.get("suv_type")
    if kind is None:
        return _Suv(1.0, "assumed_bw")
    return _Suv(1.0, None) if kind == "BW" else _Suv(None, _term("suv_type", kind, _OTHER_TYPES))


def _of_counts(values: Mapping[str, Any]) -> _Suv:
    """Pixels are counts: a factor of Philips makes SUVs of them, another one Bq/ml."""
    to_suv, to_activity = values.get(_PHILIPS_SUV, 0.0), values.get(_PHILIPS_ACTIVITY, 0.0)
    if to_suv > 0:
        kind = values.get("suv_type", "BW")
        return _Suv(to_suv, None) if kind == "BW" else _Suv(None, _term("suv_type", kind, _OTHER_TYPES))
    if to_activity <= 0:
        return _Suv(None, "no_philips_factor")
    factor, reason = _of_activity(values)
    if factor is None:
        return _Suv(None, reason)
    product = factor * to_activity
    return _Suv(product, reason) if 0 < product < math.inf else _Suv(None, "no_philips_factor")


def _of_activity(values: Mapping[str, Any]) -> _Suv:
    """Pixels are Bq/ml: divide by the dose per body weight that is left at the time that decay was corrected to."""
    corrections, decay = values.get("corrected_image", ()), values.get("decay_correction")
    weight, dose = values.get("patient_weight", 0.0), values.get("radionuclide_total_dose", 0.0)
    tracers = values.get("radiopharmaceuticals_count")
    checks = (
        ("ATTN" not in corrections, "not_attenuation_corrected"),
        ("DECY" not in corrections, "not_decay_corrected"),
        (decay is None or decay == "NONE", "decay_correction_none"),
        (decay not in ("START", "ADMIN"), "decay_correction_other"),
        (weight <= 0, "no_weight"),
        (not _WEIGHTS[0] <= weight <= _WEIGHTS[1], "weight_implausible"),
        (dose <= 0, "no_dose"),
        (not _DOSES[0] <= dose <= _DOSES[1], "dose_implausible"),
        (tracers is not None and tracers > 1, "several_radiopharmaceuticals"),
        (tracers is None, "radiopharmaceuticals_unknown"),
    )
    reason = next((reason for fails, reason in checks if fails), None)
    if reason is not None:
        return _Suv(None, reason)
    left, reason = (1.0, None) if decay == "ADMIN" else _part_left(values)
    return _Suv(None if left is None else weight * 1000 / (dose * left), reason)


def _part_left(values: Mapping[str, Any]) -> tuple[float | None, str | None]:
    """Return the part of the dose that is left when the scan starts, and why it is not known or assumed."""
    half_life = values.get("radionuclide_half_life", 0.0)
    if half_life <= 0:
        return None, "no_half_life"
    reference, assumed = _reference(values)
    if reference is None:
        return None, "reference_time_unknown"
    seconds, reason = _uptake_time(values, reference)
    if seconds is None:
        return None, reason
    if not 0 < seconds <= _DAY or seconds > _MOST_HALF_LIVES * half_life:
        return None, "implausible_uptake_time"
    return 2.0 ** (-seconds / half_life), assumed


def _reference(values: Mapping[str, Any]) -> tuple[datetime | None, str | None]:
    """Return the time that decay was corrected to, wall clock, and the reason where it is assumed.

    SeriesDate and SeriesTime are that time (PS3.3 C.8.9.1.1.2), unless processing has made a series of a later time.
    """
    series = _exact(values, "series")
    acquisition = _exact(values, "acquisition")
    text = values.get(_GE_SCAN)
    scan, offset = (None, None) if text is None else _stated(text)
    if offset is not None and offset != _minutes(values.get("timezone_offset_from_utc")):
        scan = None
    if acquisition is None:
        return (scan, None) if scan is not None else (series, "assumed_series_time")
    return next((one for one in (series, scan) if one is not None and one <= acquisition), None), None


def _uptake_time(values: Mapping[str, Any], reference: datetime) -> tuple[float | None, str | None]:
    """Return seconds from administration to the reference time; None with the reason."""
    clock = values.get("radiopharmaceutical_start_time")
    alone = moment(reference.date(), clock) if _has_minutes(clock) else None
    text = values.get(_START)
    start, offset = (None, None) if text is None else _stated(text)
    if start is not None:
        seconds = (reference - start).total_seconds()
        zone = _minutes(values.get("timezone_offset_from_utc"))
        if offset is not None and zone is not None:
            seconds += (offset - zone) * 60
        elif offset is not None and (alone is None or _second(alone) != _second(start)):
            return None, "time_zone_unknown"
    elif alone is not None:
        start = alone
        seconds = (reference - start).total_seconds()
        seconds += _DAY if seconds < 0 else 0  # the day before
    else:
        return None, "no_start_time"
    if seconds == 0 or _MIDNIGHT in (start.time(), reference.time()):
        return None, "deidentified_times"
    return seconds, None


def _second(when: datetime) -> time:
    return when.time().replace(microsecond=0)


def _exact(values: Mapping[str, Any], level: str) -> datetime | None:
    """Return the date and time of a level where the time is at least as exact as a minute."""
    clock = values.get(f"{level}_time")
    return moment(values.get(f"{level}_date"), clock) if _has_minutes(clock) else None


def _has_minutes(clock: str | None) -> bool:
    return clock is not None and ":" in clock


def _stated(text: str) -> tuple[datetime | None, int | None]:
    """Return a DT as wall clock, and its own offset from UTC in minutes.

    None where it is not a DT, or less exact than a minute: a date alone is not midnight.
    """
    found = _DATETIME.fullmatch(text.strip())
    value = to_datetime(text) if found is not None else None
    if found is None or value is None or isinstance(value, Unfit):
        return None, None
    return value, _minutes(found[1])


def _minutes(offset: str | None) -> int | None:
    """Return an offset from UTC such as ``-0330`` in minutes; None where it is not one."""
    found = _OFFSET.fullmatch(offset.strip()) if offset is not None else None
    if found is None:
        return None
    minutes = int(found[2]) * 60 + int(found[3])
    return -minutes if found[1] == "-" else minutes
