"""The job killed while it drains a queue, then run again: nothing lost, nothing doubled, the queue empty."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_udf.answers.inspection import verify_lake
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.pipeline import ingest
from dicom_udf.sources import queue as sources_queue
from tests.lake.killed_drain import DELETED_AMID, POINTS
from tests.lake.test_crashes import TABLES, rows
from tests.servers.events import make_queue
from tests.servers.s3 import moto_server

pytestmark = [pytest.mark.spark, pytest.mark.crash]

ROOT = Path(__file__).parents[2]
NEW = 36


def instance(number: int) -> bytes:
    dataset, out = dcmread(get_testdata_file("CT_small.dcm")), io.BytesIO()
    dataset.SOPInstanceUID, dataset.StudyDate = f"1.2.3.{number}", f"2024010{number % 3 + 1}"
    dataset.save_as(out)
    return out.getvalue()


BEFORE = {f"{number}.dcm": instance(number) for number in range(8)} | {"notes.txt": b"no header" * 20}
AFTER = {key: body for key, body in BEFORE.items() if key != "2.dcm"}
AFTER |= {"0.dcm": instance(20), "1.dcm": b"now text" * 20}
AFTER |= {f"{number}.dcm": instance(number) for number in range(30, 30 + NEW)}
MESSAGES = 2 + 1 + NEW


class Work:
    """A bucket that notifies a queue, and a lake that is put back to one run on the bucket as it was first."""

    def __init__(self, server: Any, folder: Path) -> None:
        self.server, self.lake, self.saved = server, folder / "lake", folder / "saved"
        self.s3 = server.client()
        self.s3.create_bucket(Bucket="source")
        self.queue = make_queue(server, "events")
        self.queue.listen(self.s3, "source")
        self._put(BEFORE)
        self.run()
        shutil.copytree(self.lake, self.saved)

    def restore_and_change(self) -> None:
        """Put everything back, then have the queue reported of the change."""
        shutil.rmtree(self.lake)
        shutil.copytree(self.saved, self.lake)
        self._put(BEFORE)
        self.queue.take()
        self._put(AFTER)
        assert self.queue.count() == (MESSAGES, 0)

    def run(self) -> Any:
        where = {"s3_endpoint": self.server.endpoint, "aws_endpoint": self.server.endpoint}
        return ingest(IngestConfig(queue=self.queue.url, lake=str(self.lake), **where))

    def wait(self) -> int:
        """Wait until the messages of a dead run are back; return how many there are."""
        until = time.monotonic() + 60
        while self.queue.count()[1]:
            assert time.monotonic() < until
            time.sleep(0.2)
        return self.queue.count()[0]

    def _put(self, content: dict[str, bytes]) -> None:
        listed = {e["Key"]: e["Size"] for e in self.s3.list_objects_v2(Bucket="source").get("Contents", [])}
        for key in listed.keys() - content.keys():
            self.s3.delete_object(Bucket="source", Key=key)
        for key, body in content.items():
            if key not in listed or self.s3.get_object(Bucket="source", Key=key)["Body"].read() != body:
                self.s3.put_object(Bucket="source", Key=key, Body=body)


@pytest.fixture(scope="module")
def work(spark, tmp_path_factory):
    with moto_server() as server, pytest.MonkeyPatch.context() as patch:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        patch.setattr(sources_queue, "_THREADS", 1)  # moto gives a message to two who ask at once
        yield Work(server, tmp_path_factory.mktemp("drain"))


@pytest.fixture(scope="module")
def expected(work):
    """The rows of a lake whose run nobody killed."""
    work.restore_and_change()
    report = work.run()
    assert (report.messages, report.objects_deleted, report.objects_changed, report.objects_new) == (
        MESSAGES,
        1,
        2,
        NEW,
    )
    return {table: rows(work.lake, table) for table in TABLES}


@pytest.mark.parametrize("point", POINTS)
def test_a_drain_killed_anywhere_is_finished_by_the_next(work, expected, point) -> None:
    work.restore_and_change()
    killed = subprocess.run(
        [sys.executable, "-m", "tests.lake.killed_drain", point]
        + [work.queue.url, str(work.lake), work.server.endpoint],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | work.server.environment,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr[-2000:]
    number, deleting = list(POINTS).index(point), list(POINTS).index("while messages are deleted")
    left = work.wait()
    if number < deleting:
        assert left == MESSAGES
    elif number == deleting:
        assert left == MESSAGES - DELETED_AMID
    elif point.startswith("all deleted"):
        assert left == 0
    report = work.run()
    for table in TABLES:
        assert rows(work.lake, table) == expected[table], table
    assert (report.messages, work.queue.count()) == (left, (0, 0))
    if number >= list(POINTS).index("all staged, nothing deleted"):
        assert report.objects_read == 0, "what is staged is committed without opening a source again"
    assert verify_lake(LakeLocation(str(work.lake))).broken == ()
    if number % 3 == 0:  # at the others the ledger's rows are compared
        again = work.run()
        assert (again.messages, again.objects_listed, again.objects_read) == (0, 0, 0)
