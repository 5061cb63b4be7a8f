"""The writer of data files beside Iceberg's own: statistics, filters, buckets, deletes, columns that have changed."""

from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa
import pytest
from pyspark.sql import functions as F

from dicom_udf.columns import arrow_schema, objects_table
from dicom_udf.config import LakeLocation
from dicom_udf.datafiles import to_table_schema, write_data_files, write_position_deletes
from dicom_udf.datafiles.metrics_modes import MetricsMode, metrics_modes
from dicom_udf.datafiles.schema import read_columns
from dicom_udf.lake import iceberg
from dicom_udf.lake.tables import connect_lake
from dicom_udf.lake.targets import target_of

from .targets import random_rows
from .test_iceberg import arrow_rows, instances, read_by_duckdb, read_by_spark, to_java, uris, write

pytestmark = pytest.mark.spark


@pytest.fixture
def lake(spark, tmp_path):
    return connect_lake(LakeLocation(str(tmp_path / "lake")), master="local[2,4]")


def set_properties(lake, name, **properties):
    pairs = ", ".join(f"'write.metadata.metrics.{key}' = '{value}'" for key, value in properties.items())
    lake.spark.sql(f"ALTER TABLE lake.dicom.{name} SET TBLPROPERTIES ({pairs})")


def append_rows(lake, rows, name="instances", **settings):
    table = lake.load(name)
    texts = write(target_of(lake, table, name), rows, **settings)
    iceberg.append_files(lake.spark, table, texts)
    return texts


NESTED = """CREATE TABLE lake.dicom.nested (
    a int, b struct<x: int, y: struct<z: string, l: array<int>>>, c map<string, struct<m: int, n: array<string>>>,
    d array<array<int>>, e string, f map<struct<k: int>, int>, g array<struct<p: int, q: int>>, h double
) USING iceberg"""


def java_modes(lake, name):
    """The mode of each column by Iceberg's own rule."""
    table = lake.load(name)
    config = lake.spark._jvm.org.apache.iceberg.MetricsConfig.forTable(table)
    schema = table.schema()
    found = {}
    for key in metrics_modes(target_of(lake, table, name)):
        text = config.columnMode(schema.findColumnName(key)).toString()
        length = int(text[len("truncate(") : -1]) if text.startswith("truncate") else 0
        found[key] = {"none": MetricsMode(False, 0), "full": MetricsMode(True, None)}.get(
            text, MetricsMode(True, length)
        )
    return found


def test_modes_of_metrics_are_those_of_iceberg(lake):
    lake.spark.sql(NESTED)
    steps = [
        {},
        *({"max-inferred-column-defaults": limit} for limit in (1, 2, 3, 5, 7, 9, 10, 11, 12, 13, 14, 16, "-3")),
        {"column.a": "full", "column.b.y.l.element": "counts", "column.c.value.m": "TRUNCATE(3)"},
        {"column.a": "truncate(0)", "column.e": "nonsense", "default": "nonsense"},
        {"default": "Counts"},
    ]
    for step in steps:
        if step:
            set_properties(lake, "nested", **step)
        assert metrics_modes(target_of(lake, lake.load("nested"), "nested")) == java_modes(lake, "nested"), step
    for name in ("instances", "failures", "objects"):
        assert metrics_modes(target_of(lake, lake.load(name), name)) == java_modes(lake, name)
    set_properties(lake, "instances", **{"column.source_uri": "full", "column.header": "none"})
    modes = metrics_modes(target_of(lake, lake.load("instances"), "instances"))
    assert modes == java_modes(lake, "instances")
    assert MetricsMode(True, None) in modes.values()


def files_by_day(lake, name):
    rows = lake.spark.sql(f"SELECT * FROM lake.dicom.{name}.files").collect()
    return {row["partition"]["study_date"]: row.asDict(recursive=True) for row in rows}


@pytest.mark.parametrize("mode", [None, "full", "truncate(3)"])
def test_statistics_are_those_of_icebergs_own_writer(lake, mode):
    if mode:
        set_properties(lake, "instances", default=mode)
    append_rows(lake, instances(30, seed=5))
    kept = {key: value for key, value in lake.load("instances").properties().items() if "metadata.metrics" in key}
    kept = ", ".join(f"'{key}' = '{value}'" for key, value in kept.items())
    lake.spark.sql(
        f"CREATE TABLE lake.dicom.copy USING iceberg PARTITIONED BY (study_date) TBLPROPERTIES ({kept}) "
        "AS SELECT * FROM lake.dicom.instances"
    )
    ours, theirs = files_by_day(lake, "instances"), files_by_day(lake, "copy")
    tops = {
        column.id
        for column in read_columns(target_of(lake, lake.load("instances"), "instances"))
        if column.is_primitive
    }
    assert ours.keys() == theirs.keys()
    for day, file in ours.items():
        assert file["record_count"] == theirs[day]["record_count"]
        for kind in ("value_counts", "null_value_counts", "nan_value_counts", "lower_bounds", "upper_bounds"):
            assert of_ids(file[kind], tops) == of_ids(theirs[day][kind], tops), (day, kind)
    readable = lake.spark.sql("SELECT readable_metrics.source_uri.value_count FROM lake.dicom.instances.files")
    assert {row[0] for row in readable.collect()} == {30}


