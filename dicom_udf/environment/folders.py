"""Folders of a local run: for temporary files, and for what Spark spills."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from dicom_udf.errors import ConfigurationError

__all__ = ["LEAST_SPACE", "is_usable", "local_folders", "temporary_folder"]

LEAST_SPACE = 32 << 20
"""Bytes for the compressors that Java unpacks and for the shuffle files of a small run. A large run needs more."""


def temporary_folder(variables: Mapping[str, str]) -> tuple[str, str | None]:
    """Return the folder that Python and Java put temporary files in, and a sentence where it isn't the shell's choice.

    Args:
        variables: The environment.

    Raises:
        ConfigurationError: There is none, it is full, or programs can't be run from it.
    """
    try:
        folder = tempfile.gettempdir()
    except OSError:
        raise ConfigurationError(
            "no folder for temporary files can be written (TMPDIR, /tmp, /var/tmp and the working folder were tried); "
            "set TMPDIR to a folder with space"
        ) from None
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise ConfigurationError(
            f"the folder for temporary files {folder} is mounted noexec, and Java loads its compressors from there; "
            "set TMPDIR to a folder on another disk"
        )
    if (free := shutil.disk_usage(folder).free) < LEAST_SPACE:
        raise ConfigurationError(
            f"the folder for temporary files {folder} has {free >> 20} MiB free, and a run needs {LEAST_SPACE >> 20} "
            "MiB at least; make room, or set TMPDIR to a folder on a larger disk"
        )
    given = variables.get("TMPDIR")
    is_other = given and os.path.abspath(given) != os.path.abspath(folder)
    return folder, f"TMPDIR {given} can't be written: {folder} is used for temporary files" if is_other else None


def local_folders(given: str, folder: str) -> tuple[str, str | None]:
    """Return the folders that Spark spills to, and a sentence where they aren't all of the shell's choice.

    Args:
        given: ``SPARK_LOCAL_DIRS``: folders, by commas; may be empty.
        folder: Used where none of them can be.
    """
    named = [each for each in given.split(",") if each]
    usable = [each for each in named if is_usable(each)]
    if usable == named:
        return ",".join(named) or folder, None
    bad, used = (",".join(each) for each in (sorted(set(named) - set(usable)), usable or [folder]))
    return used, f"{bad} of SPARK_LOCAL_DIRS can't be written or is full: {used} is used"


def is_usable(folder: str) -> bool:
    """True where a folder can be written, or made, and has :data:`LEAST_SPACE`."""
    path = Path(os.path.abspath(folder))
    there = next(each for each in (path, *path.parents) if each.exists())
    # procfs and similar file systems accept no files, whatever their permissions are; their size is 0.
    is_disk = os.statvfs(there).f_blocks > 0
    is_writable = there.is_dir() and os.access(there, os.W_OK | os.X_OK)
    return is_disk and is_writable and shutil.disk_usage(there).free >= LEAST_SPACE
