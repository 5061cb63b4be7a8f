"""Item columns: each field of items.tsv, and what sequences look like that are empty, long or broken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from dicom_udf.columns import fill_row, instances_table
from dicom_udf.columns import item_values as making
from dicom_udf.columns.items import CODE_TYPE, item_columns, wanted_sequences
from dicom_udf.columns.stored_row import fill_from_stored
from dicom_udf.header import VRS, stored
from tests.columns.item_rows import NAMES, code, item, read, reasons_of, row_of, row_of_file
from tests.each import for_each
from tests.header.files import element, encode, minimal, raw_file, set_nested

COLUMNS = item_columns()
OF_ONE = [column for column in COLUMNS if column.tag is not None]
ATTRIBUTES = [(column, field) for column in COLUMNS for field in column.fields if field.path]
FIELDS = [
    (column, field) for column, field in ATTRIBUTES if field.root == (column.tag,) and column.name != "content_items"
]


def by_name(pair):
    return f"{pair[0].name}-{pair[1].name}"


def sample(field, number):
    """Return a value for pydicom, and what the field then has."""
    if field.vr == "SQ":
        read = [
            {"code_value": text, "coding_scheme_designator": "99X", "code_meaning": f"Meaning {text}"}
            for text in (f"C{number}", "other")
        ]
        return [code(f"C{number}"), code("other")], read[0] if field.vm == "1" else read
    one = {
        "US": number, "UL": number, "IS": number, "DS": number / 4, "LO": f"text {number}", "SH": f"text {number}",
        "ST": f"text {number}", "UT": f"text {number}", "CS": f"C{number}", "UI": f"1.2.{number}",
    }[field.vr]  # fmt: skip
    many = int(field.vm.partition("-")[0]) if field.vm != "1" else 1
    return (one, one) if field.vm == "1" else ([one] * many if many > 1 else one, [one] * many)


def item_of(*filled):
    made = Dataset()
    for field, value in filled:
        set_nested(made, field.keyword, value, inner=lambda: code("outer"))
    return made


def fields_of(row, column):
    """The values of a column's structs in the fields that its own sequence has."""
    own = {field.name for field in column.fields if field.root == (column.tag,) and field.path}
    return [{name: value for name, value in one.items() if name in own} for one in row[column.name]]


@for_each(ATTRIBUTES, name=by_name)
def test_a_field_agrees_with_the_dictionary(pair):
    _, field = pair
    assert tuple(tag_for_keyword(keyword) for keyword in field.keyword.split(".")) == field.path
    vm = dictionary_VM(field.path[-1])
    assert dictionary_VR(field.path[-1]) == field.vr
    assert field.vm == ("1-n" if field.vr == "SQ" and field.vm != "1" else "1" if field.name == "numeric_value" else vm)
    assert all(dictionary_VR(tag) == "SQ" for tag in (*field.root, *field.path[:-1]))
    assert VRS[field.vr].type is not None or field.vr == "SQ"
    assert CODE_TYPE in field.type or field.vr != "SQ"


@for_each([(column, field) for column in COLUMNS for field in column.fields], name=by_name)
def test_a_field_is_described(pair):
    _, field = pair
    assert field.description.endswith(".")
    assert not field.root or field.root[0] in wanted_sequences()
    assert all(dictionary_VR(tag) == "SQ" for tag in field.root)


@for_each(COLUMNS, name=lambda column: column.name)
def test_a_column_is_one_of_the_table(column):
    fields = {field.name: field for field in instances_table().fields}
    assert fields[column.name].type == column.type
    assert column.tag is None or keyword_for_tag(column.tag) == column.keyword
    assert len({field.name for field in column.fields}) == len(column.fields)


@for_each(FIELDS, name=by_name)
def test_every_item_has_its_own_value(pair):
    column, field = pair
    values = [sample(field, number) for number in range(1, 4)]
    items = [item_of((field, value)) for value, _ in values]
    row = row_of(**{column.keyword: [*items, Dataset()]})
    assert [one.get(field.name) for one in row[column.name]] == [expected for _, expected in values] + [None]
    assert row["invalid_values"] is None


@for_each(
    [column for column in OF_ONE if column.name not in ("specimen_steps", "content_items")],
    name=lambda column: column.name,
)
def test_all_fields_of_an_item_together(column):
    values = [(field, *sample(field, 7)) for of, field in FIELDS if of == column]
    # A path through a code goes on inside the code that the other field has.
    filled = sorted(((field, value) for field, value, _ in values), key=lambda one: len(one[0].path))
    row = row_of(**{column.keyword: [item_of(*filled)]})
    assert fields_of(row, column) == [{field.name: expected for field, _, expected in values}]


@for_each(OF_ONE, name=lambda column: column.name)
def test_an_absent_sequence_is_null_and_an_empty_one_has_no_items(column):
    assert row_of().get(column.name) is None
    root = [{"path": "1", "parent_path": None, "group_path": None, "depth": 0}]
    assert row_of(**{column.keyword: []})[column.name] == (root if column.name == "content_items" else [])


