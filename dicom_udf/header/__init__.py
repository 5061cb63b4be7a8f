"""Bytes to :class:`Header`: DICOM only, without stores, archives or Spark."""

from dicom_udf.header.groups import GroupValues
from dicom_udf.header.header import Header, OffsetTable, Part, Selection, Wanted
from dicom_udf.header.reader import HeaderReader, read_header, thread_reader
from dicom_udf.header.vr import VR, VRS

__all__ = [
    "VR",
    "VRS",
    "GroupValues",
    "Header",
    "HeaderReader",
    "OffsetTable",
    "Part",
    "Selection",
    "Wanted",
    "read_header",
    "thread_reader",
]
