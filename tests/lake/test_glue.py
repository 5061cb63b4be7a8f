"""The job with its lake in S3 and its tables in the Glue catalog: moto for Glue; moto and a real server for S3."""

from __future__ import annotations

from pathlib import Path

import pytest

from dicom_udf.columns import failures_table, instances_table, objects_table
from dicom_udf.config import IngestConfig
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.ingest import ingest
from dicom_udf.lake import lake_lease, open_lake
from tests.servers.s3 import NO_VERSITYGW, S3Server, find_versitygw, moto_server, versitygw

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).parents[2] / "sample_dcm"
CT = (SAMPLE / "ct_abdomen" / "IM0001.dcm").read_bytes()
REAL = pytest.param(
    "versitygw",
    marks=[pytest.mark.versitygw, pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW)],
)


@pytest.fixture(scope="module")
def moto():
    with moto_server() as running:
        yield running


@pytest.fixture(params=["moto", REAL])
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
    lake = open_lake(config.place)
    found = {row["source_uri"]: row["source_size"] for row in lake.table("instances").collect()}
    assert found == {"s3://source/b.dcm": len(CT) + 1, "s3://source/c.dcm": len(CT)}
    assert lake.staging_tables() == []
    assert {key.split("/")[2] for key in keys(client, "lake")} <= {"dicom", "dicom_staging", "_ingest"}


def test_the_catalog_has_location_types_and_comments(settings, moto, s3):
    s3.client().put_object(Bucket="source", Key="a.dcm", Body=CT)
    ingest(IngestConfig(**settings))
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


def test_a_second_run_is_turned_away(settings, s3):
    s3.client().put_object(Bucket="source", Key="a.dcm", Body=CT)
    config = IngestConfig(**settings)
    with lake_lease(config.place, "other"), pytest.raises(RunFailedError, match="run other is writing"):
        ingest(config)
    assert ingest(config).instances == 1


def test_a_bucket_that_is_not_there_is_named(settings, s3):
    with pytest.raises(ConfigurationError, match="there is no bucket no-such-lake for the lake"):
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
    with pytest.raises(ConfigurationError, match="lies in s3://lake/in/here/dicom/instances, not in the lake"):
        ingest(IngestConfig(**settings | {"lake": "s3://lake/other"}))


def test_a_catalog_that_lost_its_tables_is_not_given_new_ones(settings, s3, moto):
    ingest(IngestConfig(**settings))
    moto.client("glue").delete_table(DatabaseName="dicom", Name="objects")
    with pytest.raises(ConfigurationError, match="attach it: dicom-lake register --lake s3://lake/in/here"):
        ingest(IngestConfig(**settings))
