"""The sample files are what their script makes, and what their README and expected.json say."""

import bz2
import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parent.parent / "sample_dcm"
EXPECTED = json.loads((SAMPLE / "expected.json").read_text(encoding="utf-8"))
OWN = {"README.md", "make_sample_dcm.py", "modalities.py", "studies.py"}
DEFLATED = {"archives/export.zip", "archives/petct.tar.gz", "archives/really_gzip.tar", "archives/slide.dcm.gz"}

same_deflate = "ng" not in zlib.ZLIB_RUNTIME_VERSION
"""zlib-ng packs the same content into other bytes; what is packed is then compared instead."""


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    subprocess.run([sys.executable, str(SAMPLE / "make_sample_dcm.py"), str(folder)], check=True, capture_output=True)
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


def test_the_script_makes_every_file_but_its_own(remade: Path) -> None:
    assert files_below(remade) == files_below(SAMPLE) - OWN


@pytest.mark.parametrize("path", sorted(set(EXPECTED["files"]) - OWN))
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
def test_the_readme_names_every_file(path: str) -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    folder, _, name = path.rpartition("/")
    assert f"`{path}`" in readme or (f"`{folder}/" in readme and (f"`{name}`" in readme or name in _ELIDED))


_ELIDED = {"IM0002.dcm", "IM0003.dcm", "I2"}
"""Between the first and the last of a series the README writes dots."""


def test_the_folder_stays_small() -> None:
    assert sum((SAMPLE / path).stat().st_size for path in EXPECTED["files"]) < 300_000
