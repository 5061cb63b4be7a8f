"""Make a lake's tables without an ingest, or attach them again to a catalog that lost them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from dicom_udf.aws.glue import find_table, glue_client, table_names
from dicom_udf.aws.s3 import list_objects
from dicom_udf.config import InitConfig, LakeLocation, RegisterConfig, check_new_lake
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake import iceberg, layout
from dicom_udf.lake.batch import new_plan_id, plan_name
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.fixed_settings import check_partitions
from dicom_udf.lake.glue_tables import make_databases
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.session import CATALOG, lake_session
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.progress import progress

__all__ = ["Registered", "init", "register"]

_METADATA = re.compile(r"(?P<table>[^/]+)/metadata/(?P<version>[0-9]+)-[^/]+\.metadata\.json")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Registered:
    """Tables that were attached to the Glue catalog.

    Attributes:
        tables: URLs of the metadata files of the lake's tables, by name.
        staging: Names of the staging tables of batches that an earlier run left; the next run finishes them.
    """

    tables: dict[str, str]
    staging: tuple[str, ...]


def init(config: InitConfig) -> None:
    """Make a lake's databases, tables and views where they are missing.

    Raises:
        ConfigurationError: There can't be a lake at this place, or the lake has other partitions. Nothing was written.
        RunFailedError: Another run holds the lake, or S3 or Glue refuse.
    """
    check_new_lake(config.location)
    check_partitions(config.location, config.partition_by)
    with translate_spark_errors(config.location), lake_lease(config.location, new_plan_id(datetime.now(UTC))) as lease:
        connect_lake(config.location, partition_by=config.partition_by, master=config.master, lease=lease)


def register(config: RegisterConfig) -> Registered:
    """Attach the tables whose files are in the lake to the Glue catalog, each by its newest metadata file.

    Tables that are in the catalog stay as they are. A batch that was staged when the catalog was lost is attached too:
    otherwise the rows that it has published would be ingested again.

    Raises:
        ConfigurationError: The catalog has all tables, or the lake has none; or a database is missing and may not be
            made.
        RunFailedError: Another run holds the lake, or S3 or Glue refuse.
    """
    location = config.location
    if not location.is_glue:
        raise ConfigurationError(
            f"the lake {location.root} keeps its own tables, so there is nothing to register; give an s3:// lake and "
            "--catalog glue"
        )
    check_new_lake(location)
    with translate_spark_errors(location), lake_lease(location, new_plan_id(datetime.now(UTC))):
        there = _newest_metadata(location, location.database)
        tables = [table for table in layout.table_names() if table in there]
        lost = [table for table in tables if find_table(location, table) is None]
        if not lost:
            raise ConfigurationError(
                f"the Glue catalog has every table of the lake {location.root} already; nothing was changed"
                if tables
                else f"there are no tables in {location.path_of(location.database)}; 'dicom-lake init' makes them"
            )
        make_databases(location)
        lake = Lake(lake_session(location, master=config.master), location)
        progress.begin("attaching tables")
        for table in lost:
            _attach(lake, location.database, table, there[table])
        staging = tuple(_attach_staging(lake))
        if "instances" in there:
            create_views(glue_client(location), location.database)
    return Registered({table: there[table] for table in lost}, staging)


def _newest_metadata(location: LakeLocation, database: str) -> dict[str, str]:
    """Return the URL of the metadata file with the highest version for each table in a database's folder."""
    prefix = f"{location.prefix}{database}/"
    newest: dict[str, tuple[int, datetime, str]] = {}
    for entry in list_objects(location.bucket, prefix, location.access):
        found = _METADATA.fullmatch(entry["Key"][len(prefix) :])
        if found:
            # Of two files of one version the earlier is of a writer that died or was too late to commit.
            one = (int(found["version"]), entry["LastModified"], f"s3://{location.bucket}/{entry['Key']}")
            newest[found["table"]] = max(newest.get(found["table"], one), one)
    return {table: url for table, (_, _, url) in newest.items()}


def _attach(lake: Lake, database: str, table: str, metadata: str) -> None:
    _log.info("%s.%s: %s", database, table, metadata)
    lake.spark.sql(
        f"CALL {CATALOG}.system.register_table(table => '{database}.{table}', metadata_file => '{metadata}')"
    )


def _attach_staging(lake: Lake) -> Iterator[str]:
    """Attach the staged batches that an earlier run left, with their plans; yield the tables' names.

    A stage with missing files was being dropped, which happens only after its batch is published.
    """
    there = _newest_metadata(lake.location, lake.location.staging)
    known = table_names(lake.location, lake.location.staging)
    lost = [name for name in there if name.startswith("stage_") and name not in known]
    for plan, stages in _by_plan(lost).items():
        if plan not in known:
            if plan not in there or not _attach_whole(lake, plan, there[plan]):
                continue
            yield plan
        yield from [stage for stage in stages if _attach_whole(lake, stage, there[stage])]


def _by_plan(stages: Iterable[str]) -> dict[str, list[str]]:
    plans: dict[str, list[str]] = {}
    for name in sorted(stages):
        plans.setdefault(plan_name(name.removeprefix("stage_").rpartition("_")[0]), []).append(name)
    return plans


def _attach_whole(lake: Lake, name: str, metadata: str) -> bool:
    """Attach a staging table if all of its files exist; otherwise its files stay for maintenance."""
    _attach(lake, lake.location.staging, name, metadata)
    if iceberg.all_files_exist(lake.staging_table(name)):
        return True
    lake.spark.sql(f"DROP TABLE {lake.staging_name(name)}")
    return False
