"""DICOM Lake: headers of medical images, loose or in archives, as Apache Iceberg tables.

The package is named after what executors run, a user-defined function (UDF) of Spark; the command ``dicom-lake`` after
what it makes.

Importing it starts nothing: each function below loads what it needs when it is first used, and only ``ingest`` needs
Spark and Java. ``ingest``, ``query`` and ``scan`` are the commands of these names; ``read_header`` reads one file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from dicom_udf.version import __version__

if TYPE_CHECKING:
    from dicom_udf.api import ingest, query
    from dicom_udf.header import Header, HeaderReader, Selection, Wanted, read_header
    from dicom_udf.scanning import scan

__all__ = [
    "Header",
    "HeaderReader",
    "Selection",
    "Wanted",
    "__version__",
    "ingest",
    "query",
    "read_header",
    "scan",
]

_MODULES = {
    "Header": "dicom_udf.header",
    "HeaderReader": "dicom_udf.header",
    "Selection": "dicom_udf.header",
    "Wanted": "dicom_udf.header",
    "ingest": "dicom_udf.api",
    "query": "dicom_udf.api",
    "read_header": "dicom_udf.header",
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
