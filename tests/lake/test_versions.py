"""A lake of another version: an older one gets what it lacks, a newer one is refused."""

from __future__ import annotations

from datetime import date

import pytest

from dicom_udf.answers.local import run_query
from dicom_udf.columns import instances_table
from dicom_udf.config import IngestConfig, LakePlace
from dicom_udf.errors import RunFailedError
from dicom_udf.lake import commit, open_lake
from dicom_udf.pipeline import ingest
from tests.lake.test_crashes import write

pytestmark = pytest.mark.spark


def test_an_older_lake_gets_new_columns_and_a_newer_one_is_refused(spark, tmp_path):
    source, root = tmp_path / "source", str(tmp_path / "lake")
    source.mkdir()
    write(source / "old.dcm", 1, "20240101")
    config = IngestConfig(source=str(source), lake=root)
    ingest(config)
    lake = open_lake(LakePlace(root))
    name = lake.name("instances")
    # As a version had made it that didn't declare these yet.
    lake.spark.sql(f"ALTER TABLE {name} DROP COLUMNS (kvp, body_part_examined)")
    lake.spark.sql(f"ALTER TABLE {name} UNSET TBLPROPERTIES ('dicom-lake.schema-version')")
    write(source / "new.dcm", 2, "20240101")
    assert ingest(config).objects_new == 1
    answer = run_query("SELECT sop_instance_uid, kvp FROM instances ORDER BY 1", LakePlace(root))
    assert list(answer.rows) == [("1.2.3.1", None), ("1.2.3.2", 120.0)]
    columns = {field.name: field for field in lake.spark.table(name).schema.fields}
    assert set(columns) == {field.name for field in instances_table().fields}
    assert columns["kvp"].metadata["comment"].startswith("(0018,0060) KVP")

    lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('dicom-lake.schema-version' = '99')")
    with pytest.raises(RunFailedError, match=r"instances has schema version 99, this software knows \d+ \("):
        ingest(config)


def test_a_batch_that_an_older_version_staged_is_committed(spark, tmp_path, monkeypatch):
    source, root = tmp_path / "source", str(tmp_path / "lake")
    source.mkdir()
    write(source / "old.dcm", 1, "20240101")
    config = IngestConfig(source=str(source), lake=root)

    def die(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(commit, "publish", die)
    with pytest.raises(KeyboardInterrupt):
        ingest(config)
    monkeypatch.undo()
    lake = open_lake(LakePlace(root))
    [stage] = [name for name in lake.staging_tables() if name.startswith("stage_")]
    lake.spark.sql(f"ALTER TABLE {lake.staging_name(stage)} DROP COLUMNS (kvp, body_part_examined)")
    assert ingest(config).objects_read == 0
    answer = run_query("SELECT sop_instance_uid, kvp, study_date FROM instances", LakePlace(root))
    assert list(answer.rows) == [("1.2.3.1", None, date(2024, 1, 1))]
