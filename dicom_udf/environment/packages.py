"""Which pyspark a local run imports, which Spark belongs to it, and whether a module hides an installed package.

``PYTHONPATH`` comes before what is installed: that of a shell set up for another Spark brings its pyspark along. This
module must not import pyspark before it has looked.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from typing import cast

from dicom_udf.errors import ConfigurationError

__all__ = ["SparkPackage", "check_packages", "use_fitting_spark"]

_FITTING = re.compile(r"3\.5\.|4\.")
_REMEDY = "unset PYTHONPATH, or pip install 'dicom-lake[local]'"

# A package that every run imports, and what a module that only bears its name lacks.
_NEEDED = {
    "py4j.java_gateway": "JavaGateway",
    "pyspark.sql": "SparkSession",
    "pyarrow": "RecordBatch",
    "pandas": "DataFrame",
    "pydicom": "dcmread",
    "obstore": "get_range",
}


@dataclass(frozen=True, slots=True)
class SparkPackage:
    """The pyspark that this process imports.

    Attributes:
        version: E.g. ``3.5.6``.
        home: The folder of the Spark that it came with; None where it came alone.
    """

    version: str
    home: str | None


def use_fitting_spark(variables: MutableMapping[str, str], path: list[str]) -> tuple[SparkPackage, str | None]:
    """Return the pyspark to import, and a sentence for the log where folders of ``PYTHONPATH`` had to be left out.

    Args:
        variables: The environment; these folders are removed from its ``PYTHONPATH``.
        path: ``sys.path``; they are taken out of it, too.

    Raises:
        ConfigurationError: No pyspark that fits is installed.
    """
    found = _package(path)
    if found is not None and _FITTING.match(found.version):
        return found, None
    given = [entry for entry in variables.get("PYTHONPATH", "").split(os.pathsep) if entry]
    left_out = [entry for entry in given if _holds_spark(entry)]
    rest = [entry for entry in path if os.path.abspath(entry) not in map(os.path.abspath, left_out)]
    other = _package(rest) if left_out and "pyspark" not in sys.modules else None
    if other is None or not _FITTING.match(other.version):
        what = (
            "pyspark isn't installed"
            if found is None
            else f"pyspark {found.version} is not a version of Spark 3.5 or 4"
        )
        raise ConfigurationError(f"{what}{_where(path, given)}; {_REMEDY}")
    path[:] = rest
    variables["PYTHONPATH"] = os.pathsep.join(entry for entry in given if entry not in left_out)
    was = f"pyspark {found.version}" if found else "parts of another pyspark"
    return other, f"PYTHONPATH has {was}: {os.pathsep.join(left_out)} is left out, pyspark {other.version} is used"


def check_packages(variables: MutableMapping[str, str]) -> None:
    """Import what every run needs.

    Raises:
        ConfigurationError: A package is missing, broken or hidden by a module of its name.
    """
    for name, attribute in _NEEDED.items():
        package = name.partition(".")[0]
        try:
            getattr(importlib.import_module(name), attribute)
        except Exception as error:  # whatever a module does that isn't the package
            spec = _spec(package, sys.path)
            place = getattr(sys.modules.get(package), "__file__", None) or (spec.origin if spec else None)
            if place is None:
                raise ConfigurationError(f"the package {package} isn't installed; {_REMEDY}") from None
            given = variables.get("PYTHONPATH")
            cause = f"; PYTHONPATH is {given}, and comes before what is installed" if given else ""
            raise ConfigurationError(
                f"the package {package} can't be used: {place} gives {type(error).__name__}{cause}; {_REMEDY}"
            ) from error


def _package(path: Sequence[str]) -> SparkPackage | None:
    spec = _spec("pyspark", path)
    if spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent
    try:
        # Also out of a zip, which PYTHONPATH may name.
        text = cast(bytes, getattr(spec.loader, "get_data")(str(folder / "version.py")))  # noqa: B009
    except (OSError, AttributeError):
        return SparkPackage("of an unknown version", None)
    found = re.search(rb"""__version__[^=]*=\s*["']([^"']+)""", text)
    homes = (folder / "spark-distribution", folder, folder.parent.parent)
    home = next((str(home) for home in homes if any(home.glob("jars/spark-core_*.jar"))), None)
    return SparkPackage(found[1].decode() if found else "of an unknown version", home)


def _spec(name: str, path: Sequence[str]) -> ModuleSpec | None:
    try:
        # Packages installed in editable mode are found by finders of their own.
        return PathFinder.find_spec(name, list(path)) or (importlib.util.find_spec(name) if path is sys.path else None)
    except (ImportError, ValueError):
        return None


def _holds_spark(entry: str) -> bool:
    return any(PathFinder.find_spec(name, [entry]) is not None for name in ("pyspark", "py4j"))


def _where(path: Sequence[str], given: Sequence[str]) -> str:
    spec = _spec("pyspark", path)
    is_given = spec is not None and spec.origin is not None and any(spec.origin.startswith(entry) for entry in given)
    return f" ({spec.origin}, by PYTHONPATH)" if is_given and spec is not None else ""
