"""Make the lake of an earlier version that ``test_versions.py`` opens, and pack it. Pack and unpack lakes.

    git worktree add ../old bda1444 && cd ../old
    PYTHONPATH=. REPOSITORY/.venv/bin/python REPOSITORY/tests/lake/old_lakes/make_lake.py 0.1.0.tar.xz

The lake has six instances on three dates and a failure, by two runs. Iceberg's metadata holds absolute paths, so the
lake lies in a folder whose path has :data:`PATH_LENGTH` characters: ``unpack`` replaces it by another one as long.
Files of position deletes hold such paths too: their Parquet must be uncompressed (:data:`PLAIN_DELETES`).
"""

from __future__ import annotations

import io
import os
import re
import sys
import tarfile
import tempfile
import zlib
from pathlib import Path

__all__ = ["PATH_LENGTH", "PLAIN_DELETES", "lake_path", "pack", "unpack"]

PATH_LENGTH = 200
"""Characters of the path of each lake, the one that was packed and those that are unpacked."""

PLAIN_DELETES = "'write.delete.parquet.compression-codec' = 'uncompressed'"
"""The table property of a lake whose deletes can be unpacked elsewhere."""

_SYNC = 16
"""Bytes of the marker after each block of an Avro file (Avro 1.11, "Object Container Files")."""


def unpack(archive: Path, folder: Path, prefix: str = "") -> Path:
    """Unpack a lake below a folder; return its path.

    Args:
        archive: The packed lake, or several.
        folder: Where.
        prefix: Of the names of the lake's files in the archive.
    """
    root = lake_path(folder)
    root.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.name.startswith(prefix)]
        for member in members:
            member.name = member.name.removeprefix(prefix)
        tar.extractall(root, members, filter="data")
    old, new = (root / "path").read_bytes(), str(root).encode()
    (root / "path").unlink()
    for file in root.rglob("*"):
        if file.suffix == ".avro":
            file.write_bytes(_replace_in_avro(file.read_bytes(), old, new))
        elif file.suffix in (".json", ".parquet"):  # of the latter those of deletes
            file.write_bytes(file.read_bytes().replace(old, new))
    return root


def pack(tar: tarfile.TarFile, root: Path, prefix: str = "") -> None:
    """Add a lake to an archive; the run that wrote to it may have died."""
    (root / "path").write_text(str(root))
    for file in sorted(root.rglob("*")):
        # The lease would name a process; Hadoop compares checksums only where there are some.
        if not file.is_dir() and file.suffix != ".crc" and file.relative_to(root).parts[0] != "_ingest":
            info = tarfile.TarInfo(prefix + os.fspath(file.relative_to(root)))
            info.size = file.stat().st_size
            tar.addfile(info, io.BytesIO(file.read_bytes()))
    (root / "path").unlink()


def lake_path(folder: Path) -> Path:
    """Return a path below ``folder`` of exactly :data:`PATH_LENGTH` characters."""
    return folder / "l".ljust(PATH_LENGTH - len(str(folder)) - 1, "_")


def _replace_in_avro(content: bytes, old: bytes, new: bytes) -> bytes:
    """Replace a text by one of the same length in the header and in each deflated block of an Avro file."""
    codec = re.search(rb"avro\.codec.([a-z]+)", content)
    assert codec is not None, "Iceberg names the codec of a manifest"
    assert codec[1].startswith(b"deflate"), codec[1]
    sync = content[-_SYNC:]
    head, *blocks, _ = content.split(sync)
    result = head.replace(old, new) + sync
    for block in blocks:
        rows, start = _read_long(block, 0)
        size, start = _read_long(block, start)
        assert size == len(block) - start
        packer = zlib.compressobj(wbits=-15)
        packed = packer.compress(zlib.decompress(block[start:], wbits=-15).replace(old, new)) + packer.flush()
        result += _write_long(rows) + _write_long(len(packed)) + packed + sync
    return result


def _read_long(data: bytes, position: int) -> tuple[int, int]:
    """Return an Avro long, which isn't negative here, and the position behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value >> 1, position


def _write_long(value: int) -> bytes:
    value <<= 1
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*parts, value])


def _make(archive: Path) -> None:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    from dicom_udf.config import IngestConfig
    from dicom_udf.pipeline import ingest

    with tempfile.TemporaryDirectory() as name:
        source, root = Path(name) / "source", lake_path(Path(name))
        source.mkdir()
        for number in range(6):
            dataset = dcmread(get_testdata_file("CT_small.dcm"))
            dataset.SOPInstanceUID, dataset.StudyDate = f"1.2.3.{number}", f"2024010{number % 3 + 1}"
            dataset.save_as(source / f"{number}.dcm")
            if number == 3:
                (source / "notes.txt").write_text("no header\n" * 20)
                ingest(IngestConfig(source=str(source), lake=str(root)))
        ingest(IngestConfig(source=str(source), lake=str(root)))
        with tarfile.open(archive, "w:xz", preset=9) as tar:
            pack(tar, root)


if __name__ == "__main__":
    _make(Path(sys.argv[1]))
