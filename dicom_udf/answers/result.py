"""An answer in memory, for Python: a table of Arrow that pandas, polars and DuckDB take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from dicom_udf.errors import RunFailedError

if TYPE_CHECKING:
    import pandas as pd
    import polars

    from dicom_udf.answers.local import Answer
    from dicom_udf.config import QueryConfig

__all__ = ["QueryResult", "narrow_sums", "to_table"]

_HUGE = pa.decimal128(38, 0)
"""DuckDB's sum of whole numbers, in Arrow."""

_ATHENA_TYPES = {
    "boolean": pa.bool_(),
    **dict.fromkeys(("tinyint", "smallint", "integer", "int", "bigint"), pa.int64()),
    **dict.fromkeys(("double", "float", "real"), pa.float64()),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    **dict.fromkeys(("varchar", "char", "string"), pa.string()),
}
"""Types of Athena's columns. Nested values are Athena's text; a decimal has the type of its values."""

_SHOWN_ROWS = 20


@dataclass(frozen=True, slots=True, repr=False)
class QueryResult:
    """The rows of an answer, all in memory. It is the answer of one moment: nothing is run again.

    Iteration yields one tuple a row: Python values, lists and dicts where nested, None for null. ``len`` is the number
    of rows. In a notebook the first 20 rows are shown.

    Attributes:
        table: The rows as a :class:`pyarrow.Table`.
        query: The statement and its settings; None for a list that no statement made.
    """

    table: pa.Table
    query: QueryConfig | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns, in order; two may be equal."""
        return tuple(self.table.column_names)

    def arrow(self) -> pa.Table:
        """Return the rows as a :class:`pyarrow.Table`."""
        return self.table

    def df(self) -> pd.DataFrame:
        """Return the rows as a :class:`pandas.DataFrame`.

        Dates and timestamps are ``datetime64``; whole numbers with nulls are floats, as pandas makes them.
        """
        return self.table.to_pandas(date_as_object=False, maps_as_pydicts="strict")

    def pl(self) -> polars.DataFrame:
        """Return the rows as a :class:`polars.DataFrame`.

        Raises:
            RunFailedError: polars isn't installed.
        """
        try:
            import polars  # noqa: PLC0415 - a package of the caller's choice
        except ImportError:
            raise RunFailedError("polars isn't installed; pip install polars, or use .df() or .arrow()") from None
        frame = polars.from_arrow(self.table)
        assert isinstance(frame, polars.DataFrame)
        return frame

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        for batch in self.table.to_batches():
            yield from zip(*(column.to_pylist(maps_as_pydicts="strict") for column in batch.columns), strict=True)

    def __repr__(self) -> str:
        # Without a value: a representation ends in logs.
        return f"<QueryResult of {len(self):,} rows: {', '.join(self.columns)}>"

    def _repr_html_(self) -> str:
        head: str = self.table.slice(0, _SHOWN_ROWS).to_pandas(maps_as_pydicts="strict").to_html(index=False)
        further = len(self) - _SHOWN_ROWS
        return head + (f"<p>and {further:,} more rows</p>" if further > 0 else "")


def to_table(answer: Answer) -> pa.Table:
    """Take all rows of an answer, e.g. of Athena; its types are those of the engine as far as it names them.

    Example:
        >>> from dicom_udf.answers.local import Answer
        >>> to_table(Answer(("n",), iter([(None,), (1,)]), ("bigint",))).schema.types
        [DataType(int64)]
    """
    rows = list(answer.rows)
    values = list(zip(*rows, strict=True)) if rows else [()] * len(answer.columns)
    types = answer.types or (None,) * len(answer.columns)
    return pa.Table.from_arrays(list(map(_to_array, values, types)), names=list(answer.columns))


def _to_array(values: Sequence[Any], kind: str | None) -> pa.Array:
    if kind is None or kind.lower() == "decimal":
        return pa.array(values)
    try:
        return pa.array(values, _ATHENA_TYPES.get(kind.lower(), pa.string()))
    except (pa.ArrowException, TypeError, OverflowError):  # a date that Python can't hold is text
        return pa.array([None if value is None else str(value) for value in values], pa.string())


def narrow_sums(table: pa.Table) -> pa.Table:
    """Return a table whose sums of whole numbers are ``int64`` where they fit: 128 bits are decimals in Arrow."""
    for index, field in enumerate(table.schema):
        if field.type == _HUGE:
            try:
                column = table.column(index).cast(pa.int64())
            except pa.ArrowInvalid:
                continue
            table = table.set_column(index, field.with_type(pa.int64()), column)
    return table
