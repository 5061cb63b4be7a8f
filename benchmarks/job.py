"""The job beside the obvious way, in one run on the same files: its slope, its fixed part, its memory.

    python -m benchmarks.job [--sizes 10000,40000] [--mixed 20000] [--rounds 3] [--cores 2] [--folder FOLDER]

Corpora: one MR series of 250 elements a slice in each of the sizes (``benchmarks.corpus``); CT and MR series on a study
date each (``benchmarks.series_on_disk``); and the files of the latter under names that are hashes, so that the order of
names has nothing to do with the dates. The obvious way doesn't depend on names and is left out there.

Each measurement is a process of its own with a Spark session of the same settings, ``local[CORES]``, started and
warmed by a one-row job before the clock starts. The job is timed whole: listing, planning, reading, staging and three
Iceberg commits. The two ways take turns; the median of the rounds counts. The line through the two sizes of the MR
corpus has two numbers: its slope, the time that a header more takes, and what is left at 0 headers, the fixed part.
The memory is the largest resident set of a Python worker, which includes what it shares with its parent. Prints
Markdown tables.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.corpus import make_series
from benchmarks.series_on_disk import make_corpus
from benchmarks.worker_memory import WorkerMemory

__all__ = ["machine", "main", "versions"]

ROOT = Path(__file__).resolve().parent.parent
OBVIOUS, JOB = WAYS = ("obvious", "job")
TITLES = {OBVIOUS: "the obvious way", JOB: "`dicom-lake ingest`"}

Measured = dict[str, float]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Files to ingest.

    Attributes:
        kind: ``MR``, ``mixed`` or ``hashed``.
        headers: Number of files.
        ways: The ways that are measured on them.
    """

    kind: str
    headers: int
    ways: tuple[str, ...] = WAYS

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.kind}_{self.headers}"

    @property
    def title(self) -> str:
        """Name in the printed table."""
        kinds = {"MR": "MR slices", "mixed": "mixed files", "hashed": "mixed files, names in random order"}
        return f"{self.headers:,} {kinds[self.kind]}"

    def make(self, folder: Path) -> Path:
        """Make the files unless they are there; return their folder, which a corpus has once it is complete."""
        source = folder / self.name
        if source.exists():
            return source
        part = folder / f"{self.name}.part"
        shutil.rmtree(part, ignore_errors=True)
        if self.kind == "MR":
            make_series(part / "series", "MR", self.headers)
        elif self.kind == "mixed":
            make_corpus(part, self.headers)
        else:
            link_by_hash(Corpus("mixed", self.headers).make(folder), part)
        part.rename(source)
        return source


Results = dict[Corpus, dict[str, list[Measured]]]


def main() -> None:
    """Make the corpora, measure the ways in turns, print the tables."""
    options = read_options()
    if options.measure:
        kind, headers, way = options.measure.split(",")
        print(json.dumps(measure(way, options.folder / Corpus(kind, int(headers)).name, options.cores)))
        return
    corpora = [Corpus("MR", size) for size in options.sizes]
    if options.mixed:
        corpora += [Corpus("mixed", options.mixed), Corpus("hashed", options.mixed, (JOB,))]
    sources = {corpus: corpus.make(options.folder) for corpus in corpora}
    results: Results = {corpus: {way: [] for way in corpus.ways} for corpus in corpora}
    for round_ in range(1, options.rounds + 1):
        for corpus in corpora:
            for way in corpus.ways:
                measured = in_own_process(way, corpus, options)
                results[corpus][way].append(measured)
                print(f"round {round_}: {corpus.name} {way} {measured['seconds']:.1f} s", file=sys.stderr)
    print(page(results, sources, options))


def read_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="benchmarks.job", description="The job beside the obvious way.")
    parser.add_argument(
        "--sizes", type=sizes, default=(10_000, 40_000), help="slices of the MR corpora [default: 10000,40000]"
    )
    parser.add_argument("--mixed", type=int, default=20_000, help="files of the mixed one; 0: none [default: 20000]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each way [default: %(default)s]")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "benchmark", help="where corpora are kept")
    parser.add_argument("--measure", metavar="KIND,HEADERS,WAY", help=argparse.SUPPRESS)
    return parser.parse_args()


def sizes(text: str) -> tuple[int, ...]:
    """Return one size or two, the smaller one first."""
    found = tuple(sorted({int(word) for word in text.split(",")}))
    if not 1 <= len(found) <= 2:
        raise argparse.ArgumentTypeError(f"expected one size or two, not {len(found)}")
    return found


def link_by_hash(source: Path, folder: Path) -> None:
    """Link the files of a corpus into one folder, under names that are hashes."""
    folder.mkdir(parents=True)
    for path in source.rglob("*"):
        if path.is_file():
            name = hashlib.sha256(str(path.relative_to(source)).encode()).hexdigest()
            os.link(path, folder / f"{name}.dcm")


