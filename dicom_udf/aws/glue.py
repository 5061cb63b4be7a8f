"""The databases and tables of a lake in the AWS Glue Data Catalog. Iceberg makes the commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dicom_udf.aws.clients import get_client
from dicom_udf.aws.errors import translate_aws_errors
from dicom_udf.aws.regions import service_region
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError

__all__ = ["GlueTable", "create_database", "database_exists", "find_table", "glue_client", "lake_tables", "table_names"]


@dataclass(frozen=True, slots=True)
class GlueTable:
    """An Iceberg table in the catalog.

    Attributes:
        name: Its name.
        location: URL of its files, without a slash at the end.
        metadata: URL of the current metadata file.
        comments: The comments of its columns, by name.
    """

    name: str
    location: str
    metadata: str
    comments: Mapping[str, str]


def glue_client(location: LakeLocation) -> Any:
    """Return the boto3 client of the catalog with a lake's tables."""
    endpoint = location.aws_endpoint
    return get_client("glue", endpoint=endpoint, region=service_region(location, endpoint))


def database_exists(location: LakeLocation, name: str) -> bool:
    """Return True where the catalog has a database."""
    glue = glue_client(location)
    with translate_aws_errors("glue:GetDatabase", f"the database {name}"):
        try:
            glue.get_database(Name=name)
        except glue.exceptions.EntityNotFoundException:
            return False
    return True


def create_database(location: LakeLocation, name: str, description: str) -> None:
    """Make a database with the lake's folder of that name as its location; one of another run is kept."""
    glue = glue_client(location)
    wanted = {"Name": name, "Description": description, "LocationUri": location.path_of(name)}
    with translate_aws_errors("glue:CreateDatabase", f"the database {name}"):
        try:
            glue.create_database(DatabaseInput=wanted)
        except glue.exceptions.AlreadyExistsException:
            return


def find_table(location: LakeLocation, table: str) -> GlueTable | None:
    """Return a table of the lake's database; None where the catalog has none of that name.

    Raises:
        ConfigurationError: It is not an Iceberg table, or it belongs to another lake.
        RunFailedError: Glue denies the request or does not answer.
    """
    glue = glue_client(location)
    name = f"{location.database}.{table}"
    with translate_aws_errors("glue:GetTable", f"the table {name}"):
        try:
            found = glue.get_table(DatabaseName=location.database, Name=table)["Table"]
        except glue.exceptions.EntityNotFoundException:
            return None
    metadata = found.get("Parameters", {}).get("metadata_location")
    storage = found.get("StorageDescriptor", {})
    url = str(storage.get("Location", "")).rstrip("/")
    if metadata is None:
        raise ConfigurationError(f"the Glue catalog's table {name} is not an Iceberg table; give another --database")
    if url != location.path_of(location.database, table):
        raise ConfigurationError(
            f"the Glue catalog's table {name} is in {url}, not in the lake {location.root}; give that lake, or "
            "another --database"
        )
    comments = {column["Name"]: column["Comment"] for column in storage.get("Columns", []) if "Comment" in column}
    return GlueTable(table, url, str(metadata), comments)


def lake_tables(location: LakeLocation, names: Iterable[str]) -> dict[str, GlueTable]:
    """Return the tables of a lake that the catalog has, by name.

    Args:
        location: The lake.
        names: Names of the tables to look for.

    Raises:
        ConfigurationError: The catalog has none of them, or one belongs to another lake.
        RunFailedError: Glue denies the request or does not answer.
    """
    found = {table: one for table in names if (one := find_table(location, table)) is not None}
    if not found:
        raise ConfigurationError(
            f"the Glue catalog has no tables in the database {location.database} for the lake {location.root}; "
            f"'dicom-lake ingest' makes them, 'dicom-lake register' attaches those with files in the lake"
        )
    return found


def table_names(location: LakeLocation, database: str) -> list[str]:
    """Return the names of a database's tables; an empty list where the database does not exist."""
    glue = glue_client(location)
    names: list[str] = []
    with translate_aws_errors("glue:GetTables", f"the database {database}"):
        try:
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
                names += [table["Name"] for table in page["TableList"]]
        except glue.exceptions.EntityNotFoundException:
            return []
    return sorted(names)
