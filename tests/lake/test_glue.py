"""The job with its lake in S3 and its tables in the Glue catalog: moto for Glue; moto and a real server for S3."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path

import pytest

from dicom_udf.answers.inspection import lake_status
from dicom_udf.cli import main
from dicom_udf.columns import failures_table, instances_table, objects_table
from dicom_udf.config import IngestConfig, MaintainConfig
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake import commit
from dicom_udf.lake.layout import VIEWS, table_names
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.maintenance import maintain
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.servers.s3 import NO_VERSITYGW, S3Server, find_versitygw, moto_server, versitygw

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).parents[2] / "sample_dcm"
CT = (SAMPLE / "ct_abdomen" / "IM0001.dcm").read_bytes()
REAL = pytest.param(
    "versitygw",
    marks=[pytest.mark.versitygw, pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW)],
)


BOTH = ["moto", REAL]
"""Where a real server may answer otherwise: reading, writing, conditional PUTs. The rest is the catalog's."""


@pytest.fixture(scope="module")
def moto():
    with moto_server() as running:
        yield running


@pytest.fixture(params=["moto"])
def s3(request, moto, tmp_path, monkeypatch) -> S3Server:
    """A server with the empty buckets ``source`` and ``lake``, and an empty Glue catalog."""
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    if request.param == "moto":
        yield from _with_buckets(moto, moto)
    else:
        (tmp_path / "buckets").mkdir()
        with versitygw(tmp_path / "buckets") as server:
            yield from _with_buckets(server, moto)


def _with_buckets(server, moto):
    client = server.client()
    for bucket in ("source", "lake"):
        client.create_bucket(Bucket=bucket)
    yield server
    for bucket in ("source", "lake"):
        for key in keys(client, bucket):
            client.delete_object(Bucket=bucket, Key=key)
        client.delete_bucket(Bucket=bucket)
    forget(moto)


def forget(moto):
    """Lose the whole catalog."""
    glue = moto.client("glue")
    for database in glue.get_databases()["DatabaseList"]:
        for table in glue.get_tables(DatabaseName=database["Name"])["TableList"]:
            glue.delete_table(DatabaseName=database["Name"], Name=table["Name"])
        glue.delete_database(Name=database["Name"])


def keys(client, bucket, prefix=""):
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [entry["Key"] for page in pages for entry in page.get("Contents", [])]


@pytest.fixture
def settings(spark, s3, moto):
    where = {"s3_endpoint": s3.endpoint, "s3_region": s3.region, "aws_endpoint": moto.endpoint}
    return {"source": "s3://source", "lake": "s3://lake/in/here/", "catalog": "glue", **where}


@pytest.fixture
def arguments(settings):
    """The same as words of a command."""
    return [f"--{name.replace('_', '-')}={value}" for name, value in settings.items() if name != "source"]


@pytest.mark.parametrize("s3", BOTH, indirect=True)
def test_objects_are_ingested_once_replaced_and_deleted(settings, s3, moto):
    client = s3.client()
    for name in ("a.dcm", "b.dcm", "c.dcm", "notes.txt"):
        client.put_object(Bucket="source", Key=name, Body=CT if name.endswith("dcm") else b"no header")
    config = IngestConfig(**settings)
    first = ingest(config)
    assert (first.objects_new, first.instances, first.failures) == (4, 3, {"NOT_DICOM": 1})
    assert ingest(config).objects_unchanged == 4
    client.delete_object(Bucket="source", Key="a.dcm")
    client.put_object(Bucket="source", Key="b.dcm", Body=CT + b"\0")
    report = ingest(config)
    assert (report.objects_changed, report.objects_deleted) == (1, 1)
    lake = connect_lake(config.location)
    found = {row["source_uri"]: row["source_size"] for row in lake.table("instances").collect()}
    assert found == {"s3://source/b.dcm": len(CT) + 1, "s3://source/c.dcm": len(CT)}
    assert lake.staging_tables() == []
    assert {key.split("/")[2] for key in keys(client, "lake")} <= {"dicom", "dicom_staging", "_ingest"}