def in_own_process(way: str, corpus: Corpus, options: argparse.Namespace) -> Measured:
    """Measure one way in a fresh Python and a fresh Java."""
    command = [sys.executable, "-m", "benchmarks.job", "--measure", f"{corpus.kind},{corpus.headers},{way}"]
    command += ["--cores", str(options.cores), "--folder", str(options.folder.absolute())]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True, text=True)
    measured: Measured = json.loads(done.stdout.splitlines()[-1])
    if measured["rows"] != corpus.headers:
        raise SystemExit(f"{way}: {measured['rows']:.0f} rows from {corpus.headers} files")
    return measured


def measure(way: str, source: Path, cores: int) -> Measured:
    """Run one way once into a lake that is thrown away; return its rows, seconds, memory and files."""
    from dicom_udf.config import LakeLocation  # noqa: PLC0415 - Spark only in the measuring process
    from dicom_udf.lake.session import lake_session  # noqa: PLC0415

    with tempfile.TemporaryDirectory(dir=source.parent, prefix="lake_") as folder:
        lake = Path(folder) / "lake"
        master = f"local[{cores}]"
        spark = lake_session(LakeLocation(str(lake)), master=master)
        spark.range(1).rdd.map(lambda row: row).count()  # starts the Python workers' daemon too
        with WorkerMemory() as memory:
            started = time.perf_counter()
            rows = run_way(way, spark, source, lake)
            seconds = time.perf_counter() - started
        return {"rows": rows, "seconds": seconds, "peak": memory.peak, "files": data_files(way, spark, lake)}


def run_way(way: str, spark: Any, source: Path, lake: Path) -> int:
    """Ingest the source; return the number of rows."""
    if way == OBVIOUS:
        from benchmarks.obvious_way import ingest_the_obvious_way  # noqa: PLC0415

        return ingest_the_obvious_way(spark, source, lake)
    from dicom_udf.config import IngestConfig  # noqa: PLC0415
    from dicom_udf.pipeline import ingest  # noqa: PLC0415

    return ingest(IngestConfig(source=str(source), lake=str(lake), master=spark.sparkContext.master)).instances


def data_files(way: str, spark: Any, lake: Path) -> int:
    """Return the number of data files of the instances."""
    if way == OBVIOUS:
        return sum(1 for _ in lake.rglob("*.parquet"))
    files: int = spark.table("lake.dicom.instances.files").count()
    return files


def page(results: Results, sources: dict[Corpus, Path], options: argparse.Namespace) -> str:
    """Return the measurements as Markdown."""
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, `local[{options.cores}]`, {versions()}. "
        f"Median of {options.rounds} rounds.",
        "",
        "| files | kB each | way | seconds, all rounds | headers/s/core | ratio | peak of a worker, MiB | data files |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for corpus, by_way in results.items():
        size = sum(path.stat().st_size for path in sources[corpus].rglob("*") if path.is_file())
        for way, measured in by_way.items():
            cells = [corpus.title, f"{size / corpus.headers / 1000:.1f}", TITLES[way]]
            cells += row_of(corpus, measured, by_way.get(OBVIOUS), options.cores)
            lines.append(f"| {' | '.join(cells)} |")
    series = [corpus for corpus in results if corpus.kind == "MR"]
    if len(series) == 2:
        lines += ["", *line_through(series[0], series[1], results)]
    return "\n".join(lines)


def row_of(corpus: Corpus, measured: list[Measured], obvious: list[Measured] | None, cores: int) -> Iterator[str]:
    """Yield the cells of one way on one corpus that are measured."""
    seconds = median(measured, "seconds")
    yield ", ".join(f"{one['seconds']:.1f}" for one in measured)
    yield f"{corpus.headers / seconds / cores:,.0f}"
    yield f"{median(obvious, 'seconds') / seconds:.1f}" if obvious else ""
    peak = max(one["peak"] for one in measured)
    yield f"{peak / 2**20:.0f}" if peak else "unknown"
    yield f"{median(measured, 'files'):.0f}"


def line_through(small: Corpus, large: Corpus, results: Results) -> Iterator[str]:
    """Yield the table of the line through the medians of two sizes."""
    slopes, fixed = {}, {}
    for way in WAYS:
        first, last = (median(results[corpus][way], "seconds") for corpus in (small, large))
        slopes[way] = (last - first) / (large.headers - small.headers)
        fixed[way] = first - slopes[way] * small.headers
    title = f"line through {small.headers:,} and {large.headers:,} MR slices"
    yield f"| {title} | {TITLES[OBVIOUS]} | {TITLES[JOB]} | ratio |"
    yield "|---|---|---|---|"
    ratio = slopes[OBVIOUS] / slopes[JOB] if slopes[JOB] > 0 else float("nan")
    yield f"| slope, ms a header | {slopes[OBVIOUS] * 1000:.3f} | {slopes[JOB] * 1000:.3f} | {ratio:.1f} |"
    yield f"| fixed part, s | {fixed[OBVIOUS]:.1f} | {fixed[JOB]:.1f} | |"


def median(measured: list[Measured], key: str) -> float:
    """Return the median of one number over the rounds."""
    return statistics.median(one[key] for one in measured)


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
