"""Upkeep: rows stay as they are, files become few and sorted, a dry run writes nothing, no batch is lost."""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from dicom_udf import pipeline
from dicom_udf.answers.inspection import verify_lake
from dicom_udf.cli import main, maintain_job
from dicom_udf.columns import instances_table
from dicom_udf.config import IngestConfig, LakeLocation, MaintainConfig
from dicom_udf.lake import iceberg
from dicom_udf.lake.lease import lake_lease
from dicom_udf.lake.maintenance import maintain
from dicom_udf.lake.publish import is_published, publish
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.local_lake import files

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).parents[2] / "sample_dcm"
OLD = time.time() - 10 * 86400
MODALITIES = ["MR", "CT", "US", "PT", "MR", "CT"]


@pytest.fixture(scope="module")
def template(spark, tmp_path_factory):
    """A lake of two dates and six small files at each, each from a commit of its own; and a copy of it."""
    root = tmp_path_factory.mktemp("maintenance") / "a lake's é 100%20"
    lake = connect_lake(LakeLocation(str(root)))
    for number, modality in enumerate(MODALITIES):
        add(lake, number, modality)
    shutil.copytree(root, root.with_name("copy"))
    return lake, root


@pytest.fixture
def lake(template):
    """That lake as it was made, at its place: its metadata holds absolute paths."""
    lake, root = template
    shutil.rmtree(root)
    shutil.copytree(root.with_name("copy"), root)
    return lake


@pytest.fixture
def root(template, lake):
    return template[1]


@pytest.fixture
def config(root):
    """What does as much as it can. The rows of the lake have no ledger, so its invariants stay out of it."""
    return MaintainConfig(lake=str(root), min_input_files=2, snapshot_days=0, keep_snapshots=1, wait=0, verify=False)


def add(lake, number, modality):
    """Append two rows of two dates."""
    values = {
        "study_date": "explode(array(DATE'2020-01-01', DATE'2021-01-01'))",
        "study_date_is_default": "false",
        "source_uri": f"'file:///s/{number}'",
        "source_size": "1",
        "source_etag": "'e'",
        "ingest_run_id": "'r'",
        "ingest_time": "TIMESTAMP_NTZ'2026-01-01 00:00:00'",
        "modality": f"'{modality}'",
    }
    columns = (f"CAST({values.get(one.name, 'NULL')} AS {one.type})" for one in instances_table().fields)
    columns = [values[name] if name == "study_date" else text for name, text in zip(names(), columns, strict=True)]
    lake.spark.sql(f"INSERT INTO {lake.name('instances')} SELECT {', '.join(columns)}")


def names():
    return [field.name for field in instances_table().fields]


def rows(lake):
    return sorted((r["source_uri"], str(r["study_date"]), r["modality"]) for r in lake.table("instances").collect())


def data_files(lake):
    return [
        row["file_path"] for row in lake.spark.sql(f"SELECT file_path FROM {lake.name('instances')}.files").collect()
    ]


def snapshots(lake):
    return lake.spark.sql(f"SELECT * FROM {lake.name('instances')}.snapshots ORDER BY committed_at").collect()


def age(root):
    """Make every file and folder older than what is kept for its youth."""
    for entry in (root, *root.rglob("*")):
        os.utime(entry, (OLD, OLD))


def orphan(root, name, *, modified):
    file = root / "dicom" / "instances" / "data" / "study_date=2020-01-01" / name
    file.write_bytes(b"left by a run that died")
    os.utime(file, (modified, modified))
    return file


def test_a_dry_run_writes_nothing_and_tells_what_is_then_done(root, lake, config):
    age(root)
    old, young = orphan(root, "old.parquet", modified=OLD), orphan(root, "young.parquet", modified=time.time())
    had, before = rows(lake), files(root)

    reported = maintain(replace(config, dry_run=True)).tables
    assert files(root) == before
    assert [one.table for one in reported] == ["instances", "failures", "objects"]
    assert (reported[0].files_rewritten, reported[0].files_written, reported[0].orphan_files) == (12, 2, 1)
    assert reported[0].bytes_rewritten == sum(Path(path).stat().st_size for path in data_files(lake))
    assert reported[0].files_deleted is None
    assert [one.files_rewritten for one in reported[1:]] == [0, 0], "empty tables need nothing"

    done = maintain(config).tables
    assert (done[0].files_rewritten, done[0].files_written, done[0].bytes_rewritten, done[0].orphan_files) == (
        reported[0].files_rewritten, reported[0].files_written, reported[0].bytes_rewritten, reported[0].orphan_files,
    )  # fmt: skip
    assert done[0].files_deleted >= 12
    assert rows(lake) == had
    assert (old.exists(), young.exists()) == (False, True)
    assert len(snapshots(lake)) == 1
    assert len(data_files(lake)) == 2
    for path in data_files(lake):
        assert pq.ParquetFile(path).read(["modality"])["modality"].to_pylist() == sorted(MODALITIES)

    [again, *_] = maintain(config).tables
    assert (again.files_rewritten, again.manifests_rewritten, again.snapshots_expired, again.orphan_files) == (0,) * 4


