"""A small hospital whose answers are known: every saved query has something to find in it. Nobody here exists.

UIDs show where an instance belongs: ``1.2.3.<patient>.<study>.<series>.<number>``.
"""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate

from tests.queries.reports import code_item, dose_content, drop_images, filled, measured
from tests.sample import SAMPLE

__all__ = ["DENIED", "RESENT", "UPLOADED", "File", "files", "replaced"]

UPLOADED = datetime(2026, 1, 1, tzinfo=UTC)
RESENT = datetime(2026, 1, 2, tzinfo=UTC)
DENIED = "denied/one.dcm"

EXPLICIT, JPEG, J2K = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.90"
SOP_CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "ANN": "1.2.840.10008.5.1.4.1.1.91.1",
    "US": "1.2.840.10008.5.1.4.1.1.6.1",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "SM": "1.2.840.10008.5.1.4.1.1.77.1.6",
    "SR": "1.2.840.10008.5.1.4.1.1.88.22",
}
ENHANCED_CT, ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"

JANE = {"PatientID": "P1", "PatientName": "Doe^Jane", "PatientBirthDate": "19620704", "PatientSex": "F"}
JANE_ELSEWHERE = JANE | {"PatientID": "X9"}
RICHARD = {"PatientID": "P2", "PatientName": "Roe^Richard", "PatientBirthDate": "19551130", "PatientSex": "M"}
HANNAH = {"PatientID": "P3", "PatientName": "Hoe^Hannah", "PatientSex": "F", "PatientAge": "007Y"}
PAULA = {"PatientID": "P4", "PatientName": "Poe^Paula", "PatientSex": "F", "PatientAge": "044Y", "PatientWeight": "70"}
CLARA = {"PatientID": "P5", "PatientName": "Coe^Clara", "PatientSex": "F", "PatientAge": "052Y"}
DORA = {"PatientID": "P6", "PatientName": "Doe^Dora", "PatientSex": "F", "PatientAge": "058Y"}
MAX = {"PatientID": "P7", "PatientName": "Moe^Max", "PatientSex": "M"}
LEO = {"PatientID": "P8", "PatientName": "Loe^Leo", "PatientSex": "M", "PatientAge": "OLD"}
TWIN = {"PatientID": "P10", "PatientName": "Twin^Two", "PatientSex": "O"}
KIM = {"PatientID": "P13", "PatientName": "Koe^Kim", "PatientSex": "O"}
RITA = {"PatientID": "P14", "PatientName": "Roe^Rita", "PatientSex": "F", "PatientAge": "050Y"}
SAGE = {"PatientID": "P15", "PatientName": "Soe^Sage", "PatientSex": "M", "PatientAge": "199Y"}
THEO = {"PatientID": "P16", "PatientName": "Toe^Theo", "PatientSex": "M"}
ULI = {"PatientID": "P17", "PatientName": "Uoe^Uli", "PatientSex": "M"}
VERA = {"PatientID": "P18", "PatientName": "Voe^Vera", "PatientSex": "F"}
WIM = {"PatientID": "P19", "PatientName": "Woe^Wim", "PatientSex": "M", "PatientWeight": "70"}
XENIA = {"PatientID": "P20", "PatientName": "Xoe^Xenia", "PatientSex": "F"}
OTHER_TWIN = {"PatientID": "P11", "PatientName": "Twin^One", "PatientSex": "O"}

CT_1 = {
    "Manufacturer": "Example Imaging", "ManufacturerModelName": "Example CT 64", "DeviceSerialNumber": "CT-1",
    "StationName": "CTA", "KVP": "120", "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
    "PixelSpacing": ["0.7", "0.7"], "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"], "ConvolutionKernel": "B60f",
}  # fmt: skip
CT_2 = CT_1 | {"Manufacturer": "Other Maker", "ManufacturerModelName": "Other 16", "DeviceSerialNumber": "CT-2",
               "StationName": "CTB"}  # fmt: skip
THORAX = {"BodyPartExamined": "CHEST", "ProtocolName": "Thorax routine", "StudyDescription": "CT thorax"}
MR_1 = {
    "Manufacturer": "Example Imaging", "ManufacturerModelName": "Example MR", "DeviceSerialNumber": "MR-1",
    "MagneticFieldStrength": "3", "ScanningSequence": "EP", "FlipAngle": "90", "SliceThickness": "4",
    "PixelSpacing": ["1", "1"],
}  # fmt: skip


