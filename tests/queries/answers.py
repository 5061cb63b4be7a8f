"""What every saved query has to answer on the corpus: said by hand; only sizes are taken from the files."""

from __future__ import annotations

import io
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pydicom import dcmread

from tests.queries.corpus import DENIED, UPLOADED, File, files
from tests.queries.dose_answers import dose_answers

__all__ = ["Run", "answers"]

NORMAL, JPEG, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
B = "s3://pacs/"


@dataclass(frozen=True)
class Run:
    """What only the run itself knows.

    Attributes:
        run_id: ``ingest_run_id``.
        began: ``ingest_time``.
    """

    run_id: str
    began: datetime


def answers(run: Run) -> dict[str, list[tuple[Any, ...]]]:
    """Return the rows of each query, by the name of its file."""
    parts = (
        _cohorts(),
        _equipment(),
        _header_json(),
        _items(),
        dose_answers(),
        _references(),
        _quality(),
        _storage(),
        _operation(run),
    )
    return {name: rows for part in parts for name, rows in part.items()}


def _cohorts() -> dict[str, list[tuple[Any, ...]]]:
    march, april, may, june, september = (date(2024, month, 1) for month in (3, 4, 5, 6, 9))
    return {
        "modality_mix": [
            ("CT", 6, 9, 30, date(2024, 3, 15), date(2025, 5, 5)),
            ("SR", 4, 6, 8, date(2024, 3, 15), date(2024, 6, 10)),
            ("MG", 2, 2, 7, date(2024, 6, 10), date(2024, 6, 11)),
            ("MR", 2, 3, 5, date(2024, 5, 5), date(2024, 9, 1)),
            ("PT", 2, 3, 5, date(2024, 6, 1), date(2025, 4, 2)),
            ("CR", 2, 3, 4, date(2023, 12, 1), date(2024, 8, 1)),
            ("SM", 1, 3, 4, date(2025, 3, 10), date(2025, 3, 10)),
            ("ANN", 1, 2, 2, date(2025, 3, 10), date(2025, 3, 10)),
            ("RTPLAN", 2, 2, 2, date(2025, 2, 10), date(2025, 3, 3)),
            ("RTSTRUCT", 2, 2, 2, date(2024, 3, 15), date(2025, 2, 10)),
            ("SEG", 2, 2, 2, date(2024, 3, 15), date(2024, 9, 2)),
            ("DX", 1, 1, 1, None, None),
            ("NM", 1, 1, 1, date(2024, 9, 3), date(2024, 9, 3)),
            ("RTDOSE", 1, 1, 1, date(2025, 2, 10), date(2025, 2, 10)),
            ("US", 1, 1, 1, None, None),
        ],
        "studies_per_month": [
            (date(2023, 12, 1), "CR", 2),
            (march, "CT", 1),
            (march, "RTSTRUCT", 1),
            (march, "SEG", 1),
            (march, "SR", 1),
            (april, "CT", 2),
            (april, "SR", 2),
            (may, "MR", 1),
            (june, "MG", 2),
            (june, "PT", 1),
            (june, "SR", 1),
            (date(2024, 8, 1), "CR", 0),  # its header is cut before the UID of its study
            (september, "CT", 1),
            (september, "MR", 1),
            (september, "NM", 1),
            (september, "SEG", 1),
            *((date(2025, 2, 1), modality, 1) for modality in ("CT", "RTDOSE", "RTPLAN", "RTSTRUCT")),
            *((date(2025, 3, 1), modality, 1) for modality in ("ANN", "RTPLAN", "SM")),
            (date(2025, 4, 1), "PT", 1),
            (date(2025, 5, 1), "CT", 1),
        ],
        "chest_ct_thin_slices": [
            ("P1", date(2024, 3, 15), "1.2.3.1.1", "1.2.3.1.1.1", 5, 1.0, 0, "B60f", None),
            ("P2", date(2024, 4, 10), "1.2.3.2.1", "1.2.3.2.1.1", 4, 1.0, 0, "B60f", "Iomeron"),
            ("P14", date(2024, 9, 2), "1.2.3.14.1", "1.2.3.14.1.1", 4, 1.0, 0, "Br64", None),
            ("P14", date(2024, 9, 2), "1.2.3.14.1", "1.2.3.14.1.2", 3, None, 1, "Br64", None),
        ],
        "age_at_study": [("F", 0, 1, 1), ("F", 40, 1, 1), ("F", 50, 3, 3), ("F", 60, 2, 2), ("M", 60, 1, 3)],
        "pet_dose": [
            ("1.2.3.4.1.1", "P4", date(2024, 6, 1), "Fluorine-18", 350.0, 5.0, 109.8, "BQML", "START", "09:00:00", 2),
            ("1.2.3.19.1.1", "P19", date(2025, 4, 2), None, 350.0, 5.0, 109.8, "BQML", "ADMIN", None, 2),
            ("1.2.3.19.1.2", "P19", date(2025, 4, 2), None, 350.0, 5.0, 109.8, "CNTS", "ADMIN", None, 1),
        ],
        "mammography_views": [
            ("1.2.3.6.1", "P6", date(2024, 6, 11), ["L CC", "L MLO", "R CC"], ["R MLO"]),
        ],
    }


