"""Where a lake is and how its services are reached: one value that every room is given."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["LakePlace", "S3Access", "service_endpoint"]


@dataclass(frozen=True, slots=True)
class S3Access:
    """How S3, or a server that speaks its language, is reached. Goes to the executors with each task.

    Attributes:
        endpoint: URL of an S3-compatible server; None for AWS.
        region: None: the environment's or profile's, else the bucket's own as S3 says it.
        path_style: ``endpoint/bucket/key`` instead of ``bucket.endpoint/key``; None: where an endpoint is given.
    """

    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None

    @property
    def is_path_style(self) -> bool:
        """Whether URLs are ``endpoint/bucket/key``."""
        return self.path_style if self.path_style is not None else self.endpoint is not None


@dataclass(frozen=True, slots=True)
class LakePlace:
    """A lake: where its files are and who keeps its tables.

    Attributes:
        root: Absolute path of a local folder, or ``s3://bucket/prefix`` without a slash at its end.
        database: Of the tables; the staging tables are in ``<database>_staging``.
        catalog: ``hadoop``: the lake's own folder keeps the tables; ``glue``: the AWS Glue Data Catalog.
        access: How S3 is reached.
        aws_endpoint: URL of a server that answers for AWS Glue; None for AWS.
        kms_key: ARN of the key that files in S3 are encrypted by; None: as the bucket does by default.
        create_database: False: databases that are absent from the Glue catalog are not made.
    """

    root: str
    database: str = "dicom"
    catalog: str = "hadoop"
    access: S3Access = S3Access()
    aws_endpoint: str | None = None
    kms_key: str | None = None
    create_database: bool = True

    @property
    def is_glue(self) -> bool:
        """True where the lake is in S3 and its tables in the Glue catalog."""
        return self.catalog == "glue"

    @property
    def staging(self) -> str:
        """Name of the database that only runs see."""
        return f"{self.database}_staging"

    @property
    def bucket(self) -> str:
        """Of a lake in S3."""
        return self.root.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """Of a lake in S3: what its keys begin with, ended by ``/``; empty where the lake is the whole bucket."""
        key = self.root.removeprefix("s3://").partition("/")[2]
        return f"{key}/" if key else ""

    def location(self, database: str, table: str = "") -> str:
        """Return the URL or path of a database or a table in the lake."""
        return "/".join(filter(None, (self.root, database, table)))


def service_endpoint(service: str, given: str | None) -> str | None:
    """Return the URL to reach a service of AWS by; None for AWS's own.

    Args:
        service: As in the environment variables ``AWS_ENDPOINT_URL_<SERVICE>``, e.g. ``S3`` or ``GLUE``.
        given: An option's value; without one, AWS's environment variables count, the service's own before the general.
    """
    found = given or os.environ.get(f"AWS_ENDPOINT_URL_{service}") or os.environ.get("AWS_ENDPOINT_URL")
    return found.rstrip("/") if found else None
