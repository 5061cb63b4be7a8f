"""Structured reports of the sample files: dose, measurements, key objects (PS3.16 TID 10001, 10011, 1500, 2010).

Totals of a dose report are the sums over its events.
"""

from __future__ import annotations

from typing import Any

from release.sample.modalities import Header, code, instance, reference, uid

__all__ = ["ct_dose", "fluoroscopy_dose", "key_objects", "mammography_dose", "measurements"]

_DOSE_SR, _COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.67", "1.2.840.10008.5.1.4.1.1.88.34"

Code = tuple[str, str, str]
"""Value, scheme and meaning."""

_LATERALITY = ("272741003", "SCT", "Laterality")
_MODALITY_CT = ("77477000", "SCT", "Computed tomography")
_PLANE_A, _PLANE_B, _SINGLE_PLANE = (
    ("113620", "DCM", "Plane A"), ("113621", "DCM", "Plane B"), ("113622", "DCM", "Single Plane")
)  # fmt: skip
_FLUOROSCOPY, _STATIONARY = ("44491008", "SCT", "Fluoroscopy"), ("113611", "DCM", "Stationary Acquisition")
_REFERENCE_POINT = ("113860", "DCM", "15cm from Isocenter toward Source")
_UNITS = {
    "mm3": "cubic millimeter", "[hnsf'U]": "Hounsfield unit", "{events}": "events", "{ratio}": "ratio",
    "{X-Ray sources}": "X-Ray sources", "{pulse}/s": "pulse/s", "1": "no units",
}  # fmt: skip
"""Meanings of the units that differ from their code."""


def dcm(value: str, meaning: str) -> Code:
    """Return a code of DICOM's own scheme."""
    return value, "DCM", meaning


def item(value_type: str, concept: Code | None, *items: Header, relation: str = "CONTAINS", **value: Any) -> Header:
    """Return a content item with its value and the items below it (PS3.3 C.17.3)."""
    found: Header = {"RelationshipType": relation, "ValueType": value_type, **value}
    if concept is not None:
        found["ConceptNameCodeSequence"] = code(*concept)
    if items:
        found["ContentSequence"] = list(items)
    return found


def container(concept: Code, *items: Header, template: str | None = None) -> Header:
    """Return a CONTAINER; ``template`` is its TemplateIdentifier."""
    found = item("CONTAINER", concept, *items, ContinuityOfContent="SEPARATE")
    return found if template is None else found | _template(template)


def _template(identifier: str) -> Header:
    return {"ContentTemplateSequence": [{"MappingResource": "DCMR", "TemplateIdentifier": identifier}]}


def coded(concept: Code, value: Code, *items: Header, relation: str = "CONTAINS") -> Header:
    """Return a CODE."""
    return item("CODE", concept, *items, relation=relation, ConceptCodeSequence=code(*value))


def modifier(concept: Code, value: Code, *items: Header) -> Header:
    """Return a CODE that modifies the concept of the item above it."""
    return coded(concept, value, *items, relation="HAS CONCEPT MOD")


def text(concept: Code, value: str, relation: str = "CONTAINS") -> Header:
    """Return a TEXT."""
    return item("TEXT", concept, relation=relation, TextValue=value)


def uid_item(concept: Code, value: str, relation: str = "CONTAINS") -> Header:
    """Return a UIDREF."""
    return item("UIDREF", concept, relation=relation, UID=value)


def time_item(concept: Code, value: str, relation: str = "CONTAINS") -> Header:
    """Return a DATETIME."""
    return item("DATETIME", concept, relation=relation, DateTime=value)


def number(concept: Code, value: float, unit: str, *items: Header) -> Header:
    """Return a NUM; ``unit`` is a code of UCUM."""
    units = code(unit, "UCUM", _UNITS.get(unit, unit))
    measured = {"NumericValue": f"{value:.12g}", "MeasurementUnitsCodeSequence": units}
    return item("NUM", concept, *items, MeasuredValueSequence=[measured])


def image(concept: Code | None, of: Header, **more: Any) -> Header:
    """Return an IMAGE; ``more`` are further attributes of the reference."""
    return item("IMAGE", concept, ReferencedSOPSequence=[reference(of, **more)])


