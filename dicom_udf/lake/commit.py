"""The commits of a staged batch: one per table, in the order of the layout; the ledger ``objects`` comes last.

The rows are gathered into data files first. Then each table gets one snapshot, staged under the batch's id and
published (write-audit-publish). A table whose history already holds the id was committed by an earlier try, and is
skipped.
"""

from __future__ import annotations

from datetime import date
from functools import cached_property, partial
from typing import Any

from dicom_udf.errors import RunFailedError
from dicom_udf.lake import iceberg, layout
from dicom_udf.lake.gather import gather
from dicom_udf.lake.layout import LakeTable
from dicom_udf.lake.publish import is_published, publish
from dicom_udf.lake.replaced import write_deletes
from dicom_udf.lake.staged import StagedBatch
from dicom_udf.lake.tables import Lake

__all__ = ["commit_batch"]

_TRIES = 4


def commit_batch(lake: Lake, staged: StagedBatch) -> None:
    """Publish a staged batch; tables in which it is published already are skipped.

    Raises:
        LeaseLostError: Another run has taken the lake over.
        RunFailedError: A table could not be written or published; the next run does it again.
    """
    batch = staged.batch
    loaded = [(table, lake.load(table.name)) for table in layout.LAKE_TABLES]
    left = [(table, one) for table, one in loaded if not is_published(lake, one, batch.id, batch.begun)]
    files = _Files(lake, staged, left)
    for table, _ in left:
        write = partial(_append if batch.is_new else _replace, files, table)
        publish(lake, table.name, batch.id, begun=batch.begun, write=write)


class _Files:
    """The data files of a staged batch. They are made again for a table whose columns or partitions have changed."""

    def __init__(self, lake: Lake, staged: StagedBatch, tables: list[tuple[LakeTable, Any]]) -> None:
        self.lake = lake
        self.staged = staged
        self._forms = {table.name: _form(loaded) for table, loaded in tables}
        self._files = gather(lake, staged, tables) if tables else {}

    def of(self, table: LakeTable, loaded: Any) -> list[str]:
        """Return the texts of the files of a table, for its schema and partitions of now."""
        form = _form(loaded)
        if form != self._forms[table.name]:
            self._files[table.name] = gather(self.lake, self.staged, [(table, loaded)]).get(table.name, [])
            self._forms[table.name] = form
        return self._files.get(table.name, [])

    @cached_property
    def study_dates(self) -> list[date]:
        """Each study date at which the batch removes or adds rows: old rows are sought in these partitions."""
        return sorted(self.staged.batch.old_study_dates(self.lake) | self.staged.study_dates())


def _form(table: Any) -> tuple[int, int]:
    return iceberg.schema_id(table), iceberg.spec_id(table)


def _append(files: _Files, table: LakeTable) -> int | None:
    """Stage a snapshot with a table's new rows; None where there are none."""
    loaded = files.lake.load(table.name)
    added = files.of(table, loaded)
    return iceberg.stage_files(files.lake.spark, loaded, added, wap_id=files.staged.batch.id) if added else None


def _replace(files: _Files, table: LakeTable) -> int | None:
    """Stage a snapshot in which all rows of the planned objects are replaced by the batch's; None without any.

    The positions of the old rows are those of one snapshot. The new one must be its child: a compaction in between
    would have moved the rows, and the replacement is made again.
    """
    lake, batch = files.lake, files.staged.batch
    for _ in range(_TRIES):
        loaded = lake.load(table.name)
        added = files.of(table, loaded)
        parent = iceberg.current_snapshot(loaded)
        deletes: list[str] = []
        data_files: list[str] = []
        if parent is not None:
            dates = files.study_dates if table.is_by_study_date else ()
            deletes, data_files = write_deletes(lake, table, loaded, batch, snapshot=parent, dates=dates)
        if not added and not deletes:
            return None
        staged = iceberg.replace_rows(lake.spark, loaded, added, deletes, data_files, parent=parent, wap_id=batch.id)
        if staged is not None:
            return staged
        lake.check_lease()
    raise RunFailedError(f"another writer keeps changing the table {lake.name(table.name)}; run the job again")
