"""What ``make dist`` makes, made once for all tests that install or run it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from release.make_dist import GLUE_BRINGS, make_dist
from tests.job_process import ROOT, run

# Python knows the argument since 3.11.4, and asks for it since 3.12.
TRUSTED = {"filter": "fully_trusted"} if hasattr(tarfile, "fully_trusted_filter") else {}


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """The folder ``dist/``, which the first of the processes that run these tests makes for all."""
    own = tmp_path_factory.getbasetemp()
    shared = own if worker_id == "master" else own.parent
    folder = shared / "dist"
    with (shared / "dist.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            aside = shared / "dist.unfinished"
            make_dist(aside)
            aside.rename(folder)
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
        archive.extractall(folder, **TRUSTED)
    python, settings = folder / "bin" / "python", folder / "pyvenv.cfg"
    assert python.readlink() == Path("/usr/bin/python3.11")
    assert "home = /usr/bin\n" in settings.read_text()
    python.unlink()
    python.symlink_to(python_3_11)
    settings.write_text(settings.read_text().replace("/usr/bin", str(python_3_11.parent)))
    return folder


@pytest.fixture(scope="session")
def what_glue_brings(python_3_11: Path) -> Path:
    """A virtual environment with the packages of Glue 5.1, made once and kept."""
    key = hashlib.sha256(GLUE_BRINGS.read_bytes() + str(python_3_11).encode()).hexdigest()[:12]
    folder = ROOT / ".cache" / f"glue-5.1-{key}"
    if not folder.exists():
        # Made aside: a test process that dies, or another one at the same time, leaves nothing half made here.
        aside = folder.with_name(f"{folder.name}-{os.getpid()}")
        shutil.rmtree(aside, ignore_errors=True)
        run([python_3_11, "-m", "venv", aside])
        install = [aside / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-deps", "-r", GLUE_BRINGS]
        run(install, PYTHONPATH="")
        try:
            aside.rename(folder)
        except OSError:  # the other was faster
            shutil.rmtree(aside)
    return folder


@pytest.fixture(scope="session")
def glue(what_glue_brings: Path, dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a Glue worker: what Glue brings, and the zip installed as Glue installs it."""
    folder = tmp_path_factory.mktemp("glue") / "venv"
    shutil.copytree(what_glue_brings, folder, symlinks=True, copy_function=os.link)
    python = folder / "bin" / "python"
    unpacked = folder.parent / "unpacked"
    with zipfile.ZipFile(next(dist.glob("*.gluewheels.zip"))) as archive:
        archive.extractall(unpacked)
    # --additional-python-modules s3://.../x.gluewheels.zip --python-modules-installer-option --no-index
    wheels = unpacked / "wheels"
    install = [python, "-m", "pip", "install", "--no-index", "--find-links", wheels, "-r", wheels / "requirements.txt"]
    run(install, PYTHONPATH="")
    return python
