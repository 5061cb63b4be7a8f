"""The engine that answers a query: DuckDB in this process, or Athena for a lake in the Glue catalog."""

from __future__ import annotations

from dicom_udf.answers.local import Answer, run_query
from dicom_udf.answers.saved import resolve_statement
from dicom_udf.config import QueryConfig, check_catalog, service_endpoint
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.layout import table_names

__all__ = ["answer_query"]


def answer_query(config: QueryConfig) -> Answer:
    """Run one SQL statement that reads, and return its rows.

    A local lake takes the SQL of DuckDB or of Athena, a lake in the Glue catalog that of Athena
    (:func:`~dicom_udf.answers.saved.resolve_statement`).

    Raises:
        ConfigurationError: The lake isn't one, or an option or the statement can't be used.
        RunFailedError: The statement failed while it ran, or the engine can't be reached.
    """
    config = resolve_statement(config)
    sql = str(config.sql)
    check_catalog(config.location)
    if config.location.is_glue:
        if config.dictionary is not None:
            raise ConfigurationError(
                "--dictionary is for a local lake: the Glue catalog keeps the views with the dictionary of the package"
            )
        from dicom_udf.answers.athena import AthenaAccess, run_on_athena  # noqa: PLC0415 - boto3 is a heavy import
        from dicom_udf.aws.glue import lake_tables  # noqa: PLC0415
        from dicom_udf.aws.regions import service_region  # noqa: PLC0415

        if config.dialect != "athena":
            raise ConfigurationError(
                "Athena answers about a lake in the Glue catalog, and takes its SQL alone; remove the dialect duckdb"
            )
        lake_tables(config.location, table_names())  # Athena has databases, not lakes: the database must be the lake's
        endpoint = service_endpoint("ATHENA", config.aws_endpoint)
        region = service_region(config.location, endpoint)
        access = AthenaAccess(region, config.workgroup, config.output_location, endpoint)
        return run_on_athena(sql, config.database, access)
    if config.workgroup is not None or config.output_location is not None:
        raise ConfigurationError("--workgroup and --output-location are Athena's, which needs --catalog glue")
    return run_query(sql, config.location, dialect=config.dialect, dictionary=config.dictionary)
