"""setup.py says what the package says, and constraints.txt has a pin that suits each requirement."""

from __future__ import annotations

import runpy
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from dicom_udf import __version__
from release.make_dist import CONSTRAINTS, GLUE_BRINGS
from release.wheels import read_pins
from tests.job_process import ROOT


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What setup.py tells setuptools."""
    reported: dict[str, Any] = {}
    setuptools = SimpleNamespace(
        setup=lambda **settings: reported.update(settings), find_packages=lambda include: include
    )
    monkeypatch.setitem(sys.modules, "setuptools", setuptools)
    runpy.run_path(str(ROOT / "setup.py"))
    return reported


def test_the_version_is_that_of_the_package(reported) -> None:
    assert reported["version"] == __version__


def test_each_requirement_has_a_pin_that_suits(reported) -> None:
    lines = {line for extra in ("local", "dev") for line in reported["extras_require"][extra]} | set(
        reported["install_requires"]
    )
    pins = read_pins(CONSTRAINTS)
    unpinned = [line for line in lines if not is_met(line, pins)]
    assert unpinned == []


def test_what_the_package_needs_and_glue_brings_suits(reported) -> None:
    glue = read_pins(GLUE_BRINGS)
    brought = [line for line in reported["install_requires"] if canonicalize_name(Requirement(line).name) in glue]
    assert {Requirement(line).name for line in brought} == {"pyarrow", "numpy", "boto3", "pandas"}
    assert all(is_met(line, glue) for line in brought)


def is_met(line: str, versions: dict[str, str]) -> bool:
    need = Requirement(line)
    version = versions.get(canonicalize_name(need.name))
    return version is not None and need.specifier.contains(version)
