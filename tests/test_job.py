"""The job as it is started: by python, by the real spark-submit, with Glue's command line, on separate processes."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from dicom_udf.lake.session import ICEBERG_PACKAGE

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[1]
SAMPLE = ROOT / "sample_dcm"
JOB = ROOT / "glue_jobs" / "ingest_dicom_headers.py"
SCRIPTS = Path(sys.executable).parent

GLUE_ARGUMENTS = [
    "--JOB_NAME", "dicom-lake-ingest",
    "--JOB_ID", "j_0123456789abcdef",
    "--JOB_RUN_ID", "jr_0123456789abcdef",
    "--TempDir", "s3://artifacts/temporary/",
    "--job-bookmark-option", "job-bookmark-disable",
    "--job-language", "python",
    "--enable-metrics", "true",
    "--datalake-formats", "iceberg",
]  # fmt: skip


def expected():
    return json.loads((SAMPLE / "expected.json").read_text())


def run(command, cwd=None, **environment):
    """Run a command in a process of its own; return it when it has ended well."""
    env = {**os.environ, **environment}
    words = [str(word) for word in command]
    done = subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def assert_report_is_complete(path, **fields):
    report = json.loads(path.read_text())
    wanted = expected()
    assert (report["instances"], report["failures"]) == (wanted["instances"], wanted["failures"])
    assert {name: report[name] for name in fields} == fields


def test_glue_starts_it_with_arguments_of_its_own(tmp_path):
    report = tmp_path / "report.json"
    run([sys.executable, JOB, "--source", SAMPLE, "--lake", tmp_path / "lake", "--report", report, *GLUE_ARGUMENTS])
    assert_report_is_complete(report, run_id="jr_0123456789abcdef")


def test_executors_may_be_processes_of_their_own(tmp_path):
    report = tmp_path / "report.json"
    run(
        [SCRIPTS / "dicom-lake", "ingest", SAMPLE, "--lake", tmp_path / "lake", "--report", report]
        + ["--master", "local-cluster[2,1,1024]"],
        SPARK_WORKER_DIR=str(tmp_path / "work"),
    )
    assert_report_is_complete(report)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that a user of EMR hands to ``--py-files``."""
    sources = tmp_path_factory.mktemp("sources")
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources)
    shutil.copytree(ROOT / "dicom_udf", sources / "dicom_udf", ignore=shutil.ignore_patterns("__pycache__"))
    target = tmp_path_factory.mktemp("dist")
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", target, sources])
    return next(target.glob("dicom_lake-*.whl"))


def test_spark_submit_runs_it_from_a_wheel(tmp_path, wheel):
    report = tmp_path / "report.json"
    # The interpreter below the environment, with its packages on the path but not its .pth files: there dicom_udf can
    # come from the wheel alone.
    environment = {
        "PYSPARK_PYTHON": getattr(sys, "_base_executable", sys.executable),
        "PYTHONPATH": sysconfig.get_path("purelib"),
    }
    is_absent = "import importlib.util as u, sys; sys.exit(u.find_spec('dicom_udf') is not None)"
    run([environment["PYSPARK_PYTHON"], "-c", is_absent], cwd=tmp_path, **environment)
    run(
        [SCRIPTS / "spark-submit", "--master", "local[2]", "--packages", ICEBERG_PACKAGE, "--py-files", wheel]
        + [JOB, "--source", SAMPLE, "--lake", tmp_path / "lake", "--report", report],
        **environment,
    )
    assert_report_is_complete(report)
