"""AWS Glue's command line: each of its arguments is tolerated by each job, in any order, and the run's id is read."""

from __future__ import annotations

import dataclasses
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from dicom_udf.config import (
    IngestConfig,
    MaintainConfig,
    PromoteConfig,
    parse_job,
)
from dicom_udf.config.arguments import PLATFORM_ARGUMENTS
from dicom_udf.environment import check_glue_run
from dicom_udf.errors import ConfigurationError
from tests.glue_command_line import GLUE_ARGUMENTS, RUN_ID, glue_command_line

ROOT = Path(__file__).parents[1]

JobConfig = IngestConfig | MaintainConfig | PromoteConfig

JOBS: dict[str, tuple[type[JobConfig], list[str]]] = {
    "ingest": (IngestConfig, ["--source", "/data/in", "--lake", "/data/lake"]),
    "maintain": (MaintainConfig, ["--lake", "/data/lake", "--dry-run", "true"]),
    "promote": (PromoteConfig, ["--attributes", "KVP", "--lake", "/data/lake"]),
}
OPTIONS = [
    (job, f"--{field.name.replace('_', '-')}")
    for job, (config_class, _) in JOBS.items()
    for field in dataclasses.fields(config_class)
]


def without_run_id(config: JobConfig) -> JobConfig:
    return dataclasses.replace(config, run_id=None) if isinstance(config, IngestConfig) else config


def test_the_tests_know_a_value_for_each_argument_of_glue() -> None:
    assert set(GLUE_ARGUMENTS) == PLATFORM_ARGUMENTS


@pytest.mark.parametrize("name", GLUE_ARGUMENTS)
@pytest.mark.parametrize("job", JOBS)
def test_an_argument_of_glue_changes_nothing_but_the_run_id(job: str, name: str) -> None:
    config_class, own = JOBS[job]
    for words in ([*own, name, GLUE_ARGUMENTS[name]], [f"{name}={GLUE_ARGUMENTS[name]}", *own]):
        assert without_run_id(parse_job(config_class, words)) == parse_job(config_class, own)


@pytest.mark.parametrize("job", JOBS)
def test_the_whole_command_line_of_glue_changes_nothing_but_the_run_id(job: str) -> None:
    config_class, own = JOBS[job]
    assert without_run_id(parse_job(config_class, glue_command_line(own))) == parse_job(config_class, own)


def test_the_run_id_of_glue_is_the_id_of_the_ingest() -> None:
    own = JOBS["ingest"][1]
    assert parse_job(IngestConfig, glue_command_line(own)).run_id == RUN_ID
    assert parse_job(IngestConfig, glue_command_line([*own, "--run-id", "mine"])).run_id == "mine"


@pytest.mark.parametrize("job", JOBS)
@pytest.mark.parametrize("seed", range(20))
def test_the_order_does_not_matter_because_glue_keeps_a_map(job: str, seed: int) -> None:
    config_class, own = JOBS[job]
    words = glue_command_line(own)[1:]
    pairs = list(zip(words[::2], words[1::2], strict=True))
    random.Random(seed).shuffle(pairs)
    assert without_run_id(parse_job(config_class, [word for pair in pairs for word in pair])) == parse_job(
        config_class, own
    )


@pytest.mark.parametrize(("job", "option"), OPTIONS)
def test_each_option_of_a_job_takes_a_value_because_glue_passes_no_bare_flag(job: str, option: str) -> None:
    config_class, own = JOBS[job]
    with pytest.raises(ConfigurationError, match=f"argument {option}: expected one argument"):
        parse_job(config_class, [*own, option])


@pytest.mark.parametrize(("job", "option"), OPTIONS)
def test_no_option_of_a_job_has_a_name_that_glue_takes(job: str, option: str) -> None:
    assert option not in PLATFORM_ARGUMENTS
    assert option == option.lower()


# --- A run of Glue without Glue's Spark

SCRIPTS = {"ingest": "ingest_dicom_headers", "maintain": "maintain_tables", "promote": "promote_columns"}


@pytest.mark.parametrize("job", JOBS)
def test_a_run_of_glue_never_starts_a_spark_of_its_own(job: str, tmp_path: Path) -> None:
    """Glue's own is known by the port of spark-submit; a job of the type pythonshell has none."""
    lake = tmp_path / "lake"
    own = {"ingest": ["--source", str(ROOT / "sample_dcm")], "maintain": [], "promote": ["--attributes", "KVP"]}[job]
    script = ROOT / "glue_jobs" / f"{SCRIPTS[job]}.py"
    words = [sys.executable, str(script), *glue_command_line([*own, "--lake", str(lake)])]
    environment = {name: value for name, value in os.environ.items() if name != "PYSPARK_GATEWAY_PORT"}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "AWS Glue started this run (--JOB_RUN_ID) without Spark" in done.stderr
    assert "glueetl" in done.stderr
    assert not lake.exists()


@pytest.mark.parametrize(
    ("words", "master", "port"),
    [
        (["--JOB_RUN_ID", "jr_1"], "local[4]", None),
        (["--JOB_RUN_ID=jr_1"], None, "1"),
        (["--JOB_NAME", "ingest"], None, None),
    ],
)
def test_a_named_master_or_a_platforms_spark_is_taken(
    words: list[str], master: str | None, port: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYSPARK_GATEWAY_PORT", raising=False)
    if port is not None:
        monkeypatch.setenv("PYSPARK_GATEWAY_PORT", port)
    check_glue_run(words, master)


# --- The official library


def test_glues_own_parser_takes_the_command_line_of_the_tests() -> None:
    utils = pytest.importorskip("awsglue.utils", reason="AWSGlueDataplanePython is for Python 3.11")
    line = ["script.py", *glue_command_line(JOBS["ingest"][1])]
    resolved = utils.getResolvedOptions(line, ["JOB_NAME", "source", "lake"])
    assert (resolved["JOB_NAME"], resolved["JOB_RUN_ID"]) == (GLUE_ARGUMENTS["--JOB_NAME"], RUN_ID)
    assert (resolved["source"], resolved["lake"]) == ("/data/in", "/data/lake")


def test_each_option_that_glues_own_library_reads_is_tolerated() -> None:
    job = pytest.importorskip("awsglue.job", reason="AWSGlueDataplanePython is for Python 3.11").Job
    reserved = [*job.id_params(), *job.job_bookmark_range_options()]
    for options in (job.continuation_options, job.job_bookmark_options, job.encryption_type_options):
        reserved.append(options()[0])
    reserved += job.data_lineage_options()
    assert set(reserved) <= PLATFORM_ARGUMENTS
