"""The lake's Iceberg tables: their names in a session, their properties, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from dicom_udf.aws.glue import glue_client
from dicom_udf.columns import Table, quote_text, spark_ddl
from dicom_udf.config import LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg, layout
from dicom_udf.lake.glue_tables import check_fits, check_tables, location_clause, make_databases
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.lease import Lease
from dicom_udf.lake.session import CATALOG, lake_session
from dicom_udf.version import __version__

__all__ = ["SCHEMA_VERSION", "Lake", "connect_lake"]

SCHEMA_VERSION = 1
"""Version of the tables' layout, kept as the table property ``dicom-lake.schema-version``."""

_VERSION = "dicom-lake.schema-version"

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

# Statistics of 370 columns cost time and serve no query: a stage is read as a whole, and soon dropped.
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
        rows = self.spark.sql(f"SHOW TABLES IN {CATALOG}.{self.location.staging}").collect()
        return sorted(row["tableName"] for row in rows)

    def create_staging(self, name: str, columns: str, properties: Mapping[str, str] = _NONE) -> None:
        """Make an empty staging table. An older one of that name is dropped, because it was never finished.

        Args:
            name: Name of the table.
            columns: As in ``CREATE TABLE t (...)``.
            properties: Properties besides those of all staging tables.
        """
        self.drop_staging(name)
        stored_at = location_clause(self.location, self.location.staging, name)
        self.spark.sql(
            f"CREATE TABLE {self.staging_name(name)} ({columns}) USING iceberg {stored_at} "
            f"{_properties({**_STAGING_PROPERTIES, **properties})}"
        )

    def drop_staging(self, name: str) -> None:
        """Drop a staging table and its files."""
        self.spark.sql(f"DROP TABLE IF EXISTS {self.staging_name(name)} PURGE")


def connect_lake(
    location: LakeLocation, *, partition_by: str = "day", master: str | None = None, lease: Lease | None = None
) -> Lake:
    """Open a lake; make the databases, tables and declared columns that are missing.

    Args:
        location: The lake; a local folder is made if missing.
        partition_by: ``day``, ``month`` or ``year`` of study_date; a table that exists keeps its partitions.
        master: As in :func:`dicom_udf.lake.session.lake_session`.
        lease: The right to write.

    Raises:
        ConfigurationError: A database is missing in the Glue catalog and may not be made; or a table in the catalog
            belongs to another lake; or the lake has a table that the catalog lacks.
        RunFailedError: A newer version of this software has written to the lake.
    """
    tables = {declared.columns(): declared.partitions(partition_by) for declared in layout.LAKE_TABLES}
    if location.is_glue:
        for table in tables:
            check_fits(table)
        make_databases(location)
        check_tables(location)
    lake = Lake(lake_session(location, master=master), location, lease)
    if not location.is_glue:
        for name in (location.database, location.staging):
            lake.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{name}")
    for table, partitions in tables.items():
        _create(lake, table, partitions)
    for table in tables:
        _bring_up_to_date(lake, table)
    if location.is_glue:
        create_views(glue_client(location), location.database)
    return lake


def _create(lake: Lake, table: Table, partitions: str) -> None:
    partitioned = f"PARTITIONED BY ({partitions})" if partitions else ""
    lake.spark.sql(
        f"CREATE TABLE IF NOT EXISTS {lake.name(table.name)} ({spark_ddl(table)}) USING iceberg {partitioned} "
        f"COMMENT {quote_text(table.comment)} {location_clause(lake.location, lake.database, table.name)} "
        f"{_properties(_PROPERTIES | _PUBLISHED)}"
    )


def _bring_up_to_date(lake: Lake, table: Table) -> None:
    """Add the columns that an older version did not declare; refuse a table of a newer one."""
    name = lake.name(table.name)
    loaded = lake.load(table.name)
    found = int(iceberg.properties(loaded).get(_VERSION, "1"))
    if found > SCHEMA_VERSION:
        raise RunFailedError(
            f"the table {lake.database}.{table.name} has schema version {found}, this software supports "
            f"{SCHEMA_VERSION} (dicom-lake {__version__}); install a newer one"
        )
    present = iceberg.column_names(lake.spark, loaded)
    missing = [field for field in table.fields if field.name not in present]
    if missing:
        lake.spark.sql(
            f"ALTER TABLE {name} ADD COLUMNS ({spark_ddl(Table(table.name, table.comment, tuple(missing)))})"
        )
    if missing or found < SCHEMA_VERSION:
        lake.spark.sql(f"ALTER TABLE {name} SET {_properties({_VERSION: str(SCHEMA_VERSION)})}")


def _properties(properties: dict[str, str]) -> str:
    pairs = ", ".join(f"{quote_text(key)} = {quote_text(value)}" for key, value in properties.items())
    return f"TBLPROPERTIES ({pairs})"
