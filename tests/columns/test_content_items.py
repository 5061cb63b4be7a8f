"""Content trees: every kind of item, every depth, and what reports get wrong."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.dataset import Dataset

from dicom_udf.columns import fill_row, selection
from dicom_udf.columns.content_items import MOST_NUMBERS, content_rows
from dicom_udf.columns.items import TooLargeError, item_columns
from dicom_udf.columns.stored_row import fill_from_stored
from dicom_udf.header import HeaderReader
from tests.columns.item_rows import code, item, reasons_of, row_of
from tests.header.files import encode, minimal

[COLUMN] = [column for column in item_columns() if column.name == "content_items"]
GROUP = code("125007", "DCM", "Measurement Group")


def node(kind="CONTAINER", *children, concept=None, **values):
    """A content item."""
    made = item(ValueType=kind, **values)
    if concept is not None:
        made.ConceptNameCodeSequence = [concept]
    if children:
        made.ContentSequence = list(children)
    return made


def report(*children, **values):
    """The rows of a document, without their defaults."""
    return row_of(ValueType="CONTAINER", ContentSequence=list(children), **values)


def items(*children, **values):
    return report(*children, **values)["content_items"]


def as_code(text, scheme="99X"):
    return {"code_value": text, "coding_scheme_designator": scheme, "code_meaning": f"Meaning {text}"}


def test_the_root_is_the_first_row():
    template = item(MappingResource="DCMR", TemplateIdentifier="1500")
    [root, child] = items(
        node("TEXT", TextValue="x"),
        ConceptNameCodeSequence=[code("126000")],
        ContentTemplateSequence=[template],
    )
    assert root == {
        "path": "1", "parent_path": None, "group_path": None, "depth": 0, "value_type": "CONTAINER",
        "concept": as_code("126000"), "template_identifier": "1500",
    }  # fmt: skip
    assert (child["path"], child["parent_path"], child["depth"]) == ("1.1", "1", 1)


def test_an_object_without_a_tree_has_no_rows():
    assert row_of(Modality="CT").get("content_items") is None
    assert row_of(ConceptNameCodeSequence=[code("1")]).get("content_items") is None


TEXTS = {
    "TEXT": ("TextValue", "a text\\with a backslash", "a text\\with a backslash"),
    "UIDREF": ("UID", "1.2.3", "1.2.3"),
    "PNAME": ("PersonName", "Reader^Rae=読影", "Reader^Rae"),
    "DATE": ("Date", "20240315", "20240315"),
    "TIME": ("Time", "101530.5", "101530.5"),
    "DATETIME": ("DateTime", "20240315101530+0100", "20240315101530+0100"),
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_is_as_it_is_written(kind):
    keyword, written, expected = TEXTS[kind]
    [_, found] = items(node(kind, concept=code("c"), **{keyword: written}), SpecificCharacterSet="ISO_IR 192")
    assert (found["value_type"], found["text"], found["concept"]) == (kind, expected, as_code("c"))


def measured(*values, unit="mm", **more):
    value = item(MeasurementUnitsCodeSequence=[code(unit, "UCUM")], **more)
    if values:
        value.NumericValue = list(values) if len(values) > 1 else values[0]
    return [value]


def number(*values, concept="c", **more):
    return node("NUM", concept=code(concept), MeasuredValueSequence=measured(*values, **more))


def test_a_number_has_its_value_and_unit():
    [_, found] = items(number("12.5"))
    assert (found["numeric_value"], found["unit"], found.get("numeric_values")) == (12.5, as_code("mm", "UCUM"), None)


def test_several_numbers_are_a_list():
    [_, found] = items(number("80", "120", "80.5"))
    assert (found.get("numeric_value"), found["numeric_values"]) == (None, [80.0, 120.0, 80.5])


def test_a_floating_point_value_comes_first():
    [_, found] = items(number("12.5", FloatingPointValue=12.500000001))
    assert found["numeric_value"] == 12.500000001


def test_a_number_without_value_has_a_qualifier():
    one = node("NUM", concept=code("c"), MeasuredValueSequence=[])
    one.NumericValueQualifierCodeSequence = [code("114007", "DCM")]
    row = report(one, number(), node("NUM", concept=code("c")))
    assert [found.get("numeric_value") for found in row["content_items"]] == [None] * 4
    assert row["content_items"][1]["qualifier"]["code_value"] == "114007"
    assert row["invalid_values"] is None


def test_a_text_in_the_place_of_a_number_is_null_and_named():
    texts = [number("1.5"), number("0"), number("0")]
    texts[1].MeasuredValueSequence[0].add_new("NumericValue", "LO", "about 3")
    texts[2].MeasuredValueSequence[0].add_new("NumericValue", "LO", ["1", "many"])
    row = report(*texts)
    assert [found.get("numeric_value") for found in row["content_items"]] == [None, 1.5, None, None]
    assert row["content_items"][3]["numeric_values"] == [1.0, None]
    assert list(reasons_of(row)) == [f"0040A730[{place}].0040A300[0].0040A30A" for place in (1, 2)]


def test_a_number_without_a_concept_is_named():
    row = report(node("NUM", MeasuredValueSequence=measured("1")), node("TEXT", TextValue="x"))
    assert row["content_items"][1]["numeric_value"] == 1.0
    assert reasons_of(row) == {"0040A730[0].0040A043": "a number without a concept"}


def test_a_number_whose_concept_is_a_meaning_alone_is_named():
    row = report(node("NUM", concept=item(CodeMeaning="DLP"), MeasuredValueSequence=measured("1")))
    assert row["content_items"][1]["concept"]["code_meaning"] == "DLP"
    assert reasons_of(row) == {"0040A730[0].0040A043": "a number without a concept"}


def test_a_code_is_the_first_one():
    [_, first, second] = items(
        node("CODE", concept=code("q"), ConceptCodeSequence=[code("a"), code("b")]),
        node("CODE", concept=code("q"), ConceptCodeSequence=[item(CodeMeaning="a meaning alone")]),
    )
    assert first["code"] == as_code("a")
    assert second["code"] == {
        "code_value": None, "coding_scheme_designator": None, "code_meaning": "a meaning alone"
    }  # fmt: skip


@pytest.mark.parametrize("keyword", ["CodeValue", "LongCodeValue", "URNCodeValue"])
def test_a_code_has_any_of_three_values(keyword):
    [_, found] = items(node("CODE", ConceptCodeSequence=[item(CodingSchemeDesignator="S", **{keyword: "1.2"})]))
    assert found["code"] == {"code_value": "1.2", "coding_scheme_designator": "S", "code_meaning": None}


def test_an_image_is_referred_to_with_frames_and_segments():
    reference = item(
        ReferencedSOPClassUID="1.2.840.10008.5.1.4.1.1.66.4", ReferencedSOPInstanceUID="1.5",
        ReferencedFrameNumber=["1", "3"], ReferencedSegmentNumber=[2],
    )  # fmt: skip
    row = report(node("IMAGE", ReferencedSOPSequence=[reference]))
    found = row["content_items"][1]
    assert found["referenced_sop_class_uid"].endswith(".66.4")
    assert (found["referenced_sop_instance_uid"], found["referenced_frames"], found["referenced_segments"]) == (
        "1.5",
        [1, 3],
        [2],
    )
    assert [(link["kind"], link["referenced_frames"]) for link in row["links"]] == [("CONTENT", [1, 3])]


def test_coordinates_are_there_up_to_a_bound():
    few, many = [0.5] * MOST_NUMBERS, [0.5] * (MOST_NUMBERS + 2)
    row = report(*(node("SCOORD", GraphicType="POLYLINE", GraphicData=data) for data in (few, many)))
    [_, first, second] = row["content_items"]
    assert (first["graphic_type"], first["graphic_data"]) == ("POLYLINE", few)
    assert (second["graphic_type"], second.get("graphic_data")) == ("POLYLINE", None)
    assert reasons_of(row) == {"0040A730[1].00700022": "more than 1,000 numbers"}


def test_an_item_by_reference_has_the_path_of_the_other():
    by_reference = item(RelationshipType="INFERRED FROM", ReferencedContentItemIdentifier=[1, 2, 7])
    [_, found] = items(by_reference)
    assert found == {
        "path": "1.1", "parent_path": "1", "group_path": None, "depth": 1, "relationship_type": "INFERRED FROM",
        "referenced_content_item": "1.2.7",
    }  # fmt: skip


def test_references_in_a_circle_are_paths_and_no_rows():
    """An item refers to the container around it, and to itself: the reader follows neither."""
    circle = [
        item(RelationshipType="INFERRED FROM", ReferencedContentItemIdentifier=path)
        for path in ([1], [1, 1], [1, 1, 2])
    ]
    found = items(node("CONTAINER", *circle))
    assert [(one["path"], one.get("referenced_content_item")) for one in found] == [
        ("1", None), ("1.1", None), ("1.1.1", "1"), ("1.1.2", "1.1"), ("1.1.3", "1.1.2"),
    ]  # fmt: skip


def test_items_have_the_nearest_measurement_group_around_them():
    inner = node("CONTAINER", number("2"), concept=GROUP)
    outer = node("CONTAINER", number("1"), node("CONTAINER", number("3"), concept=code("other")), inner, concept=GROUP)
    found = items(outer, node("CODE", number("4"), concept=GROUP), number("5"))
    groups = {one["numeric_value"]: one["group_path"] for one in found if "numeric_value" in one}
    assert groups == {1.0: "1.1", 2.0: "1.1.3", 3.0: "1.1", 4.0: None, 5.0: None}
    assert [one["group_path"] for one in found if one["path"] in ("1.1", "1.1.3")] == [None, "1.1"]


LEAVES = st.builds(lambda value: number(str(value)), st.integers(-999, 999))
TREES = st.recursive(LEAVES, lambda below: st.lists(below, max_size=12).map(lambda all_: node("CONTAINER", *all_)))


def expected_paths(one: Dataset, path: str):
    yield path, one
    for place, child in enumerate(one.get("ContentSequence", ()), start=1):
        yield from expected_paths(child, f"{path}.{place}")


@settings(max_examples=15)
@given(st.lists(TREES, max_size=12))
def test_any_tree_comes_back_item_by_item(children):
    found = items(*children)
    expected = [("1", None)]
    for place, child in enumerate(children, start=1):
        expected += expected_paths(child, f"1.{place}")
    assert [one["path"] for one in found] == [path for path, _ in expected]
    for one, (path, data) in zip(found[1:], expected[1:], strict=True):
        assert (one["parent_path"], one["depth"]) == (path.rpartition(".")[0], path.count("."))
        assert one["value_type"] == data.ValueType
        if data.ValueType == "NUM":
            assert one["numeric_value"] == float(data.MeasuredValueSequence[0].NumericValue)


def test_containers_may_be_sixty_deep():
    one = number("1")
    for _ in range(60):
        one = node("CONTAINER", one)
    found = items(one)
    assert (found[-1]["depth"], found[-1]["numeric_value"], len(found)) == (61, 1.0, 62)


def test_a_tree_that_was_left_out_is_named():
    with pytest.raises(TooLargeError):
        content_rows(COLUMN, {0x0040A730: None}, "CONTAINER", {}, 10)


def test_rows_end_past_the_bound():
    leaves = [{"0040A040": {"vr": "CS", "Value": ["TEXT"]}}] * 50
    assert len(content_rows(COLUMN, {0x0040A730: leaves}, "CONTAINER", {}, 10) or ()) == 11


def test_a_report_that_the_header_cuts_is_whole_and_an_upgrade_names_it():
    texts = [node("TEXT", concept=code("c"), TextValue=f"{place:9000}") for place in range(1000)]
    header = HeaderReader(selection()).read(io.BytesIO(encode(minimal(ValueType="CONTAINER", ContentSequence=texts))))
    row = fill_row(header)
    assert [one["text"].strip() for one in row["content_items"][1:]] == [str(place) for place in range(1000)]
    assert row["header_omitted"] == ["0040A730[100:]"]
    made, _, gained = fill_from_stored(("content_items",), header.json, None, header.omitted, (), {})
    assert (made.get("content_items"), gained) == (None, ["column:content_items"])
