"""A corpus for measurements: CT and MR series as scanners write them, many private elements, tiny pixels.

    python -m benchmarks.series_on_disk FOLDER [HEADERS]

Half of the series are CT, half MR with 120 private elements and 2 KiB of opaque ones. A series has 200 slices; each is
a study of its own, on a date of its own, in a folder of its own. Slices differ where real ones do: UIDs, numbers,
positions, times. The same bytes on every run.
"""

from __future__ import annotations

import hashlib
import io
import random
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset

__all__ = ["make_corpus"]

SLICES = 200
CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}

# What differs between slices is written as a marker of its final length, and then replaced in the bytes.
UID, NUMBER, DECIMALS, TIME = "2.25." + "7" * 38, "987654", "-98765.43219", "235957.987654"


def make_corpus(folder: Path, headers: int) -> None:
    """Write ``headers`` files below ``folder``, a folder per series."""
    for number, first in enumerate(range(0, headers, SLICES)):
        series = folder / f"study_{number:04}"
        series.mkdir(parents=True)
        modality = ("CT", "MR")[number % 2]
        for slice_, content in enumerate(slices(modality, number, min(SLICES, headers - first))):
            (series / f"{modality}{slice_:04}.dcm").write_bytes(content)


def slices(modality: str, study: int, count: int) -> Iterator[bytes]:
    """Yield the files of one series: one is encoded, the others are made from its bytes."""
    template = encoded(series(modality, study))
    for n in range(count):
        position = (-180.0, -171.25 + study, -400.0 + 2.5 * n)
        decimals = "\\".join(f"{value:012.5f}" for value in position)
        yield (
            template.replace(UID.encode(), uid(f"{study}/{n}").encode())
            .replace(TIME.encode(), f"10{n // 60 % 60:02}{n % 60:02}.{n * 997 % 1_000_000:06}".encode())
            .replace(NUMBER.encode(), f"{n + 1:06}".encode())
            .replace("\\".join([DECIMALS] * 3).encode(), decimals.encode())
            .replace(DECIMALS.encode(), f"{position[2]:012.5f}".encode())
        )


def uid(name: str) -> str:
    """Return a UID of 43 characters, as long as its marker."""
    digits = int.from_bytes(hashlib.sha256(name.encode()).digest()) % (9 * 10**37)
    return f"2.25.{10**37 + digits}"


def encoded(header: Dataset) -> bytes:
    """Return a file in explicit little endian with the markers in it."""
    meta = header.file_meta = FileMetaDataset()
    meta.FileMetaInformationVersion = b"\x00\x01"
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = header.SOPClassUID, header.SOPInstanceUID
    meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    meta.ImplementationClassUID = "2.25.1"
    file = io.BytesIO()
    dcmwrite(file, header, enforce_file_format=True)
    return file.getvalue()


def series(modality: str, study: int) -> Dataset:
    """Return the header that the slices of a series share, with markers where they differ."""
    day = f"{date(2015, 1, 5) + timedelta(days=study * 13):%Y%m%d}"
    header = Dataset()
    values = {
        "SpecificCharacterSet": "ISO_IR 100", "SOPClassUID": CLASSES[modality], "SOPInstanceUID": UID,
        "InstanceCreationDate": day, "InstanceCreationTime": TIME, "StudyDate": day, "SeriesDate": day,
        "AcquisitionDate": day, "ContentDate": day, "StudyTime": "095511.125", "SeriesTime": "100102.5",
        "AcquisitionTime": TIME, "ContentTime": TIME, "AccessionNumber": f"A{study:07}", "Modality": modality,
        "Manufacturer": "Example Imaging", "InstitutionName": "Sample Hospital", "StationName": f"{modality}01",
        "InstitutionAddress": "1 Example Street, Exampleton", "ReferringPhysicianName": "Referrer^Robin",
        "StudyDescription": f"{modality} routine", "SeriesDescription": "axial",
        "PerformingPhysicianName": "Per^Former", "OperatorsName": "Op^Erator",
        "ManufacturerModelName": "Example 64", "PatientName": f"Müller^Mira^{study}",
        "PatientID": f"BENCH-{study:05}", "PatientBirthDate": "19560229", "PatientSex": "F",
        "PatientAge": "061Y", "PatientSize": "1.69", "PatientWeight": "70.5", "BodyPartExamined": "CHEST",
        "SliceThickness": "2.5",
        "DeviceSerialNumber": "4711", "SoftwareVersions": ["VE11", "rev 7"], "ProtocolName": "routine",
        "PatientPosition": "HFS", "StudyInstanceUID": uid(f"study/{study}"),
        "SeriesInstanceUID": uid(f"series/{study}"),
        "StudyID": str(study), "SeriesNumber": "3", "AcquisitionNumber": "1", "InstanceNumber": NUMBER,
        "ImagePositionPatient": [DECIMALS] * 3, "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "FrameOfReferenceUID": uid(f"frame/{study}"), "PositionReferenceIndicator": "", "SliceLocation": DECIMALS,
        "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "Rows": 8, "Columns": 8,
        "PixelSpacing": ["0.703125", "0.703125"], "BitsAllocated": 16, "BitsStored": 12, "HighBit": 11,
        "PixelRepresentation": 0, "WindowCenter": ["40", "400"], "WindowWidth": ["400", "1800"],
        "WindowCenterWidthExplanation": ["SOFT", "BONE"], "PerformedProcedureStepStartDate": day,
        "PerformedProcedureStepID": f"P{study}", "PixelData": bytes(128),
    } | (CT_VALUES if modality == "CT" else MR_VALUES)  # fmt: skip
    for keyword, value in values.items():
        setattr(header, keyword, value)
    header.ProcedureCodeSequence = [code("P-1", "chest")]
    header.ReferencedImageSequence = [reference(f"{study}/{n}") for n in range(3)]
    header.RequestAttributesSequence = [code_of_request(study)]
    add_private(header, 120 if modality == "MR" else 24, opaque=2048 if modality == "MR" else 0)
    return header


