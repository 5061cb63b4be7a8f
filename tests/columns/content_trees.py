"""Content trees: written by pydicom, read by the reader, and what measurements and evaluations are in them."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import duckdb
import pyarrow as pa
from pydicom.dataset import Dataset

from dicom_udf.columns import arrow_schema, fill_row, instances_table, selection
from dicom_udf.columns.views import DUCKDB, make_views
from dicom_udf.header import HeaderReader
from tests.columns.item_rows import item
from tests.header.files import encode, minimal

__all__ = [
    "Node",
    "answers_of",
    "evaluations_of",
    "in_order",
    "measurements_of",
    "node",
    "row_of_tree",
    "table_of_trees",
]

VIEWS = {view.name: view.sql for view in make_views(DUCKDB)}
SEGMENTATION = "1.2.840.10008.5.1.4.1.1.66.4"
Code = tuple[str, str]


@dataclass(frozen=True)
class Node:
    """A content item: its kind, its concept as ``(code value, scheme)``, what is below it, and its value."""

    kind: str
    concept: Code | None = None
    below: tuple[Node, ...] = ()
    value: Any = None
    relationship: str = "CONTAINS"
    template: str | None = None
    unit: Code | None = None

    def having(self, *more: Node) -> Node:
        """The same item with more below it."""
        return replace(self, below=(*self.below, *more))

    @property
    def dataset(self) -> Dataset:
        """The item of a ContentSequence."""
        made = item(ValueType=self.kind, RelationshipType=self.relationship)
        if self.concept:
            made.ConceptNameCodeSequence = [code_item(self.concept)]
        if self.template:
            made.ContentTemplateSequence = [item(MappingResource="DCMR", TemplateIdentifier=self.template)]
        if self.value is not None:
            self._write_value(made)
        if self.kind == "CODE" and self.value is None:
            made.ConceptCodeSequence = []
        if self.below:
            made.ContentSequence = [one.dataset for one in self.below]
        return made

    def _write_value(self, made: Dataset) -> None:
        if self.kind == "NUM":
            made.MeasuredValueSequence = [item(NumericValue=list(self.value))]
            if self.unit:
                made.MeasuredValueSequence[0].MeasurementUnitsCodeSequence = [code_item(self.unit)]
        elif self.kind == "CODE":
            made.ConceptCodeSequence = [code_item(self.value)]
        elif self.kind == "IMAGE":
            class_uid, uid, segments = self.value
            made.ReferencedSOPSequence = [item(ReferencedSOPClassUID=class_uid, ReferencedSOPInstanceUID=uid)]
            if segments:
                made.ReferencedSOPSequence[0].ReferencedSegmentNumber = list(segments)
        else:
            setattr(made, {"TEXT": "TextValue", "UIDREF": "UID", "PNAME": "PersonName"}[self.kind], self.value)


def node(kind: str, concept: str | None = None, *below: Node, **values: Any) -> Node:
    """A content item whose concept is written as ``121071 DCM``."""
    return Node(kind, concept and tuple(concept.split()), below, **values)


def code_item(code: Code) -> Dataset:
    """The item of a code sequence."""
    return item(CodeValue=code[0], CodingSchemeDesignator=code[1], CodeMeaning=f"Meaning of {code[0]}")


READER = HeaderReader(selection())


def row_of_tree(root: Node, number: int = 1) -> dict[str, Any]:
    """The row of the instance with this tree, as the reader makes it."""
    made = root.dataset
    values = {one.keyword: one.value for one in made if one.keyword != "RelationshipType"}
    uid = f"1.2.{number}"
    header = READER.read(io.BytesIO(encode(minimal(**values, SOPInstanceUID=uid))))
    row = fill_row(header)
    return row | {
        "study_date": date(2024, 6, 1), "study_date_is_default": False, "source_uri": "s3://b/reports",
        "source_member": f"{number}.dcm" if number > 1 else None, "source_size": 1, "source_etag": "e",
        "ingest_run_id": "r", "ingest_time": datetime(2024, 7, 1), "sop_instance_uid": uid,
    }  # fmt: skip


def table_of_trees(*roots: Node) -> pa.Table:
    """The table ``instances`` of documents with these trees."""
    rows = [row_of_tree(root, number) for number, root in enumerate(roots, start=1)]
    return pa.Table.from_pylist(rows, schema=arrow_schema(instances_table()))


def answers_of(view: str, *roots: Node) -> list[dict[str, Any]]:
    """The rows of a view over documents with these trees, in their order."""
    with duckdb.connect() as connection:
        connection.register("instances", table_of_trees(*roots))
        return in_order(connection.execute(VIEWS[view]).to_arrow_table().to_pylist())


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of documents in the order of their trees."""
    return sorted(rows, key=lambda row: (row["sop_instance_uid"], [int(step) for step in row["path"].split(".")]))


