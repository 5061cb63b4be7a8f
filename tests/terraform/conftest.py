"""Examples applied to moto; examples/minimal once, for all tests that look at what it made."""

import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from release.archives import Entry, write_zip
from release.make_dist import WAKER
from tests.servers.s3 import S3Server, moto_server
from tests.terraform.account import moto_process
from tests.terraform.program import MOTO_GAPS, NO_TERRAFORM, ROOT, Terraform, copy_project, find_terraform

REGION = "eu-central-1"


@dataclass(frozen=True)
class Installation:
    """What ``terraform apply`` made on moto: known by its outputs alone."""

    terraform: Terraform
    server: S3Server
    outputs: dict[str, Any]

    def client(self, service: str) -> Any:
        """A boto3 client of the account."""
        return self.server.client(service)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to take moto for AWS."""
        return {**self.server.environment, "AWS_ENDPOINT_URL": self.server.endpoint}

    def job_arguments(self, job: str, run: dict[str, str]) -> list[str]:
        """The arguments that Glue gives a run: those of the job, and its own, which win."""
        definition = self.client("glue").get_job(JobName=self.outputs["job_names"][job])["Job"]
        arguments = {**definition["DefaultArguments"], **run}
        return [word for name, value in arguments.items() for word in (name, value)]

    @contextmanager
    def recording(self, text: list[str]) -> Iterator[None]:
        """Append what moto is asked meanwhile, a JSON object a line."""
        self._recorder("reset-recording")
        self._recorder("start-recording")
        try:
            yield
        finally:
            self._recorder("stop-recording")
            text.append(self._recorder("download-recording"))

    def _recorder(self, verb: str) -> str:
        url = f"{self.server.endpoint}/moto-api/recorder/{verb}"
        request = urllib.request.Request(url, method="GET" if verb.startswith("download") else "POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read().decode()


@contextmanager
def applied(
    example: str,
    folder: Path,
    *variables: str,
    prepare: Callable[[S3Server], object] = lambda server: None,
    account: Callable[[], AbstractContextManager[S3Server]] = moto_process,
) -> Iterator[Installation]:
    """Apply an example to moto, in a copy of the module in ``folder``.

    Args:
        example: Its folder below ``terraform/examples``.
        folder: An empty one.
        variables: ``NAME=VALUE`` each.
        prepare: Makes what the example finds in the account.
        account: Starts moto; the default is an account that no other test sees.
    """
    if find_terraform() is None:
        pytest.skip(NO_TERRAFORM)
    project = copy_project(folder, overrides=MOTO_GAPS)
    (project / "dist").mkdir()
    wheels = "dicom-lake-0.0.0.gluewheels.zip"  # Glue unpacks it; here the tree itself is what runs
    (project / "dist" / wheels).write_bytes((ROOT / "terraform" / "tests" / "dist" / wheels).read_bytes())
    write_zip(project / "dist" / "waker-0.0.0.zip", [Entry(WAKER.name, WAKER.read_bytes())])
    with account() as server:
        environment = {**server.environment, "AWS_ENDPOINT_URL": server.endpoint}
        terraform = Terraform(project / "terraform" / "examples" / example, environment)
        terraform("init", "-backend=false")
        prepare(server)
        terraform("apply", "-auto-approve", *[word for variable in variables for word in ("-var", variable)])
        yield Installation(terraform, replace(server, region=REGION), terraform.outputs()["dicom_lake"])


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory):
    """examples/minimal, applied."""
    from moto.moto_api import recorder as moto_recorder

    moto_recorder._location = str(tmp_path_factory.mktemp("recording") / "requests.jsonl")
    with applied("minimal", tmp_path_factory.mktemp("terraform"), account=moto_server) as installation:
        yield installation
