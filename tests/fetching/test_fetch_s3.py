"""Files copied from S3: bytes and requests counted, etags compared, faults of the store."""

from __future__ import annotations

import os
import random
import subprocess
import zipfile
from pathlib import Path

import pytest

from dicom_udf.cli import main
from tests.fetching.objects import content, pack_tar, pack_zip, record, write_manifest
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, EXPIRED_TOKEN, SLOW_DOWN, Rule
from tests.servers.s3 import NO_VERSITYGW, find_versitygw, moto_server, set_etag, versitygw


@pytest.fixture(scope="module")
def servers():
    with moto_server() as server, proxy(server.endpoint) as way:
        yield server, way


@pytest.fixture
def fetch(tmp_path, capsys, monkeypatch):
    """Fetch rows of a manifest from a server into ``out``; return status, printed text and error."""

    def run(server, endpoint, rows, *words):
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        manifest = write_manifest(tmp_path / "manifest.csv", rows)
        where = ["--to", str(tmp_path / "out"), "--s3-endpoint", endpoint, "--s3-region", server.region]
        status = main(["fetch", "--manifest", str(manifest), *where, *words])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def bucket(servers, request):
    """Put objects into a bucket of their own; return rows of a manifest."""
    server, way = servers
    client, name = server.client(), f"b{abs(hash(request.node.nodeid)) % 10**12}"
    client.create_bucket(Bucket=name)
    way.rules.clear()
    way.exchanges.clear()

    def put(key, data, target, member=None, size=None):
        etag = client.put_object(Bucket=name, Key=key, Body=data)["ETag"].strip('"')
        size = len(data) if member is None else size
        return {
            "source_uri": f"s3://{name}/{key}",
            "source_member": member,
            "etag": etag,
            "size": size,
            "target": target,
        }

    return put


KEYS = ["a b+c%20d.dcm", "é/山田.dcm", "a//b", "../x.dcm", "dir/", "q?x=1&y#z", "star*[1].dcm"]


def test_objects_of_any_key_are_copied_by_one_request_each(servers, bucket, fetch, tmp_path):
    rows = [bucket(key, content(n), f"{n}.dcm") for n, key in enumerate(KEYS)]
    server, way = servers
    status, printed, error = fetch(server, way.endpoint, rows)
    assert (status, error) == (0, "")
    assert [(tmp_path / "out" / f"{n}.dcm").read_bytes() for n in range(len(KEYS))] == [
        content(n) for n in range(len(KEYS))
    ]
    assert way.count("GET") == len(KEYS)
    assert "7 requests: 0.0000 USD in the bucket's region, 0.00 USD over the internet" in printed


def test_a_large_object_comes_in_ranges_and_an_empty_one_comes_too(servers, bucket, fetch, tmp_path):
    large = content(1, 20 << 20)
    server, way = servers
    assert fetch(server, way.endpoint, [bucket("large", large, "large"), bucket("empty", b"", "empty")])[0] == 0
    assert (tmp_path / "out" / "large").read_bytes() == large
    assert (tmp_path / "out" / "empty").read_bytes() == b""
    assert sum(e.sent for e in way.seen("GET")) == len(large)


def test_members_of_archives_are_copied_from_s3_without_an_etag_too(servers, bucket, fetch, tmp_path):
    members = {f"{n}.dcm": content(n) for n in range(20)}
    rows = []
    for name, data in (
        ("z.zip", pack_zip(members)),
        ("t.tar", pack_tar(members)),
        ("g.tar.gz", pack_tar(members, "w:gz")),
    ):
        rows += [bucket(name, data, f"{name}/{n}", member=f"{n}.dcm") for n in (17, 3)]
    for row in rows[:2]:
        row["etag"] = None
    server, way = servers
    status, _, error = fetch(server, way.endpoint, rows)
    assert (status, error) == (0, "")
    for row in rows:
        assert (tmp_path / "out" / row["target"]).read_bytes() == members[row["source_member"]]


