"""The cost of the column ``frames``: a segmentation read with it and without it, in one run.

    python -m benchmarks.frames [FRAMES]

The segmentation has sixty segments over the same slices, and names a source image for each frame. Times are the least
of several, in CPU time of one core: the header with all columns, without the values that only ``frames`` has, and the
column itself, made and turned into Arrow. Bytes are those of a Parquet file with the row, compressed by zstd.
"""

from __future__ import annotations

import argparse
import io
import math
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydicom.dataset import Dataset

from benchmarks.job import machine, versions
from dicom_udf.collector import collect_rarely
from dicom_udf.columns import arrow_schema, fill_row, selection
from dicom_udf.columns.lifted import STACK, lifted_attributes
from dicom_udf.header import HeaderReader, Selection
from dicom_udf.read import files_table, to_batch
from tests.header.files import encode, minimal

__all__ = ["measure"]

SEGMENTS = 60
TIMES = 5


def measure(frames: int) -> None:
    """Make a segmentation, and print what its column ``frames`` costs."""
    collect_rarely()  # as a task that reads
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as maker:  # so that its memory does not count
        data = maker.submit(segmentation, frames).result()
    lifted = {line.keyword for line in lifted_attributes()} | {STACK}
    everything = selection()
    others = replace(everything, grouped=[want for want in everything.grouped if want.name in lifted])
    schema = arrow_schema(files_table())
    before, after = _least(*(partial(_read, data, selected) for selected in (others, everything)))
    row = fill_row(HeaderReader(everything).read(io.BytesIO(data)), size=len(data))
    without = {name: value for name, value in row.items() if name != "frames"}
    alone = pa.schema([schema.field("frames")])
    [made] = _least(lambda: to_batch([{"frames": row["frames"]}], alone))
    print(f"{machine()}, {versions()}; {frames:,} frames, a file of {len(data):,} bytes.")
    print(
        f"header {before:.3f} s without the values of frames, {after:.3f} s with them; the column in Arrow {made:.3f} s"
    )
    print(f"row {_bytes(without, schema):,} bytes without the column, {_bytes(row, schema):,} with it")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB, the file included")


def segmentation(frames: int) -> bytes:
    """Return a file with a segmentation of so many frames, and with no more pixel data than its head."""
    slices = max(1, frames // SEGMENTS)
    data_set = minimal(Modality="SEG", Rows=512, Columns=512, SamplesPerPixel=1, BitsAllocated=1, NumberOfFrames=frames)
    data_set.SharedFunctionalGroupsSequence = [
        _of(
            PixelMeasuresSequence=[_of(PixelSpacing=["0.7", "0.7"], SliceThickness="1.5")],
            PlaneOrientationSequence=[_of(ImageOrientationPatient=["1", "0", "0", "0", "1", "0"])],
        )
    ]
    data_set.PerFrameFunctionalGroupsSequence = [_frame(*divmod(number, slices)) for number in range(frames)]
    data_set.PixelData = bytes(64)
    return encode(data_set)


def _frame(segment: int, place: int) -> Dataset:
    source = _of(
        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2",
        ReferencedSOPInstanceUID=f"2.25.{10**30 + place}",
        PurposeOfReferenceCodeSequence=[_code("121322", "Source image for image processing operation")],
    )
    return _of(
        FrameContentSequence=[_of(DimensionIndexValues=[segment + 1, place + 1])],
        PlanePositionSequence=[_of(ImagePositionPatient=["-178.5", "-178.5", f"{place * 1.5 - 300}"])],
        SegmentIdentificationSequence=[_of(ReferencedSegmentNumber=segment + 1)],
        DerivationImageSequence=[
            _of(SourceImageSequence=[source], DerivationCodeSequence=[_code("113076", "Segmentation")])
        ],
    )


def _code(value: str, meaning: str) -> Dataset:
    return _of(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=meaning)


def _of(**values: Any) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item


def _read(data: bytes, selected: Selection) -> None:
    HeaderReader(selected).read(io.BytesIO(data))


def _least(*works: Callable[[], object]) -> list[float]:
    """Return the least CPU time of each work over several rounds, in seconds."""
    least = [math.inf] * len(works)
    for _ in range(TIMES):
        for number, work in enumerate(works):
            began = time.process_time()
            work()
            least[number] = min(least[number], time.process_time() - began)
    return least


def _bytes(row: dict[str, Any], schema: pa.Schema) -> int:
    out = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([to_batch([dict(row)], schema)]), out, compression="zstd")
    return int(out.getvalue().size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("frames", type=int, nargs="?", default=17_000)
    measure(parser.parse_args().frames)
