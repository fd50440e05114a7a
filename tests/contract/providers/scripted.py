"""A server on loopback that plays any part: answers, silence, broken streams. Job: the wire. Not its job: meaning.

Raw asyncio, so that it can break every rule of HTTP. What it does for one request is a `Play`; it plays the given ones
in turn, and the last for ever.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec

WITHIN_S = 10.0


class Asked(msgspec.Struct, frozen=True):
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body decoded."""
        return json.loads(self.body)

    @property
    def key(self) -> str:
        """The key it came with, "" = none."""
        return self.headers.get("x-api-key") or self.headers.get("authorization", "").removeprefix("Bearer ")


Play = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


class Server:
    """`async with Server(play, ...) as server`. `asked`: every request; `gone`: set when a client leaves a silence."""

    def __init__(self, *plays: Play) -> None:
        self.plays = list(plays)
        self.asked: list[Asked] = []
        self.connections = 0
        self.gone = asyncio.Event()
        self.at_work = 0
        self.most_at_work = 0
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """Where it is, without a slash at its end."""
        assert self._server is not None
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def wait_asked(self, count: int = 1) -> None:
        """Return when so many requests have come."""
        async with asyncio.timeout(WITHIN_S):
            while len(self.asked) < count:
                await asyncio.sleep(0.002)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                play = self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]
                await self._play(play, asked, reader, writer)
        except (ConnectionError, asyncio.CancelledError):
            self.gone.set()
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):
                await writer.wait_closed()
            self._tasks.discard(task)

    async def _play(self, play: Play, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Play until it is done or the client has left."""
        self.at_work += 1
        self.most_at_work = max(self.most_at_work, self.at_work)
        playing = asyncio.ensure_future(play(asked, writer))
        leaving = asyncio.ensure_future(reader.read(1))
        try:
            await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not playing.done():
                self.gone.set()
                raise ConnectionResetError
            await playing
        finally:
            self.at_work -= 1
            for task in (playing, leaving):
                task.cancel()
            await asyncio.gather(playing, leaving, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        return None
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Asked(head[0].split(" ")[1], headers, body)


def head(status: int, headers: Mapping[str, str], length: int | None) -> bytes:
    """The head of an answer; `length` None = it ends when the connection does."""
    lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {value}" for name, value in headers.items())]
    lines.append(f"content-length: {length}" if length is not None else "connection: close")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def says(status: int, body: bytes | str | object = b"", headers: Mapping[str, str] | None = None) -> Play:
    """A whole answer; what is neither bytes nor text is sent as JSON."""
    data = body if isinstance(body, bytes) else (body if isinstance(body, str) else json.dumps(body)).encode()

    async def play(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head(status, {"content-type": "application/json"} | dict(headers or {}), len(data)) + data)
        await writer.drain()

    return play


def streams(data: bytes, *, cut_after: int | None = None, headers: Mapping[str, str] | None = None) -> Play:
    """A stream of events that ends with its connection; `cut_after`: so many bytes of it, then the end."""

    async def play(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        kind = {"content-type": "text/event-stream"} | dict(headers or {})
        if cut_after is None:
            writer.write(head(200, kind, len(data)) + data)
        else:  # it promised more than comes
            writer.write(head(200, kind, len(data)) + data[:cut_after])
        await writer.drain()
        if cut_after is not None:
            raise ConnectionResetError

    return play


def raw(data: bytes) -> Play:
    """These bytes, then the end."""

    async def play(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        raise ConnectionResetError

    return play


def silence(first: bytes = b"") -> Play:
    """These bytes, then nothing until the client leaves."""

    async def play(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        await writer.drain()
        await asyncio.Event().wait()

    return play


def drips(first: bytes, piece: bytes, every_s: float) -> Play:
    """These bytes, then the same piece again and again, for ever."""

    async def play(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while True:
            await writer.drain()
            await asyncio.sleep(every_s)
            writer.write(piece)

    return play


def after(gate: asyncio.Event, play: Play) -> Play:
    """The same, once the gate is open."""

    async def late(asked: Asked, writer: asyncio.StreamWriter) -> None:
        await gate.wait()
        await play(asked, writer)

    return late


def chat_events(text: str = "hello", *, usage: tuple[int, int] | None = (20, 5)) -> bytes:
    """A whole streamed answer of the dialect `chat`."""
    chunks: list[object] = [
        {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}}]},
        {"id": "c1", "model": "m", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    if usage is not None:
        counts = {"prompt_tokens": usage[0], "completion_tokens": usage[1]}
        chunks.append({"id": "c1", "model": "m", "choices": [], "usage": counts})
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"
