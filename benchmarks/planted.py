"""Files with planted faults beside the same files without them: CPU time and requests, in one run.

    python -m benchmarks.planted [FILES]

The files are those of ``tests.header.whole_trees`` with each kind of fault of ``tests.header.fault_kinds`` and
``tests.header.sequence_faults``, and some of the DICOM files in the pydicom wheel with the same kinds. Each is read
several times, and the fastest of them counts. A request is a read of the file, as a store's reader sends them.

* cold: CPU time of the file with the fault divided by that of the clean one, with nothing remembered; the worst
* warm: the same where each was read before, as the slices of a series are; the median and the worst
* requests: how many more than for the clean one; the most

Target: at most 5 times the time, and at most 2 requests more.
"""

from __future__ import annotations

import argparse
import gc
import io
import random
import statistics
import time
from collections.abc import Iterator
from contextlib import suppress

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import HeaderReader
from tests.header import fault_kinds, sequence_faults
from tests.header.files import CountingFile, shipped
from tests.header.owed import file_with, site
from tests.header.walking import WalkError, planted_files, walk
from tests.header.whole_trees import variants

__all__ = ["measure"]

KINDS = {**fault_kinds.KINDS, **sequence_faults.KINDS}
READS = 5
READS_BEFORE = 3
"""Until all that can be remembered is."""
GAPS_TRIED = 8
MOST_RATIO = 5.0
MOST_REQUESTS = 2


def measure(most: int) -> None:
    """Print a row for each kind, and the worst of all."""
    print("| kind | files | cold, worst | warm, median | warm, worst | requests more, most |")
    print("|---|---|---|---|---|---|")
    all_cold: list[float] = []
    all_warm: list[float] = []
    all_more: list[int] = []
    gc.disable()
    for kind in KINDS:
        pairs = list(_pairs(kind, most))
        cold = [_seconds(broken, is_cold=True) / _seconds(clean, is_cold=True) for clean, broken in pairs]
        warm = [_seconds(broken, is_cold=False) / _seconds(clean, is_cold=False) for clean, broken in pairs]
        more = [_requests(broken) - _requests(clean) for clean, broken in pairs]
        cells = [f"{max(cold):.1f}", f"{statistics.median(warm):.1f}", f"{max(warm):.1f}", f"{max(more)}"]
        print(f"| {kind} | {len(pairs)} | {' | '.join(cells)} |", flush=True)
        all_cold, all_warm, all_more = all_cold + cold, all_warm + warm, all_more + more
    print()
    for name, ratios in (("cold", all_cold), ("warm", all_warm)):
        above = sum(ratio > MOST_RATIO for ratio in ratios)
        figures = f"median {statistics.median(ratios):.2f}, worst {max(ratios):.1f}"
        print(f"{name}: {len(ratios):,} files, {figures} times the clean file's time; {above} above {MOST_RATIO:g}")
    print(f"{sum(more > MOST_REQUESTS for more in all_more)} files with more than {MOST_REQUESTS} requests more")


def _pairs(kind: str, most: int) -> Iterator[tuple[bytes, bytes]]:
    """The clean and the broken files of a kind: generated ones and shipped ones, by chance but the same each time."""
    chance = random.Random(kind)
    whole = [variant for variant in variants() if KINDS[kind](site(variant)) is not None]
    for variant in chance.sample(whole, min(most, len(whole))):
        planted = KINDS[kind](site(variant))
        if planted is not None:
            yield file_with(variant, planted.clean), file_with(variant, planted.broken)
    for path in chance.sample(shipped(), min(2 * most, len(shipped()))):
        with suppress(WalkError, IndexError):
            file = walk(path)
            for gap in chance.sample(file.gaps, min(GAPS_TRIED, len(file.gaps))):
                planted = KINDS[kind](gap.site)
                if planted is not None:
                    yield planted_files(file, gap, planted)
                    break


def _seconds(content: bytes, *, is_cold: bool) -> float:
    """CPU time of the fastest of several reads."""
    if is_cold:
        return min(_once(content, HeaderReader(selection())) for _ in range(READS))
    reader = HeaderReader(selection())
    for _ in range(READS_BEFORE):
        _once(content, reader)
    return min(_once(content, reader) for _ in range(READS))


def _once(content: bytes, reader: HeaderReader) -> float:
    file = io.BytesIO(content)
    start = time.process_time()
    with suppress(FileFault):
        reader.read(file, bulk_data_base="file:///x")
    return time.process_time() - start


def _requests(content: bytes) -> int:
    file = CountingFile(content)
    with suppress(FileFault):
        HeaderReader(selection()).read(file, bulk_data_base="file:///x")
    return file.reads


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.planted", description="What a planted fault costs a reader.")
    parser.add_argument("files", type=int, nargs="?", default=20, help="of each kind [default: %(default)s]")
    measure(parser.parse_args().files)
