"""HTTP/1.1 with one client. Job: requests in, answers out, bounded and with deadlines. Not its job: what they mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence

import h11
import msgspec

_READ_BYTES = 64 * 1024
_FLUSH_BYTES = 32 * 1024
_IDLE_S = 300.0
"""A client that says nothing, or takes nothing, for so long is let go."""
_LINGER_S = 5.0
_Headers = Sequence[tuple[str, str]]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request, whole. `path`: without its query."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


class TooLarge(Exception):
    """The body is longer than it may be."""


class Connection:
    """One client's connection. The handler answers by `start`, `send` and `end`, or breaks off by `cut`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body_most_bytes: int) -> None:
        self._reader = reader
        self._writer = writer
        self._body_most_bytes = body_most_bytes
        self._http = h11.Connection(h11.SERVER)
        self._out = bytearray()
        self.body_bytes = 0

    async def serve(self, handle: Callable[[Request, Connection], Awaitable[None]], on_refused: _Refusing) -> None:
        """Answer requests until either side has had enough."""
        try:
            while (request := await self._request(on_refused)) is not None:
                self.body_bytes = 0
                await handle(request, self)
                if self._http.our_state is not h11.DONE or self._http.their_state is not h11.DONE:
                    break
                self._http.start_next_cycle()
        except (ConnectionError, TimeoutError, h11.LocalProtocolError):
            pass  # the client is gone
        finally:
            self._writer.close()
            with contextlib.suppress(ConnectionError):
                await self._writer.wait_closed()

    async def start(self, status: int, headers: _Headers, length: int | None) -> None:
        """Begin an answer. `length`: bytes of the body, None = not known yet."""
        said = [*headers, ("content-length", str(length)) if length is not None else ("transfer-encoding", "chunked")]
        self._put(h11.Response(status_code=status, headers=said))

    async def send(self, data: bytes, *, at_once: bool = False) -> None:
        """Send a part of the body; what is small waits for company unless `at_once`."""
        self._put(h11.Data(data=data))
        self.body_bytes += len(data)
        if at_once or len(self._out) > _FLUSH_BYTES:
            await self.flush()

    async def end(self) -> None:
        """The answer is whole."""
        self._put(h11.EndOfMessage())
        await self.flush()

    async def cut(self) -> None:
        """Break off: what was said so far arrives, and then nothing."""
        await self.flush()
        self._writer.close()

    async def flush(self) -> None:
        """Send what waits; returns when the client has taken nearly all of it."""
        if self._out:
            self._writer.write(bytes(self._out))
            self._out.clear()
        async with asyncio.timeout(_IDLE_S):
            await self._writer.drain()

    async def gone(self) -> None:
        """Return when the client has left."""
        while await self._reader.read(_READ_BYTES):
            pass

    def _put(self, part: h11.Response | h11.InformationalResponse | h11.Data | h11.EndOfMessage) -> None:
        self._out += self._http.send(part) or b""

    async def _request(self, on_refused: _Refusing) -> Request | None:
        """The next request; None = there is none, or none that can be answered further."""
        try:
            async with asyncio.timeout(_IDLE_S):
                return await self._read_request()
        except h11.RemoteProtocolError as error:
            await self._refuse(on_refused, 400, f"The request is not HTTP/1.1: {error}")
        except TooLarge:
            await self._refuse(on_refused, 413, "Request exceeds the maximum size")
        return None

    async def _read_request(self) -> Request | None:
        begun: h11.Request | None = None
        body = bytearray()
        while True:
            event = await self._event()
            if isinstance(event, h11.Request):
                begun = event
                self._check_length(event)
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._body_most_bytes:
                    raise TooLarge
            elif isinstance(event, h11.EndOfMessage) and begun is not None:
                return _request(begun, bytes(body))
            else:
                return None

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                self._put(h11.InformationalResponse(status_code=100, headers=[]))
                await self.flush()
            self._http.receive_data(await self._reader.read(_READ_BYTES))
        return event

    def _check_length(self, begun: h11.Request) -> None:
        length = dict(begun.headers).get(b"content-length", b"0")
        if int(length) > self._body_most_bytes:
            raise TooLarge

    async def _refuse(self, on_refused: _Refusing, status: int, message: str) -> None:
        """Say why and leave. What the client still sends is thrown away first, else it would not see the answer."""
        if self._http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            return
        body = on_refused(status, message)
        headers = [("content-type", "application/json"), ("connection", "close"), ("x-ez-simulated", "1")]
        await self.start(status, headers, len(body))
        await self.send(body)
        await self.end()
        with contextlib.suppress(TimeoutError, OSError):
            self._writer.write_eof()
            async with asyncio.timeout(_LINGER_S):
                await self.gone()


_Refusing = Callable[[int, str], bytes]


def _request(begun: h11.Request, body: bytes) -> Request:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in begun.headers}
    target = begun.target.decode("latin-1")
    return Request(method=begun.method.decode("ascii"), path=target.partition("?")[0], headers=headers, body=body)
