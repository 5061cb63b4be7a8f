"""Headers per second, requests and bytes of reading in place from S3, beside the obvious way, in one run.

    python -m benchmarks.s3 [--objects 5000] [--size 500000] [--latency-ms 0,30] [--rounds 3] [--folder FOLDER]

The server is versitygw on loopback over objects of this machine (``benchmarks.s3_corpus``). Where a latency is named,
0 included, requests go through a proxy that counts them, and each waits that long there, side by side. Each
measurement is a process of its own without Spark, as one task of an executor reads: it reads one object first, then
the clock starts, and listing is part of what is timed. The objects are in the file cache. The ways take turns; the
median of the rounds counts. Prints Markdown tables.

* the obvious way: boto3's ``get_object`` whole, pydicom's ``dcmread(stop_before_pixels=True).to_json()``
* ours: ``read_batches`` to Arrow batches with all columns and the complete header
"""

from __future__ import annotations

import argparse
import contextlib
import cProfile
import json
import os
import platform
import pstats
import resource
import statistics
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.job import machine
from benchmarks.s3_corpus import LARGE_MEMBERS, make_buckets
from benchmarks.s3_costs import costs_of_requests, page_of_costs
from tests.servers.proxy import Proxy, proxy
from tests.servers.s3 import S3Server, versitygw

__all__ = ["main"]

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20

Figures = dict[str, float]


class Case(NamedTuple):
    """A measurement: a way of reading a bucket, directly (None) or through the proxy with a latency in ms."""

    way: str
    bucket: str
    latency: int | None


def main() -> None:
    """Make the objects, start the servers, measure, print the tables."""
    parser = argparse.ArgumentParser(prog="benchmarks.s3", description="Reading from S3 beside the obvious way.")
    parser.add_argument("--objects", type=int, default=5000, help="loose ones, and members [default: %(default)s]")
    parser.add_argument("--size", type=int, default=500_000, help="bytes of each [default: %(default)s]")
    parser.add_argument("--latency-ms", default="0,30", help="added to each request [default: %(default)s]")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each [default: %(default)s]")
    parser.add_argument("--obvious", type=int, default=1000, help="objects read the obvious way [default: %(default)s]")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache" / "benchmark", help="where the objects are kept")
    parser.add_argument(
        "--profile", metavar="BUCKET", help="print where our reading of a bucket spends its time, and end"
    )
    parser.add_argument("--measure", nargs=3, metavar=("WAY", "BUCKET", "ENDPOINT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        way, bucket, endpoint = options.measure
        print(json.dumps(WAYS[way](bucket, endpoint, options.obvious)))
        return
    folder = options.folder / f"s3_{options.objects}_{options.size}"
    make_buckets(folder, options.objects, options.size)
    with versitygw(folder) as server, proxy(server.endpoint) as between:
        if options.profile:
            warm(folder / options.profile)
            in_own_process("profile", options.profile, server, options.obvious)
            return
        latencies = [int(latency) for latency in options.latency_ms.split(",")]
        results = measure_all(server, between, latencies, folder, options)
        costs = {}
        for latency in (None, *latencies):
            between.latency = (latency or 0) / 1000
            way = server if latency is None else server.through(between.endpoint)
            costs[latency] = in_own_process("costs", "large", way, 0)
    print(page(results, sizes(folder), options))
    print(page_of_costs(costs))


def measure_all(
    server: S3Server, between: Proxy, latencies: list[int], folder: Path, options: argparse.Namespace
) -> dict[Case, list[Figures]]:
    """Measure each case in each round."""
    cases = [
        Case(way, bucket, latency)
        for latency in (None, *latencies)
        for way, bucket in (
            ("obvious", "loose"), ("ours", "loose"), ("ours", "stored"), ("ours", "deflated"), ("ours", "large"),
        )
        if way == "ours" or latency != 0
    ]  # fmt: skip
    results: dict[Case, list[Figures]] = {case: [] for case in cases}
    for round_ in range(1, options.rounds + 1):
        for case, measured in results.items():
            warm(folder / case.bucket)
            between.latency = (case.latency or 0) / 1000
            between.exchanges.clear()
            way = server if case.latency is None else server.through(between.endpoint)
            figures = in_own_process(case.way, case.bucket, way, options.obvious)
            expected = {"obvious": min(options.obvious, options.objects), "ours": options.objects}[case.way]
            if figures["headers"] != (LARGE_MEMBERS if case.bucket == "large" else expected):
                raise SystemExit(f"{case}: {figures['headers']:.0f} headers")
            figures["seen"] = between.count("GET")
            figures["sent"] = between.sent("GET")
            measured.append(figures)
            rate = figures["headers"] / figures["seconds"]
            print(f"round {round_}: {tuple(case)} {rate:,.0f} headers/s", file=sys.stderr, flush=True)
    return results


def warm(bucket: Path) -> None:
    """Bring a bucket into the file cache: the disk is not what is measured. What is mostly holes costs no disk."""
    for path in bucket.rglob("*"):
        if path.is_file() and path.stat().st_blocks * 512 > path.stat().st_size // 2:
            with path.open("rb", buffering=0) as file:
                while file.read(8 * MIB):
                    pass


def in_own_process(way: str, bucket: str, server: S3Server, obvious: int) -> Figures:
    """Measure in a fresh Python."""
    command = [sys.executable, "-m", "benchmarks.s3", "--obvious", str(obvious), "--measure", way, bucket]
    done = subprocess.run(
        [*command, server.endpoint], cwd=ROOT, env={**os.environ, **server.environment}, stdout=subprocess.PIPE,
        check=True, text=True,
    )  # fmt: skip
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def read_the_obvious_way(bucket: str, endpoint: str, most: int) -> Figures:
    """Get objects whole, one after another."""
    import io  # noqa: PLC0415 - each way imports what it needs, before its clock starts
    import warnings  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415
    from pydicom import dcmread  # noqa: PLC0415

    warnings.simplefilter("ignore")
    client = boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}))
    moved = 0

    def header(key: str) -> str:
        nonlocal moved
        body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
        moved += len(body)
        return dcmread(io.BytesIO(body), stop_before_pixels=True).to_json()

    def keys() -> Iterator[str]:
        for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
            yield from (found["Key"] for found in page["Contents"])

    header(next(keys()))
    moved = 0
    with timed() as figures:
        read = [header(key) for _, key in zip(range(most), keys(), strict=False)]
    return {**figures, "headers": len(read), "requests": len(read), "bytes": moved}


