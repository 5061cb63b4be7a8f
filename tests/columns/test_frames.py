"""Places of frames: values of functional groups, tiles, native ranges, offset tables, and tables that lie."""

import io
import struct
import tarfile
import zipfile
from datetime import datetime
from itertools import pairwise

import numpy as np
import pydicom
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames, get_frame

from dicom_udf import read as read_module
from dicom_udf.columns import arrow_schema, fill_row, instances_table, selection
from dicom_udf.columns import frames as frames_module
from dicom_udf.columns.frames import FRAME_FIELDS, OFFSET_REASONS, frames_column
from dicom_udf.columns.stored_row import KNOWN_VALUES, fill_from_stored
from dicom_udf.config import IngestConfig
from dicom_udf.header import HeaderReader
from dicom_udf.header.offset_tables import EXTENDED_LENGTHS, EXTENDED_TABLE
from dicom_udf.read import cut_rows, files_table, read_batches, read_rows, to_batch
from dicom_udf.row_kind import RowKind
from dicom_udf.sources import ObjectRef, S3Access, open_store
from dicom_udf.tasks import ReadSettings, Stamp, split_objects
from tests.each import for_each
from tests.header.files import DEFLATED, EXPLICIT, CountingFile, element, encode, minimal, raw_file, set_nested

FIELDS = frames_column().fields
NAMES = [line.name for line in FIELDS]
IN_GROUPS = [line for line in FIELDS if line.keyword]
COLUMNS = ("frames", *(line.name for line in FRAME_FIELDS))
JPEG = "1.2.840.10008.1.2.4.50"
MEMBER_HEAD = 512
"""Bytes of a tar's header in front of its first member."""


def read(content, **reading):
    reader = HeaderReader(selection())
    headers = [reader.read(io.BytesIO(content), **reading) for _ in range(3)]  # the memo answers from the second on
    assert headers[0] == headers[1] == headers[2]
    return headers[0]


def row_of(content, *, start=0, **reading):
    """Return the row of a file; filled from its stored header it is the same but for what that can't hold."""
    header = read(content, **reading)
    row = fill_row(header, start=start, size=len(content))
    source = {"source_size": start + len(content), "source_member_size": len(content)}
    known = {name: value for name, value in (row | source).items() if name in KNOWN_VALUES and value is not None}
    present = [name for name, value in row.items() if value is not None and name not in COLUMNS]
    filled, _, gained = fill_from_stored(("frames",), header.json, None, header.omitted, present, known)
    if row.get("frame_offsets_reason") != "the file is packed" and row["pixel_data_is_encapsulated"]:
        gone = [frame | {"offset": None, "length": None} for frame in frames_of(row)]
        assert frames_of(filled) == gone
        assert filled.get("frame_offsets_reason") in ("offset table not in the stored header", None)
    else:
        assert {name: filled.get(name) for name in COLUMNS} == {name: row.get(name) for name in COLUMNS}
    assert gained == [name for name in row["header_omitted"] or () if name == "column:frames"]
    assert row.get("frame_offsets_reason") in (None, *OFFSET_REASONS)
    assert_stored(row)
    return row


def assert_stored(row):
    """Arrow takes the values as they are."""
    batch = to_batch([dict(row)], arrow_schema(files_table()))
    [stored] = batch.column("frames").to_pylist()
    assert (stored or []) == frames_of(row)
    assert [batch.column(name).to_pylist() for name in COLUMNS[1:]] == [[row.get(name)] for name in COLUMNS[1:]]


def frames_of(row):
    return [dict(zip(NAMES, frame, strict=True)) for frame in row.get("frames") or ()]


