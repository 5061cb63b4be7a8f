"""The lake's Iceberg tables: where they are, how they are made, whether a folder holds them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from dicom_udf.aws.glue import glue_client
from dicom_udf.columns import Table, failures_table, instances_table, objects_table, quote_text, spark_ddl
from dicom_udf.config import LakePlace
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.glue_tables import check_fits, check_tables, location_clause, make_databases
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.lease import Lease
from dicom_udf.lake.session import CATALOG, lake_session
from dicom_udf.version import __version__

__all__ = ["SCHEMA_VERSION", "Lake", "open_lake"]

SCHEMA_VERSION = 1
"""Version of the tables' layout, kept as the table property ``dicom-lake.schema-version``."""

_VERSION = "dicom-lake.schema-version"
_BY_URI = "bucket(16, source_uri)"
_PARTITIONING = {"day": "study_date", "month": "months(study_date)", "year": "years(study_date)"}

# Athena reads format version 2 and not 3. Fanout writers hold a file open per date and run out of memory; hash
# distribution with a local sort writes one date after the other (design.md, "The platform").
_PROPERTIES = {
    "format-version": "2",
    "write.parquet.compression-codec": "zstd",
    "write.distribution-mode": "hash",
    "write.spark.fanout.enabled": "false",
    # A replaced object costs its own rows, not the files that they lie in; maintenance compacts.
    "write.merge.mode": "merge-on-read",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
    _VERSION: str(SCHEMA_VERSION),
}

# Snapshots are staged first and published by the batch's id, once (design.md, "Exactly once").
_PUBLISHED = {"write.wap.enabled": "true"}

# Statistics of 370 columns cost time and steer no query: a stage is read whole, and soon dropped.
_STAGING_PROPERTIES = {
    "format-version": "2",
    "write.metadata.metrics.default": "none",
    "write.distribution-mode": "none",
}


@dataclass(frozen=True, slots=True)
class Lake:
    """A lake as a session sees it.

    Attributes:
        spark: A session from :func:`dicom_udf.lake.session.lake_session`.
        place: Where it is.
        lease: The right to write; None where one process is all there is.
    """

    spark: SparkSession
    place: LakePlace
    lease: Lease | None = None

    @property
    def database(self) -> str:
        """Name of the database that readers query."""
        return self.place.database

    def check_lease(self) -> None:
        """Make sure that nobody else writes.

        Raises:
            LeaseLostError: Somebody does.
        """
        if self.lease is not None:
            self.lease.check()

    def name(self, table: str) -> str:
        """Return the full name of a table that readers see."""
        return f"{CATALOG}.{self.database}.{table}"

    def staging_name(self, table: str) -> str:
        """Return the full name of a table that only a run sees."""
        return f"{CATALOG}.{self.place.staging}.{table}"

    def table(self, table: str) -> DataFrame:
        """Return a table that readers see, as of now."""
        return self.spark.table(self.name(table))

    def staging_table(self, table: str) -> DataFrame:
        """Return a table that only a run sees."""
        return self.spark.table(self.staging_name(table))

    def load(self, table: str) -> Any:
        """Return a table that readers see as Iceberg's own Java object, as of now."""
        jvm: Any = self.spark._jvm
        return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(self.spark._jsparkSession, self.name(table))

    def column_names(self, iceberg: Any) -> set[str]:
        """Return the names of a loaded table's columns, by one call to Java instead of three for each of them."""
        jvm: Any = self.spark._jvm
        schema = json.loads(jvm.org.apache.iceberg.SchemaParser.toJson(iceberg.schema()))
        return {field["name"] for field in schema["fields"]}

    def staging_tables(self) -> list[str]:
        """Return the names of the staging tables that exist."""
        rows = self.spark.sql(f"SHOW TABLES IN {CATALOG}.{self.place.staging}").collect()
        return sorted(row["tableName"] for row in rows)

    def create_staging(self, name: str, columns: str) -> None:
        """Make an empty staging table; an older one of that name is dropped: it was never finished."""
        self.drop_staging(name)
        location = location_clause(self.place, self.place.staging, name)
        self.spark.sql(
            f"CREATE TABLE {self.staging_name(name)} ({columns}) USING iceberg {location} "
            f"{_properties(_STAGING_PROPERTIES)}"
        )

    def drop_staging(self, name: str) -> None:
        """Drop a staging table and its files."""
        self.spark.sql(f"DROP TABLE IF EXISTS {self.staging_name(name)} PURGE")


def open_lake(
    place: LakePlace, *, partition_by: str = "day", master: str | None = None, lease: Lease | None = None
) -> Lake:
    """Open a lake; what it lacks of databases, tables and declared columns is made.

    Args:
        place: Where; a local folder is made if missing.
        partition_by: ``day``, ``month`` or ``year`` of study_date; a table that exists keeps its own.
        master: As in :func:`dicom_udf.lake.session.lake_session`.
        lease: The right to write.

    Raises:
        ConfigurationError: The Glue catalog has no such database and none may be made, or its tables are another
            lake's, or the lake's tables are there and it doesn't know them.
        RunFailedError: A newer version of this software has written to the lake.
    """
    tables = {instances_table(): _PARTITIONING[partition_by], failures_table(): None, objects_table(): _BY_URI}
    if place.is_glue:
        for table in tables:
            check_fits(table)
        make_databases(place)
        check_tables(place)
    lake = Lake(lake_session(place, master=master), place, lease)
    if not place.is_glue:
        for name in (place.database, place.staging):
            lake.spark.sql(f"CREATE NAMESPACE IF NOT EXISTS {CATALOG}.{name}")
    for table, partitioning in tables.items():
        _create(lake, table, partitioning)
    for table in tables:
        _bring_up_to_date(lake, table)
    if place.is_glue:
        create_views(glue_client(place), place.database)
    return lake


def _create(lake: Lake, table: Table, partitioning: str | None) -> None:
    partitioned = f"PARTITIONED BY ({partitioning})" if partitioning else ""
    lake.spark.sql(
        f"CREATE TABLE IF NOT EXISTS {lake.name(table.name)} ({spark_ddl(table)}) USING iceberg {partitioned} "
        f"COMMENT {quote_text(table.comment)} {location_clause(lake.place, lake.database, table.name)} "
        f"{_properties(_PROPERTIES | _PUBLISHED)}"
    )


def _bring_up_to_date(lake: Lake, table: Table) -> None:
    """Add the columns that an older version didn't declare; refuse what a newer one has written."""
    name = lake.name(table.name)
    iceberg = lake.load(table.name)
    found = int(iceberg.properties().getOrDefault(_VERSION, "1"))
    if found > SCHEMA_VERSION:
        raise RunFailedError(
            f"the table {lake.database}.{table.name} has schema version {found}, this software knows {SCHEMA_VERSION} "
            f"(dicom-lake {__version__}); install a newer one"
        )
    there = lake.column_names(iceberg)
    missing = [field for field in table.fields if field.name not in there]
    if missing:
        lake.spark.sql(
            f"ALTER TABLE {name} ADD COLUMNS ({spark_ddl(Table(table.name, table.comment, tuple(missing)))})"
        )
    if missing or found < SCHEMA_VERSION:
        lake.spark.sql(f"ALTER TABLE {name} SET {_properties({_VERSION: str(SCHEMA_VERSION)})}")


def _properties(properties: dict[str, str]) -> str:
    pairs = ", ".join(f"{quote_text(key)} = {quote_text(value)}" for key, value in properties.items())
    return f"TBLPROPERTIES ({pairs})"