@given(st.lists(st.text("abc", max_size=3), max_size=12), st.booleans())
def test_items_come_in_their_order(labels, is_long):
    items = [item() for _ in labels]
    for one, label in zip(items, labels, strict=True):
        one.SegmentLabel = label
        one.TrackingID = "x" * (3000 if is_long else 1)  # beyond what the memo remembers
    row = row_of(SegmentSequence=items)
    assert [one.get("label") for one in row["segments"]] == [label or None for label in labels]
    assert row["segments_count"] == len(labels)
    assert row.get("segment_label") == ((labels[0] or None) if labels else None)


def segments(*items, length=None):
    content = b"".join(element(0xFFFEE000, "", b"")[:4] + len(one).to_bytes(4, "little") + one for one in items)
    return raw_file(element(0x00620002, "SQ", content, length=length))


def number(value):
    return element(0x00620004, "US", value.to_bytes(2, "little"))


def test_a_value_that_does_not_fit_is_null_with_its_place():
    bad = element(0x00620004, "LO", b"four")
    row = row_of_file(segments(number(1), bad))
    assert row["segments"] == [{"segment_number": 1}, {}]
    assert reasons_of(row) == {"00620002[1].00620004": "not a whole number"}


def test_a_broken_sequence_is_null_and_named():
    broken = element(0x00620005, "LO", b"x", length=999)
    header = read(segments(number(1), broken, number(3)))
    row = fill_row(header)
    assert row.get("segments") is None
    assert "segments_count" not in header.values
    assert "SegmentSequence" in header.invalid_values
    made, _, _ = fill_from_stored(
        ("segments", "segments_count"), header.json, None, (), (), {}, broken=["SegmentSequence"]
    )
    assert {"segments", "segments_count"}.isdisjoint(made)


@pytest.mark.parametrize(
    ("module", "bound", "value"), [(making, "MOST_STRUCTS", 3), (stored, "MOST_TEXT", 160)], ids=["structs", "text"]
)
def test_past_its_bounds_a_cell_is_null_and_named(monkeypatch, module, bound, value):
    monkeypatch.setattr(module, bound, value)
    making._remembered.cache_clear()
    for count in (3, 4):
        header = read(segments(*[number(one) for one in range(count)]))
        row = fill_row(header)
        assert (row.get("segments") is None) == (count == 4)
        assert row["header_omitted"] == (["column:segments"] if count == 4 else None)
        assert row["segments_count"] == count
    making._remembered.cache_clear()


def test_links_are_null_where_a_sequence_that_may_have_some_was_left_out():
    cells = making.item_cells({0x00620002: None}, {}, None, None)
    assert (cells.columns, cells.omitted) == ({}, ["column:segments", "column:links"])
    cells = making.item_cells({0x00620002: None}, {}, None, None, without_references=[0x00620002])
    assert (cells.columns, cells.omitted) == ({}, ["column:segments"])


def test_what_the_stored_header_lacks_is_null_and_named():
    text = read(segments(number(1))).json
    made, _, gained = fill_from_stored(("segments", "segments_count"), text, None, ["00620002[100:]"], (), {})
    assert {"segments", "segments_count"}.isdisjoint(made)
    assert gained == ["column:segments"]


def test_an_instance_without_sequences_has_no_cells_and_no_cost():
    header = read(encode(minimal(Modality="CT")))
    assert header.sequences == {}
    assert not set(NAMES) & fill_row(header).keys()


# --- Frames of a segment


def segmentation(numbers, *, shared=None):
    def group(number):
        return item(SegmentIdentificationSequence=[item(ReferencedSegmentNumber=number)] if number else [])

    more = {} if shared is None else {"SharedFunctionalGroupsSequence": [group(shared)]}
    return row_of(
        SegmentSequence=[item(SegmentNumber=number) for number in (1, 2, 3)],
        NumberOfFrames=len(numbers),
        PerFrameFunctionalGroupsSequence=[group(one) for one in numbers],
        **more,
    )


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [([1, 1, 2], [2, 1, 0]), ([2] * 5, [0, 5, 0]), ([3, None, 1], [1, 0, 1]), ([None, None], [None] * 3)],
)
def test_frames_of_a_segment_are_counted(numbers, expected):
    row = segmentation(numbers)
    assert [one.get("frames") for one in row["segments"]] == expected
    assert row["invalid_values"] is None


def test_a_shared_segment_has_all_frames():
    assert [one["frames"] for one in segmentation([None, None], shared=2)["segments"]] == [0, 2, 0]


def test_frames_of_a_segment_that_does_not_exist_are_named():
    row = segmentation([1, 9, 9])
    assert [one["frames"] for one in row["segments"]] == [1, 0, 0]
    assert reasons_of(row) == {"52009230.0062000A.0062000B": "names a segment that SegmentSequence lacks"}


def test_without_groups_of_frames_the_number_is_not_known():
    row = row_of(SegmentSequence=[item(SegmentNumber=1)], NumberOfFrames=2)
    assert row["segments"] == [{"segment_number": 1}]
