"""The objects that the messages of a queue name: by their events where these suffice, otherwise by S3."""

from __future__ import annotations

import itertools
from contextlib import closing

import pytest

from dicom_udf.errors import RunFailedError
from dicom_udf.sources import ObjectRef, Patterns, QueueSource, S3Access, StoreSource, open_store, queue, queue_source
from dicom_udf.sources.queue import open_queue
from tests.servers.events import make_queue, notification
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, EXPIRED_TOKEN, Refusal, Reset, Rule
from tests.servers.s3 import REGION

names = (f"hints-{number}" for number in itertools.count())
CREATED, REMOVED, RESTORED = "ObjectCreated:Put", "ObjectRemoved:Delete", "ObjectRestore:Completed"


@pytest.fixture
def there(server, access, monkeypatch):
    monkeypatch.setattr(queue, "_THREADS", 1)
    monkeypatch.setattr(queue, "_WAIT", 0)
    return make_queue(server, next(names))


@pytest.fixture
def way(server, monkeypatch):
    monkeypatch.setattr("dicom_udf.aws.clients.FIRST_WAIT", 0.0)
    with proxy(server.endpoint) as running:
        yield running


@pytest.fixture
def drain(there, way):
    """The objects that the queue names, by way of a proxy: list(doubted=..., **settings of QueueSource)."""

    def drain(doubted=(), **settings):
        """Return the rows of each part by key, without the time, after it was acknowledged."""
        access = S3Access(way.endpoint, REGION, True)
        source = QueueSource(
            open_queue(there.url, endpoint=way.endpoint), access, settings.pop("patterns", Patterns()), **settings
        )
        parts = []

        def find_conflicts(reported, with_retries):
            asked = {uri for batch in reported for uri in batch.column("source_uri").to_pylist()}
            yield from (uri for uri in doubted if with_retries or uri in asked)

        with closing(source.discover(find_conflicts)) as batches:
            for found in batches:
                rows = [tuple(row.values()) for batch in found.list() for row in batch.to_pylist()]
                assert len({row[0] for row in rows}) == len(rows), "each object once"
                parts.append({row[0].split("/", 3)[3]: row[1:3] for row in rows})
                found.acknowledge()
                found.wait()
        return parts

    return drain


GONE = (None, None)


def test_a_whole_event_of_a_new_object_is_taken_at_its_word(there, bucket, drain, way):
    there.send(
        notification(bucket.name, "a b/é.dcm", size=7, etag="e1"), notification(bucket.name, "b", size=8, etag="e2")
    )
    assert drain() == [{"a b/é.dcm": (7, "e1"), "b": (8, "e2")}]
    assert [exchange.key for exchange in way.seen("HEAD")] == [bucket.name]  # is there such a bucket?
    assert there.count() == (0, 0)


ASKED = {
    "a removal": [(REMOVED, None, None, "0B")],
    "a removal after its creation": [(CREATED, 5, "old", "0A"), (REMOVED, None, None, "0B")],
    "a removal that came first": [(REMOVED, None, None, "0B"), (CREATED, 5, "old", "0A")],
    "a restore": [(RESTORED, 5, "old", None)],
    "no etag": [(CREATED, 5, None, "0A")],
    "no size": [(CREATED, None, "old", "0A")],
    "two contents at once": [(CREATED, 5, "old", "0A"), (CREATED, 6, "other", "0A")],
}


