"""SQL on a local lake: what Spark wrote, read by DuckDB, without a network and without writing."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from datetime import date, datetime
from decimal import Decimal

import duckdb
import pytest

from dicom_udf.answers.engines import answer_query
from dicom_udf.answers.local import answer, run_query
from dicom_udf.columns import instances_table, spark_ddl
from dicom_udf.config import LakeLocation, QueryConfig, current_version
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.lake.layout import VIEWS
from dicom_udf.lake.session import lake_session
from tests.local_lake import add_instances, files, make_instances, make_lake

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def written(spark, tmp_path_factory):
    """A lake in a folder with an inconvenient name, and the session that writes to it."""
    lake = tmp_path_factory.mktemp("lakes") / "a lake's é 100%"
    session = lake_session(LakeLocation(str(lake)))
    make_lake(session)
    return lake, session


@pytest.fixture
def copy(written, tmp_path):
    """A copy of it at another place, for tests that change it."""
    shutil.copytree(written[0], tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def ask(written):
    return lambda sql: list(run_query(sql, LakeLocation(str(written[0]))).rows)


def test_every_type_of_the_tables_is_read(written):
    answer = run_query("SELECT * FROM instances WHERE modality = 'MR'", LakeLocation(str(written[0])))
    [row] = answer.rows
    assert dict(zip(answer.columns, row, strict=True)) == {
        "study_date": date(2020, 1, 1),
        "study_date_is_default": False,
        "source_uri": "file:///s/2",
        "source_member": None,
        "modality": "MR",
        "patient_name": "山田^太郎",
        "ingest_time": datetime(2026, 1, 2, 3, 4, 5, 678000),
        "event_time_offset": Decimal(18446744073709551615),
        "invalid_values": {"00080020": "no date"},
        "image_position_patient": [0.5, None],
        "header": '{"00291001":{"vr":"DS","Value":[7.5]}}',
        "anatomic_region": [{"code_value": "T-A0100", "coding_scheme_designator": "SRT", "code_meaning": "Brain"}],
    }


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT modality, count(*) FROM instances GROUP BY 1 ORDER BY 1", [("CT", 2), ("MR", 1), (None, 1)]),
        ("SELECT count(*) FROM dicom.failures", [(3,)]),
        ("FROM objects SELECT max(source_size)", [(5,)]),
        (
            "WITH f AS (SELECT code FROM failures) SELECT DISTINCT code FROM f ORDER BY 1",
            [("NOT_DICOM",), ("TRUNCATED",)],
        ),
        ("SELECT header->>'$.00291001.Value[0]' FROM instances WHERE modality = 'MR'", [("7.5",)]),
        ("SELECT json_extract(header, '$.00291001.Value')::DOUBLE[] FROM instances WHERE modality = 'MR'", [([7.5],)]),
        ("SELECT anatomic_region[1].code_meaning FROM instances WHERE modality = 'MR'", [("Brain",)]),
        (
            "SELECT path, count(*) FROM (SELECT unnest(map_keys(invalid_values)) AS path FROM instances) GROUP BY 1",
            [("00080020", 4)],
        ),
        ("PIVOT (SELECT modality FROM instances) ON modality USING count(*)", [(2, 1)]),
        ("SELECT count(*) FROM (DESCRIBE instances)", [(12,)]),
        ("SELECT count(*) FROM instances WHERE study_date >= DATE '2021-01-01'", [(1,)]),
        ("WITH series AS (SELECT 1 AS n) SELECT n FROM series", [(1,)]),
        ("-- nothing but a comment before it\nSELECT 1;", [(1,)]),
    ],
)
def test_sql_is_answered(ask, sql, rows):
    assert ask(sql) == rows


@pytest.mark.parametrize(("first_line", "dialect"), [("", "athena"), ("-- dialect: athena\n", None)])
def test_sql_of_athena_has_its_answer(written, first_line, dialect):
    sql = "SELECT element_at(invalid_values, '00080020') AS fault, count_if(kind IS NULL) / 2 AS half FROM instances, "
    sql += "(SELECT CAST(null AS varchar) AS kind) WHERE study_date > DATE '1900-01-01' GROUP BY 1"
    answer = answer_query(QueryConfig(sql=first_line + sql, lake=str(written[0]), dialect=dialect))
    assert (answer.columns, list(answer.rows)) == (("fault", "half"), [("no date", 1)])


def test_a_table_of_the_reader_can_be_joined(ask, tmp_path):
    cohort = tmp_path / "cohort.csv"
    cohort.write_text("modality\nMR\n", encoding="utf-8")
    assert ask(f"SELECT source_uri FROM instances JOIN read_csv('{cohort}') USING (modality)") == [("file:///s/2",)]


def test_more_rows_than_one_fetch_come_in_order(ask):
    assert ask("SELECT range FROM range(2500)") == [(n,) for n in range(2500)]


def test_the_views_go_by_their_bare_names_and_are_made_where_they_are_named(spark, tmp_path):
    session = lake_session(LakeLocation(str(tmp_path)))
    session.sql(f"CREATE TABLE lake.dicom.instances ({spark_ddl(instances_table())}) USING iceberg")
    text = {
        "study_date": "2020-01-01", "study_date_is_default": "false", "source_uri": "file:///s/1", "source_size": "1",
        "ingest_run_id": "r", "ingest_time": "2026-01-02", "source_etag": "e", "sop_instance_uid": "1.1",
        "series_instance_uid": "2.1", "study_instance_uid": "3.1", "kvp": "120",
    }  # fmt: skip
    literals = [(f"'{text[one.name]}'" if one.name in text else "NULL", one.type) for one in instances_table().fields]
    session.sql(f"INSERT INTO lake.dicom.instances SELECT {', '.join(f'CAST({t} AS {kind})' for t, kind in literals)}")
    session.sql("INSERT INTO lake.dicom.instances SELECT * FROM lake.dicom.instances")
    ask = lambda sql: list(run_query(sql, LakeLocation(str(tmp_path))).rows)  # noqa: E731
    assert ask("SELECT instances, unique_instances, kvp_min FROM series") == [(2, 1, 120.0)]
    assert ask("SELECT series, study_date FROM dicom.Studies") == [(1, date(2020, 1, 1))]
    assert ask("SELECT count(*) FROM unique_instances") == [(2,)], "of two equals none is newer"
    assert ask('SELECT count(*) FROM "SERIES" JOIN studies USING (study_instance_uid)') == [(1,)]
    assert ask("DESCRIBE series")[:2] == [
        ("study_instance_uid", "VARCHAR", "YES", None, None, None),
        ("series_instance_uid", "VARCHAR", "YES", None, None, None),
    ]
    with pytest.raises(ConfigurationError, match=r"the views .*\bseries, studies\b"):
        ask("SELECT * FROM series JOIN studys USING (study_instance_uid)")
    assert [name for (name,) in ask("SHOW TABLES")] == sorted(["instances", *VIEWS])


# --- Which version of a table is read


def test_a_merge_an_added_column_and_later_rows_are_seen(spark, tmp_path):
    session = lake_session(LakeLocation(str(tmp_path)))
    make_instances(session)
    ask = lambda sql: list(run_query(sql, LakeLocation(str(tmp_path))).rows)  # noqa: E731
    session.sql("""MERGE INTO lake.dicom.instances t USING (SELECT 'file:///s/1' AS delete_uri) s
        ON t.source_uri = s.delete_uri AND t.study_date IN (DATE'2020-01-01') WHEN MATCHED THEN DELETE""")
    assert ask("SELECT source_uri FROM instances ORDER BY 1") == [("file:///s/2",), ("file:///s/3",), ("file:///s/4",)]
    session.sql("ALTER TABLE lake.dicom.instances SET TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')")
    session.sql("DELETE FROM lake.dicom.instances WHERE modality = 'MR'")
    assert ask("SELECT count(*) FROM instances") == [(2,)]
    session.sql("ALTER TABLE lake.dicom.instances ADD COLUMNS (b_value double)")
    assert ask("SELECT count(*), count(b_value) FROM instances") == [(2, 0)]
    session.sql("UPDATE lake.dicom.instances SET b_value = 800 WHERE modality = 'CT'")
    assert ask("SELECT source_uri, b_value FROM instances ORDER BY 1") == [
        ("file:///s/3", 800.0),
        ("file:///s/4", None),
    ]

    session.conf.set("spark.wap.id", "batch_1")
    session.sql("INSERT INTO lake.dicom.instances SELECT * FROM lake.dicom.instances")
    assert ask("SELECT count(*) FROM instances") == [(2,)], "what is staged and not published isn't there"


def test_a_query_keeps_the_snapshot_it_began_with(written, copy):
    answer = run_query("SELECT source_uri FROM instances ORDER BY 1", LakeLocation(str(copy)))
    newest = current_version(copy / "dicom" / "instances")
    (copy / "dicom" / "instances" / "metadata" / f"v{newest}.metadata.json").unlink()
    assert len(list(answer.rows)) == 4
    assert current_version(copy / "dicom" / "instances") == newest - 1


def test_tables_without_rows_answer_too(spark, tmp_path):
    session = lake_session(LakeLocation(str(tmp_path)))
    session.sql("CREATE TABLE lake.dicom.instances (study_date date NOT NULL) USING iceberg")
    assert list(run_query("SELECT count(*), max(study_date) FROM instances", LakeLocation(str(tmp_path))).rows) == [
        (0, None)
    ]
    with pytest.raises(ConfigurationError, match="The tables are instances, failures, objects"):
        run_query("SELECT * FROM failures", LakeLocation(str(tmp_path)))


@pytest.mark.parametrize("hint", [None, b"1", b"not a number"])
def test_the_version_hint_may_be_missing_old_or_broken(copy, hint):
    path = copy / "dicom" / "instances" / "metadata" / "version-hint.text"
    path.unlink()
    if hint is not None:
        path.write_bytes(hint)
    assert list(run_query("SELECT count(*) FROM instances", LakeLocation(str(copy))).rows) == [(4,)]


def test_a_moved_lake_reads_its_own_files(copy):
    assert list(run_query("SELECT count(patient_name) FROM instances", LakeLocation(str(copy))).rows) == [(3,)]
    for file in (copy / "dicom" / "instances" / "data").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(RunFailedError, match=r"the query failed: IO Error: .*copy/dicom/instances/data"):
        list(run_query("SELECT count(patient_name) FROM instances", LakeLocation(str(copy))).rows)


# --- Nothing is written, nothing is fetched


def test_a_query_writes_nothing(written):
    before = files(written[0])
    assert list(run_query("SELECT count(*) FROM instances", LakeLocation(str(written[0]))).rows) == [(4,)]
    assert files(written[0]) == before


def test_a_query_fetches_nothing(ask):
    """Neither data nor the extension that would fetch it."""
    with pytest.raises(RunFailedError, match="httpfs"):
        ask("SELECT * FROM read_csv('http://127.0.0.1:9/cohort.csv')")
    assert ask("SELECT value FROM duckdb_settings() WHERE name LIKE 'auto%_known_extensions'") == [("false",)] * 2


@pytest.mark.parametrize(
    "sql",
    [
        "COPY instances TO '{lake}/x.csv'",
        "EXPLAIN ANALYZE COPY (SELECT 1) TO '{lake}/x.csv'",
        "SELECT 1; COPY (SELECT 1) TO '{lake}/x.csv'",
        "COPY (SELECT 1) TO '{lake}/x.csv'; SELECT 1",
        "ATTACH '{lake}/x.db' AS x; SELECT 1",
        "EXPORT DATABASE '{lake}/x'",
        "INSERT INTO failures SELECT * FROM failures",
        "DELETE FROM instances",
        "DROP VIEW instances",
        "INSTALL spatial",
        "LOAD spatial",
        "SET threads = 1",
        "SELECT 1; SELECT 2",
        "CALL iceberg_to_ducklake('a', 'b')",
        "-- only a comment",
    ],
)
def test_only_statements_that_read_are_taken(written, sql):
    lake = written[0]
    before = files(lake)
    with pytest.raises(ConfigurationError, match="must be one statement that reads"):
        run_query(sql.format(lake=str(lake).replace("'", "''")), LakeLocation(str(lake)))
    assert files(lake) == before


# --- Errors


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", 'Parser Error: syntax error at or near "SELEC"\nLINE 1: SELEC 1\n        ^'),
        ("SELECT modalty FROM instances", 'Referenced column "modalty" not found'),
        ("SELECT * FROM images", "Table with name images does not exist!"),
        ("SELECT nofun(1)", "Scalar Function with name nofun does not exist!"),
    ],
)
def test_what_is_wrong_with_the_sql_is_reported(ask, sql, message):
    with pytest.raises(ConfigurationError) as refusal:
        ask(sql)
    assert message in str(refusal.value)
    assert "\n\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT patient_name::INTEGER FROM instances",
        "SELECT strptime(patient_name, '%Y') FROM instances",
        "SELECT error(patient_name) FROM instances WHERE modality = 'CT'",
        "SELECT json_extract('{' || patient_name, '$.a') FROM instances WHERE modality = 'CT'",
        "SELECT regexp_matches('x', '(' || patient_name) FROM instances WHERE modality = 'CT'",
        "SELECT count(*) FROM instances WHERE CAST(patient_name AS DATE) > DATE '2000-01-01'",
    ],
)
def test_an_error_quotes_no_value_of_the_data(ask, sql):
    with pytest.raises(RunFailedError, match="the query failed: ") as failure:
        ask(sql)
    assert "Doe" not in str(failure.value)
    assert failure.value.__cause__ is None


def test_ctrl_c_ends_a_query_that_is_at_work():
    with duckdb.connect() as connection:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            answer(connection, "SELECT sum(sqrt(range)) FROM range(1000000000000)")
        assert list(answer(connection, "SELECT 1").rows) == [(1,)]


def test_an_error_of_a_cast_names_the_column_and_the_remedy(ask):
    with pytest.raises(RunFailedError, match="Conversion Error in column patient_name; TRY_CAST"):
        ask("SELECT patient_name::INTEGER FROM instances")
    assert ask("SELECT count(TRY_CAST(patient_name AS INTEGER)) FROM instances") == [(0,)]


@pytest.mark.parametrize(("place", "database"), [("missing", "dicom"), (".", "other")])
def test_what_is_no_lake_is_refused(written, place, database):
    with pytest.raises(ConfigurationError):
        run_query("SELECT 1", LakeLocation(str(written[0] / place), database))


def test_rows_are_added_while_a_reader_reads(written):
    """The next query sees them; the one under way does not."""
    lake, session = written
    answer = run_query("SELECT count(*) FROM instances", LakeLocation(str(lake)))
    try:
        add_instances(session, [("2024-01-01", 9, "US", None)])
        assert list(answer.rows) == [(4,)]
        assert list(run_query("SELECT count(*) FROM instances", LakeLocation(str(lake))).rows) == [(5,)]
    finally:
        session.sql("DELETE FROM lake.dicom.instances WHERE modality = 'US'")
