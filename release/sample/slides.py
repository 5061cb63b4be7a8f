"""Slides of the sample files: levels of a whole slide image (PS3.3 A.32.8), and annotations of one (PS3.3 A.87)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from release.sample.modalities import Header, code, frame_of_reference, instance, pixels, reference, series_of, uid

__all__ = ["ann", "slide_levels", "sm"]

_TILE = 8
"""Rows and columns of a tile."""


def sm(of: Header) -> Header:
    """Return one level of a whole slide image."""
    return instance(
        of, "SM", 1, 1, SeriesDescription="HE", ImageType=["ORIGINAL", "PRIMARY", "VOLUME", "NONE"],
        ContainerIdentifier="S24-17A", TotalPixelMatrixColumns=16, TotalPixelMatrixRows=8, ImagedVolumeWidth=0.008,
        ImagedVolumeHeight=0.004,
        SpecimenDescriptionSequence=[{"SpecimenIdentifier": "S24-17A-1", "SpecimenUID": uid("specimen")}],
        ExtendedDepthOfField="NO", FocusMethod="AUTO", BurnedInAnnotation="NO", LossyImageCompression="01",
        LossyImageCompressionRatio=[12.4], LossyImageCompressionMethod=["ISO_10918_1"], **pixels(8, samples=3,
        frames=2),
    )  # fmt: skip


def slide_levels(of: Header, columns: int, rows: int, levels: int) -> Iterator[Header]:
    """Yield the levels of a slide, the base level of ``columns`` x ``rows`` pixels first; each halves the one before.

    The tiles of a level are in the order of TILED_FULL (PS3.3 C.7.6.17.3), so no functional group has their places.
    """
    for level in range(levels):
        spacing, width, height = 0.0005 * 2**level, columns >> level, rows >> level
        kind = (
            ["ORIGINAL", "PRIMARY", "VOLUME", "NONE"] if level == 0 else ["DERIVED", "PRIMARY", "VOLUME", "RESAMPLED"]
        )
        tiles = -(-width // _TILE) * -(-height // _TILE)
        shared = {
            "PixelMeasuresSequence": [{"PixelSpacing": [spacing, spacing], "SliceThickness": 0.001}],
            "WholeSlideMicroscopyImageFrameTypeSequence": [{"FrameType": kind}],
            "OpticalPathIdentificationSequence": [{"OpticalPathIdentifier": "1"}],
        }
        yield instance(
            of, "SM", 1, level + 1, SeriesDescription="HE 20x", ImageType=kind, AcquisitionDateTime=f"{of['StudyDate']}"
            "113000", ContentDate=of["StudyDate"], ContentTime="113000", ManufacturerModelName="Example Scan 20",
            DeviceSerialNumber="SM-0003", SoftwareVersions="4.1", FrameOfReferenceUID=frame_of_reference(of),
            PositionReferenceIndicator="SLIDE_CORNER", PyramidUID=uid(f"{of['PatientID']}/pyramid"),
            ContainerIdentifier="S24-23B", IssuerOfTheContainerIdentifierSequence=[],
            ContainerTypeCodeSequence=code("433466003", "SCT", "Microscope slide"),
            SpecimenDescriptionSequence=[_specimen(of)], OpticalPathSequence=[_optical_path()], NumberOfOpticalPaths=1,
            TotalPixelMatrixColumns=width, TotalPixelMatrixRows=height, TotalPixelMatrixFocalPlanes=1,
            TotalPixelMatrixOriginSequence=[{"XOffsetInSlideCoordinateSystem": 20.0,
                                             "YOffsetInSlideCoordinateSystem": 40.0}],
            ImageOrientationSlide=[0, -1, 0, -1, 0, 0], ImagedVolumeWidth=columns * 0.0005,
            ImagedVolumeHeight=rows * 0.0005, ImagedVolumeDepth=1.0, VolumetricProperties="VOLUME",
            DimensionOrganizationType="TILED_FULL", SharedFunctionalGroupsSequence=[shared],
            SpecimenLabelInImage="NO", ExtendedDepthOfField="NO", FocusMethod="AUTO", BurnedInAnnotation="NO",
            LossyImageCompression="00", **pixels(8, rows=_TILE, columns=_TILE, samples=3, frames=tiles),
        )  # fmt: skip


def _optical_path() -> Header:
    """Return an item of OpticalPathSequence (PS3.3 C.8.12.5)."""
    return {
        "OpticalPathIdentifier": "1",
        "OpticalPathDescription": "Brightfield",
        "IlluminationTypeCodeSequence": code("111744", "DCM", "Brightfield illumination"),
        "IlluminationColorCodeSequence": code("414298005", "SCT", "Full Spectrum"),
        "ObjectiveLensPower": 20,
        "ObjectiveLensNumericalAperture": 0.75,
    }


def _specimen(of: Header) -> Header:
    """Return an item of SpecimenDescriptionSequence, with the steps that prepared it (PS3.16 TID 8001 to 8003)."""
    processing = code("9265001", "SCT", "Specimen processing")
    return {
        "SpecimenIdentifier": "S24-23B-1",
        "SpecimenUID": uid(f"{of['PatientID']}/specimen"),
        "IssuerOfTheSpecimenIdentifierSequence": [],
        "SpecimenShortDescription": "Skin, left forearm",
        "SpecimenTypeCodeSequence": code("119376003", "SCT", "Tissue specimen"),
        "PrimaryAnatomicStructureSequence": code("39937001", "SCT", "Skin"),
        "SpecimenPreparationSequence": [
            _step(processing, _coded(("430864009", "SCT", "Tissue fixative"), ("431510009", "SCT", "Formalin"))),
            _step(processing, _coded(("430863003", "SCT", "Embedding medium"), ("311731000", "SCT", "Paraffin wax"))),
            _step(
                code("127790008", "SCT", "Staining"),
                {"ValueType": "TEXT", "TextValue": "HE, routine",
                 "ConceptNameCodeSequence": code("111703", "DCM", "Processing step description")},
                _coded(("424361007", "SCT", "Using substance"), ("12710003", "SCT", "Hematoxylin stain")),
                _coded(("424361007", "SCT", "Using substance"), ("36879007", "SCT", "Water soluble eosin stain")),
            ),
        ],
    }  # fmt: skip


def _step(kind: list[Header], *items: Header) -> Header:
    """Return an item of SpecimenPreparationSequence: content items, the specimen's identifier and the type first."""
    specimen = {"ValueType": "TEXT", "TextValue": "S24-23B-1",
                "ConceptNameCodeSequence": code("121041", "DCM", "Specimen Identifier")}  # fmt: skip
    processing = {"ValueType": "CODE", "ConceptNameCodeSequence": code("111701", "DCM", "Processing type"),
                  "ConceptCodeSequence": kind}  # fmt: skip
    return {"SpecimenPreparationStepContentItemSequence": [specimen, processing, *items]}


