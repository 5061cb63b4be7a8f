"""The view ``slides``: a row for each slide of a series, with its levels, its stains and its largest image."""

from __future__ import annotations

from dicom_udf.columns.dialects import Dialect, View, ViewColumn, select_view
from dicom_udf.columns.fields import Field

__all__ = ["NEEDED", "slides"]

_COMMENT = "one row per container and series of whole slide images, described by the largest image (the base level)"
_SLIDE_IMAGE = "1.2.840.10008.5.1.4.1.1.77.1.6"  # VL Whole Slide Microscopy Image Storage

_KEYS = ("study_date", "study_instance_uid", "series_instance_uid", "container_identifier")
_OF_BASE = (
    "study_date_is_default", "patient_id", "transfer_syntax_uid", "total_pixel_matrix_columns",
    "total_pixel_matrix_rows", "imaged_volume_width", "imaged_volume_height", "pixel_spacing",
    "objective_lens_power", "optical_paths_count", "illumination_type_codes",
)  # fmt: skip
_COLUMNS = (*_KEYS, *_OF_BASE, "sop_instance_uid", "source_uri", "source_member", "image_type", "specimen_steps")

NEEDED = (*_COLUMNS, "sop_class_uid")
"""Columns of ``instances`` that the view needs."""

# Concepts of PS3.16 TID 8003, 8002 and 8004, by the codes of SNOMED CT.
_SUBSTANCES = {
    "stains": ("424361007", "Substances that it was stained with, sorted."),
    "fixatives": ("430864009", "Fixatives of its tissue, sorted."),
    "embedding_media": ("430863003", "Media that its tissue was embedded in, sorted."),
}
"""Columns of substances -> the concept of a step's content item, and a sentence."""


def slides(dialect: Dialect, own: dict[str, Field], joined: str, kept: str) -> View:
    """Return the view.

    Args:
        dialect: Dialect of the engine.
        own: The columns of ``instances`` by name.
        joined: The tables of ``unique_instances``, in which that of instances is ``i``.
        kept: The condition of ``unique_instances``.
    """
    names = {name: dialect.name(name) for name in _COLUMNS}
    third = dialect.element.format(array="i.image_type", number=3)
    pixels = "CAST(total_pixel_matrix_columns AS double) * total_pixel_matrix_rows"
    images = (
        f"SELECT {', '.join(f'i.{name}' for name in names.values())}, coalesce({third}, '') AS flavor, "
        f"CASE WHEN {third} = 'VOLUME' THEN 1 ELSE 0 END AS is_level FROM {joined} "
        f"WHERE {kept} AND i.sop_class_uid = '{_SLIDE_IMAGE}'"
    )
    keys = ", ".join(_KEYS)
    placed = (
        f"SELECT images.*, CASE WHEN is_level = 1 THEN dense_rank() OVER (PARTITION BY {keys}, is_level "
        f"ORDER BY {pixels}) END AS level, row_number() OVER (PARTITION BY {keys} "
        f"ORDER BY is_level DESC, {pixels} DESC NULLS LAST, sop_instance_uid) AS place FROM ({images}) images"
    )
    over = f"OVER (PARTITION BY {keys})"
    counted = (
        f"SELECT placed.*, count(*) {over} AS instances, CAST(coalesce(max(level) {over}, 0) AS bigint) AS levels, "
        f"max(CASE WHEN flavor = 'LABEL' THEN 1 ELSE 0 END) {over} AS labels, "
        f"max(CASE WHEN flavor = 'OVERVIEW' THEN 1 ELSE 0 END) {over} AS overviews FROM ({placed}) placed"
    )
    columns: list[ViewColumn] = [
        *((own[name], names[name]) for name in _KEYS),
        (Field("instances", "bigint", "Images of the slide, label and overview included."), "instances"),
        (Field("levels", "bigint", "Different sizes of its images of kind VOLUME; 0 without one."), "levels"),
        (Field("has_label", "boolean", "Whether it has an image of its label."), "labels = 1"),
        (Field("has_overview", "boolean", "Whether it has an image of the whole container."), "overviews = 1"),
        (Field("base_sop_instance_uid", "string", "The largest image."), names["sop_instance_uid"]),
        (Field("base_source_uri", "string", "The object that holds the largest image."), names["source_uri"]),
        (Field("base_source_member", "string", "Its path in an archive."), names["source_member"]),
        *((own[name], names[name]) for name in _OF_BASE),
        *(
            (Field(name, "array<string>", text), _substances(dialect, code))
            for name, (code, text) in _SUBSTANCES.items()
        ),
        (
            Field("source_folders", "array<string>", "Folders of the key of that object, the outermost first."),
            dialect.folders.format("base_uri"),
        ),
    ]
    base = f"SELECT counted.*, source_uri AS base_uri FROM ({counted}) counted WHERE place = 1"
    return select_view(dialect, "slides", _COMMENT, columns, f"({base}) base")


def _substances(dialect: Dialect, concept: str) -> str:
    """Return an expression for the meanings of the codes that steps state for a concept; null without any."""
    meanings = dialect.pick.format(
        array="specimen_steps",
        condition=f"x.concept.code_value = '{concept}' AND x.code.code_meaning IS NOT NULL",
        value="x.code.code_meaning",
    )
    return f"CASE WHEN {dialect.length.format(meanings)} > 0 THEN array_sort(array_distinct({meanings})) END"
