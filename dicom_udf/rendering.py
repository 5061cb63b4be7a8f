"""Rows for people and for programs: an aligned table, CSV, JSON."""

from __future__ import annotations

import csv
import itertools
import json
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Literal, TextIO

from dicom_udf.errors import FailureCode

__all__ = ["aligned", "bytes_text", "counts_text", "failure_lines", "visible", "write_rows"]

_ROWS_FOR_WIDTHS = 1000
"""A table's widths follow its first rows, so that any number of rows can be written in bounded memory."""

_CELL = 16
"""Columns of a terminal that every cell keeps at least when a table is cut to fit."""


def write_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    form: Literal["table", "csv", "json"],
    stream: TextIO,
    width: int | None = None,
) -> None:
    """Write rows in one of three forms.

    Args:
        columns: Names of the columns.
        rows: As many values each; None for null, lists and dicts where nested.
        form: ``table``: aligned, null is blank, nested values as JSON, control characters made visible. ``csv``: RFC
            4180 with a header line, null is empty, nested values as JSON. ``json``: one object a line, dates and times
            as in ISO 8601; equal names get ``_2``, ``_3`` at their end.
        stream: Where to.
        width: Columns of the terminal that a table has to fit in: its widest cells are cut, and where that isn't enough
            each row is written as a block of lines ``column  value`` without its nulls. None: nothing is cut.
    """
    if form == "csv":
        _write_csv(columns, rows, stream)
    elif form == "json":
        _write_json(columns, rows, stream)
    else:
        _write_table(columns, rows, stream, width)


def aligned(lines: Sequence[tuple[str, int | None, str]]) -> str:
    """Write lines of a label, a count and a note under each other: labels to the left, counts to the right."""
    counts = ["" if count is None else f"{count:,}" for _, count, _ in lines]
    label = max(_width(line[0]) for line in lines)
    number = max(map(len, counts))
    rows = zip(lines, counts, strict=True)
    return "".join(f"{_pad(name, label)}  {count:>{number}}  {note}".rstrip() + "\n" for (name, _, note), count in rows)


def counts_text(counts: Mapping[str, int]) -> str:
    """Return e.g. ``3 new, 1 deleted``; zeros are left out."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items() if count)


def failure_lines(failures: Mapping[str, int]) -> list[tuple[str, int | None, str]]:
    """Return a line of :func:`aligned` for each code of failures with its count and severity, most frequent first."""
    by_count = sorted(failures.items(), key=lambda item: (-item[1], item[0]))
    return [(f"  {code}", count, FailureCode(code).severity) for code, count in by_count if count]


def bytes_text(size: float) -> str:
    """Write a number of bytes as ``1.4 MB``: powers of ten, as stores bill them."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 999.5:
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:,.1f} TB"


def _write_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO) -> None:
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(columns)
    for row in rows:
        writer.writerow(["" if value is None else _cell(value) for value in row])


def _write_json(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO) -> None:
    names = _distinct(columns)
    for row in rows:
        stream.write(_json(dict(zip(names, row, strict=True))) + "\n")


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO, width: int | None) -> None:
    source = iter(rows)
    first = list(itertools.islice(source, _ROWS_FOR_WIDTHS))
    names = [visible(name) for name in columns]
    is_number = [_is_numeric(row[i] for row in first) for i in range(len(names))]
    shown = [[_shown(value) for value in row] for row in first]
    widths = [max([_width(name), *(_width(row[i]) for row in shown)]) for i, name in enumerate(names)]
    if width is not None and _total(widths) > width:
        widths = _fitted(widths, width)
        if not widths:
            _write_blocks(names, itertools.chain(first, source), stream, width)
            return
    rest = ([_shown(value) for value in row] for row in source)
    rule = ["-" * size for size in widths]
    for row in itertools.chain([names, rule], shown, rest):
        cells = row if width is None else [_cut(cell, size) for cell, size in zip(row, widths, strict=True)]
        padded = (_pad(cell, size, right) for cell, size, right in zip(cells, widths, is_number, strict=True))
        stream.write("  ".join(padded).rstrip() + "\n")


def _write_blocks(names: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO, width: int) -> None:
    label = max(map(_width, names))
    for number, row in enumerate(rows, 1):
        stream.write(_cut(f"-- row {number} ".ljust(width, "-"), width) + "\n")
        for name, value in zip(names, row, strict=True):
            if value is not None:
                cell = _cut(_shown(value), max(_CELL, width - label - 2))
                stream.write(_cut(f"{_pad(name, label)}  {cell}", width) + "\n")


def _fitted(widths: Sequence[int], width: int) -> list[int]:
    """Cut the widest columns alike until all fit; empty where they would become too narrow to read."""
    for cell in range(max(widths), _CELL - 1, -1):
        cut = [min(size, cell) for size in widths]
        if _total(cut) <= width:
            return cut
    return []


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + 2 * (len(widths) - 1)


def _is_numeric(values: Iterable[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in present
    )


def _shown(value: Any) -> str:
    return "" if value is None else visible(_cell(value))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return _json(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def _json(value: Any) -> str:
    return json.dumps(_plain(value), ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    """Turn a value into what JSON has a word for: whole decimals stay exact, NaN and infinity become text."""
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _cell(key): _plain(item) for key, item in value.items()}
    return _cell(value)


def _distinct(columns: Sequence[str]) -> list[str]:
    names: list[str] = []
    for column in columns:
        names.append(next(name for name in _numbered(column) if name not in names))
    return names


def _numbered(name: str) -> Iterator[str]:
    yield name
    yield from (f"{name}_{number}" for number in itertools.count(2))


def visible(text: str) -> str:
    """Show control characters as signs: a value must neither break the table nor command the terminal."""
    return text if text.isprintable() else "".join(map(_sign, text))


def _sign(character: str) -> str:
    if ord(character) < 0x20:
        return chr(0x2400 + ord(character))  # the Unicode block of control pictures
    # Cc: C1 controls and DEL; Cf: direction marks that reorder what follows; Zl, Zp: line breaks; Cs: unpaired
    return (
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character) in ("Cc", "Cf", "Zl", "Zp", "Cs") else character
    )


def _width(text: str) -> int:
    """Count the columns of a terminal that a text takes: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def _pad(text: str, size: int, right: bool = False) -> str:
    blank = " " * (size - _width(text))
    return blank + text if right else text + blank


def _cut(text: str, size: int) -> str:
    """Cut a text to so many columns of a terminal: prose at its end, a path or a UID in the middle."""
    if _width(text) <= size:
        return text
    tail = 0 if any(map(str.isspace, text)) else (size - 1) // 2
    end = _beginning(text[::-1], tail)[::-1]
    return f"{_beginning(text, size - 1 - tail)}…{end}"


def _beginning(text: str, size: int) -> str:
    used = 0
    for place, character in enumerate(text):
        used += _character_width(character)
        if used > size:
            return text[:place]
    return text
