"""Objects that the messages of a queue name: as the events describe them or, where that isn't enough, as S3 does.

An event is a hint. One that creates an object counts if it is the newest of its key and the ledger does not contradict
it; HEAD decides the rest: removals, restores, contradictions, events without size or etag, and objects that the
ledger describes otherwise, because an old event may come late. Messages of objects that HEAD can't decide, since S3
denies it or the bucket doesn't exist, stay in the queue.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from threading import Event

import pyarrow as pa

from dicom_udf.aws.s3 import is_missing_bucket
from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.markers import is_folder_marker
from dicom_udf.sources.discovery import FindConflicts, SourceBatch
from dicom_udf.sources.events import ObjectEvent, newest_event
from dicom_udf.sources.objects import ObjectRef, S3Access, object_batch
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.pool import request_pool
from dicom_udf.sources.queue import EventQueue, Message
from dicom_udf.sources.s3 import head_s3_object, split_url

__all__ = ["BATCH_MESSAGES", "QueueBatch", "QueueSource"]

BATCH_MESSAGES = 100_000
"""Messages in one part at the most: SQS lets 120,000 be in flight."""

BATCH_ROWS = 10_000

_Row = tuple[str, int | None, str | None, datetime | None]
_SCHEME = "s3://"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueSource:
    """A queue of S3 events, drained batch by batch.

    A batch that isn't full has found the queue empty, and is the last: later messages wait for the next run, since a
    steady stream would otherwise keep a run busy with ever smaller commits.

    Attributes:
        queue: The queue.
        access: How S3 is reached.
        patterns: Which keys are taken; whole keys.
        excluded: URIs that begin with this aren't taken, e.g. the lake's own; None: there are none.
        max_messages: That one run takes at the most; None: until the queue is empty.
    """

    queue: EventQueue
    access: S3Access
    patterns: Patterns
    excluded: str | None = None
    max_messages: int | None = None

    def discover(self, find_conflicts: FindConflicts) -> Generator[SourceBatch, None, None]:
        """Yield at least one batch, even if the queue is empty: the first has the ledger's objects to try again."""
        for number, limit in enumerate(self._limits()):
            before = self.queue.received
            messages: list[Message] = []
            receipts: list[str] = []
            with self.queue.keeping(receipts) as done:
                for message in self.queue.receive(limit):
                    messages.append(message)
                    receipts.append(message.receipt)
                yield QueueBatch(self, messages, find_conflicts=find_conflicts, with_retries=number == 0, done=done)
            if self.queue.received < before + limit:
                return

    def takes(self, uri: str) -> bool:
        """Return True for an object that this run may read."""
        is_own = self.excluded is not None and uri.startswith(self.excluded)
        return uri.startswith(_SCHEME) and not is_own and self.patterns.matches(split_url(uri)[1])

    def _limits(self) -> Iterator[int]:
        bound = self.max_messages
        while bound is None or self.queue.received < bound:
            yield BATCH_MESSAGES if bound is None else min(BATCH_MESSAGES, bound - self.queue.received)


