"""One study, series, instance or file as text for people: facts by group with units, lists, the header as a tree."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import chain
from typing import Any, Literal

from dicom_udf.answers.header_tree import NARROW, cut_value, named_uid, read_tree, tree_text
from dicom_udf.columns import declared_attributes, instances_table
from dicom_udf.columns.geometry_fields import FIELDS
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.rendering import cell_text, cut, json_text, pad, text_width, visible

__all__ = ["Row", "Shown", "ShownKind"]

Row = Mapping[str, Any]
ShownKind = Literal["study", "series", "instance", "failure", "archive", "several"]

MOST_LINES = 20
"""Lines of a list that are shown unless all are wanted."""

_APART = frozenset({"header", "header_file_meta", "links"})
"""Columns that have a part of their own."""

_LABEL = 40
"""Columns of a terminal for the name of a column of the lake."""

_GROUPS = ("patient", "study", "series", "instance", "derived", "counts", "items", "file", "pixels and header")


@dataclass(frozen=True, slots=True)
class Shown:
    """One thing of a lake, or of a file.

    Attributes:
        kind: ``failure`` for a file without a readable header, ``archive`` for an object of several files or none,
            ``several`` where the name fits more than one thing; ``lists`` has them.
        name: Its UID, or its URI with ``!`` and the path in its archive.
        facts: Its columns that have a value.
        sections: Further columns by title: ``object`` (the ledger) and ``geometry``.
        lists: Rows by title: ``series``, ``files``, ``links``, ``failures``, ``matches``.
        file_meta: Group 0002 as DICOM JSON.
        header: The data set as DICOM JSON.
    """

    kind: ShownKind
    name: str
    facts: Row = field(default_factory=dict)
    sections: Mapping[str, Row] = field(default_factory=dict)
    lists: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    file_meta: str | None = None
    header: str | None = None

    def to_json(self) -> str:
        """Return all of it as a JSON object in one line; the header is DICOM JSON in it, with its own digits."""
        fields = {"kind": self.kind, "name": self.name, **self.sections, **self.lists}
        facts = {name: value for name, value in self.facts.items() if name not in _APART}
        text = json_text({**fields, "columns": facts})
        headers = (("file_meta", self.file_meta), ("header", self.header))
        return text[:-1] + "".join(f', "{name}": {header}' for name, header in headers if header) + "}"

    def to_text(self, *, width: int | None = None, full: bool = False) -> Iterator[str]:
        """Yield lines for people.

        Args:
            width: Columns of the terminal that a line has to fit in; None: nothing is cut.
            full: Whether long values, lists and sequences are written whole. A UID or URI always is.
        """
        whole = full or width is None
        size = None if whole else width
        name = visible(self.name)
        if self.kind == "several":
            yield f"more than one thing fits {name}"
        elif width is None or len(self.kind) + 1 + text_width(name) <= width:
            yield f"{self.kind} {name}"
        else:
            yield self.kind
            yield from _pieces(name, width)
        # The ledger repeats what the row has of its object.
        sections = {title: _without(rows, self.facts) for title, rows in self.sections.items()}
        for title, rows in chain(_grouped(self.facts).items(), sections.items()):
            yield ""
            yield title
            yield from _facts(rows, size, is_whole=whole)
        for title, entries in self.lists.items():
            if entries:
                yield ""
                yield f"{title} ({len(entries):,})"
                yield from _list(title, entries if whole else entries[:MOST_LINES], size)
            if len(entries) > MOST_LINES and not whole:
                yield f"  … {len(entries) - MOST_LINES:,} further ones; --full true shows all"
        if self.header is not None:
            yield ""
            yield "header"
            most = {"most_items": None} if whole else {}
            for text in filter(None, (self.file_meta, self.header)):
                yield from tree_text(read_tree(text, **most), width=size)


@cache
def _levels() -> Mapping[str, str]:
    """Return the group of each column of ``instances``."""
    groups: dict[str, str] = {column.column: column.level for column in declared_attributes()}
    items = {column.name for column in struct_columns()}
    for one in instances_table().fields:
        if one.name.startswith("derived_"):
            group = "derived"
        elif one.name.startswith(("source_", "ingest_")):
            group = "file"
        elif one.name.startswith("study_date"):
            group = "study"
        else:
            group = "items" if one.name in items else "pixels and header"
        groups.setdefault(one.name, group)
    return groups


@cache
def _units() -> Mapping[str, str]:
    """Return the units of columns; those of other columns are in their comments."""
    units = {column.column: column.unit for column in declared_attributes()}
    for one in (*instances_table().fields, *FIELDS):
        found = _UNIT.search(one.comment)
        units.setdefault(one.name, found[1] if found else "")
    return units


_UNIT = re.compile(r", (mm|ms|s/mm2|degrees)[.:]")


def _without(row: Row, other: Row) -> Row:
    return {name: value for name, value in row.items() if other.get(name) != value}


def _grouped(facts: Row) -> dict[str, Row]:
    """Return facts by group; a column that isn't declared is a count of a view, or was added to this lake."""
    groups: dict[str, dict[str, Any]] = {}
    for name, value in facts.items():
        if name not in _APART:
            of_range = name.removesuffix("_min").removesuffix("_max")
            group = _levels().get(name) or _levels().get(of_range) or "counts"
            groups.setdefault(group, {})[name] = value
    if "counts" in groups and "instances" not in facts:
        # A row of a table has no counts: of an instance these are columns that the lake's owner promoted.
        groups["failure" if "severity" in facts else "added to this lake"] = groups.pop("counts")
    order = [*_GROUPS, *(name for name in groups if name not in _GROUPS)]
    return {name: groups[name] for name in order if name in groups}


