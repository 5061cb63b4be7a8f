"""The job end to end with its source in S3."""

from __future__ import annotations

import io
import json
import warnings
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from dicom_udf import tasks
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.sample import EXPECTED
from tests.servers.proxy import proxy
from tests.servers.rules import EXPIRED_TOKEN, Rule
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
    """A client, and an empty bucket ``source`` that the job reads too."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    client = server.client()
    client.create_bucket(Bucket="source")
    yield client
    for entry in client.list_objects_v2(Bucket="source").get("Contents", []):
        client.delete_object(Bucket="source", Key=entry["Key"])
    client.delete_bucket(Bucket="source")


@pytest.fixture
def run(spark, server, tmp_path):
    def run(**changes):
        where = {"s3_endpoint": server.endpoint, "s3_region": server.region, "lake": str(tmp_path / "lake")}
        return ingest(IngestConfig(**where | changes))

    return run


def ledger(tmp_path):
    rows = connect_lake(LakeLocation(str(tmp_path / "lake"))).table("objects").collect()
    return {row["source_uri"].removeprefix("s3://source/"): row for row in rows}


def test_the_sample_in_s3_gives_what_it_gives_on_disk(run, client, tmp_path):
    for name in EXPECTED["files"]:
        client.put_object(Bucket="source", Key=f"in/{name}", Body=(SAMPLE / name).read_bytes())
    report = run(source="s3://source/in")
    assert (report.instances, report.failures) == (EXPECTED["instances"], EXPECTED["failures"])
    assert report.requests >= report.objects_read - 1  # an empty object needs none
    assert report.bytes_read > 0
    again = run(source="s3://source/in")
    assert (again.objects_unchanged, again.objects_read, again.requests) == (len(EXPECTED["files"]), 0, 0)


def test_patterns_bound_what_is_read_and_what_counts_as_deleted(run, client, tmp_path):
    for name in ("a.dcm", "b.dcm", "d.dcm", "notes.txt", "tmp/c.dcm"):
        client.put_object(Bucket="source", Key=name, Body=CT)
    assert run(source="s3://source").objects_new == 5
    for name in ("b.dcm", "notes.txt", "tmp/c.dcm"):
        client.delete_object(Bucket="source", Key=name)
    report = run(source="s3://source", include=("*.dcm",), exclude=("tmp/*",))
    assert (report.objects_listed, report.objects_deleted) == (2, 1)
    assert sorted(ledger(tmp_path)) == ["a.dcm", "d.dcm", "notes.txt", "tmp/c.dcm"]


def test_a_manifest_adds_and_deletes_nothing(run, client, tmp_path):
    for name in ("a.dcm", "b.dcm", "c d+é.dcm"):
        client.put_object(Bucket="source", Key=name, Body=CT)
    assert run(source="s3://source", exclude=("c*",)).objects_new == 2
    lines = [{"bucket": "source", "key": "c d+é.dcm"}, {"uri": "s3://source/gone.dcm"}, {"uri": "s3://source/a.dcm"}]
    client.put_object(Bucket="source", Key="m.jsonl", Body="\n".join(map(json.dumps, lines)).encode())
    report = run(manifest="s3://source/m.jsonl")
    assert (report.objects_listed, report.objects_new, report.objects_deleted) == (3, 2, 0)
    assert report.failures == {"NOT_FOUND": 1}
    found = {name: row["status"] for name, row in ledger(tmp_path).items()}
    assert found == {"a.dcm": "ingested", "b.dcm": "ingested", "c d+é.dcm": "ingested", "gone.dcm": "failed"}


def test_a_zip_that_tasks_share_is_one_object(run, client, tmp_path, monkeypatch):
    monkeypatch.setattr(tasks, "LEAST_COST", 1)  # a task for each range, small as they are
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile's, about equal names
        for number in range(25):
            archive.writestr(f"{number % 20}.dcm", CT)
        archive.writestr("notes", b"no header")
    client.put_object(Bucket="source", Key="large.zip", Body=out.getvalue())
    client.put_object(Bucket="source", Key="loose.dcm", Body=CT)
    report = run(source="s3://source", split_probe_bytes=1, split_members=4)
    assert (report.objects_read, report.instances, report.failures) == (2, 26, {"NOT_DICOM": 1})
    row = ledger(tmp_path)["large.zip"]
    assert (row["instances"], row["failures"], row["status"]) == (25, 1, "ingested")
    rows = connect_lake(LakeLocation(str(tmp_path / "lake"))).table("instances").select("source_member").collect()
    names = Counter(row["source_member"] for row in rows)
    assert names == Counter([None, *(f"{n}.dcm" for n in range(20)), *(f"{n}.dcm#2" for n in range(5))])


def test_credentials_that_expire_while_tasks_read_fail_the_run(run, client, server, tmp_path):
    for number in range(3):
        client.put_object(Bucket="source", Key=f"{number}.dcm", Body=CT)
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(EXPIRED_TOKEN, key="source/*.dcm", times=None))
        with pytest.raises(
            RunFailedError, match=r"^S3 does not accept the credentials for .* \(ExpiredToken\); renew them"
        ):
            run(source="s3://source", s3_endpoint=way.endpoint)
    assert ledger(tmp_path) == {}
    assert run(source="s3://source").objects_new == 3


@pytest.mark.parametrize("source", ["s3://no-such-bucket/in", "s3://source/typo"])
def test_a_source_that_is_not_there_writes_nothing(run, client, tmp_path, source):
    with pytest.raises(ConfigurationError):
        run(source=source)
    assert not (tmp_path / "lake").exists()
