"""Files with one to three planted faults each, made by chance from generated data sets and from shipped files."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

from tests.header import fault_kinds, sequence_faults
from tests.header.fault_kinds import Kind
from tests.header.files import shipped
from tests.header.meta_faults import planted_meta
from tests.header.planting import SYNTAXES, Place, Site, as_file, encode_nodes, insert, places, site_of
from tests.header.walking import Walked, WalkError, walk
from tests.header.whole_trees import AROUND, whole_tree

__all__ = ["planted_input"]

KINDS: tuple[Kind, ...] = (*fault_kinds.KINDS.values(), *sequence_faults.KINDS.values())
MOST_FAULTS = 3
LARGEST_FILE = 1 << 20


def planted_input(chance: random.Random) -> bytes:
    """Return a file with faults, the same for the same state of ``chance``."""
    makers: list[Callable[[random.Random], bytes]] = [_generated, _generated, _generated, _shipped, _shipped, _meta]
    return chance.choice(makers)(chance)


def _generated(chance: random.Random) -> bytes:
    syntax = chance.choice(SYNTAXES)
    nodes = whole_tree(chance.randrange(4), chance.choice(sorted(AROUND)), has_pixels=chance.random() < 0.5)
    spots = chance.sample(list(places(nodes)), chance.randint(1, MOST_FAULTS))
    planted = nodes
    for place in sorted(spots, key=_order, reverse=True):  # from the end, so that places in front stay where they are
        planted = insert(planted, place, _fault(site_of(nodes, place, syntax), chance))
    return as_file(encode_nodes(planted, syntax), syntax)


def _order(place: Place) -> tuple[int, ...]:
    return (*(number for step in place.steps for number in step), place.index)


def _shipped(chance: random.Random) -> bytes:
    file = chance.choice(_walked())
    gaps = chance.sample(file.gaps, min(len(file.gaps), chance.randint(1, MOST_FAULTS)))
    return file.plant_all([(gap, _fault(gap.site, chance)) for gap in gaps])


def _meta(chance: random.Random) -> bytes:
    return chance.choice(_meta_files())


def _fault(site: Site, chance: random.Random) -> bytes:
    """The bytes of a random kind that fits; a few always do."""
    while True:
        planted = chance.choice(KINDS)(site)
        if planted is not None:
            return planted.broken


@cache
def _walked() -> tuple[Walked, ...]:
    found = []
    for path in shipped():
        if path.stat().st_size <= LARGEST_FILE:
            try:
                found.append(walk(path))
            except WalkError:
                continue
    return tuple(found)


@cache
def _meta_files() -> tuple[bytes, ...]:
    return tuple(planted.content for planted in planted_meta())
