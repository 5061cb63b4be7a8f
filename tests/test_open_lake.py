"""A lake in Python: one connection, answers as tables of Arrow, pandas and polars, files by a statement."""

from __future__ import annotations

import builtins
import re
import shutil
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pandas as pd
import polars
import pyarrow as pa
import pytest

from dicom_udf import open_lake, query
from dicom_udf.answers.local import Answer
from dicom_udf.answers.result import QueryResult, to_table
from dicom_udf.config import IngestConfig
from dicom_udf.errors import ConfigurationError, RunFailedError
from dicom_udf.pipeline import ingest
from tests.sample import EXPECTED, SAMPLE

PAGE = Path(__file__).parents[1] / "docs" / "how_to" / "python.md"
TYPES = """SELECT DATE '2024-02-03' AS day, TIMESTAMP '2024-02-03 04:05:06' AS time, NULL::BIGINT AS n,
    sum(x) AS total, MAP {'a': 1} AS map, [1.5, NULL] AS list, {'code': 'T'} AS struct FROM range(4) t(x)"""


@pytest.fixture(scope="module")
def folder(sample_lake):
    return sample_lake


@pytest.fixture(scope="module")
def lake(folder):
    with open_lake(folder) as lake:
        yield lake


@pytest.mark.spark
def test_an_answer_is_a_table_of_arrow_pandas_and_polars_and_rows_of_python(lake):
    found = lake.sql(TYPES)
    row = (date(2024, 2, 3), datetime(2024, 2, 3, 4, 5, 6), None, 6, {"a": 1}, [1.5, None], {"code": "T"})
    assert list(found) == [row]
    assert found.columns == ("day", "time", "n", "total", "map", "list", "struct")
    assert found.arrow().schema.field("total").type == pa.int64()
    frame = found.df()
    assert str(frame["day"].dtype).startswith("datetime64")
    assert (frame["total"].dtype, frame["total"][0], frame["map"][0]) == ("int64", 6, {"a": 1})
    assert found.pl()["total"].to_list() == [6]
    assert found.pl().schema["day"] == polars.Date


@pytest.mark.spark
def test_every_column_of_the_tables_becomes_pandas_and_polars(lake):
    for table in ("instances", "failures", "objects", "unique_instances"):
        found = lake.sql(f"SELECT * FROM {table}")
        assert found.df().shape == found.pl().shape == (len(found), len(found.columns))
        assert len(found) == len(list(found))
    assert len(lake.sql("FROM instances")) == EXPECTED["instances"]


@pytest.mark.spark
@pytest.mark.parametrize(
    ("sql", "settings"),
    [
        ("SELECT modality, count(*), max(kvp) FROM instances GROUP BY 1 ORDER BY 1", {}),
        ("SELECT series_instance_uid, instances FROM series ORDER BY 1", {}),
        ("SELECT count_if(modality = 'CT'), CAST(962.5 AS bigint) FROM instances", {"dialect": "athena"}),
        ("-- dialect: athena\nSELECT count_if(kvp > 90) FROM instances", {}),
        ("@ct_dose", {}),
        ("@segments", {"since": "2000-01-01", "until": date(2030, 1, 1)}),
        ("@segments", {"since": "2090-01-01", "until": "2091-01-01"}),
    ],
)
def test_a_statement_has_the_rows_that_query_has_however_often_it_runs(folder, lake, sql, settings):
    answer = query(sql, lake=folder, **settings)
    rows = list(answer.rows)
    for _ in range(2):
        found = lake.sql(sql, **settings)
        assert found.columns == answer.columns
        assert sorted(map(str, found)) == sorted(map(str, rows))


@pytest.mark.spark
def test_an_open_lake_is_that_of_one_moment_until_it_is_refreshed(spark, tmp_path):
    source, made = tmp_path / "source", tmp_path / "lake"
    source.mkdir()
    for name in ("IM0001.dcm", "IM0002.dcm"):
        shutil.copy(SAMPLE / "ct_abdomen" / name, source)
        ingest(IngestConfig(source=str(source), lake=str(made)))
        if name == "IM0001.dcm":
            lake = open_lake(made)
            before = lake.sql("SELECT instances FROM series")
    assert list(lake.sql("SELECT instances FROM series")) == list(before) == [(1,)]
    lake.refresh()
    assert list(lake.sql("SELECT instances FROM series")) == [(2,)]
    assert list(before) == [(1,)]
    lake.close()


@pytest.mark.spark
def test_a_statement_that_fails_is_an_error_of_this_package_and_the_lake_stays_usable(lake):
    with pytest.raises(ConfigurationError, match="modalty"):
        lake.sql("SELECT modalty FROM instances")
    with pytest.raises(ConfigurationError, match="one statement that reads"):
        lake.sql("DROP VIEW instances")
    with pytest.raises(RunFailedError, match=r"left out|null where a value") as caught:
        lake.sql("SELECT patient_id::INT FROM instances")
    assert "DEMO" not in str(caught.value)
    with pytest.raises(ConfigurationError, match="@nothing"):
        lake.sql("@nothing")
    with pytest.raises(ConfigurationError, match="period"):
        lake.sql("SELECT 1", since="2024-01-01")
    assert list(lake.sql("SELECT 1")) == [(1,)]


@pytest.mark.spark
def test_columns_and_queries_are_tables_too(lake):
    [row] = [row for row in lake.columns("thickness").arrow().to_pylist() if row["column"] == "slice_thickness"]
    assert (row["tag"], row["values"] > 0) == ("(0018,0050)", True)
    assert "modality" in lake.columns(table="series").arrow()["column"].to_pylist()
    assert "ct_dose" in lake.queries("dose").df()["name"].to_list()
    assert len(lake.queries()) > len(lake.queries("dose"))
    assert len(lake.columns("no such word")) == 0
    with pytest.raises(ConfigurationError, match="names no files"):
        lake.fetch(lake.queries(), to="nowhere")


