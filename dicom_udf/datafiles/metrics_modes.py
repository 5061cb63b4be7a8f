"""How much a table keeps of each column's statistics, by its properties ``write.metadata.metrics.*``.

The rules are those of ``MetricsConfig`` in Iceberg 1.10 and 1.11
(https://iceberg.apache.org/docs/1.10.0/configuration/#write-properties). A property for a column counts first, then the
default. Without a default, it is ``truncate(16)`` for the first 100 primitives, those of an outer level before those of
an inner one, and ``none`` for the others.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from dicom_udf.datafiles.schema import find_leaves
from dicom_udf.datafiles.target import WriteTarget

__all__ = ["MetricsMode", "metrics_modes"]

_PREFIX = "write.metadata.metrics."
_COLUMN = f"{_PREFIX}column."
_DEFAULT = f"{_PREFIX}default"
_LIMIT = f"{_PREFIX}max-inferred-column-defaults"
_INFERRED = 100


@dataclass(frozen=True, slots=True)
class MetricsMode:
    """The statistics that are kept of a column.

    Attributes:
        has_counts: Whether numbers of values and nulls are kept.
        bound_length: Characters or bytes of a bound; 0 for no bounds, None for whole values.
    """

    has_counts: bool
    bound_length: int | None

    @property
    def has_bounds(self) -> bool:
        """Whether a lower and an upper bound are kept."""
        return self.bound_length != 0


_NONE, _COUNTS, _FULL = MetricsMode(False, 0), MetricsMode(True, 0), MetricsMode(True, None)
_TRUNCATED = MetricsMode(True, 16)


def metrics_modes(target: WriteTarget) -> dict[int, MetricsMode]:
    """Return the mode of each column of a Parquet file by field id, nested ones included."""
    properties = tuple(sorted(pair for pair in target.properties.items() if pair[0].startswith(_PREFIX)))
    return _find_modes(target.schema, properties)


@lru_cache(maxsize=16)
def _find_modes(schema: str, properties: tuple[tuple[str, str], ...]) -> dict[int, MetricsMode]:
    texts = dict(properties)
    fields = json.loads(schema)["fields"]
    inferred: set[int] = set()
    if _DEFAULT in texts:
        default = _read_mode(texts[_DEFAULT], _TRUNCATED)
    elif len(_projected_ids(fields)) <= (limit := _read_limit(texts.get(_LIMIT, ""))):
        default = _TRUNCATED
    else:
        default = _NONE
        _add_first(fields, limit, inferred)
    named = {
        key.removeprefix(_COLUMN): _read_mode(text, default) for key, text in properties if key.startswith(_COLUMN)
    }
    return {
        leaf.id: named.get(leaf.name, _TRUNCATED if leaf.id in inferred else default)
        for one in fields
        for leaf in find_leaves(one["id"], one["name"], one["type"])
    }


def _read_mode(text: str, fallback: MetricsMode) -> MetricsMode:
    """Return the mode that a property's value names; the fallback for a value that Iceberg does not accept."""
    lower = text.lower()
    if length := re.fullmatch(r"truncate\((\d+)\)", lower):
        return MetricsMode(True, int(length[1])) if int(length[1]) else fallback
    return {"none": _NONE, "counts": _COUNTS, "full": _FULL}.get(lower, fallback)


def _read_limit(text: str) -> int:
    return int(text) if text.isdigit() else _INFERRED


def _projected_ids(fields: list[dict[str, Any]]) -> set[int]:
    """Return the ids that Iceberg counts (its ``GetProjectedIds``)."""
    found: set[int] = set()
    for one in fields:
        inner = _inner_ids(one["type"])
        found |= {one["id"]} if inner is None else inner
    return found


def _inner_ids(kind: Any) -> set[int] | None:
    """Return the ids within a type; None for a primitive."""
    if isinstance(kind, str):
        return None
    if kind["type"] == "struct":
        return _projected_ids(kind["fields"])
    if kind["type"] == "list":
        inner = _inner_ids(kind["element"])
        return {kind["element-id"]} if inner is None else inner
    key, value = _inner_ids(kind["key"]) or set(), _inner_ids(kind["value"])
    return key | ({kind["key-id"], kind["value-id"]} if value is None else value)


def _add_first(fields: list[dict[str, Any]], limit: int, found: set[int]) -> None:
    """Add ids of primitives until there are so many: first those of this level, then those below its fields."""
    for one in fields:
        if len(found) < limit and isinstance(one["type"], str):
            found.add(one["id"])
    for one in fields:
        if len(found) < limit:
            _add_inner(one["type"], limit, found)


def _add_inner(kind: Any, limit: int, found: set[int]) -> None:
    if isinstance(kind, str):
        return
    if kind["type"] == "struct":
        _add_first(kind["fields"], limit, found)
        return
    parts = [part for part in ("key", "value", "element") if part in kind]
    for part in parts:
        if len(found) < limit and isinstance(kind[part], str):
            found.add(kind[f"{part}-id"])
    for part in parts:
        _add_inner(kind[part], limit, found)
