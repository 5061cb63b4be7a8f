"""The settings of what writes to a lake without a source: its making, promotion, maintenance."""

from __future__ import annotations

from dataclasses import dataclass, field

from dicom_udf.config.lake_options import WriterOptions
from dicom_udf.config.options import (
    FORMAT,
    PARTITION_BY,
    OutputFormat,
    PartitionBy,
    attributes,
    columns,
    count,
    number,
    option,
    ratio,
    size,
    switch,
)

__all__ = ["InitConfig", "MaintainConfig", "PromoteConfig", "RegisterConfig"]


@dataclass(frozen=True, slots=True, kw_only=True)
class InitConfig(WriterOptions):
    """A lake's database, tables and views, without an ingest."""

    partition_by: PartitionBy = field(default="day", metadata=PARTITION_BY)
    """As in :class:`IngestConfig`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterConfig(WriterOptions):
    """Tables that are in the lake and that the Glue catalog has lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteConfig(WriterOptions):
    """Attributes that become columns of ``instances``."""

    attributes: tuple[str, ...] = field(
        metadata=option(
            "KEYWORD[:column] or 'gggg,xxee|CREATOR:type[:column]', separated by semicolons; type is string, double, "
            "bigint, date, timestamp, decimal(20,0) or array<one of these>",
            parse=attributes,
            metavar="ATTRIBUTES",
            group="what and where",
        )
    )
    """As :func:`dicom_udf.columns.parse_promoted` reads them. A keyword's type is the dictionary's."""

    wait: int = field(
        default=3600,
        metadata=option("seconds to wait for another run that writes to the lake", parse=count, metavar="SECONDS"),
    )
    """0 fails at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintainConfig(WriterOptions):
    """Upkeep of a lake: no row changes."""

    dry_run: bool = field(
        default=False,
        metadata=option("true tells what would be done, and writes nothing", parse=switch, metavar="SWITCH"),
    )
    """Takes no lease either, so it may look at a lake that a run writes to."""

    target_file_size: int = field(
        default=256 << 20,
        metadata=option("size of a compacted file; 128MiB to 512MiB suit Athena", parse=size, metavar="BYTES"),
    )
    """A partition that holds less becomes one file."""

    min_input_files: int = field(
        default=5,
        metadata=option("files of the wrong size that make a partition worth compacting", parse=number, metavar="N"),
    )
    """Rewriting costs what writing did, so a partition isn't rewritten for each small file that is added."""

    max_deleted_ratio: float = field(
        default=0.1,
        metadata=option(
            "part of a file's rows that may be deleted before it is rewritten without them; 0: none",
            parse=ratio,
            metavar="RATIO",
        ),
    )
    """Deleted rows are hidden at once, and gone from the store when the file is rewritten and its snapshots expired."""

    sort_by: tuple[str, ...] = field(
        default=("modality", "series_instance_uid"),
        metadata=option("columns that compacted files of instances are sorted by", parse=columns, metavar="COLUMNS"),
    )
    """Names of columns of one value, separated by commas: what people filter by, the coarsest first."""

    snapshot_days: int = field(
        default=7, metadata=option("snapshots younger than so many days stay", parse=count, metavar="DAYS")
    )
    """What a query may take, and how far back a mistake can be undone. An unfinished batch's never expire."""

    keep_snapshots: int = field(
        default=10, metadata=option("the newest so many snapshots of a table stay", parse=number, metavar="N")
    )
    """However old they are."""

    orphan_days: int = field(
        default=3,
        metadata=option("files younger than so many days are no orphans; at least 1", parse=number, metavar="DAYS"),
    )
    """Longer than any run takes: files that are being written belong to no snapshot yet."""

    verify: bool = field(
        default=True,
        metadata=option(
            "checks the invariants first: where one is broken nothing is deleted, and the exit status is 1",
            parse=switch,
            metavar="SWITCH",
        ),
    )
    """Old snapshots are the way back, so they stay while something is wrong. A dry run doesn't check."""

    wait: int = field(
        default=3600,
        metadata=option("seconds to wait for another run that writes to the lake", parse=count, metavar="SECONDS"),
    )
    """0 fails at once."""

    format: OutputFormat = field(default="table", metadata=FORMAT)
    """As in :class:`QueryConfig`."""
