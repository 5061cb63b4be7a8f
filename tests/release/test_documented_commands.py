"""The commands and requests that docs/how_to/emr.md and glue.md: run, or compared with AWS's own description.

Of a command only that is replaced which EMR itself has: YARN, the jar of Iceberg, and reading artifacts from S3 before
the job begins. Buckets and catalog are moto's, named by the environment as AWS's own are by the machine.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.validate import ParamValidator

from dicom_udf import __version__
from dicom_udf.config import IngestConfig, parse_job
from dicom_udf.config.arguments import PLATFORM_ARGUMENTS
from dicom_udf.lake.session import AWS_PACKAGE, ICEBERG_PACKAGE
from tests.glue_command_line import RUN_ID, glue_command_line
from tests.job_process import ROOT, SAMPLE, SPARK_SUBMIT, platform, run
from tests.sample import EXPECTED
from tests.servers.s3 import S3Server, moto_server

PAGES = ROOT / "docs" / "how_to"
INSTANCES = EXPECTED["instances"]
EMR, GLUE = PAGES / "emr.md", PAGES / "glue.md"


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def spark_submit_of_the_page() -> list[str]:
    (line,) = (
        text for block in blocks(EMR, "sh") for text in block.replace("\\\n", " ").splitlines() if "yarn" in text
    )
    return shlex.split(line)


def job_run_of_the_page() -> dict[str, Any]:
    (job_run,) = (job for block in blocks(EMR, "json") if "jobDriver" in (job := json.loads(block)))
    return dict(job_run)


def job_of_the_page() -> dict[str, Any]:
    (job,) = blocks(GLUE, "json")
    return dict(json.loads(job))


# --- What can be asked without running it


def shape(service: str, operation: str) -> Any:
    client = boto3.client(service, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
    return client.meta.service_model.operation_model(operation).input_shape


def complaints(service: str, operation: str, request: dict[str, Any]) -> str:
    return str(ParamValidator().validate(request, shape(service, operation)).generate_report())


def test_the_job_run_of_emr_serverless_is_a_request_that_aws_takes() -> None:
    request = job_run_of_the_page() | {"clientToken": "made-by-the-command-line"}
    assert complaints("emr-serverless", "StartJobRun", request) == ""


def test_the_job_of_glue_is_a_request_that_aws_takes() -> None:
    assert complaints("glue", "CreateJob", job_of_the_page()) == ""
    with moto_server() as server:
        glue = server.client("glue")
        glue.create_job(**job_of_the_page())
        made = glue.get_job(JobName="dicom-lake-ingest")["Job"]
    assert made["DefaultArguments"] == job_of_the_page()["DefaultArguments"]


def test_the_arguments_of_the_job_of_glue_are_the_jobs_own() -> None:
    arguments = job_of_the_page()["DefaultArguments"]
    config = parse_job(IngestConfig, [word for pair in arguments.items() for word in pair])
    assert (config.source, config.lake, config.catalog) == ("s3://my-images/studies/", "s3://my-lake/dicom", "glue")
    assert config.aws_region == "eu-central-1"


@pytest.mark.parametrize("page", [EMR, GLUE, PAGES / "spark_submit.md"], ids=lambda page: page.name)
def test_the_pages_name_files_of_this_version(page: Path) -> None:
    named = set(re.findall(r"dicom[-_]lake-([0-9][0-9.]*[0-9])", page.read_text(encoding="utf-8")))
    assert named == {__version__}


def test_both_ways_on_emr_run_the_same_job() -> None:
    driver = job_run_of_the_page()["jobDriver"]["sparkSubmit"]
    words = spark_submit_of_the_page()
    script = words.index(driver["entryPoint"])
    assert words[script + 1 :] == driver["entryPointArguments"]
    assert words[words.index("--jars") + 1] in driver["sparkSubmitParameters"]
    assert words[words.index("--archives") + 1] in driver["sparkSubmitParameters"]


# --- What is run


@pytest.fixture
def aws() -> Iterator[S3Server]:
    """Buckets as the page names them, in its region, with the sample files as the source."""
    with moto_server() as running:
        server = replace(running, region="eu-central-1")
        client = server.client()
        for bucket in ("my-images", "my-lake"):
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": server.region})
        for file in SAMPLE.rglob("*"):
            if file.is_file():
                client.put_object(Bucket="my-images", Key=f"studies/{file.relative_to(SAMPLE)}", Body=file.read_bytes())
        yield server


def without_region(server: S3Server) -> dict[str, str]:
    """The environment of a node: EMR's names no region."""
    found = {name: value for name, value in server.environment.items() if not name.endswith("_REGION")}
    return {**found, "AWS_ENDPOINT_URL": server.endpoint}


