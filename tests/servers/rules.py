"""What the proxy does to which request: rules as data.

Rule(SLOW_DOWN, times=20)                     the first 20 requests for objects are answered 503
Rule(Reset(after=1000), key="*/3.dcm")        the first request for this key breaks off in its body
Rule(NO_SUCH_KEY, key="bucket/a", times=None) each request for this key is answered 404
Rule(GLUE_DENIED, key="AWSGlue/GetTable", method="POST")   a call of Glue is denied
Rule(SLOW_DOWN, lasting=0.5, times=None)      all requests of the half second from the first one on
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

__all__ = [
    "ACCESS_DENIED",
    "EXPIRED_TOKEN",
    "GLUE_DENIED",
    "GLUE_EXPIRED",
    "GLUE_THROTTLED",
    "NO_SUCH_KEY",
    "OBJECT_ARCHIVED",
    "PRECONDITION_FAILED",
    "SLOW_DOWN",
    "Action",
    "Answer",
    "Cut",
    "First",
    "OtherEtag",
    "Refusal",
    "Reset",
    "Rule",
    "Stall",
]


@dataclass(frozen=True)
class Answer:
    """Answer in S3's stead with an error."""

    status: int
    code: str
    content_type = "application/xml"

    @property
    def body(self) -> bytes:
        """The error as S3 writes it."""
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{self.code}</Code>'
            f"<Message>{self.code} by the proxy</Message><RequestId>proxy</RequestId></Error>"
        ).encode()


@dataclass(frozen=True)
class Refusal(Answer):
    """Answer in the stead of a service that speaks JSON."""

    message: str = "refused by the proxy"
    content_type = "application/x-amz-json-1.1"

    @property
    def body(self) -> bytes:
        """The error as Glue, SQS and their like write it."""
        return json.dumps({"__type": self.code, "message": self.message, "Message": self.message}).encode()


SLOW_DOWN = Answer(503, "SlowDown")
ACCESS_DENIED = Answer(403, "AccessDenied")
NO_SUCH_KEY = Answer(404, "NoSuchKey")
OBJECT_ARCHIVED = Answer(403, "InvalidObjectState")
PRECONDITION_FAILED = Answer(412, "PreconditionFailed")
EXPIRED_TOKEN = Answer(400, "ExpiredToken")
GLUE_DENIED = Refusal(400, "AccessDeniedException", "User: arn:aws:iam::1:user/u is not authorized to perform this")
GLUE_EXPIRED = Refusal(400, "ExpiredTokenException", "The security token included in the request is expired")
GLUE_THROTTLED = Refusal(400, "ThrottlingException", "Rate exceeded")


@dataclass(frozen=True)
class Reset:
    """Break the connection off after so many bytes of the body, None: before the head; by RST, or politely by FIN."""

    after: int | None = 0
    by_rst: bool = True


@dataclass(frozen=True)
class Stall:
    """Send nothing for some seconds after so many bytes of the body, then go on."""

    seconds: float
    after: int = 0


@dataclass(frozen=True)
class Cut:
    """Leave bytes out at the end of the body, with a Content-Length that agrees: the answer is shorter than asked."""

    missing: int


@dataclass(frozen=True)
class OtherEtag:
    """State another etag than the server's, as one would that ignores If-Match after the object was replaced."""

    etag: str = "0" * 32


@dataclass(frozen=True)
class First:
    """Call this before the request is passed on, e.g. to replace the object."""

    call: Callable[[], object]


Action = Answer | Reset | Stall | Cut | OtherEtag | First


@dataclass
class Rule:
    """An action, and the requests it befalls.

    Attributes:
        action: What happens.
        key: Pattern (``*``, ``?``) of ``bucket/key``, decoded, or of ``AmazonSQS/SendMessage`` and the like. Requests
            for a bucket itself have the key ``bucket/``.
        method: Of HTTP; None for all.
        first: The how-manieth matching request is the first to be hit, from 1.
        times: How many are hit; None for all.
        lasting: Seconds from the first hit after which no more are hit.
        hits: How many have been.
    """

    action: Action
    key: str = "*/?*"
    method: str | None = "GET"
    first: int = 1
    times: int | None = 1
    lasting: float | None = None
    hits: int = 0
    _until: float | None = None
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def befalls(self, method: str, key: str) -> bool:
        """Whether this request is hit; counts it."""
        if self.method not in (None, method) or not fnmatchcase(key, self.key) or next(self._count) < self.first:
            return False
        now = time.monotonic()
        if self._until is None and self.lasting is not None:
            self._until = now + self.lasting
        if (self.times is not None and self.hits >= self.times) or (self._until is not None and now >= self._until):
            return False
        self.hits += 1
        return True
