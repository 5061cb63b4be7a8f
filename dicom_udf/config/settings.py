"""The settings of the commands that read a lake, and what a command may be."""

from __future__ import annotations

from dataclasses import dataclass, field

from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.config.lake_options import CatalogOptions, LakeOptions
from dicom_udf.config.options import (
    FORMAT,
    LAKE,
    LOG_LEVEL,
    LogLevel,
    OutputFormat,
    count,
    failure_code,
    option,
    s3_url,
)
from dicom_udf.config.place import LakePlace
from dicom_udf.config.scan_settings import ScanConfig
from dicom_udf.config.upkeep_settings import InitConfig, MaintainConfig, PromoteConfig, RegisterConfig

__all__ = [
    "ColumnsConfig",
    "CommandConfig",
    "FailuresConfig",
    "QueryConfig",
    "StatusConfig",
    "VerifyConfig",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig(LakeOptions):
    """One SQL statement on a lake: by DuckDB in this process, or by Athena where the lake is in S3."""

    sql: str = field(
        metadata=option(
            "one statement in DuckDB's SQL; with --catalog glue in Athena's", metavar="SQL", group="what and where"
        )
    )
    """Tables and views by their bare names, e.g. instances, failures, objects, series."""

    workgroup: str | None = field(
        default=None,
        metadata=option("Athena's workgroup, with --catalog glue [default: primary]", metavar="NAME", group="AWS"),
    )
    """It may bound the bytes that a query scans, and say where answers are kept."""

    output_location: str | None = field(
        default=None,
        metadata=option(
            "where Athena keeps the answer, s3://bucket/prefix/ [default: as the workgroup says]",
            parse=s3_url,
            metavar="URL",
            group="AWS",
        ),
    )
    """Needed where the workgroup names no place."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """``table`` for people; ``csv`` (RFC 4180) and ``json`` (one object a line) lose nothing."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusConfig(LakeOptions):
    """What a lake holds."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresConfig(LakeOptions):
    """The files that gave no header."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsConfig(CatalogOptions):
    """The columns of ``instances``: what each means, and how often it is filled."""

    search: str | None = field(
        default=None, metadata=option("only columns whose name, tag, keyword or description has this", metavar="WORD")
    )
    """Case doesn't matter."""

    lake: str | None = field(default=None, metadata={**LAKE, "help": "a lake; adds how many of its rows have a value"})
    """As in :class:`LakeOptions`; None for the declared list alone."""

    @property
    def place(self) -> LakePlace | None:
        """The lake's place."""
        return None if self.lake is None else self.place_of(self.lake)

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyConfig(LakeOptions):
    """Whether a lake's tables agree with each other."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only the answer by default."""


CommandConfig = (
    IngestConfig
    | PromoteConfig
    | MaintainConfig
    | InitConfig
    | RegisterConfig
    | QueryConfig
    | ScanConfig
    | StatusConfig
    | FailuresConfig
    | ColumnsConfig
    | VerifyConfig
)
