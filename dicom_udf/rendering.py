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

__all__ = [
    "aligned",
    "bytes_text",
    "cell_text",
    "counts_text",
    "cut",
    "failure_lines",
    "json_text",
    "pad",
    "text_width",
    "visible",
    "write_rows",
]

_ROWS_FOR_WIDTHS = 1000
"""A table's widths follow its first rows, so that any number of rows can be written in bounded memory."""

_CELL = 16
"""Columns of a terminal that every cell keeps at least when a table is cut to fit."""

_BLOCK_ROWS, _BLOCK_LINES = 5, 12
"""A table that a terminal can't hold is written as blocks if these are at most so many, or each has so many lines."""


def write_rows(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    form: Literal["table", "csv", "json"],
    stream: TextIO,
    width: int | None = None,
) -> int:
    """Write rows in one of three forms.

    Args:
        columns: Names of the columns.
        rows: As many values each; None for null, lists and dicts where nested.
        form: ``table``: aligned, null is blank, nested values as JSON, control characters made visible. ``csv``: RFC
            4180 with a header line, null is empty, nested values as JSON. ``json``: one object a line, dates and times
            as in ISO 8601; equal names get ``_2``, ``_3`` at their end.
        stream: Where to.
        width: Columns of the terminal that a table has to fit in: its widest cells are cut. Where that isn't enough, a
            few rows, or rows of few columns, are written as blocks of lines ``column  value`` without nulls. Of more
            rows with many columns, the first columns that have a value and fit are written. None: nothing is cut.

    Returns:
        The number of columns that were written.
    """
    if form == "table":
        return _write_table(columns, rows, stream, width)
    if form == "csv":
        _write_csv(columns, rows, stream)
    else:
        _write_json(columns, rows, stream)
    return len(columns)


def aligned(lines: Sequence[tuple[str, int | None, str]]) -> str:
    """Write lines of a label, a count and a note under each other: labels to the left, counts to the right."""
    counts = ["" if count is None else f"{count:,}" for _, count, _ in lines]
    label = max(text_width(line[0]) for line in lines)
    number = max(map(len, counts))
    rows = zip(lines, counts, strict=True)
    return "".join(f"{pad(name, label)}  {count:>{number}}  {note}".rstrip() + "\n" for (name, _, note), count in rows)


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
        stream.write(json_text(dict(zip(names, row, strict=True))) + "\n")


def _write_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO, width: int | None) -> int:
    source = iter(rows)
    first = list(itertools.islice(source, _ROWS_FOR_WIDTHS))
    names = [visible(name) for name in columns]
    shown = [[cell_text(value) for value in row] for row in first]
    widths = [max([text_width(name), *(text_width(row[i]) for row in shown)]) for i, name in enumerate(names)]
    kept = list(range(len(names)))
    if width is not None and _total(widths) > width and not _fitted(widths, width):
        if len(first) <= _BLOCK_ROWS or len(names) <= _BLOCK_LINES:
            _write_blocks(names, itertools.chain(first, source), stream, width)
            return len(names)
        kept = _first_columns(widths, [any(row[i] for row in shown) for i in kept], width)
    sizes = [widths[i] for i in kept]
    if width is not None and _total(sizes) > width:
        sizes = _fitted(sizes, width) or [width]
    is_number = [_is_numeric(row[i] for row in first) for i in kept]
    head = ([names[i] for i in kept], ["-" * size for size in sizes])
    body = ([row[i] for i in kept] for row in shown)
    rest = ([cell_text(row[i]) for i in kept] for row in source)
    for cells in itertools.chain(head, body, rest):
        fitting = cells if width is None else [cut(cell, size) for cell, size in zip(cells, sizes, strict=True)]
        padded = (pad(cell, size, right) for cell, size, right in zip(fitting, sizes, is_number, strict=True))
        stream.write("  ".join(padded).rstrip() + "\n")
    return len(kept)


def _first_columns(widths: Sequence[int], has_value: Sequence[bool], width: int) -> list[int]:
    """Return the first columns that fit, one at least; those without a value are left out."""
    kept: list[int] = []
    for column in (column for column, present in enumerate(has_value) if present):
        if kept and _total([min(widths[i], _CELL) for i in (*kept, column)]) > width:
            break
        kept.append(column)
    return kept or [0]


def _write_blocks(names: Sequence[str], rows: Iterable[Sequence[Any]], stream: TextIO, width: int) -> None:
    label = max(map(text_width, names))
    for number, row in enumerate(rows, 1):
        stream.write(cut(f"-- row {number} ".ljust(width, "-"), width) + "\n")
        for name, value in zip(names, row, strict=True):
            if value is not None:
                cell = cut(cell_text(value), max(_CELL, width - label - 2))
                stream.write(cut(f"{pad(name, label)}  {cell}", width) + "\n")


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


def cell_text(value: Any) -> str:
    """Return a value as a table shows it: null is blank, nested values are JSON, control characters are signs."""
    return "" if value is None else visible(_cell(value))


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list | tuple | dict):
        return json_text(value)
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def json_text(value: Any) -> str:
    """Return a value as JSON in one line: dates and times as in ISO 8601, NaN and infinity as text."""
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


def text_width(text: str) -> int:
    """Count the columns of a terminal that a text takes: East Asian wide characters two, combining marks none."""
    if text.isascii():
        return len(text)
    return sum(map(_character_width, text))


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def pad(text: str, size: int, right: bool = False) -> str:
    """Return a text with blanks to so many columns of a terminal; with ``right`` they are in front of it."""
    blank = " " * (size - text_width(text))
    return blank + text if right else text + blank


def cut(text: str, size: int) -> str:
    """Cut a text to so many columns of a terminal: prose at its end, a path or a UID in the middle."""
    if text_width(text) <= size:
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