def of_ids(found, ids):
    return {key: value for key, value in (found or {}).items() if key in ids}


def planned_files(lake, method, *arguments, name="instances"):
    """The number of files that Iceberg opens for rows of a condition."""
    expression = getattr(lake.spark._jvm.org.apache.iceberg.expressions.Expressions, method)(*arguments)
    files = lake.load(name).newScan().filter(expression).planFiles().iterator()
    count = 0
    while files.hasNext():
        files.next()
        count += 1
    return count


BOUNDED = ("series_date", "study_date_is_default", "patient_id", "acquisition_datetime", "rows", "slice_thickness")
"""A column of each type that has bounds."""


def test_filters_skip_files_and_lose_no_row(lake):
    set_properties(lake, "instances", **{"column.source_uri": "full"})
    for seed in range(4):
        append_rows(lake, instances(20, seed))
    assert planned_files(lake, "alwaysTrue") == 16
    assert planned_files(lake, "equal", "source_uri", uris(1, 2)[0]) == 1
    assert planned_files(lake, "equal", "ingest_run_id", "3-0") == 1
    assert planned_files(lake, "isNull", "source_uri") == 0
    rows = pa.concat_tables([instances(20, seed) for seed in range(4)])
    for column in BOUNDED:
        # Not zero: Iceberg's filter by a Parquet dictionary takes -0.0 and 0.0 apart, in files of any writer.
        value = next(one for one in rows[column].to_pylist() if one not in (None, 0.0) or one is False)
        compare_filters(lake, column, value)


def compare_filters(lake, column, value):
    """Filters find the rows that the same comparisons find where Iceberg can't use them to skip files."""
    table, cell = lake.table("instances"), F.col(column)
    if isinstance(value, datetime):
        value = F.lit(value.isoformat()).cast("timestamp_ntz")
    signs = (cell == value, cell < value, cell >= value, cell.isNotNull(), cell.isNull())
    fast = [table.where(sign).count() for sign in signs]
    slow = table.select(*(F.count_if(sign) for sign in signs)).first()
    assert fast == list(slow), column
    assert fast[0]


def test_a_column_that_files_lack_is_not_looked_for(lake):
    schema = instances(1, 0).schema
    rows = random_rows(schema, 5, seed=1, density=0, study_date=date(2024, 1, 1), source_uri="s3://b/k")
    append_rows(lake, rows)
    assert planned_files(lake, "notNull", "modality") == 0
    assert planned_files(lake, "isNull", "modality") == 1
    assert lake.table("instances").where("modality IS NULL").count() == 5


def test_a_ledger_in_buckets(lake):
    rows = random_rows(arrow_schema(objects_table()), 60, seed=2)
    rows = rows.set_column(0, rows.schema.field(0), pa.array(uris(60, 1)))
    assert rows.schema.names[0] == "source_uri"
    spark, table = lake.spark, lake.load("objects")
    frame = spark.createDataFrame([(uri,) for uri in uris(60, 1)], "uri string")
    found = frame.selectExpr("uri", "lake.system.bucket(16, uri) AS bucket").collect()
    buckets = {}
    for row in found:
        buckets.setdefault(row.bucket, []).append(uris(60, 1).index(row.uri))
    texts = [
        text
        for bucket, at in buckets.items()
        for text in write_data_files(target_of(lake, table, "objects"), [rows.take(sorted(at))], partition=(bucket,))
    ]
    iceberg.append_files(spark, table, texts)
    assert "/source_uri_bucket=" in texts[0]
    expected = arrow_rows(rows)
    assert read_by_spark(spark, "objects") == expected
    assert read_by_duckdb(lake.location, "objects") == expected
    for uri in uris(60, 1)[::7]:
        assert lake.table("objects").where(F.col("source_uri") == uri).count() == 1
        assert planned_files(lake, "equal", "source_uri", uri, name="objects") == 1


