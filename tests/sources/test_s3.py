"""S3 as a source: every key as it is, no request too many, every refusal by its name."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from dicom_udf.aws import clients
from dicom_udf.aws import s3 as s3_requests
from dicom_udf.aws.throttle import Throttle
from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError
from dicom_udf.sources import (
    OBJECT_SCHEMA,
    ObjectRef,
    Patterns,
    S3Access,
    open_ahead,
    open_object,
    open_store,
)
from dicom_udf.sources import s3 as s3_module
from dicom_udf.tasks import Item
from tests.servers.proxy import proxy
from tests.servers.rules import (
    ACCESS_DENIED,
    EXPIRED_TOKEN,
    OBJECT_ARCHIVED,
    SLOW_DOWN,
    Answer,
    Cut,
    OtherEtag,
    Reset,
    Rule,
    Stall,
)

DATA = random.Random(3).randbytes(300_000)
KEYS = ["plain.dcm", "odd//key.dcm"]  # one is read by obstore, the other by boto3
ODD_KEYS = [
    "plain.dcm",
    "a b/c d.dcm",
    "a+b.dcm",
    "100%.dcm",
    "%41.dcm",
    "Ümlaut/山田.dcm",
    "double//slash.dcm",
    "/leading.dcm",
    ".hidden/.file",
    "dots/../up.dcm",
    "dot/./here.dcm",
    "question?mark#hash.dcm",
    "tab\tkey.dcm",
    "trailing/",
    "a" * 900,
    "&<>\"'.dcm",
    "c:\\windows\\path.dcm",
]


def listed(store: Any) -> list[ObjectRef]:
    return [ObjectRef(*row.values()) for batch in store.list() for row in batch.to_pylist()]


@pytest.mark.parametrize("key", ODD_KEYS)
def test_any_key_is_listed_as_it_is_and_read(bucket, access, key) -> None:
    etag = bucket.put(key, DATA)
    [ref] = listed(open_store(bucket.uri(), access=access))
    assert (ref.uri, ref.size, ref.etag) == (bucket.uri(key), len(DATA), etag)
    assert ref.last_modified is not None
    assert ref.last_modified.tzinfo is None
    with open_object(ref, access) as reader:
        assert reader.read(10) == DATA[:10]
        reader.seek(200_000)
        assert reader.read(100) == DATA[200_000:200_100]


@pytest.mark.parametrize("place", ["{0}", "{0}/a{0}b/{0}"])
def test_each_character_may_stand_anywhere_in_a_key(bucket, access, place) -> None:
    letters = [chr(n) for n in range(1, 128) if n != 10] + list("\x80\x85\xa0é山\u200b\u2028\ufeff\uffff😀")
    refs = {
        bucket.uri(key): ObjectRef(bucket.uri(key), 3, bucket.put(key, b"123")) for key in map(place.format, letters)
    }
    found = {ref.uri: ref.etag for ref in listed(open_store(bucket.uri(), access=access))}
    assert found == {uri: ref.etag for uri, ref in refs.items()}
    for ref in refs.values():
        with open_object(ref, access) as reader:
            assert reader.read() == b"123"


def test_a_listing_of_several_pages_is_whole_and_in_order(bucket, access, monkeypatch) -> None:
    monkeypatch.setattr(s3_module, "BATCH_ROWS", 20)
    monkeypatch.setattr(s3_module, "_PAGE_KEYS", 10)
    names = sorted(f"{n:05d}.dcm" for n in range(46))
    for name in names:
        bucket.put(f"in/{name}")
    bucket.put("inside")
    bucket.put("other/a")
    batches = list(open_store(bucket.uri("in"), access=access).list())
    assert [batch.num_rows for batch in batches] == [20, 20, 6]
    assert all(batch.schema == OBJECT_SCHEMA for batch in batches)
    assert [uri for batch in batches for uri in batch.column(0).to_pylist()] == [bucket.uri(f"in/{n}") for n in names]


def test_a_folder_marker_is_no_object_but_a_filled_one_is(bucket, access) -> None:
    bucket.put("in/", b"")
    bucket.put("in/deep/", b"")
    bucket.put("in/deep_$folder$", b"")
    bucket.put("in/odd/", b"content")
    bucket.put("in/odd_$folder$", b"content")
    filled = [bucket.uri("in/odd/"), bucket.uri("in/odd_$folder$")]
    assert [ref.uri for ref in listed(open_store(bucket.uri("in"), access=access))] == filled


def test_a_source_is_a_folder_or_one_object(bucket, access) -> None:
    bucket.put("a/1")
    bucket.put("a/2")
    bucket.put("ab")
    bucket.put("b")
    assert open_store(bucket.uri("a"), access=access).scope == bucket.uri("a/")
    assert len(listed(open_store(bucket.uri("a"), access=access))) == 2
    one = open_store(bucket.uri("b"), access=access)
    assert (one.scope, len(listed(one))) == (bucket.uri("b"), 1)
    assert len(listed(open_store(f"s3://{bucket.name}", access=access))) == 4


def test_one_object_that_denies_itself_is_listed_and_its_reading_says_so(bucket, access, server) -> None:
    bucket.put("b")
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(ACCESS_DENIED, method=None, key="*/b", times=None))
        through = S3Access(endpoint=way.endpoint, region=server.region)
        [ref] = listed(open_store(bucket.uri("b"), access=through))
        with pytest.raises(FileFault) as raised, open_object(ref, through) as reader:
            reader.read()
        assert raised.value.code is FailureCode.ACCESS_DENIED


def test_one_object_is_listed_by_one_request_however_many_keys_begin_with_its_own(
    bucket, access, server, monkeypatch
) -> None:
    monkeypatch.setattr(s3_module, "_PAGE_KEYS", 2)
    for key in ("b", "b-1", "b-2", "b0"):
        bucket.put(key)
    with proxy(server.endpoint) as way:
        store = open_store(bucket.uri("b"), access=S3Access(endpoint=way.endpoint, region=server.region))
        way.exchanges.clear()
        assert [ref.uri for ref in listed(store)] == [bucket.uri("b")]
        assert [(exchange.method, exchange.key) for exchange in way.exchanges] == [("GET", bucket.name)]


@pytest.mark.parametrize("key", KEYS)
def test_an_empty_object_is_empty_even_where_a_store_gives_no_etags(bucket, access, key) -> None:
    bucket.put(key, b"")
    [ref] = listed(open_store(bucket.uri(), access=access))
    for same in (ref, replace(ref, etag="")):
        with open_object(same, access) as reader:
            assert reader.read() == b""


def test_what_is_not_there_is_refused_before_anything_is_written(bucket, access) -> None:
    with pytest.raises(ConfigurationError, match="the bucket no-such-bucket does not exist"):
        open_store("s3://no-such-bucket/x", access=access)
    with pytest.raises(ConfigurationError, match="there is nothing at"):
        open_store(bucket.uri("typo"), access=access, may_be_empty=False)
    assert listed(open_store(bucket.uri("gone"), access=access)) == []


@pytest.mark.parametrize("source", ["s3://", "s3:///key", "s3://a b/key", "s3://b?/"])
def test_what_no_bucket_can_be_called_is_refused(access, source) -> None:
    with pytest.raises(ConfigurationError, match=r"s3://|the bucket .* does not exist"):
        open_store(source, access=access)


def test_a_listing_that_is_denied_ends_the_run(bucket, access, server) -> None:
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(ACCESS_DENIED, key=f"{bucket.name}*", times=None))
        with pytest.raises(
            RunFailedError, match=r"S3 denies s3:ListBucket on the bucket .* \(AccessDenied\); grant it"
        ):
            open_store(bucket.uri("in"), access=S3Access(endpoint=way.endpoint, region=server.region))


def test_patterns_are_matched_below_the_source(bucket, access) -> None:
    for key in ("in/a.dcm", "in/tmp/b.dcm", "in/c.txt"):
        bucket.put(key)
    store = open_store(bucket.uri("in"), access=access, patterns=Patterns(("*.dcm",), ("tmp/*",)))
    assert [ref.uri for ref in listed(store)] == [bucket.uri("in/a.dcm")]


def test_an_object_costs_one_request_and_no_head(bucket, access, server) -> None:
    for number in range(12):
        bucket.put(f"{number}", DATA)
    with proxy(server.endpoint) as way:
        through = S3Access(endpoint=way.endpoint, region=server.region)
        refs = listed(open_store(bucket.uri(), access=access))
        for _, reader in open_ahead(map(Item, refs), through):
            assert not isinstance(reader, FileFault)
            assert reader.read(64 << 10) == DATA[: 64 << 10]
            assert (reader.requests, reader.bytes_read) == (1, 64 << 10)
            reader.close()
        assert [exchange.method for exchange in way.exchanges] == ["GET"] * 12


FAULTS = [
    (Answer(403, "AccessDenied"), FailureCode.ACCESS_DENIED),
    (Answer(403, "AllAccessDisabled"), FailureCode.ACCESS_DENIED),
    (Answer(403, "InvalidObjectState"), FailureCode.OBJECT_ARCHIVED),
    (Answer(404, "NoSuchKey"), FailureCode.NOT_FOUND),
    (Answer(412, "PreconditionFailed"), FailureCode.OBJECT_CHANGED),
    (Answer(416, "InvalidRange"), FailureCode.OBJECT_CHANGED),
    (Answer(400, "KMS.DisabledException"), FailureCode.READ_ERROR),
    (Answer(400, "InvalidRequest"), FailureCode.READ_ERROR),
    (Answer(405, "MethodNotAllowed"), FailureCode.READ_ERROR),
    (Answer(500, "InternalError"), FailureCode.READ_ERROR),
    (Answer(503, "SlowDown"), FailureCode.READ_ERROR),
    (Reset(after=1000), FailureCode.READ_ERROR),
    (Reset(after=None), FailureCode.READ_ERROR),
    (Cut(1), FailureCode.READ_ERROR),
    (OtherEtag(), FailureCode.OBJECT_CHANGED),
]
FATAL = [
    (Answer(400, "ExpiredToken"), "credentials"),
    (Answer(403, "InvalidAccessKeyId"), "credentials"),
    (Answer(403, "SignatureDoesNotMatch"), "credentials"),
    (Answer(403, "RequestTimeTooSkewed"), "credentials"),
    (Answer(404, "NoSuchBucket"), "does not exist"),
    (Answer(301, "PermanentRedirect"), "--s3-region"),
    (Answer(400, "AuthorizationHeaderMalformed"), "--s3-region"),
    (Answer(401, "Unauthorized"), "credentials"),
]
PASSING = [SLOW_DOWN, Answer(500, "InternalError"), Reset(after=70_000), Stall(seconds=2, after=1000), Cut(5)]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No waits between tries, and short ones for an answer."""
    monkeypatch.setattr(clients, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(s3_requests, "TIMEOUT", 1.0)
    monkeypatch.setattr(s3_requests, "_throttle", Throttle(sleep=lambda _: None))


def broken(bucket: Any, server: Any, key: str, rule: Rule) -> Any:
    """Read an object through a proxy that breaks it; returns (data or fault)."""
    etag = bucket.put(key, DATA)
    with proxy(server.endpoint) as way:
        way.rules.append(rule)
        through = S3Access(endpoint=way.endpoint, region=server.region)
        with open_object(ObjectRef(bucket.uri(key), len(DATA), etag), through) as reader:
            return reader.read()


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("answer", "code"), FAULTS, ids=str)
def test_each_refusal_has_its_code(bucket, access, server, impatient, key, answer, code) -> None:
    with pytest.raises(FileFault) as raised:
        broken(bucket, server, key, Rule(answer, times=None))
    assert raised.value.code is code
    assert code.is_curable


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("answer", "word"), FATAL, ids=str)
def test_what_no_object_can_help_ends_the_run(bucket, access, server, impatient, key, answer, word) -> None:
    with pytest.raises(RunFailedError, match=word):
        broken(bucket, server, key, Rule(answer, times=None))


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("action", PASSING, ids=str)
def test_what_passes_is_tried_again(bucket, access, server, impatient, key, action) -> None:
    assert broken(bucket, server, key, Rule(action, times=2)) == DATA


