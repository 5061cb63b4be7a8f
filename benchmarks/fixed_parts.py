"""The steps of short runs, in milliseconds: the sample into a new lake, one more object, and nothing new.

    python -m benchmarks.fixed_parts [--cores 2]

Each run is a process of its own, as cold as a user's. A step's time is that of the wall; steps lie within the lines
above them where the table indents them. A first run of each isn't counted: it fills the file cache and lets Java keep
its classes. Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.corpus import header_of, slice_of
from benchmarks.job import ROOT, machine, versions
from benchmarks.series_on_disk import encoded

__all__ = ["main"]

STEPS = {
    "connect_lake": "start Java and Spark, open the lake",
    "finish_left_batches": "finish what an earlier run left",
    "write_listing": "list the source",
    "make_plan": "plan",
    "stage_batch": "read and stage",
    "open_staged": "count what is staged",
    "commit_batch": "commit",
    "gather": "- write the data files",
    "publish": "- three commits",
    "drop_plan": "drop the plan",
}


def main() -> None:
    """Measure the runs and print their steps."""
    parser = argparse.ArgumentParser(prog="benchmarks.fixed_parts", description="The steps of short runs.")
    parser.add_argument("--cores", type=int, default=2, help="Spark master local[CORES] [default: %(default)s]")
    parser.add_argument("--measure", nargs=2, metavar=("SOURCE", "LAKE"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(steps_of(*options.measure, options.cores)))
        return
    with tempfile.TemporaryDirectory() as name:
        for counted in (False, True):
            folder = Path(name, str(counted))
            results = {"the sample into a new lake": measured(folder, options.cores)}
            (folder / "source" / "new.dcm").write_bytes(slice_of(encoded(header_of("MR")), 1))
            results["one more object"] = measured(folder, options.cores)
            results["nothing new"] = measured(folder, options.cores)
    print(page(results, options.cores))


def measured(folder: Path, cores: int) -> dict[str, float]:
    """Run the job in a process of its own and return its steps in seconds."""
    source = folder / "source"
    if not source.exists():
        shutil.copytree(ROOT / "sample_dcm", source)
    command = [sys.executable, "-m", "benchmarks.fixed_parts", "--cores", str(cores)]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--measure", str(source), str(folder / "lake")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    whole = time.perf_counter() - started
    steps: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**steps, "whole": whole}


def steps_of(source: str, lake: str, cores: int) -> dict[str, float]:
    """Run the job and return the seconds of each step, and those of Python's imports."""
    started = time.perf_counter()
    from dicom_udf import pipeline  # noqa: PLC0415 - measured
    from dicom_udf.config import IngestConfig  # noqa: PLC0415
    from dicom_udf.lake import commit  # noqa: PLC0415

    seconds = {"imports": time.perf_counter() - started}
    for module in (pipeline, commit):
        for name in STEPS:
            if hasattr(module, name):
                setattr(module, name, timed(getattr(module, name), name, seconds))
    pipeline.ingest(IngestConfig(source=source, lake=lake, master=f"local[{cores}]"))
    return seconds


def timed(step: Callable[..., Any], name: str, seconds: dict[str, float]) -> Callable[..., Any]:
    """Return a step that also adds its time to ``seconds``."""

    def call(*arguments: Any, **named: Any) -> Any:
        started = time.perf_counter()
        try:
            return step(*arguments, **named)
        finally:
            seconds[name] = seconds.get(name, 0.0) + time.perf_counter() - started

    return call


def page(results: Mapping[str, Mapping[str, float]], cores: int) -> str:
    """Return the steps as Markdown."""
    lines = [
        f"{datetime.now(UTC):%Y-%m-%d}, {machine()}, `local[{cores}]`, {versions()}.",
        "",
        f"| ms | {' | '.join(results)} |",
        f"|---|{'--:|' * len(results)}",
    ]
    for name, title in {"imports": "import Python's modules", **STEPS, "whole": "**the process**"}.items():
        cells = (f"{1000 * steps.get(name, 0.0):,.0f}" for steps in results.values())
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
