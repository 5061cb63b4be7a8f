"""The command ``dicom-lake`` and the ingest job: arguments in, one call, an exit status out.

Exit status (design.md, "The command line"): 0 done; 1 the run failed; 2 an argument, a source or a lake that can't be
used; 130 interrupted.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import logging
import os
import shutil
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeVar, assert_never

from dicom_udf.config import (
    ColumnsConfig,
    CommandConfig,
    CompletionConfig,
    FailuresConfig,
    FetchConfig,
    IngestConfig,
    InitConfig,
    MaintainConfig,
    ManifestConfig,
    PromoteConfig,
    QueriesConfig,
    QueryConfig,
    RegisterConfig,
    ScanConfig,
    ScanFormat,
    ShowConfig,
    StatusConfig,
    UpgradeConfig,
    VerifyConfig,
    WriterOptions,
    check_ingest,
    check_lake,
    check_new_lake,
    parse_command,
    parse_job,
)
from dicom_udf.config.examples import OVERVIEW
from dicom_udf.environment import check_glue_run, check_shell, is_local_run, restart_in_utf8
from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError
from dicom_udf.logs import log_end, log_report, log_settings, set_up_logging
from dicom_udf.progress import progress

__all__ = ["ingest_job", "main", "maintain_job", "promote_job"]

_JobConfig = TypeVar("_JobConfig", IngestConfig, PromoteConfig, MaintainConfig)

_log = logging.getLogger(__name__)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command of ``dicom-lake``.

    Args:
        argv: Its words, without the program's name; those of the process by default. Without any, an overview is
            printed.

    Returns:
        The exit status.
    """
    if "_ARGCOMPLETE" in os.environ:
        from dicom_udf.config.completion import complete  # noqa: PLC0415

        complete()
        return 0
    words = list(sys.argv[1:] if argv is None else argv)
    return _exit_status("dicom-lake", parse_command, words) if words else _overview()


def _overview() -> int:
    _open_closed_streams()
    with _reader_may_leave():
        print(OVERVIEW, end="")
    return 0


def ingest_job(argv: Sequence[str]) -> int:
    """Run the ingest job with the words of a command line of python, spark-submit or AWS Glue; return the status."""
    return _exit_status("ingest_dicom_headers.py", partial(_parse_job, IngestConfig), argv)


def promote_job(argv: Sequence[str]) -> int:
    """Run the promotion job as :func:`ingest_job` runs its own; return the status."""
    return _exit_status("promote_columns.py", partial(_parse_job, PromoteConfig), argv)


def maintain_job(argv: Sequence[str]) -> int:
    """Run the maintenance job as :func:`ingest_job` runs its own; return the status."""
    return _exit_status("maintain_tables.py", partial(_parse_job, MaintainConfig), argv)


def _parse_job(config_class: type[_JobConfig], argv: Sequence[str]) -> _JobConfig:
    config = parse_job(config_class, argv)
    check_glue_run(argv, config.master)
    return config


def _exit_status(program: str, parse: Callable[[Sequence[str]], CommandConfig], argv: Sequence[str]) -> int:
    config: CommandConfig | None = None
    restart_in_utf8(argv, os.environ)
    _open_closed_streams()
    _show_every_name()
    try:
        config = parse(argv)
        _set_up_logging(config)
        with _reader_may_leave():
            _run(config)
    except SystemExit as end:  # --help and --version
        return int(end.code or 0)
    except (KeyboardInterrupt, Exception) as error:
        _log.debug("the traceback", exc_info=True)
        status, message = _status_and_message(error, is_writer=isinstance(config, WriterOptions | FetchConfig))
        log_end(program, message)
        return status
    return 0


def _open_closed_streams() -> None:
    """Open stdout and stderr where the process was started without them (``>&-``); they discard what is written."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - open as long as the process


def _show_every_name() -> None:
    """Let stdout escape what its encoding can't show, as stderr does: a name of a file must not end a run."""
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors != "backslashreplace":
        sys.stdout.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Do not fail when the reader of stdout, e.g. head, closes the pipe: the rest of the command still runs."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _status_and_message(error: BaseException, *, is_writer: bool) -> tuple[int, str]:
    """Return the exit status of an error and one message for people, without a value of a file."""
    match error:
        case KeyboardInterrupt() | RuntimeError(args=("Query interrupted",)):  # the latter is DuckDB's
            return 130, "interrupted; the next run goes on where this one stopped" if is_writer else "interrupted"
        case ConfigurationError():
            return 2, str(error)
        case DicomLakeError():
            return 1, str(error)
        case OSError():
            # The system's words: an error and a path.
            return 1, f"{error.strerror or type(error).__name__}" if log_settings.private_keys else str(error)
        case _:
            # A library's own words may quote a value.
            return 1, f"failed with {type(error).__name__}; --log-level DEBUG prints the traceback"


