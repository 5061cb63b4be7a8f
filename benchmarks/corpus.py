"""The corpus of the header benchmark: a series of CT slices and one of MR slices, as scanners write them.

    python -m benchmarks.corpus FOLDER [SLICES]

Each header has 250 elements at top level, private ones and a few nested sequences among them; 20 of them, with those of
the file meta group, differ in every slice: UIDs, numbers, positions, times, and private measurements. Tiny pixels. The
same bytes on every run.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from benchmarks.series_on_disk import DECIMALS, NUMBER, TIME, UID, encoded, series, uid

__all__ = ["ELEMENTS", "VARYING", "make_series"]

ELEMENTS = 250
VARYING = 20
SLICES = 2000

_MARKERS = (DECIMALS, NUMBER, TIME, UID)


def make_series(folder: Path, modality: str, slices: int) -> None:
    """Write one series, a file a slice."""
    folder.mkdir(parents=True, exist_ok=True)
    template = encoded(header_of(modality))
    for number in range(slices):
        (folder / f"{modality}{number:04}.dcm").write_bytes(slice_of(template, number))


def header_of(modality: str) -> Dataset:
    """Return the series' header with exactly the promised number of elements, and markers where slices differ."""
    header = series(modality, 1)
    del header.PixelData
    block = header.private_block(0x0051, "EXAMPLE BENCH SLICE", create=True)
    varying = sum(_varies(element) for element in header)
    for number in range(VARYING - varying):
        block.add_new(0x10 + number, "DS", DECIMALS)
    for number in range(ELEMENTS - len(header)):
        block.add_new(0x40 + number, "LO", f"setting {number} of the protocol")
    too_many = len(header) - ELEMENTS
    if too_many > 0:
        for element in [e for e in header if e.tag.is_private and not e.tag.is_private_creator and not _varies(e)][
            -too_many:
        ]:
            del header[element.tag]
    if len(header) != ELEMENTS or sum(_varies(element) for element in header) != VARYING:
        raise ValueError(f"{modality}: {len(header)} elements, {sum(map(_varies, header))} of them varying")
    header.PixelData = bytes(128)
    return header


def slice_of(template: bytes, number: int) -> bytes:
    """Return the bytes of one slice."""
    position = (-180.0, -171.25, -400.0 + 0.625 * number)
    as_wide_as_the_marker = f"0{len(DECIMALS)}.6f"  # another length would break the element
    decimals = "\\".join(format(value, as_wide_as_the_marker) for value in position)
    return (
        template.replace(UID.encode(), uid(f"slice/{number}").encode())
        .replace(TIME.encode(), f"10{number // 60 % 60:02}{number % 60:02}.{number * 997 % 1_000_000:06}".encode())
        .replace(NUMBER.encode(), f"{number + 1:06}".encode())
        .replace("\\".join([DECIMALS] * 3).encode(), decimals.encode())
        .replace(DECIMALS.encode(), format(position[2], as_wide_as_the_marker).encode())
    )


def _varies(element: DataElement) -> bool:
    text = str(element.value)
    return element.VR != "SQ" and any(marker in text for marker in _MARKERS)


if __name__ == "__main__":
    for name in ("CT", "MR"):
        make_series(Path(sys.argv[1]) / name, name, int(sys.argv[2]) if len(sys.argv) > 2 else SLICES)
