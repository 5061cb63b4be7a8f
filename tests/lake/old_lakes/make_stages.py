"""Make the lakes that ``test_old_stages.py`` opens, in which runs of an earlier version died, and pack them.

    git worktree add ../old df32af1 && cd ../old
    PYTHONPATH=. REPOSITORY/.venv/bin/python REPOSITORY/tests/lake/old_lakes/make_stages.py staged_0.2.0.tar.xz

Each lake is a copy of one lake, changed by a run that killed itself at a point of ``tests/lake/killed_run.py``. Beside
each one are the rows that its tables had after that version's own next run: ``POINT.json``.
"""

from __future__ import annotations

import json
import lzma
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from make_lake import PLAIN_DELETES, lake_path, pack

POINTS = (
    "merged batch staged",
    "instances replaced, not published",
    "instances published, failures not",
    "second batch staged",
)
_PRESET = 9 | lzma.PRESET_EXTREME


def write(path: Path, number: int, study_date: str) -> Path:
    """Write a small instance with scalars, arrays, codes, a private element and an invalid value."""
    from pydicom.config import IGNORE
    from pydicom.dataelem import DataElement
    from pydicom.dataset import Dataset, FileMetaDataset

    header, region = Dataset(), Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.1"
    header.SOPClassUID, header.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.2", f"1.2.3.{number}"
    header.StudyInstanceUID, header.SeriesInstanceUID, header.Modality = "1.2.4.1", "1.2.5.1", "CT"
    header.StudyDate, header.StudyTime, header.PatientName = study_date, "101112.5", "Müller^Mira"
    header.SpecificCharacterSet, header.KVP, header.InstanceNumber = "ISO_IR 100", "120", str(number)
    header.ImagePositionPatient, header.Rows = ["-1.5", "2", str(number)], number
    region.CodeValue, region.CodingSchemeDesignator, region.CodeMeaning = "T-D3000", "SRT", "Chest"
    header.AnatomicRegionSequence = [region]
    header.private_block(0x0019, "EXAMPLE", create=True).add_new(0x10, "DS", "7.5")
    header.add(DataElement(0x00100030, "DA", "unknown", validation_mode=IGNORE))
    header.save_as(path, enforce_file_format=True)
    return touch(path, number)


def write_text(path: Path, number: int) -> Path:
    path.write_text(f"no header, number {number}\n" * 20)
    return touch(path, number)


def write_zip(path: Path, members: list[Path], number: int) -> None:
    """Move files into a zip."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.writestr(member.name, member.read_bytes())
            member.unlink()
    touch(path, number)


def touch(path: Path, number: int) -> Path:
    os.utime(path, ns=(number * 10**9, number * 10**9))
    return path


def fill(source: Path) -> None:
    """Write five objects."""
    source.mkdir()
    write(source / "kept.dcm", 1, "20240101")
    write(source / "changed.dcm", 2, "20240102")
    write(source / "deleted.dcm", 3, "20240102")
    write_text(source / "notes.txt", 4)
    members = [write(source / "a.dcm", 5, "20240101"), write(source / "b.dcm", 6, "20240102")]
    write_zip(source / "two.zip", [*members, write_text(source / "readme.txt", 7)], 7)


def change(source: Path) -> None:
    """Change three objects, delete one, add two: text turns into an instance, a zip loses a member and gets another."""
    write(source / "changed.dcm", 12, "20240209")
    (source / "deleted.dcm").unlink()
    write(source / "notes.txt", 14, "20240101")
    members = [write(source / "a.dcm", 15, "20240101"), write(source / "c.dcm", 16, "20240209")]
    write_zip(source / "two.zip", [*members, write_text(source / "readme.txt", 17)], 17)
    write(source / "new.dcm", 21, "20240101")
    write_text(source / "more.txt", 22)


def rows(root: Path, source: Path) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each table that came from the source, as JSON has them."""
    from dicom_udf.answers.local import run_query
    from dicom_udf.config import LakeLocation

    found = {}
    for table in ("instances", "failures", "objects"):
        sql = f"SELECT * FROM {table} WHERE starts_with(source_uri, 'file://{source}/') ORDER BY ALL"
        answer = run_query(sql, LakeLocation(str(root)))
        found[table] = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    return found


def ingest(source: Path, root: Path) -> None:
    from dicom_udf.config import IngestConfig
    from dicom_udf.pipeline import ingest

    ingest(IngestConfig(source=str(source), lake=str(root), master="local[2]"))


def make_first_lake(source: Path, root: Path) -> None:
    """Ingest the first five objects."""
    from dicom_udf.config import LakeLocation
    from dicom_udf.lake.session import lake_session

    fill(source)
    ingest(source, root)
    spark = lake_session(LakeLocation(str(root)))
    for table in ("instances", "failures", "objects"):
        spark.sql(f"ALTER TABLE lake.dicom.{table} SET TBLPROPERTIES ({PLAIN_DELETES})")


def run_and_die(point: str, source: Path, root: Path) -> None:
    """Ingest the changes until the point."""
    command = [sys.executable, "-m", "tests.lake.killed_run", point, str(source), str(root)]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": "."}, check=False)
    assert done.returncode == -signal.SIGKILL, point


def main(archive: Path) -> None:
    """Make the lakes and pack them."""
    with tempfile.TemporaryDirectory() as name, tarfile.open(archive, "w:xz", preset=_PRESET) as tar:
        folder = Path(name)
        source, root, other, first = folder / "source", lake_path(folder), folder / "other", folder / "first"
        make_first_lake(source, root)
        shutil.copytree(root, first)
        change(source)
        other.mkdir()
        write_text(other / "other.txt", 31)
        for point in POINTS:
            shutil.rmtree(root)
            shutil.copytree(first, root)
            run_and_die(point, source, root)
            pack(tar, root, f"{point}/")
            ingest(other, root)
            expected = folder / "expected.json"
            expected.write_text(json.dumps(rows(root, source), default=str, sort_keys=True))
            tar.add(expected, f"{point}.json", filter=_anonymous)


def _anonymous(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uname = info.gname = ""
    info.uid = info.gid = info.mtime = 0
    return info


if __name__ == "__main__":
    main(Path(sys.argv[1]))
