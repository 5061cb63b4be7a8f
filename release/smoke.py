"""Check the installation in a real AWS account and remove it again: ``make smoke AWS_PROFILE=sandbox``.

Applies ``terraform/examples/minimal`` under a random name, uploads ``sample_dcm/``, runs the ingest, reads its logs,
queries the tables as a reader, and destroys everything. docs/how_to/check_an_account.md states what each step proves.
No output contains a value of a file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from dicom_udf.aws.clients import configured_region
from dicom_udf.errors import ConfigurationError, RunFailedError

__all__ = ["Check", "main"]

ROOT = Path(__file__).resolve().parents[1]
SAMPLE = ROOT / "sample_dcm"

_EXPECTED = json.loads((ROOT / "release" / "sample" / "expected.json").read_text(encoding="utf-8"))
_ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
_POLL, _RUN_SECONDS, _LOG_SECONDS, _ROLE_SECONDS = 15.0, 2400.0, 300.0, 120.0
"""Seconds between requests for the state of a run; at most for a run, for its log lines, and until a role is usable."""


@dataclass
class Check:
    """One check, under a name of its own.

    Attributes:
        name: Begins the name of everything that the check makes, e.g. ``lake-smoke-1a2b3c``.
        region: Region of AWS, e.g. ``eu-central-1``.
        example: Folder of the Terraform example.
        folder: Folder for Terraform's state; it is removed once everything is destroyed.
        wait: Waits so many seconds.
        outputs: Outputs of the example's module, once it is applied.
    """

    name: str
    region: str
    example: Path = ROOT / "terraform" / "examples" / "minimal"
    folder: Path = field(default=Path())
    wait: Callable[[float], None] = time.sleep
    outputs: dict[str, Any] = field(default_factory=dict)
    _session: boto3.session.Session = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if self.folder == Path():
            self.folder = ROOT / ".cache" / "smoke" / self.name
        self._session = boto3.session.Session(region_name=self.region)

    def run(self) -> None:
        """Run all steps, and destroy everything, also after a step that failed.

        Raises:
            RunFailedError: A step failed; the message names it.
        """
        failures: list[str] = []
        try:
            self.apply()
            self.upload()
            self.ingest()
            self.read_logs()
            self.query_as_reader()
        except RunFailedError as error:
            failures.append(str(error))
        finally:
            try:
                self.destroy()
            except RunFailedError as error:
                failures.append(str(error))
        if failures:
            raise RunFailedError("\n".join(failures))

    def apply(self) -> None:
        """Apply the example: the account takes every resource, policy and name of the module."""
        with _step("apply", "the account takes every resource of the module"):
            self._terraform("init", "-input=false")
            self._terraform("apply", "-auto-approve", "-input=false", *self._settings)
            self._read_outputs()

    def upload(self) -> None:
        """Put the sample files into the source's bucket: its policy and its key permit it."""
        with _step("upload", "the source's bucket takes objects"):
            bucket, _, prefix = self.outputs["source"].removeprefix("s3://").partition("/")
            paths = (path for path in SAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
            for path in sorted(paths):
                key = f"{prefix}/{path.relative_to(SAMPLE).as_posix()}".lstrip("/")
                self._client("s3").put_object(Bucket=bucket, Key=key, Body=path.read_bytes())

    def ingest(self) -> None:
        """Run the ingest job to its end: packages, network, role, key and catalog work together."""
        with _step("ingest", "the job runs to its end in Glue"):
            glue, job = self._client("glue"), self.outputs["job_names"]["ingest"]
            run = glue.start_job_run(JobName=job, Arguments={"--source": self.outputs["source"]})["JobRunId"]
            for _ in self._polls(_RUN_SECONDS):
                found = glue.get_job_run(JobName=job, RunId=run)["JobRun"]
                state = found["JobRunState"]
                if state == "SUCCEEDED":
                    return
                if state not in _ACTIVE:
                    raise RunFailedError(f"the run {run} ended as {state}: {found.get('ErrorMessage', 'no reason')}")
            raise RunFailedError(f"the run {run} of {job} has not ended in {_RUN_SECONDS:.0f} s")

    def read_logs(self) -> None:
        """Find the job's lines in its encrypted log group: a role without rights on the key writes none."""
        with _step("logs", "the job's lines are in its log group"):
            group = self.outputs["log_groups"]["ingest-output"]
            for _ in self._polls(_LOG_SECONDS):
                if self._client("logs").filter_log_events(logGroupName=group, limit=1)["events"]:
                    return
            raise RunFailedError(f"the log group {group} has no lines {_LOG_SECONDS:.0f} s after the run")

    def query_as_reader(self) -> None:
        """Query a table and a view with the reader's policy alone."""
        with _step("query", "a reader has the rows, of a table and of a view"), self._reader() as environment:
            self._expect(environment, "SELECT count(*) FROM instances", _EXPECTED["instances"])
            self._expect(environment, "SELECT sum(instances) FROM studies", _EXPECTED["instances"])

    def destroy(self) -> None:
        """Stop what runs, destroy everything, and check that no bucket is left.

        Raises:
            RunFailedError: Something is left; the message has the command that tries again.
        """
        try:
            with _step("destroy", "nothing is left but a key that AWS deletes"):
                if not self._state.exists():
                    return
                with contextlib.suppress(RunFailedError, KeyError):  # an apply that failed has no outputs
                    self._read_outputs()
                self._stop_runs()
                self._terraform("destroy", "-auto-approve", "-input=false", *self._settings)
                left = [name for name in self.outputs.get("buckets", {}).values() if self._has_bucket(name)]
                if left:
                    raise RunFailedError(f"the buckets {', '.join(left)} are left")
                shutil.rmtree(self.folder)
        except RunFailedError as error:
            raise RunFailedError(
                f"{error}\nresources of {self.name} are left and cost money; destroy them by: "
                f"python -m release.smoke --region {self.region} --destroy {self.name}"
            ) from None

    @property
    def _state(self) -> Path:
        return self.folder / "terraform.tfstate"

    @property
    def _settings(self) -> list[str]:
        values = {
            "region": self.region,
            "name": self.name,
            "database": self.name.replace("-", "_"),
            "deletion_protection": "false",
        }
        return [f"-state={self._state}", *(f"-var={name}={value}" for name, value in values.items())]

    def _read_outputs(self) -> None:
        printed = self._terraform("output", "-json", f"-state={self._state}")
        self.outputs = json.loads(printed)["dicom_lake"]["value"]

    def _terraform(self, *words: str) -> str:
        self.folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "TF_DATA_DIR": str(self.folder / "terraform"), "TF_IN_AUTOMATION": "1"}
        command = ["terraform", f"-chdir={self.example}", *words, *(["-no-color"] if words[0] != "output" else [])]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RunFailedError(f"terraform {words[0]} failed:\n{done.stderr.strip()}")
        return done.stdout

    def _client(self, service: str) -> Any:
        return self._session.client(service)

    def _polls(self, seconds: float) -> Iterator[None]:
        """Yield before each request for a state, for so many seconds."""
        for number in range(int(seconds / _POLL)):
            if number:
                self.wait(_POLL)
            yield

    @contextlib.contextmanager
    def _reader(self) -> Iterator[Mapping[str, str]]:
        """Make a role with the reader's policy alone; yield the environment of a process that has it."""
        iam, name = self._client("iam"), f"{self.name}-reader-check"
        caller = self._client("sts").get_caller_identity()
        account = f"arn:{caller['Arn'].split(':')[1]}:iam::{caller['Account']}:root"
        trust = {"Effect": "Allow", "Principal": {"AWS": account}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
        policy = self.outputs["reader_policy_arn"]
        try:
            iam.attach_role_policy(RoleName=name, PolicyArn=policy)
            kept = {key: value for key, value in os.environ.items() if not key.endswith("_PROFILE")}
            yield {**kept, **self._assume(role)}
        finally:
            with contextlib.suppress(ClientError):
                iam.detach_role_policy(RoleName=name, PolicyArn=policy)
            iam.delete_role(RoleName=name)

    def _assume(self, role: str) -> dict[str, str]:
        for _ in self._polls(_ROLE_SECONDS):
            with contextlib.suppress(ClientError):  # a new role is usable after some seconds
                found = self._client("sts").assume_role(RoleArn=role, RoleSessionName="smoke")["Credentials"]
                return {
                    "AWS_ACCESS_KEY_ID": found["AccessKeyId"],
                    "AWS_SECRET_ACCESS_KEY": found["SecretAccessKey"],
                    "AWS_SESSION_TOKEN": found["SessionToken"],
                }
        raise RunFailedError(f"the role {role} can't be assumed; the caller needs sts:AssumeRole")

    def _expect(self, environment: Mapping[str, str], sql: str, number: int) -> None:
        outputs, done = self.outputs, None
        where = ["--lake", outputs["lake"], "--catalog", "glue", "--database", outputs["database"]]
        where += ["--workgroup", outputs["workgroup"], "--aws-region", self.region, "--format", "csv"]
        command = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())"]
        for _ in self._polls(_ROLE_SECONDS):
            done = subprocess.run(
                [*command, "query", sql, *where], env=environment, capture_output=True, text=True, check=False
            )
            if done.returncode != 1:  # 1: denied, until the new policy is in effect
                break
        if done is None or done.returncode:
            raise RunFailedError(f"{sql}: {done.stderr.strip() if done else 'not sent'}")
        answer = done.stdout.split()[-1]
        if answer != str(number):
            raise RunFailedError(f"{sql}: the answer is {answer}, the sample has {number}")

    def _stop_runs(self) -> None:
        """Empty the queue, so that the waker starts nothing; stop the runs that it has started; wait for their end."""
        if not self.outputs:
            return
        if self.outputs.get("queue_url"):
            self._client("sqs").purge_queue(QueueUrl=self.outputs["queue_url"])
        for job in self.outputs["job_names"].values():
            for _ in self._polls(_RUN_SECONDS):
                runs = self._client("glue").get_job_runs(JobName=job)["JobRuns"]
                active = [run["Id"] for run in runs if run["JobRunState"] in _ACTIVE]
                if not active:
                    break
                self._client("glue").batch_stop_job_run(JobName=job, JobRunIds=active[:25])

    def _has_bucket(self, name: str) -> bool:
        try:
            self._client("s3").head_bucket(Bucket=name)
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) != 404
        return True