def test_a_replaced_object_is_found_by_its_etag_and_a_throttled_one_is_tried_again(servers, bucket, fetch, tmp_path):
    old, kept = bucket("old", content(1), "old"), bucket("kept", content(2), "kept")
    packed = bucket("a.zip", pack_zip({"m": content(3)}), "m", member="m")
    bucket("old", content(4), "old")
    bucket("a.zip", pack_zip({"m": content(5)}), "m", member="m")
    server, way = servers
    way.rules.append(Rule(SLOW_DOWN, times=3))
    status, printed, _ = fetch(server, way.endpoint, [old, kept, packed])
    assert status == 1
    assert "OBJECT_CHANGED 2" in printed
    assert (tmp_path / "out" / "kept").read_bytes() == content(2)
    assert {row["target"] for row in record(tmp_path / "out").values() if row["fault"]} == {"old", "m"}


def test_a_denied_object_costs_itself(servers, bucket, fetch, tmp_path):
    rows = [bucket("secret", content(1), "secret"), bucket("open", content(2), "open")]
    server, way = servers
    way.rules.append(Rule(ACCESS_DENIED, key="*/secret", method=None, times=None))
    status, printed, _ = fetch(server, way.endpoint, rows)
    assert status == 1
    assert "ACCESS_DENIED 1" in printed
    assert "s3:GetObject" in record(tmp_path / "out")["secret"]["message"]
    assert (tmp_path / "out" / "open").read_bytes() == content(2)


def test_expired_credentials_end_the_fetch_by_one_sentence_and_the_next_one_goes_on(servers, bucket, fetch, tmp_path):
    rows = [bucket(f"{n}", content(n), f"{n}") for n in range(20)]
    server, way = servers
    way.rules.append(Rule(EXPIRED_TOKEN, first=6, times=None))
    status, _, error = fetch(server, way.endpoint, rows, "--jobs", "1")
    assert status == 1
    assert "credentials" in error
    assert error.count("\n") == 1
    copied = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(map(int, copied)) == sorted(
        int(row["target"]) for row in sorted(rows, key=lambda r: r["source_uri"])[:5]
    )
    way.rules.clear()
    assert fetch(server, way.endpoint, rows)[0] == 0
    assert len(record(tmp_path / "out")) == 20


MEMBERS, MEMBER_BYTES, WANTED = 20_000, 96 << 10, 300
BLANK = bytes(MEMBER_BYTES)


def make_large_zip(path: Path, wanted: list[int]) -> dict[str, bytes]:
    """Write a zip of 20,000 stored members, 1.9 GB; those that are not wanted are holes. Return the wanted ones."""
    files = {f"{n:05}.dcm": content(n, MEMBER_BYTES) for n in wanted}
    with path.open("wb") as raw, zipfile.ZipFile(_Holes(raw), "w") as archive:
        for number in range(MEMBERS):
            name = f"{number:05}.dcm"
            archive.writestr(zipfile.ZipInfo(name), files.get(name, BLANK))
    return files


class _Holes:
    """A file in which blank pieces are holes: nothing of them is on the disk."""

    def __init__(self, file):
        self._file = file

    def write(self, data):
        if data is BLANK:
            self._file.seek(len(data), os.SEEK_CUR)
            return len(data)
        return self._file.write(data)

    def __getattr__(self, name):
        return getattr(self._file, name)


@pytest.mark.versitygw
@pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW)
def test_300_of_20_000_members_cost_at_most_a_fifth_more_than_their_own_bytes(tmp_path, fetch):
    """Scattered ones, the worst case; what comes is what unzip -p prints, byte by byte."""
    wanted = sorted(random.Random(1).sample(range(MEMBERS), WANTED))
    (tmp_path / "buckets" / "archives").mkdir(parents=True)
    archive = tmp_path / "buckets" / "archives" / "a.zip"
    files = make_large_zip(archive, wanted)
    set_etag(archive, "e" * 32)
    uri = "s3://archives/a.zip"
    rows = [
        {"source_uri": uri, "source_member": name, "etag": "e" * 32, "size": len(data), "target": f"t/{name}"}
        for name, data in files.items()
    ]
    with versitygw(tmp_path / "buckets") as server, proxy(server.endpoint) as way:
        status, _, error = fetch(server, way.endpoint, rows)
        sent, requests = sum(e.sent for e in way.seen("GET")), way.count("GET")
    assert (status, error) == (0, "")
    own = WANTED * MEMBER_BYTES
    assert sent <= 1.2 * own, (sent / own, requests)
    assert requests <= WANTED + 10
    for name, data in files.items():
        assert (tmp_path / "out" / "t" / name).read_bytes() == data
    for name in list(files)[::60]:
        assert subprocess.run(["unzip", "-p", archive, name], capture_output=True, check=True).stdout == files[name]
