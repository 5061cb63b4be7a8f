"""The lake as Athena sees it: Trino reads what the job wrote to S3 and Glue, and answers the saved queries."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.answers.athena_sql import MACROS, to_duckdb
from dicom_udf.answers.local import add_views, answer, open_tables, run_query
from dicom_udf.columns import failures_table, instances_table, objects_table
from dicom_udf.columns.views import TRINO, make_views
from dicom_udf.config import IngestConfig, LakeLocation, PromoteConfig
from dicom_udf.lake.layout import VIEWS
from dicom_udf.lake.promotion import promote
from dicom_udf.pipeline import ingest
from tests.queries.answers import Run, answers
from tests.queries.corpus import DENIED, File, files, replaced
from tests.queries.generated import is_same, queries
from tests.queries.test_files import PERIOD
from tests.servers.proxy import proxy
from tests.servers.rules import ACCESS_DENIED, Rule
from tests.servers.s3 import NO_VERSITYGW, find_versitygw, moto_server, place, versitygw
from tests.servers.trino import NO_TRINO, Trino, find_trino, trino
from tests.test_sql_pages import IN_ATHENA

pytestmark = [
    pytest.mark.trino,
    pytest.mark.spark,
    pytest.mark.skipif(find_trino() is None, reason=NO_TRINO),
    pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW),
]

QUERIES = sorted((Path(__file__).parents[2] / "queries").glob("*.sql"))
TABLES = (instances_table(), failures_table(), objects_table())
B_VALUE = "0019,xx0C|SIEMENS MR HEADER:bigint:b_value"


@dataclass(frozen=True)
class Lake:
    """What the first run left, and who reads it.

    Attributes:
        buckets: The folder that is served as S3.
        settings: How the job is called.
        run: What that run alone knows.
    """

    engine: Trino
    buckets: Path
    settings: dict[str, Any]
    run: Run

    @property
    def location(self) -> LakeLocation:
        return IngestConfig(source="s3://pacs", **self.settings).location


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory) -> Iterator[Lake]:
    """The corpus, ingested by the real job into S3 and the Glue catalog while Trino starts."""
    folder = tmp_path_factory.mktemp("athena")
    buckets = folder / "buckets"
    for file in files():
        upload(buckets, file)
    (buckets / "lake").mkdir()
    (folder / "trino").mkdir()
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(1) as other:
        moto = stack.enter_context(moto_server())
        s3 = stack.enter_context(versitygw(buckets))
        started = other.submit(stack.enter_context, trino(folder / "trino", glue=moto.endpoint, s3=s3))
        way = stack.enter_context(proxy(s3.endpoint))
        way.rules.append(Rule(ACCESS_DENIED, key=f"pacs/{DENIED}", times=None))
        settings = {
            "lake": "s3://lake/dicom", "catalog": "glue", "s3_endpoint": way.endpoint, "s3_region": s3.region,
            "aws_endpoint": moto.endpoint,
        }  # fmt: skip
        report = ingest(IngestConfig(source="s3://pacs", **settings))
        engine = started.result()
        [(began,)] = engine.ask("SELECT DISTINCT ingest_time FROM objects")
        yield Lake(engine, buckets, settings, Run(report.run_id, began))


def upload(buckets: Path, file: File) -> None:
    path = buckets / "pacs" / file.key
    place(path, file.content)
    os.utime(path, (file.modified.timestamp(),) * 2)


@pytest.fixture(scope="module")
def later(lake) -> Lake:
    """The lake after a promotion, and a run that found an object replaced and another one gone."""
    promote(PromoteConfig(attributes=(B_VALUE,), **lake.settings))
    upload(lake.buckets, replaced())
    (lake.buckets / "pacs" / "hospital_b" / "pt" / "2.dcm").unlink()
    report = ingest(IngestConfig(source="s3://pacs", **lake.settings))
    assert (report.objects_changed, report.objects_deleted) == (1, 1)
    return lake


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_saved_query_has_the_answer_that_the_corpus_implies(lake, query):
    assert lake.engine.ask(query.read_text(encoding="utf-8")) == answers(lake.run)[query.stem]


@pytest.fixture(scope="module")
def local(lake):
    """The same lake in DuckDB, as a query in Athena's SQL opens it."""
    tables = open_tables(lake.location)
    tables.execute(MACROS)
    add_views(tables)
    return lambda sql: answer(tables, to_duckdb(sql), written=sql)


@pytest.mark.parametrize("query", QUERIES, ids=lambda path: path.stem)
def test_a_saved_query_has_the_same_answer_locally(lake, local, query):
    assert list(local(query.read_text(encoding="utf-8")).rows) == answers(lake.run)[query.stem]


def test_generated_queries_have_the_same_answers_locally(lake, local):
    """Of each translated function and form; ``python -m tests.queries.generated`` prints them."""
    made = queries(200)
    with ThreadPoolExecutor(4) as threads:
        expected = list(threads.map(lake.engine.answer, made))
    different = []
    for sql, (names, rows) in zip(made, expected, strict=True):
        found = local(sql)
        if names != list(found.columns) or not is_same(rows, list(found.rows)):
            different.append(sql)
    assert different == []
    assert sum(bool(rows) for _, rows in expected) > 150, "most have rows"


@pytest.mark.parametrize("sql", IN_ATHENA)
def test_a_text_of_the_pages_for_researchers_has_an_answer(lake, sql):
    lake.engine.ask(sql)


