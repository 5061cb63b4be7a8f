"""What a local Spark is started with instead of the shell's variables that are meant for another Spark.

A setting of the shell that a local run can't use is replaced by one that works, with a line in the log. Where there is
none, the run stops before it begins.
"""

from __future__ import annotations

import logging
import os
import pwd
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_udf.environment.folders import local_folders, temporary_folder
from dicom_udf.environment.java import find_java
from dicom_udf.environment.packages import SparkPackage, check_packages, use_fitting_spark
from dicom_udf.environment.text import utf8_locale
from dicom_udf.errors import ConfigurationError

__all__ = ["Shell", "check_glue_run", "check_shell", "is_local_run", "read_shell"]

_log = logging.getLogger(__name__)

_OTHER_SPARKS = (
    "HADOOP_CONF_DIR",
    "YARN_CONF_DIR",
    "SPARK_REMOTE",
    "SPARK_CONNECT_MODE",
    "SPARK_CONNECT_MODE_ENABLED",
    "SPARK_API_MODE",
    "SPARK_LOCAL_HOSTNAME",
)
"""Variables that lead to a cluster, a server or another file system; a local run has none of these."""

_DEFAULTS_THAT_COUNT = ("spark.jars.repositories", "spark.jars.ivy", "spark.jars.ivySettings", "spark.local.dir")
"""Settings of a ``spark-defaults.conf`` that a local run takes: how this machine fetches jars and where it spills."""


@dataclass(frozen=True, slots=True)
class Shell:
    """How a local Spark is started.

    Attributes:
        variables: Of the environment: the value that each must have while Java starts; None: absent.
        settings: Of Spark.
        temporary: The folder for temporary files.
        user: The name that Hadoop is to use where this user has none, otherwise None.
        notes: Sentences for the log: each names a variable that was replaced, and its new value.
    """

    variables: dict[str, str | None]
    settings: dict[str, str]
    temporary: str
    user: str | None
    notes: tuple[str, ...] = field(default=())


def is_local_run(variables: Mapping[str, str], master: str | None) -> bool:
    """True where plain Python starts Spark on this machine; False below spark-submit, Glue, EMR or with a cluster."""
    return "PYSPARK_GATEWAY_PORT" not in variables and (master or "local").startswith("local")


def check_shell(master: str | None) -> None:
    """Check the shell before a run begins, and before pyspark is imported; only ``PYTHONPATH`` is changed.

    Raises:
        ConfigurationError: A local run can't work in it.
    """
    if not is_local_run(os.environ, master):
        return
    package, note = use_fitting_spark(os.environ, sys.path)
    if note is not None:
        _log.warning("%s", note)
    read_shell(os.environ, package, conf_folder="")
    check_packages(os.environ)


def check_glue_run(words: Sequence[str], master: str | None) -> None:
    """Check that a run that AWS Glue started has Glue's Spark: ``local[*]`` would read an archive with one machine.

    Args:
        words: The command line. Glue adds ``--JOB_RUN_ID`` to it.
        master: The Spark master that the command line names; None for the platform's.

    Raises:
        ConfigurationError: No Spark runs in this process or started it, and the command line names no master.

    Example:
        >>> check_glue_run(["--lake", "/data/lake", "--JOB_RUN_ID", "jr_1"], "local[4]")
    """
    is_of_glue = any(word.partition("=")[0] == "--JOB_RUN_ID" for word in words)
    if is_of_glue and master is None and "PYSPARK_GATEWAY_PORT" not in os.environ and not _is_spark_running():
        raise ConfigurationError(
            "AWS Glue started this run (--JOB_RUN_ID) without Spark, and one machine is too small for it; make the job "
            "one of the type glueetl (Command.Name), or give --master, e.g. local[4], for a run on this machine"
        )


def _is_spark_running() -> bool:
    module: Any = sys.modules.get("pyspark")
    return module is not None and module.SparkContext._active_spark_context is not None


def read_shell(variables: Mapping[str, str], package: SparkPackage, *, conf_folder: str) -> Shell:
    """Return how a local Spark is started in this environment.

    Args:
        variables: The environment.
        package: The pyspark in use.
        conf_folder: A folder without ``spark-defaults.conf`` and ``spark-env.sh``.

    Raises:
        ConfigurationError: Java, Spark or a folder for temporary files is missing; the message has the remedy.
    """
    java = find_java(variables, package.version)
    home, home_note = _spark_home(variables, package)
    temporary, temporary_note = temporary_folder(variables)
    defaults, defaults_note = _spark_defaults(variables.get("SPARK_CONF_DIR") or f"{home}/conf")
    given = variables.get("SPARK_LOCAL_DIRS") or defaults.pop("spark.local.dir", "")
    spill, spill_note = local_folders(given, temporary)
    found = [name for name in _OTHER_SPARKS if name in variables]
    return Shell(
        variables={
            **dict.fromkeys(_OTHER_SPARKS),
            "JAVA_HOME": java.home,
            "SPARK_HOME": home,
            "SPARK_CONF_DIR": conf_folder,
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
            "PYSPARK_SUBMIT_ARGS": _submit_arguments(variables.get("PYSPARK_SUBMIT_ARGS")),
            "SPARK_LOCAL_DIRS": spill,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYTHONPATH": _worker_path(variables.get("PYTHONPATH", "")),
            # The working folder of a worker would come before what is installed.
            "PYTHONSAFEPATH": "1",
            "LC_ALL": utf8_locale() or variables.get("LC_ALL"),
        },
        settings=defaults,
        temporary=temporary,
        user=_name_of_nameless(variables),
        notes=tuple(
            note
            for note in (
                *(java.note, home_note, temporary_note, defaults_note, spill_note),
                _python_note(variables),
                f"left out, because a local run needs none of them: {', '.join(found)}" if found else None,
            )
            if note is not None
        ),
    )