def test_young_snapshots_and_the_newest_stay(lake, config):
    assert maintain(replace(config, snapshot_days=7)).tables[0].snapshots_expired == 0
    kept = maintain(replace(config, keep_snapshots=3)).tables[0]
    assert kept.snapshots_expired == len(MODALITIES) + 2 - 3, "appends, a compaction, the manifests"
    assert len(snapshots(lake)) == 3


def append(lake):
    add(lake, 99, "XA")


def replacement(lake):
    """Replace the rows of one object, as a batch of changes does."""
    lake.spark.sql(f"""MERGE INTO {lake.name("instances")} t USING (SELECT 'file:///s/0' AS uri) s
        ON t.source_uri = s.uri WHEN MATCHED THEN UPDATE SET modality = 'XA'""")


@pytest.mark.parametrize(("write", "grows_by", "tries"), [(append, 2, 1), (replacement, 0, 2)])
def test_a_batch_that_is_staged_while_files_are_compacted_is_published_once(root, lake, config, write, grows_by, tries):
    """The compaction publishes itself, though the tables are written by write-audit-publish."""
    before, compacted = rows(lake), []

    wap_id = "20260101t000000_x_1"

    def stage():
        earlier = iceberg.staged_snapshots(lake.load("instances"), wap_id)
        lake.spark.conf.set("spark.wap.id", wap_id)
        write(lake)
        lake.spark.conf.unset("spark.wap.id")
        assert rows(lake) == before, "staged and not yet published"
        staged = iceberg.staged_snapshots(lake.load("instances"), wap_id) - earlier
        age(root)
        compacted.append(maintain(replace(config, snapshot_days=7)).tables[0].files_rewritten)
        return staged.pop()

    begun = datetime.now(UTC).replace(tzinfo=None)
    publish(lake, "instances", wap_id, begun=begun, write=stage)
    assert is_published(lake, lake.load("instances"), wap_id, begun)
    after = rows(lake)
    assert compacted == [12, 0][:tries], "a replacement is made again on the compacted files"
    assert len(after) == len(before) + grows_by
    assert [row[2] for row in after].count("XA") == 2
    assert "replace" in [row["operation"] for row in snapshots(lake)]


def test_a_large_compaction_commits_in_parts(lake, config, monkeypatch):
    monkeypatch.setattr("dicom_udf.lake.upkeep._COMMIT_BYTES", 1)
    before = rows(lake)
    assert maintain(replace(config, snapshot_days=7)).tables[0].files_rewritten == 12
    assert [row["operation"] for row in snapshots(lake)].count("replace") == 3, "two dates, and the manifests"
    assert rows(lake) == before


def test_a_staged_batch_of_a_dead_run_is_finished(spark, tmp_path, monkeypatch):
    source = tmp_path / "source"
    source.mkdir()
    for file in sorted(SAMPLE.rglob("*.dcm"))[:3]:
        shutil.copy(file, source)
    settings = IngestConfig(source=str(source), lake=str(tmp_path / "lake"))

    def die(*_args, **_settings):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(pipeline, "commit_batch", die)
        ingest(settings)
    before = files(tmp_path / "lake")
    config = MaintainConfig(lake=settings.lake, wait=0)
    reported = maintain(MaintainConfig(lake=settings.lake, dry_run=True))
    assert (reported.batches_finished, reported.batches_left) == (1, 0)
    assert files(tmp_path / "lake") == before

    shutil.rmtree(source)
    done = maintain(config)
    assert (done.batches_finished, done.batches_left) == (1, 0)
    assert verify_lake(LakeLocation(settings.lake)).broken == ()
    assert connect_lake(LakeLocation(settings.lake)).table("instances").count() == 3
    assert connect_lake(LakeLocation(settings.lake)).staging_tables() == []