CT_VALUES = {
    "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", "CT_SOM5 SPI"], "KVP": "120", "DataCollectionDiameter": "500",
    "ReconstructionDiameter": "360", "DistanceSourceToDetector": "1040", "DistanceSourceToPatient": "570",
    "GantryDetectorTilt": "0", "TableHeight": "151", "RotationDirection": "CW", "ExposureTime": "500",
    "XRayTubeCurrent": "180", "Exposure": "90", "FilterType": "FLAT", "GeneratorPower": "22", "FocalSpots": "1.2",
    "ConvolutionKernel": "B30f", "SingleCollimationWidth": 0.6, "TotalCollimationWidth": 38.4, "TableSpeed": 46.0,
    "SpiralPitchFactor": 0.8, "CTDIvol": 7.31, "ExposureModulationType": "XYZ_EC", "EstimatedDoseSaving": 21.5,
    "RescaleIntercept": "-1024", "RescaleSlope": "1", "RescaleType": "HU",
}  # fmt: skip
MR_VALUES = {
    "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND", "NORM"], "ScanningSequence": "SE", "SequenceVariant": ["SK", "SP"],
    "ScanOptions": "PFP", "MRAcquisitionType": "2D", "SequenceName": "*tse2d1_15", "AngioFlag": "N",
    "RepetitionTime": "4000", "EchoTime": "101", "NumberOfAverages": "2", "ImagingFrequency": "123.249",
    "ImagedNucleus": "1H", "EchoNumbers": "1", "MagneticFieldStrength": "3", "SpacingBetweenSlices": "3.3",
    "NumberOfPhaseEncodingSteps": "256", "EchoTrainLength": "15", "PercentSampling": "100", "PixelBandwidth": "190",
    "TransmitCoilName": "Body", "AcquisitionMatrix": [0, 320, 256, 0], "InPlanePhaseEncodingDirection": "ROW",
    "FlipAngle": "150", "VariableFlipAngleFlag": "N", "SAR": "0.612", "dBdt": "0",
}  # fmt: skip


def code(value: str, meaning: str) -> Dataset:
    """Return the item of a code sequence."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "99BENCH", meaning
    return item


def reference(name: str) -> Dataset:
    """Return the item that refers to another image."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = CLASSES["MR"], uid(f"reference/{name}")
    return item


def code_of_request(study: int) -> Dataset:
    """Return a request with a protocol code nested in it."""
    item = Dataset()
    item.RequestedProcedureID, item.ScheduledProcedureStepID = f"R{study}", f"S{study}"
    item.ScheduledProtocolCodeSequence = [code("P-2", "protocol")]
    return item


def add_private(header: Dataset, count: int, *, opaque: int) -> None:
    """Add blocks of private elements, one in ten of which differs from slice to slice."""
    chance = random.Random(count)
    for number in range(count):
        block = header.private_block(0x0019 + 2 * (number // 60), "EXAMPLE BENCH 1.0", create=True)
        at = 0x10 + number % 60
        if number % 10 == 0:
            block.add_new(at, "DS", DECIMALS)
        elif number % 3 == 0:
            block.add_new(at, "DS", [f"{chance.uniform(-9, 9):.6f}" for _ in range(3)])
        elif number % 3 == 1:
            block.add_new(at, "LO", f"parameter {number} = {chance.randrange(10**6)}")
        else:
            block.add_new(at, "FD", [chance.random() for _ in range(2)])
    if opaque:
        header.private_block(0x0029, "EXAMPLE BENCH HEADER", create=True).add_new(0x10, "OB", chance.randbytes(opaque))


if __name__ == "__main__":
    make_corpus(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 20_000)
