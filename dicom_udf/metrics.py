"""A run's counts as CloudWatch metrics: one call a run, and no run fails because its metrics can't be sent."""

from __future__ import annotations

import logging
from typing import Any

from dicom_udf.aws.clients import get_client
from dicom_udf.aws.errors import translate_aws_errors
from dicom_udf.aws.regions import service_region
from dicom_udf.config import IngestConfig, service_endpoint
from dicom_udf.errors import DicomLakeError
from dicom_udf.report import Report

__all__ = ["failure_data", "metric_data", "send_metrics", "success_data"]

_log = logging.getLogger(__name__)


def metric_data(report: Report, database: str) -> list[dict[str, Any]]:
    """Return what PutMetricData takes of a run's report: a datum for each count.

    Args:
        report: Of the run. ``LagSeconds`` is left out where it has none: a zero would look like an ingest in time.
        database: Value of the one dimension; each further one would be a metric to pay for.
    """
    counts = {
        "ObjectsListed": report.objects_listed,
        "ObjectsRead": report.objects_read,
        "ObjectsDeleted": report.objects_deleted,
        "Instances": report.instances,
        "Faults": report.faults,
        "Requests": report.requests,
    }
    data = [_datum(name, value, "Count", database) for name, value in counts.items()]
    data.append(_datum("BytesRead", report.bytes_read, "Bytes", database))
    data.append(_datum("FaultRatio", report.fault_ratio, "None", database))
    data.append(_datum("DurationSeconds", report.seconds, "Seconds", database))
    if report.lag_seconds is not None:
        data.append(_datum("LagSeconds", report.lag_seconds, "Seconds", database))
    return data


def success_data(database: str) -> list[dict[str, Any]]:
    """Return what PutMetricData takes of a run that ended well, beside its counts: ``RunSucceeded``."""
    return [_datum("RunSucceeded", 1, "Count", database)]


def failure_data(database: str) -> list[dict[str, Any]]:
    """Return what PutMetricData takes of a run that failed, beside its counts if it came so far: ``RunFailed``."""
    return [_datum("RunFailed", 1, "Count", database)]


def send_metrics(config: IngestConfig, data: list[dict[str, Any]]) -> None:
    """Send a run's metrics in one call; log a warning where CloudWatch doesn't take them.

    Nothing is sent without ``config.metrics_namespace``.
    """
    if config.metrics_namespace is None:
        return
    try:
        endpoint = service_endpoint("CLOUDWATCH", config.aws_endpoint)
        region = service_region(config.location, endpoint)
        client = get_client("cloudwatch", endpoint=endpoint, region=region)
        with translate_aws_errors("cloudwatch:PutMetricData", f"the namespace {config.metrics_namespace}"):
            client.put_metric_data(Namespace=config.metrics_namespace, MetricData=data)
    except DicomLakeError as error:
        _log.warning(
            "no metrics were sent by cloudwatch:PutMetricData to the namespace %s: %s", config.metrics_namespace, error
        )


def _datum(name: str, value: float, unit: str, database: str) -> dict[str, Any]:
    dimensions = [{"Name": "Database", "Value": database}]
    return {"MetricName": name, "Dimensions": dimensions, "Value": float(value), "Unit": unit}
