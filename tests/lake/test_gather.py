"""Gathering by Spark: the same files' rows as in the driver, each task in a partition of its own, bounded batches."""

import os
import zipfile

import pyarrow as pa
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pyspark.sql import functions as F

from dicom_udf.answers.local import run_query
from dicom_udf.columns import spark_ddl
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.datafiles.partitions import partition_values
from dicom_udf.lake import gather, stage, staged
from dicom_udf.lake.batch import Batch
from dicom_udf.lake.gather import partition_keys
from dicom_udf.lake.layout import INSTANCES
from dicom_udf.lake.stage import create_stage
from dicom_udf.lake.tables import connect_lake
from dicom_udf.lake.targets import target_of
from dicom_udf.packing import STAGE, stage_batches
from dicom_udf.pipeline import ingest

pytestmark = pytest.mark.spark


@pytest.mark.parametrize("number", [1, 2, 3, 8, 100])
def test_a_key_brings_each_task_to_its_partition(spark, number):
    keys = partition_keys(number)
    rows = spark.createDataFrame([(task, key) for task, key in enumerate(keys)], "task int, key int")
    found = rows.repartition(number, "key").select("task", F.spark_partition_id().alias("place")).collect()
    assert {(row["task"], row["place"]) for row in found} == {(task, task) for task in range(number)}


@pytest.fixture(scope="module")
def lake(tmp_path_factory, spark):
    return connect_lake(LakeLocation(str(tmp_path_factory.mktemp("lake"))))


def test_buckets_are_icebergs(lake):
    uris = [f"s3://bucket/{'ü€😀x' * (number % 7)}{'a' * (number % 11)}{number}" for number in range(500)] + ["", "a"]
    rows = pa.table({"source_uri": uris})
    [found] = partition_values(rows, target_of(lake, lake.load("objects"), "objects"))
    frame = lake.spark.createDataFrame([(uri,) for uri in uris], "source_uri string")
    expected = frame.select("source_uri", F.expr("lake.system.bucket(16, source_uri)").alias("bucket")).collect()
    assert dict(zip(uris, found.to_pylist(), strict=True)) == {row["source_uri"]: row["bucket"] for row in expected}


LAKES = ("driver", "both", "spark")


def write_source(folder):
    """Files on many dates, a zip that tasks share, and files without a header."""
    folder.mkdir()
    dataset = dcmread(get_testdata_file("CT_small.dcm"))
    with zipfile.ZipFile(folder / "many.zip", "w") as archive:
        for number in range(90):
            dataset.StudyDate = f"202401{number % 28 + 1:02}" if number % 10 else ""
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.{number}"
            dataset.save_as(folder / f"{number}.dcm")
            if number % 2:
                archive.write(folder / f"{number}.dcm", f"{number}")
        archive.writestr("notes", "no header" * 20)
    for number in range(5):
        (folder / f"{number}.txt").write_text("no header" * 20)


def test_spark_and_the_driver_write_the_same_rows(spark, tmp_path, monkeypatch):
    write_source(tmp_path / "source")
    reports = []
    for name in LAKES:
        config = IngestConfig(
            source=str(tmp_path / "source"),
            lake=str(tmp_path / name),
            split_probe_bytes=1,
            split_members=20,
        )
        reports.append(ingest(config))
        (tmp_path / "source" / "3.dcm").touch()  # a replacement
        reports.append(ingest(config))
        # First with the rows of the stage in memory and their payloads in Spark, then with all rows in Spark.
        monkeypatch.setattr(staged, "INDEX_ROWS" if staged.SMALL_BYTES == -1 else "SMALL_BYTES", -1)
        monkeypatch.setattr(gather, "_ROWS_PER_TASK", 20)
        monkeypatch.setattr(stage, "SMALL_COST", -1)
    counted = [(one.instances, one.members, dict(one.failures), one.objects_read, one.requests) for one in reports]
    assert counted[:2] == counted[2:4] == counted[4:]
    assert counted[0][:2] == (135, 46)
    own = "ingest_run_id, ingest_time, source_etag, source_last_modified"
    for table in ("instances", "failures", "objects"):
        sql = f"SELECT * EXCLUDE ({own}) FROM {table} ORDER BY ALL"
        by_driver, *others = (list(run_query(sql, LakeLocation(str(tmp_path / lake))).rows) for lake in LAKES)
        assert all(rows == by_driver for rows in others)


@pytest.mark.crash
def test_many_large_payloads_reach_python_in_bounded_batches(lake, monkeypatch):
    """300 payloads of 8 MiB: 2.4 GB, more than an Arrow array of bytes can hold."""
    payloads, size = 300, 8 << 20
    batch = Batch("20240101t000000_large", 1, payloads)
    create_stage(lake, batch.stage, "day")

    def make(batches):
        for numbers in batches:
            for number in numbers.column(0).to_pylist():
                yield from stage_batches([stage_row(number, os.urandom(size))])

    def stage_row(number, payload):
        counts = {"rows": 1, "unpacked_bytes": size, "packed_bytes": len(payload)}
        value = {"kind": "instance", "payload_id": number, "partition_values": [number % 2]}
        return {**value, **counts, "payload": payload, "source_uri": f"file:///{number}"}

    made = lake.spark.range(0, payloads, numPartitions=10).mapInArrow(make, spark_ddl(STAGE))
    made.writeTo(lake.staging_name(batch.stage)).append()

    def note_sizes(batches, tasks, write):
        sizes = [batch.nbytes for batch in batches]
        yield pa.RecordBatch.from_arrays([[str(len(sizes))], [str(max(sizes))]], names=["table_name", "data_file"])

    monkeypatch.setattr(gather, "_write_payloads", note_sizes)
    found = staged.open_staged(lake, batch)
    assert not found.has_payloads
    tables = [gather.GatheredTable(target_of(lake, lake.load(INSTANCES.name), INSTANCES.name), INSTANCES.kind)]
    noted = gather._gather_payloads(lake, found, tables)
    assert max(int(largest) for _, largest in noted) < 256 << 20
    assert sum(int(count) for count, _ in noted) >= payloads // 16
    lake.drop_staging(batch.stage)