@pytest.mark.parametrize("key", KEYS)
def test_a_replaced_object_is_never_mixed(bucket, access, key) -> None:
    etag = bucket.put(key, DATA)
    ref = ObjectRef(bucket.uri(key), len(DATA), etag)
    with open_object(ref, access) as reader:
        assert reader.read(100) == DATA[:100]
        bucket.put(key, bytes(len(DATA)))
        reader.seek(200_000)
        with pytest.raises(FileFault) as raised:
            reader.read(100)
    assert raised.value.code is FailureCode.OBJECT_CHANGED


@pytest.mark.parametrize("key", KEYS)
def test_an_object_of_a_store_without_etags_is_known_by_its_time(bucket, access, key) -> None:
    bucket.put(key, DATA)
    [listed_ref] = listed(open_store(bucket.uri(), access=access))
    assert listed_ref.last_modified is not None
    with open_object(replace(listed_ref, etag=""), access) as reader:
        assert reader.read() == DATA
    before = replace(listed_ref, etag="", last_modified=listed_ref.last_modified - timedelta(days=1))
    with open_object(before, access) as reader, pytest.raises(FileFault) as raised:
        reader.read()
    assert raised.value.code is FailureCode.OBJECT_CHANGED


def test_an_object_gone_since_the_listing_is_not_found(bucket, access) -> None:
    with pytest.raises(FileFault) as raised:
        open_object(ObjectRef(bucket.uri("gone"), 5, "abc"), access).read(5)
    assert raised.value.code is FailureCode.NOT_FOUND


