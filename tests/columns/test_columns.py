"""The declared list and what is made of it, line by line."""

import re
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest
from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword

from dicom_udf.columns import (
    arrow_schema,
    column_type,
    declared_attributes,
    fill_row,
    instances_table,
    merge_places,
    selection,
    spark_ddl,
)
from dicom_udf.columns.frames import FRAME_FIELDS
from dicom_udf.columns.schema import arrow_type
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.header import VRS, Header
from dicom_udf.lake.layout import LAKE_TABLES
from release.pages.columns_page import columns_page
from tests.each import for_each

ROOT = Path(__file__).parents[2]
ATTRIBUTES = declared_attributes()
TABLES = [table.columns() for table in LAKE_TABLES]

MUST_HAVE = [
    "TimezoneOffsetFromUTC",
    "DeviceSerialNumber",
    "SoftwareVersions",
    "IssuerOfPatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "BurnedInAnnotation",
    "LossyImageCompressionRatio",
    "PresentationIntentType",
    "IrradiationEventUID",
    "ConcatenationUID",
    "RescaleType",
    "CTDIvol",
    "SpiralPitchFactor",
    "ExposureModulationType",
    "DiffusionBValue",
    "PulseSequenceName",
    "ReceiveCoilName",
    "TemporalPositionIdentifier",
    "TriggerTime",
    "Units",
    "CorrectedImage",
    "DecayCorrection",
    "FrameReferenceTime",
    "SUVType",
    "ExposureIndex",
    "DeviationIndex",
    "ImageAndFluoroscopyAreaDoseProduct",
    "OrganDose",
    "CompressionForce",
    "ContainerIdentifier",
    "TotalPixelMatrixRows",
    "TotalPixelMatrixColumns",
    "StudyDate",
]


def by_column(attribute):
    return attribute.column


@for_each(ATTRIBUTES, name=by_column)
def test_a_line_agrees_with_the_dictionary(attribute):
    keywords = attribute.keyword.split(".")
    assert tuple(tag_for_keyword(keyword) for keyword in keywords) == attribute.path
    assert dictionary_VR(attribute.path[-1]) == attribute.vr
    assert dictionary_VM(attribute.path[-1]) == attribute.vm
    assert all(dictionary_VR(tag) == "SQ" for tag in attribute.path[:-1])
    assert (attribute.part in ("codes", "count")) == (attribute.vr == "SQ")


@for_each(ATTRIBUTES, name=by_column)
def test_a_line_reads_well(attribute):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", attribute.column)
    assert re.fullmatch(r"[A-Z].*[^.\s]\.", attribute.description)
    assert attribute.level in ("patient", "study", "series", "instance")
    assert re.fullmatch(r"([XZDUKC](/[XZDU])*\*?)?", attribute.action)


@for_each(ATTRIBUTES, name=by_column)
def test_the_type_follows_vr_and_vm(attribute):
    sql = column_type(attribute)
    if attribute.part == "codes":
        assert sql == "array<struct<code_value:string,coding_scheme_designator:string,code_meaning:string>>"
    elif attribute.part == "count":
        assert sql == "bigint"
    else:
        scalar = VRS[attribute.vr].type
        assert scalar is not None
        assert sql == (scalar if attribute.vm == "1" else f"array<{scalar}>")


def test_the_list_has_what_work_asks_for():
    assert 200 <= len(ATTRIBUTES) <= 380
    assert set(MUST_HAVE) <= {attribute.keyword for attribute in ATTRIBUTES}
    assert len({attribute.column for attribute in ATTRIBUTES}) == len(ATTRIBUTES)


