"""The settings of each command, frozen. A field carries its option in its metadata, so the two can't drift apart."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dicom_udf.config.options import count, database, failure_code, local_file, location, option, ratio, run_id

__all__ = ["ColumnsConfig", "CommandConfig", "FailuresConfig", "IngestConfig", "QueryConfig", "StatusConfig"]

OutputFormat = Literal["table", "csv", "json"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_LAKE = option("the lake: a local folder", parse=location, metavar="LAKE", group="what and where")
_DATABASE = option("database of the tables in the lake", parse=database, metavar="NAME")
_FORMAT = option("form of the answer", choices=("table", "csv", "json"))
_LOG_LEVEL = option(
    "how much is logged to stderr; DEBUG adds tracebacks", choices=("DEBUG", "INFO", "WARNING", "ERROR")
)


@dataclass(frozen=True, slots=True)
class IngestConfig:
    """One run that brings a lake up to date with a source."""

    source: str = field(
        metadata=option(
            "a folder of DICOM files and archives, or one file",
            parse=location,
            metavar="SOURCE",
            group="what and where",
        )
    )
    """Absolute path (the parser makes it so), because rows name their object by it."""

    lake: str = field(
        metadata=option(
            "the lake: a local folder, made if missing", parse=location, metavar="LAKE", group="what and where"
        )
    )
    """Absolute path, because Iceberg's metadata stores it in every file's name."""

    catalog: Literal["hadoop", "glue"] = field(
        default="hadoop",
        metadata=option("keeper of the tables: the lake's own folder, or AWS Glue", choices=("hadoop", "glue")),
    )
    """``hadoop`` needs no service, which suits a laptop; Athena reads only what is in ``glue``."""

    database: str = field(default="dicom", metadata=_DATABASE)
    """Lower-case letters, digits, underscores: what Glue, Spark and Athena all take unquoted."""

    partition_by: Literal["day", "month", "year"] = field(
        default="day",
        metadata=option(
            "granularity of the partitions by study_date, fixed when the lake is made", choices=("day", "month", "year")
        ),
    )
    """A commit costs about 24 ms for each partition touched: month or year suits archives of many sparse dates."""

    report: str | None = field(
        default=None, metadata=option("write the run's report here as JSON", parse=local_file, metavar="FILE.json")
    )
    """Absolute path; its folder must exist. Nothing is written when None."""

    max_fault_ratio: float = field(
        default=1.0,
        metadata=option(
            "exit with 1 when faults / (instances + faults) is above this; 0 to 1, rightly skipped files don't count",
            parse=ratio,
            metavar="RATIO",
        ),
    )
    """Without unit. 1 never fails: one bad file in a million is the normal state of an archive."""

    master: str | None = field(
        default=None,
        metadata=option(
            "Spark master of a run started by plain Python, e.g. local[4] [default: local[*]]", metavar="URL"
        ),
    )
    """None leaves the choice to the platform (Glue, EMR) or takes every core of the machine."""

    run_id: str | None = field(
        default=None,
        metadata=option(
            "name of this run in ingest_run_id [default: Glue's JOB_RUN_ID, or a new one]", parse=run_id, metavar="ID"
        ),
    )
    """Letters, digits, ``.``, ``_``, ``-``: it becomes part of a path."""

    log_level: LogLevel = field(default="INFO", metadata=_LOG_LEVEL)
    """INFO tells what a run did in a few lines; no level ever logs an attribute's value."""


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """One SQL statement on a local lake."""

    sql: str = field(metadata=option("one statement in DuckDB's SQL", metavar="SQL", group="what and where"))
    """Tables by their bare names: instances, failures, objects."""

    lake: str = field(metadata=_LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=_DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=_FORMAT)
    """``table`` for people; ``csv`` (RFC 4180) and ``json`` (one object a line) lose nothing."""

    log_level: LogLevel = field(default="WARNING", metadata=_LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class StatusConfig:
    """What a local lake holds."""

    lake: str = field(metadata=_LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=_DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=_FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=_LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class FailuresConfig:
    """The files that gave no header."""

    lake: str = field(metadata=_LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=_DATABASE)
    """As in :class:`IngestConfig`."""

    code: str | None = field(
        default=None, metadata=option("only failures of this code, e.g. TRUNCATED", parse=failure_code, metavar="CODE")
    )
    """A :class:`~dicom_udf.errors.FailureCode`; None for all."""

    limit: int = field(default=50, metadata=option("at most so many rows; 0 for all", parse=count, metavar="N"))
    """Rows. A lake may hold millions of failures; a terminal can't."""

    format: OutputFormat = field(default="table", metadata=_FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=_LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class ColumnsConfig:
    """The columns of ``instances``: what each means, and how often it is filled."""

    search: str | None = field(
        default=None, metadata=option("only columns whose name, tag, keyword or description has this", metavar="WORD")
    )
    """Case doesn't matter."""

    lake: str | None = field(
        default=None, metadata={**_LAKE, "help": "a local lake; adds how many of its rows have a value"}
    )
    """Absolute path; None for the declared list alone."""

    database: str = field(default="dicom", metadata=_DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=_FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=_LOG_LEVEL)
    """Only the answer by default."""


CommandConfig = IngestConfig | QueryConfig | StatusConfig | FailuresConfig | ColumnsConfig
