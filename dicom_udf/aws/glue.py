"""The databases and tables of a lake in the AWS Glue Data Catalog. Iceberg makes the commits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dicom_udf.aws.clients import get_client
from dicom_udf.aws.errors import translate_aws_errors
from dicom_udf.config import LakePlace
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


def glue_client(place: LakePlace) -> Any:
    """Return the boto3 client of the catalog with a lake's tables."""
    return get_client("glue", endpoint=place.aws_endpoint, region=place.access.region)


def database_exists(place: LakePlace, name: str) -> bool:
    """Return True where the catalog has a database."""
    glue = glue_client(place)
    with translate_aws_errors("glue:GetDatabase", f"the database {name}"):
        try:
            glue.get_database(Name=name)
        except glue.exceptions.EntityNotFoundException:
            return False
    return True


def create_database(place: LakePlace, name: str, description: str) -> None:
    """Make a database with the lake's folder of that name as its location; one of another run is kept."""
    glue = glue_client(place)
    wanted = {"Name": name, "Description": description, "LocationUri": place.location(name)}
    with translate_aws_errors("glue:CreateDatabase", f"the database {name}"):
        try:
            glue.create_database(DatabaseInput=wanted)
        except glue.exceptions.AlreadyExistsException:
            return


def find_table(place: LakePlace, table: str) -> GlueTable | None:
    """Return a table of the lake's database; None where the catalog has none of that name.

    Raises:
        ConfigurationError: It is not an Iceberg table, or it belongs to another lake.
        RunFailedError: Glue denies the request or does not answer.
    """
    glue = glue_client(place)
    name = f"{place.database}.{table}"
    with translate_aws_errors("glue:GetTable", f"the table {name}"):
        try:
            found = glue.get_table(DatabaseName=place.database, Name=table)["Table"]
        except glue.exceptions.EntityNotFoundException:
            return None
    metadata = found.get("Parameters", {}).get("metadata_location")
    storage = found.get("StorageDescriptor", {})
    location = str(storage.get("Location", "")).rstrip("/")
    if metadata is None:
        raise ConfigurationError(f"the Glue catalog's table {name} is not an Iceberg table; give another --database")
    if location != place.location(place.database, table):
        raise ConfigurationError(
            f"the Glue catalog's table {name} is in {location}, not in the lake {place.root}; give that lake, or "
            "another --database"
        )
    comments = {column["Name"]: column["Comment"] for column in storage.get("Columns", []) if "Comment" in column}
    return GlueTable(table, location, str(metadata), comments)


def lake_tables(place: LakePlace, names: Iterable[str]) -> dict[str, GlueTable]:
    """Return the tables of a lake that the catalog has, by name.

    Args:
        place: The lake.
        names: Names of the tables to look for.

    Raises:
        ConfigurationError: The catalog has none of them, or one belongs to another lake.
        RunFailedError: Glue denies the request or does not answer.
    """
    found = {table: one for table in names if (one := find_table(place, table)) is not None}
    if not found:
        raise ConfigurationError(
            f"the Glue catalog has no tables in the database {place.database} for the lake {place.root}; "
            f"'dicom-lake ingest' makes them, 'dicom-lake register' attaches those with files in the lake"
        )
    return found


def table_names(place: LakePlace, database: str) -> list[str]:
    """Return the names of a database's tables; an empty list where the database does not exist."""
    glue = glue_client(place)
    names: list[str] = []
    with translate_aws_errors("glue:GetTables", f"the database {database}"):
        try:
            for page in glue.get_paginator("get_tables").paginate(DatabaseName=database):
                names += [table["Name"] for table in page["TableList"]]
        except glue.exceptions.EntityNotFoundException:
            return []
    return sorted(names)
