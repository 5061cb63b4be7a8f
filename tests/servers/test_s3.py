"""The servers themselves: what the other tests and the benchmarks take for granted of them."""

import hashlib

import pytest
from botocore.exceptions import ClientError

from tests.servers.s3 import NO_VERSITYGW, find_versitygw, moto_s3, place, versitygw

VERSITYGW = pytest.param(
    "versitygw",
    marks=[pytest.mark.versitygw, pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW)],
)


@pytest.fixture(params=["moto", VERSITYGW])
def server(request, tmp_path):
    with moto_s3() if request.param == "moto" else versitygw(tmp_path) as running:
        yield running


def test_what_was_put_comes_back_whole_and_by_ranges(server):
    client = server.client()
    client.create_bucket(Bucket="bucket")
    client.put_object(Bucket="bucket", Key="a b/é+%.dcm", Body=b"0123456789")
    assert client.get_object(Bucket="bucket", Key="a b/é+%.dcm")["Body"].read() == b"0123456789"
    part = client.get_object(Bucket="bucket", Key="a b/é+%.dcm", Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")


def test_a_range_of_another_etag_is_refused(server):
    client = server.client()
    client.create_bucket(Bucket="bucket")
    etag = client.put_object(Bucket="bucket", Key="key", Body=b"0123456789")["ETag"]
    assert client.get_object(Bucket="bucket", Key="key", Range="bytes=0-0", IfMatch=etag)["Body"].read() == b"0"
    with pytest.raises(ClientError) as refused:
        client.get_object(Bucket="bucket", Key="key", Range="bytes=0-0", IfMatch='"other"')
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 412


def test_a_server_starts_empty():
    for _ in range(2):
        with moto_s3() as server:
            assert server.client().list_buckets()["Buckets"] == []
            server.client().create_bucket(Bucket="bucket")


@pytest.mark.versitygw
@pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW)
def test_a_file_placed_in_the_folder_is_listed_and_read_as_if_it_had_been_put(tmp_path):
    (tmp_path / "bucket").mkdir()
    with versitygw(tmp_path) as server:
        client = server.client()
        place(tmp_path / "bucket" / "placed", b"content")
        put = client.put_object(Bucket="bucket", Key="put", Body=b"content")
        [placed, as_put] = client.list_objects_v2(Bucket="bucket")["Contents"]
        assert placed["ETag"] == as_put["ETag"] == put["ETag"] == f'"{hashlib.md5(b"content").hexdigest()}"'
        assert client.get_object(Bucket="bucket", Key="placed", IfMatch=placed["ETag"])["Body"].read() == b"content"