def _equipment() -> dict[str, list[tuple[Any, ...]]]:
    ours, other = "Example Imaging", "Other Maker"
    march, april, september = date(2024, 3, 15), date(2024, 4, 10), date(2024, 9, 2)
    return {
        "scanner_inventory": [
            (ours, "Example CT 128", "CT-3", "CTC", ["CT"], None, september, september, 2),
            (ours, "Example CT 64", "CT-1", "CTA", ["CT"], ["VA10", "VA10 SP2"], march, april, 3),
            (ours, "Example MR", "MR-1", None, ["MR"], None, date(2024, 5, 5), date(2024, 9, 1), 3),
            (ours, None, None, None, ["DX"], None, None, None, 1),
            (other, "Other 16", "CT-2", "CTB", ["CT"], None, date(2024, 4, 20), date(2024, 4, 20), 1),
            (other, None, None, None, ["PT"], None, date(2024, 6, 1), date(2024, 6, 1), 1),
        ],
        "protocol_drift": [
            ("CT-1", "Thorax routine", date(2024, 3, 1), 2, 120.0, 100.0, 8.0, None),
            ("CT-1", "Thorax routine", date(2024, 4, 1), 1, 100.0, 140.0, 10.0, 25.0),
            ("CT-2", "Head", date(2024, 4, 1), 1, 120.0, None, 40.0, None),
            ("CT-3", "Thorax volume", date(2024, 9, 1), 2, 100.0, None, 6.0, None),
        ],
        "ct_dose": [
            ("CHEST", "Example CT 128", 2, 6.0, 6.0, 6.0),
            ("CHEST", "Example CT 64", 3, 8.0, 10.0, 10.0),
            ("HEAD", "Other 16", 1, 40.0, 40.0, 40.0),
        ],
        "mr_parameters": [
            (3.0, "dwi", "EP", 6400.0, [98.0], 90.0, 4.0, None, 1, 3, 3),
            (3.0, "t1", "SE/IR", 600.0, [9.0], 90.0, 4.0, None, 1, 1, 1),
            (3.0, "t2 two echoes", "*me2d2", 2500.0, [20.0, 80.0], None, 3.0, "flip_angle", 1, 1, 4),
        ],
    }


def _header_json() -> dict[str, list[tuple[Any, ...]]]:
    return {
        "private_creators": [
            ("SIEMENS MR HEADER", "Example Imaging", "MR", 3),
            ("EXAMPLE OTHER", "Example Imaging", "MR", 1),
        ],
        "private_b_values": [("1.2.3.2.2.1", 1, 0), ("1.2.3.2.2.1", 2, 500), ("1.2.3.2.2.1", 3, 1000)],
    }