def test_a_server_that_nobody_reaches_ends_the_run(access, impatient) -> None:
    nowhere = S3Access(endpoint="http://127.0.0.1:9", region="us-east-1")
    with pytest.raises(RunFailedError, match=r"S3 did not answer .* \(no connection\)"):
        open_object(ObjectRef("s3://bucket/key", 5, "abc"), nowhere).read(5)
    with pytest.raises(RunFailedError, match=r"S3 did not answer .* \(no connection\)"):
        open_store("s3://bucket/key", access=nowhere)


def test_a_fault_ahead_belongs_to_its_object(bucket, access, server) -> None:
    refs = [ObjectRef(bucket.uri(str(n)), len(DATA), bucket.put(str(n), DATA)) for n in range(12)]
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(ACCESS_DENIED, key=f"{bucket.name}/7", times=None))
        way.rules.append(Rule(OBJECT_ARCHIVED, key=f"{bucket.name}/9", times=None))
        through = S3Access(endpoint=way.endpoint, region=server.region)
        opened = [reader for _, reader in open_ahead(map(Item, refs), through)]
    faults = {n: one.code for n, one in enumerate(opened) if isinstance(one, FileFault)}
    assert faults == {7: FailureCode.ACCESS_DENIED, 9: FailureCode.OBJECT_ARCHIVED}


def test_expired_credentials_ahead_end_the_run(bucket, access, server) -> None:
    refs = [ObjectRef(bucket.uri(str(n)), len(DATA), bucket.put(str(n), DATA)) for n in range(3)]
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(EXPIRED_TOKEN, times=None))
        through = S3Access(endpoint=way.endpoint, region=server.region)
        with pytest.raises(RunFailedError, match="renew them"):
            list(open_ahead(map(Item, refs), through))


def test_requests_slow_down_and_recover() -> None:
    now = [0.0]
    throttle = Throttle(clock=lambda: now[0], sleep=lambda seconds: now.__setitem__(0, now[0] + seconds))
    throttle.wait()
    assert now[0] == 0.0, "nothing is slowed down before anyone asks for it"
    for _ in range(32):
        throttle.slow_down()
    assert throttle.interval == pytest.approx(0.005), "a burst counts once"
    for _ in range(12):
        now[0] += 0.3
        throttle.slow_down()
    assert throttle.interval == 1.0
    before = now[0]
    for _ in range(3):
        throttle.wait()
    assert now[0] - before == pytest.approx(2.0)
    for _ in range(400):
        throttle.succeeded()
    assert throttle.interval == 0.0
