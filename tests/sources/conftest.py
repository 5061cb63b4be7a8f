"""An S3 server and a bucket of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dicom_udf.sources import S3Access
from tests.servers.s3 import S3Server, moto_s3


@pytest.fixture(scope="session")
def server() -> Iterator[S3Server]:
    with moto_s3() as running:
        yield running


@pytest.fixture(scope="session")
def client(server: S3Server) -> Any:
    """Goes to the server itself, however the code under test is led astray."""
    return server.client()


@pytest.fixture
def access(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Access:
    """How the server is reached. All test servers have one user, so clients may outlive a test."""
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    return S3Access(endpoint=server.endpoint, region=server.region)


@pytest.fixture
def bucket(client: Any, request: pytest.FixtureRequest) -> Iterator[Any]:
    """An empty bucket; put(key, bytes) fills it."""
    name = f"bucket-{abs(hash(request.node.nodeid)) % 10**10}"
    client.create_bucket(Bucket=name)
    yield Bucket(client, name)
    for entry in client.list_objects_v2(Bucket=name).get("Contents", []):
        client.delete_object(Bucket=name, Key=entry["Key"])
    client.delete_bucket(Bucket=name)


class Bucket:
    def __init__(self, client: Any, name: str) -> None:
        self.client = client
        self.name = name

    def put(self, key: str, data: bytes = b"x", **settings: str) -> str:
        """Return the etag."""
        return self.client.put_object(Bucket=self.name, Key=key, Body=data, **settings)["ETag"].strip('"')

    def uri(self, key: str = "") -> str:
        return f"s3://{self.name}/{key}"
