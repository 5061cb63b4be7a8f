"""Archives have the same bytes every time, and a platform's gaps are found from pins; no network here."""

from __future__ import annotations

import hashlib
import os
import tarfile
import time
import zipfile
from pathlib import Path

import pytest

from release.archives import Entry, read_wheel, write_tar_gz, write_zip
from release.make_dist import CONSTRAINTS, GLUE_BRINGS
from release.wheels import fetch_wheels, read_pins

ENTRIES = [
    Entry("folder/"),
    Entry("folder/b.txt", b"b" * 1000),
    Entry("folder/run", b"#!/bin/sh\n", is_executable=True),
    Entry("empty"),
]
LINKS = [Entry("bin/python", target="/usr/bin/python3.11")]


def make_wheel(folder: Path, name: str, *needs: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    reported = "".join(f"Requires-Dist: {need}\n" for need in needs)
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n{reported}\n".encode()
    info = f"{name}-1.0.dist-info"
    write_zip(path, [Entry(f"{info}/RECORD"), Entry(f"{info}/METADATA", metadata), Entry(f"{name}.py")])
    return path


@pytest.mark.parametrize(("write", "entries"), [(write_zip, ENTRIES), (write_tar_gz, ENTRIES[1:] + LINKS)])
def test_an_archive_has_the_same_bytes_at_another_time_and_place(write, entries, tmp_path, monkeypatch) -> None:
    digests = set()
    for day, zone in enumerate(("UTC", "Asia/Tokyo")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        monkeypatch.setattr(time, "time", lambda day=day: 1.7e9 + 86400 * day)
        path = tmp_path / f"{day}.archive"
        old = os.umask(0o077 * day)
        try:
            write(path, entries)
        finally:
            os.umask(old)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    monkeypatch.undo()
    time.tzset()
    assert len(digests) == 1


def test_a_zip_gives_back_what_went_in(tmp_path) -> None:
    write_zip(tmp_path / "x.zip", ENTRIES)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert archive.namelist() == [entry.name for entry in ENTRIES]
        assert [archive.read(entry.name) for entry in ENTRIES] == [entry.content for entry in ENTRIES]
        assert [archive.getinfo(entry.name).external_attr >> 16 for entry in ENTRIES] == [
            0o40755, 0o100644, 0o100755, 0o100644,
        ]  # fmt: skip


def test_a_tar_gives_back_what_went_in(tmp_path) -> None:
    write_tar_gz(tmp_path / "x.tar.gz", ENTRIES[1:] + LINKS)
    with tarfile.open(tmp_path / "x.tar.gz") as archive:
        members = archive.getmembers()
        assert [(m.name, m.mode, m.linkname) for m in members] == [
            ("folder/b.txt", 0o644, ""), ("folder/run", 0o755, ""), ("empty", 0o644, ""),
            ("bin/python", 0o777, "/usr/bin/python3.11"),
        ]  # fmt: skip
        assert archive.extractfile("folder/b.txt").read() == b"b" * 1000


def test_a_wheel_is_read_with_its_record_last(tmp_path) -> None:
    names = [entry.name for entry in read_wheel(make_wheel(tmp_path, "a"))]
    assert names == ["a.py", "a-1.0.dist-info/METADATA", "a-1.0.dist-info/RECORD"]


def test_what_the_platform_brings_is_not_fetched(tmp_path) -> None:
    wheel = make_wheel(tmp_path, "a", "pyarrow>=17", "colorama; sys_platform == 'win32'", "b; extra == 'dev'")
    assert fetch_wheels(wheel, tmp_path / "none", pins={"pyarrow": "1.0"}, brought={"pyarrow": "22.0.0"}) == []


@pytest.mark.parametrize(
    ("pins", "brought", "sentence"),
    [
        ({}, {}, "Typing_Extensions>=4.15.* has no pin"),
        ({"typing-extensions": "4.0"}, {}, "typing-extensions==4.0 is pinned"),
        ({"typing-extensions": "4.16"}, {"typing-extensions": "4.14"}, "typing-extensions==4.14 is pinned or brought"),
    ],
)
def test_a_version_that_does_not_suit_is_named(tmp_path, pins, brought, sentence) -> None:
    wheel = make_wheel(tmp_path, "a", "Typing_Extensions>=4.15; python_version < '3.12'")
    with pytest.raises(ValueError, match=sentence):
        fetch_wheels(wheel, tmp_path / "none", pins=pins, brought=brought)


def test_pins_are_read_by_canonical_names() -> None:
    assert read_pins(GLUE_BRINGS)["typing-extensions"] == "4.15.0"
    assert read_pins(CONSTRAINTS)["awsgluedataplanepython"] == "5.1.0"


def test_development_uses_the_versions_that_glue_brings_of_what_we_call() -> None:
    ours, glue = read_pins(CONSTRAINTS), read_pins(GLUE_BRINGS)
    names = ("boto3", "numpy", "pandas", "pyarrow")
    assert {name: ours[name] for name in names} == {name: glue[name] for name in names}