def instances_in(server: S3Server) -> int:
    """Rows of the table, as Glue and S3 return them to any engine."""
    table = server.client("glue").get_table(DatabaseName="dicom", Name="instances")["Table"]
    bucket, key = table["Parameters"]["metadata_location"].removeprefix("s3://").split("/", 1)
    metadata = json.loads(server.client().get_object(Bucket=bucket, Key=key)["Body"].read())
    current = next(each for each in metadata["snapshots"] if each["snapshot-id"] == metadata["current-snapshot-id"])
    return int(current["summary"]["total-records"])


def on_this_machine(words: list[str], dist: Path) -> tuple[list[str], dict[str, str]]:
    """Replace what only EMR has; return the command, and the environment that EMR gives the driver.

    The driver runs here and not in a container of YARN. The executor is a process of its own in a folder of its own,
    into which Spark unpacks the archive.
    """
    line = "\n".join(words)
    line = line.replace("--master\nyarn\n--deploy-mode\ncluster", "--master\nlocal-cluster[1,2,1024]")
    line = re.sub(
        r"(--jars\n|--conf\nspark\.jars=)/usr/share/aws/iceberg/\S+",
        f"--packages\n{ICEBERG_PACKAGE},{AWS_PACKAGE}",
        line,
    )
    line = line.replace("s3://my-artifacts/dicom-lake/dicom-lake-", f"{dist}/dicom-lake-")
    line = line.replace("s3://my-artifacts/dicom-lake/", f"{ROOT / 'glue_jobs'}/")
    driver = r"--conf\nspark\.(?:yarn\.appMasterEnv|emr-serverless\.driverEnv)\.(\w+)=(\S+)\n"
    environment = dict(re.findall(driver, line))
    return re.sub(driver, "", line).split("\n"), environment


@pytest.mark.dist
@pytest.mark.parametrize("way", ["EMR on EC2", "EMR Serverless"])
def test_the_documented_command_ingests(way: str, aws: S3Server, dist: Path, environment: Path, tmp_path: Path) -> None:
    words = spark_submit_of_the_page()
    if way == "EMR Serverless":
        job = job_run_of_the_page()["jobDriver"]["sparkSubmit"]
        parameters = ["--master", "yarn", "--deploy-mode", "cluster", *shlex.split(job["sparkSubmitParameters"])]
        words = ["spark-submit", *parameters, job["entryPoint"], *job["entryPointArguments"]]
    command, of_driver = on_this_machine(words, dist)
    assert "PYSPARK_PYTHON" in of_driver
    assert not [word for word in command if "yarn" in word or "emr" in word or "my-artifacts" in word]
    (tmp_path / "environment").symlink_to(environment)  # where YARN unpacks the archive for the driver
    given = {"SPARK_WORKER_DIR": str(tmp_path / "work"), **without_region(aws)}
    assert command.pop(0) == "spark-submit"
    run([SPARK_SUBMIT, *command], cwd=tmp_path, **platform(tmp_path), **of_driver, **given)
    assert instances_in(aws) == INSTANCES


@pytest.mark.dist
def test_the_documented_job_of_glue_ingests_with_the_command_line_of_glue(
    aws: S3Server, glue: Path, tmp_path: Path
) -> None:
    """On what Glue brings, and the zip of wheels: no other package of this project is in reach."""
    arguments = job_of_the_page()["DefaultArguments"]
    own = [word for name, value in arguments.items() if name not in PLATFORM_ARGUMENTS for word in (name, value)]
    script = shutil.copy(ROOT / "glue_jobs" / "ingest_dicom_headers.py", tmp_path)
    iceberg = ["--master", "local[2]", "--packages", f"{ICEBERG_PACKAGE},{AWS_PACKAGE}"]  # --datalake-formats iceberg
    python = {"PYSPARK_PYTHON": str(glue), "PYSPARK_DRIVER_PYTHON": str(glue)}
    command = [SPARK_SUBMIT, *iceberg, script, *glue_command_line(own)]
    reported = run(command, cwd=tmp_path, **platform(tmp_path), **python, **without_region(aws)).stdout
    assert f"run {RUN_ID}" in reported
    assert instances_in(aws) == INSTANCES
