"""What an installation on AWS costs, from prices, measured figures and assumptions that anyone can change.

    python -m benchmarks.cost [NAME=VALUE ...]

The numbers are in ``benchmarks/cost.tsv``; NAME=VALUE changes one for this run. Prints the tables of
``docs/explanation/cost.md``.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

__all__ = ["free_month", "idle_month", "main", "million", "read_numbers", "tables"]

NUMBERS = Path(__file__).with_name("cost.tsv")

_MILLION = 1_000_000


def read_numbers(changed: Iterable[str] = ()) -> dict[str, float]:
    """Read the numbers by name, some of them changed by ``NAME=VALUE``.

    Raises:
        ValueError: There is no such number, or it is none.
    """
    with NUMBERS.open(encoding="utf-8", newline="") as file:
        numbers = {row["name"]: float(row["value"]) for row in csv.DictReader(file, delimiter="\t")}
    for text in changed:
        name, _, value = text.partition("=")
        if name not in numbers:
            raise ValueError(f"{name} is no number of {NUMBERS.name}; it has: {', '.join(numbers)}")
        numbers[name] = float(value)
    return numbers


def million(n: Mapping[str, float], *, members: bool) -> dict[str, float]:
    """Return the cost of a million instances by item, in USD; the items of a month are named so.

    Args:
        n: As :func:`read_numbers` returns them.
        members: True for members of stored zips, False for loose objects.
    """
    archives_bytes = _MILLION * n["member_bytes"]
    gets = archives_bytes / (4 << 20) * n["gets_per_4mib"] if members else _MILLION * n["gets_per_loose"]
    rate = n["member_per_second_core" if members else "loose_per_second_core"] * n["cores_per_worker"]
    reading = _MILLION / rate * n["workers"] / (n["workers"] - 1)  # the driver's worker is paid as well
    commits = (n["run_seconds"] + n["partitions_per_million"] * n["commit_seconds_per_partition"]) * 2
    events = 0 if members else _MILLION
    puts = 3 * n["partitions_per_million"]
    return {
        "Glue, reading": (reading * n["dpu_per_worker"]) / 3600 * n["glue_dpu_hour"],
        "Glue, start and commits": commits * n["dpu_per_worker"] / 3600 * n["glue_dpu_hour"],
        "S3 requests": gets / 1000 * n["s3_get_1000"] + puts / 1000 * n["s3_put_1000"],
        "events and queue": events / _MILLION * (n["event_million"] + 3 / 10 * n["sqs_million"]),  # batches of ten
        "lake, a month": _MILLION * n["bytes_per_instance"] / 1e9 * n["s3_gb_month"],
        "a query of five columns": _MILLION * n["query_bytes_per_instance"] / 1e12 * n["athena_tb"],
    }


def idle_month(n: Mapping[str, float]) -> dict[str, float]:
    """Return what an installation with events costs in a month in which nothing comes, by item, in USD."""
    run = n["run_seconds"] * 2 * n["dpu_per_worker"] / 3600 * n["glue_dpu_hour"]
    wake = n["lambda_gb_second"] * 0.25 + (n["lambda_million"] + n["scheduler_million"] + n["sqs_million"]) / _MILLION
    zero = n["metric_put_1000"] / 1000 + n["scheduler_million"] / _MILLION  # keeps one of the metrics alive
    return {
        "KMS key": n["kms_key_month"],
        "daily sweep": n["sweeps_month"] * run,
        "weekly maintenance": n["maintenances_month"] * run,
        "waker": n["wakes_month"] * wake,
        "alarms": n["alarms"] * n["alarm_month"],
        "metrics": ((n["metrics"] - 1) * n["sweep_hours_month"] / 720 + 1) * n["metric_month"]
        + n["zeros_month"] * zero,
        "dashboard": n["dashboard_month"],
        "KMS and S3 requests, logs": 1000 / 10000 * n["kms_10000"] + 5 * n["s3_put_1000"] + 0.05 * n["log_gb"],
    }


def free_month(n: Mapping[str, float]) -> float:
    """Return what of it is free in an account that has nothing else: ten alarms, ten metrics, three dashboards."""
    idle = idle_month(n)
    return idle["alarms"] + idle["metrics"] + idle["dashboard"]


def tables(n: Mapping[str, float]) -> str:
    """Return the tables as Markdown."""
    loose, members, idle = million(n, members=False), million(n, members=True), idle_month(n)
    lines = ["| USD per million instances | loose objects | members of stored zips |", "|---|---|---|"]
    lines += [f"| {item} | {loose[item]:.4f} | {members[item]:.4f} |" for item in loose]
    once = [item for item in loose if "month" not in item and "query" not in item]
    lines.append(f"| **once** | **{sum(loose[i] for i in once):.2f}** | **{sum(members[i] for i in once):.2f}** |")
    lines += ["", "| USD a month, idle | |", "|---|---|"]
    lines += [f"| {item} | {cost:.2f} |" for item, cost in idle.items()]
    lines.append(f"| **all** | **{sum(idle.values()):.2f}** |")
    lines.append(f"| **after CloudWatch's free tier** | **{sum(idle.values()) - free_month(n):.2f}** |")
    return "\n".join(lines)


def main(words: list[str]) -> None:
    """Print the tables."""
    print(tables(read_numbers(words)))


if __name__ == "__main__":
    main(sys.argv[1:])
