"""One apply of examples/minimal to moto, for all tests that look at what it made."""

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.servers.s3 import S3Server, moto_s3
from tests.terraform.program import MOTO_GAPS, NO_TERRAFORM, ROOT, Terraform, copy_project, find_terraform


@dataclass(frozen=True)
class Installation:
    """What ``terraform apply`` made on moto: known by its outputs alone."""

    terraform: Terraform
    server: S3Server
    outputs: dict[str, Any]

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        if service == "s3":
            return self.server.client()
        session = boto3.session.Session(self.server.access_key, self.server.secret_key, region_name=REGION)
        return session.client(service, endpoint_url=self.server.endpoint)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to take moto for AWS."""
        region = {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        return {**self.server.environment, **region, "AWS_ENDPOINT_URL": self.server.endpoint}

    def job_arguments(self, job: str, **run: str) -> list[str]:
        """The command line that Glue makes of a job's arguments and those of a run, which win."""
        definition = self.client("glue").get_job(JobName=self.outputs["job_names"][job])["Job"]
        arguments = {**definition["DefaultArguments"], **run, "--JOB_NAME": definition["Name"]}
        return [word for name, value in arguments.items() for word in (name, value)]


REGION = "eu-central-1"


def build_waker(folder: Path) -> None:
    """Put the Lambda's zip where make dist puts it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("waker.py", (ROOT / "terraform" / "waker" / "waker.py").read_bytes())
    folder.joinpath("waker-0.0.0.zip").write_bytes(buffer.getvalue())


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory):
    """examples/minimal, applied."""
    if find_terraform() is None:
        pytest.skip(NO_TERRAFORM)
    project = copy_project(tmp_path_factory.mktemp("terraform"), overrides=MOTO_GAPS)
    (project / "dist").mkdir()
    wheels = "dicom-lake-0.0.0.gluewheels.zip"  # Glue unpacks it; here the tree itself is what runs
    (project / "dist" / wheels).write_bytes((ROOT / "terraform" / "tests" / "dist" / wheels).read_bytes())
    build_waker(project / "dist")
    with moto_s3() as server:
        environment = {**server.environment, "AWS_ENDPOINT_URL": server.endpoint}
        terraform = Terraform(project / "terraform" / "examples" / "minimal", environment)
        terraform("init", "-backend=false")
        terraform("apply", "-auto-approve")
        yield Installation(terraform, server, terraform.outputs()["dicom_lake"])
