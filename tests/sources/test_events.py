"""Bodies of messages -> events of objects, and which event of a key stands."""

from __future__ import annotations

import json
from datetime import datetime
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.sources.events import ObjectEvent, newest_event, parse_message
from dicom_udf.sources.objects import ObjectRef

KEY = "studies/a b/é+%41.dcm"
TIME = datetime(2026, 5, 6, 7, 8, 9, 123000)
CREATED = ObjectEvent("bucket", KEY, "created", 10, "abc", "0055AED6DCD90281E5", TIME)

NAMES = {
    "ObjectCreated:Put": "created",
    "ObjectCreated:Post": "created",
    "ObjectCreated:Copy": "created",
    "ObjectCreated:CompleteMultipartUpload": "created",
    "ObjectRemoved:Delete": "removed",
    "ObjectRemoved:DeleteMarkerCreated": "removed",
    "LifecycleExpiration:Delete": "removed",
    "LifecycleExpiration:DeleteMarkerCreated": "removed",
    "ObjectRestore:Completed": "restored",
}
DETAILS = {
    ("Object Created", "reason", "PutObject"): "created",
    ("Object Created", "reason", "CompleteMultipartUpload"): "created",
    ("Object Deleted", "deletion-type", "Permanently Deleted"): "removed",
    ("Object Deleted", "deletion-type", "Delete Marker Created"): "removed",
    ("Object Deleted", "reason", "Lifecycle Expiration"): "removed",
    ("Object Restore Completed", "restore-expiry-time", "2026-06-01T00:00:00Z"): "restored",
}
IGNORED_NAMES = (
    "ObjectRestore:Post",
    "ObjectRestore:Delete",
    "ObjectTagging:Put",
    "ObjectAcl:Put",
    "ReducedRedundancyLostObject",
    "Replication:OperationMissedThreshold",
    "LifecycleTransition",
    "IntelligentTiering",
    "NobodyKnows:Yet",
)
IGNORED_DETAILS = (
    "Object Restore Initiated",
    "Object Restore Expired",
    "Object Storage Class Changed",
    "Object Access Tier Changed",
    "Object ACL Updated",
    "Object Tags Added",
    "Object Tags Deleted",
)


def record(name="ObjectCreated:Put", **changes):
    """A record of a notification as S3 documents it, version 2.1."""
    thing = {"key": quote_plus(KEY), "size": 10, "eTag": "abc", "versionId": "v", "sequencer": "0055AED6DCD90281E5"}
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "us-east-1",
        "eventTime": "2026-05-06T07:08:09.123Z",
        "eventName": name,
        "userIdentity": {"principalId": "AWS:X"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810"},
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "ingest",
            "bucket": {"name": "bucket", "ownerIdentity": {"principalId": "A"}, "arn": "arn:aws:s3:::bucket"},
            "object": {name: value for name, value in (thing | changes).items() if value is not None},
        },
    }


def notification(*records):
    return {"Records": [*records]}


def bridged(name="Object Created", extra=("reason", "PutObject"), **changes):
    """An event of EventBridge as S3 documents it."""
    thing = {"key": KEY, "size": 10, "etag": "abc", "version-id": "v", "sequencer": "0055AED6DCD90281E5"}
    return {
        "version": "0",
        "id": "17793124-05d4-b198-2fde-7ededc63b103",
        "detail-type": name,
        "source": "aws.s3",
        "account": "111122223333",
        "time": "2026-05-06T07:08:09.123Z",
        "region": "us-east-1",
        "resources": ["arn:aws:s3:::bucket"],
        "detail": {
            "version": "0",
            "bucket": {"name": "bucket"},
            "object": {name: value for name, value in (thing | changes).items() if value is not None},
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            extra[0]: extra[1],
        },
    }


def by_sns(message):
    return {"Type": "Notification", "MessageId": "m", "TopicArn": "arn:aws:sns:x", "Message": json.dumps(message)}


def read(message):
    return parse_message(json.dumps(message))


def as_reported(kind):
    return ObjectEvent("bucket", KEY, kind, 10, "abc", "0055AED6DCD90281E5", TIME)


