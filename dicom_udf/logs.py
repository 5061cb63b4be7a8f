"""Log lines of a run: as text or as JSON, and without the keys of objects where these are private.

Keys may hold names of patients. Where they are private (``--private-keys true``), a message at INFO or above names an
object by its place and eight digits of a hash, which ``sha256(to_utf8(source_uri))`` finds in the tables.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TextIO

__all__ = [
    "LogSettings",
    "is_terminal",
    "log_end",
    "log_report",
    "log_settings",
    "redacted_uri",
    "set_run_id",
    "set_up_logging",
]

_OWN = "dicom_udf"


@dataclass(slots=True)
class LogSettings:
    """How this process logs.

    Attributes:
        is_json: One JSON object a line instead of text.
        private_keys: No object's key in a line at INFO or above.
        run_id: Of the run, once it is known.
    """

    is_json: bool = False
    private_keys: bool = False
    run_id: str | None = None


log_settings = LogSettings()
"""Of this process: a command sets it once, before its work begins."""


def set_up_logging(level: str, *, is_json: bool = False, private_keys: bool = False) -> None:
    """Log to stderr: this package from ``level`` on, others from WARNING on."""
    log_settings.is_json, log_settings.private_keys, log_settings.run_id = is_json, private_keys, None
    # On a terminal the line of the progress is wiped before a line of the log takes its place.
    wipe = "\r\x1b[K" if is_terminal(sys.stderr) else ""
    logging.basicConfig(stream=sys.stderr, format=f"{wipe}%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.captureWarnings(is_json)
    logging.getLogger(_OWN).setLevel(level)
    # py4j logs as errors, with tracebacks, what it then raises: by its own logger and by the one without a name.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    logging.getLogger("pyspark").setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        if level != "DEBUG":
            handler.addFilter(_is_named)
        if private_keys:
            handler.addFilter(_without_foreign_words)
        if is_json:
            handler.setFormatter(JsonLines())


def is_terminal(stream: TextIO) -> bool:
    """Return whether a line of this stream can be renewed: it is a terminal, and not a dumb one."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def set_run_id(run_id: str) -> None:
    """Let each line from now on name the run."""
    log_settings.run_id = run_id


def redacted_uri(uri: str) -> str:
    """Return the URI of an object or folder for a message: as it is, or where keys are private by its place and a hash.

    ``s3://bucket/studies/Doe^Jane.dcm`` becomes ``s3://bucket/#1b9d3c07``, ``file:///data/Doe.dcm`` ``file:///#5e02a1ff``.
    """
    if not log_settings.private_keys:
        return uri
    scheme, found, rest = uri.partition("://")
    place = f"{scheme}{found}{rest.partition('/')[0]}/" if found else ""
    return f"{place}#{hashlib.sha256(uri.encode('utf-8', 'surrogatepass')).hexdigest()[:8]}"


def log_report(report: Mapping[str, Any]) -> None:
    """Log a run's report as a line of its own, where lines are JSON: programs read it there."""
    if log_settings.is_json:
        logging.getLogger(_OWN).info("report", extra={"report": report})


def log_end(program: str, message: str) -> None:
    """Print on stderr, in one line, why a command failed."""
    if log_settings.is_json:
        logging.getLogger(f"{_OWN}.cli").error("%s", message, extra={"program": program})
    else:
        sys.stderr.write(f"{program}: error: {message}\n")


class JsonLines(logging.Formatter):
    """``{"time": ..., "level": ..., "logger": ..., "message": ..., "run_id": ...}``, and a report or a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "run_id": log_settings.run_id,
        }
        for name in ("program", "report"):
            if name in record.__dict__:
                line[name] = record.__dict__[name]
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _is_named(record: logging.LogRecord) -> bool:
    return record.name != "root"


def _without_foreign_words(record: logging.LogRecord) -> bool:
    """Withhold the messages of libraries: they may name keys."""
    if record.levelno >= logging.INFO and record.name.partition(".")[0] != _OWN:
        record.msg, record.args, record.exc_info = "not shown, because keys are private", (), None
    return True