def _items() -> dict[str, list[tuple[Any, ...]]]:
    """Of the views that have a row for each item of a sequence, and of ``series_geometry``."""
    jane, rita = "1.2.3.1.1.3.1", "1.2.3.14.1.3.1"
    lungs = [(1, "Left lung", "Lung", 2), (2, "Right lung", "Lung", 1)]
    thorax = [(1, "Heart", "Heart", 2), (2, "Lung, left", "Lung", 1), (3, "Lung, right", "Lung", 1)]
    structures = ("P16", date(2025, 2, 10), "1.2.3.16.1.2.1")
    he = ["Hematoxylin stain", "Water soluble eosin stain"]
    return {
        "segments": [
            *(("P1", jane, number, label, "AUTOMATIC", *rest) for number, label, *rest in lungs),
            *(
                ("P14", rita, number, label, "MANUAL" if number == 2 else "AUTOMATIC", *rest)
                for number, label, *rest in thorax
            ),
        ],
        "segments_by_type": [
            ("SCT", "39607008", "Lung", "AUTOMATIC", 3, 2, 4),
            ("SCT", "39607008", "Lung", "MANUAL", 1, 1, 1),
            ("SCT", "80891009", "Heart", "AUTOMATIC", 1, 1, 2),
        ],
        "frames_of_segments": [
            *_frames("P1", jane, [(1, "Left lung", 0.0), (1, "Left lung", 1.0), (2, "Right lung", 1.0)]),
            *_frames(
                "P14", rita, [(1, "Heart", 0.0), (1, "Heart", 1.0), (2, "Lung, left", 2.0), (3, "Lung, right", 3.0)]
            ),
        ],
        "chest_ct_segmentations": [
            *(("P1", date(2024, 3, 15), "1.2.3.1.1.1", 5, 1.0, jane, *segment) for segment in lungs),
            *(("P14", date(2024, 9, 2), "1.2.3.14.1.1", 4, 1.0, rita, *segment) for segment in thorax),
        ],
        "series_in_4d": [
            ("echo_time", "MR", "1.2.3.13.1.1", 2, 2, 2, True),
            ("temporal_position_identifier", "CT", "1.2.3.20.1.1", 3, 2, 2, True),
            ("temporal_position_identifier", "CT", "1.2.3.20.1.2", 3, 1, 2, False),
        ],
        "tumor_measurements": [
            (
                "P1",
                "1.2.3.1.7.1",
                "Lesion 1",
                "Lung",
                "Long Axis",
                "Maximum",
                "mm",
                date(2024, 3, 15),
                2,
                13.0,
                None,
                None,
            ),
            ("P1", "1.2.3.1.7.1", "Lesion 1", "Lung", "Short Axis", None, "mm", date(2024, 3, 15), 2, 8.0, None, None),
            ("P1", "1.2.3.1.7.2", "Lesion 2", None, "Long Axis", None, "mm", date(2024, 3, 15), 2, 6.25, None, None),
        ],  # the short axis of the second one has two values
        "hearts": [
            (*structures, 1, "Heart", "ORGAN", 2, False),
            (*structures, 3, "Cor", "ORGAN", 1, False),
            (*structures, 6, "Pump", "ORGAN", 1, True),
            (*structures, 8, "Corazón", None, 1, False),
        ],
        "incomplete_structure_sets": [(*structures, 9, 2, 0, 2, ["Corazón", "Cuore+2cm ring", "PTV"])],
        "suv_ready_pet": [
            ("P19", date(2025, 4, 2), "1.2.3.19.1.1", "BQML", 2, 2, 0.0002, 0.0002, None),  # 70,000 g / 350,000,000 Bq
            ("P4", date(2024, 6, 1), "1.2.3.4.1.1", "BQML", 2, 0, None, None, ["not_attenuation_corrected"]),
            ("P19", date(2025, 4, 2), "1.2.3.19.1.2", "CNTS", 1, 0, None, None, ["no_philips_factor"]),
        ],
        "slides_by_magnification": [
            (20.0, he, 1, 1, 2, 2, 0.5, 64),
            (40.0, None, 1, 1, 1, 1, 0.5, 200),
            (40.0, he, 1, 1, 1, 1, 0.5, 100),
        ],
        "specimen_preparation": [
            ("Processing type", "Specimen processing", 1, 1, 2),
            ("Tissue fixative", "Formalin", 1, 1, 2),
            ("Processing type", "Staining", 2, 1, 2),
            *(("Using substance", substance, 2, 1, 2) for substance in he),
        ],
    }


