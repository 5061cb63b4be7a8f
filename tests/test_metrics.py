"""The counts of a run in CloudWatch."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

import pytest

from dicom_udf.config import IngestConfig, parse_command
from dicom_udf.errors import ConfigurationError
from dicom_udf.metrics import failure_data, metric_data, send_metrics, success_data
from dicom_udf.report import Report
from tests.servers.s3 import moto_s3

REPORT = Report(
    run_id="r",
    objects_listed=9,
    objects_read=8,
    objects_deleted=1,
    instances=6,
    failures={"TRUNCATED": 2, "NOT_DICOM": 5},
    bytes_read=1000,
    requests=11,
    seconds=2.5,
    lag_seconds=60.0,
)
VALUES = {
    "ObjectsListed": (9, "Count"),
    "ObjectsRead": (8, "Count"),
    "ObjectsDeleted": (1, "Count"),
    "Instances": (6, "Count"),
    "Faults": (2, "Count"),
    "Requests": (11, "Count"),
    "BytesRead": (1000, "Bytes"),
    "FaultRatio": (0.25, "None"),
    "DurationSeconds": (2.5, "Seconds"),
    "LagSeconds": (60, "Seconds"),
    "RunSucceeded": (1, "Count"),
}


@pytest.fixture
def server(monkeypatch):
    with moto_s3() as running:
        for name, value in running.environment.items():
            monkeypatch.setenv(name, value)
        yield running


def settings(endpoint: str) -> IngestConfig:
    words = ["ingest", "/s", "--lake", "/l", "--metrics-namespace", "Tests/Lake", "--aws-endpoint", endpoint]
    config = parse_command(words)
    assert isinstance(config, IngestConfig)
    return config


def test_each_metric_has_one_datum_with_its_unit_and_the_database() -> None:
    data = metric_data(REPORT, "dicom") + success_data("dicom")
    assert {one["MetricName"]: (one["Value"], one["Unit"]) for one in data} == VALUES
    assert len(data) == len(VALUES)
    assert all(one["Dimensions"] == [{"Name": "Database", "Value": "dicom"}] for one in data)


def test_an_unknown_lag_is_not_sent() -> None:
    assert "LagSeconds" not in {one["MetricName"] for one in metric_data(Report(run_id="r"), "dicom")}


def test_cloudwatch_has_what_a_run_sent(server) -> None:
    config = settings(server.endpoint)
    send_metrics(config, metric_data(REPORT, "dicom") + success_data("dicom"))
    send_metrics(config, failure_data("dicom"))
    client, now = server.client("cloudwatch"), datetime.now(UTC)
    for name, (value, _) in {**VALUES, "RunFailed": (1, "Count")}.items():
        [point] = client.get_metric_statistics(
            Namespace="Tests/Lake",
            MetricName=name,
            Dimensions=[{"Name": "Database", "Value": "dicom"}],
            StartTime=now - timedelta(hours=1),
            EndTime=now + timedelta(hours=1),
            Period=86400,
            Statistics=["Sum"],
        )["Datapoints"]
        assert (name, point["Sum"]) == (name, value)


def test_metrics_that_nobody_takes_are_a_warning(server, caplog, monkeypatch) -> None:
    monkeypatch.setattr("dicom_udf.aws.clients.TRIES", 1)
    with caplog.at_level(logging.WARNING):
        send_metrics(settings("http://127.0.0.1:9"), failure_data("dicom"))
    assert "cloudwatch:PutMetricData" in caplog.text
    assert "Tests/Lake" in caplog.text


@pytest.mark.parametrize("name", ["AWS/Lake", "1st", "a b", "é", "x" * 256])
def test_a_namespace_that_cloudwatch_refuses_is_a_bad_argument(name: str) -> None:
    with pytest.raises((ConfigurationError, SystemExit)):
        parse_command(["ingest", "/s", "--lake", "/l", "--metrics-namespace", name])
