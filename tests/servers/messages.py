"""The heads of HTTP/1.1 messages, as little of them as a proxy must know (RFC 9112)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

__all__ = ["Request", "Response", "parse_request", "parse_response"]

CHUNKED = -1
UNTIL_CLOSED = -2
"""Lengths of bodies that no Content-Length gives."""

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"\r\ntransfer-encoding:[^\r\n]*chunked", re.IGNORECASE)
_CONNECTION = re.compile(rb"\r\nconnection:[^\r\n]*", re.IGNORECASE)
_EXPECT = re.compile(rb"\r\nexpect:[^\r\n]*", re.IGNORECASE)
_RANGE = re.compile(rb"\r\nrange:[ \t]*bytes=(\d*)-(\d*)", re.IGNORECASE)
_TARGET = re.compile(rb"\r\nx-amz-target:[ \t]*(\w+)\.(\w+)", re.IGNORECASE)
_ETAG = re.compile(rb"\r\netag:[^\r\n]*", re.IGNORECASE)


@dataclass(frozen=True)
class Request:
    """The head of a request.

    Attributes:
        head: As it is passed on, up to and with the empty line.
        method: Of HTTP.
        key: ``bucket/key``, decoded; ``AWSGlue/GetTable`` and the like where a header names a service's action.
        query: Behind the question mark, as sent.
        range: Bounds of a range request, the second included; None where one isn't stated.
        length: Of the body in bytes, or :data:`CHUNKED`.
        is_last: Whether the client closes the connection behind it.
        expects_continue: Whether the client waits before it sends the body.
    """

    head: bytes
    method: str
    key: str
    query: str
    range: tuple[int | None, int | None] | None
    length: int
    is_last: bool
    expects_continue: bool


@dataclass(frozen=True)
class Response:
    """The head of a response.

    Attributes:
        head: As it is passed on.
        status: Three digits.
        length: Of the body in bytes, :data:`CHUNKED` or :data:`UNTIL_CLOSED`.
        is_last: Whether the server closes the connection behind it.
    """

    head: bytes
    status: int
    length: int
    is_last: bool

    def with_length(self, length: int) -> bytes:
        """The head with another Content-Length."""
        return _LENGTH.sub(b"\r\nContent-Length: %d" % length, self.head)

    def with_etag(self, etag: str) -> bytes:
        """The head with another etag."""
        return _ETAG.sub(b'\r\nETag: "%s"' % etag.encode(), self.head)


def parse_request(head: bytes) -> Request:
    """Read the head of a request; the connection's own headers are taken out of what is passed on."""
    method, place, version = head[: head.index(b"\r\n")].split(b" ")
    path, _, query = place.partition(b"?")
    target = _TARGET.search(head)
    connection = _CONNECTION.search(head)
    expects = _EXPECT.search(head) is not None
    span = _RANGE.search(head)
    return Request(
        head=_EXPECT.sub(b"", _CONNECTION.sub(b"", head)) if connection or expects else head,
        method=method.decode(),
        key=f"{target[1].decode()}/{target[2].decode()}" if target else unquote(path.decode("ascii")).removeprefix("/"),
        query=query.decode("ascii"),
        range=None if span is None else (_number(span[1]), _number(span[2])),
        length=_length(head, otherwise=0),
        is_last=version == b"HTTP/1.0" or (connection is not None and b"close" in connection[0].lower()),
        expects_continue=expects,
    )


def parse_response(head: bytes, method: str) -> Response:
    """Read the head of the response to a request of this method."""
    version, status = head[: head.index(b"\r\n")].split(b" ")[:2]
    connection = _CONNECTION.search(head)
    has_body = method != "HEAD" and status not in (b"204", b"304") and not status.startswith(b"1")
    length = _length(head, otherwise=UNTIL_CLOSED) if has_body else 0
    if connection is not None and length != UNTIL_CLOSED:
        head = _CONNECTION.sub(b"", head)  # the client's connection stays whatever the server does with its own
    if version != b"HTTP/1.1":
        head = b"HTTP/1.1" + head[len(version) :]
    says_close = connection is not None and b"close" in connection[0].lower()
    says_keep = connection is not None and b"keep-alive" in connection[0].lower()
    is_last = length == UNTIL_CLOSED or says_close or (version == b"HTTP/1.0" and not says_keep)
    return Response(head, int(status), length, is_last)


def _length(head: bytes, *, otherwise: int) -> int:
    stated = _LENGTH.search(head)
    if stated is not None:
        return int(stated[1])
    return CHUNKED if _CHUNKED.search(head) else otherwise


def _number(digits: bytes) -> int | None:
    return int(digits) if digits else None
