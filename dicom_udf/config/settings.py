"""The settings of the commands that read a lake, and what a command may be."""

from __future__ import annotations

from dataclasses import dataclass, field

from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.config.options import (
    DATABASE,
    FORMAT,
    LAKE,
    LOG_LEVEL,
    LogLevel,
    OutputFormat,
    count,
    failure_code,
    option,
)
from dicom_udf.config.upkeep_settings import MaintainConfig, PromoteConfig

__all__ = [
    "ColumnsConfig",
    "CommandConfig",
    "FailuresConfig",
    "QueryConfig",
    "StatusConfig",
    "VerifyConfig",
]


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """One SQL statement on a local lake."""

    sql: str = field(metadata=option("one statement in DuckDB's SQL", metavar="SQL", group="what and where"))
    """Tables and views by their bare names, e.g. instances, failures, objects, series."""

    lake: str = field(metadata=LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """``table`` for people; ``csv`` (RFC 4180) and ``json`` (one object a line) lose nothing."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class StatusConfig:
    """What a local lake holds."""

    lake: str = field(metadata=LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class FailuresConfig:
    """The files that gave no header."""

    lake: str = field(metadata=LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=DATABASE)
    """As in :class:`IngestConfig`."""

    code: str | None = field(
        default=None, metadata=option("only failures of this code, e.g. TRUNCATED", parse=failure_code, metavar="CODE")
    )
    """A :class:`~dicom_udf.errors.FailureCode`; None for all."""

    limit: int = field(default=50, metadata=option("at most so many rows; 0 for all", parse=count, metavar="N"))
    """Rows. A lake may hold millions of failures; a terminal can't."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class ColumnsConfig:
    """The columns of ``instances``: what each means, and how often it is filled."""

    search: str | None = field(
        default=None, metadata=option("only columns whose name, tag, keyword or description has this", metavar="WORD")
    )
    """Case doesn't matter."""

    lake: str | None = field(
        default=None, metadata={**LAKE, "help": "a local lake; adds how many of its rows have a value"}
    )
    """Absolute path; None for the declared list alone."""

    database: str = field(default="dicom", metadata=DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """Whether a local lake's tables agree with each other."""

    lake: str = field(metadata=LAKE)
    """Absolute path."""

    database: str = field(default="dicom", metadata=DATABASE)
    """As in :class:`IngestConfig`."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


CommandConfig = (
    IngestConfig
    | PromoteConfig
    | MaintainConfig
    | QueryConfig
    | StatusConfig
    | FailuresConfig
    | ColumnsConfig
    | VerifyConfig
)
