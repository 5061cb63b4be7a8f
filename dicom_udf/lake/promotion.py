"""Promotion: typed columns for further attributes, filled from what is stored (design.md, "Tables", "Exactly once").

The schema changes first, then one snapshot holds all rows anew with the columns filled, published like a batch's. A
promotion that was killed between the two is finished by the next one. Rows that are ingested in the meantime have the
columns already, because readers are asked for what the table says it has.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from py4j.protocol import Py4JJavaError
from pyspark.sql import functions as F

from dicom_udf.aws.glue import glue_client, lake_tables
from dicom_udf.columns import Promoted, Table, check_promotable, parse_promoted
from dicom_udf.config import PromoteConfig, check_lake
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.batch import new_plan_id
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.glue_tables import check_fits
from dicom_udf.lake.glue_views import create_views
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.promoted import (
    Promotion,
    add_columns,
    current_snapshot,
    end_promotion,
    filled,
    left_promotion,
    promoted_columns,
)
from dicom_udf.lake.publish import publish
from dicom_udf.lake.tables import Lake, open_lake
from dicom_udf.logs import set_run_id
from dicom_udf.read import staged_table

__all__ = ["Promotions", "promote"]

_TRIES = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Promotions:
    """What a call of :func:`promote` did.

    Attributes:
        added: Columns that are new.
        finished: Columns whose filling an earlier call had begun.
        rows: Rows of ``instances``.
    """

    added: tuple[Promoted, ...]
    finished: tuple[str, ...]
    rows: int


def promote(config: PromoteConfig) -> Promotions:
    """Add columns to ``instances`` and fill them for all rows.

    Args:
        config: Which attributes, and of which lake.

    Raises:
        ConfigurationError: An attribute can't be promoted, or clashes; there is no such lake. Nothing was written.
        RunFailedError: Another run holds the lake, or took it over.
    """
    asked = [parse_promoted(text) for text in config.attributes]
    check_lake(config.place)
    if config.place.is_glue:
        lake_tables(config.place)
    began = datetime.now(UTC).replace(tzinfo=None)
    run = new_plan_id(began)
    set_run_id(run)
    with translate_spark_errors(config.place), lake_lease(config.place, run, wait=config.wait) as lease:
        lake = open_lake(config.place, master=config.master, lease=lease)
        known = promoted_columns(lake)
        new = check_promotable(asked, _taken(lake), known)
        left = left_promotion(lake)
        if left is not None:
            _log.info("filling %s, which an earlier promotion added", ", ".join(left.columns))
            _fill(lake, left, known)
        if new:
            promotion = Promotion(f"promote_{run}", began, tuple(one.column for one in new))
            lake.check_lease()
            if config.place.is_glue:
                check_fits(Table("instances", "", tuple(one.field for one in new)))
            add_columns(lake, promotion, new)
            _fill(lake, promotion, new)
            if config.place.is_glue:
                create_views(glue_client(config.place), config.place.database)
        return Promotions(tuple(new), left.columns if left is not None else (), lake.table("instances").count())


def _taken(lake: Lake) -> list[str]:
    """Names that a column can't have: those there are, and those that staged rows have besides."""
    return [*lake.table("instances").columns, *(field.name for field in staged_table().fields), "delete_uri", "is_row"]


def _fill(lake: Lake, promotion: Promotion, promoted: Sequence[Promoted]) -> None:
    """Publish one snapshot in which all rows have the promotion's columns, and take note of it."""
    to_fill = [one for one in promoted if one.column in promotion.columns]
    publish(lake, "instances", promotion.run, begun=promotion.begun, write=lambda: _rewrite(lake, to_fill))
    end_promotion(lake, promotion)


def _rewrite(lake: Lake, promoted: Sequence[Promoted]) -> None:
    """Write all rows anew: a copy of each file with its columns filled, without a join and without a shuffle."""
    for _ in range(_TRIES):
        snapshot = current_snapshot(lake)
        if snapshot is None or not promoted:
            return
        rows = filled(lake.table("instances"), promoted)
        # What another writer adds while this one reads would be overwritten unread; Iceberg then refuses the snapshot.
        writer = rows.writeTo(lake.name("instances")).option("isolation-level", "serializable")
        writer = writer.option("validate-from-snapshot-id", str(snapshot)).option("distribution-mode", "none")
        try:
            writer.overwrite(F.lit(True))
            return
        except Py4JJavaError as error:
            if error.java_exception.getClass().getSimpleName() != "ValidationException":
                raise
            _log.info("another writer changed the table instances meanwhile; filling the columns again")
        lake.check_lease()
    raise RunFailedError("another writer keeps changing the table instances; run again when it is done")