@dataclass(frozen=True)
class File:
    """An object of the bucket.

    Attributes:
        key: Its first folders are a hospital and a department.
        content: Its bytes.
        modified: When it was uploaded.
    """

    key: str
    content: bytes
    modified: datetime = UPLOADED


@cache
def files() -> tuple[File, ...]:
    """Return the bucket's objects."""
    whole = [*_thorax(), *_head(), *_brain(), *_enhanced(), *_pet(), *_breast(), *_plain(), *_derived(), *_twice()]
    linked = [*_radiotherapy(), *_slides(), *_uptake(), *_breathing(), *_doses()]
    return (*whole, *linked, *_unreadable())


def replaced() -> File:
    """The first slice of the second thorax as it is sent again, with another tube voltage."""
    return File("hospital_a/ct/P2/1.dcm", _second_thorax(0, KVP="110"), RESENT)


def _thorax() -> Iterator[File]:
    """Jane: five thin slices and two thick ones. Richard, a month later: less voltage, more dose, a slice missing."""
    study = JANE | THORAX | CT_1 | {"StudyDate": "20240315", "SoftwareVersions": "VA10", "Exposure": "100"}
    for z in range(5):
        thin = {"SliceThickness": "1", "CTDIvol": 8.0, "ImagePositionPatient": ["0", "0", str(z)]}
        yield File(f"hospital_a/ct/P1/{z}.dcm", dicom("CT", "1.1.1", z + 1, **study | thin))
    for z in range(2):
        thick = {"SliceThickness": "5", "CTDIvol": 8.0, "ImagePositionPatient": ["0", "0", str(5 * z)]}
        yield File(f"hospital_a/ct/P1/thick{z}.dcm", dicom("CT", "1.1.2", z + 1, **study | thick))
    for number, z in enumerate((0, 1, 3, 4)):
        yield File(f"hospital_a/ct/P2/{number + 1}.dcm", _second_thorax(number, z))


def _second_thorax(number: int, z: int = 0, **changed: Any) -> bytes:
    study = RICHARD | THORAX | CT_1 | {"StudyDate": "20240410", "SoftwareVersions": ["VA10", "SP2"], "Exposure": "140"}
    thin = {"SliceThickness": "1", "CTDIvol": 10.0, "KVP": "100", "ImagePositionPatient": ["0", "0", str(z)]}
    return dicom("CT", "2.1.1", number + 1, **study | thin | {"ContrastBolusAgent": "Iomeron"} | changed)


def _head() -> Iterator[File]:
    """A child's head in a zip."""
    study = HANNAH | CT_2 | {"StudyDate": "20240420", "BodyPartExamined": "HEAD", "ProtocolName": "Head"}
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for z in range(3):
            slice_ = {"SliceThickness": "5", "CTDIvol": 40.0, "ImagePositionPatient": ["0", "0", str(5 * z)]}
            archive.writestr(zipfile.ZipInfo(f"IM{z}"), dicom("CT", "3.1.1", z + 1, **study | slice_))
        archive.writestr(zipfile.ZipInfo("readme.txt"), "no DICOM file")
    yield File("hospital_b/archives/head.zip", packed.getvalue())


def _brain() -> Iterator[File]:
    """Diffusion with the b-value in a maker's private element, whose block is another one in the last image."""
    study = RICHARD | MR_1 | {"StudyDate": "20240505", "BodyPartExamined": "HEAD", "ProtocolName": "dwi"}
    for number, b_value in enumerate((0, 500, 1000), start=1):
        header = dataset("MR", "2.2.1", number, **study | {"RepetitionTime": "6400", "EchoTime": "98"})
        if b_value == 1000:
            header.private_block(0x0019, "EXAMPLE OTHER", create=True).add_new(0x0C, "LO", "not this one")
        header.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", str(b_value))
        yield File(f"hospital_a/mr/P2/{number}.dcm", encoded(header))
    t1 = study | {"ProtocolName": "t1", "ScanningSequence": ["SE", "IR"], "RepetitionTime": "600.04", "EchoTime": "9"}
    yield File("hospital_a/mr/P2/t1.dcm", dicom("MR", "2.2.2", 1, **t1))