def image(frames=3, *, rows=4, columns=6, bits=16, samples=1, pixels=None, **values):
    """Return a native image with several frames."""
    data_set = minimal(Rows=rows, Columns=columns, BitsAllocated=bits, BitsStored=bits, HighBit=bits - 1)
    data_set.PixelRepresentation, data_set.SamplesPerPixel = 0, samples
    data_set.PhotometricInterpretation = "MONOCHROME2" if samples == 1 else "RGB"
    if samples > 1:
        data_set.PlanarConfiguration = 0
    if frames is not None:
        data_set.NumberOfFrames = frames
    size = (frames or 1) * rows * columns * samples * bits // 8
    data_set.PixelData = bytes(number % 251 for number in range(size)) if pixels is None else pixels
    data_set["PixelData"].VR = "OB" if bits <= 8 else "OW"
    for keyword, value in values.items():
        setattr(data_set, keyword, value)
    return data_set


# -- Values of frames


def sample(line, which):
    if line.name == "image_position_patient":
        return ["1.5", "2", str(which)], [1.5, 2.0, float(which)]
    if line.name == "dimension_index_values":
        return [1, which + 1], [1, which + 1]
    one = {"FD": which + 0.5, "UL": which + 1, "US": which + 1, "SL": which * 256 + 1, "SH": f"S{which}"}[line.vr]
    return one, one


def group(*filled):
    item = Dataset()
    for line, value in filled:
        set_nested(item, line.keyword, value)
    return item


def values_of(row, line):
    return [frame[line.name] for frame in frames_of(row)]


@for_each(IN_GROUPS, name=lambda line: line.name)
def test_a_field_agrees_with_the_dictionary(line):
    assert tuple(tag_for_keyword(keyword) for keyword in line.keyword.split(".")) == line.path
    assert dictionary_VR(line.path[-1]) == line.vr
    # PS3.3 Table C.8.20-3: a frame shows one segment; the dictionary allows several, for other sequences.
    assert dictionary_VM(line.path[-1]) == ("1-n" if line.name == "segment_number" else line.vm)
    assert all(dictionary_VR(tag) == "SQ" for tag in line.path[:-1])


def test_the_columns_are_those_of_the_table():
    types = {field.name: field.type for field in instances_table().fields}
    assert types["frames"] == frames_column().type
    assert set(COLUMNS) <= types.keys()
    assert all(line.description.endswith(".") for line in FIELDS)


@for_each(IN_GROUPS, name=lambda line: line.name)
def test_a_value_is_of_the_frame_otherwise_of_the_shared_group(line):
    (first, read_first), (second, read_second), (shared, read_shared) = (sample(line, which) for which in range(3))
    of_two = [group((line, first)), group((line, second)), Dataset()]
    alike = [group((line, first))] * 3
    cases = [
        (None, of_two, [read_first, read_second, None]),
        (None, alike, [read_first] * 3),
        ([group((line, shared))], None, [read_shared] * 3),
        ([group((line, shared))], [Dataset()] * 3, [read_shared] * 3),
        ([group((line, shared))], of_two, [read_first, read_second, None]),
        (None, None, [None] * 3),
    ]
    for shared_items, items, expected in cases:
        groups = {}
        if shared_items is not None:
            groups["SharedFunctionalGroupsSequence"] = shared_items
        if items is not None:
            groups["PerFrameFunctionalGroupsSequence"] = items
        row = row_of(encode(image(3, **groups)))
        assert values_of(row, line) == expected
        assert [frame["frame_number"] for frame in frames_of(row)] == [1, 2, 3]


@pytest.mark.parametrize("described", [1, 2, 4])
def test_items_that_are_not_one_a_frame_have_no_values(described):
    items = [group(*((line, sample(line, which)[0]) for line in IN_GROUPS)) for which in range(described)]
    row = row_of(encode(image(3, PerFrameFunctionalGroupsSequence=items)))
    assert [frame["frame_number"] for frame in frames_of(row)] == [1, 2, 3]
    for line in IN_GROUPS:
        assert values_of(row, line) == [None] * 3
    assert [frame["length"] for frame in frames_of(row)] == [48] * 3
    assert dict(row["invalid_values"])["PerFrameFunctionalGroupsSequence"] == "has not one item for each frame"