def test_what_the_standard_does_not_define_has_a_prefix():
    declared = {attribute.column for attribute in ATTRIBUTES}
    named = {"study_date_is_default", "private_creators", "invalid_values", "header"}
    named |= {
        "slice_position", "frame_slice_positions", "frame_in_plane_ranges", "echo_times", "diffusion_b_values",
        "temporal_positions", "stacks",
        "temporal_position_index", "frame_acquisition_datetime_max", "frames_described", "lifted_attributes",
        "frame_attributes_vary",
    }  # fmt: skip
    named |= {column.name for column in struct_columns()} | {field.name for field in FRAME_FIELDS}
    prefixes = ("source_", "ingest_", "header_", "pixel_data_", "derived_")
    for field in instances_table().fields:
        assert field.name in declared or field.name in named or field.name.startswith(prefixes)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_described_within_the_catalogs_limits(table):
    assert table.comment.startswith("one row per ")
    assert len({field.name for field in table.fields}) == len(table.fields)
    for field in table.fields:
        assert 0 < len(field.comment) <= 255, field.name
        assert "\n" not in field.comment, field.name
        assert len(field.type) < 131_072
    assert len(spark_ddl(table)) < 131_072


def test_a_comment_has_tag_keyword_vr_and_unit():
    comments = {field.name: field.comment for field in instances_table().fields}
    assert comments["slice_thickness"] == "(0018,0050) SliceThickness, DS, mm. Nominal slice thickness."
    assert comments["radionuclide_total_dose"].startswith(
        "First of N: (0054,0016) > (0018,1074) RadionuclideTotalDose, DS, Bq. "
    )


def test_columns_of_first_items_say_so_and_have_a_count_beside_them():
    comments = {field.name: field.comment for field in instances_table().fields}
    counted = {attribute.path[0] for attribute in ATTRIBUTES if attribute.part == "count"}
    for attribute in ATTRIBUTES:
        assert comments[attribute.column].startswith("First of N: ") == (len(attribute.path) > 1)
        assert len(attribute.path) == 1 or attribute.path[0] in counted


def test_columns_that_people_filter_by_have_statistics():
    first = [field.name for field in instances_table().fields[:100]]
    assert {"study_date", "source_uri", "patient_id", "modality", "sop_instance_uid", "body_part_examined"} <= set(
        first
    )
    assert not {"header", "header_file_meta"} & set(first)


def test_the_page_is_fresh():
    page = ROOT / "docs" / "reference" / "columns.md"
    assert page.read_text(encoding="utf-8") == columns_page(), "stale: run 'make docs'"


SAMPLES = {
    "string": "x",
    "bigint": 2**62,
    "double": 0.5,
    "boolean": True,
    "date": date(1969, 7, 20),
    "timestamp_ntz": datetime(1969, 7, 20, 20, 17, 40, 123456),
    "decimal(20,0)": Decimal(2**64 - 1),
    "map<string,string>": [("StudyDate", "not a date")],
}


def sample_of(sql):
    if sql in SAMPLES:
        return SAMPLES[sql]
    inner = sql.removesuffix(">").partition("<")[2]
    if inner.startswith("struct"):
        code = {"code_value": "1", "coding_scheme_designator": "99X", "code_meaning": None}
        names = [field.name for field in arrow_type(inner)]
        return [code if names == list(code) else dict.fromkeys(names)]
    return [SAMPLES[inner], None]


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_takes_a_value_of_its_type(table):
    schema = arrow_schema(table)
    values = [sample_of(field.type) for field in table.fields]
    batch = pa.RecordBatch.from_arrays(
        [pa.array([value], type=field.type) for value, field in zip(values, schema, strict=True)], schema=schema
    )
    assert [column[0].as_py() for column in batch.columns] == values
    assert [field.nullable for field in schema] == [field.nullable for field in table.fields]


def test_a_type_that_nobody_declared_is_refused():
    with pytest.raises(ValueError, match="interval"):
        arrow_type("interval")


def test_the_selection_asks_for_every_column():
    columns = [attribute.column for attribute in ATTRIBUTES]
    assert [want.name for want in selection().wanted[: len(columns)]] == columns
    assert list(merge_places({want.name: 1 for want in selection().wanted})) == columns
    assert selection() is selection()


def row_of(**values):
    return fill_row(Header(json="{}", values=values))


def test_a_study_without_date_is_marked():
    assert row_of()["study_date"] == date(1900, 1, 1)
    assert row_of()["study_date_is_default"] is True
    real = row_of(study_date=date(1900, 1, 1))
    assert (real["study_date"], real["study_date_is_default"]) == (date(1900, 1, 1), False)


