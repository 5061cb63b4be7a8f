"""A local lake as a script for DuckDB, which other programs run: DBeaver, R, marimo, the program ``duckdb``."""

from __future__ import annotations

from dicom_udf.answers.local import find_views, open_tables, quote_name, scans_in_folder
from dicom_udf.config import LakeLocation, check_catalog
from dicom_udf.errors import ConfigurationError

__all__ = ["view_script"]

_HEAD = """\
-- The lake in {root}, database {database}, as it was when 'dicom-lake views' wrote this script.
-- It is SQL for DuckDB {version}. Write it again after a run, since each view is pinned to a snapshot.
INSTALL avro; LOAD avro;
INSTALL iceberg; LOAD iceberg;
"""


def view_script(location: LakeLocation) -> str:
    """Return statements for DuckDB that make a view for each table and view of a local lake.

    They make no other object, and replace views of these names. The extensions are downloaded by DuckDB where it has
    none.

    Args:
        location: The lake.

    Raises:
        ConfigurationError: The lake doesn't exist, or isn't local.
        RunFailedError: DuckDB or its Iceberg extension isn't installed.
    """
    check_catalog(location)
    if location.is_glue:
        raise ConfigurationError(
            "a script is made of a local lake only; a lake in the Glue catalog has its views in Athena, so connect the "
            "program to Athena"
        )
    tables = open_tables(location)
    import duckdb  # noqa: PLC0415 - a heavy import, and open_tables has reported where it is missing

    views = [(table, f"SELECT * FROM iceberg_scan({scan})") for table, scan in scans_in_folder(location).items()]
    views += [(view.name, view.sql) for view in find_views(tables)]
    # A line break in the folder's name would end the comment.
    root = " ".join(location.root.splitlines())
    head = _HEAD.format(root=root, database=location.database, version=duckdb.__version__)
    return head + "".join(f"\nCREATE OR REPLACE VIEW {quote_name(name)} AS {sql.strip()};\n" for name, sql in views)
