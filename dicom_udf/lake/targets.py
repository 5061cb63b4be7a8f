"""The lake's tables as a writer of data files sees them."""

from __future__ import annotations

import json
from typing import Any

from dicom_udf.datafiles import WriteTarget
from dicom_udf.lake import iceberg
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.tables import Lake

__all__ = ["instances_period", "target_of", "write_target"]

_PERIODS = {"identity": "day", "day": "day", "month": "month", "year": "year"}


def write_target(lake: Lake, table: str) -> WriteTarget:
    """Return the parts of a table that a writer of its data files needs, as the table is now."""
    return target_of(lake, lake.load(table), table)


def target_of(lake: Lake, loaded: Any, name: str) -> WriteTarget:
    """Return the same of a loaded table, which may be a staging table; ``name`` is for messages."""
    return WriteTarget(
        table=name,
        folder=f"{iceberg.location(loaded)}/data",
        schema=iceberg.schema_json(lake.spark, loaded),
        specs=iceberg.spec_jsons(lake.spark, loaded),
        spec_id=iceberg.spec_id(loaded),
        properties=iceberg.properties(loaded),
        access=lake.location.access,
        kms_key=lake.location.kms_key,
    )


def instances_period(lake: Lake) -> str:
    """Return the period of study_date in the partitions of ``instances``: ``day``, ``month`` or ``year``.

    It decides which rows travel together. Where a lake's owner has changed the partitions otherwise, days are as good.
    """
    target = write_target(lake, INSTANCES.name)
    columns = {field["id"]: field["name"] for field in json.loads(target.schema)["fields"]}
    for field in json.loads(target.specs[target.spec_id])["fields"]:
        if columns.get(field["source-id"]) == "study_date" and field["transform"] in _PERIODS:
            return _PERIODS[field["transform"]]
    return "day"
