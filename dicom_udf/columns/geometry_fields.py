"""The columns of the view ``series_geometry``; :mod:`dicom_udf.columns.geometry` makes them."""

from __future__ import annotations

from dicom_udf.columns.fields import Field

__all__ = ["COMMENT", "FIELDS"]

COMMENT = (
    "one row per series with a frame that has a position: whether its frames make a volume; images that are a "
    "LOCALIZER, projection, MIP, SEG or RTDOSE are left out"
)

FIELDS = (
    Field("study_instance_uid", "string", "(0020,000D) StudyInstanceUID, UI."),
    Field("series_instance_uid", "string", "(0020,000E) SeriesInstanceUID, UI."),
    Field(
        "study_date",
        "date",
        "The study date of all its files. Null where two files differ or a file has none. A filter on it reads other "
        "days only for the UIDs of their files.",
    ),
    Field("modality", "string", "(0008,0060) Modality, CS. Null where frames differ."),
    Field("frame_of_reference_uid", "string", "(0020,0052) FrameOfReferenceUID, UI. Null where frames differ."),
    Field("frames", "bigint", "Frames with a position; an image without functional groups is one frame."),
    Field("frames_left_out", "bigint", "Frames of images that are a LOCALIZER, projection, MIP, SEG or RTDOSE."),
    Field("frames_without_position", "bigint", "Other frames that have no position; no other column counts them."),
    Field("positions", "bigint", "Different positions along the normal. Those not more than 0.01 mm apart are one."),
    Field("repetitions_min", "bigint", "Fewest frames at one position."),
    Field(
        "repetitions_max",
        "bigint",
        "Most frames at one position. Both 1: 3D. Both equal and above 1: 4D. Unequal: duplicates or a mixture.",
    ),
    Field("slice_spacing", "double", "Mean distance of neighbouring positions, mm. Null with less than 2 positions."),
    Field("slice_spacing_min", "double", "Least distance of neighbouring positions, mm."),
    Field("slice_spacing_max", "double", "Greatest distance of neighbouring positions, mm."),
    Field(
        "slice_spacing_deviation",
        "double",
        "Greatest difference of a distance from the median distance, mm. The median is the middle of the sorted "
        "distances; of two the lesser.",
    ),
    Field(
        "missing_slices",
        "bigint",
        "Slices that fit into the distances greater than 1.5 times the median distance.",
    ),
    Field("slice_gap", "double", "slice_spacing minus the SliceThickness of all frames, mm. Negative: slices overlap."),
    Field("is_single_orientation", "boolean", "True if all frames have one orientation, rounded to 4 digits."),
    Field("is_single_pixel_spacing", "boolean", "True if all frames have one PixelSpacing. Null if no frame has one."),
    Field("is_single_matrix", "boolean", "True if all frames have the same Rows and Columns."),
    Field(
        "in_plane_shift",
        "double",
        "Greatest range of the first pixels along a row or column, mm. Tilted CT: above 0.1 with a "
        "gantry_detector_tilt other than 0.",
    ),
    Field(
        "obliquity_degrees",
        "double",
        "Angle between the normal and the nearest axis of the patient. Null where orientations differ.",
    ),
    Field("gantry_detector_tilt", "double", "(0018,1120) GantryDetectorTilt, DS, degrees. Null where frames differ."),
    Field(
        "is_regular_volume",
        "boolean",
        "True if positions > 1, one orientation, pixel spacing and matrix, repetitions_max = 1, in_plane_shift < 0.1 "
        "mm, slice_spacing_deviation < 1 % of slice_spacing. Null where one is unknown and no other one fails.",
    ),
    Field(
        "is_regular_4d",
        "boolean",
        "As is_regular_volume, but with repetitions_min = repetitions_max > 1.",
    ),
    Field(
        "fourth_dimension",
        "string",
        "Column that distinguishes frames at one position: the first with repetitions_max values (diffusion_b_value: "
        "with several); unknown without one. Null where repetitions_max is 1.",
    ),
    Field(
        "instance_numbers_missing",
        "bigint",
        "Numbers between the least and greatest InstanceNumber that no file of the series has.",
    ),
    Field(
        "spacing_attribute_disagrees",
        "boolean",
        "True if a (0018,0088) SpacingBetweenSlices differs from slice_spacing by more than 5 %. Null without one.",
    ),
)
