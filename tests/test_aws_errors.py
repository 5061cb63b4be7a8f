"""One AWS error has one exit status and one sentence, whichever option and library it comes by.

The page docs/reference/errors.md is the oracle: a test compares its tables with the code and provokes each pair of its
matrix.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_udf.aws import clients
from dicom_udf.aws import s3 as aws_s3
from dicom_udf.aws.errors import MEANINGS, ErrorKind
from dicom_udf.aws.throttle import Throttle
from dicom_udf.cli import main
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError, DicomLakeError, RunFailedError
from dicom_udf.lake import lease
from dicom_udf.lake.faults import to_spark_error
from dicom_udf.sources.fault_queue import open_fault_queue
from tests.servers.events import make_queue
from tests.servers.proxy import Proxy, proxy
from tests.servers.rules import (
    ACCESS_DENIED,
    GLUE_DENIED,
    GLUE_EXPIRED,
    GLUE_THROTTLED,
    SLOW_DOWN,
    Answer,
    Refusal,
    Rule,
)
from tests.servers.s3 import S3Server, moto_server

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs/reference/errors.md").read_text(encoding="utf-8")
SAMPLE = str(ROOT / "sample_dcm" / "ct_abdomen")
NOWHERE = "http://127.0.0.1:9"
METADATA = "l/dicom/instances/metadata/00001-a.metadata.json"
PLACE = LakeLocation("s3://lake/l", catalog="glue")


def table(heading: str) -> list[list[str]]:
    """The cells of the table below a heading of the page, without its two first rows."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


SENTENCES = {kind: (int(status), sentence.strip("`")) for kind, status, sentence in table("Messages")}
WAYS = {way: (action.replace("`", ""), resource) for way, _, action, resource in table("Ways")}
MATRIX = {(row[0], way): cell for row in table("Exit status") for way, cell in zip(WAYS, row[1:], strict=True)}
PAIRS = [pair for pair, cell in MATRIX.items() if cell != "–"]


@dataclass(frozen=True)
class Servers:
    """A server with one lake and one queue, and a proxy that every service is reached by."""

    moto: S3Server
    way: Proxy
    queue: str


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """The catalog has tables of two lakes: one whose file is gone, one whose bucket is gone."""
    with moto_server() as moto, proxy(moto.endpoint) as way:
        for bucket in ("source", "lake"):
            moto.client().create_bucket(Bucket=bucket)
        moto.client().put_object(Bucket="source", Key="list.csv", Body=b"uri\n")
        glue = moto.client("glue")
        for database, lake in (("dicom", "s3://lake/l"), ("lost", "s3://no-such-bucket/l")):
            location = f"{lake}/{database}/instances"
            parameters = {"metadata_location": f"{location}/metadata/00001-a.metadata.json", "table_type": "ICEBERG"}
            glue.create_database(DatabaseInput={"Name": database})
            glue.create_table(
                DatabaseName=database,
                TableInput={
                    "Name": "instances",
                    "Parameters": parameters,
                    "StorageDescriptor": {"Location": location},
                },
            )
        yield Servers(moto, way, make_queue(moto, "events").url)


def forget_clients() -> None:
    for made in (clients.default_session, clients._new_client, aws_s3._new_store):
        made.cache_clear()


