"""Tasks: objects, or ranges of a large zip's members, packed by the expected cost of reading them.

One 50 GB zip must not keep one core busy while the others wait, and 100,000 small files must not be 100,000 tasks.
"""

from __future__ import annotations

import math
import pickle
import zlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import BinaryIO, cast

import pyarrow as pa

from dicom_udf.archives import ARCHIVE_ENDINGS, ZIP, Limits, ZipRange, split_zip
from dicom_udf.config import IngestConfig
from dicom_udf.errors import FileFault
from dicom_udf.sources import ObjectRef, S3Access, open_object

__all__ = [
    "Item",
    "ReadSettings",
    "Splitting",
    "Stamp",
    "expected_cost",
    "make_tasks",
    "pack_tasks",
    "split_objects",
    "unpack_tasks",
]

TASK_COST = 2_000
"""Largest cost of one task, in headers of loose objects: a retry reads as many again."""

TASKS_PER_CORE = 4

LEAST_COST = 250
"""Cost of one task at the least, where there is that much: to start a task and its file takes as long, 0.3 s."""

_BYTES_PER_HEADER = 128 << 10
"""Bytes of an archive that are read through in the time of one header, 0.5 ms."""

_PROBES = 16


@dataclass(frozen=True, slots=True)
class Splitting:
    """When a zip becomes several items.

    Attributes:
        probe_bytes: Objects of at least this size are probed for a zip directory, by one request each; a 32nd of it is
            enough where the name ends in ``.zip``.
        members: Members of one item at most.
        packed_bytes: Bytes of the stored zip in one item, about.
    """

    probe_bytes: int = 32 << 20
    members: int = 2_000
    packed_bytes: int = 1 << 30


@dataclass(frozen=True, slots=True)
class Stamp:
    """Provenance of a batch, the same in each of its rows however often a task is retried.

    Attributes:
        run_id: ``ingest_run_id``.
        time: ``ingest_time``, UTC, naive.
    """

    run_id: str
    time: datetime


@dataclass(frozen=True, slots=True)
class ReadSettings:
    """How objects are opened, split and read; sent to the executors with each task.

    Attributes:
        stamp: Written into each row.
        access: How S3 is reached.
        limits: Bounds for archives.
        splitting: When a zip becomes several tasks.
        frame_offsets: True to read offset tables that lie behind the header's bytes.
    """

    stamp: Stamp
    access: S3Access = field(default_factory=S3Access)
    limits: Limits = field(default_factory=Limits)
    splitting: Splitting = Splitting()
    frame_offsets: bool = False

    @classmethod
    def of(cls, config: IngestConfig, stamp: Stamp) -> ReadSettings:
        """Return the settings of a run."""
        limits = Limits(
            depth=config.max_archive_depth,
            members=config.max_archive_members,
            inflated_bytes=config.max_inflated_bytes,
            ratio=config.max_inflation_ratio,
            nested_bytes=config.max_nested_bytes,
            names=config.archive_names,
        )
        splitting = Splitting(
            probe_bytes=config.split_probe_bytes, members=config.split_members, packed_bytes=config.split_bytes
        )
        return cls(stamp, config.access, limits, splitting, config.frame_offsets)


@dataclass(frozen=True, slots=True)
class Item:
    """An object, or a range of a zip's members, that one task reads from its beginning to its end.

    Attributes:
        ref: The object.
        zip_range: Which members; None for the whole object.
        number: Number of the range in its zip, from 0.
        requests: Requests already spent to find the ranges; in the first range only.
        bytes_read: Bytes already read for that; in the first range only.
    """

    ref: ObjectRef
    zip_range: ZipRange | None = None
    number: int = 0
    requests: int = 0
    bytes_read: int = 0

    @property
    def first_range(self) -> tuple[int, int] | None:
        """The bytes that are read first: of a range of members its directory entries; None for the beginning."""
        return None if self.zip_range is None else (self.zip_range.start, self.zip_range.end)


