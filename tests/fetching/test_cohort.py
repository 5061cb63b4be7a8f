"""From an answer to files: a lake that Spark wrote, read by DuckDB, and a lake of version 0.1.0."""

from __future__ import annotations

import csv
import io
import shlex
import subprocess
from pathlib import Path

import pytest
import sqlglot
from pydicom import dcmread

from dicom_udf.answers.local import run_query
from dicom_udf.cli import main
from dicom_udf.config import LakeLocation, ManifestConfig
from dicom_udf.errors import ConfigurationError
from dicom_udf.fetching import list_files
from dicom_udf.fetching.cohort import _join
from tests.fetching.objects import record
from tests.lake.old_lakes.make_lake import unpack

OLD_LAKES = Path(__file__).parents[1] / "lake" / "old_lakes"


@pytest.fixture
def lake(sample_lake):
    return sample_lake


@pytest.fixture
def dicom_lake(lake, capsys):
    """Run a command on the lake; return status, stdout and stderr."""

    def run(*words):
        status = main([*map(str, words), "--lake", str(lake)])
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.spark
def test_every_instance_of_the_sample_is_fetched_and_is_the_file_that_the_lake_describes(lake, dicom_lake, tmp_path):
    sql = "SELECT source_uri, source_member FROM instances"
    status, _, error = dicom_lake("fetch", sql, "--to", tmp_path, "--layout", "{source_uri}/{source_member}.dcm")
    assert (status, error) == (0, "")
    expected = {
        (uri, member or ""): (uid, size)
        for uri, member, uid, size in run_query(
            "SELECT source_uri, source_member, sop_instance_uid, source_member_size FROM instances",
            LakeLocation(str(lake)),
        ).rows
    }
    found = record(tmp_path)
    assert {(row["source_uri"], row["source_member"]) for row in found.values()} == set(expected)
    for target, row in found.items():
        uid, size = expected[row["source_uri"], row["source_member"]]
        assert size is None or int(row["size"]) == size == (tmp_path / target).stat().st_size
        assert dcmread(tmp_path / target, force=True, stop_before_pixels=True).get("SOPInstanceUID") == uid


@pytest.mark.spark
@pytest.mark.parametrize("uid", ["sop_instance_uid", "series_instance_uid", "study_instance_uid"])
def test_uids_name_the_unique_instances_and_the_layout_has_their_values(lake, dicom_lake, uid):
    where = "modality = 'MR' AND sop_instance_uid IS NOT NULL"
    status, printed, error = dicom_lake("manifest", f"SELECT {uid}, count(*) FROM instances WHERE {where} GROUP BY 1;")
    assert (status, error) == (0, "")
    expected = run_query(
        "SELECT source_uri, coalesce(source_member, ''), patient_id, study_instance_uid, series_instance_uid, "
        f"sop_instance_uid FROM unique_instances WHERE {uid} IN (SELECT {uid} FROM instances WHERE {where})",
        LakeLocation(str(lake)),
    ).rows
    assert {(row["source_uri"], row["source_member"], row["target"]) for row in rows_of(printed)} == {
        (uri, member, f"{'/'.join(values)}.dcm") for uri, member, *values in expected
    }


@pytest.mark.spark
def test_a_manifest_is_what_fetch_takes(dicom_lake, tmp_path, capsys):
    sql = "SELECT source_uri, source_member FROM unique_instances WHERE modality IN ('PT', 'CT')"
    words = ["manifest", sql, "--layout", "{modality}/{sop_instance_uid}"]
    status, printed, _ = dicom_lake(*words)
    assert status == 0
    assert dicom_lake(*words, "--output", tmp_path / "m.csv")[0] == 0
    assert (tmp_path / "m.csv").read_bytes().decode() == printed
    assert main(["fetch", "--manifest", str(tmp_path / "m.csv"), "--to", str(tmp_path / "a")]) == 0
    assert dicom_lake("fetch", sql, "--to", tmp_path / "b", "--layout", "{modality}/{sop_instance_uid}")[0] == 0
    assert record(tmp_path / "a") == record(tmp_path / "b")
    rows = rows_of(printed)
    assert {(row["offset"], row["length"] == row["size"]) for row in rows if not row["source_member"]} == {("0", True)}
    assert {(row["offset"], row["length"]) for row in rows if row["source_member"]} == {("", "")}


@pytest.mark.spark
@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT modality FROM instances", "the answer names no files; select source_uri and source_member"),
        ("SELECT source_uri FROM instances", "source_uri without source_member"),
        ("SELECT source_uri, source_member FROM failures", "rows of the answer name no file of the table instances"),
        ("SELECT 'x' AS series_instance_uid", "1 rows of the answer name no file of the table instances"),
        ("SELECT NULL AS study_instance_uid", "1 rows of the answer name no file of the table instances"),
        ("SELECT no_column FROM instances", "no_column"),
        ("DELETE FROM instances", "syntax error"),
        ("SELECT source_uri, source_member FROM instances", "have one target; select from unique_instances"),
    ],
)
def test_an_answer_without_files_is_refused_and_nothing_is_written(dicom_lake, tmp_path, sql, message):
    status, _, error = dicom_lake("fetch", sql, "--to", tmp_path / "out")
    assert status == 2
    assert message in error
    assert not (tmp_path / "out").exists()


