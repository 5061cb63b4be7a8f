"""Where objects are: listing and reading by ranges. Knows no archive, no DICOM, no Spark."""

from dicom_udf.sources.ahead import open_ahead
from dicom_udf.sources.discovery import Doubts, Finding, Listing, Origin
from dicom_udf.sources.fault_queue import FaultQueue, open_fault_queue
from dicom_udf.sources.hints import Drain
from dicom_udf.sources.manifest import open_inventory, open_manifest
from dicom_udf.sources.model import OBJECT_SCHEMA, ObjectReader, ObjectRef, S3Access, Store
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.queue import EventQueue, open_queue
from dicom_udf.sources.ranges import RangeReader
from dicom_udf.sources.stores import open_object, open_store

__all__ = [
    "OBJECT_SCHEMA",
    "Doubts",
    "Drain",
    "EventQueue",
    "FaultQueue",
    "Finding",
    "Listing",
    "ObjectReader",
    "ObjectRef",
    "Origin",
    "Patterns",
    "RangeReader",
    "S3Access",
    "Store",
    "open_ahead",
    "open_fault_queue",
    "open_inventory",
    "open_manifest",
    "open_object",
    "open_queue",
    "open_store",
]