def _document(
    of: Header,
    series: int,
    instance_number: int,
    time: str,
    root: Header,
    evidence: list[list[Header]],
    **attributes: Any,
) -> Header:
    """Return a document whose root content item is ``root``; ``evidence`` are the instances by series (C.17.2)."""
    tree = {key: value for key, value in root.items() if key != "RelationshipType"}
    if evidence:
        tree["CurrentRequestedProcedureEvidenceSequence"] = [
            {
                "StudyInstanceUID": of["StudyInstanceUID"],
                "ReferencedSeriesSequence": [
                    {
                        "SeriesInstanceUID": instances[0]["SeriesInstanceUID"],
                        "ReferencedSOPSequence": [reference(one) for one in instances],
                    }
                    for instances in evidence
                ],
            }
        ]
    made = {"ContentDate": of["StudyDate"], "ContentTime": time, "ReferencedPerformedProcedureStepSequence": []}
    return instance(of, attributes.pop("Modality", "SR"), series, instance_number, **(made | tree | attributes))


def _dose_document(
    of: Header, instance_number: int, time: str, root: Header, evidence: list[list[Header]], **attributes: Any
) -> Header:
    """Return an X-Ray Radiation Dose SR (PS3.3 A.35.8)."""
    return _document(
        of, 910, instance_number, time, root, evidence, SOPClassUID=_DOSE_SR, SeriesDescription="Dose report",
        CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED", PerformedProcedureCodeSequence=[], **attributes,
    )  # fmt: skip


def _context(of: Header, procedure: Code, serial: str, model: str, language: Code) -> list[Header]:
    """Return the procedure, its intent, the device that observes (TID 1004), and the scope, which is the study."""
    context = "HAS OBS CONTEXT"
    return [
        modifier(dcm("121049", "Language of Content Item and Descendants"), language),
        modifier(
            dcm("121058", "Procedure reported"),
            procedure,
            modifier(("363703001", "SCT", "Has Intent"), ("261004008", "SCT", "Diagnostic Intent")),
        ),
        coded(dcm("121005", "Observer Type"), dcm("121007", "Device"), relation=context),
        uid_item(dcm("121012", "Device Observer UID"), uid(serial), context),
        text(dcm("121014", "Device Observer Manufacturer"), "Example Imaging", context),
        text(dcm("121015", "Device Observer Model Name"), model, context),
        text(dcm("121016", "Device Observer Serial Number"), serial, context),
        coded(
            dcm("113705", "Scope of Accumulation"),
            dcm("113014", "Study"),
            uid_item(dcm("110180", "Study Instance UID"), of["StudyInstanceUID"], "HAS PROPERTIES"),
            relation=context,
        ),
    ]


_ENGLISH, _RUSSIAN = ("en", "RFC5646", "English"), ("ru", "RFC5646", "Russian")
_SOURCE = coded(dcm("113854", "Source of Dose Information"), dcm("113856", "Automated Data Collection"))


