"""``terraform apply`` of examples/minimal to moto, and what its outputs lead to."""

import json
import time

import pytest

from dicom_udf.columns import declared_attributes, instances_table
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.config import IngestConfig, LakeLocation, MaintainConfig, PromoteConfig, parse_job
from tests.terraform.program import ROOT

pytestmark = pytest.mark.terraform

GAPS = {
    # moto drops these on the way; AWS keeps them
    "aws_glue_job": ["job_run_queuing_enabled"],
    "aws_s3_bucket_notification": ["eventbridge"],
    # moto answers with the same JSON, other spaces
    "aws_sqs_queue": ["redrive_policy"],
}


def test_a_second_plan_changes_nothing_but_what_moto_forgets(installation) -> None:
    changes = installation.terraform.changes()
    types = [(address.split(".")[2], actions, attributes) for address, actions, attributes in changes]
    assert [change for change in types if change[1:] != (["update"], GAPS.get(change[0]))] == []


def test_all_that_an_earlier_version_made_is_still_at_its_address(installation) -> None:
    """An upgrade moves and destroys nothing: the addresses of version 0.2.0 are those of today."""
    earlier = (ROOT / "tests" / "terraform" / "addresses_of_0_2_0.txt").read_text().split("\n")[1:-1]
    assert set(earlier) - set(installation.terraform("state", "list").split("\n")) == set()


def test_nothing_current_expires_but_results_of_queries(installation) -> None:
    s3 = installation.client("s3")
    expiring = {}
    for name, bucket in installation.outputs["buckets"].items():
        rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        expiring[name] = sorted(rule["Filter"]["Prefix"] for rule in rules if "Days" in rule.get("Expiration", {}))
    assert expiring == {"source": [], "lake": [], "artifacts": ["athena-results/", "reader-results/"]}


def test_only_deleted_generations_of_the_lease_expire_after_a_day(installation) -> None:
    lake = LakeLocation(installation.outputs["lake"])
    rules = installation.client("s3").get_bucket_lifecycle_configuration(Bucket=lake.bucket)["Rules"]
    (leases,) = [rule for rule in rules if rule["Filter"]["Prefix"] == f"{lake.prefix}_ingest/lease/"]
    assert leases["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert "Expiration" not in leases


def test_objects_have_none_of_the_default_tags(installation) -> None:
    s3, bucket = installation.client("s3"), installation.outputs["buckets"]["artifacts"]
    assert len(s3.get_bucket_tagging(Bucket=bucket)["TagSet"]) == 13
    objects = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert [s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"] for key in objects] == [[]] * 4


def test_identifying_columns_are_those_with_an_action_in_ps315(installation) -> None:
    attributes = {attribute.column for attribute in declared_attributes() if attribute.action}
    attributes |= {column.name for column in struct_columns() if any(field.action for field in column.fields)}
    derived = {field.name for field in instances_table().fields if field.name.startswith("derived_")}
    others = {"header", "header_file_meta", "invalid_values", "source_member", "source_uri"}
    others |= {*derived, "frame_acquisition_datetime_max"}
    assert set(installation.outputs["identifying_columns"]["instances"]) == attributes | others


def receive(installation, wanted: int) -> list[dict]:
    """Look at messages without taking them away."""
    sqs, events = installation.client("sqs"), []
    deadline = time.monotonic() + 20
    while len(events) < wanted and time.monotonic() < deadline:
        answer = sqs.receive_message(
            QueueUrl=installation.outputs["queue_url"], MaxNumberOfMessages=10, VisibilityTimeout=0, WaitTimeSeconds=0
        )
        events += [json.loads(message["Body"]) for message in answer.get("Messages", [])]
    return events


def test_an_object_in_the_source_is_an_event_in_the_queue(installation) -> None:
    s3 = installation.client("s3")
    thing = {"Bucket": installation.outputs["buckets"]["source"], "Key": "studies/a b.dcm"}
    s3.put_object(**thing, Body=b"not yet")
    (event, *_) = receive(installation, 1)
    s3.delete_object(**thing)
    assert (event["detail-type"], event["detail"]["object"]["key"]) == ("Object Created", "studies/a b.dcm")


@pytest.mark.parametrize(
    ("job", "config_class", "run"),
    [
        ("ingest", IngestConfig, {"--source": "s3://bucket"}),
        ("maintain", MaintainConfig, {}),
        ("promote", PromoteConfig, {"--attributes": "ReasonForVisit"}),
    ],
)
def test_a_job_takes_the_arguments_that_its_definition_holds(installation, job, config_class, run) -> None:
    config = parse_job(config_class, installation.job_arguments(job, run))
    assert config.lake == installation.outputs["lake"]
    assert config.database == installation.outputs["database"]
