"""The lake's tables as a writer of data files sees them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from dicom_udf.datafiles import WriteTarget
from dicom_udf.lake import iceberg
from dicom_udf.lake.tables import Lake

__all__ = ["period_of", "period_of_spec", "target_of"]

_PERIODS = {"identity": "day", "day": "day", "month": "month", "year": "year"}


def target_of(lake: Lake, table: Any, name: str) -> WriteTarget:
    """Return the parts of a loaded table that a writer of its data files needs; ``name`` is for messages."""
    return WriteTarget(
        table=name,
        folder=f"{iceberg.location(table)}/data",
        schema=iceberg.schema_json(lake.spark, table),
        specs=iceberg.spec_jsons(lake.spark, table),
        spec_id=iceberg.spec_id(table),
        properties=iceberg.properties(table),
        access=lake.location.access,
        kms_key=lake.location.kms_key,
    )


def period_of(target: WriteTarget) -> str:
    """Return the period of study_date in the partitions of ``instances``: ``day``, ``month`` or ``year``.

    It decides which rows travel together. Where a lake's owner has changed the partitions otherwise, days are as good.
    """
    return period_of_spec(json.loads(target.schema), json.loads(target.specs[target.spec_id])) or "day"


def period_of_spec(schema: Mapping[str, Any], spec: Mapping[str, Any]) -> str | None:
    """Return the period of study_date in a partition spec, both as Iceberg's JSON; None where it has none."""
    columns = {field["id"]: field["name"] for field in schema["fields"]}
    periods = [
        _PERIODS[field["transform"]]
        for field in spec["fields"]
        if columns.get(field["source-id"]) == "study_date" and field["transform"] in _PERIODS
    ]
    return periods[0] if periods else None
