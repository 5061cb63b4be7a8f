"""Start the ingest when its queue has messages and no job of the lake runs: a few lines of AWS Lambda.

Glue's own event triggers drop what exceeds their run limit, so events lie in SQS and this looks at it now and then. A
run that is refused costs nothing: the messages stay, and the next look is minutes away.
"""

from __future__ import annotations

import json
import os
from typing import Any

import boto3

__all__ = ["handler"]

_ACTIVE = {"STARTING", "RUNNING", "STOPPING", "WAITING"}
"""States of a run that has the lake, or waits for it."""


def handler(_event: object, _context: object) -> dict[str, Any]:
    """Look at the queue and at the jobs; start the ingest or say why not.

    The environment names the region of queue and jobs (REGION), the queue (QUEUE_URL), the job (INGEST_JOB), all jobs
    that write to the lake (JOBS, a JSON list), and the arguments of the run (ARGUMENTS, a JSON object).
    """
    region = os.environ["REGION"]
    queue = boto3.client("sqs", region_name=region).get_queue_attributes(
        QueueUrl=os.environ["QUEUE_URL"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    messages = int(queue["Attributes"]["ApproximateNumberOfMessages"])
    glue = boto3.client("glue", region_name=region)
    busy = [job for job in json.loads(os.environ["JOBS"]) if messages and _is_active(glue, job)]
    run = None
    if messages and not busy:
        arguments = json.loads(os.environ["ARGUMENTS"])
        run = glue.start_job_run(JobName=os.environ["INGEST_JOB"], Arguments=arguments)["JobRunId"]
    answer = {"messages": messages, "busy": busy, "started": run}
    print(json.dumps(answer))  # noqa: T201 - a Lambda's log
    return answer


def _is_active(glue: Any, job: str) -> bool:
    """Whether one of the newest runs hasn't ended; Glue lists the newest first."""
    return any(run["JobRunState"] in _ACTIVE for run in glue.get_job_runs(JobName=job, MaxResults=25)["JobRuns"])
