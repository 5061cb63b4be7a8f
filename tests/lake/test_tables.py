"""The tables of a lake: their properties, and the calls of Iceberg that make, find, fill and drop them."""

from __future__ import annotations

from datetime import date, datetime

import pyarrow as pa
import pytest

from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.datafiles import write_data_files
from dicom_udf.lake import iceberg
from dicom_udf.lake.tables import Lake, connect_lake
from dicom_udf.lake.targets import target_of
from dicom_udf.pipeline import ingest
from tests.lake.test_crashes import write

pytestmark = pytest.mark.spark

BOUNDS = "write.metadata.metrics.column."


@pytest.fixture
def lake(spark, tmp_path) -> Lake:
    return connect_lake(LakeLocation(str(tmp_path / "lake")))


def properties(lake: Lake, table: str) -> dict[str, str]:
    return iceberg.properties(lake.load(table))


def versions(lake: Lake, table: str) -> int:
    """Return the number of metadata files of a table: one for each commit."""
    return lake.spark.table(f"{lake.name(table)}.metadata_log_entries").count()


def test_bounds_of_uris_are_whole_and_those_of_uids_too(lake, tmp_path):
    assert properties(lake, "instances")[BOUNDS + "source_uri"] == "full"
    assert properties(lake, "objects")[BOUNDS + "source_uri"] == "full"
    loaded = lake.load("instances")
    uids = [
        name
        for name in lake.column_names("instances")
        if name.endswith("_uid") and iceberg.is_scalar_column(loaded, name)
    ]
    assert len(uids) > 3
    assert {properties(lake, "instances")[BOUNDS + uid] for uid in uids} == {"truncate(64)"}

    source = tmp_path / "a folder of more than sixteen characters"
    source.mkdir()
    write(source / "1.dcm", 1234567890123456, "20240101")
    ingest(IngestConfig(source=str(source), lake=lake.location.root))
    files = lake.spark.table(f"{lake.name('instances')}.files").select("readable_metrics.*")
    [row] = files.select("source_uri.*").collect()
    assert row["lower_bound"] == row["upper_bound"] == f"file://{source}/1.dcm"
    [row] = files.select("sop_instance_uid.*").collect()
    assert row["lower_bound"] == row["upper_bound"] == "1.2.3.1234567890123456"


def test_an_existing_lake_gets_the_bounds_in_one_commit_and_keeps_those_of_its_owner(lake):
    name = lake.name("instances")
    own, lacking = BOUNDS + "sop_instance_uid", BOUNDS + "source_uri"
    lake.spark.sql(f"ALTER TABLE {name} UNSET TBLPROPERTIES ('{lacking}', '{BOUNDS}study_instance_uid')")
    lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('{own}' = 'counts')")
    before = versions(lake, "instances")
    connect_lake(lake.location)
    assert versions(lake, "instances") == before + 1
    assert (properties(lake, "instances")[own], properties(lake, "instances")[lacking]) == ("counts", "full")
    connect_lake(lake.location)
    assert versions(lake, "instances") == before + 1


def test_missing_columns_and_their_bounds_are_one_commit(lake):
    lake.spark.sql(f"ALTER TABLE {lake.name('instances')} DROP COLUMNS (kvp, series_instance_uid)")
    assert BOUNDS + "series_instance_uid" not in properties(lake, "instances")
    before = versions(lake, "instances")
    connect_lake(lake.location)
    assert versions(lake, "instances") == before + 1
    assert {"kvp", "series_instance_uid"} <= lake.column_names("instances")
    assert properties(lake, "instances")[BOUNDS + "series_instance_uid"] == "truncate(64)"


@pytest.mark.parametrize(
    ("period", "partition"), [("day", "study_date"), ("month", "months(study_date)"), ("year", "years(study_date)")]
)
def test_tables_have_the_partitions_that_sql_would_make(spark, tmp_path, period, partition):
    lake = connect_lake(LakeLocation(str(tmp_path / "lake")), partition_by=period)
    for table, transforms in {"instances": partition, "failures": "", "objects": "bucket(16, source_uri)"}.items():
        twin = lake.staging_name(f"twin_of_{table}")
        partitioned = f"PARTITIONED BY ({transforms})" if transforms else ""
        lake.spark.sql(f"CREATE TABLE {twin} (source_uri string, study_date date) USING iceberg {partitioned}")
        [made, wanted] = [
            [(str(field.name()), str(field.transform())) for field in iceberg.load_table(spark, name).spec().fields()]
            for spark, name in ((lake.spark, lake.name(table)), (lake.spark, twin))
        ]
        assert made == wanted
        assert len(made) == bool(transforms)


def test_rows_are_appended_without_a_job_and_the_table_is_dropped_with_its_files(lake, tmp_path):
    made = lake.create_staging("plan_x", "uri string, size bigint, at timestamp_ntz, dates array<date>, batch int")
    rows = pa.table(
        {
            "uri": ["file:///a", "file:///\u00e9"],
            "size": pa.array([None, 2], pa.int64()),
            "at": pa.array([datetime(2024, 1, 2, 3, 4, 5, 6), None], pa.timestamp("us")),
            "dates": pa.array([[date(2024, 1, 1), None], None], pa.list_(pa.date32())),
            "batch": pa.array([1, 2], pa.int32()),
        }
    )
    target = target_of(lake, made, "plan_x")
    for _ in range(2):
        iceberg.append_files(lake.spark, made, list(write_data_files(target, [rows], partition=())))
    found = [tuple(row) for row in lake.staging_table("plan_x").collect()]
    assert sorted(found, key=lambda row: row[-1]) == [
        ("file:///a", None, datetime(2024, 1, 2, 3, 4, 5, 6), [date(2024, 1, 1), None], 1),
        ("file:///a", None, datetime(2024, 1, 2, 3, 4, 5, 6), [date(2024, 1, 1), None], 1),
        ("file:///\u00e9", 2, None, None, 2),
        ("file:///\u00e9", 2, None, None, 2),
    ]
    assert lake.staging_tables() == ["plan_x"]
    lake.drop_staging("plan_x")
    lake.drop_staging("plan_x")
    assert lake.staging_tables() == []
    assert list((tmp_path / "lake" / lake.location.staging).iterdir()) == []
