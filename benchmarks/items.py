"""The cost of item columns: time, memory and bytes a row, beside the same without them, in one run.

    python -m benchmarks.items [--rounds 5]

Kinds of files: slices of CT and MR series (``benchmarks.corpus``), each with references to three other images; a
segmentation of 17,000 frames; a structure set of 3 MB; a level of a slide of 10,000 tiles; a dose report. A file is
read, made a row, and rows become an Arrow batch. "Without" reads the same columns but the item columns. Both take
turns, and the least time of each counts.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import resource
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
from pydicom import dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian

from benchmarks.corpus import header_of, slice_of
from benchmarks.job import machine, versions
from benchmarks.series_on_disk import encoded as encoded_template
from benchmarks.series_on_disk import uid
from dicom_udf.collector import collect_rarely
from dicom_udf.columns import arrow_schema, fill_row, instances_table, selection
from dicom_udf.columns import row as row_making
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.header import HeaderReader, Selection
from dicom_udf.read import to_batch

__all__ = ["measure"]

SLICES, FRAMES, SEGMENTS, TILES, REGIONS, CONTOURS, EVENTS = 400, 17_000, 60, 10_000, 40, 100, 500
_ONLY_FOR_ITEMS = (
    "SegmentIdentificationSequence", "SourceImageSequence", "PlanePositionSlideSequence",
    "OpticalPathIdentificationSequence", "FrameContentSequence.DimensionIndexValues",
)  # fmt: skip
"""Values of frames that no other column needs."""


def item(**values: Any) -> Dataset:
    """Return an item with these values."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def encoded(**values: Any) -> bytes:
    """Return an instance as a file."""
    data_set = item(SOPInstanceUID=uid("instance"), StudyDate="20240315", **values)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    file = io.BytesIO()
    dcmwrite(file, data_set, enforce_file_format=True)
    return file.getvalue()


