"""The shell around a local run: its variables, folders and programs, as far as they matter to Spark in this process.

It is read only for a run that plain Python starts on one machine. On Glue, on EMR and below ``spark-submit`` the
platform's settings stay as they are (:func:`is_local_run`).
"""

from dicom_udf.environment.class_archive import archive_options
from dicom_udf.environment.fetching import fetch_jars, fetching_error
from dicom_udf.environment.jars import JarStore, open_jar_store
from dicom_udf.environment.packages import SparkPackage, check_packages, use_fitting_spark
from dicom_udf.environment.shell import Shell, check_glue_run, check_shell, is_local_run, read_shell
from dicom_udf.environment.text import restart_in_utf8

__all__ = [
    "JarStore",
    "Shell",
    "SparkPackage",
    "archive_options",
    "check_glue_run",
    "check_packages",
    "check_shell",
    "fetch_jars",
    "fetching_error",
    "is_local_run",
    "open_jar_store",
    "read_shell",
    "restart_in_utf8",
    "use_fitting_spark",
]
