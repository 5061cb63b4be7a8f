"""Events of objects in S3, from the messages of a queue, and the event of one object that decides.

Two forms, mixed as they come, as themselves or inside a notification of SNS::

    S3 event notification   {"Records": [{"eventName": "ObjectCreated:Put", "s3": {...}}, ...]}    keys URL-encoded
    EventBridge event       {"source": "aws.s3", "detail-type": "Object Created", "detail": {...}}  keys as they are

Events come at least once and in any order (Amazon S3 User Guide, "Event message structure"). This module sends no
request to S3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from urllib.parse import unquote_plus

from dicom_udf.sources.objects import ObjectRef

__all__ = ["ObjectEvent", "newest_event", "parse_message"]

EventKind = Literal["created", "removed", "restored"]

_NOTIFICATIONS: dict[str, EventKind] = {
    "ObjectCreated:": "created",
    "ObjectRemoved:": "removed",
    "LifecycleExpiration:": "removed",
    "ObjectRestore:Completed": "restored",
}
"""Beginnings of event names. Tags, ACLs, transitions and the like change no object."""

_BRIDGED: dict[str, EventKind] = {
    "Object Created": "created",
    "Object Deleted": "removed",
    "Object Restore Completed": "restored",
}

_BUCKET = re.compile(r"(?!.*\.\.)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Keys that a URL can name. A request for another one would fail the run."""

_LONGEST_KEY = 1024  # bytes; S3 answers a longer one with 400, whatever the object is
_ETAG = re.compile(r'"?[!#-~]{1,256}"?')
_HEX = re.compile(r"[0-9A-Fa-f]{1,128}")
_INT64 = 1 << 63
_NESTING = 2
"""A notification of SNS in one of SNS is the deepest that is unwrapped."""


@dataclass(frozen=True, slots=True)
class ObjectEvent:
    """Something that happened to an object. Equal ones are duplicates.

    Attributes:
        bucket: Its name.
        key: As it is in S3, decoded.
        kind: ``created``, ``removed`` (a delete marker and an expiry too) or ``restored`` (from an archive tier).
        size: Bytes; None where the event lacks it.
        etag: Without quotes; None where the event lacks it.
        sequencer: Hexadecimal; orders the events of one key. None where the event has none, as restores.
        time: UTC, naive; None where the event lacks it.
    """

    bucket: str
    key: str
    kind: EventKind
    size: int | None = None
    etag: str | None = None
    sequencer: str | None = None
    time: datetime | None = None

    @property
    def uri(self) -> str:
        """The object's, as rows name it."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def ref(self) -> ObjectRef | None:
        """The object as the event describes it; None where the event lacks a part of it, or has no object."""
        if self.kind != "created" or self.size is None or not self.etag:
            return None
        return ObjectRef(self.uri, self.size, self.etag, self.time)


def parse_message(body: str | bytes) -> tuple[ObjectEvent, ...] | None:
    """Read the events of a message; an empty list for a message without any, e.g. ``s3:TestEvent``.

    Args:
        body: Of a message of SQS.

    Returns:
        The events in the order of the message; None for a message that is not an S3 event, or can't be read. One bad
            record makes the whole message unreadable, because a message is deleted or kept as a whole.
    """
    try:
        return tuple(_events(json.loads(body), _NESTING))
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return None


def newest_event(events: Collection[ObjectEvent]) -> ObjectEvent | None:
    """Return the last event of one key; None where their order is contradictory or unknown.

    Sequencers decide where all have one, otherwise times. The order of arrival and duplicates don't matter.
    """
    if all(event.sequencer is not None for event in events):
        ranked = {event: _rank(event.sequencer or "") for event in events}
    elif all(event.time is not None for event in events):
        ranked = {event: (event.time or datetime.min).isoformat(timespec="microseconds") for event in events}
    else:
        ranked = dict.fromkeys(events, "")
    last = max(ranked.values())
    newest = [event for event, rank in ranked.items() if rank == last]
    if len({(event.kind, event.size, event.etag) for event in newest}) > 1:
        return None
    return max(newest, key=lambda event: (event.time or datetime.min, event.sequencer or ""))


def _rank(sequencer: str) -> str:
    """Sequencers have different lengths: the shorter is padded with zeros on the right, then compared as text."""
    return sequencer.upper().rstrip("0")


def _events(message: Any, nesting: int) -> list[ObjectEvent]:
    if message.__class__ is not dict:
        raise TypeError
    if "Records" in message:
        return [event for record in _list(message["Records"]) for event in _notified(record)]
    if message.get("source") == "aws.s3":
        return _bridged(message)
    if message.get("Event") == "s3:TestEvent":
        return []
    if message.get("Type") == "Notification" and nesting:
        return _events(json.loads(message["Message"]), nesting - 1)
    raise ValueError


def _notified(record: Any) -> list[ObjectEvent]:
    """Read a record of an S3 event notification."""
    name, detail = record["eventName"].removeprefix("s3:"), record["s3"]
    kind = next((kind for begin, kind in _NOTIFICATIONS.items() if name.startswith(begin)), None)
    if kind is None:
        return []
    thing = detail["object"]
    key = unquote_plus(thing["key"], errors="strict")
    return [_event(detail["bucket"], key, kind, thing, thing.get("eTag"), record.get("eventTime"))]


def _bridged(event: Any) -> list[ObjectEvent]:
    """Read an event of EventBridge."""
    kind = _BRIDGED.get(event["detail-type"])
    if kind is None:
        return []
    detail = event["detail"]
    thing = detail["object"]
    return [_event(detail["bucket"], thing["key"], kind, thing, thing.get("etag"), event.get("time"))]


def _event(bucket: Any, key: Any, kind: EventKind, thing: Any, etag: Any, time: Any) -> ObjectEvent:
    name, size, sequencer = bucket["name"], thing.get("size"), thing.get("sequencer")
    if not _BUCKET.fullmatch(name) or not 0 < len(key.encode()) <= _LONGEST_KEY:
        raise ValueError
    return ObjectEvent(
        bucket=name,
        key=key,
        kind=kind,
        size=size if type(size) is int and 0 <= size < _INT64 else None,
        etag=etag.strip('"') if isinstance(etag, str) and _ETAG.fullmatch(etag) else None,
        sequencer=sequencer if isinstance(sequencer, str) and _HEX.fullmatch(sequencer) else None,
        time=_time(time),
    )


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or not value:
        raise TypeError
    return value


def _time(text: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
    except (ValueError, TypeError, OverflowError):
        return None
