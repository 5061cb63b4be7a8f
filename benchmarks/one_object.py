"""One new object, and none, into an existing lake by cold processes, beside the least that any process of Spark does.

    python -m benchmarks.one_object [--rounds 5] [--cores 2] [--objects 2000]

The lake is that of the sample files. In each round one more file is put beside them, and ``dicom-lake ingest`` of the
whole source brings it in; the next one finds nothing new. A third ingest finds nothing new in a folder of more objects.
They are compared with a process that starts the same Spark session and stops it, and with one that starts it and
inserts one row into an Iceberg table of two columns in the same catalog. All are timed from the start of the process to
its end, in turns; the median counts. A first round isn't counted: it fills the file cache. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.corpus import header_of, slice_of
from benchmarks.job import ROOT, machine, versions
from benchmarks.series_on_disk import encoded

__all__ = ["main"]

COMMAND = (sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())")
"""The script ``dicom-lake`` with the code of this folder."""

INGEST = (*COMMAND, "ingest")

TABLE = "lake.bench.small"

TITLES = {
    "start": "a session, started and stopped",
    "append": "a session and one append by SQL",
    "ingest": "`dicom-lake ingest` of one new object",
    "unchanged": "`dicom-lake ingest` of the sample, unchanged",
    "many": "`dicom-lake ingest` of {:,} objects, unchanged",
}


def main() -> None:
    """Make the lakes, measure the processes in turns, print the table."""
    parser = argparse.ArgumentParser(
        prog="benchmarks.one_object", description="One new object and none, by cold processes."
    )
    parser.add_argument("--rounds", type=int, default=5, help="measurements of each process [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    parser.add_argument("--objects", type=int, default=2000, help="of the larger source [default: %(default)s]")
    parser.add_argument("--start", metavar="LAKE", help=argparse.SUPPRESS)
    parser.add_argument("--insert", nargs=2, metavar=("LAKE", "ROUND"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.start:
        start(options.start, options.cores)
        return
    if options.insert:
        insert(options.insert[0], int(options.insert[1]), options.cores)
        return
    with tempfile.TemporaryDirectory() as name:
        print(page(measure(Path(name), options), options))


def measure(folder: Path, options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the seconds of each process, a number a round."""
    source, many, lake, report = folder / "source", folder / "many", folder / "lake", folder / "report.json"
    template = encoded(header_of("MR"))
    shutil.copytree(ROOT / "sample_dcm", source)
    many.mkdir()
    for number in range(options.objects):
        (many / f"{number}.dcm").write_bytes(slice_of(template, number))
    named = ["--master", f"local[{options.cores}]", "--report", str(report)]
    ingest = [*INGEST, str(source), "--lake", str(lake), *named]
    ingest_many = [*INGEST, str(many), "--lake", str(folder / "lake of many"), *named]
    for command in (ingest, ingest_many):
        seconds_of(command)
    bare = [sys.executable, "-m", "benchmarks.one_object", "--cores", str(options.cores)]
    results: dict[str, list[float]] = {way: [] for way in TITLES}
    for number in range(options.rounds + 1):
        results["start"].append(seconds_of([*bare, "--start", str(lake)]))
        results["append"].append(seconds_of([*bare, "--insert", str(lake), str(number)]))
        (source / f"new_{number}.dcm").write_bytes(slice_of(template, number))
        results["ingest"].append(seconds_of(ingest))
        check(report, new=1)
        results["unchanged"].append(seconds_of(ingest))
        check(report, new=0)
        results["many"].append(seconds_of(ingest_many))
        check(report, new=0)
        print(
            f"round {number}: {', '.join(f'{way} {took[-1]:.1f} s' for way, took in results.items())}", file=sys.stderr
        )
    return {way: took[1:] for way, took in results.items()}


def seconds_of(command: Sequence[str]) -> float:
    """Run a command to its end and return how long it took.

    Raises:
        SystemExit: It failed.
    """
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{command[1]} {command[2]} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return took


def check(report: Path, *, new: int) -> None:
    """Check that a run brought in so many objects with an instance each.

    Raises:
        SystemExit: It brought in something else.
    """
    counts = json.loads(report.read_text(encoding="utf-8"))
    if (counts["objects_new"], counts["instances"]) != (new, new):
        raise SystemExit(f"{counts['objects_new']} new objects, {counts['instances']} instances, not {new} of each")


def start(lake: str, cores: int) -> None:
    """Start the session of a lake and stop it."""
    from dicom_udf.config import LakeLocation  # noqa: PLC0415 - Spark only in the measuring process
    from dicom_udf.lake.session import lake_session  # noqa: PLC0415

    lake_session(LakeLocation(lake), master=f"local[{cores}]").stop()


def insert(lake: str, number: int, cores: int) -> None:
    """Start the session of a lake and append a row; the table is made by round 0, which isn't counted."""
    from dicom_udf.config import LakeLocation  # noqa: PLC0415 - Spark only in the measuring process
    from dicom_udf.lake.session import lake_session  # noqa: PLC0415

    spark = lake_session(LakeLocation(lake), master=f"local[{cores}]")
    if number == 0:
        spark.sql(f"CREATE TABLE {TABLE} (id bigint, text string) USING iceberg")
    spark.sql(f"INSERT INTO {TABLE} VALUES ({number}, 'a text')")


def page(results: dict[str, list[float]], options: argparse.Namespace) -> str:
    """Return the measurements as Markdown."""
    least = statistics.median(results["start"])
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, `local[{options.cores}]`, {versions()}. "
        f"Median of {options.rounds} rounds.",
        "",
        "| cold process | seconds, all rounds | median | more than the first |",
        "|---|---|---|---|",
    ]
    for way, took in results.items():
        middle = statistics.median(took)
        rounds = ", ".join(f"{one:.1f}" for one in took)
        title = TITLES[way].format(options.objects)
        lines.append(f"| {title} | {rounds} | {middle:.1f} | {middle - least:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
