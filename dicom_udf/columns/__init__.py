"""The declared attributes, and the columns of the tables that are made from them."""

from dicom_udf.columns.attributes import column_type, declared_attributes, merge_places, selection
from dicom_udf.columns.fields import Attribute, Field, Table
from dicom_udf.columns.promoted import Promoted, check_promotable, parse_promoted
from dicom_udf.columns.row import DEFAULT_STUDY_DATE, fill_row
from dicom_udf.columns.schema import arrow_schema, quote_text, spark_ddl
from dicom_udf.columns.tables import failures_table, instances_table, objects_table

__all__ = [
    "DEFAULT_STUDY_DATE",
    "Attribute",
    "Field",
    "Promoted",
    "Table",
    "arrow_schema",
    "check_promotable",
    "column_type",
    "declared_attributes",
    "failures_table",
    "fill_row",
    "instances_table",
    "merge_places",
    "objects_table",
    "parse_promoted",
    "quote_text",
    "selection",
    "spark_ddl",
]
