"""The views that a statement may read are made, and no others."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from dicom_udf.answers.local import add_views, views_in
from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.lake.layout import VIEWS


@pytest.fixture(scope="module")
def instances():
    """A table of instances with all declared columns, and no row."""
    return pa.Table.from_batches([], arrow_schema(instances_table()))


@pytest.fixture
def tables(instances):
    """A database with this table, as ``open_tables`` returns one of a lake."""
    with duckdb.connect() as connection:
        connection.register("instances", instances)
        yield connection


def views_of(connection: duckdb.DuckDBPyConnection) -> set[str]:
    sql = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND view_name <> 'instances'"
    return {name for (name,) in connection.execute(sql).fetchall()}


@pytest.mark.parametrize("view", VIEWS)
def test_each_view_is_made_and_read_without_the_others(tables, view):
    add_views(tables, [view])
    assert views_of(tables) == {view}
    tables.execute(f"SELECT * FROM {view}").fetchall()


def test_all_views_are_made_where_none_is_named(tables):
    add_views(tables)
    assert views_of(tables) == set(VIEWS)


def test_no_view_is_made_for_no_name(tables):
    add_views(tables, ())
    assert views_of(tables) == set()


@pytest.mark.parametrize(
    ("sql", "views"),
    [
        ("SELECT count(*) FROM instances", set()),
        ("SELECT series_instance_uid FROM instances", set()),
        ('SELECT * FROM dicom.Series JOIN "studies" USING (study_instance_uid)', {"series", "studies"}),
        ("DESCRIBE frames", {"frames"}),
        ("SELECT * FROM series_geometry", {"series_geometry"}),
        ("SHOW TABLES", set(VIEWS)),
        ("SELECT * FROM information_schema.columns", set(VIEWS)),
        ("FROM duckdb_views()", set(VIEWS)),
    ],
)
def test_the_views_of_a_statement_are_those_that_it_may_read(sql, views):
    assert views_in(sql) == views
