"""What a listing no longer has: its rows go, stay, or stop the run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_udf.answers.local import run_query
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.errors import RunFailedError
from dicom_udf.pipeline import ingest
from tests.lake.test_crashes import write

pytestmark = pytest.mark.spark


@pytest.fixture
def run(spark, tmp_path):
    """Ten objects in a lake; each call is another run."""
    source = tmp_path / "source"
    source.mkdir()
    for number in range(10):
        write(source / f"{number}.dcm", number, "20240101")
    config = IngestConfig(source=str(source), lake=str(tmp_path / "lake"))
    ingest(config)
    return lambda **changes: ingest(replace(config, **changes))


def objects(tmp_path) -> set[str]:
    found = run_query("SELECT source_uri FROM objects", LakeLocation(str(tmp_path / "lake"))).rows
    seen = run_query("SELECT source_uri FROM instances", LakeLocation(str(tmp_path / "lake"))).rows
    names = {Path(uri).stem for (uri,) in found}
    assert names == {Path(uri).stem for (uri,) in seen}
    return names


def test_deletes_are_kept_propagated_or_stop_the_run(run, tmp_path):
    source = tmp_path / "source"
    (source / "0.dcm").unlink()
    report = run(deletes="keep")
    assert (report.objects_deleted, report.objects_listed) == (0, 9)
    assert len(objects(tmp_path)) == 10
    assert run().objects_deleted == 1
    assert objects(tmp_path) == set("123456789")

    for number in range(1, 6):
        (source / f"{number}.dcm").unlink()
    with pytest.raises(RunFailedError, match=r"has 9 objects of file://.*, and only 4 are listed now; nothing"):
        run()
    assert len(objects(tmp_path)) == 9
    assert run(deletes="keep").objects_unchanged == 4
    assert run(allow_mass_delete=True).objects_deleted == 5
    assert objects(tmp_path) == set("6789")

    for path in source.iterdir():
        path.unlink()
    with pytest.raises(RunFailedError, match="only 0 are listed now"):
        run()
    # Other names, as many objects: nothing is missing, and nothing stops.
    for number in range(20, 24):
        write(source / f"{number}.dcm", number, "20240101")
    report = run()
    assert (report.objects_deleted, report.objects_new) == (4, 4)
    assert objects(tmp_path) == {"20", "21", "22", "23"}
