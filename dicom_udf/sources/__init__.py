"""Where objects are: listing and reading by ranges. Knows no archive, no DICOM, no Spark."""

from dicom_udf.sources.local import open_object, open_store
from dicom_udf.sources.model import OBJECT_SCHEMA, ObjectReader, ObjectRef, S3Access, Store
from dicom_udf.sources.ranges import RangeReader

__all__ = [
    "OBJECT_SCHEMA",
    "ObjectReader",
    "ObjectRef",
    "RangeReader",
    "S3Access",
    "Store",
    "open_object",
    "open_store",
]
