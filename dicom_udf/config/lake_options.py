"""The options that every command shares which knows a lake: where it is, who keeps its tables, how both are reached."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from dicom_udf.config.options import (
    DATABASE,
    LAKE,
    LOG_FORMAT,
    LOG_LEVEL,
    PRIVATE_KEYS,
    LogFormat,
    LogLevel,
    key_arn,
    option,
    switch,
    url,
)
from dicom_udf.config.place import LakePlace, S3Access, service_endpoint

__all__ = ["CatalogOptions", "LakeOptions", "S3Options", "WriterOptions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Options:
    """The options of a command that reads S3."""

    s3_endpoint: str | None = field(
        default=None,
        metadata=option(
            "an S3-compatible server instead of AWS [default: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL]",
            parse=url,
            metavar="URL",
            group="AWS",
        ),
    )
    """``http(s)://host:port``. Credentials come by the chain of AWS's libraries in any case."""

    s3_region: str | None = field(
        default=None, metadata=option("region [default: as S3 says of the bucket]", metavar="NAME", group="AWS")
    )
    """Needed only where the bucket's region may not be asked for."""

    s3_path_style: bool | None = field(
        default=None,
        metadata=option(
            "URLs as endpoint/bucket instead of bucket.endpoint, true or false [default: true with --s3-endpoint]",
            parse=switch,
            metavar="SWITCH",
            group="AWS",
        ),
    )
    """AWS wants false, most other servers true."""

    @property
    def access(self) -> S3Access:
        """How S3 is reached, AWS's environment variables included."""
        endpoint = service_endpoint("S3", self.s3_endpoint)
        return S3Access(endpoint=endpoint, region=self.s3_region, path_style=self.s3_path_style)


@dataclass(frozen=True, slots=True, kw_only=True)
class CatalogOptions(S3Options):
    """The keeper of a lake's tables, and how S3 and AWS are reached."""

    catalog: Literal["hadoop", "glue"] = field(
        default="hadoop",
        metadata=option(
            "keeper of the tables: a local lake's own folder, or AWS Glue for a lake in S3",
            choices=("hadoop", "glue"),
            group="lake",
        ),
    )
    """``hadoop`` needs no service, which suits a laptop; Athena reads only what is in ``glue``."""

    database: str = field(default="dicom", metadata=DATABASE)
    """Lower-case letters, digits, underscores: what Glue, Spark and Athena all take unquoted."""

    aws_endpoint: str | None = field(
        default=None,
        metadata=option(
            "a server instead of AWS for all services but S3 [default: AWS_ENDPOINT_URL_GLUE etc., AWS_ENDPOINT_URL]",
            parse=url,
            metavar="URL",
            group="AWS",
        ),
    )
    """``http(s)://host:port``, e.g. a VPC endpoint or a server for tests."""

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
    """The options of a command that reads a lake."""

    lake: str = field(metadata=LAKE)
    """Absolute path, because Iceberg's metadata stores it in every file's name; or an ``s3://`` URL."""

    @property
    def place(self) -> LakePlace:
        """The lake's place."""
        return self.place_of(self.lake)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterOptions(LakeOptions):
    """The options of a command that writes to a lake."""

    kms_key: str | None = field(
        default=None,
        metadata=option(
            "ARN of the KMS key that the lake's files in S3 are encrypted by [default: as the bucket does]",
            parse=key_arn,
            metavar="ARN",
            group="lake",
        ),
    )
    """Files that are there already keep their own."""

    create_database: bool = field(
        default=True,
        metadata=option(
            "false makes no databases in the Glue catalog: NAME and NAME_staging have to be there",
            parse=switch,
            metavar="SWITCH",
            group="lake",
        ),
    )
    """For roles that may not, e.g. where Terraform owns the databases."""

    master: str | None = field(
        default=None,
        metadata=option(
            "Spark master of a run started by plain Python, e.g. local[4] [default: local[*]]", metavar="URL"
        ),
    )
    """None leaves the choice to the platform (Glue, EMR) or takes every core of the machine."""

    log_level: LogLevel = field(default="INFO", metadata=LOG_LEVEL)
    """INFO tells what a run did in a few lines; no level ever logs an attribute's value."""

    log_format: LogFormat = field(default="text", metadata=LOG_FORMAT)
    """JSON lines name the run, and the last one is the run's report: what CloudWatch Logs Insights reads."""

    private_keys: bool = field(default=False, metadata=PRIVATE_KEYS)
    """Counts for lines at INFO and above, and for errors. The tables hold the keys in any case."""

    @property
    def place(self) -> LakePlace:
        """The lake's place."""
        return replace(self.place_of(self.lake), kms_key=self.kms_key, create_database=self.create_database)
