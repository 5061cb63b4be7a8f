"""No region is a default: it is given, or in the environment, or S3 names the one of the lake's bucket.

moto keeps what it has by region, so a request that is signed for another one finds nothing.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

import dicom_udf
from dicom_udf.aws import clients
from dicom_udf.aws import s3 as aws_s3
from dicom_udf.aws.clients import configured_region, region_of_url
from dicom_udf.aws.regions import queue_region, service_region
from dicom_udf.aws.s3 import bucket_region, s3_client
from dicom_udf.aws.sqs import sqs_client
from dicom_udf.cli import main
from dicom_udf.config import IngestConfig, LakeLocation, S3Access, ScanConfig, StatusConfig
from dicom_udf.errors import ConfigurationError
from tests.job_process import ROOT, SCRIPTS
from tests.servers.events import TestQueue, make_queue, notification
from tests.servers.recordings import requests_of
from tests.servers.s3 import S3Server, moto_server
from tests.terraform.waker import call_waker

HERE, THERE = "eu-central-1", "eu-west-1"
CT = (ROOT / "sample_dcm" / "ct_abdomen" / "IM0001.dcm").read_bytes()
OF_A_REGION = ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL")


def without_region(server: S3Server) -> dict[str, str]:
    """The environment of a process that reaches a server and knows no region."""
    kept = {name: value for name, value in os.environ.items() if name not in OF_A_REGION}
    found = {name: value for name, value in server.environment.items() if name not in OF_A_REGION}
    return {**kept, **found, "AWS_ENDPOINT_URL": server.endpoint}


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    """A lake's bucket here, and a source's there."""
    with moto_server() as running:
        for bucket, region in (("lake", HERE), ("source", THERE)):
            place = {"LocationConstraint": region}
            replace(running, region=region).client().create_bucket(Bucket=bucket, CreateBucketConfiguration=place)
        yield replace(running, region=HERE)


def forget_clients() -> None:
    for made in (clients.default_session, clients._new_client, aws_s3._new_store, aws_s3._look_up_region):
        made.cache_clear()


@pytest.fixture
def no_region(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process as it begins, that knows no region."""
    for name in OF_A_REGION:
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        if name not in OF_A_REGION:
            monkeypatch.setenv(name, value)
    forget_clients()
    yield
    forget_clients()


# --- Where a region comes from


@pytest.mark.parametrize(
    ("url", "region"),
    [
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/events", "eu-west-1"),
        ("https://cn-north-1.queue.amazonaws.com.cn/123456789012/events", "cn-north-1"),
        ("https://vpce-0a1b2c-3d4e.sqs.us-gov-west-1.vpce.amazonaws.com/1/q", "us-gov-west-1"),
        ("https://bucket.vpce-0a1b-3d4e.s3.ap-southeast-2.vpce.amazonaws.com", "ap-southeast-2"),
        ("https://glue.eu-central-1.api.aws", "eu-central-1"),
        ("https://sqs.eusc-de-east-1.amazonaws.eu/1/q", "eusc-de-east-1"),
        ("https://s3.amazonaws.com", None),
        ("http://minio.eu-west-1.hospital.example:9000", None),
        ("http://127.0.0.1:9000", None),
        (None, None),
    ],
)
def test_a_url_of_aws_names_its_region(url: str | None, region: str | None) -> None:
    assert region_of_url(url) == region


def test_the_environment_names_the_region_by_either_variable(
    no_region: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert configured_region() is None
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    assert configured_region() == "eu-north-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-south-1")
    forget_clients()
    assert configured_region() == "eu-south-1"


def glue_lake(access: S3Access, aws_endpoint: str | None = None) -> LakeLocation:
    return LakeLocation("s3://lake/l", catalog="glue", access=access, aws_endpoint=aws_endpoint)


