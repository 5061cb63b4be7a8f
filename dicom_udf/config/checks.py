"""Checks that the source, the lake and the place of the report can be used, before anything is written."""

from __future__ import annotations

import os
import re
from pathlib import Path

from dicom_udf.config.ingest_settings import IngestConfig
from dicom_udf.config.lake_location import LakeLocation
from dicom_udf.errors import ConfigurationError

__all__ = ["check_catalog", "check_ingest", "check_lake", "check_new_lake", "current_version", "is_lake"]

_TABLES_OF_EVERY_LAKE = ("instances", "failures", "objects")
"""The tables by which a local lake is detected; :mod:`dicom_udf.lake.layout` declares all tables."""

_SOURCES = ("source", "manifest", "inventory", "queue")


def is_lake(lake: Path | str, database: str) -> bool:
    """Return True for a local folder with at least one table of ``database``: a run may have died before the third."""
    return any((Path(lake) / database / table / "metadata").is_dir() for table in _TABLES_OF_EVERY_LAKE)


def current_version(table: Path) -> int | None:
    """Return the number of a Hadoop-catalog table's newest metadata file; None where there is no table.

    A commit is the appearance of ``v<n>.metadata.json``. ``version-hint.text`` follows by being deleted and renamed, so
    it may be missing or old for a moment, and for good when a writer died there.
    """
    versions = [re.fullmatch(r"v([0-9]+)\.metadata\.json", file.name) for file in (table / "metadata").glob("v*.json")]
    return max((int(version[1]) for version in versions if version), default=None)


def check_ingest(config: IngestConfig) -> None:
    """Check that a run can begin: the source exists, the lake exists or can be made, the report can be written.

    The run itself checks what is in S3.

    Raises:
        ConfigurationError: With the argument and the remedy.
    """
    location = config.location
    check_catalog(location)
    _check_one_source(config)
    is_local_source = config.source is not None and not config.source.startswith("s3://")
    if config.source is not None and is_local_source:
        _check_source(Path(config.source))
    check_new_lake(location)
    if config.source is not None and is_local_source is not location.is_glue:
        _check_apart(config.source, location)
    if config.report is not None:
        _check_report(Path(config.report))


def check_catalog(location: LakeLocation) -> None:
    """Check that a lake's location and its catalog fit.

    Raises:
        ConfigurationError: They don't, or some reader would not accept the lake's prefix unquoted.
    """
    is_s3 = location.root.startswith("s3://")
    if is_s3 and not location.is_glue:
        raise ConfigurationError(
            f"a lake in S3 needs AWS Glue to keep its tables; add --catalog glue for {location.root}"
        )
    if location.is_glue and not is_s3:
        raise ConfigurationError(
            f"--catalog glue needs a lake in S3, and {location.root} is a local folder; give --lake s3://bucket/prefix"
        )
    if location.kms_key is not None and not is_s3:
        raise ConfigurationError(f"--kms-key is for lakes in S3, and {location.root} is a local folder; leave it out")
    if is_s3 and not re.fullmatch(r"([A-Za-z0-9_=+@-][A-Za-z0-9._=+@-]*/)*", location.prefix):
        raise ConfigurationError(
            f"the prefix of the lake {location.root} can't be used; give names of letters, digits and '._=+@-' between "
            "single slashes"
        )


def check_new_lake(location: LakeLocation) -> None:
    """Check that a lake exists or can be made. For a lake in S3 only the name is checked.

    Raises:
        ConfigurationError: With the argument and the remedy.
    """
    check_catalog(location)
    if not location.is_glue:
        _check_is_text(location.root)
        _check_folder_of_lake(Path(location.root), location.database)