def _set_up_logging(config: CommandConfig) -> None:
    if isinstance(config, WriterOptions):
        set_up_logging(config.log_level, is_json=config.log_format == "json", private_keys=config.private_keys)
    else:
        set_up_logging(config.log_level)


def _run(config: CommandConfig) -> None:
    match config:
        case IngestConfig():
            _ingest(config)
        case PromoteConfig() if config.attributes:
            _promote(config)
        case UpgradeConfig():  # or a promotion of nothing
            _upgrade(config)
        case MaintainConfig():
            _maintain(config)
        case InitConfig():
            _init(config)
        case RegisterConfig():
            _register(config)
        case QueryConfig():
            _query(config)
        case QueriesConfig():
            _queries(config)
        case ShowConfig():
            _show(config)
        case ManifestConfig():
            _manifest(config)
        case FetchConfig():
            _fetch(config)
        case ScanConfig():
            _scan(config)
        case StatusConfig():
            _status(config)
        case FailuresConfig():
            _failures(config)
        case ColumnsConfig():
            _columns(config)
        case VerifyConfig():
            _verify(config)
        case CompletionConfig():
            _completion(config)
        case _:
            assert_never(config)


# Each command imports what only it needs: Spark, DuckDB and the DICOM dictionary take longer to load than the help.


@contextlib.contextmanager
def _with_spark(config: WriterOptions) -> Iterator[None]:
    """Show the phases of a command that writes, from the first one on: Spark takes seconds to import and to start."""
    with progress.shown():
        is_local = is_local_run(os.environ, config.master)
        progress.begin("starting Spark" if is_local else "opening Spark's session", is_logged=True)
        check_shell(config.master)
        yield


def _ingest(config: IngestConfig) -> None:
    check_ingest(config)  # a bad argument is reported at once
    with _with_spark(config):
        _run_ingest(config)


def _run_ingest(config: IngestConfig) -> None:
    from dicom_udf.metrics import failure_data, metric_data, send_metrics, success_data  # noqa: PLC0415
    from dicom_udf.pipeline import fail_on_faults, ingest  # noqa: PLC0415

    counts: list[dict[str, Any]] = []
    try:
        report = ingest(config)
        with _reader_may_leave():
            print(report.to_text(), end="")
        log_report(report.to_dict())
        counts = metric_data(report, config.database)
        fail_on_faults(report, config.max_fault_ratio)
    except Exception:
        send_metrics(config, counts + failure_data(config.database))  # a run with too many faults has counts, too
        raise
    send_metrics(config, counts + success_data(config.database))


def _promote(config: PromoteConfig) -> None:
    check_lake(config.location)
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


def _upgrade(config: UpgradeConfig) -> None:
    check_lake(config.location)
    with _with_spark(config):
        from dicom_udf.lake.upgrade import upgrade  # noqa: PLC0415

        done = upgrade(config)
    if done.columns:
        print(f"{len(done.columns)} columns filled for {done.rows:,} rows")
    else:
        print("nothing to do: all rows have all columns")


def _maintain(config: MaintainConfig) -> None:
    check_lake(config.location)
    with _with_spark(config):
        from dicom_udf.lake.maintenance import maintain  # noqa: PLC0415

        done = maintain(config)
    with _reader_may_leave():
        if config.format == "table":
            if done.batches_finished:
                which = "that a run works on, or left to be finished" if config.dry_run else "of dead runs finished"
                print(f"staged batches {which}: {done.batches_finished:,}")
            if done.batches_left:
                print(f"batches that the next run of their source goes on with: {done.batches_left:,}")
            if done.stages_removed:
                print(f"stages of dead runs {'to remove' if config.dry_run else 'removed'}: {done.stages_removed:,}")
        rows = [dataclasses.astuple(table) for table in done.tables]
        _write([field.name for field in dataclasses.fields(done.tables[0])], rows, config.format)
    if config.dry_run:
        print("nothing was written: this is what --dry-run false would do", file=sys.stderr)
    if done.broken:
        raise RunFailedError(
            f"{len(done.broken)} invariants don't hold ({', '.join(one.invariant.name for one in done.broken)}), so "
            "nothing was deleted; see 'dicom-lake verify'"
        )


