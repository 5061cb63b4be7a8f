"""The public face in Python: the commands as functions. ``dicom_udf`` exports them under their bare names."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from dicom_udf.config import IngestConfig, QueryConfig, parse_location
from dicom_udf.environment import check_shell

if TYPE_CHECKING:
    from dicom_udf.answers.local import Answer
    from dicom_udf.report import Report

__all__ = ["ingest", "query"]


def ingest(source: str | os.PathLike[str] | None = None, *, lake: str | os.PathLike[str], **settings: Any) -> Report:
    """Bring a lake up to date with a source, as ``dicom-lake ingest`` does; needs Spark, and Java 17.

    Args:
        source: A local folder or file, or ``s3://bucket/prefix``; None where ``manifest``, ``inventory`` or ``queue``
            is among the settings.
        lake: A local folder, which is made if missing; or ``s3://bucket/prefix`` with ``catalog="glue"``.
        settings: Further fields of :class:`~dicom_udf.config.IngestConfig`: the options of the command, with
            underscores.

    Returns:
        The counts of this run, in objects, files, bytes and seconds.

    Raises:
        ConfigurationError: The source, the lake or the shell can't be used. Nothing has been written.
        RunFailedError: The run could not go on; the next run goes on where this one stopped.
        TypeError: A setting does not exist.

    Example:
        >>> import dicom_udf
        >>> report = dicom_udf.ingest("sample_dcm", lake="lake")
        >>> report.instances
        66
    """
    from dicom_udf.pipeline import ingest as run  # noqa: PLC0415 - loads Spark

    source_uri = None if source is None else parse_location("source", source)
    config = IngestConfig(source=source_uri, lake=parse_location("lake", lake), **settings)
    check_shell(config.master)
    return run(config)


def query(sql: str, *, lake: str | os.PathLike[str], **settings: Any) -> Answer:
    """Run one SQL statement that reads a lake, as ``dicom-lake query`` does; needs no Java.

    Args:
        sql: In DuckDB's SQL; in Athena's with ``dialect="athena"`` or ``catalog="glue"``. Or ``@name``, a saved query,
            whose period the settings ``since`` and ``until`` set.
        lake: A local folder, or ``s3://bucket/prefix`` with ``catalog="glue"``.
        settings: Further fields of :class:`~dicom_udf.config.QueryConfig`: the options of the command, with
            underscores.

    Returns:
        The names of the columns, and an iterator over the rows.

    Raises:
        ConfigurationError: The lake isn't one, or the statement can't be understood.
        RunFailedError: The statement failed while it ran.
        TypeError: A setting does not exist.

    Example:
        >>> import dicom_udf
        >>> answer = dicom_udf.query("SELECT count(*) AS instances FROM instances", lake="lake")
        >>> answer.columns, list(answer.rows)
        (('instances',), [(66,)])
    """
    from dicom_udf.answers.engines import answer_query  # noqa: PLC0415 - loads DuckDB

    return answer_query(QueryConfig(sql=sql, lake=parse_location("lake", lake), **settings))