def positions_of(lake, seed):
    """Data files with their spec and partition, and the positions in them of the rows to delete."""
    rows = lake.spark.sql(
        f"SELECT _file, _pos, _spec_id, _partition, source_uri FROM lake.dicom.instances "
        f"WHERE source_uri LIKE '%/{seed}/%' AND _pos % 3 = 0"
    ).collect()
    found = {}
    for row in rows:
        values = [value for value in row._partition if value is not None]
        found.setdefault((row._file, row._spec_id, tuple(values)), []).append(row._pos)
    return found, {row.source_uri for row in rows}


def test_position_deletes_of_two_specs_take_rows_away(lake):
    append_rows(lake, instances(30, seed=1), row_group_bytes=5_000)
    lake.spark.sql("ALTER TABLE lake.dicom.instances REPLACE PARTITION FIELD study_date WITH months(study_date)")
    append_rows(lake, instances(30, seed=2))
    expected = {**arrow_rows(instances(30, seed=1)), **arrow_rows(instances(30, seed=2))}
    spark, table = lake.spark, lake.load("instances")
    target = target_of(lake, table, "instances")
    commit = table.newRowDelta()
    for seed in (1, 2):
        found, gone = positions_of(lake, seed)
        assert found
        expected = {uri: row for uri, row in expected.items() if uri not in gone}
        for (file, spec_id, values), positions in found.items():
            text = write_position_deletes(
                target, spec_id=spec_id, partition=values, data_file=file, positions=positions[::-1] + positions
            )
            deletes = to_java(spark, table, text)
            assert deletes.referencedDataFile() == file
            assert spark._jvm.org.apache.iceberg.util.ContentFileUtil.isFileScoped(deletes)
            commit.addDeletes(deletes)
    commit.validateFromSnapshot(table.currentSnapshot().snapshotId()).commit()
    assert len(expected) < 240
    assert read_by_spark(spark, "instances") == expected
    assert read_by_duckdb(lake.location, "instances") == expected


def test_columns_that_were_widened_added_and_dropped(lake):
    lake.spark.sql("""CREATE TABLE lake.dicom.w (k string, i int, f float, d decimal(9,2), gone string,
        n array<int>, s struct<x: int, y: float>, m map<string, decimal(5,1)>) USING iceberg""")
    schema = pa.schema(
        [
            *(pa.field("k", pa.string()), pa.field("i", pa.int32()), pa.field("f", pa.float32())),
            *(pa.field("d", pa.decimal128(9, 2)), pa.field("gone", pa.string()), pa.field("n", pa.list_(pa.int32()))),
            pa.field("s", pa.struct([("x", pa.int32()), ("y", pa.float32())])),
            *(pa.field("m", pa.map_(pa.string(), pa.decimal128(5, 1))), pa.field("later", pa.string())),
        ]
    )

    def rows(key):
        values = [key, -7, 0.5, Decimal("-1.25"), "g", [1, None], {"x": 3, "y": 0.25}, [("a", Decimal("1.5"))], "l"]
        return pa.table(
            [pa.array([value], field.type) for value, field in zip(values, schema, strict=True)], schema=schema
        )

    append_rows(lake, rows("before"), "w")
    for change in (
        "ALTER COLUMN i TYPE bigint",
        "ALTER COLUMN f TYPE double",
        "ALTER COLUMN d TYPE decimal(20,2)",
        "ALTER COLUMN n.element TYPE bigint",
        "ALTER COLUMN s.x TYPE bigint",
        "ALTER COLUMN m.value TYPE decimal(38,1)",
        "DROP COLUMN gone",
        "ADD COLUMN later string",
        "ALTER COLUMN k FIRST",
    ):
        lake.spark.sql(f"ALTER TABLE lake.dicom.w {change}")
    append_rows(lake, rows("after"), "w")
    target = target_of(lake, lake.load("w"), "w")
    assert to_table_schema(rows("x"), target).column_names == ["k", "i", "f", "d", "n", "s", "m", "later"]
    found = {row.k: row.asDict(recursive=True) for row in lake.table("w").collect()}
    same = {
        "i": -7,
        "f": 0.5,
        "d": Decimal("-1.25"),
        "n": [1, None],
        "s": {"x": 3, "y": 0.25},
        "m": {"a": Decimal("1.5")},
    }
    assert found == {"before": {"k": "before", **same, "later": None}, "after": {"k": "after", **same, "later": "l"}}
    for condition in ("d = -1.25", "i = -7", "f = 0.5", "d < 0"):
        assert lake.table("w").where(condition).count() == 2
