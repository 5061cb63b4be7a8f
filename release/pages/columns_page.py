"""The column reference (docs/reference/columns.md), made from the declaration of the tables.

``python -m release.pages.columns_page`` prints it; a test fails when it is stale.
"""

from __future__ import annotations

import sys

from pydicom.datadict import keyword_for_tag

from dicom_udf.columns import Attribute, Table, column_type, declared_attributes
from dicom_udf.columns.attributes import CODES_TYPE
from dicom_udf.columns.frames import OFFSET_REASONS
from dicom_udf.columns.items import CODE_TYPE, ItemColumn
from dicom_udf.columns.lifted import lifted_attributes
from dicom_udf.columns.struct_columns import struct_columns
from dicom_udf.lake import layout

__all__ = ["columns_page", "escape_type"]

_INTRO = """# Columns

Made from `dicom_udf/columns/` by `make docs`; don't edit.

* Null is the only absent value. `study_date` alone is never null: where a file has no date it is 1900-01-01, and
  `study_date_is_default` is true.
* A value that does not fit its column's type is null, and `invalid_values` names the attribute and why.
* Types follow the VR and VM of the DICOM dictionary: VM 1 is a scalar, everything else an array, empty items null.
  [VR -> type](vr_types.md) has the rules.
* Timestamps have no zone: `source_` and `ingest_` ones are UTC, attributes and `derived_` ones wall clock as written.
* A path such as `A.B` looks into the **first** item of the sequence `A`; all items are in `header`. Of several
  places, joined by "or", the first that has a value counts.
* *Action* is the basic profile's action of PS3.15 Table E.1-1 (2024b): what a de-identified view would do with the
  column: D replace, Z empty or replace, X remove, U replace the UID consistently; empty where the table doesn't
  name it.
"""


def columns_page() -> str:
    """Return the page as Markdown."""
    attributes = {attribute.column: attribute for attribute in declared_attributes()}
    parts = [_INTRO]
    for declared in layout.LAKE_TABLES:
        table = declared.columns()
        parts.append(f"\n## {table.name}\n\n{table.comment[0].upper()}{table.comment[1:]}.\n\n")
        if declared.name == layout.INSTANCES.name:
            parts += [_instances(table, attributes), _lifted(), *map(_items, struct_columns()), _offset_reasons()]
        else:
            parts.append(_plain(table))
    return "".join(parts)


def _instances(table: Table, attributes: dict[str, Attribute]) -> str:
    rows = [
        "| column | type | attribute | VR, VM | unit | level | action | meaning |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for field in table.fields:
        attribute = attributes.get(field.name)
        if attribute is None:
            rows.append(f"| `{field.name}` | {escape_type(field.type)} | | | | | | {field.comment} |")
            continue
        keyword = keyword_for_tag(attribute.path[-1])
        rows.append(
            f"| `{field.name}` | {escape_type(column_type(attribute))} | {attribute.tags} {keyword} "
            f"| {attribute.vr}, {attribute.vm} | {attribute.unit} | {attribute.level} | {attribute.action} "
            f"| {attribute.description} |"
        )
    return "\n".join(rows) + "\n"


def _lifted() -> str:
    """Return the attributes of functional groups that fill columns."""
    rows = [
        "\n### Values of functional groups\n",
        "Of an object with SharedFunctionalGroupsSequence (5200,9229) or PerFrameFunctionalGroupsSequence (5200,9230) "
        "(PS3.3 C.7.6.16) these columns have the value at top level, otherwise that of the shared group, otherwise the "
        "one on which all frames agree as it is written. Where frames differ, or some lack it, the column is null and "
        "in `frame_attributes_vary`. `acquisition_datetime` is the earliest of all frames. Integers are rounded half "
        "even.\n",
        "| column | attribute in a functional group |",
        "|---|---|",
    ]
    rows += [f"| `{line.column}` | {line.keyword.replace('.', ' > ')} |" for line in lifted_attributes()]
    return "\n".join(rows) + "\n"


def _items(column: ItemColumn) -> str:
    """Return the fields of an item column."""
    rows = [
        f"\n### Fields of `{column.name}`\n",
        f"{column.description}\n",
        "Structs are in the order of the file. An empty array: the sequence has no items.\n",
        "| field | type | attribute | VR, VM | action | meaning |",
        "|---|---|---|---|---|---|",
    ]
    for field in column.fields:
        kind = escape_type(field.type.replace(CODE_TYPE, "code"))
        rows.append(
            f"| `{field.name}` | {kind} | {field.place} "
            f"| {f'{field.vr}, {field.vm}' if field.path else ''} | {field.action} | {field.description} |"
        )
    return "\n".join(rows) + "\n"


def _offset_reasons() -> str:
    """Return the reasons why frames have no place."""
    rows = [
        "\n### Values of `frame_offsets_reason`\n",
        "Where the bytes of a frame are not certain, `offset` and `length` of all frames are null, and this column has "
        "one of these.\n",
        "| value | meaning |",
        "|---|---|",
    ]
    rows += [f"| `{reason}` | {meaning} |" for reason, meaning in OFFSET_REASONS.items()]
    return "\n".join(rows) + "\n"


def _plain(table: Table) -> str:
    rows = ["| column | type | meaning |", "|---|---|---|"]
    rows += [f"| `{field.name}` | {escape_type(field.type)} | {field.comment} |" for field in table.fields]
    return "\n".join(rows) + "\n"


def escape_type(sql: str) -> str:
    """Return a Spark SQL type as Markdown."""
    if sql.startswith("array<struct"):
        return "array of codes" if sql == CODES_TYPE else "array of structs"
    return sql.replace("<", "&lt;").replace(">", "&gt;")


if __name__ == "__main__":
    sys.stdout.write(columns_page())
