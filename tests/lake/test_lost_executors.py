"""Executors that die with what they had read and shuffled: every count is exact, and so are the rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from tests.lake.test_crashes import ROOT, rows, run, write

pytestmark = [pytest.mark.spark, pytest.mark.crash]


def test_lost_executors_cost_time_and_no_row(spark, tmp_path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for number in range(120):
        write(source / f"{number:03d}.dcm", number, f"202401{number % 9 + 10}")
    for number in range(120, 124):
        write(source / f"{number:03d}.txt", number, "text")
    calm, rough = tmp_path / "calm", tmp_path / "rough"
    expected = run(source, calm)
    done = subprocess.run(
        [sys.executable, "-m", "tests.lake.losing_run", str(source), str(rough)],
        cwd=ROOT,
        env={**os.environ, "SPARK_WORKER_DIR": str(tmp_path / "workers")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    reported = json.loads(done.stdout.splitlines()[-1])
    assert reported["killed"] == 2
    assert reported["stages_run_again"] > 0, "what the lost executor had shuffled was made again"
    assert (reported["instances"], reported["failures"], reported["read"]) == (
        expected.instances,
        expected.failures,
        124,
    )
    for table in ("instances", "failures", "objects"):
        assert rows(rough, table) == rows(calm, table)
