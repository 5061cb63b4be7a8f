"""The columns of the lake's tables, with types and comments (design.md, "Tables")."""

from __future__ import annotations

from functools import cache

from pydicom.datadict import keyword_for_tag

from dicom_udf.columns.attributes import column_type, declared_attributes
from dicom_udf.columns.fields import Attribute, Field, Table, path_text
from dicom_udf.columns.frames import FRAME_FIELDS
from dicom_udf.columns.items import ItemColumn
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.errors import FailureCode

__all__ = ["attribute_comment", "failures_table", "instances_table", "objects_table"]

_SOURCE = (
    Field("source_size", "bigint", "Bytes of the object as listed.", nullable=False),
    Field("source_etag", "string", "Etag without quotes; of a local file the modification time in ns.", nullable=False),
    Field("source_last_modified", "timestamp_ntz", "When the object was last changed, as listed, UTC."),
)
_INGEST = (
    Field("ingest_run_id", "string", "Run that wrote this row.", nullable=False),
    Field("ingest_time", "timestamp_ntz", "When that run began, UTC.", nullable=False),
)
_URI = Field("source_uri", "string", "The object: s3://bucket/key or file:///path, decoded.", nullable=False)
_MEMBER = Field(
    "source_member",
    "string",
    "Path of the file in its archive, inner.zip!file.dcm when nested; ! # % of names as %21 %23 %25. Null when loose.",
)

_DERIVED = (
    Field("derived_patient_age_years", "double", "PatientAge in years, else from birth and study date."),
    Field("derived_study_datetime", "timestamp_ntz", "StudyDate and StudyTime, wall clock. Null if one is missing."),
    Field("derived_series_datetime", "timestamp_ntz", "SeriesDate and SeriesTime, wall clock. Null if one is missing."),
    Field(
        "derived_acquisition_datetime",
        "timestamp_ntz",
        "AcquisitionDateTime, else AcquisitionDate and AcquisitionTime, wall clock.",
    ),
    Field(
        "derived_suv_bw_factor",
        "double",
        "PET, g/ml: SUV by body weight = factor x (slope x pixel + intercept). derived_suv_reason has why it is null.",
    ),
    Field(
        "derived_suv_reason",
        "string",
        "PET: why the factor is null, or the assumption that it rests on (assumed_bw, assumed_series_time). Null where "
        "it is certain. A closed list: docs/how_to/suv.md.",
    ),
)

_FRAMES = (
    Field(
        "slice_position",
        "double",
        "Place along the normal of the plane, mm: position . (row x column). Null without these attributes.",
    ),
    Field(
        "frame_slice_positions",
        "array<double>",
        "As slice_position, one a frame in order. Null where no frame of its functional groups has one.",
    ),
    Field(
        "frame_in_plane_ranges",
        "array<double>",
        "Least and greatest place of its frames' first pixels along a row, then along a column, mm: of the frames of "
        "frame_slice_positions.",
    ),
    Field("echo_times", "array<double>", "Different echo times of its frames, sorted, ms."),
    Field("diffusion_b_values", "array<double>", "Different diffusion b-values of its frames, sorted, s/mm2."),
    Field("temporal_positions", "bigint", "Number of different (0020,9128) TemporalPositionIndex of its frames."),
    Field("temporal_position_index", "bigint", "(0020,9128) TemporalPositionIndex, UL, on which all frames agree."),
    Field("stacks", "bigint", "Number of different (0020,9056) StackID of its frames."),
    Field(
        "frame_acquisition_datetime_max",
        "timestamp_ntz",
        "Latest (0018,9074) FrameAcquisitionDateTime, DT; acquisition_datetime has the earliest.",
    ),
    Field(
        "frames_described",
        "bigint",
        "Items of (5200,9230) PerFrameFunctionalGroupsSequence; unequal to number_of_frames is a fault.",
    ),
    Field("lifted_attributes", "array<string>", "Columns whose value comes from a functional group."),
    Field(
        "frame_attributes_vary",
        "array<string>",
        "Columns that are null because frames differ, or some lack the attribute.",
    ),
)
"""Of functional groups (PS3.3 C.7.6.16), and of the plane of a single frame."""

