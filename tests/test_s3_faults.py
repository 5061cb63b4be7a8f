"""What goes wrong between here and S3: nothing is lost, and what can't be read is named by the right code.

A real server behind a proxy that breaks what it is reported to; objects are listed and read as a task does it.
"""

import io
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from dicom_udf.aws.throttle import Throttle
from dicom_udf.errors import FailureCode, RunFailedError
from dicom_udf.read import read_rows
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectRef, S3Access, open_store
from dicom_udf.tasks import Item, ReadSettings, Stamp
from tests.servers.proxy import proxy
from tests.servers.rules import (
    ACCESS_DENIED,
    EXPIRED_TOKEN,
    NO_SUCH_KEY,
    OBJECT_ARCHIVED,
    PRECONDITION_FAILED,
    SLOW_DOWN,
    Cut,
    First,
    OtherEtag,
    Reset,
    Rule,
    Stall,
)
from tests.servers.s3 import REGION, moto_s3

STAMP = Stamp("run-1", datetime(2024, 5, 6))
CT = Path(get_testdata_file("CT_small.dcm")).read_bytes()
LOOSE = 24
MEMBERS = 60


def zip_of(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(members):
            archive.writestr(f"{number:02}.dcm", CT)
    return file.getvalue()


CONTENT = {f"loose/{number:02}.dcm": CT for number in range(LOOSE)} | {"zip/slices.zip": zip_of(MEMBERS)}

PASSING = {
    "a burst of SlowDown": SLOW_DOWN,
    "connections that break off before the head": Reset(None),
    "resets before the body": Reset(0),
    "resets in mid-body": Reset(10_000),
    "bodies that end too soon": Reset(10_000, by_rst=False),
    "answers shorter than asked": Cut(missing=100),
    "stalls in mid-body": Stall(0.3, after=10_000),
    "stalls before the body": Stall(0.3),
}


@pytest.fixture(scope="module")
def server():
    """A bucket with loose objects and a zip."""
    with moto_s3() as running:
        client = running.client()
        client.create_bucket(Bucket="bucket")
        for key, content in CONTENT.items():
            client.put_object(Bucket="bucket", Key=key, Body=content)
        yield running


@pytest.fixture
def way(server, monkeypatch):
    """A proxy to the server, whose credentials are in the environment; waits between tries are short."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("dicom_udf.aws.clients.FIRST_WAIT", 0.02)
    monkeypatch.setattr("dicom_udf.aws.s3._throttle", Throttle())
    with proxy(server.endpoint) as running:
        yield running


@pytest.fixture
def client(server):
    """A client of the server itself; what it changes is put back."""
    client = server.client()

    def stored():
        return {
            found["Key"]: (found["ETag"], found["StorageClass"])
            for found in client.list_objects_v2(Bucket="bucket")["Contents"]
        }

    before = stored()
    yield client
    for key, _ in before.items() - stored().items():
        client.put_object(Bucket="bucket", Key=key, Body=CONTENT[key])


def access_by(way):
    return S3Access(endpoint=way.endpoint, region=REGION, path_style=True)


def listed(way, prefix=""):
    store = open_store(f"s3://bucket/{prefix}", access=access_by(way))
    return [ObjectRef(*row.values()) for batch in store.list() for row in batch.to_pylist()]


def read(way, refs):
    """Rows of the files."""
    return [row for row in read_all(way, refs) if row["kind"] is not RowKind.OBJECT]


def read_all(way, refs):
    """Rows of the files, and the ledger's entries."""
    return list(read_rows([Item(ref) for ref in refs], ReadSettings(STAMP, access_by(way))))


def found(rows):
    """What each file gave: instance, or the code of its failure."""
    return {
        (row["source_uri"].removeprefix("s3://bucket/"), row["source_member"]): row.get("code") or row["kind"]
        for row in rows
    }


ALL_LOOSE = {(f"loose/{number:02}.dcm", None): "instance" for number in range(LOOSE)}
ALL_MEMBERS = {("zip/slices.zip", f"{number:02}.dcm"): "instance" for number in range(MEMBERS)}


def test_without_faults_all_is_read_and_what_is_counted_is_what_was_asked(way):
    refs = listed(way)
    way.exchanges.clear()
    rows = read_all(way, refs)
    entries = [row for row in rows if row["kind"] is RowKind.OBJECT]
    assert found(row for row in rows if row not in entries) == ALL_LOOSE | ALL_MEMBERS
    assert way.count("GET") == sum(entry["requests"] for entry in entries)
    assert way.sent("GET") == sum(entry["bytes_read"] for entry in entries)
    assert [entry["requests"] for entry in entries if "loose" in entry["source_uri"]] == [1] * LOOSE


@pytest.mark.parametrize("prefix", ["loose/", "zip/"])
@pytest.mark.parametrize("fault", PASSING)
def test_nothing_is_lost_by(fault, way, prefix):
    refs = listed(way, prefix)
    rule = Rule(PASSING[fault], times=10 if prefix == "loose/" else 3)  # a zip is few requests, and has tries for each
    way.rules.append(rule)
    rows = read(way, refs)
    assert found(rows) == (ALL_LOOSE if prefix == "loose/" else ALL_MEMBERS)
    assert rule.hits > 0


def test_nothing_is_lost_by_a_burst_while_listing(way):
    way.rules += [Rule(SLOW_DOWN, key="bucket*", times=2)]
    assert len(listed(way)) == LOOSE + 1
    assert way.rules[0].hits == 2


REFUSED = {
    "ACCESS_DENIED": ACCESS_DENIED,
    "NOT_FOUND": NO_SUCH_KEY,
    "OBJECT_ARCHIVED": OBJECT_ARCHIVED,
    "OBJECT_CHANGED": PRECONDITION_FAILED,
}


@pytest.mark.parametrize("code", REFUSED)
def test_a_refused_key_costs_itself(code, way):
    refs = listed(way, "loose/")
    way.rules.append(Rule(REFUSED[code], key="bucket/loose/07.dcm", times=None))
    assert found(read(way, refs)) == ALL_LOOSE | {("loose/07.dcm", None): code}
    assert way.rules[0].hits == 1  # what S3 has decided isn't asked again
    assert FailureCode(code).is_curable


def test_an_object_that_goes_between_listing_and_reading_is_not_found(way, client):
    refs = listed(way, "loose/")
    client.delete_object(Bucket="bucket", Key="loose/07.dcm")
    assert found(read(way, refs)) == ALL_LOOSE | {("loose/07.dcm", None): "NOT_FOUND"}


def test_an_object_in_glacier_is_archived(way, client):
    client.put_object(Bucket="bucket", Key="loose/07.dcm", Body=CT, StorageClass="GLACIER")
    assert found(read(way, listed(way, "loose/"))) == ALL_LOOSE | {("loose/07.dcm", None): "OBJECT_ARCHIVED"}


@pytest.mark.parametrize("length", [len(CT), len(CT) + 2], ids=["same size", "other size"])
def test_an_object_that_is_replaced_between_listing_and_reading_has_changed(way, client, length):
    refs = listed(way, "loose/")
    client.put_object(Bucket="bucket", Key="loose/07.dcm", Body=bytes(length))
    assert found(read(way, refs)) == ALL_LOOSE | {("loose/07.dcm", None): "OBJECT_CHANGED"}


def test_an_object_that_is_replaced_between_two_ranges_is_never_a_mixture(way, client):
    refs = listed(way, "zip/")
    other = zip_of(MEMBERS).replace(b"CompressedSamples", b"SOMEBODY^ELSE^^^^")
    change = First(lambda: client.put_object(Bucket="bucket", Key="zip/slices.zip", Body=other))
    way.rules.append(Rule(change, first=2))
    rows = read(way, refs)
    assert way.rules[0].hits == 1
    assert found(rows)["zip/slices.zip", None] == "OBJECT_CHANGED"
    assert not any("SOMEBODY" in row.get("patient_name", "") for row in rows)


def test_another_etag_than_the_listed_one_is_a_change_even_if_the_server_ignores_the_condition(way):
    refs = listed(way, "loose/")
    way.rules.append(Rule(OtherEtag(), key="bucket/loose/07.dcm", times=None))
    assert found(read(way, refs)) == ALL_LOOSE | {("loose/07.dcm", None): "OBJECT_CHANGED"}


def test_an_answer_shorter_than_asked_is_no_end_of_a_file(way):
    refs = listed(way, "loose/")
    way.rules.append(Rule(Cut(missing=100), key="bucket/loose/07.dcm", times=None))
    assert found(read(way, refs)) == ALL_LOOSE | {("loose/07.dcm", None): "READ_ERROR"}


def test_a_stall_longer_than_the_time_limit_of_a_request_is_asked_again(way, monkeypatch):
    monkeypatch.setattr("dicom_udf.aws.s3.TIMEOUT", 2.0)
    refs = listed(way, "loose/")
    way.rules.append(Rule(Stall(30, after=10_000), key="bucket/loose/07.dcm"))
    assert found(read(way, refs)) == ALL_LOOSE
    assert way.count("GET", "bucket/loose/07.dcm") >= 2


class NotedThrottle(Throttle):
    """Notes how far apart it holds requests."""

    def __init__(self) -> None:
        super().__init__()
        self.intervals: list[float] = []

    @property
    def longest(self) -> float:
        return max(self.intervals)

    def slow_down(self) -> None:
        super().slow_down()
        self.intervals.append(self.interval)


def test_on_slow_down_the_rate_of_requests_falls_and_recovers(way, monkeypatch):
    throttle = NotedThrottle()
    monkeypatch.setattr("dicom_udf.aws.s3._throttle", throttle)
    monkeypatch.setattr("dicom_udf.aws.clients.FIRST_WAIT", 0.1)
    refs = listed(way, "loose/") * 16
    way.exchanges.clear()
    way.rules.append(Rule(SLOW_DOWN, first=100, times=None, lasting=1.5))
    rows = read(way, refs)
    assert [row["message"] for row in rows if row["kind"] != "instance"] == []
    refused = [number for number, exchange in enumerate(way.exchanges) if exchange.status == 503]
    assert len(refused) > 1
    assert len(way.exchanges) > refused[-1] + 100, "requests went on after the last refusal"
    assert throttle.intervals[0] < throttle.longest, "slower with each refusal"
    assert throttle.longest >= 0.02, "fifty requests a second instead of hundreds"
    assert throttle.interval < throttle.longest / 4, "and faster again with each success"


@pytest.mark.parametrize("first", [1, 20])
def test_expired_credentials_end_the_run_and_make_no_failure_of_any_file(way, first):
    refs = listed(way, "loose/")
    way.rules.append(Rule(EXPIRED_TOKEN, first=first, times=None))
    with pytest.raises(RunFailedError):
        read(way, refs)


def test_a_server_that_is_gone_ends_the_run(way, server):
    with proxy(server.endpoint) as gone:
        refs = listed(gone, "loose/")
    with pytest.raises(RunFailedError):
        read(gone, refs[:1])
