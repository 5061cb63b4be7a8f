"""The answers of the saved queries about dose and readers, by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

__all__ = ["OPENREM_CT", "OPENREM_MAMMOGRAPHY", "dose_answers"]

_STUDY = (
    "Institution", "Manufacturer", "Model name", "Station name", "Display name", "Accession number", "Operator",
    "Study date", "Study time", "Age", "Sex",
)  # fmt: skip
_REQUEST = ("Test patient?", "Study description", "Requested procedure", "Study Comments", "No. events")
OPENREM_CT = (
    *_STUDY, "Height", "Mass (kg)", *_REQUEST, "DLP total (mGy.cm)", "Protocol", "Type", "Exposure time",
    "Scanning length", "Slice thickness", "Total collimation", "Pitch", "No. sources", "CTDIvol", "Phantom", "DLP",
    "S1 name", "S1 kVp", "S1 max mA", "S1 mA", "S1 Exposure time/rotation", "S2 name", "S2 kVp", "S2 max mA", "S2 mA",
    "S2 Exposure time/rotation", "mA Modulation type", "Dose check details", "Comments",
)  # fmt: skip
"""Columns of the CT export of OpenREM, without the number of the event."""
OPENREM_MAMMOGRAPHY = (
    *_STUDY, *_REQUEST, "View", "Laterality", "Acquisition", "Thickness", "Radiological thickness", "Force", "Mag",
    "Area", "Mode", "Target", "Filter", "Filter thickness", "Focal spot size", "kVp", "mA", "ms", "uAs", "ESD", "AGD",
    "% Fibroglandular tissue", "Exposure mode description",
)  # fmt: skip
"""Columns of the mammography export of OpenREM."""


def dose_answers() -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each query, by the name of its file.

    Jane's two reports of CT have the same two events; Richard's studies have events of 800 and 880, and of 300 mGy.cm.
    """
    jane, richard, again = date(2024, 3, 15), date(2024, 4, 10), date(2024, 4, 24)
    clara, dora = date(2024, 6, 10), date(2024, 6, 11)
    march, april, june = (date(2024, month, 1) for month in (3, 4, 6))
    scan, nothing = ("Abdomen", "Abdomen"), (None, None, None)
    lesion, readers = ("P1", jane, "1.2.3.1.7.1", "Lesion 1"), ("Reader^Ben", "Reader^Rae")
    return {
        # 14.62, 300 and 1680 mGy.cm: the second of three is the median, the third the 75th percentile.
        "dose_against_levels": [
            ("Abdomen", 3, 10.0, 22.5, 10.0, 300.0, 1680.0, 500.0, False),
            ("Topogram", 1, 0.12, 0.12, None, 6.0, 6.0, None, None),
        ],
        "high_doses": [
            ("event", "P2", richard, "1.2.3.2.1", "Abdomen", "DLP", 880.0, None, "mGy.cm", "alert"),
            ("study", "P2", richard, "1.2.3.2.1", None, "DLP", 1680.0, 1000.0, "mGy.cm", None),
        ],
        "dose_per_month": [
            (march, "Example CT 64", "CT-0007", "CT", 1, 2, 0, 20.62, 20.62, None, None),
            (march, "Example XA 2P", "XA-0021", "PROJECTION", 1, 3, 0, None, None, 0.0006144, 0.0006144),
            (april, "Example CT 64", "CT-0007", "CT", 2, 3, 0, 1980.0, 300.0, None, None),
            (june, "Example MG", "MG-0003", "PROJECTION", 1, 2, 0, None, None, None, None),
        ],
        "repeated_exposures": [
            ("P2", *scan, richard, "1.2.3.2.1", 2, 1680.0, None, None),
            ("P2", *scan, again, "1.2.3.2.3", 1, 300.0, "1.2.3.2.1", 14),
        ],
        "reader_differences": [
            (*lesion, "Long Axis", "Maximum", "mm", *readers, 13.5, 12.5, -1.0, -7.7),  # -1 / 13
            (*lesion, "Short Axis", None, "mm", *readers, 8.0, 8.0, 0.0, 0.0),
            ("P1", jane, "1.2.3.1.7.2", "Lesion 2", "Long Axis", None, "mm", *readers, 6.25, 6.25, 0.0, 0.0),
        ],
        "dose_with_image_headers": [
            ("report", "CT", "P1", jane, "1.2.3.1.1", 7.31, 20.62, None, *nothing),
            ("report", "CT", "P2", richard, "1.2.3.2.1", 22.5, 1680.0, None, *nothing),
            ("report", "CT", "P2", again, "1.2.3.2.3", 10.0, 300.0, None, *nothing),
            ("report", "PROJECTION", "P1", jane, "1.2.3.1.1", None, None, 0.0006144, 0.0882, None, None),
            ("report", "PROJECTION", "P5", clara, "1.2.3.5.1", None, None, None, None, None, 2.34),
            ("image header", "CT", "P14", date(2024, 9, 2), "1.2.3.14.1", 6.0, None, None, *nothing),
            ("image header", "CT", "P3", date(2024, 4, 20), "1.2.3.3.1", 40.0, None, None, *nothing),
            ("image header", "PROJECTION", "P6", dora, "1.2.3.6.1", None, None, None, None, None, 3.75),
            ("image header", "PROJECTION", "P8", None, "1.2.3.8.1", None, None, 0.000015, *nothing),
        ],
        "openrem_ct": list(_openrem_ct()),
        "openrem_mammography": list(_openrem_mammography()),
    }


