"""What the messages of a queue amount to: objects as events tell them, and, where that isn't enough, as S3 does.

An event is a hint. One that creates an object is taken at its word if it is the newest of its key and the ledger knows
nothing else; everything else is decided by HEAD: removals, restores, contradictions, events without size or etag, and
objects that the ledger knows otherwise, because an old event may come late. What HEAD can't decide, since S3 denies it
or there is no such bucket, stays in the queue.
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

from dicom_udf.errors import FailureCode, FileFault
from dicom_udf.markers import is_folder_marker
from dicom_udf.sources.discovery import Doubts, Finding
from dicom_udf.sources.events import ObjectEvent, newest_event
from dicom_udf.sources.model import ObjectRef, S3Access, object_batch
from dicom_udf.sources.patterns import Patterns
from dicom_udf.sources.pool import request_pool
from dicom_udf.sources.queue import EventQueue, Message
from dicom_udf.sources.s3 import head_s3_object, is_missing_bucket, split_url

__all__ = ["BATCH_MESSAGES", "Drain", "Hints"]

BATCH_MESSAGES = 100_000
"""Messages in one part at the most: SQS lets 120,000 be in flight."""

BATCH_ROWS = 10_000

_Row = tuple[str, int | None, str | None, datetime | None]
_SCHEME = "s3://"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Drain:
    """What a queue tells, part by part.

    A part that isn't full has found the queue empty, and is the last: what comes meanwhile waits for the next run, else
    a steady stream would keep a run busy with ever smaller commits.

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

    def find(self, doubts: Doubts) -> Generator[Finding, None, None]:
        """Yield at least one part, which has what the ledger wants to try again, be the queue empty or not."""
        for number, limit in enumerate(self._limits()):
            before = self.queue.received
            messages: list[Message] = []
            receipts: list[str] = []
            with self.queue.keeping(receipts) as done:
                for message in self.queue.receive(limit):
                    messages.append(message)
                    receipts.append(message.receipt)
                yield Hints(self, messages, doubts=doubts, retries=number == 0, done=done)
            if self.queue.received < before + limit:
                return

    def takes(self, uri: str) -> bool:
        """Tell whether an object is one for this run."""
        is_own = self.excluded is not None and uri.startswith(self.excluded)
        return uri.startswith(_SCHEME) and not is_own and self.patterns.matches(split_url(uri)[1])

    def _limits(self) -> Iterator[int]:
        bound = self.max_messages
        while bound is None or self.queue.received < bound:
            yield BATCH_MESSAGES if bound is None else min(BATCH_MESSAGES, bound - self.queue.received)


