"""Steps of specimens: a row for each content item, and the slides that are described by them."""

from datetime import datetime

from tests.columns.item_rows import code, item, row_of

PROCESSING, SUBSTANCE = code("111701", "DCM", "Processing type"), code("424361007", "SCT", "Using substance")


def step(*items):
    return item(SpecimenPreparationStepContentItemSequence=list(items))


def of_code(concept, value):
    return item(ValueType="CODE", ConceptNameCodeSequence=[concept], ConceptCodeSequence=[value])


def meaning(one):
    return {
        "code_value": one.CodeValue, "coding_scheme_designator": one.CodingSchemeDesignator,
        "code_meaning": one.CodeMeaning,
    }  # fmt: skip


def test_each_content_item_of_each_step_of_each_specimen_is_a_row():
    staining, eosin = code("127790008", "SCT", "Staining"), code("36879007", "SCT", "Eosin")
    first = item(
        SpecimenIdentifier="A",
        SpecimenUID="1.9",
        SpecimenPreparationSequence=[
            step(of_code(PROCESSING, staining), of_code(SUBSTANCE, eosin)),
            step(item(ValueType="TEXT", ConceptNameCodeSequence=[code("x")], TextValue="by hand")),
        ],
    )
    second = item(
        SpecimenIdentifier="B",
        SpecimenPreparationSequence=[
            step(
                item(ValueType="DATETIME", ConceptNameCodeSequence=[code("t")], DateTime="20240102030405"),
                item(
                    ValueType="NUMERIC",
                    ConceptNameCodeSequence=[code("n")],
                    NumericValue="4.5",
                    MeasurementUnitsCodeSequence=[code("um", "UCUM", "um")],
                ),
            )
        ],
    )
    found = row_of(SpecimenDescriptionSequence=[first, second, item(SpecimenIdentifier="C")])["specimen_steps"]
    assert [(one["specimen_identifier"], one["step"], one["value_type"]) for one in found] == [
        ("A", 1, "CODE"), ("A", 1, "CODE"), ("A", 2, "TEXT"), ("B", 1, "DATETIME"), ("B", 1, "NUMERIC"),
    ]  # fmt: skip
    assert [one.get("specimen_uid") for one in found] == ["1.9"] * 3 + [None] * 2
    assert [one["concept"]["code_value"] for one in found] == ["111701", "424361007", "x", "t", "n"]
    assert [one.get("code") for one in found] == [meaning(staining), meaning(eosin), None, None, None]
    assert found[2]["text"] == "by hand"
    assert found[3]["date_time"] == datetime(2024, 1, 2, 3, 4, 5)
    assert (found[4]["numeric_value"], found[4]["unit"]["code_value"]) == (4.5, "um")
