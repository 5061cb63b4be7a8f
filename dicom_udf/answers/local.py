"""SQL on a lake by DuckDB: in this process, without Spark or Java; on a local one without a network."""

from __future__ import annotations

import importlib.util
import re
import tempfile
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dicom_udf.answers.dialects import dialect_of
from dicom_udf.answers.duckdb_errors import to_error
from dicom_udf.config import LakeLocation, SqlDialect, check_lake, current_version
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake import layout

if TYPE_CHECKING:
    import duckdb

    from dicom_udf.columns.dialects import View
    from dicom_udf.columns.dictionary import Dictionary

__all__ = [
    "Answer",
    "add_views",
    "answer",
    "find_views",
    "open_tables",
    "quote_name",
    "run_query",
    "scans_in_folder",
    "translate",
    "views_in",
]

_FETCH_ROWS = 1000

_VIEWS = re.compile(rf"\b({'|'.join(layout.VIEWS)})\b", re.IGNORECASE)
"""Words of SQL that may be the name of a view. A column's name or a text matches too, and only costs time."""

_LISTS_VIEWS = re.compile(r"\b(show|information_schema|duckdb_\w+)\b", re.IGNORECASE)
"""SQL that lists the views of the database."""


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a query.

    Attributes:
        columns: Names, in order; two may be equal.
        rows: One tuple a row, fetched lazily: Python values, lists and dicts where nested, None for null.
        types: Athena's types of the columns, e.g. ``bigint``; empty where the rows have all there is.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]
    types: tuple[str, ...] = ()


def run_query(
    sql: str, location: LakeLocation, *, dialect: SqlDialect | None = None, dictionary: str | None = None
) -> Answer:
    """Answer one SQL statement that reads.

    The tables ``instances``, ``failures`` and ``objects`` and the views (:data:`dicom_udf.lake.layout.VIEWS`)
    are there by their bare names and as ``<database>.<name>``. Each is read as of the moment of
    the call, whole snapshots only, also while a run writes. Other files of the machine can be joined
    (``read_csv('cohort.csv')``).

    Args:
        sql: A ``SELECT`` or what DuckDB makes one of (``WITH``, ``FROM``, ``DESCRIBE``, ``SUMMARIZE``, ``PIVOT``).
            In Athena's SQL a ``SELECT`` or ``WITH``, which is translated.
        location: The lake.
        dialect: ``"athena"`` or ``"duckdb"``; None means DuckDB's, unless the first line is ``-- dialect: athena``.
        dictionary: Folder with an operator's lines for ``series_normalised``
            (:func:`~dicom_udf.columns.dictionary.read_dictionary`).

    Raises:
        ConfigurationError: The lake or the dictionary can't be used, the statement has an error, or its answer would
            not be Athena's.
        RunFailedError: The statement failed while it ran, or the engine isn't installed; S3 or Glue refuse.
    """
    written, macros = None, ""
    if dialect_of(sql, dialect) == "athena":
        written, (sql, macros) = sql, translate(sql)
    lines = None if dictionary is None else _read_dictionary(dictionary)
    tables = open_tables(location)
    tables.execute(macros)
    add_views(tables, views_in(sql), dictionary=lines)
    return answer(tables, sql, written=written)


def _read_dictionary(folder: str) -> Dictionary:
    from dicom_udf.columns.dictionary import read_dictionary  # noqa: PLC0415 - reads the DICOM dictionary

    return read_dictionary(Path(folder))


def views_in(sql: str) -> frozenset[str]:
    """Return the views that a statement may read: making one takes DuckDB as long as a short query."""
    if _LISTS_VIEWS.search(sql):
        return frozenset(layout.VIEWS)
    return frozenset(name.lower() for name in _VIEWS.findall(sql))


def translate(sql: str) -> tuple[str, str]:
    """Return a query in Athena's SQL in DuckDB's, and the macros that it needs.

    Raises:
        ConfigurationError: The query has an error, or its answer would not be Athena's.
        RunFailedError: The translator isn't installed.
    """
    try:
        from dicom_udf.answers.athena_sql import MACROS, to_duckdb  # noqa: PLC0415 - sqlglot is a heavy import
    except ImportError:
        raise RunFailedError(
            "the translator of Athena's SQL isn't installed; pip install 'dicom-lake[local]'"
        ) from None
    return to_duckdb(sql), MACROS