def test_deleted_rows_are_gone_from_files_where_they_are_many(lake, config):
    """A replaced object's rows are hidden by delete files until then."""
    maintain(config)
    lake.spark.sql(f"""MERGE INTO {lake.name("instances")} t USING (SELECT 'file:///s/0' AS uri) s
        ON t.source_uri = s.uri WHEN MATCHED THEN DELETE""")
    left = rows(lake)
    hiding = [path for path in data_files(lake) if path.endswith("deletes.parquet")]
    assert len(hiding) == 2, "one row of six is hidden at each date"
    reported = {ratio: maintain(replace(config, dry_run=True, max_deleted_ratio=ratio)) for ratio in (0.5, 0.1, 0.0)}
    assert {ratio: one.tables[0].files_rewritten for ratio, one in reported.items()} == {0.5: 0, 0.1: 2, 0.0: 2}

    assert maintain(replace(config, max_deleted_ratio=0.0)).tables[0].files_rewritten == 2
    assert rows(lake) == left
    assert sum(pq.ParquetFile(path).metadata.num_rows for path in data_files(lake)) == len(left)


def test_what_a_run_left_that_died_while_it_made_or_dropped_a_stage_is_removed(lake, root, config):
    staging = root / "dicom_staging"
    for name in ("stage_dead_1", "stage_young_1"):
        (staging / name / "data").mkdir(parents=True)
        (staging / name / "data" / "part.parquet").write_bytes(b"left")
    age(staging / "stage_dead_1")
    assert maintain(replace(config, dry_run=True)).stages_removed == 1
    assert maintain(config).stages_removed == 1
    assert [folder.name for folder in staging.iterdir()] == ["stage_young_1"]


def test_no_snapshot_expires_while_a_batch_is_left_staged(lake, config, monkeypatch):
    lake.create_staging("stage_20260101t000000_x_1", "a int")
    lake.spark.sql(f"INSERT INTO {lake.staging_name('stage_20260101t000000_x_1')} VALUES (1)")
    monkeypatch.setattr("dicom_udf.lake.maintenance.finish_left_batches", lambda lake: 0)
    done = maintain(config)
    assert done.batches_left == 1
    assert (done.tables[0].snapshots_expired, done.tables[0].files_rewritten) == (0, 12)


# --- The command and the job


def test_nothing_is_deleted_while_an_invariant_is_broken(lake, root, capsys, caplog):
    old = orphan(root, "old.parquet", modified=OLD)
    words = ["--min-input-files", "2", "--snapshot-days", "0", "--keep-snapshots", "1", "--orphan-days", "1"]
    assert main(["maintain", "--lake", str(root), *words]) == 1
    assert "2 invariants don't hold (object_in_ledger, unique_instances), so nothing was deleted" in (
        capsys.readouterr().err
    )
    assert "wrong for 12 of 12 rows: every row's object is in the ledger: file:///s/0, file:///s/1" in caplog.text
    assert len(snapshots(lake)) >= len(MODALITIES)
    assert len(data_files(lake)) == 2
    assert old.exists()


def test_the_job_tolerates_glues_arguments_and_the_report_is_rows(lake, root, capsys):
    glue = ["--JOB_NAME", "maintain", "--JOB_RUN_ID", "jr_1", "--enable-metrics", "true"]
    assert maintain_job(["--lake", str(root), "--dry-run", "true", "--format", "json", *glue]) == 0
    reported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["table"] for row in reported] == ["instances", "failures", "objects"]
    assert reported[0]["files_rewritten"] == 12
    assert reported[0]["files_deleted"] is None


def test_a_lake_that_another_run_writes_to_is_waited_for_and_then_left(lake, root, capsys):
    before = rows(lake)
    with lake_lease(LakeLocation(str(root)), "another run"):
        assert main(["maintain", "--lake", str(root), "--wait", "0"]) == 1
        assert "another run is writing to this lake" in capsys.readouterr().err
        assert main(["maintain", "--lake", str(root), "--dry-run", "true"]) == 0
        assert "nothing was written" in capsys.readouterr().err
    assert (rows(lake), len(data_files(lake))) == (before, 12)


def test_a_copied_lake_is_refused_because_it_names_the_files_of_the_first(lake, root, tmp_path, capsys):
    shutil.copytree(root, tmp_path / "copy")
    orphan(root, "of_the_first.parquet", modified=OLD)
    before = files(root)
    for dry_run in ("true", "false"):
        assert main(["maintain", "--lake", str(tmp_path / "copy"), "--dry-run", dry_run]) == 1
        assert f"names files in {root}/dicom/instances" in capsys.readouterr().err
    assert files(root) == before


@pytest.mark.parametrize("column", ["modalty", "pixel_spacing"])
def test_files_are_sorted_by_columns_of_one_value(lake, root, column, capsys):
    before = files(root)
    assert main(["maintain", "--lake", str(root), "--sort-by", f"modality,{column}", "--dry-run", "true"]) == 2
    assert f"--sort-by: instances has no column {column} of one value" in capsys.readouterr().err
    assert files(root) == before
