"""DICOM Lake: headers of medical images, loose or in archives, as Apache Iceberg tables.

Importing this package starts nothing and needs no Spark.
"""

__version__ = "0.2.0"
__all__ = ["__version__"]