def _python_note(variables: Mapping[str, str]) -> str | None:
    named = [
        f"{name} {value}"
        for name in ("PYSPARK_PYTHON", "PYSPARK_DRIVER_PYTHON")
        if (value := variables.get(name)) and not _is_own_python(value)
    ]
    return f"{' and '.join(named)} left out: a local run uses {sys.executable}" if named else None


def _is_own_python(program: str) -> bool:
    # By name, not by file: the program of a virtual environment is a link to one that lacks its packages.
    return os.path.abspath(program) == os.path.abspath(sys.executable)


def _spark_home(variables: Mapping[str, str], package: SparkPackage) -> tuple[str, str | None]:
    """Return the Spark of ``SPARK_HOME`` where it fits the pyspark that is imported, otherwise pyspark's own."""
    named = variables.get("SPARK_HOME")
    wanted = ".".join(package.version.split(".")[:2])
    version = _spark_version(named) if named else None
    if named and version and version.startswith(f"{wanted}."):
        return named, None
    what = f"SPARK_HOME {named} " + (f"has Spark {version}" if version else "holds no Spark")
    if package.home is None:
        raise ConfigurationError(
            f"{what if named else 'SPARK_HOME is not set'}, and pyspark {package.version} came without a Spark of its "
            f"own; set SPARK_HOME to a Spark {wanted}, or pip install 'dicom-lake[local]'"
        )
    return package.home, f"{what}: Spark {package.version} of {package.home} is used" if named else None


def _spark_version(home: str) -> str | None:
    jars = sorted(Path(home).glob("jars/spark-core_*.jar")) if Path(home, "bin", "spark-submit").is_file() else []
    found = re.search(r"-(\d[^/]*)\.jar$", str(jars[0])) if jars else None
    return found[1] if found else None


def _spark_defaults(folder: str) -> tuple[dict[str, str], str | None]:
    """Return the settings of a folder's ``spark-defaults.conf`` that count here, and a sentence about the others."""
    file = Path(folder, "spark-defaults.conf")
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    pairs = [re.split(r"[\s=:]+", line.strip(), maxsplit=1) for line in lines if not re.match(r"\s*([#!]|$)", line)]
    found = {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
    others = [name for name in found if name not in _DEFAULTS_THAT_COUNT]
    names = [file.name] * bool(others) + ["spark-env.sh"] * Path(folder, "spark-env.sh").is_file()
    note = f"{' and '.join(names)} of {folder} left out: only {', '.join(_DEFAULTS_THAT_COUNT)} count in a local run"
    return {name: found[name] for name in _DEFAULTS_THAT_COUNT if name in found}, note if names else None


def _submit_arguments(given: str | None) -> str | None:
    """Return ``PYSPARK_SUBMIT_ARGS`` as pyspark needs it: it ends in ``pyspark-shell``.

    Raises:
        ConfigurationError: It names a master or a way to deploy, which a local run has of its own.
    """
    if not given or not given.strip():
        return None
    try:
        words = shlex.split(given)
    except ValueError:
        raise ConfigurationError("PYSPARK_SUBMIT_ARGS has an open quotation mark; close it, or unset it") from None
    if bad := [word for word in words if re.match(r"--(master|deploy-mode|remote)(=|$)", word)]:
        raise ConfigurationError(
            f"PYSPARK_SUBMIT_ARGS has {bad[0].partition('=')[0]}, and a local run has its own; unset it, or give "
            "--master to this command"
        )
    return given if "pyspark-shell" in words else f"{given} pyspark-shell"


def _worker_path(given: str) -> str | None:
    """Return ``PYTHONPATH`` for the workers, which import this package from where this process did."""
    own = str(Path(__file__).parents[2])
    entries = [os.path.abspath(entry) for entry in given.split(os.pathsep) if entry]
    is_on_path = any(os.path.abspath(entry) == own for entry in sys.path)
    is_installed = os.path.basename(own) in ("site-packages", "dist-packages")  # noqa: PTH119
    if is_on_path and not is_installed and own not in entries:
        entries.append(own)
    return os.pathsep.join(entries) or None


def _name_of_nameless(variables: Mapping[str, str]) -> str | None:
    """Return a name for a user id that has none (``docker run -u 1234``): Java's login fails without."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        return variables.get("HADOOP_USER_NAME") or str(os.getuid())
    return None
