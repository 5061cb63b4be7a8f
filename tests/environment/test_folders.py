"""Folders for temporary files and jars: full, foreign and read-only ones. What only root can make skips without it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from dicom_udf.environment import folders, jars, open_jar_store
from dicom_udf.errors import ConfigurationError
from tests.shells import mounted

PACKAGE = "org.example:thing:1.0"
JAR = "org.example_thing-1.0.jar"


@pytest.fixture(autouse=True)
def look_anew(monkeypatch, tmp_path):
    """The module tempfile keeps what it found first, e.g. for ``tmp_path``."""
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("size=1m", "has 1 MiB free, and a run needs 32 MiB at least; make room, or set TMPDIR"),
        ("size=64m,noexec", "is mounted noexec, and Java loads its compressors from there; set TMPDIR"),
    ],
)
def test_a_disk_that_a_run_can_not_work_with_is_refused(tmp_path, monkeypatch, options, message):
    with mounted(tmp_path, options):
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        with pytest.raises(ConfigurationError) as raised:
            folders.temporary_folder(os.environ)
        assert str(raised.value).startswith(f"the folder for temporary files {tmp_path} {message}")


def test_without_any_folder_for_temporary_files_a_run_is_refused(monkeypatch):
    def fail():
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "gettempdir", fail)
    with pytest.raises(ConfigurationError, match=r"no folder for temporary files can be written .* set TMPDIR to"):
        folders.temporary_folder({})


def test_the_shells_choice_is_used_without_a_word(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", f"{tmp_path}/")
    assert folders.temporary_folder(os.environ) == (str(tmp_path), None)


def test_a_full_folder_to_spill_to_gives_way(tmp_path):
    with mounted(tmp_path, "size=1m"):
        used, note = folders.local_folders(str(tmp_path), "/elsewhere")
    assert used == "/elsewhere"
    assert note == f"{tmp_path} of SPARK_LOCAL_DIRS can't be written or is full: /elsewhere is used"


def home_with(folder: Path, content: bytes | None) -> str:
    (folder / ".ivy2" / "jars").mkdir(parents=True)
    if content is not None:
        (folder / ".ivy2" / "jars" / JAR).write_bytes(content)
    return str(folder)


def test_a_jar_that_was_fetched_is_found_in_the_shells_home(tmp_path):
    store = open_jar_store({"HOME": home_with(tmp_path / "home", b"jar")}, str(tmp_path), ".ivy2")
    assert store.find(PACKAGE) == tmp_path / "home" / ".ivy2" / "jars" / JAR
    assert store.find("org.example:other:1.0") is None
    assert store.fetching_folder() == (tmp_path / "home" / ".ivy2", None)


@pytest.mark.parametrize("home", [None, "/nonexistent", "", "?", "relative"])
def test_without_a_home_in_the_shell_that_of_the_list_of_users_counts(tmp_path, monkeypatch, home):
    class User:
        pw_dir = home_with(tmp_path / "listed", b"jar")

    monkeypatch.setattr(jars.pwd, "getpwuid", lambda _: User)
    store = open_jar_store({} if home is None else {"HOME": home}, str(tmp_path), ".ivy2")
    assert store.find(PACKAGE) == tmp_path / "listed" / ".ivy2" / "jars" / JAR


@pytest.fixture
def no_home(monkeypatch):
    def fail(_):
        raise KeyError("no name")

    monkeypatch.setattr(jars.pwd, "getpwuid", fail)


def test_without_any_home_jars_are_kept_where_only_this_user_can_put_them(tmp_path, no_home):
    store = open_jar_store({"HOME": "/proc"}, str(tmp_path), ".ivy2")
    folder, note = store.fetching_folder()
    assert folder == tmp_path / f"dicom-lake-{os.getuid()}"
    assert note == f"no home can be written: jars are kept in {folder}; set HOME to keep them longer"
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "jars").mkdir()
    (folder / "jars" / JAR).write_bytes(b"jar")
    assert open_jar_store({}, str(tmp_path), ".ivy2").find(PACKAGE) == folder / "jars" / JAR


@pytest.mark.parametrize("kind", ["open to others", "a link"])
def test_a_folder_that_others_can_put_jars_into_is_neither_read_nor_used(tmp_path, no_home, kind):
    beside = tmp_path / f"dicom-lake-{os.getuid()}"
    (tmp_path / "other" / "jars").mkdir(parents=True)
    (tmp_path / "other" / "jars" / JAR).write_bytes(b"jar")
    if kind == "a link":
        beside.symlink_to(tmp_path / "other")
    else:
        (tmp_path / "other").rename(beside)
        beside.chmod(0o777)
    store = open_jar_store({}, str(tmp_path), ".ivy2")
    assert store.find(PACKAGE) is None
    with pytest.raises(ConfigurationError, match="can be written by another user; set HOME to a folder that can be"):
        store.fetching_folder()
