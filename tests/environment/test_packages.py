"""Which pyspark is imported: installed ones and those that PYTHONPATH brings."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from pathlib import Path

import pytest

from dicom_udf.environment import SparkPackage, check_packages, use_fitting_spark
from dicom_udf.errors import ConfigurationError


@pytest.fixture(autouse=True)
def as_if_none_was_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "pyspark", raising=False)


def make_pyspark(folder: Path, version: str, *, has_jars: bool = False) -> str:
    package = folder / "pyspark"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "version.py").write_text(f'__version__: str = "{version}"\n')
    if has_jars:
        (package / "jars").mkdir()
        (package / "jars" / f"spark-core_2.12-{version}.jar").touch()
    return str(folder)


@pytest.mark.parametrize("version", ["3.5.0", "3.5.6", "4.1.1"])
def test_one_that_fits_is_used_wherever_it_is(tmp_path, version):
    given = make_pyspark(tmp_path / "given", version)
    installed = make_pyspark(tmp_path / "installed", "3.5.6", has_jars=True)
    variables, path = {"PYTHONPATH": given}, [given, installed]
    assert use_fitting_spark(variables, path) == (SparkPackage(version, None), None)
    assert (variables, path) == ({"PYTHONPATH": given}, [given, installed])


@pytest.mark.parametrize("version", ["2.4.8", "3.3.0", "3.4.4", "3.50.1"])
def test_one_of_python_path_that_does_not_fit_is_left_out_with_its_py4j(tmp_path, version):
    given = make_pyspark(tmp_path / "given", version)
    installed = make_pyspark(tmp_path / "installed", "3.5.6", has_jars=True)
    (tmp_path / "lib").mkdir()
    with zipfile.ZipFile(tmp_path / "lib" / "py4j-src.zip", "w") as file:
        file.writestr("py4j/__init__.py", "")
    py4j, mine = str(tmp_path / "lib" / "py4j-src.zip"), str(tmp_path / "mine")
    variables = {"PYTHONPATH": os.pathsep.join((given, py4j, mine))}
    path = ["/script", given, py4j, mine, installed]
    package, note = use_fitting_spark(variables, path)
    assert package == SparkPackage("3.5.6", f"{installed}/pyspark")
    assert note == f"PYTHONPATH has pyspark {version}: {given}:{py4j} is left out, pyspark 3.5.6 is used"
    assert (variables, path) == ({"PYTHONPATH": mine}, ["/script", mine, installed])


def test_one_in_a_zip_has_a_version_too(tmp_path):
    with zipfile.ZipFile(tmp_path / "pyspark.zip", "w") as file:
        file.writestr("pyspark/__init__.py", "")
        file.writestr("pyspark/version.py", "__version__ = '3.5.2'\n")
    assert use_fitting_spark({}, [str(tmp_path / "pyspark.zip")]) == (SparkPackage("3.5.2", None), None)


def test_a_spark_that_was_unpacked_has_its_jars_above_its_python(tmp_path):
    given = make_pyspark(tmp_path / "spark" / "python", "3.5.2")
    (tmp_path / "spark" / "jars").mkdir()
    (tmp_path / "spark" / "jars" / "spark-core_2.12-3.5.2.jar").touch()
    assert use_fitting_spark({}, [given]) == (SparkPackage("3.5.2", str(tmp_path / "spark")), None)


@pytest.mark.parametrize(
    ("version", "message"),
    [
        (None, "pyspark isn't installed; unset PYTHONPATH, or pip install"),
        ("3.3.0", r"pyspark 3.3.0 is not a version of Spark 3.5 or 4 \(.*/__init__.py, by PYTHONPATH\)"),
    ],
)
def test_without_one_that_fits_a_run_is_refused(tmp_path, version, message):
    given = make_pyspark(tmp_path / "given", version) if version else str(tmp_path)
    with pytest.raises(ConfigurationError, match=message):
        use_fitting_spark({"PYTHONPATH": given}, [given])


def test_what_is_installed_here_can_be_used():
    importlib.import_module("pyspark")
    check_packages({})


@pytest.mark.parametrize(
    "text", ["x = 1", "raise RuntimeError('of something else')", "import a_module_that_is_not_there"]
)
def test_a_module_that_hides_a_package_is_named(tmp_path, monkeypatch, text):
    importlib.import_module("pyspark")
    (tmp_path / "obstore.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.partition(".")[0] == "obstore"]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ConfigurationError) as raised:
        check_packages({"PYTHONPATH": str(tmp_path)})
    assert f"the package obstore can't be used: {tmp_path}/obstore.py gives" in str(raised.value)
    assert f"PYTHONPATH is {tmp_path}, and comes before what is installed; unset PYTHONPATH" in str(raised.value)
