"""Where the elements of a real file stand, by a small walker of its own, so that faults can be planted between them."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pydicom.datadict import dictionary_has_tag, dictionary_VR

from tests.header.fault_kinds import Planted
from tests.header.planting import (
    ITEM,
    ITEM_END,
    LITTLE,
    LONG_LENGTH,
    SEQUENCE_END,
    SYNTAXES,
    UNDEFINED,
    Level,
    Site,
    Syntax,
    packed,
)

PIXELS_FROM = 0x7FE00008
KEPT_OF_PIXELS = 256
"""Bytes of pixel data that are kept: they are not read, and its length is made to fit."""


class WalkError(Exception):
    """The file is not one that the walker understands: then nothing is planted in it."""


@dataclass(frozen=True)
class Gap:
    """A place between two elements.

    Attributes:
        offset: In the data set.
        lengths: Where the lengths of defined sequences and items around it stand.
    """

    site: Site
    offset: int
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Walked:
    """A file: the bytes in front of its data set, the data set inflated, and the gaps between its elements."""

    syntax: Syntax
    front: bytes
    data_set: bytes
    gaps: tuple[Gap, ...]

    def plant(self, gap: Gap, content: bytes) -> bytes:
        """The file with bytes in a gap; lengths around it count them."""
        return self.plant_all([(gap, content)])

    def plant_all(self, faults: Sequence[tuple[Gap, bytes]]) -> bytes:
        """The file with bytes in several gaps."""
        data_set = bytearray(self.data_set)
        for gap, content in sorted(faults, key=lambda fault: fault[0].offset, reverse=True):
            for at in gap.lengths:
                length = int.from_bytes(data_set[at : at + 4], self.syntax.order)  # type: ignore[arg-type]
                data_set[at : at + 4] = self.syntax.number(length + len(content), 4)
            data_set[gap.offset : gap.offset] = content
        return self.front + packed(bytes(data_set), self.syntax)


@cache
def walk(path: Path) -> Walked:
    """Walk the file.

    Raises:
        WalkError: It is not a plain DICOM file with preamble and file meta group.
    """
    content = path.read_bytes()
    if content[128:132] != b"DICM" or content[132:136] != b"\2\0\0\0":
        raise WalkError
    start = 144 + int.from_bytes(content[140:144], "little")
    uid = _transfer_syntax(content[132:start])
    syntax = next((syntax for syntax in SYNTAXES if syntax.uid == uid), LITTLE)
    data_set = content[start:]
    if syntax.is_deflated:
        data_set = zlib.decompressobj(-15).decompress(data_set)
    walker = _Walker(syntax, data_set)
    end = walker.elements(0, len(data_set), (), ())
    kept = data_set[:end]
    if walker.pixels and walker.number(walker.pixels - 4, 4) != UNDEFINED:
        kept = data_set[: walker.pixels - 4] + syntax.number(end - walker.pixels, 4) + data_set[walker.pixels : end]
    return Walked(syntax, content[:start], kept, tuple(walker.gaps))


def _transfer_syntax(meta: bytes) -> str:
    at = meta.find(b"\2\0\x10\0UI")
    if at < 0:
        raise WalkError
    length = int.from_bytes(meta[at + 6 : at + 8], "little")
    return meta[at + 8 : at + 8 + length].rstrip(b"\0 ").decode()


def _is_sequence(tag: int) -> bool:
    return dictionary_has_tag(tag) and dictionary_VR(tag) == "SQ"


class _Walker:
    def __init__(self, syntax: Syntax, data: bytes) -> None:
        self.syntax = syntax
        self.data = data
        self.gaps: list[Gap] = []
        self.pixels = 0

    def number(self, at: int, size: int) -> int:
        if at + size > len(self.data):
            raise WalkError
        return int.from_bytes(self.data[at : at + size], self.syntax.order)  # type: ignore[arg-type]

    def head(self, at: int) -> tuple[int, str, int, int]:
        """Tag, VR, length and place of the value."""
        tag = self.number(at, 2) << 16 | self.number(at + 2, 2)
        if tag >> 16 == 0xFFFE or not self.syntax.is_explicit:
            return tag, "", self.number(at + 4, 4), at + 8
        vr = self.data[at + 4 : at + 6].decode("latin-1")
        if not (vr.isalpha() and vr.isupper()):
            raise WalkError
        if vr in LONG_LENGTH:
            return tag, vr, self.number(at + 8, 4), at + 12
        return tag, vr, self.number(at + 6, 2), at + 8

    def elements(self, at: int, end: int | None, levels: tuple[Level, ...], lengths: tuple[int, ...]) -> int:
        """Walk elements; return where they end, which in front of pixel data is a little behind its head."""
        before = -1
        offset = at
        while end is None or offset < end:
            tag, vr, length, start = self.head(offset)
            if tag == ITEM_END:
                break
            if tag <= before or tag >> 16 == 0xFFFE:
                raise WalkError
            self.gap(offset, levels, lengths, before, tag)
            if not levels and tag >= PIXELS_FROM:
                self.pixels = start
                return min(start + KEPT_OF_PIXELS, len(self.data))
            before = tag
            is_sequence = vr == "SQ" or (not vr and (length == UNDEFINED or _is_sequence(tag)))
            if is_sequence:
                own = lengths if length == UNDEFINED else (*lengths, start - 4)
                offset = self.items(tag, start, length, levels, own)
            elif length == UNDEFINED:
                raise WalkError
            else:
                offset = start + length
            if offset > len(self.data):
                raise WalkError
        if end is not None and offset != end:
            raise WalkError
        self.gap(offset, levels, lengths, before, None)
        return offset

    def gap(
        self, offset: int, levels: tuple[Level, ...], lengths: tuple[int, ...], before: int, tag: int | None
    ) -> None:
        is_last = tag is None and offset == len(self.data)
        self.gaps.append(Gap(Site(self.syntax, levels, before, tag, is_last), offset, lengths))

    def items(self, tag: int, at: int, length: int, levels: tuple[Level, ...], lengths: tuple[int, ...]) -> int:
        ends, end = [], None if length == UNDEFINED else at + length
        first = len(self.gaps)
        while end is None or at < end:
            mark, _, size, start = self.head(at)
            if mark == SEQUENCE_END and end is None:
                at = start
                break
            if mark != ITEM:
                raise WalkError
            level = Level(tag, len(ends), 0, end is not None, size != UNDEFINED)
            own = lengths if size == UNDEFINED else (*lengths, start - 4)
            at = self.elements(start, None if size == UNDEFINED else start + size, (*levels, level), own)
            at += 8 if size == UNDEFINED else 0
            ends.append(at)
        self.gaps[first:] = [_with_count(gap, len(levels), len(ends)) for gap in self.gaps[first:]]
        return at


def _with_count(gap: Gap, depth: int, count: int) -> Gap:
    """The gap, whose sequence is now known to have so many items."""
    levels = list(gap.site.levels)
    old = levels[depth]
    levels[depth] = Level(old.tag, old.number, count, old.is_defined, old.item_is_defined)
    site = gap.site
    return Gap(
        Site(site.syntax, tuple(levels), site.before, site.behind, site.is_last_of_file), gap.offset, gap.lengths
    )


def planted_files(walked: Walked, gap: Gap, planted: Planted) -> tuple[bytes, bytes]:
    """The clean file and the one with the fault."""
    return walked.plant(gap, planted.clean), walked.plant(gap, planted.broken)


__all__ = ["Gap", "WalkError", "Walked", "planted_files", "walk"]
