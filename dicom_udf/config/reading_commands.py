"""The settings of the commands that read a lake, a source or this package, and print an answer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from dicom_udf.config.options import (
    LogLevel,
    OutputFormat,
    ScanFormat,
    Shell,
    ShowFormat,
    ShowKind,
    SqlDialect,
    count,
    day,
    exclude_option,
    failure_code,
    format_option,
    include_option,
    lake_option,
    local_file,
    log_level_option,
    number,
    option,
    s3_url,
    source_option,
    sql_file,
    switch,
)
from dicom_udf.config.shared_options import LakeOptions, OptionalLakeOptions, ReaderOptions, S3Options

__all__ = [
    "ColumnsConfig",
    "CompletionConfig",
    "FailuresConfig",
    "QueriesConfig",
    "QueryConfig",
    "ScanConfig",
    "ShowConfig",
    "StatusConfig",
    "VerifyConfig",
    "ViewsConfig",
]


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

    dictionary: str | None = option(
        "folder with your body_part.tsv or series_kind.tsv, whose lines come first in the view series_normalised",
        None,
        parse=local_file,
        metavar="FOLDER",
    )
    """Absolute path. Views in the Glue catalog are made without it, so a lake there takes none."""

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
class ShowConfig(OptionalLakeOptions):
    """One study, series, instance or file, with all its columns and its header."""

    what: str = option(
        "a study, series or instance UID; or a file: its path, its URI or the end of it, with ! and the path in its "
        "archive",
        metavar="WHAT",
        group="what and where",
    )
    """e.g. ``1.2.840.1``, ``ct/IM0001.dcm``, ``export.zip!CT/IM0001.dcm``."""

    lake: str | None = lake_option("the lake; without one, WHAT is a local file, which is read", None)
    """As in :class:`LakeOptions`."""

    kind: ShowKind | None = option("the kind of WHAT, where several fit [default: any]", None, choices=ShowKind)
    """A UID may belong to a study and to a series; a file may have the name of a UID."""

    full: bool = option("true writes long values, lists and sequences whole", False, parse=switch)
    """On a terminal only: nothing else is cut."""

    format: ShowFormat = option("format of the output: text for people, or one JSON object", "text", choices=ShowFormat)
    """``json`` has the header as DICOM JSON."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the answer is printed."""


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
class ColumnsConfig(OptionalLakeOptions):
    """The columns of tables and views: their meaning, and how often each has a value."""

    search: str | None = option(
        "list only columns with this text in the name, tag, keyword or description", None, metavar="WORD"
    )
    """Upper and lower case are the same."""

    table: str | None = option(
        "list only columns of this table or view [default: instances, with --search all of them]", None, metavar="NAME"
    )
    """e.g. ``series``."""

    lake: str | None = lake_option("a lake: also count its rows that have a value", None)
    """As in :class:`LakeOptions`; None for the declared list alone."""

    format: OutputFormat = format_option()
    """As in :class:`ReaderOptions`."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the answer is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewsConfig(LakeOptions):
    """A script for DuckDB that shows a local lake to other programs."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the script is printed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletionConfig:
    """A script that completes the command line in a shell."""

    shell: Shell = option("the shell", choices=Shell, group="what and where")
    """As fish needs another script, the shell is named."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the script is printed."""
