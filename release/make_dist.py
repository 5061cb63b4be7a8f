"""Make what AWS runs, the same bytes on every machine: ``python -m release.make_dist [FOLDER]``, by default ``dist``.

::

    dicom_lake-<version>-py3-none-any.whl       the package
    dicom_lake-<version>-cp311-...x86_64.whl    the same with the header reader compiled for AWS (ADR 31)
    dicom-lake-<version>.gluewheels.zip         for AWS Glue 5.1: this, and what it needs that Glue doesn't bring
    dicom-lake-<version>.venv.tar.gz            for EMR 7: a virtual environment with all that it needs
    waker-<version>.zip                         for AWS Lambda: what starts the ingest when the queue isn't empty
    dicom-lake-<version>.zip                    for Terraform: the module with all that it reads, to install by a URL
    SHA256SUMS                                  the checksums of these files
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from release.archives import Entry, read_wheel, write_tar_gz, write_zip
from release.compiling import NOT_COMPILED, can_compile, compiler
from release.module_archive import checksums, write_module_archive
from release.wheels import PIP, fetch_wheels, read_pins, version_of

__all__ = ["build_wheel", "main", "make_dist"]

ROOT = Path(__file__).resolve().parents[1]
CONSTRAINTS = ROOT / "constraints.txt"
WAKER = ROOT / "terraform" / "waker" / "waker.py"
GLUE_BRINGS = Path(__file__).with_name("glue-5.1.txt")

_SOURCES = ("setup.py", "pyproject.toml", "README.md", "LICENSE")
_EMR_PYTHON = "/usr/bin/python3.11"  # on each node of EMR 7, and in EMR Serverless's image


def main(argv: Sequence[str]) -> None:
    """Make them and print their sizes and SHA-256."""
    for path in make_dist(Path(argv[0] if argv else "dist")):
        content = path.read_bytes()
        print(f"{hashlib.sha256(content).hexdigest()}  {len(content):>11,}  {path}")


def make_dist(folder: Path) -> list[Path]:
    """Make the files, ``SHA256SUMS`` last; what an earlier version left in the folder stays.

    Raises:
        ValueError: A package that is needed has no pin, or one that doesn't suit what AWS Glue brings.
        subprocess.CalledProcessError: pip failed; it reported why.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wheel = build_wheel(folder)
    own = [wheel]  # pip takes the compiled one where it fits, and this one on another Python
    if can_compile():
        own.append(build_wheel(folder, is_compiled=True))
    else:
        print(f"{NOT_COMPILED}: the packages read headers at half the speed", file=sys.stderr)
    version = version_of(wheel)[1]
    glue = folder / f"dicom-lake-{version}.gluewheels.zip"
    emr = folder / f"dicom-lake-{version}.venv.tar.gz"
    waker = folder / f"waker-{version}.zip"
    write_zip(waker, [Entry(WAKER.name, WAKER.read_bytes())])
    pins = read_pins(CONSTRAINTS)
    with tempfile.TemporaryDirectory() as temporary:
        for_glue, for_emr = Path(temporary) / "glue", Path(temporary) / "emr"
        wheels = fetch_wheels(wheel, for_glue, pins=pins, brought=read_pins(GLUE_BRINGS))
        write_zip(glue, _zip_of_wheels([*own, *wheels]))
        wheels = fetch_wheels(wheel, for_emr, pins=pins, brought={})
        write_tar_gz(emr, _environment([own[-1], *wheels]))
    module = folder / f"dicom-lake-{version}.zip"
    write_module_archive(module, [glue, waker])
    made = [*own, glue, emr, waker, module]
    sums = folder / "SHA256SUMS"
    sums.write_bytes(checksums({path.name: path.read_bytes() for path in made}))
    return [*made, sums]


def build_wheel(folder: Path, *, is_compiled: bool = False) -> Path:
    """Build the package's wheel from a copy of its sources, so that nothing an earlier build left comes along.

    Args:
        folder: Takes the wheel.
        is_compiled: With the header reader compiled for AWS, where :func:`~release.compiling.can_compile`.
    """
    with tempfile.TemporaryDirectory() as temporary:
        sources, built = Path(temporary) / "sources", Path(temporary) / "built"
        shutil.copytree(ROOT / "dicom_udf", sources / "dicom_udf", ignore=shutil.ignore_patterns("__pycache__"))
        for name in _SOURCES:
            shutil.copy(ROOT / name, sources)
        if is_compiled:
            command = [sys.executable, "-W", "ignore", "setup.py", "--quiet", "bdist_wheel", "--dist-dir", str(built)]
            environment = compiler(Path(temporary), CONSTRAINTS)
        else:
            command = [*PIP, "wheel", "--no-deps", "--wheel-dir", str(built), str(sources)]
            # setuptools writes its version into the wheel, so it is pinned too; newer pips use the second name.
            environment = {"PIP_CONSTRAINT": str(CONSTRAINTS), "PIP_BUILD_CONSTRAINT": str(CONSTRAINTS)}
        # Errors are on the other channel.
        subprocess.run(command, cwd=sources, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, check=True)
        (wheel,) = built.glob("*.whl")
        write_zip(folder / wheel.name, read_wheel(wheel))
    return folder / wheel.name


def _zip_of_wheels(wheels: Iterable[Path]) -> Iterator[Entry]:
    """Yield what AWS's guide puts into a zip of wheels: a folder with the requirements and all wheels."""
    wheels = sorted(wheels, key=lambda path: path.name)
    pins = sorted({"==".join(version_of(wheel)) for wheel in wheels})
    yield Entry("wheels/")
    yield Entry("wheels/requirements.txt", "".join(f"{pin}\n" for pin in pins).encode())
    for wheel in wheels:
        yield Entry(f"wheels/{wheel.name}", wheel.read_bytes())


def _environment(wheels: Iterable[Path]) -> Iterator[Entry]:
    """Yield a virtual environment (PEP 405) that runs wherever it is unpacked, with the platform's own interpreter.

    A wheel is installed by unpacking it. What it keeps apart are commands, of which a job needs none.
    """
    python = Path(_EMR_PYTHON)
    yield Entry("bin/python", target=_EMR_PYTHON)
    yield Entry("bin/python3", target="python")
    yield Entry(f"bin/{python.name}", target="python")
    settings = f"home = {python.parent}\ninclude-system-site-packages = false\nversion = 3.11\n"
    yield Entry("pyvenv.cfg", settings.encode())
    for wheel in sorted(wheels, key=lambda path: path.name):
        for entry in read_wheel(wheel):
            apart = re.match(r"[^/]+\.data/(\w+)/", entry.name)  # PEP 427, "The .data directory"
            if apart is None:
                yield entry._replace(name=f"lib/{python.name}/site-packages/{entry.name}")
            elif apart[1] != "scripts":
                raise ValueError(f"{wheel.name} isn't installed by unpacking: it has {entry.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
