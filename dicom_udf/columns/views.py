"""The views over ``instances``, made for three SQL engines.

There is one definition for DuckDB, Trino (Athena) and Spark. Engines differ in the quotes of names and in arrays
(:class:`Dialect`). All functions are documented by Athena.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from dicom_udf.columns import dose, geometry, item_views, measurements, normalised, slides
from dicom_udf.columns.attributes import declared_attributes
from dicom_udf.columns.dialects import DUCKDB, TRINO, Dialect, View, ViewColumn, select_view
from dicom_udf.columns.dictionary import Dictionary, read_dictionary
from dicom_udf.columns.fields import AttributeLevel, Field
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.columns.tables import instances_table

__all__ = ["DUCKDB", "TRINO", "Dialect", "View", "make_views"]


_CONSTANT = {
    "series": ("sop_class_uid", "transfer_syntax_uid", "photometric_interpretation", "rows", "columns",
               "pixel_spacing", "image_orientation_patient"),
    "studies": (),
}  # fmt: skip
"""Columns of other levels that usually have one value in all instances."""

_DERIVED: dict[str, AttributeLevel] = {
    "derived_patient_age_years": "study",
    "derived_study_datetime": "study",
    "derived_series_datetime": "series",
    "derived_suv_bw_factor": "series",
    "derived_suv_reason": "series",
}
"""Levels of columns that are not attributes."""

_RANGES = {
    "series": (
        "instance_number", "acquisition_number", "number_of_frames", "slice_location", "slice_thickness",
        "spacing_between_slices", "kvp", "x_ray_tube_current", "exposure_time", "exposure", "ctdi_vol",
        "reconstruction_diameter", "gantry_detector_tilt", "repetition_time", "echo_time", "inversion_time",
        "flip_angle", "diffusion_b_value", "temporal_position_identifier", "trigger_time", "frame_reference_time",
        "acquisition_date", "content_date", "instance_creation_date", "derived_acquisition_datetime",
        "source_last_modified", "ingest_time",
    ),
    "studies": (
        "series_number", "series_date", "slice_thickness", "kvp", "ctdi_vol", "magnetic_field_strength",
        "acquisition_date", "content_date", "derived_series_datetime", "derived_acquisition_datetime",
        "source_last_modified", "ingest_time",
    ),
}  # fmt: skip
"""Columns that vary: the views have their least and greatest values."""

_KEYS = {"series": ("study_instance_uid", "series_instance_uid"), "studies": ("study_instance_uid",)}
_LEVELS: dict[str, tuple[AttributeLevel, ...]] = {
    "series": ("patient", "study", "series"),
    "studies": ("patient", "study"),
}
_COMMENTS = {
    "unique_instances": "one row per SOP instance: of files with the same SOPInstanceUID and study date the one of the "
    "newest object; files without a UID all stay",
    "series": "one row per series, by study and series UID; an attribute is null where its instances differ",
    "studies": "one row per study, by study UID; an attribute is null where its instances differ",
}


def make_views(
    dialect: Dialect,
    *,
    source: str = "instances",
    columns: Collection[str] | None = None,
    dictionary: Dictionary | None = None,
) -> tuple[View, ...]:
    """Return the views over a table of instances.

    Args:
        dialect: Dialect of the engine.
        source: Name of the table in the engine.
        columns: Names of the table's columns in order, if they may differ from the declared ones. Columns that the
            table lacks are left out (older lakes), further ones (promoted columns) are in ``unique_instances``. A view
            is left out if the table lacks its keys; another one if it lacks a column that the view reads.
        dictionary: Body parts and rules of ``series_normalised``; those of this package without one.
    """
    declared = {field.name: field for field in instances_table().fields}
    present = tuple(declared if columns is None else columns)
    fields = {name: declared.get(name, Field(name, "", "A column that was added to this lake.")) for name in present}
    views = []
    has_identity = {"study_date", "sop_instance_uid", *_IDENTITY} <= fields.keys()
    if has_identity:
        views.append(_unique_instances(dialect, source, tuple(fields.values())))
    for name in ("series", "studies"):
        if set(_KEYS[name]) <= fields.keys():
            views.append(_grouped(name, dialect, source, fields))
    if has_identity and set(geometry.NEEDED) <= fields.keys():
        views.append(geometry.series_geometry(dialect, source, _with_duplicates(source), _IS_UNIQUE))
    if has_identity and set(slides.NEEDED) <= fields.keys():
        views.append(slides.slides(dialect, declared, _with_duplicates(source), _IS_UNIQUE))
    for column in struct_columns():
        needed = {column.name, *item_views.KEYS, *(item_views.KEYS_OF_TARGETS if column.name == "links" else ())}
        if has_identity and needed <= fields.keys():
            views.append(item_views.item_view(column, dialect, source, _with_duplicates(source), _IS_UNIQUE))
        if column.name == "content_items" and has_identity and needed <= fields.keys():
            views += measurements.report_views(column, dialect, source, _with_duplicates(source), _IS_UNIQUE)
    if has_identity and set(dose.NEEDED) <= fields.keys():
        views += dose.dose_views(dialect, fields, _with_duplicates(source), _IS_UNIQUE)
    lines = dictionary or read_dictionary()
    if set(normalised.needed_columns(lines)) <= fields.keys():
        views.append(normalised.series_normalised(dialect, fields, source, lines))
    return tuple(views)


_IDENTITY = ("source_uri", "source_member", "source_last_modified", "ingest_time")
_IS_UNIQUE = "older.source_uri IS NULL"


def _unique_instances(dialect: Dialect, source: str, fields: tuple[Field, ...]) -> View:
    names = ", ".join(f"i.{dialect.name(field.name)}" for field in fields)
    sql = f"SELECT {names} FROM {_with_duplicates(source)} WHERE {_IS_UNIQUE}"
    return View("unique_instances", _COMMENTS["unique_instances"], fields, sql)


def _with_duplicates(source: str) -> str:
    """Return the table ``i`` beside its older duplicates.

    Only keys are ranked, so ``header`` is never sorted, and filters reach the table. A filter on the study date reaches
    the ranked keys too, because it is one of them (ADR 32).
    """
    older = (
        f"SELECT study_date, source_uri, coalesce(source_member, '') AS source_member FROM ("
        f"SELECT study_date, source_uri, source_member, rank() OVER (PARTITION BY sop_instance_uid, study_date "
        f"ORDER BY source_last_modified DESC NULLS LAST, ingest_time DESC NULLS LAST, source_uri, "
        f"coalesce(source_member, '')) AS place FROM {source} WHERE sop_instance_uid IS NOT NULL) ranked "
        f"WHERE place > 1"
    )
    return (
        f"{source} i LEFT JOIN ({older}) older ON i.study_date = older.study_date AND i.source_uri = older.source_uri "
        f"AND coalesce(i.source_member, '') = older.source_member"
    )


def _grouped(name: str, dialect: Dialect, source: str, fields: dict[str, Field]) -> View:
    keys = [(fields[key], dialect.name(key)) for key in _KEYS[name]]
    counts = _counts(name, dialect, fields)
    constants = [_constant(dialect, fields[column]) for column in _constants(name) if column in fields]
    ranges = (_range(dialect, fields[column]) for column in _RANGES[name] if column in fields)
    columns = [*keys, *counts, *constants, *(column for pair in ranges for column in pair)]
    group = ", ".join(expression for _, expression in keys)
    rows = f"{source} WHERE {keys[-1][1]} IS NOT NULL GROUP BY {group}"
    return select_view(dialect, name, _COMMENTS[name], columns, rows)


def _constants(name: str) -> Iterator[str]:
    levels = _LEVELS[name]
    yield "study_date"
    for attribute in declared_attributes():
        if attribute.level in levels and attribute.column not in (*_KEYS[name], "study_date"):
            yield attribute.column
    yield from (column for column, level in _DERIVED.items() if level in levels)
    yield from _CONSTANT[name]


def _constant(dialect: Dialect, field: Field) -> ViewColumn:
    """Return the value that is equal in all instances that have one; null if two differ."""
    column = dialect.name(field.name)
    if field.name == "study_date":
        column = f"CASE WHEN NOT study_date_is_default THEN {column} END"
        field = Field(field.name, field.type, "(0008,0020) StudyDate, DA. Null where absent or no date.")
    if field.type.startswith("array"):
        text = dialect.text.format(column)
        # Trino can't order arrays with nulls, so their texts are compared.
        return field, f"CASE WHEN min({text}) = max({text}) THEN max_by({column}, {text}) END"
    return field, f"CASE WHEN min({column}) = max({column}) THEN min({column}) END"


def _range(dialect: Dialect, field: Field) -> tuple[ViewColumn, ViewColumn]:
    column = dialect.name(field.name)
    least = Field(f"{field.name}_min", field.type, f"Least {field.name} of its instances.")
    greatest = Field(f"{field.name}_max", field.type, f"Greatest {field.name} of its instances.")
    return (least, f"min({column})"), (greatest, f"max({column})")


def _counts(name: str, dialect: Dialect, fields: dict[str, Field]) -> Iterable[ViewColumn]:
    """Return the counts of series, instances and patients; more than one patient means that a UID is used twice."""
    counted = {
        "series": ("series_instance_uid", "Series of the study; files without a series UID aren't counted."),
        "unique_instances": ("sop_instance_uid", "Different SOPInstanceUIDs; less than instances where one is twice."),
        "patients": ("patient_id", "Different PatientIDs; more than 1 where patients share a UID."),
    }
    yield Field("instances", "bigint", "Files: rows of instances."), "count(*)"
    for count, (column, comment) in counted.items():
        if column in fields and column not in _KEYS[name]:
            yield Field(count, "bigint", comment), f"count(DISTINCT {dialect.name(column)})"
    if "source_member_size" in fields:
        size = Field("source_member_size_sum", "bigint", "Bytes of its files together, where they are known.")
        yield size, "CAST(sum(source_member_size) AS bigint)"
    if name == "studies":
        for column, plural in (("modality", "modalities_in_study"), ("sop_class_uid", "sop_classes_in_study")):
            if column in fields:
                field = Field(plural, "array<string>", f"Different values of {column}, sorted.")
                every = f"array_agg(DISTINCT {column}) FILTER (WHERE {column} IS NOT NULL)"
                yield field, f"CASE WHEN count({column}) > 0 THEN array_sort({every}) END"
