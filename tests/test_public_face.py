"""``import dicom_udf``: light, lazy, and the same whatever was imported before."""

import doctest
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import dicom_udf

ROOT = Path(__file__).parents[1]
FUNCTIONS = ("ingest", "open_lake", "query", "read_header", "read_headers", "scan")
HEAVY = ("boto3", "duckdb", "pandas", "polars", "pyarrow", "pydicom", "pyspark")


def test_importing_the_package_loads_nothing_heavy():
    program = f"import dicom_udf, sys; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_scanning_and_reading_load_no_spark():
    program = (
        "import dicom_udf, sys; dicom_udf.scan('sample_dcm').read_all(); dicom_udf.read_header, dicom_udf.query; "
        "dicom_udf.open_lake; import dicom_udf.answers.engines, dicom_udf.answers.session; "
        "print('pyspark' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_a_public_name_is_the_function_also_when_every_module_was_imported():
    modules = [found.name for found in pkgutil.walk_packages(dicom_udf.__path__, "dicom_udf.")]
    assert len(modules) > 100
    for name in modules:
        importlib.import_module(name)
    for name in FUNCTIONS:
        assert callable(getattr(dicom_udf, name)), name
        assert getattr(dicom_udf, name).__name__ == name
    assert not set(FUNCTIONS) & {name.removeprefix("dicom_udf.") for name in modules}


def test_every_public_name_resolves_and_is_listed():
    assert set(dicom_udf.__all__) <= set(dir(dicom_udf))
    assert all(getattr(dicom_udf, name) is not None for name in dicom_udf.__all__)
    unknown = "nothing"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        getattr(dicom_udf, unknown)


def test_the_module_path_of_the_version_before_still_works():
    from dicom_udf.header import read_header

    assert read_header is dicom_udf.read_header


def failed_examples(function, **names) -> int:
    """Run the examples of a function's docstring, which print their failures; return how many failed."""
    [example] = [test for test in doctest.DocTestFinder(recurse=False).find(function) if test.examples]
    example.globs.update(names)
    return doctest.DocTestRunner().run(example).failed


@pytest.mark.parametrize("name", ["HeaderReader", "read_header", "scan"])
def test_the_example_of_a_function_is_true(name, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert failed_examples(getattr(dicom_udf, name)) == 0


@pytest.mark.spark
def test_the_examples_of_functions_that_need_a_lake_or_spark_are_true(spark, tmp_path, monkeypatch):
    (tmp_path / "sample_dcm").symlink_to(ROOT / "sample_dcm")
    monkeypatch.chdir(tmp_path)
    assert failed_examples(dicom_udf.ingest) == 0
    assert failed_examples(dicom_udf.query) == 0
    assert failed_examples(dicom_udf.open_lake) == 0
    assert failed_examples(dicom_udf.read_headers, spark=spark) == 0
    with pytest.raises(TypeError, match="nothing"):
        dicom_udf.query("SELECT 1", lake="lake", nothing=1)
