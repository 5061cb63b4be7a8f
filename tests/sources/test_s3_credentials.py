"""Credentials that are missing, wrong or short-lived, and clients that many threads ask for at once."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import RefreshableCredentials

from dicom_udf.aws import clients
from dicom_udf.aws import s3 as s3_requests
from dicom_udf.aws.throttle import Throttle
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.sources import ObjectRef, S3Access, open_object, open_store
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, Rule

KEYS = ["plain.dcm", "odd//key.dcm"]  # one is read by obstore, the other by boto3
KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")

GIVES_ONCE = """
import datetime, json, pathlib, sys
given = pathlib.Path(sys.argv[1])
if given.exists():
    sys.exit(1)
given.touch()
end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=int(sys.argv[2]))
print(json.dumps({"Version": 1, "AccessKeyId": "tests", "SecretAccessKey": "tests-secret", "SessionToken": "t",
                  "Expiration": end.isoformat()}))
"""


def forget_clients() -> None:
    for made in (clients.default_session, clients._new_client, s3_requests._new_store):
        made.cache_clear()


@pytest.fixture
def new_process(access: S3Access, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Access]:
    """As a process begins: without clients and without credentials. No waits between tries."""
    for name in (*KEY_VARIABLES, "AWS_PROFILE", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(clients, "FIRST_WAIT", 0.0)
    monkeypatch.setattr(s3_requests, "_throttle", Throttle(sleep=lambda _: None))
    forget_clients()
    yield access
    forget_clients()


@pytest.fixture
def by_program(new_process: S3Access, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Credentials come from a program that gives them once, for so many minutes."""

    def configure(minutes: int) -> S3Access:
        words = [sys.executable, tmp_path / "program.py", tmp_path / "given", minutes]
        (tmp_path / "program.py").write_text(GIVES_ONCE)
        (tmp_path / "config").write_text(f"[default]\ncredential_process = {shlex.join(map(str, words))}\n")
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        return new_process

    return configure


def read(bucket: Any, key: str, access: S3Access) -> bytes:
    with open_object(ObjectRef(bucket.uri(key), 4, bucket.put(key, b"data")), access) as reader:
        return reader.read()


@pytest.mark.parametrize("key", KEYS)
def test_without_credentials_nothing_begins_and_what_has_begun_ends(bucket, new_process, key) -> None:
    with pytest.raises(ConfigurationError, match="no AWS credentials were found; set AWS_PROFILE"):
        open_store(bucket.uri(), access=new_process)
    with pytest.raises(RunFailedError, match="no AWS credentials were found"):
        read(bucket, key, new_process)


@pytest.mark.parametrize("key", KEYS)
def test_a_profile_that_is_none_is_refused(bucket, new_process, monkeypatch, key) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    with pytest.raises(ConfigurationError, match="check AWS_PROFILE"):
        open_store(bucket.uri(), access=new_process)
    with pytest.raises(RunFailedError, match="check AWS_PROFILE"):
        read(bucket, key, new_process)


def test_an_endpoint_that_is_none_is_refused(access) -> None:
    with pytest.raises(ConfigurationError, match="--s3-endpoint"):
        open_store("s3://bucket/key", access=S3Access(endpoint="localhost", region="us-east-1"))


@pytest.mark.parametrize("key", KEYS)
def test_credentials_come_by_the_chain(bucket, by_program, key) -> None:
    assert read(bucket, key, by_program(60)) == b"data"


@pytest.mark.parametrize("key", KEYS)
def test_credentials_that_can_not_be_got_end_the_run(bucket, by_program, tmp_path, key) -> None:
    access = by_program(60)
    (tmp_path / "given").touch()
    with pytest.raises(RunFailedError, match="credentials could not be retrieved; log in again"):
        open_store(bucket.uri(), access=access)
    with pytest.raises(RunFailedError, match="credentials could not be retrieved"):
        read(bucket, key, access)


@pytest.mark.parametrize("key", KEYS)
def test_credentials_that_can_not_be_renewed_end_the_run(bucket, by_program, key) -> None:
    with pytest.raises(RunFailedError, match="credentials could not be retrieved"):
        read(bucket, key, by_program(0))


def test_a_role_that_is_denied_is_no_refusal_of_the_bucket(new_process, server, tmp_path, monkeypatch) -> None:
    (tmp_path / "config").write_text(
        "[profile job]\nrole_arn = arn:aws:iam::123456789012:role/job\nsource_profile = user\n"
        f"[profile user]\naws_access_key_id = {server.access_key}\naws_secret_access_key = {server.secret_key}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "job")
    with proxy(server.endpoint) as way:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", way.endpoint)
        way.rules.append(Rule(ACCESS_DENIED, key="*", method="POST", times=None))
        with pytest.raises(RunFailedError, match="credentials could not be retrieved"):
            open_store("s3://bucket/key", access=new_process)
        assert way.rules[0].hits > 0


def test_what_is_kept_of_credentials_does_not_outlive_them(access) -> None:
    kept = s3_requests._credential_provider().ttl.total_seconds()
    assert kept < RefreshableCredentials._mandatory_refresh_timeout


def test_threads_that_begin_together_share_one_client(bucket, access) -> None:
    forget_clients()
    with ThreadPoolExecutor(32) as pool:
        clients = set(pool.map(lambda _: id(s3_requests.s3_client(access)), range(64)))
        stores = set(pool.map(lambda _: id(s3_requests.obstore_store(bucket.name, access)), range(64)))
    assert (len(clients), len(stores)) == (1, 1)
