"""Shells that are hostile to a local run, for the tests of the command."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ASCII = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}
"""A shell in which Python takes names of files for ASCII."""


@contextlib.contextmanager
def mounted(folder: Path, options: str) -> Iterator[None]:
    """Mount a small disk in memory on a folder; skip the test where that isn't allowed."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root mounts a disk")
    words = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    if subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def nameless() -> list[str]:
    """Return the words that run a program as a user id without a name; skip the test where that isn't allowed.

    The right to read every file stays with it: an interpreter may lie in root's home.
    """
    words = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
    words += ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root runs a program as another user")
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no program can be run as another user here")
    return words