def test_the_slice_position_is_along_the_normal_of_the_frame():
    [position] = [line for line in IN_GROUPS if line.name == "image_position_patient"]
    axial = Dataset()
    set_nested(axial, "PlaneOrientationSequence.ImageOrientationPatient", ["1", "0", "0", "0", "1", "0"])
    items = [group((position, ["0", "0", str(which)])) for which in (5, 7.5)]
    row = row_of(encode(image(2, SharedFunctionalGroupsSequence=[axial], PerFrameFunctionalGroupsSequence=items)))
    assert [frame["slice_position"] for frame in frames_of(row)] == [5.0, 7.5] == row["frame_slice_positions"]
    set_nested(axial, position.keyword, ["0", "0", "3"])
    row = row_of(encode(image(2, SharedFunctionalGroupsSequence=[axial])))
    assert [frame["slice_position"] for frame in frames_of(row)] == [3.0, 3.0]


def test_a_position_at_top_level_is_not_that_of_each_frame():
    # PS3.3 C.8.8.3.2: of a dose grid it is that of the first frame.
    top = {"ImagePositionPatient": [0, 0, 1], "ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}
    row = row_of(encode(image(2, **top)))
    assert row["slice_position"] == 1.0
    assert [frame["slice_position"] for frame in frames_of(row)] == [None, None]


@pytest.mark.parametrize("number", [None, 0, 1])
def test_a_single_native_frame_has_no_column(number):
    assert set(COLUMNS).isdisjoint(row_of(encode(image(number, pixels=bytes(48)))))


def test_past_the_bound_the_cell_is_null_and_named(monkeypatch):
    monkeypatch.setattr(frames_module, "MOST_FRAMES", 3)
    assert len(row_of(encode(image(3)))["frames"]) == 3
    row = row_of(encode(image(4)))
    assert row.get("frames") is None
    assert row["header_omitted"] == ["column:frames"]


@pytest.mark.parametrize("number", [100_001, 2**31 - 1, 10**11])
def test_a_number_of_frames_that_no_file_has_costs_nothing(number):
    row = row_of(encode(image(2, NumberOfFrames=str(number))))
    assert row.get("frames") is None
    assert row["header_omitted"] == ["column:frames"]


# -- Tiles


def tiled(frames, *, rows, columns, total_rows, total_columns, **values):
    data_set = image(frames, rows=rows, columns=columns, bits=8, **values)
    data_set.DimensionOrganizationType = "TILED_FULL"
    data_set.TotalPixelMatrixRows, data_set.TotalPixelMatrixColumns = total_rows, total_columns
    return data_set


@given(
    st.integers(1, 7), st.integers(1, 7), st.integers(1, 30), st.integers(1, 30), st.integers(1, 3)
)  # fmt: skip
def test_tiles_of_tiled_full_are_in_the_order_of_the_standard(rows, columns, total_rows, total_columns, matrices):
    order = []
    for _ in range(matrices):  # focal planes, optical paths or segments
        for top in range(1, total_rows + 1, rows):
            for left in range(1, total_columns + 1, columns):
                order.append((left, top))
    data_set = tiled(
        len(order), rows=rows, columns=columns, total_rows=total_rows, total_columns=total_columns, pixels=bytes(2)
    )
    row = row_of(encode(data_set))
    expected = order if len(order) > 1 else []
    assert [(frame["tile_column"], frame["tile_row"]) for frame in frames_of(row)] == expected


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"NumberOfFrames": 5}, frames_module.NOT_TILES),
        ({"NumberOfFrames": 3}, frames_module.NOT_TILES),
        ({"TotalPixelMatrixRows": 0}, frames_module.NOT_TILES),
        ({"Rows": 0}, frames_module.NOT_TILES),
        ({"ConcatenationUID": "1.2.3"}, frames_module.IN_PARTS),
    ],
)
def test_tiles_that_are_not_certain_are_null_with_a_reason(change, reason):
    data_set = tiled(4, rows=2, columns=2, total_rows=4, total_columns=4)
    for keyword, value in change.items():
        setattr(data_set, keyword, value)
    row = row_of(encode(data_set))
    assert {(frame["tile_column"], frame["tile_row"]) for frame in frames_of(row)} == {(None, None)}
    assert dict(row["invalid_values"]) == {"DimensionOrganizationType": reason}


