"""Where objects are: listing and reading by ranges. Knows no archive, no DICOM, no Spark."""

from dicom_udf.sources.local import LocalStore, open_local
from dicom_udf.sources.model import OBJECT_SCHEMA, ObjectReader, ObjectRef, Store
from dicom_udf.sources.reader import RangeReader

__all__ = ["OBJECT_SCHEMA", "ObjectReader", "ObjectRef", "RangeReader", "Store", "open_object", "open_store"]


def open_store(source: str, *, exclude: str | None = None) -> Store:
    """Return the store of a source.

    Args:
        source: A local folder, or one file.
        exclude: A folder below it that is not listed: the lake's own.

    Raises:
        ConfigurationError: There is no such source.
    """
    return LocalStore(source, exclude=exclude)


def open_object(ref: ObjectRef) -> ObjectReader:
    """Open an object by its URI, on whichever machine this runs.

    Raises:
        FileFault: See :meth:`Store.open`.
    """
    return open_local(ref)