def _unreported() -> Iterator[tuple[Any, ...]]:
    """Yield studies without a report by their modalities; that of Jane has one. An SR of dose is not a report here."""
    for modalities, studies, images, first, last in (
        (["ANN", "SM"], 1, 4, date(2025, 3, 10), date(2025, 3, 10)),
        (["CR"], 2, 3, date(2023, 12, 1), date(2023, 12, 2)),
        (["CT"], 2, 14, date(2024, 4, 20), date(2025, 5, 5)),
        (["CT", "RTDOSE", "RTPLAN", "RTSTRUCT"], 1, 4, date(2025, 2, 10), date(2025, 2, 10)),
        (["CT", "SEG"], 1, 3, date(2024, 9, 2), date(2024, 9, 2)),
        (["CT", "SR"], 1, 4, date(2024, 4, 10), date(2024, 4, 10)),
        (["DX"], 1, 1, None, None),
        (["MG"], 1, 3, date(2024, 6, 11), date(2024, 6, 11)),
        (["MG", "SR"], 1, 4, date(2024, 6, 10), date(2024, 6, 10)),
        (["MR"], 2, 5, date(2024, 5, 5), date(2024, 9, 1)),
        (["NM"], 1, 1, date(2024, 9, 3), date(2024, 9, 3)),
        (["PT"], 2, 5, date(2024, 6, 1), date(2025, 4, 2)),
        (["US"], 1, 1, None, None),
    ):
        yield "images without reports", modalities, studies, 0, images, first, last


def _frames(patient: str, uid: str, frames: list[tuple[int, str, float]]) -> Iterator[tuple[Any, ...]]:
    """Yield frames of 128 bytes each, with which the object ends."""
    key = f"hospital_a/ct/{patient}/seg.dcm"
    begin = _size(key) - 128 * len(frames)
    for n, (segment, label, z) in enumerate(frames):
        yield patient, uid, n + 1, segment, label, z, f"{B}{key}", begin + 128 * n, 128


