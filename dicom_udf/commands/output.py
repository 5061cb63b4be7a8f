"""The form of stdout: answers as rows, columns of the lake; as wide as the terminal is."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

__all__ = [
    "reader_may_leave",
    "terminal_width",
    "use_exact_encoding",
    "write_answer",
    "write_columns",
]


@contextlib.contextmanager
def reader_may_leave() -> Iterator[None]:
    """Do not fail when the reader of stdout, e.g. head, closes the pipe: the rest of the command still runs."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_answer(columns: Sequence[str], rows: Iterable[Sequence[Any]], form: Literal["table", "csv", "json"]) -> None:
    """Write rows to stdout; a table on a terminal is cut to its width, and stderr has the way to the rest."""
    from dicom_udf.rendering import write_rows  # noqa: PLC0415

    if form != "table":
        use_exact_encoding()
    shown = write_rows(columns, rows, form=form, stream=sys.stdout, width=terminal_width())
    if shown < len(columns):
        number = f"{shown} of {len(columns)} columns fit"
        print(f"{number}; name the columns that you need, or --format csv or json writes all", file=sys.stderr)


def use_exact_encoding() -> None:
    """Write RFC 4180's line ends and RFC 8259's encoding to stdout, whatever the system's are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", newline="")


def write_columns(columns: Sequence[Mapping[str, Any]]) -> None:
    """Write a line for each column of the lake; on a terminal its meaning goes below it, wrapped."""
    names = max((len(_column_name(column)) for column in columns), default=0)
    types = max((len(_type(column)) for column in columns), default=0)
    width = terminal_width()
    for column in columns:
        values = f"{_values(column['values']):>18}  " if "values" in column else ""
        head = f"{_column_name(column):<{names}}  {_type(column):<{types}}  {values}"
        if width is None:
            print(f"{head}{_meaning(column)}".rstrip())
        else:
            indent = " " * 4
            print(head.rstrip())
            print(textwrap.fill(_meaning(column), width, initial_indent=indent, subsequent_indent=indent))


def _column_name(column: Mapping[str, Any]) -> str:
    """Return a column's name, behind that of its table or view where it isn't of ``instances``."""
    return column["column"] if column["table"] == "instances" else f"{column['table']}.{column['column']}"


def _type(column: Mapping[str, Any]) -> str:
    """Return a column's type without the fields of its structs, as this package or DuckDB spells it."""
    kind: str = column["type"]
    if kind.startswith("array<struct<"):
        return "array<struct>"
    if kind.startswith("struct("):
        return "struct[]" if kind.endswith("[]") else "struct"
    return kind


def _values(count: int | None) -> str:
    return "not in the lake" if count is None else f"{count:,} values"


def _meaning(column: Mapping[str, Any]) -> str:
    what = [column["tag"] and f"{column['tag']} {column['keyword']}", column["vr"], column["unit"]]
    return ". ".join(filter(None, [", ".join(filter(None, what)), column["description"]]))


def terminal_width() -> int | None:
    """Return the width of the terminal that stdout is, in columns; None for a file or a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
