"""Folders and files of this machine: listed, opened, read by ranges."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_udf.errors import ConfigurationError, FailureCode, FileFault, RunFailedError
from dicom_udf.sources import OBJECT_SCHEMA, ObjectRef, open_object, open_store
from dicom_udf.sources.local import BATCH_ROWS, path_of, uri_of


def _refs(source: Path | str, exclude: str | None = None) -> list[ObjectRef]:
    refs = []
    for batch in open_store(str(source), exclude=exclude).list():
        assert batch.schema == OBJECT_SCHEMA
        assert 0 < batch.num_rows <= BATCH_ROWS
        refs += [ObjectRef(*row.values()) for row in batch.to_pylist()]
    return refs


def _names(source: Path, exclude: str | None = None) -> list[str]:
    return [ref.uri.removeprefix(f"file://{source}/") for ref in _refs(source, exclude)]


def _write(path: Path, data: bytes = b"1") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def test_files_are_listed_in_the_order_of_their_uris(tmp_path: Path) -> None:
    for name in ("b", "a/z", "a/a", "a.txt", "a-b", "c/d/e/f", "é"):
        _write(tmp_path / name)
    names = _names(tmp_path)
    assert names == sorted(names)
    assert set(names) == {"b", "a/z", "a/a", "a.txt", "a-b", "c/d/e/f", "é"}


def test_only_regular_files_count_and_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    _write(folder / "file")
    _write(tmp_path / "outside" / "other", b"22")
    (folder / "to-file").symlink_to(tmp_path / "outside" / "other")
    (folder / "to-folder").symlink_to(tmp_path / "outside")
    (folder / "to-nothing").symlink_to(tmp_path / "nothing")
    (folder / "circle").symlink_to(folder / "circle")
    os.mkfifo(folder / "fifo")
    (folder / "empty").mkdir()
    assert _names(folder) == ["file", "to-file"]
    assert [ref.size for ref in _refs(folder)] == [1, 2]


def test_empty_files_that_stand_for_folders_are_left_out_and_filled_ones_are_not(tmp_path: Path) -> None:
    _write(tmp_path / "a" / "x_$folder$", b"")
    _write(tmp_path / "a" / "y_$folder$")
    _write(tmp_path / "a" / "z", b"")
    assert _names(tmp_path) == ["a/y_$folder$", "a/z"]


def test_the_excluded_folder_is_left_out_however_it_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "source"
    _write(folder / "a")
    _write(folder / "lake" / "data")
    _write(folder / "lake-2")
    link = tmp_path / "link"
    link.symlink_to(folder)
    for lake in (folder / "lake", link / "lake"):
        for exclude in (str(lake), f"{lake}/", f"file://{lake}"):
            assert _names(folder, exclude) == ["a", "lake-2"]
            assert len(_refs(link, exclude)) == 2
    for elsewhere in (str(tmp_path / "lake"), "s3://bucket/lake"):
        assert len(_refs(folder, elsewhere)) == 3


def test_a_row_has_size_and_time_of_the_file(tmp_path: Path) -> None:
    path = _write(tmp_path / "a", b"123")
    os.utime(path, ns=(0, 1_600_000_000_123_456_789))
    [ref] = _refs(path)
    assert (ref.uri, ref.size, ref.etag) == (f"file://{path}", 3, "1600000000123456789")
    assert ref.last_modified is not None
    assert ref.last_modified.isoformat() == "2020-09-13T12:26:40.123456"


def test_the_scope_begins_all_uris(tmp_path: Path) -> None:
    path = _write(tmp_path / "a")
    assert open_store(f"{tmp_path}/").scope == open_store(f"file://{tmp_path}").scope == f"file://{tmp_path}/"
    assert open_store(str(path)).scope == f"file://{path}"


@given(st.binary(min_size=1).filter(lambda name: b"\0" not in name) | st.text("%25AFaf9", min_size=1).map(str.encode))
def test_every_name_has_one_uri_and_comes_back(name: bytes) -> None:
    path = "/" + os.fsdecode(name)
    uri = uri_of(path)
    assert uri.encode("utf-8").isascii() or not name.isascii()
    assert path_of(uri) == path


def test_an_undecodable_name_is_listed_and_opened(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/caf\xe9%E9", "wb") as file:
        file.write(b"x")
    [ref] = _refs(tmp_path)
    assert ref.uri.endswith("/caf%E9%25E9")
    assert open_object(ref).read() == b"x"


@pytest.mark.parametrize("source", ["nothing", "a\0b"])
def test_a_source_that_is_none_is_a_configuration_error(tmp_path: Path, source: str) -> None:
    with pytest.raises(ConfigurationError):
        open_store(str(tmp_path / source))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_said(tmp_path: Path) -> None:
    path = _write(tmp_path / "folder" / "a")
    [ref] = _refs(tmp_path)
    path.chmod(0)
    with pytest.raises(FileFault) as raised:
        open_object(ref)
    assert raised.value.code is FailureCode.ACCESS_DENIED
    path.parent.chmod(0)
    try:
        with pytest.raises(RunFailedError):
            _refs(tmp_path)
    finally:
        path.parent.chmod(0o700)


def test_a_file_that_changed_or_went_is_a_fault(tmp_path: Path) -> None:
    path = _write(tmp_path / "a", bytes(200_000))
    [ref] = _refs(path)
    with open_object(ref) as reader:
        assert len(reader.read(10)) == 10
        path.write_bytes(bytes(100_000))
        assert len(reader.read(10)) == 10  # what has been fetched was the listed file
        with pytest.raises(FileFault) as raised:
            reader.read()
    assert raised.value.code is FailureCode.OBJECT_CHANGED
    with pytest.raises(FileFault) as raised:
        open_object(ref)
    assert raised.value.code is FailureCode.OBJECT_CHANGED
    path.unlink()
    with pytest.raises(FileFault) as raised:
        open_object(ref)
    assert raised.value.code is FailureCode.NOT_FOUND