def _openrem_ct() -> Iterator[tuple[Any, ...]]:
    """Yield Jane's topogram and spiral, each once, and Richard's scans."""
    place = {"Model name": "Example CT 64", "Type": "Spiral Acquisition", "Protocol": "Abdomen"}
    source = {"S1 name": "A", "S1 kVp": 120.0, "No. sources": 1, "Slice thickness": 0.6, "Phantom": "32 cm"}
    jane = (
        place | source | {"Manufacturer": "Example Imaging", "Study date": date(2024, 3, 15), "Age": 61.7, "Sex": "F"}
    )
    jane |= {"No. events": 2, "DLP total (mGy.cm)": 20.62}
    topogram = {"Protocol": "Topogram", "Type": "Constant Angle Acquisition", "Exposure time": 5.1, "CTDIvol": 0.12}
    topogram |= {"Scanning length": 500.0, "Total collimation": 3.6, "DLP": 6.0, "S1 max mA": 35.0, "S1 mA": 35.0}
    spiral = {"Exposure time": 0.65, "Scanning length": 20.0, "Total collimation": 19.2, "Pitch": 0.8, "CTDIvol": 7.31}
    spiral |= {"DLP": 14.62, "S1 max mA": 184.0, "S1 mA": 182.5, "S1 Exposure time/rotation": 0.5}
    richard = place | {"Study date": date(2024, 4, 10), "Age": 68.4, "Sex": "M", "No. events": 2}
    richard |= {"DLP total (mGy.cm)": 1680.0}
    first = {"CTDIvol": 20.0, "DLP": 800.0}
    second = {"CTDIvol": 22.5, "DLP": 880.0, "Dose check details": "Alert value exceeded"}
    again = {"Study date": date(2024, 4, 24), "No. events": 1, "DLP total (mGy.cm)": 300.0}
    again |= {"CTDIvol": 10.0, "DLP": 300.0}
    rows = (
        jane | topogram,
        jane | spiral,
        richard | first,
        richard | second,
        richard | again,
    )
    yield from (tuple(row.get(name) for name in OPENREM_CT) for row in rows)


def _openrem_mammography() -> Iterator[tuple[Any, ...]]:
    """Yield Clara's two views."""
    view = {"Manufacturer": "Example Imaging", "Model name": "Example MG", "Study date": date(2024, 6, 10), "Sex": "F"}
    view |= {"Age": 52.0, "No. events": 2, "Thickness": 52.0, "kVp": 28.0, "uAs": 61200.0, "AGD": 1.17}
    rows = (view | {"Laterality": side} for side in ("Left", "Right"))
    yield from (tuple(row.get(name) for name in OPENREM_MAMMOGRAPHY) for row in rows)