def _coded(concept: tuple[str, str, str], value: tuple[str, str, str]) -> Header:
    """Return a content item of the type CODE."""
    return {"ValueType": "CODE", "ConceptNameCodeSequence": code(*concept), "ConceptCodeSequence": code(*value)}


def ann(of: Header, levels: list[Header]) -> Header:
    """Return annotations of a slide's base level: nuclei as points that a program found, and a region of tumor."""
    program = {
        "AlgorithmFamilyCodeSequence": code("123110", "DCM", "Artificial Intelligence"),
        "AlgorithmName": "demo nuclei",
        "AlgorithmVersion": "2.0",
    }
    nuclei = _group(
        1, "Nuclei", "AUTOMATIC", "POINT", [(3.5, 4.5), (10.0, 7.25), (21.0, 16.5)], of=of, annotations=3,
        AnnotationGroupAlgorithmIdentificationSequence=[program],
        AnnotationPropertyCategoryCodeSequence=code("91723000", "SCT", "Anatomical Structure"),
        AnnotationPropertyTypeCodeSequence=code("84640000", "SCT", "Nucleus"),
    )  # fmt: skip
    tumor = _group(
        2, "Tumor", "MANUAL", "POLYGON", [(2.0, 2.0), (14.0, 2.0), (14.0, 10.0), (2.0, 10.0)], of=of, annotations=1,
        LongPrimitivePointIndexList=struct.pack("<L", 1),
        AnnotationPropertyCategoryCodeSequence=code("49755003", "SCT", "Morphologically Abnormal Structure"),
        AnnotationPropertyTypeCodeSequence=code("108369006", "SCT", "Neoplasm"),
    )  # fmt: skip
    return instance(
        of, "ANN", 2, 1, SeriesDescription="Annotations", ContentLabel="NUCLEI", ContentDescription="Nuclei and tumor",
        ContentDate=of["StudyDate"], ContentTime="150000", ContentCreatorName="Reader^Rae",
        AnnotationCoordinateType="2D", PixelOriginInterpretation="VOLUME", AnnotationGroupSequence=[nuclei, tumor],
        ReferencedImageSequence=[reference(levels[0])], ReferencedSeriesSequence=[series_of(levels)],
    )  # fmt: skip


def _group(
    number: int,
    label: str,
    made: str,
    graphic: str,
    points: list[tuple[float, float]],
    *,
    of: Header,
    annotations: int,
    **attributes: Any,
) -> Header:
    """Return an item of AnnotationGroupSequence (PS3.3 C.37.1.2); ``points`` are columns and rows of the base level."""
    return {
        "AnnotationGroupNumber": number,
        "AnnotationGroupUID": uid(f"{of['PatientID']}/annotations {number}"),
        "AnnotationGroupLabel": label,
        "AnnotationGroupGenerationType": made,
        "NumberOfAnnotations": annotations,
        "AnnotationAppliesToAllOpticalPaths": "YES",
        "GraphicType": graphic,
        "PointCoordinatesData": struct.pack(f"<{2 * len(points)}f", *(value for point in points for value in point)),
        **attributes,
    }
