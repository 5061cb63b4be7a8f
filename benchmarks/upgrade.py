"""An older lake upgraded: rows per second, beside the ingest of the same rows, and the memory of a Python worker.

    python -m benchmarks.upgrade [--rows 40000] [--cores 2]

The rows are those of one MR series (``benchmarks.corpus``), and every hundredth is an enhanced image of 60 frames. The
columns that version 0.2.0 lacks are dropped; one snapshot then fills them. Each step is a process of its own, timed
whole. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import io
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from pydicom.dataset import Dataset

from benchmarks.corpus import make_series
from benchmarks.job import machine, versions
from benchmarks.one_object import COMMAND, seconds_of
from benchmarks.worker_memory import WorkerMemory

__all__ = ["main"]

FRAMES = 60


def main() -> None:
    """Make the lake, drop columns, upgrade it, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.upgrade", description="An older lake upgraded.")
    parser.add_argument("--rows", type=int, default=40_000, help="[default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    parser.add_argument("--drop", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.drop:
        drop_columns(options.drop)
        return
    with tempfile.TemporaryDirectory() as name:
        source, lake = Path(name, "source"), str(Path(name, "lake"))
        make_series(source / "mr", "MR", options.rows - options.rows // 100)
        make_enhanced(source / "enhanced", options.rows // 100)
        master = ["--lake", lake, "--master", f"local[{options.cores}]"]
        ingested = seconds_of([*COMMAND, "ingest", str(source), *master])
        seconds_of([sys.executable, "-m", "benchmarks.upgrade", "--drop", lake])
        with WorkerMemory() as memory:
            upgraded = seconds_of([*COMMAND, "upgrade", *master])
    print(f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, `local[{options.cores}]`, {versions()}.\n")
    print(f"| {options.rows:,} rows | seconds | rows/s | peak of a Python worker, MiB |\n|---|--:|--:|--:|")
    print(f"| `dicom-lake ingest` | {ingested:.1f} | {options.rows / ingested:,.0f} | |")
    print(f"| `dicom-lake upgrade` | {upgraded:.1f} | {options.rows / upgraded:,.0f} | {memory.peak >> 20} |")


def make_enhanced(folder: Path, number: int) -> None:
    """Write enhanced MR images whose frames have positions of their own."""
    folder.mkdir(parents=True)
    for image in range(number):
        data = Dataset()
        data.SOPClassUID, data.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.4.1", f"2.25.9.{image}"
        data.StudyInstanceUID, data.SeriesInstanceUID = "2.25.8", "2.25.7"
        data.StudyDate, data.Modality, data.NumberOfFrames = "20240101", "MR", FRAMES
        data.SharedFunctionalGroupsSequence = [
            group("PixelMeasuresSequence", PixelSpacing=["0.5", "0.5"], SliceThickness="2"),
        ]
        data.PerFrameFunctionalGroupsSequence = [
            group("PlanePositionSequence", ImagePositionPatient=["0", "0", f"{2 * frame}"]) for frame in range(FRAMES)
        ]
        buffer = io.BytesIO()
        data.save_as(buffer, implicit_vr=False, little_endian=True)
        (folder / f"{image}.dcm").write_bytes(bytes(128) + b"DICM" + META + buffer.getvalue())


META = b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
"""TransferSyntaxUID: explicit VR, little endian."""


def group(sequence: str, **values: object) -> Dataset:
    """Return an item with one functional group."""
    inner, outer = Dataset(), Dataset()
    for keyword, value in values.items():
        setattr(inner, keyword, value)
    setattr(outer, sequence, [inner])
    return outer


def drop_columns(root: str) -> None:
    """Drop the columns that version 0.2.0 lacks."""
    from dicom_udf.columns import declared_attributes  # noqa: PLC0415 - only this process needs Spark
    from dicom_udf.columns.items import item_columns  # noqa: PLC0415
    from dicom_udf.columns.lifting import FRAME_COLUMNS  # noqa: PLC0415
    from dicom_udf.config import LakeLocation  # noqa: PLC0415
    from dicom_udf.lake.tables import connect_lake  # noqa: PLC0415

    counts = [attribute.column for attribute in declared_attributes() if attribute.part == "count"]
    frames = [column for column in FRAME_COLUMNS if column != "acquisition_datetime"]
    columns = dict.fromkeys((*counts, *frames, *(column.name for column in item_columns())))
    lake = connect_lake(LakeLocation(root))
    lake.spark.sql(f"ALTER TABLE {lake.name('instances')} DROP COLUMNS ({', '.join(columns)})")


if __name__ == "__main__":
    main()
