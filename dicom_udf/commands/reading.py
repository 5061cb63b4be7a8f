"""The commands that read a lake or a source, and print an answer or copy files.

Each command imports what only it needs: DuckDB and the DICOM dictionary take longer to load than the help.
"""

from __future__ import annotations

import dataclasses
import sys
import time
from pathlib import Path

from dicom_udf.commands.output import reader_may_leave, terminal_width, use_exact_encoding, write_answer, write_columns
from dicom_udf.config import (
    ColumnsConfig,
    CompletionConfig,
    FailuresConfig,
    FetchConfig,
    ManifestConfig,
    QueriesConfig,
    QueryConfig,
    ScanConfig,
    ScanFormat,
    ShowConfig,
    StatusConfig,
    VerifyConfig,
    ViewsConfig,
)
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.progress import progress

__all__ = [
    "run_columns",
    "run_completion",
    "run_failures",
    "run_fetch",
    "run_manifest",
    "run_queries",
    "run_query",
    "run_scan",
    "run_show",
    "run_status",
    "run_verify",
    "run_views",
]


def run_query(config: QueryConfig) -> None:
    """Print the answer of one SQL statement."""
    from dicom_udf.answers.engines import answer_query  # noqa: PLC0415

    answer = answer_query(config)
    write_answer(answer.columns, answer.rows, config.format)


def run_queries(config: QueriesConfig) -> None:
    """Print the list of the saved queries, or the text of one."""
    from dicom_udf.answers.saved import list_queries, query_text, to_text  # noqa: PLC0415

    if config.name is not None:
        print(query_text(config), end="")
        return
    answer = list_queries(config.search)
    if config.format == "table":
        text = to_text(answer, terminal_width())
        print(text, end="")
        if not text:
            print(f"no saved query contains {config.search}; 'dicom-lake queries' lists all", file=sys.stderr)
    else:
        write_answer(answer.columns, answer.rows, config.format)


def run_show(config: ShowConfig) -> None:
    """Print one study, series, instance or file; several that fit are an error, which lists them."""
    from dicom_udf.answers.show import show, show_file  # noqa: PLC0415

    if config.location is not None:
        shown = show(config.what, config.location, kind=config.kind)
    else:
        from dicom_udf.scanning import scan  # noqa: PLC0415

        shown = show_file(config.what, scan)
    if config.format == "json":
        use_exact_encoding()
        print(shown.to_json())
    else:
        for line in shown.to_text(width=terminal_width(), full=config.full):
            print(line)
    if shown.kind == "several":
        raise ConfigurationError(
            f"several things fit {config.what}; give more of a file's path or its whole URI, or --kind"
        )


def run_manifest(config: ManifestConfig) -> None:
    """Write the list of the files that an answer names."""
    from dicom_udf.fetching import list_files, save_manifest, write_manifest  # noqa: PLC0415

    files = list_files(config)
    if config.output is not None:
        save_manifest(files, config.form, Path(config.output))
        print(f"{len(files):,} files listed in {config.output}")
    else:
        use_exact_encoding()
        write_manifest(files, config.form, sys.stdout)


def run_fetch(config: FetchConfig) -> None:
    """Copy the files that an answer or a manifest names; files that are missing at the end are an error."""
    from dicom_udf.fetching import fetch, plan_fetch  # noqa: PLC0415

    plan = plan_fetch(config)
    print(plan.to_text(), flush=True)
    result = fetch(plan, config)
    print(result.to_text())
    if result.missing:
        raise RunFailedError(
            f"{result.missing:,} of {len(plan.files):,} files are missing; {result.record} has reasons"
        )


def run_scan(config: ScanConfig) -> None:
    """Write the headers of a source to a file or stdout."""
    from dicom_udf.scanning import ScanCounts, scan, write_scan  # noqa: PLC0415

    output = None if config.output is None else Path(config.output)
    form = config.format or _form_of(output)
    if form == "parquet" and output is None:
        raise ConfigurationError("--format parquet needs a file; give --output FILE.parquet")
    clock0 = time.monotonic()
    batches = scan(
        config.source, workers=config.workers, include=config.include, exclude=config.exclude, access=config.access
    )
    use_exact_encoding()
    counts = ScanCounts()
    with progress.shown():
        if output is not None or not sys.stdout.isatty():  # otherwise its rows show the progress
            progress.begin("scanning", counts.describe)
        write_scan(batches, output, form, stdout=sys.stdout, counts=counts)
    sys.stdout.flush()
    text = counts.to_text(time.monotonic() - clock0)
    print(text, end="", file=sys.stderr if output is None else sys.stdout)


def _form_of(output: Path | None) -> ScanFormat:
    """Return the form of rows by a file's ending; ``jsonl`` without one."""
    match output.suffix.lower() if output is not None else "":
        case ".parquet":
            return "parquet"
        case ".csv":
            return "csv"
        case _:
            return "jsonl"


def run_status(config: StatusConfig) -> None:
    """Print the content of a lake in numbers."""
    from dicom_udf.answers.inspection import lake_status  # noqa: PLC0415

    status = lake_status(config.location)
    if config.format == "table":
        print(f"lake {config.lake}, database {config.database}\n{status.to_text()}", end="")
    else:
        fields = dataclasses.asdict(status)
        write_answer(tuple(fields), [tuple(fields.values())], config.format)


def run_failures(config: FailuresConfig) -> None:
    """Print the files without a readable header."""
    from dicom_udf.answers.inspection import list_failures  # noqa: PLC0415

    answer, total = list_failures(config.location, code=config.code, limit=config.limit)
    write_answer(answer.columns, answer.rows, config.format)
    if config.limit and total > config.limit:
        print(f"{config.limit:,} of {total:,} failures; --limit 0 lists all", file=sys.stderr)


def run_columns(config: ColumnsConfig) -> None:
    """Print the columns of tables and views."""
    from dicom_udf.answers.column_list import describe_columns, nearest_columns  # noqa: PLC0415

    answer = describe_columns(search=config.search, table=config.table, location=config.location)
    rows = list(answer.rows)
    if config.format == "table":
        write_columns([dict(zip(answer.columns, row, strict=True)) for row in rows])
    else:
        write_answer(answer.columns, rows, config.format)
    if not rows and config.search is not None:
        near = nearest_columns(config.search)
        hint = f"; near it: {', '.join(near)}" if near else ""
        where = f" of {config.table}" if config.table else ""
        print(f"no column{where} has {config.search} in its name, tag, keyword or description{hint}", file=sys.stderr)


def run_verify(config: VerifyConfig) -> None:
    """Print whether each invariant of a lake holds; one that is broken is an error."""
    from dicom_udf.answers.inspection import verify_lake  # noqa: PLC0415

    result = verify_lake(config.location)
    with reader_may_leave():
        if config.format == "table":
            print(result.to_text(), end="")
        else:
            answer = result.to_answer()
            write_answer(answer.columns, answer.rows, config.format)
    if result.broken:
        message = f"{len(result.broken)} of {len(result.results)} invariants don't hold"
        if result.unfinished:
            message += f"; a run writes or left {', '.join(result.unfinished)}: when that is finished, verify again"
        raise RunFailedError(message)


def run_views(config: ViewsConfig) -> None:
    """Print a script for DuckDB that makes the tables and views of a local lake."""
    from dicom_udf.answers.view_script import view_script  # noqa: PLC0415

    print(view_script(config.location), end="")


def run_completion(config: CompletionConfig) -> None:
    """Print the script that completes this command in a shell."""
    from dicom_udf.config.completion import completion_script  # noqa: PLC0415

    print(completion_script(config.shell), end="")
