"""A lake as a script for DuckDB, run by a process that has DuckDB and nothing of this package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import duckdb
import pytest

from dicom_udf.answers.local import _extension, run_query
from dicom_udf.answers.view_script import view_script
from dicom_udf.cli import main
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.layout import VIEWS, table_names
from dicom_udf.lake.session import lake_session
from dicom_udf.pipeline import ingest
from tests.local_lake import make_lake
from tests.sample import SAMPLE

PROGRAM = """
import sys, duckdb
script, file, *statements = sys.argv[1:]
connection = duckdb.connect(file)
if script:
    connection.execute(open(script, encoding="utf-8").read())
for statement in statements:
    print(connection.execute(statement).fetchall())
"""


@pytest.fixture
def plain_duckdb(tmp_path):
    """Run a script and statements in a process of its own, whose home has the extensions and no network is needed."""
    version = duckdb.__version__
    platform = duckdb.sql("PRAGMA platform").fetchone()[0]
    folder = tmp_path / "home" / ".duckdb" / "extensions" / f"v{version}" / platform
    folder.mkdir(parents=True)
    for name in ("avro", "iceberg"):
        shutil.copy(_extension(name, version), folder)

    def run(script, file, *statements):
        environment = {**os.environ, "HOME": str(tmp_path / "home")}
        words = [sys.executable, "-I", "-c", PROGRAM, str(script), str(file), *statements]
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        return done.stdout.splitlines(), done.stderr

    return run


@pytest.mark.spark
def test_a_plain_duckdb_answers_about_every_table_and_view(spark, plain_duckdb, tmp_path, capsys):
    lake = tmp_path / "a lake's é"
    ingest(IngestConfig(source=str(SAMPLE), lake=str(lake)))
    capsys.readouterr()
    assert main(["views", "--lake", str(lake)]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    script = tmp_path / "lake.sql"
    script.write_text(printed.out, encoding="utf-8")
    names = [*table_names(), *VIEWS]
    counts = [f"SELECT count(*) FROM {name}" for name in names]
    expected = [str(list(run_query(sql, LakeLocation(str(lake))).rows)) for sql in counts]
    assert plain_duckdb(script, tmp_path / "kept.duckdb", *counts) == (expected, "")
    # The file keeps the views; the script replaces them.
    assert plain_duckdb("", tmp_path / "kept.duckdb", *counts[:4]) == (expected[:4], "")
    assert plain_duckdb(script, tmp_path / "kept.duckdb", "SELECT count(*) FROM series")[1] == ""


@pytest.mark.spark
def test_a_lake_of_few_columns_has_the_views_that_it_can_have(spark, plain_duckdb, tmp_path):
    lake = tmp_path / "small"
    make_lake(lake_session(LakeLocation(str(lake))))
    script = tmp_path / "lake.sql"
    script.write_text(view_script(LakeLocation(str(lake))), encoding="utf-8")
    assert plain_duckdb(script, ":memory:", "SELECT count(*) FROM failures") == (["[(3,)]"], "")


def test_a_lake_that_is_not_local_or_not_there_is_refused(tmp_path, capsys):
    with pytest.raises(ConfigurationError, match="local lake only"):
        view_script(LakeLocation("s3://bucket/lake", catalog="glue"))
    assert main(["views", "--lake", str(tmp_path / "nowhere")]) == 2
    printed = capsys.readouterr()
    assert (printed.out, "nowhere" in printed.err) == ("", True)