def read_our_way(bucket: str, endpoint: str, _most: int) -> Figures:
    """Read as one task does."""
    from dicom_udf.read import read_batches  # noqa: PLC0415
    from dicom_udf.sources import ObjectRef, S3Access, open_store  # noqa: PLC0415
    from dicom_udf.tasks import Item, ReadSettings, Stamp, split_objects  # noqa: PLC0415

    access = S3Access(endpoint=endpoint, region=os.environ["AWS_REGION"], path_style=True)
    settings = ReadSettings(Stamp("benchmark", datetime.now(UTC).replace(tzinfo=None)), access)

    def refs(source: str) -> Iterator[ObjectRef]:
        for batch in open_store(source, access=access).list():
            yield from (ObjectRef(*row.values()) for row in batch.to_pylist())

    def read(items: Iterator[Item]) -> tuple[int, int, int]:
        counts: Counter[str] = Counter()

        def count(entry: dict[str, Any]) -> None:
            counts.update({name: entry[name] for name in ("instances", "requests", "bytes_read")})

        deque(read_batches(items, settings, on_object=count), maxlen=0)
        return counts["instances"], counts["requests"], counts["bytes_read"]

    first = [Item(ref) for _, ref in zip(range(1), refs("s3://loose/"), strict=False)]
    if read(iter(first))[0] != 1:
        raise SystemExit("the first object has no readable header")
    with timed() as figures:
        headers, requests, moved = read(split_objects(list(refs(f"s3://{bucket}/")), settings))
    return {**figures, "headers": headers, "requests": requests, "bytes": moved}


def profile_our_way(bucket: str, endpoint: str, most: int) -> Figures:
    """Read our way under cProfile and print the fifteen functions that take most time, threads of the pool aside."""
    profiler = cProfile.Profile()
    figures = profiler.runcall(read_our_way, bucket, endpoint, most)
    pstats.Stats(profiler, stream=sys.stderr).sort_stats("tottime").print_stats(15)
    return figures


def measure_costs(bucket: str, endpoint: str, _most: int) -> Figures:
    """Measure what a request costs, and what a byte."""
    return costs_of_requests(bucket, endpoint)


WAYS: dict[str, Callable[[str, str, int], Figures]] = {
    "obvious": read_the_obvious_way,
    "ours": read_our_way,
    "profile": profile_our_way,
    "costs": measure_costs,
}