def ct_dose(of: Header, images: list[Header], instance_number: int, time: str) -> Header:
    """Return a dose report of a localizer and of the scan that made the images (TID 10011).

    A document with another number and time repeats the same irradiation events.
    """
    first = images[0]
    localizer = _ct_acquisition(
        uid(f"{of['PatientID']}/irradiation/localizer"), "Topogram", dcm("113805", "Constant Angle Acquisition"),
        {"kvp": 120, "current": 35, "maximum": 35, "seconds": 5.1}, ctdi_vol=0.12, length=500, collimation=(0.6, 3.6),
    )  # fmt: skip
    currents = [one["XRayTubeCurrent"] for one in images]
    spiral = _ct_acquisition(
        first["IrradiationEventUID"], "Abdomen", ("116152004", "SCT", "Spiral Acquisition"),
        {"kvp": first["KVP"], "current": sum(currents) / len(currents), "maximum": max(currents), "seconds": 0.65},
        ctdi_vol=first["CTDIvol"], length=len(images) * first["SliceThickness"], collimation=(0.6, 19.2),
        pitch=first["SpiralPitchFactor"], rotation=first["ExposureTime"] / 1000,
    )  # fmt: skip
    dose = dcm("113829", "CT Dose")
    products = [number_of(acquisition, dose, dcm("113838", "DLP")) for acquisition in (localizer, spiral)]
    root = container(
        dcm("113701", "X-Ray Radiation Dose Report"),
        *_context(of, _MODALITY_CT, first["DeviceSerialNumber"], first["ManufacturerModelName"], _ENGLISH),
        time_item(dcm("113809", "Start of X-Ray Irradiation"), f"{of['StudyDate']}101800", "HAS OBS CONTEXT"),
        time_item(dcm("113810", "End of X-Ray Irradiation"), f"{of['StudyDate']}102005", "HAS OBS CONTEXT"),
        container(
            dcm("113811", "CT Accumulated Dose Data"),
            number(dcm("113812", "Total Number of Irradiation Events"), len(products), "{events}"),
            number(dcm("113813", "CT Dose Length Product Total"), round(sum(products), 2), "mGy.cm"),
            template="10012",
        ),
        localizer,
        spiral,
        _SOURCE,
        template="10011",
    )
    return _dose_document(
        of, instance_number, time, root, [], ManufacturerModelName=first["ManufacturerModelName"],
        DeviceSerialNumber=first["DeviceSerialNumber"], SoftwareVersions=first["SoftwareVersions"],
    )  # fmt: skip


def number_of(tree: Header, *concepts: Code) -> float:
    """Return the value of the NUM that these concepts lead to, one a level."""
    for concept in concepts:
        tree = next(one for one in tree["ContentSequence"] if one["ConceptNameCodeSequence"] == code(*concept))
    return float(tree["MeasuredValueSequence"][0]["NumericValue"])


def _ct_acquisition(
    event: str, protocol: str, acquisition_type: Code, source: dict[str, float], *, ctdi_vol: float, length: float,
    collimation: tuple[float, float], pitch: float | None = None, rotation: float | None = None,
) -> Header:  # fmt: skip
    """Return an irradiation event of a CT with one X-ray source (TID 10013).

    CTDIvol is in mGy, lengths are in mm, ``rotation`` is seconds a turn; a localizer has neither pitch nor rotation.
    """
    pitches = [] if pitch is None else [number(dcm("113828", "Pitch Factor"), pitch, "{ratio}")]
    turns = [] if rotation is None else [number(dcm("113834", "Exposure Time per Rotation"), rotation, "s")]
    return container(
        dcm("113819", "CT Acquisition"),
        text(dcm("125203", "Acquisition Protocol"), protocol),
        coded(dcm("123014", "Target Region"), ("818981001", "SCT", "Abdomen")),
        coded(dcm("113820", "CT Acquisition Type"), acquisition_type),
        coded(("408730004", "SCT", "Procedure Context"), ("399331006", "SCT", "CT without contrast")),
        uid_item(dcm("113769", "Irradiation Event UID"), event),
        container(
            dcm("113822", "CT Acquisition Parameters"),
            number(dcm("113824", "Exposure Time"), source["seconds"], "s"),
            number(dcm("113825", "Scanning Length"), length, "mm"),
            number(dcm("113826", "Nominal Single Collimation Width"), collimation[0], "mm"),
            number(dcm("113827", "Nominal Total Collimation Width"), collimation[1], "mm"),
            *pitches,
            number(dcm("113823", "Number of X-Ray Sources"), 1, "{X-Ray sources}"),
            container(
                dcm("113831", "CT X-Ray Source Parameters"),
                text(dcm("113832", "Identification of the X-Ray Source"), "A"),
                number(dcm("113733", "KVP"), source["kvp"], "kV"),
                number(dcm("113833", "Maximum X-Ray Tube Current"), source["maximum"], "mA"),
                number(dcm("113734", "X-Ray Tube Current"), source["current"], "mA"),
                *turns,
            ),
        ),
        container(
            dcm("113829", "CT Dose"),
            number(dcm("113830", "Mean CTDIvol"), ctdi_vol, "mGy"),
            coded(dcm("113835", "CTDIw Phantom Type"), dcm("113691", "IEC Body Dosimetry Phantom")),
            number(dcm("113838", "DLP"), round(ctdi_vol * length / 10, 2), "mGy.cm"),
        ),
        template="10013",
    )


