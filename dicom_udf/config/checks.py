"""Whether a source, a lake and a report's place can be used, asked before anything is written."""

from __future__ import annotations

import os
from pathlib import Path

from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.errors import ConfigurationError

__all__ = ["TABLES", "VIEWS", "check_ingest", "check_lake", "is_lake"]

TABLES = ("instances", "failures", "objects")
"""The tables of a lake (DESIGN §3), in the order in which a batch is committed."""

VIEWS = ("unique_instances", "series", "studies")
"""The views over them, defined in :mod:`dicom_udf.columns.views`."""


def is_lake(lake: Path | str, database: str) -> bool:
    """Tell whether a local folder holds at least one table of ``database`` (a run may have died before the third)."""
    return any((Path(lake) / database / table / "metadata").is_dir() for table in TABLES)


def check_ingest(config: IngestConfig) -> None:
    """Check that a run can begin: the source is there, the lake is one or can become one, the report can be written.

    Raises:
        ConfigurationError: With the argument and the remedy.
    """
    if config.catalog == "glue":
        raise ConfigurationError("--catalog glue is not supported by this version; use --catalog hadoop")
    _refuse_s3("lake", config.lake)
    _check_one_origin(config)
    lake = Path(config.lake)
    if config.source is not None and not config.source.startswith("s3://"):
        _check_source(Path(config.source))
    _check_place_of_lake(lake, config.database)
    if config.source is not None and not config.source.startswith("s3://"):
        _check_apart(Path(config.source), lake)
    if config.report is not None:
        _check_report(Path(config.report))


def check_lake(lake: str, database: str) -> None:
    """Check that a local lake is there to be read.

    Raises:
        ConfigurationError: It isn't; names the databases that the folder has instead.
    """
    _refuse_s3("lake", lake)
    folder = Path(lake)
    if not folder.exists():
        raise ConfigurationError(f"there is no lake at {lake}; 'dicom-lake ingest SOURCE --lake {lake}' makes one")
    if not folder.is_dir():
        raise ConfigurationError(f"{lake} is a file, a lake is a folder; give the folder that ingest was given")
    if is_lake(folder, database):
        return
    others = _databases(folder)
    if others:
        raise ConfigurationError(
            f"the lake {lake} has no database {database!r}; give --database one of: {', '.join(others)}"
        )
    raise ConfigurationError(
        f"{lake} is no lake: it has no tables of database {database!r}; give the folder that ingest was given"
    )


def _refuse_s3(argument: str, location: str) -> None:
    if location.startswith("s3://"):
        raise ConfigurationError(f"the {argument} can't be an s3:// URL in this version; give a local folder")


def _check_one_origin(config: IngestConfig) -> None:
    given = [name for name in ("source", "manifest", "inventory") if getattr(config, name) is not None]
    if len(given) != 1:
        told = "none" if not given else " and ".join(f"--{name}" for name in given)
        raise ConfigurationError(f"give one of --source, --manifest and --inventory; given: {told}")


def _check_source(source: Path) -> None:
    if not source.exists():
        raise ConfigurationError(f"the source {source} doesn't exist; give a folder or a file")
    if not (source.is_dir() or source.is_file()):
        raise ConfigurationError(f"the source {source} is neither a folder nor a regular file; give one of these")
    if not os.access(source, os.R_OK | (os.X_OK if source.is_dir() else 0)):
        raise ConfigurationError(f"the source {source} can't be read by this user; grant it read permission")


def _check_place_of_lake(lake: Path, database: str) -> None:
    if lake.exists() and not lake.is_dir():
        raise ConfigurationError(f"the lake {lake} is a file; give a folder, which is made if it is missing")
    if not lake.exists():
        place = next(parent for parent in lake.parents if parent.exists())
        if not place.is_dir():
            raise ConfigurationError(f"the lake {lake} can't be made because {place} is a file; give another folder")
    elif not (is_lake(lake, database) or _databases(lake)) and any(map(_is_foreign, lake.iterdir())):
        raise ConfigurationError(
            f"the folder {lake} has content but is no lake; give an empty folder, a new one, or a lake"
        )
    else:
        place = lake
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigurationError(f"nothing can be written in {place} by this user; grant it write permission")


def _check_apart(source: Path, lake: Path) -> None:
    # The other way round is fine: a lake inside the source is left out of the listing.
    source, lake = source.resolve(), lake.resolve()
    if source.is_relative_to(lake):
        raise ConfigurationError(f"the source {source} lies in the lake {lake}; give a lake apart from the source")


def _check_report(report: Path) -> None:
    if report.is_dir():
        raise ConfigurationError(f"the report {report} is a folder; give the name of a file")
    if not report.parent.is_dir():
        raise ConfigurationError(f"the folder of the report {report} doesn't exist; make it first")
    if not os.access(report.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(f"the report {report} can't be written by this user; grant it write permission")


def _databases(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and is_lake(folder, entry.name))


def _is_foreign(entry: Path) -> bool:
    """True for what neither an empty folder nor a run that died before its first table leaves behind."""
    if entry.name.startswith(".") or entry.name == "_ingest":
        return False
    return not entry.is_dir() or any(entry.iterdir())
