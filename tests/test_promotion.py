"""The words of a promotion: of the command, of the job, of AWS Glue; and what they are refused with."""

import subprocess
import sys
from pathlib import Path

import pytest

from dicom_udf.cli import main, promote_job
from dicom_udf.config import PromoteConfig, parse_command, parse_job
from dicom_udf.errors import ConfigurationError
from tests.settings import to_arguments

B_VALUE = "0019,xx0c|SIEMENS MR HEADER:decimal(20,0):b_value"
BOTH = ("ReasonForVisit", B_VALUE)
JOB = Path(__file__).parents[1] / "glue_jobs" / "promote_columns.py"


@pytest.mark.parametrize(
    "words",
    [["ReasonForVisit", B_VALUE], [f"ReasonForVisit;{B_VALUE}"], [f"ReasonForVisit ; {B_VALUE};"]],
    ids=["words", "semicolons", "spaces"],
)
def test_attributes_are_words_or_parted_by_semicolons(words, tmp_path):
    assert parse_command(["promote", *words, "--lake", str(tmp_path)]) == PromoteConfig(
        attributes=BOTH, lake=str(tmp_path)
    )


def test_the_job_takes_the_same_as_an_option_beside_glues_own(tmp_path):
    words = ["--JOB_NAME", "x", "--attributes", ";".join(BOTH), "--enable-metrics", "--lake", str(tmp_path)]
    assert parse_job(PromoteConfig, words) == PromoteConfig(attributes=BOTH, lake=str(tmp_path))


def test_settings_written_as_options_are_read_back(tmp_path):
    config = PromoteConfig(attributes=BOTH, lake=str(tmp_path), database="other", wait=0, master="local[2]")
    assert parse_job(PromoteConfig, to_arguments(config)) == config


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--attributes", ";"], "is empty"),
        (["--attributes", "ReasonForVisit", "--wait", "soon"], "whole number"),
        (["--attribute", "ReasonForVisit"], "did you mean --attributes?"),
    ],
)
def test_bad_words_are_refused(words, reason, tmp_path):
    with pytest.raises(ConfigurationError) as refusal:
        parse_job(PromoteConfig, [*words, "--lake", str(tmp_path)])
    assert reason in str(refusal.value)


def test_what_no_lake_could_take_is_refused_without_one(tmp_path, capsys):
    lake = tmp_path / "lake"
    for words in (["PatientComent"], ["0019,100c|ACME:double"], ["PixelData"], ["ReasonForVisit"]):
        assert main(["promote", *words, "--lake", str(lake)]) == 2
        assert promote_job(["--attributes", *words, "--lake", str(lake)]) == 2
    reported = capsys.readouterr().err.splitlines()
    assert len(reported) == 8, "one line each"
    assert "did you mean PatientComments?" in reported[0]
    assert reported[-1].startswith("promote_columns.py: error: there is no lake at ")
    assert not lake.exists()


def test_the_job_is_a_program(tmp_path):
    command = [sys.executable, str(JOB), "--attributes", "ReasonForVisit", "--lake", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no lake at" in done.stderr
    assert subprocess.run([sys.executable, str(JOB), "--help"], capture_output=True, check=False).returncode == 0
