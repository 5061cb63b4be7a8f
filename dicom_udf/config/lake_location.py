"""The location of a lake and the access to its services."""

from __future__ import annotations

import os
from dataclasses import dataclass

__all__ = ["LakeLocation", "S3Access", "service_endpoint"]


@dataclass(frozen=True, slots=True)
class S3Access:
    """The access to S3 or to a server with its API. It goes to the executors with each task.

    Attributes:
        endpoint: URL of an S3-compatible server; None for AWS.
        region: Region of the bucket; None: S3 is queried for it.
        path_style: True for ``endpoint/bucket/key``, False for ``bucket.endpoint/key``; None: True if there is an
            endpoint.
        first_region: Region that requests begin at where ``region`` is None; None for that of the environment or
            profile. S3 redirects requests for a bucket of another one.
    """

    endpoint: str | None = None
    region: str | None = None
    path_style: bool | None = None
    first_region: str | None = None

    @property
    def is_path_style(self) -> bool:
        """True if URLs are ``endpoint/bucket/key``."""
        return self.path_style if self.path_style is not None else self.endpoint is not None


@dataclass(frozen=True, slots=True)
class LakeLocation:
    """A lake: the location of its files and the catalog of its tables.

    Attributes:
        root: Absolute path of a local folder, or ``s3://bucket/prefix`` without a slash at its end.
        database: The database of the tables; the staging tables are in ``<database>_staging``.
        catalog: ``hadoop`` for the lake's own folder, ``glue`` for the AWS Glue Data Catalog.
        access: Access to S3.
        aws_endpoint: URL of a server instead of AWS Glue; None for AWS.
        kms_key: ARN of the key that encrypts files in S3; None for the bucket's default.
        create_database: False if databases that the Glue catalog lacks must not be made.
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
        """Name of the database of staging tables, which only runs read."""
        return f"{self.database}_staging"

    @property
    def bucket(self) -> str:
        """The bucket of a lake in S3."""
        return self.root.removeprefix("s3://").partition("/")[0]

    @property
    def prefix(self) -> str:
        """The start of all keys of a lake in S3, ended by ``/``; empty if the lake is the whole bucket."""
        key = self.root.removeprefix("s3://").partition("/")[2]
        return f"{key}/" if key else ""

    def path_of(self, database: str, table: str = "") -> str:
        """Return the URL or path of a database or a table in the lake."""
        return "/".join(filter(None, (self.root, database, table)))


def service_endpoint(service: str, given: str | None) -> str | None:
    """Return the endpoint of a service of AWS; None for AWS's own.

    Args:
        service: As in the environment variables ``AWS_ENDPOINT_URL_<SERVICE>``, e.g. ``S3`` or ``GLUE``.
        given: An option's value. Without it, AWS's environment variables count: the service's own before the general.
    """
    found = given or os.environ.get(f"AWS_ENDPOINT_URL_{service}") or os.environ.get("AWS_ENDPOINT_URL")
    return found.rstrip("/") if found else None
