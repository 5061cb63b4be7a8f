"""Headers as scanners write them: one function per modality, keyword -> value.

Values are typical of the kind; pixels are a few grey steps. A sequence is a list of dicts; a private element is an
integer tag with its VR.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

__all__ = [
    "Header",
    "code",
    "ct",
    "dx",
    "enhanced_ct",
    "enhanced_mr",
    "frame_of_reference",
    "instance",
    "mg",
    "mr",
    "mr_over_time",
    "pixels",
    "planes",
    "pt",
    "reference",
    "series_of",
    "sr",
    "uid",
    "us",
]

Header = dict[Any, Any]
"""Values by keyword; those of private elements by tag, with their VR."""

_SOP_CLASSES = {
    "CR": "1.2.840.10008.5.1.4.1.1.1",
    "DX": "1.2.840.10008.5.1.4.1.1.1.1",
    "MG": "1.2.840.10008.5.1.4.1.1.1.2",
    "CT": "1.2.840.10008.5.1.4.1.1.2",
    "US": "1.2.840.10008.5.1.4.1.1.3.1",  # Ultrasound Multi-frame
    "MR": "1.2.840.10008.5.1.4.1.1.4",
    "OT": "1.2.840.10008.5.1.4.1.1.7",  # Secondary Capture
    "XA": "1.2.840.10008.5.1.4.1.1.12.1",
    "NM": "1.2.840.10008.5.1.4.1.1.20",
    "SEG": "1.2.840.10008.5.1.4.1.1.66.4",
    "SM": "1.2.840.10008.5.1.4.1.1.77.1.6",
    "SR": "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
    "KO": "1.2.840.10008.5.1.4.1.1.88.59",
    "PT": "1.2.840.10008.5.1.4.1.1.128",
    "ANN": "1.2.840.10008.5.1.4.1.1.91.1",
    "RTDOSE": "1.2.840.10008.5.1.4.1.1.481.2",
    "RTSTRUCT": "1.2.840.10008.5.1.4.1.1.481.3",
    "RTPLAN": "1.2.840.10008.5.1.4.1.1.481.5",
}
_ENHANCED_CT, _ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.4.1"


def uid(name: str) -> str:
    """Return the UID of a name: the same on every run (PS3.5 §B.2, a UUID under 2.25)."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_URL, f'dicom-lake/sample/{name}').int}"