def test_a_position_that_is_written_counts_more_than_the_order():
    [left] = [line for line in IN_GROUPS if line.name == "tile_column"]
    data_set = tiled(2, rows=2, columns=2, total_rows=2, total_columns=4)
    data_set.PerFrameFunctionalGroupsSequence = [group((left, 3)), group((left, 1))]
    assert values_of(row_of(encode(data_set)), left) == [3, 1]


# -- Native pixel data


@pytest.mark.parametrize("start", [0, MEMBER_HEAD])
@pytest.mark.parametrize(("bits", "samples"), [(8, 1), (16, 1), (32, 1), (8, 3), (16, 3)])
def test_the_range_of_a_native_frame_has_the_bytes_that_pydicom_reads(bits, samples, start):
    data_set = image(5, rows=3, columns=7, bits=bits, samples=samples)
    content = encode(data_set)
    pixels = pydicom.dcmread(io.BytesIO(content)).pixel_array
    row = row_of(content, start=start)
    stored = bytes(start) + content
    for number, frame in enumerate(frames_of(row)):
        data = stored[frame["offset"] : frame["offset"] + frame["length"]]
        assert np.array_equal(np.frombuffer(data, pixels.dtype).reshape(pixels.shape[1:]), pixels[number])
    assert row["frame_offsets_reason"] is None
    assert "frame_bits" not in row


