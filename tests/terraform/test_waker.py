"""The Lambda that starts the ingest: only when there is something to do, and nobody has the lake."""

import json

import pytest

from tests.servers.s3 import moto_server
from tests.terraform.waker import call_waker

JOBS = ["lake-ingest", "lake-maintain", "lake-promote"]
ARGUMENTS = {"--queue": "the queue"}


class Account:
    """A queue and three jobs on moto, and what the Lambda is reported of them."""

    def __init__(self, server) -> None:
        self.glue, self.sqs = server.client("glue"), server.client("sqs")
        for job in JOBS:
            self.glue.create_job(Name=job, Role="role", Command={"Name": "glueetl", "ScriptLocation": "s3://a/b.py"})
        self.queue = self.sqs.create_queue(QueueName="lake-events")["QueueUrl"]
        self.environment = {
            **server.environment,
            "AWS_ENDPOINT_URL": server.endpoint,
            "REGION": server.region,
            "QUEUE_URL": self.queue,
            "INGEST_JOB": JOBS[0],
            "JOBS": json.dumps(JOBS),
            "ARGUMENTS": json.dumps(ARGUMENTS),
        }

    def runs(self) -> list[dict]:
        return self.glue.get_job_runs(JobName=JOBS[0])["JobRuns"]


@pytest.fixture
def account():
    with moto_server() as server:
        yield Account(server)


@pytest.fixture
def long_runs():
    """Runs that don't end while they are looked at."""
    from moto.moto_api import state_manager

    state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1000})
    yield
    state_manager.unset_transition("glue::job_run")


def test_an_empty_queue_starts_nothing(account) -> None:
    assert call_waker(account.environment) == {"messages": 0, "busy": [], "started": None}
    assert account.runs() == []


def test_messages_start_the_ingest_with_the_queue_as_its_argument(account) -> None:
    account.sqs.send_message(QueueUrl=account.queue, MessageBody="{}")
    answer = call_waker(account.environment)
    (run,) = account.runs()
    assert (run["Id"], run["Arguments"]) == (answer["started"], ARGUMENTS)


@pytest.mark.parametrize("job", JOBS)
def test_no_run_starts_while_a_job_of_the_lake_is_active(account, long_runs, job) -> None:
    account.sqs.send_message(QueueUrl=account.queue, MessageBody="{}")
    run = account.glue.start_job_run(JobName=job)["JobRunId"]
    assert call_waker(account.environment) == {"messages": 1, "busy": [job], "started": None}
    assert [one["Id"] for one in account.runs()] == ([run] if job == JOBS[0] else [])


def test_a_run_that_has_ended_is_no_obstacle(account) -> None:
    account.sqs.send_message(QueueUrl=account.queue, MessageBody="{}")
    account.glue.start_job_run(JobName=JOBS[0])
    assert call_waker(account.environment)["started"]
