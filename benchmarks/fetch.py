"""Files per second of ``dicom-lake fetch`` from S3, and the bytes that a few members of a large zip cost.

    python -m benchmarks.fetch [--objects 10000] [--size 100000] [--jobs 16] [--rounds 3] [--latency-ms 30]

The server is versitygw on loopback over files of this machine, which are in the file cache. Loose objects are fetched
directly; the members of the zip through a proxy that counts bytes and lets each request wait. Each round is a process
of its own with an empty target folder, as a user runs it: its start is part of the time. The median of the rounds
counts. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.job import machine
from tests.servers.proxy import proxy
from tests.servers.s3 import S3Server, place, set_etag, versitygw

__all__ = ["main"]

COMMAND = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())"]
MEMBERS, WANTED = 20_000, 300

Row = tuple[str, str, str, int, str]
"""source_uri, source_member, etag, size, target."""


def main() -> None:
    """Make the objects, start the server, measure, print the table."""
    parser = argparse.ArgumentParser(prog="benchmarks.fetch", description="Fetching files from S3.")
    parser.add_argument("--objects", type=int, default=10_000, help="loose ones [default: %(default)s]")
    parser.add_argument("--size", type=int, default=100_000, help="bytes of each file [default: %(default)s]")
    parser.add_argument("--jobs", type=int, default=16, help="objects that are read at once [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each [default: %(default)s]")
    parser.add_argument("--latency-ms", type=int, default=30, help="of each request to the zip [default: %(default)s]")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        loose = make_loose(folder / "buckets", options.objects, options.size)
        members = make_zip(folder / "buckets", options.size)
        print("\n| files | time | files/s | MB/s | requests | bytes beside the files' own |\n|---|--:|--:|--:|--:|--:|")
        with versitygw(folder / "buckets") as server:
            seconds = median(folder, server, loose, options.jobs, options.rounds)
            print(row(f"{len(loose):,} loose objects", loose, seconds))
            with proxy(server.endpoint, latency=options.latency_ms / 1000) as way:
                seconds = median(folder, server.through(way.endpoint), members, options.jobs, options.rounds)
                gets = [e for e in way.seen("GET") if e.key.endswith(".zip")]
                requests, sent = len(gets) / options.rounds, sum(e.sent for e in gets) / options.rounds
                what = f"{WANTED} members of {MEMBERS:,} in a zip, {options.latency_ms} ms a request"
                print(row(what, members, seconds, requests, sent))
        versions = f"Python {sys.version.split()[0]}, obstore {version('obstore')}"
        print(f"\n{datetime.now(UTC):%Y-%m-%d}, {machine()}; {versions}.")


def make_loose(buckets: Path, objects: int, size: int) -> list[Row]:
    """Write objects that differ, and return their rows of a manifest."""
    rows = []
    for number in range(objects):
        content = random.Random(number).randbytes(size)
        key = f"{number % 100:02}/{number:06}.dcm"
        place(buckets / "loose" / key, content)
        etag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        rows.append((f"s3://loose/{key}", "", etag, size, key))
    return rows


def make_zip(buckets: Path, size: int) -> list[Row]:
    """Write a zip of stored members, and return the rows of a scattered sample: no two requests can be one."""
    path = buckets / "zips" / "a.zip"
    path.parent.mkdir(parents=True)
    content = random.Random(0).randbytes(size)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(MEMBERS):
            archive.writestr(f"{number:06}.dcm", content)
    set_etag(path, "e" * 32)
    names = [f"{number:06}.dcm" for number in sorted(random.Random(1).sample(range(MEMBERS), WANTED))]
    return [("s3://zips/a.zip", name, "e" * 32, size, name) for name in names]


def median(folder: Path, server: S3Server, rows: Iterable[Row], jobs: int, rounds: int) -> float:
    """Return the seconds of a process that fetches all rows into an empty folder."""
    manifest = folder / "manifest.csv"
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("source_uri", "source_member", "etag", "size", "target"))
        writer.writerows(rows)
    times = []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory(dir=folder) as target:
            words = ["fetch", "--manifest", str(manifest), "--to", target, "--jobs", str(jobs)]
            where = ["--s3-endpoint", server.endpoint, "--s3-region", server.region]
            environment = {**os.environ, **server.environment}
            clock0 = time.monotonic()
            subprocess.run([*COMMAND, *words, *where], env=environment, check=True, stdout=subprocess.DEVNULL)
            times.append(time.monotonic() - clock0)
    return statistics.median(times)


def row(what: str, rows: list[Row], seconds: float, requests: float | None = None, sent: float | None = None) -> str:
    """Return a line of the table."""
    size = sum(row[3] for row in rows)
    counts = f"{len(rows) if requests is None else requests:,.0f} | {1 if sent is None else sent / size:.3f}"
    return f"| {what} | {seconds:.1f} s | {len(rows) / seconds:,.0f} | {size / seconds / 1e6:,.0f} | {counts} |"


if __name__ == "__main__":
    main()
