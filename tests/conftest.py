"""What all tests share: Hypothesis's profile, the order, and one Spark session for those that need one."""

import fcntl
import logging
import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings

from tests.class_archive import java_options

# No deadline: a core that others use makes any example slow. In CI the examples are the same in every run, so a change
# fails by its own fault only; elsewhere each run has new ones.
settings.register_profile("tests", deadline=None, derandomize=bool(os.environ.get("CI")), print_blob=True)
settings.load_profile("tests")


def pytest_configure():
    """Let each Java that the tests start find its classes in the archive, where ``make`` has made one."""
    archive = Path(__file__).parents[1] / ".cache" / "spark.jsa"
    if archive.is_file() and archive.stat().st_size:
        os.environ.setdefault("SPARK_SUBMIT_OPTS", java_options(archive))
    # No variable and no configuration file of whoever runs them sets an option.
    for name in [name for name in os.environ if name == "DICOM_LAKE" or name.startswith("DICOM_LAKE_")]:
        if name != "DICOM_LAKE_COMPILE":
            del os.environ[name]
    os.environ["DICOM_LAKE_CONFIG"] = os.devnull
    # Where there is none, the tests use Java's own, and write none into the home of whoever runs them.
    os.environ.setdefault("SPARK_SUBMIT_OPTS", "-Xshare:auto")


def pytest_collection_modifyitems(items):
    """Fast tests first: a broken converter is known in seconds, not after Spark has started."""
    items.sort(key=lambda item: item.get_closest_marker("spark") is not None)


@pytest.fixture(scope="session")
def spark():
    """A local session of two cores that tries a failed task again, as a cluster would.

    Executors have the environment that Java was started in: all S3 servers of the tests have one user.
    """
    from dicom_udf.config import LakeLocation
    from dicom_udf.lake.session import lake_session
    from tests.servers.s3 import S3Server

    os.environ.update(S3Server("").environment)
    # The first of two processes fetches Iceberg's jars, which Ivy can't do twice at once. Jars can't be added later, so
    # what lakes in S3 need is there from the start.
    with (Path(tempfile.gettempdir()) / "dicom-lake-tests.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        session = lake_session(LakeLocation("s3://nowhere/lake", catalog="glue"), master="local[2,4]")
    yield session
    session.sparkContext.stop()


@pytest.fixture(scope="session")
def sample_lake(spark, tmp_path_factory) -> Path:
    """The sample as a lake, ingested by the real job; no test writes to it."""
    from dicom_udf.config import IngestConfig
    from dicom_udf.pipeline import ingest
    from tests.sample import SAMPLE

    lake = tmp_path_factory.mktemp("sample") / "lake"
    ingest(IngestConfig(source=str(SAMPLE), lake=str(lake)))
    return lake


@pytest.fixture
def dicom_lake(capsys):
    """Run a command in this process; return status, stdout, stderr."""
    from dicom_udf import cli

    def run(*words):
        status = cli.main([str(word) for word in words])
        reported = capsys.readouterr()
        return status, reported.out, reported.err

    root, own = logging.getLogger(), logging.getLogger("dicom_udf")
    before = root.handlers[:], own.level
    yield run
    root.handlers[:] = before[0]
    own.setLevel(before[1])
