"""What the installation is for, by its outputs alone: objects -> events -> the waker -> the job -> tables -> answers.

The jobs run here, by the arguments that Glue holds, against moto; what they ask of AWS is recorded, and each request
must be allowed by the job's role, and each permission needed by a request.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field

import pytest

from dicom_udf.lake.layout import VIEWS, table_names
from tests.queries.corpus import files, replaced
from tests.servers.trino import NO_TRINO, find_trino, trino
from tests.terraform.conftest import REGION, Installation
from tests.terraform.iam import calls_of, permissions, permitting
from tests.terraform.program import ROOT
from tests.terraform.waker import call_waker

pytestmark = [pytest.mark.terraform, pytest.mark.spark]

SCRIPTS = {"ingest": "ingest_dicom_headers", "maintain": "maintain_tables", "promote": "promote_columns"}

RARE = {
    # After an upload of many parts that failed.
    "WriteLake s3:AbortMultipartUpload",
    # The lease's old generations, once there are more than eight.
    "WriteLake s3:DeleteObject",
    # In a run that is longer than a third of the time that a message stays invisible.
    "Events sqs:ChangeMessageVisibility",
}
"""Permissions that these runs may do without, and when they are needed."""

KILLED = """
import sys
from glue_jobs.ingest_dicom_headers import main
from tests.lake.killed_run import POINTS
POINTS["merged batch staged"]()
main()
"""


@dataclass
class Story:
    """What happened.

    Attributes:
        installation: Where.
        recordings: What each job asked of AWS, a recording a run.
        reports: The run reports of the ingests that ended.
        woken: What the waker answered, in order.
        said: What the last run of each job printed.
    """

    installation: Installation
    recordings: dict[str, list[str]] = field(default_factory=lambda: {job: [] for job in SCRIPTS})
    reports: list[dict] = field(default_factory=list)
    woken: list[dict] = field(default_factory=list)
    said: dict[str, str] = field(default_factory=dict)

    def run(self, job: str, run: dict[str, str], folder) -> None:
        """Run a job to its end."""
        report = folder / "report.json"
        words = self.installation.job_arguments(job, run)
        words += ["--report", str(report)] if job == "ingest" else []
        self._process(job, [str(ROOT / "glue_jobs" / f"{SCRIPTS[job]}.py"), *words], status=0)
        if job == "ingest":
            self.reports.append(json.loads(report.read_text()))

    def kill(self, run: dict[str, str]) -> None:
        """Run the ingest until its batch is staged, then kill it."""
        self._process("ingest", ["-c", KILLED, *self.installation.job_arguments("ingest", run)], status=-signal.SIGKILL)

    def lose(self, view: str) -> None:
        """Remove a view: the next job finds a lake of a version that didn't have it."""
        self.installation.client("glue").delete_table(DatabaseName=self.installation.outputs["database"], Name=view)

    def _process(self, job: str, words: list[str], *, status: int) -> None:
        environment = {**os.environ, **self.installation.environment, "PYTHONPATH": str(ROOT)}
        with self.installation.recording(self.recordings[job]):
            done = subprocess.run(
                [sys.executable, *words, "--master", "local[2]"],
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        assert done.returncode == status, done.stderr[-4000:]
        self.said[job] = done.stdout

    def wake(self) -> dict[str, str]:
        """Run the Lambda's code with the Lambda's environment; return the arguments of the run that it started."""
        function = self.installation.client("lambda").get_function(FunctionName=self.installation.outputs["waker_name"])
        settings = function["Configuration"]["Environment"]["Variables"]
        self.woken.append(call_waker({**self.installation.environment, **settings}))
        if self.woken[-1]["started"] is None:
            return {}
        name = self.installation.outputs["job_names"]["ingest"]
        run = self.installation.client("glue").get_job_run(JobName=name, RunId=self.woken[-1]["started"])
        return run["JobRun"]["Arguments"]


@pytest.fixture(scope="module")
def story(installation: Installation, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Everything that happens, once."""
    folder = tmp_path_factory.mktemp("story")
    story = Story(installation)
    s3, source = installation.client("s3"), installation.outputs["buckets"]["source"]
    installation.client("sqs").purge_queue(QueueUrl=installation.outputs["queue_url"])
    story.wake()
    for file in files():
        s3.put_object(Bucket=source, Key=file.key, Body=file.content)
    story.run("ingest", story.wake(), folder)
    s3.put_object(Bucket=source, Key=replaced().key, Body=replaced().content)
    s3.delete_object(Bucket=source, Key=next(file.key for file in files() if file.key != replaced().key))
    story.kill(story.wake())
    story.lose("series")
    story.run("maintain", {}, folder)
    story.run("ingest", {"--source": installation.outputs["source"]}, folder)
    story.lose("studies")
    story.run("promote", {"--attributes": "ReasonForVisit"}, folder)
    return story


def test_the_waker_starts_the_job_only_where_the_queue_has_messages(story) -> None:
    first, second, third = story.woken
    assert (first["messages"], first["started"]) == (0, None)
    assert second["messages"] == len({file.key for file in files()})
    assert second["started"] and third["started"]


def test_the_first_run_reads_every_object_of_the_queue(story) -> None:
    assert story.reports[0]["objects_read"] == len({file.key for file in files()})


def test_a_killed_run_is_finished_by_maintenance_and_nothing_is_read_again(story) -> None:
    assert "staged batches of dead runs finished: 1" in story.said["maintain"]
    assert story.reports[1]["objects_read"] == 0, story.reports[1]


def test_the_sweep_finds_what_no_event_reported(story) -> None:
    """Moto sends none for a delete marker, as a versioned bucket gets it; AWS does."""
    assert story.reports[1]["objects_deleted"] == 1


def test_no_event_waits_and_none_lies_with_the_dead_letters(story) -> None:
    """What the killed run had received comes back after a while, and finds its object in the ledger."""
    sqs, outputs = story.installation.client("sqs"), story.installation.outputs
    for url in (outputs["queue_url"], outputs["dead_letter_queue_url"]):
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert counts["ApproximateNumberOfMessages"] == "0"


def test_the_tables_are_in_the_database_and_their_files_in_the_lake(story) -> None:
    glue, outputs = story.installation.client("glue"), story.installation.outputs
    tables = {table["Name"]: table for table in glue.get_tables(DatabaseName=outputs["database"])["TableList"]}
    assert set(tables) == {*table_names(), *VIEWS}
    locations = {tables[name]["StorageDescriptor"]["Location"] for name in ("instances", "failures", "objects")}
    assert {location.rpartition("/")[0] for location in locations} == {f"{outputs['lake']}/{outputs['database']}"}


@pytest.mark.parametrize("job", SCRIPTS)
def test_a_role_allows_what_its_job_asks_for_and_nothing_else(story, job) -> None:
    installation = story.installation
    role = installation.outputs["role_arns"][job].rpartition("/")[2]
    policy = installation.client("iam").get_role_policy(RoleName=role, PolicyName="job")["PolicyDocument"]
    key, buckets = installation.outputs["kms_key_arn"], installation.outputs["buckets"]
    calls = [
        call
        for recording in story.recordings[job]
        for call in calls_of(
            recording, account="123456789012", region=REGION, keys=dict.fromkeys(buckets.values(), key)
        )
    ]
    used = {call: permitting(policy["Statement"], call) for call in set(calls)}
    assert [call for call, statements in used.items() if not statements] == []
    unused = permissions(policy["Statement"]) - {one for statements in used.values() for one in statements}
    assert unused <= RARE


@pytest.mark.skipif(find_trino() is None, reason=NO_TRINO)
def test_every_named_query_has_an_answer(story, tmp_path) -> None:
    athena, outputs = story.installation.client("athena"), story.installation.outputs
    pages = athena.get_paginator("list_named_queries").paginate(WorkGroup=outputs["workgroup"])
    names = [name for page in pages for name in page["NamedQueryIds"]]
    queries = [athena.get_named_query(NamedQueryId=name)["NamedQuery"] for name in names]
    assert len(queries) == len(list((ROOT / "queries").glob("*.sql")))
    server = story.installation.server
    with trino(tmp_path, glue=server.endpoint, s3=server) as engine:
        answers = {query["Name"]: engine.answer(query["QueryString"]) for query in queries}
        assert all(columns for columns, _ in answers.values())
        (instances,) = engine.ask("SELECT count(*) FROM instances")
    assert instances[0] > 30


def test_destroy_takes_the_jobs_and_leaves_the_lake_its_tables_and_its_key(story) -> None:
    """The last test: what it asks of the others is there no more."""
    installation, outputs = story.installation, story.installation.outputs
    done = installation.terraform.run("destroy", "-auto-approve", "-no-color")
    assert done.returncode == 1
    assert "apply deletion_protection = false before you destroy the lake" in " ".join(done.stderr.split())
    glue, s3 = installation.client("glue"), installation.client("s3")
    assert glue.list_jobs()["JobNames"] == []
    assert len(glue.get_tables(DatabaseName=outputs["database"])["TableList"]) == len({*table_names(), *VIEWS})
    assert s3.list_objects_v2(Bucket=outputs["buckets"]["lake"])["KeyCount"] > 0
    assert s3.get_public_access_block(Bucket=outputs["buckets"]["lake"])
    assert installation.client("kms").describe_key(KeyId=outputs["kms_key_arn"])["KeyMetadata"]["Enabled"]
