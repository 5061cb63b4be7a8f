"""The check of an account, on moto: each step, with the job's real run; and what it reports where one fails.

moto holds the definitions and no machines: Glue's part, the run of the job and the lines in its log group, is played
here, and Athena's answers are canned.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks.cost import idle_month, read_numbers
from dicom_udf.errors import RunFailedError
from release import smoke
from release.archives import Entry, write_zip
from release.make_dist import WAKER
from release.smoke import Check, main
from tests.sample import EXPECTED
from tests.servers.s3 import S3Server, moto_server
from tests.terraform import program
from tests.terraform.account import moto_process
from tests.terraform.program import MOTO_GAPS, NO_TERRAFORM, ROOT, copy_project, find_terraform

REGION = "eu-central-1"
INSTANCES = EXPECTED["instances"]


def enter(server: S3Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """Make this process a shell that reaches an account and knows no region; return the account in its region."""
    settings = folder / "terraform.rc"
    settings.write_text(program._settings())
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    shell = {name: value for name, value in server.environment.items() if not name.endswith("_REGION")}
    shell |= {"AWS_ENDPOINT_URL": server.endpoint, "TF_CLI_CONFIG_FILE": str(settings), "CHECKPOINT_DISABLE": "1"}
    for name, value in shell.items():
        monkeypatch.setenv(name, value)
    return replace(server, region=REGION)


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An empty account."""
    with moto_server() as server:
        yield enter(server, tmp_path, monkeypatch)


@pytest.fixture
def own_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    """An empty account in a process of its own, for what runs beside the installation of other tests."""
    with moto_process() as server:
        yield enter(server, tmp_path, monkeypatch)


def glue_runs_the_job(check: Check, server: S3Server) -> None:
    """Play Glue: run the job that was started, and put its lines into its log group."""
    job = check.outputs["job_names"]["ingest"]
    definition = server.client("glue").get_job(JobName=job)["Job"]["DefaultArguments"]
    (run,) = server.client("glue").get_job_runs(JobName=job)["JobRuns"]
    arguments = {**definition, **run["Arguments"], "--JOB_RUN_ID": run["Id"], "--master": "local[2]"}
    script = ROOT / "glue_jobs" / "ingest_dicom_headers.py"
    words = [sys.executable, str(script), *(word for pair in arguments.items() for word in pair)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    group, logs = check.outputs["log_groups"]["ingest-output"], server.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName=run["Id"])
    lines = [{"timestamp": int(time.time() * 1000), "message": line} for line in done.stderr.splitlines() if line]
    logs.put_log_events(logGroupName=group, logStreamName=run["Id"], logEvents=lines)


def athena_answers(server: S3Server, *numbers: int) -> None:
    """Let moto's Athena answer the next queries by one number each."""
    results = [
        {
            "rows": [{"Data": [{"VarCharValue": text}]} for text in ("n", str(number))],
            "column_info": [{"Name": "n", "Label": "n", "Type": "bigint"}],
        }
        for number in numbers
    ]
    body = json.dumps({"account_id": "123456789012", "region": REGION, "results": results}).encode()
    url = f"{server.endpoint}/moto-api/static/athena/query-results"
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"}, method="POST")
    urllib.request.urlopen(request, timeout=60).close()


