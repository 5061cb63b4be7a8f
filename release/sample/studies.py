"""The patients of the sample files, and the path of each file. All patients are invented."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from release.sample.modalities import (
    Header,
    code,
    ct,
    dx,
    enhanced_ct,
    enhanced_mr,
    instance,
    mg,
    mr,
    mr_over_time,
    pixels,
    pt,
    sr,
    uid,
    us,
)
from release.sample.radiotherapy import Roi, rtdose, rtplan, rtstruct
from release.sample.reports import ct_dose, fluoroscopy_dose, key_objects, mammography_dose, measurements
from release.sample.segmentation import seg
from release.sample.slides import ann, slide_levels, sm

__all__ = ["EXPLICIT", "IMPLICIT", "RLE", "Sample", "archived_files", "loose_files"]

EXPLICIT = "1.2.840.10008.1.2.1"
IMPLICIT = "1.2.840.10008.1.2"
RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True)
class Sample:
    """One DICOM file: its path, its content, its encoding.

    Attributes:
        has_extended_offsets: Frames are found by ExtendedOffsetTable (7FE0,0001), otherwise by the basic offset table.
    """

    path: str
    header: Header
    transfer_syntax: str = EXPLICIT
    preamble: bool = True
    has_extended_offsets: bool = False


def study(patient_id: str, name: str, date: str | None, description: str, **attributes: Any) -> Header:
    """Return what all instances of a study share; ``date`` None leaves StudyDate out."""
    header: Header = {
        "PatientID": patient_id,
        "IssuerOfPatientID": "SAMPLE",
        "PatientName": name,
        "StudyID": attributes.pop("StudyID", "1"),
        "StudyTime": "101530",
        "AccessionNumber": f"ACC{patient_id[-3:]}",
        "ReferringPhysicianName": "Referrer^Robin",
        "StudyDescription": description,
        **attributes,
    }
    header["StudyInstanceUID"] = uid(f"{patient_id}/{header['StudyID']}")
    if date is not None:
        header["StudyDate"] = date
    return header


def numbered(folder: str, headers: Iterator[Header], name: str = "IM{:04}.dcm") -> list[Sample]:
    """Return the headers as files of one folder, numbered from 1."""
    prefix = f"{folder}/" if folder else ""
    return [Sample(prefix + name.format(n), header) for n, header in enumerate(headers, start=1)]


_ABDOMEN = [
    Roi("Liver", (180, 90, 40), (-170, -150), 60, (0, 1, 2, 3), algorithm="AUTOMATIC"),
    Roi("Spinal cord", (255, 255, 0), (-125, -70), 8, (0, 1), interpreted_type=None),
    Roi("Heart", (220, 20, 60), (-130, -160), 30, (3,), codes=tuple(code("80891009", "SCT", "Heart"))),
]
"""Regions of the first structure set; one of them has no observation."""

_THORAX = [
    Roi("HERZ", (220, 20, 60), (-140, -150), 50, (0, 1), algorithm="SEMIAUTOMATIC"),
    Roi("PTV_1", (0, 200, 0), (-60, -120), 20, (1, 2), interpreted_type="PTV"),
]
"""Regions of the second: the heart in German."""

_UNCORRECTED = {"SeriesDescription": "WB NAC", "CorrectedImage": ["NORM", "DTIM", "DECY"],
                "AttenuationCorrectionMethod": ""}  # fmt: skip
"""Attributes of a PET series that is not corrected for attenuation, and so has no SUV."""


def loose_files() -> list[Sample]:
    """Return the files that lie loose in the folder."""
    abdomen = study("DEMO-001", "Doe^Jane", "20240315", "CT abdomen", PatientBirthDate="19620704", PatientSex="F",
                    PatientAge="061Y", TimezoneOffsetFromUTC="+0100")  # fmt: skip
    brain = study("DEMO-002", "Roe^Richard^^Dr.", "20240318", "MR brain", PatientBirthDate="19551130", PatientSex="M")
    whole_body = study(
        "DEMO-003", "Poe^Paula", "20240402", "PET whole body", PatientBirthDate="19700101", PatientSex="F"
    )
    carotid = study("DEMO-004", "Moe^Max", "20240402", "US carotid", PatientSex="M", PatientAge="048Y")
    breast = study("DEMO-005", "Coe^Clara", "20240410", "Screening", PatientSex="F", PatientIdentityRemoved="NO")
    chest = study("DEMO-006", "Loe^Leo", "20231222", "Chest", PatientSex="M", PatientAge="007M")
    japanese, ideographic = ["", "ISO 2022 IR 87"], "山田^太郎=やまだ^たろう"
    yamada = study("DEMO-007", f"Yamada^Tarou={ideographic}", "20240501", "Bone scan", SpecificCharacterSet=japanese)
    katakana = study("DEMO-008", f"ﾔﾏﾀﾞ^ﾀﾛｳ={ideographic}", "20240502", "Chest",
                     SpecificCharacterSet=["ISO 2022 IR 13", "ISO 2022 IR 87"])  # fmt: skip
    ivanov = study("DEMO-009", "Иванов^Иван", "20240503", "Ангиография", SpecificCharacterSet="ISO_IR 144")
    echoes = study("DEMO-015", "Foe^Fay", "20240506", "MR brain", PatientSex="F", PatientAge="039Y")
    volume = study("DEMO-016", "Voe^Vic", "20240507", "CT thorax", PatientSex="M", PatientAge="066Y")
    perfusion = study("DEMO-017", "Hoe^Hal", "20240508", "MR perfusion", PatientSex="M", PatientAge="057Y")
    gap = study("DEMO-018", "Joe^Joy", "20240513", "CT abdomen", PatientSex="F", PatientAge="072Y")
    slide = study("DEMO-019", "Sloe^Sue", "20240515", "Histology", PatientSex="F", PatientAge="059Y")
    slices, thorax, levels = list(ct(abdomen, 4)), enhanced_ct(volume, 3), list(slide_levels(slide, 32, 24, 2))
    structures = rtstruct(abdomen, slices, "PLAN", _ABDOMEN)
    plan, segmentation = rtplan(abdomen, structures), seg(abdomen, slices)
    mammograms = [mg(breast, "L", 1), mg(breast, "R", 2)]
    angiogram = instance(ivanov, "XA", 1, 1, PositionerPrimaryAngle=-30, **pixels())
    return [
        *numbered("ct_abdomen", iter(slices)),
        Sample("ct_abdomen/structures.dcm", structures),
        Sample("ct_abdomen/plan.dcm", plan),
        Sample("ct_abdomen/dose.dcm", rtdose(abdomen, plan, structures)),
        Sample("ct_abdomen/segmentation.dcm", segmentation),
        Sample("ct_abdomen/report.dcm", sr(abdomen, slices)),
        Sample("ct_abdomen/measurements.dcm", measurements(abdomen, slices, segmentation)),
        Sample("ct_abdomen/key_objects.dcm", key_objects(abdomen, slices[1:3])),
        Sample("ct_abdomen/dose_report.dcm", ct_dose(abdomen, slices, 1, "103000")),
        Sample("ct_abdomen/dose_report_repeated.dcm", ct_dose(abdomen, slices, 2, "110500")),
        *[one for one in numbered("ct_missing_slice", ct(gap, 5)) if not one.path.endswith("3.dcm")],
        Sample("ct_enhanced/volume.dcm", thorax),
        Sample("ct_enhanced/structures.dcm", rtstruct(volume, [thorax], "THORAX", _THORAX)),
        Sample("mr_enhanced/two_echoes.dcm", enhanced_mr(echoes, (0, 3.3), (20.0, 80.0))),
        *numbered("mr_4d", mr_over_time(perfusion, 3, 2), name="IM{:04}"),
        *numbered("mr_brain", mr(brain, (0, 500, 1000), BodyPartExamined="HEAD"), name="I{}"),
        *numbered("pt_whole_body", pt(whole_body, 2), name="PT.{:03}"),
        *numbered("pt_whole_body", pt(whole_body, 2, series=6, **_UNCORRECTED), name="NAC.{:03}"),
        Sample("slide/level_0.dcm", levels[0], RLE, has_extended_offsets=True),
        Sample("slide/level_1.dcm", levels[1], RLE),
        Sample("slide/annotations.dcm", ann(slide, levels)),
        Sample("us_carotid", us(carotid), RLE),
        Sample("mg_screening/left.dcm", mammograms[0]),
        Sample("mg_screening/right.dcm", mammograms[1]),
        Sample("mg_screening/dose_report.dcm", mammography_dose(breast, mammograms)),
        Sample("dx_chest_implicit_vr.dcm", dx(chest), IMPLICIT),
        Sample("names/japanese.dcm", instance(yamada, "NM", 1, 1, SeriesDescription="Whole body", **pixels())),
        Sample("names/japanese_katakana.dcm", dx(katakana, "CR")),
        Sample("names/cyrillic.dcm", angiogram),
        Sample("names/cyrillic_dose_report.dcm", fluoroscopy_dose(ivanov, angiogram)),
        Sample(
            "odd/no_preamble", dx(study("DEMO-010", "Old^Otto", "19990517", "Chest"), "CR"), IMPLICIT, preamble=False
        ),
        Sample("odd/study_date_missing.dcm", dx(study("DEMO-011", "No^Date", None, "Import"), "OT")),
        Sample("odd/study_date_broken.dcm", dx(study("DEMO-012", "Bad^Date", "20240230", "Import"), "OT")),
        Sample("odd/header_cut_late.dcm", next(ct(study("DEMO-013", "Cut^Late", "20240601", "CT"), 1))),
        Sample("odd/header_cut_early.dcm", next(ct(study("DEMO-014", "Cut^Early", "20240601", "CT"), 1))),
    ]


def archived_files() -> dict[str, list[Sample]]:
    """Return what the archives hold: other patients than the loose files, by the archive's path."""
    head = study(
        "DEMO-101", "Archer^Ann", "20240611", "CT head", PatientBirthDate="19480229", PatientSex="F", StudyID="2"
    )
    prior = study("DEMO-101", "Archer^Ann", "20220914", "CT head", PatientBirthDate="19480229", PatientSex="F")
    knee = study("DEMO-102", "Tarr^Tom", "20240612", "MR knee", PatientSex="M", PatientAge="033Y")
    pet_ct = study("DEMO-103", "Gzip^Gina", "20240613", "PET/CT", PatientBirthDate="19810505", PatientSex="F")
    breast = study("DEMO-104", "Bunzip^Bea", "20240614", "Screening", PatientSex="F", PatientAge="054Y")
    carotid = study("DEMO-105", "Misnomer^Mia", "20240614", "US carotid", PatientSex="F")
    slide = study("DEMO-106", "Slide^Sam", "20240617", "Histology", PatientSex="O")
    return {
        "archives/export.zip": numbered("CT", ct(head, 3, kernel="H31s")),
        "archives/export.zip!prior.tar.gz": numbered("prior", ct(prior, 1, kernel="H31s"), name="{}"),
        "archives/knee.tar": numbered("knee", mr(knee, (0, 800), BodyPartExamined="KNEE"), name="I{}"),
        "archives/petct.tar.gz": [*numbered("PT", pt(pet_ct, 2)), *numbered("CT", ct(pet_ct, 2))],
        "archives/screening.tar.bz2": [Sample("left.dcm", mg(breast, "L", 1)), Sample("right.dcm", mg(breast, "R", 2))],
        "archives/really_gzip.tar": [
            Sample("carotid", us(carotid), RLE),
            Sample("report.dcm", sr(carotid, [us(carotid)])),
        ],
        "archives/slide.dcm.gz": [Sample("slide.dcm", sm(slide))],
    }
