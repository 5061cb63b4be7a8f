"""One study, series, instance or file of a lake, found by a UID, a URI, a path or the end of one."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from dicom_udf.answers.local import add_views, answer, open_tables
from dicom_udf.answers.shown import Row, Shown
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError, RunFailedError

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

__all__ = ["show", "show_file"]

_UIDS = {"study": "study_instance_uid", "series": "series_instance_uid", "instance": "sop_instance_uid"}
"""Columns by the kind of thing whose UID they have."""

_SERIES_FIELDS = (
    "series_instance_uid", "series_number", "modality", "series_date", "series_description", "instances",
)  # fmt: skip
_FILE_FIELDS = ("instance_number", "modality", "sop_instance_uid")
_FILE = "concat(source_uri, coalesce('!' || source_member, ''))"


class _Key(NamedTuple):
    """A file: its object, and its path in it."""

    uri: str
    member: str | None

    @property
    def name(self) -> str:
        return self.uri if self.member is None else f"{self.uri}!{self.member}"


def show(what: str, location: LakeLocation, *, kind: str | None = None) -> Shown:
    """Find one thing in a lake, and return all that the lake has of it.

    Args:
        what: A study, series or instance UID; or a file: its URI, its local path, or the end of one of these, with
            ``!`` and the path in its archive where it is a member, e.g. ``export.zip!CT/IM0001.dcm``.
        location: The lake.
        kind: ``study``, ``series``, ``instance`` or ``file``; None for any.

    Returns:
        The thing; of the kind ``several`` where more than one fits.

    Raises:
        ConfigurationError: There is no such lake, or nothing in it fits.
        RunFailedError: A table is missing, or could not be read.

    Example:
        >>> from dicom_udf.answers.show import show
        >>> show("ct_abdomen/IM0001.dcm", LakeLocation("/data/lake")).kind  # doctest: +SKIP
        'instance'
    """
    connection = open_tables(location)
    there = {name for (name,) in answer(connection, "SELECT view_name FROM duckdb_views()").rows}
    if "instances" not in there:
        raise RunFailedError("the lake has no table instances; the next ingest makes it")
    columns = frozenset(row[0] for row in answer(connection, "DESCRIBE instances").rows)
    lake = _Lake(connection, frozenset(there), columns)
    found = None
    if kind != "file" and "/" not in what:
        found = _by_uid(lake, what, kind)
    if found is None and kind in (None, "file"):
        found = _by_file(lake, what)
    if found is None:
        searched = f"a {kind} UID" if kind in _UIDS else "a study, series or instance UID, and a file's URI or its end"
        if kind == "file":
            searched = "a file's URI or its end"
        raise ConfigurationError(f"the lake {location.root} has nothing named {what}; it was searched for {searched}")
    return found


@dataclass(frozen=True, slots=True)
class _Lake:
    """The tables of a lake, and the columns of ``instances``: an older lake lacks some."""

    connection: duckdb.DuckDBPyConnection
    tables: Collection[str]
    columns: Collection[str]

    def rows(self, sql: str, *parameters: Any) -> list[dict[str, Any]]:
        """Return the rows of an answer, each without its nulls."""
        found = answer(self.connection, sql, parameters)
        return [_present(dict(zip(found.columns, row, strict=True))) for row in found.rows]

    def rows_of_view(self, view: str, condition: str, *parameters: Any) -> list[dict[str, Any]]:
        return self.rows(f"SELECT * FROM {view} WHERE {condition}", *parameters)

    def has_view(self, view: str) -> bool:
        sql = "SELECT 1 FROM duckdb_views() WHERE view_name = $1"
        if not self.rows(sql, view):
            add_views(self.connection, [view])
        return bool(self.rows(sql, view))


def _by_uid(lake: _Lake, uid: str, kind: str | None) -> Shown | None:
    uids = {one: column for one, column in _UIDS.items() if column in lake.columns and kind in (None, one)}
    if not uids:
        return None
    counts = ", ".join(f"nullif(count(*) FILTER ({column} = $1), 0) AS {one}" for one, column in uids.items())
    either = " OR ".join(f"{column} = $1" for column in uids.values())
    [found] = lake.rows(f"SELECT {counts} FROM instances WHERE {either}", uid)
    if not found:
        return None
    if len(found) > 1:
        return _several(uid, [{"kind": one, "name": uid, "files": count} for one, count in found.items()])
    match next(iter(found)):
        case "study":
            return _study(lake, uid)
        case "series":
            return _series(lake, uid)
        case _:
            files = lake.rows("SELECT source_uri, source_member FROM instances WHERE sop_instance_uid = $1", uid)
            return _one_file(lake, uid, [_Key(row["source_uri"], row.get("source_member")) for row in files])


def _study(lake: _Lake, uid: str) -> Shown:
    _check_views(lake, "studies", "series")
    [facts] = lake.rows_of_view("studies", "study_instance_uid = $1", uid)
    series = lake.rows_of_view("series", "study_instance_uid = $1", uid)
    series.sort(key=lambda row: (row.get("series_number", 1 << 62), row["series_instance_uid"]))
    return Shown("study", uid, facts, lists={"series": [_fields(row, _SERIES_FIELDS) for row in series]})


def _series(lake: _Lake, uid: str) -> Shown:
    _check_views(lake, "series")
    found = lake.rows_of_view("series", "series_instance_uid = $1", uid)
    if len(found) > 1:  # studies that share the UID of a series
        return _several(uid, [{"kind": "study", "name": row.get("study_instance_uid", "")} for row in found])
    geometry: list[dict[str, Any]] = []
    if lake.has_view("series_geometry"):
        geometry = lake.rows_of_view("series_geometry", "series_instance_uid = $1", uid)
    own = {name: value for row in geometry for name, value in row.items() if name not in found[0]}
    files = lake.rows(
        f"SELECT {_file_columns(lake)} FROM instances WHERE series_instance_uid = $1 ORDER BY instance_number, file",
        uid,
    )
    return Shown("series", uid, found[0], {"geometry": own} if own else {}, {"files": files})


def _check_views(lake: _Lake, *views: str) -> None:
    missing = [view for view in views if not lake.has_view(view)]
    if missing:
        raise RunFailedError(
            f"the table instances of this lake lacks columns that the view {missing[0]} needs; run dicom-lake upgrade"
        )


def _file_columns(lake: _Lake) -> str:
    return ", ".join((f"{_FILE} AS file", *(name for name in _FILE_FIELDS if name in lake.columns)))


def _present(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _fields(row: Row, names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names if name in row}


def _several(what: str, matches: Sequence[Row]) -> Shown:
    return Shown("several", what, lists={"matches": matches})


# --- Files


def _by_file(lake: _Lake, what: str) -> Shown | None:
    wanted = [what] if re.match("(s3|file)://", what) else [what, f"file://{_absolute(what)}"]
    # A path may have exclamation marks of its own, so each one may be the end of the object's.
    uris = [text[:end] for text in wanted for end in (*(mark.start() for mark in re.finditer("!", text)), len(text))]
    exact = f"source_uri IN ({_places(len(uris))}) AND {_FILE} IN ({_places(len(wanted), len(uris))})"
    keys = _find_files(lake, exact, [*uris, *wanted])
    if not keys and what:
        ending = what.removeprefix("./")
        keys = _find_files(lake, f"ends_with({_FILE}, $1) OR ends_with({_FILE}, $2)", [f"/{ending}", f"!{ending}"])
    return _one_file(lake, what, keys)


def _absolute(path: str) -> str:
    return os.path.realpath(os.path.expanduser(path))  # noqa: PTH111 - a Path loses no less, and raises without a home


def _places(number: int, first: int = 0) -> str:
    return ", ".join(f"${first + place + 1}" for place in range(number))


def _find_files(lake: _Lake, condition: str, parameters: Sequence[str]) -> list[_Key]:
    """Return the files and objects that meet a condition, each once, from all three tables."""
    objects = "(SELECT source_uri, CAST(NULL AS varchar) AS source_member FROM objects)"
    found: set[_Key] = set()
    # One statement for each table: DuckDB 1.5 crashes now and then where a UNION scans several Iceberg tables.
    for table, rows in (("instances", "instances"), ("failures", "failures"), ("objects", objects)):
        if table in lake.tables:
            sql = f"SELECT source_uri, source_member FROM {rows} WHERE {condition}"
            found.update(_Key(row["source_uri"], row.get("source_member")) for row in lake.rows(sql, *parameters))
    return sorted(found, key=lambda key: (key.uri, key.member or ""))


def _one_file(lake: _Lake, what: str, keys: Sequence[_Key]) -> Shown | None:
    if not keys:
        return None
    if len(keys) > 1:
        return _several(what, [{"kind": "file", "name": key.name} for key in keys])
    return _file(lake, keys[0])


def _file(lake: _Lake, key: _Key) -> Shown:
    condition = "source_uri = $1 AND source_member IS NOT DISTINCT FROM $2"
    ledger = lake.rows("SELECT * FROM objects WHERE source_uri = $1", key.uri) if "objects" in lake.tables else []
    sections = {"object": _without(ledger[0], "source_uri")} if ledger else {}
    failures = _failures(lake, condition, *key)
    rows = lake.rows(f"SELECT * FROM instances WHERE {condition} LIMIT 1", *key)
    if rows:
        return _instance(key, rows[0], sections, failures, _links(lake, rows[0]))
    members: list[dict[str, Any]] = []
    if key.member is None:
        order = "ORDER BY source_member"
        sql = f"SELECT {_file_columns(lake)} FROM instances WHERE source_uri = $1 {order}"
        members, failures = lake.rows(sql, key.uri), _failures(lake, "source_uri = $1", key.uri)
    if not members and len(failures) == 1 and failures[0]["file"] == key.name:
        return Shown("failure", key.name, _without(failures[0], "file"), sections)
    return Shown("archive", key.name, {}, sections, {"files": members, "failures": failures})


def _failures(lake: _Lake, condition: str, *parameters: str | None) -> list[dict[str, Any]]:
    if "failures" not in lake.tables:
        return []
    columns = f"{_FILE} AS file, code, severity, message"
    return lake.rows(f"SELECT {columns} FROM failures WHERE {condition} ORDER BY ALL", *parameters)


def _without(row: Row, name: str) -> dict[str, Any]:
    return {column: value for column, value in row.items() if column != name}


def _links(lake: _Lake, row: Row) -> list[dict[str, Any]]:
    """Return the references of an instance, each with whether the lake has the other one."""
    links = row.get("links") or []
    uids = sorted({link["referenced_sop_instance_uid"] for link in links})
    there: set[str] = set()
    if uids and "sop_instance_uid" in lake.columns:
        sql = "SELECT DISTINCT sop_instance_uid FROM instances WHERE list_contains($1, sop_instance_uid)"
        there = {found["sop_instance_uid"] for found in lake.rows(sql, uids)}
    return [{**_present(link), "in_lake": link["referenced_sop_instance_uid"] in there} for link in links]


def _instance(key: _Key, row: Row, sections: Mapping[str, Row], failures: Sequence[Row], links: Sequence[Row]) -> Shown:
    lists = {"links": links, "failures": failures}
    name, header, meta = row.get("sop_instance_uid") or key.name, row.get("header"), row.get("header_file_meta")
    return Shown("instance", name, row, sections, lists, meta, header)


# --- Without a lake


def show_file(what: str, scan: Callable[[Path], pa.RecordBatchReader]) -> Shown:
    """Read a local file, and return all of its header.

    Args:
        what: A path, with ``!`` and the path in the archive where the file is a member.
        scan: Reads the headers of a file: :func:`dicom_udf.scanning.scan`.

    Returns:
        The instance, the failure, or the archive with its files.

    Raises:
        ConfigurationError: There is no such file, or it has no such member.
    """
    path, member = _split(what)
    found = list(_scanned(scan(path), member))
    if not found:
        raise ConfigurationError(f"the file {path} has no member {member}; 'dicom-lake show {path}' lists its members")
    keys = [_Key(row["source_uri"], row.get("source_member")) for row in found]
    if len(found) > 1 or (member is None and keys[0].member is not None):
        names = [{**_fields(row, _FILE_FIELDS), "file": key.name} for key, row in zip(keys, found, strict=True)]
        files = [name for name, row in zip(names, found, strict=True) if "failure_code" not in row]
        failures = [
            {"file": key.name, **_failure(row)} for key, row in zip(keys, found, strict=True) if "failure_code" in row
        ]
        return Shown("archive", keys[0].uri, {}, {}, {"files": files, "failures": failures})
    [row] = found
    if "failure_code" in row:
        return Shown("failure", keys[0].name, _failure(row))
    return _instance(keys[0], row, {}, [], [_present(link) for link in row.get("links") or []])


def _split(what: str) -> tuple[Path, str | None]:
    """Return the file that exists, and the path in it."""
    text = what.removeprefix("file://")
    ends = [len(text), *(mark.start() for mark in reversed(list(re.finditer("!", text))))]
    for end in ends:
        path = Path(_absolute(text[:end]))
        if path.is_file():
            return path, text[end + 1 :] or None
    raise ConfigurationError(
        f"there is no file {what}; give a file, or --lake LAKE to search a lake for a UID or a file"
    )


def _scanned(batches: Iterable[pa.RecordBatch], member: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of a member, or of all files without one; each without its nulls."""
    import pyarrow.compute as pc  # noqa: PLC0415

    for batch in batches:
        chosen = batch if member is None else batch.filter(pc.equal(batch.column("source_member"), member))
        yield from map(_present, chosen.to_pylist(maps_as_pydicts="strict"))


def _failure(row: Row) -> dict[str, Any]:
    return {name: row[f"failure_{name}"] for name in ("code", "severity", "message")}
