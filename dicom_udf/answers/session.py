"""A local lake that stays open: one connection of DuckDB, pinned to the snapshots of one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dicom_udf.answers.dialects import dialect_of
from dicom_udf.answers.duckdb_errors import to_error
from dicom_udf.answers.local import add_views, answer, open_tables, translate, views_in
from dicom_udf.answers.result import narrow_sums
from dicom_udf.config import LakeLocation, SqlDialect

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Session"]


class Session:
    """The tables and views of a lake, for one thread at a time."""

    def __init__(self, location: LakeLocation) -> None:
        """Open the tables at their current snapshots.

        Raises:
            ConfigurationError: The lake doesn't exist.
            RunFailedError: DuckDB or its Iceberg extension isn't installed.
        """
        self._tables = open_tables(location)
        self._views: frozenset[str] = frozenset()
        self._has_macros = False

    def run(self, sql: str, dialect: SqlDialect | None) -> pa.Table:
        """Run one statement that reads and return all its rows.

        Args:
            sql: The statement.
            dialect: As in :func:`~dicom_udf.answers.local.run_query`.

        Raises:
            ConfigurationError: The statement has an error, or its answer would not be Athena's.
            RunFailedError: The statement failed while it ran.
        """
        import duckdb  # noqa: PLC0415 - a heavy import

        written = None
        if dialect_of(sql, dialect) == "athena":
            written, (sql, macros) = sql, translate(sql)
            if not self._has_macros:
                self._tables.execute(macros)
                self._has_macros = True
        add_views(self._tables, views_in(sql) - self._views)
        self._views |= views_in(sql)
        answer(self._tables, sql, written=written)
        try:
            return narrow_sums(self._tables.to_arrow_table())
        except duckdb.Error as error:
            raise to_error(error, sql, written) from None

    def close(self) -> None:
        """Close the connection."""
        self._tables.close()