def reference(number: int) -> Dataset:
    """Return a reference to an instance."""
    return item(ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.2", ReferencedSOPInstanceUID=uid(f"image {number}"))


def segmentation(frames: int) -> bytes:
    """Return a segmentation of sixty segments over the same slices; a frame has a place and a source image."""
    groups = [
        item(
            FrameContentSequence=[item(DimensionIndexValues=[number % SEGMENTS + 1, number // SEGMENTS + 1])],
            PlanePositionSequence=[item(ImagePositionPatient=[-180, -170, number // SEGMENTS])],
            SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number % SEGMENTS + 1)],
            DerivationImageSequence=[item(SourceImageSequence=[reference(number // SEGMENTS)])],
        )
        for number in range(frames)
    ]
    shared = item(
        PixelMeasuresSequence=[item(PixelSpacing=[0.7, 0.7], SliceThickness=1)],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
    )
    return encoded(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", Modality="SEG", NumberOfFrames=frames, Rows=64, Columns=64,
        SamplesPerPixel=1, BitsAllocated=1,
        SegmentSequence=[item(SegmentNumber=n, SegmentLabel=f"part {n}") for n in range(1, SEGMENTS + 1)],
        SharedFunctionalGroupsSequence=[shared], PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip


def structure_set() -> bytes:
    """Return a structure set of some 3 MB: most of it are the points of contours."""
    numbers = range(1, REGIONS + 1)
    contours = [
        item(
            ContourGeometricType="CLOSED_PLANAR", NumberOfContourPoints=35, ContourImageSequence=[reference(number)],
            ContourData=[round(-180.25 + 0.11 * place, 2) for place in range(105)],
        )
        for number in range(CONTOURS)
    ]  # fmt: skip
    return encoded(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.481.3", Modality="RTSTRUCT",
        StructureSetROISequence=[item(ROINumber=n, ROIName=f"organ {n}") for n in numbers],
        RTROIObservationsSequence=[item(ReferencedROINumber=n, RTROIInterpretedType="ORGAN") for n in numbers],
        ROIContourSequence=[item(ReferencedROINumber=n, ContourSequence=contours) for n in numbers],
    )  # fmt: skip


def slide() -> bytes:
    """Return a level of a slide whose tiles have places, with the steps of its preparation."""
    groups = [
        item(
            PlanePositionSlideSequence=[
                item(
                    ColumnPositionInTotalImagePixelMatrix=number % 100 * 256 + 1,
                    RowPositionInTotalImagePixelMatrix=number // 100 * 256 + 1,
                )
            ],
            OpticalPathIdentificationSequence=[item(OpticalPathIdentifier="1")],
        )
        for number in range(TILES)
    ]
    concept = item(CodeValue="424361007", CodingSchemeDesignator="SCT", CodeMeaning="Using substance")
    stain = item(CodeValue="36879007", CodingSchemeDesignator="SCT", CodeMeaning="Eosin")
    content = item(ValueType="CODE", ConceptNameCodeSequence=[concept], ConceptCodeSequence=[stain])
    step = item(SpecimenPreparationStepContentItemSequence=[content])
    specimen = item(SpecimenIdentifier="S24-1", SpecimenPreparationSequence=[step] * 4)
    return encoded(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.77.1.6", Modality="SM", NumberOfFrames=TILES, Rows=256, Columns=256,
        SamplesPerPixel=3, BitsAllocated=8, TotalPixelMatrixColumns=25_600, TotalPixelMatrixRows=25_600,
        SpecimenDescriptionSequence=[specimen], PerFrameFunctionalGroupsSequence=groups,
    )  # fmt: skip


def report() -> bytes:
    """Return a dose report: each event is a container of 28 items, most of them numbers."""

    def code(value: str) -> list[Dataset]:
        return [item(CodeValue=value, CodingSchemeDesignator="DCM", CodeMeaning=f"Meaning of {value}")]

    def content(kind: str, concept: str, **values: Any) -> Dataset:
        return item(RelationshipType="CONTAINS", ValueType=kind, ConceptNameCodeSequence=code(concept), **values)

    def event(number: int) -> Dataset:
        measured = [[item(NumericValue=f"{n}.{number}", MeasurementUnitsCodeSequence=code("mGy"))] for n in range(20)]
        numbers = [content("NUM", f"1137{n:02}", MeasuredValueSequence=value) for n, value in enumerate(measured)]
        codes = [content("CODE", "113764", ConceptCodeSequence=code(f"11362{n}")) for n in range(5)]
        started = content("DATETIME", "111526", DateTime="20240315101530")
        texts = [content("UIDREF", "113769", UID=f"1.2.{number}"), content("TEXT", "121106", TextValue=f"{number}")]
        return content("CONTAINER", "113706", ContentSequence=[*numbers, *codes, started, *texts])

    return encoded(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.88.67", Modality="SR", ValueType="CONTAINER",
        ConceptNameCodeSequence=code("113701"), ContentSequence=[event(number) for number in range(EVENTS)],
    )  # fmt: skip


def without_items() -> Selection:
    """Return what is read for all columns but the item columns."""
    everything = selection()
    grouped = [one for one in everything.grouped if not one.name.startswith(_ONLY_FOR_ITEMS)]
    return replace(everything, grouped=grouped, sequences=(), holding=())


def measure(rounds: int) -> None:
    """Print a line for each kind of files."""
    kinds = {
        "CT slices": [slice_of(encoded_template(header_of("CT")), number) for number in range(SLICES)],
        "MR slices": [slice_of(encoded_template(header_of("MR")), number) for number in range(SLICES)],
        f"SEG, {FRAMES:,} frames": [segmentation(FRAMES)],
        "RTSTRUCT, 40 regions": [structure_set()],
        f"SM, {TILES:,} tiles": [slide()],
        f"SR, {29 * EVENTS + 1:,} items": [report()],
    }
    collect_rarely()
    print(f"{machine()}, {versions()}\n")
    print("| files | MB | without, ms | with, ms | ratio | bytes a row, without | with |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, files in kinds.items():
        print(_line(name, files, rounds), flush=True)
    print(f"\npeak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")


def _line(name: str, files: Sequence[bytes], rounds: int) -> str:
    selections = (without_items(), selection())
    times: list[list[float]] = [[], []]
    sizes = [0, 0]
    for number in range(2 * rounds):
        which = number % 2
        start = time.process_time()
        batch = _batch(files, selections[which])
        times[which].append(time.process_time() - start)
        sizes[which] = _bytes_a_row(batch) if number < 2 else sizes[which]
    without, with_items = (1000 * min(of_one) / len(files) for of_one in times)
    megabytes = sum(map(len, files)) / len(files) / 1e6
    return (
        f"| {name} | {megabytes:.2f} | {without:.3f} | {with_items:.3f} | {with_items / without:.3f} "
        f"| {sizes[0]:,} | {sizes[1]:,} |"
    )


def _batch(files: Sequence[bytes], wanted: Selection) -> pa.RecordBatch:
    reader = HeaderReader(wanted)
    with contextlib.ExitStack() as stack:
        if not wanted.sequences:
            stack.enter_context(patch.object(row_making, "has_frames", lambda *_, **__: False))
        rows = [fill_row(reader.read(io.BytesIO(content))) for content in files]
    for row in rows:
        row["kind"] = "instance"
    names = set().union(*rows)
    return to_batch(rows, pa.schema([field for field in _SCHEMA if field.name in names or field.name in _ITEMS]))


def _bytes_a_row(batch: pa.RecordBatch) -> int:
    """Return the bytes of a row in Parquet, without its header's JSON."""
    names = [name for name in batch.schema.names if not name.startswith("header")]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([batch.select(names)]), sink, compression="zstd")
    return sink.getvalue().size // batch.num_rows


_SCHEMA = arrow_schema(instances_table())
_ITEMS = {column.name for column in struct_columns()}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="benchmarks.items", description="The cost of item columns.")
    parser.add_argument("--rounds", type=int, default=5)
    measure(parser.parse_args().rounds)