def by_duckdb(lake: Lake, name: str) -> list[dict[str, Any]]:
    """A view's rows as the engine of local queries gives them, from the same files."""
    found = run_query(f"SELECT * FROM {name}", lake.location)
    return in_order(dict(zip(found.columns, row, strict=True)) for row in found.rows)


def in_order(rows) -> list[dict[str, Any]]:
    return sorted(rows, key=str)


def by_trino(lake: Lake, name: str) -> list[dict[str, Any]]:
    names, rows = lake.engine.answer(f"SELECT * FROM {name}")
    return in_order(dict(zip(names, row, strict=True)) for row in rows)


def comments(lake: Lake, name: str) -> dict[str, str]:
    return {column: comment for column, _, _, comment in lake.engine.ask(f"DESCRIBE {name}")}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_table_is_described_by_its_comments(lake, table):
    assert comments(lake, table.name) == {field.name: field.comment for field in table.fields}


@pytest.mark.parametrize("view", make_views(TRINO), ids=lambda view: view.name)
def test_a_view_is_described_by_its_comments(lake, view):
    assert comments(lake, view.name) == {field.name: field.comment for field in view.fields}


def test_what_a_row_is_stands_in_the_catalog(lake):
    asked = "SELECT table_name, comment FROM system.metadata.table_comments WHERE schema_name = 'dicom'"
    assert dict(lake.engine.ask(asked)) == {one.name: one.comment for one in (*TABLES, *make_views(TRINO))}


# --- After the second run


@pytest.mark.parametrize("name", ["instances", "unique_instances"])
def test_a_promoted_column_is_there_with_its_values_and_comment(later, name):
    asked = f"SELECT instance_number, b_value FROM {name} WHERE modality = 'MR' ORDER BY sop_instance_uid"
    assert later.engine.ask(asked) == [(1, None), (1, 0), (2, 500), (3, 1000), (1, None)]
    assert comments(later, name)["b_value"].startswith("(0019,xx0C)")


def test_a_replaced_objects_rows_are_the_new_ones(later):
    asked = "SELECT source_uri, kvp FROM instances WHERE series_instance_uid = '1.2.3.2.1.1' ORDER BY 1"
    uri = "s3://pacs/hospital_a/ct/P2/{}.dcm".format
    assert later.engine.ask(asked) == [(uri(1), 110.0), (uri(2), 100.0), (uri(3), 100.0), (uri(4), 100.0)]


def test_a_deleted_objects_rows_are_gone(later):
    asked = "SELECT source_uri FROM instances WHERE series_instance_uid = '1.2.3.4.1.1'"
    assert later.engine.ask(asked) == [("s3://pacs/hospital_b/pt/1.dcm",)]
    assert later.engine.ask("SELECT count(*) FROM objects WHERE source_uri LIKE '%/pt/2.dcm'") == [(0,)]


def test_these_rows_were_hidden_by_delete_files_that_the_engine_read(later):
    [(deletes,)] = later.engine.ask('SELECT count(*) FROM "instances$files" WHERE content = 1')
    assert deletes > 0


LEAST = {
    "series_geometry": 3, "slides": 2, "segments": 4, "rois": 8, "annotation_groups": 3, "rt_beams": 2, "links": 20,
    "measurements": 3, "evaluations": 0, "dose_events": 6, "dose_reports": 2, "dose_studies": 1,
}  # fmt: skip
"""Less than the rows of views that have ten or less."""


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_rows_that_duckdb_has(later, name):
    found = by_trino(later, name)
    assert found == by_duckdb(later, name)
    assert len(found) > LEAST.get(name, 10)
    assert ("b_value" in found[0]) == (name == "unique_instances")


def test_a_day_is_read_from_its_partition_alone(later):
    day = "study_date = DATE '2024-06-10'"
    [(plan,)] = later.engine.ask(f"EXPLAIN (TYPE IO, FORMAT JSON) SELECT header FROM instances WHERE {day}")
    assert plan.count(f'"{date(2024, 6, 10)}"') == 2, "the least and the greatest date that are read"


@pytest.mark.parametrize(("view", "scans", "of_the_day"), [("unique_instances", 2, 2), ("series_geometry", 3, 2)])
def test_a_day_of_a_view_is_read_from_its_partition(later, view, scans, of_the_day):
    """Of ``series_geometry`` the third scan is that of UIDs alone, which decide whether a series has one date."""
    day = "study_date = DATE '2024-03-15'"
    [(plan,)] = later.engine.ask(f"EXPLAIN (TYPE DISTRIBUTED) SELECT study_date FROM {view} WHERE {day}")
    assert plan.count("table = awsdatacatalog:dicom.instances") == scans
    assert plan.count(":: [[2024-03-15]]") == of_the_day


def test_a_saved_query_whose_dates_are_replaced_reads_these_partitions_alone(lake):
    (query,) = (path for path in QUERIES if path.stem == "slice_spacing")
    april = PERIOD.replace("1900-01-01", "2024-04-01").replace("2100-12-31", "2024-04-30")
    sql = query.read_text(encoding="utf-8").replace(PERIOD, april)
    [(plan,)] = lake.engine.ask(f"EXPLAIN (TYPE IO, FORMAT JSON) {sql}")
    assert (plan.count('"2024-04-01"'), plan.count('"2024-04-30"')) == (1, 1)
    assert [row[0] for row in lake.engine.ask(sql)] == ["1.2.3.2.1.1"]
