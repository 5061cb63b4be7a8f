"""The archive of Java's classes: it is used, written or left alone, and never in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dicom_udf.environment import class_archive
from dicom_udf.environment.class_archive import archive_options

HEADER = bytes.fromhex("a8bb0bf0")


@pytest.fixture
def options(tmp_path):
    """Return a function that returns the options in a home with a Java, a Spark and a jar."""
    java, spark, jar = tmp_path / "java", tmp_path / "spark", tmp_path / "iceberg.jar"
    (java / "bin").mkdir(parents=True)
    (java / "bin" / "java").touch()
    (spark / "jars").mkdir(parents=True)
    jar.touch()
    home = tmp_path / "home"
    home.mkdir()
    return lambda **variables: archive_options({"HOME": str(home), **variables}, str(java), str(spark), [str(jar)])


@pytest.fixture(autouse=True)
def room(monkeypatch):
    monkeypatch.setattr(class_archive, "LEAST_SPACE", 0)


def archive_of(text: str) -> Path:
    return Path(text.rpartition("=")[2])


def test_the_first_run_writes_the_archive_and_the_next_ones_use_it(options, tmp_path):
    first = options()
    assert first.startswith("-Xlog:disable -XX:ArchiveClassesAtExit=")
    archive = archive_of(first)
    assert archive.parent == tmp_path / "home" / ".cache" / "dicom-lake"
    archive.write_bytes(HEADER)
    assert options() == f"-Xlog:disable -XX:SharedArchiveFile={archive}"


@pytest.mark.parametrize("changed", ["java/bin/java", "spark/jars", "iceberg.jar"])
def test_another_java_spark_or_jar_has_another_archive(options, tmp_path, changed):
    archive_of(options()).write_bytes(HEADER)
    os.utime(tmp_path / changed, ns=(1, 1))
    assert "ArchiveClassesAtExit" in options()


def test_an_archive_that_a_java_is_writing_is_left_alone_and_one_that_it_left_is_written_again(options):
    archive = archive_of(options())
    archive.write_bytes(bytes(4096))
    assert options() == ""
    os.utime(archive, (1, 1))
    assert "ArchiveClassesAtExit" in options()


@pytest.mark.parametrize("own", ["-XX:SharedArchiveFile=/x", "-Xshare:off", "-Xlog:gc"])
@pytest.mark.parametrize("name", ["SPARK_SUBMIT_OPTS", "JAVA_TOOL_OPTIONS"])
def test_options_of_the_shell_stay(options, name, own):
    assert options(**{name: f"-Dx=y {own}"}) == ""
    assert options(**{name: "-Dx=y"})


def test_without_a_place_that_is_the_users_own_there_is_no_archive(options, tmp_path, monkeypatch):
    assert options(HOME="/nowhere") == options(HOME="") == options(HOME="x") == ""
    assert str(tmp_path / "cache") in options(XDG_CACHE_HOME=str(tmp_path / "cache"))
    (tmp_path / "cache" / "dicom-lake").chmod(0o777)
    assert options(XDG_CACHE_HOME=str(tmp_path / "cache")) == ""
    monkeypatch.setattr(class_archive, "LEAST_SPACE", 1 << 60)
    assert options() == ""
    assert archive_options({"HOME": str(tmp_path)}, "/no/java", "/no/spark", []) == ""


@pytest.mark.parametrize("content", [None, b"", bytes(8192), HEADER + bytes(8192), b"text" * 4096])
def test_java_starts_without_a_word_on_any_archive(tmp_path, content):
    archive = tmp_path / "classes.jsa"
    if content is not None:
        archive.write_bytes(content)
    java = shutil.which("java")
    if java is None:
        pytest.skip("no Java on the PATH")
    plain = subprocess.run([java, "-version"], capture_output=True, check=True)
    used = subprocess.run(
        [java, "-Xlog:disable", f"-XX:SharedArchiveFile={archive}", "-version"], capture_output=True, check=False
    )
    assert (used.returncode, used.stdout) == (0, b"")
    assert used.stderr.splitlines()[0] == plain.stderr.splitlines()[0]