def _references() -> dict[str, list[tuple[Any, ...]]]:
    """Of the view ``links``."""
    groups = [(1, "Nuclei", "AUTOMATIC", "POINT", "Nucleus", 12), (2, "Tumor", "MANUAL", "POLYGON", "Neoplasm", 1)]
    structures, plan = "1.2.3.16.1.2", "1.2.3.16.1.3"
    return {
        "segmented_series": [
            ("RTSTRUCT", "1.2.3.1.1.4.1", "1.2.3.1.1.1", "CT", 7, True),
            ("RTSTRUCT", "1.2.3.1.1.4.1", "1.2.3.99.1.1", None, None, False),
            ("RTSTRUCT", f"{structures}.1", "1.2.3.16.1.1", "CT", 3, True),
            ("SEG", "1.2.3.1.1.3.1", "1.2.3.1.1.1", "CT", 7, True),
            ("SEG", "1.2.3.14.1.3.1", "1.2.3.14.1.1", "CT", 1, True),
            ("SR", "1.2.3.1.1.5.1", "1.2.3.1.1.1", "CT", 7, True),
        ],
        "references_between_series": [
            ("ANN", "1.2.3.18.1.4", "SM", "1.2.3.18.1.1", ["IMAGE"], 1, 1),
            ("ANN", "1.2.3.18.1.5", None, None, ["IMAGE"], 1, 0),
            ("RTDOSE", "1.2.3.16.1.4", "RTSTRUCT", structures, ["STRUCTURE_SET"], 1, 1),
            ("RTDOSE", "1.2.3.16.1.4", "RTPLAN", plan, ["PLAN"], 1, 1),
            ("RTPLAN", plan, "RTSTRUCT", structures, ["STRUCTURE_SET"], 1, 1),
            ("RTPLAN", "1.2.3.17.1.1", None, None, ["STRUCTURE_SET"], 1, 0),
            ("RTSTRUCT", "1.2.3.1.1.4", "CT", "1.2.3.1.1.1", ["CONTOUR_IMAGE"], 5, 5),
            ("RTSTRUCT", "1.2.3.1.1.4", None, "1.2.3.99.1.1", ["CONTOUR_IMAGE"], 2, 0),
            ("RTSTRUCT", structures, "CT", "1.2.3.16.1.1", ["CONTOUR_IMAGE"], 3, 3),
            ("SEG", "1.2.3.1.1.3", "CT", "1.2.3.1.1.1", ["SERIES"], 5, 5),
            ("SEG", "1.2.3.14.1.3", "CT", "1.2.3.14.1.1", ["SERIES"], 1, 1),
            ("SR", "1.2.3.1.1.5", "CT", "1.2.3.1.1.1", ["EVIDENCE"], 1, 1),
        ],
        "orphans": [
            ("P1", "RTSTRUCT", "1.2.3.1.1.4.1", "CONTOUR_IMAGE", "1.2.3.99.1.1", 2),
            ("P17", "RTPLAN", "1.2.3.17.1.1.1", "STRUCTURE_SET", None, 1),
            ("P18", "ANN", "1.2.3.18.1.5.1", "IMAGE", None, 1),
        ],
        "radiotherapy": [
            ("P16", date(2025, 2, 10), f"{plan}.1", 2, 25, 300.75, f"{structures}.1", True, "1.2.3.16.1.1",
             "1.2.3.16.1.4.1"),
            ("P17", date(2025, 3, 3), "1.2.3.17.1.1.1", 1, 5, 80.0, "1.2.3.17.8.1.1", False, None, None),
        ],
        "slide_annotations": [
            *(("P18", "1.2.3.18.1.4.1", *group, "S25-1", 20.0, 2) for group in groups),
            *(("P18", "1.2.3.18.1.5.1", *group, None, None, None) for group in groups),
        ],
    }  # fmt: skip


