"""A header as a row of ``instances``: typed values, derived values, and the header itself."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dicom_udf.columns.attributes import merge_places
from dicom_udf.columns.frames import PixelBytes, has_frames, make_frames
from dicom_udf.columns.item_values import read_item_cells
from dicom_udf.columns.lifting import lift, slice_columns
from dicom_udf.columns.moments import moment
from dicom_udf.columns.suv import suv_columns
from dicom_udf.header import Header

__all__ = ["DEFAULT_STUDY_DATE", "fill_row"]

DEFAULT_STUDY_DATE = date(1900, 1, 1)
"""Date of files without StudyDate, flagged by study_date_is_default: partitions are never null."""

_AGE = re.compile(r"(\d{1,3})([YMWD])")
_PER_YEAR = {"Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}
_OLDEST = 150.0

TOO_OLD = "an age over 150 years; not derived"
UNBORN = "a birth after the study; no age derived"


def fill_row(header: Header, *, start: int | None = 0, size: int | None = None) -> dict[str, Any]:
    """Return the columns of ``instances`` that come from the header; the caller adds source_ and ingest_ columns.

    Attributes without a value are left out: an absent key is null.

    Args:
        header: As the reader returns it.
        start: Offset of the file in the stored object; None where the object doesn't hold its bytes as they are.
        size: Bytes of the file; None where that is not known.
    """
    values = merge_places(header.values)
    row: dict[str, Any] = dict(values)
    reasons: Mapping[str, str] = header.invalid_values
    omitted: Sequence[str] = header.omitted
    if header.shared_groups is None and header.frame_groups is None:
        row.update(slice_columns(values))
    else:
        lifted = lift(values, header.shared_groups, header.frame_groups)
        row.update(lifted.columns)
        reasons, omitted = {**lifted.reasons, **reasons}, [*omitted, *lifted.omitted]
    if header.sequences or header.frame_groups is not None:
        cells = read_item_cells(header.sequences, header.values, header.shared_groups, header.frame_groups)
        row.update(cells.columns)
        if cells.reasons or cells.omitted:
            reasons, omitted = {**cells.reasons, **reasons}, [*omitted, *cells.omitted]
    if has_frames(values.get("number_of_frames"), is_encapsulated=header.pixel_data_is_encapsulated):
        frames = make_frames(row, header.shared_groups, header.frame_groups, _pixel_bytes(header, start, size))
        row.update(frames.columns)
        reasons, omitted = {**frames.reasons, **reasons}, [*omitted, *frames.omitted]
    study_date = values.get("study_date")
    row["study_date_is_default"] = study_date is None
    if study_date is None:
        row["study_date"] = DEFAULT_STUDY_DATE
    age, faults = _age_in_years(values)
    if faults:
        reasons = {**faults, **reasons}
    row["derived_patient_age_years"] = age
    row["derived_study_datetime"] = moment(study_date, values.get("study_time"))
    row["derived_series_datetime"] = moment(values.get("series_date"), values.get("series_time"))
    row["derived_acquisition_datetime"] = row.get("acquisition_datetime") or moment(
        values.get("acquisition_date"), values.get("acquisition_time")
    )
    if values.get("modality") == "PT" or "units" in values:  # as is_pet, without a call
        row.update(suv_columns(header.values))
    row["pixel_data_offset"] = _from(start, header.pixel_data_offset)
    row["pixel_data_length"] = header.pixel_data_length
    row["pixel_data_is_encapsulated"] = header.pixel_data_is_encapsulated
    row["private_creators"] = list(header.private_creators) or None
    row["header_fault"] = header.fault
    row["header_omitted"] = list(omitted) or None
    row["invalid_values"] = list(reasons.items()) or None
    row["header"] = header.json
    row["header_file_meta"] = header.file_meta_json
    return row


def _from(start: int | None, offset: int | None) -> int | None:
    """Return an offset of the file as one of the stored object; None where it has none there."""
    return None if start is None or offset is None else start + offset


def _pixel_bytes(header: Header, start: int | None, size: int | None) -> PixelBytes:
    return PixelBytes(
        is_encapsulated=header.pixel_data_is_encapsulated,
        offset=_from(start, header.pixel_data_offset),
        length=header.pixel_data_length,
        end=_from(start, size),
        start=start or 0,
        table=header.offset_table,
    )


def _age_in_years(values: Mapping[str, Any]) -> tuple[float | None, dict[str, str]]:
    """Return PatientAge (045Y, 06Y, 018M, 003W, 010D) in years, or otherwise the time from birth to study in years.

    None without both, and never from a default date. None of an age that no person reaches, with the attribute it came
    from and the reason.
    """
    found = _AGE.fullmatch(values.get("patient_age") or "")
    if found:
        age, attribute = int(found[1]) / _PER_YEAR[found[2]], "PatientAge"
    elif values.get("patient_birth_date") and values.get("study_date"):
        age = (values["study_date"] - values["patient_birth_date"]).days / 365.25
        attribute = "PatientBirthDate"
    else:
        return None, {}
    if 0 <= age <= _OLDEST:
        return age, {}
    return None, {attribute: TOO_OLD if age > 0 else UNBORN}
