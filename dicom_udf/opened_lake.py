"""A lake in Python that stays open: statements in, tables of Arrow, pandas or polars out."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import replace
from datetime import date
from types import TracebackType
from typing import TYPE_CHECKING, Any

from dicom_udf.config import DEFAULT_LAYOUT, FetchConfig, QueryConfig, SqlDialect, check_catalog, parse_location
from dicom_udf.errors import ConfigurationError

if TYPE_CHECKING:
    from dicom_udf.answers.result import QueryResult
    from dicom_udf.answers.session import Session
    from dicom_udf.fetching.run import FetchResult

__all__ = ["OpenLake", "open_lake"]

_OF_A_STATEMENT = ("sql", "file", "dialect", "since", "until", "format", "log_level")
"""Settings of a query that :meth:`OpenLake.sql` takes, or that a caller in Python has no use for."""


def open_lake(lake: str | os.PathLike[str], **settings: Any) -> OpenLake:
    """Open a lake to query it several times; needs no Java.

    A local lake is read as it is at this moment, whole snapshots only, until :meth:`OpenLake.refresh`. A lake in the
    Glue catalog is queried by Athena, which reads the current snapshots in each statement.

    Args:
        lake: A local folder, or ``s3://bucket/prefix`` with ``catalog="glue"``.
        settings: Further options of ``dicom-lake query`` about the lake and AWS, with underscores: ``catalog``,
            ``database``, ``aws_region``, ``workgroup``, ``output_location`` and so on.

    Raises:
        ConfigurationError: The lake isn't one, or a setting can't be used.
        RunFailedError: DuckDB isn't installed.
        TypeError: A setting does not exist.

    Example:
        >>> from dicom_udf import open_lake
        >>> with open_lake("lake") as lake:
        ...     series = lake.sql("SELECT modality, sum(instances) AS instances FROM series GROUP BY 1 ORDER BY 2 DESC")
        ...     segments = lake.sql("@segments", since="2024-01-01").df()
        >>> series.columns, next(iter(series))
        (('modality', 'instances'), ('CT', 18))
    """
    for name in _OF_A_STATEMENT:
        if name in settings:
            raise TypeError(f"{name} is not a setting of open_lake")
    return OpenLake(QueryConfig(lake=parse_location("lake", lake), **settings))


class OpenLake:
    """A lake that :func:`open_lake` opened; for one thread at a time, and a context manager."""

    def __init__(self, settings: QueryConfig) -> None:
        """Open the lake; :func:`open_lake` makes the settings."""
        check_catalog(settings.location)
        if not settings.location.is_glue and (settings.workgroup, settings.output_location) != (None, None):
            raise ConfigurationError('workgroup and output_location are Athena\'s, which needs catalog="glue"')
        self._settings = settings
        self._session: Session | None = None
        self._is_closed = False
        self.refresh()

    def sql(
        self,
        text: str,
        *,
        dialect: SqlDialect | None = None,
        since: date | str | None = None,
        until: date | str | None = None,
    ) -> QueryResult:
        """Run one SQL statement that reads, and return its rows.

        All rows are held in memory; :func:`dicom_udf.query` yields them one after the other.

        Args:
            text: The statement, or ``@name``, a saved query.
            dialect: ``"athena"`` or ``"duckdb"``; None means DuckDB's for a local lake, unless the first line is
                ``-- dialect: athena``. A lake in the Glue catalog takes Athena's alone.
            since: First study date of a saved query's period, e.g. ``"2024-01-01"``.
            until: Its last study date, included.

        Raises:
            ConfigurationError: The statement or a setting can't be used.
            RunFailedError: The statement failed while it ran, or Athena can't be reached.
        """
        from dicom_udf.answers.engines import answer_query  # noqa: PLC0415 - loads DuckDB
        from dicom_udf.answers.result import QueryResult, to_table  # noqa: PLC0415
        from dicom_udf.answers.saved import resolve_statement  # noqa: PLC0415

        self._check_open()
        query = self._query(text, dialect, since, until)
        if self._session is None:
            return QueryResult(to_table(answer_query(query)), query)
        statement = resolve_statement(query)
        return QueryResult(self._session.run(str(statement.sql), statement.dialect), query)

    def columns(self, search: str | None = None, *, table: str | None = None) -> QueryResult:
        """Describe columns as ``dicom-lake columns`` does, with the number of rows that have a value now.

        Args:
            search: Only columns with this in their name, tag, keyword or description, of all tables and views.
            table: Only columns of this table or view. Without both, those of ``instances``.

        Raises:
            ConfigurationError: There is no such table.
            RunFailedError: A table of the lake is missing, or could not be read.
        """
        from dicom_udf.answers.column_list import describe_columns  # noqa: PLC0415 - reads the DICOM dictionary
        from dicom_udf.answers.result import QueryResult, to_table  # noqa: PLC0415

        self._check_open()
        return QueryResult(to_table(describe_columns(search=search, table=table, location=self._settings.location)))

    def queries(self, search: str | None = None) -> QueryResult:
        """List the saved queries: name, title, description, parameters.

        Args:
            search: Only those with this text in name, title or description.
        """
        from dicom_udf.answers.result import QueryResult, to_table  # noqa: PLC0415
        from dicom_udf.answers.saved import list_queries  # noqa: PLC0415

        return QueryResult(to_table(list_queries(search)))

    def fetch(
        self, files: str | QueryResult, *, to: str | os.PathLike[str], layout: str | None = None, **settings: Any
    ) -> FetchResult:
        """Copy the files that an answer names to a folder, as ``dicom-lake fetch`` does.

        Args:
            files: A statement, ``@name``, or a result of :meth:`sql`, whose statement runs again on the lake as it is
                now. The answer has ``source_uri`` and ``source_member``, or UIDs of instances, series or studies.
            to: A local folder, made if missing.
            layout: The target of a file below it; names in braces are columns of ``instances``.
            settings: Further options of the command, with underscores: ``jobs``, ``archive_names``, and ``yes=True``,
                without which more than 10 GB are refused; with a statement also ``dialect``, ``since``, ``until``.

        Returns:
            The counts of files and bytes, and the path of the record. ``missing`` is the number of files that could
            not be fetched; the record has their reasons.

        Raises:
            ConfigurationError: The answer names no files, or a setting can't be used. Nothing was written.
            RunFailedError: The query failed, the folder can't be written, or a store can't be used.
            TypeError: A setting does not exist.
        """
        from dicom_udf.fetching import fetch, plan_fetch  # noqa: PLC0415 - loads DuckDB

        self._check_open()
        if isinstance(files, str):
            query = self._query(files, *(settings.pop(name, None) for name in ("dialect", "since", "until")))
        elif files.query is not None:
            query = files.query
        else:
            raise ConfigurationError("a list of columns or of queries names no files; give a result of sql(...)")
        folder = parse_location("to", to)
        if folder.startswith("s3://"):
            raise ConfigurationError("to must be a local folder; copy it to S3 afterwards")
        names = {field.name for field in dataclasses.fields(FetchConfig)}
        shared = {field.name: getattr(query, field.name) for field in dataclasses.fields(query) if field.name in names}
        config = FetchConfig(**shared, to=folder, layout=layout or DEFAULT_LAYOUT, **settings)
        return fetch(plan_fetch(config), config)

    def refresh(self) -> None:
        """Read a local lake as it is now.

        Raises:
            ConfigurationError: The lake doesn't exist any more, or it was closed.
        """
        self._check_open()
        if self._settings.location.is_glue:
            return
        from dicom_udf.answers.session import Session  # noqa: PLC0415 - loads DuckDB

        opened = Session(self._settings.location)
        if self._session is not None:
            self._session.close()
        self._session = opened

    def close(self) -> None:
        """Close the lake; results stay usable. Closing it again does nothing."""
        self._is_closed = True
        if self._session is not None:
            self._session.close()
            self._session = None

    def __enter__(self) -> OpenLake:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<OpenLake {self._settings.lake}{', closed' if self._is_closed else ''}>"

    def _query(
        self, sql: str, dialect: SqlDialect | None, since: date | str | None, until: date | str | None
    ) -> QueryConfig:
        # The period takes text too, which set_period reads.
        period: dict[str, Any] = {"since": since, "until": until}
        return replace(self._settings, sql=sql, dialect=dialect, **period)

    def _check_open(self) -> None:
        if self._is_closed:
            raise ConfigurationError(f"the lake {self._settings.lake} was closed; open it again by open_lake")
