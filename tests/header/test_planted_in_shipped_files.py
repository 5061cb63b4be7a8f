"""Each kind of fault, planted in each file that pydicom ships, loses no element that pydicom or dcmdump reads."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pydicom
import pytest
from pydicom.dataset import Dataset

from dicom_udf.header import Header
from dicom_udf.header.quiet import quiet_pydicom
from tests.header.fault_kinds import Planted
from tests.header.owed import Answer, read, violations
from tests.header.planting import Site
from tests.header.test_planted_faults import KINDS
from tests.header.test_pydicom_files import COMPARED
from tests.header.walking import Gap, Walked, WalkError, planted_files, walk

LEAST_FILES = 170
LEAST_OF_A_KIND = 4
"""Files in which a kind fits: few are implicit."""
IN_ONE_PROCESS = 400
MOST_SHOWN = 5
PIXELS_FROM = 0x7FE00008


class Trial(NamedTuple):
    """A file with a fault in it."""

    path: Path
    kind: str
    site: Site
    planted: Planted
    clean: bytes
    broken: bytes


@cache
def walked() -> dict[Path, Walked]:
    found = {}
    for path in COMPARED:
        try:
            found[path] = walk(path)
        except WalkError:
            continue
    return found


def trials(kind: str, *, share: int = 1) -> Iterator[Trial]:
    """The kind in each file where it fits, at a place by chance, the same in every run; of every so many files one."""
    for number, (path, file) in enumerate(walked().items()):
        chance = random.Random(f"{kind} {path.name}")
        if number % share == len(kind) % share:
            for gap in chance.sample(file.gaps, min(8, len(file.gaps))):
                planted = _fitting(kind, gap)
                if planted is not None:
                    yield Trial(path, kind, gap.site, planted, *planted_files(file, gap, planted))
                    break


def _fitting(kind: str, gap: Gap) -> Planted | None:
    return KINDS[kind](gap.site)


def count_ours(data_set: dict[str, Any]) -> int:
    count = 0
    for element in data_set.values():
        count += 1
        if element["vr"] == "SQ":
            count += sum(count_ours(item) for item in element.get("Value", []))
    return count


def count_theirs(content: bytes) -> int:
    """How many elements pydicom reads; 0 where it raises."""
    try:
        with quiet_pydicom(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _count_in(pydicom.dcmread(io.BytesIO(content), force=True, stop_before_pixels=True))
    except Exception:
        return 0


def _count_in(data_set: Dataset) -> int:
    count = 0
    for tag in data_set.keys():  # noqa: SIM118
        if tag.element and tag.group > 2 and tag < PIXELS_FROM and tag.group != 0xFFFE:
            count += 1
            if data_set[tag].VR == "SQ":
                count += sum(_count_in(item) for item in data_set[tag].value)
    return count


def is_named(answer: Answer, trial: Trial) -> bool:
    """True where a reason is given; a failure's counts in front of all elements, or where no UID is left."""
    if isinstance(answer, Header):
        return answer.fault is not None or bool(answer.invalid_values)
    is_first = not trial.site.levels and trial.site.before < 0
    return trial.planted.outcome != "whole" and (is_first or not has_uid(trial.clean))


@cache
def has_uid(clean: bytes) -> bool:
    header = read(clean)
    assert isinstance(header, Header)
    uids = ("study_instance_uid", "series_instance_uid", "sop_instance_uid", "media_storage_sop_instance_uid")
    return any(header.values.get(uid) for uid in uids)


def without_places(header: Header) -> Header:
    """The header without offsets of values, which a fault moves."""
    text = re.sub(r"offset=\d+", "offset=", header.json)
    return Header(**{**{name: getattr(header, name) for name in Header.__slots__}, "json": text})


def test_the_walker_finds_its_way_through_nearly_all_files() -> None:
    assert len(walked()) >= LEAST_FILES
    assert max(len(gap.site.levels) for file in walked().values() for gap in file.gaps) >= 3


def test_a_file_that_nothing_was_planted_in_is_as_it_was() -> None:
    for path, file in walked().items():
        if not file.syntax.is_deflated:
            end = len(file.front) + file.gaps[-1].offset
            assert file.plant(file.gaps[0], b"")[:end] == path.read_bytes()[:end]


