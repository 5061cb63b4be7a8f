"""Files of twenty makers, no two alike: what a reader that remembers elements can't remember.

    python -m benchmarks.unlike FOLDER [FILES]

A maker writes some 160 attributes of PS3.6 that it has chosen, in one of three transfer syntaxes and four character
sets, and 40 private elements of its own. Each file leaves out a fifth of them and has its own values in all of them;
every fifth attribute is a sequence of one to three items. The same bytes on every run.
"""

from __future__ import annotations

import io
import random
import string
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom import dcmwrite
from pydicom.datadict import DicomDictionary
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from benchmarks.series_on_disk import uid

__all__ = ["make_unlike"]

MAKERS = 20
FILES = 2_000
_OF_A_MAKER, _PRIVATE = 160, 40
_SYNTAXES = (ExplicitVRLittleEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
_CHARACTER_SETS = ("ISO_IR 100", "ISO_IR 192", "ISO_IR 144", None)
_LETTERS = {"ISO_IR 100": "äöüéß", "ISO_IR 192": "日本語éж", "ISO_IR 144": "жизнь", None: "xyz"}


def make_unlike(folder: Path, files: int) -> None:
    """Write ``files`` files into ``folder``, of each maker as many."""
    folder.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    makers = [_Maker(number) for number in range(MAKERS)]
    for number in range(files):
        (folder / f"{number:06}.dcm").write_bytes(makers[number % MAKERS].encode(number))


class _Maker:
    """The elements that the files of one maker share, and how they are encoded."""

    def __init__(self, number: int) -> None:
        choose = random.Random(number)
        public = [
            (tag, vr, vm)
            for tag, (vr, vm, _, retired, keyword) in sorted(DicomDictionary.items())
            if tag >> 16 not in (0x0002, 0x0028, 0x7FE0) and tag > 0x00080018 and keyword and not retired
        ]
        simple = [one for one in public if one[1] in _VALUES]
        self._simple = choose.sample(simple, _OF_A_MAKER * 4 // 5)
        self._sequences = choose.sample([tag for tag, vr, _ in public if vr == "SQ"], _OF_A_MAKER // 5)
        self._inside = {tag: choose.sample(simple, 3) for tag in self._sequences}
        self._private = [(element, choose.choice(["LO", "DS", "IS", "SH", "FD", "US"])) for element in range(_PRIVATE)]
        self._syntax = choose.choice(_SYNTAXES)
        self._characters = choose.choice(_CHARACTER_SETS)
        self._name = f"EXAMPLE MAKER {number}"

    def encode(self, number: int) -> bytes:
        make = random.Random(f"{self._name}/{number}")
        letters = string.ascii_letters + 4 * _LETTERS[self._characters]
        header = Dataset()
        if self._characters:
            header.SpecificCharacterSet = self._characters
        header.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
        header.SOPInstanceUID = uid(f"{self._name}/{number}")
        _fill(header, self._simple, make, letters)
        for tag in self._sequences:
            if make.random() > 0.2:
                items = [Dataset() for _ in range(make.randint(1, 3))]
                for item in items:
                    _fill(item, self._inside[tag], make, letters)
                header.add_new(tag, "SQ", items)
        block = header.private_block(0x0011 + 2 * make.randint(0, 3), self._name, create=True)
        for element, vr in self._private:
            if make.random() > 0.2:
                block.add_new(element, vr, _VALUES[vr](make, letters))
        meta = header.file_meta = FileMetaDataset()
        meta.TransferSyntaxUID = self._syntax
        file = io.BytesIO()
        dcmwrite(file, header, enforce_file_format=True)
        return file.getvalue()


def _fill(data: Dataset, chosen: Sequence[tuple[int, str, str]], make: random.Random, letters: str) -> None:
    for tag, vr, vm in chosen:
        if make.random() > 0.2:
            count = 1 if vm == "1" else int(vm.split("-")[0].rstrip("n")) if vm[0].isdigit() else 1
            values = [_VALUES[vr](make, letters) for _ in range(count)]
            data.add_new(tag, vr, values if count > 1 else values[0])


def _word(make: random.Random, letters: str, most: int) -> str:
    return "".join(make.choices(letters, k=make.randint(3, most)))


def _decimal(make: random.Random, _: str) -> str:
    return f"{make.uniform(-1000, 1000):.{make.randint(1, 6)}f}"


_VALUES: dict[str, Callable[[random.Random, str], object]] = {
    "AE": lambda make, _: _word(make, string.ascii_uppercase, 16),
    "AS": lambda make, _: f"{make.randint(0, 120):03}Y",
    "CS": lambda make, _: _word(make, string.ascii_uppercase, 12),
    "DA": lambda make, _: f"{make.randint(1950, 2030)}{make.randint(1, 12):02}{make.randint(1, 28):02}",
    "DS": _decimal,
    "DT": lambda make, _: (
        f"20{make.randint(10, 30)}{make.randint(1, 12):02}15{make.randint(0, 23):02}0102.{make.randint(0, 999_999):06}"
    ),
    "FD": lambda make, _: make.uniform(-1e6, 1e6),
    "FL": lambda make, _: float(make.randint(-(1 << 20), 1 << 20)) / 1024,
    "IS": lambda make, _: str(make.randint(-(1 << 30), 1 << 30)),
    "LO": lambda make, letters: _word(make, letters, 20),
    "LT": lambda make, letters: _word(make, letters, 80),
    "PN": lambda make, letters: f"{_word(make, letters, 10)}^{_word(make, letters, 8)}",
    "SH": lambda make, letters: _word(make, letters, 7),
    "SL": lambda make, _: make.randint(-(1 << 30), 1 << 30),
    "SS": lambda make, _: make.randint(-(1 << 14), 1 << 14),
    "ST": lambda make, letters: _word(make, letters, 60),
    "TM": lambda make, _: (
        f"{make.randint(0, 23):02}{make.randint(0, 59):02}{make.randint(0, 59):02}.{make.randint(0, 999_999):06}"
    ),
    "UC": lambda make, letters: _word(make, letters, 20),
    "UI": lambda make, _: uid(str(make.random())),
    "UL": lambda make, _: make.randint(0, 1 << 31),
    "US": lambda make, _: make.randint(0, 1 << 15),
    "UT": lambda make, letters: _word(make, letters, 120),
}

if __name__ == "__main__":
    make_unlike(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else FILES)