def test_the_catalog_has_location_and_comments_and_every_file_is_encrypted_by_the_key(settings, moto, s3):
    key = f"arn:aws:kms:{moto.region}:123456789012:key/0-a"
    s3.client().put_object(Bucket="source", Key="a.dcm", Body=CT)
    ingest(IngestConfig(**settings | {"kms_key": key}))
    if s3.endpoint == moto.endpoint:  # versitygw encrypts nothing
        used = {name: s3.client().head_object(Bucket="lake", Key=name) for name in keys(s3.client(), "lake")}
        assert len(used) > 6
        assert {name: head.get("SSEKMSKeyId") for name, head in used.items()} == dict.fromkeys(used, key)
    glue = moto.client("glue")
    for database in ("dicom", "dicom_staging"):
        assert glue.get_database(Name=database)["Database"]["LocationUri"] == f"s3://lake/in/here/{database}"
    for table in (instances_table(), failures_table(), objects_table()):
        found = glue.get_table(DatabaseName="dicom", Name=table.name)["Table"]
        assert found["StorageDescriptor"]["Location"] == f"s3://lake/in/here/dicom/{table.name}"
        assert found["Parameters"]["table_type"].upper() == "ICEBERG"
        assert found["Description"] == table.comment
        columns = {column["Name"]: column for column in found["StorageDescriptor"]["Columns"]}
        assert {name: column.get("Comment") for name, column in columns.items()} == {
            field.name: field.comment for field in table.fields
        }


def test_a_lake_in_the_source_bucket_is_not_read(settings, s3):
    s3.client().put_object(Bucket="source", Key="a.dcm", Body=CT)
    config = IngestConfig(**settings | {"lake": "s3://source/lake"})
    assert ingest(config).objects_listed == 1
    assert ingest(config).objects_listed == 1


@pytest.mark.parametrize("s3", BOTH, indirect=True)
def test_a_second_run_is_turned_away(settings, s3):
    s3.client().put_object(Bucket="source", Key="a.dcm", Body=CT)
    config = IngestConfig(**settings)
    with lake_lease(config.location, "other"), pytest.raises(RunFailedError, match="run other is writing"):
        ingest(config)


def test_a_bucket_that_is_not_there_is_named(settings, s3):
    with pytest.raises(ConfigurationError, match=r"the bucket of the lake s3://no-such-lake.* does not exist"):
        ingest(IngestConfig(**settings | {"lake": "s3://no-such-lake/x"}))


def test_databases_are_made_only_where_they_may_be(settings, s3, moto):
    config = IngestConfig(**settings | {"create_database": False})
    with pytest.raises(ConfigurationError, match="the Glue catalog has no database dicom; make it with the location"):
        ingest(config)
    for name in ("dicom", "dicom_staging"):
        moto.client("glue").create_database(DatabaseInput={"Name": name})
    assert ingest(config).objects_listed == 0
    found = moto.client("glue").get_table(DatabaseName="dicom", Name="objects")["Table"]
    assert found["StorageDescriptor"]["Location"] == "s3://lake/in/here/dicom/objects"


def test_a_database_of_another_lake_is_refused(settings, s3):
    ingest(IngestConfig(**settings))
    with pytest.raises(ConfigurationError, match="is in s3://lake/in/here/dicom/instances, not in the lake"):
        ingest(IngestConfig(**settings | {"lake": "s3://lake/other"}))


def test_a_catalog_that_lost_its_tables_is_not_given_new_ones(settings, s3, moto):
    ingest(IngestConfig(**settings))
    moto.client("glue").delete_table(DatabaseName="dicom", Name="objects")
    with pytest.raises(ConfigurationError, match="attach it: dicom-lake register --lake s3://lake/in/here"):
        ingest(IngestConfig(**settings))


# --- Without an ingest


