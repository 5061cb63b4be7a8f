"""Files of the writer in real Iceberg tables: Java takes their texts; Spark and DuckDB read their rows back."""

from datetime import date

import pyarrow as pa
import pytest

from dicom_udf.answers.local import open_tables
from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.config import LakeLocation
from dicom_udf.datafiles import split_by_partition, write_data_files
from dicom_udf.lake import iceberg
from dicom_udf.lake.tables import connect_lake
from dicom_udf.lake.targets import target_of

from .targets import random_rows

pytestmark = pytest.mark.spark

SCHEMA = arrow_schema(instances_table())
DAYS = (date(1899, 12, 31), date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29))


def to_java(spark, table, text):
    java = spark._jvm.org.apache.iceberg
    return java.ContentFileParser.fromJson(java.util.JsonUtil.mapper().readTree(text), table.specs())


def write(target, rows, **settings):
    return [
        text
        for partition, part in split_by_partition(rows, target)
        for text in write_data_files(target, [part], partition=partition, **settings)
    ]


def instances(number, seed):
    parts = [
        random_rows(SCHEMA, number, seed=seed + at, study_date=day, ingest_run_id=f"{seed}-{at}")
        for at, day in enumerate(DAYS)
    ]
    rows = pa.concat_tables(parts)
    return rows.set_column(
        rows.schema.get_field_index("source_uri"), SCHEMA.field("source_uri"), pa.array(uris(len(rows), seed))
    )


def uris(number, seed):
    return [f"s3://bucket/a long prefix of all keys/{seed}/{at:06d}" for at in range(number)]


def by_uri(rows):
    return {row["source_uri"]: row for row in rows}


def arrow_rows(table):
    return by_uri(table.to_pylist(maps_as_pydicts="strict"))


def read_by_spark(spark, name):
    return by_uri(row.asDict(recursive=True) for row in spark.table(f"lake.dicom.{name}").collect())


def read_by_duckdb(location, name):
    return arrow_rows(open_tables(location).execute(f"SELECT * FROM {name}").to_arrow_table())


@pytest.fixture(params=["day", "month", "year", "none"])
def lake(request, spark, tmp_path):
    location = LakeLocation(str(tmp_path / "lake"))
    partition_by = request.param if request.param != "none" else "day"
    opened = connect_lake(location, partition_by=partition_by, master="local[2,4]")
    if request.param == "none":
        opened.spark.sql("ALTER TABLE lake.dicom.instances DROP PARTITION FIELD study_date")
    return opened


def test_rows_are_read_as_they_were_written(lake):
    rows = instances(40, seed=1)
    table = lake.load("instances")
    texts = write(target_of(lake, table, "instances"), rows, row_group_bytes=20_000)
    iceberg.append_files(lake.spark, table, texts)
    table.refresh()
    for file in (to_java(lake.spark, table, text) for text in texts):
        folder = table.spec().partitionToPath(file.partition())
        assert str(file.location()).rpartition("/")[0] == "/".join(filter(None, (f"{table.location()}/data", folder)))
    expected = arrow_rows(rows)
    assert read_by_spark(lake.spark, "instances") == expected
    assert read_by_duckdb(lake.location, "instances") == expected
    counts = lake.spark.sql("SELECT sum(record_count), count(*) FROM lake.dicom.instances.files").first()
    assert tuple(counts) == (160, len(texts))
    for day in DAYS:
        query = f"SELECT count(*) FROM lake.dicom.instances WHERE study_date = DATE'{day}'"
        assert lake.spark.sql(query).first()[0] == 40