@contextlib.contextmanager
def timed() -> Iterator[Figures]:
    """Fill in seconds by the wall clock and of this process's CPU, and its peak memory."""
    figures: Figures = {}
    started, used = time.perf_counter(), time.process_time()
    yield figures
    figures["seconds"] = time.perf_counter() - started
    figures["cpu"] = time.process_time() - used
    figures["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


def sizes(folder: Path) -> dict[str, int]:
    """Return the bytes that each bucket stores."""
    return {
        bucket.name: sum(path.stat().st_size for path in bucket.rglob("*") if path.is_file())
        for bucket in folder.iterdir()
    }


def page(results: dict[Case, list[Figures]], stored: dict[str, int], options: argparse.Namespace) -> str:
    """Return the measurements, and what they come to, as Markdown."""
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, {versions()}. {options.objects:,} objects of {options.size:,} "
        f"bytes, {LARGE_MEMBERS} members of 64 MB; median of {options.rounds} rounds; the obvious way reads "
        f"{options.obvious:,}.",
        "",
        "| way | bucket | ms added | headers/s | all rounds | CPU ms per header | requests | counted by the proxy "
        "| bytes read | of those stored | peak MiB |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for case, rounds in results.items():
        one = median(rounds)
        rates = ", ".join(f"{figures['headers'] / figures['seconds']:,.0f}" for figures in rounds)
        latency = "direct" if case.latency is None else str(case.latency)
        whole = stored[case.bucket] * (one["headers"] / options.objects if case.way == "obvious" else 1)
        lines.append(
            f"| {case.way} | {case.bucket} | {latency} | {rate(rounds):,.0f} | {rates} "
            f"| {1000 * one['cpu'] / one['headers']:.2f} | {one['requests']:,.0f} "
            f"| {'' if case.latency is None else format(one['seen'], ',.0f')} "
            f"| {one['bytes'] / MIB:,.0f} MiB | {100 * one['bytes'] / whole:.2f} % | {one['peak']:.0f} |"
        )
    lines += ["", "| | wanted | measured |", "|---|---|---|"]
    lines += [f"| {what} | {wanted} | {found} |" for what, wanted, found in verdicts(results, stored, options.objects)]
    return "\n".join([*lines, ""])


def verdicts(
    results: dict[Case, list[Figures]], stored: dict[str, int], objects: int
) -> Iterator[tuple[str, str, str]]:
    """Yield what is wanted of the figures, and what was found."""
    loose = median(results["ours", "loose", None])
    yield "requests per loose object", "at most 1.05", f"{loose['requests'] / objects:.3f}"
    yield "bytes read of loose objects", "at most 15 %", f"{100 * loose['bytes'] / stored['loose']:.1f} %"
    for latency in sorted({case.latency for case in results} - {0}, key=lambda latency: latency or 0):
        named = "" if latency is None else f", {latency} ms added"
        direct = rate(results["ours", "loose", latency])
        times = direct / rate(results["obvious", "loose", latency])
        if latency is None:
            yield "loose: the obvious way", "at least 5", f"{times:.1f}"
        else:
            yield f"loose: the obvious way{named}", "", f"{times:.1f}"
            yield f"loose headers/s{named}", "at least 300", f"{direct:,.0f}"
        for bucket in ("stored", "deflated"):
            wanted = "at least 1.5" if latency is None else "at least 3"
            yield f"zip ({bucket}) : loose{named}", wanted, f"{rate(results['ours', bucket, latency]) / direct:.2f}"
    for bucket in ("stored", "deflated"):
        requests = median(results["ours", bucket, None])["requests"]
        yield f"requests per 4 MiB of zip ({bucket})", "at most 1", f"{requests / (stored[bucket] / (4 * MIB)):.2f}"
    large = median(results["ours", "large", None])
    yield "bytes read of members of 64 MB", "at most 2 %", f"{100 * large['bytes'] / stored['large']:.3f} %"


def median(rounds: list[Figures]) -> Figures:
    """Return the round whose time is the median."""
    return sorted(rounds, key=lambda figures: figures["seconds"])[len(rounds) // 2]


def rate(rounds: list[Figures]) -> float:
    """Return headers per second."""
    return statistics.median(figures["headers"] / figures["seconds"] for figures in rounds)


def versions() -> str:
    """Return the versions of what the measurement depends on."""
    names = ("pydicom", "pyarrow", "obstore", "boto3")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


if __name__ == "__main__":
    main()