def _enhanced() -> Iterator[File]:
    """Enhanced objects, whose spacing and times are in functional groups.

    An MR of two slices, each with two echoes; a thorax in one file; and one whose frames differ in thickness and
    spacing.
    """
    axial = {"PlaneOrientationSequence": {"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"]}}
    study = KIM | MR_1 | {"StudyDate": "20240901", "ProtocolName": "t2 two echoes", "PulseSequenceName": "*me2d2"}
    study = {key: value for key, value in study.items() if key not in GROUPED}
    shared = axial | {"PixelMeasuresSequence": {"PixelSpacing": ["1", "1"], "SliceThickness": "3"}}
    frames = [
        {
            "PlanePositionSequence": {"ImagePositionPatient": ["0", "0", str(z)]},
            "MREchoSequence": {"EffectiveEchoTime": echo},
            "MRTimingAndRelatedParametersSequence": {"RepetitionTime": "2500", "FlipAngle": flip},
        }
        for z in (0, 3)
        for echo, flip in ((20.0, "90"), (80.0, "120"))
    ]
    image = _multi_frame(ENHANCED_MR, shared, frames)
    yield File("hospital_a/mr/P13/1.dcm", dicom("MR", "13.1.1", 1, **study | image))
    scanner = {"ManufacturerModelName": "Example CT 128", "DeviceSerialNumber": "CT-3", "StationName": "CTC"}
    study = RITA | CT_1 | scanner | THORAX | {"StudyDate": "20240902", "ProtocolName": "Thorax volume"}
    study = {key: value for key, value in study.items() if key not in GROUPED}
    shared = axial | {
        "CTXRayDetailsSequence": {"KVP": "100"},
        "CTExposureSequence": {"CTDIvol": 6.0},
        "CTReconstructionSequence": {"ConvolutionKernel": "Br64"},
    }
    thin = {"PixelMeasuresSequence": {"PixelSpacing": ["0.6", "0.6"], "SliceThickness": "1"}}
    frames = [{"PlanePositionSequence": {"ImagePositionPatient": ["0", "0", str(z)]}} for z in range(4)]
    image = _multi_frame(ENHANCED_CT, shared | thin, frames)
    yield File("hospital_a/ct/P14/1.dcm", dicom("CT", "14.1.1", 1, **study | image))
    frames = [
        frame | {"PixelMeasuresSequence": {"PixelSpacing": [spacing, spacing], "SliceThickness": thickness}}
        for frame, spacing, thickness in zip(frames, ("0.6", "0.6", "0.7"), ("1", "1", "3"), strict=False)
    ]
    image = _multi_frame(ENHANCED_CT, shared, frames)
    yield File("hospital_a/ct/P14/2.dcm", dicom("CT", "14.1.2", 1, **study | image))


GROUPED = {"PixelSpacing", "SliceThickness", "FlipAngle", "ScanningSequence", "ImageOrientationPatient", "KVP",
           "ConvolutionKernel"}  # fmt: skip
"""Attributes that enhanced objects have in functional groups, or not at all."""