def _facts(facts: Row, width: int | None, *, is_whole: bool) -> Iterator[str]:
    lines = list(_labelled(facts, is_whole=is_whole))
    is_narrow = width is not None and width < NARROW
    size = 0 if is_narrow else min(_LABEL, max((len(label) for label, _, _ in lines), default=0))
    for label, value, is_key in lines:
        head = f"  {pad(label, size)}  "
        room = None if width is None else width - text_width(head)
        if room is None or text_width(value) <= room:
            yield f"{head}{value}"
        elif is_key and width is not None:
            yield cut(head.rstrip(), width)
            yield from _pieces(value, width)
        elif width is not None and (is_narrow or text_width(value) <= width - 4):
            yield cut(head.rstrip(), width)
            yield f"    {cut_value(value, width - 4)}"
        else:
            yield f"{head}{cut_value(value, room)}"


def _labelled(facts: Row, *, is_whole: bool) -> Iterator[tuple[str, str, bool]]:
    """Yield name, value with its unit, and whether it is a UID or a URI; least and greatest values in one line."""
    for name, value in facts.items():
        base = name[:-4]
        is_range = (
            name.endswith(("_min", "_max")) and base not in facts and {f"{base}_min", f"{base}_max"} <= set(facts)
        )
        if is_range and name.endswith("_max"):
            continue
        label = f"{base}_min, _max" if is_range else name
        text = _value(value, is_whole=is_whole)
        if is_range and facts[f"{base}_max"] != value:
            text += f" to {_value(facts[f'{base}_max'], is_whole=is_whole)}"
        unit = _units().get(name) or (_units().get(base) if name.endswith(("_min", "_max")) else None) or ""
        is_key = name.endswith(("_uid", "_uri", "source_member")) or name == "message"
        yield label, visible(f"{text} {unit}".rstrip()), is_key


def _value(value: Any, *, is_whole: bool) -> str:
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        if all(item is None or "code_meaning" in item for item in value):
            return "; ".join(_code(item) for item in value if item)
        return json_text(value) if is_whole else f"{len(value):,} item{'s' if len(value) != 1 else ''}"
    if isinstance(value, list):
        return ", ".join(cell_text(item) for item in value)
    if isinstance(value, dict):
        return "; ".join(f"{key}: {cell_text(item)}" for key, item in value.items())
    if isinstance(value, str) and value.startswith("1.2.840.10008."):
        return named_uid(value)
    return cell_text(value)


def _code(item: Row) -> str:
    code = ", ".join(filter(None, (item["code_value"], item["coding_scheme_designator"])))
    return f"{item['code_meaning'] or ''} ({code})".strip()


def _pieces(key: str, width: int) -> Iterator[str]:
    """Yield a UID, a URI or a sentence over several lines: it isn't cut, so that it can be copied or read."""
    size = max(width - 4, 8)
    text = textwrap.wrap(key, size) if " " in key else [key[place : place + size] for place in range(0, len(key), size)]
    yield from (f"    {piece}" for piece in text)


def _list(title: str, rows: Sequence[Row], width: int | None) -> Iterator[str]:
    entries = []
    for row in rows:
        key, words = _LINES[title](row)
        text = "  ".join(filter(None, (visible(cell_text(word)) for word in words)))
        entries.append((visible(key), text))
    longest = max(text_width(key) + text_width(text) for key, text in entries)
    for key, text in entries:
        if width is None or longest + 4 <= width:
            yield f"  {key}  {text}".rstrip()
        else:
            yield from textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")
            yield from _pieces(key, width)


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 or what == 'series' else 's'}"


def _place(number: int | None) -> str:
    return "" if number is None else f"#{number}"


def _series(row: Row) -> tuple[str, Sequence[Any]]:
    words = (_place(row.get("series_number")), row.get("modality"), _number(row["instances"], "instance"))
    return row["series_instance_uid"], (*words, row.get("series_date"), row.get("series_description"))


def _file(row: Row) -> tuple[str, Sequence[Any]]:
    words = (_place(row.get("instance_number")), row.get("modality"), row.get("sop_instance_uid"))
    return row["file"], words


def _link(row: Row) -> tuple[str, Sequence[Any]]:
    of_class = row.get("referenced_sop_class_uid") or ""
    presence = {True: "in the lake", False: "not in the lake"}.get(row.get("in_lake", ""), "")
    words = (row["kind"], named_uid(of_class), presence)
    return row["referenced_sop_instance_uid"], words


def _failure(row: Row) -> tuple[str, Sequence[Any]]:
    return row["file"], (row["code"], row["severity"], row["message"])


def _match(row: Row) -> tuple[str, Sequence[Any]]:
    kind = "" if row["kind"] == "file" else row["kind"]
    return row["name"], (kind, _number(row["files"], "file") if row.get("files") else "")


_LINES: Mapping[str, Callable[[Row], tuple[str, Sequence[Any]]]] = {
    "series": _series,
    "files": _file,
    "links": _link,
    "failures": _failure,
    "matches": _match,
}
"""The key of a row of each list, which is never cut, and the words beside it."""
