"""Upgrade of an older lake: columns that its rows lack are filled from the stored headers; no source is opened.

A lake gets new columns when it is opened (:mod:`dicom_udf.lake.tables`), and ``dicom-lake.upgrade`` names them. One
snapshot then replaces all rows by rows with these columns filled, and with values of functional groups in columns
without one. It is published like a batch's: an upgrade that was killed is finished by the next one.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import instances_table
from dicom_udf.columns.stored_row import KNOWN_VALUES, OVERRIDDEN, fill_from_stored, markers, row_columns
from dicom_udf.config import UpgradeConfig, check_lake
from dicom_udf.header.scanner import BROKEN_SEQUENCE
from dicom_udf.lake import iceberg
from dicom_udf.lake.batch import new_plan_id
from dicom_udf.lake.faults import translate_spark_errors
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.pending_upgrade import UPGRADE, PendingUpgrade, pending_upgrade
from dicom_udf.lake.promoted_columns import if_it_contains
from dicom_udf.lake.promotion import rewrite_instances
from dicom_udf.lake.publish import is_published, publish
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.logs import set_run_id
from dicom_udf.progress import progress

__all__ = ["Upgraded", "upgrade"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upgraded:
    """The result of a call of :func:`upgrade`.

    Attributes:
        columns: Columns that rows lacked.
        rows: Number of rows of ``instances``.
    """

    columns: tuple[str, ...]
    rows: int


def upgrade(config: UpgradeConfig) -> Upgraded:
    """Fill the columns that rows of an older version lack.

    Args:
        config: The lake.

    Raises:
        ConfigurationError: There is no such lake. Nothing was written.
        RunFailedError: Another run holds the lake, or took it over.
    """
    check_lake(config.location)
    began = datetime.now(UTC).replace(tzinfo=None)
    run = new_plan_id(began)
    set_run_id(run)
    with translate_spark_errors(config.location), lake_lease(config.location, run, wait=config.wait) as lease:
        lake = connect_lake(config.location, master=config.master, lease=lease)
        pending = pending_upgrade(iceberg.properties(lake.load(INSTANCES.name)))
        if pending is not None:
            _fill(lake, pending, f"upgrade_{run}", began)
        return Upgraded(pending.columns if pending is not None else (), lake.table(INSTANCES.name).count())


def _fill(lake: Lake, pending: PendingUpgrade, run: str, began: datetime) -> None:
    """Publish one snapshot in which all rows have the columns, and remove the property."""
    if pending.run is None or pending.begun is None:
        pending = replace(pending, run=run, begun=began)
        lake.check_lease()
        iceberg.set_properties(lake.load(INSTANCES.name), {UPGRADE: pending.to_json()})
    assert pending.run is not None
    assert pending.begun is not None
    _log.info("filling %s columns", len(pending.columns))
    progress.begin("filling columns")
    write = partial(rewrite_instances, lake, partial(fill_rows, columns=pending.columns), pending.run)
    if not is_published(lake, lake.load(INSTANCES.name), pending.run, pending.begun):
        publish(lake, INSTANCES.name, pending.run, begun=pending.begun, write=write)
    if pending_upgrade(iceberg.properties(lake.load(INSTANCES.name))) == pending:
        iceberg.remove_property(lake.load(INSTANCES.name), UPGRADE)


def fill_rows(rows: DataFrame, columns: tuple[str, ...]) -> DataFrame:
    """Fill columns from the columns ``header`` and ``header_file_meta``, on the executors.

    Args:
        rows: Rows of ``instances``. Values that a row has already stay.
        columns: Columns that rows lack.
    """
    types = {field.name: field.type for field in instances_table().fields}
    names = row_columns(columns)
    ddl = ", ".join(f"`{name}` {types[name]}" for name in (*names, "invalid_values", "header_omitted"))
    read = F.udf(partial(_fill_row, columns, names), ddl)
    header, file_meta = (if_it_contains(name, markers(columns, is_meta=name != "header")) for name in _TEXTS)
    present = F.array_compact(F.array(*(F.when(F.col(name).isNotNull(), F.lit(name)) for name in names)))
    result = "upgraded values"
    made = rows.withColumn(
        result,
        read(header, file_meta, "header_omitted", "invalid_values", present, F.struct(*KNOWN_VALUES)),
    )

    def column(name: str) -> Column:
        new, old = F.col(f"`{result}`.`{name}`"), F.col(f"`{name}`")
        if name in ("invalid_values", "header_omitted"):
            return new.alias(name)
        if name == OVERRIDDEN:
            return F.coalesce(new, old).alias(name)
        return (F.coalesce(old, new) if name in names else old).alias(name)

    return made.select(*map(column, rows.columns))


_TEXTS = ("header", "header_file_meta")


def _fill_row(
    columns: tuple[str, ...],
    names: tuple[str, ...],
    header: str | None,
    file_meta: str | None,
    omitted: list[str] | None,
    invalid_values: dict[str, str] | None,
    present: list[str],
    known: Any,
) -> tuple[Any, ...]:
    """Return the values of one row in the order of ``names``, its ``invalid_values`` and its ``header_omitted``."""
    values = {name: value for name, value in known.asDict().items() if value is not None}
    broken = [name for name, reason in (invalid_values or {}).items() if reason == BROKEN_SEQUENCE]
    try:
        made, reasons, gained = fill_from_stored(columns, header, file_meta, omitted or (), present, values, broken)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        # Another program wrote the text: the row stays, and no part of the text may reach a log.
        made, reasons, gained = {}, {"header": f"no DICOM JSON ({type(error).__name__})"}, []
    return (
        *(made.get(name) for name in names),
        {**reasons, **(invalid_values or {})} or None,
        [*(omitted or ()), *gained] or None,
    )