@contextlib.contextmanager
def _step(name: str, proves: str) -> Iterator[None]:
    """Print a step and its time; an error of AWS is one of the step, without the texts of requests.

    Raises:
        RunFailedError: The step failed.
    """
    clock0 = time.monotonic()
    print(f"{name:<8} ...", file=sys.stderr, flush=True)
    try:
        yield
    except (RunFailedError, ClientError, BotoCoreError) as error:
        match error:
            case RunFailedError():
                reason = str(error)
            case ClientError():
                code = error.response.get("Error", {}).get("Code", "an error")
                reason = f"AWS answered {code} to {error.operation_name}"
            case _:
                reason = type(error).__name__
        print(f"{name:<8} FAILED", file=sys.stderr, flush=True)
        raise RunFailedError(f"{name}: {reason}") from None
    print(f"{name:<8} {proves} ({time.monotonic() - clock0:.0f} s)", flush=True)


def main(argv: Sequence[str]) -> int:
    """Run the check, or destroy what an earlier one left; return 0, 1 if a step failed, or 2 for bad arguments."""
    parser = argparse.ArgumentParser(prog="python -m release.smoke", description=main.__doc__, allow_abbrev=False)
    parser.add_argument("--region", help="region of AWS [default: the environment's or the profile's]")
    parser.add_argument("--destroy", metavar="NAME", help="destroy what the check of this name left")
    given = parser.parse_args(argv)
    try:
        region = _check_place(given.region)
        check = Check(given.destroy or f"lake-smoke-{secrets.token_hex(3)}", region)
        if given.destroy and not check._state.exists():
            raise ConfigurationError(f"there is no check {given.destroy}: {check.folder} has no state")
        check.destroy() if given.destroy else check.run()
    except ConfigurationError as error:
        print(f"smoke: error: {error}", file=sys.stderr)
        return 2
    except RunFailedError as error:
        print(f"smoke: error: {error}", file=sys.stderr)
        return 1
    return 0


def _check_place(region: str | None) -> str:
    """Check that Terraform and credentials are there, and print the account; return the region.

    Raises:
        ConfigurationError: With the remedy.
    """
    if shutil.which("terraform") is None:
        raise ConfigurationError("Terraform isn't installed; the check needs 1.9 or newer")
    known = region or configured_region()
    if known is None:
        raise ConfigurationError("no AWS region is known; give --region, e.g. eu-central-1, or set AWS_REGION")
    try:
        caller = boto3.session.Session(region_name=known).client("sts").get_caller_identity()
    except (ClientError, BotoCoreError) as error:
        raise ConfigurationError(
            f"no AWS account can be reached ({type(error).__name__}); log in, and name the profile: "
            "make smoke AWS_PROFILE=sandbox"
        ) from None
    print(f"account {caller['Account']}, region {known}", flush=True)
    return known


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
