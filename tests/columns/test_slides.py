"""The view ``slides``: levels, the base level, and substances, in DuckDB; other engines are compared with it."""

from datetime import date, datetime

import duckdb
import pyarrow as pa
import pytest

from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.views import DUCKDB, make_views

[SLIDES] = [view for view in make_views(DUCKDB) if view.name == "slides"]
CLASS = "1.2.840.10008.5.1.4.1.1.77.1.6"
DAY = date(2024, 6, 17)


def image(number, flavor, columns, rows, **values):
    return {
        "study_date": DAY, "study_date_is_default": False, "source_uri": f"s3://b/lab/case/{number}.dcm",
        "source_size": 1, "source_etag": "e", "ingest_run_id": "r", "ingest_time": datetime(2024, 7, 1),
        "sop_class_uid": CLASS, "sop_instance_uid": f"1.{number}", "series_instance_uid": "2.1",
        "study_instance_uid": "3.1", "container_identifier": "S24-1", "image_type": ["ORIGINAL", "PRIMARY", flavor],
        "total_pixel_matrix_columns": columns, "total_pixel_matrix_rows": rows, **values,
    }  # fmt: skip


def substance(concept, meaning):
    code = {"code_value": meaning, "coding_scheme_designator": "SCT", "code_meaning": meaning}
    return {"concept": {"code_value": concept, "coding_scheme_designator": "SCT"}, "code": code}


def slides(*rows):
    table = pa.Table.from_pylist(list(rows), schema=arrow_schema(instances_table()))
    with duckdb.connect() as connection:
        connection.register("instances", table)
        return connection.execute(f"{SLIDES.sql} ORDER BY container_identifier").to_arrow_table().to_pylist()


def test_a_slide_is_its_levels_and_its_largest_image():
    steps = [
        substance("424361007", "hematoxylin"), substance("424361007", "eosin"), substance("424361007", "eosin"),
        substance("430863003", "paraffin"), substance("111701", "no substance"), {"concept": None, "code": None},
        {"concept": {"code_value": "424361007"}, "code": None},
    ]  # fmt: skip
    [slide] = slides(
        image(1, "VOLUME", 1000, 800, objective_lens_power=40.0),
        image(2, "VOLUME", 40000, 32000, specimen_steps=steps, pixel_spacing=[0.0005, 0.0005]),
        image(3, "VOLUME", 40000, 32000),
        image(4, "LABEL", 90000, 90000, objective_lens_power=1.25),
        image(5, "THUMBNAIL", 100, 80),
    )
    assert (slide["instances"], slide["levels"], slide["has_label"], slide["has_overview"]) == (5, 2, True, False)
    assert (slide["base_sop_instance_uid"], slide["base_source_uri"]) == ("1.2", "s3://b/lab/case/2.dcm")
    assert (slide["total_pixel_matrix_columns"], slide["pixel_spacing"]) == (40000, [0.0005, 0.0005])
    assert slide["objective_lens_power"] is None  # of the largest image, not of another one
    assert (slide["stains"], slide["embedding_media"], slide["fixatives"]) == (
        ["eosin", "hematoxylin"],
        ["paraffin"],
        None,
    )
    assert slide["source_folders"] == ["lab", "case"]


def test_containers_of_a_series_are_slides_of_their_own():
    found = slides(
        image(1, "VOLUME", 10, 10), image(2, "OVERVIEW", 10, 10, container_identifier="S24-2"),
        image(3, "VOLUME", 10, 10, container_identifier=None), image(4, "VOLUME", 1, 1, sop_class_uid="1.2.3"),
    )  # fmt: skip
    assert [(one["container_identifier"], one["levels"], one["has_overview"]) for one in found] == [
        ("S24-1", 1, False),
        ("S24-2", 0, True),
        (None, 1, False),
    ]


@pytest.mark.parametrize(
    ("uri", "folders"),
    [("s3://b/file", []), ("s3://b/a/file", ["a"]), ("file:///a/b c/file", ["a", "b c"])],
)
def test_the_folders_are_those_of_the_key(uri, folders):
    [slide] = slides(image(1, "VOLUME", 10, 10, source_uri=uri))
    assert slide["source_folders"] == folders