@pytest.mark.parametrize("name", NAMES)
def test_a_notification_names_what_happened_with_its_key_decoded(name):
    assert read(notification(record(name))) == (as_reported(NAMES[name]),)
    assert read(notification(record(f"s3:{name}"))) == (as_reported(NAMES[name]),)


@pytest.mark.parametrize("detail", DETAILS, ids=str)
def test_an_event_of_eventbridge_has_its_key_as_it_is(detail):
    assert read(bridged(detail[0], detail[1:])) == (as_reported(DETAILS[detail]),)


@pytest.mark.parametrize(
    "message",
    [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-05-06T07:08:09.123Z", "Bucket": "bucket"},
        *(notification(record(name)) for name in IGNORED_NAMES),
        *(bridged(name) for name in IGNORED_DETAILS),
    ],
    ids=lambda message: json.dumps(message)[:40],
)
def test_what_changes_no_object_is_understood_and_tells_nothing(message):
    assert read(message) == ()
    assert read(by_sns(message)) == ()


@pytest.mark.parametrize("message", [notification(record()), bridged()], ids=["S3", "EventBridge"])
def test_sns_is_unwrapped(message):
    assert read(by_sns(message)) == read(by_sns(by_sns(message))) == (CREATED,)


def test_a_message_may_hold_several_records():
    other = record("ObjectRemoved:Delete", key="x")
    [first, second] = read(notification(record(), other, record("ObjectTagging:Put")))
    assert (first, second.kind, second.key) == (CREATED, "removed", "x")


DEEP = "[" * 200_000
NO_EVENT = {
    "nothing": b"",
    "no JSON": b"hello",
    "no UTF-8": b"\xff\xfe\x00",
    "a list": b"[]",
    "a number": b"17",
    "nested beyond reason": DEEP.encode(),
    "an endless number": b'{"Records": ' + b"9" * 5000 + b"}",
    "an empty object": b"{}",
    "no records": b'{"Records": []}',
    "records of another kind": b'{"Records": [{"eventName": "INSERT", "dynamodb": {}}]}',
    "records that are none": b'{"Records": [1, null]}',
    "a confirmation of SNS": b'{"Type": "SubscriptionConfirmation", "Message": "You have chosen"}',
    "text by SNS": b'{"Type": "Notification", "Message": "hello"}',
    "another source of EventBridge": json.dumps(bridged() | {"source": "aws.ec2"}).encode(),
    "no key": json.dumps(notification(record(key=None))).encode(),
    "an empty key": json.dumps(notification(record(key=""))).encode(),
    "a key of 1025 bytes": json.dumps(notification(record(key="k" * 1025))).encode(),
    "a key that is no text": json.dumps(notification(record(key=7))).encode(),
    "a key that is no UTF-8": json.dumps(notification(record(key="%ff"))).encode(),
    "half of a character": json.dumps(bridged(key="\ud800")).encode(),
    "a bucket with a slash": json.dumps(bridged()).replace('"bucket"}', '"a/b"}').encode(),
    "a bucket of no possible name": json.dumps(bridged()).replace('"bucket"}', '"a..b"}').encode(),
    "one good record of two": json.dumps(notification(record(), record(key=None))).encode(),
    "sns in sns in sns": json.dumps(by_sns(by_sns(by_sns(bridged())))).encode(),
}


@pytest.mark.parametrize("name", NO_EVENT)
def test_what_is_no_event_of_s3_is_none(name):
    assert parse_message(NO_EVENT[name]) is None


@pytest.mark.parametrize("key", ["k" * 1024, "a//b/../c", "line\nbreak", "100%", "+", "山田/é", "\x01"])
def test_any_key_that_s3_takes_comes_back(key):
    assert read(notification(record(key=quote_plus(key))))[0].key == key
    assert read(bridged(key=key))[0].key == key


@pytest.mark.parametrize(
    "changes",
    [{"size": None}, {"size": -1}, {"size": 1.5}, {"size": True}, {"size": "10"}, {"size": 1 << 63}]
    + [{"eTag": None}, {"eTag": ""}, {"eTag": 'a"b'}, {"eTag": "a\r\nb"}, {"eTag": 3}],
    ids=str,
)
def test_what_an_event_does_not_say_makes_no_ref(changes):
    [event] = read(notification(record(**changes)))
    assert (event.kind, event.ref) == ("created", None)