_HEADER = (
    Field(
        "pixel_data_offset",
        "bigint",
        "Bytes from the object's start to the pixel data's value. Null where packed.",
    ),
    Field("pixel_data_length", "bigint", "Bytes of the pixel data's value. Null where undefined or absent."),
    Field("pixel_data_is_encapsulated", "boolean", "True: fragments follow; frames need an offset table."),
    Field("private_creators", "array<string>", "Creators of the private blocks at top level, distinct and sorted."),
    Field(
        "header_fault",
        "string",
        "Null where the header was read to its end, else CODE@offset; what came before stays.",
    ),
    Field("header_omitted", "array<string>", "Paths of values left out for size, e.g. 00081140[3].00081155."),
    Field(
        "invalid_values",
        "map<string,string>",
        "Attribute -> why its value is null, altered or ignored.",
    ),
    Field("header", "string", "The data set as DICOM JSON (PS3.18 Annex F), private and nested elements included."),
    Field("header_file_meta", "string", "The file meta information (group 0002) as DICOM JSON."),
)


@cache
def instances_table(further: tuple[Field, ...] = ()) -> Table:
    """One row per DICOM file found. Iceberg keeps min and max of the first 100 columns: those of frequent filters.

    Args:
        further: Columns after the declared ones: those that a lake promoted.
    """
    attributes = tuple(
        Field(attribute.column, column_type(attribute), attribute_comment(attribute))
        for attribute in declared_attributes()
        if attribute.column != "study_date"
    )
    study_date = Field(
        "study_date",
        "date",
        "(0008,0020) StudyDate, DA. Partition. Date at which the study began; 1900-01-01 where absent or no date.",
        nullable=False,
    )
    is_default = Field(
        "study_date_is_default", "boolean", "True where 1900-01-01 is the default and no date.", nullable=False
    )
    member_size = Field(
        "source_member_size", "bigint", "Bytes of the file itself. Null where its archive doesn't state it."
    )
    return Table(
        "instances",
        "one row per DICOM file found, loose or in an archive; key (source_uri, source_member)",
        (
            study_date,
            is_default,
            _URI,
            _MEMBER,
            *_INGEST,
            *attributes,
            *_DERIVED,
            *_SOURCE,
            member_size,
            *_HEADER,
            *_FRAMES,
            *FRAME_FIELDS,
            *(_item_field(column) for column in struct_columns()),
            *further,
        ),
    )


@cache
def failures_table() -> Table:
    """One row per file or object without a readable header."""
    codes = ", ".join(FailureCode)
    return Table(
        "failures",
        "one row per file or object without a readable header; key (source_uri, source_member, code)",
        (
            _URI,
            _MEMBER,
            Field("code", "string", _cut(f"Why: {codes}."), nullable=False),
            Field("severity", "string", "skipped: rightly no instance; fault: something to look into.", nullable=False),
            Field("message", "string", "One sentence: the thing, the place, the remedy; never a value of the file."),
            *_SOURCE,
            *_INGEST,
        ),
    )


@cache
def objects_table() -> Table:
    """The ledger: one row per source object that was read."""
    return Table(
        "objects",
        "one row per source object that was read; key source_uri",
        (
            _URI,
            *_SOURCE,
            Field("status", "string", "ingested; failed where a fault of the store cut the reading.", nullable=False),
            Field("instances", "bigint", "Rows of instances that came from it.", nullable=False),
            Field("failures", "bigint", "Rows of failures that came from it.", nullable=False),
            Field("study_dates", "array<date>", "Partitions that hold its rows; they prune a later replacement."),
            Field("ingest_retry", "boolean", "True where the next run tries it again unchanged.", nullable=False),
            *_INGEST,
        ),
    )


def attribute_comment(attribute: Attribute) -> str:
    """Return e.g. ``(0018,0050) SliceThickness, DS, mm. Nominal slice thickness.``; that of a first item is marked."""
    keyword = keyword_for_tag(attribute.path[-1])
    facts = ", ".join(filter(None, (keyword, attribute.vr, attribute.unit)))
    return _cut(f"{attribute.hint}{attribute.tags} {facts}. {attribute.description}")


def _item_field(column: ItemColumn) -> Field:
    place = f"{path_text((column.tag,))} {column.keyword}. " if column.tag is not None else ""
    return Field(column.name, column.type, _cut(place + column.description))


def _cut(comment: str) -> str:
    """Cut a comment to the 255 characters of the Glue catalog."""
    return comment if len(comment) <= 255 else comment[:252].rstrip(", ") + "..."