def _multi_frame(sop_class: str, shared: dict[str, Any], frames: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what an enhanced object has beside the attributes of its study."""
    return {
        "SOPClassUID": sop_class, "NumberOfFrames": len(frames), "PixelData": bytes(128 * len(frames)),
        "SharedFunctionalGroupsSequence": [_groups(shared)],
        "PerFrameFunctionalGroupsSequence": [_groups(frame) for frame in frames],
    }  # fmt: skip


def _groups(sequences: dict[str, dict[str, Any]]) -> Dataset:
    """Return an item of functional groups: sequences of one item each."""
    return filled({keyword: [filled(item)] for keyword, item in sequences.items()})


def _pet() -> Iterator[File]:
    nuclide = Dataset()
    nuclide.CodeValue, nuclide.CodingSchemeDesignator, nuclide.CodeMeaning = "C-111A1", "SRT", "Fluorine-18"
    given = Dataset()
    given.RadionuclideTotalDose, given.RadionuclideHalfLife = "350000000", "6588"
    given.RadiopharmaceuticalStartTime, given.RadionuclideCodeSequence = "090000", [nuclide]
    study = PAULA | {
        "StudyDate": "20240601", "Units": "BQML", "DecayCorrection": "START", "Manufacturer": "Other Maker",
        "RadiopharmaceuticalInformationSequence": [given], "PixelSpacing": ["4", "4"],
    }  # fmt: skip
    for number in (1, 2):
        yield File(f"hospital_b/pt/{number}.dcm", dicom("PT", "4.1.1", number, **study))


def _breast() -> Iterator[File]:
    """Four views of Clara, three of Dora."""
    for patient, number, day, missing in ((CLARA, 5, "20240610", ()), (DORA, 6, "20240611", (("R", "MLO"),))):
        views = [(side, view) for side in "LR" for view in ("CC", "MLO") if (side, view) not in missing]
        for place, (side, view) in enumerate(views, start=1):
            values = patient | {"StudyDate": day, "ImageLaterality": side, "ViewPosition": view,
                                "ImagerPixelSpacing": ["0.1", "0.1"], "BurnedInAnnotation": "NO",
                                "OrganDose": "0.0125"}  # fmt: skip
            content = dicom("MG", f"{number}.1.1", place, syntax=J2K, **values)
            yield File(f"hospital_b/mg/{patient['PatientID']}_{side}_{view}.dcm", content)


def _plain() -> Iterator[File]:
    """An ultrasound without a date, a radiograph with one that is none, two patients of one study UID.

    And a scan in a gzip, which doesn't state its size, of a man of 199 years.
    """
    lossy = {"LossyImageCompression": "01", "BurnedInAnnotation": "YES", "SeriesDate": "20240701"}
    yield File("hospital_b/us/1.dcm", dicom("US", "7.1.1", 1, syntax=JPEG, **MAX | lossy))
    broken = {"StudyDate": "20240230", "ImagerPixelSpacing": ["0.2", "0.2"], "Manufacturer": "Example Imaging",
              "ContentDate": "20241301", "ImageAndFluoroscopyAreaDoseProduct": "1.5"}  # fmt: skip
    yield File("hospital_a/dx/1.dcm", dicom("DX", "8.1.1", 1, **LEO | broken))
    yield File("hospital_c/cr/jane.dcm", dicom("CR", "9.1.1", 1, **JANE_ELSEWHERE | {"StudyDate": "20231201"}))
    bone_scan = dicom("NM", "15.1.1", 1, **SAGE | {"StudyDate": "20240903"})
    yield File("hospital_b/archives/bones.dcm.gz", gzip.compress(bone_scan, mtime=0))
    for series, patient in ((1, TWIN), (2, OTHER_TWIN)):
        values = patient | {"StudyDate": "20231202", "PatientIdentityRemoved": "YES"}
        yield File(f"hospital_c/cr/twin{series}.dcm", dicom("CR", f"10.1.{series}", 1, **values))


def _derived() -> Iterator[File]:
    """Two segments, a structure set and a report on Jane's thin slices; the structure set also names another series.

    Each refers to its images where an object of its kind does: the structure set below its frame of reference, the
    report below the study that is its evidence; a second reader's report to none. And three segments on Rita's thorax.
    """
    slices = [f"1.2.3.1.1.1.{number}" for number in range(1, 6)]
    elsewhere = _refers("CT", "1.2.3.99.1.1.1", "1.2.3.99.1.1.2")
    study = JANE | {"StudyDate": "20240315"}
    lung = code_item("39607008", "Lung")
    segments = [_segment(1, "Left lung", lung), _segment(2, "Right lung", lung)]
    here = filled({"SeriesInstanceUID": "1.2.3.1.1.1", "ReferencedInstanceSequence": _refers("CT", *slices)})
    values = {"SegmentSequence": segments, "ReferencedSeriesSequence": [here], "PixelSpacing": ["0.7", "0.7"]}
    values |= _frames_of_segments((1, 0), (1, 1), (2, 1))
    yield File("hospital_a/ct/P1/seg.dcm", dicom("SEG", "1.1.3", 1, **study | values))
    contoured = [
        filled({"SeriesInstanceUID": uid, "ContourImageSequence": images})
        for uid, images in (("1.2.3.1.1.1", _refers("CT", *slices)), ("1.2.3.99.1.1", elsewhere))
    ]
    of_study = filled({"ReferencedSOPInstanceUID": "1.2.3.1.1", "RTReferencedSeriesSequence": contoured})
    frame = filled({"FrameOfReferenceUID": "1.2.3.1.9", "RTReferencedStudySequence": [of_study]})
    links = {"ReferencedFrameOfReferenceSequence": [frame], "PixelData": None}
    yield File("hospital_a/ct/P1/rtstruct.dcm", dicom("RTSTRUCT", "1.1.4", 1, **study | links))
    shown = filled({"SeriesInstanceUID": "1.2.3.1.1.1", "ReferencedSOPSequence": _refers("CT", slices[2])})
    of_study = filled({"StudyInstanceUID": "1.2.3.1.1", "ReferencedSeriesSequence": [shown]})
    evidence = {"CurrentRequestedProcedureEvidenceSequence": [of_study], "PixelData": None}
    yield File("hospital_a/ct/P1/report.dcm", dicom("SR", "1.1.5", 1, **study | evidence | measured()))
    second = measured("Reader^Ben", "13.5") | {"PixelData": None}
    yield File("hospital_a/ct/P1/second_report.dcm", dicom("SR", "1.1.7", 1, **study | second))
    segments = [
        _segment(1, "Heart", code_item("80891009", "Heart")),
        _segment(2, "Lung, left", lung, made="MANUAL"),
        _segment(3, "Lung, right", lung, made="AUTOMATIC"),
    ]
    volume = _refers("CT", "1.2.3.14.1.1.1", of_class=ENHANCED_CT)
    here = filled({"SeriesInstanceUID": "1.2.3.14.1.1", "ReferencedInstanceSequence": volume})
    values = {"SegmentSequence": segments, "ReferencedSeriesSequence": [here], "PixelSpacing": ["0.6", "0.6"]}
    values |= _frames_of_segments((1, 0), (1, 1), (2, 2), (3, 3))
    yield File("hospital_a/ct/P14/seg.dcm", dicom("SEG", "14.1.3", 1, **RITA | {"StudyDate": "20240902"} | values))


def _doses() -> Iterator[File]:
    """Dose reports: of CT, of CT again and of fluoroscopy in two planes of Jane, and of Clara's mammogram.

    And of Richard: two scans of his abdomen in one study, and one of a fortnight later.
    """
    jane, clara = JANE | {"StudyDate": "20240315"}, CLARA | {"StudyDate": "20240610"}
    of_sample = (
        ("hospital_a/ct/P1/dose_1.dcm", "ct_abdomen/dose_report", jane, "1.1.6", 1),
        ("hospital_a/ct/P1/dose_2.dcm", "ct_abdomen/dose_report_repeated", jane, "1.1.6", 2),
        ("hospital_a/ct/P1/dose_3.dcm", "names/cyrillic_dose_report", jane, "1.1.6", 3),
        ("hospital_b/mg/P5_dose.dcm", "mg_screening/dose_report", clara, "5.1.2", 1),
    )
    for key, name, study, series, number in of_sample:
        content = dcmread(SAMPLE / f"{name}.dcm")
        drop_images(content)
        values = {element.keyword: element.value for element in content if element.tag in _OF_CONTENT}
        yield File(key, dicom("SR", series, number, **study | values | {"PixelData": None}))
    first = dose_content(("1.2.3.2.8.1", "20", "800"), ("1.2.3.2.8.2", "22.5", "880"), estimate="1650")
    again = dose_content(("1.2.3.2.8.3", "10", "300"))
    for series, day, content in (("2.1.2", "20240410", first), ("2.3.1", "20240424", again)):
        study = RICHARD | {"StudyDate": day, "ContentDate": day, "ContentTime": "120000", "PixelData": None}
        yield File(f"hospital_a/ct/P2/dose_{day}.dcm", dicom("SR", series, 1, **study | content))


_OF_CONTENT = (0x00080023, 0x00080033, 0x0040A040, 0x0040A043, 0x0040A050, 0x0040A504, 0x0040A730)
"""Attributes of a content tree, and its date and time."""


def _segment(number: int, label: str, kind: Dataset, *, made: str = "AUTOMATIC") -> Dataset:
    """Return an item of SegmentSequence."""
    return filled({"SegmentNumber": number, "SegmentLabel": label, "SegmentAlgorithmType": made,
                    "SegmentedPropertyTypeCodeSequence": [kind]})  # fmt: skip


def _frames_of_segments(*frames: tuple[int, int]) -> dict[str, Any]:
    """Return the frames of a segmentation: the number of the segment that each one shows, and its z in mm."""
    return {
        "NumberOfFrames": len(frames), "PixelData": bytes(128 * len(frames)),
        "SharedFunctionalGroupsSequence": [
            _groups({"PlaneOrientationSequence": {"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"]}})
        ],
        "PerFrameFunctionalGroupsSequence": [
            _groups({
                "SegmentIdentificationSequence": {"ReferencedSegmentNumber": number},
                "PlanePositionSequence": {"ImagePositionPatient": ["0", "0", str(z)]},
            })
            for number, z in frames
        ],
    }  # fmt: skip


def _refers(modality: str, *uids: str, of_class: str | None = None) -> list[Dataset]:
    """Return items that refer to instances."""
    kind = of_class or SOP_CLASSES[modality]
    return [filled({"ReferencedSOPClassUID": kind, "ReferencedSOPInstanceUID": uid}) for uid in uids]


def _radiotherapy() -> Iterator[File]:
    """Theo's planning CT with its structure set, plan and dose. Uli's plan, whose structure set nobody sent."""
    study = THEO | {"StudyDate": "20250210"}
    axial = {"ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"], "PixelSpacing": ["1", "1"]}
    for number in (1, 2, 3):
        place = axial | {"SliceThickness": "3", "ImagePositionPatient": ["0", "0", str(3 * number)]}
        yield File(f"hospital_a/rt/P16/ct{number}.dcm", dicom("CT", "16.1.1", number, **study | place))
    images = _refers("CT", *(f"1.2.3.16.1.1.{number}" for number in (1, 2, 3)))
    contoured = filled({"SeriesInstanceUID": "1.2.3.16.1.1", "ContourImageSequence": images})
    of_study = filled({"ReferencedSOPInstanceUID": "1.2.3.16.1", "RTReferencedSeriesSequence": [contoured]})
    frame = filled({"FrameOfReferenceUID": "1.2.3.16.9", "RTReferencedStudySequence": [of_study]})
    of_heart = {"RTROIIdentificationCodeSequence": [code_item("80891009", "Heart")]}
    regions = [
        ("Heart", 2, {}), ("Herz_PRV5", 1, {}), ("Cor", 1, {}), ("heart_avoid", 1, {}), ("A_Coronary_L", 1, {}),
        ("Pump", 1, of_heart), ("PTV", 0, {"RTROIInterpretedType": "PTV"}), ("Coraz\xf3n", 1, None),
        ("Cuore+2cm ring", 0, None),
    ]  # fmt: skip
    structures = {
        "SpecificCharacterSet": "ISO_IR 100", "PixelData": None, "ReferencedFrameOfReferenceSequence": [frame],
        "StructureSetROISequence": [
            filled({"ROINumber": number, "ROIName": name}) for number, (name, _, _) in enumerate(regions, start=1)
        ],
        "ROIContourSequence": [
            filled({
                "ReferencedROINumber": number,
                "ContourSequence": [
                    filled({"ContourGeometricType": "POINT", "NumberOfContourPoints": 1, "ContourData": [0, 0, 3]})
                ] * contours,
            })
            for number, (_, contours, _) in enumerate(regions, start=1) if contours
        ],
        "RTROIObservationsSequence": [
            filled({"ReferencedROINumber": number, "RTROIInterpretedType": "ORGAN"} | more)
            for number, (_, _, more) in enumerate(regions, start=1) if more is not None
        ],
    }  # fmt: skip
    yield File("hospital_a/rt/P16/structures.dcm", dicom("RTSTRUCT", "16.1.2", 1, **study | structures))
    of_structures = {"ReferencedStructureSetSequence": _refers("RTSTRUCT", "1.2.3.16.1.2.1")}
    plan = dicom("RTPLAN", "16.1.3", 1, **study | _plan((100.5, 200.25), 25) | of_structures)
    yield File("hospital_a/rt/P16/plan.dcm", plan)
    of_plan = {"ReferencedRTPlanSequence": _refers("RTPLAN", "1.2.3.16.1.3.1"), "PixelSpacing": ["3", "3"]}
    yield File("hospital_a/rt/P16/dose.dcm", dicom("RTDOSE", "16.1.4", 1, **study | of_plan | of_structures))
    of_structures = {"ReferencedStructureSetSequence": _refers("RTSTRUCT", "1.2.3.17.8.1.1")}
    plan = dicom("RTPLAN", "17.1.1", 1, **ULI | {"StudyDate": "20250303"} | _plan((80.0,), 5) | of_structures)
    yield File("hospital_b/rt/P17/plan.dcm", plan)


def _plan(metersets: tuple[float, ...], fractions: int) -> dict[str, Any]:
    """Return what a plan has beside its references: a beam for each meterset."""
    beams = [
        filled({"BeamNumber": n, "BeamName": f"Beam {n}", "RadiationType": "PHOTON", "TreatmentMachineName": "LINAC"})
        for n in range(1, len(metersets) + 1)
    ]
    used = [filled({"ReferencedBeamNumber": n, "BeamMeterset": str(m)}) for n, m in enumerate(metersets, start=1)]
    group = {"FractionGroupNumber": 1, "NumberOfFractionsPlanned": fractions, "ReferencedBeamSequence": used}
    return {"BeamSequence": beams, "FractionGroupSequence": [filled(group)], "PixelData": None}


def _slides() -> Iterator[File]:
    """Three slides of Vera: two levels of one at 20x, with its preparation, and two at 40x, of which one has no stains.

    Annotations of the first one, and of one that the lake does not have.
    """
    study = VERA | {"StudyDate": "20250310"}
    using, processing = code_item("424361007", "Using substance"), code_item("111701", "Processing type", "DCM")
    named = {"ValueType": "TEXT", "ConceptNameCodeSequence": [code_item("121041", "Specimen Identifier", "DCM")]}

    def step(kind: Dataset, concept: Dataset, *substances: Dataset) -> Dataset:
        items = [named | {"TextValue": "S25-1-1"}]
        for name, value in ((processing, kind), *((concept, substance) for substance in substances)):
            items.append({"ValueType": "CODE", "ConceptNameCodeSequence": [name], "ConceptCodeSequence": [value]})
        return filled({"SpecimenPreparationStepContentItemSequence": [filled(item) for item in items]})

    stains = (code_item("12710003", "Hematoxylin stain"), code_item("36879007", "Water soluble eosin stain"))
    fixed = step(
        code_item("9265001", "Specimen processing"),
        code_item("430864009", "Tissue fixative"),
        code_item("431510009", "Formalin"),
    )
    stained = step(code_item("127790008", "Staining"), using, *stains)
    tissue = {"SpecimenIdentifier": "S25-1-1", "SpecimenUID": "1.2.3.18.7.1"}
    tissue |= {"SpecimenPreparationSequence": [fixed, stained]}
    specimen = {"SpecimenDescriptionSequence": [filled(tissue)]}
    for level in (1, 2):
        image = _slide("S25-1", 20, 64 // level, 48 // level) | specimen
        yield File(f"lab/P18/1_{level}.dcm", dicom("SM", "18.1.1", level, **study | image))
    yield File("lab/P18/2.dcm", dicom("SM", "18.1.2", 1, **study | _slide("S25-2", 40, 100, 80) | specimen))
    yield File("lab/P18/3.dcm", dicom("SM", "18.1.3", 1, **study | _slide("S25-3", 40, 200, 80)))
    for series, annotated in (("18.1.4", "1.2.3.18.1.1.1"), ("18.1.5", "1.2.3.18.9.9.1")):
        groups = [
            filled({
                "AnnotationGroupNumber": number, "AnnotationGroupUID": f"1.2.3.{series}.8.{number}",
                "AnnotationGroupLabel": label, "AnnotationGroupGenerationType": made, "NumberOfAnnotations": count,
                "GraphicType": form, "AnnotationPropertyTypeCodeSequence": [kind],
            })
            for number, label, made, count, form, kind in (
                (1, "Nuclei", "AUTOMATIC", 12, "POINT", code_item("84640000", "Nucleus")),
                (2, "Tumor", "MANUAL", 1, "POLYGON", code_item("108369006", "Neoplasm")),
            )
        ]  # fmt: skip
        values = {"AnnotationGroupSequence": groups, "ReferencedImageSequence": _refers("SM", annotated)}
        yield File(f"lab/P18/{series}.dcm", dicom("ANN", series, 1, **study | values | {"PixelData": None}))


def _slide(container: str, power: int, columns: int, rows: int) -> dict[str, Any]:
    """Return a level of a slide of one tile."""
    return {
        "ContainerIdentifier": container, "ImageType": ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        "TotalPixelMatrixColumns": columns, "TotalPixelMatrixRows": rows, "PixelSpacing": ["0.0005", "0.0005"],
        "OpticalPathSequence": [filled({"OpticalPathIdentifier": "1", "ObjectiveLensPower": str(power)})],
    }  # fmt: skip


def _uptake() -> Iterator[File]:
    """PET of Wim in Bq/ml, corrected to the time of injection; and in counts, without the maker's factor."""
    given = filled({"RadionuclideTotalDose": "350000000", "RadionuclideHalfLife": "6588"})
    study = WIM | {"StudyDate": "20250402", "PixelSpacing": ["4", "4"], "CorrectedImage": ["ATTN", "DECY"],
                   "DecayCorrection": "ADMIN", "RadiopharmaceuticalInformationSequence": [given]}  # fmt: skip
    for number in (1, 2):
        yield File(f"hospital_b/pt/P19/{number}.dcm", dicom("PT", "19.1.1", number, **study | {"Units": "BQML"}))
    yield File("hospital_b/pt/P19/counts.dcm", dicom("PT", "19.1.2", 1, **study | {"Units": "CNTS"}))


def _breathing() -> Iterator[File]:
    """Three slices of Xenia at two times; and again, where one slice of the second time is missing."""
    study = XENIA | {"StudyDate": "20250505", "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
                     "PixelSpacing": ["1", "1"], "SliceThickness": "3"}  # fmt: skip
    for series, images in (("20.1.1", 6), ("20.1.2", 5)):
        for image in range(images):
            place = {"ImagePositionPatient": ["0", "0", str(3 * (image % 3))]}
            time = {"TemporalPositionIdentifier": image // 3 + 1}
            content = dicom("CT", series, image + 1, **study | place | time)
            yield File(f"hospital_a/ct/P20/{series}_{image}.dcm", content)


def _twice() -> Iterator[File]:
    """Jane's first slice as a copy, and her second one as it was sent again, with another description."""
    first, second = [file for file in _thorax() if file.key in ("hospital_a/ct/P1/0.dcm", "hospital_a/ct/P1/1.dcm")]
    yield File("import/copies/0.dcm", first.content)
    study = JANE | THORAX | CT_1 | {"StudyDate": "20240315", "SoftwareVersions": "VA10", "Exposure": "100"}
    changed = {"SliceThickness": "1", "CTDIvol": 8.0, "ImagePositionPatient": ["0", "0", "1"], "ImageComments": "again"}
    yield File("import/copies/1.dcm", dicom("CT", "1.1.1", 2, **study | changed), RESENT)
    assert second.content


def _unreadable() -> Iterator[File]:
    """Files that give no header, and one whose header is cut behind its UIDs."""
    whole = dicom("CR", "12.1.1", 1, **MAX | {"StudyDate": "20240801", "Manufacturer": "Other Maker"})
    yield File("import/cut/late.dcm", whole[: whole.index(b"1.2.3.12.1.1.1", 300) + 100])
    yield File("import/cut/early.dcm", whole[:200])
    yield File("import/cut/empty.dcm", b"")
    yield File("import/notes.txt", b"no DICOM file")
    yield File("hospital_b/archives/broken.zip", b"PK\x03\x04" + bytes(40))
    yield File(DENIED, whole)


def dicom(modality: str, series: str, number: int, *, syntax: str = EXPLICIT, **values: Any) -> bytes:
    """Return a file: ``series`` is ``<patient>.<study>.<series>``; a value of None leaves an attribute out."""
    return encoded(dataset(modality, series, number, **values), syntax)


def dataset(modality: str, series: str, number: int, **values: Any) -> Dataset:
    """Return a header with a picture of eight by eight."""
    picture = {
        "Rows": 8, "Columns": 8, "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11, "SamplesPerPixel": 1,
        "PixelRepresentation": 0, "PhotometricInterpretation": "MONOCHROME2", "PixelData": bytes(128),
    }  # fmt: skip
    uids = {
        "SOPClassUID": SOP_CLASSES[modality], "SOPInstanceUID": f"1.2.3.{series}.{number}",
        "SeriesInstanceUID": f"1.2.3.{series}", "StudyInstanceUID": f"1.2.3.{series.rpartition('.')[0]}",
        "Modality": modality, "InstanceNumber": number,
    }  # fmt: skip
    values = (picture if values.get("PixelData", b"") is not None else {}) | uids | values
    return filled({keyword: value for keyword, value in values.items() if value is not None})


def encoded(header: Dataset, syntax: str = EXPLICIT) -> bytes:
    """Return a file; in a compressed transfer syntax its pixel data are one fragment."""
    meta = header.file_meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    meta.TransferSyntaxUID, meta.ImplementationClassUID = syntax, "2.25.1"
    if syntax != EXPLICIT:
        header.PixelData = encapsulate([bytes(32)])
        header["PixelData"].VR = "OB"
        header["PixelData"].is_undefined_length = True
    file = io.BytesIO()
    dcmwrite(file, header, enforce_file_format=True)
    return file.getvalue()