def _quality() -> dict[str, list[tuple[Any, ...]]]:
    no_day = "no such day in the calendar"
    first, second = f"{B}hospital_a/ct/P1/0.dcm", f"{B}hospital_a/ct/P1/1.dcm"
    return {
        "reports_and_images": list(_unreported()),
        "slice_spacing": [
            ("1.2.3.2.1.1", "CT", 4, 1.0, 2.0, 1, 0),
            ("1.2.3.19.1.1", "PT", 0, None, None, None, 2),
            ("1.2.3.19.1.2", "PT", 0, None, None, None, 1),
            ("1.2.3.2.2.1", "MR", 0, None, None, None, 3),
            ("1.2.3.2.2.2", "MR", 0, None, None, None, 1),
            ("1.2.3.4.1.1", "PT", 0, None, None, None, 2),
        ],
        "duplicate_instances": [
            ("1.2.3.1.1.1.1", 2, True, _size("hospital_a/ct/P1/0.dcm"), 0, [first, f"{B}import/copies/0.dcm"]),
            ("1.2.3.1.1.1.2", 2, False, _size("hospital_a/ct/P1/1.dcm"), 0, [second, f"{B}import/copies/1.dcm"]),
        ],
        "missing_study_dates": [("DX", "Example Imaging", no_day, 1, 1, 0), ("US", None, "absent", 1, 1, 1)],
        "series_without_pixel_spacing": [
            ("1.2.3.10.1.1", "CR", None, 1, 0, 0, 0),
            ("1.2.3.10.1.2", "CR", None, 1, 0, 0, 0),
            ("1.2.3.9.1.1", "CR", None, 1, 0, 0, 0),
            ("1.2.3.8.1.1", "DX", None, 1, 1, 0, 0),
            ("1.2.3.5.1.1", "MG", None, 4, 4, 0, 0),
            ("1.2.3.6.1.1", "MG", None, 3, 3, 0, 0),
            ("1.2.3.15.1.1", "NM", None, 1, 0, 0, 0),
            ("1.2.3.7.1.1", "US", None, 1, 0, 0, 0),
        ],
        "invalid_values": [
            ("ContentDate", no_day, "Example Imaging", 1),
            ("PatientAge", "an age over 150 years; not derived", None, 1),
            ("StudyDate", no_day, "Example Imaging", 1),
        ],
        "patients_with_many_ids": [("Doe^Jane", date(1962, 7, 4), "F", ["P1", "X9"], 2)],
        "uids_of_two_patients": [("1.2.3.10.1", ["P10", "P11"], 2, 2)],
        "cut_headers": [("TRUNCATED", f"{B}import/cut/", 1, ["CR"])],
        "identifying_instances": [
            ("CT", 30, 30, 0, 0, 30, 11, 0),
            ("SR", 8, 8, 0, 0, 8, 7, 0),
            ("MG", 7, 7, 0, 0, 7, 0, 0),
            ("MR", 5, 5, 0, 0, 5, 4, 0),
            ("PT", 5, 5, 0, 0, 5, 0, 0),
            ("SM", 4, 4, 0, 0, 4, 0, 0),
            ("ANN", 2, 2, 0, 0, 2, 0, 0),
            ("CR", 4, 2, 0, 0, 4, 1, 0),
            ("RTPLAN", 2, 2, 0, 0, 2, 0, 0),
            ("RTSTRUCT", 2, 2, 0, 0, 2, 1, 0),
            ("SEG", 2, 2, 0, 0, 2, 1, 0),
            ("DX", 1, 1, 0, 0, 1, 0, 0),
            ("NM", 1, 1, 0, 0, 1, 0, 0),
            ("RTDOSE", 1, 1, 0, 0, 1, 0, 0),
            ("US", 1, 1, 1, 0, 1, 0, 0),
        ],
    }