class Hints:
    """One part of what a queue tells: a listing of the objects that its messages name.

    An object that is gone is listed without size and etag.
    """

    scope = None
    """What isn't named isn't deleted."""

    def __init__(self, drain: Drain, messages: list[Message], *, doubts: Doubts, retries: bool, done: Event) -> None:
        self._drain = drain
        self._messages = messages
        self._doubts = doubts
        self._retries = retries
        self._done = done
        self._deletion: Future[None] | None = None
        self._undecided: set[str] = set()
        self._missing: dict[str, bool] = {}
        self._told, self._asked = _sorted_out(messages, drain)

    def list(self) -> Iterator[pa.RecordBatch]:
        """Yield the objects as batches of ``OBJECT_SCHEMA``; the events are held in memory, the ledger's doubts aren't.

        Raises:
            RunFailedError: S3 can't be reached.
        """
        self._leave_what_has_no_bucket()
        doubted = self._doubts(_batches(_row(ref) for ref in self._told.values()), self._retries)
        retried = (uri for uri in doubted if not self._is_contested(uri) and self._drain.takes(uri))
        yield from _batches(self._asked_of_s3(retried, self._tried_again))
        yield from _batches(_row(ref) for uri, ref in self._told.items() if uri not in self._asked)
        yield from _batches(self._asked_of_s3(iter(sorted(self._asked)), self._decided))
        if self._undecided:
            _log.warning(
                "%d objects that events name could not be asked for at S3, which denies them or has no such bucket; "
                "their messages stay in the queue: grant s3:GetObject and s3:ListBucket",
                len(self._undecided),
            )

    def let_go(self) -> None:
        """Begin to delete the messages, but for those of objects that S3 could not decide."""
        self._done.set()
        receipts = [
            message.receipt
            for message in self._messages
            if not self._undecided or self._undecided.isdisjoint(event.uri for event in message.events)
        ]
        pool = ThreadPoolExecutor(1, thread_name_prefix="queue")
        self._deletion = pool.submit(self._drain.queue.delete, receipts)
        pool.shutdown(wait=False)

    def finish(self) -> None:
        """Wait until the messages are deleted.

        Raises:
            RunFailedError: sqs:DeleteMessage is denied, or the queue is gone. They come again, and do no harm.
        """
        if self._deletion is not None:
            self._deletion.result()

    def _leave_what_has_no_bucket(self) -> None:
        """Reading one object of a bucket that isn't there would fail the run, and each that follows."""
        named = {*self._told, *self._asked}
        self._look_for_buckets(named)
        self._undecided = {uri for uri in named if self._missing[split_url(uri)[0]]}
        self._asked -= self._undecided
        for uri in self._undecided & self._told.keys():
            del self._told[uri]

    def _look_for_buckets(self, uris: Iterable[str]) -> None:
        for bucket in {split_url(uri)[0] for uri in uris} - self._missing.keys():
            self._missing[bucket] = is_missing_bucket(bucket, self._drain.access)

    def _is_contested(self, uri: str) -> bool:
        """Tell whether events speak of the object; then S3 is asked for it as for the others."""
        if uri in self._told:
            self._asked.add(uri)
        return uri in self._asked

    def _asked_of_s3(self, uris: Iterator[str], ask: Callable[[str], _Row | None]) -> Iterator[_Row]:
        while chunk := [*islice(uris, BATCH_ROWS)]:
            self._look_for_buckets(chunk)
            yield from (row for row in request_pool().map(ask, chunk) if row is not None)

    def _decided(self, uri: str) -> _Row | None:
        """Return what S3 says of an object that events name; without its answer, what they say."""
        told = self._told.get(uri)
        try:
            return self._head(uri)
        except FileFault:
            if told is None:
                self._undecided.add(uri)
                return None
            return _row(told)  # reading it will make a row of ``failures``

    def _tried_again(self, uri: str) -> _Row | None:
        """Return an object that failed the last time; None where it would fail again."""
        try:
            return self._head(uri, may_be_archived=False)
        except FileFault:
            return None

    def _head(self, uri: str, *, may_be_archived: bool = True) -> _Row | None:
        if self._missing[split_url(uri)[0]]:
            raise FileFault(FailureCode.NOT_FOUND, "there is no such bucket")
        try:
            ref = head_s3_object(uri, self._drain.access, may_be_archived=may_be_archived)
        except FileFault as fault:
            if fault.code == FailureCode.NOT_FOUND:
                return uri, None, None, None
            raise
        return None if is_folder_marker(ref.uri, ref.size) else _row(ref)


def _sorted_out(messages: Iterable[Message], drain: Drain) -> tuple[dict[str, ObjectRef], set[str]]:
    """Return the objects that events tell of, and those that S3 has to be asked for."""
    by_uri: defaultdict[str, set[ObjectEvent]] = defaultdict(set)
    for message in messages:
        for event in message.events:
            if drain.takes(event.uri):
                by_uri[event.uri].add(event)
    told: dict[str, ObjectRef] = {}
    asked: set[str] = set()
    for uri, events in by_uri.items():
        newest = newest_event(events)
        ref = newest.ref if newest is not None else None
        if ref is None:
            asked.add(uri)
        elif not is_folder_marker(ref.uri, ref.size):
            told[uri] = ref
    return told, asked


def _row(ref: ObjectRef) -> _Row:
    return ref.uri, ref.size, ref.etag, ref.last_modified


def _batches(rows: Iterable[_Row]) -> Iterator[pa.RecordBatch]:
    rest = iter(rows)
    while chunk := [*islice(rest, BATCH_ROWS)]:
        yield object_batch(chunk)
