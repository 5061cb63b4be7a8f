"""A lake's databases in the AWS Glue Data Catalog, and checks of its tables there."""

from __future__ import annotations

from functools import partial

from dicom_udf.aws.glue import create_database, database_exists, find_table
from dicom_udf.aws.s3 import request_bucket, s3_client
from dicom_udf.columns import Table
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake import layout

__all__ = ["check_fits", "check_tables", "make_databases"]

_TYPE_CHARACTERS = 131_072
_COMMENT_CHARACTERS = 255
"""Glue's limits for a column (its API, structure Column)."""


def check_fits(table: Table) -> None:
    """Check that Glue accepts a table's columns: it would refuse them only after the first files are written.

    Raises:
        ConfigurationError: A column is beyond Glue's limits.
    """
    for field in table.fields:
        if len(field.type) > _TYPE_CHARACTERS:
            raise ConfigurationError(
                f"the type of {table.name}.{field.name} has {len(field.type):,} characters, the Glue catalog takes "
                f"{_TYPE_CHARACTERS:,}; declare a simpler type"
            )
        if len(field.comment) > _COMMENT_CHARACTERS:
            raise ConfigurationError(
                f"the comment of {table.name}.{field.name} has {len(field.comment)} characters, the Glue catalog takes "
                f"{_COMMENT_CHARACTERS}; shorten it"
            )


def make_databases(location: LakeLocation) -> None:
    """Make the lake's two databases where they are missing, with the lake's folders as their locations.

    Raises:
        ConfigurationError: A database is missing and may not be made.
        RunFailedError: The catalog can't be reached, or denies access.
    """
    purposes = {
        location.database: "DICOM headers as tables",
        location.staging: "Tables of running jobs; not for readers",
    }
    for name, purpose in purposes.items():
        if database_exists(location, name):
            continue
        if not location.create_database:
            raise ConfigurationError(
                f"the Glue catalog has no database {name}; make it with the location {location.path_of(name)}, or "
                "leave --create-database true"
            )
        create_database(location, name, purpose)


def check_tables(location: LakeLocation) -> None:
    """Check that the catalog's tables are those of the lake: maintenance deletes files that no table names.

    Raises:
        ConfigurationError: A table belongs to another lake, or the lake has a table that the catalog lacks.
        RunFailedError: The catalog or S3 can't be reached, or denies access.
    """
    for table in layout.table_names():
        if find_table(location, table) is None and _has_metadata(location, table):
            raise ConfigurationError(
                f"the Glue catalog lacks the table {location.database}.{table}, whose files are in "
                f"{location.path_of(location.database, table)}; attach it: dicom-lake register --lake {location.root} "
                f"--catalog glue --database {location.database}"
            )


def _has_metadata(location: LakeLocation, table: str) -> bool:
    """Return whether the lake has files of a table."""
    prefix = f"{location.prefix}{location.database}/{table}/metadata/"
    list_page = partial(s3_client(location.access).list_objects_v2, Bucket=location.bucket, Prefix=prefix, MaxKeys=1)
    return bool(request_bucket(location.bucket, list_page).get("Contents"))
