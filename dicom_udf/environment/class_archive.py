"""An archive of the classes that Java loads for a run: the next runs start Spark in half the time.

Java writes the archive as it ends, after the first run of this user, and checks by itself that it fits the Java and the
jars of a later run (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html). An archive that is missing,
unfinished or of other jars costs nothing but the time that it would have saved.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from dicom_udf.environment.folders import is_usable

__all__ = ["LEAST_SPACE", "archive_options"]

LEAST_SPACE = 2 << 30
"""Free bytes of the disk below which no archive is written; one has some 180 MB."""

_QUIET = "-Xlog:disable"
"""Otherwise Java writes to stdout why an archive doesn't fit."""

_SECONDS_TO_WRITE = 600

_OWN_CHOICE = re.compile(r"-Xshare|-Xlog|SharedArchive|ArchiveClasses")

_OPTIONS = ("SPARK_SUBMIT_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS")


def archive_options(variables: Mapping[str, str], java_home: str | None, spark_home: str, jars: Iterable[str]) -> str:
    """Return the options by which Java uses the archive of this user, or writes it; empty where it can do neither.

    Args:
        variables: The environment. If it has options for archives or for Java's log, the result is empty.
        java_home: The Java in use; None: the one of the PATH.
        spark_home: The folder of the Spark in use.
        jars: Jars on the class path besides Spark's.
    """
    if any(_OWN_CHOICE.search(variables.get(name, "")) for name in _OPTIONS):
        return ""
    folder = _cache_folder(variables)
    program = Path(java_home, "bin", "java") if java_home else shutil.which("java", path=variables.get("PATH"))
    if folder is None or program is None or re.search(r"\s|,|:", str(folder)):
        return ""
    try:
        key = _key([Path(program).resolve(), Path(spark_home, "jars"), *(Path(jar) for jar in jars)])
        archive = folder / f"classes-{key}.jsa"
        if _is_complete(archive):
            return f"{_QUIET} -XX:SharedArchiveFile={archive}"
        return f"{_QUIET} -XX:ArchiveClassesAtExit={archive}" if _can_be_written(archive) else ""
    except OSError:
        return ""


def _cache_folder(variables: Mapping[str, str]) -> Path | None:
    """Return the folder for the archive; only this user may write to it, because Java runs its code."""
    base = variables.get("XDG_CACHE_HOME") or (f"{home}/.cache" if (home := variables.get("HOME")) else "")
    if not os.path.isabs(base) or not Path(base).parent.is_dir():  # noqa: PTH117 - also for an empty text
        return None
    folder = Path(base, "dicom-lake")
    if not is_usable(str(folder)):
        return None
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
    except OSError:
        return None
    return folder if status.st_uid == os.getuid() and not status.st_mode & 0o022 else None


def _key(paths: Iterable[Path]) -> str:
    """Return a text that changes with each program and jar: Java refuses an archive of others."""
    parts = [f"{path} {path.stat().st_mtime_ns}" for path in paths]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _is_complete(archive: Path) -> bool:
    """Return whether Java has written an archive to its end: its header comes last."""
    try:
        with archive.open("rb") as file:
            return any(file.read(4))
    except FileNotFoundError:
        return False


def _can_be_written(archive: Path) -> bool:
    """Return whether there is room for an archive, and no other Java that writes it now."""
    if shutil.disk_usage(archive.parent).free < LEAST_SPACE:
        return False
    return not archive.exists() or time.time() - archive.stat().st_mtime > _SECONDS_TO_WRITE
