"""The settings of each command but the ingest, and the options that commands share.

A field is made by :func:`~dicom_udf.config.options.option`, so a setting and its option can't drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from typing import Literal

from dicom_udf.config.lake_location import LakeLocation, S3Access, service_endpoint
from dicom_udf.config.options import (
    LogFormat,
    LogLevel,
    OutputFormat,
    PartitionBy,
    ScanFormat,
    Shell,
    ShowFormat,
    ShowKind,
    SqlDialect,
    attributes,
    columns,
    count,
    database,
    day,
    exclude_option,
    failure_code,
    format_option,
    include_option,
    key_arn,
    local_file,
    log_level_option,
    number,
    option,
    partition_option,
    path_or_url,
    ratio,
    region,
    s3_url,
    size,
    source_option,
    sql_file,
    switch,
    url,
    wait_option,
)

__all__ = [
    "ColumnsConfig",
    "CompletionConfig",
    "FailuresConfig",
    "InitConfig",
    "MaintainConfig",
    "PromoteConfig",
    "QueriesConfig",
    "QueryConfig",
    "RegisterConfig",
    "ScanConfig",
    "ShowConfig",
    "StatusConfig",
    "UpgradeConfig",
    "VerifyConfig",
    "WriterOptions",
]

_Catalog = Literal["hadoop", "glue"]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """The access to S3."""

    s3_endpoint: str | None = option(
        "URL of an S3-compatible server instead of AWS [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL]",
        None,
        parse=url,
        group="AWS",
    )
    """``http(s)://host:port``. Credentials come from the chain of AWS's libraries in any case."""

    s3_region: str | None = option(
        "region of the bucket [default: S3 is queried for it]", None, metavar="NAME", group="AWS"
    )
    """Of the source's bucket, and of the lake's without ``aws_region``. Needed only if the role may not query it."""

    s3_path_style: bool | None = option(
        "true for URLs as endpoint/bucket, false for bucket.endpoint [default: true with --s3-endpoint]",
        None,
        parse=switch,
        group="AWS",
    )
    """AWS needs false, most other servers need true."""

    @property
    def access(self) -> S3Access:
        """The access to S3, AWS's environment variables included."""
        endpoint = service_endpoint("S3", self.s3_endpoint)
        return S3Access(endpoint, self.s3_region, self.s3_path_style, self._first_region)

    @property
    def _first_region(self) -> str | None:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogOptions(S3Options):
    """The catalog of a lake's tables, and the access to S3 and AWS."""

    catalog: _Catalog = option(
        "catalog of the tables: hadoop for a local lake, glue (AWS Glue) for a lake in S3",
        "hadoop",
        choices=_Catalog,
        group="lake",
    )
    """``hadoop`` needs no service, which suits a laptop; Athena reads ``glue`` only."""

    database: str = option("database of the tables", "dicom", parse=database, group="lake")
    """Lower-case letters, digits, underscores, which Glue, Spark and Athena all accept unquoted."""

    aws_region: str | None = option(
        "region of the lake's bucket, Glue, Athena, SQS and CloudWatch, e.g. eu-central-1 "
        "[default: --s3-region, AWS_REGION, the profile's, the lake's bucket's]",
        None,
        parse=region,
        group="AWS",
    )
    """A queue whose URL names a region is in that one. The source's bucket may be in another region."""

    aws_endpoint: str | None = option(
        "URL of a server for AWS services other than S3 [default: AWS_ENDPOINT_URL_GLUE etc., AWS_ENDPOINT_URL]",
        None,
        parse=url,
        group="AWS",
    )
    """``http(s)://host:port``, e.g. a VPC endpoint or a server for tests."""

    @property
    def _first_region(self) -> str | None:
        return self.aws_region

    def location_of(self, lake: str) -> LakeLocation:
        """Return a lake's location."""
        return LakeLocation(
            lake.rstrip("/") if lake.startswith("s3://") else lake,
            database=self.database,
            catalog=self.catalog,
            access=replace(self.access, region=self.aws_region or self.s3_region),
            aws_endpoint=service_endpoint("GLUE", self.aws_endpoint),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LakeOptions(CatalogOptions):
    """The options of a command that needs a lake."""

    lake: str = option(
        "the lake: a local folder, or s3://bucket/prefix with --catalog glue",
        parse=path_or_url,
        metavar="LAKE",
        group="what and where",
    )
    """Absolute path, because Iceberg's metadata stores it in every file's name; or an ``s3://`` URL."""

    @property
    def location(self) -> LakeLocation:
        """The lake's location."""
        return self.location_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderOptions(LakeOptions):
    """The options of a command that reads a lake and prints an answer."""

    format: OutputFormat = format_option()
    """``table`` for people; ``csv`` (RFC 4180) and ``json`` (one object a line) lose nothing."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the answer is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterOptions(LakeOptions):
    """The options of a command that writes to a lake."""

    kms_key: str | None = option(
        "ARN of the KMS key that encrypts the lake's files in S3 [default: the bucket's]",
        None,
        parse=key_arn,
        group="lake",
    )
    """Existing files keep their own key."""

    create_database: bool = option(
        "false makes no databases in the Glue catalog: NAME and NAME_staging must exist",
        True,
        parse=switch,
        group="lake",
    )
    """For roles that may not make databases, e.g. because Terraform owns them."""

    master: str | None = option(
        "Spark master of a run started by plain Python, e.g. local[4] [default: local[*]]", None, metavar="URL"
    )
    """None leaves the choice to the platform (Glue, EMR), or uses every core of the machine."""

    log_level: LogLevel = log_level_option("INFO")
    """INFO reports a run in a few lines. No level ever logs an attribute's value."""

    log_format: LogFormat = option("format of log lines: text for people, or JSON objects", "text", choices=LogFormat)
    """JSON lines name the run, and the last one is the run's report. CloudWatch Logs Insights reads them."""

    private_keys: bool = option(
        "true replaces keys in logs and errors by hashes, since keys may contain names",
        False,
        parse=switch,
    )
    """For lines at INFO and above, and for errors. The tables contain the keys in any case."""

    @property
    def location(self) -> LakeLocation:
        """The lake's location."""
        return replace(self.location_of(self.lake), kms_key=self.kms_key, create_database=self.create_database)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryConfig(ReaderOptions):
    """One SQL statement on a lake: by DuckDB in this process, or by Athena where the lake is in S3."""

    sql: str | None = option(
        "one statement that reads, in the SQL that --dialect names; or @NAME, a saved query",
        None,
        metavar="SQL",
        group="what and where",
    )
    """Tables and views by their bare names, e.g. instances, failures, objects, series."""

    file: str | None = option(
        "file with the statement instead of SQL; - is stdin", None, parse=sql_file, metavar="FILE"
    )
    """Absolute path of a text in UTF-8."""

    dialect: SqlDialect | None = option(
        "dialect of the SQL, which a first line '-- dialect: athena' can name too "
        "[default: duckdb; athena with --catalog glue]",
        None,
        choices=SqlDialect,
    )
    """Athena's SQL is translated for a local lake, with the same answers; Athena itself takes no other."""

    since: date | None = option("first study date of a saved query's period, e.g. 2024-01-01", None, parse=day)
    """Replaces the first date of the line that ends with the comment ``-- the period``."""

    until: date | None = option("last study date of a saved query's period, included", None, parse=day)
    """Replaces the second date of that line."""

    workgroup: str | None = option(
        "Athena's workgroup, with --catalog glue [default: primary]", None, metavar="NAME", group="AWS"
    )
    """It may limit the bytes that a query scans, and set the place of answers."""

    output_location: str | None = option(
        "place of Athena's answers, s3://bucket/prefix/ [default: the workgroup's]",
        None,
        parse=s3_url,
        group="AWS",
    )
    """Needed if the workgroup has no place of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueriesConfig:
    """The saved queries: their list, or the text of one."""

    name: str | None = option(
        "a saved query: print its text, to be edited and passed to 'query --file'",
        None,
        metavar="NAME",
        group="what and where",
    )
    """With or without ``@``; None for the list."""

    search: str | None = option(
        "list only queries with this text in the name, title or description", None, metavar="WORD"
    )
    """Upper and lower case are the same."""

    format: OutputFormat = format_option()
    """Of the list, as in :class:`ReaderOptions`."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the answer is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanConfig(S3Options):
    """The headers of a source as one file, without a lake."""

    source: str = source_option()
    """Absolute path (made by the parser) or URL."""

    output: str | None = option("file for the rows [default: stdout]", None, parse=local_file, metavar="FILE")
    """Absolute path. The file appears once it is whole."""

    format: ScanFormat | None = option(
        "format of the rows [default: by the ending of --output, otherwise jsonl]", None, choices=ScanFormat
    )
    """``parquet`` needs ``output``; ``jsonl`` leaves nulls out; ``csv`` writes nested values as JSON."""

    workers: int | None = option("most processes that read [default: one for each core]", None, parse=number)
    """One process reads a small source."""

    include: tuple[str, ...] = include_option()
    """Globs, separated by commas, on the path below the source: ``*`` (``/`` too), ``?``, ``[a-z]``."""

    exclude: tuple[str, ...] = exclude_option()
    """As ``include``. A name that matches both is skipped."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only rows and counts are printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusConfig(ReaderOptions):
    """The content of a lake: rows, objects, failures, dates, size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowConfig(CatalogOptions):
    """One study, series, instance or file, with all its columns and its header."""

    what: str = option(
        "a study, series or instance UID; or a file: its path, its URI or the end of it, with ! and the path in its "
        "archive",
        metavar="WHAT",
        group="what and where",
    )
    """e.g. ``1.2.840.1``, ``ct/IM0001.dcm``, ``export.zip!CT/IM0001.dcm``."""

    lake: str | None = option(
        "the lake; without one, WHAT is a local file, which is read",
        None,
        parse=path_or_url,
        metavar="LAKE",
        group="what and where",
    )
    """As in :class:`LakeOptions`."""

    kind: ShowKind | None = option("the kind of WHAT, where several fit [default: any]", None, choices=ShowKind)
    """A UID may belong to a study and to a series; a file may have the name of a UID."""

    full: bool = option("true writes long values, lists and sequences whole", False, parse=switch)
    """On a terminal only: nothing else is cut."""

    format: ShowFormat = option("format of the output: text for people, or one JSON object", "text", choices=ShowFormat)
    """``json`` has the header as DICOM JSON."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the answer is printed."""

    @property
    def location(self) -> LakeLocation | None:
        """The lake's location."""
        return None if self.lake is None else self.location_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class FailuresConfig(ReaderOptions):
    """The files without a readable header."""

    code: str | None = option("list only failures of this code, e.g. TRUNCATED", None, parse=failure_code)
    """A :class:`~dicom_udf.errors.FailureCode`; None for all."""

    limit: int = option("most rows; 0 for all", 50, parse=count)
    """In rows. A lake may have millions of failures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyConfig(ReaderOptions):
    """A check that a lake's tables agree with each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnsConfig(CatalogOptions):
    """The columns of tables and views: their meaning, and how often each has a value."""

    search: str | None = option(
        "list only columns with this text in the name, tag, keyword or description", None, metavar="WORD"
    )
    """Upper and lower case are the same."""

    table: str | None = option(
        "list only columns of this table or view [default: instances, with --search all of them]", None, metavar="NAME"
    )
    """e.g. ``series``."""

    lake: str | None = option(
        "a lake: also count its rows that have a value", None, parse=path_or_url, metavar="LAKE", group="what and where"
    )
    """As in :class:`LakeOptions`; None for the declared list alone."""

    format: OutputFormat = format_option()
    """As in :class:`ReaderOptions`."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the answer is printed."""

    @property
    def location(self) -> LakeLocation | None:
        """The lake's location."""
        return None if self.lake is None else self.location_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionConfig:
    """A script that completes the command line in a shell."""

    shell: Shell = option("the shell", choices=Shell, group="what and where")
    """As fish needs another script, the shell is named."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the script is printed."""


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
