"""The sample files are what their script makes, and what their page and expected.json say."""

import bz2
import gzip
import io
import itertools
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pytest

from dicom_udf import scan
from release.sample.make_sample_dcm import expected
from tests.sample import EXPECTED, SAMPLE

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "sample_files.md"
DEFLATED = {"archives/export.zip", "archives/petct.tar.gz", "archives/really_gzip.tar", "archives/slide.dcm.gz"}

same_deflate = "ng" not in zlib.ZLIB_RUNTIME_VERSION
"""zlib-ng packs the same content into other bytes; what is packed is then compared instead."""


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    script = [sys.executable, "-m", "release.sample.make_sample_dcm", str(folder)]
    subprocess.run(script, check=True, capture_output=True, cwd=PAGE.parents[2])
    return folder


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def members(content: bytes) -> list[tuple[str, bytes]]:
    """Name and content of every file in an archive, nested ones opened."""
    if content[:2] == b"\x1f\x8b":
        return members(gzip.decompress(content))
    if content[:3] == b"BZh":
        return members(bz2.decompress(content))
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [(i.filename, archive.read(i)) for i in archive.infolist() if not i.is_dir()]
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found = [(m.name, archive.extractfile(m).read()) for m in archive if m.isfile()]
    else:
        return [("", content)]
    return [(f"{name}!{inner}", data) for name, packed in found for inner, data in members(packed)]


def test_the_script_makes_every_file_of_the_folder(remade: Path) -> None:
    assert files_below(remade) == files_below(SAMPLE)


def test_the_expected_rows_are_those_that_the_script_counts() -> None:
    assert expected() == EXPECTED


@pytest.mark.parametrize("path", sorted(EXPECTED["files"]))
def test_the_script_makes_the_same_bytes(remade: Path, path: str) -> None:
    made, committed = (remade / path).read_bytes(), (SAMPLE / path).read_bytes()
    if path in DEFLATED and not same_deflate:
        made, committed = members(made), members(committed)
    elif path == "archives/interrupted_upload.zip" and not same_deflate:
        made, committed = made[:4], committed[:4]
    assert made == committed


def test_every_file_has_its_expected_rows_and_nothing_else_is_expected() -> None:
    assert set(EXPECTED["files"]) == files_below(SAMPLE)


def test_the_totals_are_the_sums_of_the_files() -> None:
    failures: Counter[str] = Counter()
    for rows in EXPECTED["files"].values():
        failures.update(rows["failures"])
    assert EXPECTED["instances"] == sum(rows["instances"] for rows in EXPECTED["files"].values())
    assert EXPECTED["failures"] == dict(failures)


@pytest.mark.parametrize("path", sorted(path for path in EXPECTED["files"] if path.startswith("archives/")))
def test_an_archive_has_as_many_files_as_rows(path: str) -> None:
    rows = EXPECTED["files"][path]
    if "CORRUPT_ARCHIVE" in rows["failures"]:
        with pytest.raises(zipfile.BadZipFile):
            members((SAMPLE / path).read_bytes())
    else:
        assert len(members((SAMPLE / path).read_bytes())) == rows["instances"] + sum(rows["failures"].values())


@pytest.mark.parametrize("path", sorted(EXPECTED["files"]))
def test_the_page_names_every_file(path: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    folder, _, name = path.rpartition("/")
    assert f"`{path}`" in page or (f"`{folder}/" in page and (f"`{name}`" in page or name in _ELIDED))


_ELIDED = {"IM0002.dcm", "IM0003.dcm", "I2", "IM0002", "IM0003", "IM0004", "IM0005"}
"""Between the first and the last of a series the page writes dots."""


def test_the_folder_stays_small() -> None:
    assert sum((SAMPLE / path).stat().st_size for path in EXPECTED["files"]) < 300_000


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    """Rows of the instances by path."""
    found = scan(SAMPLE, workers=1).read_all().to_pylist(maps_as_pydicts="strict")
    start = len(f"{SAMPLE.as_uri()}/")
    return {row["source_uri"][start:]: row for row in found if row["failure_code"] is None}


def test_the_enhanced_mr_has_two_echoes_at_each_of_two_places(rows: dict[str, dict]) -> None:
    row = rows["mr_enhanced/two_echoes.dcm"]
    assert row["echo_times"] == [20.0, 80.0]
    assert row["frame_slice_positions"] == [0.0, 0.0, 3.3, 3.3]
    assert set(row["frame_attributes_vary"]) == {"echo_time", "image_position_patient"}
    assert (row["pixel_spacing"], row["slice_thickness"], row["repetition_time"]) == ([0.9, 0.9], 3.0, 3000.0)


def test_the_enhanced_ct_has_its_values_in_shared_groups(rows: dict[str, dict]) -> None:
    row = rows["ct_enhanced/volume.dcm"]
    assert (row["pixel_spacing"], row["kvp"], row["ctdi_vol"]) == ([0.75, 0.75], 100.0, 3.4)
    assert {"pixel_spacing", "slice_thickness", "kvp", "convolution_kernel"} <= set(row["lifted_attributes"])
    assert row["frame_attributes_vary"] == ["image_position_patient"]
    assert row["frame_slice_positions"] == [200.0, 201.0, 202.0]


def test_the_4d_series_has_each_place_at_each_time(rows: dict[str, dict]) -> None:
    series = [row for path, row in rows.items() if path.startswith("mr_4d/")]
    assert len({row["series_instance_uid"] for row in series}) == 1
    found = sorted((row["temporal_position_identifier"], row["slice_position"]) for row in series)
    assert found == [(time, place) for time in (1, 2) for place in (0.0, 5.0, 10.0)]


def test_a_slice_is_missing_between_equal_distances(rows: dict[str, dict]) -> None:
    series = [row for path, row in rows.items() if path.startswith("ct_missing_slice/")]
    assert len({row["series_instance_uid"] for row in series}) == 1
    places = sorted(row["slice_position"] for row in series)
    assert [after - before for before, after in itertools.pairwise(places)] == [5.0, 10.0, 5.0]
    assert {row["slice_thickness"] for row in series} == {5.0}


@pytest.mark.parametrize("name", ["structures.dcm", "segmentation.dcm", "report.dcm"])
def test_an_object_on_the_slices_refers_to_their_series(rows: dict[str, dict], name: str) -> None:
    slices = rows["ct_abdomen/IM0001.dcm"]
    assert rows[f"ct_abdomen/{name}"]["referenced_series_instance_uid"] == slices["series_instance_uid"]
