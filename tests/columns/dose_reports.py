"""Dose reports as rows of ``instances``: content items from a nested description, as the reader walks them."""

from __future__ import annotations

from datetime import date, datetime

import duckdb
import pyarrow as pa

from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.columns.views import DUCKDB, make_views

__all__ = [
    "DAY", "answers", "code", "codes", "container", "ct_event", "ct_report", "datetime_", "item", "num", "plane",
    "projection_report", "report", "table_of", "text",
]  # fmt: skip

DAY = date(2024, 6, 17)
[_COLUMN] = [column for column in struct_columns() if column.name == "content_items"]
_EMPTY = dict.fromkeys(field.name for field in _COLUMN.fields)


def codes(value, scheme="DCM", meaning=None):
    return {"code_value": value, "coding_scheme_designator": scheme, "code_meaning": meaning or f"meaning of {value}"}


def item(value_type, concept, *children, scheme="DCM", **values):
    """A content item: its fields, with its children under ``children``."""
    concept = concept and codes(concept, scheme)
    return {"value_type": value_type, "concept": concept, "children": children, **values}


def container(concept, *children, **values):
    return item("CONTAINER", concept, *children, **values)


def num(concept, number, unit, *children, unit_scheme="UCUM", **values):
    """A NUM: of one number, several in a list, or None for no value."""
    one, numbers = (None, number) if isinstance(number, list) else (number, None)
    unit = unit if unit is None or isinstance(unit, dict) else codes(unit, unit_scheme)
    return item("NUM", concept, *children, numeric_value=one, numeric_values=numbers, unit=unit, **values)


def text(concept, value, *children, **values):
    return item("TEXT", concept, *children, text=value, **values)


def datetime_(concept, value):
    return item("DATETIME", concept, text=value)


def code(concept, value, *children, scheme="DCM", of="DCM"):
    return item("CODE", concept, *children, scheme=of, code=codes(value, scheme))


def _walk(node, path, parent, depth):
    values = {name: value for name, value in node.items() if name != "children"}
    yield {**_EMPTY, "path": path, "parent_path": parent, "depth": depth, **values}
    for number, child in enumerate(node["children"], 1):
        yield from _walk(child, f"{path}.{number}", path, depth + 1)


def report(number, *children, root="113701", scheme="DCM", template=None, study="3.1", **values):
    """A row with the document of a number: its UID, its object, and its second of ContentTime."""
    tree = container(root, *children, scheme=scheme, template_identifier=template)
    return {
        "study_date": DAY, "study_date_is_default": False, "source_uri": f"s3://b/{number:04}.dcm", "source_size": 1,
        "source_etag": "e", "ingest_run_id": "r", "ingest_time": datetime(2024, 7, 1), "patient_id": "P1",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.88.67", "sop_instance_uid": f"1.{number}",
        "series_instance_uid": f"2.{number}", "study_instance_uid": study, "content_date": DAY,
        "content_time": f"1000{number:02}", "content_items": list(_walk(tree, "1", None, 0)), **values,
    }  # fmt: skip


def ct_event(uid, dlp, *children, ctdi=10.0, unit="mGy.cm"):
    """TID 10013, with a CT Dose container (TID 10014) unless ``dlp`` is None."""
    dose = [container("113829", num("113830", ctdi, "mGy"), num("113838", dlp, unit))] if dlp is not None else []
    return container("113819", *([item("UIDREF", "113769", text=uid)] if uid else []), *dose, *children)


def ct_report(number, events, total=None, unit="mGy.cm", **values):
    total = [] if total is None else [num("113813", total, unit)]
    return report(number, container("113811", *total), *events, **values)


def plane(name, *children):
    """TID 10002: the accumulated dose of a plane."""
    return container("113702", code("113764", name), *children)


def projection_report(number, planes, events, **values):
    return report(number, *planes, *events, **values)


def table_of(*rows):
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(instances_table()))


_VIEWS = {view.name: view for view in make_views(DUCKDB)}


def answers(name, *rows, order="ALL"):
    """Rows of a view in DuckDB, in order."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("instances", table_of(*rows))
        return connection.execute(f"SELECT * FROM ({_VIEWS[name].sql}) ORDER BY {order}").to_arrow_table().to_pylist()
