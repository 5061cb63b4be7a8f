"""Segmentations of the sample files (PS3.3 A.51): one bit a pixel, each frame with its segment and its source."""

from __future__ import annotations

from release.sample.modalities import Header, code, frame_of_reference, instance, planes, reference, series_of, uid

__all__ = ["seg"]

_ROWS, _COLUMNS = 8, 8


def seg(of: Header, images: list[Header]) -> Header:
    """Return a segmentation of CT slices: a liver, a left kidney and a lesion, each on the slices that show it."""
    structure = code("123037004", "SCT", "Anatomical Structure")
    liver = {
        "SegmentNumber": 1, "SegmentLabel": "Liver", "SegmentAlgorithmType": "AUTOMATIC",
        "SegmentAlgorithmName": "demo 1.0", "SegmentedPropertyCategoryCodeSequence": structure,
        "SegmentedPropertyTypeCodeSequence": code("10200004", "SCT", "Liver"),
        "RecommendedDisplayCIELabValue": [34885, 53485, 50171],
    }  # fmt: skip
    kidney = {
        "SegmentNumber": 2, "SegmentLabel": "Kidney left", "SegmentDescription": "Without the renal pelvis",
        "SegmentAlgorithmType": "SEMIAUTOMATIC", "SegmentAlgorithmName": "demo 1.0",
        "SegmentedPropertyCategoryCodeSequence": structure,
        "SegmentedPropertyTypeCodeSequence": code(
            "64033007", "SCT", "Kidney", SegmentedPropertyTypeModifierCodeSequence=code("7771000", "SCT", "Left")
        ),
        "RecommendedDisplayCIELabValue": [41000, 41900, 47500],
    }  # fmt: skip
    lesion = {
        "SegmentNumber": 3, "SegmentLabel": "Lesion 1", "SegmentAlgorithmType": "MANUAL",
        "SegmentedPropertyCategoryCodeSequence": code("49755003", "SCT", "Morphologically Abnormal Structure"),
        "SegmentedPropertyTypeCodeSequence": code("52988006", "SCT", "Lesion"),
        "AnatomicRegionSequence": code("10200004", "SCT", "Liver"),
        "TrackingID": "Lesion 1", "TrackingUID": uid(f"{of['PatientID']}/lesion 1"),
        "RecommendedDisplayCIELabValue": [57000, 30000, 60000],
    }  # fmt: skip
    # Segment, slice, and the rectangle that is set: its first row, its first column, its height and width.
    places = [
        *[(1, place, (1, 0, 4, 4)) for place in range(len(images))],
        *[(2, place, (4, 5, 2, 2)) for place in (1, 2)],
        (3, 2, (2, 1, 1, 2)),
    ]
    sources = planes(images)
    organization = uid(f"{of['PatientID']}/dimensions")
    shared = {
        "PixelMeasuresSequence": [{"PixelSpacing": images[0]["PixelSpacing"], "SliceThickness": 5,
                                   "SpacingBetweenSlices": 5}],
        "PlaneOrientationSequence": [{"ImageOrientationPatient": images[0]["ImageOrientationPatient"]}],
    }  # fmt: skip
    return instance(
        of, "SEG", 902, 1, SeriesDescription="Liver, kidney, lesion", ContentLabel="ABDOMEN",
        ContentDescription="Organs and a lesion", ContentCreatorName="Reader^Rae", ContentDate=of["StudyDate"],
        ContentTime="112000", ImageType=["DERIVED", "PRIMARY"], SegmentationType="BINARY",
        LossyImageCompression="00", SegmentSequence=[liver, kidney, lesion],
        ReferencedSeriesSequence=[series_of(images)], FrameOfReferenceUID=frame_of_reference(of),
        PositionReferenceIndicator="", DimensionOrganizationType="3D",
        DimensionOrganizationSequence=[{"DimensionOrganizationUID": organization}],
        DimensionIndexSequence=[
            {"DimensionOrganizationUID": organization, "DimensionIndexPointer": 0x0062000B,
             "FunctionalGroupPointer": 0x0062000A, "DimensionDescriptionLabel": "ReferencedSegmentNumber"},
            {"DimensionOrganizationUID": organization, "DimensionIndexPointer": 0x00200032,
             "FunctionalGroupPointer": 0x00209113, "DimensionDescriptionLabel": "ImagePositionPatient"},
        ],
        SharedFunctionalGroupsSequence=[shared],
        PerFrameFunctionalGroupsSequence=[
            {
                "FrameContentSequence": [{"DimensionIndexValues": [segment, place + 1]}],
                "PlanePositionSequence": [{"ImagePositionPatient": sources[place][1]}],
                "SegmentIdentificationSequence": [{"ReferencedSegmentNumber": segment}],
                "DerivationImageSequence": [
                    {
                        "SourceImageSequence": [
                            reference(
                                images[place],
                                PurposeOfReferenceCodeSequence=code(
                                    "121322", "DCM", "Source image for image processing operation"
                                ),
                            )
                        ],
                        "DerivationCodeSequence": code("113076", "DCM", "Segmentation"),
                    }
                ],
            }
            for segment, place, _ in places
        ],
        SamplesPerPixel=1, PhotometricInterpretation="MONOCHROME2", NumberOfFrames=len(places), Rows=_ROWS,
        Columns=_COLUMNS, BitsAllocated=1, BitsStored=1, HighBit=0, PixelRepresentation=0,
        PixelData=_bits([rectangle for _, _, rectangle in places]),
    )  # fmt: skip


def _bits(rectangles: list[tuple[int, int, int, int]]) -> bytes:
    """Return frames of one bit a pixel, the first pixel in the lowest bit, no gap between frames (PS3.5 §8.1.1)."""
    bits = [
        row <= y < row + height and column <= x < column + width
        for row, column, height, width in rectangles
        for y in range(_ROWS)
        for x in range(_COLUMNS)
    ]
    packed = bytes(sum(bit << n for n, bit in enumerate(bits[at : at + 8])) for at in range(0, len(bits), 8))
    return packed + bytes(len(packed) % 2)