@pytest.mark.parametrize("events", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("is_there", [True, False])
def test_what_events_leave_open_s3_decides(there, bucket, drain, events, is_there):
    etag = bucket.put("key", b"content") if is_there else None
    for name, size, old, sequencer in events:
        there.send(notification(bucket.name, "key", name, size=size, etag=old, sequencer=sequencer))
    assert drain() == [{"key": (7, etag) if is_there else GONE}]
    assert there.count() == (0, 0)


def test_an_object_created_after_its_removal_is_as_reported(there, bucket, drain, way):
    there.send(
        notification(bucket.name, "key", size=9, etag="new", sequencer="0C"),
        notification(bucket.name, "key", REMOVED, sequencer="0B"),
        notification(bucket.name, "key", size=5, etag="old", sequencer="0A"),
    )
    assert drain() == [{"key": (9, "new")}]


def test_an_object_that_the_ledger_knows_otherwise_is_asked_for(there, bucket, drain):
    etag = bucket.put("late", b"new content")
    there.send(
        notification(bucket.name, "late", size=5, etag="old"), notification(bucket.name, "gone", size=5, etag="old")
    )
    assert drain(doubted=[bucket.uri("late"), bucket.uri("gone")]) == [{"late": (11, etag), "gone": GONE}]


def test_the_ledgers_failures_are_tried_again_where_that_may_help(drain, bucket, way):
    etag = bucket.put("a", b"content")
    bucket.put("frozen", b"content", StorageClass="DEEP_ARCHIVE")
    bucket.put("denied", b"content")
    bucket.put("other/denied", b"content")
    way.rules.append(Rule(ACCESS_DENIED, key="*/denied", method="HEAD", times=None))
    doubted = [bucket.uri(key) for key in ("a", "gone", "frozen", "denied", "lake/x", "a.txt")]
    doubted += ["file:///somewhere/a", "s3://no-such-bucket-17/a"]
    found = drain(doubted, patterns=Patterns(exclude=("*.txt",)), excluded=bucket.uri("lake/"))
    assert found == [{"a": (7, etag), "gone": GONE}]


def test_a_frozen_object_that_an_event_names_is_listed(there, bucket, drain):
    etag = bucket.put("frozen", b"content", StorageClass="GLACIER")
    there.send(notification(bucket.name, "frozen", RESTORED))
    assert drain() == [{"frozen": (7, etag)}]


def test_what_s3_cannot_decide_stays_in_the_queue(there, bucket, drain, way):
    bucket.put("denied", b"content")
    way.rules.append(Rule(ACCESS_DENIED, key="*/denied*", method="HEAD", times=None))
    there.send(
        notification(bucket.name, "denied", REMOVED),
        notification(bucket.name, "a", size=1, etag="e"),
        notification("no-such-bucket-17", "a", size=1, etag="e"),
        notification("no-such-bucket-17", "b", REMOVED),
        notification(bucket.name, "denied-but-reported", size=1, etag="e"),
    )
    assert drain(doubted=[bucket.uri("denied-but-reported")]) == [{"a": (1, "e"), "denied-but-reported": (1, "e")}]
    assert there.count() == (0, 3)


def test_expired_credentials_end_the_run_and_an_object_with_its_own_key_does_not(there, bucket, drain, way):
    bucket.put("key", b"content")
    there.send(notification(bucket.name, "key", REMOVED))
    way.rules.append(Rule(EXPIRED_TOKEN, key="*/key", method=None, times=None))
    with pytest.raises(RunFailedError, match="S3 does not accept the credentials"):
        drain()
    assert sum(there.count()) == 1
    there.send(notification(bucket.name, "key", REMOVED))
    way.rules[:] = [Rule(Refusal(400, "InvalidRequest"), key="*/key", method="HEAD", times=None)]
    way.rules.append(Rule(type(EXPIRED_TOKEN)(400, "InvalidRequest"), key="*/key", times=None))
    assert drain() == [{}]
    assert there.count() == (0, 2)


def test_no_bucket_is_declared_missing_by_a_server_that_fails(there, bucket, drain, way):
    there.send(notification(bucket.name, "a", size=1, etag="e"))
    way.rules.append(Rule(Reset(None), key=bucket.name, method="HEAD", times=None))
    with pytest.raises(RunFailedError, match=r"S3 \w+.* s3:ListBucket on the bucket "):
        drain()
    assert sum(there.count()) == 1


def test_patterns_folders_and_the_lake_bound_what_is_taken(there, bucket, drain):
    keys = ("a.dcm", "tmp/b.dcm", "c.txt", "lake/d.dcm", "lake2/e.dcm", "folder.dcm/", "a_$folder$")
    there.send(*(notification(bucket.name, key, size=0, etag="e") for key in keys))
    patterns = Patterns(include=("*.dcm", "*/", "*$"), exclude=("tmp/*",))
    assert drain(patterns=patterns, excluded=bucket.uri("lake/")) == [{"a.dcm": (0, "e"), "lake2/e.dcm": (0, "e")}]
    assert there.count() == (0, 0)


@pytest.mark.parametrize(
    "key", [".", "..", "a/../b", "a//b", "/a", "a/.", "a\x01\nb", "%2e%2e", "é" * 512, "a?b#c", " "]
)
@pytest.mark.parametrize("name", [CREATED, REMOVED])
def test_no_key_fails_a_run(there, bucket, drain, key, name):
    there.send(notification(bucket.name, key, name))
    assert drain() in ([{key: GONE}], [{}])


def test_events_come_by_sns_and_by_eventbridge(there, server, bucket, drain):
    sns, bridge = server.client("sns"), server.client("events")
    topic = sns.create_topic(Name="uploads")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=there.arn)
    bridge.put_rule(Name="uploads", EventPattern='{"source": ["aws.s3"]}', State="ENABLED")
    bridge.put_targets(Rule="uploads", Targets=[{"Id": "queue", "Arn": there.arn}])
    reported = {
        "TopicConfigurations": [{"TopicArn": topic, "Events": ["s3:ObjectCreated:*"]}],
        "QueueConfigurations": [{"QueueArn": there.arn, "Events": ["s3:ObjectCreated:*"]}],
        "EventBridgeConfiguration": {},
    }
    bucket.client.put_bucket_notification_configuration(Bucket=bucket.name, NotificationConfiguration=reported)
    etag = bucket.put("a b+é.dcm", b"content")
    bucket.client.put_bucket_notification_configuration(Bucket=bucket.name, NotificationConfiguration={})
    assert there.count() == (6, 0)  # the upload by three ways, two test events, and one of tags
    assert drain() == [{"a b+é.dcm": (7, etag)}]
    assert there.count() == (0, 0)


