"""Item columns: each field of items.tsv, and what sequences look like that are empty, long or broken."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom.datadict import dictionary_VM, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset

from dicom_udf.columns import fill_row, instances_table, selection
from dicom_udf.columns.items import CODE_TYPE, item_columns
from dicom_udf.columns.stored_row import fill_from_stored
from dicom_udf.header import VRS, HeaderReader
from dicom_udf.header import items as reading
from tests.each import for_each
from tests.header.files import element, encode, minimal, raw_file, set_nested

COLUMNS = item_columns()
FIELDS = [(column, field) for column in COLUMNS for field in column.fields]


def by_name(pair):
    return f"{pair[0].name}-{pair[1].name}"


def code(text):
    one = Dataset()
    one.CodeValue, one.CodingSchemeDesignator, one.CodeMeaning = text, "99X", f"Meaning {text}"
    return one


def sample(field, number):
    """Return a value for pydicom, and what the field then has."""
    if field.vr == "SQ":
        read = {"code_value": f"C{number}", "coding_scheme_designator": "99X", "code_meaning": f"Meaning C{number}"}
        return [code(f"C{number}"), code("other")], read
    one = {
        "US": number, "LO": f"text {number}", "ST": f"text {number}", "UT": f"text {number}", "CS": f"C{number}",
        "UI": f"1.2.{number}",
    }[field.vr]  # fmt: skip
    many = int(field.vm.partition("-")[0]) if field.vm != "1" else 1
    return (one, one) if field.vm == "1" else ([one] * many if many > 1 else one, [one] * many)


def item_of(*filled):
    item = Dataset()
    for field, value in filled:
        set_nested(item, field.keyword, value, inner=lambda: code("outer"))
    return item


def read(content):
    reader = HeaderReader(selection())
    headers = [reader.read(io.BytesIO(content)) for _ in range(3)]
    assert headers[0] == headers[1] == headers[2]
    return headers[0]


def row_of(column, items):
    header = read(encode(minimal(**{column.keyword: items})))
    row = fill_row(header)
    stored, reasons, gained = fill_from_stored((column.name,), header.json, None, header.omitted, (), {})
    assert stored[column.name] == row[column.name]
    assert (reasons, gained) == (dict(header.invalid_values), [])
    return row


@for_each(FIELDS, name=by_name)
def test_a_field_agrees_with_the_dictionary(pair):
    column, field = pair
    assert tuple(tag_for_keyword(keyword) for keyword in field.keyword.split(".")) == field.path
    assert (dictionary_VR(field.path[-1]), dictionary_VM(field.path[-1])) == (field.vr, field.vm)
    assert all(dictionary_VR(tag) == "SQ" for tag in (column.tag, *field.path[:-1]))
    assert field.description.endswith(".")
    assert field.type == (CODE_TYPE if field.vr == "SQ" else field.type)
    assert VRS[field.vr].type is not None or field.vr == "SQ"


@for_each(COLUMNS, name=lambda column: column.name)
def test_a_column_is_one_of_the_table(column):
    fields = {field.name: field for field in instances_table().fields}
    assert fields[column.name].type == column.type
    assert keyword_for_tag(column.tag) == column.keyword
    assert len({field.name for field in column.fields}) == len(column.fields)


@for_each(FIELDS, name=by_name)
def test_every_item_has_its_own_value(pair):
    column, field = pair
    values = [sample(field, number) for number in range(1, 4)]
    items = [item_of((field, value)) for value, _ in values]
    row = row_of(column, [*items, Dataset()])
    found = row[column.name]
    assert [item.get(field.name) for item in found] == [expected for _, expected in values] + [None]
    assert row["invalid_values"] is None


@for_each(COLUMNS, name=lambda column: column.name)
def test_all_fields_of_an_item_together(column):
    values = [(field, *sample(field, 7)) for field in column.fields]
    # A path through a code goes on inside the code that the other field has.
    filled = sorted(((field, value) for field, value, _ in values), key=lambda one: len(one[0].path))
    [found] = row_of(column, [item_of(*filled)])[column.name]
    assert found == {field.name: expected for field, _, expected in values}


@for_each(COLUMNS, name=lambda column: column.name)
def test_an_absent_sequence_is_null_and_an_empty_one_has_no_items(column):
    assert fill_row(read(encode(minimal()))).get(column.name) is None
    assert row_of(column, [])[column.name] == []


@given(st.lists(st.text("abc", max_size=3), max_size=12), st.booleans())
def test_items_come_in_their_order(labels, is_long):
    [column] = [column for column in COLUMNS if column.name == "segments"]
    items = [item_of() for _ in labels]
    for item, label in zip(items, labels, strict=True):
        item.SegmentLabel = label
        item.TrackingID = "x" * (3000 if is_long else 1)  # beyond what the memo remembers
    row = row_of(column, items)
    assert [item.get("label") for item in row["segments"]] == [label or None for label in labels]
    assert row["segments_count"] == len(labels)
    assert row.get("segment_label") == ((labels[0] or None) if labels else None)


def segments(*items, length=None):
    content = b"".join(element(0xFFFEE000, "", b"")[:4] + len(item).to_bytes(4, "little") + item for item in items)
    return raw_file(element(0x00620002, "SQ", content, length=length))


def number(value):
    return element(0x00620004, "US", value.to_bytes(2, "little"))


def test_a_value_that_does_not_fit_is_null_with_its_place():
    bad = element(0x00620004, "LO", b"four")
    header = read(segments(number(1), bad))
    assert header.values["segments"] == [{"segment_number": 1}, {}]
    assert dict(header.invalid_values) == {"00620002[1].00620004": "not a whole number"}


def test_a_broken_sequence_is_null_and_named():
    broken = element(0x00620005, "LO", b"x", length=999)
    header = read(segments(number(1), broken, number(3)))
    assert "segments" not in header.values
    assert "segments_count" not in header.values
    assert "SegmentSequence" in header.invalid_values
    stored, _, _ = fill_from_stored(
        ("segments", "segments_count"), header.json, None, (), (), {}, broken=["SegmentSequence"]
    )
    assert {"segments", "segments_count"}.isdisjoint(stored)


@pytest.mark.parametrize(("bound", "value"), [("MOST_STRUCTS", 3), ("MOST_STRUCT_BYTES", 30)])
def test_past_its_bounds_a_cell_is_null_and_named(monkeypatch, bound, value):
    monkeypatch.setattr(reading, bound, value)
    for count in (3, 4):
        header = read(segments(*[number(one) for one in range(count)]))
        row = fill_row(header)
        assert (row.get("segments") is None) == (count == 4)
        assert row["header_omitted"] == (["column:segments"] if count == 4 else None)
        assert row["segments_count"] == count


def test_what_the_stored_header_lacks_is_null_and_named():
    text = read(segments(number(1))).json
    stored, _, gained = fill_from_stored(("segments", "segments_count"), text, None, ["00620002[100:]"], (), {})
    assert {"segments", "segments_count"}.isdisjoint(stored)
    assert gained == ["column:segments"]
