"""Headers per second and core of the job, beside the obvious way, in one run on the same files.

    python -m benchmarks.job [--headers 20000] [--rounds 3] [--cores 2] [--folder FOLDER] [--corpus mixed|MR]

Each measurement is a process of its own with a Spark session of the same settings, ``local[CORES]``, started and
warmed by a one-row job before the clock starts. The job is timed whole: listing, planning, reading, staging and three
Iceberg commits; a line of its own has the share of reading and staging. The two ways take turns; the median of
the rounds counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.corpus import make_series
from benchmarks.series_on_disk import make_corpus

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
WAYS = ("obvious", "job")


def main() -> None:
    """Make the corpus, measure both ways, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.job", description="Headers/s/core beside the obvious way.")
    parser.add_argument("--headers", type=int, default=20_000, help="files in the corpus [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each way [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "benchmark", help="where the corpus is kept")
    parser.add_argument(
        "--corpus", choices=("mixed", "MR"), default="mixed", help="CT and MR series, or one MR series of 250 elements"
    )
    parser.add_argument("--measure", choices=WAYS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    source = options.folder / f"{options.corpus}_{options.headers}"
    if options.measure:
        print(json.dumps(measure(options.measure, source, options.cores)))
        return
    if not source.exists():
        part = source.with_name(f"{source.name}.part")
        shutil.rmtree(part, ignore_errors=True)
        if options.corpus == "MR":
            make_series(part / "series", "MR", options.headers)
        else:
            make_corpus(part, options.headers)
        part.rename(source)  # a corpus that is there is whole
    results: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for round_ in range(1, options.rounds + 1):
        for way, measured in results.items():
            measured.append(in_own_process(way, options))
            print(f"round {round_}: {way} {measured[-1]['seconds']:.1f} s", file=sys.stderr)
    print(page(results, options, source))


def in_own_process(way: str, options: argparse.Namespace) -> dict[str, float]:
    """Measure one way in a fresh Python and a fresh Java."""
    command = [sys.executable, "-m", "benchmarks.job", "--measure", way]
    for name in ("headers", "cores", "folder", "corpus"):
        command += [f"--{name}", str(getattr(options, name))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    if measured["rows"] != options.headers:
        raise SystemExit(f"{way}: {measured['rows']:.0f} rows from {options.headers} files")
    return measured


def measure(way: str, source: Path, cores: int) -> dict[str, float]:
    """Run one way once into a lake that is thrown away; return its rows and seconds."""
    from benchmarks.obvious_way import ingest_the_obvious_way  # noqa: PLC0415 - Spark only in the measuring process
    from dicom_udf import pipeline as job  # noqa: PLC0415
    from dicom_udf.config import IngestConfig, LakeLocation  # noqa: PLC0415
    from dicom_udf.lake.session import lake_session  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=source.parent, prefix="lake_") as folder:
        lake = Path(folder) / "lake"
        master = f"local[{cores}]"
        spark = lake_session(LakeLocation(str(lake)), master=master)
        spark.range(1).rdd.map(lambda row: row).count()  # starts the Python workers' daemon too
        if way == "obvious":
            started = time.perf_counter()
            rows = ingest_the_obvious_way(spark, source, lake)
            return {"rows": rows, "seconds": time.perf_counter() - started}
        reading: list[float] = []
        job.stage_batch = timed(job.stage_batch, reading)
        started = time.perf_counter()
        rows = job.ingest(IngestConfig(source=str(source), lake=str(lake), master=master)).instances
        return {"rows": rows, "seconds": time.perf_counter() - started, "reading": sum(reading)}


def timed(step: Callable[..., None], seconds: list[float]) -> Callable[..., None]:
    """Return a step of the job that also notes how long each of its calls takes."""

    def call(*arguments: object, **named: object) -> None:
        started = time.perf_counter()
        step(*arguments, **named)
        seconds.append(time.perf_counter() - started)

    return call


def page(results: dict[str, list[dict[str, float]]], options: argparse.Namespace, source: Path) -> str:
    """Return the measurements as Markdown."""
    size = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    obvious = statistics.median(one["seconds"] for one in results["obvious"])
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, `local[{options.cores}]`, {versions()}. "
        f"{options.headers:,} files, {size / options.headers / 1000:.1f} kB each; median of {options.rounds} rounds.",
        "",
        "| way | seconds, all rounds | headers/s | headers/s/core | ratio |",
        "|---|---|---|---|---|",
    ]
    for way, key, title in (
        ("obvious", "seconds", "the obvious way"),
        ("job", "seconds", "`dicom-lake ingest`"),
        ("job", "reading", "of it reading and staging"),
    ):
        seconds = [one[key] for one in results[way]]
        rate = options.headers / statistics.median(seconds)
        lines.append(
            f"| {title} | {', '.join(f'{one:.1f}' for one in seconds)} | {rate:,.0f} | {rate / options.cores:,.0f} "
            f"| {obvious / statistics.median(seconds):.1f} |"
        )
    return "\n".join(lines)


def machine() -> str:
    """Return processor, cores and memory."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.partition(":")[2].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, load {load:.0f} at the end"


def versions() -> str:
    """Return the versions of what the measurement depends on."""
    names = ("pyspark", "pydicom", "pyarrow")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


if __name__ == "__main__":
    main()
