"""Random histories of a source, held against a plain dict of what is in it."""

from __future__ import annotations

import contextlib
import io
import os
import random
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_udf import pipeline
from dicom_udf.answers.local import run_query
from dicom_udf.config import IngestConfig, LakeLocation
from dicom_udf.lake import publish
from dicom_udf.pipeline import ingest

pytestmark = [pytest.mark.spark, pytest.mark.crash]

Content = tuple[tuple[str, ...], int]  # UIDs of the instances, number of failures


class Source:
    """A folder, and what a run has to find in it."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.random = random.Random(seed)
        self.model: dict[str, Content] = {}
        self.written: dict[str, int] = {}
        self._clock = 0
        folder.mkdir(parents=True)

    def step(self) -> None:
        """Add, replace or remove some objects, most of them by something of another kind."""
        for _ in range(self.random.randint(1, 4)):
            name = f"o{self.random.randint(0, 6)}"
            if name in self.model and len(self.model) > 4 and self.random.random() < 0.3:
                (self.folder / name).unlink()
                del self.model[name]
            else:
                self._write(name)

    def _write(self, name: str) -> None:
        kind = self.random.choice(["instance", "instance", "zip", "text", "empty"])
        if kind == "instance":
            uid, data = self._instance()
            content, self.model[name] = data, ((uid,), 0)
        elif kind == "zip":
            members = [self._instance() for _ in range(self.random.randint(1, 4))]
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w") as archive:
                for number, (_, data) in enumerate(members):
                    archive.writestr(str(number), data)
                archive.writestr("notes", b"no header")
            content, self.model[name] = out.getvalue(), (tuple(sorted(uid for uid, _ in members)), 1)
        else:
            content, self.model[name] = b"no header" * (kind == "text"), ((), 1)
        self._clock += 1
        self.written[name] = self._clock
        (self.folder / name).write_bytes(content)
        os.utime(self.folder / name, ns=(self._clock, self._clock))

    def _instance(self) -> tuple[str, bytes]:
        dataset = dcmread(get_testdata_file("CT_small.dcm"))
        dataset.SOPInstanceUID = f"1.2.{self.random.randrange(10**12)}"
        dataset.StudyDate = self.random.choice(["20240101", "20240102", "19991231", "", "not a date"])
        out = io.BytesIO()
        dataset.save_as(out)
        return dataset.SOPInstanceUID, out.getvalue()


HISTORIES = 25
"""Sources that change between two runs, each in its own way: what a run costs is not what it finds."""

INTERRUPTIONS = (
    [(pipeline, name) for name in ("write_listing", "make_plan", "stage_batch", "commit_batch", "drop_plan")]
    + [(publish, "_publish")] * 4
)  # fmt: skip


class Interrupted(BaseException):
    """As Ctrl-C: nothing in the job catches it."""


@contextlib.contextmanager
def interrupted(draw: random.Random) -> Iterator[None]:
    """Let the next run end before or after one of its steps, if it comes so far."""
    place, name = draw.choice(INTERRUPTIONS)
    call, is_after = draw.randint(1, 6 if name == "_publish" else 2), draw.random() < 0.5
    real, calls = getattr(place, name), []

    def step(*arguments: Any, **named: Any) -> Any:
        calls.append(1)
        if len(calls) == call and not is_after:
            raise Interrupted
        result = real(*arguments, **named)
        if len(calls) == call:
            raise Interrupted
        return result

    with pytest.MonkeyPatch.context() as patch, contextlib.suppress(Interrupted):
        patch.setattr(place, name, step)
        yield


@pytest.mark.filterwarnings("ignore:.*value:UserWarning:pydicom")
@pytest.mark.parametrize("seed", range(50 // HISTORIES))
def test_a_lake_is_what_its_source_is_after_every_run(spark, tmp_path, seed) -> None:
    draw = random.Random(-1 - seed)
    sources = [Source(tmp_path / "source" / f"h{n}", seed * HISTORIES + n) for n in range(HISTORIES)]
    lake = tmp_path / "lake"
    config = IngestConfig(source=str(tmp_path / "source"), lake=str(lake), allow_mass_delete=True)
    for is_calm in (True, False, True, False):
        before = {path(source, name): (content, source.written[name]) for source in sources
                  for name, content in source.model.items()}  # fmt: skip
        for source in sources:
            source.step()
        if is_calm:
            after = {path(source, name): source.written[name] for source in sources for name in source.model}
            report = ingest(config)
            assert report.objects_deleted == len(before.keys() - after.keys())
            assert report.objects_read == sum(n not in before or before[n][1] != after[n] for n in after)
        else:
            with interrupted(draw):
                ingest(config)
            if draw.random() < 0.5:  # what was left is finished though the source has moved on
                sources[0].step()
            ingest(config)
        assert found(lake) == {path(source, name): source.model[name] for source in sources for name in source.model}


def path(source: Source, name: str) -> str:
    return f"{source.folder}/{name}"


def found(lake: Path) -> dict[str, Content]:
    """What the lake says of its sources, after checking that its three tables agree."""
    uids: dict[str, list[str]] = {}
    for uri, uid in ask(lake, "SELECT source_uri, sop_instance_uid FROM instances"):
        uids.setdefault(uri.removeprefix("file://"), []).append(uid)
    failures = Counter(uri.removeprefix("file://") for (uri,) in ask(lake, "SELECT source_uri FROM failures"))
    answer = ask(lake, "SELECT source_uri, instances, failures FROM objects")
    ledger = {uri.removeprefix("file://"): counts for uri, *counts in answer}
    content = {name: (tuple(sorted(uids.pop(name, []))), failures.pop(name, 0)) for name in ledger}
    assert not uids
    assert not failures
    for name, counts in ledger.items():
        assert counts == [len(content[name][0]), content[name][1]]
    return content


def ask(lake: Path, sql: str) -> list[tuple[Any, ...]]:
    return list(run_query(sql, LakeLocation(str(lake))).rows)