@pytest.mark.terraform
@pytest.mark.spark
@pytest.mark.skipif(find_terraform() is None, reason=NO_TERRAFORM)
def test_the_check_installs_ingests_reads_logs_queries_and_leaves_nothing(
    own_account: S3Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    project = copy_project(tmp_path / "project", overrides=MOTO_GAPS)
    (project / "dist").mkdir()
    wheels = "dicom-lake-0.0.0.gluewheels.zip"
    (project / "dist" / wheels).write_bytes((ROOT / "terraform" / "tests" / "dist" / wheels).read_bytes())
    write_zip(project / "dist" / "waker-0.0.0.zip", [Entry(WAKER.name, WAKER.read_bytes())])
    example = project / "terraform" / "examples" / "minimal"
    waited: list[float] = []
    seen: dict[str, Any] = {}

    def wait(seconds: float) -> None:
        if not waited:
            glue_runs_the_job(check, own_account)
            athena_answers(own_account, INSTANCES, INSTANCES)
            seen["tables"] = own_account.client("glue").get_tables(DatabaseName=check.outputs["database"])["TableList"]
        waited.append(seconds)

    check = Check("lake-smoke-1a2b3c", REGION, example, tmp_path / "state", wait)
    check.run()
    steps = re.findall(r"^(\w+) +\S.* \(\d+ s\)$", capsys.readouterr().out, re.MULTILINE)
    assert steps == ["apply", "upload", "ingest", "logs", "query", "destroy"]
    assert {"instances", "studies"} <= {table["Name"] for table in seen["tables"]}
    sent = own_account.client("athena").list_query_executions()["QueryExecutionIds"]
    texts = [own_account.client("athena").get_query_execution(QueryExecutionId=one)["QueryExecution"] for one in sent]
    assert {text["Query"].split()[-1] for text in texts} == {"instances", "studies"}
    assert own_account.client("s3").list_buckets()["Buckets"] == []
    assert own_account.client("iam").list_roles()["Roles"] == []
    assert own_account.client("glue").list_jobs()["JobNames"] == []
    assert not check.folder.exists()


# --- Where a step fails


class Fake(Check):
    """A check without Terraform: each step that is named fails, the others do nothing."""

    failing: tuple[str, ...] = ()

    def _terraform(self, *words: str) -> str:
        done.append(words[0])
        if words[0] in self.failing:
            raise RunFailedError(f"terraform {words[0]} failed:\nError: AccessDenied")
        self.folder.mkdir(parents=True, exist_ok=True)
        self._state.touch()
        if words[0] == "output" and "apply" in self.failing:
            raise RunFailedError("no outputs")
        return json.dumps({"dicom_lake": {"value": OUTPUTS}})


OUTPUTS = {
    "source": "s3://lake-smoke-source/studies",
    "lake": "s3://lake-smoke-lake/lake",
    "database": "lake_smoke",
    "workgroup": "primary",
    "queue_url": None,
    "job_names": {"ingest": "lake-smoke-ingest"},
    "log_groups": {"ingest-output": "/aws-glue/lake-smoke/output"},
    "buckets": {"source": "lake-smoke-source"},
    "reader_policy_arn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
}
done: list[str] = []


@pytest.fixture
def check(account: S3Server, tmp_path: Path) -> Fake:
    """An account with the job and the log group alone."""
    done.clear()
    glue = account.client("glue")
    glue.create_job(Name="lake-smoke-ingest", Role="r", Command={"Name": "glueetl", "ScriptLocation": "s3://a/b.py"})
    account.client("logs").create_log_group(logGroupName=OUTPUTS["log_groups"]["ingest-output"])
    return Fake("lake-smoke", REGION, tmp_path, tmp_path / "state", wait=lambda _: None)


def test_an_apply_that_fails_is_destroyed_and_reported(check: Fake) -> None:
    check.failing = ("apply",)
    with pytest.raises(RunFailedError, match="apply: terraform apply failed:\nError: AccessDenied"):
        check.run()
    assert done[:2] == ["init", "apply"]
    assert done[-1] == "destroy"


def test_a_step_of_aws_that_fails_names_the_code_and_the_request(check: Fake) -> None:
    with pytest.raises(RunFailedError, match="upload: AWS answered NoSuchBucket to PutObject"):
        check.run()
    assert done[-1] == "destroy"
    assert not check.folder.exists()


def test_a_run_that_ends_badly_is_named_with_its_reason(check: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    check.outputs = dict(OUTPUTS)
    run = {"JobRunState": "FAILED", "ErrorMessage": "SystemExit: 2"}
    fake = type(
        "Glue",
        (),
        {"start_job_run": lambda *_, **__: {"JobRunId": "jr_1"}, "get_job_run": lambda *_, **__: {"JobRun": run}},
    )
    monkeypatch.setattr(Fake, "_client", lambda *_: fake())
    with pytest.raises(RunFailedError, match="ingest: the run jr_1 ended as FAILED: SystemExit: 2"):
        check.ingest()


def test_a_log_group_without_lines_fails_the_check(check: Fake) -> None:
    check.outputs = dict(OUTPUTS)
    with pytest.raises(RunFailedError, match="logs: the log group /aws-glue/lake-smoke/output has no lines"):
        check.read_logs()


def test_another_number_than_the_samples_fails_the_check(check: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    check.outputs = dict(OUTPUTS)
    answer = subprocess.CompletedProcess([], 0, stdout="n\r\n39\r\n", stderr="")
    monkeypatch.setattr(smoke.subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(RunFailedError, match=rf"the answer is 39, the sample has {INSTANCES}"):
        check._expect(os.environ, "SELECT count(*) FROM instances", INSTANCES)


def test_what_can_not_be_destroyed_is_named_with_the_command_that_tries_again(check: Fake) -> None:
    check.failing = ("destroy",)
    both = (
        r"(?s)upload: AWS answered NoSuchBucket.*terraform destroy failed.*--region eu-central-1 --destroy lake-smoke$"
    )
    with pytest.raises(RunFailedError, match=both):
        check.run()
    assert check.folder.exists()


def test_the_reader_has_one_policy_and_its_role_is_deleted(check: Fake, account: S3Server) -> None:
    check.outputs = dict(OUTPUTS)
    iam = account.client("iam")
    statement = {"Effect": "Allow", "Action": "athena:GetWorkGroup", "Resource": "*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    arn = iam.create_policy(PolicyName="reader", PolicyDocument=json.dumps(policy))["Policy"]
    check.outputs["reader_policy_arn"] = arn["Arn"]
    with check._reader() as environment:
        attached = iam.list_attached_role_policies(RoleName="lake-smoke-reader-check")["AttachedPolicies"]
        assert [one["PolicyArn"] for one in attached] == [arn["Arn"]]
        assert environment["AWS_ACCESS_KEY_ID"] != account.access_key
    assert iam.list_roles()["Roles"] == []


def test_the_page_states_each_step_and_a_cost_below_one_dollar() -> None:
    """Two runs of all workers for four minutes each, and an hour of what an idle installation costs a month."""
    page = (ROOT / "docs" / "how_to" / "check_an_account.md").read_text(encoding="utf-8")
    steps = re.findall(r"^\| `(\w+)` \| .* \| .* \|$", page, re.MULTILINE)
    assert steps == re.findall(r"with _step\(\"(\w+)\"", Path(smoke.__file__).read_text(encoding="utf-8"))
    numbers = read_numbers()
    variables = (ROOT / "terraform" / "variables.tf").read_text(encoding="utf-8")
    workers = re.search(r'variable "number_of_workers" \{.*?default += (\d+)', variables, re.DOTALL)
    assert workers is not None
    worker = 2 * 4 / 60 * numbers["dpu_per_worker"] * numbers["glue_dpu_hour"]
    runs, idle = int(workers[1]) * worker, sum(idle_month(numbers).values()) / 730
    assert f"| {runs:.2f} |" in page and f"{2 * worker:.2f} USD" in page
    assert idle <= 0.01
    assert runs + idle + 0.01 < 1
    assert f"| **{round(runs, 2) + 0.02:.2f}** |" in page


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("PATH", "Terraform isn't installed"),
        ("region", "no AWS region is known; give --region"),
        ("credentials", "no AWS account can be reached"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_made(
    account: S3Server, missing: str, sentence: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dicom_udf.aws import clients

    clients.default_session.cache_clear()
    monkeypatch.setattr(smoke.shutil, "which", lambda _: None if missing == "PATH" else "/bin/terraform")
    if missing == "credentials":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
        monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert main([] if missing == "region" else ["--region", REGION]) == 2
    assert sentence in capsys.readouterr().err
    clients.default_session.cache_clear()


def test_a_check_that_left_nothing_can_not_be_destroyed(account: S3Server, capsys: pytest.CaptureFixture[str]) -> None:
    if find_terraform() is None:
        pytest.skip(NO_TERRAFORM)
    assert main(["--region", REGION, "--destroy", "lake-smoke-never"]) == 2
    assert "there is no check lake-smoke-never" in capsys.readouterr().err
