"""The promoted columns of a lake: kept with the table ``instances``, and filled from its column ``header``.

Each is a table property ``dicom-lake.promoted.<column>``. While a promotion is under way, ``dicom-lake.promotion`` says
what it fills; columns and properties change in one commit, so that a lake never has the one without the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import Promoted, instances_table
from dicom_udf.header.stored import marker, stored_values
from dicom_udf.lake.tables import Lake

__all__ = [
    "Promotion",
    "add_columns",
    "current_snapshot",
    "end_promotion",
    "filled",
    "left_promotion",
    "promoted_columns",
]

_KEPT = "dicom-lake.promoted."
_UNDER_WAY = "dicom-lake.promotion"
_METRICS = "write.metadata.metrics.column."
_FILE_META = 0x0002


@dataclass(frozen=True, slots=True)
class Promotion:
    """Columns that are in the table's schema and have yet to be filled for the rows that were there before them.

    Attributes:
        run: What the snapshot that fills them is published under.
        begun: When it began, UTC, naive.
        columns: Their names.
    """

    run: str
    begun: datetime
    columns: tuple[str, ...]


def promoted_columns(lake: Lake) -> tuple[Promoted, ...]:
    """Return what a lake has besides the declared columns, by name.

    It excludes columns that were dropped or later declared.
    """
    table = lake.load("instances")
    there = lake.column_names(table) - {field.name for field in instances_table().fields}
    kept = {str(key): str(value) for key, value in table.properties().items() if str(key).startswith(_KEPT)}
    return tuple(Promoted.from_json(kept[key]) for key in sorted(kept) if key.removeprefix(_KEPT) in there)


def left_promotion(lake: Lake) -> Promotion | None:
    """Return the promotion that is under way or was left unfinished; None where there is none."""
    text = lake.load("instances").properties().get(_UNDER_WAY)
    if text is None:
        return None
    told = json.loads(text)
    return Promotion(told["run"], datetime.fromisoformat(told["begun"]), tuple(told["columns"]))


def add_columns(lake: Lake, promotion: Promotion, promoted: Sequence[Promoted]) -> None:
    """Add empty columns and say what they are, in one commit."""
    jvm: Any = lake.spark._jvm
    transaction = lake.load("instances").newTransaction()
    schema = transaction.updateSchema()
    ddl = ", ".join(f"`{one.column}` {one.type}" for one in promoted)
    types = jvm.org.apache.iceberg.spark.SparkSchemaUtil.convert(jvm.org.apache.spark.sql.types.StructType.fromDDL(ddl))
    for one in promoted:
        schema.addColumn(one.column, types.findType(one.column), one.comment)
    schema.commit()
    properties = transaction.updateProperties()
    for one in promoted:
        properties.set(_KEPT + one.column, one.to_json())
        if not one.wanted.multiple:
            # Iceberg keeps min and max of the first 100 columns; who promotes a column filters by it.
            properties.set(_METRICS + one.column, "truncate(16)")
    told = {"run": promotion.run, "begun": promotion.begun.isoformat(), "columns": promotion.columns}
    properties.set(_UNDER_WAY, json.dumps(told))
    properties.commit()
    transaction.commitTransaction()


def end_promotion(lake: Lake, promotion: Promotion) -> None:
    """Say that a promotion's columns are filled; one that another run has begun since then is left alone."""
    if left_promotion(lake) == promotion:
        lake.load("instances").updateProperties().remove(_UNDER_WAY).commit()


def current_snapshot(lake: Lake) -> int | None:
    """Return the id of the snapshot of ``instances`` that readers see; None where nothing was ever written."""
    snapshot = lake.load("instances").currentSnapshot()
    return None if snapshot is None else int(snapshot.snapshotId())


def filled(rows: DataFrame, promoted: Sequence[Promoted]) -> DataFrame:
    """Fill columns of ``instances`` from the column ``header``, on the executors; the sources aren't opened.

    Args:
        rows: Rows of ``instances``, or staged ones; with the columns to fill or without.
        promoted: What to fill. A value that is there already stays.
    """
    if not promoted:
        return rows
    ddl = ", ".join(f"`{one.column}` {one.type}" for one in promoted)
    read = F.udf(partial(_read_stored, tuple(promoted)), f"{ddl}, `invalid_values` map<string,string>")
    given = read(
        _where_it_may_be("header", [one for one in promoted if not _is_meta(one)]),
        _where_it_may_be("header_file_meta", [one for one in promoted if _is_meta(one)]),
        F.col("header_omitted"),
        F.col("invalid_values"),
    )
    result = "promoted values"
    columns: dict[str, Column] = {name: F.col(name) for name in rows.columns}
    for one in promoted:
        value = F.col(f"`{result}`.`{one.column}`")
        columns[one.column] = F.coalesce(columns[one.column], value) if one.column in columns else value
    columns["invalid_values"] = F.col(f"`{result}`.invalid_values")
    return rows.withColumn(result, given).select(*(column.alias(name) for name, column in columns.items()))


def _where_it_may_be(column: str, promoted: Sequence[Promoted]) -> Column:
    """Return the text only where it holds one of the elements: most rows then cost no way to Python and back."""
    if not promoted:
        return F.lit(None).cast("string")
    return F.when(reduce(or_, (F.col(column).contains(marker(one.wanted)) for one in promoted)), F.col(column))


def _read_stored(
    promoted: Sequence[Promoted],
    header: str | None,
    file_meta: str | None,
    omitted: Sequence[str] | None,
    invalid_values: Mapping[str, str] | None,
) -> tuple[Any, ...]:
    """Return the values of one row in the order of ``promoted``, and its ``invalid_values``."""
    values: dict[str, Any] = {}
    reasons: dict[str, str] = {}
    for text, is_meta in ((header, False), (file_meta, True)):
        if text is None:
            continue
        wanted = [one.wanted for one in promoted if _is_meta(one) is is_meta]
        try:
            given, why = stored_values(wanted, text, omitted=omitted or ())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Not written by this project: the row stays, and nothing of its text may reach a log.
            reasons["header_file_meta" if is_meta else "header"] = f"no DICOM JSON ({type(error).__name__})"
            continue
        values |= given
        reasons |= why
    return (*(values.get(one.column) for one in promoted), {**reasons, **(invalid_values or {})} or None)


def _is_meta(promoted: Promoted) -> bool:
    return promoted.wanted.path[0] >> 16 == _FILE_META
