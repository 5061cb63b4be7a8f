"""Where objects are: listing, and reading by ranges. Without archives, DICOM or Spark."""

from dicom_udf.sources.ahead import open_ahead
from dicom_udf.sources.discovery import FindConflicts, Source, SourceBatch, StoreSource
from dicom_udf.sources.fault_queue import FaultQueue
from dicom_udf.sources.manifest import open_inventory, open_manifest
from dicom_udf.sources.objects import OBJECT_SCHEMA, ObjectReader, ObjectRef, S3Access, Store
from dicom_udf.sources.opening import open_error_queue, open_source
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.queue import EventQueue, open_queue
from dicom_udf.sources.queue_source import QueueSource
from dicom_udf.sources.ranges import REMOTE, Pace, RangeReader
from dicom_udf.sources.stores import find_object, open_object, open_store

__all__ = [
    "OBJECT_SCHEMA",
    "REMOTE",
    "EventQueue",
    "FaultQueue",
    "FindConflicts",
    "ObjectReader",
    "ObjectRef",
    "Pace",
    "Patterns",
    "QueueSource",
    "RangeReader",
    "S3Access",
    "Source",
    "SourceBatch",
    "Store",
    "StoreSource",
    "find_object",
    "open_ahead",
    "open_error_queue",
    "open_inventory",
    "open_manifest",
    "open_object",
    "open_queue",
    "open_source",
    "open_store",
]