@pytest.mark.spark
def test_the_files_of_a_statement_and_of_a_result_are_copied(lake, tmp_path):
    sql = "SELECT sop_instance_uid FROM instances WHERE modality = 'SEG'"
    done = lake.fetch(sql, to=tmp_path / "statement", layout="{sop_instance_uid}.dcm", jobs=2)
    assert (done.fetched, done.missing) == (len(lake.sql(f"SELECT DISTINCT * FROM ({sql})")), 0)
    assert done.record.is_file()
    again = lake.fetch(lake.sql(sql), to=tmp_path / "statement", layout="{sop_instance_uid}.dcm")
    assert (again.fetched, again.there) == (0, done.fetched)
    saved = lake.fetch("@chest_ct_thin_slices", to=tmp_path / "saved", since="1990-01-01")
    result = lake.fetch(lake.sql("@chest_ct_thin_slices", since="1990-01-01"), to=tmp_path / "saved")
    assert (result.fetched, result.there) == (0, saved.fetched)
    with pytest.raises(ConfigurationError, match="to must be a local folder"):
        lake.fetch(sql, to="s3://bucket/files")
    with pytest.raises(TypeError, match="nothing"):
        lake.fetch(sql, to=tmp_path, nothing=1)


@pytest.mark.spark
def test_a_closed_lake_answers_no_more_and_its_results_stay(folder):
    with open_lake(folder) as lake:
        found = lake.sql("SELECT modality FROM instances")
        assert repr(lake) == f"<OpenLake {folder}>"
    lake.close()
    assert repr(lake) == f"<OpenLake {folder}, closed>"
    assert len(found.df()) == EXPECTED["instances"]
    for use in (lake.refresh, lake.columns, lambda: lake.sql("SELECT 1"), lambda: lake.fetch("SELECT 1", to="f")):
        with pytest.raises(ConfigurationError, match="was closed; open it again"):
            use()


@pytest.mark.spark
def test_without_polars_the_error_names_the_other_ways(lake, monkeypatch):
    real = builtins.__import__

    def refuse(name, *rest):
        if name == "polars":
            raise ImportError(name)
        return real(name, *rest)

    found = lake.sql("SELECT 1 AS one")
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(RunFailedError, match=r"pip install polars, or use .df\(\) or .arrow\(\)"):
        found.pl()


def test_a_lake_that_can_not_be_opened_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="nowhere"):
        open_lake(tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="catalog"):
        open_lake("s3://bucket/lake")
    with pytest.raises(ConfigurationError, match="workgroup and output_location are Athena's"):
        open_lake(tmp_path, workgroup="primary")
    with pytest.raises(TypeError, match="sql is not a setting of open_lake"):
        open_lake(tmp_path, sql="SELECT 1")
    with pytest.raises(TypeError, match="nothing"):
        open_lake(tmp_path, nothing=1)


def test_athenas_types_are_kept_also_where_all_values_are_null_and_without_rows():
    types = ("bigint", "varchar", "date", "timestamp", "decimal", "double", "boolean", "array")
    names = tuple("abcdefgh")
    null = to_table(Answer(names, iter([(None,) * 8]), types))
    empty = to_table(Answer(names, iter([]), types))
    text, null_type = pa.string(), pa.null()
    kinds = [pa.int64(), text, pa.date32(), pa.timestamp("us"), null_type, pa.float64(), pa.bool_(), text]
    assert null.schema.types == empty.schema.types == kinds
    row = (1, "x", date(2024, 1, 1), datetime(2024, 1, 1, 2), Decimal("1.5"), 0.5, True, "[1, 2]")
    assert list(QueryResult(to_table(Answer(names, iter([row]), types)))) == [row]
    late = to_table(Answer(("day",), iter([(date(2024, 1, 1),), ("10000-01-01",)]), ("date",)))
    assert late["day"].to_pylist() == ["2024-01-01", "10000-01-01"]


def test_a_representation_has_counts_and_a_notebook_shows_the_first_rows_escaped():
    result = QueryResult(pa.table({"name": ["<b>"] * 25}))
    assert repr(result) == "<QueryResult of 25 rows: name>"
    shown = result._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
    assert "and 5 more rows" in shown


def test_sums_that_64_bits_can_not_hold_stay_decimals():
    from dicom_udf.answers.result import narrow_sums

    large = pa.array([Decimal(1 << 70)], pa.decimal128(38, 0))
    small = pa.array([Decimal(7), None][:1], pa.decimal128(38, 0))
    found = narrow_sums(pa.table([large, small], names=["same", "same"]))
    assert found.schema.types == [pa.decimal128(38, 0), pa.int64()]
    assert isinstance(QueryResult(found).df(), pd.DataFrame)


@pytest.mark.spark
def test_the_examples_of_the_guide_run_one_after_the_other(spark, folder, tmp_path, monkeypatch):
    (tmp_path / "lake").symlink_to(folder)
    (tmp_path / "sample_dcm").symlink_to(SAMPLE.resolve())
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```py\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 4
    names = {"spark": spark}
    for block in blocks:
        code = re.sub(r"^(\S.*?)  # -> (.+)$", r"assert (\1) == (\2), (\1)", block, flags=re.MULTILINE)
        exec(compile(code, PAGE.name, "exec"), names)
    assert names["done"].fetched > 0
