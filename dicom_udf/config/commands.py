"""The settings of each command but the ingest, and the options that commands share.

A field is made by :func:`~dicom_udf.config.options.option`, so a setting and its option can't drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dicom_udf.config.options import (
    LogFormat,
    LogLevel,
    OutputFormat,
    PartitionBy,
    attributes,
    columns,
    count,
    database,
    failure_code,
    format_option,
    key_arn,
    location,
    log_level_option,
    number,
    option,
    partition_option,
    ratio,
    s3_url,
    size,
    switch,
    url,
    wait_option,
)
from dicom_udf.config.place import LakePlace, S3Access, service_endpoint

__all__ = [
    "ColumnsConfig",
    "FailuresConfig",
    "InitConfig",
    "MaintainConfig",
    "PromoteConfig",
    "QueryConfig",
    "RegisterConfig",
    "StatusConfig",
    "VerifyConfig",
    "WriterOptions",
]

_Catalog = Literal["hadoop", "glue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogOptions:
    """Who keeps a lake's tables, and how S3 and AWS are reached."""

    catalog: _Catalog = option(
        "keeper of the tables: a local lake's own folder, or AWS Glue for a lake in S3",
        "hadoop",
        choices=_Catalog,
        group="lake",
    )
    """``hadoop`` needs no service, which suits a laptop; Athena reads only what is in ``glue``."""

    database: str = option("database of the tables in the lake", "dicom", parse=database, group="lake")
    """Lower-case letters, digits, underscores: what Glue, Spark and Athena all take unquoted."""

    s3_endpoint: str | None = option(
        "an S3-compatible server instead of AWS [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL]",
        None,
        parse=url,
        group="AWS",
    )
    """``http(s)://host:port``. Credentials come by the chain of AWS's libraries in any case."""

    s3_region: str | None = option("region [default: as S3 says of the bucket]", None, metavar="NAME", group="AWS")
    """Needed only where the bucket's region may not be asked for."""

    s3_path_style: bool | None = option(
        "URLs as endpoint/bucket instead of bucket.endpoint, true or false [default: true with --s3-endpoint]",
        None,
        parse=switch,
        group="AWS",
    )
    """AWS wants false, most other servers true."""

    aws_endpoint: str | None = option(
        "a server instead of AWS for all services but S3 [default: AWS_ENDPOINT_URL_GLUE etc., AWS_ENDPOINT_URL]",
        None,
        parse=url,
        group="AWS",
    )
    """``http(s)://host:port``, e.g. a VPC endpoint or a server for tests."""

    @property
    def access(self) -> S3Access:
        """How S3 is reached, AWS's environment variables included."""
        endpoint = service_endpoint("S3", self.s3_endpoint)
        return S3Access(endpoint=endpoint, region=self.s3_region, path_style=self.s3_path_style)

    def place_of(self, lake: str) -> LakePlace:
        """Return a lake's place."""
        return LakePlace(
            lake.rstrip("/") if lake.startswith("s3://") else lake,
            database=self.database,
            catalog=self.catalog,
            access=self.access,
            aws_endpoint=service_endpoint("GLUE", self.aws_endpoint),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeOptions(CatalogOptions):
    """The options of a command that needs a lake."""

    lake: str = option(
        "the lake: a local folder, or s3://bucket/prefix with --catalog glue",
        parse=location,
        metavar="LAKE",
        group="what and where",
    )
    """Absolute path, because Iceberg's metadata stores it in every file's name; or an ``s3://`` URL."""

    @property
    def place(self) -> LakePlace:
        """The lake's place."""
        return self.place_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions(LakeOptions):
    """The options of a command that reads a lake and prints an answer."""

    format: OutputFormat = format_option()
    """``table`` for people; ``csv`` (RFC 4180) and ``json`` (one object a line) lose nothing."""

    log_level: LogLevel = log_level_option("WARNING")
    """Only the answer by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterOptions(LakeOptions):
    """The options of a command that writes to a lake."""

    kms_key: str | None = option(
        "ARN of the KMS key that the lake's files in S3 are encrypted by [default: as the bucket does]",
        None,
        parse=key_arn,
        group="lake",
    )
    """Files that are there already keep their own."""

    create_database: bool = option(
        "false makes no databases in the Glue catalog: NAME and NAME_staging have to be there",
        True,
        parse=switch,
        group="lake",
    )
    """For roles that may not, e.g. where Terraform owns the databases."""

    master: str | None = option(
        "Spark master of a run started by plain Python, e.g. local[4] [default: local[*]]", None, metavar="URL"
    )
    """None leaves the choice to the platform (Glue, EMR) or takes every core of the machine."""

    log_level: LogLevel = log_level_option("INFO")
    """INFO tells what a run did in a few lines; no level ever logs an attribute's value."""

    log_format: LogFormat = option(
        "lines of the log: text for people, or a JSON object each", "text", choices=LogFormat
    )
    """JSON lines name the run, and the last one is the run's report: what CloudWatch Logs Insights reads."""

    private_keys: bool = option(
        "true names objects in logs and errors by a hash instead of their key: keys may hold names",
        False,
        parse=switch,
    )
    """Counts for lines at INFO and above, and for errors. The tables hold the keys in any case."""

    @property
    def place(self) -> LakePlace:
        """The lake's place."""
        return replace(self.place_of(self.lake), kms_key=self.kms_key, create_database=self.create_database)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig(ReaderOptions):
    """One SQL statement on a lake: by DuckDB in this process, or by Athena where the lake is in S3."""

    sql: str = option(
        "one statement in DuckDB's SQL; with --catalog glue in Athena's", metavar="SQL", group="what and where"
    )
    """Tables and views by their bare names, e.g. instances, failures, objects, series."""

    workgroup: str | None = option(
        "Athena's workgroup, with --catalog glue [default: primary]", None, metavar="NAME", group="AWS"
    )
    """It may bound the bytes that a query scans, and say where answers are kept."""

    output_location: str | None = option(
        "where Athena keeps the answer, s3://bucket/prefix/ [default: as the workgroup says]",
        None,
        parse=s3_url,
        group="AWS",
    )
    """Needed where the workgroup names no place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusConfig(ReaderOptions):
    """What a lake holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresConfig(ReaderOptions):
    """The files that gave no header."""

    code: str | None = option("only failures of this code, e.g. TRUNCATED", None, parse=failure_code)
    """A :class:`~dicom_udf.errors.FailureCode`; None for all."""

    limit: int = option("at most so many rows; 0 for all", 50, parse=count)
    """Rows. A lake may hold millions of failures; a terminal can't."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyConfig(ReaderOptions):
    """Whether a lake's tables agree with each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsConfig(CatalogOptions):
    """The columns of ``instances``: what each means, and how often it is filled."""

    search: str | None = option("only columns whose name, tag, keyword or description has this", None, metavar="WORD")
    """Case doesn't matter."""

    lake: str | None = option(
        "a lake; adds how many of its rows have a value", None, parse=location, metavar="LAKE", group="what and where"
    )
    """As in :class:`LakeOptions`; None for the declared list alone."""

    format: OutputFormat = format_option()
    """As in :class:`ReaderOptions`."""

    log_level: LogLevel = log_level_option("WARNING")
    """Only the answer by default."""

    @property
    def place(self) -> LakePlace | None:
        """The lake's place."""
        return None if self.lake is None else self.place_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class InitConfig(WriterOptions):
    """A lake's database, tables and views, without an ingest."""

    partition_by: PartitionBy = partition_option()
    """As in :class:`IngestConfig`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterConfig(WriterOptions):
    """Tables that are in the lake and that the Glue catalog has lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromoteConfig(WriterOptions):
    """Attributes that become columns of ``instances``."""

    attributes: tuple[str, ...] = option(
        "KEYWORD[:column] or 'gggg,xxee|CREATOR:type[:column]', separated by semicolons; type is string, double, "
        "bigint, date, timestamp, decimal(20,0) or array<one of these>",
        parse=attributes,
        group="what and where",
    )
    """As :func:`dicom_udf.columns.parse_promoted` reads them. A keyword's type is the dictionary's."""

    wait: int = wait_option()
    """0 fails at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaintainConfig(WriterOptions):
    """Upkeep of a lake: no row changes."""

    dry_run: bool = option("true tells what would be done, and writes nothing", False, parse=switch)
    """Takes no lease either, so it may look at a lake that a run writes to."""

    target_file_size: int = option("size of a compacted file; 128MiB to 512MiB suit Athena", 256 << 20, parse=size)
    """A partition that holds less becomes one file."""

    min_input_files: int = option("files of the wrong size that make a partition worth compacting", 5, parse=number)
    """Rewriting costs what writing did, so a partition isn't rewritten for each small file that is added."""

    max_deleted_ratio: float = option(
        "part of a file's rows that may be deleted before it is rewritten without them; 0: none", 0.1, parse=ratio
    )
    """Deleted rows are hidden at once, and gone from the store when the file is rewritten and its snapshots expired."""

    sort_by: tuple[str, ...] = option(
        "columns that compacted files of instances are sorted by", ("modality", "series_instance_uid"), parse=columns
    )
    """Names of columns of one value, separated by commas: what people filter by, the coarsest first."""

    snapshot_days: int = option("snapshots younger than so many days stay", 7, parse=count, metavar="DAYS")
    """What a query may take, and how far back a mistake can be undone. An unfinished batch's never expire."""

    keep_snapshots: int = option("the newest so many snapshots of a table stay", 10, parse=number)
    """However old they are."""

    orphan_days: int = option(
        "files younger than so many days are no orphans; at least 1", 3, parse=number, metavar="DAYS"
    )
    """Longer than any run takes: files that are being written belong to no snapshot yet."""

    verify: bool = option(
        "checks the invariants first: where one is broken nothing is deleted, and the exit status is 1",
        True,
        parse=switch,
    )
    """Old snapshots are the way back, so they stay while something is wrong. A dry run doesn't check."""

    wait: int = wait_option()
    """0 fails at once."""

    format: OutputFormat = format_option()
    """As in :class:`ReaderOptions`."""
