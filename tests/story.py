"""The whole story on local servers: a bucket, a queue that it notifies, a lake in S3, and what is asked of it.

Whoever has another engine asks it the same questions: each is SQL on bare names that all of them understand.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_udf.config import IngestConfig
from dicom_udf.pipeline import ingest
from dicom_udf.report import Report
from tests.servers.events import TestQueue, make_queue
from tests.servers.s3 import S3Server

__all__ = ["AFTER", "BEFORE", "CHANGED", "OBJECTS", "QUESTIONS", "Story", "wrong"]

LOOSE, ZIPS, CUT, EMPTY, TEXT = 220, 60, 10, 5, 5
OBJECTS = LOOSE + ZIPS + CUT + EMPTY + TEXT
CHANGED = 2
"""Objects that the second act replaces or deletes: one each."""

_REPLACED, _DELETED = "loose/studies of 2024/000.dcm", "zipped/00.zip"

QUESTIONS = {
    "rows": "SELECT count(*) FROM instances",
    "objects": "SELECT count(*), sum(instances), sum(failures) FROM objects",
    "failures": "SELECT code, severity, count(*) FROM failures GROUP BY 1, 2 ORDER BY 1",
    "identities": "SELECT count(DISTINCT sop_instance_uid), count(DISTINCT series_instance_uid) FROM instances",
    "members": "SELECT count(source_member), count(DISTINCT source_uri) FROM instances",
    "the replaced one": f"""SELECT cast(study_date AS varchar), modality, slice_thickness FROM instances
        WHERE source_uri = 's3://source/{_REPLACED}'""",
    "the deleted one": f"SELECT count(*) FROM instances WHERE source_uri = 's3://source/{_DELETED}'",
    "one date": "SELECT count(*) FROM instances WHERE study_date = DATE '2024-03-01' AND modality = 'CT'",
}
BEFORE = {
    "rows": [(340,)],
    "objects": [(300, 340, 80)],
    "failures": [("EMPTY_OBJECT", "fault", 5), ("NOT_DICOM", "skipped", 65), ("TRUNCATED", "fault", 10)],
    "identities": [(340, 17)],
    "members": [(120, 280)],
    "the replaced one": [("2024-03-01", "CT", 5.0)],
    "the deleted one": [(2,)],
    "one date": [(20,)],
}
AFTER = BEFORE | {
    "rows": [(338,)],
    "objects": [(299, 338, 79)],
    "failures": [("EMPTY_OBJECT", "fault", 5), ("NOT_DICOM", "skipped", 64), ("TRUNCATED", "fault", 10)],
    "identities": [(338, 18)],
    "members": [(118, 279)],
    "the replaced one": [("2025-12-31", "CT", 2.5)],
    "the deleted one": [(0,)],
    "one date": [(19,)],
}

Ask = Callable[[str], Iterable[tuple[Any, ...]]]


@dataclass(frozen=True)
class Story:
    """Servers and settings.

    Attributes:
        s3: Client of the server that has the buckets ``source`` and ``lake``.
        queue: What ``source`` notifies.
        config: Of the job.
    """

    s3: Any
    queue: TestQueue
    config: IngestConfig

    @classmethod
    def begin(cls, server: S3Server) -> Story:
        """Make buckets and queue on a server of moto, which notifies and keeps the catalog too."""
        s3 = server.client(max_pool_connections=16)
        for bucket in ("source", "lake"):
            s3.create_bucket(Bucket=bucket)
        queue = make_queue(server, "events")
        queue.listen(s3, "source")
        config = IngestConfig(
            queue=queue.url,
            lake="s3://lake/dicom",
            catalog="glue",
            s3_endpoint=server.endpoint,
            s3_region=server.region,
            aws_endpoint=server.endpoint,
        )
        return cls(s3, queue, config)

    def upload(self) -> None:
        """First act: all objects."""
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda item: self.s3.put_object(Bucket="source", Key=item[0], Body=item[1]), _content().items()
                )
            )

    def change(self) -> None:
        """Second act: one object is replaced, one deleted."""
        self.s3.put_object(Bucket="source", Key=_REPLACED, Body=_instance(0, "20251231", "2.5", series=99))
        self.s3.delete_object(Bucket="source", Key=_DELETED)

    def run(self) -> Report:
        """Run the job."""
        return ingest(self.config)


def wrong(ask: Ask, answers: dict[str, list[tuple[Any, ...]]]) -> dict[str, Any]:
    """Return the questions that are answered otherwise, with the answers; empty where all is well."""
    found = {name: [tuple(row) for row in ask(QUESTIONS[name])] for name in answers}
    return {name: rows for name, rows in found.items() if rows != answers[name]}


@cache
def _content() -> dict[str, bytes]:
    content = {f"loose/studies of 2024/{n:03}.dcm": _instance(n) for n in range(LOOSE)}
    content |= {f"zipped/{n:02}.zip": _zip(n) for n in range(ZIPS)}
    content |= {f"broken/cut+{n}.dcm": _instance(0)[:200] for n in range(CUT)}
    content |= {f"broken/empty {n}": b"" for n in range(EMPTY)}
    return content | {f"broken/é {n}.txt": b"no header" * 50 for n in range(TEXT)}


def _zip(number: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in range(2):
            archive.writestr(f"slices/{one}.dcm", _instance(LOOSE + 2 * number + one))
        archive.writestr("readme.txt", "no header")
    return out.getvalue()


def _instance(number: int, date: str | None = None, thickness: str = "5", *, series: int | None = None) -> bytes:
    """An instance of a series of twenty; each series has a day of its own."""
    dataset, out = dcmread(get_testdata_file("CT_small.dcm")), io.BytesIO()
    series = number // 20 if series is None else series
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{series}.{number}"
    dataset.SeriesInstanceUID, dataset.StudyInstanceUID = f"1.2.3.{series}", f"1.2.4.{series}"
    dataset.StudyDate, dataset.SliceThickness = date or f"202403{series + 1:02}", thickness
    dataset.save_as(out)
    return out.getvalue()
