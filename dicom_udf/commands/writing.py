"""The commands that write to a lake: one call each, and what is printed about it.

Each command imports what only it needs: Spark takes longer to load than the help.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator
from typing import Any

from dicom_udf.commands.output import reader_may_leave, write_answer
from dicom_udf.config import (
    IngestConfig,
    InitConfig,
    MaintainConfig,
    PromoteConfig,
    RegisterConfig,
    UpgradeConfig,
    WriterOptions,
    check_ingest,
    check_lake,
    check_new_lake,
)
from dicom_udf.environment import check_shell, is_local_run
from dicom_udf.errors import RunFailedError
from dicom_udf.logs import log_report
from dicom_udf.progress import progress

__all__ = [
    "run_ingest",
    "run_init",
    "run_maintain",
    "run_promote",
    "run_register",
    "run_upgrade",
]


@contextlib.contextmanager
def _with_spark(config: WriterOptions) -> Iterator[None]:
    """Show the phases of a command that writes, from the first one on: Spark takes seconds to import and to start."""
    with progress.shown():
        is_local = is_local_run(os.environ, config.master)
        progress.begin("starting Spark" if is_local else "opening Spark's session", is_logged=True)
        check_shell(config.master)
        yield


def run_ingest(config: IngestConfig) -> None:
    """Bring a lake up to date with a source, print the report, and send the metrics."""
    check_ingest(config)  # a bad argument is reported at once
    with _with_spark(config):
        _ingest(config)


def _ingest(config: IngestConfig) -> None:
    from dicom_udf.metrics import failure_data, metric_data, send_metrics, success_data  # noqa: PLC0415
    from dicom_udf.pipeline import fail_on_faults, ingest  # noqa: PLC0415

    counts: list[dict[str, Any]] = []
    try:
        report = ingest(config)
        with reader_may_leave():
            print(report.to_text(), end="")
        log_report(report.to_dict())
        counts = metric_data(report, config.database)
        fail_on_faults(report, config.max_fault_ratio)
    except Exception:
        send_metrics(config, counts + failure_data(config.database))  # a run with too many faults has counts, too
        raise
    send_metrics(config, counts + success_data(config.database))


def run_promote(config: PromoteConfig) -> None:
    """Add columns for attributes, and print them."""
    with _with_spark(config):
        from dicom_udf.lake.promotion import promote  # noqa: PLC0415

        done = promote(config)
    for name in done.finished:
        print(f"{name}: filled; an earlier run had only added it")
    for one in done.added:
        print(f"{one.column} {one.type.replace('_ntz', '')}: {one.comment}")
    if done.added:
        number = f"{len(done.added)} columns" if len(done.added) > 1 else "1 column"
        print(f"{number} added and filled for {done.rows:,} rows")
    elif not done.finished:
        print("nothing to do: each of these has its column already")


def run_upgrade(config: UpgradeConfig) -> None:
    """Fill the columns that the rows of an older version lack."""
    check_lake(config.location)
    with _with_spark(config):
        from dicom_udf.lake.upgrade import upgrade  # noqa: PLC0415

        done = upgrade(config)
    if done.columns:
        print(f"{len(done.columns)} columns filled for {done.rows:,} rows")
    else:
        print("nothing to do: all rows have all columns")


def run_maintain(config: MaintainConfig) -> None:
    """Do a lake's upkeep, and print what was done."""
    check_lake(config.location)
    with _with_spark(config):
        from dicom_udf.lake.maintenance import maintain  # noqa: PLC0415

        done = maintain(config)
    with reader_may_leave():
        if config.format == "table":
            if done.batches_finished:
                which = "that a run works on, or left to be finished" if config.dry_run else "of dead runs finished"
                print(f"staged batches {which}: {done.batches_finished:,}")
            if done.batches_left:
                print(f"batches that the next run of their source goes on with: {done.batches_left:,}")
            if done.stages_removed:
                print(f"stages of dead runs {'to remove' if config.dry_run else 'removed'}: {done.stages_removed:,}")
        rows = [dataclasses.astuple(table) for table in done.tables]
        write_answer([field.name for field in dataclasses.fields(done.tables[0])], rows, config.format)
    if config.dry_run:
        print("nothing was written: this is what --dry-run false would do", file=sys.stderr)
    if done.broken:
        raise RunFailedError(
            f"{len(done.broken)} invariants don't hold ({', '.join(one.invariant.name for one in done.broken)}), so "
            "nothing was deleted; see 'dicom-lake verify'"
        )


def run_init(config: InitConfig) -> None:
    """Make a lake's database, tables and views."""
    check_new_lake(config.location)
    with _with_spark(config):
        from dicom_udf.lake.layout import table_names  # noqa: PLC0415
        from dicom_udf.lake.set_up import init  # noqa: PLC0415

        init(config)
    print(f"lake {config.lake}, database {config.database}: {', '.join(table_names())} are there")


def run_register(config: RegisterConfig) -> None:
    """Attach tables to a Glue catalog that has lost them."""
    with _with_spark(config):
        from dicom_udf.lake.set_up import register  # noqa: PLC0415

        done = register(config)
    for name, metadata in done.tables.items():
        print(f"{name}: {metadata}")
    if done.staging:
        print(f"an earlier run left {', '.join(done.staging)}: the next run finishes it")
