"""Glue or S3 refuse, throttle, or go away: one plain sentence, and the next run completes."""

from __future__ import annotations

import re

import pytest

from dicom_udf.answers.inspection import verify_lake
from dicom_udf.config import IngestConfig
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.lake.test_glue import CT, forget, keys
from tests.servers.proxy import proxy
from tests.servers.rules import (
    ACCESS_DENIED,
    EXPIRED_TOKEN,
    GLUE_DENIED,
    GLUE_EXPIRED,
    GLUE_THROTTLED,
    First,
    Reset,
    Rule,
)
from tests.servers.s3 import moto_server

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def moto():
    with moto_server() as running:
        yield running


@pytest.fixture(scope="module")
def way(moto):
    """A proxy that both services are reached by: its address is part of a client's settings, so there is one."""
    with proxy(moto.endpoint) as running:
        yield running


@pytest.fixture
def config(spark, moto, way, monkeypatch):
    """Two objects to ingest by way of the proxy into an empty lake."""
    for name, value in moto.environment.items():
        monkeypatch.setenv(name, value)
    client = moto.client()
    for bucket in ("source", "lake"):
        client.create_bucket(Bucket=bucket)
    for name in ("a.dcm", "b.dcm"):
        client.put_object(Bucket="source", Key=name, Body=CT)
    yield IngestConfig(
        source="s3://source",
        lake="s3://lake/l",
        catalog="glue",
        s3_endpoint=way.endpoint,
        s3_region=moto.region,
        aws_endpoint=way.endpoint,
    )
    way.rules.clear()
    for bucket in ("source", "lake"):
        for key in keys(client, bucket):
            client.delete_object(Bucket=bucket, Key=key)
        client.delete_bucket(Bucket=bucket)
    forget(moto)


def check_next_run_completes(config, way, objects=2):
    way.rules.clear()
    ingest(config)
    assert ingest(config).objects_unchanged == objects
    found = connect_lake(config.location).table("instances").select("source_uri").collect()
    assert len(found) == len({row["source_uri"] for row in found}) == objects
    assert verify_lake(config.location).broken == ()


def glue(action, answer, **how):
    return Rule(answer, key=f"AWSGlue/{action}", method="POST", **{"times": None} | how)


# In the order in which a first run comes to them: each run gets as far as the refusal.
REFUSALS = [
    (glue("GetDatabase", GLUE_DENIED), r"Glue denies glue:GetDatabase on the database dicom \("),
    (glue("CreateDatabase", GLUE_DENIED), r"Glue denies glue:CreateDatabase on the database dicom \("),
    (glue("GetTable", GLUE_DENIED), r"Glue denies glue:GetTable on the table dicom.instances \("),
    (glue("CreateTable", GLUE_DENIED), r"Glue denies glue:CreateTable on the databases dicom and dicom_staging \("),
    (glue("UpdateTable", GLUE_DENIED), r"Glue denies glue:UpdateTable on the databases dicom and dicom_staging \("),
    (glue("DeleteTable", GLUE_DENIED), r"Glue denies glue:DeleteTable on the databases dicom and dicom_staging \("),
    (
        glue("GetTable", GLUE_EXPIRED),
        r"Glue does not accept the credentials for glue:GetTable on the table dicom.instances \(ExpiredToken",
    ),
    (glue("UpdateTable", GLUE_EXPIRED), r"Glue does not accept the credentials for glue:UpdateTable on .* renew them"),
    (glue("UpdateTable", GLUE_THROTTLED), r"Glue throttles glue:UpdateTable on .*; run again later"),
    (
        Rule(ACCESS_DENIED, key="lake", times=None),
        r"S3 denies s3:ListBucket on the bucket of the lake s3://lake/l \(AccessDenied\); grant it",
    ),
    (
        Rule(ACCESS_DENIED, key="lake/l/_ingest/lease/*", method="PUT", times=None),
        r"S3 denies s3:PutObject on the bucket of the lake s3://lake/l \(AccessDenied\); grant it",
    ),
    (
        Rule(ACCESS_DENIED, key="lake/l/dicom/*/metadata/*", method="PUT", times=None),
        r"S3 denies s3:PutObject on the bucket of the lake s3://lake/l \(403\); grant it",
    ),
    (
        Rule(ACCESS_DENIED, key="lake/l/dicom_staging/stage_*/data/*", method="PUT", times=None),
        r"S3 denies s3:PutObject on the folder s3://lake/l/dicom_staging/stage_\w+/data \(AccessDenied\); grant it",
    ),
    (
        Rule(EXPIRED_TOKEN, key="lake/l/dicom/instances/data/*", method="PUT", times=None),
        r"S3 does not accept the credentials for s3:PutObject on .* renew them",
    ),
    (
        Rule(ACCESS_DENIED, key="lake/l/dicom/objects/metadata/*", times=None),
        r"S3 denies s3:GetObject on the bucket of the lake s3://lake/l \(403\); grant it",
    ),
]


def reported(config):
    """What a run fails with."""
    try:
        ingest(config)
    except RunFailedError as error:
        assert "\n" not in str(error)
        return str(error)
    return "nothing"


@pytest.mark.crash  # minutes: a run for each
def test_each_refusal_names_action_and_resource_and_the_run_after_all_of_them_completes(config, moto, way):
    for number, (rule, sentence) in enumerate(REFUSALS):
        moto.client().put_object(Bucket="source", Key=f"{number}.dcm", Body=CT)
        way.rules[:] = [rule]
        said = reported(config)
        assert re.match(sentence, said), f"{rule}: {said}"
    check_next_run_completes(config, way, objects=2 + len(REFUSALS))


def test_throttled_calls_are_tried_again(config, way):
    way.rules += [glue(action, GLUE_THROTTLED, times=2) for action in ("GetTable", "UpdateTable", "CreateDatabase")]
    assert ingest(config).instances == 2
    assert [rule.hits for rule in way.rules] == [2, 2, 2]
    check_next_run_completes(config, way)


@pytest.mark.crash
@pytest.mark.parametrize("table", ["dicom_staging/stage_*", "dicom/instances", "dicom/objects"])
def test_a_server_that_dies_amid_a_commit_and_returns_loses_and_doubles_nothing(config, moto, way, table):
    dead = Rule(Reset(None), key="*", method=None, times=None)
    way.rules.append(Rule(First(lambda: way.rules.append(dead)), key=f"lake/l/{table}/data/*", method="PUT"))
    with pytest.raises(RunFailedError, match=r"did not answer|can't be read"):
        ingest(config)
    way.rules.clear()
    for key in keys(moto.client(), "lake", "l/_ingest/lease/"):  # it could not be given back, and this process lives on
        moto.client().delete_object(Bucket="lake", Key=key)
    check_next_run_completes(config, way)
