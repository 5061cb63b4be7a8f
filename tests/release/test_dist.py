"""What ``make dist`` makes, installed as on AWS: beside what Glue 5.1 brings, and unpacked as EMR unpacks it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from dicom_udf import __version__
from release.compiling import PLATFORM
from release.make_dist import CONSTRAINTS, GLUE_BRINGS
from release.wheels import read_pins, version_of
from tests.job_process import ROOT, SAMPLE, run

pytestmark = pytest.mark.dist

JOBS = sorted((ROOT / "glue_jobs").glob("*.py"))
OWN = [f"dicom_lake-{__version__}-{tag}.whl" for tag in (f"cp311-cp311-{PLATFORM}", "py3-none-any")]
"""The package with its header reader compiled, and as plain Python for any other Python than AWS Glue 5.1 has."""
READ_A_HEADER = """
import sys
from dicom_udf.header import read_header, scanner
assert scanner.__file__.endswith(".so"), scanner.__file__
with open(sys.argv[1], "rb") as file:
    assert '"00080060"' in read_header(file).json
"""


def digests(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def test_it_makes_the_files_of_this_version(dist: Path) -> None:
    assert sorted(path.name for path in dist.iterdir()) == [
        "SHA256SUMS",
        f"dicom-lake-{__version__}.gluewheels.zip",
        f"dicom-lake-{__version__}.venv.tar.gz",
        f"dicom-lake-{__version__}.zip",
        *OWN,
        f"waker-{__version__}.zip",
    ]


def test_each_wheel_has_the_saved_queries(dist: Path) -> None:
    queries = {f"dicom_udf/queries/{path.name}" for path in (ROOT / "queries").glob("*.sql")}
    for name in OWN:
        with zipfile.ZipFile(dist / name) as wheel:
            assert queries <= set(wheel.namelist())


def test_another_folder_another_time_and_another_umask_give_the_same_bytes(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    for folder in ("dicom_udf", "glue_jobs", "queries", "release", "terraform"):
        shutil.copytree(ROOT / folder, copy / folder, copy_function=shutil.copy)
    for name in ("setup.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    (copy / "build" / "lib" / "dicom_udf").mkdir(parents=True)
    (copy / "build" / "lib" / "dicom_udf" / "removed.py").write_text("left by an earlier build")
    code = "import os, sys; os.umask(0o077); from release.make_dist import main; main(sys.argv[1:])"
    environment = {"PYTHONPATH": str(copy), "TZ": "Asia/Tokyo", "SOURCE_DATE_EPOCH": "1700000000"}
    run([sys.executable, "-c", code, tmp_path / "dist"], cwd=copy, **environment)
    assert digests(tmp_path / "dist") == digests(dist)


def test_the_zip_of_wheels_has_what_glue_lacks_at_our_pins(dist: Path) -> None:
    with zipfile.ZipFile(next(dist.glob("*.gluewheels.zip"))) as archive:
        names = archive.namelist()
        wheels = dict(version_of(Path(name)) for name in names if name.endswith(".whl"))
        asked = archive.read("wheels/requirements.txt").decode().splitlines()
        own = [archive.read(f"wheels/{name}") == (dist / name).read_bytes() for name in OWN]
    assert asked == [f"{name}=={version}" for name, version in sorted(wheels.items())]
    pins = read_pins(CONSTRAINTS) | {"dicom-lake": __version__}
    assert wheels == {name: pins[name] for name in ("dicom-lake", "obstore", "pydicom")}
    assert not set(wheels) & set(read_pins(GLUE_BRINGS))
    assert own == [True, True]


def test_the_checksums_are_those_of_the_files(dist: Path, tmp_path: Path) -> None:
    lines = (dist / "SHA256SUMS").read_text().splitlines()
    named = {name: digest for digest, name in (line.split("  ") for line in lines)}
    assert named == {name: digest for name, digest in digests(dist).items() if name != "SHA256SUMS"}
    with zipfile.ZipFile(dist / f"dicom-lake-{__version__}.zip") as archive:
        archive.extractall(tmp_path)
    run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path)


def test_the_archive_of_the_module_has_the_packages(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"dicom-lake-{__version__}.zip") as archive:
        for name in (f"dicom-lake-{__version__}.gluewheels.zip", f"waker-{__version__}.zip"):
            assert archive.read(f"dist/{name}") == (dist / name).read_bytes()


def test_the_zip_for_lambda_has_the_handler_that_terraform_names(dist: Path) -> None:
    with zipfile.ZipFile(dist / f"waker-{__version__}.zip") as archive:
        assert archive.namelist() == ["waker.py"]
        code = archive.read("waker.py")
    assert 'handler          = "waker.handler"' in (ROOT / "terraform" / "waker.tf").read_text()
    assert b"def handler(" in code


# --- AWS Glue


def packages(python: Path) -> dict[str, str]:
    """Every package of an environment and its version."""
    reported = run([python, "-m", "pip", "list", "--format=json"], PYTHONPATH="").stdout
    return {package["name"]: package["version"] for package in json.loads(reported)}


def test_installing_on_glue_changes_nothing_that_glue_brings(glue: Path, what_glue_brings: Path) -> None:
    before, after = packages(what_glue_brings / "bin" / "python"), packages(glue)
    assert {name: version for name, version in after.items() if before.get(name) != version} == {
        "dicom-lake": __version__,
        "obstore": read_pins(CONSTRAINTS)["obstore"],
        "pydicom": read_pins(CONSTRAINTS)["pydicom"],
    }
    assert set(before) < set(after)
    # pip's word on the whole environment would also count what AWS's own list lacks.
    check = [glue, "-m", "pip", "check"]
    reported = subprocess.run(check, env={**os.environ, "PYTHONPATH": ""}, capture_output=True, text=True, check=False)
    complaints = reported.stdout.splitlines()
    assert [line for line in complaints if line.startswith(("dicom-lake ", "obstore ", "pydicom "))] == []


def test_a_header_is_read_on_glue(glue: Path, tmp_path: Path) -> None:
    file = SAMPLE / "mr_brain" / "I1"
    run([glue, "-I", "-c", READ_A_HEADER, file], cwd=tmp_path)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_a_job_tells_its_options_on_glue(glue: Path, job: Path, tmp_path: Path) -> None:
    shutil.copy(job, tmp_path)
    assert "usage: " + job.name in run([glue, "-I", job.name, "--help"], cwd=tmp_path).stdout


# --- EMR


def test_the_environment_lacks_nothing(environment: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--python", environment / "bin" / "python"]
    assert "No broken requirements" in run([*pip, "check"], PYTHONPATH="").stdout
    reported = json.loads(run([*pip, "list", "--format=json"], PYTHONPATH="").stdout)
    found = {canonicalize_name(package["name"]): package["version"] for package in reported}
    assert {"pyarrow", "boto3", "obstore", "pydicom"} < set(found)
    pins = read_pins(CONSTRAINTS) | {"dicom-lake": __version__}
    assert found == {name: pins[name] for name in found}


def test_a_header_is_read_in_the_environment(environment: Path, tmp_path: Path) -> None:
    run([environment / "bin" / "python", "-I", "-c", READ_A_HEADER, SAMPLE / "mr_brain" / "I1"], cwd=tmp_path)