def _storage() -> dict[str, list[tuple[Any, ...]]]:
    sizes = defaultdict(list)
    for modality, syntax, size in _instances():
        sizes[modality].append(size)
        sizes[syntax, modality].append(size)
    of = {modality: sizes[modality] for modality, _, _ in _instances()}
    everything = sum(map(sum, of.values()))
    by_size = sorted(of.items(), key=lambda one: -sum(one[1]))

    def uncompressed(modality: str) -> tuple[Any, ...]:
        of_one = sizes[NORMAL, modality]
        return (NORMAL, "uncompressed", modality, len(of_one), 0, sum(of_one), 0)

    before_nm = ("ANN", "CR", "CT", "DX", "MR")
    after_nm = ("PT", "RTDOSE", "RTPLAN", "RTSTRUCT", "SEG", "SM", "SR")
    head, bones = (next(file for file in files() if file.key.endswith(name)) for name in ("head.zip", "bones.dcm.gz"))
    slices = [f"hospital_a/ct/P1/{n}.dcm" for n in range(5)]
    slices[1] = "import/copies/1.dcm"  # the newest of two
    slices += [f"hospital_a/ct/P2/{n}.dcm" for n in range(1, 5)]
    numbers = (*range(1, 6), *range(1, 5))
    return {
        "storage_by_modality": [
            (
                one,
                len(all_),
                0,
                sum(all_),
                int(sum(all_) / len(all_) + 0.5),
                max(all_),
                round(100 * sum(all_) / everything, 1),
            )
            for one, all_ in by_size
        ]
        + [("NM", 1, 1, None, None, None, None)],
        "transfer_syntaxes": [
            *(
                (NORMAL, "uncompressed", one, len(sizes[NORMAL, one]), 0, sum(sizes[NORMAL, one]), 0)
                for one in before_nm
            ),
            (NORMAL, "uncompressed", "NM", 1, 1, None, 0),
            *(
                (NORMAL, "uncompressed", one, len(sizes[NORMAL, one]), 0, sum(sizes[NORMAL, one]), 0)
                for one in after_nm
            ),
            (JPEG, "JPEG", "US", 1, 0, sum(sizes[JPEG, "US"]), 1),
            (J2K, "JPEG 2000", "MG", 7, 0, sum(sizes[J2K, "MG"]), 0),
        ],
        "archives": [
            (f"{B}{head.key}", len(head.content), 3, 0, sum(len(one) for one in _members(head)), 1),
            (f"{B}{bones.key}", len(bones.content), 1, 1, None, 0),
        ],
        "pixel_data_places": [
            (number, f"{B}{key}", _size(key) - 128, 128, False, 8, 8, 16)
            for number, key in zip(numbers, slices, strict=True)
        ],
    }


def _operation(run: Run) -> dict[str, list[tuple[Any, ...]]]:
    listed = files()
    assert [file.modified for file in listed].count(UPLOADED) == len(listed) - 1
    lag = (run.began.replace(tzinfo=UTC) - UPLOADED) / timedelta(hours=1)
    hours = pytest.approx(lag, abs=0.01)  # of the one that was sent a day later neither percentile knows
    faults = [
        ("denied/", "ACCESS_DENIED", "fault"),
        ("hospital_b/archives/", "CORRUPT_ARCHIVE", "fault"),
        ("hospital_b/archives/", "NOT_DICOM", "skipped"),
        ("import/", "NOT_DICOM", "skipped"),
        ("import/cut/", "EMPTY_OBJECT", "fault"),
        ("import/cut/", "TRUNCATED", "fault"),
    ]
    denied = "S3 denies s3:GetObject (or its key's kms:Decrypt); grant it"
    return {
        "failures_by_prefix": [(f"{B}{prefix}", code, severity, 1, 1, run.began) for prefix, code, severity in faults],
        "ingest_lag": [(run.run_id, run.began, len(listed), hours, hours, hours)],
        "runs": [(run.run_id, run.began, len(listed), sum(len(one.content) for one in listed), 77, 6, 1)],
        "objects_to_retry": [(f"{B}{DENIED}", _size(DENIED), "ACCESS_DENIED", denied, run.began)],
    }


def _size(key: str) -> int:
    return next(len(file.content) for file in files() if file.key == key)


def _members(file: File) -> list[bytes]:
    """The DICOM files of a zip."""
    with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
        return [archive.read(name) for name in archive.namelist() if name.startswith("IM")]


def _instances() -> Iterator[tuple[str, str, int]]:
    """Modality, transfer syntax and size of each instance, as pydicom reads them; not of the one of unknown size."""
    unread = {DENIED, "import/cut/early.dcm", "import/cut/empty.dcm", "import/notes.txt"}
    for file in files():
        if file.key in unread or file.key.endswith(("broken.zip", ".gz")):
            continue
        for content in _members(file) if file.key.endswith("head.zip") else [file.content]:
            header = dcmread(io.BytesIO(content), specific_tags=["Modality"], stop_before_pixels=True)
            yield header.Modality, header.file_meta.TransferSyntaxUID, len(content)