def test_the_given_region_comes_first_then_the_environments_then_the_endpoints_then_the_buckets(
    no_region: None, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_server = S3Access(server.endpoint)
    endpoint = "https://vpce-1.glue.eu-north-1.vpce.amazonaws.com"
    assert service_region(glue_lake(by_server), None) == HERE
    assert service_region(glue_lake(by_server), endpoint) == "eu-north-1"
    assert queue_region("http://127.0.0.1/1/q", glue_lake(by_server), server.endpoint) == HERE
    monkeypatch.setenv("AWS_REGION", "eu-south-1")
    assert service_region(glue_lake(by_server), endpoint) == "eu-south-1"
    assert service_region(glue_lake(S3Access(server.endpoint, "eu-west-3")), endpoint) == "eu-west-3"
    queue = "https://sqs.us-east-2.amazonaws.com/1/q"
    assert queue_region(queue, glue_lake(S3Access(server.endpoint, "eu-west-3")), endpoint) == "us-east-2"


def test_the_lake_may_be_in_another_region_than_its_source() -> None:
    config = IngestConfig(source="s3://s", lake="s3://l/a", catalog="glue", s3_region=THERE, aws_region=HERE)
    assert (config.access.region, config.location.access.region) == (THERE, HERE)
    config = replace(config, s3_region=None)
    assert (config.access.region, config.access.first_region, config.location.access.region) == (None, HERE, HERE)
    config = replace(config, s3_region=THERE, aws_region=None)  # as before there was --aws-region
    assert (config.access.region, config.location.access.region) == (THERE, THERE)
    assert ScanConfig(source="s3://s", s3_region=THERE).access == S3Access(None, THERE)
    assert StatusConfig(lake="s3://l/a", catalog="glue", aws_region=HERE).location.access.region == HERE


def test_a_bucket_of_aws_is_looked_up_where_s3_knows_all(no_region: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert s3_client(S3Access()).meta.endpoint_url == "https://s3.amazonaws.com"
    assert s3_client(S3Access(first_region=HERE)).meta.endpoint_url == f"https://s3.{HERE}.amazonaws.com"

    def answers(status: int, headers: dict[str, str]) -> None:
        answer = {"ResponseMetadata": {"HTTPStatusCode": status, "HTTPHeaders": headers}}
        monkeypatch.setattr(aws_s3, "request", lambda _: answer)
        aws_s3._look_up_region.cache_clear()

    for status in (200, 301, 400, 403):
        answers(status, {"x-amz-bucket-region": THERE})
        assert bucket_region("scans", S3Access()) == THERE
    answers(400, {})
    with pytest.raises(ConfigurationError, match="S3 does not name the region of the bucket scans; give --s3-region"):
        bucket_region("scans", S3Access())
    for status, sentence in ((404, "the bucket scans does not exist"), (403, "denies s3:ListBucket")):
        answers(status, {})
        with pytest.raises(aws_s3.AwsError) as failed:
            bucket_region("scans", S3Access())
        assert sentence in str(failed.value.to_exception("s3:ListBucket", "the bucket scans"))


def test_a_region_that_nothing_names_is_a_fault_of_the_configuration(
    no_region: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    local = LakeLocation(str(tmp_path / "lake"))
    with pytest.raises(ConfigurationError, match=r"no AWS region is known for the lake .*lake; give --aws-region"):
        service_region(local, None)
    with pytest.raises(ConfigurationError, match="no AWS region is known for the queue http://q/1/q; give"):
        sqs_client("http://q/1/q", None)
    assert main(["ingest", "--queue", "http://q/1/q", "--lake", local.root]) == 2
    assert "no AWS region is known" in capsys.readouterr().err
    assert not Path(local.root).exists()


@pytest.mark.parametrize("given", ["Frankfurt", "eu-central", "eu-central-1a", "EU-CENTRAL-1", "https://eu-west-1", ""])
def test_what_is_not_a_region_of_aws_is_refused(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "--lake", "s3://lake/l", "--catalog", "glue", "--aws-region", given]) == 2
    assert "argument --aws-region: must be a region of AWS like eu-central-1" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["us-east-1", "ap-southeast-2", "us-gov-west-1", "cn-northwest-1", "eusc-de-east-1"])
def test_each_partition_has_regions(name: str) -> None:
    assert IngestConfig(lake="/l", aws_region=name).aws_region == name
    assert main(["columns", "--search", "KVP", "--aws-region", name]) == 0


# --- Each entry point, in a process without a region


@dataclass
class Account:
    """What the entry points are run on.

    Attributes:
        server: Buckets, and everything else by region.
        queue: Events of the source.
        faults: The error queue.
        options: Of each command that needs the lake, without a region.
        signed: The regions of the requests of the last run, by service.
    """

    server: S3Server
    queue: TestQueue
    faults: TestQueue
    options: tuple[str, ...] = ("--lake", "s3://lake/l", "--catalog", "glue")
    signed: dict[str, set[str]] | None = None

    def run(self, *words: object, program: object = SCRIPTS / "dicom-lake") -> str:
        """Run an entry point to its good end; return what it printed."""
        command = [*([sys.executable] if str(program).endswith(".py") else []), str(program), *map(str, words)]
        recorder = f"{self.server.endpoint}/moto-api/recorder"
        for verb in ("reset-recording", "start-recording"):
            urllib.request.urlopen(urllib.request.Request(f"{recorder}/{verb}", method="POST"), timeout=60).close()
        done = subprocess.run(command, env=without_region(self.server), capture_output=True, text=True, check=False)
        urllib.request.urlopen(urllib.request.Request(f"{recorder}/stop-recording", method="POST"), timeout=60).close()
        with urllib.request.urlopen(f"{recorder}/download-recording", timeout=60) as answer:
            self.signed = signatures(answer.read().decode())
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout


def signatures(recording: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for request in requests_of(recording):
        headers = {name.lower(): value for name, value in request["headers"].items()}
        scope = re.search(r"Credential=[^/]+/\d+/([^/]+)/([^/]+)/aws4_request", headers.get("authorization", ""))
        if scope:
            found.setdefault(scope[2], set()).add(scope[1])
    return found


@pytest.fixture(scope="module")
def account(server: S3Server, tmp_path_factory: pytest.TempPathFactory) -> Account:
    """The source notifies a queue of three files, one of them none."""
    from moto.moto_api import recorder

    recorder._location = str(tmp_path_factory.mktemp("recording") / "requests.jsonl")
    there = replace(server, region=THERE).client()
    queue, faults = make_queue(server, "events"), make_queue(server, "faults")
    for key, body in (("a.dcm", CT), ("b.dcm", CT[:200]), ("c.txt", b"no header")):
        etag = there.put_object(Bucket="source", Key=key, Body=body)["ETag"].strip('"')
        queue.send(notification("source", key, size=len(body), etag=etag))
    return Account(server, queue, faults)


JOBS = ROOT / "glue_jobs"


@pytest.mark.spark
def test_no_entry_point_needs_a_region_in_its_environment(account: Account, tmp_path: Path) -> None:
    of_lake, local = account.options, ("--master", "local[2]")
    queues = ("--queue", account.queue.url, "--error-queue", account.faults.url, "--metrics-namespace", "Lake")
    account.run("init", *of_lake, *local)
    assert account.signed and account.signed["glue"] == {HERE}
    account.run(*queues, *of_lake, *local, program=JOBS / "ingest_dicom_headers.py")
    assert [account.signed[service] for service in ("glue", "sqs", "monitoring")] == [{HERE}] * 3
    assert len(account.faults.take()) == 1
    account.run("--attributes", "ReasonForVisit", *of_lake, *local, program=JOBS / "promote_columns.py")
    account.run(*of_lake, *local, program=JOBS / "maintain_tables.py")
    assert account.signed["glue"] == {HERE}
    account.server.client("glue").delete_table(DatabaseName="dicom", Name="objects")
    account.run("register", *of_lake, *local)
    for command in ("status", "failures", "verify", "columns"):
        account.run(command, *of_lake)
        assert account.signed["glue"] == {HERE}
        assert HERE in account.signed["s3"]
    account.run("scan", "s3://source", "--output", tmp_path / "headers.csv")
    assert THERE in account.signed["s3"]
    answer_of_athena(account)
    assert "340" in account.run("query", "SELECT count(*) FROM instances", *of_lake, "--workgroup", "primary")
    assert account.signed["athena"] == {HERE}


@pytest.mark.spark
def test_a_given_region_is_that_of_every_request(account: Account) -> None:
    """Also of the source's, on a server that isn't AWS: AWS redirects those of a bucket that is elsewhere."""
    words = ("--source", "s3://source", *account.options, "--database", "given", "--aws-region", HERE)
    queues = ("--error-queue", account.faults.url, "--metrics-namespace", "Lake")
    account.run(*words, *queues, "--master", "local[2]", program=JOBS / "ingest_dicom_headers.py")
    assert account.signed == {service: {HERE} for service in ("s3", "glue", "sqs", "monitoring")}
    glue = account.server.client("glue")
    assert glue.get_table(DatabaseName="given", Name="instances")


def answer_of_athena(account: Account) -> None:
    """Let moto's Athena answer the next query."""
    rows = [{"Data": [{"VarCharValue": text}]} for text in ("_col0", "340")]
    columns = [{"Name": "_col0", "Label": "_col0", "Type": "bigint"}]
    results = [{"rows": rows, "column_info": columns}]
    body = json.dumps({"account_id": "123456789012", "region": HERE, "results": results}).encode()
    url = f"{account.server.endpoint}/moto-api/static/athena/query-results"
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")
    urllib.request.urlopen(request, timeout=60).close()


def test_the_functions_of_python_need_none_either(
    no_region: None, server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", server.endpoint)
    replace(server, region=THERE).client().put_object(Bucket="source", Key="python/a.dcm", Body=CT)
    assert sum(batch.num_rows for batch in dicom_udf.scan("s3://source/python", workers=1)) == 1


def test_the_waker_needs_none(server: S3Server) -> None:
    """Its environment names the region of the queue and the jobs, whatever the Lambda's own says."""
    client: Any = server.client("glue")
    client.create_job(Name="ingest", Role="role", Command={"Name": "glueetl", "ScriptLocation": "s3://a/b.py"})
    queue = make_queue(server, "woken")
    queue.send("an event")
    settings = {"QUEUE_URL": queue.url, "INGEST_JOB": "ingest", "JOBS": '["ingest"]', "ARGUMENTS": "{}"}
    with pytest.MonkeyPatch.context() as patch:
        for name in OF_A_REGION:
            patch.delenv(name, raising=False)
        environment = {name: value for name, value in server.environment.items() if name not in OF_A_REGION}
        environment |= {"AWS_ENDPOINT_URL": server.endpoint, "REGION": HERE}
        assert call_waker({**environment, **settings})["started"]
