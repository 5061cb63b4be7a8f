"""``dicom-lake show``: one study, series, instance or file, of a lake of today, of an old one, and without a lake."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import pytest

from dicom_udf import cli
from dicom_udf.answers.show import show, show_file
from dicom_udf.answers.shown import Shown
from dicom_udf.config import LakeLocation
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.session import lake_session
from dicom_udf.rendering import text_width
from dicom_udf.scanning import scan
from tests.lake.old_lakes.make_lake import unpack
from tests.local_lake import make_lake
from tests.sample import SAMPLE

OLD_LAKE = Path(__file__).parents[1] / "lake" / "old_lakes" / "0.1.0.tar.xz"
STUDY = "2.25.220894959506486013902371912903704619074"
SERIES = "2.25.310790815241192336962697072549788007064"
INSTANCE = "2.25.248895645916748338992578752265948021119"
TWICE = "2.25.59901784000832009672817411268914391865"
TAKEN = ("ct_abdomen", "archives/export.zip", "archives/interrupted_upload.zip", "archives/knee.tar", "odd/empty.dcm")


@pytest.fixture(scope="module")
def lake(spark, tmp_path_factory) -> tuple[Path, Path]:
    """The lake of some sample files, and their folder, whose name has a quotation mark and an exclamation mark."""
    folder = tmp_path_factory.mktemp("show")
    source = folder / "it's! a source"
    for name in TAKEN:
        target = source / name
        target.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (SAMPLE / name).is_dir() else shutil.copy
        copy(SAMPLE / name, target)
    assert cli.main(["ingest", str(source), "--lake", str(folder / "lake"), "--log-level", "ERROR"]) == 0
    return folder / "lake", source


@pytest.fixture
def old_lake(tmp_path) -> Path:
    return unpack(OLD_LAKE, tmp_path)


def lines_of(shown: Shown, **settings) -> list[str]:
    return list(shown.to_text(**settings))


# --- Without a lake


@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("ct_abdomen/IM0001.dcm", "instance"),
        ("archives/export.zip!CT/IM0001.dcm", "instance"),
        ("archives/export.zip!prior.tar.gz!prior/1", "instance"),
        ("archives/export.zip!readme.txt", "failure"),
        ("archives/export.zip", "archive"),
        ("archives/slide.dcm.gz", "archive"),
        ("odd/empty.dcm", "failure"),
        ("odd/header_cut_late.dcm", "instance"),
    ],
)
def test_a_local_file_is_shown_without_a_lake(what, kind):
    shown = show_file(str(SAMPLE / what), partial(scan, workers=1))
    assert shown.kind == kind
    assert json.loads(shown.to_json())["kind"] == kind
    assert lines_of(shown)


def test_a_file_may_have_exclamation_marks_in_its_name(tmp_path):
    shutil.copy(SAMPLE / "archives/export.zip", tmp_path / "a!b.zip")
    shown = show_file(str(tmp_path / "a!b.zip!CT/IM0001.dcm"), scan)
    assert shown.name == TWICE
    assert show_file(f"file://{tmp_path}/a!b.zip", scan).kind == "archive"


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("{sample}/nothing.dcm", "there is no file {sample}/nothing.dcm; give a file, or --lake LAKE to search"),
        ("{sample}", "there is no file {sample}; give a file"),
        ("1.2.3", "there is no file 1.2.3; give a file"),
        ("{sample}/archives/export.zip!no", "the file {sample}/archives/export.zip has no member no; 'dicom-lake show"),
    ],
)
def test_a_file_that_does_not_exist_is_a_bad_argument(dicom_lake, what, sentence):
    status, out, err = dicom_lake("show", what.format(sample=SAMPLE))
    assert (status, out) == (2, "")
    assert err.startswith(f"dicom-lake: error: {sentence.format(sample=SAMPLE)}")


def test_the_columns_have_groups_and_units_and_the_header_is_a_tree(dicom_lake):
    status, out, err = dicom_lake("show", SAMPLE / "ct_abdomen" / "IM0001.dcm")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert lines[0] == f"instance {INSTANCE}"
    groups = [line for line in lines if line and line[0] not in " ("][1:]
    assert groups == [
        "patient", "study", "series", "instance", "derived", "file", "pixels and header", "header",
    ]  # fmt: skip
    assert "  patient_name          Doe^Jane" in lines
    [thickness] = (line for line in lines if "slice_thickness" in line)
    assert thickness.split() == ["slice_thickness", "5.0", "mm"]
    assert "(0018,0050) Slice Thickness                      DS  5.0" in lines
    assert (
        "(0002,0010) Transfer Syntax UID                  UI  1.2.840.10008.1.2.1 (Explicit VR Little Endian)" in lines
    )
    assert not any(line.startswith("  header ") for line in lines), "the JSON is the tree"


def test_the_object_for_programs_has_the_header_with_its_own_digits(dicom_lake):
    status, out, _ = dicom_lake("show", SAMPLE / "ct_abdomen" / "IM0001.dcm", "--format", "json")
    assert status == 0
    assert out.count("\n") == 1
    found = json.loads(out)
    assert found["columns"]["slice_thickness"] == 5.0
    assert found["columns"]["study_date"] == "2024-03-15"
    assert found["header"]["00080060"] == {"vr": "CS", "Value": ["CT"]}
    assert "00020010" in found["file_meta"]
    [row] = scan(SAMPLE / "ct_abdomen" / "IM0001.dcm").read_all().select(["header"]).to_pylist()
    assert row["header"] in out


@pytest.mark.parametrize("width", [40, 80])
def test_each_sample_file_fits_a_terminal_and_loses_no_key(width):
    files = [path for path in SAMPLE.rglob("*") if path.is_file() and path.name != "DICOMDIR"]
    assert len(files) > 40
    for path in files:
        shown = show_file(str(path), partial(scan, workers=1))
        lines = lines_of(shown, width=width)
        assert max(map(text_width, lines)) <= width, path
        text = "".join(line.strip() for line in lines)
        assert shown.facts.get("sop_instance_uid", "") in text
        full = lines_of(shown, width=width, full=True)
        assert [line for line in full if "(" in line[:1]] == [line for line in lines_of(shown) if "(" in line[:1]]


def test_a_message_is_wrapped_and_a_long_list_is_counted():
    message = "a sentence of several words that is longer than the terminal"
    shown = Shown("failure", "file:///f", {"code": "TRUNCATED", "severity": "fault", "message": message})
    assert lines_of(shown, width=50) == [
        "failure file:///f", "", "failure", "  code  TRUNCATED", "  severity  fault", "  message",
        "    a sentence of several words that is longer", "    than the terminal",
    ]  # fmt: skip
    many = Shown("archive", "file:///a", lists={"files": [{"file": f"file:///a!{number}"} for number in range(30)]})
    assert lines_of(many, width=80)[-1] == "  … 10 further ones; --full true shows all"
    assert lines_of(many, width=80, full=True)[-1] == "  file:///a!29"


def test_least_and_greatest_values_are_one_line():
    facts = {"kvp_min": 100.0, "kvp_max": 120.0, "ctdi_vol_min": 1.5, "ctdi_vol_max": 1.5, "instances": 3}
    assert lines_of(Shown("series", "1.2", facts))[2:] == [
        "instance", "  kvp_min, _max       100.0 to 120.0 kV", "  ctdi_vol_min, _max  1.5 mGy", "",
        "counts", "  instances  3",
    ]  # fmt: skip


# --- A lake of an older version


def test_an_old_lake_shows_what_it_has(old_lake):
    location = LakeLocation(str(old_lake))
    instance = show("1.2.3.4", location)
    assert instance.kind == "instance"
    assert instance.sections["object"]["status"] == "ingested"
    assert any(line.startswith("(0010,0020) Patient ID") for line in lines_of(instance))
    study, series = instance.facts["study_instance_uid"], instance.facts["series_instance_uid"]
    assert [row["instances"] for row in show(study, location).lists["series"]] == [6]
    shown = show(series, location)
    assert len(shown.lists["files"]) == 6
    assert "geometry" not in shown.sections, "this lake has no positions of slices"
    assert show("notes.txt", location).facts["code"] == "NOT_DICOM"


@pytest.mark.parametrize("what", ["1.2.3", "nothing.dcm", "' OR 1=1 --", "source", "", "!", "%", "4_dcm"])
def test_a_name_that_fits_nothing_is_a_bad_argument(dicom_lake, old_lake, what):
    status, out, err = dicom_lake("show", what, "--lake", old_lake)
    assert (status, out) == (2, "")
    if what:
        assert f"the lake {old_lake} has nothing named {what}; it was searched for a study, series or instance" in err


def test_a_kind_narrows_the_search(old_lake):
    location = LakeLocation(str(old_lake))
    assert show("1.2.3.4", location, kind="instance").kind == "instance"
    with pytest.raises(ConfigurationError, match="it was searched for a series UID"):
        show("1.2.3.4", location, kind="series")
    with pytest.raises(ConfigurationError, match="it was searched for a file's URI or its end"):
        show("1.2.3.4", location, kind="file")


def test_a_lake_that_is_none_is_a_bad_argument(dicom_lake, tmp_path):
    status, _, err = dicom_lake("show", "1.2.3", "--lake", tmp_path)
    assert status == 2
    assert f"{tmp_path} is not a lake" in err


# --- A lake of today


@pytest.mark.spark
def test_a_study_lists_its_series(dicom_lake, lake):
    status, out, err = dicom_lake("show", STUDY, "--lake", lake[0])
    assert (status, err) == (0, "")
    assert f"study {STUDY}" in out
    assert "series (9)" in out
    assert f"  {SERIES}  #2  CT  4 instances  2024-03-15  Axial 5.0 B30f" in out.splitlines()
    found = json.loads(dicom_lake("show", STUDY, "--lake", lake[0], "--format", "json")[1])
    assert found["columns"]["instances"] == sum(row["instances"] for row in found["series"]) == 13


@pytest.mark.spark
def test_a_series_has_its_geometry_and_files(lake):
    shown = show(SERIES, LakeLocation(str(lake[0])))
    assert shown.kind == "series"
    assert shown.sections["geometry"]["is_regular_volume"] is True
    assert shown.sections["geometry"]["slice_spacing"] == 5.0
    assert [row["instance_number"] for row in shown.lists["files"]] == [1, 2, 3, 4]
    assert "  slice_spacing                5.0 mm" in lines_of(shown)


@pytest.mark.spark
def test_a_segmentation_has_links_to_instances_of_the_lake(lake):
    shown = show("ct_abdomen/segmentation.dcm", LakeLocation(str(lake[0])))
    assert {link["in_lake"] for link in shown.lists["links"]} == {True}
    text = "\n".join(lines_of(shown))
    assert f"  {INSTANCE}  SOURCE  1.2.840.10008.5.1.4.1.1.2 (CT Image Storage)  in the lake" in text
    assert "Segment Identification Sequence" in text


@pytest.mark.spark
@pytest.mark.parametrize(
    ("what", "kind"),
    [
        ("{source}/ct_abdomen/IM0001.dcm", "instance"),
        ("file://{source}/ct_abdomen/IM0001.dcm", "instance"),
        ("ct_abdomen/IM0001.dcm", "instance"),
        ("./ct_abdomen/IM0001.dcm", "instance"),
        ("export.zip!CT/IM0001.dcm", "instance"),
        ("{source}/archives/export.zip!prior.tar.gz!prior/1", "instance"),
        ("prior/1", "instance"),
        ("readme.txt", "failure"),
        ("knee/cut", "failure"),
        ("empty.dcm", "failure"),
        ("export.zip", "archive"),
        ("interrupted_upload.zip", "archive"),
    ],
)
def test_a_file_is_found_by_its_path_its_uri_and_the_end_of_it(lake, what, kind):
    folder, source = lake
    assert show(what.format(source=source), LakeLocation(str(folder))).kind == kind


@pytest.mark.spark
def test_a_failure_has_its_code_its_message_and_the_entry_of_its_object(lake):
    shown = show("odd/empty.dcm", LakeLocation(str(lake[0])))
    assert shown.facts == {"code": "EMPTY_OBJECT", "severity": "fault", "message": "the file has no bytes"}
    assert shown.sections["object"]["failures"] == 1
    archive = show("interrupted_upload.zip", LakeLocation(str(lake[0])))
    assert {row["code"] for row in archive.lists["failures"]} == {"CORRUPT_ARCHIVE"}
    assert len(archive.lists["files"]) == 2


@pytest.mark.spark
@pytest.mark.parametrize("what", ["IM0001.dcm", TWICE])
def test_several_matches_are_listed_with_the_remedy(dicom_lake, lake, what):
    status, out, err = dicom_lake("show", what, "--lake", lake[0])
    assert status == 2
    assert "export.zip!CT/IM0001.dcm" in out
    assert "interrupted_upload.zip!CT/IM0001.dcm" in out
    assert err == (
        f"dicom-lake: error: several things fit {what}; give more of a file's path or its whole URI, or --kind\n"
    )
    found = json.loads(dicom_lake("show", what, "--lake", lake[0], "--format", "json")[1])
    assert found["kind"] == "several"
    assert all(row["kind"] == "file" for row in found["matches"])


@pytest.mark.spark
def test_a_lake_of_few_columns_shows_them(spark, tmp_path):
    """Without UIDs in the table there are no views, and a promoted column has a group of its own."""
    location = LakeLocation(str(tmp_path))
    session = lake_session(location)
    make_lake(session)
    session.sql("ALTER TABLE lake.dicom.instances ADD COLUMNS (b_value double)")
    session.sql("UPDATE lake.dicom.instances SET b_value = 800 WHERE modality = 'MR'")
    shown = show("s/2", location)
    lines = lines_of(shown)
    assert "  b_value            800.0" in lines[lines.index("added to this lake") :]
    assert any(line.split(None, 1) == ["anatomic_region", "Brain (T-A0100, SRT)"] for line in lines)
    assert lines[-1] == "(0029,1001) [private]                            DS  7.5"
    assert show("b.zip!x!y.dcm", location).facts["message"] == "ends at byte 12"
