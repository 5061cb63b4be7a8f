"""Content of structured reports of the corpus: measurements of lesions, and dose."""

from __future__ import annotations

from typing import Any

from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

__all__ = ["code_item", "dose_content", "drop_images", "filled", "measured"]


def filled(values: dict[str, Any]) -> Dataset:
    """Return a data set, or an item, with values that may be invalid."""
    made = Dataset()
    for keyword, value in values.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None, keyword
        made.add(DataElement(tag, dictionary_VR(tag), value, validation_mode=IGNORE))
    return made


def code_item(value: str, meaning: str, scheme: str = "SCT") -> Dataset:
    """Return an item of a code sequence."""
    return filled({"CodeValue": value, "CodingSchemeDesignator": scheme, "CodeMeaning": meaning})


def _child(kind: str, concept: Dataset, *below: Dataset, **value: Any) -> Dataset:
    inner = {"ContentSequence": list(below)} if below else {}
    values = {"RelationshipType": "CONTAINS", "ValueType": kind, "ConceptNameCodeSequence": [concept]}
    return filled(values | value | inner)


def _number(concept: Dataset, value: str | list[str], unit: str, *below: Dataset) -> Dataset:
    measured_value = {"NumericValue": value, "MeasurementUnitsCodeSequence": [code_item(unit, unit, "UCUM")]}
    return _child("NUM", concept, *below, MeasuredValueSequence=[filled(measured_value)])


def _coded(concept: Dataset, code: Dataset, *below: Dataset) -> Dataset:
    return _child("CODE", concept, *below, ConceptCodeSequence=[code])


def _dcm(value: str) -> Dataset:
    return code_item(value, f"Concept {value}", "DCM")


def measured(observer: str = "Reader^Rae", long_axis: str = "12.5") -> dict[str, Any]:
    """Return the content of a report: two lesions with sizes, of which one has no finding and no site."""
    long, short = code_item("103339001", "Long Axis"), code_item("103340004", "Short Axis")

    def lesion(number: int, *below: Dataset) -> Dataset:
        identifier = _child("TEXT", code_item("112039", "Tracking Identifier", "DCM"), TextValue=f"Lesion {number}")
        uid = _child("UIDREF", code_item("112040", "Tracking Unique Identifier", "DCM"), UID=f"1.2.3.1.7.{number}")
        return _child("CONTAINER", code_item("125007", "Measurement Group", "DCM"), identifier, uid, *below)

    side = _coded(code_item("272741003", "Laterality"), code_item("7771000", "Left"))
    greatest = _coded(code_item("121401", "Derivation", "DCM"), code_item("56851009", "Maximum"))
    first = lesion(
        1,
        _coded(code_item("121071", "Finding", "DCM"), code_item("52988006", "Lesion")),
        _coded(code_item("363698007", "Finding Site"), code_item("39607008", "Lung"), side),
        _number(long, long_axis, "mm", greatest),
        _number(short, "8", "mm"),
        _coded(code_item("129737002", "Radiographic Lesion Margin"), code_item("129742005", "Spiculated lesion")),
    )
    groups = (first, lesion(2, _number(long, "6.25", "mm"), _number(short, ["4", "5"], "mm")))
    person = _child("PNAME", code_item("121008", "Person Observer Name", "DCM"), PersonName=observer)
    content = _child("CONTAINER", code_item("126010", "Imaging Measurements", "DCM"), *groups)
    return _root(code_item("126000", "Imaging Measurement Report", "DCM"), "1500", person, content)


def dose_content(*events: tuple[str, str, str], estimate: str = "") -> dict[str, Any]:
    """Return the content of a dose report of CT, with its total.

    Args:
        *events: UID, CTDIvol in mGy and DLP in mGy.cm of each spiral of the abdomen.
        estimate: The accumulated DLP that the scanner expected before the last one, beside an alert value of 1,000.
    """
    dlps = [float(dlp) for _, _, dlp in events]
    totals = _child("CONTAINER", _dcm("113811"), _number(_dcm("113813"), str(sum(dlps)), "mGy.cm"))
    serial = _child("TEXT", _dcm("121016"), TextValue="CT-0007")
    model = _child("TEXT", _dcm("121015"), TextValue="Example CT 64")
    last = events[-1][0]
    found = [_ct_event(*event, estimate=estimate if event[0] == last else "") for event in events]
    return _root(_dcm("113701"), "10011", model, serial, totals, *found)


def _ct_event(uid: str, ctdi_vol: str, dlp: str, *, estimate: str) -> Dataset:
    check = []
    if estimate:
        values = (_number(_dcm("113903"), "1000", "mGy.cm"), _number(_dcm("113905"), estimate, "mGy.cm"))
        check = [_child("CONTAINER", _dcm("113908"), *values)]
    dose = (_number(_dcm("113830"), ctdi_vol, "mGy"), _number(_dcm("113838"), dlp, "mGy.cm"))
    return _child(
        "CONTAINER",
        _dcm("113819"),
        _child("TEXT", _dcm("125203"), TextValue="Abdomen"),
        _coded(_dcm("123014"), code_item("113345001", "Abdomen")),
        _coded(_dcm("113820"), code_item("116152004", "Spiral Acquisition")),
        _child("UIDREF", _dcm("113769"), UID=uid),
        _child("CONTAINER", _dcm("113829"), *dose, *check),
    )


def _root(concept: Dataset, template: str, *content: Dataset) -> dict[str, Any]:
    return {
        "ValueType": "CONTAINER", "ContentSequence": list(content), "ConceptNameCodeSequence": [concept],
        "ContentTemplateSequence": [filled({"MappingResource": "DCMR", "TemplateIdentifier": template})],
    }  # fmt: skip


def drop_images(item: Dataset) -> None:
    """Leave out the content items that refer to images of the sample."""
    if "ContentSequence" in item:
        item.ContentSequence = [one for one in item.ContentSequence if one.ValueType != "IMAGE"]
        for one in item.ContentSequence:
            drop_images(one)
