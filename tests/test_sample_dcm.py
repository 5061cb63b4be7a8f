"""The sample files are what their script makes, and what their page and expected.json say."""

import bz2
import gzip
import io
import itertools
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.encaps import parse_basic_offsets

from dicom_udf import scan
from release.sample.make_sample_dcm import expected
from tests.sample import EXPECTED, SAMPLE

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "sample_files.md"
DEFLATED = {"archives/export.zip", "archives/petct.tar.gz", "archives/really_gzip.tar", "archives/slide.dcm.gz"}

same_deflate = "ng" not in zlib.ZLIB_RUNTIME_VERSION
"""zlib-ng packs the same content into other bytes; what is packed is then compared instead."""


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sample")
    script = [sys.executable, "-m", "release.sample.make_sample_dcm", str(folder)]
    subprocess.run(script, check=True, capture_output=True, cwd=PAGE.parents[2])
    return folder


def files_below(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def members(content: bytes) -> list[tuple[str, bytes]]:
    """Name and content of every file in an archive, nested ones opened."""
    if content[:2] == b"\x1f\x8b":
        return members(gzip.decompress(content))
    if content[:3] == b"BZh":
        return members(bz2.decompress(content))
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found = [(i.filename, archive.read(i)) for i in archive.infolist() if not i.is_dir()]
    elif content[257:262] == b"ustar":
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            found = [(m.name, archive.extractfile(m).read()) for m in archive if m.isfile()]
    else:
        return [("", content)]
    return [(f"{name}!{inner}", data) for name, packed in found for inner, data in members(packed)]


def test_the_script_makes_every_file_of_the_folder(remade: Path) -> None:
    assert files_below(remade) == files_below(SAMPLE)


def test_the_expected_rows_are_those_that_the_script_counts() -> None:
    assert expected() == EXPECTED


@pytest.mark.parametrize("path", sorted(EXPECTED["files"]))
def test_the_script_makes_the_same_bytes(remade: Path, path: str) -> None:
    made, committed = (remade / path).read_bytes(), (SAMPLE / path).read_bytes()
    if path in DEFLATED and not same_deflate:
        made, committed = members(made), members(committed)
    elif path == "archives/interrupted_upload.zip" and not same_deflate:
        made, committed = made[:4], committed[:4]
    assert made == committed


def test_every_file_has_its_expected_rows_and_nothing_else_is_expected() -> None:
    assert set(EXPECTED["files"]) == files_below(SAMPLE)


def test_the_totals_are_the_sums_of_the_files() -> None:
    failures: Counter[str] = Counter()
    for rows in EXPECTED["files"].values():
        failures.update(rows["failures"])
    assert EXPECTED["instances"] == sum(rows["instances"] for rows in EXPECTED["files"].values())
    assert EXPECTED["failures"] == dict(failures)


@pytest.mark.parametrize("path", sorted(path for path in EXPECTED["files"] if path.startswith("archives/")))
def test_an_archive_has_as_many_files_as_rows(path: str) -> None:
    rows = EXPECTED["files"][path]
    if "CORRUPT_ARCHIVE" in rows["failures"]:
        with pytest.raises(zipfile.BadZipFile):
            members((SAMPLE / path).read_bytes())
    else:
        assert len(members((SAMPLE / path).read_bytes())) == rows["instances"] + sum(rows["failures"].values())


@pytest.mark.parametrize("path", sorted(EXPECTED["files"]))
def test_the_page_names_every_file(path: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    folder, _, name = path.rpartition("/")
    assert f"`{path}`" in page or (f"`{folder}/" in page and (f"`{name}`" in page or name in _ELIDED))


_ELIDED = {"IM0002.dcm", "IM0003.dcm", "I2", "IM0002", "IM0003", "IM0004", "IM0005"}
"""Between the first and the last of a series the page writes dots."""


def test_the_folder_stays_small() -> None:
    assert sum((SAMPLE / path).stat().st_size for path in EXPECTED["files"]) < 300_000


@pytest.fixture(scope="module")
def rows() -> dict[str, dict]:
    """Rows of the instances by path."""
    found = scan(SAMPLE, workers=1).read_all().to_pylist(maps_as_pydicts="strict")
    start = len(f"{SAMPLE.as_uri()}/")
    return {row["source_uri"][start:]: row for row in found if row["failure_code"] is None}


def test_the_enhanced_mr_has_two_echoes_at_each_of_two_places(rows: dict[str, dict]) -> None:
    row = rows["mr_enhanced/two_echoes.dcm"]
    assert row["echo_times"] == [20.0, 80.0]
    assert row["frame_slice_positions"] == [0.0, 0.0, 3.3, 3.3]
    assert set(row["frame_attributes_vary"]) == {"echo_time", "image_position_patient"}
    assert (row["pixel_spacing"], row["slice_thickness"], row["repetition_time"]) == ([0.9, 0.9], 3.0, 3000.0)


def test_the_enhanced_ct_has_its_values_in_shared_groups(rows: dict[str, dict]) -> None:
    row = rows["ct_enhanced/volume.dcm"]
    assert (row["pixel_spacing"], row["kvp"], row["ctdi_vol"]) == ([0.75, 0.75], 100.0, 3.4)
    assert {"pixel_spacing", "slice_thickness", "kvp", "convolution_kernel"} <= set(row["lifted_attributes"])
    assert row["frame_attributes_vary"] == ["image_position_patient"]
    assert row["frame_slice_positions"] == [200.0, 201.0, 202.0]


def test_the_4d_series_has_each_place_at_each_time(rows: dict[str, dict]) -> None:
    series = [row for path, row in rows.items() if path.startswith("mr_4d/")]
    assert len({row["series_instance_uid"] for row in series}) == 1
    found = sorted((row["temporal_position_identifier"], row["slice_position"]) for row in series)
    assert found == [(time, place) for time in (1, 2) for place in (0.0, 5.0, 10.0)]


def test_a_slice_is_missing_between_equal_distances(rows: dict[str, dict]) -> None:
    series = [row for path, row in rows.items() if path.startswith("ct_missing_slice/")]
    assert len({row["series_instance_uid"] for row in series}) == 1
    places = sorted(row["slice_position"] for row in series)
    assert [after - before for before, after in itertools.pairwise(places)] == [5.0, 10.0, 5.0]
    assert {row["slice_thickness"] for row in series} == {5.0}


DICOM = sorted(
    path
    for path, rows in EXPECTED["files"].items()
    if rows["instances"] and not path.startswith(("archives/", "odd/header_cut", "odd/no_preamble"))
)
"""The loose files that are whole, with a preamble."""


def read(path: str) -> Dataset:
    return pydicom.dcmread(SAMPLE / path)


@pytest.fixture(scope="module")
def headers() -> dict[str, Dataset]:
    """Every whole file of the sample as pydicom reads it, by path; of archives only those that open."""
    found = {path: read(path) for path in DICOM}
    for path in (path for path in EXPECTED["files"] if path.startswith("archives/") and "interrupted" not in path):
        for name, content in members((SAMPLE / path).read_bytes()):
            if content[128:132] == b"DICM" and not {"cut", "DICOMDIR"} & set(re.split("[/!]", name)):
                found[f"{path}!{name}"] = pydicom.dcmread(io.BytesIO(content))
    return found


def references(header: Dataset) -> list[tuple[str, str]]:
    """SOP class and instance UID of each reference, at any depth."""
    items = [item for element in header if element.VR == "SQ" for item in element.value]
    own = (
        [(header.ReferencedSOPClassUID, header.ReferencedSOPInstanceUID)]
        if "ReferencedSOPInstanceUID" in header
        else []
    )
    return own + [one for item in items for one in references(item)]


def test_every_reference_names_an_instance_or_a_study_of_the_sample(headers: dict[str, Dataset]) -> None:
    instances = {(header.SOPClassUID, header.SOPInstanceUID) for header in headers.values()}
    studies = {("1.2.840.10008.3.1.2.3.1", header.StudyInstanceUID) for header in headers.values()}
    named = {one for header in headers.values() for one in references(header)}
    assert len(named) > 10
    assert named <= instances | studies


def test_every_series_that_a_reference_names_is_in_the_sample(headers: dict[str, Dataset]) -> None:
    series = {header.SeriesInstanceUID for header in headers.values()}
    named = {
        element.value
        for header in headers.values()
        for element in header.iterall()
        if element.keyword in {"SeriesInstanceUID", "StudyInstanceUID"}
    }
    assert named == series | {header.StudyInstanceUID for header in headers.values()}


def test_the_segmentation_has_a_frame_for_each_segment_and_slice(rows: dict[str, dict]) -> None:
    header = read("ct_abdomen/segmentation.dcm")
    frames = header.PerFrameFunctionalGroupsSequence
    assert (header.SegmentationType, header.BitsAllocated, header.NumberOfFrames) == ("BINARY", 1, len(frames))
    assert [f.SegmentIdentificationSequence[0].ReferencedSegmentNumber for f in frames] == [1, 1, 1, 1, 2, 2, 3]
    slices = {
        rows[f"ct_abdomen/IM000{n}.dcm"]["sop_instance_uid"]: rows[f"ct_abdomen/IM000{n}.dcm"] for n in (1, 2, 3, 4)
    }
    for frame in frames:
        source = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
        position = slices[source]["image_position_patient"]
        assert list(frame.PlanePositionSequence[0].ImagePositionPatient) == position
    counted = header.pixel_array.sum(axis=(1, 2))
    assert counted.tolist() == [16, 16, 16, 16, 4, 4, 2]
    row = rows["ct_abdomen/segmentation.dcm"]
    assert [segment["label"] for segment in row["segments"]] == ["Liver", "Kidney left", "Lesion 1"]
    assert row["segments"][1]["property_type_modifier"]["code_meaning"] == "Left"
    assert row["segments"][2]["tracking_id"] == "Lesion 1"


@pytest.mark.parametrize(
    ("path", "names", "unobserved", "contours"),
    [
        ("ct_abdomen/structures.dcm", ["Liver", "Spinal cord", "Heart"], {2}, [4, 2, 1]),
        ("ct_enhanced/structures.dcm", ["HERZ", "PTV_1"], set(), [2, 2]),
    ],
)
def test_a_structure_set_has_its_regions(
    path: str, names: list[str], unobserved: set[int], contours: list[int]
) -> None:
    header = read(path)
    numbers = [roi.ROINumber for roi in header.StructureSetROISequence]
    assert [roi.ROIName for roi in header.StructureSetROISequence] == names
    assert set(numbers) - {one.ReferencedROINumber for one in header.RTROIObservationsSequence} == unobserved
    assert [one.ReferencedROINumber for one in header.ROIContourSequence] == numbers
    assert [len(one.ContourSequence) for one in header.ROIContourSequence] == contours
    for one in header.ROIContourSequence:
        for contour in one.ContourSequence:
            assert len(contour.ContourData) == 3 * contour.NumberOfContourPoints


def test_the_dose_is_that_of_the_plan_and_the_plan_is_for_the_structure_set() -> None:
    structures, plan, dose = (read(f"ct_abdomen/{name}.dcm") for name in ("structures", "plan", "dose"))
    assert references(plan) == [(structures.SOPClassUID, structures.SOPInstanceUID)]
    assert {uid for _, uid in references(dose)} == {plan.SOPInstanceUID, structures.SOPInstanceUID}
    assert [beam.BeamType for beam in plan.BeamSequence] == ["STATIC", "DYNAMIC"]
    for beam in plan.BeamSequence:
        assert len(beam.ControlPointSequence) == beam.NumberOfControlPoints
        assert len(beam.get("WedgeSequence", [])) == beam.NumberOfWedges
    assert len(dose.DVHSequence) == 2
    assert all(len(one.DVHData) == 2 * one.DVHNumberOfBins for one in dose.DVHSequence)
    regions = {roi.ROINumber for roi in structures.StructureSetROISequence}
    assert {one.DVHReferencedROISequence[0].ReferencedROINumber for one in dose.DVHSequence} < regions
    assert dose.pixel_array.shape == (len(dose.GridFrameOffsetVector), dose.Rows, dose.Columns)


def item_offsets(header: Dataset) -> list[int]:
    """Where each frame's item begins, from the first item behind the basic offset table."""
    value, at, found = header.PixelData, 8 + int.from_bytes(header.PixelData[4:8], "little"), []
    first = at
    while at < len(value) and value[at : at + 4] == b"\xfe\xff\x00\xe0":
        found.append(at - first)
        at += 8 + int.from_bytes(value[at + 4 : at + 8], "little")
    return found


def test_the_levels_of_the_slide_have_all_tiles_and_true_offset_tables() -> None:
    base, small = (read(f"slide/level_{level}.dcm") for level in (0, 1))
    for header in (base, small):
        tiles = header.TotalPixelMatrixColumns // header.Columns, -(-header.TotalPixelMatrixRows // header.Rows)
        assert header.NumberOfFrames == tiles[0] * tiles[1] == len(item_offsets(header))
        assert header.pixel_array.shape == (header.NumberOfFrames, 8, 8, 3)
        assert header.DimensionOrganizationType == "TILED_FULL"
        (spacing, _) = header.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0].PixelSpacing
        assert header.ImagedVolumeWidth == pytest.approx(header.TotalPixelMatrixColumns * spacing)
        assert header.ImagedVolumeHeight == pytest.approx(header.TotalPixelMatrixRows * spacing)
    assert base.SeriesInstanceUID == small.SeriesInstanceUID
    extended = memoryview(base.ExtendedOffsetTable).cast("Q").tolist()
    assert (extended, parse_basic_offsets(base.PixelData)) == (item_offsets(base), [])
    assert parse_basic_offsets(small.PixelData) == item_offsets(small)
    assert "ExtendedOffsetTable" not in small


def test_the_slide_was_fixed_embedded_and_stained() -> None:
    steps = read("slide/level_0.dcm").SpecimenDescriptionSequence[0].SpecimenPreparationSequence
    found = [
        (item.ConceptNameCodeSequence[0].CodeMeaning, item.ConceptCodeSequence[0].CodeMeaning)
        for step in steps
        for item in step.SpecimenPreparationStepContentItemSequence
        if item.ValueType == "CODE"
    ]
    assert found == [
        ("Processing type", "Specimen processing"), ("Tissue fixative", "Formalin"),
        ("Processing type", "Specimen processing"), ("Embedding medium", "Paraffin wax"),
        ("Processing type", "Staining"), ("Using substance", "Hematoxylin stain"),
        ("Using substance", "Water soluble eosin stain"),
    ]  # fmt: skip


def test_the_annotations_lie_on_the_base_level() -> None:
    header, base = read("slide/annotations.dcm"), read("slide/level_0.dcm")
    assert header.ReferencedImageSequence[0].ReferencedSOPInstanceUID == base.SOPInstanceUID
    groups = header.AnnotationGroupSequence
    assert [(group.AnnotationGroupLabel, group.NumberOfAnnotations) for group in groups] == [
        ("Nuclei", 3),
        ("Tumor", 1),
    ]
    for group in groups:
        points = memoryview(group.PointCoordinatesData).cast("f").tolist()
        assert max(points[::2]) <= base.TotalPixelMatrixColumns
        assert max(points[1::2]) <= base.TotalPixelMatrixRows


def test_one_pet_is_corrected_for_attenuation_and_the_other_is_not(rows: dict[str, dict]) -> None:
    corrected, other = rows["pt_whole_body/PT.001"], rows["pt_whole_body/NAC.001"]
    assert "ATTN" in corrected["corrected_image"]
    assert "ATTN" not in other["corrected_image"]
    assert corrected["series_instance_uid"] != other["series_instance_uid"]
    assert (corrected["units"], other["units"]) == ("BQML", "BQML")


def below(tree: Dataset, concept: str, value_type: str | None = None) -> list[Dataset]:
    """Content items at any depth whose concept has this code value."""
    found = []
    for item in tree.get("ContentSequence", []):
        named = item.get("ConceptNameCodeSequence")
        if named and named[0].CodeValue == concept and value_type in {None, item.ValueType}:
            found.append(item)
        found += below(item, concept, value_type)
    return found


def value(tree: Dataset, concept: str) -> Any:
    """Value of the one item with this concept: a number, a UID, a text, a code value."""
    (item,) = below(tree, concept)
    match item.ValueType:
        case "NUM":
            return float(item.MeasuredValueSequence[0].NumericValue)
        case "CODE":
            return item.ConceptCodeSequence[0].CodeValue
        case "UIDREF":
            return item.UID
    return item.TextValue


def unit(tree: Dataset, concept: str) -> str:
    (item,) = below(tree, concept)
    return item.MeasuredValueSequence[0].MeasurementUnitsCodeSequence[0].CodeValue


DOSE_REPORTS = {
    "ct_abdomen/dose_report.dcm": 2,
    "ct_abdomen/dose_report_repeated.dcm": 2,
    "mg_screening/dose_report.dcm": 2,
    "names/cyrillic_dose_report.dcm": 3,
}
"""Irradiation events of each dose report."""

REPORTS = [*DOSE_REPORTS, "ct_abdomen/key_objects.dcm", "ct_abdomen/measurements.dcm"]


@pytest.mark.parametrize("path", REPORTS)
def test_a_report_is_valid_by_pydicom_and_each_of_its_items_has_a_value(path: str) -> None:
    values = {
        "CODE": "ConceptCodeSequence", "CONTAINER": "ContinuityOfContent", "DATETIME": "DateTime",
        "IMAGE": "ReferencedSOPSequence", "NUM": "MeasuredValueSequence", "PNAME": "PersonName", "TEXT": "TextValue",
        "UIDREF": "UID",
    }  # fmt: skip
    with config.strict_reading():
        header = read(path)
        items = [item for item in header.iterall() if item.VR == "SQ" and item.keyword == "ContentSequence"]
        contents = [header, *(item for sequence in items for item in sequence.value)]
        again = io.BytesIO()
        pydicom.dcmwrite(again, header)
    assert again.getvalue() == (SAMPLE / path).read_bytes()
    for item in contents:
        assert item[values[item.ValueType]].value
        assert item is header or item.RelationshipType
        assert "ConceptNameCodeSequence" in item or item.ValueType == "IMAGE"


@pytest.mark.dcmtk
@pytest.mark.skipif(shutil.which("dsrdump") is None, reason="dsrdump is not installed (Debian: dcmtk)")
@pytest.mark.parametrize("path", REPORTS)
def test_dcmtk_prints_each_item_of_a_report(path: str) -> None:
    done = subprocess.run(["dsrdump", "-Ph", SAMPLE / path], capture_output=True, check=True)
    items = sum(len(element.value) for element in read(path).iterall() if element.keyword == "ContentSequence")
    printed = re.findall(rb"^ *<(?:contains|has) ", done.stdout, re.MULTILINE)
    assert len(printed) == items > 0
    assert not re.search(rb"^[EF]: ", done.stderr, re.MULTILINE)


@pytest.mark.parametrize(("path", "events"), DOSE_REPORTS.items())
def test_a_dose_report_has_its_irradiation_events(path: str, events: int) -> None:
    header = read(path)
    assert header.ConceptNameCodeSequence[0].CodeValue == "113701"
    found = below(header, "113819") + below(header, "113706")
    assert len(found) == len({value(event, "113769") for event in found}) == events
    assert value(header, "110180") == header.StudyInstanceUID


def test_the_ct_dose_is_the_sum_over_the_events_and_one_made_the_images(rows: dict[str, dict]) -> None:
    header, image = read("ct_abdomen/dose_report.dcm"), read("ct_abdomen/IM0001.dcm")
    acquisitions = below(header, "113819")
    assert value(header, "113812") == len(acquisitions) == 2
    assert (value(header, "113813"), unit(header, "113813")) == (20.62, "mGy.cm")
    assert sum(value(acquisition, "113838") for acquisition in acquisitions) == pytest.approx(20.62)
    for acquisition in acquisitions:
        assert value(acquisition, "113838") == pytest.approx(
            value(acquisition, "113830") * value(acquisition, "113825") / 10
        )
    assert [value(acquisition, "125203") for acquisition in acquisitions] == ["Topogram", "Abdomen"]
    assert [value(acquisition, "113820") for acquisition in acquisitions] == ["113805", "116152004"]
    assert value(acquisitions[1], "113769") == image.IrradiationEventUID
    assert value(acquisitions[1], "113830") == rows["ct_abdomen/IM0001.dcm"]["ctdi_vol"]


def test_the_repeated_dose_report_has_the_same_content_later() -> None:
    first, again = read("ct_abdomen/dose_report.dcm"), read("ct_abdomen/dose_report_repeated.dcm")
    assert first.ContentSequence == again.ContentSequence
    assert first.ContentTime < again.ContentTime
    assert first.SOPInstanceUID != again.SOPInstanceUID
    assert first.SeriesInstanceUID == again.SeriesInstanceUID


def test_the_totals_of_each_plane_are_the_sums_over_its_events() -> None:
    header = read("names/cyrillic_dose_report.dcm")
    accumulated, events = below(header, "113702"), below(header, "113706")
    assert [value(plane, "113764") for plane in accumulated] == ["113620", "113621"]
    assert [value(event, "113764") for event in events] == ["113620", "113620", "113621"]
    for plane in accumulated:
        own = [event for event in events if value(event, "113764") == value(plane, "113764")]
        fluoroscopy = [event for event in own if value(event, "113721") == "44491008"]
        acquired = [event for event in own if value(event, "113721") == "113611"]
        assert len(fluoroscopy) + len(acquired) == len(own)
        totals = [("122130", "113722", "113726", "113727"), ("113738", "113725", "113728", "113729")]
        for concept, both, screened, filmed in totals:
            assert unit(plane, both) == unit(own[0], concept) == {"122130": "Gy.m2", "113738": "Gy"}[concept]
            assert value(plane, both) == pytest.approx(sum(value(event, concept) for event in own))
            assert value(plane, screened) == pytest.approx(sum(value(event, concept) for event in fluoroscopy))
            assert value(plane, filmed) == pytest.approx(sum(value(event, concept) for event in acquired))
        assert value(plane, "113730") == sum(value(event, "113742") for event in fluoroscopy)
        assert value(plane, "113855") == sum(value(event, "113742") for event in acquired)
        assert value(plane, "113731") == sum(value(event, "113768") for event in acquired)
    assert {value(event, "125203") for event in events} == {"Коронарография"}
    assert len(below(events[0], "113733")) == 2


def test_the_glandular_dose_of_each_breast_is_that_of_its_mammogram() -> None:
    header = read("mg_screening/dose_report.dcm")
    totals = {value(item, "272741003"): item.MeasuredValueSequence[0] for item in below(header, "111637")}
    left, right = below(header, "113706")
    for event, breast, name in ((left, "80248007", "left"), (right, "73056007", "right")):
        image, total = read(f"mg_screening/{name}.dcm"), totals[breast]
        assert total.MeasurementUnitsCodeSequence[0].CodeValue == unit(event, "111631") == "mGy"
        assert float(total.NumericValue) == value(event, "111631") == pytest.approx(100 * image.OrganDose)  # dGy
        assert value(event, "111633") == image.BodyPartThickness
        assert references(event) == [(image.SOPClassUID, image.SOPInstanceUID)]
    assert [value(event, "272741003") for event in (left, right)] == ["7771000", "24028007"]


def test_each_measurement_is_that_of_the_pixels_of_its_segment() -> None:
    header, segmentation = read("ct_abdomen/measurements.dcm"), read("ct_abdomen/segmentation.dcm")
    slices = {(image := read(f"ct_abdomen/IM000{n}.dcm")).SOPInstanceUID: image for n in (1, 2, 3, 4)}
    groups = below(header, "125007")
    assert [value(group, "112039") for group in groups] == ["Lesion 1", "Kidney left"]
    assert value(groups[0], "112040") == segmentation.SegmentSequence[2].TrackingUID
    for group in groups:
        (referenced,) = below(group, "121191", "IMAGE")[0].ReferencedSOPSequence
        assert referenced.ReferencedSOPInstanceUID == segmentation.SOPInstanceUID
        segment = segmentation.SegmentSequence[referenced.ReferencedSegmentNumber - 1]
        assert value(group, "121071") == segment.SegmentedPropertyTypeCodeSequence[0].CodeValue
        covered = []
        for frame, mask in zip(
            segmentation.PerFrameFunctionalGroupsSequence, segmentation.pixel_array.astype(bool), strict=True
        ):
            if frame.SegmentIdentificationSequence[0].ReferencedSegmentNumber == segment.SegmentNumber:
                source = frame.DerivationImageSequence[0].SourceImageSequence[0].ReferencedSOPInstanceUID
                image = slices[source]
                covered += (image.pixel_array[mask] * image.RescaleSlope + image.RescaleIntercept).tolist()
        rows, columns = image.PixelSpacing
        assert value(group, "118565006") == len(covered) * rows * columns * image.SliceThickness
        assert value(group, "112031") == sum(covered) / len(covered)
        assert (unit(group, "118565006"), unit(group, "112031")) == ("mm3", "[hnsf'U]")
        (attenuation,) = below(group, "112031")
        assert value(attenuation, "121401") == "373098007"
        assert value(group, "121232") == image.SeriesInstanceUID
    assert [value(group, "363698007") for group in groups] == ["10200004", "64033007"]
    assert value(groups[1], "272741003") == "7771000"
    (observer,) = below(header, "121008")
    assert observer.PersonName == "Reader^Rae"


def test_the_key_object_selection_marks_two_slices() -> None:
    header = read("ct_abdomen/key_objects.dcm")
    marked = [references(item) for item in header.ContentSequence if item.ValueType == "IMAGE"]
    assert [uid for ((_, uid),) in marked] == [read(f"ct_abdomen/IM000{n}.dcm").SOPInstanceUID for n in (2, 3)]
    assert header.ConceptNameCodeSequence[0].CodeValue == "113000"
    assert header.Modality == "KO"


def content_references(tree: Dataset) -> set[tuple[str, str]]:
    return {one for item in tree.get("ContentSequence", []) for one in references(item)}


@pytest.mark.parametrize("path", REPORTS)
def test_the_evidence_has_every_instance_that_a_report_names(path: str) -> None:
    header = read(path)
    evidence = {one for item in header.get("CurrentRequestedProcedureEvidenceSequence", []) for one in references(item)}
    assert content_references(header) <= evidence


@pytest.mark.parametrize(
    "name", ["structures.dcm", "segmentation.dcm", "report.dcm", "measurements.dcm", "key_objects.dcm"]
)
def test_an_object_on_the_slices_refers_to_their_series(rows: dict[str, dict], name: str) -> None:
    slices = rows["ct_abdomen/IM0001.dcm"]
    assert rows[f"ct_abdomen/{name}"]["referenced_series_instance_uid"] == slices["series_instance_uid"]
