"""The same files give the same rows, however they are packed and wherever they lie."""

from __future__ import annotations

import gzip
import io
import re
import shutil
import tarfile
import zipfile
from datetime import datetime
from pathlib import Path

import pytest
from pydicom.data import get_testdata_files

from dicom_udf.read import read_batches
from dicom_udf.sources import ObjectRef, S3Access, open_store
from dicom_udf.tasks import ReadSettings, Splitting, Stamp, split_objects
from tests.servers.s3 import NO_VERSITYGW, find_versitygw, moto_s3, versitygw

REAL = [pytest.mark.versitygw, pytest.mark.skipif(find_versitygw() is None, reason=NO_VERSITYGW)]
STAMP = Stamp("run-1", datetime(2024, 5, 6))
# What depends on where a file lies, and nothing else may.
PLACE = {
    *("source_uri", "source_member", "source_size", "source_etag", "source_last_modified", "source_member_size"),
    *("bytes_read", "requests", "part", "pixel_data_offset", "frame_offsets_reason"),
}


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    """Every file of pydicom's that a laptop reads at once, by a name of its own."""
    paths = [Path(path) for path in sorted(get_testdata_files()) if Path(path).is_file()]
    kept = [path for path in paths if path.stat().st_size < 200_000 and path.suffix not in (".zip", ".gz", ".tar")]
    return {f"d{number}/{path.name}": path.read_bytes() for number, path in enumerate(kept)}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


PACKS = {
    "loose": lambda files: files,
    "zip": lambda files: {"a.zip": zipped(files)},
    "deflated zip": lambda files: {"a.zip": zipped(files, zipfile.ZIP_DEFLATED)},
    "tar": lambda files: {"a.tar": tarred(files)},
    "tar.gz": lambda files: {"a.tgz": gzip.compress(tarred(files), 1)},
    "zip in tar": lambda files: {"a.tar": tarred({"a.zip": zipped(files)})},
    "tar.gz in zip": lambda files: {"a.zip": zipped({"a.tgz": gzip.compress(tarred(files), 1)})},
}


def rows(source: str, access: S3Access) -> dict[str, dict[str, object]]:
    """Staged rows by the name of the file, without what depends on its place."""
    refs = [ObjectRef(*row.values()) for batch in open_store(source, access=access).list() for row in batch.to_pylist()]
    settings = ReadSettings(STAMP, access, splitting=Splitting(probe_bytes=1 << 20, members=20))
    found = {}
    for batch in read_batches(split_objects(refs, settings), settings):
        for row in batch.to_pylist():
            name = row["source_member"] or row["source_uri"]
            key = "/".join(name.replace("!", "/").split("/")[-2:])
            header = re.sub('"BulkDataURI":"[^"]*"', "", row["header"] or "")
            frames = [frame | {"offset": None, "length": None} for frame in row["frames"] or ()]
            found[key] = {k: v for k, v in row.items() if k not in PLACE} | {"header": header, "frames": frames}
    return found


@pytest.fixture(scope="module")
def expected(files, tmp_path_factory):
    folder = tmp_path_factory.mktemp("loose")
    write(folder, files)
    return rows(str(folder), S3Access())


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@pytest.mark.parametrize("pack", PACKS)
@pytest.mark.parametrize("place", ["disk", "S3", pytest.param("a real S3 server", marks=REAL)])
def test_the_same_files_give_the_same_rows(files, expected, tmp_path, monkeypatch, pack, place) -> None:
    packed = PACKS[pack](files)
    if place == "disk":
        write(tmp_path, packed)
        found = rows(str(tmp_path), S3Access())
        shutil.rmtree(tmp_path)
    else:
        with moto_s3() if place == "S3" else versitygw(tmp_path) as server:
            for name, value in server.environment.items():
                monkeypatch.setenv(name, value)
            client = server.client()
            client.create_bucket(Bucket="bucket")
            for name, data in packed.items():
                client.put_object(Bucket="bucket", Key=f"in/{name}", Body=data)
            found = rows("s3://bucket/in", S3Access(endpoint=server.endpoint, region=server.region))
    assert found.keys() == expected.keys()
    for name, row in found.items():
        assert row == expected[name], name