def fluoroscopy_dose(of: Header, angiogram: Header) -> Header:
    """Return a dose report of a biplane system: fluoroscopy on plane A, then one acquisition on both (TID 10001)."""
    dose_area, at_point = dcm("122130", "Dose Area Product"), dcm("113738", "Dose (RP)")
    fluoroscopy = _projection(
        of, "fluoroscopy", _PLANE_A, _FLUOROSCOPY, "102110",
        coded(dcm("113732", "Fluoro Mode"), dcm("113631", "Pulsed")),
        number(dcm("113791", "Pulse Rate"), 15, "{pulse}/s"),
        number(dcm("113768", "Number of Pulses"), 180, "1"),
        number(dcm("113742", "Irradiation Duration"), 12, "s"),
        number(dose_area, 0.0000214, "Gy.m2"), number(at_point, 0.0021, "Gy"),
        *[number(dcm("113733", "KVP"), kvp, "kV") for kvp in (70, 73)],  # it changed between the pulses
        *_angles(-30, 20),
    )  # fmt: skip
    acquired = [
        _projection(
            of, name, plane, _STATIONARY, "102230",
            *([image(dcm("113795", "Acquired Image"), angiogram)] if plane == _PLANE_A else []),
            number(dcm("113768", "Number of Pulses"), 60, "1"),
            number(dcm("113742", "Irradiation Duration"), 4, "s"),
            number(dose_area, area, "Gy.m2"), number(at_point, dose, "Gy"),
            number(dcm("113733", "KVP"), 80, "kV"), *_angles(*angles),
        )
        for name, plane, area, dose, angles in (
            ("acquisition A", _PLANE_A, 0.000312, 0.0452, (-30, 20)),
            ("acquisition B", _PLANE_B, 0.000281, 0.0409, (60, 0)),
        )
    ]  # fmt: skip
    seconds, pulses = dcm("113742", "Irradiation Duration"), dcm("113768", "Number of Pulses")
    accumulated = []
    for plane, screened, filmed in ((_PLANE_A, [fluoroscopy], acquired[:1]), (_PLANE_B, [], acquired[1:])):
        areas, doses, times = (
            [[number_of(event, concept) for event in events] for events in (screened, filmed)]
            for concept in (dose_area, at_point, seconds)
        )
        accumulated.append(
            container(
                dcm("113702", "Accumulated X-Ray Dose Data"),
                modifier(dcm("113764", "Acquisition Plane"), plane),
                number(dcm("113722", "Dose Area Product Total"), _sum(areas[0] + areas[1]), "Gy.m2"),
                number(dcm("113725", "Dose (RP) Total"), _sum(doses[0] + doses[1]), "Gy"),
                coded(dcm("113780", "Reference Point Definition"), _REFERENCE_POINT),
                number(dcm("113726", "Fluoro Dose Area Product Total"), _sum(areas[0]), "Gy.m2"),
                number(dcm("113728", "Fluoro Dose (RP) Total"), _sum(doses[0]), "Gy"),
                number(dcm("113730", "Total Fluoro Time"), _sum(times[0]), "s"),
                number(dcm("113727", "Acquisition Dose Area Product Total"), _sum(areas[1]), "Gy.m2"),
                number(dcm("113729", "Acquisition Dose (RP) Total"), _sum(doses[1]), "Gy"),
                number(dcm("113855", "Total Acquisition Time"), _sum(times[1]), "s"),
                number(
                    dcm("113731", "Total Number of Radiographic Frames"),
                    _sum([number_of(event, pulses) for event in filmed]),
                    "1",
                ),
                template="10002",
            )
        )
    root = container(
        dcm("113701", "X-Ray Radiation Dose Report"),
        *_context(of, dcm("113704", "Projection X-Ray"), "XA-0021", "Example XA 2P", _RUSSIAN),
        *accumulated, fluoroscopy, *acquired, _SOURCE, template="10001",
    )  # fmt: skip
    return _dose_document(
        of, 1, "104000", root, [[angiogram]], ManufacturerModelName="Example XA 2P", DeviceSerialNumber="XA-0021",
        SoftwareVersions="5.1",
    )  # fmt: skip


