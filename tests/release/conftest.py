"""What ``make dist`` makes, made once for all tests that install or run it."""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path

import pytest

from release.make_dist import make_dist


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder ``dist/``."""
    folder = tmp_path_factory.mktemp("dist")
    make_dist(folder)
    return folder


@pytest.fixture(scope="session")
def python_3_11() -> Path:
    """An interpreter as AWS Glue 5.1 and EMR 7 have it, outside of any virtual environment."""
    if sys.version_info[:2] == (3, 11):
        return Path(getattr(sys, "_base_executable", sys.executable))
    found = shutil.which("python3.11")
    if found is None:
        pytest.skip("no Python 3.11 here")
    return Path(found)


@pytest.fixture(scope="session")
def environment(dist: Path, python_3_11: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the archive for EMR becomes; /usr/bin/python3.11 is EMR's, here it is any Python 3.11."""
    folder = tmp_path_factory.mktemp("emr") / "environment"
    with tarfile.open(next(dist.glob("*.venv.tar.gz"))) as archive:
        archive.extractall(folder, filter="fully_trusted")
    python, settings = folder / "bin" / "python", folder / "pyvenv.cfg"
    assert python.readlink() == Path("/usr/bin/python3.11")
    assert "home = /usr/bin\n" in settings.read_text()
    python.unlink()
    python.symlink_to(python_3_11)
    settings.write_text(settings.read_text().replace("/usr/bin", str(python_3_11.parent)))
    return folder
