"""The header reader that AWS runs is compiled: the same tests pass on it, and it fits the C library that AWS has."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from release.compiling import PLATFORM
from tests.job_process import ROOT, run

pytestmark = pytest.mark.dist

TESTS = ("tests/header", "tests/columns", "tests/test_read.py", "tests/test_scan.py", "tests/test_public_face.py")


@pytest.fixture(scope="module")
def compiled(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository whose package is the compiled wheel."""
    copy = tmp_path_factory.mktemp("compiled") / "repository"
    left_out = shutil.ignore_patterns(".*", "__pycache__", "dicom_udf", "build", "dist", "lake")
    shutil.copytree(ROOT, copy, ignore=left_out)
    with zipfile.ZipFile(next(dist.glob(f"*{PLATFORM}.whl"))) as wheel:
        wheel.extractall(copy)
    return copy


def test_the_tests_of_headers_pass_on_compiled_code(compiled: Path) -> None:
    where = "from dicom_udf.header import scanner; print(scanner.__file__)"
    [found] = run([sys.executable, "-c", where], cwd=compiled, PYTHONPATH=str(compiled)).stdout.split()
    assert found.startswith(str(compiled))
    assert found.endswith(".so")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not spark and not dcmtk", *TESTS]
    done = subprocess.run(command, cwd=compiled, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 1_000


def test_compiled_code_fits_the_c_library_of_aws(compiled: Path) -> None:
    modules = sorted(compiled.rglob("*.so"))
    assert len(modules) > 15
    versions = [found.groups() for path in modules for found in re.finditer(rb"GLIBC_(\d+)\.(\d+)", path.read_bytes())]
    assert versions
    assert max((int(major), int(minor)) for major, minor in versions) <= (2, 34)


def test_compiled_code_names_no_folder_of_the_machine(compiled: Path) -> None:
    for path in compiled.rglob("*.so"):
        assert not re.search(rb"/(tmp|home|root|usr/include|builds?)/", path.read_bytes()), path.name
