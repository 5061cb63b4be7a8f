"""The wheels that a platform lacks: from pins and what the platform brings, for that platform on any machine.

Every version is pinned, so there is nothing to solve: the requirements are walked. pip's own resolver would look at the
machine that builds, not at the one that runs: it evaluates markers such as ``python_version`` there.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterable, Mapping
from email.parser import BytesParser
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

__all__ = ["PIP", "fetch_wheels", "read_pins", "version_of"]

PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
"""pip of the interpreter that runs, to be followed by its command."""

# AWS Glue 5.1 and EMR 7: Python 3.11 on Amazon Linux 2023 (glibc 2.34), x86_64.
_PYTHON = ("--python-version", "3.11", "--implementation", "cp")
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux2014_x86_64")
_MARKERS = {
    "python_version": "3.11", "python_full_version": "3.11.9", "implementation_version": "3.11.9",
    "implementation_name": "cpython", "platform_python_implementation": "CPython", "os_name": "posix",
    "sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "platform_release": "",
    "platform_version": "", "extra": "",
}  # fmt: skip


def read_pins(path: Path) -> dict[str, str]:
    """Return the version of each package by its canonical name, from lines ``name==version``."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    pairs = (line.split("==") for line in lines if line)
    return {canonicalize_name(name): version for name, version in pairs}


def fetch_wheels(wheel: Path, folder: Path, *, pins: Mapping[str, str], brought: Mapping[str, str]) -> list[Path]:
    """Download what a wheel needs on the platform, and what that needs in turn.

    Args:
        wheel: Where to begin; it isn't copied.
        folder: Takes the downloaded wheels.
        pins: Version of each package that may be downloaded.
        brought: Version of each package that the platform has; they are not downloaded, but must suit.

    Returns:
        The downloaded wheels, by name.

    Raises:
        ValueError: A package that is needed has no pin, or a version that doesn't suit.
    """
    versions = {**pins, **brought}
    found: dict[str, Path] = {}
    todo = _needs(wheel)
    while todo:
        missing = {}
        for need in todo:
            name = str(canonicalize_name(need.name))
            if name not in versions:
                raise ValueError(f"{need} has no pin in constraints.txt")
            if not need.specifier.contains(versions[name], prereleases=True):
                raise ValueError(f"{need} is needed, and {name}=={versions[name]} is pinned or brought by the platform")
            if name not in brought and name not in found:
                missing[name] = f"{name}=={versions[name]}"
        _download(sorted(missing.values()), folder)
        new = [path for path in folder.glob("*.whl") if version_of(path)[0] in missing]
        found.update({version_of(path)[0]: path for path in new})
        todo = [need for path in new for need in _needs(path)]
    return sorted(found.values(), key=lambda path: path.name)


def version_of(wheel: Path) -> tuple[str, str]:
    """Return the canonical name and the version in a wheel's file name."""
    name, version, *_ = parse_wheel_filename(wheel.name)
    return str(name), str(version)


def _needs(wheel: Path) -> list[Requirement]:
    with zipfile.ZipFile(wheel) as archive:
        (metadata,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        reported = BytesParser().parsebytes(archive.read(metadata))
    needs = (Requirement(line) for line in reported.get_all("Requires-Dist", []))
    return [need for need in needs if need.marker is None or need.marker.evaluate(_MARKERS)]


def _download(requirements: Iterable[str], folder: Path) -> None:
    requirements = list(requirements)
    if not requirements:
        return
    platforms = [word for platform in _PLATFORMS for word in ("--platform", platform)]
    options = ["--no-deps", "--only-binary=:all:", "--dest", str(folder), *_PYTHON, *platforms]
    subprocess.run([*PIP, "download", *options, *requirements], check=True)