REFUSED = {
    "rows": ({"Rows": 0}, frames_module.NO_SIZE),
    "columns": ({"Columns": None}, frames_module.NO_SIZE),
    "samples": ({"SamplesPerPixel": None}, frames_module.NO_SIZE),
    "bits": ({"BitsAllocated": 0}, frames_module.NO_SIZE),
    "12 bits": ({"BitsAllocated": 12}, frames_module.BITS),
    "chroma": ({"PhotometricInterpretation": "YBR_FULL_422"}, frames_module.SUBSAMPLED),
    "older chroma": ({"PhotometricInterpretation": "YBR_PARTIAL_420"}, frames_module.SUBSAMPLED),
    "too many frames": ({"NumberOfFrames": 4}, frames_module.TOO_SHORT),
    "too large frames": ({"Columns": 7}, frames_module.TOO_SHORT),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_native_range_that_is_not_certain_is_null_with_a_reason(case):
    change, reason = REFUSED[case]
    data_set = image(3)
    for keyword, value in change.items():
        setattr(data_set, keyword, value)
    row = row_of(encode(data_set))
    assert row["frame_offsets_reason"] == reason
    assert {(frame["offset"], frame["length"]) for frame in frames_of(row)} == {(None, None)}


def test_pixel_data_that_the_file_lacks_has_no_ranges():
    content = encode(image(3, rows=100, columns=100))
    for missing in (0, 1, 40_000):
        row = row_of(content[: len(content) - missing])
        assert row["frame_offsets_reason"] == (frames_module.TOO_SHORT if missing else None)


def test_without_pixel_data_there_are_frames_without_ranges():
    data_set = image(3)
    del data_set.PixelData
    row = row_of(encode(data_set))
    assert len(row["frames"]) == 3
    assert row["frame_offsets_reason"] == frames_module.NO_PIXEL_DATA


def test_frames_of_bits_have_their_number_of_bits():
    row = row_of(encode(image(3, rows=3, columns=5, bits=1, pixels=bytes(6))))
    assert (row["frame_bits"], row["frame_offsets_reason"]) == (15, frames_module.BITS)
    assert {frame["offset"] for frame in frames_of(row)} == {None}


def test_a_deflated_data_set_has_no_ranges():
    row = row_of(encode(image(3), DEFLATED))
    assert row["frame_offsets_reason"] == frames_module.PACKED
    assert len(row["frames"]) == 3


# -- Encapsulated pixel data

TILES = [bytes([number % 256]) * (2 + 7 * (number % 5)) + b"\xff\xd9" for number in range(300)]


def compressed(value, frames, **values):
    """Return a file with this value of encapsulated pixel data, as broken as one wants it."""
    data_set = image(frames, rows=8, columns=8, bits=8, pixels=b"", **values)
    del data_set.PixelData
    pixels = element(0x7FE00010, "OB", value + b"\xfe\xff\xdd\xe0" + bytes(4), length=0xFFFFFFFF)
    return encode(data_set, JPEG) + pixels


def fragments(data):
    """Return the values of items that follow each other."""
    found = []
    while data[:4] == b"\xfe\xff\x00\xe0":
        length = int.from_bytes(data[4:8], "little")
        found.append(data[8 : 8 + length])
        data = data[8 + length :]
    return found, data


@pytest.mark.parametrize("start", [0, MEMBER_HEAD])
@pytest.mark.parametrize("per_frame", [1, 3])
@pytest.mark.parametrize("count", [2, 5, 300])
def test_a_range_by_the_basic_table_has_the_fragments_of_the_frame(count, per_frame, start):
    value = encapsulate(TILES[:count], fragments_per_frame=min(per_frame, 2))
    content = compressed(value, count)
    row = row_of(content, start=start)
    stored = bytes(start) + content
    for number, frame in enumerate(frames_of(row)):
        end = None if frame["length"] is None else frame["offset"] + frame["length"]
        found, rest = fragments(stored[frame["offset"] : end])
        assert b"".join(found) == get_frame(value, number, number_of_frames=count)
        assert (rest == b"") == (number < count - 1)
    assert [frame["length"] is None for frame in frames_of(row)] == [False] * (count - 1) + [True]
    assert row["frame_offsets_reason"] is None


@pytest.mark.parametrize("count", [1, 2, 128, 129, 300])
def test_a_range_by_the_extended_table_has_the_fragment_of_the_frame(count):
    value, offsets, lengths = encapsulate_extended(TILES[:count])
    content = compressed(value, count, ExtendedOffsetTable=offsets, ExtendedOffsetTableLengths=lengths)
    row = row_of(content)
    table = (offsets, lengths)
    for number, frame in enumerate(frames_of(row)):
        [found], rest = fragments(content[frame["offset"] : frame["offset"] + frame["length"]])
        assert (found, rest) == (get_frame(value, number, extended_offsets=table), b"")
    assert row["frame_offsets_reason"] is None
    is_named = "BulkDataURI" in row["header"]
    assert is_named == (count > 128)


@pytest.mark.parametrize("has_table", [False, True])
@pytest.mark.parametrize("number", [None, 1])
def test_a_single_frame_is_all_fragments(number, has_table):
    value = encapsulate(TILES[9:10], fragments_per_frame=2, has_bot=has_table)
    content = compressed(value, number)
    [frame] = frames_of(row_of(content))
    found, _ = fragments(content[frame["offset"] :])
    assert b"".join(found) == next(generate_frames(value, number_of_frames=1))
    assert (frame["frame_number"], frame["length"]) == (1, None)


def test_several_frames_without_a_table_have_no_ranges():
    row = row_of(compressed(encapsulate(TILES[:3], has_bot=False), 3))
    assert row["frame_offsets_reason"] == "no offset table"
    assert [frame["frame_number"] for frame in frames_of(row)] == [1, 2, 3]


ITEM = 0xFFFEE000


def item(value):
    return struct.pack("<HHI", ITEM >> 16, ITEM & 0xFFFF, len(value)) + value


def with_table(*offsets, count=None, first=None, tail=b"", **extended):
    """Return a file of three fragments of 10 bytes with these offsets in its basic table."""
    table = item(struct.pack(f"<{len(offsets)}I", *offsets)) if first is None else first
    value = table + item(b"a" * 10) + item(b"b" * 10) + item(b"c" * 10) + tail
    return compressed(value, 3 if count is None else count, **extended)


def extended_table(offsets, lengths):
    return {
        "ExtendedOffsetTable": struct.pack(f"<{len(offsets)}Q", *offsets),
        "ExtendedOffsetTableLengths": struct.pack(f"<{len(lengths)}Q", *lengths),
    }


HUGE = 2**64 - 2
LIES = {
    "one frame less": (with_table(0, 18), frames_module.WRONG_COUNT),
    "one frame more": (with_table(0, 18, 36, 54), frames_module.WRONG_COUNT),
    "a table for a single frame": (with_table(0, 18, count=1), frames_module.WRONG_COUNT),
    "half an entry": (with_table(first=item(bytes(10))), frames_module.WRONG_COUNT),
    "not from the first fragment on": (with_table(18, 36, 54), frames_module.NOT_AT_AN_ITEM),
    "an odd offset": (with_table(0, 17, 36), frames_module.NOT_AT_AN_ITEM),
    "decreasing": (with_table(0, 36, 18), frames_module.NOT_INCREASING),
    "twice the same": (with_table(0, 18, 18), frames_module.NOT_INCREASING),
    "inside an item's head": (with_table(0, 4, 36), frames_module.NOT_INCREASING),
    "past the end": (with_table(0, 18, 3600), frames_module.PAST_THE_END),
    "far past the end": (with_table(0, 18, 2**32 - 2), frames_module.PAST_THE_END),
    "no item": (with_table(first=b"\1\2\3\4\5\6\7\0"), frames_module.NOT_AT_AN_ITEM),
    "a table without end": (with_table(first=b"\xfe\xff\x00\xe0\xff\xff\xff\xff"), frames_module.NOT_AT_AN_ITEM),
    "a table over the first fragment": (
        with_table(first=item(bytes(8))[:4] + struct.pack("<I", 12) + bytes(8)),
        frames_module.NOT_AT_AN_ITEM,
    ),
    "a table longer than the file": (
        with_table(first=struct.pack("<HHI", 0xFFFE, 0xE000, 400_000)), frames_module.NOT_READ
    ),
    "a table longer than any": (
        with_table(first=struct.pack("<HHI", 0xFFFE, 0xE000, 500_000)), frames_module.WRONG_COUNT
    ),
    "extended: lengths alone": (
        with_table(ExtendedOffsetTableLengths=struct.pack("<3Q", 10, 10, 10)), frames_module.WITHOUT_LENGTHS
    ),
    "extended: no lengths": (
        with_table(ExtendedOffsetTable=struct.pack("<3Q", 0, 18, 36)), frames_module.WITHOUT_LENGTHS
    ),
    "extended: other counts": (with_table(**extended_table([0, 18, 36], [10, 10])), frames_module.WRONG_COUNT),
    "extended: too few": (with_table(**extended_table([0, 18], [10, 10])), frames_module.WRONG_COUNT),
    "extended: decreasing": (with_table(**extended_table([0, 36, 18], [10] * 3)), frames_module.NOT_INCREASING),
    "extended: too long": (with_table(**extended_table([0, 18, 36], [10, 12, 10])), frames_module.UNFIT_LENGTHS),
    "extended: too short": (with_table(**extended_table([0, 18, 36], [10, 4, 10])), frames_module.UNFIT_LENGTHS),
    "extended: empty frame": (with_table(**extended_table([0, 8, 26], [0, 10, 10])), frames_module.UNFIT_LENGTHS),
    "extended: last too long": (with_table(**extended_table([0, 18, 36], [10, 10, 500])), frames_module.PAST_THE_END),
    "extended: huge offset": (with_table(**extended_table([0, 18, HUGE], [10] * 3)), frames_module.PAST_THE_END),
    "extended: huge length": (with_table(**extended_table([0, 18, 36], [10, 10, HUGE])), frames_module.PAST_THE_END),
}  # fmt: skip


@for_each(list(LIES), name=str)
def test_a_table_that_lies_costs_the_ranges_and_nothing_else(case):
    content, reason = LIES[case]
    row = row_of(content)
    assert row["frame_offsets_reason"] == reason
    frames = frames_of(row)
    assert [frame["frame_number"] for frame in frames] == list(range(1, len(frames) + 1))
    assert {(frame["offset"], frame["length"]) for frame in frames} == {(None, None)}


def test_a_table_that_the_file_breaks_off_in_costs_the_ranges():
    content = with_table(0, 18, 36)
    at = content.rindex(item(b"a" * 10))
    for end in range(at - 20, len(content)):
        row = row_of(content[:end])
        frames = frames_of(row)
        if row["frame_offsets_reason"] is None:
            assert all(frame["offset"] + (frame["length"] or 8) <= end for frame in frames)
        else:
            assert {(frame["offset"], frame["length"]) for frame in frames} == {(None, None)}
        assert frames


@given(
    st.one_of(
        st.lists(st.integers(0, 80), min_size=1, max_size=5),
        st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5),
        st.just([0, 18, 36]),
    ),
    st.none() | st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), min_size=1, max_size=5),
    st.integers(1, 4),
)
def test_no_table_leads_out_of_the_pixel_data(offsets, lengths, count):
    extended = {} if lengths is None else extended_table(offsets, lengths)
    content = with_table(*([] if extended else offsets), count=count, **extended)
    row = row_of(content)
    first = row["pixel_data_offset"] + 8
    ranges = [(frame["offset"], frame["length"]) for frame in frames_of(row) if frame["offset"] is not None]
    assert len(ranges) in (0, count)
    assert (row["frame_offsets_reason"] is None) == bool(ranges)
    for offset, length in ranges:
        assert first <= offset < offset + (length or 8) <= len(content)
    for (before, length), (after, _) in pairwise(ranges):
        assert before + length <= after


