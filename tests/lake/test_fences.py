"""Writers that meet: a second is turned away, a sleeper changes nothing, lost answers and foreign commits cost time."""

from __future__ import annotations

import os
import shutil
import time
from contextlib import nullcontext
from pathlib import Path

import pytest

from dicom_udf import pipeline
from dicom_udf.config import LakeLocation, MaintainConfig
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import commit, publish
from dicom_udf.lake.lease import LeaseLostError, lake_lease
from dicom_udf.lake.maintenance import maintain
from dicom_udf.lake.recovery import finish_left_batches
from dicom_udf.lake.tables import connect_lake
from tests.lake.test_crashes import TABLES, change, fill, rows, run

pytestmark = [pytest.mark.spark, pytest.mark.crash]


@pytest.fixture(scope="module")
def work(spark, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("fences")
    fill(folder / "source")
    run(folder / "source", folder / "lake")
    shutil.copytree(folder, f"{folder}.saved")
    return folder


@pytest.fixture(scope="module")
def expected(work):
    change(work / "source")
    run(work / "source", work / "lake")
    return {table: rows(work / "lake", table) for table in TABLES}


@pytest.fixture
def restored(work, expected) -> Path:
    shutil.rmtree(work)
    shutil.copytree(f"{work}.saved", work)
    change(work / "source")
    return work


def assert_right(work, expected) -> None:
    for table in TABLES:
        assert rows(work / "lake", table) == expected[table], table


def at_publish(monkeypatch, call, what) -> None:
    """Have something happen between the last look at the lease and the ``call``-th publish."""
    real, calls = publish._publish, []

    def wrapped(lake, table, snapshot):
        calls.append(table)
        if len(calls) == call:
            what(lake, table, snapshot, real)
        else:
            real(lake, table, snapshot)

    monkeypatch.setattr(publish, "_publish", wrapped)


def test_a_second_run_is_turned_away_and_writes_nothing(restored, expected):
    before = sorted(path for path in (restored / "lake").rglob("*") if "_ingest" not in path.parts)
    with (
        lake_lease(LakeLocation(str(restored / "lake")), "other"),
        pytest.raises(RunFailedError, match="run other is writing"),
    ):
        run(restored / "source", restored / "lake")
    assert sorted(path for path in (restored / "lake").rglob("*") if "_ingest" not in path.parts) == before
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)


@pytest.mark.parametrize("call", [1, 3, 4, 6])
def test_a_sleeper_that_wakes_after_another_has_finished_changes_nothing(restored, expected, monkeypatch, call):
    def sleep(lake, table, snapshot, real):
        # Its lease has expired; another run takes over, finishes the batch, and goes on.
        lease = lake.lease
        assert lease._make(lease._number + 1, expires=0.0)
        finish_left_batches(connect_lake(LakeLocation(str(restored / "lake"))))
        real(lake, table, snapshot)

    at_publish(monkeypatch, call, sleep)
    is_last = call == 6  # nothing is left to be stopped
    with nullcontext() if is_last else pytest.raises(LeaseLostError):
        run(restored / "source", restored / "lake")
    monkeypatch.undo()
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)


@pytest.mark.parametrize("call", [1, 4])
def test_a_compaction_that_comes_between_costs_nothing_but_time(restored, expected, monkeypatch, call):
    def compact(lake, table, snapshot, real):
        # A session of its own, as another program is; the compaction's snapshot becomes the current one.
        other = connect_lake(LakeLocation(str(restored / "lake")))
        other.spark.sql(
            f"CALL lake.system.rewrite_data_files(table => 'dicom.{table}', options => map('rewrite-all', 'true'))"
        )
        real(lake, table, snapshot)

    at_publish(monkeypatch, call, compact)
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)


@pytest.mark.parametrize("call", [1, 4])
def test_a_commit_whose_answer_was_lost_is_found(restored, expected, monkeypatch, call):
    def lose(lake, table, snapshot, real):
        real(lake, table, snapshot)
        real(lake, table, snapshot)  # fails: it is published already; what Java raises is all that the caller sees

    at_publish(monkeypatch, call, lose)
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)


def once(real, what):
    """Return a function that also does ``what`` after the first call."""
    calls = []

    def wrapped(*arguments, **named):
        result = real(*arguments, **named)
        calls.append(1)
        if len(calls) == 1:
            what()
        return result

    return wrapped, calls


@pytest.mark.parametrize("step", ["gather", "write_deletes", "_append"])
def test_a_compaction_in_each_gap_of_a_commit_costs_nothing_but_time(restored, expected, monkeypatch, step):
    wrapped, calls = once(getattr(commit, step), lambda: compact_all(restored / "lake"))
    monkeypatch.setattr(commit, step, wrapped)
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)
    if step == "write_deletes":
        assert len(calls) == 4, "the positions of the first table are read again"


def compact_all(root) -> None:
    """Rewrite all files, in a session of its own, as another program does."""
    lake = connect_lake(LakeLocation(str(root)))
    for table in TABLES:
        lake.spark.sql(
            f"CALL lake.system.rewrite_data_files(table => 'dicom.{table}', options => map('rewrite-all', 'true'))"
        )


def test_rows_are_gathered_again_for_columns_that_were_added_meanwhile(restored, expected, monkeypatch):
    lake = LakeLocation(str(restored / "lake"))

    def add_column() -> None:
        connect_lake(lake).spark.sql("ALTER TABLE lake.dicom.instances ADD COLUMNS (more string)")

    wrapped, calls = once(commit.gather, add_column)
    monkeypatch.setattr(commit, "gather", wrapped)
    run(restored / "source", restored / "lake")
    assert len(calls) == 3, "two batches, and the first one's instances again"
    without = {
        table: {
            file: {k: v for k, v in row.items() if k != "more"} for file, row in rows(restored / "lake", table).items()
        }
        for table in TABLES
    }
    assert without == expected


def test_files_of_tasks_that_ran_twice_are_in_no_snapshot_and_maintenance_removes_them(restored, expected, monkeypatch):
    real = commit.gather

    def twice(*arguments):
        real(*arguments)
        return real(*arguments)

    monkeypatch.setattr(commit, "gather", twice)
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)
    past = time.time() - 30 * 86400
    for path in (restored / "lake").rglob("*"):
        os.utime(path, (past, past))
    done = maintain(MaintainConfig(lake=str(restored / "lake")))
    orphans = {one.table: one.orphan_files for one in done.tables}
    assert min(orphans.values()) > 0
    assert_right(restored, expected)


@pytest.mark.parametrize("period", ["months(study_date)", "years(study_date)"])
def test_partitions_that_change_between_stage_and_commit_lose_no_row(restored, expected, monkeypatch, period):
    """Old rows stay in partitions of the old form: their delete files have that form, the new rows have the new one."""
    lake = LakeLocation(str(restored / "lake"))
    real, calls = pipeline.commit_batch, []

    def commit_later(*arguments):
        calls.append(1)
        if len(calls) == 1:
            sql = f"ALTER TABLE lake.dicom.instances REPLACE PARTITION FIELD study_date WITH {period}"
            connect_lake(lake).spark.sql(sql)
        return real(*arguments)

    monkeypatch.setattr(pipeline, "commit_batch", commit_later)
    run(restored / "source", restored / "lake")
    assert_right(restored, expected)
    files = connect_lake(lake).spark.sql("SELECT spec_id, content FROM lake.dicom.instances.files").collect()
    assert {(row["spec_id"], row["content"]) for row in files} == {(0, 0), (0, 1), (1, 0)}
