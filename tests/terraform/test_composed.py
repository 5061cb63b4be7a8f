"""examples/composed: the key, the network, the bucket and the topic of the same root, applied to moto."""

import json

import pytest

from tests.terraform.conftest import applied
from tests.terraform.test_apply import GAPS as FORGOTTEN

pytestmark = pytest.mark.terraform

GAPS = FORGOTTEN | {
    # moto keeps no description of a rule, and no type of a connection
    "aws_vpc_security_group_ingress_rule": ["description"],
    "aws_glue_connection": ["connection_type"],
}


@pytest.fixture(scope="module")
def composed(tmp_path_factory: pytest.TempPathFactory):
    """The example, applied: it could be planned."""
    with applied("composed", tmp_path_factory.mktemp("composed")) as installation:
        yield installation


def test_a_second_plan_changes_nothing_but_what_moto_forgets(composed) -> None:
    types = [(address.split(".")[-2], actions, names) for address, actions, names in composed.terraform.changes()]
    assert [change for change in types if change[1:] != (["update"], GAPS.get(change[0]))] == []


def test_all_is_encrypted_by_the_key_of_the_root_and_no_other_is_made(composed) -> None:
    (key,) = composed.client("kms").list_keys()["Keys"]
    assert composed.outputs["kms_key_arn"] == key["KeyArn"]
    s3 = composed.client("s3")
    for bucket in composed.outputs["buckets"].values():
        (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key["KeyArn"]
    groups = composed.client("logs").describe_log_groups()["logGroups"]
    assert {group["kmsKeyId"] for group in groups} == {key["KeyArn"]}


def test_the_key_of_the_root_lets_the_services_of_the_module_use_it(composed) -> None:
    policy = composed.client("kms").get_key_policy(KeyId=composed.outputs["kms_key_arn"], PolicyName="default")[
        "Policy"
    ]
    wanted = json.loads(composed.outputs["kms_key_policy_statements"])
    assert json.loads(policy)["Statement"][1:] == wanted


def test_the_jobs_run_in_the_subnet_of_the_root(composed) -> None:
    glue, ec2 = composed.client("glue"), composed.client("ec2")
    (connection,) = glue.get_connections()["ConnectionList"]
    subnet = connection["PhysicalConnectionRequirements"]["SubnetId"]
    assert ec2.describe_subnets(SubnetIds=[subnet])["Subnets"][0]["CidrBlock"] == "10.20.1.0/24"
    jobs = [glue.get_job(JobName=name)["Job"] for name in composed.outputs["job_names"].values()]
    assert {name for job in jobs for name in job["Connections"]["Connections"]} == {connection["Name"]}


def test_alarms_go_to_the_topic_of_the_root(composed) -> None:
    (topic,) = composed.client("sns").list_topics()["Topics"]
    alarms = composed.client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert composed.outputs["alarm_topic_arn"] == topic["TopicArn"]
    assert {action for alarm in alarms for action in alarm["AlarmActions"]} == {topic["TopicArn"]}


def test_the_source_is_the_bucket_of_the_root(composed) -> None:
    source = composed.outputs["buckets"]["source"]
    assert composed.outputs["source"] == f"s3://{source}/studies"
    assert len(composed.client("s3").list_buckets()["Buckets"]) == 3
