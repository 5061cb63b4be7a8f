"""Jars are fetched by Spark's own resolver, from a repository on this disk, and its words stay out of a run."""

from __future__ import annotations

import logging
import os
import sys
import zipfile
from pathlib import Path

import pytest

from dicom_udf.environment import fetch_jars, fetching_error, open_jar_store, read_shell, use_fitting_spark

pytestmark = pytest.mark.spark

PACKAGE = "org.example:thing:1.0"

IVY_SETTINGS = """<ivysettings><settings defaultResolver="here"/><resolvers>
<ibiblio name="here" m2compatible="true" root="file://{}"/></resolvers></ivysettings>"""


def fetch(folder: Path) -> str:
    """Fetch the package into ``folder/ivy`` from the repository ``folder/repository``, and from nowhere else."""
    settings = folder / "ivysettings.xml"
    settings.write_text(IVY_SETTINGS.format(folder / "repository"))
    package, _ = use_fitting_spark(os.environ, sys.path)
    shell = read_shell(os.environ, package, conf_folder=str(folder / "none"))
    return fetch_jars([PACKAGE], folder / "ivy", {"spark.jars.ivySettings": str(settings)}, shell)


def test_a_jar_is_found_where_the_store_looks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    published = tmp_path / "repository" / "org" / "example" / "thing" / "1.0"
    published.mkdir(parents=True)
    (published / "thing-1.0.pom").write_text(
        "<project><modelVersion>4.0.0</modelVersion><groupId>org.example</groupId><artifactId>thing</artifactId>"
        "<version>1.0</version></project>"
    )
    with zipfile.ZipFile(published / "thing-1.0.jar", "w") as jar:
        jar.writestr("a", "")
    fetch(tmp_path)
    store = open_jar_store({"HOME": str(tmp_path)}, str(tmp_path), "ivy")
    assert store.find(PACKAGE) == tmp_path / "ivy" / "jars" / "org.example_thing-1.0.jar"
    assert capfd.readouterr() == ("", "")


def test_a_jar_that_is_missing_is_an_error_with_the_cause_and_the_remedy(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    words = fetch(tmp_path)
    with caplog.at_level(logging.ERROR, "dicom_udf.environment"):
        error = str(fetching_error([PACKAGE], tmp_path / "ivy", words))
    assert "UNRESOLVED DEPENDENCIES" in caplog.text, "the resolver's own words are in the log"
    assert error.startswith(f"{PACKAGE} can't be fetched from Maven Central (")
    assert "not found" in error.partition(")")[0]
    assert f"put org.example_thing-1.0.jar into {tmp_path / 'ivy' / 'jars'}" in error


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("\tHost repo1.maven.org not found. url=https://repo1", "Host repo1.maven.org not found"),
        ("[NOT FOUND  ]\nServer access error at url https://m/ (407)\n", "Server access error at url https://m/ (407)"),
        ("Exception in thread: java.io.IOException: No space left", "java.io.IOException: No space left"),
        ("nothing of use", None),
    ],
)
def test_the_cause_is_the_first_of_the_words_that_name_one(tmp_path: Path, words: str, cause: str | None) -> None:
    error = str(fetching_error([PACKAGE], tmp_path, words))
    assert ("Central (" in error) is (cause is not None)
    assert cause is None or f"({cause})" in error