def _sum(values: list[float]) -> float:
    """Return the sum without the error of binary fractions."""
    return round(sum(values), 9)


def _angles(primary: float, secondary: float) -> list[Header]:
    return [
        number(dcm("112011", "Positioner Primary Angle"), primary, "deg"),
        number(dcm("112012", "Positioner Secondary Angle"), secondary, "deg"),
        number(dcm("113750", "Distance Source to Detector"), 1100, "mm"),
        number(dcm("113748", "Distance Source to Isocenter"), 765, "mm"),
    ]


def _projection(of: Header, name: str, plane: Code, event_type: Code, time: str, *items: Header) -> Header:
    """Return an irradiation event of an angiography system (TID 10003)."""
    return container(
        dcm("113706", "Irradiation Event X-Ray Data"),
        modifier(dcm("113764", "Acquisition Plane"), plane),
        uid_item(dcm("113769", "Irradiation Event UID"), uid(f"{of['PatientID']}/irradiation/{name}")),
        time_item(dcm("111526", "DateTime Started"), f"{of['StudyDate']}{time}"),
        coded(dcm("113721", "Irradiation Event Type"), event_type),
        text(dcm("125203", "Acquisition Protocol"), "Коронарография"),
        coded(dcm("123014", "Target Region"), ("80891009", "SCT", "Heart")),
        coded(dcm("113780", "Reference Point Definition"), _REFERENCE_POINT),
        *items,
        template="10003",
    )


def mammography_dose(of: Header, mammograms: list[Header]) -> Header:
    """Return a dose report with an event for each mammogram (TID 10001, 10003, 10005)."""
    sides = {"L": ("Left", "7771000", "80248007"), "R": ("Right", "24028007", "73056007")}
    totals, events = [], []
    for n, mammogram in enumerate(mammograms):
        side, laterality, breast = sides[mammogram["ImageLaterality"]]
        glandular = round(mammogram["OrganDose"] * 100, 2)  # dGy to mGy
        totals.append(
            number(
                dcm("111637", "Accumulated Average Glandular Dose"), glandular, "mGy",
                modifier(_LATERALITY, (breast, "SCT", f"{side} breast")),
            )
        )  # fmt: skip
        region = coded(
            dcm("123014", "Target Region"), ("76752008", "SCT", "Breast"),
            modifier(_LATERALITY, (laterality, "SCT", side)),
        )  # fmt: skip
        events.append(
            container(
                dcm("113706", "Irradiation Event X-Ray Data"),
                modifier(dcm("113764", "Acquisition Plane"), _SINGLE_PLANE),
                uid_item(dcm("113769", "Irradiation Event UID"), uid(f"{of['PatientID']}/irradiation/{side}")),
                time_item(dcm("111526", "DateTime Started"), f"{of['StudyDate']}1019{n:02}"),
                coded(dcm("113721", "Irradiation Event Type"), _STATIONARY),
                region,
                image(dcm("113795", "Acquired Image"), mammogram),
                number(dcm("111631", "Average Glandular Dose"), glandular, "mGy"),
                number(dcm("111636", "Entrance Exposure at RP"), mammogram["EntranceDoseInmGy"], "mGy"),
                number(dcm("113733", "KVP"), mammogram["KVP"], "kV"),
                number(dcm("113736", "Exposure"), mammogram["ExposureInuAs"], "uA.s"),
                number(dcm("111633", "Compression Thickness"), mammogram["BodyPartThickness"], "mm"),
                template="10003",
            )
        )
    accumulated = container(
        dcm("113702", "Accumulated X-Ray Dose Data"), modifier(dcm("113764", "Acquisition Plane"), _SINGLE_PLANE),
        *totals, template="10002",
    )  # fmt: skip
    root = container(
        dcm("113701", "X-Ray Radiation Dose Report"),
        *_context(of, ("71651007", "SCT", "Mammography"), "MG-0003", "Example MG", _ENGLISH),
        accumulated, *events, _SOURCE, template="10001",
    )  # fmt: skip
    return _dose_document(
        of, 1, "103000", root, [mammograms], ManufacturerModelName="Example MG", DeviceSerialNumber="MG-0003",
        SoftwareVersions="2.0",
    )  # fmt: skip


