"""Fetch jars from Maven Central by Spark's own resolver, in a Java of its own: its pages of words stay out of a run."""

from __future__ import annotations

import logging
import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from dicom_udf.environment.jars import jar_name
from dicom_udf.environment.shell import Shell
from dicom_udf.errors import ConfigurationError

__all__ = ["fetch_jars", "fetching_error"]

_log = logging.getLogger(__name__)

_CAUSE = re.compile(
    r"Host \S+ not found|Server access error at url[^\n]*|unresolved dependency: [^\n\]]*|download failed: [^\n\]]*"
    r"|Permission denied|No space left on device|[\w.]+(?:Exception|Error)\b[^\n]*"
)
"""Words of Ivy and Java that name what went wrong; the first one is the nearest to it."""

_NOTHING = "org.apache.hadoop.util.VersionInfo"
"""A program that every Spark has, and that ends at once: ``spark-submit`` fetches the jars before it starts one."""


def fetch_jars(packages: Sequence[str], folder: Path, settings: Mapping[str, str], shell: Shell) -> str:
    """Let ``spark-submit`` fetch packages into Ivy's folder ``folder``; return its words.

    ``spark.jars.repositories`` and ``spark.jars.ivySettings`` count, and the variable ``SPARK_SUBMIT_OPTS``, as in any
    Spark. The program's status doesn't: for a user without a name it fails after it has fetched the jars.

    Args:
        packages: ``group:artifact:version``.
        folder: Ivy's folder.
        settings: Of Spark; those of Java and of jars count.
        shell: How a local Spark is started.

    Raises:
        ConfigurationError: The program can't be started.
    """
    variables = {name: value for name, value in {**os.environ, **shell.variables}.items() if value is not None}
    named = {name: value for name, value in settings.items() if name.startswith(("spark.jars.", "spark.driver.extra"))}
    named["spark.jars.ivy"] = str(folder)
    words = [word for name, value in named.items() for word in ("--conf", f"{name}={value}")]
    words += ["--packages", ",".join(packages), "--class", _NOTHING, "spark-internal"]
    program = [str(Path(variables["SPARK_HOME"], "bin", "spark-submit")), "--master", "local"]
    try:
        done = subprocess.run(
            [*program, *words],
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except OSError as error:
        raise ConfigurationError(f"{program[0]} can't be started: {error.strerror}; install Spark anew") from error
    return done.stdout.decode(errors="replace")


def fetching_error(packages: Sequence[str], folder: Path, words: str) -> ConfigurationError:
    """Log the resolver's words, and return the error with the cause and the remedy."""
    _log.error("Spark's resolver:\n%s", words.rstrip())
    cause = _CAUSE.search(words)
    return ConfigurationError(
        f"{' and '.join(packages)} can't be fetched from Maven Central"
        f"{f' ({cause[0].strip()})' if cause else ''}; Spark's own words are above. Check the network and {folder}; "
        "behind a mirror, name it by spark.jars.repositories or spark.jars.ivySettings in a spark-defaults.conf; "
        f"or put {' and '.join(map(jar_name, packages))} into {folder / 'jars'}"
    )