def test_init_makes_databases_tables_and_views_once_and_keeps_its_partitions(spark, s3, moto, monkeypatch, capsys):
    """Without an option for an endpoint: AWS's variables say where."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.endpoint)
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto.endpoint)
    arguments = ["--lake=s3://lake/in/here", "--catalog=glue"]
    for _ in range(2):
        assert main(["init", *arguments, "--partition-by", "month"]) == 0
    glue = moto.client("glue")
    assert {one["Name"] for one in glue.get_tables(DatabaseName="dicom")["TableList"]} == {*table_names(), *VIEWS}
    assert main(["verify", *arguments]) == 0
    before = keys(s3.client(), "lake")
    for command in (["init"], ["ingest", "s3://source"]):
        capsys.readouterr()
        assert main([*command, *arguments, "--partition-by", "day"]) == 2
        assert "s3://lake/in/here is partitioned by the month of study_date" in capsys.readouterr().err
    assert keys(s3.client(), "lake") == before, "a refused command takes no lease"
    assert main(["ingest", "s3://source", *arguments]) == 0


def test_a_catalog_that_lost_all_gets_the_same_rows_back(settings, arguments, s3, moto, capsys):
    for name in ("a.dcm", "b.dcm"):
        s3.client().put_object(Bucket="source", Key=name, Body=CT)
    config = IngestConfig(**settings)
    ingest(config)
    s3.client().delete_object(Bucket="source", Key="b.dcm")
    ingest(dataclasses.replace(config, allow_mass_delete=True))
    forget(moto)
    assert main(["register", *arguments]) == 0
    assert main(["register", *arguments]) == 2
    assert "has every table of the lake s3://lake/in/here already" in capsys.readouterr().err
    assert [row["source_uri"] for row in connect_lake(config.location).table("instances").collect()] == [
        "s3://source/a.dcm"
    ]
    assert ingest(config).objects_unchanged == 1
    assert main(["verify", *arguments]) == 0


def test_a_batch_that_was_under_way_when_the_catalog_was_lost_is_finished(settings, arguments, s3, moto, monkeypatch):
    """Its instances are published, its ledger rows are not: without its stage they would be ingested again."""
    s3.client().put_object(Bucket="source", Key="a.dcm", Body=CT)
    config = IngestConfig(**settings)
    publish = commit.publish

    def die_before_the_ledger(lake, table, *rest, **named):
        if table == "objects":
            raise KeyboardInterrupt
        publish(lake, table, *rest, **named)

    monkeypatch.setattr(commit, "publish", die_before_the_ledger)
    with pytest.raises(KeyboardInterrupt):
        ingest(config)
    monkeypatch.setattr(commit, "publish", publish)
    forget(moto)
    assert main(["register", *arguments]) == 0
    assert (ingest(config).objects_read, connect_lake(config.location).table("instances").count()) == (0, 1)
    assert main(["verify", *arguments]) == 0


def test_init_makes_a_local_lake_too_and_nothing_of_a_folder_with_other_content(spark, tmp_path, capsys):
    assert main(["init", "--lake", str(tmp_path / "lake")]) == 0
    assert main(["status", "--lake", str(tmp_path / "lake")]) == 0
    (tmp_path / "thesis.txt").touch()
    assert main(["init", "--lake", str(tmp_path)]) == 2
    assert "has content but is not a lake" in capsys.readouterr().err
    lease = sorted((tmp_path / "lake" / "_ingest" / "lease").iterdir())
    assert main(["init", "--lake", str(tmp_path / "lake"), "--partition-by", "year"]) == 2
    assert "partitioned by the day of study_date" in capsys.readouterr().err
    assert sorted((tmp_path / "lake" / "_ingest" / "lease").iterdir()) == lease


def test_nothing_to_register_is_said(arguments, tmp_path, capsys):
    assert main(["register", *arguments]) == 2
    assert "there are no tables in s3://lake/in/here/dicom" in capsys.readouterr().err
    assert main(["register", "--lake", str(tmp_path)]) == 2
    assert "keeps its own tables, so there is nothing to register" in capsys.readouterr().err


# --- The commands that look, and those that change what is there


@pytest.mark.parametrize("s3", BOTH, indirect=True)
def test_the_looking_commands_answer_from_s3(settings, arguments, s3, capsys):
    client = s3.client()
    client.put_object(Bucket="source", Key="a b+é.dcm", Body=CT)
    client.put_object(Bucket="source", Key="notes.txt", Body=b"no header")
    ingest(IngestConfig(**settings))
    status = lake_status(IngestConfig(**settings).location)
    stored = sum(entry["Size"] for entry in client.list_objects_v2(Bucket="lake", Prefix="in/here/dicom/")["Contents"])
    assert (status.instances, status.objects, status.failures) == (1, {"ingested": 2}, {"NOT_DICOM": 1})
    assert status.bytes_on_disk == stored
    capsys.readouterr()
    assert main(["failures", *arguments, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["source_uri"] == "s3://source/notes.txt"
    assert main(["columns", *arguments, "--search", "SOPInstanceUID", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[0])["values"] == 1
    assert main(["verify", *arguments]) == 0


@pytest.mark.parametrize("command", ["status", "failures", "columns", "verify", "maintain", "promote"])
def test_what_is_no_lake_exits_2_and_makes_nothing(command, arguments, moto, capsys):
    words = ["ReasonForVisit"] if command == "promote" else []
    assert main([command, *words, *arguments]) == 2
    assert "the Glue catalog has no tables in the database dicom for the lake s3://lake/in/here" in (
        capsys.readouterr().err
    )
    assert moto.client("glue").get_databases()["DatabaseList"] == []


@pytest.mark.parametrize("s3", [REAL], indirect=True)  # on a disk, where a test can make files old
def test_promote_and_maintain_keep_every_row(settings, arguments, s3, moto, tmp_path):
    client = s3.client()
    config = IngestConfig(**settings)
    for name in ("a.dcm", "b.dcm"):
        client.put_object(Bucket="source", Key=name, Body=CT)
        ingest(config)
    client.put_object(Bucket="source", Key="a.dcm", Body=CT + b"\0")
    ingest(config)
    assert main(["promote", "RequestingService", *arguments]) == 0
    columns = moto.client("glue").get_table(DatabaseName="dicom", Name="instances")["Table"]["StorageDescriptor"]
    [promoted] = [one for one in columns["Columns"] if one["Name"] == "requesting_service"]
    assert promoted["Comment"].startswith("(0032,1033) RequestingService")
    view = moto.client("glue").get_table(DatabaseName="dicom", Name="unique_instances")["Table"]
    assert "requesting_service" in {one["Name"] for one in view["StorageDescriptor"]["Columns"]}
    client.put_object(Bucket="source", Key="c.dcm", Body=CT)
    ingest(config)  # a file beside the one that the promotion wrote
    # What a killed run leaves: a stage's files without a table.
    left = ("in/here/dicom_staging/stage_dead_1/data/x.parquet", "in/here/dicom/instances/data/orphan.parquet")
    for key in left:
        client.put_object(Bucket="lake", Key=key, Body=b"x")
        os.utime(tmp_path / "buckets" / "lake" / key, times=(0, 0))
    upkeep = MaintainConfig(
        **{name: value for name, value in settings.items() if name != "source"},
        min_input_files=2, snapshot_days=0, keep_snapshots=1, wait=0,
    )  # fmt: skip
    before = keys(client, "lake")
    reported = maintain(dataclasses.replace(upkeep, dry_run=True))
    assert keys(client, "lake") == before
    done = maintain(upkeep)
    orphans = {table.table: table.orphan_files for table in done.tables}
    assert (done.stages_removed, orphans["instances"]) == (1, 1)
    assert keys(client, "lake", "in/here/dicom_staging/") == []
    assert (done.broken, done.batches_left) == ((), 0)
    rewritten = {table.table: table.files_rewritten for table in done.tables}
    assert rewritten == {table.table: table.files_rewritten for table in reported.tables}
    assert rewritten["instances"] > 1
    assert all(table.snapshots_expired for table in done.tables if table.table != "failures")
    assert {row["source_uri"] for row in connect_lake(config.location).table("instances").collect()} == {
        f"s3://source/{name}.dcm" for name in "abc"
    }
    assert main(["verify", *arguments]) == 0
