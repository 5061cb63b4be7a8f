"""The headers of a source as a data frame of Spark: the rows of a scan."""

from __future__ import annotations

import zipfile

import pytest
from pydicom.data import get_testdata_file

from dicom_udf import read_headers, scan
from dicom_udf.errors import ConfigurationError
from tests.sample import SAMPLE

pytestmark = pytest.mark.spark


def sorted_rows(rows: list[dict]) -> list[dict]:
    return sorted(rows, key=lambda row: (row["source_uri"], row["source_member"] or ""))


def test_the_rows_are_those_of_a_scan_and_several_tasks_read_them(spark, tmp_path):
    (tmp_path / "sample").symlink_to(SAMPLE.resolve())
    with zipfile.ZipFile(tmp_path / "many.zip", "w") as archive:
        for number in range(300):
            archive.write(get_testdata_file("CT_small.dcm"), f"{number:03}.dcm")
    headers = read_headers(spark, SAMPLE)
    expected = scan(SAMPLE, workers=1).read_all()
    assert headers.columns == expected.schema.names
    rows = [row.asDict(recursive=True) for row in headers.collect()]
    assert sorted_rows(rows) == sorted_rows(expected.to_pylist(maps_as_pydicts="strict"))
    assert read_headers(spark, tmp_path / "many.zip", columns=["modality"]).count() == 300


def test_columns_are_chosen_and_named_in_their_order(spark):
    chosen = read_headers(spark, SAMPLE, columns=["modality", "source_uri"], include=["*.zip"], exclude=["*broken*"])
    assert chosen.columns == ["modality", "source_uri"]
    assert {row.source_uri.rpartition(".")[2] for row in chosen.collect()} == {"zip"}
    assert "header" not in read_headers(spark, SAMPLE, header=False).columns


def test_a_source_without_files_has_no_rows_and_a_wrong_argument_is_refused(spark, tmp_path):
    assert read_headers(spark, tmp_path).count() == 0
    with pytest.raises(ConfigurationError, match=r"modalty is not a column.*did you mean modality"):
        read_headers(spark, SAMPLE, columns=["modalty"])
    with pytest.raises(ConfigurationError, match="header alone is left out"):
        read_headers(spark, SAMPLE, columns=["header"], header=False)
    with pytest.raises(ConfigurationError, match="nowhere can't be reached"):
        read_headers(spark, tmp_path / "nowhere")
