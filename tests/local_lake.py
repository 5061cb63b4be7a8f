"""A small lake for the tests of its readers, made by Spark: all types, nested ones too, in few columns."""

from __future__ import annotations

from pathlib import Path

from pyspark.sql import SparkSession
from pyspark.sql import functions as F

INSTANCES = """
    study_date date NOT NULL, study_date_is_default boolean, source_uri string NOT NULL, source_member string,
    modality string, patient_name string, ingest_time timestamp_ntz, event_time_offset decimal(20,0),
    invalid_values map<string,string>, image_position_patient array<double>, header string,
    anatomic_region array<struct<code_value:string,coding_scheme_designator:string,code_meaning:string>>
"""
FAILURES = """
    source_uri string NOT NULL, source_member string, code string NOT NULL, severity string, message string,
    ingest_run_id string, ingest_time timestamp_ntz
"""
OBJECTS = """
    source_uri string NOT NULL, source_size bigint, source_etag string, status string, instances bigint,
    failures bigint, ingest_run_id string, ingest_time timestamp_ntz
"""

FIRST_RUN = "TIMESTAMP_NTZ'2026-01-02 03:04:05'"
SECOND_RUN = "TIMESTAMP_NTZ'2026-01-03 00:00:00'"
REGION = "named_struct('code_value', 'T-A0100', 'coding_scheme_designator', 'SRT', 'code_meaning', 'Brain')"


def make_lake(spark: SparkSession) -> None:
    """Make the three tables in the catalog of a session from ``lake_session``."""
    make_instances(spark)
    spark.sql(f"CREATE TABLE lake.dicom.failures ({FAILURES}) USING iceberg")
    spark.sql(f"CREATE TABLE lake.dicom.objects ({OBJECTS}) USING iceberg PARTITIONED BY (bucket(16, source_uri))")
    spark.sql(f"""INSERT INTO lake.dicom.failures VALUES
        ('file:///s/notes.txt', NULL, 'NOT_DICOM', 'skipped', 'no DICOM file', 'run_1', {FIRST_RUN}),
        ('file:///s/b.zip', 'x!y.dcm', 'TRUNCATED', 'fault', 'ends at byte 12', 'run_2', {SECOND_RUN}),
        ('file:///s/a.zip', 'z.dcm', 'TRUNCATED', 'fault', 'ends at byte 9', 'run_2', {SECOND_RUN})""")
    spark.sql(f"""INSERT INTO lake.dicom.objects
        SELECT concat('file:///s/', id), id, 'e', IF(id < 4, 'ingested', 'failed'), 1, 0,
               IF(id < 4, 'run_1', 'run_2'), IF(id < 4, {FIRST_RUN}, {SECOND_RUN})
        FROM range(1, 6)""")


def make_instances(spark: SparkSession) -> None:
    """Make the table ``instances`` with four rows of three dates, one of them the default."""
    spark.sql(
        f"CREATE TABLE lake.dicom.instances ({INSTANCES}) USING iceberg PARTITIONED BY (study_date) "
        "TBLPROPERTIES ('format-version' = '2', 'write.wap.enabled' = 'true')"
    )
    rows = [
        ("2020-01-01", 1, "CT", "Doe^Jane"),
        ("2020-01-01", 2, "MR", "山田^太郎"),
        ("2021-05-05", 3, "CT", "Иванов^Иван"),
        ("1900-01-01", 4, None, None),
    ]
    add_instances(spark, rows)


def add_instances(spark: SparkSession, rows: list[tuple[str, int, str | None, str | None]]) -> None:
    """Append rows of study date, number, modality and name; the other columns hold the same nested values in each."""
    frame = spark.createDataFrame(rows, "day string, number int, modality string, patient_name string")
    frame.select(
        F.to_date("day").alias("study_date"),
        (F.col("day") == "1900-01-01").alias("study_date_is_default"),
        F.concat(F.lit("file:///s/"), "number").alias("source_uri"),
        F.lit(None).cast("string").alias("source_member"),
        "modality",
        "patient_name",
        F.expr("TIMESTAMP_NTZ'2026-01-02 03:04:05.678'").alias("ingest_time"),
        F.lit("18446744073709551615").cast("decimal(20,0)").alias("event_time_offset"),
        F.expr("map('00080020', 'no date')").alias("invalid_values"),
        F.expr("array(0.5D, NULL)").alias("image_position_patient"),
        F.lit('{"00291001":{"vr":"DS","Value":[7.5]}}').alias("header"),
        F.expr(f"array({REGION})").alias("anatomic_region"),
    ).writeTo("lake.dicom.instances").append()


def files(lake: Path) -> dict[str, bytes]:
    """Every file of a lake and its content."""
    return {str(file.relative_to(lake)): file.read_bytes() for file in lake.rglob("*") if file.is_file()}
