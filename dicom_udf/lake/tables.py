"""The lake's Iceberg tables: their names in a session, their properties, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from dicom_udf.aws.glue import glue_client
from dicom_udf.columns import Table, spark_ddl
from dicom_udf.config import LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg, layout
from dicom_udf.lake.glue_tables import check_fits, check_tables, make_databases
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.lease import Lease
from dicom_udf.lake.pending_upgrade import with_columns
from dicom_udf.lake.session import CATALOG, lake_session
from dicom_udf.version import __version__

__all__ = ["SCHEMA_VERSION", "Lake", "connect_lake"]

SCHEMA_VERSION = 1
"""Version of the tables' layout, kept as the table property ``dicom-lake.schema-version``."""

_VERSION = "dicom-lake.schema-version"

_BOUNDS = "write.metadata.metrics.column."

# Athena reads format version 2, but not 3. Fanout writers keep a file open for each date and run out of memory. Hash
# distribution with a local sort writes one date after the other (design.md, "The platform").
_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.distribution-mode": "hash",
    "write.spark.fanout.enabled": "false",
    # A replacement writes the object's rows only, not the files that hold them; maintenance compacts.
    "write.merge.mode": "merge-on-read",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
    _VERSION: str(SCHEMA_VERSION),
}

# Snapshots are staged first and published by the batch's id, once (design.md, "Exactly once").
_PUBLISHED = {"write.wap.enabled": "true"}

# Statistics of 400 columns cost time and serve no query: a stage is read as a whole, and soon dropped.
_STAGING_PROPERTIES = {
    "format-version": "2",
    "write.metadata.metrics.default": "none",
    "write.distribution-mode": "none",
}


