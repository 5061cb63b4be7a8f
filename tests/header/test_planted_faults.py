"""Each kind of fault at each place, in each transfer syntax, gives what is owed: by construction, not by example."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from functools import cache

import pytest

from dicom_udf.columns import selection
from dicom_udf.header import HeaderReader
from tests.header import fault_kinds, sequence_faults
from tests.header.fault_kinds import Kind, Planted
from tests.header.owed import Answer, broken_file, clean_header, file_with, read, read_cold, site, violations
from tests.header.planted_numbers import NUMBERS
from tests.header.planting import LITTLE, Leaf, as_file, encode_nodes, insert
from tests.header.test_pydicom_files import by_pydicom, same
from tests.header.whole_trees import Variant, variants

KINDS: dict[str, Kind] = {**fault_kinds.KINDS, **sequence_faults.KINDS}
VARIANTS = tuple(variants())
MOST_SHOWN = 5


@cache
def planted(kind: str) -> tuple[tuple[Variant, Planted], ...]:
    found = ((variant, KINDS[kind](site(variant))) for variant in VARIANTS)
    return tuple((variant, fault) for variant, fault in found if fault is not None)


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="module")
def cold(kind: str) -> list[tuple[Variant, Planted, bytes, Answer]]:
    """Every variant of a kind, read with nothing remembered."""
    files = ((variant, fault, broken_file(variant, fault)) for variant, fault in planted(kind))
    return [(variant, fault, content, read_cold(content)) for variant, fault, content in files]


def shown(variant: Variant) -> str:
    pixels = "pixels" if variant.has_pixels else "no pixels"
    return f"{variant.syntax.name}, depth {variant.depth}, {variant.around}, {variant.position}, {pixels}"


def test_the_table_of_variants_has_their_numbers() -> None:
    assert {kind: len(planted(kind)) for kind in KINDS} == NUMBERS


def test_a_planted_fault_gives_what_is_owed(cold: list[tuple[Variant, Planted, bytes, Answer]]) -> None:
    wrong = []
    for variant, fault, _, answer in cold:
        found = violations(answer, clean_header(variant, fault.clean), fault, site(variant))
        wrong += [f"{shown(variant)}: {'; '.join(found)}"] if found else []
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cold)} variants", *wrong[:MOST_SHOWN]])


def test_a_planted_fault_reads_the_same_whatever_was_read_before(
    kind: str, cold: list[tuple[Variant, Planted, bytes, Answer]]
) -> None:
    afresh = {content: answer for _, _, content, answer in cold[::3]}
    others = [moved(variant, fault.broken) for variant, fault, _, _ in cold[1::9]]
    others += [file_with(variant, fault.clean) for variant, fault, _, _ in cold[::15]]
    afresh |= {content: read_cold(content) for content in others}
    files = list(afresh)
    random.Random(kind).shuffle(files)
    reader = HeaderReader(selection())
    for content in files:
        assert read(content, reader) == afresh[content]
        assert read(content, reader) == afresh[content]


def moved(variant: Variant, content: bytes) -> bytes:
    """The file with a long private element in front, so that all that follows stands elsewhere."""
    syntax = variant.syntax
    front = (Leaf(0x00050010, "LO", b"ACME"), Leaf(0x00051001, "LT", b"longtext" * 64))
    nodes = insert(variant.nodes, variant.place, content)
    return as_file(encode_nodes((*front, *nodes), syntax), syntax)


def cleans() -> Iterator[tuple[Variant, bytes]]:
    for variant in VARIANTS:
        if variant.position == "middle":
            for kind in ("text in a sequence", "text in a private sequence", "implicit element"):
                fault = KINDS[kind](site(variant))
                yield variant, fault.clean if fault else b""


def test_clean_files_read_as_pydicom_reads_them() -> None:
    for variant, clean in dict.fromkeys(cleans()):
        content = file_with(variant, clean)
        if not variant.syntax.is_big:
            theirs = by_pydicom(content)
            theirs.pop("7FE00010", None)
            header = clean_header(variant, clean)
            assert same(json.loads(header.json), theirs) == [], shown(variant)


def test_the_bytes_that_are_planted_stand_once_in_the_file() -> None:
    for variant in VARIANTS:
        mark = b"\x77" * 10
        content = encode_nodes(insert(variant.nodes, variant.place, mark), LITTLE)
        assert content.count(mark) == 1
        assert len(content) == len(encode_nodes(variant.nodes, LITTLE)) + len(mark)
