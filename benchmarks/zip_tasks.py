"""How much of the reading stage the tasks of one large zip run side by side.

    python -m benchmarks.zip_tasks [--members 20000] [--cores 2]

Makes a zip of CT slices, ingests it, and reads from Spark the times of the tasks of its longest stage.
"""

from __future__ import annotations

import argparse
import tempfile
import zipfile
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.job import machine, versions
from benchmarks.series_on_disk import make_corpus
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.lake.session import lake_session
from dicom_udf.pipeline import ingest

__all__ = ["main", "side_by_side"]


def main() -> None:
    """Make the zip, ingest it, print the share."""
    parser = argparse.ArgumentParser(prog="benchmarks.zip_tasks", description="Tasks of one zip, side by side.")
    parser.add_argument("--members", type=int, default=20_000, help="files in the zip [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_corpus(folder / "loose", options.members)
        (folder / "source").mkdir()
        with zipfile.ZipFile(folder / "source" / "all.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
            for path in sorted((folder / "loose").rglob("*.dcm")):
                archive.write(path, path.relative_to(folder / "loose"))
        size = (folder / "source" / "all.zip").stat().st_size
        master = f"local[{options.cores}]"
        spark = lake_session(LakeLocation(str(folder / "lake")), master=master)
        ingest(IngestConfig(source=str(folder / "source"), lake=str(folder / "lake"), master=master))
        spans = longest_stage(spark)
        spark.stop()
    share = side_by_side(spans, options.cores)
    print(f"{machine()}, `{master}`, {versions()}.")
    seconds = (max(end for _, end in spans) - min(start for start, _ in spans)) / 1000
    print(
        f"One zip of {options.members:,} members, {size >> 20} MiB: {len(spans)} tasks, {seconds:.1f} s of reading and"
    )
    print(f"staging, {share:.0%} of it with all cores busy.")


def longest_stage(spark: Any) -> list[tuple[int, int]]:
    """Return start and end, in ms, of each task of the stage that took longest."""
    store = spark.sparkContext._jsc.sc().statusStore()
    stages: dict[int, list[tuple[int, int]]] = {}
    for stage in range(1000):
        tasks = store.taskList(stage, 0, 100_000).iterator()
        while tasks.hasNext():
            task = tasks.next()
            start = task.launchTime().getTime()
            stages.setdefault(stage, []).append((start, start + task.duration().get()))
    return max(stages.values(), key=lambda spans: max(end for _, end in spans) - min(start for start, _ in spans))


def side_by_side(spans: list[tuple[int, int]], cores: int) -> float:
    """Return the share of the whole time in which at least ``cores`` spans lie over each other."""
    moments = sorted({moment for span in spans for moment in span})
    busy = sum(
        after - before
        for before, after in pairwise(moments)
        if sum(start <= before and after <= end for start, end in spans) >= cores
    )
    return busy / (moments[-1] - moments[0])


if __name__ == "__main__":
    main()