def test_a_full_part_is_followed_by_another(there, bucket, drain, monkeypatch):
    monkeypatch.setattr(queue_source, "BATCH_MESSAGES", 10)
    there.send(*(notification(bucket.name, f"{number}", size=1, etag="e") for number in range(25)))
    assert [len(part) for part in drain()] == [10, 10, 5]


@pytest.mark.parametrize(("bound", "parts"), [(1, [1]), (10, [10]), (13, [10, 3]), (20, [10, 10]), (99, [10, 10, 5])])
def test_a_run_takes_no_more_messages_than_it_may(there, bucket, drain, monkeypatch, bound, parts):
    monkeypatch.setattr(queue_source, "BATCH_MESSAGES", 10)
    there.send(*(notification(bucket.name, f"{number}", size=1, etag="e") for number in range(25)))
    assert [len(part) for part in drain(max_messages=bound)] == parts
    assert there.count() == (25 - sum(parts), 0)


def test_an_empty_queue_is_one_empty_part_for_the_ledgers_failures(drain, bucket):
    assert drain() == [{}]
    etag = bucket.put("a", b"x")
    assert drain(doubted=[bucket.uri("a")]) == [{"a": (1, etag)}]


def test_a_run_that_stops_amid_a_part_keeps_no_message_from_coming_back(there, bucket, way, server):
    there.send(notification(bucket.name, "a", size=1, etag="e"))
    source = QueueSource(open_queue(there.url, endpoint=way.endpoint), S3Access(way.endpoint, REGION, True), Patterns())
    with pytest.raises(ZeroDivisionError), closing(source.discover(lambda *_: iter(()))) as batches:
        for _ in batches:
            raise ZeroDivisionError
    assert there.count() == (0, 1)
    assert way.count(key="AmazonSQS/DeleteMessageBatch") == 0


def test_messages_that_cannot_be_deleted_fail_the_run_when_it_asks(there, bucket, way):
    there.send(notification(bucket.name, "a", size=1, etag="e"))
    way.rules.append(Rule(Refusal(403, "AccessDenied"), key="*DeleteMessageBatch", method="POST", times=None))
    source = QueueSource(open_queue(there.url, endpoint=way.endpoint), S3Access(way.endpoint, REGION, True), Patterns())
    [found] = source.discover(lambda *_: iter(()))
    found.acknowledge()
    with pytest.raises(RunFailedError, match="SQS denies sqs:DeleteMessage on the queue http"):
        found.wait()


def test_a_listing_is_one_finding_as_it_is(tmp_path):
    (tmp_path / "a").write_bytes(b"content")
    store = open_store(str(tmp_path))
    [found] = StoreSource(store).discover(lambda *_: iter(()))
    found.acknowledge()
    found.wait()
    [row] = [row for batch in found.list() for row in batch.to_pylist()]
    assert ObjectRef(*row.values()).size == 7
    assert found.scope == store.scope
