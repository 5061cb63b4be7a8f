"""Random histories of a source, held against a plain dict of what is in it."""

from __future__ import annotations

import io
import os
import random
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from dicom_udf.config import IngestConfig, LakePlace
from dicom_udf.ingest import ingest
from dicom_udf.query import run_query

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


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory) -> Path:
    """One lake for all histories: each source answers for itself alone."""
    return tmp_path_factory.mktemp("histories") / "lake"


@pytest.mark.filterwarnings("ignore:.*value:UserWarning:pydicom")
@pytest.mark.parametrize("seed", range(50))
def test_a_lake_is_what_its_source_is_after_every_run(lake, tmp_path, seed) -> None:
    source = Source(tmp_path / "source", seed)
    for _ in range(2):
        before, written = dict(source.model), dict(source.written)
        source.step()
        report = ingest(IngestConfig(source=str(source.folder), lake=str(lake), allow_mass_delete=True))
        assert report.objects_deleted == len(before.keys() - source.model.keys())
        assert report.objects_read == len(
            [n for n in source.model if n not in before or written[n] != source.written[n]]
        )
        assert found(lake, source.folder) == source.model


def found(lake: Path, folder: Path) -> dict[str, Content]:
    """What the lake says of the source, after checking that its three tables agree."""
    here = f"source_uri LIKE 'file://{folder}/%'"
    uids: dict[str, list[str]] = {}
    for uri, uid in run_query(
        f"SELECT source_uri, sop_instance_uid FROM instances WHERE {here}", LakePlace(str(lake))
    ).rows:
        uids.setdefault(Path(uri).name, []).append(uid)
    answer = run_query(f"SELECT source_uri FROM failures WHERE {here}", LakePlace(str(lake)))
    failures = Counter(Path(uri).name for (uri,) in answer.rows)
    answer = run_query(f"SELECT source_uri, instances, failures FROM objects WHERE {here}", LakePlace(str(lake)))
    ledger = {Path(uri).name: counts for uri, *counts in answer.rows}
    content = {name: (tuple(sorted(uids.pop(name, []))), failures.pop(name, 0)) for name in ledger}
    assert not uids
    assert not failures
    for name, counts in ledger.items():
        assert counts == [len(content[name][0]), content[name][1]]
    return content