_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake in a Spark session.

    Attributes:
        spark: A session from :func:`dicom_udf.lake.session.lake_session`.
        location: Where the lake is.
        lease: The right to write; None for readers, and in tests with one process.
    """

    spark: SparkSession
    location: LakeLocation
    lease: Lease | None = None

    @property
    def database(self) -> str:
        """Name of the database that readers query."""
        return self.location.database

    def check_lease(self) -> None:
        """Check that this run still holds the lake.

        Raises:
            LeaseLostError: Another run has taken it.
        """
        if self.lease is not None:
            self.lease.check()

    def name(self, table: str) -> str:
        """Return the full name of a table that readers see."""
        return f"{CATALOG}.{self.database}.{table}"

    def staging_name(self, table: str) -> str:
        """Return the full name of a staging table, which only runs read."""
        return f"{CATALOG}.{self.location.staging}.{table}"

    def table(self, table: str) -> DataFrame:
        """Return a table that readers see, as of now."""
        return self.spark.table(self.name(table))

    def staging_table(self, table: str) -> DataFrame:
        """Return a staging table."""
        return self.spark.table(self.staging_name(table))

    def load(self, table: str) -> Any:
        """Load a table that readers see for :mod:`dicom_udf.lake.iceberg`, as of now."""
        return iceberg.load_table(self.spark, self.name(table))

    def column_names(self, table: str) -> set[str]:
        """Return the names of the columns that a table has now."""
        return iceberg.column_names(self.spark, self.load(table))

    def staging_tables(self) -> list[str]:
        """Return the names of the staging tables that exist."""
        return iceberg.table_names(self.spark, f"{CATALOG}.{self.location.staging}")

    def create_staging(self, name: str, columns: str, properties: Mapping[str, str] = _NONE) -> Any:
        """Make an empty staging table and return it, as :meth:`load` does.

        An older one of that name is dropped, because it was never finished.

        Args:
            name: Name of the table.
            columns: As in ``CREATE TABLE t (...)``.
            properties: Properties besides those of all staging tables.
        """
        self.drop_staging(name)
        return iceberg.create_table(
            self.spark,
            self.staging_name(name),
            columns,
            properties={**_STAGING_PROPERTIES, **properties},
            location=_folder(self.location, self.location.staging, name),
        )

    def drop_staging(self, name: str) -> None:
        """Drop a staging table and its files."""
        iceberg.drop_table(self.spark, self.staging_name(name))


def connect_lake(
    location: LakeLocation, *, partition_by: str | None = None, master: str | None = None, lease: Lease | None = None
) -> Lake:
    """Open a lake; make the databases, tables and declared columns that are missing.

    Args:
        location: The lake; a local folder is made if missing.
        partition_by: ``day``, ``month`` or ``year`` of study_date; None for ``day``. A table that exists keeps its
            partitions (:func:`dicom_udf.lake.fixed_settings.check_partitions`).
        master: As in :func:`dicom_udf.lake.session.lake_session`.
        lease: The right to write.

    Raises:
        ConfigurationError: A database is missing in the Glue catalog and may not be made; or a table in the catalog
            belongs to another lake; or the lake has a table that the catalog lacks.
        RunFailedError: A newer version of this software has written to the lake.
    """
    tables = {declared.columns(): declared.partitions(partition_by or "day") for declared in layout.LAKE_TABLES}
    if location.is_glue:
        for table in tables:
            check_fits(table)
        make_databases(location)
        check_tables(location)
    lake = Lake(lake_session(location, master=master), location, lease)
    if not location.is_glue:
        for name in (location.database, location.staging):
            Path(location.root, name).mkdir(parents=True, exist_ok=True)
    for table, partitions in tables.items():
        loaded = iceberg.find_table(lake.spark, lake.name(table.name))
        if loaded is None:
            _create(lake, table, partitions)
        else:
            _bring_up_to_date(lake, table, loaded)
    if location.is_glue:
        create_views(glue_client(location), location.database)
    return lake


def _create(lake: Lake, table: Table, partitions: str) -> None:
    iceberg.create_table(
        lake.spark,
        lake.name(table.name),
        spark_ddl(table),
        properties=_PROPERTIES | _PUBLISHED | _bounds(table) | {"comment": table.comment},
        partitions=partitions,
        location=_folder(lake.location, lake.database, table.name),
    )


def _bring_up_to_date(lake: Lake, table: Table, loaded: Any) -> None:
    """Add the columns and bounds that an older version did not declare, in one commit; refuse a table of a newer one.

    Properties that the owner of the lake has set stay.
    """
    properties = iceberg.properties(loaded)
    found = int(properties.get(_VERSION, "1"))
    if found > SCHEMA_VERSION:
        raise RunFailedError(
            f"the table {lake.database}.{table.name} has schema version {found}, this software supports "
            f"{SCHEMA_VERSION} (dicom-lake {__version__}); install a newer one"
        )
    present = iceberg.column_names(lake.spark, loaded)
    missing = [field for field in table.fields if field.name not in present]
    changed = {key: value for key, value in _bounds(table).items() if key not in properties}
    if missing or found < SCHEMA_VERSION:
        changed[_VERSION] = str(SCHEMA_VERSION)
    if missing and table.name == layout.INSTANCES.name and iceberg.current_snapshot(loaded) is not None:
        changed |= with_columns(properties, [field.name for field in missing])
    if missing:
        iceberg.add_columns(lake.spark, loaded, missing, changed)
    elif changed:
        iceberg.set_properties(loaded, changed)


def _bounds(table: Table) -> dict[str, str]:
    """Return the properties for the bounds of columns that name an object.

    By default Iceberg cuts them to 16 characters: the name of a bucket, or the root of an organisation's UIDs.
    """
    by_column = {
        field.name: "full" if field.name == "source_uri" else "truncate(64)"
        for field in table.fields
        if field.type == "string" and (field.name == "source_uri" or field.name.endswith("_uid"))
    }
    return {_BOUNDS + name: mode for name, mode in by_column.items()}


def _folder(location: LakeLocation, database: str, table: str) -> str | None:
    """Return the URL of a table in S3; None for a local lake, whose catalog has a folder for each table."""
    return location.path_of(database, table) if location.is_glue else None