@pytest.mark.parametrize("kind", KINDS)
def test_no_element_that_pydicom_reads_is_lost_without_a_word(kind: str) -> None:
    wrong, count = [], 0
    for trial in trials(kind):
        count += 1
        answer = read(trial.broken)
        if not is_named(answer, trial):
            ours = count_ours(json.loads(answer.json)) if isinstance(answer, Header) else 0
            theirs = count_theirs(trial.broken)
            wrong += [f"{trial.path.name}: {ours} of {theirs}"] if ours < theirs else []
    assert count >= LEAST_OF_A_KIND
    assert not wrong, "\n".join([f"{len(wrong)} of {count} files", *wrong[:MOST_SHOWN]])


@pytest.mark.parametrize("kind", KINDS)
def test_a_fault_in_a_real_file_gives_what_is_owed(kind: str) -> None:
    wrong = []
    for trial in trials(kind, share=4):
        clean, answer = read(trial.clean), read(trial.broken)
        if isinstance(clean, Header) and clean.fault is None and not clean.invalid_values:
            answer = without_places(answer) if isinstance(answer, Header) else answer
            found = violations(answer, without_places(clean), trial.planted, trial.site)
            if isinstance(answer, str) and is_named(answer, trial):
                continue
            wrong += [f"{trial.path.name}, {trial.site.path}: {'; '.join(found)}"] if found else []
    assert not wrong, "\n".join([f"{len(wrong)} files", *wrong[:MOST_SHOWN]])


INVENTED = {(0x6261, 0x6463), (0x6162, 0x6364)}
"""By dcmdump +Ep, from the value ``abcdef`` of an implicit element."""
DUMPED = re.compile(r"^ *\(([0-9a-f]{4}),([0-9a-f]{4})\) ", re.MULTILINE)


def count_by_dcmdump(files: Sequence[Path], options: Sequence[str]) -> list[int]:
    """How many elements dcmdump prints of each file, the file meta group and what follows the header left out."""
    command = ["dcmdump", "-q", "-M", "+F", *options, *map(str, files)]
    text = subprocess.run(command, capture_output=True, check=False).stdout.decode("latin-1")
    parts = re.split(r"^# dcmdump \(\d+/\d+\): (.*)$", text, flags=re.MULTILINE)[1:]
    counts = {name: _count_of(dump) for name, dump in zip(parts[::2], parts[1::2], strict=True)}
    return [counts.get(str(file), 0) for file in files]


def _count_of(dump: str) -> int:
    count = 0
    for found in DUMPED.finditer(dump):
        group, element = int(found[1], 16), int(found[2], 16)
        if found[0].startswith("(") and (group << 16 | element) >= PIXELS_FROM and group < 0xFFFC:
            break
        count += element != 0 and 2 < group < 0xFFFC and (group, element) not in INVENTED
    return count


@pytest.mark.dcmtk
@pytest.mark.skipif(shutil.which("dcmdump") is None, reason="dcmdump is not installed (Debian: dcmtk)")
@pytest.mark.parametrize("options", [("+rd",), ("+rd", "+Ep"), ("+rd", "-vr"), ("+rd", "-ml")], ids="".join)
def test_no_element_that_dcmdump_reads_is_lost_without_a_word(options: Sequence[str], tmp_path: Path) -> None:
    asked = []
    for trial in (trial for kind in KINDS for trial in trials(kind)):
        answer = read(trial.broken)
        if not is_named(answer, trial):
            ours = count_ours(json.loads(answer.json)) if isinstance(answer, Header) else 0
            file = tmp_path / f"{len(asked)}.dcm"
            file.write_bytes(trial.broken)
            asked.append((trial, file, ours))
    wrong = []
    for start in range(0, len(asked), IN_ONE_PROCESS):
        part = asked[start : start + IN_ONE_PROCESS]
        theirs = count_by_dcmdump([file for _, file, _ in part], options)
        for (trial, _, ours), count in zip(part, theirs, strict=True):
            wrong += [f"{trial.kind}, {trial.path.name}: {ours} of {count}"] if ours < count else []
    assert not wrong, "\n".join([f"{len(wrong)} of {len(asked)} files", *wrong[:MOST_SHOWN]])
