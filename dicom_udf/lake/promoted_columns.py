"""The promoted columns of a lake: described by properties of ``instances``, filled from its column ``header``.

Each column has a table property ``dicom-lake.promoted.<column>``. While a promotion is under way, the property
``dicom-lake.promotion`` names the columns that it fills. Columns and properties change in one commit.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import or_
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from dicom_udf.columns import Promoted
from dicom_udf.columns.schema import arrow_type
from dicom_udf.header.stored import marker, stored_values
from dicom_udf.lake import iceberg
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.tables import Lake

__all__ = [
    "Promotion",
    "add_columns",
    "end_promotion",
    "fill_columns",
    "fill_rows",
    "find_promotion",
    "if_it_contains",
    "promoted_columns",
]

_KEPT = "dicom-lake.promoted."
_UNDER_WAY = "dicom-lake.promotion"
_METRICS = "write.metadata.metrics.column."
_FILE_META = 0x0002


@dataclass(frozen=True, slots=True)
class Promotion:
    """New columns that are still empty in the rows that are older than the columns.

    Attributes:
        run: The id that the snapshot with the filled columns is published under.
        begun: When the promotion began, UTC, naive.
        columns: Names of the columns.
    """

    run: str
    begun: datetime
    columns: tuple[str, ...]


def promoted_columns(lake: Lake, instances: Any = None) -> tuple[Promoted, ...]:
    """Return the columns of ``instances`` besides the declared ones, sorted by name.

    It excludes columns that were dropped or later declared.

    Args:
        lake: The lake.
        instances: The table, if it is loaded already.
    """
    table = lake.load(INSTANCES.name) if instances is None else instances
    own = iceberg.column_names(lake.spark, table) - {field.name for field in INSTANCES.columns().fields}
    kept = {key: value for key, value in iceberg.properties(table).items() if key.startswith(_KEPT)}
    return tuple(Promoted.from_json(kept[key]) for key in sorted(kept) if key.removeprefix(_KEPT) in own)


def find_promotion(lake: Lake) -> Promotion | None:
    """Return the promotion that is not finished yet; None where there is none."""
    text = iceberg.properties(lake.load(INSTANCES.name)).get(_UNDER_WAY)
    if text is None:
        return None
    parts = json.loads(text)
    return Promotion(parts["run"], datetime.fromisoformat(parts["begun"]), tuple(parts["columns"]))


def add_columns(lake: Lake, promotion: Promotion, promoted: Sequence[Promoted]) -> None:
    """Add empty columns and the properties that describe them, in one commit."""
    properties = {_KEPT + one.column: one.to_json() for one in promoted}
    # Iceberg keeps min and max of the first 100 columns only; a promoted column is likely to be filtered by.
    properties |= {_METRICS + one.column: "truncate(16)" for one in promoted if not one.wanted.multiple}
    parts = {"run": promotion.run, "begun": promotion.begun.isoformat(), "columns": promotion.columns}
    properties[_UNDER_WAY] = json.dumps(parts)
    iceberg.add_columns(lake.spark, lake.load(INSTANCES.name), [one.field for one in promoted], properties)


def end_promotion(lake: Lake, promotion: Promotion) -> None:
    """Mark a promotion as finished; one that another run has begun since then is not touched."""
    if find_promotion(lake) == promotion:
        iceberg.remove_property(lake.load(INSTANCES.name), _UNDER_WAY)


def fill_columns(rows: DataFrame, promoted: Sequence[Promoted]) -> DataFrame:
    """Fill columns from the column ``header``, on the executors; the sources aren't opened.

    Args:
        rows: Rows of ``instances``, or staged ones; with the columns to fill or without them.
        promoted: The columns to fill. Values that a row has already stay.
    """
    if not promoted:
        return rows
    ddl = ", ".join(f"`{one.column}` {one.type}" for one in promoted)
    read = F.udf(partial(_read_stored, tuple(promoted)), f"{ddl}, `invalid_values` map<string,string>")
    values = read(
        if_it_contains("header", [marker(one.wanted) for one in promoted if not _is_meta(one)]),
        if_it_contains("header_file_meta", [marker(one.wanted) for one in promoted if _is_meta(one)]),
        F.col("header_omitted"),
        F.col("invalid_values"),
    )
    result = "promoted values"
    columns: dict[str, Column] = {name: F.col(name) for name in rows.columns}
    for one in promoted:
        value = F.col(f"`{result}`.`{one.column}`")
        columns[one.column] = F.coalesce(columns[one.column], value) if one.column in columns else value
    columns["invalid_values"] = F.col(f"`{result}`.invalid_values")
    return rows.withColumn(result, values).select(*(column.alias(name) for name, column in columns.items()))


def fill_rows(rows: pa.Table, promoted: Sequence[Promoted]) -> pa.Table:
    """Add the promoted columns that rows lack: those were promoted after the rows were staged.

    Args:
        rows: Rows of ``instances``.
        promoted: Columns that the lake has besides the declared ones.
    """
    missing = [one for one in promoted if one.column not in rows.column_names]
    if not missing:
        return rows
    markers = [marker(one.wanted) for one in missing]

    def cells(name: str) -> list[Any]:
        return rows.column(name).to_pylist() if name in rows.column_names else [None] * rows.num_rows

    def texts(name: str) -> list[str | None]:
        """Return the texts that contain one of the elements; the others need not be parsed."""
        return [text if text and any(mark in text for mark in markers) else None for text in cells(name)]

    stored = zip(texts("header"), texts("header_file_meta"), cells("header_omitted"), cells(_REASONS), strict=True)
    found = [
        _read_stored(missing, header, file_meta, omitted, dict(reasons or ()))
        for header, file_meta, omitted, reasons in stored
    ]
    *values, reasons = zip(*found, strict=True)
    for one, column in zip(missing, values, strict=True):
        rows = rows.append_column(one.column, pa.array(column, arrow_type(one.type)))
    texts_by_name = pa.array([list(one.items()) if one else None for one in reasons], pa.map_(pa.string(), pa.string()))
    return rows.drop_columns([_REASONS] if _REASONS in rows.column_names else []).append_column(_REASONS, texts_by_name)


_REASONS = "invalid_values"


def if_it_contains(column: str, texts: Sequence[str]) -> Column:
    """Return the text of a column only where it contains one of ``texts``: most then don't go to Python and back."""
    if not texts:
        return F.lit(None).cast("string")
    return F.when(reduce(or_, (F.col(column).contains(text) for text in texts)), F.col(column))


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
            found, why = stored_values(wanted, text, omitted=omitted or ())
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            # Another program wrote the text: the row stays, and no part of the text may reach a log.
            reasons["header_file_meta" if is_meta else "header"] = f"no DICOM JSON ({type(error).__name__})"
            continue
        values |= found
        reasons |= why
    return (*(values.get(one.column) for one in promoted), {**reasons, **(invalid_values or {})} or None)


def _is_meta(promoted: Promoted) -> bool:
    return promoted.wanted.path[0] >> 16 == _FILE_META
