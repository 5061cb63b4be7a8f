"""Archives that have the same bytes wherever and whenever they are made: fixed order, times, owners and modes."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

__all__ = ["Entry", "read_wheel", "write_tar_gz", "write_zip"]

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the first time that a zip can store
_EPOCH_SECONDS = 315532800


class Entry(NamedTuple):
    """A file of an archive, or a link where ``target`` is given, or a folder where the name ends in ``/``."""

    name: str
    content: bytes = b""
    is_executable: bool = False
    target: str = ""


def write_zip(path: Path, entries: Iterable[Entry]) -> None:
    """Write a zip. Nothing is packed: deflated bytes depend on the version of zlib, and wheels are packed already."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for entry in entries:
            info = zipfile.ZipInfo(entry.name, _EPOCH)
            info.create_system = 3  # Unix, on Windows too: the modes below are its
            info.external_attr = (0o40755 if entry.name.endswith("/") else 0o100000 | _mode(entry)) << 16
            archive.writestr(info, entry.content)


def write_tar_gz(path: Path, entries: Iterable[Entry]) -> None:
    """Write a tar.gz of files and links; folders are implied. Its bytes are the same for one version of zlib."""
    with (
        path.open("wb") as file,
        gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive,
    ):
        for entry in entries:
            info = tarfile.TarInfo(entry.name)
            info.mtime = _EPOCH_SECONDS
            if entry.target:
                info.type, info.linkname, info.mode = tarfile.SYMTYPE, entry.target, 0o777
                archive.addfile(info)
            else:
                info.size, info.mode = len(entry.content), _mode(entry)
                archive.addfile(info, io.BytesIO(entry.content))


def read_wheel(path: Path) -> Iterator[Entry]:
    """Yield a wheel's files by name, its record last, as the wheel format requires."""
    with zipfile.ZipFile(path) as wheel:
        names = sorted(name for name in wheel.namelist() if not name.endswith("/"))
        for name in sorted(names, key=lambda name: (".dist-info/" in name, name.endswith("/RECORD"))):
            is_executable = bool(wheel.getinfo(name).external_attr >> 16 & 0o100)
            yield Entry(name, wheel.read(name), is_executable)


def _mode(entry: Entry) -> int:
    return 0o755 if entry.is_executable else 0o644