class Reads(CountingFile):
    """A file that notes each read."""

    def __init__(self, content):
        super().__init__(content)
        self.ranges = []

    def read(self, size=-1, /):
        self.ranges.append((self.tell(), size))
        return super().read(size)


def test_a_table_behind_what_was_read_is_read_only_if_asked():
    count = 40_000  # 160,000 bytes of table behind the 64 KiB of the first read
    value = encapsulate([b"\xff\xd8\xff\xd9"] * count)
    content = compressed(value, count)
    row = row_of(content)
    assert row["frame_offsets_reason"] == "offset table not read"
    file = Reads(content)
    HeaderReader(selection()).read(file)
    assert len(file.ranges) == 1
    row = row_of(content, reads_offset_table=True)
    assert row["frame_offsets_reason"] is None
    cut = row_of(content[:100_000], reads_offset_table=True)
    assert cut["frame_offsets_reason"] == frames_module.PAST_THE_END
    frame = frames_of(row)[12_344]
    assert fragments(content[frame["offset"] :][: frame["length"]]) == ([b"\xff\xd8\xff\xd9"], b"")
    file = Reads(content)
    HeaderReader(selection()).read(file, reads_offset_table=True)
    assert len(file.ranges) == 2


def test_an_extended_table_below_the_top_level_is_none():
    value, offsets, lengths = encapsulate_extended(TILES[:2])
    inner = Dataset()
    inner.ExtendedOffsetTable, inner.ExtendedOffsetTableLengths = offsets, lengths
    row = row_of(compressed(value, 2, ReferencedImageSequence=[inner]))
    assert row["frame_offsets_reason"] == "no offset table"


