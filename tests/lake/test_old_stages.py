"""Lakes in which a run of an earlier version died after it had staged a batch: the next run commits what was staged."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from dicom_udf.answers.inspection import verify_lake
from dicom_udf.answers.local import run_query
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.pipeline import ingest
from tests.lake.old_lakes.make_lake import unpack

pytestmark = [pytest.mark.spark, pytest.mark.crash]

STAGED = Path(__file__).parent / "old_lakes" / "staged_0.2.0.tar.xz"
POINTS = (
    "merged batch staged",
    "instances replaced, not published",
    "instances published, failures not",
    "second batch staged",
)
TABLES = ("instances", "failures", "objects")

Rows = list[dict[str, Any]]


def expected_rows(point: str) -> dict[str, Rows]:
    """Return the rows that the lake has once the batch is committed, as the version that staged it committed them."""
    with tarfile.open(STAGED) as tar:
        file = tar.extractfile(f"{point}.json")
        assert file is not None
        rows: dict[str, Rows] = json.load(file)
    return rows


def rows_of(lake: LakeLocation, table: str, source: str) -> Rows:
    """Return a table's rows that came from a source, as JSON has them."""
    answer = run_query(f"SELECT * FROM {table} WHERE starts_with(source_uri, '{source}') ORDER BY ALL", lake)
    rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
    found: Rows = json.loads(json.dumps(rows, default=str))
    return found


def assert_rows(lake: LakeLocation, expected: dict[str, Rows], source: str) -> None:
    """Assert that the rows of a source are exactly the expected ones; a later version may have more columns."""
    for table in TABLES:
        found = rows_of(lake, table, source)
        assert sorted(map(_key, found)) == sorted(map(_key, expected[table])), table
        by_key = {_key(row): row for row in found}
        for row in expected[table]:
            one = by_key[_key(row)]
            assert {name: (one[name], value) for name, value in row.items() if one[name] != value} == {}, table


def _key(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(row.get(name)) for name in ("source_uri", "source_member", "code"))


@pytest.mark.parametrize("point", POINTS)
def test_a_batch_that_an_earlier_version_staged_is_committed_without_its_source(spark, tmp_path, point):
    root, expected = unpack(STAGED, tmp_path, f"{point}/"), expected_rows(point)
    lake = LakeLocation(str(root))
    old_source = expected["objects"][0]["source_uri"].rpartition("/")[0]
    assert not Path(old_source.removeprefix("file://")).exists(), "nothing of it can be read again"
    source = tmp_path / "source"
    source.mkdir()
    (source / "notes.txt").write_text("no header\n" * 20)
    config = IngestConfig(source=str(source), lake=str(root))

    done = ingest(config)
    assert (done.objects_read, done.objects_new, done.instances, done.failures) == (1, 1, 0, {"NOT_DICOM": 1})
    assert_rows(lake, expected, f"{old_source}/")
    assert [row["code"] for row in rows_of(lake, "failures", f"file://{source}/")] == ["NOT_DICOM"]
    assert not verify_lake(lake).broken
    assert not [path for path in (root / "dicom_staging").rglob("*") if path.is_file()]

    (source / "notes.txt").write_text("another text\n" * 20)
    (source / "more.txt").write_text("no header\n" * 20)
    done = ingest(config)
    assert (done.objects_changed, done.objects_new, done.objects_deleted) == (1, 1, 0)
    assert_rows(lake, expected, f"{old_source}/")