def open_tables(location: LakeLocation) -> duckdb.DuckDBPyConnection:
    """Open a DuckDB database in memory that shows the lake's tables as views.

    A view is pinned to the version of its table that is current now.

    Raises:
        ConfigurationError: The lake doesn't exist, or there are no AWS credentials.
        RunFailedError: DuckDB or its Iceberg extension isn't installed; or S3 or Glue refuse.
    """
    check_lake(location)
    scans = _scans_in_s3(location) if location.is_glue else scans_in_folder(location)
    connection = _connect(("httpfs", "avro", "iceberg") if location.is_glue else ("avro", "iceberg"))
    if location.is_glue:
        _add_credentials(connection, location)
    connection.execute(f"CREATE SCHEMA {quote_name(location.database)}; USE {quote_name(location.database)}")
    for table, scan in scans.items():
        _add_table(connection, location, table, scan)
    connection.execute("SET lock_configuration = true")
    return connection


def _add_table(connection: duckdb.DuckDBPyConnection, location: LakeLocation, table: str, scan: str) -> None:
    import duckdb  # noqa: PLC0415

    try:
        connection.execute(f"CREATE VIEW {quote_name(table)} AS SELECT * FROM iceberg_scan({scan})")
    except duckdb.Error as error:
        if location.is_glue and getattr(error, "status_code", 0) == 404:
            _check_bucket(location)
        raise to_error(error) from None


def _check_bucket(location: LakeLocation) -> None:
    """Check that a lake's bucket exists: DuckDB reports a missing bucket and a missing file alike."""
    from dicom_udf.aws import errors, s3  # noqa: PLC0415 - boto3 is a heavy import

    if s3.is_missing_bucket(location.bucket, location.access):
        error = errors.AwsError("NoSuchBucket", 404)
        raise error.to_exception("s3:GetObject", f"the bucket of the lake {location.root}")


def scans_in_folder(location: LakeLocation) -> dict[str, str]:
    """Return the arguments of ``iceberg_scan`` for the tables that are there, each at its current version."""
    scans = {}
    for table in layout.table_names():
        folder = Path(location.root) / location.database / table
        version = current_version(folder)
        if version is not None:
            # Moved paths: the metadata holds absolute ones, and a copied or moved lake must not read the first one's.
            scans[table] = f"{_text(str(folder))}, version = '{version}', allow_moved_paths = true"
    return scans


def _scans_in_s3(location: LakeLocation) -> dict[str, str]:
    from dicom_udf.aws.glue import lake_tables  # noqa: PLC0415 - boto3 is a heavy import

    return {table: _text(found.metadata) for table, found in lake_tables(location, layout.table_names()).items()}


def _add_credentials(connection: duckdb.DuckDBPyConnection, location: LakeLocation) -> None:
    """Add boto3's credentials of this moment and the way to the lake's bucket, in memory only."""
    from dicom_udf.aws import errors, s3  # noqa: PLC0415 - boto3 is a heavy import

    access, found = location.access, s3.get_credentials()
    with errors.translate_aws_errors("s3:ListBucket", f"the bucket of the lake {location.root}"):
        region = s3.bucket_region(location.bucket, access)
    settings = {
        "KEY_ID": found.access_key,
        "SECRET": found.secret_key,
        "SESSION_TOKEN": found.token,
        "REGION": region,
        "URL_STYLE": "path" if access.is_path_style else "vhost",
    }
    if access.endpoint is not None:
        scheme, _, host = access.endpoint.partition("://")
        settings |= {"ENDPOINT": host, "USE_SSL": str(scheme == "https").lower()}
    options = ", ".join(f"{name} {_text(value)}" for name, value in settings.items() if value)
    connection.execute(f"CREATE SECRET lake (TYPE s3, {options})")


def add_views(
    connection: duckdb.DuckDBPyConnection,
    names: Collection[str] = layout.VIEWS,
    *,
    dictionary: Dictionary | None = None,
) -> None:
    """Add views over ``instances`` as far as the table has their columns. No view reads another one.

    Args:
        connection: The tables, as :func:`open_tables` returns them.
        names: The views to add, of :data:`dicom_udf.lake.layout.VIEWS`.
        dictionary: Lines of ``series_normalised``; those of this package without one.
    """
    for view in find_views(connection, dictionary) if names else ():
        if view.name in names:
            connection.execute(f"CREATE VIEW {quote_name(view.name)} AS {view.sql}")


