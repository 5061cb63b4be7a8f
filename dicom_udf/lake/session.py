"""The Spark session of a lake: started here on one machine, provided by the platform on Glue and EMR."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from pyspark import SparkContext
from pyspark.sql import SparkSession

from dicom_udf.aws.regions import service_region
from dicom_udf.config import LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg
from dicom_udf.lake.start import AWS_PACKAGE, ICEBERG_PACKAGE, start_spark
from dicom_udf.progress import progress

__all__ = ["AWS_PACKAGE", "CATALOG", "ICEBERG_PACKAGE", "lake_session", "records_per_batch"]

CATALOG = "lake"
"""Name of the Iceberg catalog in the session; readers of the lake don't see it."""

_MAX_RECORDS = "spark.sql.execution.arrow.maxRecordsPerBatch"

_ICEBERG_EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"


def lake_session(location: LakeLocation, *, master: str | None = None) -> SparkSession:
    """Return a session whose catalog :data:`CATALOG` is the lake's.

    Each call returns a new session (catalog, ``spark.wap.id``) on the one Spark application of the process. Under
    ``spark-submit`` or Glue, only Iceberg's extension and catalog are set: the platform chose master, jars and sizes.
    In plain Python, the application is started locally: see :func:`dicom_udf.lake.start.start_spark`.

    Args:
        location: The lake. A local lake has a Hadoop catalog in its folder, a lake in S3 uses the Glue catalog.
        master: Spark master for an application that plain Python starts; default ``local[*]``.

    Raises:
        ConfigurationError: Spark can't be started in this environment; the message has cause and remedy.
        RunFailedError: The lake is in S3, and the running application lacks Iceberg's library for AWS.
    """
    builder = SparkSession.builder.appName("dicom-lake").config("spark.sql.extensions", _ICEBERG_EXTENSIONS)
    builder = builder.config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
    is_own = "PYSPARK_GATEWAY_PORT" not in os.environ
    if is_own and SparkContext._active_spark_context is None:
        packages = [ICEBERG_PACKAGE] + [AWS_PACKAGE] * location.is_glue
        application = start_spark(builder, master or "local[*]", packages)
    else:
        application = builder.getOrCreate()
    if is_own:
        application.sparkContext.setLogLevel("ERROR")
        if threading.current_thread() is threading.main_thread():
            # Spark's own handler calls Java, which fails during another call of Java.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if location.is_glue:
            _check_aws(application)
    progress.begin("opening the lake")
    session = application.newSession()
    for key, value in _catalog_settings(location).items():
        session.conf.set(key, value)
    return session


@contextmanager
def records_per_batch(spark: SparkSession, number: int) -> Iterator[None]:
    """Let Spark send at most so many rows to Python at once, for the jobs of a block whose rows are large."""
    before = str(spark.conf.get(_MAX_RECORDS))
    spark.conf.set(_MAX_RECORDS, str(number))
    try:
        yield
    finally:
        spark.conf.set(_MAX_RECORDS, before)


def _catalog_settings(location: LakeLocation) -> dict[str, str]:
    catalog = f"spark.sql.catalog.{CATALOG}"
    keeper = _glue_settings(location) if location.is_glue else {"type": "hadoop"}
    return {
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.warehouse": location.root,
        # A cached table would hide commits of other processes between two steps of a batch.
        f"{catalog}.cache-enabled": "false",
        **{f"{catalog}.{name}": value for name, value in keeper.items()},
        "spark.sql.session.timeZone": "UTC",
        # Our batches are bounded by bytes; this bounds the batches that Spark makes for Python.
        _MAX_RECORDS: "2000",
        # Frames of pandas become rows in Java without a Python worker.
        "spark.sql.execution.arrow.pyspark.enabled": "true",
    }


def _glue_settings(location: LakeLocation) -> dict[str, str]:
    """Return Iceberg's settings for Glue and S3; AWS's library for Java finds the credentials."""
    settings = {
        "type": "glue",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": service_region(location, location.aws_endpoint),
        "s3.path-style-access": str(location.access.is_path_style).lower(),
    }
    if location.access.endpoint is not None:
        settings["s3.endpoint"] = location.access.endpoint
    if location.aws_endpoint is not None:
        settings["glue.endpoint"] = location.aws_endpoint
    if location.kms_key is not None:
        settings |= {"s3.sse.type": "kms", "s3.sse.key": location.kms_key}
    return settings


def _check_aws(application: SparkSession) -> None:
    """Check that a session of plain Python has AWS's library for Java: jars can't be added to a running Spark.

    Raises:
        RunFailedError: The library is missing.
    """
    # Iceberg's runtime has the Glue catalog, but not the library for Java that the catalog calls.
    if not iceberg.has_class(application, "software.amazon.awssdk.services.glue.GlueClient"):
        raise RunFailedError(
            f"the Spark application of this process was started without {AWS_PACKAGE}; open the lake in S3 first, or "
            "in a process of its own"
        )
