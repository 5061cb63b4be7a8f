"""The invariants: each is reported when it is broken, and only then; DuckDB and Spark agree; nothing is written."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

from dicom_udf.answers.inspection import verify_lake
from dicom_udf.answers.local import open_tables
from dicom_udf.cli import main
from dicom_udf.columns.invariants import EXAMPLES, INVARIANTS, check_invariants
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.lake.layout import table_names
from dicom_udf.lake.session import lake_session
from dicom_udf.pipeline import ingest
from tests.local_lake import files

SAMPLE = Path(__file__).parents[2] / "sample_dcm"
NAMES = {table: table for table in table_names()}

TABLES = """
CREATE TABLE instances AS SELECT * FROM (VALUES
    (DATE '2020-01-01', false, 'file:///s/1', NULL, 10, 'e1', '{"00080020":{"vr":"DA","Value":["20200101"]}}'),
    (DATE '2020-01-01', false, 'file:///s/2.zip', 'a', 20, 'e2', '{}'),
    (DATE '2021-01-01', false, 'file:///s/2.zip', 'b', 20, 'e2', '{}'),
    (DATE '1900-01-01', true, 'file:///s/3', NULL, 30, 'e3', '{"00080060":{"vr":"CS","Value":["CT"]}}'),
    (DATE '1900-01-01', false, 'file:///s/4', NULL, 40, 'e4', '{"00080020":{"vr":"DA","Value":["19000101"]}}')
) rows(study_date, study_date_is_default, source_uri, source_member, source_size, source_etag, header);
CREATE TABLE failures AS SELECT * FROM (VALUES
    ('file:///s/2.zip', 'c', 'NOT_DICOM', 20, 'e2'),
    ('file:///s/2.zip', NULL, 'CORRUPT_ARCHIVE', 20, 'e2'),
    ('file:///s/5', NULL, 'READ_ERROR', 50, 'e5')
) rows(source_uri, source_member, code, source_size, source_etag);
CREATE TABLE objects AS SELECT * FROM (VALUES
    ('file:///s/1', 10, 'e1', 'ingested', 1, 0, [DATE '2020-01-01']),
    ('file:///s/2.zip', 20, 'e2', 'ingested', 2, 2, [DATE '2020-01-01', DATE '2021-01-01']),
    ('file:///s/3', 30, 'e3', 'ingested', 1, 0, [DATE '1900-01-01']),
    ('file:///s/4', 40, 'e4', 'ingested', 1, 0, [DATE '1900-01-01']),
    ('file:///s/5', 50, 'e5', 'failed', 0, 1, []::DATE[])
) rows(source_uri, source_size, source_etag, status, instances, failures, study_dates);
"""
"""A lake that is right, a real study of 1 January 1900 and an object that is to be tried again included."""

ONE, ZIP = "source_uri = 'file:///s/1'", "source_uri = 'file:///s/2.zip'"
BREACHES = {
    "a count of instances too high": ("rows_as_counted", f"UPDATE objects SET instances = 2 WHERE {ONE}"),
    "a count of failures too low": ("rows_as_counted", f"UPDATE objects SET failures = 1 WHERE {ZIP}"),
    "a lost instance": ("rows_as_counted", f"DELETE FROM instances WHERE {ONE}"),
    "a lost failure": ("rows_as_counted", "DELETE FROM failures WHERE code = 'NOT_DICOM'"),
    "an instance of an unknown object": (
        "object_in_ledger",
        f"INSERT INTO instances SELECT * REPLACE ('file:///s/9' AS source_uri) FROM instances WHERE {ONE}",
    ),
    "a failure of an unknown object": ("object_in_ledger", "DELETE FROM objects WHERE source_uri = 'file:///s/5'"),
    "an instance of an older content": ("same_content", f"UPDATE instances SET source_etag = 'old' WHERE {ONE}"),
    "an instance of another size": ("same_content", f"UPDATE instances SET source_size = 11 WHERE {ONE}"),
    "a failure without an etag": ("same_content", "UPDATE failures SET source_etag = NULL WHERE code = 'NOT_DICOM'"),
    "a loose file twice": (
        "unique_instances",
        f"INSERT INTO instances SELECT * FROM instances WHERE {ONE}; UPDATE objects SET instances = 2 WHERE {ONE}",
    ),
    "a member twice": (
        "unique_instances",
        f"INSERT INTO instances SELECT * REPLACE (DATE '2020-01-01' AS study_date) FROM instances WHERE "
        f"source_member = 'b'; UPDATE objects SET instances = 3 WHERE {ZIP}",
    ),
    "a failure twice": (
        "unique_failures",
        f"INSERT INTO failures SELECT * FROM failures WHERE code = 'CORRUPT_ARCHIVE'; "
        f"UPDATE objects SET failures = 3 WHERE {ZIP}",
    ),
    "an object twice": ("unique_objects", f"INSERT INTO objects SELECT * FROM objects WHERE {ONE}"),
    "no study date": ("study_date_set", f"UPDATE instances SET study_date = NULL WHERE {ONE}"),
    "no flag": ("default_date_flagged", f"UPDATE instances SET study_date_is_default = NULL WHERE {ONE}"),
    "a real date flagged": ("default_date_flagged", f"UPDATE instances SET study_date_is_default = true WHERE {ONE}"),
    "a default date not flagged": (
        "default_date_flagged",
        "UPDATE instances SET study_date_is_default = false WHERE source_uri = 'file:///s/3'",
    ),
    "a date not in the ledger": (
        "study_dates_in_ledger",
        f"UPDATE objects SET study_dates = [DATE '2020-01-01'] WHERE {ZIP}",
    ),
    "no dates in the ledger": ("study_dates_in_ledger", f"UPDATE objects SET study_dates = NULL WHERE {ONE}"),
}


@pytest.fixture
def tables():
    with duckdb.connect() as connection:
        connection.execute(TABLES)
        yield connection


def broken(tables) -> dict[str, tuple[int, tuple[str, ...]]]:
    found = check_invariants(lambda sql: tables.execute(sql).fetchall(), NAMES)
    return {one.invariant.name: (one.wrong, one.source_uris) for one in found if one.wrong}


def test_a_lake_that_is_right_breaks_none(tables):
    found = check_invariants(lambda sql: tables.execute(sql).fetchall(), NAMES)
    assert [one.invariant for one in found] == list(INVARIANTS)
    assert [(one.checked, one.wrong, one.source_uris) for one in found if one.invariant.unit == "objects"] == [
        (5, 0, ())
    ] * 2
    assert {one.checked for one in found} == {5, 8, 3}


@pytest.mark.parametrize("breach", BREACHES)
def test_what_is_broken_is_reported_and_nothing_else(tables, breach):
    invariant, sql = BREACHES[breach]
    tables.execute(sql)
    [(name, (wrong, uris))] = broken(tables).items()
    assert name == invariant
    assert wrong == len(uris) == 1
    assert uris[0].startswith("file:///s/")


def test_every_invariant_has_a_breach():
    assert {invariant for invariant, _ in BREACHES.values()} == {one.name for one in INVARIANTS}


def test_a_derived_table_has_rows_of_objects_in_the_ledger_only(tables):
    tables.execute("CREATE TABLE items AS SELECT source_uri FROM instances")
    names = {**NAMES, "items": "items"}
    [*_, found] = check_invariants(lambda sql: tables.execute(sql).fetchall(), names)
    assert (found.invariant.name, found.checked, found.wrong) == ("object_in_ledger_items", 5, 0)
    tables.execute("INSERT INTO items VALUES ('file:///s/9')")
    [*_, found] = check_invariants(lambda sql: tables.execute(sql).fetchall(), names)
    assert (found.wrong, found.source_uris) == (1, ("file:///s/9",))


def test_the_count_is_whole_where_the_list_is_cut(tables):
    tables.execute("INSERT INTO objects SELECT 's3://b/' || range, 1, 'e', 'ingested', 1, 0, NULL FROM range(25)")
    wrong, uris = broken(tables)["rows_as_counted"]
    assert wrong == 25
    assert list(uris) == sorted(f"s3://b/{n}" for n in range(25))[:EXAMPLES]


@pytest.mark.spark
@pytest.mark.parametrize("breach", [None, "a count of failures too low", "a default date not flagged", "no flag"])
def test_spark_finds_what_duckdb_finds(spark, tables, tmp_path, breach):
    if breach:
        tables.execute(BREACHES[breach][1])
    session = spark.newSession()
    session.conf.set("spark.sql.shuffle.partitions", "2")
    for table in ("instances", "failures", "objects"):
        tables.execute(f"COPY {table} TO '{tmp_path}/{table}.parquet'")
        session.read.parquet(str(tmp_path / f"{table}.parquet")).createOrReplaceTempView(f"the_{table}")
    names = {table: f"the_{table}" for table in ("instances", "failures", "objects")}
    found = check_invariants(lambda sql: session.sql(sql).collect(), names)
    assert found == check_invariants(lambda sql: tables.execute(sql).fetchall(), NAMES)


# --- The command, on a lake


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory):
    """The sample files as a lake."""
    folder = str(tmp_path_factory.mktemp("verify") / "lake")
    ingest(IngestConfig(source=str(SAMPLE), lake=folder))
    return folder


@pytest.mark.spark
def test_a_lake_that_is_right_exits_0_with_a_line_each_and_writes_nothing(lake, capsys):
    before = files(Path(lake))
    assert main(["verify", "--lake", lake]) == 0
    out = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in out] == ["ok"] * len(INVARIANTS)
    assert [line.endswith(one.meaning) for line, one in zip(out, INVARIANTS, strict=True)] == [True] * len(out)
    assert files(Path(lake)) == before


@pytest.mark.spark
def test_a_commit_between_opening_and_checking_is_no_breach(lake, monkeypatch):
    """As an ingest beside it would have it: instances are there, their ledger rows follow."""
    session, opened = lake_session(LakeLocation(lake)), []
    session.sql("UPDATE lake.dicom.objects SET instances = instances + 1 WHERE source_uri LIKE '%.zip'")

    def open_and_commit(*names):
        opened.append(open_tables(*names))
        if len(opened) == 1:
            session.sql("UPDATE lake.dicom.objects SET instances = instances - 1 WHERE source_uri LIKE '%.zip'")
        return opened[-1]

    monkeypatch.setattr("dicom_udf.answers.inspection.open_tables", open_and_commit)
    assert verify_lake(LakeLocation(lake)).broken == ()
    assert len(opened) == 2


@pytest.mark.spark
def test_a_lake_that_is_wrong_exits_1_and_names_the_objects(lake, capsys):
    session = lake_session(LakeLocation(lake))
    session.sql("UPDATE lake.dicom.objects SET instances = instances + 1 WHERE source_uri LIKE '%.zip'")
    assert main(["verify", "--lake", lake]) == 1
    said = capsys.readouterr()
    [wrong, *uris] = [line for line in said.out.splitlines() if not line.startswith("ok ")]
    assert wrong.startswith(f"WRONG  {len(uris)} of ")
    assert all(line.strip().startswith("file:///") and line.endswith(".zip") for line in uris)
    assert said.err == f"dicom-lake: error: 1 of {len(INVARIANTS)} invariants don't hold\n"

    assert main(["verify", "--lake", lake, "--format", "json"]) == 1
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["invariant"] for row in rows if not row["holds"]] == ["rows_as_counted"]
    assert rows[0]["source_uris"] == [uri.strip() for uri in uris]

    session.sql("CREATE TABLE lake.dicom_staging.stage_r_1 (a int) USING iceberg")
    assert main(["verify", "--lake", lake]) == 1
    assert "a run writes or left stage_r_1: when that is finished, verify again" in capsys.readouterr().err


@pytest.mark.spark
def test_a_lake_without_a_table_says_which(spark, tmp_path, capsys):
    lake_session(LakeLocation(str(tmp_path))).sql(
        "CREATE TABLE lake.dicom.instances (study_date date NOT NULL) USING iceberg"
    )
    for command in ("verify", "status", "failures", "columns"):
        assert main([command, "--lake", str(tmp_path)]) == 1
        said = "dicom-lake: error: the lake has no table failures and objects; the next ingest makes it\n"
        assert capsys.readouterr().err == said


def test_what_is_no_lake_exits_2(tmp_path, capsys):
    assert main(["verify", "--lake", str(tmp_path)]) == 2
    assert "is not a lake" in capsys.readouterr().err
