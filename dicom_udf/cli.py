"""The command ``dicom-lake`` and the ingest job: arguments in, one call, an exit status out.

Exit status (design.md, "The command line"): 0 done; 1 the run failed; 2 an argument, a source or a lake that can't be
used; 130 interrupted.
"""

from __future__ import annotations

import io
import logging
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

from dicom_udf.commands import run_command
from dicom_udf.commands.output import reader_may_leave
from dicom_udf.config import (
    CommandConfig,
    FetchConfig,
    IngestConfig,
    MaintainConfig,
    PromoteConfig,
    WriterOptions,
    parse_command,
    parse_job,
)
from dicom_udf.config.examples import OVERVIEW
from dicom_udf.environment import check_glue_run, restart_in_utf8
from dicom_udf.errors import ConfigurationError, DicomLakeError
from dicom_udf.logs import log_end, log_settings, set_up_logging

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
    with reader_may_leave():
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
        with reader_may_leave():
            run_command(config)
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
