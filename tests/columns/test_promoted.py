"""What may be promoted, what it becomes, and what is refused with which words."""

import pytest

from dicom_udf.columns import Promoted, check_promotable, declared_attributes, instances_table, parse_promoted
from dicom_udf.columns.names import column_name
from dicom_udf.columns.schema import arrow_type
from dicom_udf.errors import ConfigurationError
from dicom_udf.header import Wanted
from tests.each import for_each

PLAIN = [one for one in declared_attributes() if "." not in one.keyword and one.part == "value"]
B_VALUE = "0019,xx0c|SIEMENS MR HEADER"


@for_each(PLAIN, name=lambda attribute: attribute.column)
def test_the_rule_names_each_declared_attribute_as_the_list_does(attribute):
    assert column_name(attribute.keyword) == attribute.column


@pytest.mark.parametrize(
    ("text", "column", "kind", "wanted"),
    [
        ("PatientComments", "patient_comments", "string", ((0x00104000,), "LT", False, None)),
        ("PatientComments:remarks", "remarks", "string", ((0x00104000,), "LT", False, None)),
        ("SelectorUVValue", "selector_uv_value", "array<decimal(20,0)>", ((0x00720083,), "UV", True, None)),
        (
            "ReferencedImageSequence.ReferencedFrameNumber",
            "referenced_frame_number",
            "array<bigint>",
            ((0x00081140, 0x00081160), "IS", True, None),
        ),
        (f"{B_VALUE}:double:b_value", "b_value", "double", ((0x0019000C,), "FD", False, "SIEMENS MR HEADER")),
        (f"(0019,xx0C)|{B_VALUE[10:]}:double", "siemens_mr_header_0019_0c", "double",
         ((0x0019000C,), "FD", False, "SIEMENS MR HEADER")),
        ("0009,xx01|a:b/C:array<timestamp>:t", "t", "array<timestamp_ntz>", ((0x00090001,), "DT", True, "a:b/C")),
        ("0009,xx01|A:decimal(20,0):n", "n", "decimal(20,0)", ((0x00090001,), "UV", False, "A")),
        ("0009,xx01|A:string:string", "string", "string", ((0x00090001,), "LO", False, "A")),
    ],
)  # fmt: skip
def test_a_text_means_a_column(text, column, kind, wanted):
    path, vr, multiple, creator = wanted
    promoted = parse_promoted(text)
    assert (promoted.column, promoted.type) == (column, kind)
    assert promoted.wanted == Wanted(column, path, vr, multiple, creator=creator)
    assert arrow_type(promoted.type) is not None
    assert len(promoted.comment) <= 255
    assert Promoted.from_json(promoted.to_json()) == promoted


def test_a_comment_says_tag_keyword_and_vr():
    assert parse_promoted("PatientComments").comment == "(0010,4000) PatientComments, LT. Promoted."
    assert parse_promoted(f"{B_VALUE}:double").comment == "(0019,xx0C) SIEMENS MR HEADER, private. B_value. Promoted."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("PatientComment", "did you mean PatientComments?"),
        ("(0010,4000)", "did you mean PatientComments?"),
        ("", "is not a keyword"),
        ("Foo:Bar", "gggg,xxee"),
        ("PixelData", "binary"),
        ("ReferencedImageSequence", "is a sequence"),
        ("Modality.Rows", "Modality is not a sequence"),
        ("CommandField", "no header has it"),
        ("PatientComments:Remarks", "can't be a column's name"),
        ("PatientComments:", "can't be a column's name"),
        (f"{B_VALUE}", "lacks a type"),
        (f"{B_VALUE}:float", "lacks a type"),
        (f"{B_VALUE}:array<double", "lacks a type"),
        (f"{B_VALUE}:array<array<double>>", "lacks a type"),
        ("0019,100c|SIEMENS MR HEADER:array<double>", "write 0019,xx0c|SIEMENS MR HEADER:array<double>"),
        ("0018,xx0c|A:string", "holds no private elements"),
        ("0019,xx0c|A\\B:string", "can't be a private creator"),
        (f"0019,xx0c|{'A' * 65}:string", "at most 64"),
    ],
)
def test_what_can_be_no_column_is_refused(text, reason):
    with pytest.raises(ConfigurationError) as refusal:
        parse_promoted(text)
    assert reason in str(refusal.value)


COLUMNS = [field.name for field in instances_table().fields]


def check(*texts, known=(), taken=()):
    known = [parse_promoted(text) for text in known]
    names = [*COLUMNS, *taken, *(one.column for one in known)]
    return [one.column for one in check_promotable(map(parse_promoted, texts), names, known)]


def test_each_is_taken_once_and_what_is_known_is_left_out():
    assert check("MilitaryRank", "ReasonForVisit", "MilitaryRank", known=["ReasonForVisit"]) == ["military_rank"]


def test_a_declared_attribute_has_its_column_already():
    assert check("PatientComments") == []


@pytest.mark.parametrize(
    ("texts", "known", "reason"),
    [
        (["ReasonForVisit:remarks"], ["ReasonForVisit"], "already, as the column reason_for_visit of type string"),
        ([f"{B_VALUE}:bigint:b"], [f"{B_VALUE}:double:b"], "already, as the column b of type double"),
        (["ReasonForVisit", "ReasonForVisit:remarks"], [], "already, as the column reason_for_visit"),
        (["Modality:kind_of_device"], [], "Modality has a column already: modality"),
        (["ReferencedImageSequence.Modality"], [], "the name modality is taken"),
        ([f"{B_VALUE}:double:header"], [], "the name header is taken"),
        ([f"{B_VALUE}:double:reason_for_visit"], ["ReasonForVisit"], "the name reason_for_visit is taken"),
        (["0019,xx0d|A:string:x", f"{B_VALUE}:double:x"], [], "the name x is taken"),
    ],
)
def test_what_clashes_is_refused(texts, known, reason):
    with pytest.raises(ConfigurationError) as refusal:
        check(*texts, known=known)
    assert reason in str(refusal.value)
