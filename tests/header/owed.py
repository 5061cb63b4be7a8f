"""What is owed for a planted fault, held beside what was read."""

from __future__ import annotations

import io
import json
import re
from functools import cache
from typing import Any

from pydicom.datadict import dictionary_keyword

from dicom_udf.columns import selection
from dicom_udf.errors import FileFault
from dicom_udf.header import Header, HeaderReader, thread_reader
from tests.header.fault_kinds import Planted
from tests.header.planting import Site, as_file, encode_nodes, insert, site_of
from tests.header.whole_trees import Variant

__all__ = ["Answer", "broken_file", "clean_header", "read", "read_cold", "site", "violations"]

Answer = Header | str
"""A header, or the code of a failure."""


def read(content: bytes, reader: HeaderReader | None = None) -> Answer:
    """Read a file as the pipeline does, by this thread's reader unless another is given."""
    try:
        return (reader or thread_reader(selection())).read(io.BytesIO(content), bulk_data_base="file:///x")
    except FileFault as fault:
        return str(fault.code)


def read_cold(content: bytes) -> Answer:
    """Read with nothing remembered."""
    return read(content, HeaderReader(selection()))


@cache
def site(variant: Variant) -> Site:
    return site_of(variant.nodes, variant.place, variant.syntax)


def file_with(variant: Variant, content: bytes) -> bytes:
    return as_file(encode_nodes(insert(variant.nodes, variant.place, content), variant.syntax), variant.syntax)


def broken_file(variant: Variant, planted: Planted) -> bytes:
    return file_with(variant, planted.broken)


@cache
def clean_header(variant: Variant, clean: bytes) -> Header:
    header = read(file_with(variant, clean))
    assert isinstance(header, Header)
    assert (header.fault, header.invalid_values) == (None, {})
    return header


def violations(answer: Answer, clean: Header, planted: Planted, site: Site) -> list[str]:
    """What is owed and not given; the bytes that the fault added are ``planted.broken`` less ``planted.clean``."""
    if isinstance(answer, str):
        is_first = not site.levels and site.before < 0 and planted.outcome != "whole"
        return [] if is_first else [f"a failure: {answer}"]
    if planted.outcome == "fault" and answer.fault is None:
        return ["no fault"]
    if answer.fault is not None:
        return _of_cut(answer, clean, site) + (["a fault"] if planted.outcome == "whole" else [])
    wrong = _of_names(answer, planted) + _of_json(answer, clean, planted) + _of_values(answer, clean, planted)
    return wrong + _of_pixels(answer, clean, planted, site)


def _of_cut(answer: Header, clean: Header, site: Site) -> list[str]:
    """Before the fault all is as in the clean file."""
    limit = site.levels[0].tag - 1 if site.levels else site.before
    ours, theirs = json.loads(answer.json), json.loads(clean.json)
    wrong = [f"{tag} differs" for tag in theirs if int(tag, 16) <= limit and ours.get(tag) != theirs[tag]]
    for name, path in paths().items():
        if path[0] <= limit and answer.values.get(name) != clean.values.get(name):
            wrong.append(f"{name} differs")
    return wrong


def _of_names(answer: Header, planted: Planted) -> list[str]:
    names = set(answer.invalid_values)
    if planted.is_named and not names:
        return ["not named"]
    if not planted.names:
        return []
    wrong = [] if names & planted.names or not planted.is_named else [f"named otherwise: {sorted(names)}"]
    beside = {name for name in names - planted.names if not _is_below(name, planted.lost)}
    return wrong + ([f"named beside it: {sorted(beside)}"] if beside else [])


def _is_below(name: str, lost: str) -> bool:
    return bool(lost) and (name.startswith(lost) or name == dictionary_or_tag(lost))


def dictionary_or_tag(path: str) -> str:
    try:
        return dictionary_keyword(int(path, 16))
    except (ValueError, KeyError):
        return path


def _of_json(answer: Header, clean: Header, planted: Planted) -> list[str]:
    ours, theirs = json.loads(answer.json), json.loads(clean.json)
    if not planted.lost:
        return [] if ours == theirs else ["the JSON differs"]
    our, their = _take(ours, planted.lost), _take(theirs, planted.lost)
    wrong = [] if ours == theirs else ["the JSON outside differs"]
    if their is not None and our is None:
        return [*wrong, "not in the JSON"]
    if our is None or their is None or their["vr"] != "SQ" or planted.kept is None:
        return wrong
    items, whole = our.get("Value", []), their.get("Value", [])
    if our["vr"] == "SQ":
        wrong += [f"item {n} is not as in the clean file" for n in planted.kept if items[n : n + 1] != [whole[n]]]
        wrong += [f"item {n} is neither empty nor whole" for n, item in enumerate(items) if item and item not in whole]
    elif planted.kept:
        wrong.append("not a sequence in the JSON")
    return wrong


def _take(data_set: dict[str, Any], path: str) -> dict[str, Any] | None:
    """Take an element out of a data set by its path; None if it is absent."""
    *parents, tag = path.split(".")
    for parent in parents:
        sequence, _, number = parent[:-1].partition("[")
        items = data_set.get(sequence, {}).get("Value", [])
        if int(number) >= len(items):
            return None
        data_set = items[int(number)]
    return data_set.pop(tag, None)


@cache
def paths() -> dict[str, tuple[int, ...]]:
    return {want.name: want.path for want in selection().wanted}


@cache
def code_columns() -> frozenset[str]:
    return frozenset(want.name for want in selection().wanted if want.part == "codes")


def _of_values(answer: Header, clean: Header, planted: Planted) -> list[str]:
    tags = tuple(int(tag, 16) for tag in re.sub(r"\[\d+\]", "", planted.lost).split(".") if tag)
    wrong = []
    for name in answer.values.keys() | clean.values.keys():
        path = paths()[name]
        if not tags or path[: len(tags)] != tags:
            if answer.values.get(name) != clean.values.get(name):
                wrong.append(f"{name} differs")
        elif planted.has_no_codes and path == tags and name in code_columns() and name in answer.values:
            wrong.append(f"{name} has a value")
    return wrong


def _of_pixels(answer: Header, clean: Header, planted: Planted, site: Site) -> list[str]:
    if answer.pixel_data_length != clean.pixel_data_length:
        return ["the length of the pixel data differs"]
    if answer.pixel_data_offset is None or clean.pixel_data_offset is None:
        return [] if answer.pixel_data_offset == clean.pixel_data_offset else ["no place of the pixel data"]
    moved = len(planted.broken) - len(planted.clean)
    return [] if answer.pixel_data_offset == clean.pixel_data_offset + moved else ["the pixel data is elsewhere"]