# --- The same in a few lines of Python, by a walk of the tree

KINDS = {
    ("112039", "DCM"): "tracking_identifier", ("112040", "DCM"): "tracking_uid", ("121071", "DCM"): "finding",
    ("363698007", "SCT"): "site", ("272741003", "SCT"): "laterality", ("C67447", "NCIt"): "session",
    ("121401", "DCM"): "derivation", ("370129005", "SCT"): "method", ("121232", "DCM"): "series",
    ("121008", "DCM"): "person", ("121012", "DCM"): "device", ("121005", "DCM"): "observer_type",
} | {
    (value, scheme): kind
    for value, kind in (("G-C0E3", "site"), ("G-C171", "laterality"), ("G-C036", "method"))
    for scheme in ("SRT", "SNM3", "99SDM")
}  # fmt: skip
CODED = ("finding", "site", "laterality", "derivation", "method")


@dataclass(frozen=True)
class Found:
    """An item with its place and the items around it, the root first."""

    path: str
    node: Node
    around: tuple[Found, ...] = field(default=(), repr=False)

    @property
    def group(self) -> Found | None:
        groups = [one for one in self.around if (one.node.kind, one.node.concept) == ("CONTAINER", ("125007", "DCM"))]
        return groups[-1] if groups else None


def walk(root: Node, path: str = "1", around: tuple[Found, ...] = ()) -> Iterator[Found]:
    found = Found(path, root, around)
    yield found
    for number, below in enumerate(root.below, start=1):
        yield from walk(below, f"{path}.{number}", (*around, found))


def first(parent: Node | None, *kinds: str) -> Node | None:
    """The first item below a parent that is of the first of these kinds and has a value."""
    for kind in kinds:
        for one in parent.below if parent else ():
            is_of_kind = one.kind == "CODE" if kind in CODED else one.kind in ("TEXT", "UIDREF", "PNAME")
            if KINDS.get(one.concept) == kind and is_of_kind and one.value is not None:
                return one
    return None


def said(one: Node | None) -> Any:
    return None if one is None else code_of(one.value) if one.kind == "CODE" else one.value


def code_of(code: Code | None) -> dict[str, str] | None:
    meaning = code and f"Meaning of {code[0]}"
    return code and {"code_value": code[0], "coding_scheme_designator": code[1], "code_meaning": meaning}


def _described(root: Node, found: Found, *parents: Node | None) -> dict[str, Any]:
    """What the parents say of an item, the nearest first; the last is its group."""
    group = parents[-1]
    nearest = lambda *kinds: next((one for one in (first(parent, *kinds) for parent in parents) if one), None)  # noqa: E731
    images = [[one for one in parent.below if _segments(one)] for parent in parents if parent]
    uid, segments = next((some[0].value[1:] for some in images if some), (None, ()))
    observer = nearest("person", "device") or first(root, "person", "device")
    return {
        "path": found.path, "group_path": found.group and found.group.path, "template_identifier": root.template,
        "tracking_identifier": said(first(group, "tracking_identifier")),
        "tracking_uid": said(first(group, "tracking_uid")), "finding": said(first(group, "finding")),
        "finding_site": said(nearest("site")), "laterality": said(first(nearest("site"), "laterality")),
        "activity_session": said(first(group, "session")),
        "source_series_instance_uid": said(first(group, "series")), "segmentation_sop_instance_uid": uid,
        "segment_number": segments[0] if len(segments) == 1 else None, "observer": said(observer),
    }  # fmt: skip


def _segments(one: Node) -> bool:
    return one.kind == "IMAGE" and one.value is not None and one.value[0] == SEGMENTATION and one.concept not in KINDS


def measurements_of(root: Node) -> list[dict[str, Any]]:
    """The rows of ``measurements`` without the keys of the document."""
    rows = []
    for found in walk(root):
        if found.node.kind == "NUM":
            group = found.group and found.group.node
            values = found.node.value or ()
            method = first(found.node, "method") or first(group, "method")
            rows.append(_described(root, found, found.node, group) | {
                "quantity": code_of(found.node.concept), "derivation": said(first(found.node, "derivation")),
                "method": said(method), "value": values[0] if len(values) == 1 else None,
                "numeric_values": list(values) if len(values) > 1 else None,
                "unit": code_of(found.node.unit) if values else None, "qualifier": None,
            })  # fmt: skip
    return rows


def evaluations_of(root: Node) -> list[dict[str, Any]]:
    """The rows of ``evaluations`` without the keys of the document."""
    return [
        _described(root, found, found.group.node)
        | {"question": code_of(found.node.concept), "answer": code_of(found.node.value)}
        for found in walk(root)
        if found.group
        and found.around[-1] is found.group
        and found.node.kind == "CODE"
        and found.node.concept not in KINDS
    ]