def find_views(connection: duckdb.DuckDBPyConnection, dictionary: Dictionary | None = None) -> Sequence[View]:
    """Return the views over ``instances`` for which the table has columns; arguments as of :func:`add_views`."""
    from dicom_udf.columns.views import DUCKDB, make_views  # noqa: PLC0415 - reads the DICOM dictionary

    if not connection.execute("SELECT 1 FROM duckdb_views() WHERE view_name = 'instances'").fetchall():
        return ()
    columns = [row[0] for row in connection.execute("DESCRIBE instances").fetchall()]
    return make_views(DUCKDB, columns=columns, dictionary=dictionary)


def answer(
    connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any] = (), *, written: str | None = None
) -> Answer:
    """Answer one SQL statement on tables opened by :func:`open_tables`, as :func:`run_query` does.

    The rows of an answer end where the connection begins the next one.

    Args:
        connection: The tables.
        sql: The statement.
        parameters: Values of ``$1``, ``$2`` and so on in it.
        written: The statement in Athena's SQL of which ``sql`` is the translation.
    """
    import duckdb  # noqa: PLC0415

    try:
        _check_reads_only(connection, sql)
        _execute(connection, sql, parameters)
        columns = tuple(str(column[0]) for column in connection.description or ())
    except duckdb.Error as error:
        raise to_error(error, sql, written) from None
    return Answer(columns, _rows(connection, sql, written))


def _execute(connection: duckdb.DuckDBPyConnection, sql: str, parameters: Sequence[Any]) -> None:
    """Begin a statement so that Ctrl-C ends it at once: DuckDB handles signals only between its tasks."""
    with ThreadPoolExecutor(1) as worker:
        begun = worker.submit(connection.execute, sql, parameters)
        try:
            begun.result()
        except KeyboardInterrupt:
            connection.interrupt()
            raise


def _connect(extensions: Sequence[str]) -> duckdb.DuckDBPyConnection:
    try:
        import duckdb  # noqa: PLC0415 - a heavy import that only queries need
    except ImportError:
        raise RunFailedError("the local SQL engine isn't installed; pip install 'dicom-lake[local]'") from None
    # Nothing is fetched: the extensions come as wheels, and a missing one stays missing.
    settings: dict[str, Any] = {"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    connection = duckdb.connect(":memory:", config=settings)
    folder = Path(tempfile.gettempdir()) / "dicom-lake-query"  # used only by a query larger than memory
    connection.execute(f"SET temp_directory = {_text(str(folder))}")
    for name in extensions:
        connection.execute(f"LOAD {_text(str(_extension(name, duckdb.__version__)))}")
    return connection


def _extension(name: str, version: str) -> Path:
    package = importlib.util.find_spec(f"duckdb_extension_{name}")
    for folder in (package.submodule_search_locations or ()) if package else ():
        file = Path(folder) / "extensions" / f"v{version}" / f"{name}.duckdb_extension"
        if file.is_file():
            return file
    raise RunFailedError(
        f"DuckDB {version} needs its {name} extension of the same version; "
        f"pip install duckdb-extension-{name}=={version}"
    )


def _check_reads_only(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    statements = [statement.type.name for statement in connection.extract_statements(sql)]
    # PIVOT is a CREATE TYPE in memory followed by a SELECT.
    if not statements or statements[-1] != "SELECT" or set(statements[:-1]) - {"CREATE"}:
        raise ConfigurationError("the SQL must be one statement that reads, e.g. SELECT, WITH, DESCRIBE or SUMMARIZE")


def _rows(connection: duckdb.DuckDBPyConnection, sql: str, written: str | None) -> Iterator[tuple[Any, ...]]:
    import duckdb  # noqa: PLC0415

    try:
        while rows := connection.fetchmany(_FETCH_ROWS):
            yield from rows
    except duckdb.Error as error:
        raise to_error(error, sql, written) from None


def quote_name(name: str) -> str:
    """Return a name as SQL has it: in double quotes."""
    return '"' + name.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
