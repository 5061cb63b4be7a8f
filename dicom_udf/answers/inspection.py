"""A lake's content, the meaning of its columns, the agreement of its tables: answers of the commands that only read."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_udf.answers.local import Answer, add_views, answer, current_version, open_tables
from dicom_udf.config import LakeLocation, check_lake
from dicom_udf.errors import ConfigurationError, FailureCode, RunFailedError
from dicom_udf.lake import layout
from dicom_udf.lake.pending_upgrade import pending_upgrade
from dicom_udf.rendering import aligned, bytes_text, counts_text, failure_lines, visible

if TYPE_CHECKING:
    import duckdb

    from dicom_udf.columns import Attribute, Field
    from dicom_udf.columns.invariants import InvariantResult

__all__ = [
    "COLUMN_FIELDS",
    "LakeStatus",
    "Verification",
    "describe_columns",
    "lake_status",
    "list_failures",
    "nearest_columns",
    "verify_lake",
]

COLUMN_FIELDS: tuple[str, ...] = (
    "column",
    "type",
    "level",
    "tag",
    "keyword",
    "vr",
    "vm",
    "unit",
    "action",
    "description",
)
"""The columns of :func:`describe_columns`, in front of ``table``."""

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
    tables = _open(location)
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
    tables = _open(location)
    condition = f" WHERE code = '{FailureCode(code)}'" if code else ""
    (total,) = next(answer(tables, f"SELECT count(*) FROM failures{condition}").rows)
    limited = f" LIMIT {limit:d}" if limit else ""
    rows = answer(
        tables,
        f"SELECT severity, code, source_uri, source_member, message FROM failures{condition} "
        f"ORDER BY severity, code, source_uri, source_member{limited}",
    )
    return rows, total


def describe_columns(
    *, search: str | None = None, table: str | None = None, location: LakeLocation | None = None
) -> Answer:
    """Describe columns: :data:`COLUMN_FIELDS`, and ``values`` where a lake is given.

    Args:
        search: Only columns that have this in their name, tag, keyword or description; case doesn't matter. Without
            ``table`` all tables and views are searched; a view's columns that mean the same in ``instances`` are left
            out.
        table: A table or a view. Without it and ``search``, ``instances``.
        location: A lake: counts its rows with a value in each column; its own further columns are listed too.

    Raises:
        ConfigurationError: There is no such table or lake.
        RunFailedError: A table of the lake is missing, or could not be read.
    """
    declared = _declared_columns()
    if table is not None and table not in declared:
        near = difflib.get_close_matches(table, declared, n=1)
        hint = f", did you mean {near[0]}?" if near else ""
        raise ConfigurationError(f"--table {table} is not a table or view{hint}; they are {', '.join(declared)}")
    chosen = [table] if table is not None else list(declared) if search is not None else ["instances"]
    connection = None if location is None else _open(location)
    if connection is not None and chosen != ["instances"]:
        add_views(connection)
    found: list[tuple[Any, ...]] = []
    for name in chosen:
        rows = declared[name]
        if table is None and name in layout.VIEWS:
            rows = [row for row in rows if row not in declared["instances"]]
        if connection is not None and location is not None and name == "instances":
            rows = [*rows, *_further_columns(connection, location, {row[0] for row in rows})]
        rows = [row for row in rows if search is None or _mentions(row, search.casefold())]
        if connection is None:
            found += [(*row, name) for row in rows]
        else:
            counts = _count_values(connection, name, [row[0] for row in rows])
            found += [(*row, name, counts.get(row[0])) for row in rows]
    names = (*COLUMN_FIELDS, "table")
    return Answer(names if location is None else (*names, "values"), iter(found))


def nearest_columns(search: str) -> list[str]:
    """Return the names of at most three declared columns that resemble a word.

    Example:
        >>> from dicom_udf.answers.inspection import nearest_columns
        >>> nearest_columns("slice_thicknes")[0]
        'slice_thickness'
    """
    names = {row[0] for rows in _declared_columns().values() for row in rows}
    return difflib.get_close_matches(search.casefold(), sorted(names), n=3)


def _mentions(row: Sequence[Any], wanted: str) -> bool:
    searched = [COLUMN_FIELDS.index(name) for name in ("column", "tag", "keyword", "description")]
    return any(wanted in str(row[index] or "").casefold() for index in searched)


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
        results = check_invariants(partial(_all_rows, _open(location)), names)
        result = Verification(results, _unfinished(location))
        if not result.broken or _versions(location) == versions:
            break
    return result


def _open(location: LakeLocation) -> duckdb.DuckDBPyConnection:
    """Open all tables: a run may have died before it made the last."""
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


def _declared_columns() -> dict[str, list[tuple[Any, ...]]]:
    """Return :data:`COLUMN_FIELDS` of each column, by table and view."""
    from dicom_udf.columns import declared_attributes  # noqa: PLC0415 - reads the DICOM dictionary
    from dicom_udf.columns.views import DUCKDB, make_views  # noqa: PLC0415

    fields = {table.name: table.columns().fields for table in layout.LAKE_TABLES}
    fields |= {view.name: view.fields for view in make_views(DUCKDB)}
    attributes = {attribute.column: attribute for attribute in declared_attributes()}
    comments = {field.name: field.comment for field in fields["instances"]}
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for name, columns in fields.items():
        # A view's column of an attribute's name may be something else, e.g. the sum of several.
        of_table = [
            (one, attributes.get(one.name) if comments.get(one.name) == one.comment else None) for one in columns
        ]
        rows[name] = [_described(field, attribute) for field, attribute in of_table]
    return rows


def _described(field: Field, attribute: Attribute | None) -> tuple[Any, ...]:
    if attribute is None:
        return (field.name, field.type, *[None] * 7, field.comment)
    meaning = attribute.hint + attribute.description
    rest = (attribute.vr, attribute.vm, attribute.unit or None, attribute.action or None, meaning)
    return (field.name, field.type, attribute.level, _places(attribute), attribute.keyword, *rest)


def _further_columns(
    tables: duckdb.DuckDBPyConnection, location: LakeLocation, known: Collection[str]
) -> list[tuple[Any, ...]]:
    """Return the columns of ``instances`` that aren't declared, with DuckDB's types."""
    comments = _comments(location)
    types = ((row[0], row[1].lower()) for row in answer(tables, "DESCRIBE instances").rows)
    return [(name, kind, *[None] * 7, comments.get(name)) for name, kind in types if name not in known]


def _count_values(tables: duckdb.DuckDBPyConnection, table: str, columns: Sequence[str]) -> dict[str, int]:
    """Return the number of rows that have a value, by column; columns that the lake lacks are left out."""
    there = answer(tables, "SELECT column_name FROM duckdb_columns() WHERE table_name = $1", [table]).rows
    present = sorted({name for (name,) in there} & set(columns))
    if not present:
        return {}
    counts = ", ".join(f'count("{name}")' for name in present)
    return dict(zip(present, next(answer(tables, f"SELECT {counts} FROM {table}").rows), strict=True))


def _comments(location: LakeLocation) -> dict[str, str]:
    """Return the comments of the columns of ``instances``, promoted ones too, as the catalog or Iceberg has them."""
    if location.is_glue:
        from dicom_udf.aws.glue import lake_tables  # noqa: PLC0415 - boto3 is a heavy import

        return dict(lake_tables(location, ["instances"])["instances"].comments)
    return {field["name"]: field["doc"] for field in _fields(_metadata(location)) if "doc" in field}


def _columns_to_fill(location: LakeLocation) -> tuple[str, ...]:
    """Return the columns that rows lack: those added since, and those that the next run adds."""
    from dicom_udf.columns import instances_table  # noqa: PLC0415 - reads the DICOM dictionary

    metadata = _metadata(location)
    if metadata.get("current-snapshot-id") in (None, -1):
        return ()
    pending = pending_upgrade(metadata.get("properties", {}))
    there = {field["name"] for field in _fields(metadata)}
    missing = (field.name for field in instances_table().fields if field.name not in there)
    return (*(pending.columns if pending is not None else ()), *missing)


def _fields(metadata: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the fields of a table's current schema."""
    (schema,) = (one for one in metadata["schemas"] if one["schema-id"] == metadata["current-schema-id"])
    fields: list[dict[str, Any]] = schema["fields"]
    return fields


def _metadata(location: LakeLocation) -> dict[str, Any]:
    """Return Iceberg's metadata of ``instances``."""
    if location.is_glue:
        from dicom_udf.aws.glue import lake_tables  # noqa: PLC0415 - boto3 is a heavy import
        from dicom_udf.aws.s3 import request_bucket, s3_client  # noqa: PLC0415

        url = lake_tables(location, ["instances"])["instances"].metadata
        bucket, _, key = url.partition("://")[2].partition("/")
        get = partial(s3_client(location.access).get_object, Bucket=bucket, Key=key)
        text = request_bucket(bucket, get, action="s3:GetObject")["Body"].read()
    else:
        folder = Path(location.root) / location.database / "instances"
        text = (folder / "metadata" / f"v{current_version(folder)}.metadata.json").read_text(encoding="utf-8")
    metadata: dict[str, Any] = json.loads(text)
    return metadata


def _places(attribute: Attribute) -> str:
    return " or ".join(map(_tags, (attribute.path, *(place.path for place in attribute.further))))


def _tags(path: Sequence[int]) -> str:
    return ".".join(f"({tag >> 16:04X},{tag & 0xFFFF:04X})" for tag in path)
