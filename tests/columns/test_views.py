"""The views: the same rows from DuckDB, from Spark, and from a few lines of Python that say what they are."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import defaultdict
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dicom_udf.columns import arrow_schema, declared_attributes, instances_table, item_views
from dicom_udf.columns.items import CODE_TYPE
from dicom_udf.columns.schema import arrow_type
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.columns.views import DUCKDB, TRINO, make_views
from dicom_udf.lake.layout import VIEWS
from tests.columns.plans import scan_filters
from tests.columns.spark_dialect import SPARK
from tests.each import for_each

ROOT = Path(__file__).parents[2]
FIELDS = {field.name: field for field in instances_table().fields}
DECLARED = {view.name: view for view in make_views(DUCKDB)}
DAY = date(1900, 1, 1)

VALUES = {
    "string": ["a", "b", "山田^太郎"],
    "bigint": [1, 2, -(2**60)],
    "double": [0.5, -2.25],
    "boolean": [True, False],
    "date": [date(2020, 1, 1), date(2021, 2, 3)],
    "timestamp_ntz": [datetime(2020, 1, 1, 2, 3, 4, 5), datetime(2021, 2, 3)],
    "decimal(20,0)": [Decimal(2**64 - 1), Decimal(1)],
    "map<string,string>": [[("StudyDate", "no date")]],
    "array<struct<code_value:string,coding_scheme_designator:string,code_meaning:string>>": [
        [{"code_value": "T-1", "coding_scheme_designator": "SRT", "code_meaning": None}],
        [{"code_value": "T-1", "coding_scheme_designator": "SRT", "code_meaning": "Brain"}, None],
    ],
    "array<string>": [["a"], ["a", None], [None, "a"]],
    "array<double>": [[0.5], [0.5, None], []],
    "array<bigint>": [[1], [1, 2]],
    "array<date>": [[date(2020, 1, 1)]],
}
CODE = {"code_value": "T-1", "coding_scheme_designator": "SRT", "code_meaning": "Liver"}


def item_value(type_: str, number: int):
    """A value of a field in the item of a number."""
    if type_.startswith("array<"):
        return [item_value(type_[6:-1], number), item_value(type_[6:-1], 7)]
    if type_ == CODE_TYPE:
        return CODE | {"code_value": ("424361007", "430864009")[number % 2]}
    return {
        "string": f"1.{number}",
        "bigint": number,
        "double": number / 4,
        "timestamp_ntz": datetime(2020, 1, number),
    }[type_]


ITEM_COLUMNS = {column.name: column for column in struct_columns()}
for column in ITEM_COLUMNS.values():
    VALUES[column.type] = [
        [],
        [{field.name: None for field in column.fields}],
        [{field.name: item_value(field.type, number) for field in column.fields} for number in (2, 1)],
    ]


def rows_of(draw_seed: int, count: int) -> list[dict]:
    """Rows with one of a few values, or none, in every column: groups agree in some columns and differ in others."""
    import random

    chance = random.Random(draw_seed)
    rows = []
    for number in range(count):
        row = {
            field.name: chance.choice([None, *VALUES[field.type][: chance.choice([1, 1, 3])]])
            for field in FIELDS.values()
        }
        row |= {
            "source_uri": f"s3://b/{number}", "source_member": chance.choice([None, "m"]), "source_size": 1,
            "source_etag": "e", "ingest_run_id": "r", "ingest_time": chance.choice(VALUES["timestamp_ntz"]),
            "sop_instance_uid": chance.choice([None, "1.1", "1.2", "1.3"]),
            "series_instance_uid": chance.choice([None, "2.1", "2.2"]),
            "study_instance_uid": chance.choice([None, "3.1", "3.2"]),
        }  # fmt: skip
        row["study_date_is_default"] = row["study_date"] is None
        row["study_date"] = row["study_date"] or DAY
        rows.append(row)
    return rows


def table_of(rows: list[dict]) -> pa.Table:
    return pa.Table.from_pylist(rows, schema=arrow_schema(instances_table()))


def answers(table: pa.Table, name: str) -> list[dict]:
    with duckdb.connect() as connection:
        connection.register("instances", table)
        connection.execute(DECLARED[name].sql)
        names = [column[0] for column in connection.description]
        return ordered(dict(zip(names, row, strict=True)) for row in connection.fetchall())


def ordered(rows) -> list[dict]:
    return sorted(rows, key=lambda row: json.dumps(row, default=str, sort_keys=True))


def newest(rows: list[dict]) -> list[dict]:
    kept = [row for row in rows if row["sop_instance_uid"] is None]
    by_uid = defaultdict(list)
    for row in rows:
        if row["sop_instance_uid"] is not None:
            by_uid[row["sop_instance_uid"], row["study_date"]].append(row)
    for same in by_uid.values():
        same.sort(key=lambda row: (row["source_uri"], row["source_member"] or ""))
        kept.append(max(same, key=lambda row: (row["source_last_modified"] or datetime.min, row["ingest_time"])))
    return kept


def the_one(values: list):
    present = [value for value in values if value is not None]
    return present[0] if present and all(value == present[0] for value in present) else None


def expected_column(name: str, group: list[dict]):
    """What a column of ``series`` or ``studies`` says of a group of rows."""
    counted = {"series": "series_instance_uid", "unique_instances": "sop_instance_uid", "patients": "patient_id"}
    listed = {"modalities_in_study": "modality", "sop_classes_in_study": "sop_class_uid"}
    present = lambda column: [row[column] for row in group if row[column] is not None]  # noqa: E731
    if name == "instances":
        return len(group)
    if name in counted:
        return len(set(present(counted[name])))
    if name in listed:
        return sorted(set(present(listed[name]))) or None
    if name == "source_member_size_sum":
        return sum(present("source_member_size")) if present("source_member_size") else None
    if name == "study_date":
        return the_one([row["study_date"] for row in group if not row["study_date_is_default"]])
    for ending, choose in (("_min", min), ("_max", max)):
        if name.endswith(ending) and name not in FIELDS:
            return choose(present(name.removesuffix(ending)), default=None)
    return the_one([row[name] for row in group])


def expected(rows: list[dict], name: str) -> list[dict]:
    if name == "unique_instances":
        return ordered(newest(rows))
    keys = ("study_instance_uid", "series_instance_uid")[: 2 if name == "series" else 1]
    groups = defaultdict(list)
    for row in rows:
        if row[keys[-1]] is not None:
            groups[tuple(row[key] for key in keys)].append(row)
    names = [field.name for field in DECLARED[name].fields]
    return ordered({column: expected_column(column, group) for column in names} for group in groups.values())


@pytest.mark.parametrize("name", ["unique_instances", "series", "studies"])
@settings(max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10**9), count=st.integers(0, 12))
@example(seed=1, count=12)
def test_a_view_has_the_rows_that_python_says_it_has(name, seed, count):
    table = table_of(rows_of(seed, count))
    rows = table.to_pylist()
    found = answers(table, name)
    if name == "unique_instances":  # a map is a list of pairs in Arrow and a dict in DuckDB
        rows = [row | {"invalid_values": row["invalid_values"] and dict(row["invalid_values"])} for row in rows]
    assert found == expected(rows, name)


def item_rows(table, name):
    return [
        {key: row[key] for key in item_views.KEYS} | {"item_number": number} | item
        for row in newest(table.to_pylist())
        for number, item in enumerate(row[name] or (), 1)
    ]


@pytest.mark.parametrize("name", [name for name in ITEM_COLUMNS if name != "links"])
def test_a_row_for_each_item_of_the_images_that_are_unique(name):
    rows = rows_of(5, 30)
    rows[3][name] = VALUES[ITEM_COLUMNS[name].type][2]
    table = table_of(rows)
    found = item_rows(table, name)
    assert found
    assert answers(table, name) == ordered(found)


def test_links_have_what_the_lake_knows_of_their_targets():
    rows = rows_of(5, 6)
    empty = dict.fromkeys(field.name for field in ITEM_COLUMNS["links"].fields)
    targets = [("SOURCE", "1.1"), ("SOURCE", "9.9"), ("SOURCE", None), ("STUDY", "1.1"), ("PROCEDURE_STEP", "9.9")]
    for number, row in enumerate(rows):
        row |= {"modality": "CT", "series_instance_uid": "2.1", "sop_instance_uid": f"1.{number}"}
        row["links"] = [empty | {"kind": kind, "referenced_sop_instance_uid": uid} for kind, uid in targets]
    table = table_of(rows)
    found = item_rows(table, "links")
    for link in found:
        uid = link["referenced_sop_instance_uid"]
        target = ("CT", "2.1") if uid == "1.1" else (None, None)
        link["target_modality"], link["target_series_instance_uid"] = target
        link["is_in_lake"] = uid == "1.1" if link["kind"] == "SOURCE" and uid else None
    assert len(found) == 30
    assert answers(table, "links") == ordered(found)


def test_a_view_of_items_has_no_item_of_an_older_copy():
    rows = rows_of(5, 2)
    for number, row in enumerate(rows):
        row |= {"sop_instance_uid": "1.1", "study_date": DAY, "source_last_modified": datetime(2024, 2, 1 + number)}
        row["segments"] = [{"segment_number": number}]
    assert [row["segment_number"] for row in answers(table_of(rows), "segments")] == [1]


@pytest.mark.spark
@pytest.mark.parametrize("name", VIEWS)
def test_spark_has_the_rows_that_duckdb_has(spark, tmp_path, name):
    table = table_of(rows_of(7, 40))
    pq.write_table(table, tmp_path / "instances.parquet")
    session = spark.newSession()
    session.conf.set("spark.sql.codegen.wholeStage", "false")  # takes longer to compile than 40 rows to read
    session.conf.set("spark.sql.session.timeZone", "UTC")
    session.read.parquet(str(tmp_path / "instances.parquet")).createOrReplaceTempView("instances")
    [view] = [view for view in make_views(SPARK) if view.name == name]
    frame = session.sql(view.sql)
    assert ordered(row.asDict(recursive=True) for row in frame.collect()) == answers(table, name)
    if name != "unique_instances":
        types = {field.name: field.dataType.simpleString() for field in frame.schema.fields}
        assert types == {field.name: field.type for field in view.fields}


# --- What the columns are


@pytest.mark.parametrize("name", VIEWS)
def test_the_columns_have_the_types_and_names_that_are_declared(name):
    with duckdb.connect() as connection:
        connection.register("instances", table_of([]))
        found = connection.execute(DECLARED[name].sql).to_arrow_table().schema
    assert found.names == [field.name for field in DECLARED[name].fields]
    assert list(found.types) == [arrow_type(field.type) for field in DECLARED[name].fields]


@pytest.mark.parametrize("name", VIEWS)
def test_every_column_has_a_comment_that_the_glue_catalog_takes(name):
    assert DECLARED[name].comment.startswith("one row per ")
    names = [field.name for field in DECLARED[name].fields]
    assert len(set(names)) == len(names)
    for field in DECLARED[name].fields:
        assert field.comment
        assert len(field.comment) <= 255
        assert "\n" not in field.comment


@for_each([one for one in declared_attributes() if one.level != "instance"], name=lambda one: one.column)
def test_every_attribute_of_a_level_is_in_the_views_of_that_level(attribute):
    has = {view.name for view in DECLARED.values() if attribute.column in {field.name for field in view.fields}}
    assert has >= {"unique_instances", "series"}
    assert ("studies" in has) == (attribute.level != "series")


def test_a_table_that_lacks_columns_has_views_without_them():
    columns = [
        name for name in FIELDS if name not in ("flip_angle", "patient_weight", "modality", "source_member_size")
    ]
    for view in make_views(DUCKDB, columns=columns):
        names = {field.name for field in view.fields}
        assert not names & {
            "flip_angle",
            "flip_angle_min",
            "patient_weight",
            "modalities_in_study",
            "source_member_size_sum",
        }
        with duckdb.connect() as connection:
            connection.register("instances", table_of([]).select(columns))
            assert connection.execute(view.sql).fetchall() == []


def test_a_view_whose_keys_are_missing_is_left_out():
    columns = [name for name in FIELDS if name != "series_instance_uid"]
    assert [view.name for view in make_views(DUCKDB, columns=columns)] == ["unique_instances", "studies"]
    assert make_views(DUCKDB, columns=["study_date", "modality"]) == ()


def test_a_promoted_column_is_in_unique_instances():
    [view] = [view for view in make_views(DUCKDB, columns=[*FIELDS, "b_value"]) if view.name == "unique_instances"]
    assert view.fields[-1].name == "b_value"
    assert 'i."b_value"' in view.sql


def test_each_dialect_quotes_its_own_way_and_names_its_table():
    for dialect, quoted in ((DUCKDB, '"rows"'), (TRINO, '"rows"'), (SPARK, "`rows`")):
        for view in make_views(dialect, source="lake.dicom.instances"):
            assert quoted in view.sql or view.name not in ("unique_instances", "series", "series_geometry")
            assert "FROM lake.dicom.instances " in view.sql


def test_the_page_of_the_views_is_current():
    page = subprocess.run(
        [sys.executable, "-m", "release.pages.views_page"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    assert (ROOT / "docs/reference/views.md").read_text(encoding="utf-8") == page


# --- Copies


def copies_of_two_days() -> pa.Table:
    """One image at two places on each of two days."""
    rows = rows_of(3, 4)
    days = [date(2024, 1, 1), date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 2)]
    for number, (row, day) in enumerate(zip(rows, days, strict=True)):
        row |= {"sop_instance_uid": "1.1", "study_date": day, "source_last_modified": datetime(2024, 2, 1 + number)}
    return table_of(rows)


def test_copies_with_different_study_dates_both_stay():
    kept = answers(copies_of_two_days(), "unique_instances")
    assert {(row["study_date"].day, row["source_uri"]) for row in kept} == {(1, "s3://b/1"), (2, "s3://b/3")}


@pytest.mark.parametrize("condition", ["= DATE '2024-01-01'", "BETWEEN DATE '2023-01-01' AND DATE '2024-01-01'"])
def test_a_filter_on_the_study_date_reaches_both_scans_of_unique_instances(condition):
    with duckdb.connect() as connection:
        connection.register("arrow", copies_of_two_days())
        connection.execute("CREATE TABLE instances AS SELECT * FROM arrow")
        sql = f"SELECT header FROM ({DECLARED['unique_instances'].sql}) WHERE study_date {condition}"
        assert len(connection.execute(sql).fetchall()) == 1
        [[_, plan]] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    filters = scan_filters(json.loads(plan)[0])
    assert len(filters) == 2
    assert all("study_date" in one and "2024-01-01" in one for one in filters)
