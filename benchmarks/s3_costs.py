"""What a request to S3 costs beside the bytes that it brings: the model behind the gap threshold.

Between two pieces that are wanted lies a gap. It is either read through, in one request, or left out, by two. Time and
CPU are measured for both; money follows from AWS's prices for S3 requests and for Glue's cores (us-east-1, 2025).
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

__all__ = ["costs_of_requests", "page_of_costs"]

MIB = 1 << 20
PIECE = 64 << 10
GAPS = (0, 64 << 10, 256 << 10, MIB, 2 * MIB, 4 * MIB, 8 * MIB, 16 * MIB)
AHEAD = 4
"""Requests under way at once where reading is ahead, as our reader does it."""

REPEATS = 24
USD_PER_REQUEST = 0.4e-6
USD_PER_CORE_SECOND = 0.44 / 3600 / 4
"""A Glue DPU hour is 0.44 USD and has four cores."""


def costs_of_requests(bucket: str, endpoint: str) -> dict[str, float]:
    """Measure pieces with each gap between them, both ways, one after another and some at once; ms and CPU ms each."""
    import obstore  # noqa: PLC0415 - only the measuring process needs it
    from obstore.store import S3Store  # noqa: PLC0415

    store: Any = S3Store(
        bucket, endpoint=endpoint, region=os.environ["AWS_REGION"], virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )  # fmt: skip
    size = obstore.head(store, "slices.zip")["size"]
    longest = 2 * PIECE + max(GAPS)

    def through(number: int, gap: int) -> None:
        start = number * longest % (size - longest)
        obstore.get_range(store, "slices.zip", start=start, end=start + 2 * PIECE + gap)

    def around(number: int, gap: int) -> None:
        start = number * longest % (size - longest)
        obstore.get_range(store, "slices.zip", start=start, end=start + PIECE)
        obstore.get_range(store, "slices.zip", start=start + PIECE + gap, end=start + 2 * PIECE + gap)

    figures: dict[str, float] = {}
    with ThreadPoolExecutor(AHEAD) as pool:
        for name, fetch in (("through", through), ("around", around)):
            fetch(0, max(GAPS))
            for gap in GAPS:
                for way, map_ in (("alone", map), ("ahead", pool.map)):
                    wall, cpu = _milliseconds(map_, fetch, gap)
                    figures[f"{name} {way} {gap} ms"], figures[f"{name} {way} {gap} cpu"] = wall, cpu
    return figures


def _milliseconds(map_: Callable[..., Any], fetch: Callable[[int, int], None], gap: int) -> tuple[float, float]:
    """Return the time and the CPU time of one fetch, the median of three rounds of them."""
    walls, cpus = [], []
    for _ in range(3):
        started, used = time.perf_counter(), time.process_time()
        list(map_(fetch, range(REPEATS), [gap] * REPEATS))
        walls.append(1000 * (time.perf_counter() - started) / REPEATS)
        cpus.append(1000 * (time.process_time() - used) / REPEATS)
    return statistics.median(walls), statistics.median(cpus)


def page_of_costs(measured: Mapping[int | None, Mapping[str, float]]) -> str:
    """Return the measurements by latency (None: directly) and the gaps that they break even at, as Markdown."""
    lines = [
        f"Two pieces of 64 KiB with a gap between them: one request through it : two around it, ms ({AHEAD} at once).",
        "",
    ]
    heads = [f"{_named(latency)}, {way}" for latency in measured for way in ("one at a time", f"{AHEAD} at once")]
    lines += [f"| gap | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for gap in GAPS:
        cells = [
            f"{figures[f'through {way} {gap} ms']:.2f} : {figures[f'around {way} {gap} ms']:.2f}"
            for figures in measured.values()
            for way in ("alone", "ahead")
        ]
        lines.append(f"| {gap // 1024:,} KiB | {' | '.join(cells)} |")
    lines += ["", "| | a request, ms | its CPU ms | a MiB, ms | its CPU ms | gap of like time | gap of like money |"]
    lines += ["|---" * 7 + "|"]
    for latency, figures in measured.items():
        for way, title in (("alone", "one at a time"), ("ahead", f"{AHEAD} at once")):
            lines.append(f"| {_named(latency)}, {title} | {' | '.join(_model(figures, way))} |")
    return "\n".join(lines)


def _named(latency: int | None) -> str:
    return "direct" if latency is None else f"{latency} ms added"


def _model(figures: Mapping[str, float], way: str) -> list[str]:
    """Fit costs to bytes: a request's own and a MiB's; return these, and the gaps that cost as much as a request."""
    fits = [_line([(gap / MIB, figures[f"through {way} {gap} {kind}"]) for gap in GAPS]) for kind in ("ms", "cpu")]
    (request, mib), (request_cpu, mib_cpu) = fits
    money = USD_PER_REQUEST / USD_PER_CORE_SECOND * 1000  # in ms of a core
    return [
        f"{request:.2f}", f"{request_cpu:.2f}", f"{mib:.2f}", f"{mib_cpu:.2f}", f"{request / mib:.1f} MiB",
        f"{(money + request) / mib:.1f} MiB",
    ]  # fmt: skip


def _line(points: list[tuple[float, float]]) -> tuple[float, float]:
    """Return intercept and slope of the least squares line."""
    slope, intercept = statistics.linear_regression(*zip(*points, strict=True))
    return intercept, slope
