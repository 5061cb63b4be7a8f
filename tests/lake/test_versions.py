"""A lake of another version: an older one gets what it lacks, a newer one is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dicom_udf.answers.inspection import verify_lake
from dicom_udf.answers.local import run_query
from dicom_udf.columns import instances_table
from dicom_udf.config import IngestConfig, LakeLocation, MaintainConfig
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake.maintenance import maintain
from dicom_udf.lake.tables import connect_lake
from dicom_udf.pipeline import ingest
from tests.lake.old_lakes.make_lake import unpack
from tests.lake.test_crashes import write

pytestmark = pytest.mark.spark

OLD_LAKES = Path(__file__).with_name("old_lakes")


def test_an_older_lake_gets_new_columns_and_a_newer_one_is_refused(spark, tmp_path):
    source, root = tmp_path / "source", str(tmp_path / "lake")
    source.mkdir()
    write(source / "old.dcm", 1, "20240101")
    config = IngestConfig(source=str(source), lake=root)
    ingest(config)
    lake = connect_lake(LakeLocation(root))
    name = lake.name("instances")
    # As a version had made it that didn't declare these yet.
    lake.spark.sql(f"ALTER TABLE {name} DROP COLUMNS (kvp, body_part_examined)")
    lake.spark.sql(f"ALTER TABLE {name} UNSET TBLPROPERTIES ('dicom-lake.schema-version')")
    write(source / "new.dcm", 2, "20240101")
    assert ingest(config).objects_new == 1
    answer = run_query("SELECT sop_instance_uid, kvp FROM instances ORDER BY 1", LakeLocation(root))
    assert list(answer.rows) == [("1.2.3.1", None), ("1.2.3.2", 120.0)]
    columns = {field.name: field for field in lake.spark.table(name).schema.fields}
    assert set(columns) == {field.name for field in instances_table().fields}
    assert columns["kvp"].metadata["comment"].startswith("(0018,0060) KVP")

    lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('dicom-lake.schema-version' = '99')")
    with pytest.raises(RunFailedError, match=r"instances has schema version 99, this software supports \d+ \("):
        ingest(config)


def test_a_lake_of_version_0_1_0_is_queried_ingested_into_and_maintained(spark, tmp_path):
    root = unpack(OLD_LAKES / "0.1.0.tar.xz", tmp_path)
    place, source = LakeLocation(str(root)), tmp_path / "source"
    assert answers(place) == (6, 1, 7)
    with pytest.raises(ConfigurationError, match="series_geometry does not exist"):
        run_query("SELECT * FROM series_geometry", place)
    assert not verify_lake(place).broken

    source.mkdir()
    write(source / "first.dcm", 11, "20240101")
    write(source / "second.dcm", 12, "20240102")
    write(source / "notes.txt", 13, "text")
    config = IngestConfig(source=str(source), lake=str(root))
    assert ingest(config).objects_new == 3
    assert answers(place) == (8, 2, 10)
    assert list(run_query("SELECT count(*) FROM series_geometry", place).rows) == [(1,)], "of new rows alone"

    write(source / "first.dcm", 14, "20240105")
    (source / "notes.txt").unlink()
    done = ingest(config)
    assert (done.objects_changed, done.objects_deleted, done.objects_new) == (1, 1, 0)
    assert answers(place) == (8, 1, 9)
    rows = run_query("SELECT sop_instance_uid, study_date FROM instances WHERE study_date > '2024-01-03'", place).rows
    assert list(rows) == [("1.2.3.14", date(2024, 1, 5))]

    done = maintain(MaintainConfig(lake=str(root), min_input_files=2, wait=0))
    assert done.tables[0].files_rewritten > 0
    assert not done.broken
    assert answers(place) == (8, 1, 9)
    assert not verify_lake(place).broken


def answers(place):
    sql = ", ".join(f"(SELECT count(*) FROM {table})" for table in ("instances", "failures", "objects"))
    return next(run_query(f"SELECT {sql}", place).rows)