@pytest.mark.parametrize(
    ("values", "age"),
    [
        ({"patient_age": "045Y"}, 45.0),
        ({"patient_age": "06Y"}, 6.0),
        ({"patient_age": "018M"}, 1.5),
        ({"patient_age": "010D"}, 10 / 365.25),
        ({"patient_age": "052W"}, 52 * 7 / 365.25),
        ({"patient_age": "old"}, None),
        ({"patient_birth_date": date(2000, 1, 1), "study_date": date(2001, 1, 1)}, 366 / 365.25),
        ({"patient_birth_date": date(2000, 1, 1)}, None),
        ({"patient_birth_date": date(2000, 1, 1), "study_date": date(1999, 1, 1)}, None),
        ({"patient_birth_date": date(1700, 1, 1), "study_date": date(1999, 1, 1)}, None),
        ({"patient_age": "030Y", "patient_birth_date": date(2000, 1, 1), "study_date": date(2001, 1, 1)}, 30.0),
        ({}, None),
    ],
)
def test_age_comes_from_the_age_or_the_dates_but_never_from_a_default(values, age):
    assert row_of(**values)["derived_patient_age_years"] == (pytest.approx(age) if age is not None else None)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"patient_age": "150Y"}, None),
        ({"patient_age": "151Y"}, ("PatientAge", "an age over 150 years; not derived")),
        ({"patient_age": "999Y", "patient_birth_date": date(2000, 1, 1), "study_date": date(2001, 1, 1)},
         ("PatientAge", "an age over 150 years; not derived")),
        ({"patient_age": "old"}, None),
        ({"patient_birth_date": date(1700, 1, 1), "study_date": date(1999, 1, 1)},
         ("PatientBirthDate", "an age over 150 years; not derived")),
        ({"patient_birth_date": date(2000, 1, 1), "study_date": date(1999, 1, 1)},
         ("PatientBirthDate", "a birth after the study; no age derived")),
        ({"patient_birth_date": date(1700, 1, 1)}, None),
    ],
)  # fmt: skip
def test_an_age_that_no_person_reaches_is_named(values, named):
    assert row_of(**values)["invalid_values"] == ([named] if named else None)


def test_a_fault_of_the_value_itself_is_named_before_that_of_the_age():
    header = Header(json="{}", values={"patient_age": "999Y"}, invalid_values={"PatientAge": "read"})
    assert fill_row(header)["invalid_values"] == [("PatientAge", "read")]


@pytest.mark.parametrize("level", ["study", "series", "acquisition"])
@pytest.mark.parametrize(
    ("time", "moment"),
    [
        ("10", datetime(2020, 2, 29, 10)),
        ("10:14", datetime(2020, 2, 29, 10, 14)),
        ("10:14:05.12", datetime(2020, 2, 29, 10, 14, 5, 120000)),
        ("23:59:60", datetime(2020, 3, 1)),
        (None, None),
    ],
)
def test_date_and_time_make_a_moment_where_both_are_there(level, time, moment):
    values = {f"{level}_date": date(2020, 2, 29)} | ({f"{level}_time": time} if time else {})
    assert row_of(**values)[f"derived_{level}_datetime"] == moment
    assert row_of(**{f"{level}_time": "10"})[f"derived_{level}_datetime"] is None


def test_acquisition_datetime_goes_before_date_and_time():
    whole = datetime(2021, 1, 1, 1)
    row = row_of(acquisition_datetime=whole, acquisition_date=date(2020, 1, 1), acquisition_time="10")
    assert row["derived_acquisition_datetime"] == whole


def test_empty_collections_are_null():
    row = row_of()
    assert (row["private_creators"], row["header_omitted"], row["invalid_values"]) == (None, None, None)


def test_the_list_is_found_in_a_zip_on_the_path(tmp_path):
    import subprocess
    import sys

    archive = tmp_path / "package.zip"
    with zipfile.ZipFile(archive, "w") as target:
        for path in (ROOT / "dicom_udf").rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                target.write(path, path.relative_to(ROOT))
    code = (
        f"import sys; sys.path.insert(0, {str(archive)!r}); import dicom_udf.columns as c; "
        f"assert {str(archive)!r} in c.__file__; print(len(c.declared_attributes()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert int(done.stdout) == len(ATTRIBUTES)
