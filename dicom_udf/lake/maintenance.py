"""Upkeep of a lake: batches of dead runs, then each table. No row changes, and a dry run writes nothing.

A batch that is staged and not yet published is safe. Its files belong to a snapshot of the table, so they are not
orphans. Nothing is deleted while a batch is unfinished (design.md, "Exactly once") or an invariant is broken.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dicom_udf.aws.glue import lake_tables
from dicom_udf.columns.invariants import InvariantResult, check_invariants
from dicom_udf.config import MaintainConfig, check_lake
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake import iceberg, layout
from dicom_udf.lake.batch import new_plan_id
from dicom_udf.lake.dead_stages import find_dead_stages, remove_stage
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.layout import INSTANCES, LakeTable
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.recovery import finish_left_batches
from dicom_udf.lake.session import CATALOG, lake_session
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.lake.upkeep import TableUpkeep, maintain_table, plan_table
from dicom_udf.logs import redacted_uri, set_run_id
from dicom_udf.progress import progress

__all__ = ["LakeUpkeep", "maintain"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LakeUpkeep:
    """The upkeep of a lake, done or planned.

    Attributes:
        batches_finished: Staged batches of dead runs that were committed.
        batches_left: Batches that an earlier run planned and did not read; the next run of its source reads them.
        stages_removed: Folders in the staging database that are not tables: a run died while it made or dropped one.
        tables: The upkeep of each table.
        broken: Results of the invariants that don't hold; nothing was deleted if there are any.
    """

    batches_finished: int
    batches_left: int
    stages_removed: int
    tables: tuple[TableUpkeep, ...]
    broken: tuple[InvariantResult, ...] = ()


def maintain(config: MaintainConfig) -> LakeUpkeep:
    """Finish left batches and maintain each table of a lake; a dry run only counts.

    Raises:
        ConfigurationError: There is no such lake, or ``config.sort_by`` names an unfit column. Nothing was written.
        RunFailedError: Another run holds the lake longer than ``config.wait``, or a step failed; earlier steps stay.
    """
    check_lake(config.location)
    if config.location.is_glue:
        lake_tables(config.location, layout.table_names())
    with translate_spark_errors(config.location):
        return _maintain(config)


def _maintain(config: MaintainConfig) -> LakeUpkeep:
    if config.dry_run:
        lake = Lake(lake_session(config.location, master=config.master), config.location)
        _check(lake, config)
        staged, planned = _left_batches(lake)
        tables = tuple(plan_table(lake, table.name, config) for table in _tables(lake))
        return LakeUpkeep(staged, planned, len(find_dead_stages(lake, config.orphan_days)), tables)
    run = new_plan_id(datetime.now(UTC))
    set_run_id(run)
    with lake_lease(config.location, run, wait=config.wait) as lease:
        lake = connect_lake(config.location, master=config.master, lease=lease)
        _check(lake, config)
        finished = finish_left_batches(lake)
        staged, planned = _left_batches(lake)
        if staged:
            _log.warning("%d staged batches are unfinished: nothing is deleted", staged)
        dead = find_dead_stages(lake, config.orphan_days)
        for name in dead:
            remove_stage(config.location, name)
        broken = _broken(lake) if config.verify and not staged else ()
        may_delete = not (staged or broken)
        tables = tuple(maintain_table(lake, table, config, may_delete=may_delete) for table in _tables(lake))
        return LakeUpkeep(finished, staged + planned, len(dead), tables, broken)


def _tables(lake: Lake) -> list[LakeTable]:
    return [table for table in layout.LAKE_TABLES if lake.spark.catalog.tableExists(lake.name(table.name))]


def _check(lake: Lake, config: MaintainConfig) -> None:
    """Refuse a lake that is a copy, and columns that can't sort files."""
    for setting in ("spark.wap.id", "spark.wap.branch"):
        lake.spark.conf.unset(setting)
    present = [table.name for table in _tables(lake)]
    for name in () if config.location.is_glue else present:  # find_table has checked those of the Glue catalog
        folder = Path(iceberg.location(lake.load(name)).removeprefix("file:")).resolve()
        if folder != (Path(config.lake) / config.database / name).resolve():
            # Its metadata names the files of the lake that it was copied from: those would be deleted.
            raise RunFailedError(
                f"the lake {config.lake} was moved or copied: the metadata of {config.database}.{name} names files in "
                f"{folder}; maintain it there, or move it back"
            )
    if INSTANCES.name not in present:
        return
    instances = lake.load(INSTANCES.name)
    for column in config.sort_by:
        if not iceberg.is_scalar_column(instances, column):
            raise ConfigurationError(
                f"--sort-by: instances has no column {column} of one value; see dicom-lake columns"
            )


def _broken(lake: Lake) -> tuple[InvariantResult, ...]:
    progress.begin("checking the invariants")
    names = {table: lake.name(table) for table in layout.table_names()}
    results = check_invariants(lambda sql: lake.spark.sql(sql).collect(), names)
    broken = tuple(one for one in results if one.wrong)
    for one in broken:
        uris = ", ".join(map(redacted_uri, one.source_uris))
        counted = f"{one.wrong:,} of {one.checked:,} {one.invariant.unit}"
        _log.warning("wrong for %s: %s: %s", counted, one.invariant.meaning, uris)
    return broken


def _left_batches(lake: Lake) -> tuple[int, int]:
    """Count the batches of earlier runs that are staged and not committed, and those that are only planned."""
    if not lake.spark.catalog.databaseExists(f"{CATALOG}.{lake.location.staging}"):
        return 0, 0
    names = lake.staging_tables()
    stages = [name for name in names if name.startswith("stage_")]
    staged = [name for name in stages if lake.spark.table(f"{lake.staging_name(name)}.snapshots").count()]
    plans = {name.removeprefix("plan_") for name in names if name.startswith("plan_")}
    return len(staged), len(plans - {name.removeprefix("stage_").rpartition("_")[0] for name in staged})
