"""The job end to end: a folder in, a lake out, again and again."""

import json
import os
import shutil
import tarfile
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.data import get_testdata_files

from dicom_udf import tasks
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.sample import EXPECTED

pytestmark = pytest.mark.spark

SAMPLE = Path(__file__).parents[1] / "sample_dcm"


def copy_sample(folder):
    shutil.copytree(SAMPLE, folder / "source")


@pytest.fixture(scope="module")
def template(spark, tmp_path_factory):
    """A folder with the sample and the lake of its first run, and the report of that run; a copy is beside it."""
    folder = tmp_path_factory.mktemp("first")
    copy_sample(folder)
    report = ingest(IngestConfig(source=str(folder / "source"), lake=str(folder / "lake")))
    shutil.copytree(folder, f"{folder}.saved")
    return folder, report


@pytest.fixture
def first(template):
    """The report of the first run. A test that takes it begins after that run, which is made once for all of them."""
    folder, report = template
    shutil.rmtree(folder)
    shutil.copytree(f"{folder}.saved", folder)  # at the same place: the lake's metadata holds absolute paths
    return report


@pytest.fixture
def folder(request, tmp_path):
    """The folder of source and lake."""
    if "first" in request.fixturenames:
        request.getfixturevalue("first")
        return request.getfixturevalue("template")[0]
    copy_sample(tmp_path)
    return tmp_path


@pytest.fixture
def source(folder):
    """A copy of the sample that a test may change."""
    return folder / "source"


@pytest.fixture
def run(spark, folder):
    """Ingest the source into one lake; each call is a run of the job."""
    config = IngestConfig(source=str(folder / "source"), lake=str(folder / "lake"))
    return lambda **changes: ingest(replace(config, **changes))


@pytest.fixture
def lake(spark, folder):
    """The lake as a reader sees it, opened by each call."""
    return lambda: connect_lake(LakeLocation(str(folder / "lake")))


def rows_by_file(lake, table):
    """Rows per file name of the source."""
    return Counter(Path(row["source_uri"]).name for row in lake.table(table).select("source_uri").collect())


def snapshots(lake):
    return {
        table: lake.spark.table(f"{lake.name(table)}.snapshots").count()
        for table in ("instances", "failures", "objects")
    }


def test_every_file_of_the_sample_is_in_exactly_one_place(first, lake, source):
    report = first
    found = {
        row["source_uri"].removeprefix(f"file://{source}/"): (row["instances"], row["failures"])
        for row in lake().table("objects").collect()
    }
    assert found == {
        name: (counts["instances"], sum(counts["failures"].values())) for name, counts in EXPECTED["files"].items()
    }
    assert report.failures == EXPECTED["failures"]
    assert report.instances == lake().table("instances").count() == EXPECTED["instances"]
    assert Counter(row["code"] for row in lake().table("failures").collect()) == EXPECTED["failures"]


def test_a_second_run_opens_nothing_and_makes_no_snapshot(first, run, lake, source):
    before = snapshots(lake())
    # Whoever opens one of these now reads rubbish; etag and size are what they were.
    for path in source.rglob("*"):
        if path.is_file():
            stat = path.stat()
            path.write_bytes(b"\xff" * stat.st_size)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    second = run()
    assert (second.objects_read, second.requests, second.bytes_read) == (0, 0, 0)
    assert second.objects_unchanged == first.objects_listed == second.objects_listed
    assert snapshots(lake()) == before


def test_changed_deleted_and_new_objects_replace_remove_and_add_rows(first, run, lake, source):
    before = rows_by_file(lake(), "instances")
    loose = sorted(path for path in source.rglob("*") if path.is_file() and before.get(path.name) == 1)
    changed, deleted, kept = loose[:3]
    shutil.copyfile(kept, changed)
    os.utime(changed, ns=(1, 1))
    deleted.unlink()
    shutil.copyfile(kept, source / "new.dcm")
    report = run()
    assert (report.objects_read, report.objects_deleted) == (2, 1)
    after = rows_by_file(lake(), "instances")
    assert after == before - Counter([deleted.name]) + Counter(["new.dcm"])
    uids = {
        Path(row["source_uri"]).name: row["sop_instance_uid"]
        for row in lake().table("instances").where("source_member IS NULL").collect()
    }
    assert uids[changed.name] == uids[kept.name] == uids["new.dcm"]
    assert lake().table("objects").where(f"source_uri LIKE '%{deleted.name}'").isEmpty()


def test_a_file_that_turns_into_text_moves_from_instances_to_failures(first, run, lake, source):
    name = next(name for name, count in rows_by_file(lake(), "instances").items() if count == 1)
    path = next(source.rglob(name))
    path.write_text("no header here\n" * 20)
    run()
    assert rows_by_file(lake(), "instances")[name] == 0
    assert rows_by_file(lake(), "failures")[name] == 1


@pytest.mark.crash
@pytest.mark.parametrize("table", ["instances", "failures", "objects"])
def test_a_run_that_dies_before_a_commit_is_finished_by_the_next(run, lake, monkeypatch, table):
    from dicom_udf.lake import commit

    publish = commit.publish

    def die(lake, name, batch_id, **how):
        if name == table:
            raise KeyboardInterrupt
        publish(lake, name, batch_id, **how)

    monkeypatch.setattr(commit, "publish", die)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.undo()
    report = run()
    assert report.objects_read == 0, "the stage of the first run is committed, the objects are not opened again"
    opened = lake()
    keys = [tuple(row) for row in opened.table("instances").select("source_uri", "source_member").collect()]
    assert len(keys) == len(set(keys)) > 0
    total = opened.table("objects").selectExpr("sum(instances)", "sum(failures)").first()
    assert tuple(total) == (len(keys), opened.table("failures").count())
    assert opened.staging_tables() == []


