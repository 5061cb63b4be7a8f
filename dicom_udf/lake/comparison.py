"""The comparison of a short listing with the ledger, in the memory of the driver.

The result is the plan that :mod:`dicom_udf.lake.plan` lets Spark make of a long listing, without a Spark job.
Nothing here needs Spark.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from typing import NamedTuple

import pyarrow as pa

from dicom_udf.sources.objects import OBJECT_SCHEMA

__all__ = ["PLAN_SCHEMA", "KnownObject", "compare", "plan_rows"]

PLAN_SCHEMA = pa.schema(
    [
        *OBJECT_SCHEMA,
        pa.field("action", pa.string()),
        pa.field("old_study_dates", pa.list_(pa.date32())),
        pa.field("batch", pa.int32()),
    ]
)
"""The columns of a plan's staging table, in its order."""


class KnownObject(NamedTuple):
    """An object of the ledger: what a listing is compared with, and where its rows are."""

    uri: str
    size: int | None
    etag: str | None
    study_dates: list[date] | None
    is_curable: bool | None


class PlannedObject(NamedTuple):
    """An object to read or to remove."""

    uri: str
    size: int | None
    etag: str | None
    last_modified: datetime | None
    action: str
    old_study_dates: list[date] | None


_UNKNOWN = KnownObject("", None, None, None, None)
"""Takes the place of an object that is not in the ledger."""


def compare(
    found: Iterable[tuple[str, int | None, str | None, datetime | None]],
    known: Iterable[KnownObject],
    *,
    deletes: bool,
    is_whole: bool,
) -> list[PlannedObject]:
    """Return the objects to read or to remove, in the order of their names.

    Args:
        found: The listing, of ``OBJECT_SCHEMA``; without size and etag where an object is gone.
        known: The ledger's rows of the listing's scope, or at least those of the listed objects.
        deletes: False keeps the rows of objects that are gone.
        is_whole: Whether the listing has all objects of its scope: objects that it lacks are then deleted.
    """
    by_uri = {one.uri: one for one in known}
    planned: list[PlannedObject] = []
    listed: set[str] = set()
    for uri, size, etag, last_modified in found:
        listed.add(uri)
        old = by_uri.get(uri, _UNKNOWN)
        action = _action(size, etag, old, deletes=deletes)
        if action is not None:
            stored = (old.size if size is None else size, old.etag if etag is None else etag)
            planned.append(PlannedObject(uri, *stored, last_modified, action, old.study_dates))
    if is_whole and deletes:
        gone = (one for uri, one in by_uri.items() if uri not in listed)
        planned += [PlannedObject(one.uri, one.size, one.etag, None, "deleted", one.study_dates) for one in gone]
    return sorted(planned, key=lambda one: one.uri)


def _action(size: int | None, etag: str | None, old: KnownObject, *, deletes: bool) -> str | None:
    """Return what an object of the listing is; None for one that stays as it is."""
    is_gone = size is None
    if old is _UNKNOWN:
        return None if is_gone else "new"
    if is_gone:
        return "deleted" if deletes else None
    if _differ(size, old.size) or _differ(etag, old.etag):
        return "changed"
    return "retried" if old.is_curable else None


def _differ(one: object, other: object) -> bool:
    """Return whether two values differ, as SQL has it: a null differs from nothing."""
    return one is not None and other is not None and one != other


def plan_rows(planned: Iterable[PlannedObject], *, batch_objects: int, batch_bytes: int) -> pa.Table:
    """Cut planned objects into batches; return the plan's rows, of :data:`PLAN_SCHEMA`.

    New objects are appended, the others replaced, so a batch has objects of one kind: new ones have odd numbers.

    Args:
        planned: The objects in the order of their names.
        batch_objects: Most objects of one batch.
        batch_bytes: Stored bytes after which a batch is full.
    """
    rows = list(_numbered(planned, batch_objects, batch_bytes))
    columns = zip(*rows, strict=True) if rows else [()] * len(PLAN_SCHEMA)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, PLAN_SCHEMA, strict=True)]
    return pa.table(arrays, schema=PLAN_SCHEMA)


def _numbered(planned: Iterable[PlannedObject], batch_objects: int, batch_bytes: int) -> Iterator[tuple[object, ...]]:
    objects, size = [0, 0], [0, 0]
    for one in planned:
        is_new = int(one.action == "new")
        full_batches = objects[is_new] // batch_objects + size[is_new] // batch_bytes
        yield (*one, full_batches * 2 + is_new)
        objects[is_new] += 1
        size[is_new] += one.size or 0
