"""Files of a lake in S3: one request for a small file, parts for a large one, and what is left after an error."""

import io
import json
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dicom_udf.config import S3Access
from dicom_udf.datafiles import reading, write_data_files, write_position_deletes
from dicom_udf.datafiles.reading import LiveFile, read_live_rows
from dicom_udf.errors import RunFailedError
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, EXPIRED_TOKEN, SLOW_DOWN, Rule
from tests.servers.s3 import moto_s3

from .targets import spec, target_with

SCHEMA = pa.schema([pa.field("name", pa.string()), pa.field("data", pa.binary())])
FOLDER = "s3://bucket/a lake/ä/t/data"


@pytest.fixture(scope="module")
def server():
    with moto_s3() as running:
        running.client().create_bucket(Bucket="bucket")
        yield running


@pytest.fixture
def way(server, monkeypatch):
    """A proxy to the server, whose credentials are in the environment."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    with proxy(server.endpoint) as running:
        yield running


def target(way, **others):
    access = S3Access(endpoint=way.endpoint, region="us-east-1")
    return target_with(FOLDER, SCHEMA, partition=spec((1, "identity", "name")), access=access, **others)


def rows(name, size, number=4):
    return pa.table([[name] * number, [os.urandom(size) for _ in range(number)]], schema=SCHEMA)


def write(way, table, **others):
    name = table["name"][0].as_py()
    return [json.loads(text) for text in write_data_files(target(way, **others), [table], partition=(name,))]


def read(server, location):
    bucket, _, key = location.removeprefix("s3://").partition("/")
    content = server.client().get_object(Bucket=bucket, Key=key)
    return content, content["Body"].read()


@pytest.mark.parametrize("name", ["CT", "a/b=c d%~ü+*?#山", ".."])
def test_a_small_file_is_one_request_at_the_name_that_the_table_has(server, way, name):
    table = rows(name, 100)
    (file,) = write(way, table)
    _, content = read(server, file["file-path"])
    assert file["file-path"].startswith(f"{FOLDER}/name=")
    assert len(content) == file["file-size-in-bytes"]
    assert pq.read_table(io.BytesIO(content)).equals(table)
    assert [one.method for one in way.exchanges] == ["PUT"]


def test_a_large_file_is_sent_in_parts(server, way):
    table = rows("CT", 5 << 20)
    (file,) = write(way, table)
    _, content = read(server, file["file-path"])
    assert len(content) == file["file-size-in-bytes"] > 20 << 20
    assert pq.read_table(io.BytesIO(content)).equals(table)
    assert way.count("PUT") > 2


def test_a_throttled_request_is_sent_again(server, way):
    way.rules.append(Rule(SLOW_DOWN, method="PUT", times=2))
    (file,) = write(way, rows("CT", 100))
    assert len(read(server, file["file-path"])[1]) == file["file-size-in-bytes"]


@pytest.mark.parametrize("size", [100, 5 << 20])
@pytest.mark.parametrize("answer", [ACCESS_DENIED, EXPIRED_TOKEN])
def test_a_denied_file_ends_the_run_and_leaves_no_parts(server, way, size, answer):
    way.rules.append(Rule(answer, method="PUT", times=None))
    before = keys(server)
    with pytest.raises(RunFailedError, match=f"s3:PutObject on the folder {FOLDER}"):
        write(way, rows("CT", size))
    assert keys(server) == before
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket="bucket")


def keys(server):
    return [one["Key"] for one in server.client().list_objects_v2(Bucket="bucket").get("Contents", [])]


@pytest.mark.parametrize("size", [100, 5 << 20])
def test_files_are_encrypted_by_the_key_of_the_lake(server, way, size):
    key = server.client("kms").create_key()["KeyMetadata"]["Arn"]
    (file,) = write(way, rows("CT", size), kms_key=key)
    answer, _ = read(server, file["file-path"])
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", key)


def test_position_deletes_go_to_s3(server, way):
    text = write_position_deletes(
        target(way), spec_id=0, partition=("CT",), data_file=f"{FOLDER}/x.parquet", positions=[3, 1, 3]
    )
    _, content = read(server, json.loads(text)["file-path"])
    assert pq.read_table(io.BytesIO(content))["pos"].to_pylist() == [1, 3]


def test_rows_that_fail_send_nothing(server, way):
    def broken():
        yield rows("CT", 9 << 20)
        yield rows("CT", 9 << 20)
        raise OSError("no more rows")

    before = keys(server)
    with pytest.raises(OSError, match="no more rows"):
        list(write_data_files(target(way), broken(), partition=("CT",), row_group_bytes=1 << 20))
    assert keys(server) == before
    assert "Uploads" not in server.client().list_multipart_uploads(Bucket="bucket")


def test_of_a_large_file_only_the_wanted_columns_are_read(way, monkeypatch):
    (file,) = write(way, rows("CT", 2 << 20, 9))
    one = LiveFile(file["file-path"], file["file-size-in-bytes"], 9)
    read_bytes = []
    whole = reading._S3File.read

    def note(self, size=-1):
        found = whole(self, size)
        read_bytes.append(len(found))
        return found

    monkeypatch.setattr(reading._S3File, "read", note)
    assert read_live_rows([one], target(way), ["name"]).column("name").to_pylist() == ["CT"] * 9
    assert 0 < sum(read_bytes) < 1 << 20
    assert read_live_rows([one._replace(bytes=0)], target(way), ["name"]).num_rows == 9  # at once


@pytest.mark.parametrize("size", [0, 9 << 20])
def test_a_file_that_is_gone_from_s3_is_an_error(way, size):
    with pytest.raises(FileNotFoundError):
        read_live_rows([LiveFile(f"{FOLDER}/none.parquet", size, 1)], target(way), ["name"])


@pytest.mark.parametrize("size", [0, 9 << 20])
def test_a_denied_read_is_one_error(way, size):
    way.rules.append(Rule(ACCESS_DENIED, method="GET", times=None))
    with pytest.raises(RunFailedError, match="s3:GetObject on the lake's bucket bucket"):
        read_live_rows([LiveFile(f"{FOLDER}/none.parquet", size, 1)], target(way), ["name"])
