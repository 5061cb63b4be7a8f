"""Headers a second on one core, beside pydicom and DCMTK, in one run.

    python -m benchmarks.headers [FOLDER] [SLICES]

Corpora: a series of CT slices and one of MR slices (``benchmarks.corpus``), the DICOM files in the pydicom wheel, and
half as many files as slices of twenty made-up makers, no two alike (``benchmarks.unlike``).
The files are read from disk, which is warm after the first pass. Each reader starts cold: nothing is remembered before
it begins. Ratios are by CPU time, which other work on the machine disturbs least.

* ours: ``read_header`` with all declared columns' typed values, beside the complete JSON
* pydicom: ``dcmread(stop_before_pixels=True).to_json()``, no typed values
* dcmdump: ``dcmdump +L`` over the same files in one process, output thrown away; no JSON, no typed values
* dcm2json: one process a file, as it takes one
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import resource
import shutil
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pydicom

from benchmarks.corpus import SLICES, make_series
from benchmarks.job import machine, versions
from benchmarks.unlike import make_unlike
from dicom_udf.collector import collect_rarely
from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import HeaderReader, scanner

__all__ = ["measure"]

PYDICOM_FILES = 200
DCM2JSON_FILES = 100


def measure(folder: Path, slices: int) -> None:
    """Make the corpora where they aren't there, and print a table."""
    warnings.simplefilter("ignore")
    logging.disable()
    collect_rarely()  # as a task that reads, and in favour of all that run in this process
    corpora: dict[str, list[Path]] = {}
    for modality in ("CT", "MR"):
        if len(list((folder / modality).glob("*.dcm"))) != slices:
            make_series(folder / modality, modality, slices)
        corpora[modality] = sorted((folder / modality).glob("*.dcm"))
    if len(list((folder / "unlike").glob("*.dcm"))) != slices // 2:
        make_unlike(folder / "unlike", slices // 2)
    corpora["unlike"] = sorted((folder / "unlike").glob("*.dcm"))
    data = Path(pydicom.__file__).parent / "data"
    corpora["wheel"] = sorted(path for path in data.rglob("*") if path.is_file() and _is_dicom(path))
    is_compiled = not str(scanner.__file__).endswith(".py")
    print(f"{machine()}, {versions()}; header reader {'compiled' if is_compiled else 'in plain Python'}.\n")
    print("| corpus | files | ours | pydicom | dcmdump +L | dcm2json | ours : pydicom | ours : dcmdump |")
    print("|---|---|---|---|---|---|---|---|")
    for name, files in corpora.items():
        _row(name, files)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB, the memo included")


def _row(name: str, files: list[Path]) -> None:
    for path in files:
        path.read_bytes()  # warm the file cache
    ours = _rate(_read_ours, files)
    theirs = _rate(_read_by_pydicom, files[:PYDICOM_FILES])
    dump = _rate(_dcmdump, files) if shutil.which("dcmdump") else None
    to_json = _rate(_dcm2json, files[:DCM2JSON_FILES]) if shutil.which("dcm2json") else None
    cells = [f"{rate:,.0f}/s" if rate else "not installed" for rate in (ours, theirs, dump, to_json)]
    ratio = f"{ours / dump:.1f}" if dump else ""
    print(f"| {name} | {len(files):,} | {' | '.join(cells)} | {ours / theirs:.0f} | {ratio} |", flush=True)


def _rate(read: Callable[[list[Path]], None], files: list[Path]) -> float:
    start = _cpu_seconds()
    read(files)
    return len(files) / (_cpu_seconds() - start)


def _cpu_seconds() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _read_ours(files: list[Path]) -> None:
    reader = HeaderReader(selection())
    for path in files:
        with path.open("rb", buffering=0) as file:
            try:
                reader.read(file, bulk_data_base="file:///x")
            except FileFault:
                continue


def _read_by_pydicom(files: list[Path]) -> None:
    for path in files:
        with contextlib.suppress(Exception):  # what it can't read costs it no time: in its favour
            pydicom.dcmread(path, stop_before_pixels=True).to_json()


def _dcmdump(files: list[Path]) -> None:
    with tempfile.TemporaryFile() as sink:
        subprocess.run(["dcmdump", "+L", *map(str, files)], stdout=sink, stderr=subprocess.DEVNULL, check=False)


def _dcm2json(files: list[Path]) -> None:
    for path in files:
        subprocess.run(["dcm2json", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _is_dicom(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.headers", description="Headers/s beside pydicom and DCMTK.")
    default = Path(tempfile.gettempdir()) / "dicom_lake_headers"
    parser.add_argument("folder", type=Path, nargs="?", default=default, help="where the corpora are kept")
    parser.add_argument("slices", type=int, nargs="?", default=SLICES, help="in each series [default: %(default)s]")
    options = parser.parse_args()
    measure(options.folder, options.slices)
