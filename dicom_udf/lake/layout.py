"""The lake's tables, one declaration each: columns, partitions, order, rows (docs/how_to/add_a_table.md).

All steps loop over :data:`LAKE_TABLES`: making, committing, querying, verifying and maintaining tables, the Glue
catalog and the reference page. Nothing here needs Spark. Columns are made when they are needed: they load the DICOM
dictionary, and a query needs only names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicom_udf.row_kind import RowKind

if TYPE_CHECKING:
    import pyarrow as pa

    from dicom_udf.columns import Table

__all__ = ["INSTANCES", "LAKE_TABLES", "VIEWS", "LakeTable", "table_names"]

_PERIODS = {"day": "study_date", "month": "months(study_date)", "year": "years(study_date)"}

VIEWS = (
    "unique_instances", "series", "studies", "series_geometry", "slides", "segments", "rois", "annotation_groups",
    "rt_beams", "specimen_steps", "content_items", "measurements", "evaluations", "links", "frames",
    "dose_events", "dose_reports", "dose_studies", "series_normalised",
)  # fmt: skip
"""Names of the views over ``instances``; :mod:`dicom_udf.columns.views` defines them."""


@dataclass(frozen=True, slots=True)
class LakeTable:
    """A table of a lake.

    Each table has a column ``source_uri``: a changed or deleted object costs all rows with its URI.

    Attributes:
        name: Name of the table.
        columns: Returns the declared columns.
        kind: Kind of the staged rows that the table is made from.
        rows: Makes the table's rows from some of ``instances``, an Arrow table; it runs on the executors. None where
            the rows are the staged ones. Columns of the table that the result lacks are null.
        partitioning: Partition transforms as in Spark SQL's ``PARTITIONED BY``; empty for none. ``{study_date}`` is
            replaced by the period that the lake's owner chose. Each row then has the study date of its instance, and
            a replacement reads the old and new dates only.
        sort_by: Columns by which a compaction sorts; empty for ``instances`` only, where ``--sort-by`` decides.
    """

    name: str
    columns: Callable[[], Table]
    kind: RowKind
    rows: Callable[[pa.Table], pa.Table] | None = None
    partitioning: str = ""
    sort_by: tuple[str, ...] = ()

    @property
    def is_by_study_date(self) -> bool:
        """Whether the table's partitions are periods of ``study_date``."""
        return "{study_date}" in self.partitioning

    def partitions(self, period: str) -> str:
        """Return the partition transforms for ``day``, ``month`` or ``year``; empty where there are none."""
        return self.partitioning.format(study_date=_PERIODS[period])


def _instances() -> Table:
    from dicom_udf.columns import instances_table  # noqa: PLC0415 - see the docstring of the module

    return instances_table()


def _failures() -> Table:
    from dicom_udf.columns import failures_table  # noqa: PLC0415

    return failures_table()


def _objects() -> Table:
    from dicom_udf.columns import objects_table  # noqa: PLC0415

    return objects_table()


INSTANCES = LakeTable("instances", _instances, kind=RowKind.INSTANCE, partitioning="{study_date}")
"""The table that an owner may add columns to (promotion), and that the views are over."""

LAKE_TABLES: tuple[LakeTable, ...] = (
    INSTANCES,
    LakeTable("failures", _failures, kind=RowKind.FAILURE, sort_by=("code", "source_uri")),
    # The ledger comes last: an object that is in it is not read again. It is joined by source_uri.
    LakeTable(
        "objects",
        _objects,
        kind=RowKind.OBJECT,
        partitioning="bucket(16, source_uri)",
        sort_by=("source_uri",),
    ),
)
"""The tables of a lake, in the order in which a batch is committed."""


def table_names() -> tuple[str, ...]:
    """Return the names of the tables, in the order in which a batch is committed."""
    return tuple(table.name for table in LAKE_TABLES)
