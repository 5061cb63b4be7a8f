"""AWS Glue's command line: each of its arguments is tolerated by each job, in any order, and the run's id is read."""

from __future__ import annotations

import dataclasses
import random

import pytest

from dicom_udf.config import (
    IngestConfig,
    MaintainConfig,
    PromoteConfig,
    parse_job,
)
from dicom_udf.config.arguments import PLATFORM_ARGUMENTS
from dicom_udf.errors import ConfigurationError
from tests.glue_command_line import GLUE_ARGUMENTS, RUN_ID, glue_command_line

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
