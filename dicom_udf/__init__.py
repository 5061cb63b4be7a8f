"""DICOM Lake: headers of medical images, loose or in archives, as Apache Iceberg tables.

Importing this package starts nothing and needs no Spark.
"""

from dicom_udf.version import __version__

__all__ = ["__version__"]
