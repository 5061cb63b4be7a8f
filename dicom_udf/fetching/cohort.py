"""The files that an answer names, as the lake describes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from dicom_udf.answers.engines import answer_query
from dicom_udf.answers.saved import resolve_statement
from dicom_udf.config import QueryConfig
from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching.targets import Layout

__all__ = ["CohortFile", "find_files"]

_UIDS = ("sop_instance_uid", "series_instance_uid", "study_instance_uid")
"""Columns that name files, the one of the fewest files first."""

_NEEDED = ("source_uri", "source_member", "source_etag", "source_size")
_OPTIONAL = ("source_last_modified", "source_member_size")


@dataclass(frozen=True, slots=True)
class CohortFile:
    """One file to fetch.

    Attributes:
        uri: The stored object, ``s3://bucket/key`` or ``file:///path``.
        member: Its path in the archive; None for the object itself.
        target: Its name below the target folder, with slashes.
        size: Bytes of the file; None if unknown.
        etag: Of the object when it was ingested; None if unknown.
        object_size: Bytes of the object; None if unknown.
        last_modified: When the object was last changed, UTC; None if unknown.
    """

    uri: str
    member: str | None
    target: str
    size: int | None = None
    etag: str | None = None
    object_size: int | None = None
    last_modified: datetime | None = None


def find_files(query: QueryConfig, layout: Layout) -> list[CohortFile]:
    """Run a query and return the files that its answer names, in the order of their objects.

    Args:
        query: Its answer has ``source_uri`` and ``source_member``, or UIDs: then the files are those of
            ``unique_instances``.
        layout: Makes the targets.

    Raises:
        ConfigurationError: The answer names no files, or one that the lake doesn't have; the layout names a column
            that the lake doesn't have; or as :func:`~dicom_udf.answers.engines.answer_query`.
        RunFailedError: As :func:`~dicom_udf.answers.engines.answer_query`.
    """
    query = resolve_statement(query)
    sql = str(query.sql)
    columns = _answer_columns(query, f"SELECT * FROM {_subquery(sql)} LIMIT 0")
    names = _columns_to_read(_answer_columns(query, "SELECT * FROM instances LIMIT 0"), layout)
    rows = answer_query(replace(query, sql=_join(sql, _keys(columns), names))).rows
    found: list[CohortFile] = []
    unmatched = 0
    for row in rows:
        values = dict(zip(names, row, strict=True))
        if values["source_uri"] is None:
            unmatched += 1
        else:
            found.append(_to_file(values, layout))
    if unmatched:
        raise ConfigurationError(
            f"{unmatched:,} rows of the answer name no file of the table instances; leave out failures, and rows whose "
            "source_uri or UID is null"
        )
    if "source_uri" in columns and "source_member" not in columns and any(file.member is not None for file in found):
        raise ConfigurationError(
            "the answer has source_uri without source_member, and some of these objects are archives; select both"
        )
    return found


def _answer_columns(query: QueryConfig, statement: str) -> tuple[str, ...]:
    answer = answer_query(replace(query, sql=statement))
    for _ in answer.rows:  # ends the statement
        pass
    return answer.columns


def _subquery(sql: str) -> str:
    return f"({sql.strip().removesuffix(';')}\n) cohort"  # the line break ends a comment


def _columns_to_read(columns: Sequence[str], layout: Layout) -> tuple[str, ...]:
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        raise ConfigurationError(
            f"the table instances of this lake lacks {', '.join(missing)}, by which files are found; give a lake that "
            "'dicom-lake ingest' made"
        )
    missing = [name for name in layout.columns if name not in columns]
    if missing:
        raise ConfigurationError(
            f"--layout names {', '.join(missing)}, which the table instances of this lake doesn't have; 'dicom-lake "
            "columns --search WORD' finds columns"
        )
    return tuple(dict.fromkeys((*_NEEDED, *(name for name in _OPTIONAL if name in columns), *layout.columns)))


def _keys(columns: Sequence[str]) -> tuple[str, ...]:
    if "source_uri" in columns:
        return ("source_uri", "source_member") if "source_member" in columns else ("source_uri",)
    uids = tuple(name for name in _UIDS if name in columns)
    if not uids:
        raise ConfigurationError(
            "the answer names no files; select source_uri and source_member, or one of sop_instance_uid, "
            "series_instance_uid and study_instance_uid"
        )
    return uids


def _join(sql: str, keys: Sequence[str], names: Sequence[str]) -> str:
    """Return the SQL of the files, which DuckDB and Athena accept; a key that finds none yields a row of nulls.

    The first key is compared by equality, so a null finds nothing. Trino joins quickly by equality only, therefore the
    others are compared as text without nulls.
    """
    table = "instances" if keys[0] == "source_uri" else "unique_instances"
    chosen = ", ".join([f"{keys[0]} AS key_0", *(f"coalesce({key}, '') AS key_{n}" for n, key in enumerate(keys) if n)])
    matches = [f"files.{keys[0]} = wanted.key_0"]
    matches += [f"coalesce(files.{key}, '') = wanted.key_{n}" for n, key in enumerate(keys) if n]
    return (
        f"SELECT {', '.join(f'files.{name}' for name in names)} "
        f"FROM (SELECT DISTINCT {chosen} FROM {_subquery(sql)}) wanted "
        f"LEFT JOIN {table} files ON {' AND '.join(matches)} "
        "ORDER BY files.source_uri, files.source_member"
    )


def _to_file(values: Mapping[str, Any], layout: Layout) -> CohortFile:
    member = values["source_member"]
    modified = values.get("source_last_modified")
    return CohortFile(
        uri=values["source_uri"],
        member=member,
        target=layout.target(values),
        size=values["source_size"] if member is None else values.get("source_member_size"),
        etag=values["source_etag"] or None,
        object_size=values["source_size"],
        last_modified=modified if isinstance(modified, datetime) else None,
    )
