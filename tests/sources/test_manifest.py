"""Lists instead of listings: manifests in three formats, and S3 inventories in two."""

from __future__ import annotations

import csv
import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError
from dicom_udf.sources import ObjectRef, Patterns, S3Access, open_inventory, open_manifest, open_object
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, Rule

Rows = list[dict[str, Any]]
ALL = Patterns()


def listed(store: Any) -> list[ObjectRef]:
    return [ObjectRef(*row.values()) for batch in store.list() for row in batch.to_pylist()]


def as_csv(rows: Rows) -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, list({name: None for row in rows for name in row}))
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode()


def as_json(rows: Rows) -> bytes:
    return "\n".join(json.dumps(row, default=str) for row in rows).encode()


def as_parquet(rows: Rows) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


FORMATS = {
    "csv": as_csv,
    "json lines": as_json,
    "parquet": as_parquet,
    "csv.gz": lambda rows: gzip.compress(as_csv(rows)),
    "json lines.gz": lambda rows: gzip.compress(as_json(rows)),
    "csv with a byte order mark": lambda rows: b"\xef\xbb\xbf" + as_csv(rows),
}


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(content: bytes, name: str = "manifest") -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return str(path)

    return write


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("place", ["local", "s3"])
def test_each_format_is_read_wherever_it_lies(bucket, access, write, form, place) -> None:
    keys = ["a.dcm", "b c+d%20.dcm", 'quote",comma.dcm', "山田.dcm"]
    rows = [{"bucket": bucket.name, "key": key, "size": n + 1, "etag": f'"e{n}"'} for n, key in enumerate(keys)]
    content = FORMATS[form](rows)
    if place == "s3":
        bucket.put("lists/manifest", content)
    uri = bucket.uri("lists/manifest") if place == "s3" else write(content)
    store = open_manifest(uri, access=access, patterns=ALL)
    assert store.scope is None
    assert [(ref.uri, ref.size, ref.etag) for ref in listed(store)] == [
        (bucket.uri(key), n + 1, f"e{n}") for n, key in enumerate(keys)
    ]


def test_what_a_manifest_says_is_not_asked_for_and_what_it_lacks_is(bucket, access, server, write) -> None:
    etags = {key: bucket.put(key, key.encode() * 3) for key in ("whole", "no-etag", "no-size", "nothing")}
    rows = [
        {"uri": bucket.uri("whole"), "size": 15, "etag": etags["whole"], "last_modified": "2026-01-02T03:04:05Z"},
        {"uri": bucket.uri("no-etag"), "size": 21},
        {"uri": bucket.uri("no-size"), "etag": "wrong"},
        {"uri": bucket.uri("nothing")},
    ]
    with proxy(server.endpoint) as way:
        through = S3Access(endpoint=way.endpoint, region=server.region)
        refs = listed(open_manifest(write(as_json(rows)), access=through, patterns=ALL))
        assert sorted(exchange.key for exchange in way.exchanges) == sorted(
            f"{bucket.name}/{key}" for key in ("no-etag", "no-size", "nothing")
        )
    assert [(ref.size, ref.etag) for ref in refs] == [(3 * len(key), etag) for key, etag in etags.items()]
    assert refs[0].last_modified == datetime(2026, 1, 2, 3, 4, 5)


def test_empty_objects_that_stand_for_folders_are_left_out_of_a_manifest(bucket, access, write, tmp_path) -> None:
    for key in ("reported/", "asked/", "reported_$folder$", "asked_$folder$"):
        bucket.put(key, b"")
    bucket.put("filled_$folder$", b"content")
    (tmp_path / "copied_$folder$").touch()
    reported = [{"uri": bucket.uri(key), "size": 0, "etag": "e"} for key in ("reported/", "reported_$folder$")]
    names = ("asked/", "asked_$folder$", "filled_$folder$", "gone_$folder$")
    asked = [{"uri": uri} for uri in (*map(bucket.uri, names), f"file://{tmp_path}/copied_$folder$")]
    refs = listed(open_manifest(write(as_csv(reported + asked)), access=access, patterns=ALL))
    assert [ref.uri for ref in refs] == [bucket.uri("filled_$folder$"), bucket.uri("gone_$folder$")]
    assert not listed(open_manifest(write(as_csv(reported)), access=access, patterns=ALL))


def test_an_object_that_is_not_there_is_listed_and_its_reading_says_so(bucket, access, write, tmp_path) -> None:
    rows = [{"uri": bucket.uri("gone")}, {"uri": f"file://{tmp_path}/gone"}]
    refs = listed(open_manifest(write(as_csv(rows)), access=access, patterns=ALL))
    assert [(ref.size, ref.etag) for ref in refs] == [(0, ""), (0, "")]
    for ref in refs:
        with pytest.raises(FileFault) as raised:
            open_object(ref, access).read(1)
        assert raised.value.code is FailureCode.NOT_FOUND