def _init(config: InitConfig) -> None:
    check_new_lake(config.location)
    with _with_spark(config):
        from dicom_udf.lake.layout import table_names  # noqa: PLC0415
        from dicom_udf.lake.set_up import init  # noqa: PLC0415

        init(config)
    print(f"lake {config.lake}, database {config.database}: {', '.join(table_names())} are there")


def _register(config: RegisterConfig) -> None:
    with _with_spark(config):
        from dicom_udf.lake.set_up import register  # noqa: PLC0415

        done = register(config)
    for name, metadata in done.tables.items():
        print(f"{name}: {metadata}")
    if done.staging:
        print(f"an earlier run left {', '.join(done.staging)}: the next run finishes it")


def _query(config: QueryConfig) -> None:
    from dicom_udf.answers.engines import answer_query  # noqa: PLC0415

    answer = answer_query(config)
    _write(answer.columns, answer.rows, config.format)


def _queries(config: QueriesConfig) -> None:
    from dicom_udf.answers.saved import list_queries, query_text, to_text  # noqa: PLC0415

    if config.name is not None:
        print(query_text(config), end="")
        return
    answer = list_queries(config.search)
    if config.format == "table":
        text = to_text(answer, _terminal_width())
        print(text, end="")
        if not text:
            print(f"no saved query contains {config.search}; 'dicom-lake queries' lists all", file=sys.stderr)
    else:
        _write(answer.columns, answer.rows, config.format)


def _show(config: ShowConfig) -> None:
    from dicom_udf.answers.show import show, show_file  # noqa: PLC0415

    if config.location is not None:
        shown = show(config.what, config.location, kind=config.kind)
    else:
        from dicom_udf.scanning import scan  # noqa: PLC0415

        shown = show_file(config.what, scan)
    if config.format == "json":
        _use_exact_encoding()
        print(shown.to_json())
    else:
        for line in shown.to_text(width=_terminal_width(), full=config.full):
            print(line)
    if shown.kind == "several":
        raise ConfigurationError(
            f"several things fit {config.what}; give more of a file's path or its whole URI, or --kind"
        )


def _manifest(config: ManifestConfig) -> None:
    from dicom_udf.fetching import list_files, save_manifest, write_manifest  # noqa: PLC0415

    files = list_files(config)
    if config.output is not None:
        save_manifest(files, config.form, Path(config.output))
        print(f"{len(files):,} files listed in {config.output}")
    else:
        _use_exact_encoding()
        write_manifest(files, config.form, sys.stdout)


def _fetch(config: FetchConfig) -> None:
    from dicom_udf.fetching import fetch, plan_fetch  # noqa: PLC0415

    plan = plan_fetch(config)
    print(plan.to_text(), flush=True)
    result = fetch(plan, config)
    print(result.to_text())
    if result.missing:
        raise RunFailedError(
            f"{result.missing:,} of {len(plan.files):,} files are missing; {result.record} has reasons"
        )


def _scan(config: ScanConfig) -> None:
    from dicom_udf.scanning import ScanCounts, scan, write_scan  # noqa: PLC0415

    output = None if config.output is None else Path(config.output)
    form = config.format or _form_of(output)
    if form == "parquet" and output is None:
        raise ConfigurationError("--format parquet needs a file; give --output FILE.parquet")
    clock0 = time.monotonic()
    batches = scan(
        config.source, workers=config.workers, include=config.include, exclude=config.exclude, access=config.access
    )
    _use_exact_encoding()
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


def _status(config: StatusConfig) -> None:
    from dicom_udf.answers.inspection import lake_status  # noqa: PLC0415

    status = lake_status(config.location)
    if config.format == "table":
        print(f"lake {config.lake}, database {config.database}\n{status.to_text()}", end="")
    else:
        fields = dataclasses.asdict(status)
        _write(tuple(fields), [tuple(fields.values())], config.format)