def test_an_extended_table_that_is_too_long_is_passed_over():
    long = element(EXTENDED_TABLE, "OV", bytes(8), length=900_000) + bytes(900_000 - 8)
    lengths = element(EXTENDED_LENGTHS, "OV", bytes(16))
    pixels = element(0x7FE00010, "OB", item(b"") + item(b"ab"), length=0xFFFFFFFF)
    frames = element(0x00280008, "IS", b"2 ")
    row = row_of(raw_file(frames, long, lengths, pixels, syntax=JPEG))
    assert row["frame_offsets_reason"] == frames_module.WRONG_COUNT
    assert row["header_fault"] is None


# -- Archives

SETTINGS = ReadSettings(Stamp("run", datetime(2024, 1, 1)))


def tar_of(content):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, data in (("a.txt", b"no image"), ("b.dcm", content)):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zip_of(content, method=zipfile.ZIP_STORED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.txt", "no image")
        archive.writestr("b.dcm", content)
    return out.getvalue()


PACKS = {
    "loose": (lambda content: content, True),
    "tar": (tar_of, True),
    "zip": (zip_of, True),
    "zip in tar": (lambda content: tar_of(zip_of(content)), True),
    "deflated zip": (lambda content: zip_of(content, zipfile.ZIP_DEFLATED), False),
}


@pytest.mark.parametrize("is_native", [True, False])
@pytest.mark.parametrize("pack", PACKS)
def test_a_range_is_one_of_the_stored_object(tmp_path, pack, is_native):
    make, has_range = PACKS[pack]
    content = encode(image(4)) if is_native else compressed(encapsulate(TILES[:4]), 4)
    stored = make(content)
    (tmp_path / "object").write_bytes(stored)
    refs = [ObjectRef(*row.values()) for batch in open_store(str(tmp_path), access=S3Access()).list()
            for row in batch.to_pylist()]  # fmt: skip
    [row] = [
        row
        for batch in read_batches(split_objects(refs, SETTINGS), SETTINGS)
        for row in batch.to_pylist()
        if row["kind"] == "instance"
    ]
    assert len(row["frames"]) == 4
    if not has_range:
        assert row["frame_offsets_reason"] == frames_module.PACKED
        assert {(frame["offset"], frame["length"]) for frame in row["frames"]} == {(None, None)}
        return
    assert row["frame_offsets_reason"] is None
    alone = frames_of(row_of(content))
    for frame, expected in zip(row["frames"], alone, strict=True):
        length = expected["length"] or 8
        found = stored[frame["offset"] : frame["offset"] + length]
        assert found == content[expected["offset"] : expected["offset"] + length]


def test_an_ingest_reads_tables_behind_the_header_if_its_option_is_set(tmp_path):
    count = 40_000
    (tmp_path / "slide.dcm").write_bytes(compressed(encapsulate([b"\xff\xd8\xff\xd9"] * count), count))
    refs = [ObjectRef(*row.values()) for batch in open_store(str(tmp_path), access=S3Access()).list()
            for row in batch.to_pylist()]  # fmt: skip
    spent = []
    for is_set in (False, True):
        config = IngestConfig(source=str(tmp_path), lake=str(tmp_path / "lake"), frame_offsets=is_set)
        settings = ReadSettings.of(config, SETTINGS.stamp)
        row, entry = read_rows(split_objects(refs, settings), settings)
        assert row["frame_offsets_reason"] == (None if is_set else "offset table not read")
        spent.append(entry["requests"])
    assert spent[1] == spent[0] + 1


def test_many_frames_end_a_batch(monkeypatch):
    monkeypatch.setattr(read_module, "BATCH_BYTES", 3 * read_module.FRAME_BYTES)
    rows = [{"kind": RowKind.INSTANCE, "frames": [()] * count} for count in (1, 1, 1, 4, 2)]
    assert [len(alike) for alike in map(list, cut_rows(rows))] == [3, 1, 1]


def test_without_the_size_of_the_file_no_offset_is_certain():
    content = compressed(encapsulate(TILES[:4]), 4)
    row = fill_row(read(content))
    assert row["frame_offsets_reason"] == frames_module.NO_END


def test_each_reason_is_one_that_a_test_meets():
    met = {reason for _, reason in LIES.values()} | {reason for _, reason in REFUSED.values()}
    met |= {"no offset table", "offset table not in the stored header", frames_module.NO_PIXEL_DATA}
    met |= {frames_module.PACKED, frames_module.NO_END}
    assert met == set(OFFSET_REASONS)


def test_the_syntax_of_the_image_does_not_matter():
    content = encode(image(3), EXPLICIT)
    assert frames_of(row_of(content))[2]["offset"] == len(content) - 48
