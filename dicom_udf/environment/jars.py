"""Where Ivy keeps the jars that a local run fetches once: in a home that can be written, or beside temporary files."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dicom_udf.environment.folders import is_usable
from dicom_udf.errors import ConfigurationError

__all__ = ["JarStore", "jar_name", "open_jar_store"]


@dataclass(frozen=True, slots=True)
class JarStore:
    """Ivy's folders of this user.

    Attributes:
        folders: Where a jar may be that an earlier run fetched, in the order of looking.
        home: The folder to fetch into; None where no home can be written.
        temporary: The folder to fetch into then.
    """

    folders: tuple[Path, ...]
    home: Path | None
    temporary: Path

    def find(self, package: str) -> Path | None:
        """Return the jar of a package ``group:artifact:version``; None if it was not fetched yet."""
        name = jar_name(package)
        return next((jar for folder in self.folders if _is_readable(jar := folder / "jars" / name)), None)

    def fetching_folder(self) -> tuple[Path, str | None]:
        """Return the folder to fetch into, and a sentence for the log where it isn't in a home.

        Raises:
            ConfigurationError: No home can be written, and the folder beside it isn't this user's alone.
        """
        if self.home is not None:
            return self.home, None
        _make_private(self.temporary)
        return (
            self.temporary,
            f"no home can be written: jars are kept in {self.temporary}; set HOME to keep them longer",
        )


def jar_name(package: str) -> str:
    """Return the name of the file that Ivy makes of a package ``group:artifact:version``."""
    group, artifact, version = package.split(":")
    return f"{group}_{artifact}-{version}.jar"


def open_jar_store(variables: Mapping[str, str], temporary: str, ivy: str) -> JarStore:
    """Return the store of this user.

    Args:
        variables: The environment.
        temporary: The folder for temporary files.
        ivy: Name of Ivy's folder in a home, as the Spark in use has it.
    """
    homes = [home / ivy for home in _homes(variables)]
    beside = Path(temporary) / f"dicom-lake-{os.getuid()}"
    folders = (*homes, beside) if _is_private(beside) else tuple(homes)
    return JarStore(folders, next((home for home in homes if is_usable(str(home))), None), beside)


def _homes(variables: Mapping[str, str]) -> Iterator[Path]:
    """Yield the homes that exist: the shell's, then the one in the list of users, which Java uses."""
    named = [variables.get("HOME", "")]
    with contextlib.suppress(KeyError):
        named.append(pwd.getpwuid(os.getuid()).pw_dir)
    for name in dict.fromkeys(named):
        if os.path.isabs(name) and os.path.isdir(name):  # noqa: PTH112, PTH117
            yield Path(name)


def _is_readable(jar: Path) -> bool:
    return jar.is_file() and os.access(jar, os.R_OK)


def _make_private(folder: Path) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _is_private(folder):
        raise ConfigurationError(
            f"no home can be written, and {folder} belongs to or can be written by another user; set HOME to a folder "
            "that can be written"
        )


def _is_private(folder: Path) -> bool:
    """True for a folder that only this user can put jars into: their code is run."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022
