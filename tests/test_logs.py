"""Lines of the log: text or JSON, and no key of an object where keys are private."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from dicom_udf import cli, logs
from dicom_udf.config import InitConfig, PromoteConfig
from dicom_udf.errors import RunFailedError
from dicom_udf.logs import redacted_uri, set_run_id, set_up_logging
from dicom_udf.sources import open_store
from tests.servers.proxy import proxy
from tests.servers.rules import EXPIRED_TOKEN, Rule
from tests.servers.s3 import moto_s3

ROOT = Path(__file__).parents[1]
JOB = ROOT / "glue_jobs" / "ingest_dicom_headers.py"
MARK = "Doe^Jane"


@pytest.fixture(autouse=True)
def as_before():
    """Give the process its own logging back."""
    root, own = logging.getLogger(), logging.getLogger("dicom_udf")
    before = (
        root.handlers[:],
        own.level,
        logs.LogSettings(*(getattr(logs.log_settings, n) for n in logs.LogSettings.__slots__)),
    )
    yield
    root.handlers[:], level, settings = before
    own.setLevel(level)
    logging.captureWarnings(False)
    for name in logs.LogSettings.__slots__:
        setattr(logs.log_settings, name, getattr(settings, name))


def alone() -> None:
    """Take pytest's own handlers away: the command sets up one where there is none."""
    logging.getLogger().handlers[:] = []


def json_lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_lines_are_objects_that_name_the_run(capsys):
    alone()
    set_up_logging("INFO", is_json=True)
    log = logging.getLogger("dicom_udf.lake")
    log.info("before the run is known: %d", 1)
    set_run_id("jr_1")
    log.warning('with "quotes", a\nline end and é')
    logging.getLogger("urllib3").warning("of a library")
    log.debug("not at this level")
    first, second, third = json_lines(capsys.readouterr().err)
    assert (first["run_id"], first["message"], first["level"]) == (None, "before the run is known: 1", "INFO")
    assert (second["run_id"], second["logger"]) == ("jr_1", "dicom_udf.lake")
    assert second["message"] == 'with "quotes", a\nline end and é'
    assert (third["logger"], third["run_id"]) == ("urllib3", "jr_1")
    assert first["time"].endswith("+00:00")


def test_a_failed_command_ends_with_an_object(capsys, monkeypatch, tmp_path):
    def fail(config):
        raise RunFailedError("the lease is held")

    alone()
    monkeypatch.setattr(cli, "run_command", fail)
    words = ["--source", str(tmp_path), "--lake", str(tmp_path / "lake"), "--log-format", "json"]
    assert cli.ingest_job(words) == 1
    [line] = json_lines(capsys.readouterr().err)
    assert (line["level"], line["message"], line["program"]) == (
        "ERROR",
        "the lease is held",
        "ingest_dicom_headers.py",
    )


def test_a_private_key_is_named_by_a_hash_that_sql_finds(capsys):
    uri = f"s3://bucket/studies/{MARK}/1.dcm"
    assert redacted_uri(uri) == uri
    set_up_logging("INFO", private_keys=True)
    assert redacted_uri(uri) == f"s3://bucket/#{hashlib.sha256(uri.encode()).hexdigest()[:8]}"
    assert redacted_uri(f"file:///data/{MARK}.dcm").startswith("file:///#")
    assert MARK not in redacted_uri(f"/data/{MARK}.dcm")


def test_what_libraries_say_is_withheld_where_keys_are_private(capsys):
    alone()
    set_up_logging("INFO", private_keys=True)
    logging.getLogger("urllib3.connectionpool").warning("Retrying after %s: /bucket/%s", "reset", MARK)
    logging.getLogger("dicom_udf.lake").info("ours stays")
    reported = capsys.readouterr().err
    assert "urllib3.connectionpool not shown" in reported
    assert "ours stays" in reported
    assert MARK not in reported


def test_an_error_of_the_system_keeps_its_path_to_itself(capsys, monkeypatch, tmp_path):
    def fail(config):
        raise PermissionError(13, "Permission denied", f"/data/{MARK}.dcm")

    monkeypatch.setattr(cli, "run_command", fail)
    words = ["--source", str(tmp_path), "--lake", str(tmp_path / "lake")]
    assert cli.ingest_job([*words, "--private-keys", "true"]) == 1
    reported = capsys.readouterr().err
    assert "Permission denied" in reported
    assert MARK not in reported
    assert cli.ingest_job([*words, "--private-keys", "false"]) == 1
    assert MARK in capsys.readouterr().err


def test_a_folder_that_can_not_be_listed_is_named_by_its_hash(monkeypatch, tmp_path):
    closed = tmp_path / MARK
    closed.mkdir()
    real = os.scandir

    def scandir(folder):
        if MARK in os.fspath(folder):
            raise PermissionError(13, "Permission denied", os.fspath(folder))
        return real(folder)

    monkeypatch.setattr(os, "scandir", scandir)
    set_up_logging("INFO", private_keys=True)
    with pytest.raises(RunFailedError, match="Permission denied") as reported:
        list(open_store(str(tmp_path)).list())
    assert MARK not in str(reported.value)


@pytest.mark.parametrize("config", [InitConfig, PromoteConfig])
def test_all_jobs_have_the_settings(config):
    assert {"log_level", "log_format", "private_keys"} <= set(config.__dataclass_fields__)


def marked_files() -> dict[str, bytes]:
    """Files that end in each way that a file can, the mark in each name."""
    image = Path(get_testdata_file("CT_small.dcm")).read_bytes()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(f"{MARK}/1.dcm", image)
        archive.writestr(f"{MARK}/cut.dcm", image[:300])
    return {
        f"{MARK}.dcm": image,
        f"{MARK} cut.dcm": image[:300],
        f"{MARK} empty.dcm": b"",
        f"{MARK}.txt": b"no header" * 30,
        f"{MARK}.zip": out.getvalue(),
        f"{MARK} cut.zip": out.getvalue()[:-60],
        f"{MARK} broken.tar.gz": b"\x1f\x8b\x08" + b"x" * 300,
        f"{MARK} twisted.dcm": image[:400] + b"\xff" * 200,
    }


@pytest.mark.spark
def test_no_key_is_in_any_line_of_a_run_on_driver_or_executors(spark, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    for name, content in marked_files().items():
        (source / name).write_bytes(content)
    words = ["--lake", str(tmp_path / "lake"), "--log-format", "json", "--private-keys", "true", "--run-id", "jr_7"]
    done = job(["--source", str(source), *words])
    assert done.returncode == 0, done.stderr
    assert MARK not in done.stderr + done.stdout
    lines = json_lines(done.stderr)
    assert all(line["run_id"] == "jr_7" for line in lines if line["message"].startswith("run "))
    report = lines[-1]
    assert (report["message"], report["run_id"], report["report"]["instances"]) == ("report", "jr_7", 4)
    assert report["report"]["failures"]["TRUNCATED"] >= 1

    with moto_s3() as server, proxy(server.endpoint) as way:
        server.client().create_bucket(Bucket="source")
        for name, content in marked_files().items():
            server.client().put_object(Bucket="source", Key=f"in/{name}", Body=content)
        way.rules.append(Rule(EXPIRED_TOKEN, key="source/in/*.dcm", times=None))
        done = job(["--source", "s3://source/in", "--s3-endpoint", way.endpoint, *words], server.environment)
    assert done.returncode == 1
    assert MARK not in done.stderr + done.stdout
    assert "does not accept the credentials" in json_lines(done.stderr)[-1]["message"]


def job(words: list[str], environment: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(JOB), *words, "--master", "local[2]"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
