"""The settings of a scan: headers of a source without a lake."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from dicom_udf.config.lake_options import S3Options
from dicom_udf.config.options import LOG_LEVEL, LogLevel, local_file, location, number, option, patterns

__all__ = ["ScanConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConfig(S3Options):
    """The headers of a source as one file, without a lake."""

    source: str = field(
        metadata=option(
            "DICOM files and archives: a local folder or file, or s3://bucket/prefix",
            parse=location,
            metavar="SOURCE",
            group="what and where",
        )
    )
    """Absolute path (the parser makes it so) or URL."""

    output: str | None = field(
        default=None,
        metadata=option("write the rows to this file [default: stdout]", parse=local_file, metavar="FILE"),
    )
    """Absolute path. The file appears once it is whole."""

    format: Literal["parquet", "jsonl", "csv"] | None = field(
        default=None,
        metadata=option(
            "form of the rows [default: by the ending of --output, otherwise jsonl]",
            choices=("parquet", "jsonl", "csv"),
        ),
    )
    """``parquet`` needs ``output``; ``jsonl`` leaves nulls out; ``csv`` writes nested values as JSON."""

    workers: int | None = field(
        default=None,
        metadata=option("processes that read, at most [default: one for each core]", parse=number, metavar="N"),
    )
    """A small source is read by one."""

    include: tuple[str, ...] = field(
        default=(),
        metadata=option("only names that match one of these, e.g. '*.dcm,*.zip'", parse=patterns, metavar="PATTERNS"),
    )
    """Globs, separated by commas, on the path below the source: ``*`` crosses ``/``, ``?``, ``[a-z]``."""

    exclude: tuple[str, ...] = field(
        default=(),
        metadata=option("no names that match one of these, e.g. 'tmp/*'", parse=patterns, metavar="PATTERNS"),
    )
    """As ``include``; names that match both are left out."""

    log_level: LogLevel = field(default="WARNING", metadata=LOG_LEVEL)
    """Only rows and counts by default."""