@pytest.mark.crash
def test_a_worker_killed_amid_its_task_costs_a_retry_and_no_row(run, lake, source, monkeypatch):
    from dicom_udf.lake import stage

    real = stage._read_tasks

    def dying(batches, **settings):  # a function in a function travels to the executors as it is
        import os
        import signal

        from pyspark import TaskContext

        context = TaskContext.get()
        for batch in real(batches, **settings):
            yield batch
            if context.attemptNumber() < 2 and context.partitionId() < 2:
                os.kill(os.getpid(), signal.SIGKILL)

    monkeypatch.setattr(stage, "_read_tasks", dying)
    monkeypatch.setattr(tasks, "LEAST_COST", 1)  # several tasks
    report = run()
    assert (report.instances, report.failures) == (EXPECTED["instances"], EXPECTED["failures"])
    assert report.objects_read == report.objects_listed
    assert lake().table("instances").count() == EXPECTED["instances"]


def test_a_reader_sees_the_old_table_or_the_new_one(first, run, folder, monkeypatch, source):
    from dicom_udf.answers.local import run_query
    from dicom_udf.lake import publish

    seen = []
    real = publish._publish

    def count():
        return next(iter(run_query("SELECT count(*) FROM instances", LakeLocation(str(folder / "lake"))).rows))[0]

    def watched(lake, table, snapshot):
        before = count()
        real(lake, table, snapshot)
        seen.append((table, before, count()))

    monkeypatch.setattr(publish, "_publish", watched)
    shutil.copytree(source / "ct_abdomen", source / "more")
    before, added = first.instances, run().instances
    assert added > 1
    assert seen == [("instances", before, before + added), ("objects", before + added, before + added)]


@pytest.mark.parametrize("partition_by", ["day", "month", "year"])
def test_the_partition_transform_is_a_setting(run, lake, partition_by):
    run(partition_by=partition_by)
    created = lake().spark.sql(f"SHOW CREATE TABLE {lake().name('instances')}").first()[0]
    transform = {"day": "study_date", "month": "months(study_date)", "year": "years(study_date)"}[partition_by]
    assert f"PARTITIONED BY ({transform})" in created
    assert lake().table("instances").where("study_date IS NULL").isEmpty()
    files = all_files(lake())
    for other in {"day", "month", "year"} - {partition_by}:
        with pytest.raises(ConfigurationError, match=f"by the {partition_by} of study_date.* or name {partition_by}"):
            run(partition_by=other)
    assert all_files(lake()) == files, "a refused run writes nothing"
    assert run().objects_unchanged == run(partition_by=partition_by).objects_unchanged > 0


def all_files(lake):
    return sorted(path for path in Path(lake.location.root).rglob("*") if "lease" not in str(path.parent))


def test_partitions_that_the_owner_has_changed_are_kept_and_no_others_accepted(run, lake):
    run()
    lake().spark.sql(f"ALTER TABLE {lake().name('instances')} DROP PARTITION FIELD study_date")
    with pytest.raises(ConfigurationError, match="partitioned otherwise by its owner"):
        run(partition_by="day")
    assert run().objects_unchanged > 0


def test_the_report_is_written_as_json(run, tmp_path):
    path = tmp_path / "report.json"
    report = run(report=str(path))
    written = json.loads(path.read_text())
    assert written["instances"] == report.instances
    assert written["failures"] == dict(report.failures)
    assert set(written) >= {
        "run_id", "objects_listed", "objects_read", "objects_unchanged", "objects_deleted",
        "instances", "failures", "bytes_read", "requests", "seconds",
    }  # fmt: skip


def wheel_files():
    """All files of the pydicom wheel's test folder, whether DICOM or not."""
    folder = Path(get_testdata_files("CT_small.dcm")[0]).parent
    return folder, sorted(path for path in folder.rglob("*") if path.is_file())


def test_no_file_of_the_pydicom_wheel_is_lost_loose_zipped_or_tarred(spark, tmp_path):
    folder, files = wheel_files()
    packed = {"zip": tmp_path / "zip", "tar.gz": tmp_path / "tar"}
    for place in packed.values():
        place.mkdir()
    with zipfile.ZipFile(packed["zip"] / "all", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.write(path, path.relative_to(folder))
    with tarfile.open(packed["tar.gz"] / "all", "w:gz") as archive:
        for path in files:
            archive.add(path, path.relative_to(folder))
    rows = {}
    for kind, place in {"loose": folder, **packed}.items():
        report = ingest(IngestConfig(source=str(place), lake=str(tmp_path / f"lake-{kind}")))
        opened = connect_lake(LakeLocation(str(tmp_path / f"lake-{kind}")))
        rows[kind] = Counter(
            (row["sop_instance_uid"], row["header"])
            for row in opened.table("instances")
            .selectExpr("sop_instance_uid", "regexp_replace(header, 'file:[^\"]*', '') header")
            .collect()
        )
        places = Counter()
        for table in ("instances", "failures"):
            for row in opened.table(table).select("source_uri", "source_member").collect():
                places[row["source_member"] or row["source_uri"]] += 1
        assert report.instances + report.failures.total() >= len(files)
        assert set(places.values()) == {1}
    assert rows["zip"] == rows["tar.gz"]
