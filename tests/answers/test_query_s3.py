"""The commands that look at a lake in S3, where Glue or S3 refuse."""

from __future__ import annotations

import pytest

from dicom_udf.cli import main
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, EXPIRED_TOKEN, GLUE_DENIED, GLUE_EXPIRED, SLOW_DOWN, Rule
from tests.servers.s3 import moto_server

METADATA = "l/dicom/instances/metadata/00001-a.metadata.json"


@pytest.fixture(scope="module")
def servers():
    """A catalog that knows one table of a lake whose files are gone."""
    with moto_server() as server, proxy(server.endpoint) as way:
        server.client().create_bucket(Bucket="lake")
        glue = server.client("glue")
        glue.create_database(DatabaseInput={"Name": "dicom"})
        table = {
            "Name": "instances",
            "Parameters": {"metadata_location": f"s3://lake/{METADATA}", "table_type": "ICEBERG"},
            "StorageDescriptor": {"Location": "s3://lake/l/dicom/instances"},
        }
        glue.create_table(DatabaseName="dicom", TableInput=table)
        glue.create_database(DatabaseInput={"Name": "hive"})
        glue.create_table(DatabaseName="hive", TableInput={"Name": "instances"})
        yield server, way


@pytest.fixture
def status(servers, monkeypatch, capsys):
    """Ask for the status by way of the proxy; return exit status and message."""
    server, way = servers
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    way.rules.clear()

    def ask(*words, endpoint=way.endpoint):
        where = [f"--s3-endpoint={endpoint}", f"--aws-endpoint={way.endpoint}", "--s3-region=us-east-1"]
        given = main(["status", "--lake=s3://lake/l", "--catalog=glue", *where, *words])
        return given, capsys.readouterr().err.removeprefix("dicom-lake: error: ").strip()

    return ask


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (None, f"S3 answered 404 to s3:GetObject on s3://lake/{METADATA}; run again"),
        (Rule(ACCESS_DENIED, key="lake/*", method=None, times=None), "S3 denies s3:GetObject on "),
        (
            Rule(EXPIRED_TOKEN, key="lake/*", method=None, times=None),
            "S3 does not accept the credentials for s3:GetObject on ",
        ),
        (Rule(SLOW_DOWN, key="lake/*", method=None, times=None), "S3 throttles s3:GetObject on "),
        (Rule(GLUE_DENIED, key="AWSGlue/GetTable", method="POST"), "Glue denies glue:GetTable on the table dicom."),
        (
            Rule(GLUE_EXPIRED, key="AWSGlue/*", method="POST"),
            "Glue does not accept the credentials for glue:GetTable on the table dicom.instances (",
        ),
    ],
)
def test_a_refusal_is_one_sentence_and_status_1(servers, status, rule, sentence):
    servers[1].rules += [rule] * (rule is not None)
    given, said = status()
    assert (given, "\n" in said) == (1, False)
    assert said.startswith(sentence)


def test_a_server_that_is_not_there_is_named(status):
    given, said = status(endpoint="http://127.0.0.1:9")
    assert (given, "\n" in said) == (1, False)
    assert said.startswith(f"S3 did not answer s3:GetObject on http://127.0.0.1:9/lake/{METADATA} (no connection)")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ["--lake=s3://lake/other"],
            "the Glue catalog's table dicom.instances is in s3://lake/l/dicom/instances,",
        ),
        (
            ["--database=hive"],
            "the Glue catalog's table hive.instances is not an Iceberg table; give another --database",
        ),
        (["--database=absent"], "the Glue catalog has no tables in the database absent for the lake s3://lake/l;"),
    ],
)
def test_what_is_not_the_lake_is_refused_with_status_2(status, words, sentence):
    given, said = status(*words)
    assert (given, said[: len(sentence)]) == (2, sentence)
