"""A lake's content, its failures, the agreement of its tables: answers of the commands that only read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_udf.answers.local import Answer, answer, open_tables
from dicom_udf.config import LakeLocation, check_lake, current_version
from dicom_udf.errors import FailureCode, RunFailedError
from dicom_udf.lake import layout
from dicom_udf.lake.pending_upgrade import pending_upgrade
from dicom_udf.rendering import aligned, bytes_text, counts_text, failure_lines, visible
from dicom_udf.table_metadata import current_schema, read_metadata

if TYPE_CHECKING:
    import duckdb

    from dicom_udf.columns.invariants import InvariantResult

__all__ = [
    "LakeStatus",
    "Verification",
    "lake_status",
    "list_failures",
    "open_all_tables",
    "verify_lake",
]

UPGRADE_REMEDY = "columns that older rows lack; run dicom-lake upgrade"


@dataclass(frozen=True, slots=True)
class LakeStatus:
    """A lake's content at a moment.

    Attributes:
        instances: Rows of ``instances``.
        first_study_date: The earliest study date that isn't the default; None where there is none.
        last_study_date: The latest one.
        instances_without_study_date: Rows with the default date 1900-01-01.
        objects: Rows of the ledger, by status.
        failures: Rows of ``failures``, by code.
        last_run_id: The run that wrote last, among the runs that rows still name.
        last_run_time: When it began, UTC.
        bytes_on_disk: Size of all files in the database's folder.
        columns_to_fill: Columns of ``instances`` that rows of an older version lack, until the lake is upgraded.
    """

    instances: int
    first_study_date: date | None
    last_study_date: date | None
    instances_without_study_date: int
    objects: Mapping[str, int]
    failures: Mapping[str, int]
    last_run_id: str | None
    last_run_time: datetime | None
    bytes_on_disk: int
    columns_to_fill: tuple[str, ...] = ()

    def to_text(self) -> str:
        """Write it for people, as aligned lines."""
        skipped = sum(count for code, count in self.failures.items() if FailureCode(code).severity == "skipped")
        faults = sum(self.failures.values()) - skipped
        dates = f"studies of {self.first_study_date} to {self.last_study_date}" if self.first_study_date else ""
        undated = f"{self.instances_without_study_date:,} without a date" if self.instances_without_study_date else ""
        run = f"{self.last_run_id} at {self.last_run_time:%Y-%m-%d %H:%M:%S} UTC" if self.last_run_time else "none"
        lines: list[tuple[str, int | None, str]] = [
            ("instances", self.instances, ", ".join(filter(None, (dates, undated)))),
            ("objects", sum(self.objects.values()), counts_text(self.objects)),
            ("failures", skipped + faults, counts_text({"skipped": skipped, "faults": faults})),
            *failure_lines(self.failures),
            ("on disk", None, bytes_text(self.bytes_on_disk)),
            ("last run", None, run),
        ]
        if self.columns_to_fill:
            lines.append(("to upgrade", len(self.columns_to_fill), UPGRADE_REMEDY))
        return aligned(lines)


def lake_status(location: LakeLocation) -> LakeStatus:
    """Count what a lake holds.

    Raises:
        ConfigurationError: There is no such lake.
        RunFailedError: A table is missing, or could not be read.
    """
    tables = open_all_tables(location)
    instances, undated, first, last = next(
        answer(
            tables,
            "SELECT count(*), count(*) FILTER (study_date_is_default), "
            "min(study_date) FILTER (NOT study_date_is_default), max(study_date) FILTER (NOT study_date_is_default) "
            "FROM instances",
        ).rows
    )
    objects = dict(answer(tables, "SELECT status, count(*) FROM objects GROUP BY 1 ORDER BY 1").rows)
    failures = dict(answer(tables, "SELECT code, count(*) FROM failures GROUP BY 1 ORDER BY 1").rows)
    last_run = answer(tables, "SELECT ingest_run_id, ingest_time FROM objects ORDER BY 2 DESC, 1 LIMIT 1").rows
    run_id, run_time = next(last_run, (None, None))
    return LakeStatus(
        instances=instances,
        first_study_date=first,
        last_study_date=last,
        instances_without_study_date=undated,
        objects=objects,
        failures=failures,
        last_run_id=run_id,
        last_run_time=run_time,
        bytes_on_disk=_bytes_on_disk(location),
        columns_to_fill=_columns_to_fill(location),
    )


def _bytes_on_disk(location: LakeLocation) -> int:
    if location.is_glue:
        from dicom_udf.aws.s3 import list_objects  # noqa: PLC0415 - boto3 is a heavy import

        files = list_objects(location.bucket, f"{location.prefix}{location.database}/", location.access)
        return sum(entry["Size"] for entry in files)
    folder = Path(location.root) / location.database
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def list_failures(location: LakeLocation, *, code: str | None = None, limit: int = 0) -> tuple[Answer, int]:
    """List the files without a readable header, faults before skipped files.

    Args:
        location: The lake.
        code: Only failures of this code.
        limit: At most so many rows; 0 for all.

    Returns:
        The rows, and how many there are without the limit.
    """
    tables = open_all_tables(location)
    condition = f" WHERE code = '{FailureCode(code)}'" if code else ""
    (total,) = next(answer(tables, f"SELECT count(*) FROM failures{condition}").rows)
    limited = f" LIMIT {limit:d}" if limit else ""
    rows = answer(
        tables,
        f"SELECT severity, code, source_uri, source_member, message FROM failures{condition} "
        f"ORDER BY severity, code, source_uri, source_member{limited}",
    )
    return rows, total


_VERIFY_TRIES = 3


@dataclass(frozen=True, slots=True)
class Verification:
    """The results of the invariants of a lake.

    Attributes:
        results: One for each invariant: :data:`dicom_udf.columns.invariants.INVARIANTS`, then those of derived tables.
        unfinished: Staging tables of batches that a run is writing, or left.
    """

    results: tuple[InvariantResult, ...]
    unfinished: tuple[str, ...]

    @property
    def broken(self) -> tuple[InvariantResult, ...]:
        """Results of the invariants that don't hold."""
        return tuple(one for one in self.results if one.wrong)

    def to_answer(self) -> Answer:
        """Return a row for each invariant."""
        columns = ("invariant", "holds", "checked", "wrong", "unit", "meaning", "source_uris")
        rows = (
            (one.invariant.name, not one.wrong, one.checked, one.wrong, one.invariant.unit, one.invariant.meaning,
             list(one.source_uris))
            for one in self.results
        )  # fmt: skip
        return Answer(columns, rows)

    def to_text(self) -> str:
        """Return the text for people: a line for each invariant, followed by the objects that break it."""
        counted = [f"{one.wrong:,} of {one.checked:,}" if one.wrong else f"{one.checked:,}" for one in self.results]
        width = max(map(len, counted))
        text = ""
        for one, count in zip(self.results, counted, strict=True):
            sign = "WRONG" if one.wrong else "ok"
            text += f"{sign:<5}  {count:>{width}} {one.invariant.unit:<7}  {one.invariant.meaning}\n"
            text += "".join(f"         {visible(uri)}\n" for uri in one.source_uris)
        return text


