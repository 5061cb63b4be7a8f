"""What tasks are given: objects, or ranges of a large zip's members, packed by what reading them is expected to cost.

One 50 GB zip must not keep one core busy while the others wait, nor 100,000 small files be 100,000 tasks.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, cast

from dicom_udf.archives import ARCHIVE_ENDINGS, ZIP, Limits, ZipRange, split_zip
from dicom_udf.errors import FileFault
from dicom_udf.sources import ObjectRef, S3Access, open_object

__all__ = ["Item", "Splitting", "expected_cost", "make_tasks", "split_objects"]

TASK_COST = 2_000
"""Cost of one task at the most, in headers of loose objects: what a retry reads again."""

TASKS_PER_CORE = 4

LEAST_COST = 250
"""Cost of one task at the least, where there is that much: to start a task and its file takes as long, 0.3 s."""

_BYTES_PER_HEADER = 128 << 10
"""Bytes of an archive that are read through in the time of one header, 0.5 ms."""

_PROBES = 16
_DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Splitting:
    """When a zip becomes several items.

    Attributes:
        probe_bytes: Objects of at least this size are looked at, whether they are zips: one request each. Where the
            name ends in ``.zip``, a thirty-second of it is enough.
        members: Members of one item at the most.
        packed_bytes: Bytes of the stored zip in one item, about.
    """

    probe_bytes: int = 32 << 20
    members: int = 2_000
    packed_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Item:
    """What is read in one go: an object, or a range of a zip's members.

    Attributes:
        ref: The object.
        zip_range: Which members; None for the whole object.
        number: Of the range in its zip, from 0.
        requests: Spent on it before, to find the ranges; in the first range only.
        bytes_read: The same in bytes.
    """

    ref: ObjectRef
    zip_range: ZipRange | None = None
    number: int = 0
    requests: int = 0
    bytes_read: int = 0


def split_objects(
    refs: Sequence[ObjectRef], access: S3Access, splitting: Splitting, *, limits: Limits = _DEFAULT_LIMITS
) -> Iterator[Item]:
    """Yield an item per object in their order; several for a large zip, whose directory is read for that.

    A zip of more files than ``limits`` has is one item: tasks that share it could not count together.
    """
    large = [ref for ref in refs if _is_large(ref, splitting)]
    with ThreadPoolExecutor(_PROBES, thread_name_prefix="probe") as pool:
        split = {
            ref.uri: items
            for ref, items in zip(large, pool.map(partial(_split, access, splitting, limits), large), strict=True)
        }
    for ref in refs:
        yield from split.get(ref.uri) or [Item(ref)]


def make_tasks(items: Sequence[Item], *, cores: int) -> list[list[Item]]:
    """Pack items into tasks of like cost, dearest first; items that lie beside each other by name stay together.

    Args:
        items: In the order of their names, so that one task reads a series (design.md, "Reading a header").
        cores: Tasks that run at once.

    Returns:
        Tasks in the order in which they are to start: an archive that can't be split comes before what can wait.
    """
    costs = [expected_cost(item) for item in items]
    share = min(TASK_COST, max(LEAST_COST, math.ceil(sum(costs) / (TASKS_PER_CORE * max(1, cores)))))
    tasks: list[tuple[float, list[Item]]] = []
    current: list[Item] = []
    filled = 0.0
    for item, cost in zip(items, costs, strict=True):
        if cost >= share:
            tasks.append((cost, [item]))
            continue
        if filled + cost > share and current:
            tasks.append((filled, current))
            current, filled = [], 0.0
        current.append(item)
        filled += cost
    if current:
        tasks.append((filled, current))
    return [task for _, task in sorted(tasks, key=lambda task: -task[0])]


def expected_cost(item: Item) -> float:
    """Return what reading an item is expected to cost, in headers of loose objects.

    Nothing but names and sizes is known of an object that nobody opened; an archive under another name costs more than
    is thought, and that is all.
    """
    if item.zip_range is not None:
        return item.zip_range.members + item.zip_range.packed_bytes / _BYTES_PER_HEADER / 16
    if item.ref.uri.lower().endswith(ARCHIVE_ENDINGS):
        return 1 + item.ref.size / _BYTES_PER_HEADER
    return 1.0


def _is_large(ref: ObjectRef, splitting: Splitting) -> bool:
    is_named = ref.uri.lower().endswith(ZIP.endings)
    return ref.size >= (splitting.probe_bytes // 32 if is_named else splitting.probe_bytes)


def _split(access: S3Access, splitting: Splitting, limits: Limits, ref: ObjectRef) -> list[Item]:
    try:
        reader = open_object(ref, access)
    except FileFault:
        return [Item(ref)]  # the task that opens it says so in a row
    try:
        ranges = split_zip(
            cast(BinaryIO, reader), members=splitting.members, packed_bytes=splitting.packed_bytes, limits=limits
        )
    except FileFault:
        ranges = []
    finally:
        reader.close()
    spent = (reader.requests, reader.bytes_read)
    if not ranges:
        return [Item(ref, None, 0, *spent)]
    return [Item(ref, part, number, *(spent if number == 0 else (0, 0))) for number, part in enumerate(ranges)]
