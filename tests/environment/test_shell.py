"""Variables of a shell and what a local Spark is started with instead: each line a shell, without Spark."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dicom_udf.environment import SparkPackage, is_local_run, read_shell
from dicom_udf.environment import shell as shell_module
from dicom_udf.environment.shell import _OTHER_SPARKS
from dicom_udf.errors import ConfigurationError

JAVA_17 = "#!/bin/sh\necho 'openjdk version \"17.0.1\"' >&2\n"


@pytest.fixture
def own(tmp_path: Path) -> SparkPackage:
    """A pyspark that came with its Spark."""
    return SparkPackage("3.5.6", str(make_spark(tmp_path / "own", "3.5.6")))


@pytest.fixture
def base(tmp_path: Path) -> dict[str, str]:
    """A shell that names nothing but a Java that fits."""
    java = tmp_path / "java" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text(JAVA_17)
    java.chmod(0o755)
    return {"JAVA_HOME": str(tmp_path / "java"), "PATH": ""}


def make_spark(home: Path, version: str) -> Path:
    (home / "jars").mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "jars" / f"spark-core_2.12-{version}.jar").touch()
    (home / "bin" / "spark-submit").touch()
    return home


def read(variables: dict[str, str], package: SparkPackage) -> shell_module.Shell:
    return read_shell(variables, package, conf_folder="/conf-of-ours")


def test_a_plain_shell_gives_no_notes_and_one_python(base, own):
    found = read(base, own)
    assert found.notes == ()
    assert found.variables["SPARK_HOME"] == own.home
    assert found.variables["PYSPARK_PYTHON"] == found.variables["PYSPARK_DRIVER_PYTHON"] == sys.executable
    assert found.variables["SPARK_CONF_DIR"] == "/conf-of-ours"
    assert found.variables["SPARK_LOCAL_DIRS"] == found.temporary
    assert found.user is None


OTHERS = [
    ({"PYSPARK_PYTHON": "/nowhere/python"}, "PYSPARK_PYTHON /nowhere/python left out: a local run uses"),
    ({"PYSPARK_DRIVER_PYTHON": "jupyter"}, "PYSPARK_DRIVER_PYTHON jupyter left out: a local run uses"),
    ({"SPARK_HOME": "/nowhere"}, "SPARK_HOME /nowhere holds no Spark: Spark 3.5.6 of {own} is used"),
    ({"SPARK_HOME": "{tmp}/spark33"}, "SPARK_HOME {tmp}/spark33 has Spark 3.3.1: Spark 3.5.6 of {own} is used"),
    ({"SPARK_HOME": "{tmp}/jars-only"}, "SPARK_HOME {tmp}/jars-only holds no Spark"),
    ({"SPARK_CONF_DIR": "{tmp}/conf"}, "spark-defaults.conf and spark-env.sh of {tmp}/conf left out: only spark.jars."),
    ({"SPARK_LOCAL_DIRS": "/proc/x"}, "/proc/x of SPARK_LOCAL_DIRS can't be written or is full:"),
    ({"TMPDIR": "/nowhere"}, "TMPDIR /nowhere can't be written:"),
    ({"JAVA_HOME": "/nowhere", "PATH": "{tmp}/java/bin"}, "JAVA_HOME /nowhere has no Java that starts, and Spark"),
    *(({name: "x"}, f"left out, because a local run needs none of them: {name}") for name in _OTHER_SPARKS),
]  # fmt: skip


@pytest.mark.parametrize(("variables", "note"), OTHERS, ids=["-".join(variables) for variables, _ in OTHERS])
def test_a_variable_meant_for_another_spark_gives_way_with_one_line(base, own, tmp_path, variables, note):
    make_spark(tmp_path / "spark33", "3.3.1")
    (tmp_path / "jars-only" / "jars").mkdir(parents=True)
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "spark-env.sh").touch()
    (tmp_path / "conf" / "spark-defaults.conf").write_text("spark.master yarn\n")
    places = {"tmp": tmp_path, "own": own.home}
    found = read({**base, **{name: value.format(**places) for name, value in variables.items()}}, own)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(note.format(**places))
    assert "\n" not in found.notes[0]
    assert found.variables["SPARK_HOME"] == own.home
    assert all(found.variables[name] is None for name in _OTHER_SPARKS)


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        (None, None),
        (" ", None),
        ("--driver-memory 8g", "--driver-memory 8g pyspark-shell"),
        ("pyspark-shell", "pyspark-shell"),
    ],
)
def test_arguments_for_spark_submit_end_as_pyspark_needs_them(base, own, arguments, given):
    variables = base if arguments is None else {**base, "PYSPARK_SUBMIT_ARGS": arguments}
    assert read(variables, own).variables["PYSPARK_SUBMIT_ARGS"] == given


@pytest.mark.parametrize(
    ("variables", "package", "message"),
    [
        ({"PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell"}, None, "PYSPARK_SUBMIT_ARGS has --master, and a local"),
        ({"PYSPARK_SUBMIT_ARGS": "--deploy-mode=cluster pyspark-shell"}, None, "PYSPARK_SUBMIT_ARGS has --deploy-mode"),
        ({"PYSPARK_SUBMIT_ARGS": "--name 'x pyspark-shell"}, None, "PYSPARK_SUBMIT_ARGS has an open quotation mark"),
        ({}, SparkPackage("3.5.6", None), "SPARK_HOME is not set, and pyspark 3.5.6 came without a Spark of its own"),
        ({"SPARK_HOME": "/nowhere"}, SparkPackage("3.5.6", None), "SPARK_HOME /nowhere holds no Spark, and pyspark"),
    ],
)
def test_a_shell_that_no_run_can_work_in_is_refused(base, own, variables, package, message):
    with pytest.raises(ConfigurationError, match=message):
        read({**base, **variables}, package or own)


def test_a_spark_of_the_same_version_is_the_shells_choice(base, own, tmp_path):
    named = make_spark(tmp_path / "named", "3.5.1")
    found = read({**base, "SPARK_HOME": str(named)}, own)
    assert (found.variables["SPARK_HOME"], found.notes) == (str(named), ())


def test_how_a_machine_fetches_jars_counts_whoever_says_so(base, own, tmp_path):
    lines = [
        "# of the hospital",
        "spark.jars.repositories = https://mirror.example/maven",
        "spark.jars.ivySettings: /etc/ivy.xml",
        f"spark.local.dir\t{tmp_path}",
        "",
    ]
    (tmp_path / "spark-defaults.conf").write_text("\n".join(lines))
    found = read({**base, "SPARK_CONF_DIR": str(tmp_path)}, own)
    assert found.settings == {
        "spark.jars.repositories": "https://mirror.example/maven",
        "spark.jars.ivySettings": "/etc/ivy.xml",
    }
    assert found.variables["SPARK_LOCAL_DIRS"] == str(tmp_path)
    assert found.notes == ()


def test_what_can_be_written_of_several_folders_to_spill_to_is_used(base, own, tmp_path):
    found = read({**base, "SPARK_LOCAL_DIRS": f"/proc/x,{tmp_path}/made"}, own)
    assert found.variables["SPARK_LOCAL_DIRS"] == f"{tmp_path}/made"
    assert found.notes == (f"/proc/x of SPARK_LOCAL_DIRS can't be written or is full: {tmp_path}/made is used",)


def test_a_user_without_a_name_gets_one(base, own, monkeypatch):
    monkeypatch.setattr(shell_module.os, "getuid", lambda: 54321)
    assert read(base, own).user == "54321"
    assert read({**base, "HADOOP_USER_NAME": "radiology"}, own).user == "radiology"


@pytest.mark.parametrize(
    ("variables", "master", "is_local"),
    [
        ({}, None, True),
        ({}, "local[4]", True),
        ({}, "yarn", False),
        ({}, "spark://host:7077", False),
        ({"PYSPARK_GATEWAY_PORT": "1"}, None, False),
        ({"PYSPARK_GATEWAY_PORT": "1"}, "local[2]", False),
    ],
)
def test_only_a_run_that_plain_python_starts_on_one_machine_is_local(variables, master, is_local):
    assert is_local_run(variables, master) is is_local


@pytest.mark.parametrize("master", [None, "local[2]"])
def test_below_a_platform_nothing_is_looked_at_or_changed(monkeypatch, master):
    monkeypatch.setenv("PYSPARK_GATEWAY_PORT", "1")
    monkeypatch.setenv("SPARK_HOME", "/nowhere")
    monkeypatch.setenv("JAVA_HOME", "/nowhere")
    before, path = dict(os.environ), list(sys.path)
    shell_module.check_shell(master)
    assert (dict(os.environ), sys.path) == (before, path)