def split_objects(refs: Sequence[ObjectRef], settings: ReadSettings) -> Iterator[Item]:
    """Yield an item per object in their order; several for a large zip: its directory is read for that.

    A zip of more files than the limits allow is one item: tasks that share it could not count together.
    """
    large = [ref for ref in refs if _is_large(ref, settings.splitting)]
    with ThreadPoolExecutor(_PROBES, thread_name_prefix="probe") as pool:
        split = {ref.uri: items for ref, items in zip(large, pool.map(partial(_split, settings), large), strict=True)}
    for ref in refs:
        yield from split.get(ref.uri) or [Item(ref)]


def make_tasks(items: Sequence[Item], *, cores: int) -> list[list[Item]]:
    """Pack items into tasks of similar cost, dearest first; items that are neighbours by name stay together.

    Args:
        items: In the order of their names, so that one task reads a series (design.md, "Reading a header").
        cores: Tasks that run at once.

    Returns:
        Tasks in the order in which they should start: a large archive that can't be split comes first.
    """
    costs = [expected_cost(item) for item in items]
    share = min(TASK_COST, max(LEAST_COST, math.ceil(sum(costs) / (TASKS_PER_CORE * max(1, cores)))))
    tasks: list[tuple[float, list[Item]]] = []
    current: list[Item] = []
    load = 0.0
    for item, cost in zip(items, costs, strict=True):
        if cost >= share:
            tasks.append((cost, [item]))
            continue
        if load + cost > share and current:
            tasks.append((load, current))
            current, load = [], 0.0
        current.append(item)
        load += cost
    if current:
        tasks.append((load, current))
    return [task for _, task in sorted(tasks, key=lambda task: -task[0])]


def pack_tasks(tasks: Iterable[Sequence[Item]]) -> list[bytes]:
    """Return tasks as bytes for a broadcast of Spark.

    Each partition takes its task from the broadcast by number: as rows of a data frame, tasks would pass through a
    second Python worker beside each that reads.
    """
    return [zlib.compress(pickle.dumps(task), level=1) for task in tasks]


def unpack_tasks(numbers: Iterable[pa.RecordBatch], packed: Sequence[bytes]) -> Iterator[Sequence[Item]]:
    """Yield the tasks of a partition, whose rows are their numbers."""
    for batch in numbers:
        for number in batch.column(0).to_pylist():
            yield pickle.loads(zlib.decompress(packed[number]))


def expected_cost(item: Item) -> float:
    """Return the expected cost of reading an item, in headers of loose objects.

    Only the name and the size of an object are known before it is opened. An archive without an archive's ending
    therefore costs more than expected; its task then only takes longer.
    """
    if item.zip_range is not None:
        return item.zip_range.members + item.zip_range.packed_bytes / _BYTES_PER_HEADER / 16
    if item.ref.uri.lower().endswith(ARCHIVE_ENDINGS):
        return 1 + item.ref.size / _BYTES_PER_HEADER
    return 1.0


def _is_large(ref: ObjectRef, splitting: Splitting) -> bool:
    is_named = ref.uri.lower().endswith(ZIP.endings)
    return ref.size >= (splitting.probe_bytes // 32 if is_named else splitting.probe_bytes)


def _split(settings: ReadSettings, ref: ObjectRef) -> list[Item]:
    splitting = settings.splitting
    try:
        reader = open_object(ref, settings.access)
    except FileFault:
        return [Item(ref)]  # the task that opens it writes the failure
    try:
        ranges = split_zip(
            cast(BinaryIO, reader),
            members=splitting.members,
            packed_bytes=splitting.packed_bytes,
            limits=settings.limits,
        )
    except FileFault:
        ranges = []
    finally:
        reader.close()
    spent = (reader.requests, reader.bytes_read)
    if not ranges:
        return [Item(ref, None, 0, *spent)]
    return [Item(ref, part, number, *(spent if number == 0 else (0, 0))) for number, part in enumerate(ranges)]