def code(value: str, scheme: str, meaning: str, **more: Any) -> list[Header]:
    """Return a code sequence of one item."""
    return [{"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning, **more}]


def instance(study: Header, modality: str, series: int, number: int, **attributes: Any) -> Header:
    """Return the header of one instance of a study, its UIDs made from patient, series and instance number."""
    key = f"{study['PatientID']}/{study['StudyID']}/{series}"
    return {
        **study,
        "SOPClassUID": _SOP_CLASSES[modality],
        "SOPInstanceUID": uid(f"{key}/{number}"),
        "SeriesInstanceUID": uid(key),
        "Modality": modality,
        "SeriesNumber": series,
        "InstanceNumber": number,
        "Manufacturer": "Example Imaging",
        "InstitutionName": "Sample Hospital",
        **attributes,
    }


def frame_of_reference(of: Header) -> str:
    """Return the FrameOfReferenceUID that all images of a patient have."""
    return uid(f"{of['PatientID']}/frame")


def reference(image: Header, **more: Any) -> Header:
    """Return an item that refers to an instance; ``more`` are further attributes of the item."""
    return {
        "ReferencedSOPClassUID": image["SOPClassUID"],
        "ReferencedSOPInstanceUID": image["SOPInstanceUID"],
        **more,
    }


def series_of(images: list[Header]) -> Header:
    """Return an item of ReferencedSeriesSequence: a series, and these instances of it."""
    return {
        "SeriesInstanceUID": images[0]["SeriesInstanceUID"],
        "ReferencedInstanceSequence": [reference(image) for image in images],
    }


def planes(images: list[Header]) -> list[tuple[Header, list[float]]]:
    """Return a reference to each frame of the images, and its ImagePositionPatient."""
    found = []
    for image in images:
        for number, groups in enumerate(image.get("PerFrameFunctionalGroupsSequence", []), start=1):
            position = groups["PlanePositionSequence"][0]["ImagePositionPatient"]
            found.append((reference(image, ReferencedFrameNumber=number), position))
        if "ImagePositionPatient" in image:
            found.append((reference(image), image["ImagePositionPatient"]))
    return found


def pixels(bits: int = 16, *, rows: int = 8, columns: int = 8, samples: int = 1, frames: int = 1) -> dict[str, Any]:
    """Return an image pixel module whose picture is a ramp."""
    count = rows * columns * samples * frames
    value = (
        b"".join((i * 16 % 4096).to_bytes(2, "little") for i in range(count))
        if bits > 8
        else bytes(i % 256 for i in range(count))
    )
    header: dict[str, Any] = {
        "SamplesPerPixel": samples,
        "PhotometricInterpretation": "RGB" if samples == 3 else "MONOCHROME2",
        "Rows": rows,
        "Columns": columns,
        "BitsAllocated": 16 if bits > 8 else 8,
        "BitsStored": bits if bits <= 8 else 12,
        "HighBit": (bits if bits <= 8 else 12) - 1,
        "PixelRepresentation": 0,
        "PixelData": value,
    }
    if samples == 3:
        header["PlanarConfiguration"] = 0
    if frames > 1:
        header["NumberOfFrames"] = frames
    return header


def ct(of: Header, slices: int, *, series: int = 2, kernel: str = "B30f", **attributes: Any) -> Iterator[Header]:
    """Yield the slices of an axial CT series."""
    for n in range(1, slices + 1):
        yield instance(
            of, "CT", series, n, SeriesDescription=f"Axial 5.0 {kernel}", SeriesDate=of["StudyDate"],
            SeriesTime="102000", AcquisitionDate=of["StudyDate"], AcquisitionTime=f"1020{n:02}.250",
            ManufacturerModelName="Example CT 64", DeviceSerialNumber="CT-0007", SoftwareVersions=["VA1.2", "rev 3"],
            ImageType=["ORIGINAL", "PRIMARY", "AXIAL"], FrameOfReferenceUID=frame_of_reference(of),
            PositionReferenceIndicator="", PatientPosition="HFS", KVP=120, XRayTubeCurrent=180 + n, ExposureTime=500,
            Exposure=90, CTDIvol=7.31, SpiralPitchFactor=0.8, ExposureModulationType="XYZ_EC",
            ConvolutionKernel=kernel, FilterType="FLAT", ReconstructionDiameter=360, GantryDetectorTilt=0,
            SliceThickness=5, SpacingBetweenSlices=5, SliceLocation=-100 + 5 * n,
            ImagePositionPatient=[-180, -180, -100 + 5 * n], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[0.703125, 0.703125], RescaleIntercept=-1024, RescaleSlope=1, RescaleType="HU",
            WindowCenter=[40, 400], WindowWidth=[400, 1800],
            IrradiationEventUID=uid(f"{of['PatientID']}/irradiation"), **(pixels() | attributes),
        )  # fmt: skip


def mr(of: Header, b_values: tuple[int, ...], **attributes: Any) -> Iterator[Header]:
    """Yield one MR image per diffusion b-value, with a private block."""
    for n, b_value in enumerate(b_values, start=1):
        yield instance(
            of, "MR", 4, n, SeriesDescription="ep2d_diff_tra", ManufacturerModelName="Example MR 3T",
            MagneticFieldStrength=3, ImageType=["ORIGINAL", "PRIMARY", "DIFFUSION", "NONE"], ScanningSequence="EP",
            SequenceVariant=["SK", "SP"], MRAcquisitionType="2D", SequenceName=f"*ep_b{b_value}",
            RepetitionTime=6400, EchoTime=98, FlipAngle=90, EchoTrainLength=1, NumberOfAverages=2,
            ImagingFrequency=123.25, ReceiveCoilName="Head_32", ProtocolName="dwi", DiffusionBValue=float(b_value),
            SAR=0.21, SliceThickness=4, SliceLocation=12, PatientPosition="HFS",
            ImagePositionPatient=[-110, -110, 12], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1.71875, 1.71875], FrameOfReferenceUID=frame_of_reference(of),
            **(pixels() | attributes),
        ) | {
            0x00290010: ("LO", "DICOM LAKE SAMPLE 1.0"),
            0x00291001: ("DS", [0.25 * n, -0.5, 1.0]),
            0x00291002: ("SQ", [{0x00290010: ("LO", "DICOM LAKE SAMPLE 1.0"), 0x00291003: ("LO", "gradient")}]),
        }  # fmt: skip


def mr_over_time(of: Header, slices: int, times: int) -> Iterator[Header]:
    """Yield a 4D series: each slice at each time, an instance each."""
    for n in range(slices * times):
        time, place = divmod(n, slices)
        yield instance(
            of, "MR", 6, n + 1, SeriesDescription="perfusion", ManufacturerModelName="Example MR 3T",
            MagneticFieldStrength=3, ImageType=["ORIGINAL", "PRIMARY", "PERFUSION", "NONE"], ScanningSequence="EP",
            SequenceVariant="SK", MRAcquisitionType="2D", RepetitionTime=1500, EchoTime=30, FlipAngle=70,
            ProtocolName="perfusion", TemporalPositionIdentifier=time + 1, NumberOfTemporalPositions=times,
            TemporalResolution=1500, AcquisitionDate=of["StudyDate"], AcquisitionTime=f"1030{1.5 * time:06.3f}",
            AcquisitionNumber=time + 1, SliceThickness=4, SpacingBetweenSlices=5, PatientPosition="HFS",
            ImagePositionPatient=[-110, -110, 5 * place], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[1.71875, 1.71875], FrameOfReferenceUID=frame_of_reference(of), **pixels(),
        )  # fmt: skip


def enhanced_mr(of: Header, places: tuple[float, ...], echo_times: tuple[float, ...]) -> Header:
    """Return one instance with a frame for each place and echo; the functional groups of a frame have its echo time."""
    frames = [(place, echo) for place in range(len(places)) for echo in range(len(echo_times))]
    shared: Header = {
        "PixelMeasuresSequence": [{"PixelSpacing": [0.9, 0.9], "SliceThickness": 3, "SpacingBetweenSlices": 3.3}],
        "PlaneOrientationSequence": [{"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}],
        "FrameAnatomySequence": [{"FrameLaterality": "U", "AnatomicRegionSequence": code("12738006", "SCT", "Brain")}],
        "PixelValueTransformationSequence": [{"RescaleIntercept": 0, "RescaleSlope": 1, "RescaleType": "US"}],
        "MRTimingAndRelatedParametersSequence": [{"RepetitionTime": 3000, "FlipAngle": 90, "EchoTrainLength": 2}],
        "MRImagingModifierSequence": [{"PixelBandwidth": 210, "TransmitterFrequency": 123.25}],
        "MRReceiveCoilSequence": [{"ReceiveCoilName": "Head_32", "ReceiveCoilType": "MULTICOIL"}],
    }
    per_frame = [
        {
            "FrameContentSequence": [_content(of, n, [place + 1, echo + 1])],
            "PlanePositionSequence": [{"ImagePositionPatient": [-100, -100, places[place]]}],
            "MREchoSequence": [{"EffectiveEchoTime": echo_times[echo]}],
        }
        for n, (place, echo) in enumerate(frames)
    ]
    return instance(
        of, "MR", 7, 1, SOPClassUID=_ENHANCED_MR, SeriesDescription="two echoes", ProtocolName="t2 map",
        ManufacturerModelName="Example MR 3T", DeviceSerialNumber="MR-0009", SoftwareVersions="XA1",
        MagneticFieldStrength=3, ResonantNucleus="1H", ImageType=["ORIGINAL", "PRIMARY", "T2", "NONE"],
        PulseSequenceName="*me2d2", EchoPulseSequence="SPIN", MultipleSpinEcho="YES", MRAcquisitionType="2D",
        AcquisitionDateTime=f"{of['StudyDate']}104500", ContentDate=of["StudyDate"], ContentTime="104500",
        FrameOfReferenceUID=frame_of_reference(of), SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=per_frame, **pixels(frames=len(frames)),
    )  # fmt: skip


def enhanced_ct(of: Header, slices: int) -> Header:
    """Return one instance with a frame for each slice; the shared functional groups have all but the positions."""
    shared: Header = {
        "PixelMeasuresSequence": [{"PixelSpacing": [0.75, 0.75], "SliceThickness": 1}],
        "PlaneOrientationSequence": [{"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}],
        "PixelValueTransformationSequence": [{"RescaleIntercept": -1024, "RescaleSlope": 1, "RescaleType": "HU"}],
        "FrameVOILUTSequence": [{"WindowCenter": -600, "WindowWidth": 1500}],
        "CTXRayDetailsSequence": [{"KVP": 100, "FocalSpots": 1.2, "FilterType": "FLAT"}],
        "CTExposureSequence": [{"CTDIvol": 3.4, "ExposureTimeInms": 280.0, "XRayTubeCurrentInmA": 120.0,
                                "ExposureInmAs": 33.6, "ExposureModulationType": "NONE"}],
        "CTReconstructionSequence": [{"ConvolutionKernel": "Br64", "ReconstructionDiameter": 384}],
        "CTAcquisitionDetailsSequence": [{"GantryDetectorTilt": 0, "RotationDirection": "CW", "RevolutionTime": 0.28}],
        "CTTableDynamicsSequence": [{"SpiralPitchFactor": 1.2}],
    }  # fmt: skip
    per_frame = [
        {
            "FrameContentSequence": [_content(of, n, [n + 1])],
            "PlanePositionSequence": [{"ImagePositionPatient": [-192, -192, 200 + n]}],
        }
        for n in range(slices)
    ]
    return instance(
        of, "CT", 2, 1, SOPClassUID=_ENHANCED_CT, SeriesDescription="Axial 1.0 Br64", ProtocolName="Thorax volume",
        ManufacturerModelName="Example CT 128", DeviceSerialNumber="CT-0012", SoftwareVersions="VB2",
        BodyPartExamined="CHEST", ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        AcquisitionDateTime=f"{of['StudyDate']}104500", ContentDate=of["StudyDate"], ContentTime="104500",
        FrameOfReferenceUID=frame_of_reference(of), SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=per_frame, **pixels(frames=slices),
    )  # fmt: skip


def _content(of: Header, frame: int, index: list[int]) -> Header:
    """Return the functional group of a frame's time and place in the stack."""
    return {
        "FrameAcquisitionDateTime": f"{of['StudyDate']}1045{frame:02}",
        "StackID": "1",
        "InStackPositionNumber": index[0],
        "DimensionIndexValues": index,
    }


def pt(of: Header, slices: int, *, series: int = 5, **attributes: Any) -> Iterator[Header]:
    """Yield the slices of an FDG PET series with all that a standardised uptake value needs."""
    tracer = {
        "Radiopharmaceutical": "FDG",
        "RadiopharmaceuticalStartTime": "090000",
        "RadiopharmaceuticalStartDateTime": f"{of['StudyDate']}090000",
        "RadionuclideTotalDose": 3.12e8,
        "RadionuclideHalfLife": 6586.2,
        "RadionuclidePositronFraction": 0.967,
        "RadionuclideCodeSequence": code("77004003", "SCT", "^18^Fluorine"),
        "RadiopharmaceuticalCodeSequence": code("35321007", "SCT", "Fluorodeoxyglucose F^18^"),
    }
    for n in range(1, slices + 1):
        yield instance(
            of, "PT", series, n, SeriesDescription="WB AC", SeriesDate=of["StudyDate"], SeriesTime="100500",
            SeriesType=["WHOLE BODY", "IMAGE"], AcquisitionDate=of["StudyDate"], AcquisitionTime="100500",
            Units="BQML", SUVType="BW", CorrectedImage=["NORM", "DTIM", "ATTN", "SCAT", "DECY"],
            DecayCorrection="START", PatientWeight=71.5, PatientSize=1.74, AttenuationCorrectionMethod="CT",
            ReconstructionMethod="OSEM3D 2i21s", FrameReferenceTime=60000, ActualFrameDuration=120000,
            DecayFactor=1.0123, NumberOfSlices=slices, ImageIndex=n, SliceThickness=3,
            ImagePositionPatient=[-340, -340, 3 * n], ImageOrientationPatient=[1, 0, 0, 0, 1, 0],
            PixelSpacing=[4.07, 4.07], RescaleIntercept=0, RescaleSlope=1.4142,
            FrameOfReferenceUID=frame_of_reference(of), RadiopharmaceuticalInformationSequence=[tracer],
            **pixels(),
        ) | attributes  # fmt: skip


def us(of: Header) -> Header:
    """Return an ultrasound loop of two frames; its sequence of regions has two items."""
    region = {
        "RegionSpatialFormat": 1, "RegionDataType": 1, "RegionFlags": 0, "RegionLocationMinX0": 0,
        "RegionLocationMinY0": 0, "RegionLocationMaxX1": 7, "RegionLocationMaxY1": 3, "PhysicalUnitsXDirection": 3,
        "PhysicalUnitsYDirection": 3, "PhysicalDeltaX": 0.02, "PhysicalDeltaY": 0.02,
    }  # fmt: skip
    doppler = region | {
        "RegionSpatialFormat": 3, "RegionDataType": 3, "RegionLocationMinY0": 4, "RegionLocationMaxY1": 7,
        "PhysicalUnitsXDirection": 4, "PhysicalUnitsYDirection": 7,
    }  # fmt: skip
    return instance(
        of, "US", 1, 1, SeriesDescription="Carotid", ImageType=["ORIGINAL", "PRIMARY", "", "0001"], FrameTime=33.3,
        FrameIncrementPointer=0x00181063, TransducerData="L12-3", ProcessingFunction="", HeartRate=64,
        Laterality="L", SequenceOfUltrasoundRegions=[region, doppler], LossyImageCompression="00", **pixels(8,
        samples=3, frames=2),
    )  # fmt: skip


def mg(of: Header, laterality: str, number: int) -> Header:
    """Return a mammogram; its view code has a modifier."""
    magnified = code("399163009", "SCT", "Magnification")
    return instance(
        of, "MG", 1, number, SeriesDescription=f"{laterality} CC", PresentationIntentType="FOR PRESENTATION",
        ImageType=["DERIVED", "PRIMARY"], ImageLaterality=laterality, ViewPosition="CC", BodyPartExamined="BREAST",
        AnatomicRegionSequence=code("76752008", "SCT", "Breast"), KVP=28, ExposureInuAs=61200, OrganDose=0.0117,
        EntranceDoseInmGy=4.1, CompressionForce=98.2, BodyPartThickness=52, AnodeTargetMaterial="TUNGSTEN",
        FilterMaterial="RHODIUM", ImagerPixelSpacing=[0.07, 0.07], BurnedInAnnotation="NO",
        BreastImplantPresent="NO", ViewCodeSequence=code("399162004", "SCT", "cranio-caudal",
        ViewModifierCodeSequence=magnified), **pixels(),
    )  # fmt: skip


def dx(of: Header, modality: str = "DX", **attributes: Any) -> Header:
    """Return a chest radiograph, digital (DX), computed (CR) or captured (OT)."""
    return instance(
        of, modality, 1, 1, SeriesDescription="Chest PA", ImageType=["ORIGINAL", "PRIMARY"], ViewPosition="PA",
        BodyPartExamined="CHEST", KVP=125, ExposureIndex=412.5, TargetExposureIndex=400, DeviationIndex=0.1,
        ImageAndFluoroscopyAreaDoseProduct=1.25, DistanceSourceToDetector=1800, ImagerPixelSpacing=[0.139, 0.139],
        PixelSpacing=[0.139, 0.139], **(pixels() | attributes),
    )  # fmt: skip


def sr(of: Header, evidence: list[Header]) -> Header:
    """Return a measurement report on a series: a container with a finding and a length."""
    length = {
        "RelationshipType": "CONTAINS", "ValueType": "NUM",
        "ConceptNameCodeSequence": code("410668003", "SCT", "Length"),
        "MeasuredValueSequence": [{"NumericValue": "12.5", "MeasurementUnitsCodeSequence": code("mm", "UCUM", "mm")}],
    }  # fmt: skip
    finding = {
        "RelationshipType": "CONTAINS", "ValueType": "CODE",
        "ConceptNameCodeSequence": code("121071", "DCM", "Finding"),
        "ConceptCodeSequence": code("52988006", "SCT", "Lesion"),
    }  # fmt: skip
    return instance(
        of, "SR", 900, 1, SeriesDescription="Measurements", ContentDate=of["StudyDate"], ContentTime="113000",
        CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED", ValueType="CONTAINER",
        ContinuityOfContent="SEPARATE", ConceptNameCodeSequence=code("126000", "DCM", "Imaging Measurement Report"),
        ContentSequence=[finding, length],
        CurrentRequestedProcedureEvidenceSequence=[
            {
                "StudyInstanceUID": of["StudyInstanceUID"],
                "ReferencedSeriesSequence": [
                    {
                        "SeriesInstanceUID": evidence[0]["SeriesInstanceUID"],
                        "ReferencedSOPSequence": [reference(image) for image in evidence],
                    }
                ],
            }
        ],
        ContentTemplateSequence=[{"MappingResource": "DCMR", "TemplateIdentifier": "1500"}],
    )  # fmt: skip
