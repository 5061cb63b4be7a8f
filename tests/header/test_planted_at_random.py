"""A random fault at a random place of a random data set gives what is owed, whatever was read before."""

import itertools
import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dicom_udf.columns import selection
from dicom_udf.header import Header, HeaderReader
from tests.header.fuzz import outcome, planted
from tests.header.owed import read, read_cold, violations
from tests.header.planting import (
    PIXEL_DATA,
    SQ,
    SYNTAXES,
    Item,
    Leaf,
    Node,
    Nodes,
    Syntax,
    as_file,
    encode_nodes,
    even,
    insert,
    places,
    site_of,
)
from tests.header.test_planted_faults import KINDS
from tests.header.whole_trees import PIXELS, whole_tree

LEAVES = (
    Leaf(0x00080020, "DA", b"20240131"),
    Leaf(0x00080050, "SH", b"A4711 "),
    Leaf(0x00080060, "CS", b"CT"),
    Leaf(0x00100010, "PN", b"Doe^Jane"),
    Leaf(0x00100020, "LO", b"4711"),
    Leaf(0x00190010, "LO", b"ACME EXAMPLE"),
    Leaf(0x00280010, "US", 512),
    Leaf(0x00400253, "SH", b"STEP"),
)
SEQUENCES = (0x00081115, 0x00089215, 0x00102294, 0x00400275)


@st.composite
def trees(draw: st.DrawFn, depth: int = 3, *, is_top: bool = True) -> Nodes:
    nodes: list[Node] = list(draw(st.lists(st.sampled_from(LEAVES), unique=True, min_size=1, max_size=5)))
    if depth:
        for tag in draw(st.lists(st.sampled_from(SEQUENCES), unique=True, max_size=2)):
            items = draw(st.lists(st.builds(Item, trees(depth - 1, is_top=False), st.booleans()), max_size=3))
            nodes.append(SQ(tag, tuple(items), draw(st.booleans())))
    if is_top:
        nodes += whole_tree()[:2]
        nodes += [Leaf(PIXEL_DATA, "OW", PIXELS)] * draw(st.booleans())
    return tuple(sorted(nodes, key=lambda node: node.tag))  # type: ignore[union-attr]


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
@given(data=st.data(), nodes=trees(), syntax=st.sampled_from(SYNTAXES))
def test_a_random_fault_at_a_random_place_gives_what_is_owed(data: st.DataObject, nodes: Nodes, syntax: Syntax) -> None:
    place = data.draw(st.sampled_from(list(places(nodes))))
    site = site_of(nodes, place, syntax)
    kinds = {name: fault for name, kind in KINDS.items() if (fault := kind(site)) is not None}
    name = data.draw(st.sampled_from(sorted(kinds)))
    fault = kinds[name]
    clean, broken = (
        as_file(encode_nodes(insert(nodes, place, content), syntax), syntax) for content in (fault.clean, fault.broken)
    )
    whole = read_cold(clean)
    assert isinstance(whole, Header)
    answer = read_cold(broken)
    assert violations(answer, whole, fault, site) == []
    reader = HeaderReader(selection())
    assert [read(content, reader) for content in (clean, broken, broken, clean)] == [whole, answer, answer, whole]


def test_several_faults_and_mutations_give_a_header_or_a_named_failure() -> None:
    assert len({outcome(content) for content in itertools.islice(planted(random.Random(1)), 1000)}) >= 4


def test_every_text_has_an_even_length() -> None:
    assert all(len(even(text)) % 2 == 0 for text in ("", "a", "ab"))
    assert all(len(leaf.value) % 2 == 0 for leaf in LEAVES if isinstance(leaf.value, bytes))
