"""The options that commands share: S3, the catalog, the lake, what is printed, what is logged.

A field is made by :func:`~dicom_udf.config.options.option`, so a setting and its option can't drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dicom_udf.config.lake_location import LakeLocation, S3Access, service_endpoint
from dicom_udf.config.options import (
    LogFormat,
    LogLevel,
    OutputFormat,
    database,
    format_option,
    key_arn,
    lake_option,
    log_level_option,
    option,
    region,
    switch,
    url,
)

__all__ = [
    "CatalogOptions",
    "LakeOptions",
    "OptionalLakeOptions",
    "ReaderOptions",
    "S3Options",
    "WriterOptions",
]

_Catalog = Literal["hadoop", "glue"]
_LAKE = "the lake: a local folder, or s3://bucket/prefix with --catalog glue"


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

    lake: str = lake_option(_LAKE)
    """Absolute path, because Iceberg's metadata stores it in every file's name; or an ``s3://`` URL."""

    @property
    def location(self) -> LakeLocation:
        """The lake's location."""
        return self.location_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class OptionalLakeOptions(CatalogOptions):
    """The options of a command that can do without a lake."""

    lake: str | None = lake_option(_LAKE, None)
    """As in :class:`LakeOptions`."""

    @property
    def location(self) -> LakeLocation | None:
        """The lake's location; None without a lake."""
        return None if self.lake is None else self.location_of(self.lake)


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