@pytest.mark.spark
def test_a_saved_query_a_file_and_athenas_sql_name_files_too(dicom_lake, tmp_path):
    status, printed, error = dicom_lake(
        "manifest", "@chest_ct_thin_slices", "--layout", "{modality}/{sop_instance_uid}"
    )
    assert (status, error) == (0, "")
    assert {row["target"][:3] for row in rows_of(printed)} == {"CT/"}
    athenas = "SELECT series_instance_uid FROM series WHERE regexp_like(modality, '^M[RG]$')"
    (tmp_path / "q.sql").write_text(f"-- dialect: athena\n{athenas}")
    by_file = dicom_lake("manifest", "--file", tmp_path / "q.sql")
    by_option = dicom_lake("manifest", athenas, "--dialect", "athena")
    assert by_file == by_option
    assert (by_file[0], len(rows_of(by_file[1])) > 5) == (0, True)
    assert dicom_lake("manifest", athenas)[0] == 2, "DuckDB has no such function"


@pytest.mark.spark
def test_a_layout_with_an_unknown_column_and_a_folder_in_the_lake_are_refused(lake, dicom_lake, tmp_path):
    sql = "SELECT study_instance_uid FROM studies"
    status, _, error = dicom_lake("manifest", sql, "--layout", "{patient}/{sop_instance_uid}")
    assert (status, "--layout names patient, which" in error) == (2, True)
    status, _, error = dicom_lake("fetch", sql, "--to", lake / "x")
    assert (status, "lies in the lake" in error) == (2, True)


@pytest.mark.spark
def test_other_programs_get_loose_objects_only(dicom_lake):
    status, _, error = dicom_lake("manifest", "SELECT study_instance_uid FROM studies", "--form", "urls")
    assert status == 2
    assert "files are members of archives, which --form urls can't name; use --form csv" in error
    loose = "SELECT source_uri, source_member FROM unique_instances WHERE source_member IS NULL AND modality = 'US'"
    status, _, error = dicom_lake("manifest", loose, "--form", "s5cmd")
    assert (status, "files are not in S3" in error) == (2, True)
    status, printed, _ = dicom_lake("manifest", loose, "--form", "urls")
    assert status == 0
    assert printed.splitlines()
    assert all(line.startswith("file:///") for line in printed.splitlines())


def test_a_lake_of_version_0_1_0_is_listed_by_the_columns_that_it_has(tmp_path):
    root = unpack(OLD_LAKES / "0.1.0.tar.xz", tmp_path)
    sql = "SELECT source_uri, source_member FROM instances"
    files = list_files(ManifestConfig(sql=sql, lake=str(root), layout="{source_uri}/{source_member}"))
    rows = run_query("SELECT source_uri, source_member, source_etag FROM instances", LakeLocation(str(root))).rows
    assert {(file.uri, file.member, file.etag) for file in files} == set(rows)
    with pytest.raises(ConfigurationError, match="--layout names slice_position, which"):
        list_files(ManifestConfig(sql=sql, lake=str(root), layout="{slice_position}"))


@pytest.mark.parametrize("keys", [("source_uri", "source_member"), ("sop_instance_uid", "study_instance_uid")])
@pytest.mark.parametrize(
    "sql", ["SELECT * FROM series -- all", "WITH x AS (SELECT 1 AS a) SELECT * FROM x;", "VALUES 1"]
)
def test_the_statement_of_the_files_is_sql_of_athena(keys, sql):
    [statement] = sqlglot.parse(_join(sql, keys, ("source_uri", "source_member", "rows")), dialect="athena")
    assert isinstance(statement, sqlglot.exp.Select)


def test_lines_for_other_programs_survive_the_shell():
    from dicom_udf.fetching.cohort import CohortFile
    from dicom_udf.fetching.manifest import manifest_lines

    keys = ["a b.dcm", "quote's", '"$(x)`y`', "star*[1]?", "-dash", "山田"]
    files = [CohortFile(f"s3://bucket/{key}", None, f"t/{number}") for number, key in enumerate(keys)]
    for line, file in zip(manifest_lines(files, "aws"), files, strict=True):
        printed = subprocess.run(
            ["sh", "-c", f"aws() {{ printf '%s\\n' \"$@\"; }}; {line}"], capture_output=True, check=True
        )
        assert printed.stdout.decode().splitlines() == ["s3", "cp", file.uri, f"./{file.target}"]
    for line, file in zip(manifest_lines(files, "s5cmd"), files, strict=True):
        assert shlex.split(line) == ["cp", "--raw", file.uri, f"./{file.target}"]
    with pytest.raises(ConfigurationError, match="1 of 1 files have a name with a control character"):
        list(manifest_lines([CohortFile("s3://bucket/a\nb", None, "x")], "s5cmd"))