class QueueBatch:
    """The objects that one batch of messages names. An object that is gone is listed without size and etag."""

    scope = None
    """Objects that no message names are not deleted."""

    def __init__(
        self,
        source: QueueSource,
        messages: list[Message],
        *,
        find_conflicts: FindConflicts,
        with_retries: bool,
        done: Event,
    ) -> None:
        self._source = source
        self._messages = messages
        self._find_conflicts = find_conflicts
        self._with_retries = with_retries
        self._done = done
        self._deletion: Future[None] | None = None
        self._undecided: set[str] = set()
        self._missing: dict[str, bool] = {}
        self._described, self._open = _by_evidence(messages, source)

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the objects as batches of ``OBJECT_SCHEMA``; events are held in memory, the ledger's conflicts are not.

        Raises:
            RunFailedError: S3 can't be reached.
        """
        self._leave_missing_buckets()
        described = _batches(_row(ref) for ref in self._described.values())
        conflicts = self._find_conflicts(described, self._with_retries)
        retried = (uri for uri in conflicts if not self._is_contested(uri) and self._source.takes(uri))
        yield from _batches(self._look_up(retried, self._retry))
        yield from _batches(_row(ref) for uri, ref in self._described.items() if uri not in self._open)
        yield from _batches(self._look_up(iter(sorted(self._open)), self._decide))
        if self._undecided:
            _log.warning(
                "%d objects that events name could not be looked up: S3 denies them, or their bucket doesn't exist; "
                "their messages stay in the queue: grant s3:GetObject and s3:ListBucket",
                len(self._undecided),
            )

    def acknowledge(self) -> None:
        """Begin to delete the messages, except those of objects that S3 could not decide."""
        self._done.set()
        receipts = [
            message.receipt
            for message in self._messages
            if not self._undecided or self._undecided.isdisjoint(event.uri for event in message.events)
        ]
        pool = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._deletion = pool.submit(self._source.queue.delete, receipts)
        pool.shutdown(wait=False)

    def wait(self) -> None:
        """Wait until the messages are deleted.

        Raises:
            RunFailedError: sqs:DeleteMessage is denied, or the queue is gone. They come again, and do no harm.
        """
        if self._deletion is not None:
            self._deletion.result()

    def _leave_missing_buckets(self) -> None:
        """Leave out objects of buckets that don't exist: reading one would fail this run, and each that follows."""
        named = {*self._described, *self._open}
        self._look_for_buckets(named)
        self._undecided = {uri for uri in named if self._missing[split_url(uri)[0]]}
        self._open -= self._undecided
        for uri in self._undecided & self._described.keys():
            del self._described[uri]

    def _look_for_buckets(self, uris: Iterable[str]) -> None:
        for bucket in {split_url(uri)[0] for uri in uris} - self._missing.keys():
            self._missing[bucket] = is_missing_bucket(bucket, self._source.access)

    def _is_contested(self, uri: str) -> bool:
        """Return True for an object that events name too: it is looked up with the others."""
        if uri in self._described:
            self._open.add(uri)
        return uri in self._open

    def _look_up(self, uris: Iterator[str], look_up: Callable[[str], _Row | None]) -> Iterator[_Row]:
        while chunk := [*islice(uris, BATCH_ROWS)]:
            self._look_for_buckets(chunk)
            yield from (row for row in request_pool().map(look_up, chunk) if row is not None)

    def _decide(self, uri: str) -> _Row | None:
        """Return an object that events name as S3 has it; without an answer, as the events describe it."""
        described = self._described.get(uri)
        try:
            return self._head(uri)
        except FileFault:
            if described is None:
                self._undecided.add(uri)
                return None
            return _row(described)  # reading it will make a row of ``failures``

    def _retry(self, uri: str) -> _Row | None:
        """Return an object that failed the last time; None where it would fail again."""
        try:
            return self._head(uri, may_be_archived=False)
        except FileFault:
            return None

    def _head(self, uri: str, *, may_be_archived: bool = True) -> _Row | None:
        if self._missing[split_url(uri)[0]]:
            raise FileFault(FailureCode.NOT_FOUND, "its bucket doesn't exist")
        try:
            ref = head_s3_object(uri, self._source.access, may_be_archived=may_be_archived)
        except FileFault as fault:
            if fault.code == FailureCode.NOT_FOUND:
                return uri, None, None, None
            raise
        return None if is_folder_marker(ref.uri, ref.size) else _row(ref)


def _by_evidence(messages: Iterable[Message], source: QueueSource) -> tuple[dict[str, ObjectRef], set[str]]:
    """Return the objects that events describe completely, and the URIs of those that S3 must decide."""
    by_uri: defaultdict[str, set[ObjectEvent]] = defaultdict(set)
    for message in messages:
        for event in message.events:
            if source.takes(event.uri):
                by_uri[event.uri].add(event)
    described: dict[str, ObjectRef] = {}
    undecided: set[str] = set()
    for uri, events in by_uri.items():
        newest = newest_event(events)
        ref = newest.ref if newest is not None else None
        if ref is None:
            undecided.add(uri)
        elif not is_folder_marker(ref.uri, ref.size):
            described[uri] = ref
    return described, undecided


def _row(ref: ObjectRef) -> _Row:
    return ref.uri, ref.size, ref.etag, ref.last_modified


def _batches(rows: Iterable[_Row]) -> Iterator[pa.RecordBatch]:
    rest = iter(rows)
    while chunk := [*islice(rest, BATCH_ROWS)]:
        yield object_batch(chunk)
