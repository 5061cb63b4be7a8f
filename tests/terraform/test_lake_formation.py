"""examples/lake_formation, applied to moto: what is registered, granted, and revoked by the commands of its output."""

import json
import re
import shlex

import pytest

from tests.terraform.conftest import REGION, applied

pytestmark = pytest.mark.terraform

GROUP = "IAM_ALLOWED_PRINCIPALS"


def make_reader(server) -> None:
    server.client("iam").create_role(RoleName="research", AssumeRolePolicyDocument="{}")


@pytest.fixture(scope="module")
def governed(tmp_path_factory: pytest.TempPathFactory):
    """The example, before the tables are made: moto can't list grants on columns, which a plan with mocks compares."""
    folder = tmp_path_factory.mktemp("lake_formation")
    with applied("lake_formation", folder, "reader_role_name=research", prepare=make_reader) as installation:
        yield installation


def grants(governed, principal: str) -> list[dict]:
    """The grants of a principal."""
    lake_formation = governed.client("lakeformation")
    found = lake_formation.list_permissions()["PrincipalResourcePermissions"]
    return [grant for grant in found if grant["Principal"]["DataLakePrincipalIdentifier"] == principal]


def test_the_location_is_registered_with_a_role_that_can_use_the_key(governed) -> None:
    (location,) = governed.client("lakeformation").list_resources()["ResourceInfoList"]
    assert location["ResourceArn"] == f"arn:aws:s3:::{governed.outputs['buckets']['lake']}/lake"
    role = location["RoleArn"].rpartition("/")[2]
    policy = governed.client("iam").get_role_policy(RoleName=role, PolicyName="lake-formation")["PolicyDocument"]
    assert governed.outputs["kms_key_arn"] in [statement["Resource"] for statement in policy["Statement"]]


@pytest.mark.parametrize("job", ["ingest", "maintain", "promote"])
def test_a_job_may_make_tables_at_the_location(governed, job) -> None:
    mine = grants(governed, governed.outputs["role_arns"][job])
    databases = {
        grant["Resource"]["Database"]["Name"]
        for grant in mine
        if "Database" in grant["Resource"] and "CREATE_TABLE" in grant["Permissions"]
    }
    assert databases == {"dicom", "dicom_staging"}
    assert [grant["Permissions"] for grant in mine if "DataLocation" in grant["Resource"]] == [["DATA_LOCATION_ACCESS"]]


def test_the_commands_end_the_grants_to_the_group_of_all(governed) -> None:
    """They are read as the AWS CLI reads them, and called by boto3."""
    glue, lake_formation = governed.client("glue"), governed.client("lakeformation")
    commands = [shlex.split(command) for command in governed.outputs["lake_formation_commands"]]
    assert {words[words.index("--region") + 1] for words in commands} == {REGION}
    for words in commands:
        options = dict(zip(words[3::2], words[4::2], strict=True))
        if words[:3] == ["aws", "glue", "update-database"]:
            before = glue.get_database(Name=json.loads(options["--cli-input-json"])["Name"])["Database"]
            glue.update_database(**json.loads(options["--cli-input-json"]))
            after = glue.get_database(Name=before["Name"])["Database"]
            assert after["CreateTableDefaultPermissions"] == []
            assert {key: after[key] for key in ("Description", "LocationUri")} == {
                key: before[key] for key in ("Description", "LocationUri")
            }
        else:
            assert words[:3] == ["aws", "lakeformation", "revoke-permissions"]
            assert re.fullmatch(rf"DataLakePrincipalIdentifier={GROUP}", options["--principal"])
            everyone = {"DataLakePrincipalIdentifier": GROUP}
            resource = json.loads(options["--resource"])
            lake_formation.grant_permissions(Principal=everyone, Resource=resource, Permissions=["ALL"])
            lake_formation.revoke_permissions(
                Principal=everyone, Resource=resource, Permissions=[options["--permissions"]]
            )
    assert grants(governed, GROUP) == []


def test_the_next_plan_leaves_the_default_permissions_as_they_are(governed) -> None:
    """After the commands: Terraform sends no default permissions and expects none."""
    changed = {address for address, _, _ in governed.terraform.changes("reader_role_name=research")}
    assert not {address for address in changed if "glue_catalog_database" in address or "lakeformation" in address}
