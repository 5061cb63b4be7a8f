"""Radiotherapy objects of the sample files: structure sets, a plan and its dose (PS3.3 A.19, A.20, A.18)."""

from __future__ import annotations

from dataclasses import dataclass

from release.sample.modalities import Header, frame_of_reference, instance, planes, reference

__all__ = ["Roi", "rtdose", "rtplan", "rtstruct"]


@dataclass(frozen=True)
class Roi:
    """A region of interest, whose contours are squares.

    Attributes:
        name: As its maker wrote it.
        color: RGB.
        corner: x and y of the square's first corner in mm.
        side: Length of the square's side in mm.
        places: Planes that it is on, from 0; none is a region without contours.
        interpreted_type: ORGAN, PTV, ...; None leaves the observation out.
        algorithm: AUTOMATIC, SEMIAUTOMATIC or MANUAL.
        codes: RTROIIdentificationCodeSequence, which few systems write.
    """

    name: str
    color: tuple[int, int, int]
    corner: tuple[float, float]
    side: float
    places: tuple[int, ...]
    interpreted_type: str | None = "ORGAN"
    algorithm: str = "MANUAL"
    codes: tuple[Header, ...] = ()


def rtstruct(of: Header, images: list[Header], label: str, rois: list[Roi]) -> Header:
    """Return a structure set on a series; the contours of each region refer to their image or frame."""
    frame = frame_of_reference(of)
    found = planes(images)
    numbered = list(enumerate(rois, start=1))
    series = {
        "SeriesInstanceUID": images[0]["SeriesInstanceUID"],
        "ContourImageSequence": [reference(image) for image in images],
    }
    study = {
        "ReferencedSOPClassUID": "1.2.840.10008.3.1.2.3.1",  # Detached Study Management, retired, as all systems write
        "ReferencedSOPInstanceUID": of["StudyInstanceUID"],
        "RTReferencedSeriesSequence": [series],
    }
    return instance(
        of, "RTSTRUCT", 901, 1, SeriesDescription="Contours", OperatorsName="", StructureSetLabel=label,
        StructureSetDate=of["StudyDate"], StructureSetTime="113500", FrameOfReferenceUID=frame,
        PositionReferenceIndicator="",
        ReferencedFrameOfReferenceSequence=[{"FrameOfReferenceUID": frame, "RTReferencedStudySequence": [study]}],
        StructureSetROISequence=[
            {"ROINumber": n, "ReferencedFrameOfReferenceUID": frame, "ROIName": roi.name,
             "ROIGenerationAlgorithm": roi.algorithm}
            for n, roi in numbered
        ],
        ROIContourSequence=[
            {
                "ROIDisplayColor": list(roi.color),
                "ReferencedROINumber": n,
                "ContourSequence": [
                    {
                        "ContourImageSequence": [found[place][0]],
                        "ContourGeometricType": "CLOSED_PLANAR",
                        "NumberOfContourPoints": 4,
                        "ContourData": _square(roi, found[place][1][2]),
                    }
                    for place in roi.places
                ],
            }
            for n, roi in numbered if roi.places
        ],
        RTROIObservationsSequence=[
            {"ObservationNumber": n, "ReferencedROINumber": n, "ROIObservationLabel": roi.name,
             "RTROIInterpretedType": roi.interpreted_type, "ROIInterpreter": ""}
            | ({"RTROIIdentificationCodeSequence": list(roi.codes)} if roi.codes else {})
            for n, roi in numbered if roi.interpreted_type is not None
        ],
        ApprovalStatus="UNAPPROVED",
    )  # fmt: skip


def _square(roi: Roi, z: float) -> list[float]:
    """Return ContourData: x, y, z of each point."""
    (x, y), side = roi.corner, roi.side
    return [x, y, z, x + side, y, z, x + side, y + side, z, x, y + side, z]


