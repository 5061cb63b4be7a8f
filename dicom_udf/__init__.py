"""DICOM Lake: headers of medical images, loose or in archives, as Apache Iceberg tables.

The package is named after what executors run, a user-defined function (UDF) of Spark; the command ``dicom-lake`` after
what it makes.

Importing it starts nothing: each function below loads what it needs when it is first used, and only ``ingest`` and
``read_headers`` need Spark and Java. ``ingest``, ``query`` and ``scan`` are the commands of these names. ``open_lake``
keeps a lake open for several queries, ``read_header`` reads one file, ``read_headers`` a source as a data frame of
Spark.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dicom_udf.version import __version__

if TYPE_CHECKING:
    from dicom_udf.api import ingest, query
    from dicom_udf.header import Header, HeaderReader, Selection, Wanted, read_header
    from dicom_udf.opened_lake import open_lake
    from dicom_udf.scanning import scan
    from dicom_udf.spark_headers import read_headers

__all__ = [
    "Header",
    "HeaderReader",
    "Selection",
    "Wanted",
    "__version__",
    "ingest",
    "open_lake",
    "query",
    "read_header",
    "read_headers",
    "scan",
]

_MODULES = {
    "Header": "dicom_udf.header",
    "HeaderReader": "dicom_udf.header",
    "Selection": "dicom_udf.header",
    "Wanted": "dicom_udf.header",
    "ingest": "dicom_udf.api",
    "open_lake": "dicom_udf.opened_lake",
    "query": "dicom_udf.api",
    "read_header": "dicom_udf.header",
    "read_headers": "dicom_udf.spark_headers",
    "scan": "dicom_udf.scanning",
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used (PEP 562)."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    """Return the public names too, though they are not loaded yet."""
    return sorted({*globals(), *__all__})