@pytest.fixture
def new_process(servers: Servers, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a process begins, without clients; it makes one try and doesn't wait."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    for name, value in servers.moto.environment.items():
        monkeypatch.setenv(name, value)
    for module in (clients, aws_s3, lease):
        monkeypatch.setattr(module, "TRIES", 1)
    monkeypatch.setattr(clients, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(aws_s3, "_throttle", Throttle(sleep=lambda _: None))
    forget_clients()
    servers.way.rules.clear()
    yield
    forget_clients()


S3_ANSWERS = {
    ErrorKind.CREDENTIALS_REJECTED: Answer(403, "InvalidAccessKeyId"),
    ErrorKind.DENIED: ACCESS_DENIED,
    ErrorKind.THROTTLED: SLOW_DOWN,
    ErrorKind.OTHER_REGION: Answer(400, "AuthorizationHeaderMalformed"),
    ErrorKind.OTHER: Answer(400, "InvalidArgument"),
}
JSON_ANSWERS = {
    ErrorKind.CREDENTIALS_REJECTED: GLUE_EXPIRED,
    ErrorKind.DENIED: GLUE_DENIED,
    ErrorKind.THROTTLED: GLUE_THROTTLED,
    ErrorKind.OTHER: Refusal(400, "SomethingElse"),
}
NO_WORKGROUP = Refusal(400, "InvalidRequestException", "WorkGroup research is not found.")


@dataclass(frozen=True)
class Way:
    """How a command comes by an error.

    Attributes:
        words: Of the command.
        missing: Words in whose stead the thing does not exist.
        requests: Key of the requests that the proxy answers.
        service: ``s3``, or that of another endpoint.
    """

    words: list[str]
    missing: dict[str, str]
    requests: str
    service: str = "s3"


def ingest(*words: str) -> list[str]:
    return ["ingest", *words]


LOCAL = "--lake={tmp}/lake"
LAKE = ["--lake=s3://lake/l", "--catalog=glue"]
NO_TABLES = "the Glue catalog has no tables in the database absent for the lake s3://lake/l; .*"
NO_BUCKET = "s3://no-such-bucket"
LOST = {"s3://lake": NO_BUCKET, "--catalog=glue": "--catalog=glue --database=lost"}
READERS = {command: Way([command, *LAKE], LOST, "*lake/*") for command in ("status", "failures", "verify", "columns")}
COMMANDS = {
    "source": [Way(ingest("s3://source/in", LOCAL), {"s3://source": NO_BUCKET}, "source*")],
    "manifest": [Way(ingest("--manifest=s3://source/list.csv", LOCAL), {"s3://source": NO_BUCKET}, "source*")],
    "inventory": [Way(ingest("--inventory=s3://source/list.csv", LOCAL), {"s3://source": NO_BUCKET}, "source*")],
    "queue": [Way(ingest("--queue={queue}", LOCAL), {"{queue}": "{queue}-none"}, "AmazonSQS/*", "sqs")],
    "error queue": [
        Way(ingest(SAMPLE, "--error-queue={queue}", LOCAL), {"{queue}": "{queue}-none"}, "AmazonSQS/*", "sqs")
    ],
    "lake": [Way(ingest(SAMPLE, *LAKE), {"s3://lake": NO_BUCKET}, "lake*")],
    "catalog": [Way(["maintain", *LAKE], {"--catalog=glue": "--catalog=glue --database=absent"}, "AWSGlue/*", "glue")],
    "query": [Way(["query", "SELECT 1", *LAKE, "--workgroup=research"], {}, "AmazonAthena/*", "athena")],
    "readers": list(READERS.values()),
}


def test_the_messages_on_the_page_are_the_codes() -> None:
    fields = {name: name.upper() for name in ("service", "action", "resource", "answer", "option")}
    assert {
        kind: (2 if meaning.error is ConfigurationError else 1, meaning.sentence.format(**fields))
        for kind, meaning in MEANINGS.items()
    } == SENTENCES


def test_the_codes_on_the_page_are_the_codes() -> None:
    listed = {
        kind: (set(re.findall(r"`(\w+)`", codes)), set(re.findall(r"\d+", status)))
        for kind, codes, status in table("Codes")
    }
    assert listed == {
        kind: ({code for code in meaning.codes if " " not in code}, set(map(str, meaning.statuses)))
        for kind, meaning in MEANINGS.items()
    }


def test_every_kind_has_a_row_and_every_way_a_column() -> None:
    assert list(SENTENCES) == list(MEANINGS) == list(ErrorKind)
    assert {kind for kind, _ in MATRIX} == set(ErrorKind)
    assert set(WAYS) == {*COMMANDS, "Spark"}


def expected(kind: str, way: str) -> str:
    """The sentence of a pair as a pattern; words in capitals differ from run to run."""
    action, resource = WAYS[way]
    service = action.partition(":")[0]
    name = service.upper() if service in ("s3", "sqs") else service.capitalize()
    option = f"--{'s3' if service == 's3' else 'aws'}-endpoint"
    fields = {
        "SERVICE": name,
        "ACTION": one_of(action),
        "RESOURCE": re.sub("[A-Z]{2,}", r"\\S+", one_of(resource)),
        "ANSWER": r"[\w ]*\w",
        "OPTION": option,
    }
    return re.sub("|".join(fields), lambda found: fields[found[0]], re.escape(SENTENCES[kind][1]))


def one_of(cell: str) -> str:
    return f"({'|'.join(map(re.escape, cell.split(' or ')))})"


def provoke(kind: ErrorKind, way: Way, servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Bring about the error; return the words of the command."""
    endpoints = dict.fromkeys(("s3", "aws"), servers.way.endpoint)
    words = way.words
    match kind:
        case ErrorKind.NO_CREDENTIALS:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.delenv(name)
        case ErrorKind.CREDENTIALS_UNAVAILABLE:
            for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
                monkeypatch.delenv(name)
            (tmp_path / "config").write_text(f"[default]\ncredential_process = {sys.executable} -c 'exit(1)'\n")
            monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        case ErrorKind.BAD_SETTINGS:
            monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
        case ErrorKind.UNREACHABLE:
            if way.service == "athena":  # the catalog, at the same endpoint, comes first
                monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", endpoints["aws"])
                monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", NOWHERE)
                del endpoints["aws"]
            else:
                endpoints["s3" if way.service == "s3" else "aws"] = NOWHERE
        case ErrorKind.MISSING if way.service != "athena":
            for there, none in way.missing.items():
                words = [part for word in words for part in word.replace(there, none).split(" ")]
        case _:
            answers = S3_ANSWERS if way.service == "s3" else JSON_ANSWERS
            answer = NO_WORKGROUP if kind is ErrorKind.MISSING else answers[kind]
            servers.way.rules.append(Rule(answer, key=way.requests, method=None, times=None))
    ready = [word.format(tmp=tmp_path, queue=servers.queue) for word in words]
    return [*ready, *(f"--{name}-endpoint={url}" for name, url in endpoints.items()), "--s3-region=us-east-1"]


def check(kind: str, way: str, status: int, message: str) -> None:
    assert status == int(MATRIX[kind, way]) == SENTENCES[kind][0], message
    sentence = NO_TABLES if (kind, way) == ("missing", "catalog") else expected(kind, way)
    assert re.fullmatch(sentence, message), message


@pytest.mark.parametrize(("kind", "way"), [(kind, way) for kind, way in PAIRS if way != "Spark"])
def test_a_pair_has_its_exit_status_and_sentence(
    new_process: None,
    servers: Servers,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    way: str,
) -> None:
    if (kind, way) == ("denied", "error queue"):  # the permission to send is enough at the start
        check(kind, way, *send_denied(servers))
        return
    # Reading begins alike in all commands, and DuckDB takes a second each: one kind of error for the others.
    for command in COMMANDS[way] if kind == "denied" else COMMANDS[way][:1]:
        with monkeypatch.context() as patched:
            forget_clients()
            words = provoke(ErrorKind(kind), command, servers, tmp_path, patched)
            status = main(words)
        message = capsys.readouterr().err.partition("dicom-lake: error: ")[2].rstrip("\n")
        check(kind, way, status, message)
    assert not (tmp_path / "lake").exists(), "nothing was written"


def send_denied(servers: Servers) -> tuple[int, str]:
    """Send to a queue that denies it; return the exit status of the run and the reason in its message."""
    servers.way.rules.append(Rule(GLUE_DENIED, key="AmazonSQS/*", method=None, times=None))
    queue = open_fault_queue(servers.queue, endpoint=servers.way.endpoint)
    queue.send(["{}"])
    with pytest.raises(RunFailedError, match="everything is committed, but not all faults could be sent") as raised:
        queue.check()
    assert str(queue.failure) in str(raised.value)
    return 1, str(queue.failure)


SDK = "software.amazon.awssdk"
METHOD = f"\n\tat {SDK}.services.s3.DefaultS3Client.putObject(DefaultS3Client.java:1)"
CLIENT = f"{SDK}.core.exception.SdkClientException: "
S3 = f"org.apache.spark.SparkException: Job aborted\nCaused by: {SDK}.services.s3.model."
JAVA = {
    "no credentials": f"{CLIENT}Unable to load credentials from any of the providers in the chain",
    "credentials rejected": f"{S3}S3Exception: The provided token has expired. (Service: S3, Status Code: 400)",
    "denied": f"{S3}S3Exception: Access Denied (Service: S3, Status Code: 403, Request ID: 1)",
    "throttled": f"{S3}S3Exception: Please reduce your request rate. (Service: S3, Status Code: 503)",
    "missing": f"{S3}NoSuchBucketException: The specified bucket does not exist (Service: S3, Status Code: 404)",
    "other region": f"{S3}S3Exception: The bucket must be addressed otherwise. (Service: S3, Status Code: 301)",
    "unreachable": f"{CLIENT}Unable to execute HTTP request: Connect to bucket failed",
    "bad settings": f"{CLIENT}Unable to load region from any of the providers in the chain",
    "other": f"{S3}S3Exception: We encountered an internal error. (Service: S3, Status Code: 500)",
}
"""Texts of AWS's library for Java 2, shortened. tests/lake/test_glue_faults.py has Spark meet some of them."""


@pytest.mark.parametrize("kind", [kind for kind, way in PAIRS if way == "Spark"])
def test_a_text_of_java_has_the_same_exit_status_and_sentence(kind: str) -> None:
    error = to_spark_error(JAVA[kind] + METHOD, PLACE)
    assert isinstance(error, DicomLakeError)
    check(kind, "Spark", 2 if isinstance(error, ConfigurationError) else 1, str(error))


def test_every_text_of_java_is_of_a_pair() -> None:
    assert set(JAVA) == {kind for kind, way in PAIRS if way == "Spark"}
