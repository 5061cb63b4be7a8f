"""What the Glue catalog takes of a table, checked before anything is written; and Iceberg's jars for it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from dicom_udf.columns import Field, Table
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.glue_tables import check_fits
from dicom_udf.lake.layout import LAKE_TABLES


@pytest.mark.parametrize("table", LAKE_TABLES, ids=lambda table: table.name)
def test_the_lake_s_own_tables_fit(table):
    check_fits(table.columns())


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        (
            Field("wide", f"struct<{','.join(f'a{n}:string' for n in range(12_000))}>", "ok"),
            r"the type of t.wide has 1\d\d,\d{3} characters, the Glue catalog takes 131,072",
        ),
        (
            Field("reported", "string", "x" * 256),
            "the comment of t.reported has 256 characters, the Glue catalog takes 255",
        ),
    ],
)
def test_a_column_that_glue_would_refuse_is_named(field, sentence):
    check_fits(Table("t", "one row per test", (Field("fits", "array<string>", "x" * 255),)))
    with pytest.raises(ConfigurationError, match=sentence):
        check_fits(Table("t", "one row per test", (field,)))


@pytest.mark.spark
def test_a_spark_that_runs_without_the_jar_for_aws_is_reported_so(tmp_path):
    program = f"""
from dicom_udf.config import LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.lake.session import lake_session
lake_session(LakeLocation({str(tmp_path)!r}), master="local[1]")
try:
    lake_session(LakeLocation("s3://bucket/lake", catalog="glue"))
except RunFailedError as error:
    print(error)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.startswith("the Spark application of this process was started without org.apache.iceberg:")