def check_lake(location: LakeLocation) -> None:
    """Check that a local lake exists; one in S3 is checked when it is opened.

    Raises:
        ConfigurationError: It doesn't. The message names the databases that a local folder has instead.
    """
    check_catalog(location)
    if location.is_glue:
        return
    _check_is_text(location.root)
    lake, database, folder = location.root, location.database, Path(location.root)
    if not folder.exists():
        raise ConfigurationError(f"there is no lake at {lake}; 'dicom-lake ingest SOURCE --lake {lake}' makes one")
    if not folder.is_dir():
        raise ConfigurationError(f"{lake} is a file, a lake is a folder; give the folder of --lake at the ingest")
    if is_lake(folder, database):
        return
    others = _databases(folder)
    if others:
        raise ConfigurationError(
            f"the lake {lake} has no database {database!r}; give --database one of: {', '.join(others)}"
        )
    raise ConfigurationError(
        f"{lake} is not a lake: it has no tables of database {database!r}; give the folder of --lake at the ingest"
    )


def _check_is_text(lake: str) -> None:
    """Check that a lake's path is text: Java and Iceberg's metadata can't hold other bytes."""
    try:
        lake.encode()
    except UnicodeEncodeError:
        shown = os.fsencode(lake).decode(errors="backslashreplace")
        raise ConfigurationError(
            f"the lake's path {shown} isn't UTF-8 text in this process; give another one, or set PYTHONUTF8=1"
        ) from None


def _check_one_source(config: IngestConfig) -> None:
    given = [name for name in _SOURCES if getattr(config, name) is not None]
    if len(given) != 1:
        names = " and ".join(f"--{name}" for name in given) or "none"
        raise ConfigurationError(f"give one of --source, --manifest, --inventory and --queue; given: {names}")
    if config.queue is not None and config.queue == config.error_queue:
        raise ConfigurationError("--queue and --error-queue are the same; faults would come back as messages")


def _check_source(source: Path) -> None:
    if not source.exists():
        raise ConfigurationError(f"the source {source} doesn't exist; give a folder or a file")
    if not (source.is_dir() or source.is_file()):
        raise ConfigurationError(f"the source {source} is neither a folder nor a regular file; give one of these")
    if not os.access(source, os.R_OK | (os.X_OK if source.is_dir() else 0)):
        raise ConfigurationError(f"this user can't read the source {source}; grant read permission")


def _check_folder_of_lake(lake: Path, database: str) -> None:
    if lake.exists() and not lake.is_dir():
        raise ConfigurationError(f"the lake {lake} is a file; give a folder, which is made if it is missing")
    if not lake.exists():
        folder = next(parent for parent in lake.parents if parent.exists())
        if not folder.is_dir():
            raise ConfigurationError(f"the lake {lake} can't be made because {folder} is a file; give another folder")
    elif not (is_lake(lake, database) or _databases(lake)) and any(map(_is_foreign, lake.iterdir())):
        raise ConfigurationError(
            f"the folder {lake} has content but is not a lake; give an empty folder, a new one, or a lake"
        )
    else:
        folder = lake
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigurationError(f"this user can't write in {folder}; grant write permission")


def _check_apart(source: str, location: LakeLocation) -> None:
    # The other way round is fine: a lake inside the source is left out of the listing.
    if location.is_glue:
        is_inside = f"{source.rstrip('/')}/".startswith(f"{location.root}/")
    else:
        is_inside = Path(source).resolve().is_relative_to(Path(location.root).resolve())
    if is_inside:
        raise ConfigurationError(
            f"the source {source} lies in the lake {location.root}; give a lake apart from the source"
        )


def _check_report(report: Path) -> None:
    if report.is_dir():
        raise ConfigurationError(f"the report {report} is a folder; give the name of a file")
    if not report.parent.is_dir():
        raise ConfigurationError(f"the folder of the report {report} doesn't exist; make it first")
    if not os.access(report.parent, os.W_OK | os.X_OK):
        raise ConfigurationError(f"this user can't write the report {report}; grant write permission")


def _databases(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and is_lake(folder, entry.name))


def _is_foreign(entry: Path) -> bool:
    """Return True for an entry that is not left by a run that died before its first table."""
    if entry.name.startswith(".") or entry.name == "_ingest":
        return False
    return not entry.is_dir() or any(entry.iterdir())
