"""The job as it is started: by python, by the real spark-submit, with Glue's command line, on separate processes."""

import importlib.util
import sys
import sysconfig

import pytest

from dicom_udf.lake.session import ICEBERG_PACKAGE
from release.make_dist import build_wheel
from tests.glue_command_line import RUN_ID, glue_command_line
from tests.job_process import ROOT, SAMPLE, SCRIPTS, assert_report_is_complete, run

pytestmark = pytest.mark.spark

JOB = ROOT / "glue_jobs" / "ingest_dicom_headers.py"


@pytest.fixture(params=["with awsglue", "without awsglue"])
def awsglue(request, tmp_path):
    """An environment in which the official library can be imported, or can't."""
    if request.param == "with awsglue":
        if importlib.util.find_spec("awsglue") is None:
            pytest.skip("AWSGlueDataplanePython is for Python 3.11")
        return {}
    (tmp_path / "hidden" / "awsglue").mkdir(parents=True)
    (tmp_path / "hidden" / "awsglue" / "__init__.py").write_text("raise ImportError('not on this machine')\n")
    return {"PYTHONPATH": str(tmp_path / "hidden")}


def test_glue_starts_it_with_arguments_of_its_own(tmp_path, awsglue):
    report = tmp_path / "report.json"
    own = ["--source", SAMPLE, "--lake", tmp_path / "lake", "--report", report]
    run([sys.executable, JOB, *glue_command_line(own), "--master", "local[2]"], **awsglue)
    assert_report_is_complete(report, run_id=RUN_ID)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel that a user of spark-submit hands to ``--py-files``."""
    return build_wheel(tmp_path_factory.mktemp("dist"))


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
