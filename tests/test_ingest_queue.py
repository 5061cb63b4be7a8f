"""The job driven by events: S3 notifies a queue, the job drains it, and the lake is what the buckets are."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest

from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from dicom_udf.sources import queue as sources_queue
from tests.servers.events import make_queue, notification
from tests.servers.proxy import proxy
from tests.servers.rules import First, Refusal, Rule
from tests.servers.s3 import moto_s3

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).parents[1] / "sample_dcm"
CT = (SAMPLE / "ct_abdomen" / "IM0001.dcm").read_bytes()


@pytest.fixture(scope="module")
def server():
    with moto_s3() as running:
        yield running


@pytest.fixture
def client(server, monkeypatch):
    """A client, and an empty bucket ``source``."""
    monkeypatch.setattr(sources_queue, "_THREADS", 1)  # moto gives a message to two who ask at once
    monkeypatch.setattr(sources_queue, "_WAIT", 0)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    client = server.client()
    client.create_bucket(Bucket="source")
    yield client
    client.put_bucket_notification_configuration(Bucket="source", NotificationConfiguration={})
    for entry in client.list_objects_v2(Bucket="source").get("Contents", []):
        client.delete_object(Bucket="source", Key=entry["Key"])
    client.delete_bucket(Bucket="source")


@pytest.fixture
def there(server, client):
    """A queue that the bucket notifies."""
    queue = make_queue(server, "events")
    queue.listen(client, "source")
    yield queue
    queue.client.delete_queue(QueueUrl=queue.url)


@pytest.fixture
def run(spark, server, tmp_path, there):
    def run(**changes):
        where = {"s3_endpoint": server.endpoint, "s3_region": server.region, "lake": str(tmp_path / "lake")}
        where |= {"aws_endpoint": server.endpoint}
        if not {"source", "manifest"} & changes.keys():
            where["queue"] = there.url
        return ingest(IngestConfig(**where | changes))

    return run


@pytest.fixture
def put(client):
    def put(*keys, body=CT, **settings):
        for key in keys:
            client.put_object(Bucket="source", Key=key, Body=body, **settings)

    return put


def rows(tmp_path, table):
    found = connect_lake(LakeLocation(str(tmp_path / "lake"))).table(table).collect()
    return {row["source_uri"].removeprefix("s3://source/"): row for row in found}


def test_what_is_uploaded_is_ingested_and_duplicates_cost_nothing(run, put, there, client, tmp_path):
    put("a b/é+.dcm", "b.dcm")
    put("c.txt", body=b"no header")
    report = run()
    assert (report.messages, report.messages_left, there.count()) == (4, 0, (0, 0))  # one is s3:TestEvent
    assert (report.objects_new, report.instances, report.failures) == (3, 2, {"NOT_DICOM": 1})
    assert 0 <= report.lag_seconds < 3600
    assert sorted(rows(tmp_path, "instances")) == ["a b/é+.dcm", "b.dcm"]
    for key, row in rows(tmp_path, "objects").items():
        etag = client.head_object(Bucket="source", Key=key)["ETag"].strip('"')
        assert row["source_etag"] == etag
        there.send(notification("source", key, size=row["source_size"], etag=etag))
    again = run()
    assert (again.messages, again.objects_listed, again.objects_unchanged, again.objects_read) == (3, 3, 3, 0)
    assert (again.lag_seconds, there.count()) == (None, (0, 0))
    sweep = run(source="s3://source")
    assert (sweep.objects_unchanged, sweep.objects_read, sweep.objects_deleted, sweep.messages) == (3, 0, 0, None)


def test_events_are_hints_and_the_bucket_is_the_truth(run, put, there, client, tmp_path):
    put("replaced.dcm", "deleted.dcm", "kept.dcm", "reborn.dcm")
    old = client.head_object(Bucket="source", Key="replaced.dcm")
    run()
    put("replaced.dcm", body=CT + b"\0\0")
    client.delete_object(Bucket="source", Key="deleted.dcm")
    client.delete_object(Bucket="source", Key="reborn.dcm")
    put("reborn.dcm", body=CT + b"\0\0\0\0")
    there.send(notification("source", "kept.dcm", "ObjectRemoved:DeleteMarkerCreated", sequencer="01"))
    there.send(notification("source", "never.dcm", "LifecycleExpiration:Delete", sequencer="01"))
    report = run()
    assert (report.objects_changed, report.objects_deleted, report.objects_unchanged) == (2, 1, 1)
    assert (report.instances, report.failures, there.count()) == (2, {}, (0, 0))
    # An event of what was replaced long ago comes late.
    there.send(notification("source", "replaced.dcm", size=old["ContentLength"], etag=old["ETag"]))
    late = run()
    assert (late.objects_unchanged, late.objects_read, late.failures) == (1, 0, {})
    found = rows(tmp_path, "objects")
    assert {key: row["source_size"] - len(CT) for key, row in found.items()} == {
        "replaced.dcm": 2,
        "kept.dcm": 0,
        "reborn.dcm": 4,
    }
    assert rows(tmp_path, "instances").keys() == found.keys()
    assert run(source="s3://source").objects_unchanged == 3


def test_deletes_may_be_kept(run, put, client, tmp_path):
    put("a.dcm", "b.dcm", "c.dcm")
    run()
    client.delete_object(Bucket="source", Key="a.dcm")
    assert run(deletes="keep").objects_deleted == 0
    assert sorted(rows(tmp_path, "instances")) == ["a.dcm", "b.dcm", "c.dcm"]
    assert run(source="s3://source").objects_deleted == 1


def test_failures_that_may_be_cured_are_tried_again_without_an_event(run, put, there, client, tmp_path):
    put("frozen.dcm", StorageClass="GLACIER")
    put("good.dcm", "gone.dcm", StorageClass="GLACIER")
    assert run().failures == {"OBJECT_ARCHIVED": 3}
    client.delete_object(Bucket="source", Key="gone.dcm")
    put("good.dcm")
    there.take()  # these events are lost
    report = run()
    assert (report.objects_changed + report.objects_retried, report.objects_deleted, report.instances) == (1, 1, 1)
    assert sorted(rows(tmp_path, "failures")) == ["frozen.dcm"]
    assert sorted(rows(tmp_path, "instances")) == ["good.dcm"]
    idle = run()
    assert (idle.objects_read, idle.messages) == (0, 0), "what is still frozen isn't tried"


def test_what_is_no_event_and_what_has_no_bucket_stay_in_the_queue_and_hold_up_nothing(run, put, there):
    put("a.dcm")
    there.send("hello", notification("no-such-bucket-17", "a.dcm", size=1, etag="e"))
    report = run()
    assert (report.instances, report.failures) == (1, {"INVALID_MESSAGE": 1})
    assert (report.messages, there.count()) == (4, (0, 2))


def test_a_bound_and_patterns_part_the_work(run, put, there, tmp_path):
    put("a.dcm", "b.dcm", "c.txt", "tmp/d.dcm")
    first = run(max_messages=3, include=("*.dcm",), exclude=("tmp/*",))
    assert (first.messages, first.messages_left) == (3, 2)
    rest = run(include=("*.dcm",), exclude=("tmp/*",))
    assert (rest.messages, rest.messages_left, first.instances + rest.instances) == (2, 0, 2)
    assert sorted(rows(tmp_path, "objects")) == ["a.dcm", "b.dcm"]


def test_several_parts_of_a_queue_are_committed_one_after_the_other(run, put, there, monkeypatch, tmp_path):
    monkeypatch.setattr("dicom_udf.sources.queue_source.BATCH_MESSAGES", 3)
    put(*(f"{number}.dcm" for number in range(7)))
    report = run()
    assert (report.messages, report.objects_new, report.instances, there.count()) == (8, 7, 7, (0, 0))
    runs = {row["ingest_run_id"] for row in rows(tmp_path, "instances").values()}
    assert runs == {report.run_id}


def test_faults_go_to_a_queue_of_their_own_without_what_is_rightly_skipped(run, put, server, tmp_path):
    reported = make_queue(server, "faults")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("é/cut.dcm", CT[:200])
        archive.writestr("fine.dcm", CT)
    put("a.zip", body=out.getvalue())
    put("empty.dcm", body=b"")
    put("notes.txt", body=b"no header")
    report = run(error_queue=reported.url)
    assert report.failures == {"EMPTY_OBJECT": 1, "NOT_DICOM": 1, "TRUNCATED": 1}
    messages = sorted(reported.take(), key=lambda message: message["code"])
    assert [list(message) for message in messages] == [
        ["run_id", "source_uri", "source_member", "code", "severity", "message", "time"]
    ] * 2
    assert [(m["source_uri"], m["source_member"], m["code"], m["severity"], m["run_id"]) for m in messages] == [
        ("s3://source/empty.dcm", None, "EMPTY_OBJECT", "fault", report.run_id),
        ("s3://source/a.zip", "é/cut.dcm", "TRUNCATED", "fault", report.run_id),
    ]
    failures = rows(tmp_path, "failures")
    for message in messages:
        row = failures[message["source_uri"].removeprefix("s3://source/")]
        assert (message["message"], message["time"]) == (row["message"], f"{row['ingest_time'].isoformat()}Z")


def test_a_queue_for_faults_that_takes_none_fails_a_run_whose_rows_stand(run, put, server, tmp_path):
    reported = make_queue(server, "faults")
    put("empty.dcm", body=b"")
    put("fine.dcm")
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(Refusal(403, "AccessDenied"), key="AmazonSQS/SendM*", method="POST", times=None))
        report = tmp_path / "report.json"
        with pytest.raises(RunFailedError, match="everything is committed, but not all faults could be sent"):
            run(error_queue=reported.url, aws_endpoint=way.endpoint, report=str(report))
    assert json.loads(report.read_text())["instances"] == 1
    assert sorted(rows(tmp_path, "objects")) == ["empty.dcm", "fine.dcm"]
    assert run(error_queue=reported.url).messages == 0


def test_a_queue_that_is_missing_is_reported_before_anything_is_written(run, put, there, tmp_path):
    for changes in ({"queue": f"{there.url}-none"}, {"source": "s3://source", "error_queue": f"{there.url}-none"}):
        put("a.dcm")
        with pytest.raises(ConfigurationError, match=r"the queue http.*-none does not exist"):
            run(**changes)
    assert not (tmp_path / "lake").exists()


def test_a_queue_that_vanishes_while_its_messages_are_deleted_loses_nothing(run, put, there, server, tmp_path):
    put("a.dcm", "b.dcm")
    with proxy(server.endpoint) as way:
        vanish = First(lambda: there.client.delete_queue(QueueUrl=there.url))
        way.rules.append(Rule(vanish, key="AmazonSQS/DeleteMessageBatch", method="POST"))
        with pytest.raises(RunFailedError, match=r"the queue http.* does not exist \(sqs:DeleteMessage\)"):
            run(aws_endpoint=way.endpoint)
    assert sorted(rows(tmp_path, "instances")) == ["a.dcm", "b.dcm"]
    assert run(source="s3://source").objects_unchanged == 2
    make_queue(server, "events")