def verify_lake(location: LakeLocation) -> Verification:
    """Check the invariants of a lake, without writing and without Spark.

    Tables are committed one after the other. If a table changed during the check, broken invariants are checked again.

    Raises:
        ConfigurationError: There is no such lake.
        RunFailedError: A table is missing, or could not be read.
    """
    from dicom_udf.columns.invariants import check_invariants  # noqa: PLC0415 - reads the DICOM dictionary

    check_lake(location)
    for _ in range(_VERIFY_TRIES):
        versions = _versions(location)
        names = {table: table for table in layout.table_names()}
        results = check_invariants(partial(_all_rows, open_all_tables(location)), names)
        result = Verification(results, _unfinished(location))
        if not result.broken or _versions(location) == versions:
            break
    return result


def open_all_tables(location: LakeLocation) -> duckdb.DuckDBPyConnection:
    """Open all tables of a lake in DuckDB.

    Raises:
        ConfigurationError: There is no such lake.
        RunFailedError: A table is missing, since a run may have died before it made the last.
    """
    tables = open_tables(location)
    there = {name for (name,) in answer(tables, "SELECT view_name FROM duckdb_views()").rows}
    missing = [table for table in layout.table_names() if table not in there]
    if missing:
        raise RunFailedError(f"the lake has no table {' and '.join(missing)}; the next ingest makes it")
    return tables


def _all_rows(tables: duckdb.DuckDBPyConnection, sql: str) -> list[tuple[Any, ...]]:
    return list(answer(tables, sql).rows)


def _versions(location: LakeLocation) -> dict[str, Any]:
    """Return the version of each table that readers see; None for a table that is missing."""
    names = layout.table_names()
    if location.is_glue:
        from dicom_udf.aws.glue import lake_tables  # noqa: PLC0415 - boto3 is a heavy import

        tables = lake_tables(location, names)
        return {table: tables[table].metadata if table in tables else None for table in names}
    return {table: current_version(Path(location.root) / location.database / table) for table in names}


def _unfinished(location: LakeLocation) -> tuple[str, ...]:
    if location.is_glue:
        from dicom_udf.aws.glue import table_names  # noqa: PLC0415 - boto3 is a heavy import

        return tuple(name for name in table_names(location, location.staging) if name.startswith("stage_"))
    return tuple(sorted(folder.name for folder in (Path(location.root) / location.staging).glob("stage_*")))


def _columns_to_fill(location: LakeLocation) -> tuple[str, ...]:
    """Return the columns that rows lack: those added since, and those that the next run adds."""
    from dicom_udf.columns import instances_table  # noqa: PLC0415 - reads the DICOM dictionary

    metadata = read_metadata(location)
    if metadata is None or metadata.get("current-snapshot-id") in (None, -1):
        return ()
    pending = pending_upgrade(metadata.get("properties", {}))
    there = {field["name"] for field in current_schema(metadata)["fields"]}
    missing = (field.name for field in instances_table().fields if field.name not in there)
    return (*(pending.columns if pending is not None else ()), *missing)