def _failures(config: FailuresConfig) -> None:
    from dicom_udf.answers.inspection import list_failures  # noqa: PLC0415

    answer, total = list_failures(config.location, code=config.code, limit=config.limit)
    _write(answer.columns, answer.rows, config.format)
    if config.limit and total > config.limit:
        print(f"{config.limit:,} of {total:,} failures; --limit 0 lists all", file=sys.stderr)


def _columns(config: ColumnsConfig) -> None:
    from dicom_udf.answers.column_list import describe_columns, nearest_columns  # noqa: PLC0415

    answer = describe_columns(search=config.search, table=config.table, location=config.location)
    rows = list(answer.rows)
    if config.format == "table":
        _write_columns([dict(zip(answer.columns, row, strict=True)) for row in rows])
    else:
        _write(answer.columns, rows, config.format)
    if not rows and config.search is not None:
        near = nearest_columns(config.search)
        hint = f"; near it: {', '.join(near)}" if near else ""
        where = f" of {config.table}" if config.table else ""
        print(f"no column{where} has {config.search} in its name, tag, keyword or description{hint}", file=sys.stderr)


def _verify(config: VerifyConfig) -> None:
    from dicom_udf.answers.inspection import verify_lake  # noqa: PLC0415

    result = verify_lake(config.location)
    with _reader_may_leave():
        if config.format == "table":
            print(result.to_text(), end="")
        else:
            answer = result.to_answer()
            _write(answer.columns, answer.rows, config.format)
    if result.broken:
        message = f"{len(result.broken)} of {len(result.results)} invariants don't hold"
        if result.unfinished:
            message += f"; a run writes or left {', '.join(result.unfinished)}: when that is finished, verify again"
        raise RunFailedError(message)


def _completion(config: CompletionConfig) -> None:
    from dicom_udf.config.completion import completion_script  # noqa: PLC0415

    print(completion_script(config.shell), end="")


def _write(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Literal["table", "csv", "json"]) -> None:
    from dicom_udf.rendering import write_rows  # noqa: PLC0415

    if form != "table":
        _use_exact_encoding()
    shown = write_rows(columns, rows, form=form, stream=sys.stdout, width=_terminal_width())
    if shown < len(columns):
        number = f"{shown} of {len(columns)} columns fit"
        print(f"{number}; name the columns that you need, or --format csv or json writes all", file=sys.stderr)


def _use_exact_encoding() -> None:
    """Write RFC 4180's line ends and RFC 8259's encoding to stdout, whatever the system's are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")


def _write_columns(columns: Sequence[Mapping[str, Any]]) -> None:
    """Write a line for each column of the lake; on a terminal its meaning goes below it, wrapped."""
    names = max((len(_column_name(column)) for column in columns), default=0)
    types = max((len(_type(column)) for column in columns), default=0)
    width = _terminal_width()
    for column in columns:
        values = f"{_values(column['values']):>18}  " if "values" in column else ""
        head = f"{_column_name(column):<{names}}  {_type(column):<{types}}  {values}"
        if width is None:
            print(f"{head}{_meaning(column)}".rstrip())
        else:
            indent = " " * 4
            print(head.rstrip())
            print(textwrap.fill(_meaning(column), width, initial_indent=indent, subsequent_indent=indent))


def _column_name(column: Mapping[str, Any]) -> str:
    """Return a column's name, behind that of its table or view where it isn't of ``instances``."""
    return column["column"] if column["table"] == "instances" else f"{column['table']}.{column['column']}"


def _type(column: Mapping[str, Any]) -> str:
    """Return a column's type without the fields of its structs, as this package or DuckDB spells it."""
    kind: str = column["type"]
    if kind.startswith("array<struct<"):
        return "array<struct>"
    if kind.startswith("struct("):
        return "struct[]" if kind.endswith("[]") else "struct"
    return kind


def _values(count: int | None) -> str:
    return "not in the lake" if count is None else f"{count:,} values"


def _meaning(column: Mapping[str, Any]) -> str:
    what = [column["tag"] and f"{column['tag']} {column['keyword']}", column["vr"], column["unit"]]
    return ". ".join(filter(None, [", ".join(filter(None, what)), column["description"]]))


def _terminal_width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
