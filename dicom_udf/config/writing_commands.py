"""The settings of the commands that write to a lake, but for those of the ingest."""

from __future__ import annotations

from dataclasses import dataclass

from dicom_udf.config.options import (
    OutputFormat,
    PartitionBy,
    attributes,
    columns,
    count,
    format_option,
    number,
    option,
    partition_option,
    ratio,
    size,
    switch,
    wait_option,
)
from dicom_udf.config.shared_options import WriterOptions

__all__ = [
    "InitConfig",
    "MaintainConfig",
    "PromoteConfig",
    "RegisterConfig",
    "UpgradeConfig",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitConfig(WriterOptions):
    """A lake's database, tables and views, without an ingest."""

    partition_by: PartitionBy | None = partition_option()
    """As in :class:`IngestConfig`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterConfig(WriterOptions):
    """Tables of a lake in S3 that the Glue catalog has lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpgradeConfig(WriterOptions):
    """Columns that the rows of an older version lack."""

    wait: int = wait_option()
    """0 fails at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteConfig(UpgradeConfig):
    """Attributes that become columns of ``instances``."""

    attributes: tuple[str, ...] = option(
        "KEYWORD[:column] or 'gggg,xxee|CREATOR:type[:column]', separated by semicolons; type is string, double, "
        "bigint, date, timestamp, decimal(20,0) or array<one of these>; without any, the columns that rows of an older "
        "version lack are filled",
        (),
        parse=attributes,
        group="what and where",
    )
    """As :func:`dicom_udf.columns.parse_promoted` reads them. A keyword's type is the dictionary's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintainConfig(WriterOptions):
    """Upkeep of a lake: no row changes."""

    dry_run: bool = option("true reports the work and writes nothing", False, parse=switch)
    """Takes no lease either, so it may run while another run writes to the lake."""

    target_file_size: int = option("size of a compacted file; 128MiB to 512MiB suit Athena", 256 << 20, parse=size)
    """A smaller partition becomes one file."""

    min_input_files: int = option(
        "compact a partition that has at least so many files of the wrong size", 5, parse=number
    )
    """Rewriting costs as much as writing, so a partition isn't rewritten for each small file that is added."""

    max_deleted_ratio: float = option(
        "rewrite a file once this part of its rows is deleted, 0 to 1; 0: once any row is", 0.1, parse=ratio
    )
    """Deleted rows are hidden at once. They leave the store once the file is rewritten and its snapshots expired."""

    sort_by: tuple[str, ...] = option(
        "sort order of compacted files of instances", ("modality", "series_instance_uid"), parse=columns
    )
    """Names of columns of one value, separated by commas: those of usual filters, the coarsest first."""

    snapshot_days: int = option("keep snapshots younger than this", 7, parse=count, metavar="DAYS")
    """The time for a query, and for undoing a mistake. Snapshots of an unfinished batch never expire."""

    keep_snapshots: int = option("keep at least so many snapshots of a table, the newest", 10, parse=number)
    """Of any age."""

    orphan_days: int = option(
        "keep files younger than this although no snapshot has them; at least 1", 3, parse=number, metavar="DAYS"
    )
    """Longer than any run takes: files that are being written belong to no snapshot yet."""

    verify: bool = option(
        "true checks the invariants first; if one is broken, nothing is deleted and the exit status is 1",
        True,
        parse=switch,
    )
    """Old snapshots are the way back, so they are kept while an invariant is broken. A dry run doesn't check."""

    wait: int = wait_option()
    """0 fails at once."""

    format: OutputFormat = format_option()
    """As in :class:`ReaderOptions`."""