def measurements(of: Header, slices: list[Header], segmentation: Header) -> Header:
    """Return a report with the volume and mean attenuation of two segments, a measurement group each (TID 1500).

    Volumes and means are those of the pixels that the segments cover.
    """
    lesion = segmentation["SegmentSequence"][2]
    site, laterality = ("363698007", "SCT", "Finding Site"), modifier(_LATERALITY, ("7771000", "SCT", "Left"))
    kidney = ("64033007", "SCT", "Kidney")
    groups = [
        _group(
            slices, segmentation, 3, (lesion["TrackingID"], lesion["TrackingUID"]), ("52988006", "SCT", "Lesion"),
            modifier(site, ("10200004", "SCT", "Liver")), volume=4.94384765625, attenuation=-744,
            evaluations=[coded(("246112005", "SCT", "Severity"), ("255604002", "SCT", "Mild"))],
        ),
        _group(
            slices, segmentation, 2, ("Kidney left", uid(f"{of['PatientID']}/kidney left")), kidney,
            modifier(site, kidney, laterality), volume=19.775390625, attenuation=-360,
        ),
    ]  # fmt: skip
    root = container(
        dcm("126000", "Imaging Measurement Report"),
        modifier(dcm("121049", "Language of Content Item and Descendants"), _ENGLISH),
        *_person(),
        modifier(dcm("121058", "Procedure reported"), _MODALITY_CT),
        container(dcm("126010", "Imaging Measurements"), *groups),
        template="1500",
    )
    return _document(
        of, 911, 1, "114500", root, [slices, [segmentation]], SOPClassUID=_COMPREHENSIVE_3D_SR,
        SeriesDescription="Measurements of segments", CompletionFlag="COMPLETE", VerificationFlag="UNVERIFIED",
        PerformedProcedureCodeSequence=[],
    )  # fmt: skip


def _person() -> list[Header]:
    """Return the observer, a person (TID 1003)."""
    context, name = "HAS OBS CONTEXT", dcm("121008", "Person Observer Name")
    return [
        coded(dcm("121005", "Observer Type"), dcm("121006", "Person"), relation=context),
        item("PNAME", name, relation=context, PersonName="Reader^Rae"),
    ]


def _group(
    slices: list[Header], segmentation: Header, segment: int, tracking: tuple[str, str], finding: Code, site: Header,
    *, volume: float, attenuation: float, evaluations: list[Header] | None = None,
) -> Header:  # fmt: skip
    """Return a measurement group of a segment (TID 1411); the volume is in mm3, the attenuation in Hounsfield units."""
    mean = modifier(dcm("121401", "Derivation"), ("373098007", "SCT", "Mean"))
    return container(
        dcm("125007", "Measurement Group"),
        text(dcm("112039", "Tracking Identifier"), tracking[0], "HAS OBS CONTEXT"),
        uid_item(dcm("112040", "Tracking Unique Identifier"), tracking[1], "HAS OBS CONTEXT"),
        coded(dcm("121071", "Finding"), finding),
        image(dcm("121191", "Referenced Segment"), segmentation, ReferencedSegmentNumber=segment),
        uid_item(dcm("121232", "Source series for segmentation"), slices[0]["SeriesInstanceUID"]),
        site,
        number(("118565006", "SCT", "Volume"), volume, "mm3"),
        number(dcm("112031", "Attenuation Coefficient"), attenuation, "[hnsf'U]", mean),
        *(evaluations or []),
        template="1411",
    )


def key_objects(of: Header, marked: list[Header]) -> Header:
    """Return a key object selection that marks images as of interest, and why (TID 2010, PS3.3 A.35.4)."""
    root = container(
        dcm("113000", "Of Interest"),
        *_person(),
        text(dcm("113012", "Key Object Description"), "Lesion in the liver"),
        *[image(None, one) for one in marked],
        template="2010",
    )
    return _document(of, 912, 1, "115000", root, [marked], Modality="KO", SeriesDescription="Key images")