def test_an_object_that_denies_itself_is_listed_and_its_reading_says_so(bucket, access, server, write) -> None:
    rows = [{"uri": bucket.uri(key)} for key in ("denied", "open")]
    for key in ("denied", "open"):
        bucket.put(key, b"12345")
    with proxy(server.endpoint) as way:
        way.rules.append(Rule(ACCESS_DENIED, method=None, key="*/denied", times=None))
        through = S3Access(endpoint=way.endpoint, region=server.region)
        denied, opened = listed(open_manifest(write(as_csv(rows)), access=through, patterns=ALL))
        assert (denied.size, denied.etag, opened.size) == (0, "", 5)
        with pytest.raises(FileFault) as raised:
            open_object(denied, through).read(1)
    assert raised.value.code is FailureCode.ACCESS_DENIED


def test_a_list_that_is_replaced_while_it_is_read_ends_the_run(bucket, access) -> None:
    rows = [{"uri": f"s3://bkt/{n:09d}", "size": n, "etag": "e"} for n in range(30_000)]
    bucket.put("manifest", as_csv(rows))
    batches = open_manifest(bucket.uri("manifest"), access=access, patterns=ALL).list()
    assert next(batches).num_rows == 10_000
    bucket.put("manifest", as_csv(rows[::-1]))
    with pytest.raises(RunFailedError, match="OBJECT_CHANGED"):
        list(batches)


def test_local_files_may_be_named_in_three_ways_and_count_once(access, write, tmp_path) -> None:
    (tmp_path / "a b.dcm").write_bytes(b"12345")
    rows = [{"uri": f"{tmp_path}/a b.dcm"}, {"uri": f"file://{tmp_path}/a b.dcm"}, {"uri": f"{tmp_path}/x/../a b.dcm"}]
    [ref] = listed(open_manifest(write(as_csv(rows)), access=access, patterns=ALL))
    assert (ref.uri, ref.size) == (f"file://{tmp_path}/a b.dcm", 5)
    assert open_object(ref, access).read() == b"12345"


def test_patterns_are_matched_against_whole_keys(bucket, access, write) -> None:
    rows = [{"uri": bucket.uri(key), "size": 1, "etag": "e"} for key in ("in/a.dcm", "in/b.txt", "out/c.dcm")]
    store = open_manifest(write(as_csv(rows)), access=access, patterns=Patterns(("in/*",), ("*.txt",)))
    assert [ref.uri for ref in listed(store)] == [bucket.uri("in/a.dcm")]


def test_sizes_that_pandas_lacks_are_asked_for(bucket, access, write) -> None:
    bucket.put("a", b"123")
    rows = [{"bucket": bucket.name, "key": "a", "size": float("nan"), "etag": "e"}]
    assert [ref.size for ref in listed(open_manifest(write(as_parquet(rows)), access=access, patterns=ALL))] == [3]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (as_parquet([{"bucket": "b", "key": b"k"}]), "row 1 doesn't name an object"),
        (as_json([{"bucket": {"name": "b"}, "key": "k"}]), "row 1 doesn't name an object"),
        (as_json([{"uri": "s3://b/\ud800"}]), "row 1 doesn't name an object"),
        (as_json([{"uri": "s3://b/k", "size": 1 << 63, "etag": "e"}]), "row 1: size, etag or last_modified"),
    ],
)
def test_values_that_no_object_can_have_are_refused(access, write, content, sentence) -> None:
    with pytest.raises(ConfigurationError, match=sentence):
        open_manifest(write(content), access=access, patterns=ALL)


def test_an_empty_manifest_lists_nothing(access, write) -> None:
    assert listed(open_manifest(write(b""), access=access, patterns=ALL)) == []
    assert listed(open_manifest(write(b"uri,size\n"), access=access, patterns=ALL)) == []


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"name,size\nx,1\n", "row 1 doesn't name an object; give bucket and key, or uri"),
        (b"uri\nrelative/path\n", "row 1 doesn't name an object"),
        (b"uri\nhttps://x/y\n", "row 1 doesn't name an object"),
        (b"uri\ns3://bucket-alone\n", "row 1 doesn't name an object"),
        (b"uri\ns3:///key-alone\n", "row 1 doesn't name an object"),
        (b"uri,size\ns3://bkt/k,-1\n", "row 1: size, etag or last_modified can't be read"),
        (b'{"uri": "s3://bkt/k", "size": Infinity}', "row 1: size, etag or last_modified can't be read"),
        (b"uri,size\ns3://bkt/k,many\n", "row 1: size, etag or last_modified can't be read"),
        (b"uri,last_modified\ns3://bkt/k,yesterday\n", "row 1: size, etag or last_modified can't be read"),
        (b'{"uri": "s3://bkt/k"', "after row 0: neither CSV nor JSON lines"),
        (b"uri\n\xff\xfe\n", "after row 0: neither CSV nor JSON lines"),
        (b"PAR1 and nothing else PAR1", "after row 0: the Parquet file is damaged"),
        (b"\x1f\x8b\x08rubbish", "neither CSV nor JSON lines"),
        (gzip.compress(b"uri", mtime=0)[:10] + b"\xff" * 20, "neither CSV nor JSON lines"),
        (b'{"uri": ' + b"[" * 100_000, "neither CSV nor JSON lines"),
        (b"uri," * 1_000_000, "neither CSV nor JSON lines"),
        (b"uri\n" + b"s3://bkt/k" * 1_000_000, "neither CSV nor JSON lines"),
    ],
)
def test_a_manifest_that_is_none_is_refused_at_once(access, write, content, sentence) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        open_manifest(write(content), access=access, patterns=ALL)
    assert sentence in str(refusal.value)
    assert "/manifest" in str(refusal.value)


