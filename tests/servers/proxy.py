"""A proxy on loopback in front of an S3 server: counts, delays, and breaks what it is reported to.

    with proxy(server.endpoint, latency=0.03) as way:
        way.rules.append(Rule(SLOW_DOWN, times=20))
        server.through(way.endpoint).client()...
        way.count("GET")

Requests keep their Host header, which is signed: the server verifies the signature that the client made for the proxy's
endpoint. Each connection of a client has one of its own to the server, so nothing waits for another's delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.servers.messages import CHUNKED, UNTIL_CLOSED, Request, Response, parse_request, parse_response
from tests.servers.rules import Action, Answer, Cut, First, OtherEtag, Reset, Rule, Stall

__all__ = ["Exchange", "Proxy", "proxy"]

PIECE = 256 << 10
"""Bytes moved at a time, and the longest head."""

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_START_SECONDS = 20


@dataclass
class Exchange:
    """A request that came, and what went back.

    Attributes:
        time: When it came, by ``time.monotonic()``.
        method: Of HTTP.
        key: ``bucket/key``, decoded.
        query: As sent.
        range: Its bounds, the second included.
        status: Of the answer; 0 while there is none.
        sent: Bytes of the answer's body that went to the client.
    """

    time: float
    method: str
    key: str
    query: str
    range: tuple[int | None, int | None] | None
    status: int = 0
    sent: int = 0


@dataclass
class Proxy:
    """What runs; its settings may be changed at any time.

    Attributes:
        endpoint: Where clients go.
        latency: Seconds that each request waits.
        rules: The first that befalls a request decides.
        exchanges: All that came, in order.
    """

    endpoint: str
    latency: float = 0.0
    rules: list[Rule] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)

    def seen(self, method: str | None = None, key: str | None = None) -> list[Exchange]:
        """The exchanges of a method, or for a key, or both."""
        return [e for e in self.exchanges if method in (None, e.method) and key in (None, e.key)]

    def count(self, method: str | None = None, key: str | None = None) -> int:
        """How many requests came."""
        return len(self.seen(method, key))

    def sent(self, method: str | None = None, key: str | None = None) -> int:
        """Bytes of bodies that went to clients."""
        return sum(e.sent for e in self.seen(method, key))


@contextlib.contextmanager
def proxy(server: str, *, latency: float = 0.0) -> Iterator[Proxy]:
    """Run a proxy in front of a server, in a thread of its own."""
    runner = _Runner(server, latency)
    runner.start()
    try:
        yield runner.wait()
    finally:
        runner.stop()


class _Runner(threading.Thread):
    """The thread and its event loop."""

    def __init__(self, server: str, latency: float) -> None:
        super().__init__(name="s3-proxy", daemon=True)
        self._host, self._port = urlsplit(server).hostname, urlsplit(server).port
        self._latency = latency
        self._proxy: Proxy | None = None
        self._ready, self._loop, self._end = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    def wait(self) -> Proxy:
        if not self._ready.wait(_START_SECONDS) or self._proxy is None:
            raise RuntimeError("the proxy doesn't start")
        return self._proxy

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self.join()

    def run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._ready.set()
            self._loop.close()

    async def _serve(self) -> None:
        clients: set[asyncio.Task[None]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            clients.add(task)
            try:
                await _Client(self._proxy, reader, writer, self._host, self._port).serve()
            finally:
                clients.discard(task)

        server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=PIECE, backlog=1024)
        port = server.sockets[0].getsockname()[1]
        self._proxy = Proxy(f"http://127.0.0.1:{port}", self._latency)
        self._ready.set()
        await self._end.wait()
        server.close()
        for task in list(clients):
            task.cancel()
        await asyncio.gather(*clients, return_exceptions=True)
        await self._loop.shutdown_default_executor()


class _Client:
    """One connection of a client, and the one to the server that serves it."""

    def __init__(
        self, way: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, host: str, port: int
    ) -> None:
        self._way, self._reader, self._writer = way, reader, writer
        self._address = (host, port)
        self._server: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def serve(self) -> None:
        """Answer requests until one side has had enough."""
        try:
            while await self._exchange():
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # a client that goes is no fault, and one whose server goes sees the same
        except asyncio.CancelledError:
            pass  # the proxy ends
        finally:
            self._leave_server()
            self._writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await self._writer.wait_closed()

    async def _exchange(self) -> bool:
        """Serve one request; return whether another may follow."""
        request = parse_request(await self._reader.readuntil(b"\r\n\r\n"))
        exchange = Exchange(time.monotonic(), request.method, request.key, request.query, request.range)
        self._way.exchanges.append(exchange)
        if self._way.latency:
            await asyncio.sleep(self._way.latency)
        rules = self._way.rules
        action = next((r.action for r in rules if r.befalls(request.method, request.key)), None) if rules else None
        if request.expects_continue:
            self._writer.write(_CONTINUE)
        if isinstance(action, First):
            await asyncio.get_running_loop().run_in_executor(None, action.call)
        if isinstance(action, Answer):
            await self._pass_body(request.length, self._reader, None, None)
            return self._answer(action, request, exchange) and not request.is_last
        response = await self._ask(request)
        exchange.status = response.status
        is_open = await self._pass_response(response, exchange, action)
        if response.is_last:
            self._leave_server()
        return is_open and not request.is_last and response.length != UNTIL_CLOSED

    async def _ask(self, request: Request) -> Response:
        """Pass a request on and return the answer's head; a connection that the server has left is made anew."""
        while True:
            is_fresh = self._server is None
            if self._server is None:
                self._server = await asyncio.open_connection(*self._address, limit=PIECE)
            reader, writer = self._server
            try:
                writer.write(request.head)
                await self._pass_body(request.length, self._reader, writer, None)
                while True:
                    response = parse_response(await reader.readuntil(b"\r\n\r\n"), request.method)
                    if response.status >= 200:
                        return response
            except (asyncio.IncompleteReadError, ConnectionError):
                self._leave_server()
                if is_fresh or request.length:  # a body can't be had twice
                    raise

    async def _pass_response(self, response: Response, exchange: Exchange, action: Action | None) -> bool:
        """Send the answer, broken as the action says; return whether the connection is still good."""
        head, length, reader = response.head, response.length, self._server[0]
        if isinstance(action, OtherEtag):
            head = response.with_etag(action.etag)
        if isinstance(action, Cut) and length > 0:
            sent = max(0, length - action.missing)
            self._writer.write(response.with_length(sent))
            await self._pass_body(sent, reader, self._writer, exchange)
            self._leave_server()
            return True
        if isinstance(action, Reset) and action.after is None:
            await self._break_off(by_rst=action.by_rst)
            return False
        self._writer.write(head)
        if isinstance(action, Reset | Stall):
            before = min(action.after, max(length, 0))
            await self._pass_body(before, reader, self._writer, exchange)
            if isinstance(action, Reset):
                await self._break_off(by_rst=action.by_rst)
                return False
            await asyncio.sleep(action.seconds)
            length -= before
        await self._pass_body(length, reader, self._writer, exchange)
        return True

    def _answer(self, action: Answer, request: Request, exchange: Exchange) -> bool:
        body = b"" if request.method == "HEAD" else action.body
        exchange.status, exchange.sent = action.status, len(body)
        self._writer.write(
            b"HTTP/1.1 %d Error\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s"
            % (action.status, action.content_type.encode(), len(action.body), body)
        )
        return True

    async def _break_off(self, *, by_rst: bool) -> None:
        """End the client's connection within a body, after what was written has left this process."""
        self._leave_server()
        await self._writer.drain()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1):
                while self._writer.transport.get_write_buffer_size():
                    await asyncio.sleep(0.001)
        if by_rst:
            connection = self._writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()

    async def _pass_body(
        self,
        length: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter | None,
        exchange: Exchange | None,
    ) -> None:
        """Move a body of this length, or to nowhere; the bytes are counted as they go."""
        if length == CHUNKED:
            await self._pass_chunks(reader, writer, exchange)
            return
        left = length
        while left:
            piece = await reader.read(PIECE if left == UNTIL_CLOSED else min(left, PIECE))
            if not piece:
                if left == UNTIL_CLOSED:
                    return
                raise asyncio.IncompleteReadError(b"", left)
            if left != UNTIL_CLOSED:
                left -= len(piece)
            if exchange is not None:
                exchange.sent += len(piece)  # before a client can have it and look
            if writer is not None:
                writer.write(piece)
                await writer.drain()

    async def _pass_chunks(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None, exchange: Exchange | None
    ) -> None:
        """Move a chunked body as it is, its trailer included (RFC 9112 §7.1)."""
        size = -1
        while size:
            line = await reader.readuntil(b"\r\n")
            size = int(line.partition(b";")[0], 16)
            if writer is not None:
                writer.write(line)
            await self._pass_body(size, reader, writer, exchange)
            end = await reader.readuntil(b"\r\n")
            if writer is not None:
                writer.write(end)
            while not size and end != b"\r\n":
                end = await reader.readuntil(b"\r\n")
                if writer is not None:
                    writer.write(end)

    def _leave_server(self) -> None:
        if self._server is not None:
            self._server[1].close()
            self._server = None
