"""The settings of the commands that turn an answer into files: ``manifest`` and ``fetch``."""

from __future__ import annotations

import argparse
import dataclasses
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from dicom_udf.config.options import (
    ArchiveNames,
    LogLevel,
    SqlDialect,
    local_file,
    log_level_option,
    number,
    option,
    path_or_url,
    switch,
)
from dicom_udf.config.reading_commands import (
    QueryConfig,
)
from dicom_udf.config.shared_options import (
    OptionalLakeOptions,
)
from dicom_udf.errors import ConfigurationError

__all__ = ["DEFAULT_LAYOUT", "FetchConfig", "ManifestConfig", "ManifestForm"]

DEFAULT_LAYOUT = "{patient_id}/{study_instance_uid}/{series_instance_uid}/{sop_instance_uid}.dcm"
"""The target of a file where ``--layout`` names no other one."""

ManifestForm = Literal["csv", "s5cmd", "aws", "urls"]


def as_in_query(name: str) -> Any:
    """Return a field that is the same option as that of :class:`~dicom_udf.config.QueryConfig`."""
    [field] = (field for field in dataclasses.fields(QueryConfig) if field.name == name)
    return dataclasses.field(default=field.default, metadata=field.metadata)


def _folder(text: str) -> str:
    """Read the name of a local folder, made absolute."""
    if text.startswith("s3://"):
        raise argparse.ArgumentTypeError(
            "must be a local folder; a target in S3 is not supported, so copy the folder there afterwards"
        )
    return path_or_url(text)


@dataclass(frozen=True, slots=True, kw_only=True)
class CohortOptions(OptionalLakeOptions):
    """The options of a command that turns the answer of a query into files."""

    sql: str | None = option(
        "one statement that reads, or @NAME, whose answer has source_uri and source_member, or sop_instance_uid, "
        "series_instance_uid or study_instance_uid",
        None,
        metavar="SQL",
        group="what and where",
    )
    """In the SQL that ``dicom-lake query`` takes."""

    layout: str | None = option(
        f"target of a file; each name in braces is a column of instances [default: {DEFAULT_LAYOUT}]",
        None,
        metavar="LAYOUT",
    )
    """Characters that a name of a file can't have become ``_``, and so does an absent value."""

    file: str | None = as_in_query("file")
    """As in :class:`~dicom_udf.config.QueryConfig`, and so are the next ones."""

    dialect: SqlDialect | None = as_in_query("dialect")
    """The dialect of the SQL."""

    since: date | None = as_in_query("since")
    """Of a saved query's period."""

    until: date | None = as_in_query("until")
    """Of a saved query's period."""

    workgroup: str | None = as_in_query("workgroup")
    """Athena's."""

    output_location: str | None = as_in_query("output_location")
    """Athena's."""

    log_level: LogLevel = log_level_option("WARNING")
    """By default only the result is printed."""

    def query(self) -> QueryConfig:
        """Return the settings of the query.

        Raises:
            ConfigurationError: There is no lake.
        """
        if self.lake is None:
            raise ConfigurationError("the files come from a query of a lake; give --lake LAKE")
        shared = {field.name for field in dataclasses.fields(QueryConfig)} & {
            field.name for field in dataclasses.fields(self)
        }
        return QueryConfig(**{name: getattr(self, name) for name in shared})


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestConfig(CohortOptions):
    """The files of an answer as a list for this program or another one."""

    form: ManifestForm = option(
        "csv for 'dicom-lake fetch --manifest'; s5cmd for 's5cmd run'; aws for a shell; urls: a URL a line",
        "csv",
        choices=ManifestForm,
    )
    """Only ``csv`` can name members of archives."""

    output: str | None = option("file for the list [default: stdout]", None, parse=local_file, metavar="FILE")
    """Absolute path. The file appears once it is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchConfig(CohortOptions):
    """The files of an answer or of a manifest, copied to a folder."""

    manifest: str | None = option(
        "a CSV file of 'dicom-lake manifest' instead of SQL",
        None,
        parse=path_or_url,
        metavar="FILE",
        group="what and where",
    )
    """With at least the columns source_uri and target."""

    to: str = option(
        "local folder for the files, made if missing", parse=_folder, metavar="DIR", group="what and where"
    )
    """Absolute path."""

    jobs: int = option("objects that are read at once; each takes up to 40 MiB of memory", 16, parse=number)
    """Threads. An archive is one object."""

    yes: bool = option("true starts a fetch of more than 10 GB", False, parse=switch)
    """Its size and price are printed in any case."""

    archive_names: ArchiveNames = option(
        "encoding of names in archives: the one of the ingest", "auto", choices=ArchiveNames, group="archives"
    )
    """Otherwise the names in the lake are not those that are read."""
