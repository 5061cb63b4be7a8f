"""Promotion: typed columns for further attributes, filled from stored headers (design.md, "Tables", "Exactly once").

The schema changes first. Then one snapshot replaces all rows by rows with the columns filled, and is published like a
batch's. A promotion that was killed between the two is finished by the next one. Rows that are ingested in the meantime
have the columns already, because tasks read the promoted columns of the table.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from pyspark.sql import DataFrame

from dicom_udf.aws.glue import glue_client, lake_tables
from dicom_udf.columns import Promoted, Table, check_promotable, parse_promoted
from dicom_udf.config import PromoteConfig, check_lake
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg, layout
from dicom_udf.lake.batch import new_plan_id
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.glue_tables import check_fits
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.promoted_columns import (
    Promotion,
    add_columns,
    end_promotion,
    fill_columns,
    find_promotion,
    promoted_columns,
)
from dicom_udf.lake.publish import is_published, publish
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.logs import set_run_id
from dicom_udf.progress import progress
from dicom_udf.read import files_table

__all__ = ["Promotions", "promote", "rewrite_instances"]

_TRIES = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Promotions:
    """The result of a call of :func:`promote`.

    Attributes:
        added: New columns.
        finished: Names of columns that an earlier call had added and not filled.
        rows: Number of rows of ``instances``.
    """

    added: tuple[Promoted, ...]
    finished: tuple[str, ...]
    rows: int


def promote(config: PromoteConfig) -> Promotions:
    """Add columns to ``instances`` and fill them for all rows.

    Args:
        config: The attributes and the lake.

    Raises:
        ConfigurationError: An attribute can't be promoted, or its name is taken; or there is no such lake. Nothing was
            written.
        RunFailedError: Another run holds the lake, or took it over.
    """
    wanted = [parse_promoted(text) for text in config.attributes]
    check_lake(config.location)
    if config.location.is_glue:
        lake_tables(config.location, layout.table_names())
    began = datetime.now(UTC).replace(tzinfo=None)
    run = new_plan_id(began)
    set_run_id(run)
    with translate_spark_errors(config.location), lake_lease(config.location, run, wait=config.wait) as lease:
        lake = connect_lake(config.location, master=config.master, lease=lease)
        known = promoted_columns(lake)
        new = check_promotable(wanted, _taken_names(lake), known)
        left = find_promotion(lake)
        if left is not None:
            _log.info("filling %s, which an earlier promotion added", ", ".join(left.columns))
            _fill(lake, left, known)
        if new:
            promotion = Promotion(f"promote_{run}", began, tuple(one.column for one in new))
            lake.check_lease()
            if config.location.is_glue:
                check_fits(Table(INSTANCES.name, "", tuple(one.field for one in new)))
            add_columns(lake, promotion, new)
            _fill(lake, promotion, new)
            if config.location.is_glue:
                create_views(glue_client(config.location), config.location.database)
        return Promotions(tuple(new), left.columns if left is not None else (), lake.table(INSTANCES.name).count())


def _taken_names(lake: Lake) -> list[str]:
    """Return the names that a new column can't have: those of the table and those of the rows that are read."""
    return [*lake.table(INSTANCES.name).columns, *(field.name for field in files_table().fields)]


def _fill(lake: Lake, promotion: Promotion, promoted: Sequence[Promoted]) -> None:
    """Publish one snapshot in which all rows have the promotion's columns, and mark the promotion as finished."""
    to_fill = [one for one in promoted if one.column in promotion.columns]
    progress.begin("filling columns")
    write = partial(rewrite_instances, lake, lambda rows: fill_columns(rows, to_fill), promotion.run)
    if to_fill and not is_published(lake, lake.load(INSTANCES.name), promotion.run, promotion.begun):
        publish(lake, INSTANCES.name, promotion.run, begun=promotion.begun, write=write)
    end_promotion(lake, promotion)


def rewrite_instances(lake: Lake, fill: Callable[[DataFrame], DataFrame], run: str) -> int | None:
    """Stage all rows of ``instances`` again: each file is copied, without a join and without a shuffle.

    Args:
        lake: The lake.
        fill: Returns the rows with columns filled.
        run: The id that the snapshot is staged under.

    Returns:
        The staged snapshot; None for an empty table.

    Raises:
        RunFailedError: Other writers are always faster.
    """
    for _ in range(_TRIES):
        snapshot = iceberg.current_snapshot(lake.load(INSTANCES.name))
        if snapshot is None:
            return None
        rows = fill(lake.table(INSTANCES.name))
        staged = iceberg.overwrite_table(rows, lake.name(INSTANCES.name), snapshot, wap_id=run)
        if staged is not None:
            return staged
        _log.info("another writer changed the table instances meanwhile; filling the columns again")
        lake.check_lease()
    raise RunFailedError("another writer keeps changing the table instances; run again when it is done")