def rtplan(of: Header, structures: Header) -> Header:
    """Return a plan of 25 fractions: a static beam with a wedge, and an arc."""
    isocenter = [-120.0, -120.0, -90.0]
    first = {
        "ControlPointIndex": 0, "CumulativeMetersetWeight": 0, "BeamLimitingDeviceRotationDirection": "NONE",
        "BeamLimitingDeviceAngle": 0, "PatientSupportAngle": 0, "PatientSupportRotationDirection": "NONE",
        "IsocenterPosition": isocenter,
        "BeamLimitingDevicePositionSequence": [
            {"RTBeamLimitingDeviceType": "ASYMX", "LeafJawPositions": [-40, 40]},
            {"RTBeamLimitingDeviceType": "ASYMY", "LeafJawPositions": [-35, 35]},
        ],
    }  # fmt: skip
    static = _beam(1, "AP wedge", "STATIC", [
        first | {"NominalBeamEnergy": 6, "DoseRateSet": 400, "GantryAngle": 0, "GantryRotationDirection": "NONE",
                 "WedgePositionSequence": [{"ReferencedWedgeNumber": 1, "WedgePosition": "IN"}]},
        {"ControlPointIndex": 1, "CumulativeMetersetWeight": 1},
    ], wedges=[{"WedgeNumber": 1, "WedgeType": "STANDARD", "WedgeID": "W15", "WedgeAngle": 15, "WedgeFactor": 0.78,
                "WedgeOrientation": 0}])  # fmt: skip
    arc = _beam(2, "Arc CW", "DYNAMIC", [
        first | {"NominalBeamEnergy": 10, "DoseRateSet": 600, "GantryAngle": 181, "GantryRotationDirection": "CW"},
        {"ControlPointIndex": 1, "CumulativeMetersetWeight": 0.5, "GantryAngle": 0, "GantryRotationDirection": "CW"},
        {"ControlPointIndex": 2, "CumulativeMetersetWeight": 1, "GantryAngle": 179, "GantryRotationDirection": "NONE"},
    ])  # fmt: skip
    fractions = {
        "FractionGroupNumber": 1, "NumberOfFractionsPlanned": 25, "NumberOfBeams": 2,
        "NumberOfBrachyApplicationSetups": 0,
        "ReferencedBeamSequence": [
            {"ReferencedBeamNumber": 1, "BeamMeterset": 120.5, "BeamDose": 0.7},
            {"ReferencedBeamNumber": 2, "BeamMeterset": 310.25, "BeamDose": 1.1},
        ],
    }  # fmt: skip
    return instance(
        of, "RTPLAN", 903, 1, SeriesDescription="Plan", OperatorsName="", RTPlanLabel="LIVER_45",
        RTPlanName="Liver 45 Gy", RTPlanDate=of["StudyDate"], RTPlanTime="140000", PlanIntent="CURATIVE",
        RTPlanGeometry="PATIENT", FrameOfReferenceUID=frame_of_reference(of), PositionReferenceIndicator="",
        DoseReferenceSequence=[
            {"DoseReferenceNumber": 1, "DoseReferenceStructureType": "SITE", "DoseReferenceDescription": "Liver",
             "DoseReferenceType": "TARGET", "TargetPrescriptionDose": 45}
        ],
        FractionGroupSequence=[fractions],
        PatientSetupSequence=[{"PatientSetupNumber": 1, "PatientPosition": "HFS"}],
        BeamSequence=[static, arc], ReferencedStructureSetSequence=[reference(structures)],
        ApprovalStatus="APPROVED", ReviewDate=of["StudyDate"], ReviewTime="150000", ReviewerName="Planner^Pat",
    )  # fmt: skip


def _beam(number: int, name: str, kind: str, points: list[Header], *, wedges: list[Header] | None = None) -> Header:
    """Return an item of BeamSequence."""
    return {
        "BeamNumber": number, "BeamName": name, "BeamType": kind, "RadiationType": "PHOTON",
        "TreatmentDeliveryType": "TREATMENT", "TreatmentMachineName": "LINAC-1", "Manufacturer": "Example Imaging",
        "PrimaryDosimeterUnit": "MU", "SourceAxisDistance": 1000,
        "BeamLimitingDeviceSequence": [
            {"RTBeamLimitingDeviceType": device, "NumberOfLeafJawPairs": 1} for device in ("ASYMX", "ASYMY")
        ],
        "NumberOfWedges": len(wedges or []), "NumberOfCompensators": 0, "NumberOfBoli": 0, "NumberOfBlocks": 0,
        "FinalCumulativeMetersetWeight": 1, "NumberOfControlPoints": len(points), "ControlPointSequence": points,
        "ReferencedPatientSetupNumber": 1,
    } | ({"WedgeSequence": wedges} if wedges else {})  # fmt: skip


def rtdose(of: Header, plan: Header, structures: Header) -> Header:
    """Return the dose of a plan: three planes of 32 bits a pixel, and two dose-volume histograms."""
    rows, columns, offsets, scaling = 4, 4, [0, 5, 10], 0.0005
    doses = [1000 * n for n in range(rows * columns * len(offsets))]
    return instance(
        of, "RTDOSE", 904, 1, SeriesDescription="Plan dose", OperatorsName="", InstanceCreationDate=of["StudyDate"],
        DoseUnits="GY", DoseType="PHYSICAL", DoseSummationType="PLAN", DoseGridScaling=scaling,
        DoseComment="Sum of all fractions", TissueHeterogeneityCorrection="IMAGE",
        FrameOfReferenceUID=frame_of_reference(of), PositionReferenceIndicator="",
        ImagePositionPatient=[-180, -180, -95], ImageOrientationPatient=[1, 0, 0, 0, 1, 0], PixelSpacing=[30, 30],
        SliceThickness=5, NumberOfFrames=len(offsets), FrameIncrementPointer=0x3004000C,
        GridFrameOffsetVector=offsets,
        DVHSequence=[_histogram(1, 12.0, 46.2, 44.1), _histogram(3, 0.1, 8.4, 2.6)],
        ReferencedRTPlanSequence=[reference(plan)], ReferencedStructureSetSequence=[reference(structures)],
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", Rows=rows, Columns=columns, BitsAllocated=32,
        BitsStored=32, HighBit=31, PixelRepresentation=0,
        PixelData=b"".join(dose.to_bytes(4, "little") for dose in doses),
    )  # fmt: skip


def _histogram(roi: int, least: float, greatest: float, mean: float) -> Header:
    """Return an item of DVHSequence; DVHData are widths of bins in Gy, each with its volume."""
    volumes = [180.0, 176.5, 90.25, 0.0]
    width = greatest / 3
    data = [value for n, volume in enumerate(volumes) for value in (0.0 if n == 0 else round(width, 3), volume)]
    return {
        "DVHReferencedROISequence": [{"ReferencedROINumber": roi, "DVHROIContributionType": "INCLUDED"}],
        "DVHType": "CUMULATIVE", "DoseUnits": "GY", "DoseType": "PHYSICAL", "DVHDoseScaling": 1,
        "DVHVolumeUnits": "CM3", "DVHNumberOfBins": len(volumes), "DVHData": data, "DVHMinimumDose": least,
        "DVHMaximumDose": greatest, "DVHMeanDose": mean,
    }  # fmt: skip