def test_a_whole_event_is_an_object_as_if_it_were_listed():
    assert CREATED.ref == ObjectRef(f"s3://bucket/{KEY}", 10, "abc", TIME)
    assert read(notification(record(eTag='"abc"')))[0].ref == CREATED.ref
    assert as_reported("restored").ref is as_reported("removed").ref is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda v: st.lists(v) | st.dictionaries(st.text(), v),
)
names = st.sampled_from(
    ["Records", "Type", "Message", "Event", "source", "detail-type", "detail", "eventName", "eventTime", "time"]
    + ["s3", "bucket", "object", "name", "key", "size", "eTag", "etag", "sequencer"]
)
words = st.sampled_from(
    ["Notification", "aws.s3", "s3:TestEvent", *NAMES, *(name for name, _, _ in DETAILS), "0001-01-01T00:00:00+23:59"]
)
near_misses = st.recursive(
    json_values | words, lambda v: st.lists(v, max_size=3) | st.dictionaries(names, v, max_size=8), max_leaves=30
)


@given(st.binary() | st.text() | json_values.map(json.dumps) | near_misses.map(json.dumps))
def test_whatever_comes_is_events_or_none(body):
    events = parse_message(body)
    assert events is None or all(isinstance(event, ObjectEvent) for event in events)


@given(st.data())
def test_a_good_message_with_any_one_part_replaced_is_events_or_none(data):
    message = json.loads(json.dumps(data.draw(st.sampled_from([notification(record()), bridged()]))))
    at = message
    while True:
        key = data.draw(st.sampled_from([*at] if isinstance(at, dict) else [*range(len(at))]))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    at[key] = data.draw(json_values)
    for event in parse_message(json.dumps(message)) or ():
        assert event.uri.encode()
        assert event.size is None or 0 <= event.size < 1 << 63


def event(kind="created", etag="a", sequencer=None, time=None):
    return ObjectEvent("bucket", "key", kind, 10, etag, sequencer, time and datetime(2026, 1, 1, 0, 0, time))


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (event("created", sequencer="0A"), event("removed", sequencer="0B")),
        (event("removed", sequencer="0a"), event("created", sequencer="0B")),
        (event(sequencer="0A"), event(etag="b", sequencer="0A1")),  # 0A00 < 0A10: padded on the right
        (event(sequencer="0A1", etag="b"), event(sequencer="0B")),
        (event(sequencer="0A", time=2), event(etag="b", sequencer="0B", time=1)),  # the sequencer is S3's own order
        (event(time=1), event(etag="b", time=2)),
        (event(sequencer="FF", time=1), event("restored", time=2)),  # a restore has none
    ],
    ids=str,
)
def test_the_newest_event_stands(older, newer):
    assert newest_event([older, newer]) == newest_event([newer, older, newer]) == newer


@pytest.mark.parametrize(
    "events",
    [
        [event("created", sequencer="0A"), event("removed", sequencer="0A00")],
        [event(etag="a", time=1), event(etag="b", time=1)],
        [event(etag="a"), event(etag="b")],
        [event(sequencer="0A"), event(etag="b", time=1)],
    ],
    ids=str,
)
def test_a_contradiction_has_no_newest_event(events):
    assert newest_event(events) is newest_event(events[::-1]) is None


def test_the_same_event_by_two_ways_is_no_contradiction():
    [one], [other] = read(notification(record())), read(bridged() | {"time": "2026-05-06T07:08:09Z"})
    assert one != other
    assert newest_event([one, other]) == newest_event([other, one]) == one


some_events = st.builds(
    event,
    kind=st.sampled_from(["created", "removed", "restored"]),
    etag=st.sampled_from("ab"),
    sequencer=st.none() | st.text("0A1", min_size=1, max_size=3),
    time=st.none() | st.integers(1, 3),
)


@given(st.lists(some_events, min_size=1), st.randoms())
def test_order_and_duplicates_do_not_change_which_event_stands(events, random):
    stands = newest_event(events)
    shuffled = events + random.choices(events, k=3)
    random.shuffle(shuffled)
    assert newest_event(shuffled) == newest_event(set(events)) == stands
