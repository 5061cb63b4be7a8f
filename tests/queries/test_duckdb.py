"""Saved queries in DuckDB, translated: they have the answers of Athena; without Spark and a server."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from dicom_udf import scan
from dicom_udf.answers.athena_sql import MACROS, to_duckdb
from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.views import DUCKDB, make_views
from tests.queries.answers import Run, answers
from tests.queries.corpus import DENIED, files
from tests.queries.dose_answers import OPENREM_CT, OPENREM_MAMMOGRAPHY
from tests.queries.test_files import QUERIES
from tests.servers.s3 import place

ANSWERS = answers(Run("run", datetime(2026, 11, 1)))
LOCAL = [
    query for query in QUERIES if not re.search(r"\b(?:FROM|JOIN) (?:failures|objects)\b", query.read_text("utf-8"))
]
"""Queries that read ``instances`` and its views alone; ``test_trino.py`` runs the others in both engines."""


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """The corpus as it would lie in S3, and the views over it."""
    folder = tmp_path_factory.mktemp("corpus")
    for file in files():
        if file.key != DENIED:
            place(folder / file.key, file.content)
            os.utime(folder / file.key, (file.modified.timestamp(),) * 2)
    with duckdb.connect() as connection:
        connection.execute(MACROS)
        connection.register("instances", instances(folder))
        for view in make_views(DUCKDB):
            connection.execute(f'CREATE VIEW "{view.name}" AS {view.sql}')
        yield connection


def instances(folder: Path) -> pa.Table:
    found = scan(folder, workers=1).read_all()
    found = found.filter(pc.is_null(found["failure_code"]))
    uris = pc.replace_substring(found["source_uri"], folder.as_uri(), "s3://pacs")
    run = {"ingest_run_id": "run", "ingest_time": datetime(2026, 11, 1), "source_uri": uris}
    schema = arrow_schema(instances_table())
    columns = [
        run[field.name] if field.name == "source_uri" else pa.repeat(pa.scalar(run[field.name], field.type), len(found))
        if field.name in run
        else found[field.name]
        for field in schema
    ]  # fmt: skip
    return pa.table(columns, schema=schema)


@pytest.mark.parametrize("query", LOCAL, ids=lambda path: path.stem)
def test_a_saved_query_has_the_answer_that_the_corpus_implies(lake, query):
    assert lake.execute(to_duckdb(query.read_text(encoding="utf-8"))).fetchall() == ANSWERS[query.stem]


@pytest.mark.parametrize(
    ("name", "columns"), [("openrem_ct", OPENREM_CT), ("openrem_mammography", OPENREM_MAMMOGRAPHY)]
)
def test_an_export_has_the_names_of_columns_of_openrem(lake, name, columns):
    [query] = [one for one in QUERIES if one.stem == name]
    found = lake.execute(to_duckdb(query.read_text(encoding="utf-8")))
    assert tuple(column[0] for column in found.description) == columns