def test_a_bad_row_further_on_is_named(access, write) -> None:
    store = open_manifest(
        write(as_csv([{"uri": "s3://bkt/a", "size": 1, "etag": "e"}, {"uri": "x"}])), access=access, patterns=ALL
    )
    with pytest.raises(ConfigurationError, match="row 2 doesn't name an object"):
        listed(store)


@pytest.mark.parametrize("open_list", [open_manifest, open_inventory])
def test_a_list_that_is_not_there_is_refused(bucket, access, tmp_path, open_list) -> None:
    for uri, sentence in ((f"{tmp_path}/none", "can't be read"), (bucket.uri("none"), "does not exist")):
        with pytest.raises(ConfigurationError, match=f"{uri} {sentence}"):
            open_list(uri, access=access, patterns=ALL)


# --- S3 Inventory

KEYS = [
    "in/a.dcm",
    "in/b c+d%.dcm",
    "in/山田.dcm",
    "in/old.dcm",
    "in/deleted.dcm",
    "in/folder/",
    "in/x_$folder$",
    "lake/data",
]
CSV_SCHEMA = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag, StorageClass"


def inventory(form: str, name: str) -> tuple[bytes, str]:
    """Return a data file of an inventory and its schema as the manifest has it."""
    moment = "2026-01-02T03:04:05.000Z"
    rows = [
        (
            name,
            key,
            "v",
            key != "in/old.dcm",
            key == "in/deleted.dcm",
            0 if key[-1] in "/$" else n,
            moment,
            f"e{n}",
            "X",
        )
        for n, key in enumerate(KEYS)
    ]
    if form == "CSV":
        out = io.StringIO()
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows(
            (bucket, quote_plus(key), version, str(new).lower(), str(gone).lower(), *rest)
            for bucket, key, version, new, gone, *rest in rows
        )
        return gzip.compress(out.getvalue().encode()), CSV_SCHEMA
    names = ["bucket", "key", "version_id", "is_latest", "is_delete_marker", "size", "last_modified_date", "e_tag", "s"]
    table = pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows])
    when = pa.array([datetime(2026, 1, 2, 3, 4, 5)] * len(rows), pa.timestamp("ms"))
    out_file = io.BytesIO()
    pq.write_table(table.set_column(6, "last_modified_date", when), out_file)
    return out_file.getvalue(), "message s3.inventory { required binary bucket (UTF8); ... }"


@pytest.mark.parametrize("place", ["s3", "local", "local, beside"])
@pytest.mark.parametrize("form", ["CSV", "Parquet"])
def test_an_inventory_lists_current_versions_with_their_keys_decoded(bucket, access, write, form, place) -> None:
    data, schema = inventory(form, bucket.name)
    manifest = {
        "sourceBucket": bucket.name,
        "destinationBucket": f"arn:aws:s3:::{bucket.name}",
        "fileFormat": form,
        "fileSchema": schema,
        "files": [{"key": "inv/src/daily/data/one", "size": len(data)}],
    }
    content = json.dumps(manifest).encode()
    if place == "s3":
        bucket.put("inv/src/daily/data/one", data)
        bucket.put("inv/src/daily/2026-01-03T01-00Z/manifest.json", content)
        uri = bucket.uri("inv/src/daily/2026-01-03T01-00Z/manifest.json")
    elif place == "local":
        write(data, "copy/inv/src/daily/data/one")
        uri = write(content, "copy/inv/src/daily/2026-01-03T01-00Z/manifest.json")
    else:
        write(data, "flat/one")
        uri = write(content, "flat/manifest.json")
    store = open_inventory(uri, access=access, patterns=ALL, excluded=bucket.uri("lake/"))
    assert store.scope is None
    when = datetime(2026, 1, 2, 3, 4, 5)
    assert listed(store) == [ObjectRef(bucket.uri(key), n, f"e{n}", when) for n, key in enumerate(KEYS[:3])]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"not json", "is not the manifest.json of an S3 Inventory"),
        (b"[]", "is not the manifest.json of an S3 Inventory"),
        (b"{}", "is not the manifest.json of an S3 Inventory"),
        (
            b'{"fileFormat": "ORC", "fileSchema": "", "destinationBucket": "arn:aws:s3:::b", "files": []}',
            "an inventory as ORC isn't read; have S3 write Parquet or CSV",
        ),
    ],
)
def test_an_inventory_that_is_none_is_refused(access, write, content, sentence) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        open_inventory(write(content), access=access, patterns=ALL)
    assert sentence in str(refusal.value)
