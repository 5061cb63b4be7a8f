"""The statement that finds the files of an answer: Trino, the engine behind Athena, and DuckDB find the same ones."""

from __future__ import annotations

import pytest

from dicom_udf.answers.local import run_query
from dicom_udf.config import IngestConfig
from dicom_udf.fetching.cohort import _join, _keys
from tests.queries.test_trino import lake, pytestmark  # noqa: F401 - a fixture, and the marks of all that needs it

COLUMNS = ("source_uri", "source_member", "source_etag", "source_size", "source_member_size", "patient_id")


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT * FROM instances WHERE modality = 'CT' -- a comment", ("source_uri", "source_member", "modality")),
        ("SELECT series_instance_uid, count(*) AS n FROM instances GROUP BY 1;", ("series_instance_uid", "n")),
        ("SELECT study_instance_uid, sop_instance_uid FROM instances", ("study_instance_uid", "sop_instance_uid")),
        ("WITH x AS (SELECT '1' AS study_instance_uid) SELECT * FROM x", ("study_instance_uid",)),
    ],
)
def test_both_engines_find_the_same_files(lake, sql, columns):  # noqa: F811
    statement = _join(sql, _keys(columns), COLUMNS)
    found = run_query(statement, IngestConfig(source="s3://pacs", **lake.settings).location)
    rows = [dict(zip(found.columns, row, strict=True)) for row in found.rows]
    assert rows
    answer = lake.engine.ask(statement)
    assert sorted(map(repr, answer)) == sorted(map(repr, (tuple(row.values()) for row in rows)))
